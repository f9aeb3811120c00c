"""Say where links lead: symbolic ones, and the junctions of Windows. None is followed to read what it leads to."""

import errno
import os
import stat
from dataclasses import dataclass

from eisync.core.ignore import IgnoreRules, Leads, why_left_out
from eisync.core.labels.sidecars import WHAT_THEY_ARE
from eisync.core.model import shown

_MOUNT_POINT = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", 0xA0000003)
_HAS_JUNCTIONS = hasattr(os.stat_result, "st_reparse_tag")
_VOLUME = "\\\\?\\Volume{"


@dataclass(frozen=True, slots=True)
class Link:
    """Where the link leads: `target` is absolute, None where that is not known."""

    leads: Leads
    target: str | None


def is_link(status: os.stat_result, place: str | bytes) -> bool:
    """Whether what has this `status`, asked for without following links, is one. A disk that is mounted into a folder
    is none, though it is a junction to Windows."""
    if stat.S_ISLNK(status.st_mode):
        return True
    if getattr(status, "st_reparse_tag", 0) != _MOUNT_POINT:
        return False
    try:
        return not os.readlink(os.fsdecode(place)).startswith(_VOLUME)
    except OSError:
        return True


def is_junction(entry: os.DirEntry[bytes] | os.DirEntry[str]) -> bool:
    """Return whether the folder is one of another place. Only Windows has such; elsewhere nothing is asked."""
    return _HAS_JUNCTIONS and is_link(entry.stat(follow_symlinks=False), entry.path)


def link_at(place: str) -> Link:
    """Return where the link at `place` leads."""
    try:
        mode = os.stat(place).st_mode
    except OSError as error:
        leads = {errno.ENOENT: Leads.NOWHERE, errno.ENOTDIR: Leads.NOWHERE, errno.ELOOP: Leads.IN_A_CIRCLE}
        return Link(leads.get(error.errno or 0, Leads.TO_UNREADABLE), _target(place))
    if stat.S_ISDIR(mode):
        return Link(Leads.TO_FOLDER, _target(place))
    return Link(Leads.TO_FILE if stat.S_ISREG(mode) else Leads.TO_OTHER, _target(place))


def why_not_followed(root: str, path: str, eligibility: IgnoreRules, *, names_target: bool = False) -> str:
    """Say why the link at `path` of the root is left out, as one clause.

    `names_target`: with what it leads to, for one link; without, for one of many.
    """
    link = _as_upward(root, link_at(os.path.join(root, path)))
    ignored = eligibility.why_ignored(path, is_dir=link.leads in (Leads.TO_FOLDER, Leads.UPWARDS))
    if ignored is not None:
        return ignored
    other = eligibility.why_file_left_out(path) if link.leads is Leads.TO_FILE else None
    if other is not None and path.rpartition("/")[2] not in WHAT_THEY_ARE:
        return other
    target = shown(link.target) if names_target and link.target is not None else None
    return why_left_out(link.leads, target=target, is_uploaded=_is_uploaded(root, link, eligibility))


def link_above(root: str, path: str) -> str | None:
    """Return the topmost link on the way from the root to `path`, which is not checked itself; relative to the root."""
    end = path.find("/")
    while end >= 0:
        if is_link_at(os.path.join(root, path[:end])):
            return path[:end]
        end = path.find("/", end + 1)
    return None


def is_link_at(place: str) -> bool:
    """Return whether there is a link at `place`."""
    try:
        return is_link(os.lstat(place), place)
    except OSError:
        return False


def _target(place: str) -> str | None:
    """What the link leads to in the end. Of one that leads nowhere, as far as it can be told."""
    try:
        return os.path.realpath(place)
    except OSError:
        return None


def _as_upward(root: str, link: Link) -> Link:
    """Return the link, as one that leads upwards where it does."""
    if link.leads is not Leads.TO_FOLDER or link.target is None:
        return link
    is_above = os.path.join(os.path.realpath(root), "").startswith(os.path.join(link.target, ""))
    return Link(Leads.UPWARDS, link.target) if is_above else link


def _is_uploaded(root: str, link: Link, eligibility: IgnoreRules) -> bool:
    """Whether what the link leads to lies in the root, where nothing leaves it out."""
    if link.target is None or link.leads not in (Leads.TO_FILE, Leads.TO_FOLDER):
        return False
    above = os.path.join(os.path.realpath(root), "")
    if not link.target.startswith(above):
        return False
    path = link.target[len(above) :].replace(os.sep, "/")
    if link.leads is Leads.TO_FILE:
        return eligibility.why_left_out(path) is None
    return eligibility.ignoring(f"{path}/x") is None
