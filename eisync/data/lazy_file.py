"""A file that is opened when somebody reads it, and can be let go in between.

`upload_directory` hands thousands of samples to a `transform`; each must look like an open file, and few may be open.
"""

import io
import os
from typing import Any


class LazyFile(io.BufferedIOBase):
    """Reads `path` as `open(path, "rb")` would; `release` closes the file and keeps the place for the next read."""

    mode = "rb"

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = path
        self._file: io.BufferedReader | None = None
        self._position = 0

    def release(self) -> None:
        """Close the file, if it is open. Safe to repeat."""
        if self._file is not None:
            self._position = self._file.tell()
            self._file.close()
            self._file = None

    def close(self) -> None:
        self.release()
        super().close()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._opened().fileno()

    def read(self, size: int | None = -1, /) -> bytes:
        return self._opened().read(size)

    def read1(self, size: int = -1, /) -> bytes:
        return self._opened().read1(size)

    def readinto(self, buffer: Any, /) -> int:
        return self._opened().readinto(buffer)

    def peek(self, size: int = 0, /) -> bytes:
        return self._opened().peek(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._opened().seek(offset, whence)

    def tell(self) -> int:
        return self._position if self._file is None else self._file.tell()

    def __repr__(self) -> str:
        return f"<LazyFile name={self.path!r}>"

    def _opened(self) -> io.BufferedReader:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        if self._file is None:
            self._file = open(self.path, "rb")  # noqa: SIM115 (release closes it)
            self._file.seek(self._position)
        return self._file
