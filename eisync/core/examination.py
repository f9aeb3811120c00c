"""Examine a file by its format: which format, and the steps of the examination.

The extension says what a file should be, as it does for the service; its first bytes must agree, or the format cannot
tell. (PNG and JPEG stand in for one another.) An examination is given the bytes that it asks for and ends with a
verdict; it may rest between any two reads.
"""

from collections.abc import Callable

from eisync.core import documents, images, json_document
from eisync.core.avi import avi
from eisync.core.cbor import cbor
from eisync.core.evidence import CannotTell, Cut, Read, Verdict, Walk
from eisync.core.items import extension_of
from eisync.core.mp4 import mp4
from eisync.core.wav import wav

_WALKS: dict[str, Callable[[int], Walk]] = {
    ".wav": wav,
    ".avi": avi,
    ".mp4": mp4,
    ".jpg": images.image,
    ".jpeg": images.image,
    ".png": images.image,
    ".json": json_document.document,
    ".cbor": cbor,
    ".parquet": documents.parquet,
    ".csv": documents.table,
    ".txt": documents.table,
}

EMPTY = Cut("it is empty; it is sent once something is written into it")


def has_end(path: str) -> bool:
    """Whether the format of a file that is called so can say that it is whole."""
    return _WALKS.get(extension_of(path), documents.table) is not documents.table


class Examination:
    """Of one version of one file. `wants` is the next read, None once there is a `verdict`."""

    def __init__(self, path: str, size: int) -> None:
        self.size = size
        self.wants: Read | None = None
        self.verdict: Verdict | None = None
        walk = _WALKS.get(extension_of(path))
        if not size:
            self.verdict = EMPTY
        elif walk is None:
            self.verdict = CannotTell("eisync does not know its format")
        else:
            self._walk = walk(size)
            self.wants = next(self._walk)

    def give_up(self, why: str) -> None:
        """The file cannot be read: its format tells nothing."""
        self.wants, self.verdict = None, CannotTell(why)

    def take(self, chunk: bytes) -> None:
        """The bytes that were wanted."""
        try:
            self.wants = self._walk.send(chunk)
        except StopIteration as end:
            self.wants, self.verdict = None, end.value
