"""SIGKILL at any moment loses and duplicates nothing; the service's ledger decides."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from eisync.emulator.server import RunningEmulator
from eisync.selftest.torture.installation import Installation
from eisync.selftest.torture.scenarios import (
    KILLS_FAULTS,
    TABLES,
    WATCH,
    WITHHELD,
    Rule,
    Trial,
    kill_again_and_again,
)
from tests.conftest import Bench, row, stored_once, until

# The larger proof is `make kills`. The seed gives the same moments and the same faults. Their effect depends on the
# scheduling of the machine, so the service's ledger is checked and not the order of events.
FILES = int(os.environ.get("KILL_FILES", "200"))
KILLS = int(os.environ.get("KILLS", "6"))
SEED = int(os.environ.get("KILL_SEED", "1"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "faults"),
    [(0, ()), (1, (WITHHELD,)), (2, KILLS_FAULTS)],
    ids=["no faults", "answers withheld after the commit", "resets, withheld answers and 503"],
)
def test_a_drain_that_is_killed_again_and_again_stores_every_file_once(
    emulator: RunningEmulator,
    tmp_path: Path,
    number: int,
    faults: Sequence[Rule],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    installation = Installation(place=str(tmp_path), service=emulator, watch=WATCH, tables=TABLES)
    trial = Trial(emulator, SEED + number, threading.Event().wait)
    figures = kill_again_and_again(trial, installation, files=FILES, kills=KILLS, faults=faults)
    with capsys.disabled():
        sys.stdout.write(f"\nseed {trial.seed}: {figures.line()}\n")
    assert () == figures.broken
    assert FILES == figures.stored.once
    assert figures.kills_under_way > 0.9 * KILLS, "kills came after the drain: they prove nothing"
    assert all(record["sample_ids"] for record in listed(installation, trial))


def listed(installation: Installation, trial: Trial) -> list[dict[str, Any]]:
    """What `eisync ls --json` says."""
    said = installation.run("ls", "--json", within_s=60, pause=trial.pause).said
    return [json.loads(line) for line in said.splitlines()]


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
