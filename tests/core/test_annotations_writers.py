"""What is written in the format of another program has the meaning that its readers give it."""

import csv
import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations import (
    class_names,
    coco,
    coco_writer,
    csv_boxes,
    csv_writer,
    manifest,
    pascal_voc,
    pascal_voc_writer,
    yolo,
    yolo_writer,
)
from eisync.core.annotations.pixels import boxes_in_pixels
from eisync.core.annotations.plain_box import PlainBox, is_plain
from eisync.core.dataset import WholeSample
from eisync.core.labels.entry import Entry

NUT, BOLT = PlainBox("nut", 1, 2, 3, 4), PlainBox('bolt "M3" & <x>, 日本', 0.5, 0, 10, 20)
TEXTS = st.text(min_size=1, max_size=20).filter(is_plain)
SIZES = st.tuples(st.integers(1, 70_000), st.integers(1, 70_000))


@st.composite
def boxes_in_images(draw: st.DrawFn) -> tuple[tuple[int, int], PlainBox]:
    """A box of whole pixels inside an image of some size."""
    width, height = size = draw(SIZES)
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return size, PlainBox("nut", x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y)))


def test_a_coco_file_is_put_together_from_its_parts() -> None:
    images = [coco_writer.image(1, "a.png", (640, 480)), coco_writer.image(2, "7/é.png", (10, 20))]
    numbers = {NUT.label: 0, BOLT.label: 1}
    annotations = [coco_writer.annotation(1, 1, NUT, numbers), coco_writer.annotation(2, 2, BOLT, numbers)]
    parts = [coco_writer.beginning(list(numbers)), coco_writer.IMAGES, ",".join(images), coco_writer.ANNOTATIONS]
    document = json.loads("".join([*parts, ",".join(annotations), coco_writer.END]))
    assert document == {
        "info": {},
        "licenses": [],
        "categories": [
            {"id": 1, "name": NUT.label, "supercategory": "none"},
            {"id": 2, "name": BOLT.label, "supercategory": "none"},
        ],
        "images": [
            {"id": 1, "file_name": "a.png", "width": 640, "height": 480},
            {"id": 2, "file_name": "7/é.png", "width": 10, "height": 20},
        ],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "bbox": [1, 2, 3, 4],
                "area": 12,
                "iscrowd": 0,
                "segmentation": [],
            },
            {
                "id": 2,
                "image_id": 2,
                "category_id": 2,
                "bbox": [0.5, 0, 10, 20],
                "area": 200,
                "iscrowd": 0,
                "segmentation": [],
            },
        ],
    }


def test_a_coco_file_may_have_no_classes_and_no_images() -> None:
    text = coco_writer.beginning([]) + coco_writer.IMAGES + coco_writer.ANNOTATIONS + coco_writer.END
    assert {"info": {}, "licenses": [], "categories": [], "images": [], "annotations": []} == json.loads(text)


@pytest.mark.parametrize(
    ("boxes", "size", "expected"),
    [
        ([], (10, 10), ""),
        ([NUT], (10, 10), "1 0.25 0.4 0.3 0.4\n"),
        ([NUT, PlainBox("bolt", 0, 0, 10, 10)], (10, 10), "1 0.25 0.4 0.3 0.4\n0 0.5 0.5 1 1\n"),
        ([PlainBox("nut", -2, 0, 3, 3)], (3, 9), "1 -0.166666666667 0.166666666667 1 0.333333333333\n"),
        ([PlainBox("nut", 0, 0, 1, 1)], (10**6, 10**6), "1 0.0000005 0.0000005 0.000001 0.000001\n"),
    ],
)  # fmt: skip
def test_a_line_of_yolo_has_the_middle_and_the_size_of_a_box(
    boxes: list[PlainBox], size: tuple[int, int], expected: str
) -> None:
    assert expected == yolo_writer.label_lines(boxes, size, {"bolt": 0, "nut": 1})


@given(boxes_in_images())
def test_the_pixels_of_a_yolo_box_are_the_same_when_it_is_read(given: tuple[tuple[int, int], PlainBox]) -> None:
    (width, height), box = given
    line = yolo_writer.label_lines([box], (width, height), {"nut": 0})
    number, x, y, across, down = map(float, line.split())
    assert [0, *box[1:]] == [
        number,
        round((x - across / 2) * width),
        round((y - down / 2) * height),
        round(across * width),
        round(down * height),
    ]
    assert all(0 <= one <= 1 for one in (x, y, across, down))


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_the_names_of_yolo_are_read_back_unchanged(names: list[str]) -> None:
    found = yaml.safe_load(yolo_writer.data_yaml(names, ["train", "val"]))
    assert {"train": "images/train", "val": "images/val", "names": dict(enumerate(names))} == found


@pytest.mark.parametrize("name", ["null", "no", "1", "- a", "a: b", '"', "\\", "\u200dx", "#", "é😀"])
def test_a_name_of_yolo_is_a_text_whatever_it_looks_like(name: str) -> None:
    assert {0: name} == yaml.safe_load(yolo_writer.data_yaml([name], []))["names"]


def voc(text: str) -> dict[str, Any]:
    root = ET.fromstring(text)
    found = {
        one.findtext("name"): tuple(
            float(one.findtext(f"bndbox/{name}") or "") for name in ("xmin", "ymin", "xmax", "ymax")
        )
        for one in root.findall("object")
    }
    said = {name: root.findtext(name) for name in ("folder", "filename", "size/width", "size/height", "size/depth")}
    return {**said, "objects": found}


@pytest.mark.parametrize(
    ("place", "boxes", "folder", "name"),
    [
        ("JPEGImages/a.png", [], "JPEGImages", "a.png"),
        ("JPEGImages/7/<a> & b.png", [NUT, BOLT], "JPEGImages/7", "<a> & b.png"),
    ],
)
def test_a_voc_file_has_the_corners_of_boxes(place: str, boxes: list[PlainBox], folder: str, name: str) -> None:
    expected = {box.label: (box.x, box.y, box.x + box.width, box.y + box.height) for box in boxes}
    assert voc(pascal_voc_writer.annotation(place, (640, 480), boxes)) == {
        "folder": folder,
        "filename": name,
        "size/width": "640",
        "size/height": "480",
        "size/depth": "3",
        "objects": expected,
    }


@given(TEXTS)
def test_a_label_of_voc_is_read_back_unchanged(label: str) -> None:
    text = pascal_voc_writer.annotation("a.png", (9, 9), [PlainBox(label, 1, 1, 1, 1)])
    assert {label: (1, 1, 2, 2)} == voc(text)["objects"]


def test_a_table_of_boxes_has_a_line_for_each() -> None:
    text = csv_writer.BOXES_HEAD + csv_writer.box_lines("7/a, b.png", (640, 480), [NUT, BOLT])
    head, *rows = csv.reader(text.splitlines())
    assert ["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax"] == head
    assert [
        ["7/a, b.png", "640", "480", "nut", "1", "2", "4", "6"],
        ["7/a, b.png", "640", "480", BOLT.label, "0.5", "0", "10.5", "20"],
    ] == rows
    assert "" == csv_writer.box_lines("a.png", (640, 480), [])


def sample(**more: Any) -> WholeSample:
    return WholeSample(**{"id": 7, "name": "a.01", "category": "training", "label": "wave", **more})


@pytest.mark.parametrize(
    ("found", "place", "expected"),
    [
        (sample(), "train/a.01.csv", True),
        (sample(metadata={"site": "lab 3"}), "train/7/a.01.csv", True),
        (sample(boxes=[{}], structured_labels=[{}]), "train/a.01.csv", True),
        (sample(label=None), "train/a.01.csv", False),
        (sample(label=" wave"), "train/a.01.csv", False),
        (sample(name="a/01"), "train/a_01.csv", False),
        (sample(name=""), "train/7.csv", False),
        (sample(label_map={"k": "v"}), "train/a.01.csv", False),
        (sample(metadata={"site": ""}), "train/a.01.csv", False),
        (sample(metadata={"Site": "x"}), "train/a.01.csv", False),
        (sample(metadata={"site": 3}), "train/a.01.csv", False),
    ],
)
def test_a_line_of_the_manifest_says_everything_about_most_samples(
    found: WholeSample, place: str, expected: bool
) -> None:
    assert expected is csv_writer.says_all(place, found, ["né", "site"])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], []),
        (["site", "by"], ["by", "site"]),
        (["site", "Site", "SITE"], ["SITE"]),
        (["lab name", "lab-name", "lab__name"], ["lab name"]),
        (["a\nb", "", " x"], []),
    ],
)
def test_names_that_a_reader_cannot_tell_apart_have_one_column(names: list[str], expected: list[str]) -> None:
    assert expected == csv_writer.metadata_columns(names)


def test_a_manifest_has_a_column_for_each_name_of_metadata() -> None:
    names = ["né", "site"]
    text = csv_writer.manifest_head(names)
    text += csv_writer.manifest_line("train/a.csv", sample(metadata={"site": "lab, 3", "by": "me"}), names)
    text += csv_writer.manifest_line("train/b.csv", sample(label='"x"'), names)
    text += csv_writer.manifest_line("train/c.csv", sample(label=None, metadata={"site": "a\nb"}), names)
    assert [
        ["file_name", "label", "category", "metadata.né", "metadata.site"],
        ["train/a.csv", "wave", "training", "", "lab, 3"],
        ["train/b.csv", '"x"', "training", "", ""],
        ["train/c.csv", "", "training", "", ""],
    ] == list(csv.reader(text.splitlines()))


# What eisync itself reads


def read(module: Any, text: str) -> list[Entry]:
    """Return the entries of a document, read in pieces."""
    return list(module.entries(text[at : at + 7] for at in range(0, len(text), 7)))


def pixels(entry: Entry, size: tuple[int, int], names: dict[str, str] | None = None) -> list[dict[str, Any]]:
    assert entry.problem is None
    return boxes_in_pixels(
        entry.regions or [],
        is_relative=entry.is_relative,
        said_size=entry.size,
        size=size,
        names=names,
    )


@st.composite
def labelled_images(draw: st.DrawFn) -> tuple[tuple[int, int], list[PlainBox]]:
    (size, box), labels = draw(boxes_in_images()), draw(st.lists(TEXTS, min_size=1, max_size=4, unique=True))
    return size, [box._replace(label=label) for label in labels]


@given(labelled_images())
def test_eisync_reads_back_what_it_writes(given: tuple[tuple[int, int], list[PlainBox]]) -> None:
    size, boxes = given
    expected = [box._asdict() for box in boxes]
    names = [box.label for box in boxes]
    numbers = {name: number for number, name in enumerate(names)}

    yolo_text = yolo_writer.label_lines(boxes, size, numbers)
    classes = class_names.read("data.yaml", yolo_writer.data_yaml(names, ["train"]))
    assert [expected] == [pixels(one, size, classes) for one in read(yolo, yolo_text)]

    voc_text = pascal_voc_writer.annotation("a.png", size, boxes)
    assert [expected] == [pixels(one, size) for one in read(pascal_voc, voc_text)]

    table = csv_writer.BOXES_HEAD + csv_writer.box_lines("7/a.png", size, boxes)
    rows = read(csv_boxes, table)
    assert {"7/a.png"} == {row.path for row in rows}
    assert expected == [box for row in rows for box in pixels(row, size)]

    records = [coco_writer.annotation(at, 1, box, numbers) for at, box in enumerate(boxes, start=1)]
    parts = [coco_writer.beginning(names), coco_writer.IMAGES, coco_writer.image(1, "7/a.png", size)]
    document = "".join([*parts, coco_writer.ANNOTATIONS, ",".join(records), coco_writer.END])
    found = read(coco, document)
    (labels,) = [one.label_map for one in found if one.label_map]
    assert [size] == [one.size for one in found if one.path == "7/a.png"]
    assert expected == [box for one in found if one.regions for box in pixels(one, size, dict(labels))]


@given(st.lists(st.tuples(TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3)), min_size=1, max_size=5))
def test_eisync_reads_back_a_manifest(given: list[tuple[str, dict[str, str]]]) -> None:
    samples = [sample(label=label, metadata=metadata) for label, metadata in given]
    columns = csv_writer.metadata_columns(name for _, metadata in given for name in metadata)
    lines = [csv_writer.manifest_line(f"train/{at}/a.01.csv", one, columns) for at, one in enumerate(samples)]
    text = csv_writer.manifest_head(columns) + "".join(lines)
    assert manifest.recognises("labels.csv", text[:16_000])
    found = read(manifest, text)
    assert [f"train/{at}/a.01.csv" for at in range(len(samples))] == [one.path for one in found]
    for one, entry in zip(samples, found, strict=True):
        if csv_writer.says_all(entry.path, one, columns):
            assert (one.label, one.category, one.metadata or None) == (entry.label, entry.category, entry.metadata)
