"""The daemon as a user runs it: ready at once, killed at any moment, alone on its state folder."""

import os
import random
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import Bench, row, sha256, stored_once, until

FILES = 8_000


@pytest.mark.slow
def test_the_service_is_ready_and_uploads_before_a_large_scan_ends(bench: Bench) -> None:
    waiting = [row(number) for number in range(3)]
    for number, content in enumerate(waiting):
        bench.write(f"first/wave.{number}.csv", content)
    bench.emulator.set_faults({"where": "ingestion", "kind": "reset_before"})
    bench.configure(upload={"retry_base_s": 0.05, "retry_cap_s": 0.1})
    assert 4 == bench.once("--timeout", "2").returncode  # they are queued, and the service is down
    bench.emulator.set_faults()
    for number in range(FILES):
        folder = bench.recordings / f"later/{number % 20}"
        if number < 20:
            folder.mkdir(parents=True)
        (folder / f"{number}.csv").write_bytes(row(number + 1000))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = str(bench.place / "notify")
        manager.bind(address)
        manager.settimeout(20)
        bench.environ["NOTIFY_SOCKET"] = address
        daemon = bench.daemon()
        try:
            assert b"READY=1" == manager.recv(1024)
            first = {sha256(content) for content in waiting}
            until(lambda: first <= bench.emulator.ledger()["stored_by_hash"].keys())
            stored = bench.emulator.ledger()["stored_by_hash"]
            assert len(stored) < FILES, "everything was there already: the test proves nothing"
        finally:
            daemon.kill()
            daemon.wait(timeout=10)


@pytest.mark.slow
def test_files_added_and_moved_around_kills_are_stored_once(bench: Bench) -> None:
    dice = random.Random(5)
    bench.configure(upload={"batch_files": 5}, reconcile={"interval_s": 1})
    # With labels of folders, samples are relabelled when a folder gets another name, and many edits wait for a yes.
    one_label = ("--label", "wave")
    contents = [row(number) for number in range(150)]
    is_over = threading.Event()

    def write() -> None:
        """A recorder, and a person who tidies up behind it."""
        for number, content in enumerate(contents):
            part = bench.write(f"day/{number}.part", content)
            part.rename(bench.recordings / f"day/{number}.csv")
            if number % 10 == 9:
                (bench.recordings / "day").rename(bench.recordings / f"day {number}")
            if number % 7 == 6 and (bench.recordings / "day 9/3.csv").exists():
                moved = bench.recordings / f"moved/{number}.csv"
                moved.parent.mkdir(exist_ok=True)
                (bench.recordings / "day 9/3.csv").rename(moved)
                moved.rename(bench.recordings / "day 9/3.csv")
            time.sleep(0.02)
        is_over.set()

    writer = threading.Thread(target=write)
    writer.start()
    kills = 0
    while not is_over.is_set() or kills < 4:
        daemon = bench.daemon(*one_label)
        time.sleep(dice.uniform(0.4, 1.0))
        daemon.send_signal(signal.SIGKILL)
        daemon.wait(timeout=10)
        kills += 1
    writer.join()
    done = bench.once("--timeout", "30", *one_label)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert stored_once(bench.emulator.ledger(), contents)
    states = {path: record["state"] for path, record in bench.files().items()}
    there = {
        os.path.relpath(os.path.join(folder, name), bench.recordings)
        for folder, _, names in os.walk(bench.recordings)
        for name in names
    }
    assert {"synced"} == {states[path] for path in there}


@pytest.mark.slow
def test_a_second_daemon_says_who_holds_the_state_folder_and_ends(bench: Bench) -> None:
    first = bench.daemon()
    try:
        until(lambda: bench.run("healthcheck").returncode == 0)
        second = bench.run("run", str(bench.recordings))
        assert 75 == second.returncode
        assert f"is in use by process {first.pid}" in second.stderr
        assert 0 == bench.run("healthcheck").returncode
    finally:
        first.kill()
        first.wait(timeout=10)


@pytest.mark.slow
def test_a_root_that_vanishes_and_returns_is_reported_and_resumed(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text('[[watch]]\npath = "recordings"\nsettle_s = 0.1\n')
    bench.write("wave.1.csv", row(1))
    daemon: subprocess.Popen[bytes] = bench.daemon()
    try:
        until(lambda: stored_once(bench.emulator.ledger(), [row(1)]))
        until(lambda: "file events work, and it is scanned every" in bench.run("status").stdout)
        aside = Path(bench.place / "aside")
        bench.recordings.rename(aside)
        until(lambda: "is not there; create or mount it" in bench.run("status").stdout)
        aside.rename(bench.recordings)
        bench.write("wave.2.csv", row(2))
        until(lambda: stored_once(bench.emulator.ledger(), [row(1), row(2)]))
        until(lambda: bench.status()["roots"][0]["offline"] is None)
        assert bench.status()["roots"][0]["watching"]["uses_events"]
        assert {"synced": 2} == bench.status()["counts"]
    finally:
        daemon.kill()
        daemon.wait(timeout=10)


@pytest.mark.slow
def test_status_says_that_a_folder_is_only_scanned(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text(
        '[[watch]]\npath = "recordings"\nsettle_s = 0.1\nscan_interval_s = 0.5\nmode = "scan"\n'
    )
    daemon = bench.daemon()
    try:
        until(lambda: "as configured" in bench.run("status").stdout)
        bench.write("wave.1.csv", row(1))
        until(lambda: stored_once(bench.emulator.ledger(), [row(1)]))
        watching = bench.status()["roots"][0]["watching"]
        assert ("scan", False, None, 0) == tuple(watching[key] for key in ("mode", "uses_events", "reason", "missed"))
    finally:
        daemon.kill()
        daemon.wait(timeout=10)
