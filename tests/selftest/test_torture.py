"""`eisync selftest --torture`: what is done to eisync, how its account is judged, and that nothing stays behind."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from eisync.emulator.server import RunningEmulator
from eisync.selftest.model import StoppedError
from eisync.selftest.torture.account import Figures, Stored, broken_promises, compare
from eisync.selftest.torture.installation import Installation
from eisync.selftest.torture.scenarios import TABLES, WATCH, Trial, fill_the_disk, withhold_answers
from eisync.selftest.torture.trials import Asked, torture
from tests.conftest import Bench, until

KEPT = Stored(once=3, lost=0, doubled=0, strange=0)


@pytest.mark.parametrize(
    ("written", "stored", "expected"),
    [
        ("abc", {"a": 1, "b": 1, "c": 1}, Stored(3, 0, 0, 0)),
        ("abc", {"a": 1}, Stored(1, 2, 0, 0)),
        ("abc", {"a": 1, "b": 3, "c": 1}, Stored(2, 0, 1, 0)),
        ("a", {"a": 1, "x": 1, "y": 2}, Stored(1, 0, 0, 2)),
    ],
)
def test_each_file_is_stored_once_lost_or_doubled(written: str, stored: dict[str, int], expected: Stored) -> None:
    assert expected == compare(frozenset(written), stored)


@pytest.mark.parametrize(
    ("stored", "states", "code", "broken"),
    [
        (KEPT, {"synced": 3}, 0, ()),
        (Stored(2, 1, 0, 0), {"synced": 3}, 0, ("1 files were lost",)),
        (Stored(2, 0, 1, 0), {"synced": 3}, 0, ("1 files were stored more than once",)),
        (Stored(3, 0, 0, 1), {"synced": 3}, 0, ("1 stored contents are in none of the files",)),
        (KEPT, {"synced": 2, "ready": 1}, 0, ("not every file is synced: 1 ready",)),
        (KEPT, {"synced": 3}, 4, ("'eisync once' ended with exit code 4",)),
    ],
)
def test_a_promise_is_broken_by_the_account_the_states_or_the_end(
    stored: Stored, states: dict[str, int], code: int, broken: tuple[str, ...]
) -> None:
    assert broken == broken_promises(stored, states, code)


def test_figures_are_one_line_for_a_person() -> None:
    kept = Figures(scenario="kills", files=3, kills=2, kills_under_way=1, stored=KEPT, faults={"withhold": 4})
    assert (
        "kills: 3 files, 2 kills (1 with files still to go), 4 withhold: stored once 3, lost 0, doubled 0, 0 s"
        == kept.line()
    )
    assert "full disk: skipped: no root" == Figures(scenario="full disk", skipped="no root").line()
    broken = Figures(scenario="x", stored=Stored(0, 1, 0, 0), broken=("1 files were lost",)).line()
    assert broken.endswith("lost 1, doubled 0, 0 s; BROKEN: 1 files were lost")


def test_the_same_seed_gives_the_same_moments(emulator: RunningEmulator) -> None:
    def drawn(seed: int) -> list[float]:
        return [Trial(emulator, seed, lambda _: False).draw("late", number) for number in range(50)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 0 <= min(drawn(1)) < 0.2
    assert 0.8 < max(drawn(1)) < 1


def test_a_trial_that_is_stopped_does_not_wait(emulator: RunningEmulator) -> None:
    with pytest.raises(StoppedError):
        Trial(emulator, 1, lambda _: True).until(lambda: False)


def installation_at(place: Path, emulator: RunningEmulator) -> Installation:
    return Installation(place=str(place), service=emulator, watch=WATCH, tables=TABLES)


class Forgetful(RunningEmulator):
    """An emulator that has lost one sample and stored another one twice."""

    def __init__(self, real: RunningEmulator) -> None:
        self.__dict__ = real.__dict__

    def ledger(self, project_id: int | None = None) -> dict[str, Any]:
        account = super().ledger(project_id)
        hashes = sorted(account["stored_by_hash"])
        if len(hashes) == 3:
            del account["stored_by_hash"][hashes[0]]
            account["stored_by_hash"][hashes[1]] = 2
        return account


@pytest.mark.slow
def test_a_service_that_loses_and_doubles_is_noticed(emulator: RunningEmulator, tmp_path: Path) -> None:
    trial = Trial(Forgetful(emulator), 1, threading.Event().wait)
    figures = withhold_answers(trial, installation_at(tmp_path, emulator), files=3)
    assert Stored(once=1, lost=1, doubled=1, strange=0) == figures.stored
    assert ("1 files were lost", "1 files were stored more than once") == figures.broken


def test_where_no_disk_may_be_mounted_the_trial_is_skipped_with_the_reason(
    emulator: RunningEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    figures = fill_the_disk(Trial(emulator, 1, lambda _: False), installation_at(tmp_path, emulator), files=10)
    assert "no small disk can be mounted here (mount is not installed); mounting needs root" == figures.skipped
    assert 0 == emulator.ledger()["requests"]


@pytest.mark.slow
def test_a_full_disk_is_met_while_eisync_writes(emulator: RunningEmulator, tmp_path: Path) -> None:
    figures = fill_the_disk(Trial(emulator, 1, threading.Event().wait), installation_at(tmp_path, emulator), files=20)
    if figures.skipped:
        pytest.skip(figures.skipped)
    assert (20, ()) == (figures.stored.once, figures.broken)
    assert 0 < figures.faults["failed writes"]
    assert not os.path.ismount(tmp_path / "disk")


# The command


def tortured(bench: Bench, *arguments: str) -> subprocess.CompletedProcess[str]:
    asked = bench.command("selftest", "--torture", str(bench.place), "--seed", "1", *arguments)
    return subprocess.run(
        asked, env=bench.environ, cwd=bench.place, capture_output=True, text=True, timeout=100, check=False
    )


@pytest.mark.slow
def test_every_scenario_is_tried_and_nothing_stays(bench: Bench) -> None:
    before = sorted(bench.place.iterdir())
    done = tortured(bench, "--files", "30", "--kills", "3", "--json")
    assert 0 == done.returncode, done.stdout + done.stderr
    record = json.loads(done.stdout)
    kills, withheld, full = record["scenarios"]
    assert (30, 30, 0, 0) == tuple(kills[name] for name in ("files", "stored_once", "lost", "doubled"))
    assert 0 < kills["kills_under_way"] <= kills["kills"] <= 3
    assert (10, 10, 0, 0) == tuple(withheld[name] for name in ("files", "stored_once", "lost", "doubled"))
    assert 0 < withheld["faults"]["withhold"]
    assert bool(full["skipped"]) != (full["stored_once"] == 10)
    assert (1, False, "") == (record["seed"], record["stopped"], record["folder"])
    assert before == sorted(bench.place.iterdir())
    assert 0 == bench.emulator.ledger()["requests"], "the project of the settings was asked"


@pytest.mark.slow
def test_a_signal_ends_the_trial_and_every_process_of_it(bench: Bench) -> None:
    asked = bench.command("selftest", "--torture", str(bench.place), "--files", "300", "--kills", "50")
    process = subprocess.Popen(asked, env=bench.environ, cwd=bench.place, stdout=subprocess.PIPE)
    until(lambda: list(bench.place.glob("eisync-selftest-*/0/daemon-1.log")))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert 4 == process.returncode
    assert [] == list(bench.place.glob("eisync-selftest-*"))
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(bench.place) not in running


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--target", "main"), 2, "--torture asks no project"),
        (("--yes",), 2, "--torture asks no project"),
        (("--torture", "/nowhere/at/all"), 73, "/nowhere/at/all cannot be used"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(bench: Bench, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = tortured(bench, *arguments)
    assert (code, True) == (done.returncode, said in done.stderr)


@contextmanager
def lying(emulator: RunningEmulator) -> Iterator[RunningEmulator]:
    yield Forgetful(emulator)


@pytest.mark.slow
def test_the_folder_of_a_broken_promise_stays_for_a_report(emulator: RunningEmulator, tmp_path: Path) -> None:
    stop = threading.Event()

    def tell(_: Figures) -> None:
        stop.set()

    outcome = torture(
        Asked(folder=str(tmp_path), files=3, kills=1, seed=1), lambda: lying(emulator), wait=stop.wait, tell=tell
    )
    assert (True, True) == (outcome.is_broken, outcome.is_stopped)
    assert os.path.exists(os.path.join(outcome.place, "0", "daemon-1.log"))
