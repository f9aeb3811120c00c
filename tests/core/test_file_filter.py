"""What is asked for of the files, and the place after which the next page begins."""

import base64
from typing import Any

import pytest

from eisync.core.file_filter import Cursor, FileFilter, FileQuery, Sort, cursor_of, is_before, observed_key, query_of
from eisync.errors import ConfigurationError

UMLAUT, APART = "t\u00fcr", "tu\u0308r"


def record(**more: Any) -> dict[str, Any]:
    return {"state": "settling", "label": None, "category": "", "samples": [], **more}


def test_a_question_becomes_a_query() -> None:
    every = query_of({"do": "files"})
    assert FileQuery(which=FileFilter(), sort=Sort.OLDEST, limit=1_000, after=Cursor()) == every
    after = Cursor((7,), ("/d", "", "a"))
    asked = {
        "state": "unreadable",
        "label": "",
        "category": "split",
        "folder": "/data/day",
        "search": "wave",
        "problem": True,
        "differs": True,
        "sort": "newest",
        "limit": 5,
        "after": after.text,
    }
    which = FileFilter(
        state="unreadable",
        label="",
        category="split",
        folder="/data/day",
        search="wave",
        has_problem=True,
        differs=True,
    )
    assert FileQuery(which=which, sort=Sort.NEWEST, limit=5, after=after) == query_of(asked)


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ({"state": "lost"}, "there is no state 'lost'; there are settling, ready"),
        ({"category": "many"}, "there is no category 'many'; there are "),
        ({"sort": "colour"}, "there is no order 'colour'; there are path, newest, oldest, size"),
        ({"sort": []}, "there is no order"),
        ({"limit": 0}, "ask for 1 to 1,000 files"),
        ({"limit": 1_001}, "ask for 1 to 1,000 files"),
        ({"limit": True}, "ask for 1 to 1,000 files"),
        ({"label": 7}, "the label that is asked for is not a text"),
        ({"folder": ["/data"]}, "the folder that is asked for is not a text"),
        ({"after": 7}, "the after that is asked for is not a text"),
        ({"after": "x"}, "is not valid; begin at the first page"),
        ({"after": "\u00fc"}, "is not valid"),
        ({"after": base64.urlsafe_b64encode(b"[1]").decode()}, "is not valid"),
        ({"after": base64.urlsafe_b64encode(b"[1,2]").decode()}, "is not valid"),
        ({"after": Cursor(("a", "b", "c")).text}, "is of another order"),
        ({"after": Cursor((1, 2)).text}, "is of another order"),
        ({"after": Cursor((1 << 63,)).text}, "is of another order"),
        ({"after": Cursor((True,)).text}, "is of another order"),
        ({"sort": "path", "after": Cursor(("a", "b", "\u20ac")).text}, "is of another order"),
        ({"after": Cursor((1,), (1,)).text}, "is of another order"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(question: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        query_of(question)


@pytest.mark.parametrize(
    ("cursor", "sort"),
    [
        (Cursor(), Sort.PATH),
        (Cursor(("/d", "", "caf\xe9"), ("/d", "x", "y")), Sort.PATH),
        (Cursor(None, ("/d", "x", "y")), Sort.NEWEST),
        (Cursor((5, -6, 7, 8), (-5, "/d", "x", "y")), Sort.SIZE),
    ],
)
def test_a_cursor_is_read_as_it_was_written(cursor: Cursor, sort: Sort) -> None:
    assert cursor == cursor_of(cursor.text, sort)
    assert cursor.text.isascii()


@pytest.mark.parametrize(
    ("which", "of", "expected"),
    [
        (FileFilter(), record(), True),
        (FileFilter(state="settling"), record(), True),
        (FileFilter(state="unreadable"), record(), False),
        (FileFilter(label=""), record(), True),
        (FileFilter(label="idle"), record(), False),
        (FileFilter(label="idle"), record(label="idle"), True),
        (FileFilter(category="testing"), record(), False),
        (FileFilter(category="testing"), record(category="testing"), True),
        (FileFilter(has_problem=True), record(), False),
        (FileFilter(has_problem=True), record(state="unreadable"), True),
        (FileFilter(differs=True), record(label="idle"), False),
        (FileFilter(differs=True), record(label="idle", samples=[{"label": "idle"}]), False),
        (FileFilter(differs=True), record(label="idle", samples=[{"label": None}]), True),
        (FileFilter(differs=True), record(label=UMLAUT, samples=[{"label": APART}]), False),
    ],
)
def test_a_filter_takes_what_was_observed(which: FileFilter, of: dict[str, Any], expected: bool) -> None:
    assert expected is which.takes(of)


@pytest.mark.parametrize(
    ("which", "path", "expected"),
    [
        (FileFilter(), "day/a.csv", True),
        (FileFilter(folder="/data"), "day/a.csv", True),
        (FileFilter(folder="/"), "day/a.csv", True),
        (FileFilter(folder="/data/root/day/"), "day/a.csv", True),
        (FileFilter(folder="/data/root/day"), "day-2/a.csv", False),
        (FileFilter(folder="/data/root/day"), "day", True),  # a folder that cannot be read
        (FileFilter(search="Y/A.C"), "DAY/a.csv", True),
        (FileFilter(search="root"), "day/a.csv", False),
        (FileFilter(search=UMLAUT), f"{APART}.csv", True),
        (FileFilter(search=APART), f"{UMLAUT}.csv", True),
    ],
)
def test_a_filter_takes_paths(which: FileFilter, path: str, expected: bool) -> None:
    assert expected is which.takes_path("/data/root", path)


def test_observed_files_have_their_place_among_the_rows() -> None:
    by_path = observed_key(Sort.PATH, "/d", "day/caf\udce9", 7)
    assert ("/d", "day", "caf\xe9") == by_path
    by_size = observed_key(Sort.SIZE, "/d", "a", 7)
    assert (-7, "/d", "", "a") == by_size
    assert [True, False] == [is_before(Sort.PATH, by_path, ("/d", "day", name)) for name in ("cag", "caf")]
    assert [True, True, False] == [is_before(Sort.SIZE, by_size, (size, 0, 0, 1)) for size in (6, 7, 8)]
    assert is_before(Sort.NEWEST, by_path, (9,))
    assert not is_before(Sort.OLDEST, by_path, (9,))
    assert all(is_before(sort, by_path, None) for sort in Sort)
