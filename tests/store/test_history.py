from typing import Any

import pytest

from eisync.core.lifecycle import Event, State
from eisync.store.transitions import LINES_IN_ALL, LINES_OF_A_FILE, forget_oldest

from .shelf import NOW, Shelf


def lines(shelf: Shelf, path: str) -> list[tuple[float, str]]:
    """Return the time and the event of each line, newest first."""
    [identity] = shelf.index.records.ids_of(f"/data/{path}")
    records: list[dict[str, Any]] = shelf.index.records.history(identity)
    return [(line["at"], line["event"]) for line in records]


def test_a_line_says_what_happened_to_which_file_when_and_why(shelf: Shelf) -> None:
    shelf.sync("training/ä.csv", now=NOW + 1)
    shelf.outbox.mark_gone(shelf.index.records.ids_of("/data/training/ä.csv"), now=NOW + 2)
    shelf.sync("b.csv", now=NOW + 3)
    place = {"path": "training/ä.csv", "root": "/data"}
    gone = {"at": NOW + 2, **place, "event": "gone", "state": "synced"}
    expected = [
        {**gone, "reason": "the local file is not there any more"},
        {"at": NOW + 1, **place, "event": "stored", "state": "synced", "reason": "stored"},
        {"at": NOW + 1, **place, "event": "complete", "state": "ready", "reason": ""},
    ]
    [identity] = shelf.index.records.ids_of("/data/training/ä.csv")
    assert expected == shelf.index.records.history(identity)
    assert ["b.csv", "b.csv", "training/ä.csv"] == [line["path"] for line in shelf.index.records.history(limit=3)]


def test_a_file_that_never_rests_forgets_its_own_past_but_when_it_was_first_synced(shelf: Shelf) -> None:
    shelf.sync("quiet.csv", now=NOW)
    for version in range(1, LINES_OF_A_FILE):
        shelf.sync("busy.csv", version=version, now=NOW + version)
    busy = lines(shelf, "busy.csv")
    # The first line that says "synced", the newest ones, and one more: `stored` does not trim the history.
    assert LINES_OF_A_FILE + 2 == len(busy)
    assert (NOW + 1, "stored") == busy[-1]
    assert (NOW + LINES_OF_A_FILE - 1, "stored") == busy[0]
    assert [at for at, _ in busy] == sorted((at for at, _ in busy), reverse=True)
    assert [(NOW, "stored"), (NOW, "complete")] == lines(shelf, "quiet.csv")


def test_a_file_that_was_never_synced_keeps_its_newest_lines(shelf: Shelf) -> None:
    identity = shelf.enqueue("a.csv")
    for number in range(LINES_OF_A_FILE):
        [item] = shelf.claim(now=NOW + number)
        shelf.settle(identity, Event.REFUSE, now=NOW + number)
        shelf.outbox.retry([item.id], now=NOW + number)
    found = lines(shelf, "a.csv")
    assert (LINES_OF_A_FILE, (NOW + LINES_OF_A_FILE - 1, "retry")) == (len(found), found[0])


def test_of_all_files_together_the_oldest_lines_go(shelf: Shelf) -> None:
    for number in range(10):
        shelf.sync(f"{number}.csv", now=NOW + number)
    with shelf.database.transaction() as connection:
        assert 15 == forget_oldest(connection, lines=5)
        assert 0 == forget_oldest(connection, lines=5)
    assert ["9.csv", "9.csv", "8.csv", "8.csv", "7.csv"] == [
        line["path"] for line in shelf.index.records.history(limit=100)
    ]


@pytest.mark.parametrize("way", ["a start", "a pass"])
def test_the_history_is_bounded_at_every_start_and_with_every_pass(shelf: Shelf, way: str) -> None:
    shelf.sync("a.csv")
    shelf.sync("b.csv")
    with shelf.database.transaction() as connection:
        # More of one file than it could have: only their number counts here.
        connection.execute(
            "with recursive n (i) as (select 1 union all select i + 1 from n where i < ?) "
            "insert into history (at, file_id, event, state) "
            "select 1, (select max(id) from file), 'changed', 'settling' from n",
            (LINES_IN_ALL,),
        )
    if way == "a start":
        shelf.reopen()
    else:
        shelf.outbox.forget_gone(before=0.0)
    with shelf.database.reading() as connection:
        [number] = connection.execute("select count(*) from history").fetchone()
    assert (LINES_IN_ALL, []) == (number, lines(shelf, "a.csv"))
    assert State.SYNCED in shelf.index.records.counts().by_state
