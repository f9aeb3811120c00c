"""Decide the state and reason of each file, count files by state, and group equal reasons.

`status_of` gives one file exactly one state and one reason, from the file system, the outbox, the watcher and the last
scan.

`count` combines rows of the outbox and observations of the watcher. A row says how far a file came. An observation says
more when the file is not complete yet or cannot be read. All commands that count or list files decide between the two
here, so that their results agree.

`grouped` puts reasons that differ only in numbers and names into one group, so that a person reads ten lines and not
1,000. Every file is in one group.
"""

import functools
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from eisync.core.lifecycle import PENDING, State
from eisync.core.model import FileFacts, value

LEFT_OUT = "left out"
NEW = "new"
UNEXPLAINED = "unexplained"

GRACE_S = 30.0
"""A file that was touched this shortly before a scan ended may have been missed by it."""

_UNDER_WAY = (State.SENDING.value, State.DOUBTFUL.value)
_SENT = (State.SYNCED.value, State.TOMBSTONE.value, State.QUARANTINED.value)
_IN_DOUBT = "it was touched, copied or restored since; eisync compares its content before it sends anything"


@value
class FileStatus:
    """The state and reason of a file or a whole folder. `state` is a value of `State`, or a constant of this module."""

    state: str
    reason: str
    is_folder: bool = False


def status_of(
    facts: FileFacts, record: Mapping[str, Any] | None, *, is_live: bool, scanned_at: float | None
) -> FileStatus:
    """Return the status of an eligible file. `record` is what is known about it; `is_live`: a daemon watches it."""
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
"""The state of a file or folder that cannot be read. It is only observed, never in a row, and ends when it is readable.
"""

NEEDS_PERSON, WAITS, WELL = 3, 4, 0
"""The exit codes of `eisync once` and `eisync status`."""

_ON_THE_WAY = frozenset({State.READY.value, State.SENDING.value, State.DOUBTFUL.value})


@value
class ObservedEntry:
    """A file that is not complete yet, or a file or folder that cannot be read (see `state`), and the reason.

    `path` is relative to `root`, which is absolute.
    """

    root: str
    path: str
    size: int
    reason: str
    state: str = State.SETTLING.value
    is_folder: bool = False


@value
class FileTotal:
    """A number of files, and the sum of their sizes."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: "FileTotal") -> "FileTotal":
        return FileTotal(self.files + other.files, self.bytes + other.bytes)

    def __sub__(self, other: "FileTotal") -> "FileTotal":
        return FileTotal(self.files - other.files, self.bytes - other.bytes)


@value
class Sighting:
    """Files that were observed in `state` while their rows have `row_state` (None: they have no row).

    `bytes` are their sizes now, `row_bytes` those of the versions in the rows.
    """

    state: str
    row_state: str | None
    files: int
    bytes: int = 0
    row_bytes: int = 0


@value(kw_only=True)
class FileCounts:
    """The numbers of files by state.

    `unreadable` files and `folders` cannot be read. Of the files that were sent, `unlisted` were not in the last
    listing of the project, `vanished` are gone from the project and wait for a person's decision, `unconfirmed` were
    sent to another project, and `comparing` were touched since and will be compared with what was sent.
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
        """The number of files that continue without a person, with time or with the next run."""
        return sum(self.by_state.get(state, 0) for state in PENDING) + self.unlisted + self.comparing

    @property
    def stuck(self) -> int:
        """The number of files that wait for a person."""
        return self.by_state.get(State.QUARANTINED, 0) + self.unreadable + self.folders + self.vanished

    def counts(self) -> dict[str, int]:
        """Return the number of files by the name of their state, without states that have none."""
        found = {state.value: self.by_state[state] for state in State if self.by_state.get(state)}
        return {**found, UNREADABLE: self.unreadable} if self.unreadable else found


def prefers_row(row_state: str) -> bool:
    """Return whether the row counts and not the observation, because a version of the file is being sent."""
    return row_state in _ON_THE_WAY


def count(rows: Mapping[State, FileTotal], sightings: Iterable[Sighting]) -> dict[str, FileTotal]:
    """Return the files by the name of their state, without states that have none. Each file counts once.

    `UNREADABLE` is one of the names.
    """
    found = {state.value: total for state, total in rows.items()}
    for observed in sightings:
        if observed.row_state is not None and prefers_row(observed.row_state):
            continue
        if observed.row_state is not None:
            as_row = FileTotal(observed.files, observed.row_bytes)
            found[observed.row_state] = found.get(observed.row_state, FileTotal()) - as_row
        as_seen = FileTotal(observed.files, observed.bytes)
        found[observed.state] = found.get(observed.state, FileTotal()) + as_seen
    return {state: total for state, total in found.items() if total.files > 0}


def files_by_state(counts: Iterable[Mapping[str, FileTotal]]) -> tuple[dict[State, int], int]:
    """Return the number of files by state in all of these counts, and how many cannot be read."""
    found: dict[str, int] = {}
    for by_state in counts:
        for name, total in by_state.items():
            found[name] = found.get(name, 0) + total.files
    unreadable = found.pop(UNREADABLE, 0)
    return {State(name): files for name, files in found.items()}, unreadable


def exit_code(census: FileCounts, *, is_blocked: bool = False, is_held_up: bool = False, asks: bool = False) -> int:
    """Return the exit code: 0 when all files are where they should be, 3 when a person must act, 4 when eisync
    continues.

    `is_blocked`: nothing continues before a person acts, so running again does not help. `is_held_up`: a folder or disk
    is missing, or a part of eisync failed and is tried again. `asks`: a plan waits for approval.
    """
    if is_blocked or census.unconfirmed:
        return NEEDS_PERSON
    if is_held_up or census.waiting:
        return WAITS
    return NEEDS_PERSON if asks or census.stuck else WELL


MAX_GROUPS = 10

# States that need a person come first.
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
    '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*"      # quoted texts: names, patterns, labels
    | \b[0-9a-fA-F]{16,}\b                     # hashes
    | (?<![\w/])(?:[\w.~-]*/)+[\w.~-]*         # paths
    | \b[\w~-]+\.(?:labels|cbor|json|csv|txt|wav|jpe?g|png|mp4|avi|parquet|done)\b  # names of files
    | \d+(?:[.,:]\d+)*                         # numbers with separators
    """,
    re.VERBOSE,
)


@value
class StatusFinding:
    """The number of files that are in `state` for `reason`. `path` (absolute) is one of them."""

    state: str
    reason: str
    files: int
    path: str
    is_folder: bool = False


@value
class Group:
    """Files in one state whose reasons differ only in numbers and names. `reason` and `path` are those of one file."""

    state: str
    reason: str
    files: int
    path: str
    is_folder: bool
    is_varied: bool


@value
class Grouped:
    """The groups that are shown, and the numbers of further groups and their files."""

    groups: tuple[Group, ...]
    more_groups: int = 0
    more_files: int = 0


@functools.lru_cache(maxsize=4_096)  # most files share their reason with many others
def shape(reason: str) -> str:
    """Return the reason without the parts that differ from file to file."""
    return _VARYING.sub("…", reason)


def grouped(findings: Iterable[StatusFinding], *, most: int = MAX_GROUPS) -> Grouped:
    """Group the findings by state and shape of their reasons: those that need a person first, then the largest."""
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


def next_step(group: Group, *, is_running: bool, is_paused: bool = False) -> str:
    """Return the command that helps with the group, as a person types it.

    `is_running`: eisync is running now. `is_paused`: a person paused these uploads.
    """
    path = shlex.quote(group.path)
    if group.state == UNREADABLE or (group.state == State.QUARANTINED.value and "cannot be read" in group.reason):
        rights = "u+rx" if group.is_folder else "u+r"
        return f"chmod {rights} {path}, or chown it: eisync's user must be able to read it"
    if group.state == State.QUARANTINED.value:
        which = "eisync ls --state quarantined" if group.files > 1 else f"eisync explain {path}"
        return f"{which}; repair the file, or send it as it is: eisync retry {path}"
    if group.state == State.READY.value and is_paused:
        return "eisync resume"
    if group.state in (State.READY.value, State.SENDING.value, State.SYNCED.value) and not is_running:
        return "eisync once, or eisync run"
    return f"eisync explain {path}"


def _rank(state: str) -> int:
    return _ORDER.index(state) if state in _ORDER else len(_ORDER)
