"""Ask the operating system whether a program has a file open for writing.

On Linux, take a read lease on the descriptor that the file is read from, and release it at once. While the lease is
held, a program that opens the file for writing waits: for microseconds, or for a few milliseconds while other threads
of eisync hold the interpreter. A program that opens it with O_NONBLOCK gets an error that asks it to try again. This
process gets a SIGIO then, which would end it by default, so the program calls `ignore_lease_breaks` in its main thread
before the first lease. Without that call no lease is ever taken.

On Windows, open the file so that writers are denied, and close it at once. While it is open, for microseconds, a
program that opens it for writing is refused. Because of that cost, only a file that is about to be sent is probed.

On other systems the answer is "not known". macOS has no leases for programs, and its share modes are only advisory.

Sources: fcntl(2), "Leases"; `core.writers` says what the answers mean. learn.microsoft.com, "CreateFileW",
`dwShareMode`: without FILE_SHARE_WRITE the call fails with ERROR_SHARING_VIOLATION when the file is open for writing,
or mapped so. Server Message Block shares keep share modes at the server, for the clients of all machines (MS-SMB2,
2.2.13, `ShareAccess`).
"""

import contextlib
import errno
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from eisync.adapters.files.file_facts import mountinfo, raise_if_exhausted, resolved
from eisync.core import mounts
from eisync.core.model import value
from eisync.core.writers import (
    NO_WRITERS,
    Ask,
    Presence,
    SameAnswer,
    Writers,
    cannot_tell,
    writers_of,
    writers_of_windows,
)

_GENERIC_READ = 0x80000000
_FILE_SHARE_READ = 0x00000001
_OPEN_EXISTING = 3
_FILE_FLAG_OPEN_REPARSE_POINT = 0x00200000  # follow no link


class ShareMode:
    """Open files with `kernel32`. `last_error` returns the error of the last call that failed."""

    def __init__(self, kernel32: Any, last_error: Callable[[], int], invalid_handle: int) -> None:
        self._kernel32 = kernel32
        self._last_error = last_error
        self._invalid_handle = invalid_handle

    def error_of_denying_writers(self, place: str) -> int | None:
        """Return the Windows error number of opening the file while denying writers; None when that succeeds."""
        handle = self._kernel32.CreateFileW(
            place, _GENERIC_READ, _FILE_SHARE_READ, None, _OPEN_EXISTING, _FILE_FLAG_OPEN_REPARSE_POINT, None
        )
        if handle is None or handle == self._invalid_handle:
            return self._last_error()
        self._kernel32.CloseHandle(handle)
        return None


def share_mode() -> ShareMode | None:
    """Return the `ShareMode` of this system; None unless it is Windows."""
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        numbers = [wintypes.DWORD, wintypes.DWORD, wintypes.LPVOID, wintypes.DWORD, wintypes.DWORD, wintypes.HANDLE]
        kernel32.CreateFileW.argtypes = [wintypes.LPCWSTR, *numbers]
        kernel32.CreateFileW.restype = wintypes.HANDLE
        kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
        return ShareMode(kernel32, ctypes.get_last_error, wintypes.HANDLE(-1).value or -1)
    return None


if sys.platform == "linux":
    import fcntl

BELIEVED_S = 5.0


def ignore_lease_breaks() -> None:
    """Keep the signal of a broken lease from ending the process. Call this in the main thread. Safe to repeat."""
    if sys.platform == "linux":
        signal.signal(signal.SIGIO, signal.SIG_IGN)


class WriterProbe:
    """Report which files are open for writing. Cache for a few seconds in which folders leases are reliable.

    Safe to use from any thread.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, windows: ShareMode | None = None) -> None:
        self._monotonic = monotonic
        self._windows = windows or share_mode()
        # The table of mounts; where the roots are, with links resolved; and, by root and folder, the answer without a
        # lease.
        self._cached: tuple[str, dict[str, str], dict[tuple[str, str], Writers]] = ("", {}, {})
        self._forget_at = float("-inf")

    def asking(self) -> Ask:
        """Return the function that probes files. It raises UnreachableError when it cannot probe at the moment."""
        if (windows := self._windows) is not None:
            return _Windows(windows)
        why_not = _why_no_leases()
        return self._writers_of if why_not is None else SameAnswer(cannot_tell(why_not))

    def _writers_of(self, descriptor: int, root: str, path: str, *, is_last: bool = False) -> Writers:
        # Reading the table of mounts costs as much as ten leases, and every system call lets other threads run first.
        if (now := self._monotonic()) >= self._forget_at:
            # New ones, because other threads may still read the old ones.
            self._cached = (mountinfo(), {}, {})
            self._forget_at = now + BELIEVED_S
        table, places, known = self._cached
        folder = path.rpartition("/")[0]
        if (answer := known.get((root, folder))) is None:
            # No part of `path` is a link, because the file was opened without following any.
            top = places[root] = places.get(root) or resolved(root)
            place = os.path.join(top, folder).rstrip("/") or "/"
            if mounts.holds_mounts(place, table):
                return _asked(_answer_of(os.path.join(top, path), table), descriptor, is_last=is_last)
            answer = known[root, folder] = _answer_of(place, table)
        return _asked(answer, descriptor, is_last=is_last)


@value
class _Windows:
    mode: ShareMode

    def __call__(self, descriptor: int, root: str, path: str, *, is_last: bool = False) -> Writers:
        return writers_of_windows(self.mode.error_of_denying_writers(os.path.join(root, path)))


def _answer_of(place: str, mountinfo: str) -> Writers:
    """Return NO_WRITERS when leases are reliable at `place`; otherwise the reason why they are not."""
    why_not = mounts.why_no_leases(mounts.type_of(place, mountinfo))
    return NO_WRITERS if why_not is None else cannot_tell(why_not)


def _asked(answer: Writers, descriptor: int, *, is_last: bool) -> Writers:
    return _lease(descriptor, is_last=is_last) if answer.presence is Presence.NONE else answer


def _why_no_leases() -> str | None:
    """Return why this process must not take a lease; None when it may."""
    if sys.platform != "linux":
        return "this system cannot say who writes"
    # A program that embeds eisync may have restored the default. A lease is not worth ending that program.
    if signal.getsignal(signal.SIGIO) is signal.SIG_DFL:
        return "this process does not ignore SIGIO, which a lease may bring"
    return None


def _lease(descriptor: int, *, is_last: bool) -> Writers:
    """Take a read lease and release it. `is_last`: the descriptor is closed next, which releases it."""
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        raise_if_exhausted(error, "lease can be taken")
        return writers_of(error.errno)
    if not is_last:
        with contextlib.suppress(OSError):  # closing the descriptor releases it as well
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return NO_WRITERS
