"""Keep contents by their SHA-256: in memory, or in a folder where they survive a SIGKILL.

`MemoryBlobs` and `StoredBlobs` promise the same. `spool_folder` is the folder for bodies that are being received; `put`
renames them out of it. `put` is safe to repeat, and a content is never partly written under its name. `open` raises
FileNotFoundError for an unknown content. `discard` ignores an unknown content.
"""

import io
import os
import sqlite3
import tempfile
from typing import BinaryIO

from eisync.emulator import statements as sql
from eisync.emulator.spool import Body

_MAX_ROW_BYTES = 32 * 1024  # a larger one is quicker as a file


class MemoryBlobs:
    """Small bodies in memory, spooled ones in a temporary folder that `close` removes."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="eisync-emulator-")
        self._contents: dict[str, bytes] = {}
        self._large = FolderBlobs(self._folder.name)

    @property
    def spool_folder(self) -> str:
        return self._large.spool_folder

    def put(self, sha256: str, body: Body) -> None:
        if body.content is None:
            self._large.put(sha256, body)
        else:
            self._contents[sha256] = body.content

    def open(self, sha256: str) -> BinaryIO:
        content = self._contents.get(sha256)
        return self._large.open(sha256) if content is None else io.BytesIO(content)

    def discard(self, sha256: str) -> None:
        self._contents.pop(sha256, None)
        self._large.discard(sha256)

    def close(self) -> None:
        self._contents.clear()
        self._folder.cleanup()


class StoredBlobs:
    """Small bodies in the database, within the caller's transaction; spooled and larger ones as files beside it."""

    def __init__(self, database: sqlite3.Connection, folder: str) -> None:
        self._database = database
        self._large = FolderBlobs(folder)

    @property
    def spool_folder(self) -> str:
        return self._large.spool_folder

    def put(self, sha256: str, body: Body) -> None:
        if body.content is None or body.size_bytes > _MAX_ROW_BYTES:
            self._large.put(sha256, body)
        else:
            self._database.execute(sql.KEEP_CONTENT, {"sha256": sha256, "bytes": body.content})

    def open(self, sha256: str) -> BinaryIO:
        row = self._database.execute(sql.READ_CONTENT, {"sha256": sha256}).fetchone()
        return self._large.open(sha256) if row is None else io.BytesIO(row[0])

    def discard(self, sha256: str) -> None:
        if not self._database.execute(sql.DROP_CONTENT, {"sha256": sha256}).rowcount:
            self._large.discard(sha256)

    def close(self) -> None:
        """Do nothing: the caller closes the database."""


class FolderBlobs:
    """Files `blobs/ab/abcdef…`, written in the spool folder and renamed, so that a file is always complete."""

    def __init__(self, folder: str) -> None:
        self._blobs = os.path.join(folder, "blobs")
        self._spool = os.path.join(folder, "spool")
        os.makedirs(self._spool, exist_ok=True)
        for name in os.listdir(self._spool):  # left by a process that was killed
            os.unlink(os.path.join(self._spool, name))

    @property
    def spool_folder(self) -> str:
        return self._spool

    def put(self, sha256: str, body: Body) -> None:
        path = self._path(sha256)
        if os.path.exists(path):
            return
        beside = body.path
        if beside is None:
            beside = os.path.join(self._spool, sha256)
            with open(beside, "wb") as file:
                file.write(body.content or b"")
        try:
            os.replace(beside, path)
        except FileNotFoundError:  # the first file in its folder
            os.makedirs(os.path.dirname(path))
            os.replace(beside, path)

    def open(self, sha256: str) -> BinaryIO:
        return open(self._path(sha256), "rb")

    def discard(self, sha256: str) -> None:
        try:
            os.unlink(self._path(sha256))
        except FileNotFoundError:
            return

    def close(self) -> None:
        """Do nothing: no file is open."""

    def _path(self, sha256: str) -> str:
        return os.path.join(self._blobs, sha256[:2], sha256)


Blobs = MemoryBlobs | StoredBlobs
