"""Keep a short note with a folder itself: in an extended attribute, or in a small file if its disk has no attributes.

The notes are the stamps of a watched folder and the marker of an archive.

The folder is opened only for a moment, so that its disk can be unmounted. While one process changes a note, others
wait. An attribute is replaced as a whole. The file is written in place, with one write, and padded, so that it is
complete at any moment and keeps its space on a disk that is full later. Links below the folder are not followed, and
only a regular file is used. A system without attributes (another operating system, an older network share) may have
left the file although attributes work here: then both are read, and both are written.
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
except ImportError:  # Windows, where there is no lock
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
    """A kind of note: the `attribute` (such as user.name) of folders, or the file `name` in them."""

    def __init__(self, attribute: str, name: str) -> None:
        self._attribute = attribute
        self._name = name

    def read(self, folder: str | int) -> list[bytes]:
        """Return the notes of the folder (a path or a descriptor): none, one, or one from each place. Raise nothing."""
        found = (self._attribute_of(folder), self._file_of(folder))
        return [words for words in found if words]

    def is_empty_file(self, folder: str) -> bool:
        """Return whether the file exists and is empty: a person created it."""
        try:
            status = os.lstat(os.path.join(folder, self._name))
        except (OSError, ValueError):
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size == 0

    def change(self, folder: str, write: Callable[[list[bytes]], bytes], *, makes_file: bool = True) -> bool:
        """Replace the note by what `write` returns for the current notes, under a lock.

        `makes_file`: create the file if it is needed. Return False when the disk is full, or when the file is needed
        and must not be created. Raise FolderError when the note cannot be written.
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
        """Return False when attributes do not exist or are denied. Raise OSError when the disk is full or read-only."""
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
                os.fsync(descriptor)  # an empty file would count as created by a person
        finally:
            os.close(descriptor)


def around(root: str, path: str) -> list[str]:
    """List the folders above the root, and those between it and the file at `path`."""
    above = [os.path.realpath(root)]
    while (parent := os.path.dirname(above[-1])) != above[-1]:
        above.append(parent)
    parts = path.split("/")[:-1]
    return [*above[1:], *(os.path.join(above[0], *parts[:depth]) for depth in range(1, len(parts) + 1))]


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Hold the lock of the folder. Raise OSError when another process, which needs it for a moment only, keeps it.

    A system without locks waits for nothing.
    """
    if not _HAS_LOCKS:  # Windows, where folders cannot be opened either
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
    """Return the stamps of a watched folder, by epoch. Raise nothing."""
    return merged(read_stamps(words) for words in _STAMPS.read(folder))


def change(
    folder: str, write: Callable[[Mapping[str, Stamp]], Mapping[str, Stamp]], *, makes_file: bool = True
) -> bool:
    """Replace the stamps by what `write` returns for the current ones, under a lock.

    `makes_file`: create the file if it is needed. Return False when the disk is full, or when the file is needed and
    must not be created. Raise FolderError when nothing can be stored there.
    """

    def written(found: list[bytes]) -> bytes:
        return write_stamps(write(merged(map(read_stamps, found))))

    return _STAMPS.change(folder, written, makes_file=makes_file)


def marker_of(archive: str | int) -> str | None:
    """Return the marker of an archive (a path, or a descriptor); None when it has none, or does not exist."""
    found = _MARKER.read(archive)
    return found[0].decode(errors="replace") if found else None


def mark(archive: str, marker: str) -> None:
    """Write this marker into the archive. Raise FolderError."""
    if not _MARKER.change(archive, lambda _: marker.encode()):
        raise FolderError(f"the disk of the archive {shown(archive)} is full; make room on it")


def is_new_archive(archive: str) -> bool:
    """Return whether a person marked this as a new archive, with an empty marker file."""
    return _MARKER.is_empty_file(archive)


def is_there(place: str) -> bool:
    """Return whether anything exists at this path."""
    return os.path.lexists(place)
