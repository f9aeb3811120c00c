"""How much time has passed for certain since something was written down, though the clock was set meanwhile.

Pure. An instant that was written down before the clock was set is of another clock: nothing is known of what lies
between, so that only the time since then counts. Too little is counted rather than too much: whatever waits by time
before it destroys anything waits longer.
"""

from dataclasses import dataclass

DAY_S = 24 * 3600.0

SMALL_S = 600.0
"""So far may two clocks be apart that were both taken for right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSetting:
    """The clock was set at `counts_from`, as it says since (Unix s). The default: it never was.

    `recent_from`: what was written down before this instant was older than a day then.
    """

    counts_from: float = 0.0
    recent_from: float = 0.0

    def age_s(self, at: float, now: float) -> float:
        """How long ago `at` was, at least; below 0 when nobody can tell."""
        if at > now + SMALL_S and self.counts_from:  # of a clock that was ahead, and has been set since
            return now - self.counts_from
        return now - max(at, self.counts_from)

    def since(self, span_s: float, now: float) -> float:
        """What may be younger than `span_s`, a day at most, was written down after this instant."""
        start = now - span_s
        return start if self.counts_from <= start else min(start, self.recent_from)
