"""Names from the service, made safe for any folder of any file system, and never the same for two samples.

Pure. A name from outside may hold separators, control characters, half characters, or be `..`; several samples may
have one name, or names that differ in nothing but their case. What is harmless stays as it is, so that a file that is
uploaded again has the name it had.

Sources: Microsoft, "Naming Files, Paths, and Namespaces" (reserved names and characters); POSIX.1-2017, NAME_MAX.

What an exported dataset says of a sample, and what its file is called. Source: the wire contract, section 5.
"""

import re
import unicodedata
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eisync.core.ignore import ACCEPTED_EXTENSIONS
from eisync.core.labels.sidecars import (
    INFO_LABELS as INFO_LABELS,  # what a pulled dataset gets, and a watched one may have
)
from eisync.core.model import Unread, extension_of
from eisync.core.text import caseless

MAX_NAME_BYTES = 200
"""Most file systems hold 255 bytes; what is written beside and encrypted folders (143 of 255) want room."""

NAMELESS = "sample"

_STAND_IN = "_"
_BARRED = frozenset('<>:"/\\|?*')
_BARRED_KINDS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # control, format, half a character, unassigned
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)", re.IGNORECASE)
_LONGEST_EXTENSION = 16


def safe_name(name: str) -> str:
    """One part of a path that can be made anywhere: no folder, no device, not hidden. Safe to repeat.

    >>> safe_name("wave.01.csv"), safe_name("../../etc/passwd"), safe_name("NUL.txt")
    ('wave.01.csv', '_._.._etc_passwd', '_NUL.txt')
    """
    harmless = "".join(map(_harmless, name)).rstrip(". ")
    hidden = len(harmless) - len(harmless.lstrip(". "))
    if hidden:
        harmless = _STAND_IN + harmless[1:]
    if _RESERVED.fullmatch(harmless.partition(".")[0].rstrip(" ")):
        harmless = _STAND_IN + harmless
    return _shortened(harmless) or NAMELESS


def place_for(category: str, name: str, sample_id: int, taken: Container[str]) -> str:
    """Where the sample's file goes, relative to the dataset, with `/` between the parts.

    `category/name`; when that is in `taken` (see `place_key`), `category/id/name`: the file keeps its name, which is
    what it has when it is uploaded again.
    """
    folder, safe = safe_name(category), safe_name(name)
    place = f"{folder}/{safe}"
    # A file that is called like an id would stand where another sample's folder has to be.
    if place_key(place) in taken or safe.isdecimal():
        return f"{folder}/{sample_id}/{safe}"
    return place


def place_key(place: str) -> str:
    """Two places with one key are one file on a disk that ignores case, or the form of an accent."""
    return caseless(place)


def _harmless(character: str) -> str:
    if character in _BARRED or unicodedata.category(character) in _BARRED_KINDS:
        return _STAND_IN
    return character


def _shortened(name: str) -> str:
    """At most `MAX_NAME_BYTES` of UTF-8; the extension stays."""
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > _LONGEST_EXTENSION:
        stem, dot, extension = name, "", ""
    room = MAX_NAME_BYTES - len((dot + extension).encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip(". ") + dot + extension


_TABLES = frozenset({".csv", ".txt"})
_BEGINNINGS = (
    (0, b"{", ".json"),
    (0, b"\x89PNG", ".png"),
    (0, b"\xff\xd8\xff", ".jpg"),
    (8, b"WAVE", ".wav"),
    (8, b"AVI ", ".avi"),
    (4, b"ftyp", ".mp4"),
    (0, b"PAR1", ".parquet"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeSample:
    """A sample with all that Studio tells of it. `label` None: it has none. `stored_as` is the name of its file there.

    `sent_as` is the file name that was sent, where it can be told.
    """

    id: int
    name: str
    category: str
    label: str | None = None
    is_disabled: bool = False
    stored_as: str = ""
    sent_as: str | None = None
    boxes: Sequence[Mapping[str, Any]] = ()
    structured_labels: Sequence[Mapping[str, Any]] = ()
    label_map: Mapping[str, str] | None = None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class FullPage:
    """A page of the listing with all that belongs to its samples, newest first, and how many there are from it on."""

    samples: tuple[WholeSample, ...]
    total: int
    unread: tuple[Unread, ...] = ()


def file_name(sample: WholeSample) -> str:
    """What the sample's file is called: as Studio shows it, with the extension of what was sent.

    >>> file_name(WholeSample(id=1, name="wave.01", category="training", sent_as="wave.01.csv"))
    'wave.01.csv'
    """
    for known in (sample.sent_as or "", sample.stored_as):
        if extension_of(known) in ACCEPTED_EXTENSIONS:
            return (sample.name or str(sample.id)) + "." + known.rpartition(".")[2]
    return sample.name or str(sample.id)


def fitting_name(name: str, beginning: bytes) -> str:
    """`name` with an extension that fits its content, of which `beginning` are the first bytes.

    The service may have made JSON of what was sent as CSV; by its old name it would be refused the next time.

    >>> fitting_name("wave.01.csv", b'{"protected":'), fitting_name("wave.01.csv", b"timestamp,x")
    ('wave.01.json', 'wave.01.csv')
    """
    extension = extension_of(name)
    if extension in _TABLES and beginning.lstrip()[:1] == b"{":
        return name[: -len(extension)] + ".json"
    if extension in ACCEPTED_EXTENSIONS:
        return name
    return name + next(
        (known for at, mark, known in _BEGINNINGS if beginning[at : at + len(mark)] == mark),
        ".cbor" if beginning[:1] in (b"\xa3", b"\xbf") else ".csv",
    )


def info_labels_entry(sample: WholeSample, place: str) -> dict[str, Any]:
    """The sample's entry in `info.labels`; its file is at `place`."""
    entry: dict[str, Any] = {
        "path": place,
        "name": sample.name,
        "category": sample.category,
        "label": _label_of(sample),
    }
    if sample.metadata:
        entry["metadata"] = dict(sample.metadata)
    if sample.boxes:
        entry["boundingBoxes"] = [dict(box) for box in sample.boxes]
    return entry


def _label_of(sample: WholeSample) -> dict[str, Any]:
    own = {"label": sample.label} if sample.label else {}
    if sample.structured_labels:
        return {"type": "multi-label", "labels": [dict(one) for one in sample.structured_labels], **own}
    if sample.label_map:
        return {"type": "keyvalue-labels", "labels": dict(sample.label_map), **own}
    return {"type": "label", **own} if own else {"type": "unlabeled"}
