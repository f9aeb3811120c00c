"""Pause uploads because a person asks for it, for a while or until the person ends it."""

import math
import re

from eisync.core.model import value
from eisync.core.rate_limit import QuietHours

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_NAMES = {
    "s": "s", "sec": "s", "second": "s", "seconds": "s",
    "m": "m", "min": "m", "minute": "m", "minutes": "m",
    "h": "h", "hour": "h", "hours": "h",
    "d": "d", "day": "d", "days": "d",
}  # fmt: skip
_PART = re.compile(r"\s*(\d+)\s*([a-z]+)\s*")
LONGEST_S = 365 * 86_400


@value
class Pause:
    """A pause since `since_at` (Unix s) that lasts `for_s` seconds; None: until a person ends it."""

    since_at: float
    for_s: float | None = None

    def left_s(self, now: float) -> float:
        """Return for how many seconds nothing is sent; infinity until a person ends the pause, 0 when it is over."""
        if self.for_s is None:
            return math.inf
        return max(0.0, self.for_s - max(0.0, now - self.since_at))  # the clock may have been set back


@value
class Hold:
    """Why nothing is sent now, for a person, and for how many seconds."""

    for_s: float
    reason: str


def hold_of(paused_s: float | None, quiet_hours: QuietHours, second_of_day: float) -> Hold | None:
    """Return why nothing is sent now: a pause of all uploads, with the seconds that are left, or quiet hours."""
    if paused_s is not None:
        return Hold(paused_s, why_paused(paused_s))
    quiet_s = quiet_hours.quiet_s(second_of_day)
    return Hold(quiet_s, f"these are quiet hours; uploads continue in {duration(quiet_s)}") if quiet_s else None


def read_duration(text: str) -> float:
    """Read `90s`, `15 min`, `1h30m` or `2 days`, in seconds. Raises ValueError with a sentence for a person.

    >>> read_duration("1h30m")
    5400.0
    """
    seconds, at, left = 0, 0, text.strip().lower()
    while at < len(left):
        part = _PART.match(left, at)
        unit = _NAMES.get(part[2]) if part else None
        if part is None or unit is None:
            raise ValueError(f"{text!r} is no duration; write it as 90s, 15m, 1h30m or 2d")
        seconds += int(part[1]) * _UNITS[unit]
        at = part.end()
    if not 0 < seconds <= LONGEST_S:
        raise ValueError(f"{text!r} is no pause; it lasts from 1s to 365d, or until 'eisync resume' without a duration")
    return float(seconds)


def why_paused(left_s: float) -> str:
    """Return why nothing is sent, for a person."""
    if math.isinf(left_s):
        return "a person paused the uploads; 'eisync resume' continues"
    return f"a person paused the uploads for another {duration(left_s)}; 'eisync resume' continues at once"


def duration(seconds: float) -> str:
    """Return a time span for a person, in its two largest units.

    >>> duration(5400), duration(59.2), duration(86_400)
    ('1 h 30 min', '60 s', '1 d')
    """
    left = math.ceil(seconds)
    if left <= 60:
        return f"{left} s"
    left = math.ceil(left / 60) * 60
    parts = []
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        number, left = divmod(left, unit)
        if number:
            parts.append(f"{number} {name}")
    return " ".join(parts[:2])
