"""Decide which files are complete, from what was seen of them, when, who writes them, and what their format says.

Pure: `now`, the facts and the kernel's answer (`core.writers`) are handed in. What is known of a file to be finished
is, in this order:

* A file that another program has open for writing is never complete, however still it is. It is looked at again when
  it is closed, and a second later in any case.
* Its format. One that says it is cut waits for more until `patience_s`, and is quarantined then. An empty one is cut:
  a placeholder that is filled a moment later looks the same (users of other programs lost files to a 0-byte first
  sight).
* A whole file that was closed, renamed into place or marked goes at once, and so does one of which the kernel says that
  no program writes it, whoever found it.
* A format that cannot tell must be still for `settle_s` as well: its writer may open it again for the next line. So
  must a recording whose header leaves its length open.
* Where nobody can tell who writes, and the file was not seen to be closed: it waits for `patience_s` if a close would
  have been announced, whatever its format. Where no close is ever announced, stillness has to do: `settle_s`, and
  `patience_s` for a recording whose length is open, as its recorder may only pause.

A file seen for the first time may have been still for long. Its ctime tells: it moves with every write and, unlike
mtime, no program can set it. A touch in the future comes from another clock and counts from now.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from eisync.core.formats.check import FormatCheck
from eisync.core.formats.probe import Complete, Completeness, OpenEnded, Truncated, Undecidable
from eisync.core.model import FileFacts, too_large, value
from eisync.core.writers import BEING_WRITTEN, NONE_WRITES, Presence, Writers, worded

MARKER_SUFFIX = ".done"
AGAIN_S = 1.0
"""A file that is written is looked at again after so long: not every close is announced, as that of a mapping."""
CLOSING_S = 0.1
"""A close is announced a moment before the kernel takes the writer off its books."""


@value
class Inspection:
    """What an opening of a file showed. `spent` is what it cost, in bytes.

    `writers` is who writes it, by the last answer; None: not asked. `is_another`: it is written, and is another version
    by now. `head` is what was read of its beginning.
    """

    spent: int
    writers: Writers | None
    is_another: bool = False
    head: bytes = b""


class Inspect(Protocol):
    """Opens a file, goes on with its examination, and asks who writes it.

    `goes_on` decides, where nobody can tell who writes the file, whether it is read. None: it is another version by
    now. Raises UnreachableError when no file can be opened at the moment.
    """

    def __call__(
        self,
        examination: FormatCheck | None,
        root: str,
        path: str,
        facts: FileFacts,
        *,
        most_bytes: int,
        goes_on: Callable[[Writers], bool] | None,
    ) -> Inspection | None: ...


class Marker(Enum):
    """The file `name.done` beside a file `name`."""

    ABSENT = "absent"
    OLDER = "older"  # than the last change of the file: it speaks of another version
    SET = "set"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletenessPolicy:
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
class ObservedFile:
    """A file under observation, and since when it has looked as it does.

    `is_closed`: its writer closed it, or renamed it into place, since it has looked so. `verdict` and `marker` are None
    while nobody has looked. `writers` is what the kernel said last; None: it was not asked since the file has looked so
    or was closed, or the file cannot be opened. `written_at` is when another program was last found to have it open for
    writing, and `again_at` when to ask again after that (both Unix s); None when none was, or it was closed since.
    `has_end`: whether its format, by its name, can say that it is whole.
    """

    facts: FileFacts
    still_since: float
    is_closed: bool = False
    verdict: Completeness | None = None
    marker: Marker | None = None
    written_at: float | None = None
    writers: Writers | None = None
    again_at: float | None = None
    has_end: bool = True


@value
class Wait:
    """Look again at `until` (Unix s)."""

    until: float


@value
class Examine:
    """Open it: ask the kernel who writes it, and its format."""


@value
class Accept:
    """It is complete, by this evidence."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Quarantine:
    """It is cut, and no program goes on writing it."""

    reason: str


Decision = Wait | Examine | Accept | Quarantine


def observe(
    before: ObservedFile | None, facts: FileFacts, *, now: float, is_closed: bool = False, has_end: bool = True
) -> ObservedFile:
    """What is known after one more look. Stillness and evidence start anew when the facts differ."""
    if before is None:
        return ObservedFile(facts, min(facts.touched_at, now), is_closed, has_end=has_end)
    if not facts.is_untouched_since(before.facts):
        return ObservedFile(facts, now, is_closed, has_end=before.has_end)
    still_since, written_at, writers = min(before.still_since, now), before.written_at, before.writers
    again_at = None if before.again_at is None else min(before.again_at, now + AGAIN_S)
    if is_closed:
        if written_at is not None:
            still_since = now  # until a moment ago it could have been written
        written_at = writers = again_at = None
    elif written_at is not None:
        written_at = min(written_at, now)
    return ObservedFile(
        before.facts,
        still_since,
        is_closed or before.is_closed,
        before.verdict,
        written_at=written_at,
        writers=writers,
        again_at=again_at,
        has_end=before.has_end,
    )


def answered(seen: ObservedFile, writers: Writers | None, verdict: Completeness | None, *, now: float) -> ObservedFile:
    """What is known after the kernel was asked who writes the file, and its format what it is."""
    written_at, again_at = seen.written_at, None
    if writers is not None and writers.presence is Presence.SOME:
        again_at = now + (CLOSING_S if seen.is_closed and written_at is None else AGAIN_S)
        written_at = now
    # (For every file: `replace` would take twice as long.)
    return ObservedFile(
        seen.facts,
        seen.still_since,
        seen.is_closed,
        verdict,
        seen.marker,
        written_at,
        writers,
        again_at,
        seen.has_end,
    )


def is_written(seen: ObservedFile) -> bool:
    """Whether another program was found to have it open for writing, by the last look."""
    return seen.writers is not None and seen.writers.presence is Presence.SOME


def is_fresh(seen: ObservedFile, policy: CompletenessPolicy, *, now: float) -> bool:
    """Whether the file may well be written: who writes it is asked before its format is, to spare that."""
    if seen.written_at is not None:
        return True
    return not seen.is_closed and not policy.needs_marker and now < seen.still_since + policy.settle_s


def next_check_at(seen: ObservedFile, policy: CompletenessPolicy, *, reports_closes: bool = False) -> float:
    """When to open the file and decide, if nothing more happens to it (Unix s); infinity when something must.

    `reports_closes`: whether a close of the file would have been announced.
    """
    if policy.needs_marker and seen.marker in (Marker.ABSENT, Marker.OLDER):
        return math.inf
    if seen.again_at is not None:
        return seen.again_at
    wait_s = _wait_s(seen, policy, reports_closes)
    due_at = seen.still_since + wait_s
    # It may have been written until the last time that it was found so.
    return due_at if seen.written_at is None else max(due_at, seen.written_at + min(wait_s, policy.settle_s))


def _wait_s(seen: ObservedFile, policy: CompletenessPolicy, reports_closes: bool) -> float:
    """How long the file must be still. The kernel is expected to say that no program writes it, until it is asked."""
    verdict = seen.verdict
    is_closed = seen.is_closed or seen.writers is None or seen.writers.presence is not Presence.CANNOT_TELL
    if isinstance(verdict, Truncated):
        return max(policy.settle_s, policy.patience_s)
    if policy.needs_marker:
        return 0.0
    if not is_closed and (reports_closes or isinstance(verdict, OpenEnded)):
        return max(policy.settle_s, policy.patience_s)
    if isinstance(verdict, (Undecidable, OpenEnded)) or (verdict is None and not seen.has_end):
        return policy.settle_s  # a table that grows row by row is not opened for each of them, either
    return 0.0 if is_closed else policy.settle_s


def decide(seen: ObservedFile, policy: CompletenessPolicy, *, now: float, reports_closes: bool = False) -> Decision:
    """What is to be done with the file, of which the kernel was asked now."""
    due_at = next_check_at(seen, policy, reports_closes=reports_closes)
    if now < due_at:
        return Wait(due_at)
    if (why := too_large(seen.facts.size)) is not None:
        return Quarantine(why)  # its size says so: not a byte of it is read
    match seen.verdict:
        case None:
            return Examine()
        case Truncated(finding=finding):
            return Quarantine(finding)
        case Complete(evidence=evidence):
            return Accept(evidence + _unwritten(seen))
    if policy.needs_marker:
        return Accept("its marker is set" + _unwritten(seen))
    closed = "it was closed and " if isinstance(seen.verdict, OpenEnded) and seen.is_closed else "it "
    return Accept(f"{closed}has been unchanged for {_wait_s(seen, policy, reports_closes):g} s{_unwritten(seen)}")


def _unwritten(seen: ObservedFile) -> str:
    return f"; {NONE_WRITES}" if seen.writers is not None and seen.writers.presence is Presence.NONE else ""


def reason(seen: ObservedFile, policy: CompletenessPolicy, *, now: float | None, reports_closes: bool = False) -> str:
    """Why the file is not complete, for a person; `now` None: in words that stay true when time passes."""
    if is_written(seen):
        return BEING_WRITTEN
    if isinstance(seen.verdict, Truncated):
        return seen.verdict.finding
    if not seen.facts.size:
        return "it is empty; it is sent once something is written into it"
    if policy.needs_marker and seen.marker is Marker.ABSENT:
        return f"waiting for its marker, <name>{MARKER_SUFFIX}"
    if policy.needs_marker and seen.marker is Marker.OLDER:
        return "its marker is older than its last change; create the marker again"
    if seen.verdict is None and now is not None and now >= next_check_at(seen, policy, reports_closes=reports_closes):
        return "it is being examined"
    still = _stillness(seen, _wait_s(seen, policy, reports_closes), now)
    if seen.writers is not None and seen.writers.presence is Presence.CANNOT_TELL and not seen.is_closed:
        return f"eisync did not see it closed, and cannot tell who writes it: {seen.writers.why}; {still}"
    if isinstance(seen.verdict, OpenEnded):
        return f"{seen.verdict.why}; {still}"
    return still


def _stillness(seen: ObservedFile, wait_s: float, now: float | None) -> str:
    if now is None:
        return f"it must be unchanged for {wait_s:g} s"
    since = seen.still_since if seen.written_at is None else max(seen.still_since, seen.written_at)
    return f"unchanged for {max(0.0, now - since):.0f} s of {wait_s:g} s"


def said_of_writers(writers: Writers, policy: CompletenessPolicy) -> str:
    """Who writes the file, and what follows where nobody can tell, for a person."""
    said = worded(writers)
    if writers.presence is not Presence.CANNOT_TELL or policy.needs_marker:
        return said
    return (
        f"{said}; so it is sent once eisync sees it closed, or once it has been unchanged for "
        f"{policy.patience_s:g} s (patience_s); where eisync is not notified of closes, for {policy.settle_s:g} s "
        "(settle_s)"
    )
