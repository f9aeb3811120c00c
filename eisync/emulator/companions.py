"""Read the parts of a request that describe other parts: boxes, structured labels, attachments, label maps.

Source: the wire contract, section 1. Pure.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eisync.emulator.model import Box, Refused

# part name -> (the type it must state, where its entries are)
_SCHEMAS = {
    "bounding_boxes.labels": ("bounding-box-labels", "boundingBoxes"),
    "structured_labels.labels": ("structured-labels", "structuredLabels"),
    "attachments.labels": ("attachments", "attachments"),
    "label_map.labels": ("label-map-labels", "labels"),
}
NAMES = frozenset(_SCHEMAS)


@dataclass(slots=True)
class Companions:
    """Each by the name of the file it describes."""

    boxes: dict[str, Any] = field(default_factory=dict)
    structured_labels: dict[str, Any] = field(default_factory=dict)
    attachments: dict[str, tuple[str, ...]] = field(default_factory=dict)
    label_maps: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def attached_names(self) -> frozenset[str]:
        return frozenset(name for names in self.attachments.values() for name in names)

    def add(self, name: str, raw: bytes) -> Refused | None:
        """Take in one companion part. What is refused here refuses the whole request."""
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
            for file, label_map in entries.items():
                if not is_string_map(label_map):
                    return Refused(f"Invalid {name}: every label should be a string")
                self.label_maps[file] = label_map
        return None


def _is_attachment(one: object) -> bool:
    return isinstance(one, dict) and isinstance(one.get("filename"), str)


def read_json(raw: bytes | str) -> object:
    """None for whatever is not JSON that can be written again as UTF-8."""
    try:
        document: object = json.loads(raw)
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return document


def is_string_map(found: object) -> bool:
    return isinstance(found, dict) and all(isinstance(value, str) for value in found.values())


def read_boxes(found: object) -> tuple[Box, ...] | Refused:
    """Boxes of one image, in pixels."""
    if not isinstance(found, list):
        return Refused("Invalid bounding boxes: expected a list")
    boxes: list[Box] = []
    for one in found:
        if not isinstance(one, dict) or not isinstance(one.get("label"), str):
            return Refused("Invalid bounding boxes: every box should have a label")
        numbers = [one.get(name) for name in ("x", "y", "width", "height")]
        if not all(is_index(number) for number in numbers):
            return Refused("Invalid bounding boxes: x, y, width and height should be whole numbers of 0 or more")
        if one["width"] == 0 or one["height"] == 0:
            return Refused("Invalid bounding boxes: width and height should be larger than 0")
        boxes.append({name: one[name] for name in ("label", "x", "y", "width", "height")})
    return tuple(boxes)


def read_structured_labels(found: object, *, values_count: int) -> tuple[Mapping[str, object], ...] | Refused:
    """They must cover every value from the first to the last without a gap."""
    if not isinstance(found, list) or not found:
        return Refused("Invalid structured labels: expected a list")
    labels: list[Mapping[str, object]] = []
    expected = 0
    for one in found:
        if not isinstance(one, dict) or not isinstance(one.get("label"), str):
            return Refused("Invalid structured labels: every range should have a label")
        start, end = one.get("startIndex"), one.get("endIndex")
        if not is_index(start) or not is_index(end) or start != expected or one["endIndex"] < one["startIndex"]:
            return Refused(f"Invalid structured labels: expected a range that starts at {expected}")
        taken = {name: one[name] for name in ("startIndex", "endIndex", "label")}
        if one.get("labelMap") is not None:
            label_map = _read_label_map(one["labelMap"])
            if label_map is None:
                return Refused("Invalid structured labels: every label of a labelMap should be a string")
            taken["labelMap"] = label_map
        labels.append(taken)
        expected = one["endIndex"] + 1
    if expected != values_count:
        return Refused(f"Invalid structured labels: they end at {expected - 1}, the values at {values_count - 1}")
    return tuple(labels)


def _read_label_map(found: Any) -> Mapping[str, str] | None:
    """Bare, or as Studio itself shows it: `{"type": "key-values", "labels": {…}}`."""
    if isinstance(found, dict) and found.get("type") == "key-values" and isinstance(found.get("labels"), dict):
        found = found["labels"]
    return found if is_string_map(found) else None


def is_index(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
