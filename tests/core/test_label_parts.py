import json

import pytest

from eisync.core.labels.parts import LabelParts, PartKind, packed, unpacked


def test_there_is_a_part_for_each_kind_and_an_entry_for_each_name() -> None:
    companions = LabelParts()
    companions.add("a.png", {PartKind.BOXES: [1]})
    companions.add("b.json", {PartKind.STRUCTURED: [2]})
    companions.add("c.png", {PartKind.BOXES: [3]})
    companions.add("d.png", {})
    assert {
        "bounding_boxes.labels": {
            "version": 1,
            "type": "bounding-box-labels",
            "boundingBoxes": {"a.png": [1], "c.png": [3]},
        },
        "structured_labels.labels": {"version": 1, "type": "structured-labels", "structuredLabels": {"b.json": [2]}},
    } == {name: json.loads(raw) for name, raw in companions.parts()}


@pytest.mark.parametrize("kind", PartKind)
def test_packed_descriptions_are_unpacked_unchanged(kind: PartKind) -> None:
    about = {kind: [{"label": "nut \u00fc", "x": 1}]}
    assert about == unpacked(packed(about))


def test_no_description_is_packed_as_none() -> None:
    assert packed({PartKind.BOXES: [], PartKind.LABEL_MAP: None}) is None
    assert {} == unpacked(None)
