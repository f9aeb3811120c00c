"""Limit the upload rate with a token bucket for bytes, and pause uploads in quiet hours."""

import dataclasses
import re

from eisync.core.model import value

DAY_S = 86_400
BURST_S = 1.0

_SPAN = re.compile(r"\s*([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})\s*")


@value(kw_only=True)
class TokenBucket:
    """A token bucket for bytes: `rate` a second, up to those of one second. `at` is by a clock that never goes back."""

    rate: float
    at: float
    level: float = 0.0  # below zero: bytes that were sent in advance

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError(f"nothing moves at {self.rate:g} bytes a second")

    def wait_s(self, now: float) -> float:
        """Return the seconds until the next chunk may be sent; 0 when it may be sent now."""
        level = self._filled(now)
        return 0.0 if level >= 0 else -level / self.rate

    def spent(self, size: int, now: float) -> "TokenBucket":
        """Return the bucket after a chunk of `size` bytes. If it was more than the level, the next chunk waits."""
        return dataclasses.replace(self, level=self._filled(now) - size, at=max(now, self.at))

    def at_rate(self, rate: float, now: float) -> "TokenBucket":
        """Return the same bucket at another rate. Bytes that were sent in advance still count."""
        return dataclasses.replace(self, rate=rate, level=min(self._filled(now), rate * BURST_S), at=max(now, self.at))

    def _filled(self, now: float) -> float:
        return min(self.rate * BURST_S, self.level + max(0.0, now - self.at) * self.rate)


@value
class QuietHours:
    """Spans of the day, in seconds since midnight local time. A span that ends before it begins includes midnight."""

    spans: tuple[tuple[int, int], ...] = ()

    def quiet_s(self, second_of_day: float) -> float:
        """Return for how many seconds nothing may be sent; 0 outside of the quiet hours."""
        longest = 0.0
        for begin, end in self.spans:
            if (second_of_day - begin) % DAY_S < (end - begin) % DAY_S:
                longest = max(longest, (end - second_of_day) % DAY_S)
        return longest

    def __str__(self) -> str:
        """Return the text from which `read_quiet_hours` reads this value."""
        return ", ".join(f"{_clock(begin)}-{_clock(end)}" for begin, end in self.spans)


def read_quiet_hours(text: str) -> QuietHours:
    """Read `22:00-06:00`, several with commas, or an empty text for none. Raises ValueError with a sentence."""
    return QuietHours(tuple(_span(part) for part in text.split(",") if text.strip()))


def _span(text: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError('must be hours such as "22:00-06:00", several with commas between them')
    hours = [int(group) for group in found.groups()]
    begin, end = _second(hours[0], hours[1]), _second(hours[2], hours[3])
    if begin == end:
        raise ValueError("must not start and end at the same time")
    return begin, end


def _clock(second: int) -> str:
    return f"{second // 3600:02}:{second % 3600 // 60:02}"


def _second(hour: int, minute: int) -> int:
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        raise ValueError(f"has {hour:02}:{minute:02} in it, which is not a time of day")
    return (hour * 3600 + minute * 60) % DAY_S
