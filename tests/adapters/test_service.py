import contextlib
import gc
import gzip
import hashlib
import http.client
import json
import os
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from eisync.adapters import clock
from eisync.adapters.client import connections
from eisync.adapters.client.errors import MAX_ANSWER_BYTES
from eisync.adapters.client.replies import last_id
from eisync.adapters.client.service import Endpoints, ServiceClient
from eisync.adapters.files import file_facts
from eisync.core import wire
from eisync.core.batching import Request
from eisync.core.dataset import WholeSample
from eisync.core.model import Category, Item
from eisync.core.retry import Fault
from eisync.core.wire import Duplicate, Envelope, Reply, Silence, Stored
from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from eisync.errors import (
    ConfigurationError,
    EisyncError,
    FileChangedError,
    KeyRefusedError,
    StudioError,
    UnansweredError,
    UnreachableError,
)
from tests.canary import CANARY

from .raw import RawServer, Script, answers, never_ends, raw_server, resets, says, stays_silent

DUPLICATES = False


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0)) as running:
        yield running


@pytest.fixture(autouse=True)
def _without_faults(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "emulator" in request.fixturenames:
        request.getfixturevalue("emulator").set_faults()


@pytest.fixture
def key(emulator: RunningEmulator) -> str:
    """The key of a project of its own, so that tests can share an emulator."""
    return str(emulator.add_project(name="one test")["keys"][0]["key"])


@pytest.fixture
def connect(emulator: RunningEmulator, key: str) -> Iterator[Callable[..., ServiceClient]]:
    """Make services; by default of the emulator and with its key."""
    with contextlib.ExitStack() as stack:

        def make(*, url: str | None = None, read_key: Callable[[], str] = lambda: key, **more: float) -> ServiceClient:
            options: dict[str, Any] = {"connect_timeout_s": 2.0, "timeout_s": 2.0, **more}
            endpoints = Endpoints(
                studio_url=f"{url}/v1" if url else emulator.studio_url,
                ingestion_url=url or emulator.ingestion_url,
                **options,
            )
            service = ServiceClient(endpoints, read_key, user_agent="eisync/test")
            stack.callback(service.close)
            return service

        yield make


@pytest.fixture
def service(connect: Callable[..., ServiceClient]) -> ServiceClient:
    return connect()


@pytest.fixture
def pack(tmp_path: Path) -> Callable[..., Envelope]:
    """Envelopes of files with the contents given; the first is 1.csv."""
    numbers = iter(range(1, 10_000))

    def make(*contents: bytes, label: str | None = "idle") -> Envelope:
        members = []
        for content in contents:
            number = next(numbers)
            (tmp_path / f"{number}.csv").write_bytes(content)
            facts = file_facts.facts_at(str(tmp_path), f"{number}.csv")
            assert facts is not None
            members.append(
                Item(
                    id=number,
                    root=str(tmp_path),
                    path=f"{number}.csv",
                    target="t",
                    facts=facts,
                    label=label,
                    category=Category.TRAINING,
                )
            )
        request = Request(target="t", category=Category.TRAINING, label=label, metadata=(), items=tuple(members))
        return wire.envelope(request, boundary="eisync-0123456789abcdef", allow_duplicates=DUPLICATES)

    return make


def row(number: int) -> bytes:
    return f"timestamp,accX\n0,{number}\n10,{number + 1}\n".encode()


def outcomes(service: ServiceClient, envelope: Envelope) -> list[wire.Outcome]:
    sent = service.upload(envelope)
    return list(wire.read_reply(sent.reply, sent=len(envelope.parts), now=0.0))


def silence_of(service: ServiceClient, envelope: Envelope) -> Silence:
    reply = service.upload(envelope).reply
    assert isinstance(reply, Silence)
    return reply


# --- uploads


def test_files_of_a_request_are_stored_and_hashed(service: ServiceClient, pack: Callable[..., Envelope]) -> None:
    sent = service.upload(pack(row(1), row(2)))
    assert {1: hashlib.sha256(row(1)).hexdigest(), 2: hashlib.sha256(row(2)).hexdigest()} == sent.sha256
    stored = wire.read_reply(sent.reply, sent=2, now=0.0)
    assert [Stored, Stored] == [type(outcome) for outcome in stored]
    listed = [sample.original_name for sample in service.page(limit=10).samples]
    assert ["2.csv", "1.csv"] == listed


def test_the_same_bytes_are_known_by_their_ids(service: ServiceClient, pack: Callable[..., Envelope]) -> None:
    (first,) = outcomes(service, pack(row(3)))
    assert isinstance(first, Stored)
    assert [Duplicate((first.sample_id,))] == outcomes(service, pack(row(3)))


def test_a_wrong_key_bars_the_target(connect: Callable[..., ServiceClient], pack: Callable[..., Envelope]) -> None:
    (outcome,) = outcomes(connect(read_key=lambda: CANARY + "wrong"), pack(row(4)))
    assert wire.Barred("HTTP 401: Invalid API key") == outcome


def test_a_new_key_is_used_at_once(
    connect: Callable[..., ServiceClient], pack: Callable[..., Envelope], emulator: RunningEmulator
) -> None:
    other = emulator.add_project(name="other")
    keys = [CANARY + "wrong"]
    service = connect(read_key=lambda: keys[-1])
    with pytest.raises(KeyRefusedError):
        service.project_id()
    keys.append(other["keys"][0]["key"])
    assert other["id"] == service.project_id()
    (outcome,) = outcomes(service, pack(row(5)))
    assert isinstance(outcome, Stored)
    assert other["id"] == outcome.project_id


def test_the_project_is_asked_for_once_a_key(connect: Callable[..., ServiceClient], emulator: RunningEmulator) -> None:
    first, second = emulator.add_project(name="first"), emulator.add_project(name="second")
    keys = [first["keys"][0]["key"]]
    service = connect(read_key=lambda: keys[-1])
    before = emulator.ledger()["studio_requests"]
    assert [first["id"], first["id"]] == [service.project_id(), service.project_id()]
    assert 1 == emulator.ledger()["studio_requests"] - before
    keys.append(second["keys"][0]["key"])
    assert second["id"] == service.project_id()
    service.forget_project()
    assert second["id"] == service.project_id()
    assert 3 == emulator.ledger()["studio_requests"] - before


def test_a_key_that_cannot_be_read_is_for_a_person(
    connect: Callable[..., ServiceClient], pack: Callable[..., Envelope]
) -> None:
    def unreadable() -> str:
        raise ConfigurationError("file key: is empty")

    service = connect(read_key=unreadable)
    for ask in (lambda: service.upload(pack(row(6))), service.project_id):
        with pytest.raises(ConfigurationError):
            ask()


def test_a_file_that_changed_is_named_and_nothing_of_its_request_is_stored(
    service: ServiceClient, pack: Callable[..., Envelope], tmp_path: Path, emulator: RunningEmulator, key: str
) -> None:
    letter = pack(row(7), row(8))
    (tmp_path / "2.csv").write_bytes(row(9))
    before = emulator.ledger()
    with pytest.raises(FileChangedError) as caught:
        service.upload(letter)
    assert 2 == caught.value.item_id
    assert 0 == service.page(limit=1).total
    assert before["commits"] == emulator.ledger()["commits"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "status", "status": 503, "retry_after": 7}, wire.Failed(Fault.THROTTLED, "HTTP 503: fault", 7.0)),
        ({"kind": "status", "status": 500}, wire.Failed(Fault.UNANSWERED, "HTTP 500: fault")),
        ({"kind": "reset_before"}, Fault.UNANSWERED),
        ({"kind": "reset_during"}, Fault.UNANSWERED),
        ({"kind": "reset_after"}, Fault.UNANSWERED),
        ({"kind": "withhold"}, Fault.UNANSWERED),
        ({"kind": "truncate"}, Fault.UNANSWERED),
        ({"kind": "malformed"}, Fault.UNANSWERED),
        ({"kind": "latency", "seconds": 3.0}, Fault.UNANSWERED),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_a_fault_of_the_network_is_reported_as_it_is(
    connect: Callable[..., ServiceClient],
    pack: Callable[..., Envelope],
    emulator: RunningEmulator,
    fault: dict[str, object],
    expected: wire.Failed | Fault,
) -> None:
    service = connect(timeout_s=0.5)
    emulator.set_faults({"where": "ingestion", "error": "fault", **fault})
    (outcome,) = outcomes(service, pack(row(10)))
    assert isinstance(outcome, wire.Failed)
    assert expected == (outcome if isinstance(expected, wire.Failed) else outcome.fault)
    emulator.set_faults()
    (after,) = outcomes(service, pack(row(10)))
    assert isinstance(after, Stored | Duplicate)


def test_a_body_that_breaks_off_leaves_no_file_open(
    service: ServiceClient, pack: Callable[..., Envelope], emulator: RunningEmulator, tmp_path: Path
) -> None:
    emulator.set_faults({"where": "ingestion", "kind": "reset_during", "bytes": 1000})
    gc.disable()
    try:
        silence_of(service, pack(b"timestamp,x\n" + b"0,1\n" * 4_000_000))
        left = [number for number in os.listdir("/proc/self/fd") if is_below(tmp_path, number)]
    finally:
        gc.enable()
    assert [] == left


def is_below(folder: Path, descriptor: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith(str(folder))
    except OSError:
        return False


# --- a line that is bad in ways that the emulator is not


@pytest.fixture
def raw(connect: Callable[..., ServiceClient]) -> Iterator[Callable[..., tuple[ServiceClient, RawServer]]]:
    """A service that speaks with a scripted server, with the canary for a key."""
    with contextlib.ExitStack() as stack:

        def make(script: Script | None, *, reads: bool = True, **more: float) -> tuple[ServiceClient, RawServer]:
            server = stack.enter_context(raw_server(script, reads=reads))
            return connect(url=server.url, read_key=lambda: CANARY, **more), server

        yield make


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_redirect_is_not_followed_and_takes_no_key_along(
    raw: Callable[..., tuple[ServiceClient, RawServer]], pack: Callable[..., Envelope]
) -> None:
    with raw_server(answers("{}")) as other:
        service, server = raw(answers("", "307 Temporary Redirect", f"Location: {other.url}/thief"))
        (outcome,) = outcomes(service, pack(row(1)))
        with pytest.raises(UnansweredError):
            service.project_id()
        assert [] == other.requests
    assert CANARY.encode() in server.everything
    reason = f"HTTP 307: redirected to {other.url}/thief; not followed, because that would hand over the key"
    assert wire.Failed(Fault.UNREACHABLE, reason) == outcome


def test_a_refused_connection_has_certainly_not_arrived(
    connect: Callable[..., ServiceClient], pack: Callable[..., Envelope]
) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    service = connect(url=url)
    expected = f"{url} cannot be reached (Connection refused)"
    assert Silence(Fault.UNREACHABLE, expected) == silence_of(service, pack(row(1)))
    with pytest.raises(UnreachableError) as caught:
        service.project_id()
    assert expected == str(caught.value)


def test_a_host_without_an_address_has_certainly_not_got_it(
    connect: Callable[..., ServiceClient], pack: Callable[..., Envelope], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    silence = silence_of(connect(url="http://ingestion.invalid"), pack(row(1)))
    assert Silence(Fault.UNREACHABLE, "http://ingestion.invalid cannot be reached (Name or service not known)") == (
        silence
    )


def test_no_connection_in_time_has_certainly_not_arrived(
    connect: Callable[..., ServiceClient], pack: Callable[..., Envelope]
) -> None:
    with socket.socket() as listener, contextlib.ExitStack() as callers:
        # A listener with a full queue accepts no connection.
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        silence = silence_of(connect(url=url, connect_timeout_s=0.3), pack(row(1)))
    assert Silence(Fault.UNREACHABLE, f"{url} does not answer: no connection in time", is_timeout=True) == silence


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (stays_silent, "{url} accepted the request but did not answer in time"),
        (resets, "the connection to {url} broke"),
        (lambda caller: None, "the connection to {url} broke"),
        (says("HTTP/1.1 200 OK\nContent-Length: 100\n\n{"), "the request to {url} failed (ChunkedEncodingError)"),
        (says("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nffff\n{"), "the request to {url} failed"),
        (says("HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 4\n\nabcd"), "the request to {url} failed"),
        (says("SSH-2.0-OpenSSH_9.2\n"), "the connection to {url} broke"),
        (says("HTTP/1.1 abc OK\n\n"), "the connection to {url} broke"),
        (never_ends, "the answer is larger than 0.0664 MiB"),
        (says(b"HTTP/1.1 200 OK\r\n" + b"X-Many: 1\r\n" * 500 + b"\r\n"), "the connection to {url} broke"),
        (says(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n"), "the connection to {url} broke"),
        (
            says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n"),
            "the request to {url} failed",
        ),
        (
            says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(64 * 1024 * 1024))),
            "the answer is larger than 0.0664 MiB",
        ),
    ],
    ids=[
        "silent",
        "reset",
        "closed",
        "truncated",
        "cut-chunk",
        "no-gzip",
        "not-http",
        "bad-status",
        "endless",
        "many-headers",
        "long-header",
        "long-trailer",
        "gzip-bomb",
    ],
)
def test_whatever_is_no_answer_leaves_it_open_whether_it_arrived(
    raw: Callable[..., tuple[ServiceClient, RawServer]], pack: Callable[..., Envelope], script: object, reason: str
) -> None:
    service, server = raw(script, timeout_s=0.5)
    silence = silence_of(service, pack(row(1)))
    assert Fault.UNANSWERED == silence.fault
    assert silence.reason.startswith(reason.format(url=server.url)), silence.reason
    with pytest.raises(UnansweredError):
        service.project_id()


STORED = b'{"success":true,"files":[{"success":true,"projectId":7,"sampleId":5,"fileName":"a.csv"}]}'
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n" % (len(STORED), STORED)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\n" + STORED,
        b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(STORED), STORED),
        b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"X-Sum: 1\r\n" * 5_000 + b"\r\n",
    ],
    ids=["http-1.0", "http-1.0-with-length", "chunked", "many-trailers"],
)
def test_an_answer_is_read_as_old_and_new_proxies_put_it(
    raw: Callable[..., tuple[ServiceClient, RawServer]], pack: Callable[..., Envelope], answer: bytes
) -> None:
    service, server = raw(says(answer))
    for _ in range(2):  # also where the connection before it was not kept
        (outcome,) = outcomes(service, pack(row(1)))
        assert isinstance(outcome, wire.Stored), outcome
        assert 5 == outcome.sample_id
    assert 2 == len(server.requests)


def test_an_answer_is_never_read_beyond_its_limit(
    raw: Callable[..., tuple[ServiceClient, RawServer]], pack: Callable[..., Envelope]
) -> None:
    sent = 0

    def bomb(caller: socket.socket) -> None:
        nonlocal sent
        caller.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            sent += caller.send(b" " * 65_536)

    service, _ = raw(bomb)
    silence_of(service, pack(row(1)))
    service.close()
    assert 65_536 < sent < MAX_ANSWER_BYTES


def test_an_early_refusal_is_read_although_the_body_was_not(
    raw: Callable[..., tuple[ServiceClient, RawServer]], pack: Callable[..., Envelope]
) -> None:
    service, _ = raw(answers('{"success":false,"error":"Invalid API key"}', "401 Unauthorized"))
    (outcome,) = outcomes(service, pack(b"x" * 3_000_000))
    assert wire.Barred("HTTP 401: Invalid API key") == outcome


def test_the_page_of_a_captive_portal_is_no_answer(
    raw: Callable[..., tuple[ServiceClient, RawServer]], pack: Callable[..., Envelope]
) -> None:
    service, server = raw(answers("<html>Please log in</html>"))
    (outcome,) = outcomes(service, pack(row(1)))
    assert wire.Failed(Fault.UNANSWERED, "the answer is not the service's: '<html>Please log in</html>'") == outcome
    with pytest.raises(UnansweredError) as caught:
        service.project_id()
    assert f"the answer of {server.url}/v1/api/projects/api-key-info is not Studio's (HTTP 200)" == str(caught.value)


def test_a_server_without_a_trusted_certificate_gets_nothing(
    connect: Callable[..., ServiceClient], pack: Callable[..., Envelope]
) -> None:
    with tls_server() as url:
        silence = silence_of(connect(url=url), pack(row(1)))
    assert Silence(Fault.UNREACHABLE, f"{url} has no certificate that can be trusted") == silence


def test_a_server_that_speaks_no_tls_leaves_it_open(
    connect: Callable[..., ServiceClient], pack: Callable[..., Envelope]
) -> None:
    with raw_server(says("HTTP/1.1 400 Bad Request\n\n"), reads=False) as server:
        url = server.url.replace("http://", "https://")
        silence = silence_of(connect(url=url), pack(row(1)))
    assert Fault.UNANSWERED == silence.fault
    assert silence.reason.startswith(f"the secure connection to {url} failed")


def test_certificates_that_are_not_there_are_no_mistake_of_ours(
    emulator: RunningEmulator, pack: Callable[..., Envelope], tmp_path: Path
) -> None:
    endpoints = Endpoints(
        studio_url="https://127.0.0.1:9/v1", ingestion_url="https://127.0.0.1:9", ca_file=str(tmp_path / "ca.pem")
    )
    service = ServiceClient(endpoints, lambda: CANARY, user_agent="eisync/test")
    with contextlib.closing(service):
        silence = silence_of(service, pack(row(1)))
        assert "ca.pem" in silence.reason
        with pytest.raises(UnansweredError):
            service.project_id()


@contextlib.contextmanager
def tls_server() -> Iterator[str]:
    """Serve TLS with a certificate that no authority signed, and read the request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).parent / "localhost.pem")

    def shake_hands(caller: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(caller, server_side=True) as secure:
            secure.recv(65_536)

    with raw_server(shake_hands, reads=False) as server:
        yield server.url.replace("http://", "https://")


# --- Studio


def test_a_wrong_key_is_for_a_person(connect: Callable[..., ServiceClient]) -> None:
    with pytest.raises(KeyRefusedError) as caught:
        connect(read_key=lambda: CANARY + "wrong").page(limit=1)
    assert "Studio refuses the key (Invalid API key); give eisync another key" == str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        ("200 OK", '{"success":false,"error":"No project"}', StudioError),
        ("200 OK", '{"success":false}', StudioError),
        ("403 Forbidden", '{"success":false,"error":"No rights"}', StudioError),
        ("404 Not Found", '{"success":false,"error":"No such path"}', StudioError),
        ("400 Bad Request", '{"success":true}', StudioError),
        ("401 Unauthorized", '{"success":false,"error":"Invalid API key"}', KeyRefusedError),
        ("408 Request Timeout", '{"success":false}', UnansweredError),
        ("429 Too Many Requests", '{"success":false}', UnansweredError),
        ("500 Internal Server Error", '{"success":false}', UnansweredError),
        ("503 Service Unavailable", "<html>", UnansweredError),
        ("200 OK", "[]", UnansweredError),
        ("200 OK", "[" * 100_000, UnansweredError),
        ("200 OK", '{"success":true}', UnansweredError),
        ("200 OK", '{"success":true,"projectId":"seven"}', UnansweredError),
        ("200 OK", "", UnansweredError),
    ],
)
def test_answers_of_studio_are_sorted_by_who_must_act(
    raw: Callable[..., tuple[ServiceClient, RawServer]], status: str, body: str, expected: type[EisyncError]
) -> None:
    service, _ = raw(answers(body, status))
    with pytest.raises(expected):
        service.project_id()


def test_an_older_studio_is_asked_for_its_projects(
    connect: Callable[..., ServiceClient], emulator: RunningEmulator, key: str
) -> None:
    emulator.set_faults(
        {"where": "studio", "kind": "status", "status": 404, "path": "api-key-info", "error": "No such path"}
    )
    assert connect().project_id() > 0


@pytest.mark.parametrize("projects", ["[]", '[{"id":1},{"id":2}]'])
def test_a_key_must_open_one_project(raw: Callable[..., tuple[ServiceClient, RawServer]], projects: str) -> None:
    def play(caller: socket.socket) -> None:
        is_old = b"api-key-info" in server.requests[-1]
        answers('{"success":false}' if is_old else f'{{"success":true,"projects":{projects}}}')(caller)

    service, server = raw(play)
    with pytest.raises(StudioError) as caught:
        service.project_id()
    assert "projects, not one" in str(caught.value)


def test_pages_go_down_from_the_newest_and_miss_none(service: ServiceClient, pack: Callable[..., Envelope]) -> None:
    stored = outcomes(service, pack(*(row(100 + number) for number in range(7))))
    expected = sorted((outcome.sample_id for outcome in stored if isinstance(outcome, Stored)), reverse=True)
    ids: list[int] = []
    before_id = None
    while page := service.page(limit=3, before_id=before_id).samples:
        ids += [sample.id for sample in page]
        before_id = ids[-1]
    assert expected == ids
    assert 7 == service.page(limit=1).total


def test_existing_samples_are_found_however_far_apart_their_ids(
    service: ServiceClient, pack: Callable[..., Envelope], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = outcomes(service, pack(*(row(100 + number) for number in range(7))))
    ids = [outcome.sample_id for outcome in stored if isinstance(outcome, Stored)]
    assert {} == service.listed([])
    assert service.delete(ids[2])
    asked = [ids[5], ids[0], ids[2], max(ids) + 1000]
    for most in (1000, 2, 1):
        monkeypatch.setattr("eisync.adapters.client.listing.MOST_LISTED", most)
        assert {ids[5], ids[0]} == set(service.listed(asked))
        assert {sample_id: sample_id for sample_id in (ids[5], ids[0])} == {
            sample_id: sample.id for sample_id, sample in service.listed(asked).items()
        }


def test_samples_that_were_not_asked_for_are_no_answer(raw: Callable[..., tuple[ServiceClient, RawServer]]) -> None:
    replies = iter(['{"success":true,"projectId":7}'])
    page = '{"success":true,"samples":[{"id":9}],"totalCount":1}'
    service, _ = raw(lambda caller: answers(next(replies, page))(caller))
    with pytest.raises(UnansweredError, match="not asked for"):
        service.listed([5, 7])


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ({"kind": "status", "status": 500}, UnansweredError),
        ({"kind": "status", "status": 403}, StudioError),
        ({"kind": "malformed"}, UnansweredError),
        ({"kind": "truncate"}, UnansweredError),
        ({"kind": "reset_before"}, UnansweredError),
    ],
    ids=lambda value: value.get("status", value["kind"]) if isinstance(value, dict) else "",
)
def test_a_fault_ahead_is_raised_when_the_page_is_called_for(
    service: ServiceClient, emulator: RunningEmulator, rule: dict[str, object], error: type[EisyncError]
) -> None:
    service.project_id()
    emulator.set_faults({"where": "studio", "times": 1, **rule})
    coming = service.ahead(limit=10)
    assert None is coming.predicted_end_id()
    with pytest.raises(error):
        coming.page()
    emulator.set_faults()
    assert () == service.ahead(limit=10).page().samples


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ('{"success":true,"samples":[{"id":1}]}', "totalCount"),
        ('{"success":true,"samples":[{"id":1}],"totalCount":"1"}', "totalCount"),
        ('{"success":true,"samples":[{"id":1}],"totalCount":1.0}', "totalCount"),
        ('{"success":true,"samples":[{"id":1}],"totalCount":NaN}', "totalCount"),
        ('{"success":true,"samples":[{"id":1}],"totalCount":-1}', "totalCount"),
        (f'{{"success":true,"samples":[{{"id":1}}],"totalCount":{2**63}}}', "totalCount"),
        ('{"success":true,"samples":{},"totalCount":1}', "samples"),
    ],
)
def test_a_page_of_another_form_is_refused_in_one_sentence(
    raw: Callable[..., tuple[ServiceClient, RawServer]], body: str, place: str
) -> None:
    replies = iter(['{"success":true,"projectId":7}'])
    service, _ = raw(lambda caller: answers(next(replies, body))(caller))
    for ask in (service.page, lambda **query: service.ahead(**query).page()):
        with pytest.raises(UnansweredError, match=rf"raw-data cannot be understood \({place}\)$"):
            ask(limit=10)


def test_what_follows_a_page_is_the_page_below_it(
    service: ServiceClient, pack: Callable[..., Envelope], emulator: RunningEmulator
) -> None:
    stored = [outcome for outcome in outcomes(service, pack(*map(row, range(7)))) if isinstance(outcome, Stored)]
    ids = sorted((one.sample_id for one in stored), reverse=True)
    first = service.ahead(limit=3)
    second = first.follow()
    third = second.follow()
    fourth = third.follow()
    fifth = fourth.follow()
    pages = [[sample.id for sample in coming.page().samples] for coming in (first, second, third)]
    assert [ids[:3], ids[3:6], ids[6:]] == pages
    assert ([ids[2], ids[5], ids[6], None], ()) == (
        [coming.predicted_end_id() for coming in (first, second, third, fourth)],
        fourth.page().samples,
    )
    with pytest.raises(UnansweredError, match="the end of the previous page is missing"):
        fifth.page()
    emulator.set_faults({"where": "studio", "times": 1, "kind": "status", "status": 500})
    failed = service.ahead(limit=3)
    with pytest.raises(UnansweredError, match="the end of the previous page is missing"):
        failed.follow().page()
    with pytest.raises(UnansweredError, match="500"):
        failed.page()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"success":true,"samples":[{"id":9,"a":1},{"id":7,"a":1}],"totalCount":2}', 7),
        (b'{"success":true,"samples":[{"id":9,"box":{"id":3,"x":1}}],"totalCount":2}', 3),  # it may be wrong
        (b'{"success":true,"samples":[{"filename":"a","id":9}],"totalCount":1}', None),
        (b'{"success":true,"samples":[{"id": 9}],"totalCount":1}', None),
        (b'{"success":true,"samples":[{"id":9', None),
        (b'{"success":true,"samples":[{"id":' + b"9" * 30 + b',"a":1}],"totalCount":1}', None),
        (b'{"success":true,"samples":[],"totalCount":0}', None),
        (b"", None),
        (b"\xff\x00", None),
    ],
)
def test_the_end_of_a_page_is_found_without_parsing_it(body: bytes, expected: int | None) -> None:
    assert expected == last_id(body) == last_id(bytearray(body))


def test_a_service_that_is_closed_asks_for_nothing_more(service: ServiceClient) -> None:
    first = service.ahead(limit=1)
    pages = [first]
    for _ in range(20):
        pages.append(pages[-1].follow())
    service.close()
    assert not any(thread.name.startswith("eisync-listing") for thread in threading.enumerate())
    with pytest.raises(RuntimeError, match="after shutdown"):
        pages[-1].follow()
    with pytest.raises((CancelledError, UnansweredError)):
        pages[-1].page()


def test_reading_ahead_takes_one_connection_and_ends_with_the_service(service: ServiceClient) -> None:
    for _ in range(5):
        service.ahead(limit=1)  # the answer is never read
    assert () == service.ahead(limit=1).page().samples
    pools = service._transport._adapter.poolmanager.pools
    assert [1] == [pools[key].num_connections for key in pools.keys()]  # noqa: SIM118 (it is no dict)
    assert 1 == sum(thread.name.startswith("eisync-listing") for thread in threading.enumerate())
    service.ahead(limit=1)
    service.close()
    assert not any(thread.name.startswith("eisync-listing") for thread in threading.enumerate())


def test_a_change_of_the_project_shows_in_its_last_modification(
    service: ServiceClient, pack: Callable[..., Envelope], emulator: RunningEmulator, key: str
) -> None:
    import requests

    (stored,) = outcomes(service, pack(row(310)))
    assert isinstance(stored, Stored)
    before = service.modified_at()
    assert before is not None
    assert service.page(limit=1).newest_added_at == pytest.approx(before, abs=0.0015)
    url = f"{emulator.studio_url}/api/{service.project_id()}/raw-data/{stored.sample_id}"
    for action, body in (("edit-label", {"label": "x"}), ("metadata", {"metadata": {"site": "lab"}}), ("disable", {})):
        requests.post(f"{url}/{action}", json=body, headers={"x-api-key": key}, timeout=5).raise_for_status()
    after, sample = service.modified_at(), service.page(limit=1).samples[0]
    assert after is not None
    assert after > before
    assert ("x", (("site", "lab"),), True) == (sample.label, sample.metadata, sample.is_disabled)


def test_a_studio_without_last_modification_gives_none(service: ServiceClient, emulator: RunningEmulator) -> None:
    service.project_id()
    for fault, expected in [
        ({"kind": "status", "status": 404, "error": "Unknown path"}, None),
        ({"kind": "status", "status": 500, "error": "Oops"}, UnansweredError),
    ]:
        emulator.set_faults({"where": "studio", **fault})
        if expected is None:
            assert service.modified_at() is None
        else:
            with pytest.raises(expected):
                service.modified_at()


def test_the_filter_for_a_name_is_sent_whole(service: ServiceClient, pack: Callable[..., Envelope]) -> None:
    outcomes(service, pack(row(200), row(201)))
    assert ["2.csv"] == [sample.original_name for sample in service.page(limit=10, filename="2").samples]
    assert () == service.page(limit=10, filename="1&category=none #?").samples


def test_a_sample_is_there_until_it_is_deleted(
    service: ServiceClient, pack: Callable[..., Envelope], emulator: RunningEmulator, key: str
) -> None:
    import requests

    (stored,) = outcomes(service, pack(row(300)))
    assert isinstance(stored, Stored)
    assert service.is_there(stored.sample_id)
    assert hashlib.sha256(row(300)).hexdigest() == service.sha256_of(stored.sample_id)
    url = f"{emulator.studio_url}/api/{service.project_id()}/raw-data/{stored.sample_id}"
    requests.delete(url, headers={"x-api-key": key}, timeout=5).raise_for_status()
    assert not service.is_there(stored.sample_id)


UNCLEAR_ANSWERS: list[tuple[dict[str, Any], type[EisyncError]]] = [
    ({"kind": "status", "status": 403, "error": "No rights"}, StudioError),
    ({"kind": "status", "status": 500, "error": "No sample found"}, UnansweredError),
    ({"kind": "reset_before"}, UnansweredError),
    ({"kind": "malformed"}, UnansweredError),
]


def test_whether_a_sample_is_there_is_not_guessed(service: ServiceClient, emulator: RunningEmulator) -> None:
    service.project_id()
    for fault, expected in UNCLEAR_ANSWERS:
        emulator.set_faults({"where": "studio", **fault})
        with pytest.raises(expected):
            service.is_there(1)


CHANGES: dict[str, Callable[[ServiceClient, int], object]] = {
    "delete": lambda service, sample_id: service.delete(sample_id),
    "rename": lambda service, sample_id: service.rename(sample_id, "other"),
    "relabel": lambda service, sample_id: service.relabel(sample_id, "other"),
    "move": lambda service, sample_id: service.move(sample_id, "testing"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_that_is_not_confirmed_is_told_as_it_is(
    service: ServiceClient, emulator: RunningEmulator, change: Callable[[ServiceClient, int], object]
) -> None:
    service.project_id()
    for fault, expected in UNCLEAR_ANSWERS:
        emulator.set_faults({"where": "studio", **fault})
        with pytest.raises(expected):
            change(service, 1)


def test_a_deletion_whose_answer_was_lost_is_found_done_when_it_is_repeated(
    service: ServiceClient, pack: Callable[..., Envelope], emulator: RunningEmulator
) -> None:
    (stored,) = outcomes(service, pack(row(301)))
    assert isinstance(stored, Stored)
    emulator.set_faults({"where": "studio", "kind": "withhold", "method": "DELETE"})
    with pytest.raises(UnansweredError):
        service.delete(stored.sample_id)
    emulator.set_faults()
    assert not service.is_there(stored.sample_id)
    assert not service.delete(stored.sample_id)


def test_the_hash_of_half_a_sample_is_not_returned(
    service: ServiceClient, pack: Callable[..., Envelope], emulator: RunningEmulator
) -> None:
    (stored,) = outcomes(service, pack(row(301)))
    assert isinstance(stored, Stored)
    emulator.set_faults({"where": "studio", "kind": "truncate"})
    with pytest.raises(UnansweredError):
        service.sha256_of(stored.sample_id)


@pytest.mark.parametrize(
    ("script", "expected", "words"),
    [
        (answers('{"success":false,"error":"No sample found with ID 1"}'), StudioError, "No sample found with ID 1"),
        (answers('{"error":"No rights", "success":false}'), StudioError, "No rights"),
        (answers('{"success": tru'), UnansweredError, "is not Studio's"),
        (answers('{"success": true}'), UnansweredError, "holds no file"),
        (answers("<html>Log in", "200 OK", "Content-Type: text/html"), UnansweredError, "is not Studio's"),
        (answers('{"error":"Invalid API key"}', "401 Unauthorized"), KeyRefusedError, "refuses the key"),
        (answers("busy", "503 Away"), UnansweredError, "HTTP 503"),
        (answers("", "302 Found", "Location: http://127.0.0.2:9/"), UnansweredError, "HTTP 302"),
        (says("HTTP/1.1 200 OK\nContent-Length: 100\n\nx,y"), UnansweredError, "failed"),
    ],
)
def test_what_is_no_file_is_not_taken_for_one(
    connect: Callable[..., ServiceClient], script: Script, expected: type[EisyncError], words: str
) -> None:
    with raw_server(script) as server:
        service = connect(url=server.url)
        service._studio._project = (service._read_key(), 1)
        with pytest.raises(expected, match=words):
            list(service.raw(1))
        service.close()


@pytest.mark.parametrize(
    "content", [b"", b"x,y\n1,2\n", b'{"protected":{},"payload":{"success":false}}', b"{" * 200_000]
)
def test_the_bytes_of_a_sample_come_piece_by_piece(connect: Callable[..., ServiceClient], content: bytes) -> None:
    with raw_server(answers(content, "200 OK", "Content-Type: application/octet-stream")) as server:
        service = connect(url=server.url)
        service._studio._project = (service._read_key(), 1)
        assert content == b"".join(service.raw(1))
        service.close()


@pytest.mark.parametrize(("header", "asked_s"), [("Retry-After: 7", 7.0), ("X-Other: 7", 0.0)])
def test_a_requested_pause_is_reported(connect: Callable[..., ServiceClient], header: str, asked_s: float) -> None:
    with raw_server(answers('{"success":false,"error":"slow down"}', "429 Too Many", header)) as server:
        service = connect(url=server.url)
        with pytest.raises(UnansweredError) as caught:
            service.project_id()
        assert asked_s == caught.value.asked_s
        service.close()


def test_a_full_page_has_all_that_belongs_to_a_sample(connect: Callable[..., ServiceClient]) -> None:
    plain = {
        "id": 1,
        "filename": "a",
        "category": "training",
        "label": "",
        "coldstorageFilename": "raw-data/1/a.csv.x.y.json",
    }
    odd = {"id": 2, "boundingBoxes": "none", "structuredLabels": [1, None], "metadata": [], "labelMap": 3}
    rich = {
        "id": 3,
        "label": "wave",
        "isDisabled": True,
        "boundingBoxes": [{"label": "nut", "x": 1}],
        "structuredLabels": [{"label": "a", "labelMap": {"type": "key-values", "labels": {"k": "v"}}}, {"label": "b"}],
        "labelMap": {"type": "key-values", "labels": {"k": "v"}},
        "metadata": {"k": "v"},
    }
    answer = json.dumps({"success": True, "samples": [plain, odd, rich], "totalCount": 3})
    with raw_server(answers(answer)) as server:
        service = connect(url=server.url)
        service._studio._project = (service._read_key(), 1)
        page = service.full_page(limit=3, before_id=9, category="training", labels=["a&b", "ü"])
        service.close()
    assert b"labels=%5B%22a%26b%22%2C%22%5Cu00fc%22%5D" in server.everything
    assert b"maxId=9" in server.everything
    expected = (
        WholeSample(id=1, name="a", category="training", stored_as="a.csv.x.y.json", sent_as="a.csv"),
        WholeSample(id=2, name="", category=""),
        WholeSample(
            id=3,
            name="",
            category="",
            label="wave",
            is_disabled=True,
            boxes=({"label": "nut", "x": 1},),
            structured_labels=({"label": "a", "labelMap": {"k": "v"}}, {"label": "b"}),
            label_map={"k": "v"},
            metadata={"k": "v"},
        ),
    )
    assert expected == page.samples


# --- the key


@pytest.mark.parametrize("key", [CANARY, f"{CANARY}\n", f"{CANARY}\r\nx-evil: 1", f"ключ{CANARY}", f"\0{CANARY}"])
@pytest.mark.parametrize(
    "script",
    [
        stays_silent,
        resets,
        answers("", "302 Found", "Location: http://127.0.0.2:9/"),
        answers('{"success":false,"error":"no"}', "403 Forbidden"),
        answers("<html>"),
        says("nonsense"),
    ],
    ids=["silent", "reset", "redirect", "refused", "html", "nonsense"],
)
def test_the_key_is_in_no_text_whatever_goes_wrong(
    connect: Callable[..., ServiceClient], pack: Callable[..., Envelope], script: Script | None, key: str
) -> None:
    with raw_server(script) as server:
        service = connect(url=server.url, read_key=lambda: key, timeout_s=0.2)
        texts = [repr(service)]
        for ask in (
            lambda: service.upload(pack(row(1))),
            service.project_id,
            lambda: service.page(limit=1),
            lambda: service.is_there(1),
            lambda: service.sha256_of(1),
            lambda: service.full_page(limit=1),
            service.count,
            service.modified_at,
        ):
            try:
                texts.append(repr(ask()))
            except EisyncError as error:
                texts += [str(error), repr(error), "".join(traceback.format_exception(error))]
        service.close()
    assert b"x-evil" not in server.everything
    assert [] == [text for text in texts if "canary" in text]


def test_no_key_is_sent_before_there_is_a_connection_to_send_it_over(
    connect: Callable[..., ServiceClient], pack: Callable[..., Envelope]
) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    sent = connect(url=url, read_key=lambda: CANARY).upload(pack(row(1)))
    assert "canary" not in repr(sent)
    assert isinstance(sent.reply, Silence)


# --- threads


def test_threads_share_a_service_and_nothing_is_left_open(
    connect: Callable[..., ServiceClient], pack: Callable[..., Envelope]
) -> None:
    service = connect()
    letters = [pack(row(400 + number)) for number in range(8)]
    replies: list[Reply | Silence] = []
    threads = [
        threading.Thread(target=lambda one=letter: replies.append(service.upload(one).reply)) for letter in letters
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [200] * 8 == [reply.status for reply in replies if isinstance(reply, Reply)]
    service.close()
    assert isinstance(outcomes(service, pack(row(400)))[0], Duplicate)  # it can be used again
    service.close()
    service.close()


def test_a_request_says_whether_it_opened_its_connection(service: ServiceClient, pack: Callable[..., Envelope]) -> None:
    assert [True, False] == [service.upload(pack(row(700 + number))).has_connected for number in range(2)]
    service.close()
    assert service.upload(pack(row(702))).has_connected


def test_the_time_of_an_upload_begins_with_its_first_byte(
    service: ServiceClient, pack: Callable[..., Envelope], monkeypatch: pytest.MonkeyPatch
) -> None:
    passed_s = [0.0]
    connect = connections._Connection.connect

    def connect_slowly(connection: connections._Connection) -> None:
        passed_s[0] += 1000.0
        connect(connection)

    monkeypatch.setattr(connections._Connection, "connect", connect_slowly)
    monkeypatch.setattr(clock, "monotonic", lambda: time.monotonic() + passed_s[0])
    assert service.upload(pack(row(710))).took_s < 900.0 < passed_s[0]


def test_small_packets_are_sent_at_once_and_no_request_waits_for_a_go_ahead(
    raw: Callable[..., tuple[ServiceClient, RawServer]], pack: Callable[..., Envelope], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[int] = []
    connect = connections._Connection.connect

    def connect_and_ask(connection: connections._Connection) -> None:
        connect(connection)
        lines.append(connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(connections._Connection, "connect", connect_and_ask)
    service, server = raw(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
    service.upload(pack(row(720)))
    assert (1, True, False) == (len(lines), lines[0] != 0, b"expect:" in server.everything.lower())


def test_a_small_upload_is_one_packet(
    service: ServiceClient, pack: Callable[..., Envelope], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []
    send = http.client.HTTPConnection.send

    def send_and_note(connection: http.client.HTTPConnection, data: Any) -> None:
        sent.append(data)
        send(connection, data)

    monkeypatch.setattr(http.client.HTTPConnection, "send", send_and_note)
    service.upload(pack(row(730)))
    assert 1 == len(sent)
    service.project_id()  # a request without a body is sent, too
    assert 2 == len(sent)


def test_no_cookie_is_sent_back(
    raw: Callable[..., tuple[ServiceClient, RawServer]], pack: Callable[..., Envelope]
) -> None:
    # It closes each connection, and says so: the second upload would not reach one that it closes in silence.
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nSet-Cookie: lane=7\r\nContent-Length: 2\r\n\r\n{}"
    service, server = raw(says(head))
    for number in range(2):
        service.upload(pack(row(740 + number)))
    assert (2, False) == (server.everything.count(b"POST "), b"lane=7" in server.everything)


def test_the_system_s_certificates_are_trusted_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found: Any = ssl.get_default_verify_paths()  # typeshed leaves out that both may be None
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: found._replace(cafile=None, capath="/the/store"))
    endpoints = Endpoints(studio_url="https://127.0.0.1:9/v1", ingestion_url="https://127.0.0.1:9", trusts_system=True)
    with contextlib.closing(ServiceClient(endpoints, lambda: "ei_key", user_agent="test")) as service:
        assert "/the/store" == service._transport._environment_of("https://127.0.0.1:9")["verify"]
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: found._replace(cafile=None, capath=None))
    with pytest.raises(ConfigurationError, match="no certificates of its own"):
        ServiceClient(endpoints, lambda: "ei_key", user_agent="test")


def test_what_an_upload_waits_for_its_turn_is_not_how_long_it_took(emulator: RunningEmulator, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_bytes(b"timestamp,a\n0,1\n10,2\n")
    facts = file_facts.facts_at(str(tmp_path), "1.csv")
    assert facts is not None
    item = Item(id=1, root=str(tmp_path), path="1.csv", target="t", facts=facts, label=None, category=Category.TRAINING)
    request = Request(target="t", category=Category.TRAINING, label=None, metadata=(), items=(item,))
    endpoints = Endpoints(studio_url=emulator.studio_url, ingestion_url=emulator.ingestion_url)
    pieces: list[int] = []

    def spend(size: int) -> float:
        pieces.append(size)
        return 1000.0

    with contextlib.closing(ServiceClient(endpoints, lambda: emulator.key, user_agent="test", spend=spend)) as service:
        sent = service.upload(wire.envelope(request, boundary="B", allow_duplicates=False))
    assert (200, True) == (getattr(sent.reply, "status", None), sent.took_s < 0.0)
    assert sum(pieces) >= facts.size


@pytest.mark.parametrize(
    "number", [2**63, 10**400, -1, 0, "7", 7.0, True, float("nan"), float("inf"), None, [7], {"id": 7}], ids=str
)
def test_no_number_but_a_plain_one_is_taken_for_a_project(
    raw: Callable[..., tuple[ServiceClient, RawServer]], number: object
) -> None:
    info = {"success": True, "projectId": number, "projects": [{"id": number}]}
    right = json.dumps({"success": True, "projectId": 7})
    replies = iter([json.dumps(info)] * 2)
    service, _ = raw(lambda caller: answers(next(replies, right))(caller))
    for _ in range(2):
        with pytest.raises(UnansweredError, match=r"cannot be understood|is not Studio's"):
            service.project_id()
    assert 7 == service.project_id()


def listing_service(
    raw: Callable[..., tuple[ServiceClient, RawServer]], samples: list[dict[str, Any]]
) -> tuple[ServiceClient, list[int]]:
    """A service that lists these, newest first, and how many it was asked for."""
    limits: list[int] = []

    def play(caller: socket.socket) -> None:
        parts = urlsplit(server.requests[-1].split(b" ", 2)[1].decode())
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        below, least = int(query.get("maxId", 2**70)), int(query.get("minId", -1))
        found = [one for one in samples if least <= one["id"] < below]
        if parts.path.endswith("api-key-info"):
            answer: dict[str, Any] = {"projectId": 7}
        elif parts.path.endswith("/count"):
            answer = {"count": len(found)}
        else:
            limits.append(int(query["limit"]))
            answer = {"samples": found[: limits[-1]], "totalCount": len(found)}
        answers(json.dumps({"success": True, **answer}))(caller)

    service, server = raw(play)
    return service, limits


def walked(ask: Callable[..., Any], limit: int) -> tuple[list[int], list[int | None]]:
    """Return the ids that a walk of the listing finds, and those of the entries that cannot be read."""
    ids: list[int] = []
    unread: list[int | None] = []
    before_id = None
    while True:
        page = ask(limit=limit, before_id=before_id)
        found = [one.id for one in page.samples]
        odd = [one.sample_id for one in page.unread]
        if not found and not odd:
            return ids, unread
        ids, unread = ids + found, unread + odd
        before_id = min([*found, *(one for one in odd if one is not None)])


BOX = {"label": "a", "x": 1, "y": 2, "width": 3, "height": 4}


@pytest.mark.parametrize("way", ["page", "ahead", "full_page"])
def test_pages_that_are_too_large_are_asked_for_smaller(
    raw: Callable[..., tuple[ServiceClient, RawServer]], way: str
) -> None:
    samples = [{"id": number, "boundingBoxes": [BOX] * 200} for number in range(1500, 0, -1)]
    service, limits = listing_service(raw, samples)
    ways: dict[str, Callable[..., Any]] = {
        "page": service.page,
        "ahead": lambda **query: service.ahead(**query).page(),
        "full_page": service.full_page,
    }
    assert ([one["id"] for one in samples], []) == walked(ways[way], 1000)
    assert 1000 == limits[0]
    smaller = [limit for limit in limits if limit < 1000]
    assert set(smaller) <= {500, 250, 125, 124, 62}
    assert len(limits) < 35  # it is remembered


@pytest.mark.parametrize("way", ["page", "ahead", "full_page"])
def test_a_sample_that_is_too_large_by_itself_is_left_out_and_those_below_are_found(
    raw: Callable[..., tuple[ServiceClient, RawServer]], way: str
) -> None:
    huge = {"id": 40, "boundingBoxes": ["x" * 17 * 1024 * 1024]}
    samples = [huge if number == 40 else {"id": number} for number in range(60, 0, -1)]
    service, limits = listing_service(raw, samples)
    ways: dict[str, Callable[..., Any]] = {
        "page": service.page,
        "ahead": lambda **query: service.ahead(**query).page(),
        "full_page": service.full_page,
    }
    assert ([one["id"] for one in samples if one["id"] != 40], [40]) == walked(ways[way], 1000)
    assert max(limits[-3:]) > 10  # and those below are not asked for one by one


def test_a_sample_is_there_although_its_values_are_many(raw: Callable[..., tuple[ServiceClient, RawServer]]) -> None:
    values = json.dumps({"success": True, "sample": {"id": 5}, "payload": {"values": [[1.5]] * 400_000}})
    replies = iter(['{"success":true,"projectId":7}'])
    service, _ = raw(lambda caller: answers(next(replies, values))(caller))
    assert service.is_there(5)


@pytest.mark.parametrize(
    ("headers", "date"),
    [
        ("Date: Thu, 26 Nov 2026 10:00:00 GMT\r\n", "Thu, 26 Nov 2026 10:00:00 GMT"),
        ("", None),
        ("Date: Thu, 26 Nov 2026 10:00:00 GMT\r\nAge: 4000\r\n", "nothing"),  # it lay on the way
    ],
)
def test_the_date_of_an_answer_is_passed_on(headers: str, date: str | None) -> None:
    body = b'{"success": true, "projectId": 7}'
    reply = f"HTTP/1.1 200 OK\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body
    found: list[tuple[str, str | None]] = []
    with raw_server(says(reply)) as server:
        url = f"http://127.0.0.1:{server.port}"
        endpoints = Endpoints(studio_url=f"{url}/v1", ingestion_url=url, timeout_s=2.0)
        service = ServiceClient(
            endpoints, lambda: "ei_key", user_agent="test", on_date=lambda host, date: found.append((host, date))
        )
        with contextlib.closing(service):
            assert 7 == service.project_id()
    assert ([] if date == "nothing" else [(f"127.0.0.1:{server.port}", date)]) == found
