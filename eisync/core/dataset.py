"""Name the files of a pulled dataset, and write and read the entries of its `info.labels`.

Names from the service become safe in any folder of any file system, and different for any two samples. Such a name may
contain separators, control characters or lone surrogates, or be `..`. Several samples may have the same name, or names
that differ only in letter case. Harmless characters stay, so that a file that is uploaded again keeps its name.

Sources: Microsoft, "Naming Files, Paths, and Namespaces" (reserved names and characters); POSIX.1-2017, NAME_MAX; the
wire contract, section 5 (exported datasets).
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from eisync.core.ignore import ACCEPTED_EXTENSIONS
from eisync.core.labels.sidecars import (
    INFO_LABELS as INFO_LABELS,  # what a pulled dataset gets, and a watched one may have
)
from eisync.core.model import Unread, extension_of, value
from eisync.core.text import caseless

MAX_NAME_BYTES = 200
"""Most file systems allow 255 bytes. The rest is room for temporary names and encrypted folders (143 of 255)."""

NAMELESS = "sample"

_STAND_IN = "_"
_BARRED = frozenset('<>:"/\\|?*')
_BARRED_KINDS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # control, format, half a character, unassigned
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)", re.IGNORECASE)
_LONGEST_EXTENSION = 16


def safe_name(name: str) -> str:
    """Return a name that any file system accepts as one part of a path: no separator, no device, not hidden.

    A name that is safe already is returned unchanged.

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


def place_key(place: str) -> str:
    """Return a key that is equal for two paths which are the same file on a disk that ignores case or Unicode form."""
    return caseless(place)


def _harmless(character: str) -> str:
    if character in _BARRED or unicodedata.category(character) in _BARRED_KINDS:
        return _STAND_IN
    return character


def _shortened(name: str) -> str:
    """Return the name cut to `MAX_NAME_BYTES` of UTF-8, with its extension."""
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


@value(kw_only=True)
class WholeSample:
    """A sample with everything that Studio lists about it. `label` None: it has none.

    `stored_as` is the name of its file at the service. `sent_as` is the file name that was sent, if known.
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


@value
class FullPage:
    """A page of the listing with complete samples, newest first, and the number of samples from this page on."""

    samples: tuple[WholeSample, ...]
    total: int
    unread: tuple[Unread, ...] = ()


def file_name(sample: WholeSample) -> str:
    """Return the name of the sample's file: the name that Studio shows, with the extension of the file that was sent.

    >>> file_name(WholeSample(id=1, name="wave.01", category="training", sent_as="wave.01.csv"))
    'wave.01.csv'
    """
    for known in (sample.sent_as or "", sample.stored_as):
        if extension_of(known) in ACCEPTED_EXTENSIONS:
            return (sample.name or str(sample.id)) + "." + known.rpartition(".")[2]
    return sample.name or str(sample.id)


def fitting_name(name: str, beginning: bytes) -> str:
    """Return `name` with an extension that fits the content, which starts with `beginning`.

    The service may have converted CSV to JSON; with its old name such a file would be refused at the next upload.

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
    """Return the sample's entry in `info.labels`. Its file is at `place`."""
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


def sample_of(entry: Mapping[str, Any]) -> WholeSample:
    """Return the sample that `info_labels_entry` wrote as this entry. Its id is 0, because the entry does not have it.

    >>> sample_of({"path": "a.csv", "name": "a", "category": "training", "label": {"type": "unlabeled"}}).name
    'a'
    """
    label = entry["label"]
    is_ranges, is_map = label["type"] == "multi-label", label["type"] == "keyvalue-labels"
    return WholeSample(
        id=0,
        name=entry["name"],
        category=entry["category"],
        label=label.get("label"),
        boxes=entry.get("boundingBoxes", ()),
        structured_labels=label["labels"] if is_ranges else (),
        label_map=label["labels"] if is_map else None,
        metadata=entry.get("metadata"),
    )


def _label_of(sample: WholeSample) -> dict[str, Any]:
    own = {"label": sample.label} if sample.label else {}
    if sample.structured_labels:
        return {"type": "multi-label", "labels": [dict(one) for one in sample.structured_labels], **own}
    if sample.label_map:
        return {"type": "keyvalue-labels", "labels": dict(sample.label_map), **own}
    return {"type": "label", **own} if own else {"type": "unlabeled"}
