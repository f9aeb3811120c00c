"""Say how far a long command is: how many are done, how fast, and how long it takes yet, in one line of any width."""

from collections import deque
from dataclasses import dataclass, field

from eisync.core.model import value
from eisync.core.pause import duration
from eisync.core.summary import in_bytes
from eisync.core.text import width_of

WINDOW_S = 20.0
"""The rate is that of so many seconds. A rate since the start would not notice that the service became slow."""

LEAST_S = 2.0
"""Before so many seconds, a rate says nothing."""

_WIDEST_BAR, _NARROWEST_BAR = 30, 8


@value
class Amount:
    """`done` of `total` things, called `what`. `total` is None where it is not known. `size` is in bytes so far."""

    done: int
    total: int | None
    what: str
    size: int | None = None


@dataclass(slots=True)
class Pace:
    """How fast the number grows. Instants are by a clock that never goes back."""

    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def note(self, done: int, now: float) -> None:
        """Record how many are done now."""
        while len(self._seen) > 1 and self._seen[0][0] < now - WINDOW_S:
            self._seen.popleft()
        self._seen.append((now, done))

    @property
    def a_second(self) -> float | None:
        """How many are done in a second; None while that is not known."""
        if len(self._seen) < 2 or self._seen[-1][0] - self._seen[0][0] < LEAST_S:
            return None
        (began, before), (now, done) = self._seen[0], self._seen[-1]
        return max(0.0, (done - before) / (now - began))

    def left_s(self, amount: Amount) -> float | None:
        """Return how long the rest takes at this pace; None when that is not known."""
        pace = self.a_second
        if amount.total is None or not pace or amount.done >= amount.total:
            return None
        return (amount.total - amount.done) / pace


def progress_line(amount: Amount, pace: Pace, *, columns: int | None = None) -> str:
    """Return the line, with a bar if the total is known and it fits. Without `columns`, the line has any length.

    The least important parts are left out where a terminal is narrow: the bar, the rate, the bytes, the time left.
    """
    number = f"{amount.done:,}" if amount.total is None else f"{amount.done:,} of {amount.total:,}"
    what = f"{number} {amount.what}"
    size = "" if amount.size is None else in_bytes(amount.size)
    rate, left_s = pace.a_second, pace.left_s(amount)
    speed = "" if rate is None else f"{rate:,.1f} a second" if rate < 10 else f"{rate:,.0f} a second"
    left = "" if left_s is None else f"{duration(left_s)} left"
    for parts in ((what, size, speed, left), (what, size, left), (what, left), (what,)):
        line = ", ".join(part for part in parts if part)
        if columns is None:
            return line
        room = columns - width_of(line) - 3  # the brackets and a blank
        if amount.total is not None and room >= _NARROWEST_BAR and parts[-1] == left:
            return f"{_bar(amount.done, amount.total, min(_WIDEST_BAR, room))} {line}"
        if width_of(line) <= columns:
            return line
    return number[: max(0, columns or 0)]


def _bar(done: int, total: int, width: int) -> str:
    filled = width * done // max(1, done, total)
    return f"[{'#' * filled}{'.' * (width - filled)}]"
