import json

import pytest

from eisync.core.companions import Companions, Kind, read_document


def test_a_part_for_each_kind_and_an_entry_for_each_name() -> None:
    companions = Companions()
    companions.add("a.png", {Kind.BOXES: [1]})
    companions.add("b.json", {Kind.STRUCTURED: [2]})
    companions.add("c.png", {Kind.BOXES: [3]})
    companions.add("d.png", {})
    assert {
        "bounding_boxes.labels": {
            "version": 1,
            "type": "bounding-box-labels",
            "boundingBoxes": {"a.png": [1], "c.png": [3]},
        },
        "structured_labels.labels": {"version": 1, "type": "structured-labels", "structuredLabels": {"b.json": [2]}},
    } == {name: json.loads(raw) for name, raw in companions.parts()}


@pytest.mark.parametrize("kind", Kind)
def test_what_is_written_can_be_read(kind: Kind) -> None:
    companions = Companions()
    companions.add("a.png", {kind: {"k": "v"}})
    ((name, raw),) = companions.parts()
    assert kind.part_name == name
    assert {"a.png": {"k": "v"}} == read_document(kind, raw)


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"type":"structured-labels"}', b'{"type":"bounding-box-labels"}'])
def test_what_is_no_companion_is_told(raw: bytes) -> None:
    with pytest.raises(ValueError):
        read_document(Kind.BOXES, raw)
