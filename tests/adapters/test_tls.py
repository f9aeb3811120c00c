import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from eisync.adapters.client import tls
from eisync.adapters.client.tls import TlsContexts
from eisync.adapters.client.transport import Transport
from eisync.core.wire import Reply, Silence

OURS = Path(__file__).parent.parent / "faults" / "ours.pem"
STRANGER = OURS.with_name("stranger.pem")


def test_all_connections_share_a_context(tmp_path: Path) -> None:
    contexts = TlsContexts()
    assert contexts.context_of(str(OURS)) is contexts.context_of(str(OURS))
    assert contexts.context_of(str(OURS)) is not contexts.context_of(str(tmp_path))
    assert contexts.context_of(True) is contexts.context_of(True)
    for trusted in (str(OURS), str(tmp_path), True):
        context = contexts.context_of(trusted)
        assert (ssl.CERT_REQUIRED, True) == (context.verify_mode, context.check_hostname)


def test_certificates_that_were_replaced_are_read_again(tmp_path: Path) -> None:
    place = tmp_path / "ca.pem"
    place.write_bytes(OURS.read_bytes())
    contexts = TlsContexts()
    before = contexts.context_of(str(place))
    (tmp_path / "new.pem").write_bytes(STRANGER.read_bytes())
    os.replace(tmp_path / "new.pem", place)
    after = contexts.context_of(str(place))
    assert before.get_ca_certs() != after.get_ca_certs()


def test_threads_that_begin_together_read_the_certificates_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    make = tls._context

    def make_and_note(place: str) -> ssl.SSLContext:
        made.append(place)
        return make(place)

    monkeypatch.setattr(tls, "_context", make_and_note)
    contexts = TlsContexts()
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(contexts.context_of, [str(OURS)] * 32))
    assert (1, [str(OURS)]) == (len(found), made)


@dataclass
class Server:
    """A TLS server that answers every request with HTTP 200, over connections that stay open."""

    url: str
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)


@contextlib.contextmanager
def tls_server(*, hangs_up: bool = False) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(OURS)
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(f"https://127.0.0.1:{listener.getsockname()[1]}")
    threads: list[threading.Thread] = []
    callers: list[socket.socket] = []

    def serve(caller: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(caller, server_side=True) as secure:
            while not hangs_up and (head := secure.recv(65_536)):
                server.requests.append(head)
                secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = listener.accept()
                server.connections += 1
                callers.append(caller)
                threads.append(threading.Thread(target=serve, args=(caller,), daemon=True))
                threads[-1].start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(10)
        for thread in threads:
            thread.join(10)


@pytest.fixture
def server() -> Iterator[Server]:
    with tls_server() as running:
        yield running


@contextlib.contextmanager
def transport(trusted: Path = OURS) -> Iterator[Transport]:
    made = Transport(user_agent="test", pool_connections=2, pool_maxsize=8, verify=str(trusted))
    try:
        yield made
    finally:
        made.close()


def send(over: Transport, url: str) -> Reply | Silence:
    return over.send("GET", url, headers={"x-api-key": "ei_test"}, timeout_s=(5.0, 5.0))


def test_a_request_finds_the_connections_that_were_opened_ahead(server: Server) -> None:
    with transport() as over:
        with ThreadPoolExecutor(2) as pool:
            for _ in range(2):
                pool.submit(over.connect, server.url, 5.0)
        assert [] == server.requests  # nothing was sent
        ahead = server.connections
        replies = [send(over, server.url) for _ in range(3)]
        assert [200] * 3 == [reply.status for reply in replies if isinstance(reply, Reply)]
        assert (ahead, False, 3) == (server.connections, over.has_connected, len(server.requests))
        over.connect(server.url, 5.0)
        assert ahead == server.connections  # one is free already


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:9", "http://127.0.0.1:9", "https://no.such.host.invalid", "nonsense:"]
)
def test_a_connection_that_cannot_be_opened_ahead_is_no_failure(url: str) -> None:
    with transport() as over:
        over.connect(url, 2.0)


def test_a_server_that_does_not_wait_for_a_request_is_called_anew() -> None:
    with tls_server(hangs_up=True) as server, transport() as over:
        over.connect(server.url, 5.0)
        assert isinstance(send(over, server.url), Silence)
        assert (2, True) == (server.connections, over.has_connected)


def test_an_untrusted_server_gets_no_connection_ahead_and_no_request(server: Server) -> None:
    with transport(STRANGER) as over:
        over.connect(server.url, 5.0)
        reply = send(over, server.url)
        assert isinstance(reply, Silence)
        assert "certificate" in reply.reason
    assert [] == server.requests


def test_no_connection_is_opened_ahead_past_a_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    with transport() as over:
        over.connect(server.url, 5.0)
    assert 0 == server.connections
