"""Ask the kernel whether a program has a file open for writing, by a read lease that is given back at once.

While the lease is held, a program that opens the file for writing waits: for microseconds, or for the few milliseconds
that other threads of ours may have the interpreter. One that opens it with O_NONBLOCK is told to try again. And this
process gets a SIGIO, which would end it by default: `ignore_lease_breaks` is called before the first lease, in the main
thread, by whoever owns the process. Without it no lease is ever taken.

Source: fcntl(2), "Leases"; `core.writers` says what the answers mean.
"""

import contextlib
import errno
import functools
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator

from eisync.adapters.files import OpenFolder, mountinfo, resolved
from eisync.core import mounts
from eisync.core.writers import SOME_WRITERS, Writers, cannot_tell, writers_of
from eisync.errors import UnreachableError

if sys.platform == "linux":
    import fcntl

BELIEVED_S = 5.0

_LATER = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def ignore_lease_breaks() -> None:
    """Keep the signal that tells of a broken lease from ending the process. Call in the main thread; safe to repeat."""
    if sys.platform == "linux":
        signal.signal(signal.SIGIO, signal.SIG_IGN)


class WriterProbe:
    """Tells who has files open for writing. It remembers for a few seconds which file systems are to be believed."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._why_not: dict[int, str | None] = {}  # by device: why the leases of its file system are not believed
        self._forget_at = 0.0

    @contextlib.contextmanager
    def probing(self) -> Iterator[Callable[[str, str], Writers]]:
        """A probe for many files (root, path): the folder of one is kept open for the next.

        It raises UnreachableError when no file can be opened at the moment.
        """
        why_not = _why_no_leases()
        if why_not is not None:
            answer = cannot_tell(why_not)
            yield lambda _root, _path: answer
            return
        with contextlib.closing(OpenFolder()) as folder:
            yield functools.partial(self._writers_of, folder)

    def _writers_of(self, folder: OpenFolder, root: str, path: str) -> Writers:
        try:
            descriptor = folder.open(root, path)
        except BlockingIOError:
            return SOME_WRITERS  # somebody holds it for himself: opening it for reading would wait for him
        except OSError as error:
            if error.errno in _LATER:
                raise UnreachableError(f"no file can be opened at the moment ({error.strerror})") from error
            return cannot_tell(f"it cannot be opened ({error.strerror})")
        try:
            why_not = self._why_not_believed(root, path, os.fstat(descriptor).st_dev)
            return _lease(descriptor) if why_not is None else cannot_tell(why_not)
        finally:
            os.close(descriptor)

    def _why_not_believed(self, root: str, path: str, device: int) -> str | None:
        # The number of a device may be another's after a mount. (To read the table of mounts costs ten leases.)
        if (now := self._monotonic()) >= self._forget_at:
            self._why_not.clear()
            self._forget_at = now + BELIEVED_S
        if device not in self._why_not:
            place = os.path.join(resolved(root), path)  # no part of `path` is a link: it was opened so
            self._why_not[device] = mounts.why_no_leases(mounts.type_of(place, mountinfo()))
        return self._why_not[device]


def _why_no_leases() -> str | None:
    """Why no lease may be taken by this process; None when it may."""
    if sys.platform != "linux":
        return "this system does not tell who writes"
    # What embeds us may have restored the default. A lease is not worth its end.
    if signal.getsignal(signal.SIGIO) is signal.SIG_DFL:
        return "this process does not ignore SIGIO, which a lease may bring"
    return None


def _lease(descriptor: int) -> Writers:
    """Take a read lease and give it back."""
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno in _LATER:
            raise UnreachableError(f"no lease can be taken at the moment ({error.strerror})") from error
        return writers_of(error.errno)
    with contextlib.suppress(OSError):  # closing the descriptor gives it back as well
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return writers_of(None)
