from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.emulator.model import Refused
from eisync.emulator.ranges import read_structured_labels

Span = tuple[int, int, str]


def ranges(spans: Sequence[Span]) -> list[dict[str, Any]]:
    return [{"startIndex": start, "endIndex": end, "label": label} for start, end, label in spans]


@pytest.mark.parametrize(
    ("spans", "painted"),
    [
        ([(0, 9, "a")], [(0, 9, "a")]),
        ([(0, 0, "a"), (1, 9, "b")], [(0, 0, "a"), (1, 9, "b")]),
        ([(5, 9, "b"), (0, 4, "a")], [(0, 4, "a"), (5, 9, "b")]),  # in any order
        ([(0, 9, "a"), (3, 5, "b")], [(0, 2, "a"), (3, 5, "b"), (6, 9, "a")]),  # the later one wins
        ([(3, 5, "b"), (0, 9, "a")], [(0, 9, "a")]),
        ([(0, 5, "a"), (4, 9, "b")], [(0, 3, "a"), (4, 9, "b")]),
        ([(0, 4, "a"), (5, 9, "a")], [(0, 9, "a")]),  # equal neighbours become one
        ([(0, 9, "a"), (2, 3, "b"), (2, 3, "a")], [(0, 9, "a")]),
    ],
)
def test_ranges_come_in_any_order_and_the_later_one_wins(spans: list[Span], painted: list[Span]) -> None:
    assert read_structured_labels(ranges(spans), values_count=10) == tuple(ranges(painted))


@pytest.mark.parametrize(
    "spans",
    [
        [],
        [(0, 8, "a")],
        [(1, 9, "a")],
        [(0, 10, "a")],
        [(10, 10, "a"), (0, 9, "a")],
        [(0, 4, "a"), (6, 9, "a")],
        [(5, 9, "a"), (0, 3, "a")],
        [(0, 9, "a"), (5, 4, "b")],
        [(-1, 9, "a")],
    ],
)
def test_a_hole_and_an_index_outside_are_refused(spans: list[Span]) -> None:
    found = read_structured_labels(ranges(spans), values_count=10)
    assert isinstance(found, Refused)
    assert found.error.startswith("Invalid structured labels: ")


def test_indexes_may_be_written_with_a_point() -> None:
    found = read_structured_labels([{"startIndex": 0.0, "endIndex": 2.0, "label": "a"}], values_count=3)
    assert found == tuple(ranges([(0, 2, "a")]))


@pytest.mark.parametrize(
    "one",
    [
        3,
        {},
        {"startIndex": 0, "endIndex": 2},
        {"startIndex": 0, "endIndex": 2, "label": 1},
        {"startIndex": 0, "endIndex": 1.5, "label": "a"},
        {"startIndex": 0, "endIndex": "2", "label": "a"},
        {"startIndex": False, "endIndex": 2, "label": "a"},
        {"startIndex": 0, "endIndex": 2, "label": "a", "labelMap": {"mood": 1}},
        {"startIndex": 0, "endIndex": 2, "label": "a", "labelMap": "calm"},
    ],
)
def test_what_is_no_range_is_refused(one: object) -> None:
    assert isinstance(read_structured_labels([one], values_count=3), Refused)


@pytest.mark.parametrize("found", [None, {}, "x", 3, [None]])
def test_what_is_no_list_of_ranges_is_refused(found: object) -> None:
    assert isinstance(read_structured_labels(found, values_count=3), Refused)


def mapped(*maps: object) -> list[dict[str, Any]]:
    return [{"startIndex": at, "endIndex": at, "label": "a", "labelMap": one} for at, one in enumerate(maps)]


def test_neighbours_are_equal_only_with_the_same_label_map() -> None:
    calm, wild = {"mood": "calm"}, {"mood": "wild"}
    found = read_structured_labels(mapped(calm, {"type": "key-values", "labels": calm}, wild), values_count=3)
    assert found == (
        {"startIndex": 0, "endIndex": 1, "label": "a", "labelMap": calm},
        {"startIndex": 2, "endIndex": 2, "label": "a", "labelMap": wild},
    )


@pytest.mark.parametrize(
    ("maps", "is_good"),
    [
        (({"a": "1", "b": "2"}, {"b": "3", "a": "4"}), True),
        ((["1", "2"], {"1": "3", "0": "4"}), True),
        (({"a": "1"}, None), True),
        (({"a": "1"}, {"b": "1"}), False),
        (({"a": "1"}, {"a": "1", "b": "2"}), False),
        (({"a": "1"}, {}), False),
    ],
)
def test_the_label_maps_of_a_sample_have_the_same_keys(maps: tuple[object, ...], is_good: bool) -> None:
    assert isinstance(read_structured_labels(mapped(*maps), values_count=len(maps)), Refused) is not is_good


def test_where_the_number_of_values_is_not_known_the_last_range_tells_it() -> None:
    assert read_structured_labels(ranges([(3, 5, "b"), (0, 2, "a")]), values_count=0) == tuple(
        ranges([(0, 2, "a"), (3, 5, "b")])
    )
    assert isinstance(read_structured_labels(ranges([(1, 5, "b")]), values_count=0), Refused)


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.sampled_from("abc")), min_size=1, max_size=9))
def test_it_is_as_if_every_value_were_painted(drawn: list[Span]) -> None:
    spans = [(min(one, two), max(one, two), label) for one, two, label in drawn]
    values: list[str | None] = [None] * 12
    for start, end, label in spans:
        values[start : end + 1] = [label] * (end + 1 - start)
    found = read_structured_labels(ranges(spans), values_count=12)
    if None in values:
        assert isinstance(found, Refused)
        return
    assert not isinstance(found, Refused)
    shown: list[Any] = [one for one in found for _ in range(int(str(one["startIndex"])), int(str(one["endIndex"])) + 1)]
    assert [one["label"] for one in shown] == values
    assert all(before["label"] != after["label"] for before, after in pairwise(found))


def test_many_ranges_over_a_long_recording_are_never_painted_value_by_value() -> None:
    spans = [(at, 10**12 - 1 - at, "ab"[at % 2]) for at in range(20_000)]
    found = read_structured_labels(ranges(spans), values_count=10**12)
    assert not isinstance(found, Refused)
    assert len(found) == 2 * len(spans) - 1
