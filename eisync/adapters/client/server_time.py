"""What time services say that it is, in the `Date` of their answers."""

import threading
from email.utils import parsedate_to_datetime
from functools import lru_cache

from eisync.adapters import clock
from eisync.core.clock_step import Reading, Telling

_Heard = tuple[str, str, Reading]


class ServiceTimes:
    """The last `Date` of each host. Safe to use from any thread; hearing one reads no date, but two clocks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, _Heard] = {}
        self._lowest: _Heard | None = None
        self._highest: _Heard | None = None

    def hear(self, host: str, date: str | None) -> None:
        """An answer of `host` came just now. What was stored on the way (`Age`) is not to be told here."""
        if date is None:
            return
        heard = (host, date, Reading(clock.now(), clock.steady()))
        with self._lock:
            self._last[host] = heard
            if self._lowest is None or _offset(heard) < _offset(self._lowest):
                self._lowest = heard
            if self._highest is None or _offset(heard) > _offset(self._highest):
                self._highest = heard

    def tellings(self) -> list[Telling]:
        """What each said last, and those since the last call at which the clock was the farthest behind, and ahead.

        Of those that can be read.
        """
        with self._lock:
            heard = [*self._last.values(), self._lowest, self._highest]
            self._lowest = self._highest = None
        found = {id(one): _telling(one) for one in heard if one is not None}
        return [telling for telling in found.values() if telling is not None]


def _offset(heard: _Heard) -> float:
    return heard[2].now - heard[2].steady


def _telling(heard: _Heard) -> Telling | None:
    host, date, reading = heard
    at = _read(date)
    return None if at is None else Telling(host, at, reading)


@lru_cache(maxsize=16)  # the same few are asked for again and again
def _read(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
