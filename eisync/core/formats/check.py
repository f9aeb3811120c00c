"""Choose the probe of a file's format, and run it step by step.

The extension decides which format a file should have, as it does at the service. The first bytes must agree with it;
otherwise the verdict is `Undecidable`. (A PNG may be called .jpg, and a JPEG .png.) A check asks for bytes, is given
them, and ends with a verdict. It can pause between any two reads.
"""

from collections.abc import Callable

from eisync.core.formats import image, json_document, table
from eisync.core.formats.avi import avi
from eisync.core.formats.cbor import cbor
from eisync.core.formats.mp4 import mp4
from eisync.core.formats.probe import Completeness, Probe, Read, Truncated, Undecidable
from eisync.core.formats.wav import wav
from eisync.core.model import extension_of

_PROBES: dict[str, Callable[[int], Probe]] = {
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
    """Return whether the format of a file with this name has an end, so that its content can prove it complete."""
    return _PROBES.get(extension_of(path), table.table) is not table.table


class FormatCheck:
    """Check one version of one file. `wants` is the next read; it is None once there is a `verdict`."""

    def __init__(self, path: str, size: int) -> None:
        self.size = size
        self.wants: Read | None = None
        self.verdict: Completeness | None = None
        probe = _PROBES.get(extension_of(path))
        if not size:
            self.verdict = EMPTY
        elif probe is None:
            self.verdict = Undecidable("eisync does not know its format")
        else:
            self._probe = probe(size)
            self.wants = next(self._probe)

    def give_up(self, why: str) -> None:
        """End the check as undecidable, because the file cannot be read. `why` becomes the reason."""
        self.wants, self.verdict = None, Undecidable(why)

    def take(self, chunk: bytes) -> None:
        """Take the bytes that `wants` asked for."""
        try:
            self.wants = self._probe.send(chunk)
        except StopIteration as end:
            self.wants, self.verdict = None, end.value
