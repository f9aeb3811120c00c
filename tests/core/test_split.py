"""Groups of files are divided among training, validation and testing: whole, by their keys, and as near as they can."""

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.labels.description import MAX_METADATA, Description
from eisync.core.labels.split import (
    CATEGORIES,
    Counts,
    Placement,
    Split,
    assign,
    fixed_by,
    is_said,
    straddles,
)
from eisync.core.model import Category

TRAINING, VALIDATION, TESTING = CATEGORIES
FIFTH = Split(by="session", testing=20)
THIRDS = Split(by="session", testing=20, validation=10)
FOLDER = Split(by="folder", testing=20)
PATTERN = Split(by=r"(?P<group>s\d+)_", testing=20)


@pytest.mark.parametrize(
    ("split", "path", "metadata", "key"),
    [
        (FIFTH, "a.csv", {"session": "s1"}, "s1"),
        (FIFTH, "a.csv", {"other": "s1"}, None),
        (FIFTH, "a.csv", {"session": " "}, None),
        (FIFTH, "a.csv", {"session": "u\u0308"}, "ü"),
        (FOLDER, "day 1/s1/a.csv", {}, "day 1/s1"),
        (FOLDER, "u\u0308/a.csv", {}, "ü"),
        (FOLDER, "a.csv", {"group": "x"}, None),
        (PATTERN, "gym/s01_squat.wav", {}, "s01"),
        (PATTERN, "gym/squat.wav", {}, None),
        (Split(by=r"(?P<group>s\d+)?_", testing=20), "_squat.wav", {}, None),
    ],
)
def test_the_group_of_a_file(split: Split, path: str, metadata: Mapping[str, str], key: str | None) -> None:
    assert key == split.group_of(path, metadata)


FULL = {str(number): "x" for number in range(MAX_METADATA)}


@pytest.mark.parametrize(
    ("split", "path", "metadata", "key", "sent"),
    [
        (FIFTH, "a.csv", {"session": "s1"}, "s1", {"session": "s1"}),
        (FIFTH, "a.csv", {}, None, {}),
        (FOLDER, "s1/a.csv", {"site": "lab"}, "s1", {"site": "lab", "group": "s1"}),
        (PATTERN, "s1_a.csv", {"group": "own"}, "s1", {"group": "own"}),
        (PATTERN, "s1_a.csv", FULL, "s1", FULL),
    ],
)
def test_the_key_of_a_path_is_sent_as_metadata(
    split: Split, path: str, metadata: Mapping[str, str], key: str | None, sent: Mapping[str, str]
) -> None:
    found = Description(label="x", category=Category.SPLIT, metadata=metadata)
    assert (key, Description(label="x", category=Category.SPLIT, metadata=sent)) == split.grouped(path, found)


@pytest.mark.parametrize(
    ("options", "clause"),
    [
        ({"by": " ", "testing": 20}, 'by is blank: give a name of metadata, "folder" or a pattern'),
        ({"by": r"s\d+_", "testing": 20}, "by is no name of metadata, and a pattern needs a group named group"),
        ({"by": "(?P<group>a", "testing": 20}, "the pattern of by is not a regular expression: missing )"),
        ({"by": "(?P<group>(a+)+)$", "testing": 20}, "the pattern of by can take too long"),
        ({"by": "s", "testing": 0}, "testing and validation together must be more than 0 and less than 100 per cent"),
        ({"by": "s", "testing": 60, "validation": 40}, "testing and validation together must be more than 0"),
        ({"by": "s", "testing": -1, "validation": 40}, "testing and validation together must be more than 0"),
        ({"by": "s", "testing": 10, "validation": 100}, "testing and validation together must be more than 0"),
    ],
)
def test_a_split_that_cannot_be_used_says_why(options: dict[str, Any], clause: str) -> None:
    with pytest.raises(ValueError, match=r"^" + clause.replace("(", r"\(").replace(")", r"\)").replace("+", r"\+")):
        Split(**options)


def test_the_shares_are_whole_numbers() -> None:
    assert {TRAINING: 80_000, TESTING: 20_000} == FIFTH.shares
    assert {TRAINING: 70_000, VALIDATION: 10_000, TESTING: 20_000} == THIRDS.shares
    assert {TRAINING: 90_000, VALIDATION: 10_000} == Split(by="s", testing=0, validation=10).shares
    assert ("session", "group", "group") == (FIFTH.name, FOLDER.name, PATTERN.name)


@pytest.mark.parametrize(
    ("groups", "totals", "category", "why"),
    [
        # nothing is known: training, which is to have most
        ({"walk": 3}, {}, TRAINING, "no other group was decided before it"),
        # testing is short in all, and of this label
        ({"walk": 1}, {("walk", TRAINING): 9}, TESTING, "testing had 0 % of the 20 % that it is to have"),
        # it has its share in all, and none of this label
        (
            {"run": 4},
            {("walk", TRAINING): 16, ("walk", TESTING): 4, ("run", TRAINING): 30},
            TESTING,
            "testing had 7 % of the 20 % that it is to have",
        ),
        # a label of which training has nothing goes there first
        ({"run": 1}, {("walk", TRAINING): 16, ("walk", TESTING): 4}, TRAINING, None),
        # a group that is too large for testing
        ({"walk": 50}, {("walk", TRAINING): 40, ("walk", TESTING): 5}, TRAINING, None),
        # files that are apart do not count
        ({"walk": 1}, {("walk", Category.ANOMALY): 99}, TRAINING, "no other group was decided before it"),
        # a group without a label
        ({None: 1}, {(None, TRAINING): 9}, TESTING, None),
        # a group without files that could be placed
        ({}, {}, TRAINING, None),
    ],
)
def test_a_late_group_joins_the_category_that_is_short(
    groups: dict[str | None, int],
    totals: dict[tuple[str | None, Category], int],
    category: Category,
    why: str | None,
) -> None:
    found = assign({"late": groups}, totals, FIFTH)["late"]
    assert category is found.category
    assert why in (None, found.why)


def test_labels_are_spread_as_far_as_groups_allow() -> None:
    groups: dict[str, Counts] = {
        f"{label}{number}": {label: 5} for label in ("walk", "run", "idle") for number in range(10)
    }
    found = assign(groups, {}, FIFTH)
    testing = Counter(key[:-1] for key, one in found.items() if one.category is TESTING)
    assert {"walk": 2, "run": 2, "idle": 2} == testing


def test_many_labels_of_one_group_each_do_not_all_go_to_training() -> None:
    found = assign({str(number): {str(number): 4} for number in range(100)}, {}, FIFTH)
    assert 15 <= sum(one.category is TESTING for one in found.values()) <= 20


def test_what_fixes_a_group() -> None:
    assert [True, True, True, False, False, False] == [
        is_said(one) for one in (*CATEGORIES, Category.SPLIT, Category.ANOMALY, Category.POST_PROCESSING)
    ]
    assert fixed_by([Category.ANOMALY, Category.SPLIT]) is None
    assert fixed_by([TESTING]) is TESTING
    assert fixed_by([TESTING, VALIDATION]) is VALIDATION
    assert fixed_by([TESTING, TRAINING]) is TRAINING


def test_a_group_that_straddles_is_said_on_one_line() -> None:
    assert "group s\\n1 straddles: it has files in training and testing" == straddles("s\\n1", [TESTING, TRAINING])
    assert "\n" not in straddles("a\nb", CATEGORIES)


# --- properties

LABELS = st.sampled_from([None, "walk", "run", "idle"])
COUNTS = st.dictionaries(LABELS, st.integers(1, 50), min_size=1)
GROUPS = st.dictionaries(st.text(max_size=4), COUNTS, max_size=12)
TOTALS = st.dictionaries(st.tuples(LABELS, st.sampled_from(CATEGORIES)), st.integers(0, 200))
SPLITS = st.tuples(st.integers(1, 60), st.integers(0, 39)).map(
    lambda both: Split(by="session", testing=both[0], validation=both[1])
)


@given(GROUPS, TOTALS, SPLITS, st.randoms())
def test_the_order_of_groups_and_labels_does_not_matter(
    groups: dict[str, Counts], totals: dict[tuple[str | None, Category], int], split: Split, dice: random.Random
) -> None:
    def shuffled(one: Any) -> dict[Any, Any]:
        pairs = list(one.items())
        dice.shuffle(pairs)
        return dict(pairs)

    again = {key: shuffled(counts) for key, counts in shuffled(groups).items()}
    found = assign(groups, totals, split)
    assert found == assign(again, shuffled(totals), split)
    assert set(groups) == set(found)
    assert {one.category for one in found.values()} <= set(split.shares)


@given(GROUPS, GROUPS, SPLITS)
def test_what_was_decided_stays_when_files_are_added(
    groups: dict[str, Counts], more: dict[str, Counts], split: Split
) -> None:
    """As the watcher does it: decide once, remember, count, and decide only on groups that are new."""
    first = assign(groups, {}, split)
    totals = Counter[tuple[str | None, Category]]()
    for key, counts in groups.items():
        for label, number in counts.items():
            totals[label, first[key].category] += number
    late = assign({key: counts for key, counts in more.items() if key not in first}, totals, split)
    assert first.items() <= {**late, **first}.items()
    assert not first.keys() & late.keys()


@given(st.integers(1, 60), st.integers(1, 20), st.integers(5, 50))
def test_equal_groups_come_within_one_group_of_the_percentage(number: int, size: int, testing: int) -> None:
    groups: dict[str, Counts] = {f"s{one}": {"walk": size} for one in range(number)}
    found = assign(groups, {}, Split(by="session", testing=testing))
    files = size * sum(one.category is TESTING for one in found.values())
    assert abs(files - testing / 100 * number * size) <= size


@given(st.integers(1, 40), st.integers(5, 40), st.integers(1, 40))
def test_groups_that_come_one_by_one_come_as_near(number: int, testing: int, validation: int) -> None:
    split = Split(by="session", testing=testing, validation=validation)
    totals = Counter[tuple[str | None, Category]]()
    for one in range(number):
        placed: Placement = assign({f"s{one}": {"walk": 3}}, totals, split)[f"s{one}"]
        totals["walk", placed.category] += 3
    for category, share in split.shares.items():
        assert abs(totals["walk", category] - share / 100_000 * number * 3) <= 3
