"""Ask Windows whether a program has a file open for writing: open it so that writers are denied, and close it at once.

While it is open, which is for microseconds, a program that opens it for writing is refused. That is the price of the
question; so it is only asked of a file that would go.

Source: learn.microsoft.com, "CreateFileW", `dwShareMode`: without FILE_SHARE_WRITE the call fails with
ERROR_SHARING_VIOLATION where the file is open for writing, or mapped so. Server Message Block shares keep share modes
at the server, for the clients of all machines (MS-SMB2, 2.2.13, `ShareAccess`).

Ask the kernel whether a program has a file open for writing: on the descriptor that the file is read from.

On Linux by a read lease that is given back at once. While it is held, a program that opens the file for writing waits:
for microseconds, or for the few milliseconds that other threads of ours may have the interpreter. One that opens it
with O_NONBLOCK is told to try again. And this process gets a SIGIO, which would end it by default:
`ignore_lease_breaks` is called before the first lease, in the main thread, by the program itself. Without it no
lease is ever taken. On Windows by the share mode (`adapters.files.writer_probe`). On other systems that is not known:
macOS has no leases for programs, and its share modes bind only those who ask for them.

Source: fcntl(2), "Leases"; `core.writers` says what the answers mean.
"""

import contextlib
import errno
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eisync.adapters.files.file_facts import mountinfo, raise_if_exhausted, resolved
from eisync.core import mounts
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
_FILE_FLAG_OPEN_REPARSE_POINT = 0x00200000  # a link that was put in the way is not followed


class ShareMode:
    """Opens files by `kernel32`; `last_error` is the error of the last call that failed."""

    def __init__(self, kernel32: Any, last_error: Callable[[], int], invalid_handle: int) -> None:
        self._kernel32 = kernel32
        self._last_error = last_error
        self._invalid_handle = invalid_handle

    def error_of_denying_writers(self, place: str) -> int | None:
        """Return why the file cannot be opened while writers are denied, as Windows numbers it; None when it can."""
        handle = self._kernel32.CreateFileW(
            place, _GENERIC_READ, _FILE_SHARE_READ, None, _OPEN_EXISTING, _FILE_FLAG_OPEN_REPARSE_POINT, None
        )
        if handle is None or handle == self._invalid_handle:
            return self._last_error()
        self._kernel32.CloseHandle(handle)
        return None


def share_mode() -> ShareMode | None:
    """Return that of this system; None where it is not Windows."""
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
    """Keep the signal that tells of a broken lease from ending the process. Call in the main thread; safe to repeat."""
    if sys.platform == "linux":
        signal.signal(signal.SIGIO, signal.SIG_IGN)


class WriterProbe:
    """Tells who has files open for writing. It remembers for a few seconds which folders' leases are to be believed.

    Safe to use from any thread.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, windows: ShareMode | None = None) -> None:
        self._monotonic = monotonic
        self._windows = windows or share_mode()
        self._folders: dict[tuple[str, str], Writers] = {}  # by root and folder: what is said of its files unasked
        self._forget_at = 0.0

    def asking(self) -> Ask:
        """What to ask for a piece of work. It raises UnreachableError when nothing can be asked at the moment."""
        if (windows := self._windows) is not None:
            return _Windows(windows)
        why_not = _why_no_leases()
        return self._writers_of if why_not is None else SameAnswer(cannot_tell(why_not))

    def _writers_of(self, descriptor: int, root: str, path: str, *, is_last: bool = False) -> Writers:
        # To read the table of mounts costs ten leases, and every call for a small file lets other threads go first.
        if (now := self._monotonic()) >= self._forget_at:
            self._forget_at = now + BELIEVED_S
            self._folders = {}  # a new one: other threads read the old one meanwhile
        known = self._folders
        folder = path.rpartition("/")[0]
        if (answer := known.get((root, folder))) is None:
            # No part of `path` is a link: it was opened so.
            table, place = mountinfo(), os.path.join(resolved(root), folder).rstrip("/") or "/"
            if mounts.holds_mounts(place, table):
                return _asked(_answer_of(os.path.join(resolved(root), path), table), descriptor, is_last=is_last)
            answer = known[root, folder] = _answer_of(place, table)
        return _asked(answer, descriptor, is_last=is_last)


@dataclass(frozen=True, slots=True)
class _Windows:
    mode: ShareMode

    def __call__(self, descriptor: int, root: str, path: str, *, is_last: bool = False) -> Writers:
        return writers_of_windows(self.mode.error_of_denying_writers(os.path.join(root, path)))


def _answer_of(place: str, mountinfo: str) -> Writers:
    """Return NO_WRITERS where leases tell who writes what is at `place`, and else that they do not."""
    why_not = mounts.why_no_leases(mounts.type_of(place, mountinfo))
    return NO_WRITERS if why_not is None else cannot_tell(why_not)


def _asked(answer: Writers, descriptor: int, *, is_last: bool) -> Writers:
    return _lease(descriptor, is_last=is_last) if answer.presence is Presence.NONE else answer


def _why_no_leases() -> str | None:
    """Why no lease may be taken by this process; None when it may."""
    if sys.platform != "linux":
        return "this system cannot say who writes"
    # What embeds us may have restored the default. A lease is not worth its end.
    if signal.getsignal(signal.SIGIO) is signal.SIG_DFL:
        return "this process does not ignore SIGIO, which a lease may bring"
    return None


def _lease(descriptor: int, *, is_last: bool) -> Writers:
    """Take a read lease and give it back; where the descriptor is closed next, that gives it back."""
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        raise_if_exhausted(error, "lease can be taken")
        return writers_of(error.errno)
    if not is_last:
        with contextlib.suppress(OSError):  # closing the descriptor gives it back as well
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return NO_WRITERS
