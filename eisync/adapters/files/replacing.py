"""Write new contents of files below a folder. A run that is killed leaves the old content of a file, or its new one.

Large files are collected and renamed together. There may be a million small files. They are compared with what is
there and written one at a time.
"""

import contextlib
import os
from typing import IO

from eisync.adapters.files.relocate import CHUNK_BYTES, SafeFolder

_HAS_SYNC = hasattr(os, "sync")  # not on Windows
_SMALL = "small"


class Replacements:
    """Write new contents of files. Paths are relative to the folder, with `/` between the parts. Not thread-safe."""

    def __init__(self, folder: SafeFolder, scratch: str) -> None:
        """Keep temporary files in `scratch`, an existing folder below `folder`. Its owner clears it."""
        self.folder = folder
        self._scratch = scratch
        self._begun: dict[str, tuple[str, IO[bytes]]] = {}
        self._files = contextlib.ExitStack()

    def has(self, place: str) -> bool:
        """Return whether text was written for the file."""
        return place in self._begun

    def write(self, place: str, text: str) -> None:
        """Write more of the new text of the file. Raise OSError."""
        if place not in self._begun:
            part = f"{self._scratch}/new-{len(self._begun)}"
            file = self._files.enter_context(os.fdopen(self.folder.create(part), "wb"))
            self._begun[place] = part, file
        self._begun[place][1].write(text.encode())

    def join(self, place: str, other: str) -> None:
        """Write what was written for `other` behind the text of the file. `other` is only a name. Raise OSError."""
        part, file = self._begun[other]
        file.flush()
        with open(self.folder.open(part, os.O_RDONLY), "rb") as source:
            while piece := source.read(CHUNK_BYTES):
                self._begun[place][1].write(piece)

    def put(self, place: str, text: str) -> None:
        """Replace a small file at once, unless it has this text already. Raise OSError."""
        content = text.encode()
        if self._content(place, len(content) + 1) == content:
            return
        part = f"{self._scratch}/{_SMALL}"
        with open(self.folder.create(part), "wb") as file:
            file.write(content)
            if not _HAS_SYNC:
                file.flush()
                os.fsync(file.fileno())
        self.folder.make(place.rpartition("/")[0])
        self.folder.rename(part, place)

    def finish(self, *places: str) -> None:
        """Give these files their names, once all small files are on the disk. Raise OSError."""
        if _HAS_SYNC:
            os.sync()  # one call for all small files: to sync each takes an hour for a million
        for place in places:
            part, file = self._begun[place]
            file.flush()
            os.fsync(file.fileno())
            file.close()
            self.folder.make(place.rpartition("/")[0])
            self.folder.rename(part, place)

    def close(self) -> None:
        """Remove the temporary files. Safe to repeat."""
        self._files.close()
        for part, _ in self._begun.values():
            self.folder.remove(part)
        self._begun.clear()

    def _content(self, place: str, length: int) -> bytes | None:
        """Return the first `length` bytes of the file; None when it cannot be read."""
        with contextlib.suppress(OSError), open(self.folder.open(place, os.O_RDONLY), "rb") as file:
            return file.read(length)
        return None
