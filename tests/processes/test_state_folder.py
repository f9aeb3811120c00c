"""A state folder whose disk is full or fails: uploading stops, the reason is shown, nothing is lost, it continues.

A full disk is a small file system of its own, if one may be mounted. Otherwise, and for the failing disk, it is the
kernel's limit on the size of files, which makes every write of a running process fail as on a bad disk.
"""

import contextlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Bench, row, stored_once, until

DISK_BYTES = 8 * 1024 * 1024
BEFORE, MEANWHILE = [row(number) for number in range(5)], [row(number) for number in range(100, 140)]


@dataclass
class Disk:
    """The disk of the state folder."""

    fail: Callable[["subprocess.Popen[bytes]"], None]
    heal: Callable[["subprocess.Popen[bytes]"], None]
    sentence: str


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Disk | None]:
    """Yield a disk that can be filled; None if nothing may be mounted."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode != 0:
        yield None
        return
    ballast = folder / "ballast"

    def fill(_: object) -> None:
        with ballast.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
            while stream.write(bytes(4096)):
                pass

    try:
        yield Disk(fill, lambda _: ballast.unlink(), "the database cannot be used: database or disk is full")
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def bad_disk() -> Disk:
    """Return a disk on which every write fails."""

    def limit(process: "subprocess.Popen[bytes]", size: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # the limit ends with its process
            _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, most))

    return Disk(
        lambda process: limit(process, 0),
        lambda process: limit(process, resource.RLIM_INFINITY),
        "the database cannot be used: disk I/O error",
    )


@pytest.fixture(params=["full", "failing"])
def disk(request: pytest.FixtureRequest, bench: Bench) -> Iterator[Disk]:
    if request.param == "failing":
        yield bad_disk()
        return
    with small_disk(bench.state) as small:
        yield small or bad_disk()


@pytest.fixture
def start(bench: Bench) -> "Iterator[Callable[[], subprocess.Popen[bytes]]]":
    (bench.place / "eisync.toml").write_text('[[watch]]\npath = "recordings"\nsettle_s = 0.1\nscan_interval_s = 1\n')
    started: list[subprocess.Popen[bytes]] = []

    def run() -> "subprocess.Popen[bytes]":
        started.append(bench.daemon())
        until(lambda: bench.run("healthcheck").returncode == 0)
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait(timeout=10)


def write_all(bench: Bench, contents: list[bytes], *, first: int) -> None:
    for number, content in enumerate(contents, first):
        bench.write(f"shake.{number:03}.csv", content)


def troubles(bench: Bench) -> dict[str, str]:
    """Return the reported trouble of each failing loop."""
    return {loop["name"]: loop["trouble"] for loop in bench.status()["daemon"]["loops"] if loop["trouble"]}


@pytest.mark.slow
def test_an_unwritable_state_folder_stops_it_with_a_reason_and_it_continues_by_itself(
    bench: Bench, disk: Disk, start: "Callable[[], subprocess.Popen[bytes]]"
) -> None:
    daemon = start()
    write_all(bench, BEFORE, first=0)
    until(lambda: stored_once(bench.emulator.ledger(), BEFORE))

    disk.fail(daemon)
    write_all(bench, MEANWHILE, first=100)
    until(lambda: disk.sentence in troubles(bench).get("watcher", ""))
    assert "nothing is lost. Check the disk of the state folder" in bench.run("status").stdout
    requests = bench.emulator.ledger()["requests"]
    assert not (bench.state / "eisync.db.damaged-1").exists()
    assert len(BEFORE) == bench.emulator.ledger()["stored"]

    disk.heal(daemon)
    until(lambda: stored_once(bench.emulator.ledger(), BEFORE + MEANWHILE))
    until(lambda: {"synced"} == {record["state"] for record in bench.files().values()})
    until(lambda: not troubles(bench))
    assert requests < bench.emulator.ledger()["requests"]
    assert daemon.poll() is None


@pytest.mark.slow
@pytest.mark.parametrize("is_killed", [False, True], ids=["it lives on", "it is killed meanwhile"])
def test_an_answer_that_cannot_be_stored_is_not_lost(
    bench: Bench, disk: Disk, start: "Callable[[], subprocess.Popen[bytes]]", is_killed: bool
) -> None:
    bench.configure(upload={"batch_files": 2, "workers": 2})
    daemon = start()
    bench.emulator.set_faults({"where": "ingestion", "kind": "latency", "seconds": 1.0})
    write_all(bench, BEFORE, first=0)
    until(lambda: bench.files("--state", "sending"))

    disk.fail(daemon)
    until(lambda: disk.sentence in troubles(bench).get("uploader", ""))
    # Work under way has ended, and nothing new was begun.
    assert bench.emulator.ledger()["requests"] <= 2
    bench.emulator.set_faults()
    if is_killed:
        daemon.send_signal(signal.SIGKILL)
        daemon.wait(timeout=10)
    disk.heal(daemon)
    if is_killed:
        start()

    until(lambda: stored_once(bench.emulator.ledger(), BEFORE))
    until(lambda: {"synced"} == {record["state"] for record in bench.files().values()})
    assert len(BEFORE) == len(bench.files())


@pytest.mark.slow
@pytest.mark.parametrize("has_state", [False, True], ids=["a new folder", "a folder that was in use"])
def test_a_start_that_cannot_write_uploads_nothing_and_says_why(bench: Bench, has_state: bool) -> None:
    write_all(bench, BEFORE[:1], first=0)
    if has_state:
        assert 0 == bench.once().returncode
    write_all(bench, BEFORE[1:], first=1)

    stored = bench.emulator.ledger()["stored"]
    once = [*bench.command("once", str(bench.recordings)), "--state-dir", str(bench.state)]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *once],
        env=bench.environ,
        cwd=bench.place,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (1, stored) == (done.returncode, bench.emulator.ledger()["stored"]), done.stderr
    assert "nothing is lost. Check the disk of the state folder" in done.stderr
    assert 0 == bench.once().returncode
    assert stored_once(bench.emulator.ledger(), BEFORE)


@pytest.mark.slow
def test_a_database_that_turns_out_damaged_is_rebuilt_by_the_daemon_itself(bench: Bench) -> None:
    contents = [row(number) for number in range(300)]
    write_all(bench, contents, first=0)
    assert 0 == bench.once().returncode
    outgrow_the_cache(bench.state / "eisync.db")
    log = bench.place / "log"
    with log.open("wb") as stream:
        daemon = bench.daemon(log=stream)
        try:
            until(lambda: bench.run("healthcheck").returncode == 0)
            overwrite(bench.state / "eisync.db")
            bench.write("shake.new.csv", row(1000))
            # A request for all files notices it first.
            until(lambda: bench.run("ls").returncode != 0 or (bench.state / "eisync.db.damaged-1").exists())
            until(lambda: (bench.state / "eisync.db.damaged-1").exists())
            until(lambda: bench.run("healthcheck").returncode == 0)
            until(lambda: {"synced": 301} == bench.status()["counts"])
            assert daemon.pid == bench.status()["daemon"]["pid"]
        finally:
            daemon.kill()
            daemon.wait(timeout=10)
    assert "the database is damaged; eisync keeps a copy and rebuilds it" in log.read_text()
    assert stored_once(bench.emulator.ledger(), [*contents, row(1000)])


def outgrow_the_cache(database: Path) -> None:
    """Make it so large that pages must be read again: with all pages in memory, the damage would not be noticed."""
    connection = sqlite3.connect(database)
    with connection:
        connection.executemany(
            "insert into history (at, file_id, event, state, detail) values (1.0, 0, 'complete', 'gone', ?)",
            [("x" * 3000,)] * 6000,
        )
    connection.close()


def overwrite(database: Path) -> None:
    """Write noise over all pages but the first."""
    with database.open("r+b") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(4096)
        stream.write(b"\x55" * (size - 4096))


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["removed", "replaced", "its database"])
def test_a_daemon_whose_state_folder_is_gone_ends_and_says_why(
    bench: Bench, start: "Callable[[], subprocess.Popen[bytes]]", loss: str
) -> None:
    write_all(bench, [b"timestamp,x\n0,1\n"], first=0)
    daemon = start()
    until(lambda: bench.files().get("shake.000.csv", {}).get("state") == "synced")
    if loss == "its database":
        (bench.state / "eisync.db").unlink()
    else:
        bench.state.rename(bench.place / "old")
    if loss == "replaced":
        bench.state.mkdir(mode=0o700)
    assert 74 == daemon.wait(timeout=20)
    said = (bench.place / "daemon-1.log").read_text()
    assert '"event": "state.lost"' in said
    assert "was removed or replaced while eisync ran" in said
    second = start()
    assert second.poll() is None
    until(lambda: bench.files().get("shake.000.csv", {}).get("state") == "synced")
    assert 1 == bench.emulator.ledger()["stored"]


@pytest.mark.slow
def test_once_whose_state_folder_is_gone_ends_and_says_why(bench: Bench) -> None:
    bench.write("cut.json", b'{"protected": ')  # it is waited for
    command = [*bench.command("once", str(bench.recordings), "--timeout", "60"), "--state-dir", str(bench.state)]
    with subprocess.Popen(command, env=bench.environ, cwd=bench.place, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: (bench.state / "holder").exists())
        bench.state.rename(bench.place / "old")
        said = process.communicate(timeout=30)[1]
    assert 74 == process.returncode
    assert "was removed or replaced while eisync ran" in said


MOVES = """
import os, sys
from eisync.cli import main
from eisync.control import server

def listen(folder, real=server.listen, **more):
    os.rename(folder, folder + ".old")
    return real(folder)

server.listen = listen
main()
"""


@pytest.mark.parametrize("verb", ["once", "run"])
def test_a_process_whose_state_folder_disappears_at_the_start_says_why(bench: Bench, verb: str) -> None:
    bench.write("cut.json", b'{"protected": ')
    done = subprocess.run(
        [sys.executable, "-c", MOVES, verb, str(bench.recordings), "--state-dir", str(bench.state)],
        env=bench.environ,
        cwd=bench.place,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (74, True) == (done.returncode, "was removed or replaced while eisync ran" in done.stderr), done.stderr
