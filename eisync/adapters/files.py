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
    return _facts(status) if stat.S_ISREG(status.st_mode) else None


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


class OpenFolder:
    """The folder that was opened last, kept open for the next file in it. Close it when the last file is read."""

    def __init__(self) -> None:
        self._place: tuple[str, str] | None = None
        self._descriptor = -1

    def descriptor(self, item: Item) -> tuple[int, str]:
        """The folder of the item's file, and the file's name in it. Raises OSError."""
        folder, _, name = item.path.rpartition("/")
        if self._place != (item.root, folder):
            self.close()
            self._descriptor = _open_folder(item.root, folder)
            self._place = (item.root, folder)
        return self._descriptor, name

    def close(self) -> None:
        """Safe to repeat."""
        if self._place is not None:
            self._place = None
            os.close(self._descriptor)


@contextlib.contextmanager
def opened(item: Item, folder: OpenFolder | None = None) -> Iterator[int]:
    """A descriptor of the item's file, which is the one that settled.

    Raises FileGoneError, FileChangedError or FileUnreadableError, and UnreachableError when no file can be opened;
    then nothing was read.
    """
    if folder is None:
        with contextlib.closing(OpenFolder()) as own, opened(item, own) as descriptor:
            yield descriptor
        return
    descriptor = _open_inside(item, folder)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise FileUnreadableError("it is no regular file", item_id=item.id)
        _compare(item, _facts(status))
        yield descriptor
        _compare(item, _facts(os.fstat(descriptor)))
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
                        files[entry.name] = _facts(entry.stat(follow_symlinks=False))
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


def _facts(status: os.stat_result) -> FileFacts:
    # The later of the two: no program can set ctime, and mtime is what Windows keeps.
    touched_at = max(status.st_mtime, status.st_ctime)
    mtime_ns = max(-_INT64_MAX, min(status.st_mtime_ns, _INT64_MAX))
    return FileFacts(status.st_size, mtime_ns, status.st_ino, touched_at)


def _open_inside(item: Item, folder: OpenFolder) -> int:
    flags = os.O_RDONLY | _CLOEXEC | _BINARY | _NOFOLLOW | _NONBLOCK
    try:
        if os.open not in os.supports_dir_fd:
            return os.open(os.path.join(item.root, item.path), flags)
        at, name = folder.descriptor(item)
        return os.open(name, flags, dir_fd=at)
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


def _open_folder(root: str, folder: str) -> int:
    # Folder by folder, so that no link put in the way leads out of the root.
    at = os.open(root, os.O_RDONLY | _CLOEXEC | _DIRECTORY)
    for part in folder.split("/") if folder else ():
        try:
            inner = os.open(part, os.O_RDONLY | _CLOEXEC | _DIRECTORY | _NOFOLLOW, dir_fd=at)
        finally:
            os.close(at)
        at = inner
    return at


def _absence(item: Item) -> FileError:
    """What it means that the item's file is not there. A root that is away has taken it along: it settles anew then."""
    offline = why_offline(item.root)
    if offline is not None:
        return FileChangedError(offline, item_id=item.id)
    return FileGoneError("the file is not there any more", item_id=item.id)
