"""COCO documents become an entry for each image, for its boxes and for the classes, in any order of their lists."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations import coco
from eisync.core.annotations.outlines import without_outlines
from eisync.core.annotations.shapes import CROWD, KEYPOINTS, OUTLINE
from eisync.core.labels.entry import Entry, Region

IMAGES = [
    {"license": 3, "file_name": "000000391895.jpg", "height": 360, "width": 640, "id": 391895},
    {"file_name": "sub\\b.jpg", "height": 480.0, "width": "640", "id": "b"},
]
CATEGORIES = [
    {"supercategory": "person", "id": 1, "name": "person"},
    {"id": 2, "name": 7},
    {"id": 3},
    {"id": 4, "name": "a\0b"},
    {"name": "without an id"},
    "no object",
]
SQUARE = [[10.5, 20, 30.5, 20, 30.5, 40, 10.5, 40]]


def box(**members: Any) -> dict[str, Any]:
    """Return an annotation in the order of members that COCO 2017 has."""
    found = {"segmentation": SQUARE, "area": 400, "iscrowd": 0, "image_id": 391895}
    return {**found, "bbox": [10.5, 20, 20, 20], "category_id": 1, "id": 1768, **members}


def document(*annotations: Any, **members: Any) -> str:
    lists = {"info": {"year": 2017}, "images": IMAGES, "annotations": annotations, "categories": CATEGORIES}
    return json.dumps({**lists, **members})


def of_boxes(*annotations: Any) -> list[Entry]:
    """Return the entries between those of the images and the one of the classes."""
    return list(coco.entries([document(*annotations)]))[2:-1]


BOX = Region("1", 10.5, 20, 20, 20, "annotation 1768")
AT = "//image/391895"


def entry(*regions: Region, **members: Any) -> Entry:
    return Entry(path=AT, regions=list(regions), is_numbered=True, **members)


def test_a_document_is_read_in_the_order_of_its_lists() -> None:
    assert [
        Entry(path="000000391895.jpg", size=(640, 360), is_numbered=True, more=AT),
        Entry(path="sub/b.jpg", size=(640, 480), is_numbered=True, more="//image/b"),
        entry(BOX),
        Entry(path=coco.CLASSES, label_map={"1": "person", "2": "7"}),
    ] == list(coco.entries([document(box())]))


def test_annotations_may_come_first() -> None:
    text = json.dumps({"annotations": [box()], "categories": [], "images": IMAGES[:1], "licenses": []})
    assert [AT, coco.CLASSES, "000000391895.jpg"] == [one.path for one in coco.entries([text])]


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        (box(), entry(BOX)),
        (box(image_id=391895.0, category_id="1"), entry(BOX)),
        (box(id=None), entry(BOX._replace(where="annotation number 1"))),
        (box(iscrowd=1, segmentation={"counts": [1, 2], "size": [3, 4]}), entry(remark=CROWD)),
        (box(keypoints=[1, 2, 2], num_keypoints=1), entry(BOX, remark=KEYPOINTS)),
        (box(bbox=[]), entry(BOX, remark=OUTLINE)),
        (
            box(bbox=None, segmentation=[*SQUARE, [0, 0, 1, 1, 1, 0]]),
            entry(BOX._replace(left=0, top=0, width=30.5, height=40), remark=OUTLINE),
        ),
        (box(bbox=[-5, 0, 0, 900]), entry(BOX._replace(left=-5, top=0, width=0, height=900))),
    ],
)
def test_a_box_is_kept_as_it_is_written(annotation: Any, found: Entry) -> None:
    assert [found] == of_boxes(annotation)


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"bbox": [1, 2, 3]}, "has a bbox that is not four numbers"),
        ({"bbox": [1, 2, 3, "4"]}, "has a bbox that is not four numbers"),
        ({"bbox": [1, 2, 3, True]}, "has a bbox that is not four numbers"),
        ({"bbox": [1, 2, 3, 1e300]}, "has a bbox that is not four numbers"),
        ({"bbox": [1.5, 2, 3, 10**400]}, "has a bbox that is not four numbers"),
        ({"bbox": {"x": 1}}, "has a bbox that is not four numbers"),
        ({"category_id": None}, "has no category_id"),
        (
            {"bbox": None, "segmentation": {"counts": "a", "size": [3, 4]}},
            "has a mask and no bbox; export the boxes, too",
        ),
        ({"bbox": None, "segmentation": []}, "has neither a bbox nor an outline"),
        ({"bbox": None, "segmentation": None}, "has neither a bbox nor an outline"),
        ({"bbox": None, "segmentation": [[1, 2, 3, 4]]}, "has no bbox, and an outline that is not a list of points"),
        (
            {"bbox": None, "segmentation": [[1, 2, 3, 4, 5, 6, 7]]},
            "has no bbox, and an outline that is not a list of points",
        ),
        (
            {"bbox": None, "segmentation": [[1, 2, 3, 4, 5, "6"]]},
            "has no bbox, and an outline that is not a list of points",
        ),
        ({"bbox": None, "segmentation": [1, 2, 3]}, "has no bbox, and an outline that is not a list of points"),
    ],
)
def test_a_box_that_is_nonsense_costs_only_its_own_image(members: dict[str, Any], problem: str) -> None:
    other = box(image_id="b")
    assert [
        Entry(path=AT, problem=f"annotation 1768 {problem}"),
        Entry(path="//image/b", regions=[BOX], is_numbered=True),
    ] == of_boxes(box(**members), other)


@pytest.mark.parametrize("members", [{"caption": "a cat"}, {"segments_info": []}, {"keypoints": [1, 2, 2]}])
def test_what_other_tasks_say_is_no_box(members: dict[str, Any]) -> None:
    assert [] == of_boxes({"image_id": 391895, "id": 1, **members})


def test_neighbouring_boxes_of_an_image_are_one_entry() -> None:
    found = of_boxes(box(), box(iscrowd=1), box(), box(image_id="b"), box())
    assert [
        entry(BOX, BOX, remark=CROWD),
        Entry(path="//image/b", regions=[BOX], is_numbered=True),
        entry(BOX),
    ] == found


def test_an_entry_has_at_most_a_thousand_boxes() -> None:
    assert [1000, 1000, 1] == [len(one.regions or ()) for one in of_boxes(*[box()] * 2001)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "it is not a JSON object"),
        ("", "it is not a JSON object"),
        ('{"info": {}}', "it has no list of images"),
        ('{"images": [{"file_name": "a.jpg"}]}', "image number 1 has no id"),
        ('{"images": [7]}', "image number 1 has no id"),
        ('{"images": [{"id": 1}]}', "image 1 has no file_name"),
        ('{"images": [{"id": 1, "file_name": "/"}]}', "image 1 has no file_name"),
        ('{"images": []} 1', "more follows in line 1"),
        (document({"id": 5, "bbox": [1, 2, 3, 4]}), "annotation 5 has no image_id"),
        (document(7), "annotation number 1 has no image_id"),
        (
            document(box(bbox=[1] * 30_000, segmentation=None)),
            "annotation number 1: its bbox: it is made of more than 25,000 values",
        ),
        (
            document().replace('"annotations": []', '"annotations": [NaN]'),
            "annotation number 1: NaN is not a number in JSON",
        ),
        (document(box())[:350], "Expecting ',' delimiter in line 1"),
        (
            '{"images": [{"id": 1, "file_name": "' + "a" * 530_000 + '"}]}',
            "image number 1: its file_name: it has more than 524,288 characters",
        ),
    ],
)
def test_a_document_that_cannot_be_used_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as raised:
        list(coco.entries([text]))
    assert str(raised.value).startswith(reason)


def test_more_classes_than_any_list_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coco, "_MOST_CLASSES", 1)
    with pytest.raises(ValueError, match="more than 1 categories"):
        list(coco.entries([document()]))


def test_the_names_of_images_cannot_be_those_of_entries() -> None:
    images = [
        {"id": 1, "file_name": "//image/2"},
        {"id": 2, "file_name": "a\0.jpg"},
        {"id": 3, "file_name": "\ud800.jpg"},
    ]
    assert [
        Entry(path="/image/2", is_numbered=True, more="//image/1"),
        Entry(path="a\0.jpg", problem="image 2: its name contains NUL or half a character"),
        Entry(path="\N{REPLACEMENT CHARACTER}.jpg", problem="image 3: its name contains NUL or half a character"),
    ] == list(coco.entries([document(images=images)]))[:3]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("order", ["bbox first", "bbox last"])
@pytest.mark.parametrize("size", [1, 7, 64, 5000, 1 << 20])
def test_pieces_of_any_size_give_the_same_boxes(indent: int | None, order: str, size: int) -> None:
    made = [box(id=number, bbox=[number, 1, 2, 3]) for number in range(40)]
    if order == "bbox first":
        made = [dict(reversed(one.items())) for one in made]
    text = json.dumps({"images": IMAGES, "annotations": made, "categories": []}, indent=indent)
    found = list(coco.entries(text[at : at + size] for at in range(0, len(text), size)))
    assert [Region("1", number, 1, 2, 3, f"annotation {number}") for number in range(40)] == found[2].regions


@pytest.mark.parametrize(
    ("text", "shortened"),
    [
        (
            '{"segmentation": [[1.5,2e1,-3]], "area": 7, "note": "a]b", "bbox": [1,2]}',
            '{"segmentation":0, "area": 7, "note": "a]b", "bbox": [1,2]}',
        ),
        ('{"segmentation":\n[\n[1],\n [2]\n],\n"bbox": [-1]}', '{"segmentation":0,\n"bbox": [-1]}'),
        ('{"bbox": [1, 2], "id": 3, "segmentation": [[1], [2]]}', '{"bbox": [1, 2], "id": 3, "segmentation": 0}'),
        ('{"bbox": [1, 2], "segmentation": [[1], [2]], "id": 3}', '{"bbox": [1, 2], "segmentation": 0, "id": 3}'),
        ('{"segmentation": [[1,2]], "bbox": []}', None),
        ('{"segmentation": [[1,2]], "bbox": null}', None),
        ('{"segmentation": [[1,2]]}', None),
        ('{"segmentation": [[1,2]]}, {"bbox": [1]}', None),
        ('{"segmentation": [[1,2]], "x": {"bbox": [1]}}', None),
        ('{"segmentation": [[1,"2"]], "bbox": [1]}', None),
        ('{"segmentation": [[1,2', None),
        ('{"bbox": [1]}, {"segmentation": [[1,2]]}', None),
    ],
)
def test_an_outline_goes_only_where_a_box_is_beside_it(text: str, shortened: str | None) -> None:
    assert [text if shortened is None else shortened] == list(without_outlines([text]))


OUTLINES: st.SearchStrategy[Any] = st.sampled_from(
    [[[1, 2.5], [-3e9]], [[]], [], [[1], []], [[[1]]], None, {"counts": [1, 2]}]
)
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "segmentation": OUTLINES,
        "bbox": st.sampled_from([[1, 2, 3, 4], [-0.5], [], None, [[1]]]),
        "note": st.sampled_from(["", "]], ", '"segmentation": [[1]], "bbox": [1', "\\", '"']),
        "attributes": st.sampled_from([{}, {"occluded": False}, {"bbox": [1]}, [{}, {}]]),
    },
).flatmap(lambda made: st.permutations(list(made.items())).map(lambda items: dict(items)))


@given(found=st.lists(OBJECTS, max_size=5), indent=st.sampled_from([None, 1]), size=st.integers(20, 500))
def test_nothing_but_outlines_beside_boxes_is_changed(
    found: list[dict[str, Any]], indent: int | None, size: int
) -> None:
    text = json.dumps(found, indent=indent)
    pieces: Iterator[str] = (text[at : at + size] for at in range(0, len(text), size))
    after = json.loads("".join(without_outlines(pieces)))
    for one, other in zip(found, after, strict=True):
        if other.get("segmentation") == 0:
            assert isinstance(one["bbox"], list)
            one = {**one, "segmentation": 0}
        assert one == other


@pytest.mark.parametrize(
    ("name", "head", "is_coco"),
    [
        ("instances_val2017.json", document(box())[:300], True),
        ("_annotations.coco.json", document(box())[:60] + "", False),
        ("_annotations.coco.json", document(box())[:150], True),
        ("a.json", '{"categories": [{"id": 1, "name": "a", "supercategory": "none"}', True),
        ("a.json", '\ufeff\n{"annotations": [{"id": 1, "image_id": 7', True),
        ("a.json", document(box())[1:], False),
        ("a.txt", document(box()), False),
        ("notes.json", '{"categories": [{"id": 0, "name": "cat"}], "info": {"year": 2024}}', False),
        ("captions_train2017.json", document(box()), False),
        ("person_keypoints_val2017.json", document(box()), False),
        ("panoptic_val2017.json", document(box()), False),
        ("image_info_test2017.json", document(), False),
        ("a.json", document({"image_id": 1, "id": 2, "caption": "A cat."}), False),
        ("a.json", '{"images": ["a.jpg"], "version": 1}', False),
        ("a.json", '{"protected": {"ver": "v1"}, "payload": {"values": []}}', False),
        ("a.json", "", False),
    ],
)
def test_documents_with_boxes_are_recognised(name: str, head: str, is_coco: bool) -> None:
    assert is_coco == coco.recognises(name, head)
