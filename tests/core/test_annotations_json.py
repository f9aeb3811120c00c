"""The JSON exports of Create ML and Label Studio become an entry for each image."""

import json
from typing import Any

import pytest

from eisync.core.annotations import createml
from eisync.core.annotations import label_studio_images as studio
from eisync.core.annotations.shapes import OUTLINE, ROTATED
from eisync.core.labels.entry import Entry, Region


def of_createml(**members: Any) -> list[Entry]:
    return list(createml.entries([json.dumps([{"image": "a.jpg", **members}])]))


COORDINATES = {"x": 25, "y": 40.5, "width": 30, "height": 41}
CAT = Region("cat", 10, 20, 30, 41, "box 1")


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"annotations": [{"label": "cat", "coordinates": COORDINATES}]}, Entry(path="a.jpg", regions=[CAT])),
        (
            {
                "image": None,
                "imagefilename": ".\\im\\b.jpg",
                "annotation": [{"label": "cat", "coordinates": COORDINATES}],
            },
            Entry(path="im/b.jpg", regions=[CAT]),
        ),
        ({"annotations": []}, Entry(path="a.jpg", regions=[])),
        ({}, Entry(path="a.jpg", problem="it has no list of annotations")),
        ({"annotations": [7]}, Entry(path="a.jpg", problem="box 1 has no coordinates")),
        ({"annotations": [{"label": "cat"}]}, Entry(path="a.jpg", problem="box 1 has no coordinates")),
        (
            {"annotations": [{"label": "cat", "coordinates": {"x": 1, "y": 2}}]},
            Entry(path="a.jpg", problem="box 1 has coordinates that are not four numbers"),
        ),
        (
            {"annotations": [{"label": "", "coordinates": COORDINATES}]},
            Entry(path="a.jpg", problem="box 1 has no label"),
        ),
        (
            {"annotations": [{"label": "a\0", "coordinates": COORDINATES}]},
            Entry(path="a.jpg", problem="it contains a NUL character"),
        ),
        (
            {"annotations": [1] * 30_000},
            Entry(path="a.jpg", problem="its annotations: it is made of more than 25,000 values"),
        ),
        ({"annotations": [1] * 10_001}, Entry(path="a.jpg", problem="it has more than 10,000 boxes")),
    ],
)
def test_an_object_of_create_ml_is_an_image(members: dict[str, Any], found: Entry) -> None:
    assert [found] == of_createml(**members)


@pytest.mark.parametrize(
    ("text", "reason"), [('[{"image": 7}]', "image number 1 has no name"), ("{}", "it is not a JSON list")]
)
def test_a_document_that_names_no_image_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        list(createml.entries([text]))


@pytest.mark.parametrize(
    ("name", "head", "is_createml"),
    [
        (
            "_annotations.createml.json",
            json.dumps([{"image": "a.jpg", "annotations": [{"label": "cat", "coordinates": COORDINATES}]}])[:90],
            True,
        ),
        ("a.json", '[{"image":"a.jpg","annotations":[]}]', True),
        ("a.json", '[{"id": 1, "data": {"image": "a.jpg"}, "annotations": []}]', False),
        ("a.json", '[{"image": "a.jpg", "label": "cat"}]', False),
        ("a.json", '{"image": "a.jpg", "annotations": []}', False),
        ("a.txt", '[{"image":"a.jpg","annotations":[]}]', False),
    ],
)
def test_documents_of_create_ml_are_recognised(name: str, head: str, is_createml: bool) -> None:
    assert is_createml == createml.recognises(name, head)


URL = "/data/upload/1/1a2b3c4d-Mein%20Bild.jpg"
PATH = "1a2b3c4d-Mein Bild.jpg"
SIZE = {"original_width": 200, "original_height": 100}


def result(tool: str = "rectanglelabels", *, outside: dict[str, Any] | None = None, **found: Any) -> dict[str, Any]:
    """Return a region as the full export has it."""
    if tool in ("rectanglelabels", "polygonlabels", "ellipselabels"):
        found.setdefault(tool, ["cat"])
    if tool == "rectanglelabels":
        found = {"x": 25, "y": 50, "width": 50, "height": 25.0, "rotation": 0, **found}
    return {"id": "x", "type": tool, "image_rotation": 0, **SIZE, "value": found, **(outside or {})}


def of_task(**members: Any) -> list[Entry]:
    return list(studio.entries([json.dumps([{"id": 1, "data": {"image": URL}, **members}])]))


def of_results(*results: Any) -> list[Entry]:
    return of_task(annotations=[{"id": 2, "was_cancelled": False, "result": results}])


def entry(*regions: Region, **members: Any) -> Entry:
    return Entry(**{"path": PATH, "regions": list(regions), "is_relative": True, "size": (200, 100), **members})


BOX = Region("cat", 0.25, 0.5, 0.5, 0.25, "region 1")
CHOICES = {"type": "choices", "value": {"choices": ["indoor"]}}


@pytest.mark.parametrize(
    ("results", "found"),
    [
        ([result()], entry(BOX)),
        ([result(), result()], entry(BOX, BOX._replace(where="region 2"))),
        ([result(outside={"original_width": None})], entry(BOX, size=None)),
        ([], entry(size=None)),
        ([CHOICES], entry(label="indoor", regions=None, size=None)),
        ([CHOICES, result()], entry(BOX, label="indoor")),
        ([CHOICES, CHOICES], entry(regions=None, size=None, remark="several choices are not sent as a label")),
        (
            [result("brushlabels"), result("keypointlabels")],
            entry(remark="masks are not sent; keypoints are not sent", size=None),
        ),
        ([result("textarea", text=["x"]), {"type": "relation"}, 7], entry(size=None)),
        ([{k: v for k, v in result().items() if k != "type"}], entry(BOX)),
        (
            [result(rotation=90, x=50, y=50, width=20, height=10)],
            entry(Region("cat", 0.45, 0.5, 0.05, 0.4, "region 1"), remark=ROTATED),
        ),
        ([result("polygonlabels", points=[[25, 50], [75, 50], [50, 75.0]])], entry(BOX, remark=OUTLINE)),
        (
            [result("ellipselabels", x=50, y=50, radiusX=25, radiusY=25)],
            entry(Region("cat", 0.25, 0.25, 0.5, 0.5, "region 1"), remark=OUTLINE),
        ),
    ],
)
def test_a_task_is_an_image(results: list[Any], found: Entry) -> None:
    (one,) = of_results(*results)
    for region, expected in zip(one.regions or [], found.regions or [], strict=True):
        assert expected[1:5] == pytest.approx(region[1:5])
        assert (expected.label, expected.where) == (region.label, region.where)
    assert {**_values(found), "regions": None} == {**_values(one), "regions": None}
    assert (found.regions is None) == (one.regions is None)


def _values(one: Entry) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Entry.__dataclass_fields__}


@pytest.mark.parametrize(
    ("results", "problem"),
    [
        ([result(), result(rectanglelabels=["cat", "dog"])], "region 2 has 2 labels, and a box has one"),
        ([result(rectanglelabels=[])], "region 1 has no label, and a box has one"),
        ([result("rectangle", x=1, y=2, width=3, height=4)], "region 1 has no label, and a box has one"),
        ([result(width="5")], "region 1 is not given by four numbers"),
        (
            [result(rotation=5, outside={"original_height": 0})],
            "region 1 is rotated, and the size of the image is not given",
        ),
        (
            [result(outside={"image_rotation": 90})],
            "region 1 was drawn on a turned image; turn the image itself and export again",
        ),
        ([result(), result(outside={"original_width": 201})], "its regions give different sizes of the image"),
        ([result("polygonlabels", points=[[1, 2], [3, 4]])], "region 1 is not a list of at least three points"),
        (
            [result("polygonlabels", points=[[1, 2], [3, 4], [5, 6], [7]])],
            "region 1 is not a list of at least three points",
        ),
        (
            [result("polygonlabels", points=[[1, 2], [3, 4], [5, 6], [7, None]])],
            "region 1 is not a list of at least three points",
        ),
        ([result("polygonlabels")], "region 1 is not a list of at least three points"),
        ([result(rectanglelabels=["a\0"])], "it contains a NUL character"),
        ([1] * 10_001, "it has more than 10,000 regions"),
        ([1] * 30_000, "its annotations: it is made of more than 25,000 values"),
    ],
)
def test_a_region_that_is_no_box_costs_only_its_own_image(results: list[Any], problem: str) -> None:
    assert [Entry(path=PATH, problem=problem)] == of_results(*results)


def annotation(label: str, **members: Any) -> dict[str, Any]:
    return {"result": [{"type": "choices", "value": {"choices": [label]}}], **members}


@pytest.mark.parametrize(
    ("annotations", "label"),
    [
        ([annotation("a", created_at="2024-01-02"), annotation("b", created_at="2024-01-01")], "a"),
        (
            [
                annotation("a", created_at="2024-01-02"),
                annotation("b", created_at="2024-01-01", updated_at="2025-01-01"),
            ],
            "b",
        ),
        ([annotation("a"), annotation("b")], "b"),
        ([annotation("a"), annotation("b", was_cancelled=True)], "a"),
        ([annotation("a"), {"result": None}, 7], "a"),
    ],
)
def test_the_newest_annotation_counts(annotations: list[Any], label: str) -> None:
    assert [label] == [one.label for one in of_task(annotations=annotations)]
    assert [label] == [one.label for one in of_task(completions=annotations)]


@pytest.mark.parametrize(
    "members",
    [
        {"annotations": []},
        {"annotations": None},
        {"annotations": [annotation("a", was_cancelled=True)]},
        {"annotations": [annotation("a")], "data": {"audio": 7, "text": "hello"}},
        {"annotations": [annotation("a")], "data": []},
    ],
)
def test_a_task_that_is_not_done_or_not_about_a_file_says_nothing(members: dict[str, Any]) -> None:
    assert [] == of_task(**members)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"image": "https://example.com/a/1.jpg?X-Amz-Date=2&b=c.png#d"}, "1.jpg"),
        ({"image": "/data/local-files/?d=photos/S%C3%BCd/1.jpg"}, "1.jpg"),
        ({"image": "s3://bucket/1.jpg"}, "1.jpg"),
        ({"image": "C:\\photos\\1.jpg"}, "1.jpg"),
        ({"image": 7, "picture": "1.jpg", "note": "x"}, "1.jpg"),
        ({"note": "x" * 5000 + ".jpg", "photo": "1.jpg"}, "1.jpg"),
    ],
)
def test_an_image_is_named_by_the_last_part_of_its_address(data: dict[str, Any], path: str) -> None:
    assert [path] == [one.path for one in of_task(data=data, annotations=[annotation("a")])]


MIN = {"id": 1, "image": URL, "annotator": 1, "annotation_id": 2, "lead_time": 3.5}
MIN_BOX = {"x": 25, "y": 50, "width": 50, "height": 25, "rotation": 0, "rectanglelabels": ["cat"], **SIZE}


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"label": [MIN_BOX, 7, {"start": 1}]}, [entry(BOX)]),
        ({"bbox": [MIN_BOX], "choice": "indoor"}, [entry(BOX, label="indoor")]),
        (
            {"choice": {"choices": ["a", "b"]}},
            [entry(regions=None, size=None, remark="several choices are not sent as a label")],
        ),
        ({}, [entry(size=None)]),
        ({"annotation_id": 2, "image": "hello"}, []),
    ],
)
def test_json_min_says_the_same(members: dict[str, Any], found: list[Entry]) -> None:
    assert found == list(studio.entries([json.dumps([{**MIN, **members}])]))


def test_an_object_that_is_no_task_says_nothing() -> None:
    assert [] == list(studio.entries(['[{"image": "a.jpg"}]']))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{}", "it is not a JSON list"),
        ("[7]", "task number 1 is not an object"),
        (
            json.dumps([{"annotations": [1] * 30_000}]),
            "a task of which the image is not known cannot be used: its annotations",
        ),
    ],
)
def test_a_document_that_cannot_be_used_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        list(studio.entries([text]))


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("1a2b3c4d-cat.jpg", "cat.jpg"),
        ("cat.jpg", "cat.jpg"),
        ("1a2b3c4d-", "1a2b3c4d-"),
        ("1A2B3C4D-a.jpg", "1A2B3C4D-a.jpg"),
    ],
)
def test_an_uploaded_image_had_a_name_before(name: str, plain: str) -> None:
    assert plain == studio.without_prefix(name)


@pytest.mark.parametrize(
    ("name", "head", "is_studio"),
    [
        ("project-1-at-2024-01-01.json", json.dumps([{"id": 1, "annotations": [{"result": [result()]}]}])[:200], True),
        ("a.json", json.dumps([{**MIN, "label": [MIN_BOX]}]), True),
        ("a.json", json.dumps([{**MIN, "choice": "cat"}]), True),
        ("a.json", json.dumps([{"text": "hello", "annotation_id": 2, "choice": "cat"}]), False),
        ("a.json", json.dumps([{"annotations": [{"result": [{"type": "timeserieslabels"}]}]}]), False),
        ("a.json", '[{"image":"a.jpg","annotations":[]}]', False),
        ("a.json", '{"annotations": "rectanglelabels"}', False),
        ("a.csv", json.dumps([{**MIN, "label": [MIN_BOX]}]), False),
        ("a.json", '[{"rectanglelabels": 1}]', False),
    ],
)
def test_exports_of_label_studio_are_recognised(name: str, head: str, is_studio: bool) -> None:
    assert is_studio == studio.recognises(name, head)
