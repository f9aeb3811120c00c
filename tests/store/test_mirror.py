"""What the service listed, written down and read back."""

from dataclasses import replace

import pytest

from eisync.core.items import RemoteSample
from eisync.core.plan import Believed, Learn

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


def believed(shelf: Shelf) -> list[Believed]:
    return shelf.mirrored.slice("main", low=0, high=100, generation=1, began_at=NOW + 1.0, limit=100)


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
    assert [Believed(sample)] == believed(shelf)


def test_samples_are_read_back_from_the_newest_whatever_the_order_of_the_listing(shelf: Shelf) -> None:
    learn(shelf, *(replace(WHOLE, id=identity) for identity in (3, 9, 1, 4)))
    assert [9, 4, 3, 1] == [one.sample.id for one in believed(shelf)]


def test_of_a_sample_that_is_listed_twice_the_last_word_counts(shelf: Shelf) -> None:
    learn(shelf, replace(BARE, label="a"), replace(BARE, id=8), BARE, replace(BARE, label="wave"))
    assert [None, "wave"] == [one.sample.label for one in believed(shelf)]
