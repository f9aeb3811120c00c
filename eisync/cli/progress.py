"""A bar on stderr while there is something to wait for; nothing when nobody looks."""

from eisync.adapters import clock
from eisync.cli.output import redraw

_WIDTH = 30
_EVERY_S = 0.2


class Bar:
    """One line of a terminal, drawn over and over."""

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown = is_shown
        self._shown_at: float | None = None
        self._width = 0

    def is_due(self) -> bool:
        """Whether it is time to draw anew: counting may cost more than drawing."""
        now = clock.monotonic()
        if not self._is_shown or (self._shown_at is not None and now - self._shown_at < _EVERY_S):
            return False
        self._shown_at = now
        return True

    def show(self, done: int, total: int, what: str) -> None:
        """`done` of `total` things, called `what`; only now and then."""
        if self.is_due():
            self.draw(done, total, what)

    def draw(self, done: int, total: int, what: str) -> None:
        filled = _WIDTH * done // max(1, done, total)
        self._write(f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {done:,} of {total:,} {what}")

    def end(self) -> None:
        """Leave the line as if nothing had been there. Safe to repeat."""
        if self._width:
            self._write("")
            redraw("")
            self._width = 0

    def _write(self, text: str) -> None:
        redraw(text.ljust(self._width))
        self._width = len(text)
