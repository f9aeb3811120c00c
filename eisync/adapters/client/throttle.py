"""Hold back the bytes of all uploads together, so that they take no more of the line than they may."""

import threading

from eisync.adapters import clock
from eisync.core.rate_limit import TokenBucket


class Throttle:
    """Safe to use from any thread. The rate (bytes a second; None: none) may change while others wait."""

    def __init__(self, rate: float | None) -> None:
        self._changed = threading.Condition()
        self._bucket = None if rate is None else TokenBucket(rate=rate, at=clock.monotonic())

    def set_rate(self, rate: float | None) -> None:
        """From now on, for pieces that wait too."""
        with self._changed:
            if rate is None:
                self._bucket = None
            elif self._bucket is None:
                self._bucket = TokenBucket(rate=rate, at=clock.monotonic())
            else:
                self._bucket = self._bucket.at_rate(rate, clock.monotonic())
            self._changed.notify_all()

    def spend(self, size: int) -> float:
        """Wait until a piece of `size` bytes may go. Returns how many seconds that took."""
        if self._bucket is None:
            return 0.0
        began_at = clock.monotonic()
        with self._changed:
            while (wait_s := self._wait_s()) > 0:
                self._changed.wait(wait_s)
            if self._bucket is not None:
                self._bucket = self._bucket.spent(size, clock.monotonic())
        return clock.monotonic() - began_at

    def _wait_s(self) -> float:
        return 0.0 if self._bucket is None else self._bucket.wait_s(clock.monotonic())
