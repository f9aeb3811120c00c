"""Tell whether a copy of a sample is the sample, before the sample is deleted: what nobody proves is no copy.

Pure. A copy is proved by its content hash: that of what was sent as the sample or, where nobody knows that, what the
service lists. Where the service keeps another form of what was sent (JSON in place of CSV and TXT) there is no such
hash: where everything else says that it is the sample, a copy is taken for whole then when it is a whole document, and
is the same a second time. Everything else waits, and nothing is deleted.
"""

from dataclasses import dataclass
from enum import Enum

from eisync.core.actions import FileSide
from eisync.core.identity import Identity
from eisync.core.model import extension_of

_KEPT_AS_JSON = frozenset({".csv", ".txt"})
_DOCUMENT = b"{}"


@dataclass(frozen=True, slots=True)
class Copy:
    """What can be read back of a copy: the hash of it, and its first and last byte that is no blank."""

    sha256: str
    ends: bytes


class Standing(Enum):
    """What a copy is worth."""

    PROVED = "proved"
    LIKELY = "likely"  # if it is the same when it is downloaded again
    NONE = "none"


def standing(copy: Copy, file: FileSide, sample_id: int) -> Standing:
    """What the copy of the sample of that file is worth."""
    held = next((one for one in (*file.samples, *file.older) if one.sample.id == sample_id), None)
    if held is None:
        return Standing.NONE
    if copy.sha256 == (held.sent.sha256 or held.sample.sha256):
        return Standing.PROVED
    may_be_other_form = extension_of(held.sent.name or file.path) in _KEPT_AS_JSON and copy.ends == _DOCUMENT
    is_it = held.identity in (Identity.PROVEN, Identity.LIKELY)
    return Standing.LIKELY if may_be_other_form and is_it else Standing.NONE


def why_no_copy(sample_id: int) -> str:
    """Why the sample is not deleted, for a person."""
    return (
        f"what the service returned for sample {sample_id} is not what was sent: the answer was cut short, or it "
        "is another sample. eisync deletes nothing before it has a whole copy. If you do not need the sample, "
        "delete it in Studio"
    )
