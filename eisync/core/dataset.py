"""What an exported dataset says of a sample, and what its file is called. Source: the wire contract, section 5."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eisync.core.ignore import ACCEPTED_EXTENSIONS
from eisync.core.model import extension_of
from eisync.core.sidecars import INFO_LABELS as INFO_LABELS  # what a pulled dataset gets, and a watched one may have

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
