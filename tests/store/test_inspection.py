"""A look at a state folder changes nothing in it, waits for nobody, and says what is wrong."""

import itertools
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eisync.errors import StateBusyError, StateError
from eisync.store.database import Database, open_database
from eisync.store.inspection import Inspected, inspect, owner_of, why_unusable
from eisync.store.schema import VERSION


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state folder whose process has ended."""
    folder = tmp_path / "state"
    database, _ = open_database(str(folder), exclusive=True)
    database.close()
    return folder


def tables(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute("select count(*) from sqlite_master where type = 'table'").fetchone()[0])


def look(folder: Path, monotonic: Callable[[], float] = time.monotonic) -> Inspected[int]:
    before = {path.name: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.iterdir()}
    found = inspect(str(folder), tables, monotonic=monotonic)
    assert before == {path.name: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.iterdir()}
    assert found is not None
    return found


def test_a_sound_database_is_read_and_checked(folder: Path) -> None:
    found = look(folder)
    assert (VERSION, None, True) == (found.facts.schema, found.facts.damage, found.facts.is_checked)
    assert (found.read or 0) > 20


def test_there_may_be_none(tmp_path: Path) -> None:
    assert inspect(str(tmp_path), tables, monotonic=time.monotonic) is None


def test_the_time_for_a_look_is_limited(folder: Path) -> None:
    with sqlite3.connect(folder / "eisync.db") as connection:
        connection.executemany(
            "insert into history (at, file_id, event, state) values (?, 1, 'a', 'b')",
            ((float(at),) for at in range(9_000)),
        )
    connection.close()
    for name in ("eisync.db-wal", "eisync.db-shm"):
        (folder / name).unlink(missing_ok=True)
    found = look(folder, monotonic=itertools.count(step=10).__next__)
    assert (None, False) == (found.facts.damage, found.facts.is_checked)


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1])
def test_tables_of_another_version_are_not_read(folder: Path, version: int) -> None:
    connection = sqlite3.connect(folder / "eisync.db")
    connection.execute(f"pragma user_version = {version}")
    connection.close()
    found = look(folder)
    assert (version, None) == (found.facts.schema, found.read)
    assert "another version" in found.why


def test_what_is_no_database_is_damage_and_copies_are_listed(folder: Path) -> None:
    (folder / "eisync.db").write_bytes(b"not a database" * 1_000)
    (folder / "eisync.db.damaged-1").write_bytes(b"12345")
    (folder / "eisync.db.damaged-1-wal").write_bytes(b"")
    found = look(folder)
    assert "not a database" in str(found.facts.damage)
    assert {"eisync.db.damaged-1": 5} == found.facts.copies


def test_a_process_that_holds_it_is_not_waited_for(folder: Path) -> None:
    script = (
        "import sys; from eisync.store.database import open_database; "
        f"held = open_database({str(folder)!r}, exclusive=True); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert b"held\n" == holder.stdout.readline()
        with pytest.raises(StateBusyError, match="another process holds the database"):
            inspect(str(folder), tables, monotonic=time.monotonic)


def test_a_link_in_place_of_the_database_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "eisync.db").rename(tmp_path / "elsewhere.db")
    (folder / "eisync.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(StateError, match="cannot be read"):
        inspect(str(folder), tables, monotonic=time.monotonic)
    assert "eisync.db in it is a link" in str(why_unusable(str(folder)))


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda folder: None, None),
        (lambda folder: folder.chmod(0o777), "others may write to the state folder"),
        (lambda folder: folder.rename(folder.with_name("moved")), None),
        (lambda folder: (folder.rename(folder.with_name("moved")), folder.touch()), "is no folder"),
    ],
    ids=["sound", "open", "absent", "a file"],
)
def test_why_a_folder_cannot_be_used(folder: Path, harm: Callable[[Path], object], why: str | None) -> None:
    harm(folder)
    found = why_unusable(str(folder))
    assert (found is None) == (why is None)
    assert (why or "") in (found or "")


def test_the_owner_is_known_where_the_folder_is_there(folder: Path) -> None:
    assert os.geteuid() == owner_of(str(folder))
    assert owner_of(str(folder / "none")) is None
