"""Decide which files are complete, from their facts over time, from who writes them, and from what their format says.

`now`, the facts and the kernel's answer (`core.writers`) are arguments. The rules, in this order:

* A file that another program has open for writing is never complete, however long it is unchanged. Check it again when
  it is closed, and in any case a second later.
* A file whose format says that it is truncated waits for more until `patience_s`, and is then quarantined. An empty
  file counts as truncated, because a placeholder that is filled a moment later looks the same (users of other programs
  lost files that were read while they had 0 bytes).
* A complete file that was closed, renamed into place or marked is sent at once. So is one that, by the kernel, no
  program has open for writing, whether an event or a scan found it.
* A file whose format is undecidable must also be unchanged for `settle_s`, because its writer may open it again for the
  next line. The same holds for a recording whose header leaves its length open.
* When it is unknown who writes the file, and no close was observed, it waits for `patience_s` if a close would have
  been reported, whatever its format says. Where closes are never reported, being unchanged must be enough: for
  `settle_s`, or for `patience_s` if the length of a recording is open, because its recorder may only pause.

A file that is observed for the first time may have been unchanged for long. Its ctime shows it: ctime moves with every
write and, unlike mtime, no program can set it. A ctime in the future comes from another clock and counts as now.
"""

import math
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from eisync.core.formats.check import FormatCheck
from eisync.core.formats.probe import Complete, Completeness, OpenEnded, Truncated, Undecidable
from eisync.core.model import FileFacts, too_large, value
from eisync.core.writers import BEING_WRITTEN, NONE_WRITES, Presence, Writers, describe_writers

MARKER_SUFFIX = ".done"
AGAIN_S = 1.0
"""Check a file that is being written again after this time: not every close is reported, such as that of a mapping."""
CLOSING_S = 0.1
"""The kernel reports a close a moment before it stops counting the writer."""


@value
class Inspection:
    """What was found by opening a file. `spent` is the number of bytes that were read.

    `writers` is the last answer about who writes it; None means not asked. `is_another` says that it was written to in
    the meantime and is another version now. `head` is the part of its beginning that was read.
    """

    spent: int
    writers: Writers | None
    is_another: bool = False
    head: bytes = b""


class Inspect(Protocol):
    """Open a file, continue its format check, and ask who writes it.

    When it is unknown who writes the file, `goes_on` decides whether to read it. Returns None when the file is another
    version by now. Raises UnreachableError when no file can be opened at the moment.
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
    """The state of the file `name.done` beside a file `name`."""

    ABSENT = "absent"
    OLDER = "older"  # than the last change of the file: it was for an earlier version
    SET = "set"


@value(kw_only=True)
class CompletenessPolicy:
    """How long a file must be unchanged, in seconds. Raises ValueError for values that cannot work."""

    settle_s: float = 2.0
    patience_s: float = 600.0
    needs_marker: bool = False

    def spoken_of(self, path: str) -> str:
        """Return the path of the file that an event at `path` is about. For a marker, it is the file beside it."""
        return path.removesuffix(MARKER_SUFFIX) if self.needs_marker else path

    def __post_init__(self) -> None:
        if self.settle_s < 0 or self.patience_s < 0:
            raise ValueError("a file cannot be still for less than no time")


@value
class ObservedFile:
    """A file under observation, and since when its facts are unchanged (`still_since`, Unix s).

    `is_closed` says that since then its writer closed it or renamed it into place. `verdict` and `marker` are None
    before the first check. `writers` is the kernel's last answer; None means that the kernel was not asked since the
    facts changed or the file was closed, or that the file cannot be opened. `written_at` is when another program was
    last found to have it open for writing, and `again_at` is when to ask again after that (both Unix s). Both are None
    when there was no such program, or the file was closed since. `has_end` says whether its format, by its name, can
    prove it complete.
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
    """Check again at `until` (Unix s)."""

    until: float


@value
class Examine:
    """Open the file: ask the kernel who writes it, and check its format."""


@value
class Accept:
    """The file is complete. `evidence` says what proves it."""

    evidence: str


@value
class Quarantine:
    """The file is truncated, and no program continues to write it."""

    reason: str


Decision = Wait | Examine | Accept | Quarantine


def observe(
    before: ObservedFile | None, facts: FileFacts, *, now: float, is_closed: bool = False, has_end: bool = True
) -> ObservedFile:
    """Return the observation after one more stat. When the facts differ, all waiting and evidence starts again."""
    if before is None:
        return ObservedFile(facts, min(facts.touched_at, now), is_closed, has_end=has_end)
    if not facts.is_untouched_since(before.facts):
        return ObservedFile(facts, now, is_closed, has_end=before.has_end)
    still_since, written_at, writers = min(before.still_since, now), before.written_at, before.writers
    again_at = None if before.again_at is None else min(before.again_at, now + AGAIN_S)
    if is_closed:
        if written_at is not None:
            still_since = now  # it may have been written until a moment ago
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


def answered(file: ObservedFile, writers: Writers | None, verdict: Completeness | None, *, now: float) -> ObservedFile:
    """Return the observation after the kernel was asked who writes the file, and its format was checked."""
    written_at, again_at = file.written_at, None
    if writers is not None and writers.presence is Presence.SOME:
        again_at = now + (CLOSING_S if file.is_closed and written_at is None else AGAIN_S)
        written_at = now
    # This runs for every file, and `replace` would take twice as long.
    return ObservedFile(
        file.facts,
        file.still_since,
        file.is_closed,
        verdict,
        file.marker,
        written_at,
        writers,
        again_at,
        file.has_end,
    )


def is_written(file: ObservedFile) -> bool:
    """Return whether, by the last check, another program has the file open for writing."""
    return file.writers is not None and file.writers.presence is Presence.SOME


def is_fresh(file: ObservedFile, policy: CompletenessPolicy, *, now: float) -> bool:
    """Return whether the file is probably being written. Then ask who writes it first, to spare the format check."""
    if file.written_at is not None:
        return True
    return not file.is_closed and not policy.needs_marker and now < file.still_since + policy.settle_s


def next_check_at(file: ObservedFile, policy: CompletenessPolicy, *, reports_closes: bool = False) -> float:
    """Return when to open the file and decide, if nothing more happens to it (Unix s).

    Return infinity when something must happen to it first. `reports_closes` says whether a close would be reported.
    """
    if policy.needs_marker and file.marker in (Marker.ABSENT, Marker.OLDER):
        return math.inf
    if file.again_at is not None:
        return file.again_at
    wait_s = _wait_s(file, policy, reports_closes)
    due_at = file.still_since + wait_s
    # It may have been written until the last time that a writer was found.
    return due_at if file.written_at is None else max(due_at, file.written_at + min(wait_s, policy.settle_s))


def _wait_s(file: ObservedFile, policy: CompletenessPolicy, reports_closes: bool) -> float:
    """Return how long the file must be unchanged. Until the kernel is asked, assume that no program writes the file."""
    verdict = file.verdict
    is_closed = file.is_closed or file.writers is None or file.writers.presence is not Presence.CANNOT_TELL
    if isinstance(verdict, Truncated):
        return max(policy.settle_s, policy.patience_s)
    if policy.needs_marker:
        return 0.0
    if not is_closed and (reports_closes or isinstance(verdict, OpenEnded)):
        return max(policy.settle_s, policy.patience_s)
    if isinstance(verdict, (Undecidable, OpenEnded)) or (verdict is None and not file.has_end):
        return policy.settle_s  # this also avoids opening a table for each of its rows while it grows
    return 0.0 if is_closed else policy.settle_s


def decide(file: ObservedFile, policy: CompletenessPolicy, *, now: float, reports_closes: bool = False) -> Decision:
    """Decide what to do with the file, right after the kernel was asked about it."""
    due_at = next_check_at(file, policy, reports_closes=reports_closes)
    if now < due_at:
        return Wait(due_at)
    if (why := too_large(file.facts.size)) is not None:
        return Quarantine(why)  # its size is enough to decide, so no byte of it is read
    match file.verdict:
        case None:
            return Examine()
        case Truncated(finding=finding):
            return Quarantine(finding)
        case Complete(evidence=evidence):
            return Accept(evidence + _unwritten(file))
    if policy.needs_marker:
        return Accept("its marker is set" + _unwritten(file))
    closed = "it was closed and " if isinstance(file.verdict, OpenEnded) and file.is_closed else "it "
    return Accept(f"{closed}has been unchanged for {_wait_s(file, policy, reports_closes):g} s{_unwritten(file)}")


def _unwritten(file: ObservedFile) -> str:
    return f"; {NONE_WRITES}" if file.writers is not None and file.writers.presence is Presence.NONE else ""


def reason(file: ObservedFile, policy: CompletenessPolicy, *, now: float | None, reports_closes: bool = False) -> str:
    """Return why the file is not complete, for a person. `now` None asks for words that stay true as time passes."""
    if is_written(file):
        return BEING_WRITTEN
    if isinstance(file.verdict, Truncated):
        return file.verdict.finding
    if not file.facts.size:
        return "it is empty; it is sent once something is written into it"
    if policy.needs_marker and file.marker is Marker.ABSENT:
        return f"waiting for its marker, <name>{MARKER_SUFFIX}"
    if policy.needs_marker and file.marker is Marker.OLDER:
        return "its marker is older than its last change; create the marker again"
    if file.verdict is None and now is not None and now >= next_check_at(file, policy, reports_closes=reports_closes):
        return "it is being examined"
    still = _stillness(file, _wait_s(file, policy, reports_closes), now)
    if file.writers is not None and file.writers.presence is Presence.CANNOT_TELL and not file.is_closed:
        return f"eisync did not see it closed, and cannot tell who writes it: {file.writers.why}; {still}"
    if isinstance(file.verdict, OpenEnded):
        return f"{file.verdict.why}; {still}"
    return still


def _stillness(file: ObservedFile, wait_s: float, now: float | None) -> str:
    if now is None:
        return f"it must be unchanged for {wait_s:g} s"
    since = file.still_since if file.written_at is None else max(file.still_since, file.written_at)
    return f"unchanged for {max(0.0, now - since):.0f} s of {wait_s:g} s"


def explain_writers(writers: Writers, policy: CompletenessPolicy) -> str:
    """Return who writes the file and, when that is unknown, what follows from it, for a person."""
    answer = describe_writers(writers)
    if writers.presence is not Presence.CANNOT_TELL or policy.needs_marker:
        return answer
    return (
        f"{answer}; so it is sent once eisync sees it closed, or once it has been unchanged for "
        f"{policy.patience_s:g} s (patience_s); where eisync is not notified of closes, for {policy.settle_s:g} s "
        "(settle_s)"
    )
