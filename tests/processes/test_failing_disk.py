"""A state folder whose disk fails (EIO): uploading stops with a reason, nothing is lost, it resumes by itself."""

import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Bench, row, stored_once, until
from tests.disk import FailingDisk
from tests.processes.test_state_folder import outgrow_the_cache, troubles, write_all

BEFORE = [row(number) for number in range(5)]
SENTENCE = "the database cannot be used: disk I/O error; nothing is lost. Check the disk of the state folder"


@pytest.fixture
def disk(bench: Bench) -> FailingDisk:
    return FailingDisk(bench.state, bench.place / "switch")


@pytest.fixture
def start(bench: Bench, disk: FailingDisk) -> "Iterator[Callable[[], subprocess.Popen[bytes]]]":
    (bench.place / "eisync.toml").write_text('[[watch]]\npath = "recordings"\nsettle_s = 0.1\nscan_interval_s = 1\n')
    started: list[subprocess.Popen[bytes]] = []

    def run() -> "subprocess.Popen[bytes]":
        bench.environ |= disk.environ
        started.append(bench.daemon())
        until(lambda: bench.run("healthcheck").returncode == 0)
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait(timeout=10)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["write", "sync", "read"])
def test_a_failing_disk_stops_it_with_a_reason_and_it_continues_by_itself(
    bench: Bench, disk: FailingDisk, start: "Callable[[], subprocess.Popen[bytes]]", what: str
) -> None:
    contents = list(BEFORE)
    write_all(bench, contents, first=0)
    assert 0 == bench.once().returncode
    if what == "read":  # cached pages are not read from the disk
        outgrow_the_cache(bench.state / "eisync.db")
    daemon = start()

    def drop_one_more() -> None:
        content = row(100 + len(contents))
        bench.write(f"shake.{100 + len(contents)}.csv", content)
        contents.append(content)

    disk.fail(what)

    def is_shown() -> bool:
        drop_one_more()
        done = bench.run("status")
        return SENTENCE in done.stdout + done.stderr

    until(is_shown, within_s=60)
    assert daemon.poll() is None
    stored = settled(bench)
    for _ in range(5):
        drop_one_more()
    assert stored == settled(bench)
    assert not (bench.state / "eisync.db.damaged-1").exists()

    disk.heal()
    until(lambda: stored_once(bench.emulator.ledger(), contents), within_s=60)
    until(lambda: {"synced"} == {record["state"] for record in bench.files().values()})
    until(lambda: not troubles(bench))
    assert len(contents) == len(bench.files())
    assert daemon.poll() is None


def settled(bench: Bench) -> int:
    """Return how many files are stored once no more arrive."""
    stored = -1
    while stored != (stored := bench.emulator.ledger()["stored"]):
        time.sleep(1.0)
    return stored
