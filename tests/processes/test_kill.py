"""SIGKILL at any moment loses nothing and doubles nothing; the service's own account is the judge."""

import json
import random
import signal
import subprocess
import time

import pytest

from tests.conftest import Bench, row, stored_once

FILES = 300
KILLS = 12


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "faults"),
    [
        (1, []),
        (2, [{"where": "ingestion", "kind": "withhold", "probability": 0.15}]),
        (
            3,
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
    bench: Bench, seed: int, faults: list[dict[str, object]]
) -> None:
    dice = random.Random(seed)
    contents = [row(number) for number in range(FILES)]
    for number, content in enumerate(contents):
        bench.write(f"training/shake.{number:03}.csv", content)
    bench.configure(
        upload={"batch_files": 3, "workers": 2, "retry_base_s": 0.05, "retry_cap_s": 0.2}, reconcile={"interval_s": 1}
    )
    slow = {"where": "ingestion", "kind": "latency", "seconds": 0.05, "jitter_s": 0.1}
    bench.emulator.set_faults(slow, *faults, seed=seed)

    under_way = 0
    for kill in range(KILLS):
        requests_before = bench.emulator.ledger()["requests"]
        daemon = bench.daemon()
        if kill % 3:
            # In the middle of the drain, however slow the machine is today.
            until(lambda before=requests_before: bench.emulator.ledger()["requests"] > before)
            time.sleep(dice.uniform(0.0, 0.3))
        else:
            # From before it has opened its database on.
            time.sleep(dice.uniform(0.0, 1.2))
        assert daemon.poll() is None, "the daemon ended by itself"
        daemon.send_signal(signal.SIGKILL)
        daemon.wait(timeout=10)
        under_way += not stored_once(bench.emulator.ledger(), contents)

    assert under_way > KILLS / 2, "most kills came after the drain: the test proves little"
    bench.emulator.set_faults(seed=seed)
    done = bench.once("--timeout", "30")
    assert done.returncode == 0, done.stdout + done.stderr
    assert stored_once(bench.emulator.ledger(), contents)
    assert {"synced"} == {record["state"] for record in bench.files().values()}
    assert FILES == len(bench.files())
    assert all(record["sample_ids"] for record in bench.files().values())


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
    # Two signals that come together are one.
    with pytest.raises(subprocess.TimeoutExpired):
        daemon.wait(timeout=0.5)
    daemon.send_signal(signal.SIGTERM)
    assert 0 == daemon.wait(timeout=3), "it waited for the request"
    bench.emulator.set_faults()
    done = bench.once("--timeout", "30")
    assert 0 == done.returncode, done.stdout + done.stderr
    assert stored_once(bench.emulator.ledger(), [row(1)])


def until(is_true: "object", *, within_s: float = 20.0) -> None:
    """Wait for a condition of another process."""
    assert callable(is_true)
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
