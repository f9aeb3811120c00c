"""Checks of boxes, structured labels, label maps and attachments (wire contract, section 1).

The second measurement of the contract corrects the first: boxes may have fractions, ranges may be in any order.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eisync.selftest.check import Check
from eisync.selftest.client import Part
from eisync.selftest.contents import VALUES
from eisync.selftest.model import Answer, Mark, UploadRefusedError
from eisync.selftest.probe import File, Probe

_Range = tuple[int, int, str]
_LAST = VALUES - 1
_BOX = {"label": "nut", "x": 1, "y": 2, "width": 3, "height": 4}
_FRACTION = {"label": "nut", "x": -0.5, "y": 2.25, "width": 3.5, "height": 4}
_FLAT = {"label": "nut", "x": 1, "y": 2, "width": 0, "height": 4}


def boxes_document(name: str, boxes: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Return `bounding_boxes.labels` for one file."""
    return {"version": 1, "type": "bounding-box-labels", "boundingBoxes": {name: boxes}}


def _header_boxes(probe: Probe) -> Answer:
    file = File(probe.name("boxes.png"), probe.contents.png())
    sample = probe.store(file, headers={"x-bounding-boxes": json.dumps([_BOX])})
    return _same([_BOX], _bare(sample["boundingBoxes"]))


def _companion_boxes(box: Mapping[str, object]) -> Callable[[Probe], Answer]:
    def ask(probe: Probe) -> Answer:
        file = File(probe.name("boxes.png"), probe.contents.png())
        document = boxes_document(file.name, [box])
        sample = probe.store(file, companions={"bounding_boxes.labels": document})
        return _same([box], _bare(sample["boundingBoxes"]))

    return ask


def _bare(boxes: Any) -> list[dict[str, Any]]:
    return [{name: box[name] for name in _BOX} for box in boxes]


def _same(sent: object, shown: object) -> Answer:
    return Answer("as sent" if sent == shown else "something else", f"shown {json.dumps(shown)}")


def _structured(ranges: Sequence[_Range], shown: Sequence[_Range]) -> Callable[[Probe], Answer]:
    """Send `ranges` (start, end, label), and compare the ranges in Studio with `shown`."""

    def ask(probe: Probe) -> Answer:
        sample = _store_structured(probe, [_range(*one) for one in ranges])
        found = [(one["startIndex"], one["endIndex"], one["label"]) for one in sample.get("structuredLabels") or ()]
        return Answer("as described" if found == list(shown) else "something else", json.dumps(found))

    return ask


def _range(start: int, end: int, label: str, label_map: Mapping[str, str] | None = None) -> dict[str, object]:
    found: dict[str, object] = {"startIndex": start, "endIndex": end, "label": label}
    return found if label_map is None else found | {"labelMap": label_map}


def _store_structured(probe: Probe, ranges: Sequence[Mapping[str, object]]) -> Mapping[str, Any]:
    file = probe.json_file("structured")
    document = {"version": 1, "type": "structured-labels", "structuredLabels": {file.name: ranges}}
    return probe.store(file, companions={"structured_labels.labels": document})


def _refused(ranges: Sequence[Mapping[str, object]]) -> Callable[[Probe], Answer]:
    def ask(probe: Probe) -> Answer:
        try:
            _store_structured(probe, ranges)
        except UploadRefusedError as refusal:
            return Answer("refused", str(refusal))
        return Answer("accepted")

    return ask


def _label_map(sent: object, wanted: Mapping[str, str]) -> Callable[[Probe], Answer]:
    def ask(probe: Probe) -> Answer:
        file = probe.json_file("label-map")
        document = {"version": 1, "type": "label-map-labels", "labels": {file.name: sent}}
        sample = probe.store(file, companions={"label_map.labels": document})
        shown = sample.get("labelMap")
        if shown is None:
            return Answer("not shown")
        found = shown.get("labels", shown) if isinstance(shown, dict) else shown
        return Answer("as described" if found == wanted else "something else", json.dumps(shown))

    return ask


def _attachment(probe: Probe) -> Answer:
    file, note = probe.json_file("attached"), probe.name("note.txt")
    document = {"version": 1, "type": "attachments", "attachments": {file.name: [{"filename": note}]}}
    attached = Part(probe.contents.csv(), note, "text/plain")
    uploaded = probe.upload(file, companions={"attachments.labels": document}, extra=[attached])
    stored = sum(entry.sample_id is not None for entry in uploaded.entries)
    return Answer(f"{len(uploaded.entries)} entry, {stored} stored", uploaded.reply.error)


CHECKS = (
    Check(
        "boxes.header",
        Mark.CODE,
        "x-bounding-boxes gives one image its boxes.",
        "one PNG with one box in the header",
        _header_boxes,
        ("as sent",),
    ),
    Check(
        "boxes.companion",
        Mark.CODE,
        "A part bounding_boxes.labels gives images their boxes.",
        "one PNG with one box in a part",
        _companion_boxes(_BOX),
        ("as sent",),
    ),
    Check(
        "boxes.fractions",
        Mark.CODE,
        "Boxes may have fractions and negative corners.",
        "one PNG with x -0.5, y 2.25, width 3.5",
        _companion_boxes(_FRACTION),
        ("as sent",),
    ),
    Check(
        "boxes.no-width",
        Mark.CODE,
        "A box whose width or height is 0 is refused.",
        "one PNG with a box of width 0",
        _companion_boxes(_FLAT),
        ("refused",),
    ),
    Check(
        "structured.order",
        Mark.CODE,
        "A part structured_labels.labels gives ranges of readings their labels.",
        f"one JSON file, ranges 0 to 1 and 2 to {_LAST}",
        _structured([(0, 1, "a"), (2, _LAST, "b")], [(0, 1, "a"), (2, _LAST, "b")]),
        ("as described",),
    ),
    Check(
        "structured.any-order",
        Mark.CODE,
        "Ranges may be in any order.",
        "one JSON file with two ranges, the last one first",
        _structured([(2, _LAST, "b"), (0, 1, "a")], [(0, 1, "a"), (2, _LAST, "b")]),
        ("as described",),
    ),
    Check(
        "structured.later-wins",
        Mark.CODE,
        "Where ranges overlap, the later one wins; neighbours with equal labels are joined.",
        f"one JSON file with ranges 0 to {_LAST}, then 2 to {_LAST}",
        _structured([(0, _LAST, "a"), (2, _LAST, "b")], [(0, 1, "a"), (2, _LAST, "b")]),
        ("as described",),
    ),
    Check(
        "structured.hole",
        Mark.CODE,
        "A gap between ranges is refused.",
        f"one JSON file with ranges 0 to 0 and 2 to {_LAST}",
        _refused([_range(0, 0, "a"), _range(2, _LAST, "b")]),
        ("refused",),
    ),
    Check(
        "structured.label-map-keys",
        Mark.CODE,
        "The label maps of a sample's ranges must have the same keys.",
        "one JSON file with two ranges, whose label maps have different keys",
        _refused([_range(0, 1, "a", {"one": "x"}), _range(2, _LAST, "b", {"two": "y"})]),
        ("refused",),
    ),
    Check(
        "label-map.object",
        Mark.CODE,
        "A part label_map.labels gives a file several labels.",
        "one JSON file with a map of two labels",
        _label_map({"wear": "high", "load": "low"}, {"wear": "high", "load": "low"}),
        ("as described",),
    ),
    Check(
        "label-map.list",
        Mark.CODE,
        "A list of labels becomes a map with the keys 0, 1 and so on.",
        "one JSON file with a list of two labels",
        _label_map(["high", "low"], {"0": "high", "1": "low"}),
        ("as described",),
    ),
    Check(
        "attachments",
        Mark.CODE,
        "A part that attachments.labels names is not a data file, and has no entry in the answer.",
        "one JSON file with a text file attached",
        _attachment,
        ("1 entry, 1 stored",),
    ),
)
