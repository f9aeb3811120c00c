"""Notice that the clock on the wall was set back, by the one that never jumps.

Pure. A clock that goes forward, or a machine that slept, makes waits end early, which does no harm; one that was set
back keeps everything waiting that was due by the hours that it lost.
"""

TOLERANCE_S = 1.0
"""Two looks at two clocks are never at one instant, and a slewed clock runs slow."""


class ClockStepDetector:
    """Both clocks, as they were at the last look."""

    def __init__(self) -> None:
        self._ahead_s: float | None = None

    def was_set_back(self, now: float, monotonic: float) -> bool:
        """Whether the clock that says `now` was set back since the last look."""
        before, self._ahead_s = self._ahead_s, now - monotonic
        return before is not None and self._ahead_s < before - TOLERANCE_S
