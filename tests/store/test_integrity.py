"""A check finds what does not hold, says what to do, and changes nothing; room is given back; copies are whole."""

import contextlib
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from eisync.core.doctor.finding import Finding, Verdict
from eisync.errors import EisyncError, StateBusyError, StateError
from eisync.store import integrity, offline
from eisync.store.copies import COPY_NAME, SPARE_BYTES
from eisync.store.database import Database
from eisync.store.schema import VERSION
from eisync.store.upkeep import Upkeep
from tests.mounting import mounting

from .shelf import NOW, Shelf

SHA256 = "0123456789abcdef" * 4


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """A file that was sent as sample 7, one that waits, and one that is being sent."""
    shelf = Shelf(tmp_path / "state")
    shelf.sync("a.csv", 7, sha256=SHA256)
    shelf.enqueue("b.csv")
    shelf.claim(limit=1)
    shelf.enqueue("c.csv")
    yield shelf
    shelf.close()


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """An empty file on a disk that is smaller than the database."""
    with mounting() as mounts:
        copy = mounts.tmpfs(tmp_path / "disk") / "copy.db"
        copy.touch()
        yield copy


def change(shelf: Shelf, *statements: str) -> None:
    shelf.close()
    with contextlib.closing(sqlite3.connect(shelf.folder / "eisync.db", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def faults(found: Iterator[Finding]) -> dict[str, str]:
    return {one.check: one.remedy for one in found if one.verdict is Verdict.FAULT}


def checked(shelf: Shelf) -> list[Finding]:
    return list(offline.check_folder(str(shelf.folder), lambda _: None))


def test_on_a_sound_database_every_check_is_ok(shelf: Shelf) -> None:
    shelf.close()
    found = checked(shelf)
    assert {Verdict.OK} == {one.verdict for one in found}
    assert integrity.CHECKS == len(found)


CASES = [
    ("update file set state = 'lost' where id = 1", "states"),
    ("update file set category = 'x' where id = 1", "states"),
    ("update file set removal = 'x' where id = 1", "states"),
    ("update file set claim = 7 where id = 1", "claims"),
    ("update file set claim = null where id = 2", "claims"),
    ("update file set sha256 = 'x' where id = 1", "hashes"),
    ("update file set metadata = '{' where id = 1", "descriptions"),
    ("update root set target = 'other'", "targets"),
    ("update file set target = 'other' where id = 3", "targets"),
    ("update file set root_id = 77 where id = 1", "references"),
    ("delete from sample where id = 7", "samples"),
    ("update file_count set files = files + 1 where state = 'synced'", "file counts"),
    ("update file_count set bytes = 0 where state = 'synced'", "file counts"),
    ("insert into pause (root_id, since_at) values (77, 1)", "pauses"),
    (
        "insert into sidecar (root_id, folder, name, size, mtime_ns, inode, is_read, entries) "
        "values (1, x'', 'info.labels', 1, 1, 1, 1, 5)",
        "sidecar entries",
    ),
    (
        "insert into act (target, key, kind, cause, file_id, root, path, reason, since_at, state, made_at) "
        "values ('main', 'k', 'delete_file', 'retention', 77, x'', x'', 'r', 1, 'due', 1)",
        "actions",
    ),
]


@pytest.mark.parametrize(("statement", "check"), CASES)
def test_what_does_not_hold_is_found_with_what_to_do(shelf: Shelf, statement: str, check: str) -> None:
    change(shelf, statement)
    found = faults(iter(checked(shelf)))
    assert {check} == set(found)
    assert found[check]


def test_every_rule_has_a_case_above() -> None:
    assert {rule.name for rule in integrity.RULES} | {"references"} == {check for _, check in CASES}


def test_the_tables_of_an_older_eisync_are_checked_as_far_as_they_are_known(shelf: Shelf) -> None:
    change(shelf, f"pragma user_version = {VERSION - 1}")
    by_verdict = {one.check: one.verdict for one in checked(shelf)}
    assert (Verdict.OK, Verdict.OK) == (by_verdict["pages"], by_verdict["references"])
    assert Verdict.NOT_CHECKED is by_verdict["states"]


def test_a_running_process_gives_free_pages_back_some_at_a_time(shelf: Shelf) -> None:
    with shelf.database.transaction() as connection:
        connection.execute("create table ballast (content blob)")
        connection.execute("insert into ballast select randomblob(10000000)")
    with shelf.database.transaction() as connection:
        connection.execute("drop table ballast")
    space = Upkeep(shelf.database).space
    sizes = [space.now().size_bytes]
    while space.now().free_bytes:
        sizes.append(space.give_back().size_bytes)
    assert sizes == sorted(sizes, reverse=True)
    assert 3 <= len(sizes)
    assert sizes[-1] < sizes[0] - 9_000_000
    assert sizes[-1] == space.give_back().size_bytes  # nothing is left to give back


def grown(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("create table ballast (content blob)")
        connection.execute("insert into ballast select randomblob(8000000)")


def test_what_is_written_while_it_is_copied_is_in_the_copy(shelf: Shelf, tmp_path: Path) -> None:
    grown(shelf.database)
    copy = tmp_path / "copy.db"
    copy.touch()
    names = iter(range(1_000))

    def write(left: int, pages: int) -> None:
        shelf.enqueue(f"{next(names)}.csv", now=NOW)

    shelf.database.copy_to(str(copy), write)
    written = next(names)
    assert written > 4
    assert {} == faults(offline.check_file(str(copy), lambda _: None))
    assert 3 + written == offline.counts_of(str(copy))["file"]


def test_one_copy_at_a_time_and_it_is_gone_when_its_command_ended_or_the_process_does(shelf: Shelf) -> None:
    place = shelf.folder / COPY_NAME
    copier = Upkeep(shelf.database).copier
    ticket = copier.begin()
    with pytest.raises(StateBusyError, match="another command copies the database"):
        copier.begin()
    pause = threading.Event()
    while not copier.progress(ticket).is_done:
        pause.wait(0.01)
    assert {} == faults(offline.check_file(str(place), lambda _: None))
    copier.end(ticket)
    assert not place.exists()
    with pytest.raises(EisyncError, match="run the command again"):
        copier.progress(ticket + 1)
    copier.begin()
    copier.close()
    assert not place.exists()


def test_a_copy_for_which_there_is_no_room_is_a_sentence(shelf: Shelf) -> None:
    (shelf.folder / COPY_NAME).mkdir()
    with pytest.raises(StateError, match=r"cannot be copied to .* Make room there, or stop eisync"):
        Upkeep(shelf.database).copier.begin()


def test_a_start_removes_the_copy_that_a_killed_process_left(shelf: Shelf) -> None:
    (shelf.folder / COPY_NAME).write_bytes(b"half")
    shelf.reopen()
    assert not (shelf.folder / COPY_NAME).exists()


@pytest.mark.parametrize("is_running", [False, True])
def test_a_full_disk_of_the_copy_is_not_said_to_be_that_of_the_database(
    shelf: Shelf, full: Path, is_running: bool
) -> None:
    with shelf.database.transaction() as connection:
        connection.execute("create table ballast (content blob)")
        connection.execute("insert into ballast select randomblob(6000000)")
    if not is_running:
        shelf.close()
    copy_to = shelf.database.copy_to if is_running else partial(offline.copy_folder, str(shelf.folder))
    with pytest.raises(OSError, match="No space left on device"):
        copy_to(str(full), lambda _left, _pages: None)


def test_a_copy_leaves_room_for_the_database_that_goes_on(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    room = (shelf.folder / "eisync.db").stat().st_size + SPARE_BYTES
    copier = Upkeep(shelf.database).copier
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=room - 1))
    with pytest.raises(StateError, match=r"No space left on device\. Make room there"):
        copier.begin()
    assert not (shelf.folder / COPY_NAME).exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=room))
    copier.end(copier.begin())
