"""Structured labels: ranges of readings, each with a label. Pure.

Source: the wire contract, sections 1 and "Second measurement".
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from eisync.emulator.companions import read_label_map
from eisync.emulator.model import Refused

Label = Mapping[str, object]  # {startIndex, endIndex, label, labelMap?}; both ends are part of the range


@dataclass(frozen=True, slots=True)
class _Range:
    start: int
    end: int  # the first index after it
    label: str
    label_map: Mapping[str, str] | None

    def has_same_labels(self, other: "_Range") -> bool:
        return (self.label, self.label_map) == (other.label, other.label_map)


def read_structured_labels(found: object, *, values_count: int) -> tuple[Label, ...] | Refused:
    """Return the ranges without overlaps, from the first reading to the last.

    The ranges may be in any order. Where they overlap, a later one in the list wins; neighbours with equal labels are
    joined. A gap, an index outside of the readings, and label maps with different keys are refused. A `values_count` of
    0 means that the number of readings is unknown.
    """
    if not isinstance(found, list) or not found:
        return _refused("expected a list")
    ranges: list[_Range] = []
    for one in found:
        read = _read_range(one)
        if isinstance(read, Refused):
            return read
        ranges.append(read)
    count = values_count or max(one.end for one in ranges)
    if any(one.end > count for one in ranges):
        return _refused(f"a range ends after the last value, whose index is {count - 1}")
    keys = {frozenset(one.label_map) for one in ranges if one.label_map is not None}
    if len(keys) > 1:
        return _refused("every labelMap should have the same keys")
    painted = _paint(ranges, count)
    if isinstance(painted, Refused):
        return painted
    return tuple(_show(one) for one in _merge(painted))


def _read_range(one: Any) -> _Range | Refused:
    if not isinstance(one, dict) or not isinstance(one.get("label"), str):
        return _refused("every range should have a label")
    start, end = _index(one.get("startIndex")), _index(one.get("endIndex"))
    if start is None or end is None or end < start:
        return _refused(f"{json.dumps(one)[:100]} should have whole numbers, 0 or more, with startIndex <= endIndex")
    label_map = None
    if one.get("labelMap") is not None:
        label_map = read_label_map(_bare(one["labelMap"]))
        if label_map is None:
            return _refused("every label of a labelMap should be a string")
    return _Range(start, end + 1, one["label"], label_map)


def _bare(found: Any) -> object:
    """Return the labels of a label map, also from Studio's form `{"type": "key-values", "labels": {…}}`."""
    if isinstance(found, dict) and found.get("type") == "key-values" and isinstance(found.get("labels"), dict):
        return found["labels"]
    return found


def _index(value: object) -> int | None:
    """Return an index; JSON may write it as 3 or 3.0. Return None for anything else."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def _paint(ranges: Sequence[_Range], count: int) -> list[_Range] | Refused:
    """Cut the readings at every border of a range, and give each piece the last range that covers it.

    Time and memory depend on the number of ranges, not of readings.
    """
    borders = sorted({0, count} | {one.start for one in ranges} | {one.end for one in ranges})
    at = {border: index for index, border in enumerate(borders)}
    painted: list[_Range | None] = [None] * (len(borders) - 1)
    free = list(range(len(borders)))  # free[piece] leads to the next unpainted piece, which may be the piece itself
    for one in reversed(ranges):
        piece = _next_free(free, at[one.start])
        while piece < at[one.end]:
            painted[piece] = _Range(borders[piece], borders[piece + 1], one.label, one.label_map)
            free[piece] = piece + 1
            piece = _next_free(free, piece)
    for (start, _), piece_of in zip(pairwise(borders), painted, strict=True):
        if piece_of is None:
            return _refused(f"value {start} has no label; the ranges should have no gaps")
    return [one for one in painted if one is not None]


def _next_free(free: list[int], piece: int) -> int:
    while free[piece] != piece:
        free[piece] = free[free[piece]]
        piece = free[piece]
    return piece


def _merge(ranges: Sequence[_Range]) -> list[_Range]:
    merged = list(ranges[:1])
    for one in ranges[1:]:
        if merged[-1].has_same_labels(one):
            merged[-1] = _Range(merged[-1].start, one.end, one.label, one.label_map)
        else:
            merged.append(one)
    return merged


def _show(one: _Range) -> Label:
    shown: dict[str, object] = {"startIndex": one.start, "endIndex": one.end - 1, "label": one.label}
    return shown if one.label_map is None else shown | {"labelMap": one.label_map}


def _refused(why: str) -> Refused:
    return Refused(f"Invalid structured labels: {why}")
