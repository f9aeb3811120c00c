"""Decide which files are complete, from what was seen of them, when, and what their format says.

Pure: `now` and the facts are handed in. What is known of a file to be finished is, in this order: its format (one that
says it is cut waits for more until `patience_s`, and is quarantined then), that its writer closed it or renamed it into
place or set a marker beside it, and its stillness. A file that was closed and whose format says that it is whole goes
at once; one that a scan found may still be open and must be still for `settle_s` as well, and so must one whose
format cannot tell. A recording whose header leaves its length open is complete when its writer closed it and it is
still for `settle_s`; a recorder that was not seen to close it may pause, and is given `patience_s`. A file that another
program has open for writing (`core.writers`) is never complete, however still it is: it waits to be closed, and where
that is found by asking, for `settle_s` more, as far as its stillness matters. An empty one is
cut: a placeholder that is filled a moment later looks the same (users of other programs lost files to a 0-byte first
sight).

A file seen for the first time may have been still for long. Its ctime tells: it moves with every write and, unlike
mtime, no program can set it. A touch in the future comes from another clock and counts from now.
"""

import math
from dataclasses import dataclass
from enum import Enum

from eisync.core.evidence import CannotTell, Cut, OpenEnded, Verdict, Whole
from eisync.core.items import FileFacts
from eisync.core.values import value
from eisync.core.writers import BEING_WRITTEN

MARKER_SUFFIX = ".done"


class Marker(Enum):
    """The file `name.done` beside a file `name`."""

    ABSENT = "absent"
    OLDER = "older"  # than the last change of the file: it speaks of another version
    SET = "set"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlePolicy:
    """How long a file must be still, in seconds. Raises ValueError if it could never be obeyed."""

    settle_s: float = 2.0
    patience_s: float = 600.0
    needs_marker: bool = False

    def spoken_of(self, path: str) -> str:
        """The file that an event at `path` speaks of: a marker's is about the file beside it."""
        return path.removesuffix(MARKER_SUFFIX) if self.needs_marker else path

    def __post_init__(self) -> None:
        if self.settle_s < 0 or self.patience_s < 0:
            raise ValueError("a file cannot be still for less than no time")


@value
class Unsettled:
    """A file under observation, and since when it has looked as it does.

    `is_closed`: its writer closed it, or renamed it into place, since it has looked so. `verdict` and `marker` are None
    while nobody has looked. `written_at` is when another program was found to have it open for writing (Unix s); None
    when none was, or it was closed since.
    """

    facts: FileFacts
    still_since: float
    is_closed: bool = False
    verdict: Verdict | None = None
    marker: Marker | None = None
    written_at: float | None = None


@value
class Wait:
    """Look again at `until` (Unix s)."""

    until: float


@value
class Examine:
    """Ask its format."""


@value
class Go:
    """It is complete, by this evidence."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Park:
    """It is cut, and nobody goes on writing it."""

    reason: str


Decision = Wait | Examine | Go | Park


def observe(before: Unsettled | None, facts: FileFacts, *, now: float, is_closed: bool = False) -> Unsettled:
    """What is known after one more look. Stillness and evidence start anew when the facts differ."""
    if before is not None and facts.is_untouched_since(before.facts):
        still_since, written_at = min(before.still_since, now), before.written_at
        if written_at is not None:
            # Until a moment ago it could have been written.
            still_since, written_at = (now, None) if is_closed else (still_since, min(written_at, now))
        closed = is_closed or before.is_closed
        return Unsettled(before.facts, still_since, closed, before.verdict, written_at=written_at)
    return Unsettled(facts, min(facts.touched_at, now) if before is None else now, is_closed)


def look_at(unsettled: Unsettled, policy: SettlePolicy) -> float:
    """When to decide on the file, if nothing more happens to it (Unix s); infinity when something must."""
    if policy.needs_marker and unsettled.marker in (Marker.ABSENT, Marker.OLDER):
        return math.inf
    wait_s = _wait_s(unsettled, policy)
    due_at = unsettled.still_since + wait_s
    if unsettled.written_at is None:
        return due_at
    return max(due_at, unsettled.written_at + min(wait_s, policy.settle_s))


def _wait_s(unsettled: Unsettled, policy: SettlePolicy) -> float:
    """How long the file must be still."""
    match unsettled.verdict:
        case Cut():
            return max(policy.settle_s, policy.patience_s)
        case OpenEnded() if not policy.needs_marker and not unsettled.is_closed:
            return max(policy.settle_s, policy.patience_s)
        case CannotTell() | OpenEnded() if not policy.needs_marker:
            return policy.settle_s
    return 0.0 if unsettled.is_closed or policy.needs_marker else policy.settle_s


def decide(unsettled: Unsettled, policy: SettlePolicy, *, now: float) -> Decision:
    """What is to be done with the file now."""
    due_at = look_at(unsettled, policy)
    if now < due_at:
        return Wait(due_at)
    match unsettled.verdict:
        case None:
            return Examine()
        case Cut(finding=finding):
            return Park(finding)
        case Whole(evidence=evidence):
            return Go(evidence)
    if policy.needs_marker:
        return Go("its marker is set")
    closed = "it was closed and " if isinstance(unsettled.verdict, OpenEnded) and unsettled.is_closed else "it "
    return Go(f"{closed}has been still for {_wait_s(unsettled, policy):g} s")


def reason(unsettled: Unsettled, policy: SettlePolicy, *, now: float | None) -> str:
    """Why the file is not complete, for a person; `now` None: in words that stay true when time passes."""
    if unsettled.written_at is not None:
        return BEING_WRITTEN
    if isinstance(unsettled.verdict, Cut):
        return unsettled.verdict.finding
    if not unsettled.facts.size:
        return "it is empty; it goes when something is written into it"
    if policy.needs_marker and unsettled.marker is Marker.ABSENT:
        return f"waiting for its marker, a file of its name with {MARKER_SUFFIX} behind it"
    if policy.needs_marker and unsettled.marker is Marker.OLDER:
        return "its marker is older than its last change; set the marker anew"
    if unsettled.verdict is None and now is not None and now >= look_at(unsettled, policy):
        return "it is being examined"
    still = "it must be still for" if now is None else f"still for {max(0.0, now - unsettled.still_since):.0f} s of"
    if isinstance(unsettled.verdict, OpenEnded):
        return f"{unsettled.verdict.why}; {still} {_wait_s(unsettled, policy):g} s"
    return f"{still} {policy.settle_s:g} s"
