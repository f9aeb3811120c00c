"""An answer ends in a bounded time, however it is dripped; one that keeps coming has the time it needs."""

import contextlib
import socket
import time
from collections.abc import Iterator
from itertools import chain, repeat

import pytest
import requests

from eisync.adapters.client import connections
from eisync.adapters.client.connections import PatientAdapter

from .raw import raw_server

HEAD = b"HTTP/1.1 200 OK\r\n"


@contextlib.contextmanager
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", PatientAdapter(max_retries=0))
        yield session


def read(url: str, timeout_s: float) -> bytes:
    """The body, as our services read it."""
    with session() as one, one.get(url, stream=True, timeout=(5, timeout_s)) as response:
        return b"".join(response.iter_content(65_536))


@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        (b"HTTP/1.1 200 ", b"O"),
        (HEAD, b"X-Slow: 1\r\n"),
        (HEAD + b"X-Slow: ", b"1"),
        (HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (HEAD + b"Connection: close\r\n\r\n", b" "),
    ],
    ids=["status line", "headers", "a header", "body", "chunks", "body without an end"],
)
def test_who_drips_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, begin: bytes, drop: bytes) -> None:
    monkeypatch.setattr(connections, "WAITS", 2.0)

    def drip(caller: socket.socket) -> None:
        for piece in chain([begin], repeat(drop)):
            caller.sendall(piece)
            time.sleep(0.02)

    with raw_server(drip) as server, pytest.raises(requests.RequestException):
        read(server.url, 0.2)


def test_a_large_answer_has_the_time_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its time limit is only what its bytes add.
    monkeypatch.setattr(connections, "WAITS", 0.5)
    pieces = [bytes([number]) * 4096 for number in range(20)]

    def play(caller: socket.socket) -> None:
        caller.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % sum(map(len, pieces)))
        for piece in pieces:
            caller.sendall(piece)
            time.sleep(0.1)

    with raw_server(play) as server:
        assert b"".join(pieces) == read(server.url, 2.0)


def test_the_line_is_as_patient_as_before_for_the_next_request() -> None:
    answer = HEAD + b"Content-Length: 2\r\n\r\nok"

    def play(caller: socket.socket) -> None:
        caller.sendall(answer)
        caller.recv(65_536)
        caller.sendall(answer)
        caller.recv(65_536)

    with raw_server(play) as server, session() as one:
        for _ in range(2):
            assert b"ok" == one.get(server.url, timeout=5).content
        assert 1 == len(server.requests), "the connection was not kept"
