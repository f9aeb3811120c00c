import contextlib
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import sqlite_utils

from eisync.core.known_content import DeletedContent
from eisync.core.lifecycle import State
from eisync.errors import StateBusyError, StateError
from eisync.store import migrate, schema
from eisync.store.database import FILE_NAME, Database, open_database, private_database
from eisync.store.descriptions import Descriptions
from eisync.store.index import Index
from eisync.store.outbox import Outbox
from eisync.store.path_index import PathIndex
from eisync.store.rows import MISSING
from eisync.store.sidecars import Sidecars
from eisync.store.state_folder import HOLDER_NAME, write_holder

from .shelf import NOW, Shelf

HOLD = """
import os, sys
from eisync.store.database import open_database
from eisync.store.state_folder import write_holder
database, _ = open_database(sys.argv[1], exclusive=True)
write_holder(sys.argv[1], pid=os.getpid())
with database.transaction() as connection:
    connection.execute("insert into target (name) values ('main')")
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def held_by_another_process(folder: Path) -> "Iterator[subprocess.Popen[str]]":
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert "held\n" == holder.stdout.readline()
        try:
            yield holder
        finally:
            holder.kill()


def open_and_close(folder: Path, *, exclusive: bool = True) -> str | None:
    database, repaired = open_database(str(folder), exclusive=exclusive, busy_timeout_s=0.1)
    database.close()
    return repaired


def tables(folder: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        return [
            sql for (sql,) in connection.execute("select sql from sqlite_master where sql is not null order by name")
        ]


# --- one process at a time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_second_process_gets_an_error_that_names_the_holder(tmp_path: Path, exclusive: bool) -> None:
    with (
        held_by_another_process(tmp_path) as holder,
        pytest.raises(StateBusyError, match=f"state folder {tmp_path} is in use by process {holder.pid}[.]"),
    ):
        open_and_close(tmp_path, exclusive=exclusive)


def test_the_folder_is_free_as_soon_as_its_holder_is_dead(tmp_path: Path) -> None:
    with held_by_another_process(tmp_path) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)

        database, repaired = open_database(str(tmp_path), exclusive=True, busy_timeout_s=0.1)

    assert repaired is None
    assert ["main"] == [target.name for target in Index(database).targets()]
    database.close()


def test_the_folder_is_free_after_a_close(tmp_path: Path) -> None:
    for _ in range(3):
        assert open_and_close(tmp_path) is None


@pytest.mark.parametrize("note", ["", "{", "[]", '{"pid": null}', '{"pid": "me"}', "\xff"])
def test_a_note_that_cannot_be_read_names_no_process(tmp_path: Path, note: str) -> None:
    holder, _ = open_database(str(tmp_path), exclusive=True)
    (tmp_path / HOLDER_NAME).write_bytes(note.encode("latin-1"))

    with pytest.raises(StateBusyError, match="is in use by another process"):
        open_and_close(tmp_path)

    holder.close()


def test_a_note_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / HOLDER_NAME).mkdir()

    write_holder(str(tmp_path), pid=5)


def test_many_may_read_while_no_process_holds_it(tmp_path: Path) -> None:
    first, _ = open_database(str(tmp_path), exclusive=False)
    second, _ = open_database(str(tmp_path), exclusive=False)

    Index(first).register(["main"])

    assert ["main"] == [target.name for target in Index(second).targets()]
    first.close()
    second.close()


def test_a_process_that_read_before_it_was_held_gets_the_error_too(tmp_path: Path) -> None:
    looking, _ = open_database(str(tmp_path), exclusive=False, busy_timeout_s=0.1)
    held, _ = open_database(str(tmp_path), exclusive=False)

    with held.transaction(), pytest.raises(StateBusyError, match=f"folder {tmp_path} is in use by another process"):
        Index(looking).register(["other"])

    looking.close()
    held.close()


def test_a_close_may_be_repeated(tmp_path: Path) -> None:
    database, _ = open_database(str(tmp_path), exclusive=True)
    database.close()
    database.close()

    with pytest.raises(StateError, match="closed"):
        Index(database).targets()


# --- transactions -----------------------------------------------------------------------------------------------------


def test_a_transaction_is_all_or_nothing(shelf: Shelf) -> None:
    def broken() -> None:
        with shelf.database.transaction() as connection:
            connection.execute("insert into target (name) values ('half')")
            raise KeyError("a mistake of ours")

    with pytest.raises(KeyError):
        broken()

    assert ["main"] == [target.name for target in shelf.index.targets()]
    shelf.index.register(["whole"])
    assert ["main", "whole"] == [target.name for target in shelf.index.targets()]


def test_threads_take_turns(shelf: Shelf) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: shelf.index.register([f"{number:02}"]), range(40)))

    assert 41 == len(shelf.index.targets())


def test_a_full_disk_is_a_state_error_and_loses_nothing(shelf: Shelf) -> None:
    shelf.enqueue("before.csv")
    with shelf.database.reading() as connection:
        [pages] = connection.execute("pragma page_count").fetchone()
        connection.execute(f"pragma max_page_count = {pages}")

    with pytest.raises(StateError, match="full"):
        shelf.outbox.enqueue([shelf.candidate(f"{number}.csv") for number in range(5_000)], now=NOW)
    with shelf.database.reading() as connection:
        connection.execute("pragma max_page_count = 1000000")

    shelf.enqueue("after.csv")
    assert ["before.csv", "after.csv"] == [item.path for item in shelf.claim()]


# --- folders ----------------------------------------------------------------------------------------------------------


def test_the_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    database, _ = open_database(str(folder), exclusive=True)
    Index(database).register(["main"])

    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    database.close()


def test_a_database_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    open_and_close(tmp_path)
    (tmp_path / FILE_NAME).chmod(0o644)

    database, _ = open_database(str(tmp_path), exclusive=True)
    Index(database).register(["main"])

    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob(f"{FILE_NAME}*")}
    database.close()


@pytest.mark.parametrize("place", ["file", "file/state", "folder", "nul\0"])
def test_a_folder_that_cannot_be_one_is_a_clear_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "folder" / FILE_NAME).mkdir(parents=True)

    with pytest.raises(StateError, match="cannot be"):
        open_database(str(tmp_path / place), exclusive=True, busy_timeout_s=0.1)


# --- schema -----------------------------------------------------------------------------------------------------------


def migrate_to(connection: sqlite3.Connection, version: int) -> None:
    """Make the tables of an older version."""
    older = sqlite_utils.Migrations("eisync")
    for name in list(schema.MIGRATIONS)[:version]:
        older(name=name)(migrate._applied(schema.MIGRATIONS[name]))
    older.apply(sqlite_utils.Database(connection, use_counts_table=False))


def set_version(folder: Path, version: int) -> None:
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        connection.execute(f"pragma user_version = {version}")


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    open_and_close(tmp_path)
    set_version(tmp_path, 99)
    before = (tmp_path / FILE_NAME).read_bytes()

    for _ in range(2):
        with pytest.raises(StateError, match=r"newer eisync \(schema 99"):
            open_and_close(tmp_path)

    assert before == (tmp_path / FILE_NAME).read_bytes()
    assert [FILE_NAME] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("version", [0, -1])
def test_a_migration_is_applied_once(tmp_path: Path, version: int) -> None:
    shelf = Shelf(tmp_path)
    shelf.enqueue()
    shelf.close()
    before = tables(tmp_path)

    set_version(tmp_path, version)  # the process ended before it was written down

    shelf.open()
    assert State.READY is shelf.state()
    shelf.close()
    assert before == tables(tmp_path)


def test_a_new_database_has_the_version_of_the_schema(tmp_path: Path) -> None:
    database, _ = open_database(str(tmp_path), exclusive=True)
    with database.reading() as connection:
        assert len(schema.MIGRATIONS) == schema.VERSION
        assert [schema.VERSION] == list(connection.execute("pragma user_version").fetchone())
    database.close()


def test_many_may_make_the_same_database_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: open_database(str(tmp_path), exclusive=False, busy_timeout_s=20), range(8)))

    assert [None] * 8 == [repaired for _, repaired in opened]
    for database, _ in opened:
        database.close()


def test_a_new_database_and_one_that_is_up_to_date_open_without_sqlite_utils(tmp_path: Path) -> None:
    program = (
        "import sys; from eisync.store.database import open_database; from eisync.store.index import Index; "
        "from eisync.store.outbox import Outbox; database, _ = open_database(sys.argv[1], exclusive=False); "
        "Index(database).records.counts(); print('sqlite_utils' in sys.modules)"
    )

    answers = [
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, text=True, timeout=60
        ).stdout
        for _ in range(2)
    ]

    assert ["False\n", "False\n"] == answers


def test_an_upgrade_imports_neither_pandas_nor_numpy(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as connection:
        migrate_to(connection, 10)
    program = (
        "import importlib.util, sys; from eisync.store.database import open_database; "
        "open_database(sys.argv[1], exclusive=True); "
        "print('sqlite_utils' in sys.modules, {'numpy', 'pandas'} & sys.modules.keys(), "
        "importlib.util.find_spec('pandas') is not None)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, text=True, timeout=60
    )

    assert "True set() True\n" == done.stdout  # pandas is installed beside


def test_a_new_database_is_the_same_as_one_that_sqlite_utils_makes(tmp_path: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(tmp_path / "new", isolation_level=None)) as new,
        contextlib.closing(sqlite3.connect(tmp_path / "upgraded", isolation_level=None)) as upgraded,
    ):
        migrate.migrate(new)
        migrate_to(upgraded, schema.VERSION)
        for statement in (
            "select type, name, tbl_name, sql from sqlite_master order by name",
            "select id, migration_set, name from _sqlite_migrations order by id",
        ):
            assert upgraded.execute(statement).fetchall() == new.execute(statement).fetchall()


def test_what_an_older_one_wrote_is_taken_over_with_its_rows(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as connection:
        migrate_to(connection, 4)
        connection.execute("pragma user_version = 4")
        connection.execute("insert into root (id, path, target) values (1, cast('/data' as blob), 'main')")
        connection.execute("insert into target (name, project_id) values ('main', 7)")
        connection.executemany(
            "insert into file (id, root_id, folder, name, target, state, reason, size, mtime_ns, inode, category, "
            "metadata, due_at, enqueued_at, changed_at) values (?, 1, x'', cast(? as blob), 'main', ?, ?, "
            "11, 1, 1, 'split', '{}', 5, 5, ?)",
            [
                (1, "there.csv", "synced", "stored", 10.0),
                (2, "away.csv", "synced", MISSING, 20.0),
                (3, "gone.csv", "gone", MISSING, 30.0),
                (4, "ready.csv", "ready", None, 40.0),
            ],
        )
        connection.execute("insert into sample (target, id, known_at) values ('main', 70, 10)")
        connection.execute("insert into file_sample (file_id, sample_id) values (1, 70)")

    shelf = Shelf(tmp_path)

    with shelf.database.reading() as connection:
        [version] = connection.execute("pragma user_version").fetchone()
        rows = connection.execute("select id, absent_at, removal, published from file order by id").fetchall()
        assert [] == connection.execute("pragma foreign_key_check").fetchall()
    assert schema.VERSION == version
    # The time since which a file is absent is known for synced ones: its absence was their last change.
    assert [(1, None, None, None), (2, 20.0, None, None), (3, None, None, None), (4, None, None, None)] == [
        tuple(row) for row in rows
    ]
    assert [("away.csv", True), ("there.csv", False)] == sorted(
        (name, known.is_absent) for name, known in shelf.known().items() if known.state is State.SYNCED
    )
    assert [70] == shelf.record("there.csv")["sample_ids"]
    assert ["ready.csv"] == [item.path for item in shelf.claim()]
    shelf.close()

    fresh = Shelf(tmp_path / "fresh")
    fresh.close()
    assert tables(tmp_path / "fresh") == tables(tmp_path)


# --- damage -----------------------------------------------------------------------------------------------------------

PAGE = 4096
NOISE = bytes(range(7, 256)) * 20


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database of many pages. Copied, never changed."""
    shelf = Shelf(tmp_path_factory.mktemp("sound"))
    shelf.outbox.enqueue([shelf.candidate(f"{number}.csv") for number in range(1_000)], now=NOW)
    shelf.sync("synced.csv", 7, now=NOW - 1)
    shelf.close()
    write_holder(str(shelf.folder), pid=1)
    assert (shelf.folder / FILE_NAME).stat().st_size > 35 * PAGE
    return shelf.folder


def use(database: Database) -> None:
    """Read all tables and write to each, as a day of work does. Raise StateError."""
    outbox, index = Outbox(database), Index(database)
    index.register(["main"])
    [root] = outbox.register([("/data", "main")])
    outbox.recover(duplicates_allowed=False, now=NOW)
    index.records.counts()
    for record in index.records.files():
        outbox.known_at(root.id, str(record["path"]))
    PathIndex(database).folders(root.id)
    while outbox.claim("main", [root.id], limit=500, claim=1, now=NOW):
        pass
    outbox.recover(duplicates_allowed=False, now=NOW)


def truncate(path: Path, size: int) -> None:
    os.truncate(path, size)


def scribble(path: Path, at: int, size: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(NOISE[:size])


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated to nothing": lambda path: truncate(path, 0),
    "truncated to a byte": lambda path: truncate(path, 1),
    "truncated within the header": lambda path: truncate(path, 60),
    "truncated to the first page": lambda path: truncate(path, PAGE),
    "truncated to an odd size": lambda path: truncate(path, 20 * PAGE + 77),
    "truncated by a page": lambda path: truncate(path, path.stat().st_size - PAGE),
    "noise in the first bytes": lambda path: scribble(path, 0, 16),
    "noise in the page size": lambda path: scribble(path, 16, 2),
    "noise in the counters": lambda path: scribble(path, 24, 20),
    "noise in the list of tables": lambda path: scribble(path, 100, 2_000),
    "noise in the first page": lambda path: scribble(path, 0, PAGE),
    **{f"noise in page {page}": partial(scribble, at=page * PAGE, size=PAGE) for page in (1, 2, 3, 5, 8, 13, 21, 34)},
    "another program's file": lambda path: path.write_bytes(b"<html>" + NOISE),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database_is_set_aside_and_work_goes_on(tmp_path: Path, sound: Path, damage: str) -> None:
    folder = tmp_path / "state"
    shutil.copytree(sound, folder)
    DAMAGES[damage](folder / FILE_NAME)

    reports = []
    for _ in range(3):  # found at the opening, or in use and then at the next opening
        database, repaired = open_database(str(folder), exclusive=True, busy_timeout_s=0.1)
        reports += [repaired] if repaired else []
        try:
            use(database)
        except StateError as error:
            reports.append(str(error))
        finally:
            database.close()

    assert 1 <= len(reports) <= 2
    assert all("damaged" in sentence for sentence in reports)
    aside = sorted(path.name for path in folder.glob("*.damaged-*"))
    assert [f"{FILE_NAME}.damaged-1"] == aside
    database, repaired = open_database(str(folder), exclusive=True, busy_timeout_s=0.1)
    assert repaired is None
    use(database)
    with database.reading() as connection:
        assert ["ok"] == list(connection.execute("pragma integrity_check").fetchone())
    database.close()


def test_the_sentence_names_where_the_damaged_one_is(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / FILE_NAME).write_bytes(NOISE)

        assert (
            f"the database was damaged; eisync kept it as {FILE_NAME}.damaged-{number} and rebuilds it from the "
            "folders and the service"
        ) == open_and_close(tmp_path)
        assert NOISE == (tmp_path / f"{FILE_NAME}.damaged-{number}").read_bytes()


def test_a_reader_sets_nothing_aside(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(NOISE)

    with pytest.raises(StateError, match=r"is damaged; 'eisync run' or 'eisync once' sets it aside and rebuilds it"):
        open_and_close(tmp_path, exclusive=False)

    assert NOISE == (tmp_path / FILE_NAME).read_bytes()


def test_a_suspicion_that_proves_wrong_costs_nothing(tmp_path: Path, sound: Path) -> None:
    folder = tmp_path / "state"
    shutil.copytree(sound, folder)
    (folder / f"{FILE_NAME}.suspect").touch()

    for _ in range(2):
        assert open_and_close(folder) is None

    assert [FILE_NAME, HOLDER_NAME] == sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("exclusive", [True, False])
def test_an_empty_database_is_a_new_one_where_there_was_none(tmp_path: Path, exclusive: bool) -> None:
    (tmp_path / FILE_NAME).touch()

    assert open_and_close(tmp_path, exclusive=exclusive) is None


def test_a_database_that_a_person_took_away_is_not_missed(tmp_path: Path, sound: Path) -> None:
    folder = tmp_path / "state"
    shutil.copytree(sound, folder)
    (folder / FILE_NAME).unlink()

    assert open_and_close(folder) is None


def test_an_emptied_database_whose_journal_is_there_was_one(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with held_by_another_process(folder) as holder:
        holder.kill()
        holder.wait(10)
    (folder / HOLDER_NAME).unlink()
    truncate(folder / FILE_NAME, 0)

    with pytest.raises(StateError, match="is damaged"):
        open_and_close(folder, exclusive=False)
    repaired = open_and_close(folder)

    assert repaired is not None
    assert "damaged" in repaired


def test_a_large_database_is_checked_only_when_it_is_suspect(
    tmp_path: Path, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "state"
    shutil.copytree(sound, folder)
    size = (folder / FILE_NAME).stat().st_size
    scribble(folder / FILE_NAME, size - PAGE, PAGE)
    monkeypatch.setattr("eisync.store.state_folder._CHECKED_BYTES", size - 1)
    assert open_and_close(folder) is None

    (folder / f"{FILE_NAME}.suspect").touch()

    assert open_and_close(folder) is not None


def test_noise_in_the_journal_loses_the_last_writes_at_most(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with held_by_another_process(folder) as holder:
        holder.kill()
        holder.wait(10)
    journal = folder / f"{FILE_NAME}-wal"
    scribble(journal, journal.stat().st_size - 2_000, 1_000)

    database, repaired = open_database(str(folder), exclusive=True)

    assert repaired is None
    use(database)
    database.close()


def test_the_contents_of_tombstones_are_known_after_an_upgrade(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as connection:
        migrate_to(connection, 9)
        connection.execute("pragma user_version = 9")
        connection.execute("insert into root (id, path, target) values (1, cast('/data' as blob), 'main')")
        connection.execute("insert into target (name, project_id) values ('main', 7)")
        connection.executemany(
            "insert into file (id, root_id, folder, name, target, state, reason, size, mtime_ns, inode, category, "
            "metadata, due_at, enqueued_at, changed_at, sha256) values (?, 1, x'', cast(? as blob), 'main', ?, 'so', "
            "11, 1, 1, 'split', '{}', 5, 5, 5, ?)",
            [(1, "there.csv", "synced", "a"), (2, "deleted.csv", "tombstone", "b"), (3, "old.csv", "tombstone", None)],
        )
        connection.executemany("insert into file_sample (file_id, sample_id) values (?, ?)", [(1, 70), (2, 71)])

    shelf = Shelf(tmp_path)

    shelf.enqueue("copy.csv")
    items = shelf.claim()
    hashed = [(items[0], "b")]
    assert {items[0].id: [DeletedContent("b", 71)]} == shelf.outbox.known_contents("main", hashed, [shelf.root.id])
    assert {0} == {known.facts.ctime_ns for known in shelf.known().values()}
    assert shelf.places.has_stable_inodes(shelf.root.id)
    shelf.close()


def test_what_waits_is_described_anew_after_an_upgrade(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as connection:
        migrate_to(connection, 18)
        connection.execute("pragma user_version = 18")
        connection.execute(
            "insert into root (id, path, target, described_by) values (1, cast('/data' as blob), 'main', 'rules')"
        )
        connection.execute(
            "insert into file (id, root_id, folder, name, target, state, size, mtime_ns, inode, category, metadata, "
            "due_at, enqueued_at, changed_at) values (1, 1, x'', cast('a.csv' as blob), 'main', 'ready', 11, 1, 1, "
            "'split', '{}', 5, 5, 5)"
        )
        connection.execute(
            "insert into sidecar (id, root_id, folder, name, size, mtime_ns, inode, is_read) "
            "values (1, 1, x'', 'info.labels', 1, 1, 1, 1)"
        )
        connection.execute("insert into sidecar_entry values (1, 'a.csv', '{}')")

    shelf = Shelf(tmp_path)

    assert {} == Sidecars(shelf.database).known(shelf.root.id)
    assert Descriptions(shelf.database).described_by(shelf.root.id) is None
    [item] = shelf.claim()
    assert ("a.csv", None) == (item.name, item.sent_as)
    shelf.close()


def test_a_private_database_has_the_same_tables_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(database: Database) -> set[tuple[str, str]]:
        with database.reading() as connection:
            rows = connection.execute("select name, sql from sqlite_schema where sql is not null").fetchall()
        return {(row["name"], row["sql"]) for row in rows if "migrations" not in row["name"]}

    named, _ = open_database(str(tmp_path / "named"), exclusive=True)
    monkeypatch.chdir(tmp_path)
    private = private_database()
    try:
        assert drawn(named) == drawn(private)
        [root] = Outbox(private).register([("/data", "main")])
        assert "/data" == root.path
        assert ["named"] == [path.name for path in tmp_path.iterdir()]
    finally:
        private.close()
        named.close()
