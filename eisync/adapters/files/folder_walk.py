"""Walk a tree: folder by folder, a huge one in pieces, and no file opened.

What is known as it is gets passed over at once: at a million files, anything that is done for each of them is what a
scan costs. So names are bytes until a file is worth a word, and whether a file is for the service is only asked of
those that are not known.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from eisync.adapters.files.links import is_junction, why_not_followed
from eisync.core.ignore import IgnoreRules
from eisync.core.known_content import FolderPiece, KnownVersions, Version
from eisync.core.model import FileFacts
from eisync.errors import CONTENT_ERRORS

PIECE = 1_000
"""A folder is handed out when so many of its entries were read, so that no step takes long."""

AT_ONCE = 20_000
"""Of so many known files in one folder the versions are asked for at once; of more, piece by piece."""

# Some file systems keep times past the year 2262; the database holds signed integers of 64 bits.
_INT64_MAX = (1 << 63) - 1


def walk(
    root: str, eligibility: IgnoreRules, *, below: str = "", known: KnownVersions | None = None
) -> Iterator[FolderPiece]:
    """Yield every folder from `below` down that is not ignored, piece by piece; no tree is held in memory."""
    waiting = [below]
    while waiting:
        subfolders: list[str] = []
        yield from _read_folder(root, waiting.pop(), eligibility, known or KnownVersions(), subfolders)
        waiting.extend(subfolders)


def facts_of(status: os.stat_result) -> FileFacts:
    """Return what identifies the version of the file with this status."""
    # The later of the two: no program can set ctime, and mtime is what Windows keeps.
    modified_at, changed_at = status.st_mtime, status.st_ctime
    mtime_ns, ctime_ns = status.st_mtime_ns, status.st_ctime_ns
    if not -_INT64_MAX <= mtime_ns <= _INT64_MAX:
        mtime_ns = _INT64_MAX if mtime_ns > 0 else -_INT64_MAX
    if not -_INT64_MAX <= ctime_ns <= _INT64_MAX:
        ctime_ns = _INT64_MAX if ctime_ns > 0 else -_INT64_MAX
    return FileFacts(status.st_size, mtime_ns, status.st_ino, max(modified_at, changed_at), ctime_ns)


def is_version(status: os.stat_result, facts: FileFacts) -> bool:
    """Return whether the file with this status is a regular one, and the version that has these facts.

    Nothing has happened to it since they were taken: its ctime is the same as well, where it is known.
    """
    if not stat.S_ISREG(status.st_mode):
        return False
    # Asked several times for every file; nearly always with numbers that fit in the database as they are.
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
    """The folder, piece by piece; the folders in it are added to `subfolders`."""
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
    except CONTENT_ERRORS as error:  # whatever is in this folder, the others are walked
        subfolders.clear()
        yield FolderPiece(path, trouble=f"eisync failed on the folder ({type(error).__name__}); please report this")
        return
    except OSError as error:
        subfolders.clear()
        if path and isinstance(error, FileNotFoundError | NotADirectoryError):
            yield FolderPiece(path, unmet=_decoded(versions))  # it went while we walked
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
    """What is worth a word in a piece of a folder. What is met is taken out of `versions`."""
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
            is_met = False  # it went meanwhile
        if version is not None and not is_met:
            versions[entry.name] = version
    return folder


def _examine(
    entry: os.DirEntry[bytes], root: str, folder: FolderPiece, eligibility: IgnoreRules, subfolders: list[str]
) -> bool:
    """Return whether the entry is a file for the service, or note why not; a folder is one to walk, or is ignored."""
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
