"""A file that describes others is recognised by its shape, and no sample is taken for one."""

import csv
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.acquisition import Encoding, Recording, SensorAxis, encode
from eisync.core.labels.annotations import (
    ANNOTATION,
    HEAD_BYTES,
    TEXT,
    IfBeside,
    NotASample,
    annotation_of,
    may_be_annotation,
    places_beside,
)


def annotation_in(path: str, content: bytes | str) -> NotASample | IfBeside | None:
    raw = content.encode() if isinstance(content, str) else content
    return annotation_of(path, raw[:HEAD_BYTES], size=len(raw))


YOLO = "0 0.5 0.5 0.1 0.1\n1 0.2 0.2 0.1 0.1\n"
COCO: Any = {"info": {"year": 2026}, "licenses": [], "images": [{"id": 1}], "annotations": [], "categories": []}
LABELME: Any = {"version": "5.2", "flags": {}, "shapes": [], "imagePath": "im0.jpg", "imageData": "A" * 40_000}
VIA: Any = {"im0.jpg512": {"filename": "im0.jpg", "size": 512, "regions": []}}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("labels/im0.txt", YOLO),
        ("train/labels/im0.txt", YOLO),
        ("Labels/im0.txt", "0 0.5 0.5 0.1 0.1"),
        ("labels/train/im0.txt", ""),
        ("labels/im0.txt", "\n"),
        ("label_2/000001.txt", "Car 0.00 0 -1.58 587.01 173.33 614.12 200.12 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59\n"),
        ("annotations/0000001.txt", "684,8,273,116,0,0,0,0\n406,119,265,70,0,0,0,0\n"),
        ("labelTxt/P0001.txt", "imagesource:GoogleEarth\ngsd:0.14\n2753 2408 2861 2385 2888 2468 2805 2502 plane 0\n"),
        ("classes.txt", "cat\ndog\n"),
        ("classes.txt", ""),
        ("data/predefined_classes.txt", "cat\ndog\n"),
        ("labels.txt", "0 cat\n1 dog\n"),
        ("activity_labels.txt", "1 WALKING\n2 SITTING\n"),
        ("coco-classes.txt", "person\nbicycle\n"),
        ("obj_names.txt", "cat"),
        ("train.txt", "data/im0.jpg\ndata/im1.JPG\n"),
        ("_annotations.csv", "filename,width,height,class,xmin,ymin,xmax,ymax\nim0_jpg.rf.1.jpg,416,416,cat,1,2,3,4\n"),
        ("_classes.csv", "filename, cat, dog\nim0.jpg, 1, 0\n"),
        ("boxes.csv", "im0.jpg,10,20,30,40,cat\nim1.jpg,,,,,\n"),
        ("esc50.csv", "filename,fold,target,category\n1-100032-A-0.wav,1,0,dog\n"),
        ("via.csv", '#filename,file_size,region_shape_attributes\n"im0.png",5,"{""name"":""rect""}"\n'),
        ("oid.csv", "ImageID,Source,LabelName,Confidence\n000026e7ee790996,verification,/m/04hgtk,0\n"),
        ("call.BirdNET.results.csv", "Start (s),End (s),Scientific name,Common name\n0.0,3.0,Parus major,Great Tit\n"),
        ("events.csv", "start,end,label\n0.5,1.5,dog\n"),
        ("train.csv", "id,breed\nabc,boston_bull\n"),
        ("_annotations.coco.json", json.dumps(COCO)),
        ("instances_val2017.json", json.dumps(COCO | {"images": [{"id": number} for number in range(5000)]})),
        ("coco.json", json.dumps({"annotations": []})),
        ("coco.json", json.dumps(COCO).encode("utf-16")),
        ("_annotations.createml.json", json.dumps([{"image": "im0.jpg", "annotations": []}])),
        ("im0.json", json.dumps(LABELME)),
        ("via.json", json.dumps(VIA)),
        ("via_project.json", json.dumps({"_via_settings": {}, "_via_img_metadata": VIA})),
        ("export.json", json.dumps([{"id": 1, "annotations": [{}], "data": {"image": "/data/upload/1/im0.jpg"}}])),
        ("vott.json", json.dumps({"asset": {"format": "jpg"}, "regions": []})),
        ("supervisely.json", json.dumps({"description": "", "size": {"height": 1}, "objects": []})),
        ("bounding_boxes.json", json.dumps({"version": 1, "type": "bounding-box-labels", "boundingBoxes": {}})),
        ("meta.json", json.dumps({"filename": "call-1.wav", "talkgroup": 7})),
        ("ImageSets/Main/train.txt", "000001\n000002\n"),
        ("val.txt", "im0.jpg 1\nim1.jpg 0\n"),
        ("wider.txt", "0--Parade/0_Parade_1.jpg\n1\n449 330 122 149 0 0 0 0 0 0\n"),
        ("meta.json", json.dumps({"classes": [{"title": "cat", "shape": "any"}], "tags": []})),
        ("notes.json", json.dumps({"categories": [{"id": 0, "name": "cat"}], "info": {"year": 2026}})),
        ("classes.json", '["cat", "dog"]'),
        ("label_map.json", '{"cat": 0, "dog": 1}'),
        ("dataset.json", json.dumps({"name": "cats", "files": ["im0.jpg", "im1.jpg"]})),
        ("bdd.json", json.dumps([{"name": "b1c66a42-6f7d68ca.jpg", "labels": []}])),
    ],
)
def test_an_annotation_is_recognised_by_its_shape_in_any_folder(path: str, content: bytes | str) -> None:
    found = annotation_in(path, content)
    assert isinstance(found, NotASample)
    assert ANNOTATION == found.reason


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        ("_classes.csv", "person,0\nbicycle,1\n", "a list of classes"),  # of RetinaNet
        ("_classes.csv", "filename,cat\nim0.jpg,1\n", "a list of files and labels"),
        ("notes.json", json.dumps({"categories": [{"id": 0, "name": "cat"}]}), "a list of classes"),
        ("class-descriptions-boxable.csv", "/m/01yrx,cat\n/m/0bt9lr,dog\n", "a list of classes"),
        ("instances.json", json.dumps(COCO), "COCO"),
        ("testing_list.txt", "bed/0c40e715_nohash_0.wav\n", "a list of files for testing"),
    ],
)
def test_an_annotation_says_what_it_is(path: str, content: str, kind: str) -> None:
    assert NotASample(ANNOTATION, kind) == annotation_in(path, content)


@pytest.mark.parametrize(
    ("path", "content", "beside"),
    [
        ("im0.txt", YOLO, "im0.jpg"),
        ("im0.txt", "", "im0.jpg"),
        ("im0.txt", "0 " + "0.123456 " * 900, "im0.jpg"),
        ("im0.txt", "3\n", "im0.jpg"),
        ("im0.txt", "0 0.1 0.1 0.9 0.1 0.9 0.9\n", "im0.jpg"),
        ("video.csv", "frame,label\n0,cat\n1,dog\n", "video.mp4"),
        ("im0.txt", "a cat, sitting, on a mat", "im0.png"),
        ("day/call.1.txt", "0.5\t1.5\tbark\n2.0\t2.5\tbark\n", "day/call.1.wav"),
        ("call.1.txt", "good morning", "call.1.flac"),
        ("call.Table.1.selections.txt", "Selection\tView\tBegin Time (s)\n1\tSpectrogram 1\t0.5\n", "call.wav"),
        ("call.1.json", '{"start": 1, "freq": 162400000}', "call.1.wav"),
        ("call.1.json", '{"start": 1, "freq": 16', "call.1.wav"),
        ("call.1.json", '[{"time": 1}]', "call.1.WAV"),
        ("call.1.json", "", "call.1.wav"),
        ("photo.jpg.json", '{"title": "photo", "photoTakenTime": {}}', "photo.jpg"),
        ("photo.jpg.supplemental-metadata.json", '{"title": "photo"}', "photo.jpg"),
        ("session.1.json", '{"rate": 100, "who": "ann"}', "session.1.csv"),
        ("session.1.txt", "it rained", "session.1.cbor"),
        ("train/labels/im0.txt", "a bird", "train/images/im0.jpg"),
        ("labels/train/im0.txt", "a bird", "images/train/im0.jpg"),
        ("train/annotations/im0.txt", "a bird", "train/im0.jpg"),
    ],
)
def test_other_files_are_annotations_beside_the_file_they_describe(path: str, content: str, beside: str) -> None:
    found = annotation_in(path, content)
    assert isinstance(found, IfBeside)
    assert beside in found.places
    assert ANNOTATION == found.left_out.reason


def acquisition(order: str, **more: Any) -> str:
    whole = json.loads(
        encode(Recording(device_type="B", interval_ms=1, sensors=(SensorAxis("x", "g"),), values=[[1]]), Encoding.JSON)
    )
    return json.dumps({**{name: whole[name] for name in order.split()}, **more})


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("wave.1.json", acquisition("protected signature payload")),
        ("labels.json", acquisition("signature payload protected")),
        ("labels/wave.1.json", acquisition("payload signature protected")),
        ("wave.1.json", acquisition("signature payload protected", annotations=[], filename="a.wav")),
        ("wave.1.json", "\ufeff" + acquisition("protected signature payload")),
        ("wave.1.json", '{"payload": {"values": [' + "[1], " * 20_000),
        ("wave.1.json", '{"signature": "0", "payload": {"values": [' + "[1], " * 20_000),
        ("rec.1.txt", "timestamp,x\n0,1\n10,2\n"),
        ("labels/rec.1.txt", "timestamp,x\n0,1\n10,2\n"),
        ("rec.1.txt", "accX\n5\n"),
        ("rec.1.txt", "time x y\n0 1 2\n"),
        ("rec.1.txt", "time;x\n2026-01-01 10:00:00;1,5\n"),
        ("rec.1.txt", "timestamp,x\r\n0,NaN\r\n"),
        ("rec.1.txt", "timestamp,x\n0,-\n10,3\n"),
        ("rec.1.txt", "timestamp,x,y\n0,,2\n"),
        ("rec.1.txt", "# logger 1.2\ntimestamp,x\n0,1\n"),
        ("rec.1.txt", "Logger 1.2\nserial 7\ntimestamp,x\n0,1\n"),
        ("rec.1.txt", "0,0.1,0.2\n10,0.3,0.4\n"),
        ("rec.1.txt", "0.01\t0.02\n0.03\t0.04\n"),
        ("rec.1.txt", "1\n2\n3\n"),
        ("rec.1.txt", ",".join(f"feature {n}" for n in range(900)) + "\n" + ",".join(map(str, range(900)))),
        ("config.txt", "1\n2\n3\n"),
        ("device_info.txt", "timestamp,x\n0,1\n"),
        ("my_labels.txt", "timestamp,x\n0,1\n"),
        ("rec.1.csv", "timestamp,x,label\n0,1,walk\n10,,run\n"),
        ("rec.1.csv", "name\nwalk\n"),
        ("classes.txt", "timestamp,x\n0,1\n"),
        ("notes.txt", "timestamp,x\n0,1\n"),
        ("rec.1.csv", "timestamp,x\n0,1\n10,2\n"),
        ("labels/rec.1.csv", "timestamp,xmin,ymin\n0,1,3\n"),
        ("train.csv", "timestamp,x\n0,1\n"),
        ("rec.1.csv", "time,x\n2026-01-01 10:00:00,1\n"),
        ("rec.1.csv", "timestamp,x\n"),
        ("rec.1.csv", ""),
        ("rec.1.csv", "content"),
        ("rec.1.wav", ""),
        ("labels/im0.jpg", YOLO),
        ("rec.1.cbor", b"\xa1"),
    ],
)
def test_a_possible_sample_is_no_annotation_in_any_folder(path: str, content: bytes | str) -> None:
    assert annotation_in(path, content) is None


@pytest.mark.parametrize(
    "name",
    [
        "LICENSE.txt",
        "license.txt",
        "NOTICE.txt",
        "requirements.txt",
        "Read Me.txt",
        "LIESMICH.txt",
        "LISEZMOI.txt",
        "CONFIG.TXT",
        "features_info.txt",
    ],
)
def test_a_text_that_came_with_the_data_is_recognised(name: str) -> None:
    found = annotation_in(name, "numpy==2.4\nrequests\n")
    assert isinstance(found, NotASample)
    assert TEXT == found.reason


def test_only_files_with_some_extensions_are_checked() -> None:
    asked = [
        may_be_annotation(path) for path in ("a.txt", "a.JSON", "a.csv", "a.wav", "a.cbor", "a.parquet", "a.jpg", "txt")
    ]
    assert [True] * 3 + [False] * 5 == asked


def test_the_most_likely_place_comes_first() -> None:
    places = list(places_beside("day/labels/im0.1.txt"))
    assert "day/labels/im0.1.jpg" == places[0]
    assert len(places) == len(set(places)) < 400
    assert {"day/images/im0.1.jpg", "day/im0.1.jpg", "day/labels/im0.wav"} <= set(places)


@given(st.binary(max_size=300), st.sampled_from(["a.txt", "labels/a.json", "a.csv", "x/.json", "..txt", "é.txt"]))
def test_every_content_gets_a_decision(head: bytes, path: str) -> None:
    for size in (len(head), len(head) + 1):
        annotation_of(path, head, size=size)


@given(st.lists(st.lists(st.integers(-9, 9), min_size=2, max_size=2), min_size=1, max_size=5), st.sampled_from(",;\t|"))
def test_no_table_of_numbers_with_column_names_is_left_out(rows: list[list[int]], mark: str) -> None:
    text = "\n".join([f"timestamp{mark}x", *(mark.join(map(str, row)) for row in rows)])
    assert [None, None] == [annotation_in("labels/im0.txt", text), annotation_in("labels/im0.csv", text)]


@pytest.mark.parametrize("path", ["a.csv", "day/A.CSV", "a.txt", "a.json"])
def test_a_file_is_never_beside_itself(path: str) -> None:
    found = annotation_of(path, b"id,place\n1-2,elsewhere\n3-4,elsewhere\n", size=37)
    if path.endswith("json"):
        found = annotation_of(path, b"", size=0)
    assert isinstance(found, IfBeside)
    assert path.lower() not in {place.lower() for place in found.places}


def test_a_table_that_cannot_be_read_is_no_annotation() -> None:
    table = "name,class\nsomething,cat\n"
    assert annotation_in("a.csv", table) is not None
    limit = csv.field_size_limit(5)  # a setting of the whole process; a program that embeds eisync may have set any
    try:
        assert annotation_in("a.csv", table) is None
    finally:
        csv.field_size_limit(limit)


def test_an_annotation_name_may_extend_the_name_of_its_file() -> None:
    places = list(places_beside("day/im0.jpg.boxes.json"))
    assert "day/im0.jpg" in places
    assert "day/im0.jpg.boxes.wav" in places
    far = list(places_beside("a.b.c.d.e.f.json"))
    assert "a.b.c.d.e.jpg" in far
    assert "a.jpg" not in far, "only the last parts of a name are taken away"


def test_the_last_line_of_a_head_is_ignored_because_it_may_continue() -> None:
    table = b"when,what\nx,y\nz,im0.jpg"
    files = NotASample(ANNOTATION, "a table of files")
    assert files == annotation_of("a.csv", table, size=len(table))
    assert files != annotation_of("a.csv", table, size=len(table) + 1), "it may be im0.jpg.csv"
    assert files == annotation_of("a.csv", table + b"\nx,y", size=len(table) + 100)
