import dataclasses
from typing import Any

import pytest

from eisync.core.model import Category, FileFacts, Item, extension_of, shown, value

INT64 = range(-(2**63), 2**63)
FACTS = FileFacts(5, 7, 9, 100.0)


def test_a_touch_does_not_make_another_version() -> None:
    assert dataclasses.replace(FACTS, touched_at=200.0) == FACTS


@pytest.mark.parametrize("change", [{"size": 6}, {"mtime_ns": 8}, {"inode": 10}])
def test_size_mtime_and_inode_each_make_another_version(change: dict[str, int]) -> None:
    assert dataclasses.replace(FACTS, **change) != FACTS


@pytest.mark.parametrize("number", [0, 1, -1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 253_402_300_799 * 10**9])
def test_any_facts_of_a_file_system_fit_into_the_database(number: int) -> None:
    facts = FileFacts(5, mtime_ns=number, inode=number)

    assert facts.inode in INT64
    assert facts.mtime_ns in INT64
    assert facts == FileFacts(facts.size, facts.mtime_ns, facts.inode)


def test_facts_that_differ_past_the_database_s_range_stay_different() -> None:
    assert FileFacts(5, 2**63, 2**63) != FileFacts(5, 2**63 + 1, 2**63)
    assert FileFacts(5, 2**63, 2**63) != FileFacts(5, 2**63, 2**63 + 1)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.csv", "a.csv"),
        ("日記 100%.csv", "日記 100%.csv"),
        ("caf\udce9.csv", "caf\ufffd.csv"),
        ("", ""),
        ("é\ud800.csv", "é\ufffd.csv"),
    ],
)
def test_undecodable_bytes_are_shown_as_one_sign(path: str, text: str) -> None:
    assert text == shown(path)


@pytest.mark.parametrize(
    ("path", "extension"),
    [
        ("a.csv", ".csv"),
        ("a.B.CSV", ".csv"),
        ("d.x/a", ""),
        (".csv", ""),
        ("d/.csv", ""),
        ("a.", "."),
        ("", ""),
    ],
)
def test_the_extension_is_the_last_one_in_lower_case(path: str, extension: str) -> None:
    assert extension == extension_of(path)


def test_an_item_has_the_name_that_info_labels_gives() -> None:
    item = Item(
        id=1, root="/d", path="a/long.csv", target="main", facts=FileFacts(1, 1, 1), label=None, category=Category.SPLIT
    )
    assert ("long.csv", ("long.csv",)) == (item.name, item.names)
    given = dataclasses.replace(item, sent_as="idle.csv")
    assert ("idle.csv", ("idle.csv", "long.csv")) == (given.name, given.names)


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64])
def test_a_ctime_fits_into_the_database(number: int) -> None:
    assert FileFacts(5, 7, 9, ctime_ns=number).ctime_ns in INT64


def test_ctimes_that_differ_past_the_database_s_range_stay_different() -> None:
    facts = FileFacts(5, 7, 9, ctime_ns=2**63)
    assert facts.is_untouched_since(FileFacts(5, 7, 9, ctime_ns=2**63))
    assert not facts.is_untouched_since(FileFacts(5, 7, 9, ctime_ns=2**63 + 1))


@value
class Pair:
    left: int
    right: str = ""
    aside: int = dataclasses.field(default=0, compare=False, repr=False)


@value(kw_only=True)
class Single:
    one: int


@value
class Nothing:
    pass


@value
class Own:
    left: int

    def __repr__(self) -> str:
        return "mine"


def test_a_value_is_as_a_dataclass_is() -> None:
    plain = dataclasses.make_dataclass("Pair", ["left", "right"], frozen=True)
    assert (hash(plain(1, "a")), Pair(1, "a"), True) == (hash(Pair(1, "a")), Pair(1, "a", aside=5), True)
    assert ("Pair(left=1, right='a')", "Single(one=2)", "Nothing()") == tuple(
        map(repr, (Pair(1, "a"), Single(one=2), Nothing()))
    )
    assert {Pair(1): 1, Single(one=1): 2, Nothing(): 3}[Nothing()] == 3
    assert dataclasses.replace(Pair(1, "a"), left=2) == Pair(2, "a")
    assert "mine" == repr(Own(1))


def test_a_value_with_a_nan_is_equal_to_itself() -> None:
    nan: Any = float("nan")
    for one in (Single(one=nan), Pair(1, nan)):
        assert dataclasses.replace(one) == one


def test_values_of_different_classes_differ() -> None:
    others: list[object] = [Pair(1), Own(1), Single(one=1), Single(one=2), Nothing(), 1]
    assert [[one is other for other in others] for one in others] == [
        [one == other for other in others] for one in others
    ]


def test_a_value_has_no_dictionary() -> None:
    assert not hasattr(Pair(1), "__dict__")
