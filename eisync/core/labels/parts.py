"""Build the parts of a request that describe its files: bounding boxes, structured labels, label maps, attachments.

One companion part describes all files of a request, by the names under which they are sent (wire contract, section 1).
The answer has no entry for it. So two files with the same name must not share a request if a companion describes that
name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

# Created once: `json.dumps` makes an encoder for each call that asks for other than its usual form.
_compact = json.JSONEncoder(separators=(",", ":")).encode
_compact_sorted = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


class PartKind(Enum):
    """A kind of companion part: the name of the part, the type it states, and the key of its entries."""

    BOXES = ("bounding_boxes.labels", "bounding-box-labels", "boundingBoxes")
    STRUCTURED = ("structured_labels.labels", "structured-labels", "structuredLabels")
    LABEL_MAP = ("label_map.labels", "label-map-labels", "labels")
    ATTACHMENTS = ("attachments.labels", "attachments", "attachments")

    @property
    def part_name(self) -> str:
        return self.value[0]


@dataclass(slots=True)
class LabelParts:
    """The descriptions of the files of one request, by kind and by the name under which a file is sent.

    Entries are kept as JSON text. As Python values, those of a thousand files would need thirty times the memory.
    """

    entries: dict[PartKind, dict[str, str]] = field(default_factory=dict)

    def add(self, name: str, about: Mapping[PartKind, Any]) -> None:
        for kind, entry in about.items():
            self.entries.setdefault(kind, {})[name] = _compact(entry)

    def parts(self) -> list[tuple[str, bytes]]:
        """Return the name and content of each part. They follow the files in the request."""
        return [(kind.part_name, _document(kind, found)) for kind, found in self.entries.items()]


def packed(about: Mapping[PartKind, Any]) -> str | None:
    """Return the descriptions of one file as one line of text; None when there are none.

    >>> packed({PartKind.BOXES: [1]}), packed({PartKind.BOXES: []})
    ('{"boxes":[1]}', None)
    """
    entries = {kind.name.lower(): entry for kind, entry in about.items() if entry}
    return _compact_sorted(entries) if entries else None


def unpacked(text: str | None) -> dict[PartKind, Any]:
    """Return the descriptions that `packed` wrote as one line of text."""
    return {} if text is None else {PartKind[name.upper()]: entry for name, entry in json.loads(text).items()}


def _document(kind: PartKind, entries: Mapping[str, str]) -> bytes:
    _, type_name, key = kind.value
    listed = ",".join(f"{json.dumps(name)}:{entry}" for name, entry in entries.items())
    return f'{{"version":1,"type":"{type_name}","{key}":{{{listed}}}}}'.encode()
