"""Show on stderr how far a long command is: redrawn in place on a terminal, a line now and then elsewhere.

Where the library rich is installed (the extra `pretty`), it draws the bar.

`--json` and everything else on stdout stay as they are.
"""

import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eisync import paths
from eisync.adapters import clock
from eisync.cli.output import Bar, bar, redraw, say
from eisync.core.pause import duration
from eisync.core.progress import Amount, Pace, progress_line
from eisync.core.text import fitted

REDRAW_S = 0.2
LINE_S = 5.0
"""On a terminal that cannot redraw a line (TERM=dumb)."""
SUMMARY_S = 60.0
"""Off a terminal, as in the log of a job."""

WIDE_COLUMNS = 78
"""From this width on, the bar of rich leaves room for the whole line."""


def _say(line: str) -> None:
    say(line, err=True)


class Progress:
    """The progress of one command. Leaving it (`with`) clears the line."""

    def __init__(
        self,
        *,
        is_quiet: bool = False,
        prints: bool = False,
        at_once: bool = False,
        tell: Callable[[str], object] | None = None,
    ) -> None:
        """`prints`: the command prints a line for each thing on stdout; on the same terminal these are the progress.

        `at_once`: draw for the first time at once. `tell` gets the lines that are not redrawn.
        """
        is_terminal = sys.stderr.isatty()
        self._is_shown = not is_quiet and not (prints and is_terminal and sys.stdout.isatty())
        self._redraws = is_terminal and not paths.is_dumb_terminal()
        self._every_s = REDRAW_S if self._redraws else LINE_S if is_terminal else SUMMARY_S
        self._tell = tell or _say
        self._pace = Pace()
        # A command that ends at once shows nothing, unless it usually takes long.
        self._began_at = clock.monotonic()
        self._due_at = self._began_at + (0.0 if at_once and self._redraws else self._every_s)
        self._width = 0
        self._bar: Bar | None = None
        self._is_bar_sought = False

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def is_due(self) -> bool:
        """Return whether it is time to show it again: counting may cost more than drawing."""
        return self._is_shown and clock.monotonic() >= self._due_at

    def show(self, done: int, total: int | None, what: str, *, size: int | None = None) -> None:
        """Show `done` of `total` things (None: not known), called `what`, if it is time. `size` is in bytes."""
        if self.is_due():
            self._pace.note(done, clock.monotonic())
            amount = Amount(done, total, what, size)
            self._show(done, total, lambda columns: progress_line(amount, self._pace, columns=columns))

    def show_wait(self, what: str) -> None:
        """Show for how long the command has done `what`, if it is time."""
        if self.is_due():
            line = f"{what}, {duration(clock.monotonic() - self._began_at)} so far"
            self._show(0, None, lambda columns: line if columns is None else fitted(line, columns))

    def _show(self, done: int, total: int | None, line_of: Callable[[int | None], str]) -> None:
        self._due_at = clock.monotonic() + self._every_s
        if not self._redraws:
            self._tell(line_of(None))
            return
        columns = shutil.get_terminal_size().columns - 1  # a full line would wrap on some terminals
        if not self._is_bar_sought:  # not before it is drawn: most commands end sooner
            self._is_bar_sought = True
            self._bar = bar() if columns >= WIDE_COLUMNS else None
        if self._bar is not None:
            self._bar.draw(done, total, line_of(None))
            return
        line = line_of(columns)
        redraw(line.ljust(min(self._width, columns)))
        self._width = len(line)

    def end(self) -> None:
        """Clear the line. Safe to repeat."""
        if self._bar is not None:
            self._bar.end()
        if self._width:
            redraw(" " * self._width)
            redraw("")
            self._width = 0


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show for how long the command has done `what`, until it is done: for work that does not tell how far it is."""
    done = threading.Event()

    def show() -> None:
        while not done.wait(REDRAW_S):
            progress.show_wait(what)

    thread = threading.Thread(target=show, name="progress")
    with Progress() as progress:
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
