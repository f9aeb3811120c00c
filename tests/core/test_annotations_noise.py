"""Whatever a file holds, the parsers of annotations end with entries or with a ValueError, and invent no box."""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eisync.core.annotations import (
    class_names,
    coco,
    createml,
    csv_boxes,
    label_studio_images,
    open_images,
    pascal_voc,
    yolo,
    yolo_keras,
)
from eisync.core.labels.entry import Entry, packed, unpacked
from tests.core.test_annotations_coco import box as coco_box
from tests.core.test_annotations_coco import document as coco_document
from tests.core.test_annotations_voc import VOC_2012
from tests.examples import examples

COORDINATES = {"x": 5, "y": 5, "width": 2, "height": 3}
ROTATED = {
    "type": "rectanglelabels",
    "original_width": 20,
    "original_height": 10,
    "value": {"x": 1, "y": 2, "width": 3, "height": 4, "rotation": 30, "rectanglelabels": ["cat"]},
}
FORMATS: dict[ModuleType, str] = {
    coco: coco_document(coco_box(), coco_box(bbox=None), coco_box(id=3)),
    createml: json.dumps([{"image": "a.jpg", "annotations": [{"label": "cat", "coordinates": COORDINATES}] * 2}]),
    csv_boxes: 'file,class,xmin,ymin,xmax,ymax\na.jpg,cat,1,2,3,4\n"b,\n.jpg",dog,1,2,3,4\nc.jpg,,,,,\n',
    label_studio_images: json.dumps([{"data": {"image": "/a.jpg"}, "annotations": [{"result": [ROTATED, ROTATED]}]}]),
    open_images: "ImageID,LabelName,XMin,XMax,YMin,YMax\na,/m/0,0.1,0.2,0.3,0.4\na,/m/0,0,1,0,1\n",
    pascal_voc: VOC_2012,
    yolo: "0 0.5 0.5 0.25 0.25\n1 0.5 0.5 0.25 0.25 0.5\n2 0.1 0.1 0.2 0.1 0.2 0.2\n",
    yolo_keras: "a.jpg 1,2,3,4,0 5,6,7,8,1\nb c.jpg\nd.jpg 1,2,3,4,5\n",
}
EACH = pytest.mark.parametrize("module", FORMATS, ids=lambda module: module.__name__.rpartition(".")[2])
NAMES = ["a.json", "a.txt", "a.csv", "a.xml", "notes.json", "data.yaml", "classes.txt"]
quick = settings(max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])


def read(module: ModuleType, pieces: Iterable[str]) -> list[Entry]:
    """Return the entries. A ValueError gives none: its reader discards what came before."""
    entries: Callable[[Iterable[str]], Iterator[Entry]] = module.entries
    try:
        found = list(entries(pieces))
    except ValueError:
        return []
    for entry in found:
        assert entry.problem is None or entry.regions is None
        assert entry == unpacked(packed(entry))
        for region in entry.regions or ():
            assert region.label
            assert all(math.isfinite(one) for one in region[1:5])
    return found


def count(found: list[Entry]) -> int:
    return sum(len(entry.regions or ()) for entry in found)


@EACH
@quick
@given(text=st.text(max_size=200), name=st.sampled_from(NAMES))
def test_noise_gives_no_box(module: ModuleType, text: str, name: str) -> None:
    assert count(read(module, [text])) == 0 or module in (yolo, csv_boxes, yolo_keras)
    assert module.recognises(name, text) in (True, False)


@EACH
@quick
@given(data=st.data())
def test_a_damaged_document_has_no_more_boxes_than_the_whole_one(module: ModuleType, data: st.DataObject) -> None:
    text = FORMATS[module]
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    damaged = text[:first] + data.draw(st.text(max_size=3)) + text[last:]
    assert count(read(module, [damaged])) <= count(read(module, [text])) + (module in (yolo, csv_boxes))
    assert module.recognises("a.json", damaged) in (True, False)


@EACH
@quick
@given(length=st.integers(0, 2000))
def test_a_document_that_is_cut_has_only_boxes_of_the_whole_one(module: ModuleType, length: int) -> None:
    whole = [region for entry in read(module, [FORMATS[module]]) for region in entry.regions or ()]
    cut = [region for entry in read(module, [FORMATS[module][:length]]) for region in entry.regions or ()]
    assert len(cut) <= len(whole)
    # Only a text without an end of its own can be cut inside a number.
    assert cut[:-1] == whole[: max(0, len(cut) - 1)]


@EACH
@quick
@given(size=st.integers(1, 40))
def test_pieces_of_any_size_give_the_same(module: ModuleType, size: int) -> None:
    text = FORMATS[module]
    whole = read(module, [text])
    assert whole
    assert whole == read(module, (text[at : at + size] for at in range(0, len(text), size)))


MEMBERS = (
    *("images", "annotations", "categories", "image_id", "id", "bbox", "file_name", "segmentation", "category_id"),
    *("image", "label", "coordinates", "x", "y", "width", "height", "data", "result", "value", "type", "rotation"),
    *("rectanglelabels", "polygonlabels", "ellipselabels", "points", "choices", "annotation_id"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(MEMBERS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=6),
    max_leaves=30,
)


@pytest.mark.parametrize("module", [coco, createml, label_studio_images])
@quick
@given(document=JSON, is_list=st.booleans())
def test_json_of_any_kind_is_an_entry_or_an_error(module: ModuleType, document: Any, is_list: bool) -> None:
    text = json.dumps([document] if is_list else document)
    read(module, [text])
    assert module.recognises("a.json", text) in (True, False)


@quick
@given(name=st.sampled_from(NAMES), text=st.text(max_size=100) | st.text("-:[]{}&*!?|>\n names01\"'", max_size=60))
def test_any_text_is_a_list_of_classes_or_an_error(name: str, text: str) -> None:
    try:
        found = class_names.read(name, text)
        class_names.keypoint_shape(text)
    except ValueError:
        return
    assert all(found.values())
