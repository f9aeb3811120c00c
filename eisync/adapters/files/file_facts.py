"""Read the facts of files, and open a file so that no other one can be opened in its place.

Symbolic links are not followed. Files are opened without blocking, because a FIFO would block, and anything but a
regular file is refused.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from eisync.adapters.files.folder_walk import facts_of, is_version
from eisync.adapters.files.folder_walk import walk as walk  # so that the watcher has one module for its files
from eisync.core import mounts
from eisync.core.model import FileFacts, Item
from eisync.core.writers import BEING_WRITTEN, WRITTEN_MEANWHILE, Ask, Presence
from eisync.errors import (
    FileAwayError,
    FileChangedError,
    FileError,
    FileGoneError,
    FileUnreadableError,
    UnreachableError,
)

_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0)
_FILE = os.O_RDONLY | _CLOEXEC | _BINARY | _NOFOLLOW | _NONBLOCK

# Windows: another program has the file open exclusively, or has locked a part of it.
_SHARING_VIOLATIONS = frozenset({32, 33})


def is_held(error: OSError) -> bool:
    """Return whether the file cannot be opened because another program holds it exclusively; then try again later."""
    # Linux: a write lease (Samba's oplocks). The kernel asks for it back now; a blocking open would have waited.
    return isinstance(error, BlockingIOError) or getattr(error, "winerror", None) in _SHARING_VIOLATIONS


_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def raise_if_exhausted(error: OSError, what: str = "file can be read") -> None:
    """Raise UnreachableError when the process or the system has no descriptors or memory left, for any file."""
    if error.errno in _EXHAUSTED:
        raise UnreachableError(f"no {what} at the moment ({error.strerror})") from error


def facts_at(root: str, path: str) -> FileFacts | None:
    """Return the facts of the regular file at `path`, or None when there is none."""
    try:
        status = os.lstat(os.path.join(root, path))
    except OSError:
        return None
    return facts_of(status) if stat.S_ISREG(status.st_mode) else None


def is_missing(root: str, path: str) -> bool:
    """Return whether there is certainly no regular file at `path`; False if unknown (no permission, a bad disk)."""
    try:
        return not stat.S_ISREG(os.lstat(os.path.join(root, path)).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def why_offline(root: str) -> str | None:
    """Return why the root cannot be read, as a sentence for a person; None when it can."""
    try:
        with os.scandir(root) as entries:
            next(entries, None)
    except FileNotFoundError:
        return f"the folder {root} is not there; create or mount it, and watching resumes by itself"
    except NotADirectoryError:
        return f"{root} is not a folder"
    except OSError as error:
        return f"the folder {root} cannot be read ({error.strerror}); give eisync's user permission to read it"
    return None


def device_of(root: str, path: str = "") -> int | None:
    """Return the number of the device of `path`, following no links below the root; None: not known."""
    try:
        return (os.lstat(os.path.join(root, path)) if path else os.stat(root)).st_dev
    except OSError:
        return None


def identity_of(root: str, path: str = "") -> tuple[int, int] | None:
    """Return the device and inode of a folder, or of what is mounted there; None when there is no folder."""
    try:
        status = os.stat(os.path.join(root, path) if path else root, follow_symlinks=not path)
    except (OSError, ValueError):
        return None
    facts = facts_of(status)
    return FileFacts(0, 0, status.st_dev).inode, facts.inode  # both fit into the database


def resolved(root: str) -> str:
    """Return the path of the root with links resolved, as in the kernel's table of mounts."""
    return os.path.realpath(root)


def mountinfo() -> str:
    """Return the text of the kernel's table of mounts; empty if the system has none."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
            return table.read()
    except OSError:
        return ""


def file_system_of(folder: str) -> mounts.FileSystem:
    """Describe the file system that the folder is on."""
    return mounts.file_system_of(resolved(folder), mountinfo())


class OpenFolder:
    """Keep the last opened folder open for the next file in it. Close it after the last file."""

    def __init__(self) -> None:
        self._place: tuple[str, str] | None = None
        self._descriptor = -1

    def open(self, root: str, path: str) -> int:
        """Return a descriptor of the file at `path`. No link on the way leads out of the root. Raise OSError."""
        if os.open not in os.supports_dir_fd:
            return os.open(os.path.join(root, path), _FILE)
        folder, _, name = path.rpartition("/")
        if self._place != (root, folder):
            self.close()
            self._descriptor = open_folder(root, folder)
            self._place = (root, folder)
        return os.open(name, _FILE, dir_fd=self._descriptor)

    def close(self) -> None:
        """Close the folder. Safe to repeat."""
        if self._place is not None:
            self._place = None
            os.close(self._descriptor)


@contextlib.contextmanager
def opened(item: Item, folder: OpenFolder | None = None, ask: Ask | None = None) -> Iterator[int]:
    """Lend a descriptor of the item's file, checked to be the version that settled.

    With `ask`, check before and after that no program has the file open for writing, as far as the system can tell.
    Raise FileGoneError, FileChangedError or FileUnreadableError, and UnreachableError when no file can be opened; then
    nothing was read.
    """
    if folder is None:
        with contextlib.closing(OpenFolder()) as own, opened(item, own, ask) as descriptor:
            yield descriptor
        return
    descriptor = _open_inside(item, folder)
    try:
        _refuse_written(item, descriptor, ask, BEING_WRITTEN)
        _compare_opened(item, os.fstat(descriptor))
        yield descriptor
        # In this order: a program that wrote and closed the file in between has changed its facts.
        _refuse_written(item, descriptor, ask, WRITTEN_MEANWHILE, is_last=True)
        _compare(item, os.fstat(descriptor))
    finally:
        os.close(descriptor)


def read_whole(item: Item, folder: OpenFolder, ask: Ask | None = None) -> bytes:
    """Return the content of the item's file, checked to be the version that settled. Use it for small files.

    The check comes once, after the read. A file that still has the facts with which it settled had them all the time,
    and for a small file every further call costs as much as its content. `ask` is called there too, after the last byte
    was read and before any was sent: a program that wrote before and closed the file has changed its facts. Raise the
    same errors as `opened` and `read`.
    """
    size, content, trouble = item.facts.size, b"", None
    descriptor = _open_inside(item, folder)
    try:
        try:
            # (Some file systems return fewer bytes than requested before the end of the file.)
            while len(content) < size and (chunk := os.read(descriptor, size - len(content))):
                content = content + chunk if content else chunk
        except OSError as error:
            trouble = error
        _refuse_written(item, descriptor, ask, BEING_WRITTEN, is_last=True)
        _compare_opened(item, os.fstat(descriptor))
    finally:
        os.close(descriptor)
    if trouble is not None:
        raise _unreadable(item, trouble) from trouble
    return content


def read(descriptor: int, size: int, item: Item) -> bytes:
    """Read up to `size` bytes of the item's file. Raise FileUnreadableError."""
    try:
        return os.read(descriptor, size)
    except OSError as error:
        raise _unreadable(item, error) from error


def verify(item: Item) -> None:
    """Check the item's path again. Raise FileError when the file has changed since it settled, or that is not known."""
    try:
        status = os.lstat(f"{item.root}/{item.path}")  # `os.path.join` would be a microsecond more
    except (FileNotFoundError, NotADirectoryError):
        raise _absence(item) from None
    except (OSError, ValueError) as error:
        raise FileUnreadableError(
            "the file cannot be accessed; check the disk and the permissions of its folders, then 'eisync retry'",
            item_id=item.id,
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise _absence(item)
    _compare(item, status)


def _refuse_written(item: Item, descriptor: int, ask: Ask | None, why: str, *, is_last: bool = False) -> None:
    """Raise FileChangedError, with the reason `why`, when another program has the file open for writing."""
    if ask is not None and ask(descriptor, item.root, item.path, is_last=is_last).presence is Presence.SOME:
        raise FileChangedError(why, item_id=item.id)


def _unreadable(item: Item, error: OSError) -> FileUnreadableError:
    # Translate it here: a bare OSError would count as a broken connection.
    return FileUnreadableError(
        f"the file cannot be read to its end ({error.strerror}); check the disk, then 'eisync retry'", item_id=item.id
    )


def _compare_opened(item: Item, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise FileUnreadableError("it is not a regular file", item_id=item.id)
    _compare(item, status)


def _compare(item: Item, status: os.stat_result) -> None:
    if not is_version(status, item.facts):
        if not status.st_nlink and facts_of(status) == item.facts:
            return  # its ctime changed because it was deleted; the check of its path reports that
        raise FileChangedError(
            f"the file changed while it was read ({item.facts.size} bytes became {status.st_size})", item_id=item.id
        )


def _open_inside(item: Item, folder: OpenFolder) -> int:
    try:
        return folder.open(item.root, item.path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _absence(item) from error
    except OSError as error:
        raise_if_exhausted(error)
        if is_held(error):
            raise FileChangedError(BEING_WRITTEN, item_id=item.id) from error
        if error.errno == errno.ELOOP:
            raise FileUnreadableError("it is a symbolic link; links are not followed", item_id=item.id) from error
        raise FileUnreadableError(
            f"the file cannot be read ({error.strerror}); give eisync's user permission to read it, then 'eisync "
            "retry'",
            item_id=item.id,
        ) from error


def open_inside(root: str, path: str) -> int:
    """Return a descriptor of the file at `path`. No link on the way leads out of the root."""
    with contextlib.closing(OpenFolder()) as folder:
        return folder.open(root, path)


def open_folder(root: str, folder: str) -> int:
    """Return a descriptor of the folder, opened part by part, so that no link on the way leads out of the root."""
    at = os.open(root, os.O_RDONLY | _CLOEXEC | _DIRECTORY)
    for part in folder.split("/") if folder else ():
        try:
            inner = os.open(part, os.O_RDONLY | _CLOEXEC | _DIRECTORY | _NOFOLLOW, dir_fd=at)
        finally:
            os.close(at)
        at = inner
    return at


def _absence(item: Item) -> FileError:
    """Return the error for a missing file. If its whole root is away, the file settles again when that is back."""
    offline = why_offline(item.root)
    if offline is not None:
        return FileAwayError(offline, item_id=item.id)
    return FileGoneError("the file is gone", item_id=item.id)
