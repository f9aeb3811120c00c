"""Hold back what would destroy or change much at once, until a person says yes.

Pure. A script that renames a folder, a person who selects all in Studio, a disk that comes back with half of its files:
each looks like many wishes at once. Few items go by themselves, and slowly: what was done in the last hour counts, so
that much does not become little by being spread over passes.
"""

import math
from dataclasses import dataclass

RECENT_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """How many files a pass may touch by itself: `count`, and `percent` of all that are known, one at least."""

    count: int = 50
    percent: float = 10.0

    def allowed(self, known: int) -> int:
        """The most files that may be touched where `known` are known. A share is rounded up: one is never too many."""
        return min(self.count, max(1, math.ceil(known * self.percent / 100.0)))

    def why_held(self, *, files: int, recent: int, known: int) -> str | None:
        """Why a pass that would touch `files` after `recent` of the last hour waits for a person; None: it need not."""
        allowed = self.allowed(known)
        if not files or files + recent <= allowed:
            return None
        before = f", after {recent:,} in the last hour" if recent else ""
        return f"it would touch {files:,} of {known:,} files{before}; {allowed:,} go by themselves"


DOUBT_S = 3600.0


def why_doubt_clock(before: float | None, now: float, *, interval_s: float) -> str | None:
    """Why nothing is concluded from how long something is so; `before`: when that was asked last (Unix s).

    A machine that slept looks the same, and loses one pass by it.
    """
    if before is None or 0.0 <= now - before <= 10.0 * interval_s + DOUBT_S:
        return None
    direction = "back" if now < before else "forward"
    return f"the clock went {direction} by {abs(now - before):,.0f} s since the last pass"
