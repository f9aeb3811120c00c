"""Collect the bytes of a body with bounded memory and hash them: a small body in memory, a larger one in a file."""

import hashlib
import io
import os
import tempfile
from dataclasses import dataclass
from typing import BinaryIO

_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a part: in memory, or in a spool file, which the store may take by renaming it."""

    content: bytes | None
    path: str | None
    size_bytes: int

    def read(self) -> bytes:
        if self.content is not None:
            return self.content
        with self.open() as file:
            return file.read()

    def open(self) -> BinaryIO:
        if self.content is not None:
            return io.BytesIO(self.content)
        assert self.path is not None
        return open(self.path, "rb")

    def discard(self) -> None:
        """Remove the spool file, if there is one and the store has not taken it."""
        if self.path is not None:
            try:
                os.unlink(self.path)
            except FileNotFoundError:
                return


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    max_parts: int
    max_part_bytes: int  # a part of this size or more is counted but not kept
    spool_bytes: int
    spool_total_bytes: int


class Spool:
    """Collects the bytes of one part: call `write`, then `finish` or `discard`."""

    def __init__(self, folder: str, limits: Limits, memory_left_bytes: int) -> None:
        self._folder = folder
        self._limits = limits
        self._memory_limit_bytes = min(limits.spool_bytes, memory_left_bytes)
        self._chunks: list[bytes] = []
        self._file: BinaryIO | None = None
        self._path: str | None = None
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.size_bytes = 0
        self.is_too_large = False

    def write(self, chunk: bytes) -> None:
        self.size_bytes += len(chunk)
        if self.is_too_large:
            return
        if self.size_bytes >= self._limits.max_part_bytes:
            self.is_too_large = True
            self.discard()
            return
        self._sha256.update(chunk)
        self._md5.update(chunk)
        if self._file is None and self.size_bytes > self._memory_limit_bytes:
            self._move_to_disk()
        if self._file is None:
            self._chunks.append(chunk)
        else:
            self._file.write(chunk)

    def _move_to_disk(self) -> None:
        handle, self._path = tempfile.mkstemp(dir=self._folder)
        self._file = os.fdopen(handle, "wb")
        self._file.writelines(self._chunks)
        self._chunks = []

    def finish(self) -> tuple[Body, str, str]:
        """Return the body with its SHA-256 and MD5, in hex."""
        hashes = self._sha256.hexdigest(), self._md5.hexdigest()
        if self.is_too_large:
            return Body(b"", None, 0), *hashes
        if self._file is not None:
            self._file.close()
            self._file = None
            return Body(None, self._path, self.size_bytes), *hashes
        return Body(b"".join(self._chunks), None, self.size_bytes), *hashes

    def discard(self) -> None:
        self._chunks = []
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._path is not None:
            os.unlink(self._path)
            self._path = None


def hash_md5(file: BinaryIO) -> str:
    """Return the MD5 of a file, in hex, for the split rule."""
    digest = hashlib.md5(usedforsecurity=False)
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
