"""Look at files: walk a folder, take the facts of one, open one so that nothing else can be opened in its place.

Symbolic links are not followed, and nothing but a regular file is ever opened: a FIFO would block, a device would
answer. A walk opens no file; it reads folders and asks for facts.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from eisync.core.eligible import Eligibility
from eisync.core.items import FileFacts, Item
from eisync.errors import FileChangedError, FileError, FileGoneError, FileUnreadableError, UnreachableError

_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0)

_NO_FILES_FAULT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})

# Some file systems keep times past the year 2262; the database holds signed integers of 64 bits.
_INT64_MAX = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder of a walk. `path` is relative to the root, empty for the root itself.

    `files` are the eligible ones, by name. `left_out` pairs a path with the reason why it is not for the service.
    `trouble` says why the folder could not be read; then nothing may be concluded about what is in it.
    """

    path: str
    files: dict[str, FileFacts]
    left_out: list[tuple[str, str]]
    trouble: str | None = None


def walk(root: str, eligibility: Eligibility, *, below: str = "") -> Iterator[Folder]:
    """Every folder from `below` down that is not ignored, one at a time; no tree is held in memory."""
    waiting = [below]
    while waiting:
        folder, subfolders = _read_folder(root, waiting.pop(), eligibility)
        waiting.extend(subfolders)
        yield folder


def look(root: str, path: str) -> FileFacts | None:
    """The facts of the regular file at `path`, or None when there is none."""
    try:
        status = os.lstat(os.path.join(root, path))
    except OSError:
        return None
    return facts_of(status) if stat.S_ISREG(status.st_mode) else None


def is_missing(root: str, path: str) -> bool:
    """Whether there is certainly no regular file at `path`; False when nobody can tell (no rights, a bad disk)."""
    try:
        return not stat.S_ISREG(os.lstat(os.path.join(root, path)).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def why_offline(root: str) -> str | None:
    """Why the root cannot be read, as a sentence for a person; None when it can."""
    try:
        with os.scandir(root) as entries:
            next(entries, None)
    except FileNotFoundError:
        return f"the folder {root} is not there; make it or mount it, watching resumes by itself"
    except NotADirectoryError:
        return f"{root} is not a folder"
    except OSError as error:
        return f"the folder {root} cannot be read ({error.strerror}); give eisync's user the right to read it"
    return None


def mountinfo() -> str:
    """The kernel's table of mounts; empty where there is none."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
            return table.read()
    except OSError:
        return ""


@contextlib.contextmanager
def opened(item: Item) -> Iterator[int]:
    """A descriptor of the item's file, which is the one that settled.

    Raises FileGoneError, FileChangedError or FileUnreadableError, and UnreachableError when no file can be opened;
    then nothing was read.
    """
    descriptor = _open_inside(item)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise FileUnreadableError("it is no regular file", item_id=item.id)
        _compare(item, facts_of(status))
        yield descriptor
        _compare(item, facts_of(os.fstat(descriptor)))
    finally:
        os.close(descriptor)


def verify(item: Item) -> None:
    """Look at the item's path once more. Raises FileError when it is not what settled, or nobody can tell."""
    facts = look(item.root, item.path)
    if facts is None:
        if is_missing(item.root, item.path):
            raise _absence(item)
        raise FileUnreadableError(
            "the file cannot be looked at; see to the disk and to the rights of its folders, then 'eisync retry'",
            item_id=item.id,
        )
    _compare(item, facts)


def _compare(item: Item, facts: FileFacts) -> None:
    if facts != item.facts:
        raise FileChangedError(
            f"the file changed while it was read ({item.facts.size} bytes became {facts.size})", item_id=item.id
        )


def _read_folder(root: str, path: str, eligibility: Eligibility) -> tuple[Folder, list[str]]:
    files: dict[str, FileFacts] = {}
    left_out: list[tuple[str, str]] = []
    subfolders: list[str] = []
    try:
        with os.scandir(os.path.join(root, path) if path else root) as entries:
            for entry in entries:
                place = f"{path}/{entry.name}" if path else entry.name
                try:
                    if entry.is_dir(follow_symlinks=False):
                        if eligibility.ignoring_rule(place, is_dir=True) is None:
                            subfolders.append(place)
                        continue
                    reason = eligibility.why_left_out(place) or _why_not_regular(entry)
                    if reason is None:
                        files[entry.name] = facts_of(entry.stat(follow_symlinks=False))
                    else:
                        left_out.append((place, reason))
                except FileNotFoundError:
                    continue  # it went while we looked
    except OSError as error:
        if path and isinstance(error, FileNotFoundError | NotADirectoryError):
            return Folder(path, {}, []), []  # it went while we walked
        return Folder(path, {}, [], f"the folder cannot be read ({error.strerror})"), []
    return Folder(path, files, left_out), subfolders


def _why_not_regular(entry: os.DirEntry[str]) -> str | None:
    if entry.is_symlink():
        dangling = not os.path.exists(entry.path)
        return "a dangling symbolic link" if dangling else "a symbolic link; links are not followed"
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISFIFO(mode):
        return "a named pipe (FIFO), not a file"
    return "a socket, not a file" if stat.S_ISSOCK(mode) else "a device, not a file"


def facts_of(status: os.stat_result) -> FileFacts:
    """What identifies the version of the file that was looked at."""
    # The later of the two: no program can set ctime, and mtime is what Windows keeps.
    touched_at = max(status.st_mtime, status.st_ctime)
    mtime_ns = max(-_INT64_MAX, min(status.st_mtime_ns, _INT64_MAX))
    return FileFacts(status.st_size, mtime_ns, status.st_ino, touched_at)


def _open_inside(item: Item) -> int:
    try:
        return open_inside(item.root, item.path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _absence(item) from error
    except OSError as error:
        if error.errno in _NO_FILES_FAULT:
            raise UnreachableError(f"no file can be read at the moment ({error.strerror})") from error
        if error.errno == errno.ELOOP:
            raise FileUnreadableError("it is a symbolic link; links are not followed", item_id=item.id) from error
        raise FileUnreadableError(
            f"the file cannot be read ({error.strerror}); give eisync's user the right to read it, then 'eisync retry'",
            item_id=item.id,
        ) from error


def open_inside(root: str, path: str) -> int:
    """A descriptor of what is at `path`: folder by folder, so that no link put in the way leads out of the root."""
    flags = os.O_RDONLY | _CLOEXEC | _BINARY | _NOFOLLOW | _NONBLOCK
    if os.open not in os.supports_dir_fd:
        return os.open(os.path.join(root, path), flags)
    *folders, name = path.split("/")
    at = os.open(root, os.O_RDONLY | _CLOEXEC | _DIRECTORY)
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | _CLOEXEC | _DIRECTORY | _NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        return os.open(name, flags, dir_fd=at)
    finally:
        os.close(at)


def _absence(item: Item) -> FileError:
    """What it means that the item's file is not there. A root that is away has taken it along: it settles anew then."""
    offline = why_offline(item.root)
    if offline is not None:
        return FileChangedError(offline, item_id=item.id)
    return FileGoneError("the file is not there any more", item_id=item.id)
