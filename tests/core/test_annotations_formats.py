"""Which format of annotations a document has, and which of them the option `annotations` allows."""

import json

import pytest

from eisync.core.annotations.formats import (
    AUTO,
    FORMATS,
    NAMES,
    NONE,
    Subject,
    may_be,
    recognised,
    subject_of,
)
from eisync.core.labels.entry import Entry

BOX = {"label": "cat", "coordinates": {"x": 20, "y": 20, "width": 20, "height": 30}}
COCO = {"images": [{"id": 7, "file_name": "a.png"}], "annotations": [], "categories": []}
VOC = "<annotation><filename>a.png</filename></annotation>"


def task(data: str, kind: str) -> str:
    result = {"type": kind, "value": {"start": 0, "end": 1, "labels": ["x"], "timeserieslabels": ["x"]}}
    return json.dumps([{"id": 1, "data": {data: f"/data/upload/a.{data}"}, "annotations": [{"result": [result]}]}])


@pytest.mark.parametrize(
    ("name", "head", "title"),
    [
        ("instances.json", json.dumps(COCO), "COCO"),
        ("_annotations.createml.json", json.dumps([{"image": "a.png", "annotations": [BOX]}]), "CreateML"),
        ("project-1.json", task("audio", "labels"), "Label Studio"),
        ("project-1.json", task("image", "rectanglelabels"), "Label Studio"),
        ("a.xml", VOC, "Pascal VOC"),
        (
            "oid.csv",
            "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\na,xclick,/m/01yrx,1,0.1,0.3,0.1,0.7\n",
            "Open Images",
        ),
        (
            "_annotations.csv",
            "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,9,9,cat,1,1,2,2\n",
            "a table of boxes",
        ),
        ("manifest.csv", "file,label\na.wav,owl\n", "a list of files and labels"),
        ("testing_list.txt", "bed/0c40e715_nohash_0.wav\n", "a list of files for testing"),
        ("train.txt", "data/a.jpg\n", "a list of files for training"),
        ("val.txt", "2007_000027\n", "a list of files for validation"),
        ("train.txt", "a.jpg 10,20,30,40,0\n", "YOLO (one list of images and boxes)"),
        ("a.TextGrid", 'File type = "ooTextFile"\nObject class = "TextGrid"\n', "a Praat TextGrid"),
        ("a.txt", "0.5\t1.25\tdog\n", "an Audacity label track"),
        ("a.txt", "0 0.5 0.5 0.1 0.1\n", "YOLO"),
        ("a.txt", "good morning\n", None),
        ("a.csv", "timestamp,x\n0,1\n", None),
        ("a.json", '{"protected": {}}', None),
    ],
)
def test_a_document_has_the_format_of_its_content_and_name(name: str, head: str, title: str | None) -> None:
    found = recognised(name, head)
    assert title == (None if found is None else found.title)


def test_only_allowed_formats_are_recognised() -> None:
    assert recognised("instances.json", json.dumps(COCO), may_be("yolo")) is None
    assert recognised("instances.json", json.dumps(COCO), may_be("coco")) is not None


@pytest.mark.parametrize(
    ("allowed", "names"),
    [
        (AUTO, set(NAMES)),
        (NONE, set()),
        ("coco", {"coco", "manifest"}),
        ("manifest", {"manifest"}),
        ("audacity", {"audacity", "manifest"}),
    ],
)
def test_a_list_of_files_is_allowed_with_every_format(allowed: str, names: set[str]) -> None:
    assert names == {one.name for one in may_be(allowed)}


def test_a_name_of_the_option_stands_once() -> None:
    assert len(NAMES) == len(set(NAMES))
    assert {AUTO, NONE}.isdisjoint(NAMES)
    assert {one.name for one in FORMATS} == set(NAMES)


@pytest.mark.parametrize(
    ("path", "subject"),
    [
        ("a.JPG", Subject.IMAGES),
        ("a.png", Subject.IMAGES),
        ("a.wav", Subject.RECORDINGS),
        ("a.csv", Subject.RECORDINGS),
    ],
)
def test_images_have_boxes_and_other_files_have_stretches(path: str, subject: Subject) -> None:
    assert subject is subject_of(path)


def test_each_format_reads_what_it_recognises() -> None:
    found = recognised("val.txt", "a.jpg\nb/c.jpg\n")
    assert found is not None
    assert [
        Entry(path="a.jpg", category="validation", where="line 1"),
        Entry(path="b/c.jpg", category="validation", where="line 2"),
    ] == list(found.entries(["a.jpg\nb/c", ".jpg\n"]))
