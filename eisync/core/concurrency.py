"""How many requests are under way at once: additive increase, multiplicative decrease.

Pure. Requests that were sent before the last decrease tell nothing about the size since then, so that a line which
breaks under ten requests halves the window once, not ten times. After an outage it begins with one, doubles with every
round up to half of what it was, and then grows by one a round.

Source: RFC 5681 §3.1 (slow start and congestion avoidance), with requests for segments.
"""

import dataclasses
from dataclasses import dataclass, field

SLOW_FACTOR = 4.0
SLOW_S = 2.0
_FORGETS = 1.02


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyWindow:
    """At most `most`, at least one. `round` counts the decreases; a request remembers in which it was sent."""

    most: int
    size: float
    threshold: float
    round: int = 0

    @classmethod
    def full(cls, most: int) -> "ConcurrencyWindow":
        """Before anything is known: no file is kept waiting out of caution."""
        return cls(most=most, size=float(most), threshold=float(most))

    @property
    def requests(self) -> int:
        """How many may be under way."""
        return int(self.size)

    def widened(self) -> "ConcurrencyWindow":
        """A request was answered in good time."""
        if self.size >= self.most:
            return self
        step = 1.0 if self.size < self.threshold else 1.0 / self.size
        return dataclasses.replace(self, size=min(float(self.most), self.size + step))

    def halved(self, sent_in: int) -> "ConcurrencyWindow":
        """A request of the round `sent_in` failed, was throttled, or took far too long."""
        return self if sent_in < self.round else self._cut(self.size / 2)

    def restarted(self) -> "ConcurrencyWindow":
        """Nothing came through for a while: one request first."""
        return self._cut(1.0)

    def _cut(self, size: float) -> "ConcurrencyWindow":
        threshold = max(1.0, self.size / 2)
        return dataclasses.replace(self, size=max(1.0, size), threshold=threshold, round=self.round + 1)


@dataclass(slots=True)
class LatencyBaseline:
    """How long requests of one size took at best: what takes far longer waits in a queue of the service's."""

    _best_s: dict[int, float] = field(default_factory=dict)  # by the power of two that the size lies below

    def is_slow(self, *, took_s: float, size: int) -> bool:
        """Whether a request of `size` bytes took far too long; it is remembered."""
        scale = size.bit_length()
        # The best is forgotten little by little: a line may become slower for good.
        best_s = self._best_s[scale] = min(took_s, self._best_s.get(scale, took_s) * _FORGETS)
        return took_s > SLOW_S and took_s > SLOW_FACTOR * best_s
