"""Examine a file by its format: which format, and the steps of the examination.

The extension says what a file should be, as it does for the service; its first bytes must agree, or the format cannot
tell. (PNG and JPEG stand in for one another.) An examination is given the bytes that it asks for and ends with a
verdict; it may rest between any two reads.
"""

from collections.abc import Callable

from eisync.core.formats import image, json_document, table
from eisync.core.formats.avi import avi
from eisync.core.formats.cbor import cbor
from eisync.core.formats.mp4 import mp4
from eisync.core.formats.probe import Completeness, Probe, Read, Truncated, Undecidable
from eisync.core.formats.wav import wav
from eisync.core.model import extension_of

_WALKS: dict[str, Callable[[int], Probe]] = {
    ".wav": wav,
    ".avi": avi,
    ".mp4": mp4,
    ".jpg": image.image,
    ".jpeg": image.image,
    ".png": image.image,
    ".json": json_document.document,
    ".cbor": cbor,
    ".parquet": table.parquet,
    ".csv": table.table,
    ".txt": table.table,
}

EMPTY = Truncated("it is empty; it is sent once something is written into it")


def has_end(path: str) -> bool:
    """Whether the format of a file that is called so can say that it is whole."""
    return _WALKS.get(extension_of(path), table.table) is not table.table


class FormatCheck:
    """Of one version of one file. `wants` is the next read, None once there is a `verdict`."""

    def __init__(self, path: str, size: int) -> None:
        self.size = size
        self.wants: Read | None = None
        self.verdict: Completeness | None = None
        walk = _WALKS.get(extension_of(path))
        if not size:
            self.verdict = EMPTY
        elif walk is None:
            self.verdict = Undecidable("eisync does not know its format")
        else:
            self._walk = walk(size)
            self.wants = next(self._walk)

    def give_up(self, why: str) -> None:
        """The file cannot be read: its format tells nothing."""
        self.wants, self.verdict = None, Undecidable(why)

    def take(self, chunk: bytes) -> None:
        """The bytes that were wanted."""
        try:
            self.wants = self._walk.send(chunk)
        except StopIteration as end:
            self.wants, self.verdict = None, end.value
