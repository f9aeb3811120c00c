"""`eisync db`: check, backup and vacuum, beside a running eisync and without one, and after a backup was restored."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from eisync.store.copies import COPY_NAME
from eisync.store.schema import VERSION
from tests.cli.test_once import delete
from tests.conftest import Bench, row, stored_once, until


@pytest.fixture
def synced(bench: Bench) -> Bench:
    """A bench with three files that were uploaded."""
    for number in range(3):
        bench.write(f"training/wave.{number}.csv", row(number))
    assert 0 == bench.once("--quiet").returncode
    return bench


def change(bench: Bench, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(bench.state / "eisync.db", isolation_level=None)) as connection:
        connection.execute(statement)
        connection.execute("pragma wal_checkpoint(truncate)")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_sound_database_is_said_to_be_sound_and_is_not_changed(synced: Bench) -> None:
    before = bytes_of(synced.state)
    done = synced.run("db", "check", "--json")
    answer = json.loads(done.stdout)
    assert (0, 0, {"ok"}) == (done.returncode, answer["exit_code"], {one["verdict"] for one in answer["checks"]})
    assert {"pages", "references", "claims", "samples"} <= {one["check"] for one in answer["checks"]}
    assert "No fault and no warning" in synced.run("db", "check").stdout
    assert before == bytes_of(synced.state)


def test_what_does_not_hold_is_a_fault_with_what_to_do(synced: Bench) -> None:
    change(synced, "update file set claim = 7 where id = 1")
    done = synced.run("db", "check")
    assert 3 == done.returncode
    assert "do: restart eisync" in done.stdout
    assert "1 fault: claims" in done.stdout


def test_a_damaged_database_is_neither_repaired_nor_backed_up_nor_shrunk(synced: Bench) -> None:
    database = synced.state / "eisync.db"
    with database.open("r+b") as file:
        file.seek(4 * 4096)
        file.write(bytes(range(7, 256)) * 16)
    before = bytes_of(synced.state)
    checked = synced.run("db", "check")
    assert (3, True) == (checked.returncode, "sets the database aside and rebuilds it" in checked.stdout)
    for arguments in (["backup", str(synced.place / "copy.db")], ["vacuum"]):
        done = synced.run("db", *arguments)
        assert (1, True) == (done.returncode, "damaged" in done.stderr), done.stderr
    assert before == bytes_of(synced.state)
    assert [] == list(synced.place.glob("copy.db*"))


def test_a_running_eisync_goes_on_while_it_is_checked_backed_up_and_shrunk(synced: Bench) -> None:
    change(synced, "create table ballast (content blob)")
    change(synced, "insert into ballast select randomblob(4000000)")
    change(synced, "drop table ballast")
    copy = synced.place / "copy.db"
    with synced.healthy_daemon():
        synced.write("training/wave.9.csv", row(9))
        checked = synced.run("db", "check", "--json")
        assert (0, 0) == (checked.returncode, json.loads(checked.stdout)["exit_code"]), checked.stderr
        done = synced.run("db", "backup", str(copy), "--json")
        assert (0, str(copy)) == (done.returncode, json.loads(done.stdout)["path"]), done.stderr
        shrunk = json.loads(synced.run("db", "vacuum", "--json").stdout)
        assert 0 == shrunk["after"]["free_bytes"]
        assert shrunk["after"]["size_bytes"] < 3_000_000
        until(lambda: stored_once(synced.emulator.ledger(), [row(number) for number in (0, 1, 2, 9)]))
        assert not (synced.state / COPY_NAME).exists()
    assert 0o600 == stat.S_IMODE(copy.stat().st_mode)
    with contextlib.closing(sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)) as connection:
        assert [("ok",)] == connection.execute("pragma integrity_check").fetchall()
        assert 3 <= connection.execute("select count(*) from file").fetchone()[0]


def test_a_backup_overwrites_nothing_and_leaves_nothing_that_is_not_whole(synced: Bench) -> None:
    there = synced.place / "there.db"
    there.write_text("mine")
    refused = synced.run("db", "backup", str(there))
    assert (73, "mine") == (refused.returncode, there.read_text())
    assert "overwrites nothing: name another file" in refused.stderr
    nowhere = synced.run("db", "backup", str(synced.place / "none" / "copy.db"))
    assert (73, True) == (nowhere.returncode, "No such file or directory" in nowhere.stderr)
    assert ["there.db"] == [path.name for path in synced.place.glob("*.db*")]


INTERRUPTED = """
import os, signal, sys
from eisync.app import upkeep
def show(done, total, what):
    if what == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGINT)
upkeep.back_up(sys.argv[1], sys.argv[2], show)
"""


@pytest.mark.parametrize("what", ["pages copied", "checks of the backup"])
def test_ctrl_c_leaves_nothing_of_a_backup(synced: Bench, what: str) -> None:
    change(synced, "create table ballast (content blob)")
    change(synced, "insert into ballast select randomblob(3000000)")
    rows = "with recursive n (i) as (select 1 union all select i + 1 from n where i < 30000)"
    change(synced, f"insert into history (at, file_id, event, state) {rows} select 1, 1, 'stored', 'synced' from n")
    before = sorted(path.name for path in synced.state.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(synced.state), str(synced.place / "copy.db"), what],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "KeyboardInterrupt" in done.stderr
    assert [] == list(synced.place.glob("copy.db*"))
    assert before == sorted(path.name for path in synced.state.iterdir())


TERMINATED = """
import os, signal, sys, time
from eisync.app import upkeep
from eisync.cli import main
def verify(part, show):
    assert os.path.exists(part)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
upkeep._verify = verify
main()
"""


def test_sigterm_leaves_nothing_of_a_backup(synced: Bench) -> None:
    before = sorted(path.name for path in synced.place.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", TERMINATED, "db", "backup", str(synced.place / "copy.db"), "--state-dir", synced.state],
        env=synced.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (-signal.SIGTERM, "") == (done.returncode, done.stderr.strip())
    assert before == sorted(path.name for path in synced.place.iterdir())


def test_a_restored_backup_sends_nothing_twice_and_deletes_nothing(synced: Bench) -> None:
    """What happened after the backup is not in it: files were uploaded, one was removed here, one sample in Studio."""
    copy = synced.place / "copy.db"
    assert 0 == synced.run("db", "backup", str(copy)).returncode
    for number in (3, 4, 5):
        synced.write(f"training/wave.{number}.csv", row(number))
    assert 0 == synced.once("--quiet").returncode
    (synced.recordings / "training/wave.3.csv").unlink()
    (synced.recordings / "training/wave.0.csv").unlink()
    deleted = synced.files()["training/wave.1.csv"]["sample_ids"]
    for sample_id in deleted:
        delete(synced, sample_id)
    for path in synced.state.glob("eisync.db*"):
        path.unlink()
    shutil.copy(copy, synced.state / "eisync.db")
    before = synced.emulator.ledger()
    for _ in range(2):
        done = synced.once("--quiet")
        assert done.returncode in (0, 3, 4), done.stderr
    after = synced.emulator.ledger()
    assert before["stored_by_hash"] == after["stored_by_hash"]
    assert before.get("deleted") == after.get("deleted")
    assert "tombstone" == synced.files()["training/wave.1.csv"]["state"], done.stdout + done.stderr
    assert {"synced"} == {synced.files()[f"training/wave.{number}.csv"]["state"] for number in (2, 4, 5)}
    assert 0 == synced.run("db", "check").returncode


def test_a_vacuum_without_room_gives_free_pages_back_and_says_why(synced: Bench) -> None:
    change(synced, "create table ballast (content blob)")
    change(synced, "insert into ballast select randomblob(2000000)")
    change(synced, "drop table ballast")
    program = (
        "import shutil, sys; from eisync.app import upkeep; "
        "shutil.disk_usage = lambda place: type('Usage', (), {'free': 4096})(); "
        "done = upkeep.shrink(sys.argv[1]); print(done.after.free_bytes, done.why_not_less)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, str(synced.state)], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    assert said.startswith("0 that takes ")
    assert "are free there" in said
    shrunk = json.loads(synced.run("db", "vacuum", "--json").stdout)
    assert (0, None) == (shrunk["after"]["free_bytes"], shrunk["why_not_less"])


def test_where_there_is_none_is_said_and_none_is_made(bench: Bench) -> None:
    for arguments in (["check"], ["backup", "copy.db"], ["vacuum"]):
        done = bench.run("db", *arguments)
        assert (78, True) == (done.returncode, "there is no database in" in done.stderr), done.stderr
    assert not bench.state.exists()


def test_a_database_of_a_newer_eisync_is_refused_in_one_sentence_by_every_command(synced: Bench) -> None:
    change(synced, f"pragma user_version = {VERSION + 1}")
    before = (synced.state / "eisync.db").read_bytes()
    sentence = (
        f"written by a newer eisync (schema {VERSION + 1}; this one knows {VERSION}). Use that version, or another"
    )
    asked = [
        ["status"],
        ["ls"],
        ["once", str(synced.recordings)],
        ["run", str(synced.recordings)],
        ["db", "check"],
        ["db", "vacuum"],
        ["db", "backup", str(synced.place / "copy.db")],
    ]
    for arguments in asked:
        done = synced.run(*arguments)
        assert 1 == done.returncode, (arguments, done.stderr)
        assert 1 == done.stderr.count("\n"), (arguments, done.stderr)
        assert sentence in done.stderr, (arguments, done.stderr)
    checks = json.loads(synced.run("doctor", "--json").stdout)["checks"]
    [database] = [one for one in checks if one["check"] == "database"]
    assert ("fault", True) == (database["verdict"], "a newer eisync wrote it" in database["sentence"])
    assert before == (synced.state / "eisync.db").read_bytes()
    assert not os.path.lexists(synced.place / "copy.db")
