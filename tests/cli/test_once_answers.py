"""A running `eisync once` answers like a daemon. It may be killed, and then blocks nothing."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.cli.test_plan import there, tombstoned, uploaded, write_config
from tests.conftest import Bench, row, stored_once, until


def start(bench: Bench, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start `eisync once` in its own process, and leave it running."""
    with (bench.place / "once.log").open("ab") as log:
        return bench.start("once", str(bench.recordings), *arguments, out=log)


@pytest.fixture
def once(bench: Bench) -> "Iterator[subprocess.Popen[bytes]]":
    """Start one that waits for a service with late answers, and for an empty file."""
    bench.emulator.set_faults({"where": "ingestion", "kind": "latency", "seconds": 30})
    bench.write("wave.1.csv", row(1))
    bench.write("empty.csv", b"")
    process = start(bench, "--timeout", "60")
    try:
        until(lambda: bench.run("healthcheck").returncode == 0)
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)
        bench.emulator.set_faults()


def test_once_answers_every_request_that_a_daemon_answers(bench: Bench, once: "subprocess.Popen[bytes]") -> None:
    until(lambda: bench.files().get("wave.1.csv", {}).get("state") == "sending")
    until(lambda: bench.status()["counts"] == {"sending": 1, "settling": 1})
    assert {"wave.1.csv": "sending", "empty.csv": "settling"} == {
        path: record["state"] for path, record in bench.files().items()
    }
    shown = bench.run("status")
    assert (4, True) == (shown.returncode, f"Process {once.pid} runs 'eisync once' (eisync " in shown.stdout)
    assert "daemon" not in shown.stdout
    reported = bench.run("explain", str(bench.recordings / "empty.csv"))
    assert (4, True) == (reported.returncode, "settling: it is empty" in reported.stdout)
    assert "was complete and waits to be sent" in bench.run("history", str(bench.recordings / "wave.1.csv")).stdout
    audited = bench.run("audit")
    assert (0, True) == (audited.returncode, "2 in all: 1 sending, 1 settling." in audited.stderr)
    health = bench.run("healthcheck")
    assert (0, "healthy\n") == (health.returncode, health.stdout)


@pytest.mark.parametrize("verb", ["once", "run"])
def test_a_second_process_is_refused_and_names_the_first(
    bench: Bench, once: "subprocess.Popen[bytes]", verb: str
) -> None:
    done = bench.run(verb, str(bench.recordings))
    assert 75 == done.returncode
    assert (
        f"is in use by process {once.pid}, which runs 'eisync once'. Only one eisync at a time can use it"
    ) in done.stderr


def test_a_killed_process_blocks_nothing(bench: Bench, once: "subprocess.Popen[bytes]") -> None:
    until(lambda: bench.status()["counts"] == {"sending": 1, "settling": 1})
    once.kill()
    once.wait(timeout=10)
    assert (bench.state / "control.sock").exists()
    status = bench.status()
    assert (None, 4) == (status["daemon"], status["exit_code"])
    # The observations survived, and so did the files that were being sent.
    assert {"sending": 1, "settling": 1} == status["counts"]
    assert 69 == bench.run("healthcheck").returncode
    bench.emulator.set_faults()
    (bench.recordings / "empty.csv").unlink()
    done = bench.once()
    assert (0, True) == (done.returncode, stored_once(bench.emulator.ledger(), [row(1)])), done.stderr
    assert {"synced": 1} == bench.status()["counts"]


def test_files_retried_meanwhile_are_sent(bench: Bench) -> None:
    bench.emulator.set_faults({"where": "ingestion", "kind": "partial", "share": 1.0, "times": 1})
    bench.write("wave.1.csv", row(1))
    assert 3 == bench.once().returncode
    bench.write("empty.csv", b"")
    process = start(bench, "--timeout", "60")
    try:
        until(lambda: bench.run("healthcheck").returncode == 0)
        assert "1 file is back in the queue.\n" == bench.run("retry", "--all").stdout
        until(lambda: stored_once(bench.emulator.ledger(), [row(1)]))
        bench.write("empty.csv", row(2))
        assert 0 == process.wait(timeout=30)
    finally:
        process.kill()
        process.wait(timeout=10)


@pytest.mark.parametrize("is_yes", [True, False])
def test_a_plan_approved_meanwhile_is_carried_out(bench: Bench, is_yes: bool) -> None:
    """An approval is carried out and answered at the end. A rejection is answered at once, and the files are sent."""
    write_config(bench, 'on_remote_delete = "trash"', "guard_count = 1")
    ids = uploaded(bench, 4)
    tombstoned(bench, ids["wave.0.csv"], ids["wave.1.csv"])
    bench.write("empty.csv", b"")
    process = start(bench, "--timeout", "8")
    try:
        until(lambda: bench.run("healthcheck").returncode == 0)
        assert (4, True) == (
            (shown := bench.run("plan")).returncode,
            "Plan 1 of target main has waited" in shown.stdout,
        )
        said = bench.run("plan", "--approve" if is_yes else "--reject", "1")
        assert 0 == said.returncode, said.stdout + said.stderr
        if is_yes:
            assert ["Plan 1 is approved: 2 actions.", "target main: 2 done"] == said.stdout.splitlines()[:2]
        else:
            assert (
                "Plan 1 is rejected: 2 actions will not be done; files that still exist are sent again.\n"
                == said.stdout
            )
            until(lambda: 4 == len(there(bench)))  # by the very pass that runs
            assert process.poll() is None
        assert (0, "Nothing waits for your approval.\n") == ((shown := bench.run("plan")).returncode, shown.stdout)
        assert 4 == process.wait(timeout=30)  # the empty file
    finally:
        process.kill()
        process.wait(timeout=10)
    kept = {"wave.2", "wave.3"} if is_yes else {"wave.0", "wave.1", "wave.2", "wave.3"}
    assert kept == {name.removesuffix(".csv") for name in os.listdir(bench.recordings) if name.startswith("wave")}
    assert kept == set(there(bench))


def test_a_request_while_it_ends_is_answered(bench: Bench) -> None:
    bench.write("wave.1.csv", row(1))
    for _ in range(4):
        process = start(bench)
        while process.poll() is None:
            done = bench.run("status")
            assert done.returncode in (0, 4), done.stdout + done.stderr
        assert 0 == process.returncode
    assert 0 == bench.run("status").returncode


def test_a_second_pass_is_made_when_it_has_ended(bench: Bench) -> None:
    bench.write("wave.1.csv", row(1))
    assert 0 == bench.once().returncode
    bench.write("empty.csv", b"")
    process = start(bench, "--timeout", "3")
    try:
        until(lambda: bench.run("healthcheck").returncode == 0)
        done = bench.run("reconcile")
        assert (0, True) == (done.returncode, "target main: " in done.stdout), done.stderr
        assert 4 == process.wait(timeout=30)
    finally:
        process.kill()
        process.wait(timeout=10)


def test_a_signal_ends_it_and_observations_are_stored(bench: Bench) -> None:
    bench.write("empty.csv", b"")
    process = start(bench, "--timeout", "60")
    try:
        until(lambda: bench.files().get("empty.csv", {}).get("state") == "settling")
        process.send_signal(signal.SIGTERM)
        assert 4 == process.wait(timeout=20)
    finally:
        process.kill()
        process.wait(timeout=10)
    assert {"empty.csv": "settling"} == {
        path: record["state"] for path, record in bench.files("--state", "settling").items()
    }


def test_the_socket_is_for_its_owner_alone(bench: Bench, once: "subprocess.Popen[bytes]") -> None:
    assert 0o600 == os.stat(bench.state / "control.sock").st_mode & 0o777
