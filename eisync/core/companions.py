"""The parts of a request that describe its other parts: boxes, structured labels, label maps.

One companion part serves all files of a request, by the names under which they are sent (wire contract, section 1);
the answer has no entry for it. So two files of one name must not share a request when a companion speaks of that name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Kind(Enum):
    """What is described: the name of the part, the type it states, where its entries are."""

    BOXES = ("bounding_boxes.labels", "bounding-box-labels", "boundingBoxes")
    STRUCTURED = ("structured_labels.labels", "structured-labels", "structuredLabels")
    LABEL_MAP = ("label_map.labels", "label-map-labels", "labels")

    @property
    def part_name(self) -> str:
        return self.value[0]


@dataclass(slots=True)
class Companions:
    """What the files of one request say of themselves, by kind and by the name sent."""

    entries: dict[Kind, dict[str, Any]] = field(default_factory=dict)

    def add(self, name: str, about: Mapping[Kind, Any]) -> None:
        for kind, entry in about.items():
            self.entries.setdefault(kind, {})[name] = entry

    def parts(self) -> list[tuple[str, bytes]]:
        """Name and content of each part, to follow the files."""
        return [(kind.part_name, _document(kind, found)) for kind, found in self.entries.items()]


def read_document(kind: Kind, raw: bytes) -> dict[str, Any]:
    """The entries of a companion file, by file name. Raises ValueError if it is none of this kind."""
    _, type_name, key = kind.value
    document = json.loads(raw)
    if not isinstance(document, dict) or document.get("type", type_name) != type_name:
        raise ValueError(f"its type is not {type_name}")
    entries = document.get(key)
    if not isinstance(entries, dict):
        raise ValueError(f"it has no {key}")
    return entries


def _document(kind: Kind, entries: Mapping[str, Any]) -> bytes:
    _, type_name, key = kind.value
    return json.dumps({"version": 1, "type": type_name, key: entries}, separators=(",", ":")).encode()
