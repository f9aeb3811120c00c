"""Files that exist nowhere leave the index, and nothing that is still needed does."""

import os
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from eisync.core.lifecycle import Event, State
from eisync.core.outcome import Outcome
from eisync.store import cleanup
from eisync.store.cleanup import KEEP_HASH_S, KEEP_S, LEAST_AWAY_S, CleanedUp, Cleanup
from eisync.store.database import open_database

from .shelf import NOW, Shelf

WEEK_LATER = NOW + KEEP_S + 1.0
SHA = "5e" * 32


@pytest.fixture
def forgets(shelf: Shelf) -> Cleanup:
    return Cleanup(shelf.database)


def away(shelf: Shelf, path: str = "a.csv", sample: int = 1, *, sha256: str = SHA, now: float = NOW) -> int:
    identity = shelf.sync(path, sample, sha256=sha256, now=now)
    shelf.outbox.mark_gone([identity], now=now)
    return identity


def paths(shelf: Shelf) -> list[str]:
    return [str(record["path"]) for record in shelf.index.records.files()]


def sql(shelf: Shelf, statement: str, *values: object) -> list[tuple[object, ...]]:
    with shelf.database.transaction() as connection:
        return [tuple(row) for row in connection.execute(statement, values).fetchall()]


def test_a_file_that_is_away_for_long_leaves_and_its_hash_stays(shelf: Shelf, forgets: Cleanup) -> None:
    away(shelf)
    shelf.sync("here.csv", 2, sha256="a0" * 32)
    assert 0 == forgets.forget("main", [shelf.root.id], now=NOW + KEEP_S)
    assert 1 == forgets.forget("main", [], now=WEEK_LATER)
    assert 0 == forgets.forget("main", [], now=WEEK_LATER)
    assert ["here.csv"] == paths(shelf)
    assert CleanedUp(size=11, is_tombstone=False, sample_id=1) == forgets.forgotten("main", SHA)
    assert None is forgets.forgotten("other", SHA)
    assert None is forgets.forgotten("main", "a0" * 32)
    assert {shelf.id_of("here.csv")} == {row[0] for row in sql(shelf, "select file_id from history")}
    assert [(2,)] == sql(shelf, "select sample_id from file_sample")


def test_a_tombstone_stays_one_for_ever(shelf: Shelf, forgets: Cleanup) -> None:
    away(shelf)
    assert shelf.make_tombstones(1, now=NOW)
    assert 1 == forgets.forget("main", [], now=WEEK_LATER)
    away(shelf, "again.csv", 5, now=WEEK_LATER)
    assert 1 == forgets.forget("main", [], now=WEEK_LATER + KEEP_S + 1.0)
    forgets.forget("main", [], now=WEEK_LATER + 10 * KEEP_HASH_S)
    assert CleanedUp(size=11, is_tombstone=True, sample_id=5) == forgets.forgotten("main", SHA)


def test_what_a_person_deletes_there_after_the_row_left_is_never_sent_again(shelf: Shelf, forgets: Cleanup) -> None:
    away(shelf)
    away(shelf, "other.csv", 2, sha256="b1" * 32)
    away(shelf, "unlisted.csv", 3, sha256="c2" * 32)
    shelf.sweep(1, 2)
    assert 3 == forgets.forget("main", [], now=WEEK_LATER)
    shelf.sweep(1, now=WEEK_LATER + 10.0)
    assert [("b1" * 32, 2)] == sql(shelf, "select sha256, sample_id from deleted_content")
    shelf.sweep(now=WEEK_LATER + 20.0)
    assert [(SHA, 1), ("b1" * 32, 2)] == sql(shelf, "select sha256, sample_id from deleted_content order by sample_id")


def test_the_hash_of_what_was_merely_deleted_here_leaves_later(shelf: Shelf, forgets: Cleanup) -> None:
    away(shelf)
    forgets.forget("main", [], now=WEEK_LATER)
    forgets.forget("main", [], now=WEEK_LATER + KEEP_HASH_S)
    assert None is not forgets.forgotten("main", SHA)
    forgets.forget("main", [], now=WEEK_LATER + KEEP_HASH_S + 1.0)
    assert None is forgets.forgotten("main", SHA)


def test_content_that_a_person_sends_again_is_no_longer_refused(shelf: Shelf, forgets: Cleanup) -> None:
    away(shelf)
    shelf.make_tombstones(1, now=NOW)
    forgets.forget("main", [], now=WEEK_LATER)
    again = away(shelf, "again.csv", 7, now=WEEK_LATER)
    shelf.make_tombstones(7, now=WEEK_LATER)
    assert 1 == shelf.outbox.retry([again], now=WEEK_LATER)
    assert None is forgets.forgotten("main", SHA)


def write_action(shelf: Shelf, identity: int, state: str) -> None:
    sql(
        shelf,
        "insert into act (target, key, kind, cause, file_id, root, path, reason, since_at, state, made_at) "
        "values ('main', 'k', 'delete_sample', 'local_deletion', ?, x'2f', x'61', '', 0, ?, 0)",
        identity,
        state,
    )


def set_state(shelf: Shelf, _: int, state: str) -> None:
    sql(shelf, "update file set state = ?", state)


KEPT: dict[str, Callable[[Shelf, int], object]] = {
    "it is here again": lambda shelf, identity: shelf.outbox.mark_back([identity], now=NOW),
    "nobody knows its content": lambda shelf, _: sql(shelf, "update file set sha256 = null"),
    "its samples are to follow a rename": lambda shelf, _: sql(shelf, "update file set published = '{}'"),
    "an older version is to be deleted": lambda shelf, identity: sql(
        shelf, "insert into superseded (file_id, sample_id) values (?, 9)", identity
    ),
    **{
        f"an action is {state}": partial(write_action, state=state)
        for state in ("waiting", "due", "begun", "done", "undoing")
    },
    **{
        f"it is {state}": partial(set_state, state=state)
        for state in ("ready", "sending", "doubtful", "settling", "quarantined")
    },
}


@pytest.mark.parametrize("why", KEPT)
@pytest.mark.parametrize("is_crowded", [False, True])
def test_what_something_may_follow_from_stays(
    shelf: Shelf, forgets: Cleanup, monkeypatch: pytest.MonkeyPatch, why: str, is_crowded: bool
) -> None:
    identity = away(shelf)
    KEPT[why](shelf, identity)
    if is_crowded:
        monkeypatch.setattr(cleanup, "MOST_AWAY", 0)
    assert 0 == forgets.forget("main", [shelf.root.id], now=WEEK_LATER)
    assert ["a.csv"] == paths(shelf)


def test_of_many_the_newest_stay(shelf: Shelf, forgets: Cleanup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "MOST_AWAY", 3)
    for number in range(8):
        away(shelf, f"{number}.csv", number + 1, sha256=f"{number:064x}", now=NOW + number)
    later = NOW + 8 + LEAST_AWAY_S
    assert 0 == forgets.forget("main", [shelf.root.id], now=NOW + 8)  # they may be on their way to another folder
    assert 0 == forgets.forget("main", [], now=later)  # something may follow from their absence
    assert 4 == forgets.forget("main", [shelf.root.id], now=later)
    assert 0 == forgets.forget("main", [shelf.root.id], now=later)
    assert ["4.csv", "5.csv", "6.csv", "7.csv"] == paths(shelf)


def test_what_retention_took_away_stays_as_long_as_it_may_come_back(
    shelf: Shelf, forgets: Cleanup, monkeypatch: pytest.MonkeyPatch
) -> None:
    away(shelf)
    sql(shelf, "update file set removal = 'deleted'")
    monkeypatch.setattr(cleanup, "MOST_AWAY", 0)
    assert 0 == forgets.forget("main", [shelf.root.id], now=NOW + KEEP_S)
    assert 1 == forgets.forget("main", [shelf.root.id], now=WEEK_LATER)


def test_what_went_before_it_was_sent_leaves_too(
    shelf: Shelf, forgets: Cleanup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "MOST_AWAY", 2)
    for number in range(5):
        shelf.enqueue(f"{number}.csv", now=NOW + number)
        shelf.outbox.mark_gone([shelf.id_of(f"{number}.csv")], now=NOW + number)
    assert 2 == forgets.forget("main", [], now=NOW + 5 + LEAST_AWAY_S)
    assert ["2.csv", "3.csv", "4.csv"] == paths(shelf)
    assert {State.GONE.value} == {record["state"] for record in shelf.index.records.files()}
    assert 3 == forgets.forget("main", [], now=WEEK_LATER + 5)


def size_of(folder: Path) -> int:
    return sum(entry.stat().st_size for entry in os.scandir(folder))


def test_after_a_churn_the_state_is_as_small_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "MOST_AWAY", 100)
    shelf = Shelf(tmp_path)
    shelf.close()
    before = size_of(tmp_path)
    shelf.open()
    forgets = Cleanup(shelf.database)
    files, now = 2_000, NOW
    for first in range(0, files, 1000):
        now += 10.0
        numbers = range(first, first + 1000)
        shelf.outbox.enqueue([shelf.candidate(f"d{first}/wave.{number}.csv") for number in numbers], now=now)
        items = shelf.claim(limit=1000, now=now)
        assert 1000 == len(items)
        shelf.outbox.settle(
            [
                Outcome(
                    item_id=item.id,
                    events=(Event.STORED,),
                    reason="stored",
                    sample_ids=(item.id,),
                    sha256=f"{item.id:064x}",
                )
                for item in items
            ],
            claim=1,
            now=now,
        )
        shelf.outbox.mark_gone([item.id for item in items], now=now)
    now += LEAST_AWAY_S
    for number in range(1, files + 1):
        shelf.make_tombstones(number, now=now)
    now += KEEP_S + 1.0
    while forgets.forget("main", [shelf.root.id], now=now):
        pass
    while forgets.give_back():
        pass
    assert [] == paths(shelf)
    assert [(files,)] == sql(shelf, "select count(*) from forgotten_file")
    shelf.close()
    # Hash, size and sample of each content, and that a person deleted it there: they are remembered on purpose.
    assert size_of(tmp_path) <= 1.1 * (before + 200 * files)


def test_a_database_of_before_gives_its_free_room_back_at_a_start(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "eisync.db", isolation_level=None) as connection:
        connection.execute("pragma auto_vacuum = none")
        connection.execute("create table filling (x blob)")
        connection.execute("pragma user_version = 0")
        connection.execute("insert into filling values (zeroblob(40000000))")
        connection.execute("drop table filling")
    connection.close()
    assert 40_000_000 < size_of(tmp_path)
    database, _ = open_database(str(tmp_path), exclusive=True)
    database.close()
    assert size_of(tmp_path) < 1_000_000
