"""Open a file of a watched folder to show it: read a part of it, and say whether it is still the same.

The file is opened as for an upload: no link on the way leads out of the root, and only a regular file is read. Files
are drawn one at a time, because a drawing takes up to a second of a core that uploads need, too.
"""

import errno
import os
import stat
import threading
from collections.abc import Generator, Iterator
from types import TracebackType
from typing import TypeVar

from eisync.adapters import clock
from eisync.adapters.files.file_facts import is_held, open_inside, raise_if_exhausted, why_offline
from eisync.adapters.files.folder_walk import facts_of, is_version
from eisync.adapters.files.positions import read_at
from eisync.core.drawing.reading import Enough
from eisync.core.formats.probe import Read
from eisync.core.model import FileFacts
from eisync.errors import FileAwayError, FileChangedError, FileError, FileGoneError, FileUnreadableError

DRAWN_WITHIN_S = 2.0
"""After this time, a drawing gets no more bytes and shows what it has."""
PIECE_BYTES = 64 * 1024

_T = TypeVar("_T")
_drawing = threading.Lock()


class OpenFile:
    """A file that is open to be shown. Close it, or use it in a `with`."""

    def __init__(self, root: str, path: str) -> None:
        """Open the file at `path` in the folder `root`. Raises FileError, with a sentence for a person."""
        self._descriptor = _open(root, path)
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise FileUnreadableError("It is not a regular file, so it is not shown.", item_id=0)
        self.facts = facts_of(status)

    def __enter__(self) -> "OpenFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Safe to repeat."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def is_version(self, facts: FileFacts) -> bool:
        """Return whether the open file is, now, the version with these facts."""
        return is_version(os.fstat(self._descriptor), facts)

    def read(self, offset: int, length: int) -> bytes:
        """Return these bytes; fewer at the end of the file. Raises FileUnreadableError."""
        try:
            return read_at(self._descriptor, length, offset)
        except OSError as error:
            raise FileUnreadableError(f"It cannot be read ({error.strerror}); check the disk.", item_id=0) from error

    def pieces(self, offset: int, length: int) -> Iterator[bytes]:
        """Yield these bytes piece by piece, and close the file. Less comes if the file has become shorter."""
        try:
            while length > 0 and (piece := self.read(offset, min(PIECE_BYTES, length))):
                yield piece
                offset, length = offset + len(piece), length - len(piece)
        finally:
            self.close()

    def draw(self, drawing: Generator[Read, bytes, _T], *, within_s: float = DRAWN_WITHIN_S) -> _T:
        """Return what the drawing makes of the file. Raises FileChangedError if the file changes meanwhile."""
        with _drawing:
            until = clock.monotonic() + within_s
            try:
                wanted = next(drawing)
                while True:
                    wanted = self._step(drawing, wanted, is_over=clock.monotonic() > until)
            except StopIteration as end:
                found: _T = end.value
        if not self.is_version(self.facts):
            raise FileChangedError("It changed while it was read. Load the page again.", item_id=0)
        return found

    def _step(self, drawing: Generator[Read, bytes, _T], wanted: Read, *, is_over: bool) -> Read:
        piece = b"" if is_over else self.read(wanted.offset, wanted.length)
        return drawing.send(piece) if len(piece) == wanted.length else drawing.throw(Enough())


def _open(root: str, path: str) -> int:
    try:
        return open_inside(root, path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _absence(root) from error
    except OSError as error:
        raise_if_exhausted(error)
        if is_held(error):
            raise FileChangedError(
                "Another program has it open exclusively. Load the page again.", item_id=0
            ) from error
        if error.errno == errno.ELOOP:
            raise FileUnreadableError("It is a symbolic link; links are not followed.", item_id=0) from error
        why = f"It cannot be read ({error.strerror}); give eisync's user permission to read it."
        raise FileUnreadableError(why, item_id=0) from error
    except ValueError as error:  # a NUL in the path
        raise FileGoneError("There is no file with such a name.", item_id=0) from error


def _absence(root: str) -> FileError:
    offline = why_offline(root)
    if offline is not None:
        return FileAwayError(f"It is not here: {offline}.", item_id=0)
    return FileGoneError("The file is not here any more.", item_id=0)
