"""Which file a shared document means, where several files have the name that it gives."""

import json
from typing import Any

import pytest

from eisync.core.ignore import IgnoreRules
from eisync.core.lifecycle import State

from .test_annotations import CAT, boxes, described, png, reasons
from .yard import Yard, run

READY = State.READY


def coco(*names: str) -> bytes:
    """Return a document with one box in each image. That of the first is CAT; the others lie to the right of it."""
    images = [{"id": at, "file_name": name, "width": 100, "height": 50} for at, name in enumerate(names)]
    drawn = [{"id": at, "image_id": at, "category_id": 3, "bbox": [10 + at, 5, 20, 30]} for at in range(len(names))]
    categories = [{"id": 3, "name": "cat"}]
    return json.dumps({"images": images, "annotations": drawn, "categories": categories}).encode()


@pytest.mark.parametrize(
    ("document", "name", "files"),
    [
        ("annotations.json", "0001.png", ["a/0001.png", "b/0001.png"]),
        ("annotations/instances.json", "0001.png", ["train/images/0001.png", "val/images/0001.png"]),
        ("annotations.json", "/content/0001.png", ["a/0001.png", "b/0001.png"]),
        ("annotations.json", "x/0001.png", ["one/x/0001.png", "two/x/0001.png"]),
        ("set/annotations.json", "0001.png", ["set/a/0001.png", "set/v1.0/0001.png"]),
    ],
)
def test_files_of_one_name_wait_where_a_document_may_mean_either(
    yard: Yard, document: str, name: str, files: list[str]
) -> None:
    for file in files:
        yard.write(file, png())
    yard.write(document, coco(name))
    loop = yard.watcher()
    run(loop, yard.later)
    assert {} == yard.states()
    for file, other in (files, reversed(files)):
        why = reasons(loop, yard.later)[file]
        assert f"{document}, which describes the file, cannot be used: {name!r} in it may also mean {other}" in why
        assert "give its folder there" in why


def test_the_files_enter_when_the_document_gives_their_folders(yard: Yard) -> None:
    yard.write("a/0001.png", png())
    yard.write("b/0001.png", png())
    yard.write("annotations.json", coco("0001.png"))
    loop = yard.watcher()
    run(loop, yard.later)
    assert {} == yard.states()

    yard.write("annotations.json", coco("a/0001.png", "b/0001.png"))
    yard.fake_events.of(1).files.add("annotations.json")
    run(loop, yard.later + 6.0)
    assert {"a/0001.png": READY, "b/0001.png": READY} == yard.states()
    assert (CAT, [("cat", 11, 5, 20, 30)]) == (boxes(yard, "a/0001.png"), boxes(yard, "b/0001.png"))


@pytest.mark.parametrize(
    ("names", "files", "expected"),
    [
        # The path from the folder of the document is always meant.
        (["a/0001.png"], ["a/0001.png", "b/0001.png"], {"a/0001.png": CAT, "b/0001.png": []}),
        (["0001.png"], ["0001.png", "b/0001.png"], {"0001.png": CAT, "b/0001.png": []}),
        (["/content/a/0001.png"], ["a/0001.png", "b/0001.png"], {"a/0001.png": CAT, "b/0001.png": []}),
        (["x/1.png"], ["x/1.png", "y/x/1.png"], {"x/1.png": CAT, "y/x/1.png": []}),
        # The other file is named more exactly.
        (
            ["0001.png", "a/0001.png"],
            ["a/0001.png", "b/0001.png"],
            {"a/0001.png": [("cat", 11, 5, 20, 30)], "b/0001.png": CAT},
        ),
        # The name is that of a file that is not there, in another folder.
        (["c/0001.png"], ["a/0001.png"], {"a/0001.png": []}),
        (["/content/val/0001.png"], ["train/0001.png"], {"train/0001.png": []}),
        (["/data/upload/1/0001.png"], ["a/0001.png"], {"a/0001.png": CAT}),
        (["images/0001.png"], ["a/0001.png"], {"a/0001.png": CAT}),
        # Other names in other folders are no matter.
        (["0001.png"], ["a/0001.png", "b/0002.png", "b/0001.jpg.png"], {"a/0001.png": CAT}),
    ],
)
def test_a_name_means_the_file_that_it_fits_best(
    yard: Yard, names: list[str], files: list[str], expected: dict[str, Any]
) -> None:
    for file in files:
        yard.write(file, png())
    yard.write("annotations.json", coco(*names))
    run(yard.watcher(), yard.later)
    assert dict.fromkeys(files, READY) == yard.states()
    assert expected == {file: boxes(yard, file) for file in expected}


def test_an_ignored_file_or_one_for_which_the_document_is_not_takes_no_part(yard: Yard) -> None:
    yard.write("train/1.png", png())
    yard.write("val/1.png", png())
    yard.write("masks/1.png", png())
    yard.write("instances_train.json", coco("1.png"))
    run(yard.watcher(eligibility=IgnoreRules(["masks/"])), yard.later)
    assert {"train/1.png": READY, "val/1.png": READY} == yard.states()
    assert (CAT, []) == (boxes(yard, "train/1.png"), boxes(yard, "val/1.png"))


def test_an_image_waits_where_too_many_folders_may_have_another(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eisync.core.annotations.places.MAX_FOLDERS", 3)
    for name in "abcd":
        yard.write(f"{name}/{name}.png", png())
    yard.write("annotations.json", coco(*(f"{name}.png" for name in "abcd")))
    loop = yard.watcher()
    run(loop, yard.later)
    assert {} == yard.states()
    assert "'b.png' in it may mean a file in more than 3 folders" in reasons(loop, yard.later)["b/b.png"]


def test_a_document_that_gives_two_images_the_same_name_describes_none(yard: Yard) -> None:
    yard.write("a.png", png())
    yard.write("annotations.json", coco("a.png", "a.png"))
    loop = yard.watcher()
    run(loop, yard.later)
    assert {} == yard.states()
    assert "two images in it have this name" in reasons(loop, yard.later)["a.png"]


def test_an_image_id_without_extension_means_one_image(yard: Yard) -> None:
    yard.write("0a1b.png", png())
    yard.write("0a1b.jpg", png())
    yard.write(
        "train-annotations-bbox.csv",
        b"ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\n0a1b,xclick,/m/01yrx,1,0.1,0.3,0.1,0.7\n",
    )
    yard.write("class-descriptions-boxable.csv", b"/m/01yrx,cat\n")
    loop = yard.watcher()
    run(loop, yard.later)
    assert "'0a1b' in it may also mean 0a1b.jpg" in reasons(loop, yard.later)["0a1b.png"]


def test_a_list_of_names_without_extension_gives_all_their_files_a_category(yard: Yard) -> None:
    files = ["JPEGImages/2007_27.png", "SegmentationClass/2007_27.png", "SegmentationObject/2007_27.png"]
    for file in files:
        yard.write(file, png())
    yard.write("ImageSets/Main/val.txt", b"2007_27\n")
    run(yard.watcher(), yard.later)
    assert dict.fromkeys(files, READY) == yard.states()
    assert dict.fromkeys(files, "validation") == {file: described(yard, file).category.value for file in files}


def test_a_list_of_files_and_labels_labels_no_other_file_of_the_name(yard: Yard) -> None:
    for name in ("ann/001.csv", "bob/001.csv", "bob/002.csv"):
        yard.write(name, b"x,y\n1,2\n")
    yard.write("manifest.csv", b"file,label\n001.csv,wave\n002.csv,idle\n")
    loop = yard.watcher()
    run(loop, yard.later)
    assert {"bob/002.csv": READY} == yard.states()
    assert "'001.csv' in it may also mean bob/001.csv" in reasons(loop, yard.later)["ann/001.csv"]
