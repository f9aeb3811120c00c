"""Put reasons that differ in their numbers and names only into one group, so that a person reads ten lines, not 1,000.

Pure: findings in, groups out; no file is lost on the way.
"""

import functools
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from eisync.core.file_counts import UNREADABLE
from eisync.core.lifecycle import State

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
class Finding:
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


def grouped(findings: Iterable[Finding], *, most: int = MOST_GROUPS) -> Grouped:
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
