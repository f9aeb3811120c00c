"""Ask the kernel whether a program has a file open for writing: on the descriptor that the file is read from.

On Linux by a read lease that is given back at once. While it is held, a program that opens the file for writing waits:
for microseconds, or for the few milliseconds that other threads of ours may have the interpreter. One that opens it
with O_NONBLOCK is told to try again. And this process gets a SIGIO, which would end it by default:
`ignore_lease_breaks` is called before the first lease, in the main thread, by whoever owns the process. Without it no
lease is ever taken. On Windows by the share mode (`adapters.share_mode`). On other systems nobody can tell: macOS has
no leases for programs, and its share modes bind only those who ask for them.

Source: fcntl(2), "Leases"; `core.writers` says what the answers mean.
"""

import errno
import os
import signal
import sys
import time
from collections.abc import Callable

from eisync.adapters.files import mountinfo, resolved
from eisync.adapters.share_mode import ShareMode, share_mode
from eisync.core import mounts
from eisync.core.writers import NO_WRITERS, Ask, Writers, cannot_tell, writers_of, writers_of_windows
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
    """Tells who has files open for writing. It remembers for a few seconds which file systems are to be believed.

    Safe to use from any thread.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, windows: ShareMode | None = None) -> None:
        self._monotonic = monotonic
        self._windows = windows or share_mode()
        self._why_not: dict[int, str | None] = {}  # by device: why the leases of its file system are not believed
        self._forget_at = 0.0

    def asking(self) -> Ask:
        """What to ask for a piece of work. It raises UnreachableError when nothing can be asked at the moment."""
        if (windows := self._windows) is not None:
            return lambda _descriptor, root, path: writers_of_windows(
                windows.error_of_denying_writers(os.path.join(root, path))
            )
        why_not = _why_no_leases()
        if why_not is not None:
            answer = cannot_tell(why_not)
            return lambda _descriptor, _root, _path: answer
        return self._writers_of

    def _writers_of(self, descriptor: int, root: str, path: str) -> Writers:
        # The number of a device may be another's after a mount. (To read the table of mounts costs ten leases.)
        if (now := self._monotonic()) >= self._forget_at:
            self._forget_at = now + BELIEVED_S
            self._why_not = {}  # a new one: other threads read the old one meanwhile
        known = self._why_not
        device = os.fstat(descriptor).st_dev
        if device not in known:
            place = os.path.join(resolved(root), path)  # no part of `path` is a link: it was opened so
            known[device] = mounts.why_no_leases(mounts.type_of(place, mountinfo()))
        why_not = known[device]
        return _lease(descriptor) if why_not is None else cannot_tell(why_not)


def _why_no_leases() -> str | None:
    """Why no lease may be taken by this process; None when it may."""
    if sys.platform != "linux":
        return "this system cannot say who writes"
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
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError:
        return NO_WRITERS  # closing the descriptor gives it back as well
    return NO_WRITERS
