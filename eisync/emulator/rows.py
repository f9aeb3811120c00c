"""Convert samples, projects and keys to rows of the database and back. Pure.

A page of a listing has a thousand rows. JSON that many samples have in common is parsed once.
"""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from eisync.emulator.model import Facts, Key, NewSample, Project, Role, Sample, Sensor

COLUMNS = (
    "id",
    "project_id",
    "category",
    "label",
    "filename",
    "stored_name",
    "sha256",
    "size_bytes",
    "added_ms",
    "modified_ms",
    "is_disabled",
    "facts",
    "metadata",
    "boxes",
    "structured_labels",
    "label_map",
    "attachments",
    "updated_by",
)
"""The columns of the table of samples, in their order."""

EDITABLE = frozenset(
    {"category", "label", "filename", "is_disabled", "metadata", "boxes", "structured_labels", "label_map"}
)

_FACTS = tuple(field.name for field in fields(Facts))


def project_of(row: Mapping[str, Any]) -> Project:
    found = row["has_validation"]
    return Project(**{**row, "has_validation": None if found is None else bool(found)})


def key_of(row: Mapping[str, Any]) -> Key:
    return Key(row["id"], row["project_id"], row["key"], Role(row["role"]))


def row_of(sample: NewSample) -> dict[str, object]:
    return {
        "category": sample.category,
        "label": sample.label,
        "filename": sample.filename,
        "stored_name": sample.stored_name,
        "sha256": sample.sha256,
        "size_bytes": sample.size_bytes,
        "facts": _write_facts(sample.facts),
        "metadata": _optional_json(sample.metadata),
        "boxes": json.dumps(sample.boxes) if sample.boxes else "[]",
        "structured_labels": _optional_json(sample.structured_labels),
        "label_map": _optional_json(sample.label_map),
        "attachments": json.dumps(sample.attachments) if sample.attachments else "[]",
    }


@functools.lru_cache(maxsize=4096)  # recordings of one device mostly have the same facts
def _write_facts(facts: Facts) -> str:
    # Not dataclasses.asdict: its deep copy took a sixth of an upload's time.
    content = {name: getattr(facts, name) for name in _FACTS}
    content["sensors"] = [(sensor.name, sensor.units) for sensor in facts.sensors]
    return json.dumps(content)


@functools.lru_cache(maxsize=4096)
def _read_facts(raw: str) -> Facts:
    content = json.loads(raw)
    content["sensors"] = tuple(Sensor(name, units) for name, units in content["sensors"])
    content["image_size"] = None if content["image_size"] is None else tuple(content["image_size"])
    return Facts(**content)


def _optional_json(value: object) -> str | None:
    return None if value is None else json.dumps(value)


@functools.lru_cache(maxsize=256)
def _read_json(raw: str) -> Mapping[str, Any]:
    """Parse metadata or `updated_by`."""
    read: Mapping[str, Any] = json.loads(raw)
    return read


def sample_of(row: Sequence[Any]) -> Sample:
    # By position, in the order of the columns: access by name is slower.
    (
        identity,
        project_id,
        category,
        label,
        filename,
        stored_name,
        sha256,
        size_bytes,
        added_ms,
        modified_ms,
        is_disabled,
        facts,
        metadata,
        boxes,
        structured,
        label_map,
        attachments,
        updated_by,
    ) = row
    return Sample(
        id=identity,
        project_id=project_id,
        category=category,
        label=label,
        filename=filename,
        stored_name=stored_name,
        sha256=sha256,
        size_bytes=size_bytes,
        added_ms=added_ms,
        modified_ms=modified_ms,
        is_disabled=bool(is_disabled),
        facts=_read_facts(facts),
        metadata=None if metadata is None else _read_json(metadata),
        boxes=() if boxes == "[]" else tuple(json.loads(boxes)),
        structured_labels=None if structured is None else tuple(json.loads(structured)),
        label_map=None if label_map is None else json.loads(label_map),
        attachments=() if attachments == "[]" else tuple(json.loads(attachments)),
        updated_by=None if updated_by is None else _read_json(updated_by),
    )
