"""Every fault between us and the service, met by a lone file and by a batch, at the first, a middle and the last try.

The machine is the real one, and the service's own ledger is the judge: whatever happens, in the end every file was
stored exactly once, or is quarantined with the right reason and was not stored at all.

Each case is three bad rounds and then fine weather. One of the three is the fault, the others are a busy service (503),
so that the fault is the first thing to meet the files, comes in between, or is the last before they arrive.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from eisync.core.lifecycle import State
from eisync.emulator.server import RunningEmulator
from tests.adapters.raw import RawServer, answers, raw_server, resets, says

from .gate import OURS, STRANGER, Gate, gate
from .rig import Rig, rig

BATCH = 4
PATIENCE_S = 120
BUSY = {"kind": "status", "status": 503, "error": "busy"}


class Fate(Enum):
    """What is true of the files when the round of the fault is over."""

    WAITS = "all wait, each with the reason, and each is an attempt the poorer"
    PAUSES = "the target is paused with the reason, and no file has lost an attempt"
    ARRIVES = "all are in the project already"
    PARKED = "all are quarantined with the reason, for good"
    ONE_PARKED = "the guilty one is quarantined with the reason, the others are in the project"


WAITS, PAUSES, ARRIVES, PARKED, ONE_PARKED = Fate


@dataclass
class Scene:
    """Where the fault happens."""

    rig: Rig
    door: Gate | None
    thief: RawServer  # nothing of ours may ever go there
    monkeypatch: pytest.MonkeyPatch


Weather = Callable[[Scene], None]


# --- how a fault is brought about


def told(**rule: Any) -> Weather:
    """The emulator does it to every request of the round."""
    return lambda scene: scene.rig.faults(rule)


def told_once(**rule: Any) -> Weather:
    """The emulator does it to the first request of the round."""
    return told(**rule, times=1)


def told_to_wait_until(scene: Scene) -> None:
    date = format_datetime(datetime.fromtimestamp(scene.rig.now + PATIENCE_S + 1, UTC), usegmt=True)
    scene.rig.faults({"kind": "status", "status": 429, "error": "busy", "retry_after": date})


def redirected(scene: Scene) -> None:
    scene.rig.faults({"kind": "redirect", "location": f"{scene.thief.url}/thief"})


def away(scene: Scene) -> None:
    assert scene.door is not None
    scene.door.is_away()


def played(script: Any) -> Weather:
    """Somebody in between does it."""

    def begin(scene: Scene) -> None:
        assert scene.door is not None
        scene.door.plays(script)

    return begin


def hears_and_resets(caller: socket.socket) -> None:
    caller.recv(1)
    resets(caller)


def disguised(scene: Scene) -> None:
    assert scene.door is not None
    scene.door.shows(STRANGER)


def nameless(scene: Scene) -> None:
    """The host has no address any more; a name that cannot be found is how a line that is down begins."""
    assert scene.door is not None
    scene.door.opens()  # and no connection of before is left
    scene.monkeypatch.setattr("socket.getaddrinfo", partial(_without_localhost, socket.getaddrinfo))


def _without_localhost(ask: Callable[..., Any], host: Any, *more: Any, **options: Any) -> Any:
    if host == "localhost":
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return ask(host, *more, **options)


HTML = "<html><body>Please log in</body></html>"

# --- the table


@dataclass(frozen=True)
class Case:
    fault: str
    weather: Weather
    reason: str  # what a person is told
    lone: Fate
    batch: Fate
    way: str = ""  # through a gate, with or without TLS
    asked_s: float = 0.0  # how long the service asked us to wait
    timeout_s: float = 20.0


CASES = [
    # nothing arrives
    Case("connect refused", away, "cannot be reached (Connection refused)", WAITS, WAITS, "gate"),
    Case("name not found", nameless, "cannot be reached (Name or service not known)", WAITS, WAITS, "gate"),
    Case("TLS: a certificate of nobody's", disguised, "has no certificate that can be trusted", WAITS, WAITS, "tls"),
    Case("TLS: no handshake", played(says("220 smtp\n")), "the secure connection to", WAITS, WAITS, "tls"),
    Case("TLS: broken off", played(hears_and_resets), "broke (", WAITS, WAITS, "tls"),
    Case("reset before the body", told(kind="reset_before"), "broke (", WAITS, WAITS),
    Case("reset during the body", told(kind="reset_during", bytes=1), "broke (", WAITS, WAITS),
    # it arrived, or nobody knows
    Case("reset after the body", told(kind="reset_after"), "broke (", WAITS, WAITS),
    Case("read time-out", told(kind="latency", seconds=0.6), "did not answer in time", WAITS, WAITS, timeout_s=0.2),
    Case("answer withheld after the commit", told(kind="withhold"), "broke (", WAITS, WAITS),
    Case("answer truncated", told(kind="truncate"), "failed (ChunkedEncodingError)", WAITS, WAITS),
    Case("answer malformed", told(kind="malformed"), "the answer is not the service's", WAITS, WAITS),
    Case("answer is no HTTP", played(says("220 smtp\n\n")), "broke (BadStatusLine)", WAITS, WAITS, "gate"),
    Case("more entries than files", told_once(kind="count_mismatch", extra=2), "", ARRIVES, ARRIVES),
    Case("fewer entries than files", told_once(kind="count_mismatch", extra=-1), "0 entries", WAITS, ARRIVES),
    # somebody says no
    Case("300: not followed", redirected, "not followed, it would take the key", WAITS, WAITS),
    Case("400 to one request", told_once(kind="status", status=400, error="bad"), "HTTP 400: bad", PARKED, ARRIVES),
    Case("400 to all", told(kind="status", status=400, error="bad"), "HTTP 400: bad", PARKED, PARKED),
    Case("401", told(kind="status", status=401, error="Invalid API key"), "HTTP 401: Invalid API key", PAUSES, PAUSES),
    Case("403", told(kind="status", status=403, error="no"), "HTTP 403: no", PAUSES, PAUSES),
    Case("404", told(kind="status", status=404, error="no"), "HTTP 404: no", WAITS, WAITS),
    Case("408", told(kind="status", status=408, error="slow"), "HTTP 408: slow", WAITS, WAITS),
    Case("413 to one request", told_once(kind="status", status=413, error="big"), "HTTP 413: big", PARKED, ARRIVES),
    Case("413 to all", told(kind="status", status=413, error="big"), "HTTP 413: big", PARKED, PARKED),
    Case("partial failure", told_once(kind="partial", positions=[0], error="odd"), "odd", PARKED, ONE_PARKED),
    # somebody says later
    Case(
        "429, Retry-After in seconds",
        told(kind="status", status=429, error="busy", retry_after=PATIENCE_S),
        "HTTP 429: busy", WAITS, WAITS, asked_s=PATIENCE_S,
    ),
    Case("429, Retry-After as a date", told_to_wait_until, "HTTP 429: busy", WAITS, WAITS, asked_s=PATIENCE_S),
    Case("500", told(kind="status", status=500, error="oh"), "HTTP 500: oh", WAITS, WAITS),
    Case("502", told(kind="status", status=502, error="oh"), "HTTP 502: oh", WAITS, WAITS),
    Case("503", told(kind="status", status=503, error="oh"), "HTTP 503: oh", WAITS, WAITS),
    Case("504", told(kind="status", status=504, error="oh"), "HTTP 504: oh", WAITS, WAITS),
    # somebody else answers
    Case("a proxy's page with 200", played(answers(HTML)), "is not the service's: '<html>", WAITS, WAITS, "gate"),
    Case("a proxy's page with 502", played(answers(HTML, "502 Bad Gateway")), "HTTP 502: <html>", WAITS, WAITS, "gate"),
]  # fmt: skip


# --- the proof


@pytest.fixture
def stage(tmp_path: Path, emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Scene]]:
    with ExitStack() as stack:

        def build(case: Case) -> Scene:
            port = urlsplit(emulator.ingestion_url).port
            assert port is not None
            door = stack.enter_context(gate(port, tls=case.way == "tls")) if case.way else None
            machine = stack.enter_context(
                rig(
                    tmp_path,
                    emulator,
                    options={"timeout_s": case.timeout_s},
                    ingestion_url=door.url if door is not None else None,
                    ca_file=OURS if case.way == "tls" else None,
                )
            )
            return Scene(machine, door, stack.enter_context(raw_server(answers("{}"))), monkeypatch)

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
    case.weather(scene)
    machine.round()
    check_fate(scene, case, case.lone if files == 1 else case.batch, before)
    clear_up(scene)
    for _ in range(place, 2):
        busy_round(machine)
    machine.faults()
    machine.drain()

    parked = [path for path, state in machine.states().items() if state is State.QUARANTINED]
    machine.judge({path: content for path, content in contents.items() if path not in parked}, parked=parked)
    assert [] == scene.thief.heard


def busy_round(machine: Rig) -> None:
    machine.pass_time()
    machine.faults(BUSY)
    machine.round()
    machine.pass_time()


def clear_up(scene: Scene) -> None:
    scene.monkeypatch.undo()
    scene.rig.faults()
    if scene.door is not None:
        scene.door.opens()


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
            assert {"main": case.reason} == machine.app.drainer.refusals()
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
    """Nothing is sent before the service wants it."""
    if not asked_s:
        return
    requests = machine.ledger()["requests"]
    machine.now += asked_s - 1.0
    machine.round()
    assert requests == machine.ledger()["requests"]
    machine.now += 3.0
