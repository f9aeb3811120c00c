"""The groups of a folder are counted, and each gets the category that a split would give it."""

from collections.abc import Mapping

import pytest

from eisync.core.labels.group_tally import DECIDED, SAID, GroupTally
from eisync.core.labels.split import CATEGORIES, Split
from eisync.core.model import Category

TRAINING, _, TESTING = CATEGORIES
SPLIT, ANOMALY = Category.SPLIT, Category.ANOMALY
FIFTH = Split(by="session", testing=20)

Files = list[tuple[str | None, str, Category]]


def tally(files: Files, *, limit: int = 100, decided: Mapping[str, Category] | None = None) -> GroupTally:
    found = GroupTally(FIFTH, limit=limit)
    for key, label, category in files:
        found.add(key, label, category)
    found.decide(decided or {}, {})
    return found


@pytest.mark.parametrize(
    ("files", "decided", "expected"),
    [
        ([("a", "x", SPLIT)], {}, {"a": (TRAINING, {"training": 1}, None)}),
        ([("a", "x", SPLIT)], {"a": TESTING, "b": TRAINING}, {"a": (TESTING, {"testing": 1}, None)}),
        (
            [("a", "x", SPLIT), ("a", "x", TESTING)],
            {},
            {"a": (TESTING, {"testing": 2}, None)},
        ),
        (
            [("a", "x", TRAINING), ("a", "x", TESTING), ("a", "x", SPLIT)],
            {},
            {"a": (TRAINING, {"training": 2, "testing": 1}, "group a straddles: it has files in training and testing")},
        ),
        (
            [("a", "x", TRAINING)],
            {"a": TESTING},
            {"a": (TESTING, {"training": 1}, None)},
        ),
        (
            [("a", "x", ANOMALY), ("a", "x", SPLIT)],
            {},
            {"a": (TRAINING, {"anomaly": 1, "training": 1}, None)},
        ),
        (
            [("b", "x", TRAINING)] * 9 + [("a", "x", SPLIT)],
            {},
            {"b": (TRAINING, {"training": 9}, None), "a": (TESTING, {"testing": 1}, None)},
        ),
    ],
)
def test_groups_are_placed(
    files: Files,
    decided: Mapping[str, Category],
    expected: Mapping[str, tuple[Category, Mapping[str, int], str | None]],
) -> None:
    rows = list(tally(files, decided=decided).rows())
    assert expected == {row.key: (row.placement.category, row.categories, row.warning) for row in rows}
    assert list(expected) == [row.key for row in rows], "the largest first"


def test_the_reason_says_what_gave_the_category() -> None:
    found = tally([("a", "x", SPLIT), ("b", "x", TESTING)], decided={"a": TRAINING})
    assert {"a": DECIDED, "b": SAID} == {row.key: row.placement.why for row in found.rows()}


def test_files_of_no_group_and_beyond_the_limit_are_only_counted() -> None:
    found = tally([(None, "x", SPLIT), ("a", "x", SPLIT), ("b", "x", SPLIT), ("a", "x", SPLIT)], limit=1)
    assert (1, 1, [("a", 2)]) == (found.without, found.beyond, [(row.key, row.files) for row in found.rows()])
    assert [SPLIT, SPLIT, TRAINING, TESTING] == [
        found.category_of(key, said) for key, said in ((None, SPLIT), ("b", SPLIT), ("a", SPLIT), ("a", TESTING))
    ]
