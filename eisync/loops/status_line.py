"""Keep the sentence that `systemctl status` shows. It is the first sentence of the page."""

from collections.abc import Callable

LEAST_S = 5.0
COST_FACTOR = 200.0
"""The loop uses at most a two-hundredth of a core: with a million files, a look at the status takes 50 ms."""


class StatusLine:
    """Looks at the status every few seconds. `sentence` is what it found last; None before the first look.

    A loop of its own, because a look may wait for the database. The thread that reports to the watchdog must not.
    """

    name = "status line"

    def __init__(self, look: Callable[[], str], *, spent_s: Callable[[], float]) -> None:
        """`look` returns the sentence; `spent_s` the processor time that the calling thread has used so far."""
        self._look = look
        self._spent_s = spent_s
        self.sentence: str | None = None

    def tick(self, now: float) -> float:
        """Look once."""
        before_s = self._spent_s()
        self.sentence = self._look()
        return max(LEAST_S, COST_FACTOR * (self._spent_s() - before_s))

    def stop(self, now: float) -> None:
        """Nothing is under way between two ticks."""

    @property
    def is_done(self) -> bool:
        return True
