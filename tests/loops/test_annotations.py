"""Annotation files of other programs, from the folder into the outbox: with the right file, and never half."""

import json
import struct
import wave
import zlib
from pathlib import Path
from typing import Any

import pytest

from eisync.core.ignore import IgnoreRules
from eisync.core.labels.description import Description
from eisync.core.labels.parts import PartKind, unpacked
from eisync.core.lifecycle import State
from eisync.store.descriptions import Descriptions

from .yard import Yard, run

READY = State.READY


def png(width: int = 100, height: int = 50) -> bytes:
    """Return a black image."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes(width)) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def write_wav(place: Path, seconds: float, rate: int = 1_000) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(place), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", "not compressed"))
        file.writeframes(bytes(int(2 * rate * seconds)))


def described(yard: Yard, path: str) -> Description:
    [file] = Descriptions(yard.database).at(yard.root.id, [path])
    return file.description


def companions(yard: Yard, path: str) -> dict[PartKind, Any]:
    [record] = yard.index.records.files_at(yard.root.path, [path])
    text: Any = record["companions"]
    return unpacked(text)


def boxes(yard: Yard, path: str) -> list[tuple[Any, ...]]:
    found = companions(yard, path).get(PartKind.BOXES, [])
    return [(one["label"], one["x"], one["y"], one["width"], one["height"]) for one in found]


def reasons(loop: Any, now: float) -> dict[str, str]:
    return {one.path: one.reason for one in loop.unsettled(now)}


COCO = {
    "info": {"year": "2024"},
    "images": [{"id": 7, "file_name": "a.png", "width": 100, "height": 50}],
    "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 5, 20, 30], "area": 600, "iscrowd": 0}],
    "categories": [{"id": 3, "name": "cat", "supercategory": "animal"}],
}
VOC = """<annotation><filename>a.png</filename><size><width>100</width><height>50</height><depth>3</depth></size>
<object><name>cat</name><bndbox><xmin>10</xmin><ymin>5</ymin><xmax>30</xmax><ymax>35</ymax></bndbox></object>
</annotation>"""
CAT = [("cat", 10, 5, 20, 30)]

LAYOUTS: dict[str, tuple[str, dict[str, str]]] = {
    "YOLO, mirrored": (
        "images/train/a.png",
        {"labels/train/a.txt": "0 0.2 0.4 0.2 0.6\n", "data.yaml": "names: [cat, dog]\n"},
    ),
    "YOLO, beside": ("a.png", {"a.txt": "1 0.2 0.4 0.2 0.6\n", "classes.txt": "dog\ncat\n"}),
    "Roboflow YOLO": (
        "train/images/a.png",
        {"train/labels/a.txt": "0 0.2 0.4 0.2 0.6\n", "data.yaml": "names:\n  0: cat\n"},
    ),
    "VOC, mirrored": ("JPEGImages/a.png", {"Annotations/a.xml": VOC}),
    "VOC, beside": ("train/a.png", {"train/a.xml": VOC}),
    "COCO, Roboflow": ("train/a.png", {"train/_annotations.coco.json": json.dumps(COCO)}),
    "COCO 2017": ("train2017/a.png", {"annotations/instances_train2017.json": json.dumps(COCO)}),
    "table": (
        "a.png",
        {
            "_annotations.csv": "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,100,50,cat,10,5,30,35\n",
        },
    ),
    "Open Images": (
        "train/a.png",
        {
            "train-annotations-bbox.csv": "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,"
            "IsTruncated,IsGroupOf,IsDepiction,IsInside\na,xclick,/m/01yrx,1,0.1,0.3,0.1,0.7,0,0,0,0,0\n",
            "class-descriptions-boxable.csv": "/m/01yrx,cat\n/m/0bt9lr,dog\n",
        },
    ),
    "CreateML": (
        "train/a.png",
        {
            "train/_annotations.createml.json": json.dumps(
                [
                    {
                        "image": "a.png",
                        "annotations": [{"label": "cat", "coordinates": {"x": 20, "y": 20, "width": 20, "height": 30}}],
                    }
                ]
            )
        },
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_image_enters_with_the_boxes_of_its_annotation(yard: Yard, layout: str) -> None:
    image, annotations = LAYOUTS[layout]
    yard.write(image, png())
    for place, text in annotations.items():
        yard.write(place, text.encode())
    run(yard.watcher(), yard.later)
    assert {image: READY} == yard.states()
    assert CAT == boxes(yard, image)


def test_annotations_are_not_read_when_they_are_not_wanted(yard: Yard) -> None:
    yard.write("a.png", png())
    yard.write("a.xml", VOC.encode())
    run(yard.watcher(annotations="none"), yard.later)
    assert [] == boxes(yard, "a.png")


def test_only_the_wanted_format_is_read(yard: Yard) -> None:
    yard.write("a.png", png())
    yard.write("a.xml", VOC.encode())
    yard.write("_annotations.coco.json", json.dumps(COCO).encode())
    run(yard.watcher(annotations="coco"), yard.later)
    assert CAT == boxes(yard, "a.png")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0 0.2 0.4 0.2\n", "line 1"),
        ("0 0.2 0.4 0.2 0.6\n0 0.9 0.4 0.4 0.6\n", "line 2"),
        ("0 0.2 0.4 0 0.6\n", "line 1"),
        ("7 0.2 0.4 0.2 0.6\n", "7"),
    ],
)
def test_an_image_waits_until_its_annotation_is_corrected(yard: Yard, text: str, reason: str) -> None:
    yard.write("images/a.png", png())
    yard.write("images/b.png", png())
    yard.write("data.yaml", b"names: [cat]")
    yard.write("labels/a.txt", text.encode())
    yard.write("labels/b.txt", b"0 0.2 0.4 0.2 0.6\n")
    loop = yard.watcher()
    run(loop, yard.later)
    assert {"images/b.png": READY} == yard.states(), "the other image is not affected"
    why = reasons(loop, yard.later)["images/a.png"]
    assert "labels/a.txt, which describes the file, cannot be used: " in why
    assert reason in why
    assert "correct it, and the file is sent by itself" in why

    yard.write("labels/a.txt", b"0 0.2 0.4 0.2 0.6\n")
    yard.fake_events.of(1).files.add("labels/a.txt")
    run(loop, yard.later + 1.0)
    assert {"images/a.png": READY, "images/b.png": READY} == yard.states()
    assert CAT == boxes(yard, "images/a.png")


def test_an_image_waits_for_its_annotation_where_others_have_one(yard: Yard) -> None:
    yard.write("images/a.png", png())
    yard.write("images/b.png", png())
    yard.write("data.yaml", b"names: [cat]")
    yard.write("labels/a.txt", b"0 0.2 0.4 0.2 0.6\n")
    now = max(map(yard.touched_at, ("images/a.png", "images/b.png", "labels/a.txt"))) + 0.5
    yard.fake_events.of(1).files |= {"images/a.png", "images/b.png"}
    yard.fake_events.of(1).closed |= {"images/a.png", "images/b.png"}
    loop = yard.watcher()
    run(loop, now)
    assert "annotations lie beside the file, and none describes it yet" in reasons(loop, now)["images/b.png"]
    run(loop, now + 5.0)
    assert {"images/a.png": READY, "images/b.png": READY} == yard.states()
    assert [] == boxes(yard, "images/b.png")
    assert "none describes it" in " ".join(described(yard, "images/b.png").remarks.values())


def test_an_image_goes_only_with_an_annotation_when_one_is_required(yard: Yard) -> None:
    yard.write("images/a.png", png())
    yard.write("b.csv", b"x,y\n1,2\n")
    yard.write("data.yaml", b"names: [cat]")
    loop = yard.watcher(requires_annotation=True)
    run(loop, yard.later)
    assert {"b.csv": READY} == yard.states(), "it is only required of images"
    assert "require_annotation is set" in reasons(loop, yard.later)["images/a.png"]

    yard.write("labels/a.txt", b"0 0.2 0.4 0.2 0.6\n")
    yard.fake_events.of(1).files.add("labels/a.txt")
    run(loop, yard.later + 6.0)
    assert CAT == boxes(yard, "images/a.png")


def test_an_empty_annotation_says_that_an_image_shows_nothing(yard: Yard) -> None:
    yard.write("images/a.png", png())
    yard.write("data.yaml", b"names: [cat]")
    yard.write("labels/a.txt", b"")
    run(yard.watcher(requires_annotation=True), yard.later)
    assert {"images/a.png": READY} == yard.states()
    assert [] == boxes(yard, "images/a.png")


def test_waiting_images_get_the_boxes_of_a_changed_annotation(yard: Yard) -> None:
    yard.write("images/a.png", png())
    yard.write("data.yaml", b"names: [cat, dog]")
    yard.write("labels/a.txt", b"0 0.2 0.4 0.2 0.6\n")
    loop = yard.watcher()
    run(loop, yard.later)
    yard.write("labels/a.txt", b"1 0.2 0.4 0.2 0.6\n")
    yard.fake_events.of(1).files.add("labels/a.txt")
    run(loop, yard.later + 1.0)
    assert [("dog", 10, 5, 20, 30)] == boxes(yard, "images/a.png")

    yard.write("data.yaml", b"names: [cat, wolf]")
    yard.fake_events.of(1).files.add("data.yaml")
    run(loop, yard.later + 2.0)
    assert [("wolf", 10, 5, 20, 30)] == boxes(yard, "images/a.png")


def test_waiting_images_get_the_boxes_of_a_changed_document(yard: Yard) -> None:
    yard.write("a.png", png())
    yard.write("annotations.json", json.dumps(COCO).encode())
    loop = yard.watcher()
    run(loop, yard.later)
    yard.write("annotations.json", json.dumps(COCO).replace('"cat"', '"dog"').encode())
    yard.fake_events.of(1).files.add("annotations.json")
    run(loop, yard.later + 1.0)
    assert [("dog", 10, 5, 20, 30)] == boxes(yard, "a.png")


def test_half_a_document_is_not_used(yard: Yard) -> None:
    yard.write("a.png", png())
    yard.write("annotations.json", json.dumps(COCO)[:-30].encode())
    loop = yard.watcher()
    run(loop, yard.later)
    assert {} == yard.states()
    assert "annotations.json, which describes the file, cannot be used" in reasons(loop, yard.later)["a.png"]


def test_a_file_of_another_size_than_its_annotation_says_waits(yard: Yard) -> None:
    yard.write("a.png", png(200, 50))
    yard.write("annotations.json", json.dumps(COCO).encode())
    loop = yard.watcher()
    run(loop, yard.later)
    assert {} == yard.states()
    assert "100" in reasons(loop, yard.later)["a.png"]


def test_a_manifest_gives_labels_categories_and_metadata(yard: Yard) -> None:
    yard.write("rec/001.csv", b"x,y\n1,2\n")
    yard.write("rec/002.csv", b"x,y\n1,3\n")
    manifest = "Datei;file;label;category;metadata.site\n;rec/001.csv;Böe;test;lab 3\n;002.csv;wave;train;\n"
    yard.write("manifest.csv", manifest.encode("cp1252"))
    run(yard.watcher(), yard.later)
    first, second = described(yard, "rec/001.csv"), described(yard, "rec/002.csv")
    assert ("Böe", "testing", {"site": "lab 3"}) == (first.label, first.category.value, first.metadata)
    assert ("wave", "training", {}) == (second.label, second.category.value, second.metadata)
    assert {"rec/001.csv", "rec/002.csv"} == yard.states().keys(), "the manifest is no sample"


def test_a_named_manifest_is_read_whatever_its_name_is(yard: Yard) -> None:
    yard.write("a.csv", b"x,y\n1,2\n")
    yard.write("meine liste.csv", b"file_name,label\na.csv,wave\n")
    run(yard.watcher(manifest="meine liste.csv"), yard.later)
    assert {"a.csv": READY} == yard.states()
    assert "wave" == yard.record("a.csv")["label"]


def test_files_wait_for_a_manifest_that_is_not_there(yard: Yard) -> None:
    yard.write("a.csv", b"x,y\n1,2\n")
    loop = yard.watcher(manifest="list.csv")
    run(loop, yard.later)
    assert {} == yard.states()
    assert "the manifest list.csv, which the configuration names, is not there" in reasons(loop, yard.later)["a.csv"]

    yard.write("list.csv", b"file,label\na.csv,wave\n")
    yard.fake_events.of(1).files.add("list.csv")
    run(loop, yard.later + 6.0)
    assert {"a.csv": READY} == yard.states()
    assert "wave" == yard.record("a.csv")["label"]


def test_a_label_track_becomes_labels_by_index(yard: Yard) -> None:
    write_wav(yard.path("night.wav"), 2.0)
    yard.write("night.txt", b"0.0\t0.5\towl\n0.5\t2.0\twind\n")
    run(yard.watcher(), yard.later)
    assert {"night.wav": READY} == yard.states()
    assert companions(yard, "night.wav")[PartKind.STRUCTURED] == [
        {"startIndex": 0, "endIndex": 499, "label": "owl"},
        {"startIndex": 500, "endIndex": 1999, "label": "wind"},
    ]


def test_an_ignored_annotation_is_not_read(yard: Yard) -> None:
    yard.write("a.png", png())
    yard.write("a.xml", VOC.encode())
    run(yard.watcher(eligibility=IgnoreRules(["*.xml"])), yard.later)
    assert [] == boxes(yard, "a.png")


def test_two_names_that_may_both_mean_a_file_are_used_for_none(yard: Yard) -> None:
    yard.write("pool/a.png", png())
    images = [{"id": n, "file_name": f"/{n}/a.png", "width": 100, "height": 50} for n in (1, 2)]
    yard.write("annotations.json", json.dumps({**COCO, "images": images}).encode())
    loop = yard.watcher()
    run(loop, yard.later)
    assert "may both mean the file" in reasons(loop, yard.later)["pool/a.png"]


def test_a_companion_that_changed_while_no_process_ran_is_followed_although_it_settles_after_the_scan(
    yard: Yard,
) -> None:
    yard.write("images/a.png", png())
    yard.write("data.yaml", b"names: [cat, dog]")
    yard.write("labels/a.txt", b"0 0.2 0.4 0.2 0.6\n")
    run(yard.watcher(), yard.later)
    before = yard.touched_at("labels/a.txt") + 0.0001
    with yard.database.transaction() as connection:
        connection.execute("update file set state = 'synced', changed_at = ?", (before,))
        connection.execute("update root set scan_began_at = ?", (before,))

    yard.write("labels/a.txt", b"1 0.2 0.4 0.2 0.6\n")
    now = yard.touched_at("labels/a.txt") + 0.5
    loop = yard.watcher()
    run(loop, now)
    assert [] == wanted(yard), "it changed a moment ago"
    run(loop, now + 5.0)

    assert [{PartKind.BOXES: [{"label": "dog", "x": 10, "y": 5, "width": 20, "height": 30}]}] == wanted(yard)


def wanted(yard: Yard) -> list[dict[PartKind, Any]]:
    """Return what sent files should have instead of what was sent with them."""
    with yard.database.reading() as connection:
        rows = connection.execute("select companions from wanted_description").fetchall()
    return [unpacked(row["companions"]) for row in rows]
