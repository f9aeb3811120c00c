"""Pause a target that does not respond: hold all requests for a while, then try one request.

A service that cannot be reached, or that throttles, holds the target at once. A service that takes requests and does
not answer holds it only after several in a row: one file alone may be the cause, and the others must not wait for it.

Source: M. Nygard, "Release It!", 2007 (circuit breaker).
"""

import dataclasses

from eisync.core.model import value

SILENT_LIMIT = 5
"""After this many requests in a row without an answer, the cause is the service and not one file."""


@value(kw_only=True)
class CircuitBreaker:
    """Closed (the start): requests are sent. Open: they are held until `held_until` (Unix s), then one is sent.

    `open_since` is when the service failed first, `held_since` when it did last.
    """

    trips: int = 0  # in a row
    silent: int = 0  # in a row
    open_since: float = 0.0
    held_since: float = 0.0
    held_until: float = 0.0
    must_probe: bool = False

    @property
    def is_open(self) -> bool:
        """Whether no request succeeded lately, so that at most one may be under way."""
        return self.must_probe

    def may_send(self, now: float, *, under_way: int) -> bool:
        """Return whether one more request may be sent."""
        if not self.must_probe:
            return True
        # A clock that is set back must not prolong the pause.
        return not under_way and not self.held_since <= now < self.held_until

    def counted(self) -> "CircuitBreaker":
        """Return the state after a request without an answer. Then check `is_too_silent`."""
        return dataclasses.replace(self, silent=self.silent + 1)

    @property
    def is_too_silent(self) -> bool:
        """Whether the service is the cause of the missing answers, and not one file."""
        return self.must_probe or self.silent >= SILENT_LIMIT

    def tripped(self, now: float, *, until: float) -> "CircuitBreaker":
        """Return the state that holds all requests until then."""
        since = self.open_since if self.trips else now
        return dataclasses.replace(
            self, trips=self.trips + 1, open_since=since, held_since=now, held_until=until, must_probe=True
        )

    def wait_s(self, now: float) -> float:
        """Return for how many seconds requests are still held."""
        return self.held_until - now if self.held_since <= now < self.held_until else 0.0

    def distrusted(self) -> "CircuitBreaker":
        """Return the state whose next request is a single probe, at once: the target may not take requests."""
        return dataclasses.replace(self, must_probe=True)

    def closed(self) -> "CircuitBreaker":
        """Return the state after a request was answered."""
        return _CLOSED


_CLOSED = CircuitBreaker()
