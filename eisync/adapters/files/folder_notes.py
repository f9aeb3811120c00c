"""A few words that are kept with a folder itself: in an extended attribute of it, or in a small file where its disk has
none.

The folder is opened for a moment only, so that its disk can be unmounted; while one process changes the words, the
others wait. An attribute is replaced as a whole; the file is written in place, in one piece, and padded, so that it is
whole at any moment and has its room on a disk that filled up since. Links below the folder are not followed, and only a
regular file is taken. Whoever cannot see attributes (another system, an older network share) may have left the file
though there are attributes here: then both are read, and both are written.

The stamps that are kept with a watched folder, and the marker of an archive.
"""

import contextlib
import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from eisync.core.lineage import ATTRIBUTE, NAME, Stamp, merged, read_stamps, write_stamps
from eisync.core.model import shown
from eisync.errors import FolderError

try:
    import fcntl
except ImportError:  # Windows: there nobody waits for the other
    fcntl = None  # type: ignore[assignment]

_HAS_LOCKS = hasattr(fcntl, "flock")
MOST_BYTES = 64 * 1024
LENGTH = 2048
_OPEN = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_DIRECTORY", 0)
_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_HAS_ATTRIBUTES = hasattr(os, "setxattr")
_LOCK_S, _PAUSE_S = 2.0, 0.01


class Note:
    """The words of one kind: `attribute` (as user.name) of folders, or the file `name` in them."""

    def __init__(self, attribute: str, name: str) -> None:
        self._attribute = attribute
        self._name = name

    def read(self, folder: str | int) -> list[bytes]:
        """What is kept with the folder (a path, or a descriptor), in no, one or both of the places. Raises nothing."""
        found = (self._attribute_of(folder), self._file_of(folder))
        return [words for words in found if words]

    def is_empty_file(self, folder: str) -> bool:
        """Whether the file is there and holds nothing: somebody made it by hand."""
        try:
            status = os.lstat(os.path.join(folder, self._name))
        except (OSError, ValueError):
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size == 0

    def change(self, folder: str, write: Callable[[list[bytes]], bytes], *, makes_file: bool = True) -> bool:
        """Keep what `write` makes of what is kept; nobody else changes it meanwhile.

        False when the disk is full, or would need a file that nobody `makes_file`. Raises FolderError when it cannot be
        written.
        """
        try:
            with _locked(folder):
                words = write(self.read(folder))
                in_file = bool(self._file_of(folder))
                is_attribute = self._set_attribute(folder, words)
                if in_file or (makes_file and not is_attribute):
                    self._write_file(folder, words)
                return in_file or makes_file or is_attribute
        except OSError as error:
            if error.errno in _FULL:
                return False
            raise FolderError(
                f"eisync cannot write its note in the folder {shown(folder)} ({error.strerror}); give eisync's "
                "user permission to write there"
            ) from error

    def _attribute_of(self, folder: str | int) -> bytes | None:
        if not _HAS_ATTRIBUTES:
            return None
        try:
            return os.getxattr(folder, self._attribute)
        except (OSError, ValueError):
            return None

    def _set_attribute(self, folder: str, words: bytes) -> bool:
        """False where there are none, or not for us. Raises OSError when the disk is full or takes nothing at all."""
        if not _HAS_ATTRIBUTES:
            return False
        try:
            os.setxattr(folder, self._attribute, words)
        except OSError as error:
            if error.errno in _FULL or error.errno in (errno.EROFS, errno.ENOENT):
                raise
            return False
        return True

    def _file_of(self, folder: str | int) -> bytes | None:
        place, above = (self._name, folder) if isinstance(folder, int) else (os.path.join(folder, self._name), None)
        try:
            descriptor = os.open(place, os.O_RDONLY | _FLAGS | _BINARY, dir_fd=above)
        except (OSError, ValueError):
            return None
        try:
            return os.read(descriptor, MOST_BYTES).strip() if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def _write_file(self, folder: str, words: bytes) -> None:
        descriptor = os.open(os.path.join(folder, self._name), os.O_RDWR | os.O_CREAT | _FLAGS | _BINARY, 0o644)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "something else has that name")
            whole = words.ljust(max(LENGTH, status.st_size) - 1) + b"\n"
            if os.write(descriptor, whole) != len(whole):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if not status.st_size:
                os.fsync(descriptor)  # an empty one would be a person's word
        finally:
            os.close(descriptor)


def around(root: str, path: str) -> list[str]:
    """The folders above the root, and those between it and the file at `path`."""
    above = [os.path.realpath(root)]
    while (parent := os.path.dirname(above[-1])) != above[-1]:
        above.append(parent)
    parts = path.split("/")[:-1]
    return [*above[1:], *(os.path.join(above[0], *parts[:depth]) for depth in range(1, len(parts) + 1))]


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Raises OSError when another process does not let go; it holds on for a moment only. Where there are no locks,
    nobody waits."""
    if not _HAS_LOCKS:  # Windows, which opens no folders either
        yield
        return
    descriptor = os.open(folder, _OPEN)
    try:
        give_up_at, pause = time.monotonic() + _LOCK_S, threading.Event()
        while _HAS_LOCKS:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up_at:
                    raise
                pause.wait(_PAUSE_S)
            except OSError:
                break
        yield
    finally:
        os.close(descriptor)


ARCHIVE_NAME = ".eisync-archive"
_MARKER = Note("user.eisync.archive", ARCHIVE_NAME)
_STAMPS = Note(ATTRIBUTE, NAME)


def read(folder: str) -> dict[str, Stamp]:
    """The stamps by epoch. Raises nothing."""
    return merged(read_stamps(words) for words in _STAMPS.read(folder))


def change(
    folder: str, write: Callable[[Mapping[str, Stamp]], Mapping[str, Stamp]], *, makes_file: bool = True
) -> bool:
    """Keep what `write` makes of the stamps; nobody else changes them meanwhile.

    False when the disk is full, or has no room for it but in a file that nobody `makes_file`. Raises FolderError when
    nothing can be kept there.
    """

    def written(found: list[bytes]) -> bytes:
        return write_stamps(write(merged(map(read_stamps, found))))

    return _STAMPS.change(folder, written, makes_file=makes_file)


def marker_of(archive: str | int) -> str | None:
    """The marker of an archive (a path, or a descriptor); None when it has none, or is not there."""
    found = _MARKER.read(archive)
    return found[0].decode(errors="replace") if found else None


def mark(archive: str, marker: str) -> None:
    """Give the archive this marker. Raises FolderError."""
    if not _MARKER.change(archive, lambda _: marker.encode()):
        raise FolderError(f"the disk of the archive {shown(archive)} is full; make room on it")


def is_new_archive(archive: str) -> bool:
    """Whether a person said with an empty file that this is a new archive, put there on purpose."""
    return _MARKER.is_empty_file(archive)


def is_there(place: str) -> bool:
    """Whether anything is there."""
    return os.path.lexists(place)
