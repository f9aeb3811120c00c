"""List everything below a folder, each with the reason why it is not for the service, if there is one.

Unlike a walk this enters ignored folders too, because eisync must be able to explain every file. Links are not
followed. Folders are read one at a time, and the tree is never held in memory.
"""

import os
import stat
from collections.abc import Iterator

from eisync.adapters.files.folder_walk import facts_of, is_junction, is_link, link_above, why_not_followed
from eisync.core.ignore import IgnoreRules, behind
from eisync.core.model import FileFacts, shown, value

_KINDS = (
    (stat.S_ISFIFO, "a named pipe (FIFO), not a file"),
    (stat.S_ISSOCK, "a socket, not a file"),
)


@value
class Found:
    """An entry that is no folder. `path` is relative to the root; `left_out` says why it is not for the service."""

    path: str
    facts: FileFacts
    left_out: str | None


@value
class Trouble:
    """A folder that cannot be read, so that its content is unknown. `left_out`: the rule that leaves it out anyway."""

    path: str
    reason: str
    left_out: str | None = None


def inventory(root: str, eligibility: IgnoreRules, *, below: str = "") -> Iterator[Found | Trouble]:
    """Yield everything at and below the folder `below`. Of a link, yield only the link itself, not what it leads to.

    A missing folder counts as empty, except the root itself.
    """
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
                    elif (found := _found_at(root, place, eligibility)) is not None:
                        yield found
        except FileNotFoundError as error:
            if not folder:
                yield Trouble(folder, f"the folder is not there ({error.strerror})")
            continue  # it was removed meanwhile
        except OSError as error:
            left_out = _why_ignored(folder, eligibility)
            yield Trouble(folder, f"the folder cannot be read ({error.strerror})", left_out)


def found_at(root: str, path: str, eligibility: IgnoreRules) -> Found | None:
    """Return the entry at `path`; None when there is none, or it may not be read (`why_hidden` says why)."""
    try:
        return _found_at(root, path, eligibility)
    except OSError:
        return None


def why_hidden(root: str, path: str) -> str | None:
    """Return why it is not known whether an entry exists at `path`; None when it is known."""
    try:
        os.lstat(os.path.join(root, path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return f"a folder above it cannot be read ({error.strerror})"
    return None


def _found_at(root: str, path: str, eligibility: IgnoreRules) -> Found | None:
    """Return the entry at `path`; None when there is none. Raise OSError when that is not known."""
    place = os.path.join(root, path)
    try:
        status = os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return None
    reason = eligibility.why_left_out(path)
    if is_link(status, place):
        reason = why_not_followed(root, path, eligibility, names_target=True)
    elif reason is None and not stat.S_ISREG(status.st_mode):
        reason = next((what for is_it, what in _KINDS if is_it(status.st_mode)), "a device, not a file")
    return Found(path, facts_of(status), reason)


def found_behind_link(root: str, path: str, eligibility: IgnoreRules) -> Found | None:
    """Return the entry for a `path` with a link on the way to it; None when there is no such link."""
    linked = link_above(root, path)
    link = None if linked is None else found_at(root, linked, eligibility)
    if linked is None or link is None:
        return None
    return Found(path, link.facts, behind(shown(linked), str(link.left_out)))


def _why_ignored(folder: str, eligibility: IgnoreRules) -> str | None:
    """Return why the folder is not for the service, by a rule about it or a folder above it; None when none applies."""
    end = -1
    while folder:
        end = folder.find("/", end + 1)
        rule = eligibility.ignoring_rule(folder if end < 0 else folder[:end], is_dir=True)
        if rule is not None:
            return f"ignored by the pattern {rule}"
        if end < 0:
            break
    return None
