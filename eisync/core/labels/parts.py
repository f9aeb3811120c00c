"""The parts of a request that describe its other parts: boxes, structured labels, label maps, attachments.

One companion part serves all files of a request, by the names under which they are sent (wire contract, section 1);
the answer has no entry for it. So two files of one name must not share a request when a companion speaks of that name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class PartKind(Enum):
    """What is described: the name of the part, the type it states, where its entries are."""

    BOXES = ("bounding_boxes.labels", "bounding-box-labels", "boundingBoxes")
    STRUCTURED = ("structured_labels.labels", "structured-labels", "structuredLabels")
    LABEL_MAP = ("label_map.labels", "label-map-labels", "labels")
    ATTACHMENTS = ("attachments.labels", "attachments", "attachments")

    @property
    def part_name(self) -> str:
        return self.value[0]


@dataclass(slots=True)
class LabelParts:
    """What the files of one request say of themselves, by kind and by the name sent.

    It is held as text: what a thousand files say would be thirty times as much as values.
    """

    entries: dict[PartKind, dict[str, str]] = field(default_factory=dict)

    def add(self, name: str, about: Mapping[PartKind, Any]) -> None:
        for kind, entry in about.items():
            self.entries.setdefault(kind, {})[name] = json.dumps(entry, separators=(",", ":"))

    def parts(self) -> list[tuple[str, bytes]]:
        """Name and content of each part, to follow the files."""
        return [(kind.part_name, _document(kind, found)) for kind, found in self.entries.items()]


def packed(about: Mapping[PartKind, Any]) -> str | None:
    """What is said of one file, as one line of text; None when nothing is.

    >>> packed({PartKind.BOXES: [1]}), packed({PartKind.BOXES: []})
    ('{"boxes":[1]}', None)
    """
    said = {kind.name.lower(): entry for kind, entry in about.items() if entry}
    return json.dumps(said, separators=(",", ":"), sort_keys=True) if said else None


def unpacked(text: str | None) -> dict[PartKind, Any]:
    """What `packed` made one line of."""
    return {} if text is None else {PartKind[name.upper()]: entry for name, entry in json.loads(text).items()}


def _document(kind: PartKind, entries: Mapping[str, str]) -> bytes:
    _, type_name, key = kind.value
    listed = ",".join(f"{json.dumps(name)}:{entry}" for name, entry in entries.items())
    return f'{{"version":1,"type":"{type_name}","{key}":{{{listed}}}}}'.encode()
