"""Stop knocking at a door that does not open: after faults on the way, hold everything, then send one request.

Pure. A service that cannot be reached, or says that it is too much, holds the target at once. One that takes requests
and gives no answer holds it after several in a row: a single file may be what it chokes on, and the others must not
wait for that.

Source: M. Nygard, "Release It!", 2007 (circuit breaker).
"""

import dataclasses
from dataclasses import dataclass

SILENT_LIMIT = 5
"""So many requests in a row without an answer are no longer the fault of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreaker:
    """Closed at first: requests go. Open, it holds them until `held_until` (Unix s), and then lets one go."""

    trips: int = 0  # in a row
    silent: int = 0  # in a row
    held_since: float = 0.0
    held_until: float = 0.0
    must_probe: bool = False

    @property
    def is_open(self) -> bool:
        """Whether nothing came through lately: one request at most may be under way."""
        return self.must_probe

    def may_send(self, now: float, *, under_way: int) -> bool:
        """Whether one more request may be sent."""
        if not self.must_probe:
            return True
        # A clock that was set back does not prolong what it began.
        return not under_way and not self.held_since <= now < self.held_until

    def counted(self) -> "CircuitBreaker":
        """A request was not answered; see whether it is time to trip."""
        return dataclasses.replace(self, silent=self.silent + 1)

    @property
    def is_too_silent(self) -> bool:
        """Whether the silence is the service's, and not that of one file."""
        return self.must_probe or self.silent >= SILENT_LIMIT

    def tripped(self, now: float, *, until: float) -> "CircuitBreaker":
        """Hold everything until then."""
        return dataclasses.replace(self, trips=self.trips + 1, held_since=now, held_until=until, must_probe=True)

    def wait_s(self, now: float) -> float:
        """How long it still holds."""
        return self.held_until - now if self.held_since <= now < self.held_until else 0.0

    def distrusted(self) -> "CircuitBreaker":
        """The next request is a probe, at once: nobody knows whether the target takes any."""
        return dataclasses.replace(self, must_probe=True)

    def closed(self) -> "CircuitBreaker":
        """A request was answered."""
        return _CLOSED


_CLOSED = CircuitBreaker()
