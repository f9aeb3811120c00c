"""Everything that lies under a folder, with the reason why it is not for the service where there is one.

Unlike a walk it enters ignored folders too: whoever asks where a file is wants an answer for every file. Links are not
followed; folders are read one at a time, and no tree is held in memory.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from eisync.adapters.walking import facts_of
from eisync.core.eligible import Eligibility
from eisync.core.items import FileFacts

_KINDS = (
    (stat.S_ISLNK, "a symbolic link; links are not followed"),
    (stat.S_ISFIFO, "a named pipe (FIFO), not a file"),
    (stat.S_ISSOCK, "a socket, not a file"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A thing that is no folder. `path` is relative to the root; `left_out` says why it is not for the service."""

    path: str
    facts: FileFacts
    left_out: str | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A folder that cannot be read, so that nobody knows what is in it."""

    path: str
    reason: str


def inventory(root: str, eligibility: Eligibility, *, below: str = "") -> Iterator[Found | Trouble]:
    """Everything at and below the folder `below`."""
    waiting = [below]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(os.path.join(root, folder) if folder else root) as entries:
                for entry in entries:
                    place = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(place)
                    elif (found := found_at(root, place, eligibility)) is not None:
                        yield found
        except FileNotFoundError:
            continue  # it went while we looked
        except OSError as error:
            yield Trouble(folder, f"the folder cannot be read ({error.strerror})")


def found_at(root: str, path: str, eligibility: Eligibility) -> Found | None:
    """What is at `path`; None when there is nothing, or nobody may look."""
    try:
        status = os.lstat(os.path.join(root, path))
    except OSError:
        return None
    reason = eligibility.why_left_out(path)
    if reason is None and not stat.S_ISREG(status.st_mode):
        reason = next((what for is_it, what in _KINDS if is_it(status.st_mode)), "a device, not a file")
    return Found(path, facts_of(status), reason)
