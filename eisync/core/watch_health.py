"""Decide whether a folder is listened to, or only scanned, and how often it is scanned.

Pure: `now`, `jitter` and what was seen are handed in. Events are an accelerator that is audited: a scan which finds
files that an event should have told of is a miss. After the first such scan the listening is begun anew; after the
second in a row the folder is scanned instead, and listened to again after a pause that grows.
"""

from dataclasses import dataclass, field, replace
from enum import Enum

SHARE_OF_A_CORE = 0.01
SHARE_WITH_EVENTS = 0.0008
"""Scans take at most so much of one core; less where events tell of nearly everything, and a scan only audits them."""

LONGEST_UNSCANNED_S = 3600.0
"""A folder that is listened to is scanned once in so long at least, as far as the first share allows."""

GRACE_S = 10.0
BUSY_GRACE_S = 60.0
"""An event may still be under way when the scan meets the file, and longer where many are."""

MISSES_IN_A_ROW = 2
DEATHS_IN_A_ROW = 3
FIRST_PAUSE_S = 600.0
LONGEST_PAUSE_S = 6 * 3600.0


class Mode(Enum):
    """How a folder is watched."""

    AUTO = "auto"  # listened to, unless there is a reason not to
    EVENTS = "events"  # listened to, whatever is found
    SCAN = "scan"  # scanned only


@dataclass(slots=True)
class PendingPaths:
    """What events reported for one root since it was last asked for, by path relative to the root.

    `closed` are those of the files that were closed, or renamed or linked into place. `folders` appeared or moved as a
    whole: events for what is in them may not come. `is_doubted`: events were lost.
    """

    files: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    is_doubted: bool = False


@dataclass(frozen=True, slots=True)
class WatchHealth:
    """How well a folder's events serve. `reason` says why it is scanned instead of listened to; None: it is heard.

    `since` is when the listening began, `again_at` when it is tried again (both Unix s). `missed` counts the files that
    no event told of since the start; `in_a_row` the scans that found some, `deaths` how often the listener died.
    """

    reason: str | None = None
    since: float | None = None
    again_at: float | None = None
    missed: int = 0
    in_a_row: int = 0
    deaths: int = 0
    pause_s: float = FIRST_PAUSE_S

    def begun(self, now: float) -> "WatchHealth":
        """The folder is listened to from now on."""
        return replace(self, reason=None, since=now, again_at=None)

    def unable(self, reason: str, now: float) -> "WatchHealth":
        """There are no events, for `reason`. It is tried again after a pause that grows."""
        pause_s = min(self.pause_s * 2.0, LONGEST_PAUSE_S)
        return replace(
            self, reason=reason, since=None, again_at=now + self.pause_s, in_a_row=0, deaths=0, pause_s=pause_s
        )

    def died(self, now: float) -> "WatchHealth":
        """What listened has died by itself, and was begun anew. That is not done for ever."""
        dead = replace(self, since=now, deaths=self.deaths + 1)
        if dead.deaths < DEATHS_IN_A_ROW:
            return dead
        return dead.unable(f"its event listener failed {dead.deaths} times", now)

    def audited(self, missed: int, now: float) -> "WatchHealth":
        """A scan found `missed` files that should have been announced."""
        if self.since is None:
            return self
        if not missed:
            return replace(self, in_a_row=0, deaths=0, pause_s=FIRST_PAUSE_S)
        seen = replace(self, missed=self.missed + missed, in_a_row=self.in_a_row + 1, since=None)
        if seen.in_a_row < MISSES_IN_A_ROW:
            return seen
        return seen.unable(f"{seen.missed:,} files arrived without an event", now)

    def is_to_try(self, now: float) -> bool:
        """Whether listening is to be begun now."""
        return self.since is None and (self.again_at is None or now >= self.again_at)

    def should_have_reported(self, touched_at: float, *, event_at: float, now: float) -> bool:
        """Whether an event should have told of a file that came at `touched_at`; the last one came at `event_at`."""
        grace_s = GRACE_S if event_at < now - GRACE_S else BUSY_GRACE_S
        return self.since is not None and self.since < touched_at < now - grace_s


def scan_pause_s(*, least_s: float, cost_s: float, jitter: float, uses_events: bool) -> float:
    """How long to wait from one scan to the next. `cost_s` is what the last took of a core; `jitter` is in [0, 1)."""
    # The tenth is spread, so that many folders, and many machines, do not scan in step.
    at_rest_s = min(cost_s / SHARE_WITH_EVENTS, LONGEST_UNSCANNED_S) if uses_events else 0.0
    return max(least_s, cost_s / SHARE_OF_A_CORE, at_rest_s) * (1.0 + 0.1 * jitter)
