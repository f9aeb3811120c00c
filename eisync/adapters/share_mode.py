"""Ask Windows whether a program has a file open for writing: open it so that writers are denied, and close it at once.

While it is open, which is for microseconds, a program that opens it for writing is refused. That is the price of the
question; so it is only asked of a file that would go.

Source: learn.microsoft.com, "CreateFileW", `dwShareMode`: without FILE_SHARE_WRITE the call fails with
ERROR_SHARING_VIOLATION where the file is open for writing, or mapped so. Server Message Block shares keep share modes
at the server, for the clients of all machines (MS-SMB2, 2.2.13, `ShareAccess`).
"""

import sys
from collections.abc import Callable
from typing import Any

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
