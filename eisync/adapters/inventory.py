"""Everything that lies under a folder, with the reason why it is not for the service where there is one.

Unlike a walk it enters ignored folders too: whoever asks where a file is wants an answer for every file. Links are not
followed; folders are read one at a time, and no tree is held in memory.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from eisync.adapters.links import is_junction, is_link, link_above, why_not_followed
from eisync.adapters.walking import facts_of
from eisync.core.eligible import Eligibility
from eisync.core.items import FileFacts, shown
from eisync.core.links import behind

_KINDS = (
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
    """Everything at and below the folder `below`; of a link, and of what lies behind one, the link alone."""
    linked = link_above(root, f"{below}/" if below else "")
    if linked is not None:
        found = found_at(root, linked, eligibility)
        yield from () if found is None else (found,)
        return
    waiting = [below]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(os.path.join(root, folder) if folder else root) as entries:
                for entry in entries:
                    place = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False) and not is_junction(entry):
                        waiting.append(place)
                    elif (found := found_at(root, place, eligibility)) is not None:
                        yield found
        except FileNotFoundError:
            continue  # it went while we looked
        except OSError as error:
            yield Trouble(folder, f"the folder cannot be read ({error.strerror})")


def found_at(root: str, path: str, eligibility: Eligibility) -> Found | None:
    """What is at `path`; None when there is nothing, or nobody may look."""
    place = os.path.join(root, path)
    try:
        status = os.lstat(place)
    except OSError:
        return None
    reason = eligibility.why_left_out(path)
    if is_link(status, place):
        reason = why_not_followed(root, path, eligibility, names_target=True)
    elif reason is None and not stat.S_ISREG(status.st_mode):
        reason = next((what for is_it, what in _KINDS if is_it(status.st_mode)), "a device, not a file")
    return Found(path, facts_of(status), reason)


def found_behind_link(root: str, path: str, eligibility: Eligibility) -> Found | None:
    """What is at `path` where a link stands on the way to it; None when none does."""
    linked = link_above(root, path)
    link = None if linked is None else found_at(root, linked, eligibility)
    if linked is None or link is None:
        return None
    return Found(path, link.facts, behind(shown(linked), str(link.left_out)))
