"""Decide whether a downloaded copy is really the sample, before the sample is deleted. An unproved copy does not count.

A copy is proved by its content hash: it is the hash of what was sent or, if that is unknown, the hash that the service
lists. For CSV and TXT the service may store JSON instead, and then no hash can match. If everything else identifies the
sample, such a copy counts as complete when it is a whole document and is identical in a second download. In all other
cases eisync waits, and deletes nothing.
"""

from enum import Enum

from eisync.core.actions import FileSide
from eisync.core.identity import Identity
from eisync.core.model import extension_of, value

_KEPT_AS_JSON = frozenset({".csv", ".txt"})
_DOCUMENT = b"{}"


@value
class Copy:
    """What is known of a copy: its hash, and its first and last byte that are no blanks."""

    sha256: str
    ends: bytes


class Standing(Enum):
    """How well a copy is proved."""

    PROVED = "proved"
    LIKELY = "likely"  # accepted when a second download is identical
    NONE = "none"


def standing(copy: Copy, file: FileSide, sample_id: int) -> Standing:
    """Return how well the copy of the file's sample is proved."""
    held = next((one for one in (*file.samples, *file.older) if one.sample.id == sample_id), None)
    if held is None:
        return Standing.NONE
    if copy.sha256 == (held.sent.sha256 or held.sample.sha256):
        return Standing.PROVED
    may_be_other_form = extension_of(held.sent.name or file.path) in _KEPT_AS_JSON and copy.ends == _DOCUMENT
    is_it = held.identity in (Identity.PROVEN, Identity.LIKELY)
    return Standing.LIKELY if may_be_other_form and is_it else Standing.NONE


def why_no_copy(sample_id: int) -> str:
    """Return why the sample is not deleted, for a person."""
    return (
        f"what the service returned for sample {sample_id} is not what was sent: the answer was cut short, or it "
        "is another sample. eisync deletes nothing before it has a whole copy. If you do not need the sample, "
        "delete it in Studio"
    )
