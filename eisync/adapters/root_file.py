"""The small file at the top of a watched folder in which is counted what is taken out of it.

It is opened for a moment only, so that a disk can be unmounted; while one process changes it, the others wait. It is
written in place, in one piece, and padded: it is whole at any moment, and on a disk that filled up since it still has
its room. Links are not followed, and only a regular file is taken.
"""

import contextlib
import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator

from eisync.core.items import shown
from eisync.core.lineage import MOST_BYTES, NAME
from eisync.errors import FolderError

try:
    import fcntl
except ImportError:  # Windows: there nobody waits for the other
    fcntl = None  # type: ignore[assignment]

LENGTH = 2048
_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_LOCK_S, _PAUSE_S = 2.0, 0.01
_NO_LOCKS = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL})


def read(folder: str) -> bytes | None:
    """What the file holds; None when there is none, or nobody can tell. Raises nothing."""
    try:
        descriptor = os.open(os.path.join(folder, NAME), os.O_RDONLY | _FLAGS | _BINARY)
    except (OSError, ValueError):
        return None
    try:
        return _content(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def change(folder: str, write: Callable[[bytes | None, int], bytes]) -> bool:
    """Write what `write` makes of the file's content (None: there was none) and the least length; nobody else changes
    it meanwhile. False when the disk is full. Raises FolderError when it cannot be written."""
    place = os.path.join(folder, NAME)
    try:
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT | _FLAGS | _BINARY, 0o644)
        try:
            with _locked(descriptor):
                before = _content(descriptor)
                after = write(before or None, max(LENGTH, len(before)))
                os.lseek(descriptor, 0, os.SEEK_SET)
                if os.write(descriptor, after) != len(after):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                if not before:
                    os.fsync(descriptor)  # an empty one would be a person's word
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in _FULL:
            return False
        raise FolderError(
            f"{shown(place)} cannot be written ({error.strerror}); give eisync's user the right to write in that folder"
        ) from error
    return True


def around(root: str, path: str) -> list[str]:
    """The folders above the root, and those between it and the file at `path`, that have such a file: the watched
    folders of others that this one lies in, or that lie in this one."""
    top = os.path.realpath(root)
    above = [top]
    while (parent := os.path.dirname(above[-1])) != above[-1]:
        above.append(parent)
    parts = path.split("/")[:-1]
    below = [os.path.join(top, *parts[:depth]) for depth in range(1, len(parts) + 1)]
    return [folder for folder in (*above[1:], *below) if _is_there(os.path.join(folder, NAME))]


def _is_there(place: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(place).st_mode)
    except (OSError, ValueError):
        return False


def _content(descriptor: int) -> bytes:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, MOST_BYTES)


@contextlib.contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    """Raises OSError when another process does not let go; it holds on for a moment only. Where the file system has
    no locks, nobody waits."""
    give_up_at, pause = time.monotonic() + _LOCK_S, threading.Event()
    while fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError as error:
            if error.errno in _NO_LOCKS:
                break
            if time.monotonic() > give_up_at:
                raise
            pause.wait(_PAUSE_S)
    yield  # closing lets go of it
