"""Move a file to another name, on this disk or another: never over another file, and never without its content.

The trash, the archive, undo and retention are all made of these steps. A name is a path, or relative to an open folder.
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator

from eisync.adapters.files.file_facts import open_folder
from eisync.adapters.files.folder_walk import facts_of
from eisync.core.model import FileFacts
from eisync.errors import FolderError

CHUNK_BYTES = 1024 * 1024

READ = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
"""Open a file for reading: no link is followed, and a FIFO does not block."""

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_LONGEST_NAME = 255


def rename_anew(source: str, to: str, *, source_folder: int | None = None, to_folder: int | None = None) -> bool:
    """Rename on one disk; False when something is at `to`. Raises OSError, with EXDEV where `to` is on another disk."""
    try:
        os.link(source, to, src_dir_fd=source_folder, dst_dir_fd=to_folder, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if status_of(to, to_folder) is not None:  # without hard links, a check and a rename is the best there is
            return False
        os.rename(source, to, src_dir_fd=source_folder, dst_dir_fd=to_folder)
        return True
    # The new name first: a power cut between the two may leave both, and never none.
    sync_folder(os.path.dirname(to) if to_folder is None else to_folder)
    os.unlink(source, dir_fd=source_folder)
    return True


def write_copy(
    pieces: Iterable[bytes],
    part: str,
    *,
    folder: int | None = None,
    like: os.stat_result | None = None,
    mode: int = 0o666,
) -> str:
    """Write `pieces` to a new file `part` and sync it; return the content hash of what can be read back.

    A part of an earlier attempt is replaced. The file has the time and the rights of `like`; without it, `mode` less
    the umask. Raises OSError, and what `pieces` raise; then no part is left.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(part, dir_fd=folder)
    try:
        descriptor = os.open(part, _NEW, mode if like is None else 0o600, dir_fd=folder)
        with open(descriptor, "r+b") as copy:
            for piece in pieces:
                copy.write(piece)
            copy.flush()
            if like is not None:
                with contextlib.suppress(OSError):  # a file system without rights
                    os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
                os.utime(descriptor, ns=(like.st_atime_ns, like.st_mtime_ns))
            os.fsync(descriptor)
            copy.seek(0)
            return hashlib.file_digest(copy, "sha256").hexdigest()
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part, dir_fd=folder)
        raise


def pieces_of(descriptor: int) -> Iterator[bytes]:
    """The content of an open file, from its beginning."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    while piece := os.read(descriptor, CHUNK_BYTES):
        yield piece


def status_of(name: str, folder: int | None = None) -> os.stat_result | None:
    """What is at `name`, links not followed; None when nothing is. Raises OSError when the system cannot tell."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def facts_at(name: str, folder: int | None = None) -> FileFacts:
    """The facts of what is at `name`, links not followed. Raises OSError, also when nothing is."""
    return facts_of(os.stat(name, dir_fd=folder, follow_symlinks=False))


def holds(name: str, sha256: str, size: int, *, folder: int | None = None) -> bool:
    """Whether a regular file of that content is at `name`. Raises OSError when the system cannot tell."""
    status = status_of(name, folder)
    if status is None or not stat.S_ISREG(status.st_mode) or status.st_size != size:
        return False
    with open(os.open(name, READ, dir_fd=folder), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def is_version(descriptor: int, facts: FileFacts, sha256: str) -> bool:
    """Whether the open file is the regular one of these facts and this content, and stayed so while it was read."""
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode) or facts_of(before) != facts:
        return False
    with open(descriptor, "rb", closefd=False) as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    return found == sha256 and is_untouched(before, os.fstat(descriptor))


def is_untouched(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether both are of one file that was not touched in between."""
    # No program can set ctime: a write is noticed even if the mtime was set back.
    return _marks(before) == _marks(after)


def made_folder(top: str | int, folder: str, *, mode: int = 0o777) -> int:
    """A descriptor of the folder below `top` (a path, or a descriptor that stays open), made where it is missing.

    No link leads out of `top`. Raises OSError.
    """
    at = os.dup(top) if isinstance(top, int) else open_folder(top, "")
    for part in folder.split("/") if folder else ():
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, mode, dir_fd=at)
                sync_folder(at)
            inner = os.open(part, _FOLDER, dir_fd=at)
        finally:
            os.close(at)
        at = inner
    return at


def names_beside(place: str, word: str) -> Iterator[str]:
    """`place`, then `wave.01.word-1.csv` and so on, none longer than a name can be."""
    folder, name = os.path.split(place)
    stem, dot, extension = name.rpartition(".")
    stem, extension = (stem, dot + extension) if stem else (name, "")
    yield place
    for number in range(1, 1000):
        suffix = f".{word}-{number}{extension}"
        fitting = os.fsencode(stem)[: max(1, _LONGEST_NAME - len(os.fsencode(suffix)))]
        yield os.path.join(folder, os.fsdecode(fitting) + suffix)


def sync_folder(folder: int | str | None) -> None:
    """Make renames in the folder survive a power cut, as far as the file system can; None: it cannot."""
    # Windows opens no folders, some file systems sync none.
    if folder is None:
        return
    with contextlib.suppress(OSError):
        if isinstance(folder, int):
            os.fsync(folder)
            return
        with closing(os.open(folder, os.O_RDONLY)) as descriptor:
            os.fsync(descriptor)


@contextlib.contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Close the descriptor in the end."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise FolderError for an OSError; `what` says what cannot be done."""
    try:
        yield
    except OSError as error:
        raise FolderError(f"{what} ({error.strerror}); check the disk and the permissions of its folders") from error


def _marks(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
