import json

import pytest

from eisync.emulator.companions import Companions, read_boxes, read_json, read_structured_labels
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
        ([BOX | {"x": -1}], False),
        ([BOX | {"x": 1.5}], False),
        ([BOX | {"x": True}], False),
        ([BOX | {"label": 1}], False),
        ([{}], False),
        ([3], False),
        ({}, False),
        (None, False),
    ],
)
def test_boxes_are_whole_pixels_with_an_area(boxes: object, is_good: bool) -> None:
    assert isinstance(read_boxes(boxes), Refused) is not is_good


@pytest.mark.parametrize(
    ("spans", "is_good"),
    [
        ([(0, 9)], True),
        ([(0, 0), (1, 9)], True),
        ([(0, 8)], False),
        ([(0, 10)], False),
        ([(1, 9)], False),
        ([(0, 4), (4, 9)], False),
        ([(0, 4), (6, 9)], False),
        ([(0, -1), (0, 9)], False),
        ([], False),
    ],
)
def test_structured_labels_cover_every_value_without_a_gap(spans: list[tuple[int, int]], is_good: bool) -> None:
    labels = [{"startIndex": start, "endIndex": end, "label": "x"} for start, end in spans]
    assert isinstance(read_structured_labels(labels, values_count=10), Refused) is not is_good


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'"\\ud800"', b"NaN", b"[" * 100_000, "{"])
def test_what_could_not_be_written_again_is_not_read(raw: bytes | str) -> None:
    assert read_json(raw) is None
