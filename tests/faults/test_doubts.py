"""Where duplicates are allowed, a file that may have arrived is searched for before it is sent again."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from eisync.core.lifecycle import State
from eisync.emulator.server import RunningEmulator
from eisync.loops.reconciler.identification import DOUBT_S
from tests.conftest import row, sha256

from .gate import gate
from .rig import Rig, rig

FILES = 5


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def machine(tmp_path: Path, emulator: RunningEmulator, stack: ExitStack) -> Callable[..., Rig]:
    return lambda **options: stack.enter_context(rig(tmp_path, emulator, **options))


def filled(machine: Rig) -> dict[str, bytes]:
    contents = {name: machine.write(name) for name in (f"wave.{number}.csv" for number in range(FILES))}
    machine.scan()
    return contents


def reconcile_and_drain(machine: Rig) -> None:
    """Let the time pass after which a file that is not found counts as absent."""
    machine.now += DOUBT_S
    machine.compare()
    machine.drain()


LOST: dict[str, dict[str, Any]] = {
    "an answer withheld after the commit": {"kind": "withhold"},
    "a truncated answer": {"kind": "truncate"},
    "a malformed answer": {"kind": "malformed"},
    "a connection reset before the body": {"kind": "reset_before"},
    "a connection reset during the body": {"kind": "reset_during", "bytes": 1},
    "a connection reset after the body": {"kind": "reset_after"},
    "a server that fails": {"kind": "status", "status": 500},
    "entries too many": {"kind": "count_mismatch", "extra": 1},
    "entries too few": {"kind": "count_mismatch", "extra": -1},
}


@pytest.mark.parametrize("reconcile", [True, False], ids=["with sweeps", "without"])
@pytest.mark.parametrize("batch_files", [1, FILES], ids=["single", "batch"])
@pytest.mark.parametrize("fault", LOST)
def test_after_a_lost_answer_every_file_is_stored_once(
    machine: Callable[..., Rig], fault: str, batch_files: int, reconcile: bool
) -> None:
    one = machine(options={"allow_duplicates": True, "batch_files": batch_files}, reconcile=reconcile)
    contents = filled(one)
    one.faults(LOST[fault])
    one.round()
    # A lone file with a contradictory answer has arrived: nothing is in doubt.
    assert (State.DOUBTFUL in one.states().values()) is (fault != "entries too many" or batch_files > 1)
    one.faults()

    reconcile_and_drain(one)

    one.judge(contents)


@pytest.mark.parametrize(
    "fault", [{}, {"kind": "withhold"}, {"kind": "reset_after"}], ids=["stored", "lost", "not stored"]
)
def test_files_in_flight_at_a_crash_are_stored_once(machine: Callable[..., Rig], fault: dict[str, Any]) -> None:
    one = machine(options={"allow_duplicates": True, "batch_files": 2})
    contents = filled(one)
    one.faults(*([fault] if fault else []))

    one.crash_under_way()
    assert State.DOUBTFUL in one.states().values()
    one.faults()
    one.round()
    assert State.DOUBTFUL in one.states().values(), "it was sent again before anybody looked"
    reconcile_and_drain(one)

    one.judge(contents)


def test_a_request_that_is_still_processed_does_not_count_as_lost(
    machine: Callable[..., Rig], emulator: RunningEmulator, stack: ExitStack
) -> None:
    proxy = stack.enter_context(gate(urlsplit(emulator.ingestion_url).port or 0))
    one = machine(options={"allow_duplicates": True, "timeout_s": 0.2}, ingestion_url=proxy.url)
    contents = filled(one)
    goes_on = threading.Event()
    proxy.bars(lambda _: not goes_on.wait(20))
    one.round()
    one.compare()  # it is not stored yet
    one.round()
    assert {State.DOUBTFUL} == set(one.states().values())
    goes_on.set()
    one.until_stored(FILES)

    reconcile_and_drain(one)

    one.judge(contents)


def test_files_with_equal_name_and_content_are_separate_samples(machine: Callable[..., Rig]) -> None:
    one = machine(options={"allow_duplicates": True})
    for folder in ("one", "two", "three"):
        one.write(f"{folder}/wave.csv", row(1))
    one.scan()
    one.faults({"kind": "withhold"})
    one.round()
    one.faults()

    reconcile_and_drain(one)

    assert {State.SYNCED} == set(one.states().values())
    assert {sha256(row(1)): 3} == one.stored()
    assert 3 == len({sample for record in one.files().values() for sample in record["sample_ids"]})


def test_a_key_that_may_not_list_leaves_it_to_a_person(machine: Callable[..., Rig]) -> None:
    one = machine(options={"allow_duplicates": True}, role="ingestiononly")
    contents = filled(one)
    one.faults({"kind": "withhold", "times": 1})
    one.round()
    one.faults()
    for _ in range(3):
        one.pass_time()
        one.compare()
        one.round()

    files = one.files()
    assert {"doubtful"} == {record["state"] for record in files.values()}
    assert all(
        "Look for it in Studio; 'eisync retry FILE' sends it again" in record["reason"] for record in files.values()
    )
    assert {sha256(content): 1 for content in contents.values()} == one.stored()

    one.app.outbox.retry(one.app.index.records.ids_of(str(one.recordings / "wave.0.csv")), now=one.now)
    one.round()
    assert (State.SYNCED, 2) == (one.states()["wave.0.csv"], one.stored()[sha256(contents["wave.0.csv"])])
