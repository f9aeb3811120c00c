"""Every fault between eisync and the service, for a lone file and a batch, at the first, a middle and the last try.

The machine is the real one, and the service's own ledger is the judge: whatever happens, in the end every file was
stored exactly once, or is quarantined with the right reason and was not stored at all.

Each case is three bad rounds and then rounds without faults. One of the three has the fault, the others a busy service
(503), so that the fault is the first of them, the middle one, or the last before the files arrive.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from eisync.core.lifecycle import State
from eisync.emulator.server import RunningEmulator
from tests.adapters.raw import answers, raw_server

from .cases import CASES, Case, Fate, Scene
from .gate import OURS, gate
from .rig import Rig, rig

BATCH = 4
BUSY = {"kind": "status", "status": 503, "error": "busy"}


@pytest.fixture
def stage(tmp_path: Path, emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Scene]]:
    with ExitStack() as stack:

        def build(case: Case) -> Scene:
            port = urlsplit(emulator.ingestion_url).port
            assert port is not None
            proxy = stack.enter_context(gate(port, tls=case.way == "tls")) if case.way else None
            machine = stack.enter_context(
                rig(
                    tmp_path,
                    emulator,
                    options={"timeout_s": case.timeout_s},
                    ingestion_url=proxy.url if proxy is not None else None,
                    ca_file=OURS if case.way == "tls" else None,
                )
            )
            return Scene(machine, proxy, stack.enter_context(raw_server(answers("{}"))), monkeypatch)

        yield build


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "middle", "last"])
@pytest.mark.parametrize("files", [1, BATCH], ids=["single", "batch"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.fault)
def test_every_file_is_stored_once_or_parked_with_the_reason(
    stage: Callable[..., Scene], case: Case, files: int, place: int
) -> None:
    scene = stage(case)
    machine = scene.rig
    contents = {name: machine.write(name) for name in (f"wave.{number}.csv" for number in range(files))}
    machine.scan()

    for _ in range(place):
        busy_round(machine)
    before = machine.files()
    case.network_errors(scene)
    machine.round()
    check_fate(scene, case, case.lone if files == 1 else case.batch, before)
    clear_up(scene)
    for _ in range(place, 2):
        busy_round(machine)
    machine.faults()
    machine.drain()

    parked = [path for path, state in machine.states().items() if state is State.QUARANTINED]
    machine.judge({path: content for path, content in contents.items() if path not in parked}, parked=parked)
    assert [] == scene.thief.requests


def busy_round(machine: Rig) -> None:
    machine.pass_time()
    machine.faults(BUSY)
    machine.round()
    machine.pass_time()
    machine.faults()
    machine.close()
    machine.start()  # forget what was learnt about the target, so that a batch stays a batch in the next round


def clear_up(scene: Scene) -> None:
    scene.monkeypatch.undo()
    scene.rig.faults()
    if scene.proxy is not None:
        scene.proxy.opens()


def check_fate(scene: Scene, case: Case, fate: Fate, before: dict[str, dict[str, Any]]) -> None:
    machine = scene.rig
    files = machine.files()
    states = list(machine.states().values())
    spent = [files[path]["attempts"] - before[path]["attempts"] for path in files]
    match fate:
        case Fate.WAITS:
            assert {State.READY} == set(states)
            assert all(case.reason in record["reason"] for record in files.values()), files
            assert {1} == set(spent)
            check_patience(machine, case.asked_s)
        case Fate.PAUSES:
            assert {State.READY} == set(states)
            assert {0} == set(spent)
            assert {"main": case.reason} == machine.app.uploader.refusals()
            assert [case.reason] == [target.paused_reason for target in machine.app.index.targets()]
        case Fate.ARRIVES:
            assert {State.SYNCED} == set(states)
        case Fate.PARKED:
            assert {State.QUARANTINED} == set(states)
            assert {case.reason} == {record["reason"] for record in files.values()}
        case Fate.ONE_PARKED:
            assert [State.QUARANTINED] == [state for state in states if state is not State.SYNCED]
            assert [case.reason] == [
                record["reason"] for record in files.values() if record["state"] == State.QUARANTINED.value
            ]


def check_patience(machine: Rig, asked_s: float) -> None:
    """Check that nothing is sent before the time that the service asked for."""
    if not asked_s:
        return
    requests = machine.ledger()["requests"]
    machine.now += asked_s - 1.0
    machine.round()
    assert requests == machine.ledger()["requests"]
    machine.now += 3.0
