"""Give a file another name, on this disk or on another, never over one that is there, and never without its content."""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator

from eisync.adapters.files.file_facts import open_folder

NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
CHUNK_BYTES = 1024 * 1024
_LONGEST_NAME = 255


def rename_anew(source: str, to: str, *, source_folder: int | None = None, to_folder: int | None = None) -> bool:
    """Rename on one disk; False when something is at `to`. Names are relative to the folders, where there are any.

    Raises OSError, with EXDEV where `to` is on another disk.
    """
    try:
        os.link(source, to, src_dir_fd=source_folder, dst_dir_fd=to_folder, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if status_of(to, to_folder) is not None:  # no hard links here: a look and a rename is the best there is
            return False
        os.rename(source, to, src_dir_fd=source_folder, dst_dir_fd=to_folder)
        return True
    # The new name first: a power cut between the two may leave both, and never none.
    sync_folder(os.path.dirname(to) if to_folder is None else to_folder)
    os.unlink(source, dir_fd=source_folder)
    return True


def write_copy(pieces: Iterable[bytes], part: str, *, folder: int | None = None, like: os.stat_result | None) -> str:
    """Write `pieces` to `part`, on the disk when this returns, with the time and the rights of `like`.

    Returns the content hash of what can be read back. Raises OSError, and leaves no part then.
    """
    try:
        mode = 0o666 if like is None else 0o600  # until it has the rights of the other
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode, dir_fd=folder)
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
    """What is at `name`, links not followed; None when nothing is. Raises OSError when nobody can tell."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def holds(name: str, sha256: str, size: int, *, folder: int | None = None) -> bool:
    """Whether a regular file of that content is at `name`. Raises OSError when nobody can tell."""
    status = status_of(name, folder)
    if status is None or not stat.S_ISREG(status.st_mode) or status.st_size != size:
        return False
    with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def made_folder(top: str | int, folder: str) -> int:
    """A descriptor of the folder below `top` (a path, or a descriptor that stays open), made where it is missing; no
    link leads out of it. Raises OSError."""
    at = os.dup(top) if isinstance(top, int) else open_folder(top, "")
    for part in folder.split("/") if folder else ():
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, dir_fd=at)
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
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


def sync_folder(folder: int | str) -> None:
    """What was renamed in it stays so after a power cut, as far as the file system can promise it."""
    with contextlib.suppress(OSError):
        if isinstance(folder, int):
            os.fsync(folder)
            return
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
