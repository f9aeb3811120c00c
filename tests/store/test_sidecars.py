"""Entries of sidecars are found by the exact path, all of them, and by paths that look the same."""

import pytest

from eisync.core.formats.json_stream import LARGEST_VALUE
from eisync.core.labels.entry import Entry
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
