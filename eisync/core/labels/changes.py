"""Compare the description of a sent file with what is wanted now, and with what its sample has.

The parts of a description that requests carry separately (boxes, labels by range, label map) are compared as text
(`part_text`), because Studio lists them in another order and form than they were sent in.

Source: the wire contract, sections 1 and 3.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from eisync.core.labels.description import Description
from eisync.core.labels.parts import PartKind, packed, unpacked
from eisync.core.labels.said import CATEGORY, LABEL, metadata_key, part_key
from eisync.core.model import value
from eisync.core.text import nfc

_BOX = ("label", "x", "y", "width", "height")
_NOUNS = {
    PartKind.BOXES: ("box", "boxes"),
    PartKind.STRUCTURED: ("range", "ranges"),
    PartKind.LABEL_MAP: ("label", "labels"),
    PartKind.ATTACHMENTS: ("attachment", "attachments"),
}


def followed(before: Description, found: Description) -> Description:
    """Return `before` with what the files that describe it say now. What the configuration gives stays as it was.

    `found` is the description by the current configuration and these files. What they no longer say stays, too: they
    may be missing for a moment only.
    """
    said = found.said
    parts = unpacked(before.companions)
    now = unpacked(found.companions)
    for kind in PartKind:
        if part_key(kind) in said:
            parts[kind] = now.get(kind)
    given = {name: value for name, value in found.metadata.items() if metadata_key(name) in said}
    return replace(
        before,
        label=found.label if LABEL in said else before.label,
        category=found.category if CATEGORY in said else before.category,
        metadata={**before.metadata, **given},
        companions=packed(parts),
        remarks=found.remarks,
    )


def is_alike(one: Description, other: Description) -> bool:
    """Return whether a sample that is described by one of them needs no edit to be described by the other."""
    return (one.label, one.category, one.metadata, one.companions) == (
        other.label,
        other.category,
        other.metadata,
        other.companions,
    )


@value
class MergedMetadata:
    """The metadata that a sample should have. `disputed` are names whose values a person changed."""

    metadata: Mapping[str, str]
    disputed: Sequence[str] = ()


def merge_metadata(sent: Mapping[str, str], wanted: Mapping[str, str], listed: Mapping[str, str]) -> MergedMetadata:
    """Change in the `listed` metadata of a sample what differs between `sent` and `wanted`, and nothing else.

    >>> merge_metadata({"site": "1"}, {"site": "2"}, {"site": "1", "note": "by a person"})
    MergedMetadata(metadata={'note': 'by a person', 'site': '2'}, disputed=())
    """
    merged = dict(listed)
    disputed: list[str] = []
    for name in sorted({*sent, *wanted}):
        before, after, there = sent.get(name), wanted.get(name), listed.get(name)
        if before == after or there == after:
            continue
        if there != before:
            disputed.append(name)
        if after is None:
            merged.pop(name, None)
        else:
            merged[name] = after
    return MergedMetadata(dict(sorted(merged.items())), tuple(disputed))


def part_of(companions: str | None, kind: PartKind) -> str:
    """Return one part of the description as text, in the form of `part_text`."""
    return part_text(kind, unpacked(companions).get(kind))


def part_text(kind: PartKind, found: Any) -> str:
    """Return boxes, ranges or a label map as text that does not depend on their order. None: there are none.

    >>> part_text(PartKind.BOXES, [{"label": "cat", "x": 1.0, "y": 2, "width": 3, "height": 4, "id": 7}])
    '[{"label":"cat","x":1,"y":2,"width":3,"height":4}]'
    """
    if kind is PartKind.LABEL_MAP:
        return _text(dict(sorted((found or {}).items())))
    if kind is PartKind.BOXES:
        boxes = ({name: _plain(one[name]) for name in _BOX if name in one} for one in found or ())
        return f"[{','.join(sorted(map(_text, boxes)))}]"
    return f"[{','.join(map(_text, _merged(found or ())))}]"


def is_same_part(kind: PartKind, one: str, other: str) -> bool:
    """Return whether two texts of `part_text` describe the same. Boxes may differ by a fraction of a pixel.

    The service may round what it stores, and no person moves a box by less than a pixel.
    """
    return one == other or (kind is PartKind.BOXES and _rounded(one) == _rounded(other))


def counted(kind: PartKind, text: str | None) -> str:
    """Return how many boxes, ranges or labels a text has.

    >>> counted(PartKind.BOXES, "[]"), counted(PartKind.STRUCTURED, '[{"label":"a"}]')
    ('no boxes', '1 range')
    """
    number = len(json.loads(text)) if text else 0
    one, many = _NOUNS[kind]
    return f"{number or 'no'} {one if number == 1 else many}"


def _merged(ranges: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Sort ranges, and join neighbours with the same label, as the service does."""
    joined: list[dict[str, Any]] = []
    for one in sorted(ranges, key=_start):
        current = {name: _plain(value) for name, value in sorted(one.items()) if value is not None}
        last = joined[-1] if joined else None
        if last is not None and _is_continued(last, current):
            last["endIndex"] = current["endIndex"]
        else:
            joined.append(current)
    return joined


def _start(one: Mapping[str, Any]) -> float:
    start = one.get("startIndex")
    return start if isinstance(start, int | float) else -1


def _is_continued(last: Mapping[str, Any], current: Mapping[str, Any]) -> bool:
    ends = (last.get("endIndex"), current.get("startIndex"), current.get("endIndex"))
    if not all(isinstance(one, int) for one in ends) or last["endIndex"] + 1 != current["startIndex"]:
        return False
    return (last.get("label"), last.get("labelMap")) == (current.get("label"), current.get("labelMap"))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return nfc(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _rounded(text: str) -> list[str]:
    boxes = ({name: round(one) if isinstance(one, float) else one for name, one in box.items()} for box in _read(text))
    return sorted(map(_text, boxes))


def _read(text: str) -> list[dict[str, Any]]:
    boxes: list[dict[str, Any]] = json.loads(text)
    return boxes


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
