"""Stretches in seconds become ranges of values without a hole, an overlap or a value outside of the recording."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.annotations.samples import UNLABELED, structured_labels
from eisync.core.labels.entry import Stretch

Ranges = list[tuple[int, int, str]]


def ranges(
    *marks: tuple[str, float, float], values: int = 10, interval_ms: float = 100, gap: str = UNLABELED
) -> Ranges:
    stretches = [Stretch(label, start, end, f"line {number}") for number, (label, start, end) in enumerate(marks, 1)]
    found = structured_labels(stretches, values=values, interval_ms=interval_ms, gap_label=gap)
    return [(one["startIndex"], one["endIndex"], one["label"]) for one in found]


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([], [(0, 9, "unlabeled")]),
        ([("a", 0.0, 1.0)], [(0, 9, "a")]),
        ([("a", 0.5, 1.0)], [(0, 4, "unlabeled"), (5, 9, "a")]),
        ([("a", 0.0, 0.5)], [(0, 4, "a"), (5, 9, "unlabeled")]),
        ([("b", 0.6, 1.0), ("a", 0.2, 0.4)], [(0, 1, "unlabeled"), (2, 3, "a"), (4, 5, "unlabeled"), (6, 9, "b")]),
        ([("a", 0.0, 0.5), ("b", 0.5, 1.0)], [(0, 4, "a"), (5, 9, "b")]),
        ([("a", 0.0, 0.5), ("a", 0.5, 1.0)], [(0, 9, "a")]),
        ([("a", -0.04, 0.46), ("b", 0.44, 1.1)], [(0, 4, "a"), (5, 9, "b")]),  # rounding alone
        ([("a", 0.0, 0.44), ("b", 0.46, 1.0)], [(0, 3, "a"), (4, 9, "b")]),
        ([("a", 0.0, 0.5), ("b", 0.58, 1.0)], [(0, 4, "a"), (5, 5, "unlabeled"), (6, 9, "b")]),
        ([("unlabeled", 0.2, 0.4)], [(0, 9, "unlabeled")]),
    ],
)
def test_every_value_has_one_label(marks: list[tuple[str, float, float]], expected: Ranges) -> None:
    assert expected == ranges(*marks)


def test_gaps_may_have_another_label() -> None:
    assert [(0, 4, "noise"), (5, 9, "a")] == ranges(("a", 0.5, 1.0), gap="noise")


@pytest.mark.parametrize(
    ("marks", "why"),
    [
        ([("a", 0.5, 0.5)], "line 1: it marks the point 0.5 s; give it a start and an end"),
        ([("a", 0.5, 0.25)], "line 1: it ends at 0.25 s, before it begins at 0.5 s"),
        ([("a", -0.2, 0.5)], "line 1: it begins at -0.2 s, before the recording"),
        ([("a", 0.5, 1.2)], "line 1: it ends at 1.2 s, but the recording has 1 s"),
        ([("a", 1.0, 1.1)], "line 1: it ends at 1.1 s, but the recording has 1 s"),
        ([("a", 0.5, 1e300)], "line 1: it ends at 1e+300 s, but the recording has 1 s"),
        ([("a", 0.5, 0.51)], "line 1: it is shorter than one value of the recording (100 ms)"),
        ([("a", 0.86, 0.94)], "line 1: it is shorter than one value of the recording (100 ms)"),
        ([("a", 0.0, 0.5), ("b", 0.4, 0.9)], "line 2: it overlaps line 1, and a value has one label"),
        ([("b", 0.4, 0.9), ("b", 0.0, 1.0)], "line 1: it overlaps line 2, and a value has one label"),
        ([("a", float("nan"), 1.0)], "line 1: its times are no numbers"),
        ([("a", 0.0, float("inf"))], "line 1: its times are no numbers"),
    ],
)
def test_a_stretch_that_does_not_fit_is_named(marks: list[tuple[str, float, float]], why: str) -> None:
    with pytest.raises(ValueError) as caught:
        ranges(*marks)
    assert why == str(caught.value)


@pytest.mark.parametrize(("values", "interval_ms"), [(0, 100), (10, 0), (10, float("inf")), (10, float("nan"))])
def test_a_recording_without_values_has_no_labels(values: int, interval_ms: float) -> None:
    with pytest.raises(ValueError, match="the recording has no values at a constant interval"):
        ranges(values=values, interval_ms=interval_ms)


def test_rounding_never_makes_a_hole_at_44100_hz() -> None:
    borders = [at / 7 for at in range(70)]
    marks = [(f"l{at}", start, end) for at, (start, end) in enumerate(pairwise(borders))]
    found = ranges(*marks, values=441_000, interval_ms=1000 / 44_100)
    assert [mark[0] for mark in marks] == [label for _, _, label in found[:-1]]
    assert UNLABELED == found[-1][2]


@given(
    st.integers(1, 60).flatmap(
        lambda values: st.tuples(st.just(values), st.lists(st.integers(0, values), unique=True, max_size=8).map(sorted))
    ),
    st.lists(st.sampled_from(["a", "b", ""]), min_size=9, max_size=9),
    st.sampled_from([1000 / 44_100, 10.0, 62.5, 1000.0, 0.3]),
    st.randoms(use_true_random=False),
)
def test_indexes_come_back_from_seconds(
    borders: tuple[int, list[int]], labels: list[str], interval_ms: float, random: Random
) -> None:
    values, at = borders
    wanted = [UNLABELED] * values
    stretches = []
    for label, (start, end) in zip(labels, pairwise(at), strict=False):
        if label:
            wanted[start:end] = [label] * (end - start)
            stretches.append(Stretch(label, start * interval_ms / 1000, end * interval_ms / 1000, "line"))
    random.shuffle(stretches)
    found = structured_labels(stretches, values=values, interval_ms=interval_ms)
    assert wanted == [one["label"] for one in found for _ in range(one["startIndex"], one["endIndex"] + 1)]
    assert all(
        one["endIndex"] + 1 == two["startIndex"] and one["label"] != two["label"] for one, two in pairwise(found)
    )


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(-1, 4), st.floats(-1, 4)), max_size=5),
    st.integers(1, 300),
    st.floats(0.1, 1000),
)
def test_whatever_is_accepted_covers_the_recording(
    marks: list[tuple[str, float, float]], values: int, interval_ms: float
) -> None:
    try:
        found = ranges(*marks, values=values, interval_ms=interval_ms)
    except ValueError:
        return
    assert (0, values - 1) == (found[0][0], found[-1][1])
    assert all(start <= end for start, end, _ in found)
    assert all(one[1] + 1 == two[0] for one, two in pairwise(found))
    assert {label for label, _, _ in marks} <= {label for _, _, label in found}
