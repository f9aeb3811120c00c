"""Account for one file: exactly one state, and one reason.

Pure: what the file system says, what the outbox and the watcher say, and when the folder was scanned last.

Count files by what is true of them now: by their rows, and by what was observed in their folders.

A row says how far a file got. What was observed says more where the file is not complete yet, or cannot be read. Every
command that counts or lists files decides between the two here, so that all of them say the same.

Pure: counts in, counts out.

Put reasons that differ in their numbers and names only into one group, so that a person reads ten lines, not 1,000.

Pure: findings in, groups out; no file is lost on the way.
"""

import functools
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from eisync.core.lifecycle import PENDING, State
from eisync.core.model import FileFacts

LEFT_OUT = "left out"
NEW = "new"
UNEXPLAINED = "unexplained"

GRACE_S = 30.0
"""A file that was touched so shortly before a scan ended may have come behind its back."""

_UNDER_WAY = (State.SENDING.value, State.DOUBTFUL.value)
_SENT = (State.SYNCED.value, State.TOMBSTONE.value, State.QUARANTINED.value)
_IN_DOUBT = "it was touched, copied or restored since; eisync compares its content before it sends anything"


@dataclass(frozen=True, slots=True)
class FileStatus:
    """One of the values of `State`, one of the words above, or `census.UNREADABLE`, of a file or a whole folder."""

    state: str
    reason: str
    is_folder: bool = False


def status_of(
    facts: FileFacts, record: Mapping[str, Any] | None, *, is_live: bool, scanned_at: float | None
) -> FileStatus:
    """Where a file is that is for the service. `record` is what is known of it; `is_live`: a daemon watches it."""
    if record is not None and record["state"] != State.GONE.value:
        if record["facts"] is None or facts == FileFacts(*record["facts"]):
            return FileStatus(record["state"], record["reason"])
        if record["state"] in _UNDER_WAY:
            return FileStatus(
                record["state"], f"{record['reason']}; it has changed meanwhile and the new version follows"
            )
        if record["state"] == State.SETTLING.value:
            return FileStatus(record["state"], record["reason"])
        if record["state"] in _SENT and record.get("sha256") and facts.size == record["facts"][0]:
            return FileStatus(record["state"], f"{record['reason']}; {_IN_DOUBT}")
    what = "it is new" if record is None else "it is a different version from the known one"
    if not is_live:
        return FileStatus(NEW, f"{what}; no daemon is watching it: start 'eisync run' or 'eisync once'")
    if scanned_at is None or facts.touched_at > scanned_at - GRACE_S:
        return FileStatus(NEW, f"{what}; the next scan of its folder finds it")
    return FileStatus(UNEXPLAINED, f"{what}, but a later scan did not find it; please report this")


UNREADABLE = "unreadable"
"""The state of a file or folder that cannot be read. No row has it: it is observed, and forgotten when it can be."""

NEEDS_PERSON, WAITS, WELL = 3, 4, 0
"""How `eisync once` and `eisync status` end."""

_ON_THE_WAY = frozenset({State.READY.value, State.SENDING.value, State.DOUBTFUL.value})


@dataclass(frozen=True, slots=True)
class ObservedEntry:
    """A file that is not complete yet, or a file or folder that cannot be read (`state`), and why.

    `path` is relative to `root`, which is absolute.
    """

    root: str
    path: str
    size: int
    reason: str
    state: str = State.SETTLING.value
    is_folder: bool = False


@dataclass(frozen=True, slots=True)
class Sighting:
    """So many files were observed to be `state`; their rows say `row_state`, None where they have none."""

    state: str
    row_state: str | None
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCounts:
    """How many files are where.

    `unreadable` files and `folders` cannot be read. Of the files that were sent: `unlisted` were not in the last
    listing of the project, of `vanished` a person is asked what happened, `unconfirmed` were sent to another project,
    and `comparing` were touched since and are to be compared with what was sent.
    """

    by_state: Mapping[State, int] = field(default_factory=dict)
    unreadable: int = 0
    folders: int = 0
    unlisted: int = 0
    vanished: int = 0
    unconfirmed: int = 0
    comparing: int = 0

    @property
    def waiting(self) -> int:
        """How many go on by themselves, with time or with the next run."""
        return sum(self.by_state.get(state, 0) for state in PENDING) + self.unlisted + self.comparing

    @property
    def stuck(self) -> int:
        """How many wait for a person."""
        return self.by_state.get(State.QUARANTINED, 0) + self.unreadable + self.folders + self.vanished

    def counts(self) -> dict[str, int]:
        """Files by the name of their state, those that there are."""
        told = {state.value: self.by_state[state] for state in State if self.by_state.get(state)}
        return {**told, UNREADABLE: self.unreadable} if self.unreadable else told


def prefers_row(row_state: str) -> bool:
    """Return whether the row is believed, not what was observed: a version of the file is on its way."""
    return row_state in _ON_THE_WAY


def count(rows: Mapping[State, int], sightings: Iterable[Sighting]) -> tuple[dict[State, int], int]:
    """Return the files by state, and how many cannot be read, each file once."""
    by_state, unreadable = dict(rows), 0
    for seen in sightings:
        if seen.row_state is not None and prefers_row(seen.row_state):
            continue
        if seen.row_state is not None:
            before = State(seen.row_state)
            by_state[before] = by_state.get(before, 0) - seen.files
        if seen.state == UNREADABLE:
            unreadable += seen.files
        else:
            by_state[State(seen.state)] = by_state.get(State(seen.state), 0) + seen.files
    return {state: number for state, number in by_state.items() if number > 0}, unreadable


def exit_code(census: FileCounts, *, is_blocked: bool = False, is_held_up: bool = False, asks: bool = False) -> int:
    """Return what a command ends with: 0 when all is well, 3 when a person must act, 4 when it goes on by itself.

    `is_blocked`: nothing goes on before a person acts, so that running again does not help. `is_held_up`: a folder or a
    disk is away, or something of ours fails and is tried again. `asks`: a plan waits for a person's yes.
    """
    if is_blocked or census.unconfirmed:
        return NEEDS_PERSON
    if is_held_up or census.waiting:
        return WAITS
    return NEEDS_PERSON if asks or census.stuck else WELL


MOST_GROUPS = 10

# What a person must see to comes first.
_ORDER = (
    State.QUARANTINED.value,
    UNREADABLE,
    State.DOUBTFUL.value,
    State.SETTLING.value,
    State.READY.value,
    State.SENDING.value,
    State.SYNCED.value,  # but not in the last listing
)

_VARYING = re.compile(
    r"""
    '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*"      # what is quoted: names, patterns, labels
    | \b[0-9a-fA-F]{16,}\b                     # hashes
    | (?<![\w/])(?:[\w.~-]*/)+[\w.~-]*         # paths
    | \b[\w~-]+\.(?:labels|cbor|json|csv|txt|wav|jpe?g|png|mp4|avi|parquet|done)\b  # names of files
    | \d+(?:[.,:]\d+)*                         # numbers, with what divides their digits
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class StatusFinding:
    """So many files are in `state` for `reason`; `path` (absolute) is one of them."""

    state: str
    reason: str
    files: int
    path: str
    is_folder: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Files in one state for one reason, but for numbers and names: `reason` and `path` are those of one of them."""

    state: str
    reason: str
    files: int
    path: str
    is_folder: bool
    is_varied: bool


@dataclass(frozen=True, slots=True)
class Grouped:
    """The groups that are shown, and how many more there are, with how many files."""

    groups: tuple[Group, ...]
    more_groups: int = 0
    more_files: int = 0


@functools.lru_cache(maxsize=4_096)  # most files have the reason of many others
def shape(reason: str) -> str:
    """Return the reason without what differs from file to file."""
    return _VARYING.sub("…", reason)


def grouped(findings: Iterable[StatusFinding], *, most: int = MOST_GROUPS) -> Grouped:
    """Return the findings by state and shape of their reasons: what a person must see to first, then the largest."""
    found: dict[tuple[str, bool, str], Group] = {}
    for one in findings:
        key = (one.state, one.is_folder, shape(one.reason))
        known = found.get(key)
        if known is None:
            found[key] = Group(one.state, one.reason, one.files, one.path, one.is_folder, is_varied=False)
        else:
            is_varied = known.is_varied or one.reason != known.reason
            files = known.files + one.files
            found[key] = Group(known.state, known.reason, files, known.path, known.is_folder, is_varied)
    ranked = sorted(found.values(), key=lambda group: (_rank(group.state), -group.files))
    hidden = ranked[most:]
    return Grouped(tuple(ranked[:most]), len(hidden), sum(group.files for group in hidden))


def next_step(group: Group, *, is_running: bool) -> str:
    """Return the command that helps with the group, as a person types it. `is_running`: eisync works on it now."""
    path = shlex.quote(group.path)
    if group.state == UNREADABLE or (group.state == State.QUARANTINED.value and "cannot be read" in group.reason):
        rights = "u+rx" if group.is_folder else "u+r"
        return f"chmod {rights} {path}, or chown it: eisync's user must be able to read it"
    if group.state == State.QUARANTINED.value:
        which = "eisync ls --state quarantined" if group.files > 1 else f"eisync explain {path}"
        return f"{which}; repair the file, or send it as it is: eisync retry {path}"
    if group.state in (State.READY.value, State.SENDING.value, State.SYNCED.value) and not is_running:
        return "eisync once, or eisync run"
    return f"eisync explain {path}"


def _rank(state: str) -> int:
    return _ORDER.index(state) if state in _ORDER else len(_ORDER)
