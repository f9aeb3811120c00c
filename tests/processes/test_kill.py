"""SIGKILL at any moment loses and duplicates nothing; the service's ledger decides."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import Bench, row, stored_once, until

# The larger proof is `make kills`. The seed gives the same moments and the same faults. Their effect depends on the
# scheduling of the machine, so the service's ledger is checked and not the order of events.
FILES = int(os.environ.get("KILL_FILES", "300"))
KILLS = int(os.environ.get("KILLS", "12"))
SEED = int(os.environ.get("KILL_SEED", "1"))
SLOW = {"where": "ingestion", "kind": "latency", "seconds": 0.05, "jitter_s": 0.1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "faults"),
    [
        (0, []),
        (1, [{"where": "ingestion", "kind": "withhold", "probability": 0.15}]),
        (
            2,
            [
                {"where": "ingestion", "kind": "reset_during", "probability": 0.1},
                {"where": "ingestion", "kind": "withhold", "probability": 0.1},
                {"where": "ingestion", "kind": "status", "status": 503, "probability": 0.1},
            ],
        ),
    ],
    ids=["no faults", "answers withheld after the commit", "resets, withheld answers and 503"],
)
def test_a_drain_that_is_killed_again_and_again_stores_every_file_once(
    bench: Bench, number: int, faults: list[dict[str, object]], capsys: pytest.CaptureFixture[str]
) -> None:
    seed = SEED + number
    dice = random.Random(seed)
    contents = [row(index) for index in range(FILES)]
    for index, content in enumerate(contents):
        bench.write(f"training/shake.{index:04}.csv", content)
    bench.configure(
        upload={"batch_files": 3, "workers": 2, "retry_base_s": 0.05, "retry_cap_s": 0.2}, reconcile={"interval_s": 1}
    )
    bench.emulator.set_faults(SLOW, *faults, seed=seed)

    under_way = sum(lose_a_daemon(bench, dice, is_early=kill % 3 == 0) for kill in range(KILLS))

    assert under_way > 0.9 * KILLS, "kills came after the drain: they prove nothing"
    account = bench.emulator.ledger()
    bench.emulator.set_faults(seed=seed)
    done = bench.once("--timeout", "30")
    assert done.returncode == 0, done.stdout + done.stderr
    assert stored_once(bench.emulator.ledger(), contents)
    files = bench.files()
    assert FILES == len(files)
    assert {"synced"} == {record["state"] for record in files.values()}
    assert all(record["sample_ids"] for record in files.values())
    with capsys.disabled():
        sys.stdout.write(
            f"\nseed {seed}: {KILLS} kills, {under_way} of them with files still to go "
            f"({FILES - len(account['stored_by_hash'])} of {FILES} after the last); {account['requests']} requests, "
            f"{account['faults'].get('withhold', 0)} answers withheld, "
            f"{bench.emulator.ledger()['duplicates_refused']} files sent again and known; every file stored once\n"
        )


def lose_a_daemon(bench: Bench, dice: random.Random, *, is_early: bool) -> bool:
    """Start one and kill it at some moment. Return whether there was still something to send."""
    requests_before = bench.emulator.ledger()["requests"]
    daemon = bench.daemon()
    if is_early:
        # From the time before it opens its database.
        time.sleep(dice.uniform(0.0, 1.0))
    else:
        # In the middle of the drain, however slow the machine is today.
        until(lambda: bench.emulator.ledger()["requests"] > requests_before)
        time.sleep(dice.uniform(0.0, 0.2))
    assert daemon.poll() is None, "the daemon ended by itself"
    daemon.send_signal(signal.SIGKILL)
    daemon.wait(timeout=10)
    return len(bench.emulator.ledger()["stored_by_hash"]) < len(os.listdir(bench.recordings / "training"))


@pytest.mark.slow
def test_sigterm_lets_requests_under_way_end(bench: Bench) -> None:
    contents = [row(number) for number in range(40)]
    for number, content in enumerate(contents):
        bench.write(f"shake.{number:03}.csv", content)
    bench.configure(upload={"batch_files": 4, "workers": 2})
    bench.emulator.set_faults({"where": "ingestion", "kind": "latency", "seconds": 0.2})
    log = bench.place / "log"
    with log.open("wb") as stream:
        daemon = bench.daemon(log=stream)
        until(lambda: bench.emulator.ledger()["requests"] >= 2)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(timeout=20) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert {"event": "daemon.stopped", "clean": True}.items() <= lines[-1].items()
    states = [record["state"] for record in bench.files().values()]
    assert states.count("synced") == len(bench.emulator.ledger()["stored_by_hash"])
    assert set(states) <= {"synced", "ready"}


@pytest.mark.slow
def test_a_second_signal_ends_at_once_and_the_file_is_stored_once(bench: Bench) -> None:
    bench.write("shake.1.csv", row(1))
    bench.emulator.set_faults({"where": "ingestion", "kind": "latency", "seconds": 5})
    daemon = bench.daemon()
    until(lambda: bench.files("--state", "sending"))
    daemon.send_signal(signal.SIGTERM)
    # Two signals at the same time are delivered as one.
    with pytest.raises(subprocess.TimeoutExpired):
        daemon.wait(timeout=0.5)
    daemon.send_signal(signal.SIGTERM)
    assert 0 == daemon.wait(timeout=3), "it waited for the request"
    bench.emulator.set_faults()
    done = bench.once("--timeout", "30")
    assert 0 == done.returncode, done.stdout + done.stderr
    assert stored_once(bench.emulator.ledger(), [row(1)])


@pytest.mark.slow
def test_the_drain_ends_at_its_deadline_and_the_file_is_stored_once(bench: Bench) -> None:
    bench.write("shake.1.csv", row(1))
    bench.configure(upload={"drain_timeout_s": 1})
    bench.emulator.set_faults({"where": "ingestion", "kind": "latency", "seconds": 60})
    log = bench.place / "log"
    with log.open("wb") as stream:
        daemon = bench.daemon(log=stream)
        until(lambda: bench.files("--state", "sending"))
        daemon.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            daemon.wait(timeout=0.5)
        assert 0 == daemon.wait(timeout=15)
    last = json.loads(log.read_text().splitlines()[-1])
    assert {"event": "daemon.stopped", "clean": False}.items() <= last.items()
    bench.emulator.set_faults()
    done = bench.once("--timeout", "30")
    assert 0 == done.returncode, done.stdout + done.stderr
    assert stored_once(bench.emulator.ledger(), [row(1)])
