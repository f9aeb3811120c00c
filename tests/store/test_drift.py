from dataclasses import replace
from typing import Any

import pytest

from eisync.core.lifecycle import Event
from eisync.core.model import Category
from eisync.store import drift
from eisync.store.drift import Drift, DriftCounter

from .shelf import NOW, Shelf, remote

LATER = NOW + 100.0


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several slices for a few rows."""
    monkeypatch.setattr(drift, "SLICE", 2)


def listed(shelf: Shelf, *samples: Any) -> Drift | None:
    """List these samples completely, and count."""
    progress = shelf.begin_sweep(now=LATER)
    shelf.list_page(progress, *samples, now=LATER)
    shelf.finish_sweep(progress, now=LATER)
    return DriftCounter(shelf.database).count("main", LATER, LATER)


def test_nothing_is_known_before_the_first_listing(shelf: Shelf) -> None:
    shelf.sync("a.csv", 7)
    assert DriftCounter(shelf.database).count("main", None, NOW) is None


def test_what_agrees_is_no_drift(shelf: Shelf) -> None:
    for number, label in enumerate(["wave", "caf\u00e9", ""], 1):
        shelf.enqueue(f"{number}.csv", number, label=label or None)
    for item in shelf.claim():
        shelf.settle(item.id, Event.STORED, sample_ids=(item.id,), sha256="a")
    samples = [replace(remote(number), label=label) for number, label in enumerate(["wave", "cafe\u0301", None], 1)]
    assert Drift(missing=0, extra=0, differing=0) == listed(shelf, *samples)


def test_what_differs_is_counted_by_kind(shelf: Shelf) -> None:
    for number in range(1, 7):
        shelf.sync(f"{number}.csv", number, version=number)
    listed(shelf, remote(6))
    found = listed(
        shelf,
        replace(remote(1), label="wave"),
        replace(remote(2), label="other"),
        replace(remote(3), label=None),
        replace(remote(4), label="wave", category="testing"),  # the file asked for a split: any category is right
        replace(remote(5), label="wave"),
        remote(900),
        remote(5_000_000),
    )
    assert Drift(missing=1, extra=2, differing=2) == found


def test_another_category_differs_where_one_was_asked_for(shelf: Shelf) -> None:
    identity = shelf.enqueue("a.csv", category=Category.TRAINING)
    shelf.claim()
    shelf.settle(identity, Event.STORED, sample_ids=(7,), sha256="a")
    found = listed(shelf, replace(remote(7), label="wave", category="testing"))
    assert Drift(missing=0, extra=0, differing=1) == found


def test_a_count_is_kept_until_the_next_listing_or_for_an_hour(shelf: Shelf) -> None:
    shelf.sync("a.csv", 1)
    listed(shelf, replace(remote(1), label="wave"))
    counter = DriftCounter(shelf.database)
    assert Drift(missing=0, extra=0, differing=0) == counter.count("main", LATER, LATER)
    with shelf.database.transaction() as connection:
        connection.execute("update sample set label = 'other'")
    kept = [counter.count("main", *at) for at in ((LATER, LATER + 3599.0), (LATER, LATER + 3600.0))]
    assert [0, 1] == [one.differing for one in kept if one is not None]
    with shelf.database.transaction() as connection:
        connection.execute("update sample set label = 'wave'")
    again = counter.count("main", LATER + 1.0, LATER + 3601.0)
    assert Drift(missing=0, extra=0, differing=0) == again


@pytest.mark.parametrize(
    ("statement", "step"),
    [
        (drift._DESCRIBED, "SEARCH file USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        (drift._EXTRA, "SEARCH sample USING PRIMARY KEY (target=? AND id>? AND id<?)"),
    ],
)
def test_a_slice_reads_its_own_rows_only(shelf: Shelf, statement: str, step: str) -> None:
    parameters = {"target": "main", "after": 0, "upto": 2}
    with shelf.database.reading() as connection:
        plan = [row["detail"] for row in connection.execute(f"explain query plan {statement}", parameters)]
    assert step == plan[0]


def test_a_long_count_goes_on_with_each_call_and_the_last_one_holds_meanwhile(shelf: Shelf) -> None:
    for number in range(1, 8):
        shelf.sync(f"{number}.csv", number, version=number)
    listed(shelf, *(replace(remote(number), label="other") for number in range(1, 8)))
    counter = DriftCounter(shelf.database, slices=3)
    found = [counter.count("main", LATER, LATER + call) for call in range(3)]
    # Four slices of files, four of samples, and the result.
    assert [None, None, Drift(missing=0, extra=0, differing=7)] == found
    with shelf.database.transaction() as connection:
        connection.execute("update sample set label = 'wave'")
    again = [counter.count("main", LATER + 1.0, LATER + call) for call in range(3)]
    assert [7, 7, 0] == [one.differing for one in again if one is not None]
