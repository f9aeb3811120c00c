"""Walk a tree folder by folder, a huge folder in pieces. Open no file and follow no link.

With a million files, the cost of a scan is what is done for each file, so files with unchanged facts are skipped at
once. Names stay bytes until a file needs a decision. Only files that are not known are checked against the rules. Links
(symbolic links, and the junctions of Windows) are reported as links, with their targets.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from eisync.core.ignore import IgnoreRules, Leads, why_left_out
from eisync.core.known_content import FolderPiece, KnownVersions, Version
from eisync.core.labels.sidecars import WHAT_THEY_ARE
from eisync.core.model import FileFacts, shown, value
from eisync.errors import CONTENT_ERRORS

_MOUNT_POINT = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", 0xA0000003)
_HAS_JUNCTIONS = hasattr(os.stat_result, "st_reparse_tag")
_VOLUME = "\\\\?\\Volume{"


@value
class Link:
    """The target of a link: an absolute path; None when it is not known."""

    leads: Leads
    target: str | None


def is_link(status: os.stat_result, place: str | bytes) -> bool:
    """Return whether the entry with this `status` (of lstat) is a link.

    A disk that is mounted into a folder is not, although Windows calls it a junction.
    """
    if stat.S_ISLNK(status.st_mode):
        return True
    if getattr(status, "st_reparse_tag", 0) != _MOUNT_POINT:
        return False
    try:
        return not os.readlink(os.fsdecode(place)).startswith(_VOLUME)
    except OSError:
        return True


def is_junction(entry: os.DirEntry[bytes] | os.DirEntry[str]) -> bool:
    """Return whether the folder is a junction. Only Windows has these; other systems are not asked."""
    return _HAS_JUNCTIONS and is_link(entry.stat(follow_symlinks=False), entry.path)


def link_at(place: str) -> Link:
    """Return the target of the link at `place`."""
    try:
        mode = os.stat(place).st_mode
    except OSError as error:
        leads = {errno.ENOENT: Leads.NOWHERE, errno.ENOTDIR: Leads.NOWHERE, errno.ELOOP: Leads.IN_A_CIRCLE}
        return Link(leads.get(error.errno or 0, Leads.TO_UNREADABLE), _target(place))
    if stat.S_ISDIR(mode):
        return Link(Leads.TO_FOLDER, _target(place))
    return Link(Leads.TO_FILE if stat.S_ISREG(mode) else Leads.TO_OTHER, _target(place))


def why_not_followed(root: str, path: str, eligibility: IgnoreRules, *, names_target: bool = False) -> str:
    """Return why the link at `path` of the root is left out, as one clause.

    `names_target`: name the target, for a single link; otherwise do not, for one of many.
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
    """Return the final target of the link. For a broken link, return as much of it as is known."""
    try:
        return os.path.realpath(place)
    except OSError:
        return None


def _as_upward(root: str, link: Link) -> Link:
    """Return the link, marked if it leads to a folder above itself."""
    if link.leads is not Leads.TO_FOLDER or link.target is None:
        return link
    is_above = os.path.join(os.path.realpath(root), "").startswith(os.path.join(link.target, ""))
    return Link(Leads.UPWARDS, link.target) if is_above else link


def _is_uploaded(root: str, link: Link, eligibility: IgnoreRules) -> bool:
    """Return whether the link's target is in the root and is not left out."""
    if link.target is None or link.leads not in (Leads.TO_FILE, Leads.TO_FOLDER):
        return False
    above = os.path.join(os.path.realpath(root), "")
    if not link.target.startswith(above):
        return False
    path = link.target[len(above) :].replace(os.sep, "/")
    if link.leads is Leads.TO_FILE:
        return eligibility.why_left_out(path) is None
    return eligibility.ignoring(f"{path}/x") is None


PIECE = 1_000
"""Yield a folder in pieces of this many entries, so that no step takes long."""

AT_ONCE = 20_000
"""Read the versions of up to this many known files of a folder at once; of more, piece by piece."""

# Some file systems have times after the year 2262; the database holds signed integers of 64 bits.
_INT64_MAX = (1 << 63) - 1


def walk(
    root: str, eligibility: IgnoreRules, *, below: str = "", known: KnownVersions | None = None
) -> Iterator[FolderPiece]:
    """Yield every folder from `below` down that is not ignored, piece by piece. The tree is never held in memory."""
    waiting = [below]
    while waiting:
        subfolders: list[str] = []
        yield from _read_folder(root, waiting.pop(), eligibility, known or KnownVersions(), subfolders)
        waiting.extend(subfolders)


def facts_of(status: os.stat_result) -> FileFacts:
    """Return what identifies the version of the file with this status."""
    # The later of the two: no program can set ctime, but on Windows only mtime changes.
    modified_at, changed_at = status.st_mtime, status.st_ctime
    mtime_ns, ctime_ns = status.st_mtime_ns, status.st_ctime_ns
    if not -_INT64_MAX <= mtime_ns <= _INT64_MAX:
        mtime_ns = _INT64_MAX if mtime_ns > 0 else -_INT64_MAX
    if not -_INT64_MAX <= ctime_ns <= _INT64_MAX:
        ctime_ns = _INT64_MAX if ctime_ns > 0 else -_INT64_MAX
    return FileFacts(status.st_size, mtime_ns, status.st_ino, max(modified_at, changed_at), ctime_ns)


def is_version(status: os.stat_result, facts: FileFacts) -> bool:
    """Return whether the file with this status is a regular one and the version with these facts.

    If so, it did not change since they were taken: its ctime is the same as well, if it is known.
    """
    if not stat.S_ISREG(status.st_mode):
        return False
    # This runs several times for every file, nearly always with numbers that fit into the database unchanged.
    if (
        status.st_size == facts.size
        and status.st_mtime_ns == facts.mtime_ns
        and status.st_ino == facts.inode
        and status.st_ctime_ns == facts.ctime_ns
    ):
        return True
    return facts_of(status).is_untouched_since(facts)


def _read_folder(
    root: str, path: str, eligibility: IgnoreRules, known: KnownVersions, subfolders: list[str]
) -> Iterator[FolderPiece]:
    """Yield the folder, piece by piece. Add the folders in it to `subfolders`."""
    versions = known.all_in(path, AT_ONCE)
    met = 0
    try:
        with os.scandir(os.fsencode(os.path.join(root, path) if path else root)) as entries:
            while True:
                piece = list(islice(entries, PIECE))
                if versions is None:
                    some = dict(known.some_in(path, _names(piece)))
                    met += len(some)
                    folder = _read(piece, root, path, eligibility, some, subfolders, known.passes_over)
                    met -= len(some)
                else:
                    folder = _read(piece, root, path, eligibility, versions, subfolders, known.passes_over)
                if len(piece) < PIECE:
                    break
                yield folder
    except CONTENT_ERRORS as error:  # whatever is in this folder, walk the others
        subfolders.clear()
        yield FolderPiece(path, trouble=f"eisync failed on the folder ({type(error).__name__}); please report this")
        return
    except OSError as error:
        subfolders.clear()
        if path and isinstance(error, FileNotFoundError | NotADirectoryError):
            yield FolderPiece(path, unmet=_decoded(versions))  # it was removed during the walk
        else:
            yield FolderPiece(path, trouble=f"the folder cannot be read ({error.strerror})")
        return
    yield replace(folder, unmet=_decoded(versions), is_last=True, met=met)


def _read(
    entries: list[os.DirEntry[bytes]],
    root: str,
    path: str,
    eligibility: IgnoreRules,
    versions: dict[bytes, Version],
    subfolders: list[str],
    passes_over: Callable[[Version, Version], bool],
) -> FolderPiece:
    """Return what must be reported of a piece of a folder. Remove the files that were found from `versions`."""
    folder = FolderPiece(path, is_last=False, entries=len(entries))
    for entry in entries:
        version = versions.pop(entry.name, None)
        try:
            if version is not None and entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                found = (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
                if version == found or passes_over(version, found):
                    continue
            is_met = _examine(entry, root, folder, eligibility, subfolders)
        except FileNotFoundError:
            is_met = False  # it was removed meanwhile
        if version is not None and not is_met:
            versions[entry.name] = version
    return folder


def _examine(
    entry: os.DirEntry[bytes], root: str, folder: FolderPiece, eligibility: IgnoreRules, subfolders: list[str]
) -> bool:
    """Return whether the entry is a file for the service; if not, record why. A folder is walked, or ignored."""
    name = os.fsdecode(entry.name)
    place = f"{folder.path}/{name}" if folder.path else name
    is_folder = entry.is_dir(follow_symlinks=False)
    if is_folder and not is_junction(entry):
        if eligibility.ignoring_rule(place, is_dir=True) is None:
            subfolders.append(place)
        return False
    reason = eligibility.why_file_left_out(place)
    if is_folder or entry.is_symlink():
        reason = why_not_followed(root, place, eligibility)
    if reason is None:
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            folder.files[name] = facts_of(status)
            return True
        reason = _what_it_is(status.st_mode)
    folder.left_out.append((place, reason))
    return False


def _what_it_is(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a named pipe (FIFO), not a file"
    return "a socket, not a file" if stat.S_ISSOCK(mode) else "a device, not a file"


def _names(entries: Iterable[os.DirEntry[bytes]]) -> list[bytes]:
    return [entry.name for entry in entries]


def _decoded(versions: Iterable[bytes] | None) -> list[str] | None:
    return None if versions is None else [os.fsdecode(name) for name in versions]
