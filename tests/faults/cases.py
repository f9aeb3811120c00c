"""The faults: how each is caused, what a person reads, and what happens to the files.

`docs/faults.md` has this table, and `test_matrix` proves it.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import Enum
from functools import partial
from typing import Any

import pytest

from tests.adapters.raw import RawServer, answers, resets, says

from .gate import STRANGER, Gate
from .rig import Rig

PATIENCE_S = 120


class Fate(Enum):
    """The state of the files after the round of the fault."""

    WAITS = "waits, with the reason, and goes again"
    PAUSES = "the target is paused with the reason; no attempt is lost"
    ARRIVES = "is stored, at once"
    PARKED = "is quarantined with the reason"
    ONE_PARKED = "the guilty one is quarantined with the reason, the others are stored"


WAITS, PAUSES, ARRIVES, PARKED, ONE_PARKED = Fate


@dataclass
class Scene:
    """Where the fault happens."""

    rig: Rig
    proxy: Gate | None
    thief: RawServer  # no request of eisync may ever reach this
    monkeypatch: pytest.MonkeyPatch


CauseFault = Callable[[Scene], None]


# --- how a fault is caused


def fault(**rule: Any) -> CauseFault:
    """A fault that the emulator causes in every request of the round."""
    return lambda scene: scene.rig.faults(rule)


def fault_once(**rule: Any) -> CauseFault:
    """A fault that the emulator causes in the first request of the round."""
    return fault(**rule, times=1)


def retry_after_a_date(scene: Scene) -> None:
    date = format_datetime(datetime.fromtimestamp(scene.rig.now + PATIENCE_S + 1, UTC), usegmt=True)
    scene.rig.faults({"kind": "status", "status": 429, "error": "busy", "retry_after": date})


def redirected(scene: Scene) -> None:
    scene.rig.faults({"kind": "redirect", "location": f"{scene.thief.url}/thief"})


def away(scene: Scene) -> None:
    assert scene.proxy is not None
    scene.proxy.is_away()


def played(script: Any) -> CauseFault:
    """A fault that the gate in between causes."""

    def begin(scene: Scene) -> None:
        assert scene.proxy is not None
        scene.proxy.plays(script)

    return begin


def hears_and_resets(caller: socket.socket) -> None:
    caller.recv(1)
    resets(caller)


def disguised(scene: Scene) -> None:
    assert scene.proxy is not None
    scene.proxy.shows(STRANGER)


def nameless(scene: Scene) -> None:
    """The host name cannot be resolved, as when a line goes down."""
    assert scene.proxy is not None
    scene.proxy.opens()  # and no earlier connection is left
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
    network_errors: CauseFault
    reason: str  # what a person reads
    lone: Fate
    batch: Fate
    way: str = ""  # through a gate, with or without TLS
    asked_s: float = 0.0  # how long the service asked us to wait
    timeout_s: float = 20.0


CASES = [
    # nothing arrives
    Case("connect refused", away, "cannot be reached (Connection refused)", WAITS, WAITS, "gate"),
    Case("name not found", nameless, "cannot be reached (Name or service not known)", WAITS, WAITS, "gate"),
    Case("TLS: an untrusted certificate", disguised, "has no certificate that can be trusted", WAITS, WAITS, "tls"),
    Case("TLS: no handshake", played(says("220 smtp\n")), "the secure connection to", WAITS, WAITS, "tls"),
    Case("TLS: broken off", played(hears_and_resets), "broke (", WAITS, WAITS, "tls"),
    Case("reset before the body", fault(kind="reset_before"), "broke (", WAITS, WAITS),
    Case("reset during the body", fault(kind="reset_during", bytes=1), "broke (", WAITS, WAITS),
    # it arrived, or that is unknown
    Case("reset after the body", fault(kind="reset_after"), "broke (", WAITS, WAITS),
    Case("read time-out", fault(kind="latency", seconds=0.6), "did not answer in time", WAITS, WAITS, timeout_s=0.2),
    Case("answer withheld after the commit", fault(kind="withhold"), "broke (", WAITS, WAITS),
    Case("answer truncated", fault(kind="truncate"), "failed (ChunkedEncodingError)", WAITS, WAITS),
    Case("answer malformed", fault(kind="malformed"), "the answer is not the service's", WAITS, WAITS),
    Case("answer is no HTTP", played(says("220 smtp\n\n")), "broke (BadStatusLine)", WAITS, WAITS, "gate"),
    Case("more entries than files", fault_once(kind="count_mismatch", extra=2), "", ARRIVES, ARRIVES),
    Case("fewer entries than files", fault_once(kind="count_mismatch", extra=-1), "0 entries", WAITS, ARRIVES),
    # refusals
    Case("3xx: a redirection", redirected, "not followed, because that would hand over the key", WAITS, WAITS),
    Case("400 to one request", fault_once(kind="status", status=400, error="bad"), "HTTP 400: bad", PARKED, ARRIVES),
    Case("400 to all", fault(kind="status", status=400, error="bad"), "HTTP 400: bad", PARKED, PARKED),
    Case("401", fault(kind="status", status=401, error="Invalid API key"), "HTTP 401: Invalid API key", PAUSES, PAUSES),
    Case("403", fault(kind="status", status=403, error="no"), "HTTP 403: no", PAUSES, PAUSES),
    Case("404", fault(kind="status", status=404, error="no"), "HTTP 404: no", WAITS, WAITS),
    Case("408", fault(kind="status", status=408, error="slow"), "HTTP 408: slow", WAITS, WAITS),
    Case("413 to one request", fault_once(kind="status", status=413, error="big"), "HTTP 413: big", PARKED, ARRIVES),
    Case("413 to all", fault(kind="status", status=413, error="big"), "HTTP 413: big", PARKED, PARKED),
    Case("partial failure", fault_once(kind="partial", positions=[0], error="odd"), "odd", PARKED, ONE_PARKED),
    # requests to wait
    Case(
        "429, Retry-After in seconds",
        fault(kind="status", status=429, error="busy", retry_after=PATIENCE_S),
        "HTTP 429: busy", WAITS, WAITS, asked_s=PATIENCE_S,
    ),
    Case("429, Retry-After as a date", retry_after_a_date, "HTTP 429: busy", WAITS, WAITS, asked_s=PATIENCE_S),
    Case("500", fault(kind="status", status=500, error="oh"), "HTTP 500: oh", WAITS, WAITS),
    Case("502", fault(kind="status", status=502, error="oh"), "HTTP 502: oh", WAITS, WAITS),
    Case("503", fault(kind="status", status=503, error="oh"), "HTTP 503: oh", WAITS, WAITS),
    Case("504", fault(kind="status", status=504, error="oh"), "HTTP 504: oh", WAITS, WAITS),
    # answers from someone else
    Case("a proxy's page with 200", played(answers(HTML)), "is not the service's: '<html>", WAITS, WAITS, "gate"),
    Case("a proxy's page with 502", played(answers(HTML, "502 Bad Gateway")), "HTTP 502: <html>", WAITS, WAITS, "gate"),
]  # fmt: skip
