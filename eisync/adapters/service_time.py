"""What time services say that it is, in the `Date` of their answers."""

from email.utils import parsedate_to_datetime

from eisync.adapters import clock
from eisync.core.clock_trust import Telling


class ServiceTimes:
    """The last `Date` of each host. Safe to use from any thread; hearing one costs an assignment."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[str, float]] = {}

    def hear(self, host: str, date: str | None) -> None:
        """An answer of `host` came just now. What was stored on the way (`Age`) is not to be told here."""
        if date is not None:
            self._heard[host] = (date, clock.steady())

    def tellings(self) -> list[Telling]:
        """What each said last; of those that can be read."""
        found = []
        for host, (date, steady_at) in list(self._heard.items()):
            at = _read(date)
            if at is not None:
                found.append(Telling(host, at, steady_at))
        return found


def _read(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
