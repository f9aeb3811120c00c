"""The calls to Windows and the meaning of its answers, with a stand-in for kernel32, as this suite runs elsewhere."""

import sys
from pathlib import Path

import pytest

from eisync.adapters.files.writer_probe import ShareMode, WriterProbe, share_mode
from eisync.core.writers import NO_WRITERS, SOME_WRITERS, Writers, cannot_tell

INVALID = 2**64 - 1


class Kernel32:
    """CreateFileW as it is documented: a handle, or INVALID_HANDLE_VALUE and an error."""

    def __init__(self, error: int | None) -> None:
        self.error = error
        self.opened: list[tuple[object, ...]] = []
        self.closed: list[int] = []

    def CreateFileW(self, *arguments: object) -> int:
        self.opened.append(arguments)
        return 42 if self.error is None else INVALID

    def CloseHandle(self, handle: int) -> int:
        self.closed.append(handle)
        return 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, NO_WRITERS),
        (32, SOME_WRITERS),  # ERROR_SHARING_VIOLATION
        (33, SOME_WRITERS),  # ERROR_LOCK_VIOLATION
        (5, cannot_tell("Windows does not let eisync ask for it (error 5)")),  # ERROR_ACCESS_DENIED
        (2, cannot_tell("Windows does not let eisync ask for it (error 2)")),  # ERROR_FILE_NOT_FOUND
    ],
)
def test_a_file_that_cannot_be_opened_without_its_writers_is_written(
    tmp_path: Path, error: int | None, expected: Writers
) -> None:
    kernel32 = Kernel32(error)
    probe = WriterProbe(windows=ShareMode(kernel32, lambda: error or 0, INVALID))
    assert expected == probe.asking()(3, str(tmp_path), "a.csv")
    # Read access, shared with readers only; of the entry itself, not of the target of a link.
    assert [(str(tmp_path / "a.csv"), 0x80000000, 1, None, 3, 0x00200000, None)] == kernel32.opened
    assert ([42] if error is None else []) == kernel32.closed


@pytest.mark.skipif(sys.platform == "win32", reason="it is Windows")
def test_elsewhere_there_is_no_share_mode() -> None:
    assert share_mode() is None
