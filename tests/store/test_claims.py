"""A claim takes the first due files, and fills their requests from the whole backlog."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.batching import Inference, Limits, Order, requests_of
from eisync.core.model import Category, Item
from eisync.core.outcome import give_back
from eisync.store import claims
from tests.examples import examples

from .shelf import NOW, Shelf

LATER = NOW + 1_000.0


def fill(shelf: Shelf, labels: Sequence[str], *, named: bool = False, root_id: int = 1, **more: Any) -> None:
    """Files that are due one after the other, with these labels, which their names begin with if they are `named`."""
    for number, label in enumerate(labels):
        path = f"{label}.{number:04}.csv" if named else f"{number:04}.csv"
        shelf.outbox.enqueue([shelf.candidate(path, root_id=root_id, label=label, **more)], now=NOW + number / 16)


def paths(items: Sequence[Item]) -> list[str]:
    return [item.path for item in items]


def test_companions_come_from_the_whole_backlog(shelf: Shelf) -> None:
    fill(shelf, ["left", "right", "up", "down"] * 20)

    items = shelf.outbox.claim("main", [1], limit=8, files=8, claim=1, now=LATER)

    assert [f"{number:04}.csv" for number in range(0, 32, 4)] == paths(items)


def test_requests_are_full_as_long_as_there_is_a_backlog(shelf: Shelf) -> None:
    fill(shelf, [f"label {number % 5}" for number in range(100)])
    sizes = []
    for claim in range(100):
        items = shelf.outbox.claim("main", [1], limit=16, files=8, claim=claim, now=LATER)
        if not items:
            break
        sizes += [len(request.items) for request in requests_of(items, Limits(files=8))]
        shelf.outbox.settle([give_back(item) for item in items[:0]], claim=claim, now=LATER)
    assert 100 == sum(sizes)
    assert {8: 10, 4: 5} == Counter(sizes)  # the twenty files of each label


def test_labels_that_the_service_infers_share_a_request(shelf: Shelf) -> None:
    fill(shelf, [f"label{number % 20}" for number in range(80)], named=True, category=Category.TESTING)
    fill(shelf, ["label0"], named=True, metadata={"site": "lab"})

    items = shelf.outbox.claim("main", [1], limit=8, files=8, can_infer=True, claim=1, now=LATER)

    [(first, _), *_] = [(request.items, request) for request in requests_of(items, Limits(files=8), Inference.ON)]
    assert 8 == len(first)
    assert "label0.0000.csv" == first[0].path


def test_companions_are_taken_from_every_root(shelf: Shelf) -> None:
    [other] = shelf.outbox.register([("/other", "main")])
    fill(shelf, ["left", "right"] * 8)
    fill(shelf, ["left", "right"] * 8, root_id=other.id)

    items = shelf.outbox.claim("main", [1, other.id], limit=4, files=8, claim=1, now=LATER)

    assert ({"left"}, 8) == ({item.label for item in items}, len(items))
    assert {"/data": 4, "/other": 4} == Counter(item.root for item in items)


def test_what_cannot_be_labelled_yet_brings_nothing_along(shelf: Shelf) -> None:
    [other] = shelf.outbox.register([("/other", "main")])
    fill(shelf, ["left"] * 4, root_id=other.id)
    fill(shelf, ["left", "right"] * 4)

    items = shelf.outbox.claim("main", [1], limit=2, files=8, claim=1, now=LATER)

    assert {"/data"} == {item.root for item in items}


def test_the_newest_bring_the_newest_along(shelf: Shelf) -> None:
    fill(shelf, ["left", "right"] * 10)

    items = shelf.outbox.claim("main", [1], order=Order.NEWEST, limit=4, files=4, claim=1, now=LATER)

    assert ["0019.csv", "0017.csv", "0015.csv", "0013.csv"] == paths(items)


def test_small_files_bring_no_large_ones_along(shelf: Shelf) -> None:
    for number, label in enumerate(["left", "right"] * 10):
        shelf.enqueue(f"{number:04}.csv", version=number, label=label)

    items = shelf.outbox.claim("main", [1], order=Order.SMALLEST, limit=4, files=4, claim=1, now=LATER)

    assert ["0000.csv", "0001.csv", "0002.csv", "0003.csv"] == paths(items)


def test_what_waits_for_later_is_no_companion(shelf: Shelf) -> None:
    fill(shelf, ["left"] * 30)

    items = shelf.outbox.claim("main", [1], limit=2, files=8, claim=1, now=NOW + 4 / 16)

    assert [f"{number:04}.csv" for number in range(5)] == paths(items)


@pytest.mark.parametrize("order", claims._ALIKE_BY)
def test_companions_are_found_by_their_index(shelf: Shelf, order: Order) -> None:
    names = ("category", "label", "metadata", "target", "root_id", "limit", "now")

    plan = shelf.plan(claims._ALIKE_BY[order], **dict.fromkeys(names))

    assert "file_by_headers (root_id=? AND category=? AND label=? AND metadata=? AND due_at<?)" in plan
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan


@settings(max_examples=examples(30))
@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.booleans(), st.sampled_from(["{}", "lab"])), min_size=1, max_size=60
    ),
    st.integers(1, 12),
    st.integers(1, 12),
    st.booleans(),
    st.sampled_from([Order.OLDEST, Order.NEWEST]),
)
def test_the_first_due_file_is_in_every_claim_and_nobody_starves(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[tuple[str, bool, str]],
    limit: int,
    per_request: int,
    can_infer: bool,
    order: Order,
) -> None:
    shelf = Shelf(tmp_path_factory.mktemp("claims"))
    for number, (label, is_named, site) in enumerate(files):
        path = f"{label}.{number:03}.csv" if is_named else f"{number:03}.csv"
        shelf.outbox.enqueue([shelf.candidate(path, label=label, metadata={"site": site})], now=NOW + number)
    waiting = list(range(1, len(files) + 1))[:: -1 if order is Order.NEWEST else 1]
    for claim in range(len(files)):
        items = shelf.outbox.claim(
            "main", [1], order=order, limit=limit, files=per_request, can_infer=can_infer, claim=claim, now=LATER
        )
        assert waiting[0] == items[0].id
        assert len(items) < limit + per_request or len(items) == len(waiting)
        assert min(limit, len(waiting)) <= len(items)
        waiting = [identity for identity in waiting if identity not in {item.id for item in items}]
        if not waiting:
            break
    assert not waiting
    shelf.close()
