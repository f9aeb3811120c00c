"""What time services say that it is, in the `Date` of their answers."""

import threading
from email.utils import parsedate_to_datetime
from functools import lru_cache

from eisync.adapters import clock
from eisync.core.clock_step import ClockReading, Telling

_Noted = tuple[str, str, ClockReading]


class ServiceTimes:
    """The last `Date` of each host. Safe to use from any thread; noting one reads no date, but two clocks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, _Noted] = {}
        self._lowest: _Noted | None = None
        self._highest: _Noted | None = None

    def note(self, host: str, date: str | None) -> None:
        """Note the `Date` of an answer of `host` that came just now, and that no cache stored (`Age`)."""
        if date is None:
            return
        noted = (host, date, ClockReading(clock.now(), clock.steady()))
        with self._lock:
            self._last[host] = noted
            if self._lowest is None or _offset(noted) < _offset(self._lowest):
                self._lowest = noted
            if self._highest is None or _offset(noted) > _offset(self._highest):
                self._highest = noted

    def tellings(self) -> list[Telling]:
        """What each said last, and those since the last call at which the clock was the farthest behind, and ahead.

        Of those that can be read.
        """
        with self._lock:
            noted = [*self._last.values(), self._lowest, self._highest]
            self._lowest = self._highest = None
        found = {id(one): _telling(one) for one in noted if one is not None}
        return [telling for telling in found.values() if telling is not None]


def _offset(noted: _Noted) -> float:
    return noted[2].now - noted[2].steady


def _telling(noted: _Noted) -> Telling | None:
    host, date, reading = noted
    at = _read(date)
    return None if at is None else Telling(host, at, reading)


@lru_cache(maxsize=16)  # the same few are asked for again and again
def _read(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
