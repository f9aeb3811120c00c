"""What the service listed, written down and read back."""

from dataclasses import replace
from typing import Any

import pytest

from eisync.core.listing import CountMissed, IndexedSample, Learn, Slice, compare
from eisync.core.model import RemoteSample

from .shelf import NOW, Shelf

BARE = RemoteSample(id=7, filename="", category="", label=None)
WHOLE = RemoteSample(
    id=7,
    filename="wave.01",
    category="testing",
    label="wave",
    is_disabled=True,
    sha256="abc",
    original_name="wave.01.csv",
    metadata=(("floor", "3"), ("site", "lab")),
    has_processing_error=True,
)


def learn(shelf: Shelf, *samples: RemoteSample) -> None:
    shelf.mirrored.apply("main", [Learn(sample) for sample in samples], generation=None, now=NOW)


def indexed(shelf: Shelf) -> list[IndexedSample]:
    return list(shelf.mirrored.slice("main", low=0, high=100, generation=1, began_at=NOW + 1.0, limit=100).indexed)


@pytest.mark.parametrize(
    "sample",
    [
        BARE,
        WHOLE,
        replace(WHOLE, is_disabled=False),
        replace(WHOLE, has_processing_error=False),
        replace(BARE, is_disabled=True),
        replace(BARE, has_processing_error=True),
    ],
    ids=["bare", "whole", "enabled", "processed", "disabled", "not processed"],
)
def test_a_sample_is_read_back_as_it_was_listed(shelf: Shelf, sample: RemoteSample) -> None:
    learn(shelf, sample)
    assert [IndexedSample(sample)] == indexed(shelf)


def test_samples_are_read_back_from_the_newest_whatever_the_order_of_the_listing(shelf: Shelf) -> None:
    learn(shelf, *(replace(WHOLE, id=identity) for identity in (3, 9, 1, 4)))
    assert [9, 4, 3, 1] == [one.sample.id for one in indexed(shelf)]


def test_of_a_sample_that_is_listed_twice_the_last_entry_counts(shelf: Shelf) -> None:
    learn(shelf, replace(BARE, label="a"), replace(BARE, id=8), BARE, replace(BARE, label="wave"))
    assert [None, "wave"] == [one.sample.label for one in indexed(shelf)]


def test_what_is_believed_as_it_is_listed_is_agreed_on_and_the_rest_is_read(shelf: Shelf) -> None:
    samples = [replace(WHOLE, id=identity, filename=f"wave.{identity}") for identity in range(1, 7)]
    learn(shelf, *samples)
    shelf.mirrored.apply("main", [CountMissed(6)], generation=1, now=NOW)
    listed = [samples[5], replace(samples[3], label="idle"), samples[2], samples[1], replace(WHOLE, id=9)]
    found = shelf.mirrored.slice("main", listed, low=2, high=10, generation=1, began_at=NOW + 1.0, limit=100)
    assert (
        Slice(
            [IndexedSample(samples[5], is_noted=True), IndexedSample(samples[4]), IndexedSample(samples[3])],
            {2, 3},
            None,
        )
        == found
    )


@pytest.mark.parametrize(("limit", "end_id"), [(3, 4), (4, 3), (6, 1), (7, None)])
def test_a_slice_says_where_it_was_truncated(shelf: Shelf, limit: int, end_id: int | None) -> None:
    samples = [replace(WHOLE, id=identity) for identity in range(1, 7)]
    learn(shelf, *samples)
    for listed in ([], samples):
        found = shelf.mirrored.slice("main", listed, low=0, high=10, generation=1, began_at=NOW, limit=limit)
        assert end_id == found.end_id
        assert min(limit, 6) == len(found.indexed) + len(found.agreed)


@pytest.mark.parametrize(
    "edit",
    [
        {},
        {"filename": "other"},
        {"category": "training"},
        {"label": None},
        {"is_disabled": False},
        {"sha256": "def"},
        {"sha256": None},
        {"original_name": None},
        {"metadata": ()},
        {"metadata": (("floor", "4"), ("site", "lab"))},
        {"has_processing_error": False},
    ],
    ids=repr,
)
@pytest.mark.parametrize("past", ["listed", "missed", "tombstoned", "sent, and not listed yet"])
def test_the_result_is_the_same_with_and_without_comparing_rows(shelf: Shelf, past: str, edit: dict[str, Any]) -> None:
    shelf.sync("a.csv", 7, sha256="abc")
    if past != "sent, and not listed yet":
        learn(shelf, WHOLE)
    if past in ("missed", "tombstoned"):
        shelf.sweep(now=NOW + 10)
    if past == "tombstoned":
        shelf.make_tombstones(7, now=NOW + 20)
    listed = [replace(WHOLE, **edit)]
    plainly, closely = (
        shelf.mirrored.slice("main", given, low=0, high=10, generation=None, began_at=NOW + 1000, limit=9)
        for given in ((), listed)
    )
    assert set() == plainly.agreed
    assert compare(plainly.indexed, listed) == compare(
        closely.indexed, [one for one in listed if one.id not in closely.agreed]
    )


@pytest.mark.parametrize("count", [99, 100, 101, 250])
def test_a_page_of_any_length_is_kept_whole(shelf: Shelf, count: int) -> None:
    samples = [replace(WHOLE, id=identity, label=f"label {identity}") for identity in range(count, 0, -1)]
    learn(shelf, *samples)
    found = shelf.mirrored.slice("main", low=0, high=1000, generation=1, began_at=NOW + 1.0, limit=1000)
    assert samples == [one.sample for one in found.indexed]
