"""Several annotations of one file, and annotations that come, change and go: each image has what was drawn for it."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from eisync.core.annotations.places import Listing
from eisync.core.labels.parts import PartKind
from eisync.core.lifecycle import State
from eisync.core.watch_health import Mode
from eisync.loops.watcher import sidecars as sidecars_module

from .stage import Stage
from .test_annotations import CAT, COCO, VOC, boxes, companions, described, png, reasons, write_wav
from .yard import Yard, run

READY, SETTLING = State.READY, State.SETTLING
LINE = "0 0.2 0.4 0.2 0.6\n"
"""CAT, in a YOLO file."""


def coco(name: str, left: int = 10, label: str = "cat") -> str:
    """Return a document with one box in one image."""
    image = {"id": 7, "file_name": name, "width": 100, "height": 50}
    box = {"id": 1, "image_id": 7, "category_id": 3, "bbox": [left, 5, 20, 30]}
    return json.dumps({"images": [image], "annotations": [box], "categories": [{"id": 3, "name": label}]})


def say(yard: Yard, place: str, text: str, at: float | None = None) -> None:
    """Write an annotation file, as if at the instant `at` (Unix s), and report it."""
    path = yard.write(place, text.encode())
    if at is not None:
        os.utime(path, (at, at))
    yard.fake_events.of(yard.root.id).files.add(place)


def remove(yard: Yard, place: str) -> None:
    yard.path(place).unlink()
    yard.fake_events.of(yard.root.id).files.add(place)


def write(yard: Yard, files: Mapping[str, str]) -> None:
    for place, text in files.items():
        yard.write(place, text.encode())


# --- several annotations of one file


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"train/_annotations.coco.json": coco("a.png"), "annotations.json": coco("train/a.png", 40)}, CAT),
        ({"annotations.json": coco("train/a.png"), "list.csv": "file,label\ntrain/a.png,x\n"}, CAT),
        # The companion is nearer than any document.
        ({"train/a.xml": VOC, "train/_annotations.coco.json": coco("a.png", 40)}, CAT),
        ({"train/a.txt": LINE, "train/labels/a.txt": LINE.replace("0.2", "0.6", 1), "data.yaml": "names: [cat]"}, CAT),
        # A document that names other files only says nothing of this one.
        ({"train/_annotations.coco.json": coco("b.png", 40), "annotations.json": coco("train/a.png")}, CAT),
        ({"train/_annotations.coco.json": coco("b.png", 40)}, []),
    ],
)
def test_the_nearest_annotation_counts(yard: Yard, files: dict[str, str], expected: object) -> None:
    yard.write("train/a.png", png())
    write(yard, files)
    run(yard.watcher(), yard.later)
    assert {"train/a.png": READY} == yard.states()
    assert expected == boxes(yard, "train/a.png")


def test_one_document_gives_the_boxes_and_another_the_label(yard: Yard) -> None:
    yard.write("images/a.png", png())
    write(
        yard,
        {
            "annotations.json": coco("images/a.png"),
            "manifest.csv": "file,label,category,metadata.site\nimages/a.png,indoors,test,lab 3\n",
        },
    )
    run(yard.watcher(), yard.later)
    found = described(yard, "images/a.png")
    assert CAT == boxes(yard, "images/a.png")
    assert ("indoors", "testing", {"site": "lab 3"}) == (found.label, found.category.value, found.metadata)


def test_the_nearest_list_gives_the_label_and_another_what_it_leaves_out(yard: Yard) -> None:
    yard.write("a/x.csv", b"x,y\n1,2\n")
    write(
        yard,
        {"a/manifest.csv": "file,label\nx.csv,near\n", "manifest.csv": "file,label,category\na/x.csv,far,test\n"},
    )
    run(yard.watcher(), yard.later)
    assert ("near", "testing") == (described(yard, "a/x.csv").label, described(yard, "a/x.csv").category.value)


def test_a_sidecar_of_edge_impulse_wins_over_annotations(yard: Yard) -> None:
    yard.write("a.png", png())
    own = {"label": "dog", "x": 1, "y": 2, "width": 3, "height": 4}
    write(
        yard,
        {
            "a.xml": VOC,
            "manifest.csv": "file,label,category\na.png,listed,test\n",
            "bounding_boxes.labels": json.dumps({"boundingBoxes": {"a.png": [own]}}),
            "info.labels": json.dumps({"files": [{"path": "a.png", "label": {"type": "label", "label": "said"}}]}),
        },
    )
    run(yard.watcher(), yard.later)
    assert [("dog", 1, 2, 3, 4)] == boxes(yard, "a.png")
    assert ("said", "testing") == (described(yard, "a.png").label, described(yard, "a.png").category.value)


FORMATS = {
    "voc": ("a.xml", VOC),
    "yolo": ("a.txt", "0 0.3 0.4 0.2 0.6\n"),
    "coco": ("coco.json", coco("a.png", 30)),
    "csv": ("_annotations.csv", "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,100,50,cat,40,5,60,35\n"),
}
LEFT = {"voc": 10, "yolo": 20, "coco": 30, "csv": 40}


@pytest.mark.parametrize("wanted", FORMATS)
def test_the_option_chooses_among_annotations(yard: Yard, wanted: str) -> None:
    yard.write("a.png", png())
    write(yard, {"classes.txt": "cat\n", **dict(FORMATS.values())})
    run(yard.watcher(annotations=wanted), yard.later)
    assert {"a.png": READY} == yard.states()
    assert [("cat", LEFT[wanted], 5, 20, 30)] == boxes(yard, "a.png")


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("result.json", coco("images\\/a1b2c3d4-a.png").replace("\\\\/", "/")),
        ("result.json", coco("a1b2c3d4-a.png")),
    ],
)
def test_the_prefix_of_an_upload_to_label_studio_is_no_part_of_the_name(yard: Yard, document: str, text: str) -> None:
    yard.write("images/a.png", png())
    yard.write("images/b.png", png())
    write(yard, {document: text})
    run(yard.watcher(), yard.later)
    assert {"images/a.png": READY, "images/b.png": READY} == yard.states()
    assert (CAT, []) == (boxes(yard, "images/a.png"), boxes(yard, "images/b.png"))


def test_a_file_that_has_the_prefix_itself_is_meant(yard: Yard) -> None:
    yard.write("a.png", png())
    yard.write("a1b2c3d4-a.png", png())
    write(yard, {"result.json": coco("a1b2c3d4-a.png")})
    run(yard.watcher(), yard.later)
    assert ([], CAT) == (boxes(yard, "a.png"), boxes(yard, "a1b2c3d4-a.png"))


# --- annotations that change while images wait to be sent


@pytest.mark.parametrize(
    ("place", "files"),
    [
        ("labels/a.txt", {"labels/a.txt": LINE, "classes.txt": "cat\n"}),
        ("images/a.xml", {"images/a.xml": VOC}),
        ("annotations.json", {"annotations.json": coco("images/a.png")}),
    ],
)
def test_boxes_go_with_their_annotation(yard: Yard, place: str, files: dict[str, str]) -> None:
    yard.write("images/a.png", png())
    write(yard, files)
    loop = yard.watcher()
    run(loop, yard.later)
    assert CAT == boxes(yard, "images/a.png")
    remove(yard, place)
    run(loop, yard.later + 2.0)
    assert [] == boxes(yard, "images/a.png")


@pytest.mark.parametrize(
    ("place", "files"),
    [
        ("labels/a.txt", {"labels/a.txt": LINE, "classes.txt": "cat\n"}),
        ("images/a.xml", {"images/a.xml": VOC}),
        ("annotations.json", {"annotations.json": coco("images/a.png")}),
    ],
)
def test_boxes_go_with_an_annotation_that_was_removed_while_nothing_ran(
    yard: Yard, place: str, files: dict[str, str]
) -> None:
    yard.write("images/a.png", png())
    write(yard, files)
    run(yard.watcher(), yard.later)
    assert CAT == boxes(yard, "images/a.png")
    yard.path(place).unlink()
    loop = yard.watcher()
    run(loop, yard.later + 2.0)
    run(loop, yard.later + 5.0)
    assert [] == boxes(yard, "images/a.png")


def test_a_row_that_is_removed_from_a_list_says_nothing_any_more(yard: Yard) -> None:
    yard.write("a.csv", b"x,y\n1,2\n")
    yard.write("b.csv", b"x,y\n1,3\n")
    write(yard, {"manifest.csv": "file,label\na.csv,wave\nb.csv,idle\n"})
    loop = yard.watcher()
    run(loop, yard.later)
    assert ("wave", "idle") == (described(yard, "a.csv").label, described(yard, "b.csv").label)
    say(yard, "manifest.csv", "file,label\nb.csv,idle\n")
    run(loop, yard.later + 2.0)
    assert ("a", "idle") == (described(yard, "a.csv").label, described(yard, "b.csv").label)


@pytest.mark.parametrize("classes", ["data.yaml", "labels/data.yaml", "labels/train/data.yaml"])
def test_a_changed_list_of_classes_names_the_boxes_of_waiting_images(yard: Yard, classes: str) -> None:
    yard.write("images/train/a.png", png())
    write(yard, {"labels/train/a.txt": LINE, classes: "names: [dog]"})
    loop = yard.watcher()
    run(loop, yard.later)
    assert [("dog", 10, 5, 20, 30)] == boxes(yard, "images/train/a.png")
    say(yard, classes, "names: [cat]")
    run(loop, yard.later + 2.0)
    assert CAT == boxes(yard, "images/train/a.png")


@pytest.mark.parametrize("place", ["manifest.csv", "lists/of files.csv"])
def test_every_file_gets_a_changed_label_of_the_configured_list(yard: Yard, place: str) -> None:
    yard.write("rec/a.csv", b"x,y\n1,2\n")
    write(yard, {place: "file,label\nrec/a.csv,wave\n"})
    loop = yard.watcher(manifest=place)
    run(loop, yard.later)
    assert "wave" == described(yard, "rec/a.csv").label
    say(yard, place, "file,label\nrec/a.csv,idle\n")
    run(loop, yard.later + 2.0)
    assert "idle" == described(yard, "rec/a.csv").label


def test_an_annotation_that_comes_later_gives_a_waiting_image_its_boxes(yard: Yard) -> None:
    yard.write("images/a.png", png())
    loop = yard.watcher()
    run(loop, yard.later)
    assert [] == boxes(yard, "images/a.png")
    for number, (place, text) in enumerate({"classes.txt": "cat\n", "labels/a.txt": LINE}.items(), 1):
        say(yard, place, text)
        run(loop, yard.later + 2.0 * number)
    assert CAT == boxes(yard, "images/a.png")


@pytest.mark.parametrize("place", ["a.xml", "annotations.json"])
def test_a_scan_notices_an_annotation_without_events(yard: Yard, place: str) -> None:
    yard.write("a.png", png())
    loop = yard.watcher(mode=Mode.SCAN)
    run(loop, yard.later)
    assert [] == boxes(yard, "a.png")
    path = yard.write(place, (VOC if place == "a.xml" else coco("a.png")).encode())
    os.utime(path, (yard.later + 10.0,) * 2)
    run(loop, yard.later + 120.0)
    run(loop, yard.later + 123.0)
    assert CAT == boxes(yard, "a.png")


def test_a_document_that_is_replaced_while_it_is_read_gives_its_new_boxes_only(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sidecars_module, "ENTRIES_PER_TICK", 20)
    monkeypatch.setattr(sidecars_module, "SLICE", 10)
    names = [f"{number}.png" for number in range(200)]
    for name in names[:3]:
        yard.write(name, png())

    def document(left: int) -> str:
        images = [{"id": at, "file_name": name, "width": 100, "height": 50} for at, name in enumerate(names)]
        drawn = [{"id": at, "image_id": at, "category_id": 3, "bbox": [left, 5, 20, 30]} for at in range(len(names))]
        return json.dumps({**COCO, "images": images, "annotations": drawn})

    write(yard, {"annotations.json": document(10)})
    loop = yard.watcher()
    for _ in range(4):
        loop.tick(yard.later)
    assert {} == yard.states(), "it is being read"
    assert "is being read" in reasons(loop, yard.later)["0.png"]
    say(yard, "annotations.json", document(30), yard.later)
    run(loop, yard.later + 1.0)
    run(loop, yard.later + 5.0)
    assert dict.fromkeys(names[:3], READY) == yard.states()
    assert [[("cat", 30, 5, 20, 30)]] * 3 == [boxes(yard, name) for name in names[:3]]


# --- the same for files that were sent


@pytest.mark.parametrize(
    ("files", "place", "text", "edits"),
    [
        ({"a.xml": VOC}, "a.xml", VOC.replace(">10<", ">12<"), ["boxes"]),
        ({"a.txt": LINE, "classes.txt": "cat\n"}, "a.txt", LINE.replace("0.2", "0.3", 1), ["boxes"]),
        ({"a.txt": LINE, "classes.txt": "cat\n"}, "classes.txt", "dog\n", ["boxes"]),
        ({"annotations.json": coco("a.png")}, "annotations.json", coco("a.png", 30), ["boxes"]),
        ({"manifest.csv": "file,label\na.png,x\n"}, "manifest.csv", "file,label\na.png,y\n", ["relabel"]),
        ({"a.xml": VOC}, "a.xml", VOC + "\n", []),
        # What cannot be used changes nothing.
        ({"a.xml": VOC}, "a.xml", VOC[:-20], []),
    ],
)
def test_an_annotation_that_changed_while_nothing_ran_is_followed(
    yard: Yard, files: dict[str, str], place: str, text: str, edits: list[str]
) -> None:
    write(yard, files)
    stage = Stage(yard)
    stage.put("a.png", content=lambda _: png())
    path = yard.write(place, text.encode())
    os.utime(path, (stage.clock.now + 1.0,) * 2)
    stage.clock.now += 10.0
    stage.start()
    for _ in range(3):
        run(stage.watcher, stage.clock.now)
        stage.clock.now += 5.0
    stage.sweep()
    assert edits == [verb for verb, _ in stage.cloud.edits]


def test_a_row_that_is_removed_changes_no_sample(yard: Yard) -> None:
    write(yard, {"manifest.csv": "file,label\na.csv,wave\nb.csv,idle\n"})
    stage = Stage(yard)
    stage.put("a.csv", "b.csv", content=lambda path: b"x,y\n1," + path.encode().hex().encode()[:2] + b"\n")
    say(yard, "manifest.csv", "file,label\nb.csv,other\n", stage.clock.now + 1.0)
    stage.clock.now += 5.0
    run(stage.watcher, stage.clock.now)
    stage.sweep()
    assert ["relabel"] == [verb for verb, _ in stage.cloud.edits]


# --- cost


def test_a_large_folder_is_not_listed_again_in_each_tick(yard: Yard) -> None:
    yard.write("images/a.png", png())
    yard.write("labels/a.txt", LINE.encode())
    yard.write("classes.txt", b"cat\n")
    real = yard.outside().annotations
    listed: list[str] = []

    def listing(root: str, folder: str) -> Listing:
        listed.append(folder)
        return replace(real.listing(root, folder), entries=400_000)

    loop = yard.watcher(outside={"annotations": replace(real, listing=listing)})
    run(loop, yard.later)
    assert CAT == boxes(yard, "images/a.png")
    once = sorted(listed)
    assert len(set(once)) == len(once), "each folder once"
    for second in range(1, 10):
        yard.write("images/b.png", png(100 + second))
        yard.fake_events.of(1).files.add("images/b.png")
        run(loop, yard.later + 2.0 * second)
    assert once == sorted(listed)
    yard.write("images/c.png", png())
    yard.fake_events.of(1).files.add("images/c.png")
    run(loop, yard.later + 60.0)
    assert len(listed) > len(once)


# --- recordings


def test_a_label_track_that_changes_gives_other_labels(yard: Yard) -> None:
    write_wav(yard.path("night.wav"), 1.0)
    write(yard, {"night.txt": "0.0\t1.0\towl\n"})
    loop = yard.watcher()
    run(loop, yard.later)
    say(yard, "night.txt", "0.0\t0.5\towl\n0.5\t1.0\twind\n")
    run(loop, yard.later + 2.0)
    found: Any = companions(yard, "night.wav")[PartKind.STRUCTURED]
    assert [("owl", 0, 499), ("wind", 500, 999)] == [
        (one["label"], one["startIndex"], one["endIndex"]) for one in found
    ]


def test_a_track_that_reaches_beyond_the_recording_waits(yard: Yard) -> None:
    write_wav(yard.path("night.wav"), 1.0)
    write(yard, {"night.txt": "0.0\t3.0\towl\n"})
    loop = yard.watcher()
    run(loop, yard.later)
    assert {} == yard.states()
    assert "line 1: it ends at 3 s, but the recording has 1 s" in reasons(loop, yard.later)["night.wav"]
