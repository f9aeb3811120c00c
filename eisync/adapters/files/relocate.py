"""Move files so that no crash and no link loses or misplaces one.

The trash, the archive, undo and retention all use these steps. A move never replaces another file, and never leaves a
name without its content. A name is a path, or relative to an open `SafeFolder`.

`SafeFolder` opens, creates and renames only what is below a folder. If the system has descriptors of folders, each step
starts from one, so that no other program can insert a link. If it has none (Windows), each part of a path is checked
before it is used. Paths are relative to the folder, with `/` between the parts.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator

from eisync.adapters.files.file_facts import open_folder
from eisync.adapters.files.folder_walk import facts_of
from eisync.core.model import FileFacts, value
from eisync.errors import FolderError

_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_IS_LINK = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EMLINK})
HAS_DESCRIPTORS = {os.open, os.mkdir, os.unlink, os.stat, os.rename} <= os.supports_dir_fd


@value
class Place:
    """A name in an open folder. If the system cannot open folders (None), the name is the whole path."""

    name: str
    folder: int | None

    def beside(self, name: str) -> "Place":
        """Return another name in the same folder."""
        return Place(name if self.folder is not None else os.path.join(os.path.dirname(self.name), name), self.folder)


@contextlib.contextmanager
def opened(top: str, folder: str, name: str, *, makes: int | None = None) -> Iterator[Place]:
    """Lend the name in the folder below `top`. A link may lead to `top` itself, but none below it is followed.

    `makes`: the permissions of missing folders, which are created; None: create none. Raise OSError.
    """
    if not HAS_DESCRIPTORS:
        yield Place(os.path.join(_checked(top, folder, makes), name), None)
        return
    descriptor = open_folder(top, folder) if makes is None else made_folder(top, folder, mode=makes)
    try:
        yield Place(name, descriptor)
    finally:
        os.close(descriptor)


class SafeFolder:
    """Work below a folder, to which itself a link may lead. Safe to use from any thread."""

    def __init__(self, top: str) -> None:
        """Create the folder if it is missing. Raise OSError."""
        os.makedirs(top, exist_ok=True)
        self.top = top

    def open(self, place: str, flags: int) -> int:
        """Return a descriptor of the file. Raise OSError, with ELOOP when there is a link on the way."""
        with self._at(place) as at:
            return os.open(at.name, flags | _NO_LINK, 0o666, dir_fd=at.folder)

    def create(self, place: str) -> int:
        """Return a descriptor of a new, empty file. An existing file is removed, not written into."""
        self.remove(place)
        return self.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL)

    def make(self, folder: str) -> None:
        """Create the folder and those above it if they are missing."""
        with self._at(f"{folder}/." if folder else ".", makes=0o777):
            pass

    def rename(self, place: str, to: str) -> None:
        """Rename the file, and replace whatever is at `to`."""
        with self._at(place) as at, self._at(to) as goal:
            if at.folder is None:
                os.replace(at.name, goal.name)
            else:
                os.replace(at.name, goal.name, src_dir_fd=at.folder, dst_dir_fd=goal.folder)

    def remove(self, place: str) -> None:
        """Remove the file, if there is one."""
        with contextlib.suppress(FileNotFoundError), self._at(place) as at:
            os.unlink(at.name, dir_fd=at.folder)

    def clear(self, folder: str) -> None:
        """Remove the folder with its content. If it is a link, remove only the link."""
        status = self.status(folder)
        if status is None:
            return
        if not stat.S_ISDIR(status.st_mode):
            self.remove(folder)
            return
        with self._at(folder) as at:
            shutil.rmtree(at.name, ignore_errors=True, dir_fd=at.folder)

    def status(self, place: str) -> os.stat_result | None:
        """Return the status of the entry (of a link: its own); None when there is none, or only behind a link."""
        try:
            with self._at(place) as at:
                return os.stat(at.name, dir_fd=at.folder, follow_symlinks=False)
        except OSError as error:
            if error.errno in (errno.ENOENT, *_IS_LINK):
                return None
            raise

    def holds_file(self, place: str) -> bool:
        """Return whether a regular file exists there."""
        status = self.status(place)
        return status is not None and stat.S_ISREG(status.st_mode)

    def sync(self) -> None:
        """Make renames in the folder survive a power cut, if the file system can."""
        sync_folder(self.top)

    @contextlib.contextmanager
    def _at(self, place: str, *, makes: int | None = None) -> Iterator[Place]:
        folder, _, name = place.rpartition("/")
        with contextlib.ExitStack() as stack:
            try:
                at = stack.enter_context(opened(self.top, folder, name, makes=makes))
            except OSError as error:
                if error.errno in _IS_LINK:
                    raise OSError(errno.ELOOP, f"a link or a file is in the way at {folder}") from error
                raise
            yield at


def _checked(top: str, folder: str, makes: int | None) -> str:
    """Return the path of the folder after a check that no part of it is a link. Raise OSError."""
    at = top
    for part in folder.split("/") if folder else ():
        at = os.path.join(at, part)
        if makes is not None:
            with contextlib.suppress(FileExistsError):
                os.mkdir(at, makes)
        status = os.lstat(at)
        is_junction = getattr(status, "st_reparse_tag", 0) != 0
        if is_junction or not stat.S_ISDIR(status.st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return at


CHUNK_BYTES = 1024 * 1024

READ = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
"""The flags to open a file for reading: follow no link, do not block on a FIFO."""

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_LONGEST_NAME = 255


def rename_anew(source: str, to: str, *, source_folder: int | None = None, to_folder: int | None = None) -> bool:
    """Rename on one disk. Return False when `to` exists. Raise OSError, with EXDEV when `to` is on another disk."""
    try:
        os.link(source, to, src_dir_fd=source_folder, dst_dir_fd=to_folder, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if status_of(to, to_folder) is not None:  # without hard links, a check before the rename is the best possible
            return False
        os.rename(source, to, src_dir_fd=source_folder, dst_dir_fd=to_folder)
        return True
    # Sync the new name first: a power cut between the two may leave both names, but never none.
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
    """Write `pieces` to a new file `part`, sync it, and return the hash of the content that is read back.

    The file of an earlier attempt is replaced. The new file has the time and permissions of `like`; without it, the
    permissions `mode` less the umask. Raise OSError, and what `pieces` raise; then the file is removed.
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
                with contextlib.suppress(OSError, AttributeError):  # a file system or a system without permissions
                    os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
                os.utime(
                    part if os.utime not in os.supports_fd else descriptor, ns=(like.st_atime_ns, like.st_mtime_ns)
                )
            os.fsync(descriptor)
            copy.seek(0)
            return hashlib.file_digest(copy, "sha256").hexdigest()
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part, dir_fd=folder)
        raise


def pieces_of(descriptor: int) -> Iterator[bytes]:
    """Yield the content of an open file, from its beginning."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    while piece := os.read(descriptor, CHUNK_BYTES):
        yield piece


def status_of(name: str, folder: int | None = None) -> os.stat_result | None:
    """Return the status of `name`, following no link; None when it does not exist. Raise OSError if that is unknown."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def facts_at(name: str, folder: int | None = None) -> FileFacts:
    """Return the facts of `name`, following no link. Raise OSError, also when it does not exist."""
    return facts_of(os.stat(name, dir_fd=folder, follow_symlinks=False))


def holds(name: str, sha256: str, size: int, *, folder: int | None = None) -> bool:
    """Return whether `name` is a regular file with that content. Raise OSError if that is unknown."""
    status = status_of(name, folder)
    if status is None or not stat.S_ISREG(status.st_mode) or status.st_size != size:
        return False
    with open(os.open(name, READ, dir_fd=folder), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def is_version(descriptor: int, facts: FileFacts, sha256: str) -> bool:
    """Return whether the open file is a regular one with these facts and this content, and stayed so during reading."""
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode) or facts_of(before) != facts:
        return False
    with open(descriptor, "rb", closefd=False) as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    return found == sha256 and is_untouched(before, os.fstat(descriptor))


def is_untouched(before: os.stat_result, after: os.stat_result) -> bool:
    """Return whether both belong to one file that was not changed in between."""
    # No program can set ctime, so a write is noticed even if mtime was set back.
    return _marks(before) == _marks(after)


def made_folder(top: str | int, folder: str, *, mode: int = 0o777) -> int:
    """Return a descriptor of the folder below `top` (a path, or a descriptor that stays open). Create missing folders.

    No link leads out of `top`. Raise OSError.
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
    """Yield `place`, then names such as `wave.01.word-1.csv`, none longer than the system allows."""
    folder, name = os.path.split(place)
    stem, dot, extension = name.rpartition(".")
    stem, extension = (stem, dot + extension) if stem else (name, "")
    yield place
    for number in range(1, 1000):
        suffix = f".{word}-{number}{extension}"
        fitting = os.fsencode(stem)[: max(1, _LONGEST_NAME - len(os.fsencode(suffix)))]
        yield os.path.join(folder, os.fsdecode(fitting) + suffix)


def sync_folder(folder: int | str | None) -> None:
    """Make renames in the folder survive a power cut, if the file system can. With None, do nothing."""
    # Windows cannot open folders, and some file systems cannot sync them.
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
    """Close the descriptor at the end."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Translate OSError into FolderError; `what` says what cannot be done."""
    try:
        yield
    except OSError as error:
        raise FolderError(f"{what} ({error.strerror}); check the disk and the permissions of its folders") from error


def _marks(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
