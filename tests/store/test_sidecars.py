"""Entries of sidecars are found by the exact path, all of them, and by paths that look the same."""

import pytest

from eisync.core.annotations.matching import CLASSES, key_of
from eisync.core.formats.json_stream import LARGEST_VALUE
from eisync.core.labels.entry import Entry, Region, entry_of_boxes
from eisync.store.sidecars import Sidecars

from .shelf import Shelf, facts

COMPOSED, APART = "d/t\u00fcr.csv", "d/tu\u0308r.csv"


def box(x: int) -> dict[str, object]:
    return {"label": "nut", "x": x, "y": 0, "width": 1, "height": 1}


@pytest.fixture
def sidecars(shelf: Shelf) -> Sidecars:
    return Sidecars(shelf.database)


def begun(shelf: Shelf, sidecars: Sidecars) -> int:
    return sidecars.begin(shelf.root.id, "info.labels", facts())


def test_of_one_path_the_last_entry_counts_or_all_of_them_do(shelf: Shelf, sidecars: Sidecars) -> None:
    entries = [Entry(path="a.png", bounding_boxes=[box(1)]), Entry(path="a.png", bounding_boxes=[box(2)])]
    for joins, expected in ((False, [box(2)]), (True, [box(1), box(2)])):
        identity = begun(shelf, sidecars)
        for entry in entries:
            sidecars.add(identity, [entry], joins=joins)
        found = sidecars.said_of(identity, "a.png")
        assert found is not None
        assert expected == found.bounding_boxes


def test_an_entry_that_is_read_twice_counts_once(shelf: Shelf, sidecars: Sidecars) -> None:
    identity = begun(shelf, sidecars)
    for _ in range(2):
        sidecars.add(identity, [Entry(path="a.png", bounding_boxes=[box(1)])], joins=True)
    assert Entry(path="a.png", bounding_boxes=[box(1)]) == sidecars.said_of(identity, "a.png")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (APART, [COMPOSED, "D/T\u00dcR.CSV"]),
        (COMPOSED, ["D/T\u00dcR.CSV"]),
        ("D/T\u00dcR.CSV", [COMPOSED]),
        ("Plain.csv", ["PLAIN.csv", "plain.csv"]),
        ("plain.csv", ["PLAIN.csv"]),
        ("other.csv", []),
    ],
)
def test_paths_that_look_the_same_are_found(shelf: Shelf, sidecars: Sidecars, asked: str, expected: list[str]) -> None:
    identity, another = begun(shelf, sidecars), sidecars.begin(shelf.root.id, "d/info.labels", facts())
    sidecars.add(identity, [Entry(path=path) for path in (COMPOSED, "D/T\u00dcR.CSV", "plain.csv", "PLAIN.csv")])
    sidecars.add(another, [Entry(path=path) for path in (APART, "Plain.csv", "other.csv")])
    assert expected == sorted(sidecars.alike(identity, asked), key=lambda one: (one != COMPOSED, one))
    assert {path: Entry(path=path) for path in expected} == sidecars.alike(identity, asked)


def test_a_path_that_is_named_for_ever_takes_no_memory(shelf: Shelf, sidecars: Sidecars) -> None:
    identity = begun(shelf, sidecars)
    entry = Entry(path="a.png", bounding_boxes=[{"label": "x" * 1_000}])
    for _ in range(10):
        sidecars.add(identity, [entry] * 100, joins=True)
    found = sidecars.said_of(identity, "a.png")
    assert found is not None
    assert f"more than {LARGEST_VALUE:,} characters together" in str(found.problem)


# --- shared annotation documents


def document(shelf: Shelf, sidecars: Sidecars, *entries: Entry, place: str = "coco.json") -> int:
    identity = sidecars.begin(shelf.root.id, place, facts())
    sidecars.add(identity, entries, joins=True, is_document=True)
    return identity


def region(label: str, left: float, where: str) -> Region:
    return Region(label, left, 0.25, 0.5, 0.125, where)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("a.jpg", ["/content/train/A.JPG", "a", "a.jpg", "val/a.png"]),
        ("x/y/A.png", ["/content/train/A.JPG", "a", "a.jpg", "val/a.png"]),
        ("b.jpg", ["b.tar.csv"]),
        ("c.jpg", []),
    ],
)
def test_names_of_a_file_in_a_document_are_found(
    shelf: Shelf, sidecars: Sidecars, asked: str, expected: list[str]
) -> None:
    asked = "b.tar.jpg" if asked == "b.jpg" else asked
    names = ("a.jpg", "val/a.png", "/content/train/A.JPG", "a", "a.jpg", "b.tar.csv")
    identity = document(shelf, sidecars, *map(named, names))
    document(shelf, sidecars, named("other/a.jpg"), named("c.jpg"), place="other.json")
    assert expected == sorted(sidecars.named_like(identity, key_of(asked)))


def named(path: str) -> Entry:
    return Entry(path=path, label="x")


@pytest.mark.parametrize(("path", "expected"), [("a.jpg", True), ("A.jpg", False), ("jpg", False), ("//classes", True)])
def test_a_document_mentions_exactly_its_names(shelf: Shelf, sidecars: Sidecars, path: str, expected: bool) -> None:
    identity = document(shelf, sidecars, named("a.jpg"), Entry(path=CLASSES, label_map={"1": "cat"}))
    assert expected is sidecars.mentions(identity, path)


def test_what_is_no_file_is_found_by_no_name(shelf: Shelf, sidecars: Sidecars) -> None:
    identity = document(shelf, sidecars, Entry(path=CLASSES, label_map={"1": "cat"}), named("classes"))
    assert ["classes"] == sidecars.named_like(identity, key_of("classes.jpg"))
    assert [] == sidecars.named_like(identity, key_of(CLASSES))


def test_an_image_has_the_boxes_to_which_it_refers(shelf: Shelf, sidecars: Sidecars) -> None:
    first, second, third = (region(str(number), number / 8, f"annotation {number}") for number in range(3))
    identity = document(
        shelf,
        sidecars,
        Entry(path="a.jpg", size=(8, 4), is_numbered=True, more="//image/7"),
        Entry(path="b.jpg", size=(8, 4), is_numbered=True, more="//image/8"),
        entry_of_boxes("//image/7", [first, second]),
        entry_of_boxes("//image/9", [first]),
    )
    sidecars.add(
        identity,
        [Entry(path="//image/7", regions=[third], is_numbered=True, remark="it has outlines")],
        joins=True,
        is_document=True,
    )
    found, without = sidecars.said_of(identity, "a.jpg"), sidecars.said_of(identity, "b.jpg")
    assert found is not None
    assert without is not None
    assert sorted([first, second, third]) == sorted(found.regions or [])
    assert ((8, 4), True, "it has outlines") == (found.size, found.is_numbered, found.remark)
    assert ([], None) == (without.regions, without.remark)


def test_a_bad_box_makes_its_image_unusable_and_no_other(shelf: Shelf, sidecars: Sidecars) -> None:
    identity = document(
        shelf,
        sidecars,
        Entry(path="a.jpg", more="//image/7"),
        Entry(path="b.jpg", more="//image/8"),
        entry_of_boxes("//image/7", [region("1", 0.5, "annotation 1")]),
        Entry(path="//image/7", problem="annotation 2 has no category_id"),
        entry_of_boxes("//image/8", [region("1", 0.5, "annotation 3")]),
    )
    first, second = sidecars.said_of(identity, "a.jpg"), sidecars.said_of(identity, "b.jpg")
    assert first is not None
    assert second is not None
    assert ("annotation 2 has no category_id", None) == (first.problem, second.problem)
    assert [region("1", 0.5, "annotation 3")] == second.regions


def test_two_images_of_one_name_are_unusable(shelf: Shelf, sidecars: Sidecars) -> None:
    identity = document(shelf, sidecars, Entry(path="a.jpg", more="//image/7"), Entry(path="a.jpg", more="//image/8"))
    found = sidecars.said_of(identity, "a.jpg")
    assert found is not None
    assert "two images in it have this name" in str(found.problem)


@pytest.mark.parametrize("trouble", [None, "it is cut"])
def test_a_new_version_replaces_the_boxes_of_the_old_one(shelf: Shelf, sidecars: Sidecars, trouble: str | None) -> None:
    image = Entry(path="a.jpg", more="//image/7")
    old = document(shelf, sidecars, image, entry_of_boxes("//image/7", [region("1", 0.5, "old")]))
    sidecars.finish(old, shelf.root.id, "coco.json", facts(), trouble=None)
    new = document(shelf, sidecars, image, entry_of_boxes("//image/7", [region("1", 0.25, "new")]))
    stored = sidecars.said_of(old, "a.jpg")
    assert stored is not None
    assert [region("1", 0.5, "old")] == stored.regions, "it is in use until the new one was read"
    sidecars.finish(new, shelf.root.id, "coco.json", facts(2), trouble=trouble)
    assert sidecars.said_of(old, "a.jpg") is None
    found = sidecars.said_of(new, "a.jpg")
    assert (None if trouble else [region("1", 0.25, "new")]) == (found and found.regions)
    with shelf.database.reading() as connection:
        boxes = connection.execute("select count(*) from document_box").fetchone()[0]
    assert (0 if trouble else 1) == boxes
    sidecars.forget(shelf.root.id, "coco.json")
    with shelf.database.reading() as connection:
        assert 0 == connection.execute("select count(*) from document_box").fetchone()[0]
