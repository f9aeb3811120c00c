"""Pages of files: rows and what is observed now are merged, and the next page goes on where the last one ended."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.control.class_balance import ClassBalanceCounter
from eisync.core.lifecycle import State
from eisync.errors import ConfigurationError, EisyncError
from eisync.store.class_balance import ClassBalanceRows
from tests.conftest import list_sample

from .test_operations import NOW, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "state")
    yield desk
    desk.database.close()


@pytest.fixture
def mixed(desk: Desk) -> Desk:
    """Rows and observed files in turn, by path: a to f are rows, and the others are observed."""
    for path in ("a.csv", "day/c.csv", "day/e.csv", "f.csv"):
        desk.add(path, State.SYNCED)
    desk.add("g.csv", State.READY)
    for path in ("b.csv", "day/d.csv", "day/e.csv", "g.csv"):
        desk.observe(path)
    for one in desk.observed:
        one |= {"size": 7, "label": None, "category": "", "samples": []}
    return desk


def walked(desk: Desk, **question: Any) -> list[list[tuple[str, str]]]:
    """The paths and states of each page."""
    pages: list[list[tuple[str, str]]] = []
    after: dict[str, Any] = {}
    while True:
        *records, page = desk.ask(do="files", **question, **after)
        assert {"what", "after"} == page.keys()
        pages.append([(record["path"], record["state"]) for record in records])
        if page["after"] is None:
            return pages
        after = {"after": page["after"]}


def paths(pages: list[list[tuple[str, str]]]) -> str:
    """The names without their extension; pages are separated."""
    return " ".join("".join(path.removesuffix(".csv")[-1] for path, _ in page) for page in pages)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({"sort": "path", "limit": 99}, "abfgcde"),
        ({"sort": "path", "limit": 2}, "ab fg cd e"),
        ({"sort": "path", "limit": 7}, "abfgcde"),
        ({"sort": "oldest", "limit": 3}, "acf gbd e"),
        ({"sort": "newest", "limit": 3}, "bde gfc a"),
        ({"sort": "size", "limit": 2}, "bd ec gf a"),
        ({"search": "DAY", "sort": "path"}, "cde"),
        ({"folder": "/data/röot/day", "sort": "path", "limit": 2}, "cd e"),
        ({"state": "settling", "sort": "path", "limit": 1}, "b d e"),
        ({"state": "synced", "sort": "path", "limit": 9}, "afc"),
        ({"state": "ready", "sort": "path", "limit": 1}, "g"),
        ({"state": "gone", "limit": 1}, ""),
        ({"label": "idle", "sort": "path"}, "afgce"),
        ({"label": "", "sort": "path"}, "bd"),
        ({"problem": True}, ""),
    ],
)
def test_pages_merge_rows_and_observed_files(mixed: Desk, question: dict[str, Any], expected: str) -> None:
    assert expected == paths(walked(mixed, **question))


def test_an_observed_file_is_shown_with_what_its_row_has(mixed: Desk) -> None:
    *records, _ = mixed.ask(do="files", sort="path", search="e.csv")
    assert [("settling", "idle", 7)] == [(one["state"], one["label"], one["size"]) for one in records]


def test_a_page_goes_on_after_files_that_came_and_went(mixed: Desk) -> None:
    *first, page = mixed.ask(do="files", sort="path", limit=2)
    mixed.observed = [one for one in mixed.observed if one["path"] != "b.csv"]
    mixed.add("b.csv", State.SYNCED)
    mixed.add("h.csv", State.SYNCED)
    assert ["a.csv", "b.csv"] == [one["path"] for one in first]
    rest = walked(mixed, sort="path", limit=99, after=page["after"])[0]
    # b is a row now. It comes again, as rows have their own place in the list: twice is better than not at all.
    assert ["b.csv", "f.csv", "g.csv", "h.csv"] == [path for path, _ in rest][:4]


def test_a_folder_that_is_not_watched_has_no_pages(mixed: Desk) -> None:
    with pytest.raises(EisyncError, match="/data/other is not in a watched folder; 'eisync status' lists them"):
        mixed.ask(do="files", folder="/data/other")
    assert ["abfgcde"] == [paths(walked(mixed, folder="/data", sort="path"))]


def test_an_invalid_question_for_a_page_is_refused(desk: Desk) -> None:
    with pytest.raises(ConfigurationError, match="ask for 1 to 1,000 files"):
        desk.ask(do="files", limit=5_000)


# --- classes


def test_classes_and_differing_labels_are_counted(desk: Desk) -> None:
    desk.add("a.csv", State.TOMBSTONE)
    desk.add("b.csv", State.READY)
    desk.add("c.csv", State.SYNCED)
    with desk.database.transaction() as connection:
        connection.execute(
            "insert into file_sample (file_id, sample_id) select id, 7 from file where name = x'632e637376'"
        )
    list_sample(desk.database, 7)
    for is_daemon in (True, False):
        *counts, counted = desk.ask(is_daemon, do="classes")
        assert [
            {"what": "class", "label": "idle", "category": "split", "is_described": False, "synced": 0, "waiting": 1},
            {
                "what": "class",
                "label": "idle",
                "category": "training",
                "is_described": False,
                "synced": 1,
                "waiting": 0,
            },
            {"what": "difference", "here": "idle", "there": "", "files": 1, "root": "/data/röot", "path": "c.csv"},
        ] == sorted(counts, key=str)
        assert (2, True, 1.0, NOW) == tuple(counted[name] for name in ("files", "is_complete", "share", "at"))


def test_a_running_process_counts_a_part_for_each_question(desk: Desk) -> None:
    for number in range(5):
        desk.add(f"{number}.csv")
    desk.index.balance = ClassBalanceRows(desk.database, step=1)
    counter = ClassBalanceCounter(desk.index, stretches=2)

    def ask(now: float) -> tuple[int, bool, float]:
        *_, counted = counter.answer(now)
        return counted["files"], counted["is_complete"], counted["share"]

    assert [(2, False, 0.4), (4, False, 0.8), (5, True, 1.0)] == [ask(NOW) for _ in range(3)]
    desk.add("new.csv")
    assert (5, True, 1.0) == ask(NOW + 29.0)
    assert [(5, True, 0.333), (5, True, 0.667), (5, True, 1.0), (6, True, 1.0)] == [ask(NOW + 30.0) for _ in range(4)]
