"""Read the parts of a request that describe other parts: boxes, structured labels, attachments, label maps.

Structured labels are not checked here: the number of readings is known only when the file is read.

Source: the wire contract, section 1. Pure.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eisync.emulator.model import Box, Refused

# part name -> (the required value of `type`, the key of its entries)
_SCHEMAS = {
    "bounding_boxes.labels": ("bounding-box-labels", "boundingBoxes"),
    "structured_labels.labels": ("structured-labels", "structuredLabels"),
    "attachments.labels": ("attachments", "attachments"),
    "label_map.labels": ("label-map-labels", "labels"),
}
NAMES = frozenset(_SCHEMAS)


@dataclass(slots=True)
class Companions:
    """The contents of all companion parts of a request, by the name of the file that they describe."""

    boxes: dict[str, Any] = field(default_factory=dict)
    structured_labels: dict[str, Any] = field(default_factory=dict)
    attachments: dict[str, tuple[str, ...]] = field(default_factory=dict)
    label_maps: dict[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def attached_names(self) -> frozenset[str]:
        return frozenset(name for names in self.attachments.values() for name in names)

    def add(self, name: str, raw: bytes) -> Refused | None:
        """Add one companion part. If it is refused, the whole request is refused."""
        kind, key = _SCHEMAS[name]
        document = read_json(raw)
        if not isinstance(document, dict) or document.get("type") != kind:
            return Refused("Invalid type")
        if document.get("version") != 1 or isinstance(document["version"], bool):
            return Refused("Invalid version")
        entries = document.get(key)
        if not isinstance(entries, dict):
            return Refused(f"Invalid {name}: {key} should be an object")
        if name == "bounding_boxes.labels":
            self.boxes |= entries
        elif name == "structured_labels.labels":
            self.structured_labels |= entries
        elif name == "attachments.labels":
            for file, attached in entries.items():
                if not isinstance(attached, list) or not all(_is_attachment(one) for one in attached):
                    return Refused(f"Invalid {name}: every attachment should have a filename")
                self.attachments[file] = tuple(one["filename"] for one in attached)
        else:
            for file, labels in entries.items():
                label_map = read_label_map(labels)
                if label_map is None:
                    return Refused(f"Invalid {name}: every label should be a string")
                self.label_maps[file] = label_map
        return None


def _is_attachment(one: object) -> bool:
    return isinstance(one, dict) and isinstance(one.get("filename"), str)


def read_json(raw: bytes | str) -> object:
    """Return a JSON value; None for invalid JSON, and for JSON that cannot be written again as UTF-8."""
    try:
        document: object = json.loads(raw)
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return document


def read_label_map(found: Any) -> Mapping[str, str] | None:
    """Return labels by key. A list of texts gets the keys "0", "1", …. Return None for anything else."""
    if isinstance(found, list):
        found = {str(index): label for index, label in enumerate(found)}
    return found if is_string_map(found) else None


def is_string_map(found: object) -> bool:
    return isinstance(found, dict) and all(isinstance(value, str) for value in found.values())


def read_boxes(found: object) -> tuple[Box, ...] | Refused:
    """Read the boxes of one image, in pixels. Fractions and corners outside of the image are accepted."""
    if not isinstance(found, list):
        return Refused("Invalid bounding boxes: expected a list")
    boxes: list[Box] = []
    for one in found:
        if not isinstance(one, dict) or not isinstance(one.get("label"), str):
            return Refused("Invalid bounding boxes: every box should have a label")
        numbers = [one.get(name) for name in ("x", "y", "width", "height")]
        if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
            return Refused("Invalid bounding boxes: x, y, width and height should be numbers")
        if one["width"] <= 0 or one["height"] <= 0:
            return Refused("Invalid bounding boxes: width and height should be larger than 0")
        boxes.append({name: one[name] for name in ("label", "x", "y", "width", "height")})
    return tuple(boxes)
