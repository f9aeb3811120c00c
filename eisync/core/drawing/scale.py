"""Map numbers to positions in a drawing, choose the ticks of an axis, and write numbers for people."""

import math
from collections.abc import Iterator

from eisync.core.model import value

_STEPS = (1.0, 2.0, 5.0)
_SMALLEST_SPAN = 1e-300


def figure(number: float) -> str:
    """Return the number in a few characters.

    >>> figure(0.1 + 0.2), figure(1234567), figure(-0.0), figure(1e9)
    ('0.3', '1,234,567', '0', '1e+09')
    """
    if number == 0:
        return "0"
    if 1000 <= abs(number) < 1e7:
        return f"{number:,.0f}"
    return f"{number:.4g}"


def time_unit(length_s: float) -> tuple[float, str]:
    """Return the unit in which a time of this length is read best, and how many of it are a second.

    >>> time_unit(0.02), time_unit(60), time_unit(86_400)
    ((1000.0, 'ms'), (1.0, 's'), (0.0002777777777777778, 'h'))
    """
    if length_s < 0.5:
        return 1000.0, "ms"
    if length_s <= 600:
        return 1.0, "s"
    return (1 / 60, "min") if length_s <= 4 * 3600 else (1 / 3600, "h")


@value
class Scale:
    """The numbers from `low` to `high`, which are finite and differ, lie between two positions in a drawing."""

    low: float
    high: float
    begins: float
    ends: float

    @classmethod
    def of(cls, low: float, high: float, *, begins: float, ends: float) -> "Scale":
        """Return the scale for numbers from `low` to `high`. Equal ones get some room around them."""
        if high - low <= max(_SMALLEST_SPAN, 1e-9 * max(abs(low), abs(high))):
            room = 0.1 * abs(low) if abs(low) > 1e10 * _SMALLEST_SPAN else 1.0
            low, high = low - room, high + room
        return cls(low, high, begins, ends)

    def at(self, number: float) -> float:
        """Return the position of the number."""
        return self.begins + (number - self.low) / (self.high - self.low) * (self.ends - self.begins)

    def ticks(self, about: int) -> Iterator[float]:
        """Yield round numbers of the scale: about as many as asked for."""
        raw = (self.high - self.low) / about
        magnitude = 10.0 ** math.floor(math.log10(raw))
        step = next((one for one in _STEPS if one * magnitude >= raw * 0.999), 10.0) * magnitude
        number = math.ceil(self.low / step)
        while number * step <= self.high:
            yield number * step
            number += 1
