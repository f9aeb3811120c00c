"""`eisync run` and the commands that ask it: dropped files, status, ls, retry, healthcheck, and its end."""

import json
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.canary import CANARY
from tests.conftest import Bench, row, stored_once, until


@pytest.fixture
def daemon(bench: Bench) -> "Iterator[subprocess.Popen[bytes]]":
    (bench.place / "eisync.toml").write_text('[[watch]]\npath = "recordings"\nsettle_s = 0.2\nscan_interval_s = 1\n')
    with (bench.place / "log").open("wb") as log:
        process = bench.daemon(log=log)
        until(lambda: bench.run("healthcheck").returncode == 0)
        yield process
        process.kill()
        process.wait(timeout=10)


def test_a_file_dropped_into_the_folder_is_in_the_project(bench: Bench, daemon: "subprocess.Popen[bytes]") -> None:
    bench.write("training/wave.1.csv", row(1))
    until(lambda: stored_once(bench.emulator.ledger(), [row(1)]))
    until(lambda: bench.files().get("training/wave.1.csv", {}).get("state") == "synced")
    status = bench.status()
    assert "The only file is in Edge Impulse" in status["sentence"]
    assert {"synced": 1} == status["counts"]
    assert daemon.pid == status["daemon"]["pid"]
    loops = {"watcher", "uploader", "reconciler", "retention", "control", "notifier"}
    assert loops == {loop["name"] for loop in status["daemon"]["loops"]}


def test_a_file_that_is_still_written_is_listed_with_the_reason(
    bench: Bench, daemon: "subprocess.Popen[bytes]"
) -> None:
    bench.write("empty.csv", b"")
    until(lambda: bench.files().get("empty.csv", {}).get("state") == "settling")
    assert "it is empty" in bench.files()["empty.csv"]["reason"]
    assert "The only file is not in Edge Impulse: it is not complete yet." == bench.status()["sentence"]


def test_a_changed_file_is_sent_again(bench: Bench, daemon: "subprocess.Popen[bytes]") -> None:
    bench.write("wave.1.csv", row(1))
    until(lambda: stored_once(bench.emulator.ledger(), [row(1)]))
    bench.write("wave.1.csv", row(1000))
    until(lambda: stored_once(bench.emulator.ledger(), [row(1), row(1000)]))
    until(lambda: bench.files()["wave.1.csv"]["state"] == "synced")
    assert 1 == len(bench.files()["wave.1.csv"]["sample_ids"])


def test_retry_wakes_the_daemon(bench: Bench, daemon: "subprocess.Popen[bytes]") -> None:
    bench.emulator.set_faults({"where": "ingestion", "kind": "partial", "share": 1.0, "times": 1})
    bench.write("wave.1.csv", row(1))
    until(lambda: bench.files().get("wave.1.csv", {}).get("state") == "quarantined")
    assert "1 file is back in the queue.\n" == bench.run("retry", "--all").stdout
    until(lambda: bench.files()["wave.1.csv"]["state"] == "synced")


def test_a_pause_holds_at_once_and_resume_wakes_the_daemon(bench: Bench, daemon: "subprocess.Popen[bytes]") -> None:
    assert "All uploads are paused for 1 h.\n" == bench.run("pause", "1h").stdout
    bench.write("wave.1.csv", row(1))
    until(lambda: bench.files().get("wave.1.csv", {}).get("state") == "ready")
    assert "a person paused the uploads" in bench.status()["daemon"]["held"]["main"]
    assert "All uploads are paused for 1 h.\n" in bench.run("status").stdout
    assert not bench.emulator.ledger()["stored_by_hash"]
    assert "Nothing is paused.\n" == bench.run("resume").stdout
    until(lambda: bench.files()["wave.1.csv"]["state"] == "synced")


def test_retry_of_an_unknown_file_says_so(bench: Bench, daemon: "subprocess.Popen[bytes]") -> None:
    done = bench.run("retry", "nowhere.csv")
    assert 1 == done.returncode
    assert "nowhere.csv: not known" in done.stderr
    assert 2 == bench.run("retry").returncode


def test_a_second_daemon_says_who_holds_the_state_folder(bench: Bench, daemon: "subprocess.Popen[bytes]") -> None:
    done = bench.once()
    assert 75 == done.returncode
    assert f"is in use by process {daemon.pid}" in done.stderr


def test_a_daemon_that_does_not_answer_differs_from_no_daemon(bench: Bench, daemon: "subprocess.Popen[bytes]") -> None:
    (bench.state / "control.sock").unlink()
    for verb in ("status", "ls"):
        done = bench.run(verb)
        assert 69 == done.returncode
        assert "its socket does not answer" in done.stderr
    assert [69, 69] == [bench.run("healthcheck", *more).returncode for more in ([], ["--live"])]


def test_an_unreachable_service_is_not_unhealthy(bench: Bench, daemon: "subprocess.Popen[bytes]") -> None:
    bench.emulator.set_faults(
        {"where": "ingestion", "kind": "reset_before"}, {"where": "studio", "kind": "reset_before"}
    )
    bench.write("wave.1.csv", row(1))
    until(lambda: bench.files().get("wave.1.csv", {}).get("attempts", 0) > 0)
    assert [0, 0] == [bench.run("healthcheck", *more).returncode for more in ([], ["--live"])]
    assert "the connection to" in bench.files()["wave.1.csv"]["reason"]


def test_a_wrong_key_pauses_the_target_until_the_file_changes(bench: Bench) -> None:
    key_file = bench.place / "key"
    key_file.write_text(CANARY + "wrong\n")
    bench.environ["EI_API_KEY"] = ""
    bench.write("wave.1.csv", row(1))
    process = bench.daemon("--api-key-file", str(key_file))
    try:
        until(lambda: bench.run("healthcheck").returncode == 0)
        until(lambda: bench.status()["targets"][0]["paused"])
        assert 0 == bench.files()["wave.1.csv"]["attempts"]
        key_file.write_text(bench.emulator.key + "\n")
        until(lambda: stored_once(bench.emulator.ledger(), [row(1)]))
    finally:
        process.kill()
        process.wait(timeout=10)


def test_the_state_folder_is_for_its_owner_alone(bench: Bench, daemon: "subprocess.Popen[bytes]") -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    assert (0o700, 0o600, 0o600) == (
        mode(bench.state),
        mode(bench.state / "eisync.db"),
        mode(bench.state / "control.sock"),
    )


def test_the_key_is_nowhere_but_in_the_requests(bench: Bench, daemon: "subprocess.Popen[bytes]") -> None:
    bench.write("wave.1.csv", row(1))
    until(lambda: stored_once(bench.emulator.ledger(), [row(1)]))
    bench.emulator.set_faults({"where": "ingestion", "kind": "status", "status": 401, "error": "Invalid API key"})
    bench.write("wave.2.csv", row(2))
    until(lambda: bench.status()["targets"][0]["paused"])
    reported = bench.run("status").stdout + bench.run("status", "--json").stdout + bench.run("ls", "--json").stdout
    daemon.send_signal(signal.SIGTERM)
    assert 0 == daemon.wait(timeout=20)
    assert bench.emulator.key not in reported
    key = bench.emulator.key.encode()
    for path in (bench.place / "log", *bench.state.iterdir()):
        assert not path.is_file() or key not in path.read_bytes(), path
    assert key not in b"".join(part.encode() for part in bench.command("run"))


def test_systemd_is_notified_of_ready_and_stopping(bench: Bench) -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = str(bench.place / "notify")
        manager.bind(address)
        manager.settimeout(20)
        bench.environ["NOTIFY_SOCKET"] = address
        process = bench.daemon()
        try:
            assert b"READY=1" == manager.recv(1024)
            first = {manager.recv(1024) for _ in range(2)}
            assert {b"WATCHDOG=1", b"STATUS=There are no files yet."} == first
            process.send_signal(signal.SIGTERM)
            heard = b""
            while heard != b"STOPPING=1":
                heard = manager.recv(1024)
            assert 0 == process.wait(timeout=20)
        finally:
            process.kill()
            process.wait(timeout=10)


def test_the_log_is_json_lines_without_a_terminal(bench: Bench, daemon: "subprocess.Popen[bytes]") -> None:
    bench.write("wave.1.csv", row(1))
    until(lambda: stored_once(bench.emulator.ledger(), [row(1)]))
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(timeout=20)
    lines = (bench.place / "log").read_text().splitlines()
    events = [json.loads(line)["event"] for line in lines if line.startswith("{")]
    assert {"file.enqueued", "file.synced", "daemon.stopped"} <= set(events)


def test_a_restarted_process_finds_files_that_arrived_meanwhile(bench: Bench) -> None:
    def arrived(number: int) -> bool:
        return stored_once(bench.emulator.ledger(), [row(n) for n in range(number + 1)])

    for number in range(2):
        process = bench.daemon()
        bench.write(f"wave.{number}.csv", row(number))
        until(partial(arrived, number))
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(timeout=20)
    bench.write("wave.2.csv", row(2))
    os.sync()
    assert 0 == bench.once().returncode
    assert stored_once(bench.emulator.ledger(), [row(n) for n in range(3)])
