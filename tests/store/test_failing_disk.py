"""After a failed sync, a successful one proves nothing: the kernel has dropped the pages that it could not write."""

import os
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.disk import FailingDisk

SENTENCE = (
    "StateError: the database cannot be used: disk I/O error; nothing is lost. Check the disk of the state folder\n"
)
WRITER = """
    import os, sys
    from eisync.errors import StateError
    from eisync.store.database import open_database

    folder, switch = sys.argv[1:]
    def open_it():
        return open_database(folder, exclusive=True)[0]

    def write(name, **how):
        with database.transaction(**how) as connection:
            connection.execute("insert into target (name) values (?)", (name,))

    def count():
        with database.reading() as connection:
            return connection.execute("select sum(length(name)) from target").fetchone()

    def fail(what):
        with open(switch, "w") as file:
            file.write(what)

    def report(act):
        try:
            act()
        except StateError as error:
            print(f"{type(error).__name__}: {error}")
"""


@pytest.fixture
def disk(tmp_path: Path) -> FailingDisk:
    for folder in ("state", "platter"):
        (tmp_path / folder).mkdir()
    return FailingDisk(tmp_path / "state", tmp_path / "switch", tmp_path / "platter")


def run(disk: FailingDisk, script: str) -> str:
    """Return what `script` prints in a process that ends without closing anything, as in a power cut."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(WRITER) + textwrap.dedent(script) + "\nsys.stdout.flush()\nos._exit(0)",
            str(disk.folder),
            str(disk.switch),
        ],
        env={**os.environ, **disk.environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def after_the_power_cut(disk: FailingDisk) -> list[str]:
    """The names that the disk has kept."""
    assert disk.platter is not None
    connection = sqlite3.connect(disk.platter / "eisync.db")
    try:
        assert [("ok",)] == connection.execute("pragma integrity_check").fetchall()
        return [name for [name] in connection.execute("select name from target order by name")]
    finally:
        connection.close()


def test_what_was_synced_is_there_and_what_was_not_is_not(disk: FailingDisk) -> None:
    run(
        disk,
        """
        database = open_it()
        write("a", survives_power_cut=True)
        write("b")
        """,
    )
    assert ["a"] == after_the_power_cut(disk)


def test_what_a_failed_sync_lost_is_written_again_before_the_next_sync(disk: FailingDisk) -> None:
    said = run(
        disk,
        """
        database = open_it()
        write("a", survives_power_cut=True)
        write("b")
        fail("sync")
        report(lambda: write("c", survives_power_cut=True))
        os.unlink(switch)
        write("d", survives_power_cut=True)
        """,
    )
    assert SENTENCE == said
    assert ["a", "b", "d"] == after_the_power_cut(disk)


@pytest.mark.parametrize("is_full", [False, True], ids=["in passing", "before an action"])
def test_a_failed_checkpoint_is_reported_and_repeated(disk: FailingDisk, is_full: bool) -> None:
    """A checkpoint moves written pages from the journal into the database now and then."""
    said = run(
        disk,
        f"""
        database = open_it()
        write("a", survives_power_cut=True)
        fail("sync")
        for number in range(5000):
            try:
                write(f"b{{number:04}}" + 2000 * "x")
            except StateError as error:
                print(number, f"StateError: {{error}}")
                break
        os.unlink(switch)
        write("c", survives_power_cut={is_full})
        write("d", survives_power_cut=True)
        """,
    )
    number, sentence = said.split(" ", 1)
    assert SENTENCE == sentence
    names = after_the_power_cut(disk)
    assert ["a", "c", "d"] == [name for name in names if not name.startswith("b")]
    assert int(number) == len(names) - 3


def test_what_a_process_that_died_could_not_sync_is_written_anew_by_the_next(disk: FailingDisk) -> None:
    run(
        disk,
        """
        database = open_it()
        write("a")
        fail("sync")
        report(lambda: write("b", survives_power_cut=True))
        """,
    )
    disk.heal()
    run(disk, 'database = open_it(); write("c", survives_power_cut=True)')
    # A write that failed is no promise, but may still be there: its writer checks before acting on it.
    assert {"a", "c"} <= set(after_the_power_cut(disk))


def test_a_disk_that_cannot_be_read_is_no_damage(disk: FailingDisk) -> None:
    """SQLite says that the database is malformed when a read fails in use."""
    said = run(
        disk,
        """
        database = open_it()
        for number in range(2000):
            write(f"b{number:04}" + 2000 * "x")
        fail("read")
        report(count)
        report(lambda: database.close() or open_it())
        os.unlink(switch)
        database = open_it()
        write("d", survives_power_cut=True)
        """,
    )
    assert SENTENCE * 2 == said
    assert 2001 == len(after_the_power_cut(disk))
    assert not [path.name for path in disk.folder.iterdir() if "damaged" in path.name or "suspect" in path.name]
