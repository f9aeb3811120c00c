import json

import pytest

from eisync.emulator.companions import Companions, read_boxes, read_json
from eisync.emulator.model import Refused

BOX = {"label": "dog", "x": 0, "y": 5, "width": 1, "height": 2}


def companion(kind: str, key: str, entries: object, version: object = 1) -> bytes:
    return json.dumps({"version": version, "type": kind, key: entries}).encode()


def test_every_kind_of_companion_is_taken_in() -> None:
    found = Companions()
    ranges = [{"startIndex": 0, "endIndex": 1, "label": "up"}]
    parts = [
        ("bounding_boxes.labels", companion("bounding-box-labels", "boundingBoxes", {"a.png": [BOX]})),
        ("structured_labels.labels", companion("structured-labels", "structuredLabels", {"a.csv": ranges})),
        ("attachments.labels", companion("attachments", "attachments", {"a.csv": [{"filename": "a.mp4"}]})),
        ("label_map.labels", companion("label-map-labels", "labels", {"a.csv": {"mood": "calm"}})),
    ]
    assert [found.add(name, raw) for name, raw in parts] == [None] * 4
    assert found == Companions(
        boxes={"a.png": [BOX]},
        structured_labels={"a.csv": ranges},
        attachments={"a.csv": ("a.mp4",)},
        label_maps={"a.csv": {"mood": "calm"}},
    )
    assert found.attached_names == {"a.mp4"}


@pytest.mark.parametrize(
    ("name", "raw", "error"),
    [
        ("bounding_boxes.labels", b"", "Invalid type"),
        ("bounding_boxes.labels", b"[]", "Invalid type"),
        ("bounding_boxes.labels", companion("structured-labels", "boundingBoxes", {}), "Invalid type"),
        ("bounding_boxes.labels", companion("bounding-box-labels", "boundingBoxes", {}, 2), "Invalid version"),
        ("bounding_boxes.labels", companion("bounding-box-labels", "boundingBoxes", {}, True), "Invalid version"),
        ("bounding_boxes.labels", companion("bounding-box-labels", "boundingBoxes", []), "Invalid bounding_boxes"),
        ("attachments.labels", companion("attachments", "attachments", {"a": [{}]}), "Invalid attachments"),
        ("label_map.labels", companion("label-map-labels", "labels", {"a": {"b": 1}}), "Invalid label_map"),
    ],
)
def test_a_companion_of_the_wrong_schema_is_refused(name: str, raw: bytes, error: str) -> None:
    problem = Companions().add(name, raw)
    assert problem is not None
    assert problem.error.startswith(error)


@pytest.mark.parametrize(
    ("boxes", "is_good"),
    [
        ([], True),
        ([BOX], True),
        ([BOX | {"width": 0}], False),
        ([BOX | {"height": 0}], False),
        ([BOX | {"width": -1}], False),
        ([BOX | {"x": -1, "y": -0.5}], True),
        ([BOX | {"x": 1.5, "width": 0.25}], True),
        ([BOX | {"x": True}], False),
        ([BOX | {"y": "1"}], False),
        ([BOX | {"x": None}], False),
        ([BOX | {"label": 1}], False),
        ([{}], False),
        ([3], False),
        ({}, False),
        (None, False),
    ],
)
def test_boxes_are_numbers_with_an_area(boxes: object, is_good: bool) -> None:
    assert isinstance(read_boxes(boxes), Refused) is not is_good


def test_a_list_of_labels_is_a_map_of_their_positions() -> None:
    found = Companions()
    labels = {"a.csv": ["up", "calm"], "b.csv": {"mood": "calm"}, "c.csv": []}
    assert found.add("label_map.labels", companion("label-map-labels", "labels", labels)) is None
    assert found.label_maps == {"a.csv": {"0": "up", "1": "calm"}, "b.csv": {"mood": "calm"}, "c.csv": {}}


@pytest.mark.parametrize("labels", [["up", 1], [["up"]], "up", None, 3])
def test_labels_that_are_no_texts_are_no_map(labels: object) -> None:
    problem = Companions().add("label_map.labels", companion("label-map-labels", "labels", {"a.csv": labels}))
    assert problem is not None


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'"\\ud800"', b"NaN", b"[" * 100_000, "{"])
def test_what_could_not_be_written_again_is_not_read(raw: bytes | str) -> None:
    assert read_json(raw) is None
