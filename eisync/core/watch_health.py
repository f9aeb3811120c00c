"""Decide whether a folder is watched by events or only by scans, and how often it is scanned.

Events only make eisync faster, and scans audit them: a scan that finds a file which an event should have reported is a
miss. After the first scan with misses, the event watch is started again. After the second in a row, the folder is only
scanned, and events are tried again after a pause that grows.
"""

from dataclasses import dataclass, field, replace
from enum import Enum

from eisync.core.model import value

SHARE_OF_A_CORE = 0.01
SHARE_WITH_EVENTS = 0.0008
"""The largest share of one core that scans take. It is smaller where events work, because a scan only audits them."""

LONGEST_UNSCANNED_S = 3600.0
"""The longest time between two scans of a folder with events, as far as the first share allows."""

GRACE_S = 10.0
BUSY_GRACE_S = 60.0
"""How long an event may still be under way when a scan finds the file; longer when there are many events."""

MISSES_IN_A_ROW = 2
DEATHS_IN_A_ROW = 3
FIRST_PAUSE_S = 600.0
LONGEST_PAUSE_S = 6 * 3600.0


class Mode(Enum):
    """How a folder is watched."""

    AUTO = "auto"  # by events, unless there is a reason not to
    EVENTS = "events"  # by events, even if they miss files
    SCAN = "scan"  # by scans only


@dataclass(slots=True)
class PendingPaths:
    """What events reported for one root since this was last read, by path relative to the root.

    `closed` are the files that were closed, or renamed or linked into place. `folders` appeared or moved as a whole;
    events for their content may not come. `is_doubted` says that events were lost.
    """

    files: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    is_doubted: bool = False


@value
class WatchHealth:
    """How reliable the events of a folder are. `reason` says why it is only scanned; None means that events are used.

    `since` is when the event watch began, and `again_at` is when it is tried again (both Unix s). `missed` counts the
    files that no event reported since the start. `in_a_row` counts the scans in a row that found such files, and
    `deaths` counts how often the event listener failed.
    """

    reason: str | None = None
    since: float | None = None
    again_at: float | None = None
    missed: int = 0
    in_a_row: int = 0
    deaths: int = 0
    pause_s: float = FIRST_PAUSE_S

    def begun(self, now: float) -> "WatchHealth":
        """Return the state after the event watch has begun."""
        return replace(self, reason=None, since=now, again_at=None)

    def unable(self, reason: str, now: float) -> "WatchHealth":
        """Return the state without events, for `reason`. They are tried again after a pause that grows."""
        pause_s = min(self.pause_s * 2.0, LONGEST_PAUSE_S)
        return replace(
            self, reason=reason, since=None, again_at=now + self.pause_s, in_a_row=0, deaths=0, pause_s=pause_s
        )

    def died(self, now: float) -> "WatchHealth":
        """Return the state after the event listener failed and was started again. Give it up after a few failures."""
        dead = replace(self, since=now, deaths=self.deaths + 1)
        if dead.deaths < DEATHS_IN_A_ROW:
            return dead
        return dead.unable(f"its event listener failed {dead.deaths} times", now)

    def audited(self, missed: int, now: float) -> "WatchHealth":
        """Return the state after a scan found `missed` files that an event should have reported."""
        if self.since is None:
            return self
        if not missed:
            return replace(self, in_a_row=0, deaths=0, pause_s=FIRST_PAUSE_S)
        after = replace(self, missed=self.missed + missed, in_a_row=self.in_a_row + 1, since=None)
        if after.in_a_row < MISSES_IN_A_ROW:
            return after
        return after.unable(f"{after.missed:,} files arrived without an event", now)

    def is_to_try(self, now: float) -> bool:
        """Return whether to start the event watch now."""
        return self.since is None and (self.again_at is None or now >= self.again_at)

    def should_have_reported(self, touched_at: float, *, event_at: float, now: float) -> bool:
        """Return whether an event should have reported a file from `touched_at`. The last event came at `event_at`."""
        grace_s = GRACE_S if event_at < now - GRACE_S else BUSY_GRACE_S
        return self.since is not None and self.since < touched_at < now - grace_s


def scan_pause_s(*, least_s: float, cost_s: float, jitter: float, uses_events: bool) -> float:
    """Return the time from one scan to the next. `cost_s` is the CPU time of the last; `jitter` is in [0, 1)."""
    # A tenth is random, so that many folders, and many machines, do not scan at the same time.
    at_rest_s = min(cost_s / SHARE_WITH_EVENTS, LONGEST_UNSCANNED_S) if uses_events else 0.0
    return max(least_s, cost_s / SHARE_OF_A_CORE, at_rest_s) * (1.0 + 0.1 * jitter)
