import errno
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.control import server as module
from eisync.control.local_socket import ask
from eisync.control.operations import Operations
from eisync.control.server import ControlServer
from eisync.errors import EisyncError, StateError
from eisync.store.state_folder import NOTE_NAME, SOCKET_NAME
from tests.canary import CANARY
from tests.fakes import Clock, Notebook

LIMIT_S = 10.0


class Answers(Operations):
    """Answers every request from a list."""

    def __init__(self) -> None:
        self.now = Clock()
        self.records: Any = [{"a": 1}]
        self.asked: list[Any] = []

    def answer(self, question: Any) -> Iterator[dict[str, Any]]:
        self.asked.append(question)
        yield from self.records

    def close(self) -> None:
        """There is nothing to end."""


class Daemon:
    """A control server that answers when it is ticked, and what it wrote into its log."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.log = Notebook()
        self.operations = Answers()
        self.server = ControlServer(self.folder, self.operations, log=self.log)
        self.ticks: list[float] = []

    def ask(self, question: dict[str, Any]) -> list[dict[str, Any]]:
        """Ask as the command line does, while the daemon ticks."""
        with self.ticking():
            answer = ask(self.folder, question)
            assert answer is not None
            return list(answer)

    def say(self, raw: bytes) -> list[dict[str, Any]]:
        """Send any bytes, and return the whole answer."""
        with self.ticking(), socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(LIMIT_S)
            caller.connect(f"{self.folder}/{SOCKET_NAME}")
            caller.sendall(raw)
            caller.shutdown(socket.SHUT_WR)
            with caller.makefile("rb") as stream:
                return [json.loads(line) for line in stream]

    def ticking(self) -> "_Ticking":
        return _Ticking(self)


class _Ticking:
    def __init__(self, daemon: Daemon) -> None:
        self._thread = threading.Thread(target=lambda: daemon.ticks.append(daemon.server.tick(0.0)), daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    (tmp_path / "s").mkdir()
    daemon = Daemon(tmp_path / "s")
    yield daemon
    daemon.server.close()
    daemon.server.close()


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon with a port and a token."""
    place = tmp_path / ("deep" * 30)
    place.mkdir()
    daemon = Daemon(place)
    yield daemon
    daemon.server.close()


def is_alive(daemon: Daemon) -> bool:
    return [{"a": 1}] == daemon.ask({"do": "it"})


def test_a_request_is_answered_record_by_record(daemon: Daemon) -> None:
    daemon.operations.records = [{"number": number} for number in range(5000)]
    assert daemon.operations.records == daemon.ask({"do": "files"})
    assert [{"do": "files", "token": None}] == daemon.operations.asked


def test_a_tick_without_a_client_ends_soon(daemon: Daemon) -> None:
    daemon.server._server.settimeout(0.01)
    assert (0.0, True) == (daemon.server.tick(0.0), daemon.server.is_done)


def test_after_stop_a_tick_waits_for_no_client(daemon: Daemon) -> None:
    daemon.server.stop(0.0)
    assert 0.1 > (daemon.server._server.gettimeout() or LIMIT_S)
    assert 0.0 == daemon.server.tick(0.0)


def test_an_error_is_an_answer(daemon: Daemon) -> None:
    def fail() -> Iterator[dict[str, Any]]:
        yield {"a": 1}
        raise StateError("the disk is full")

    daemon.operations.records = fail()
    with pytest.raises(EisyncError, match="the disk is full"):
        daemon.ask({"do": "it"})
    daemon.operations.records = [{"a": 1}]
    assert is_alive(daemon)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"hello\n",
        b"5\n",
        b"[]\n",
        b'"do"\n',
        b"{\n",
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b"9" * 10_000 + b"\n",
        b'{"do": "' + b"x" * 2_000_000 + b'"}\n',
        b"\0" * 100,
        # what a web page can make a browser send
        b'POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 18\r\n\r\n{"do": "status"}\n',
        b"GET /?{%22do%22:%22status%22} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_garbage_is_answered_with_an_error_and_the_server_continues(daemon: Daemon, raw: bytes) -> None:
    try:
        answer = daemon.say(raw)
    except OSError as error:  # it stops reading an endless line
        assert error.errno in (errno.EPIPE, errno.ECONNRESET)  # noqa: PT017
    else:
        assert [{"error": "not a valid request", "exit_code": 1}] == answer
    assert is_alive(daemon)


def test_no_answer_contains_a_key(daemon: Daemon) -> None:
    key = CANARY + "0123456789abcdef0123456789"  # an older eisync may have stored one
    daemon.operations.records = [{"reason": f"x-api-key: {key}", "path": "ei_recording.csv"}]
    assert [{"reason": "x-api-key: ei_…", "path": "ei_recording.csv"}] == daemon.ask({"do": "it"})


def test_a_client_that_disconnects_does_no_harm(daemon: Daemon) -> None:
    daemon.operations.records = [{"path": "x" * 1000}] * 10_000
    with daemon.ticking(), socket.socket(socket.AF_UNIX) as caller:
        caller.connect(f"{daemon.folder}/{SOCKET_NAME}")
        caller.sendall(b'{"do": "it"}\n')
        caller.recv(10)
    assert ["control.left"] == daemon.log.events()
    daemon.operations.records = [{"a": 1}]
    assert is_alive(daemon)


def test_a_silent_client_is_dropped(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_WITHIN_S", 0.05)
    with daemon.ticking(), socket.socket(socket.AF_UNIX) as caller:
        caller.connect(f"{daemon.folder}/{SOCKET_NAME}")
        caller.settimeout(LIMIT_S)
        assert b"" == caller.recv(10)
    assert ["control.left"] == daemon.log.events()
    monkeypatch.setattr(module, "ANSWER_WITHIN_S", LIMIT_S)
    assert is_alive(daemon)


def test_a_slow_client_is_dropped(daemon: Daemon) -> None:
    def slow() -> Iterator[dict[str, Any]]:
        for number in range(100):
            daemon.operations.now.now += 10.0  # type: ignore[attr-defined]
            yield {"number": number}

    daemon.operations.records = slow()
    heard = daemon.say(b'{"do": "it"}\n')
    assert len(heard) < 10
    assert ["control.left"] == daemon.log.events()


# --- the token


def test_a_client_that_can_read_the_token_file_is_answered(far: Daemon) -> None:
    assert is_alive(far)


@pytest.mark.parametrize("token", ["wrong", "", None, 5, [], {"a": 1}, "schlüssel", "\ud800", True])
def test_a_client_without_the_token_gets_nothing(far: Daemon, token: object) -> None:
    port = json.loads(Path(far.folder, NOTE_NAME).read_text())["port"]
    with far.ticking(), socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as caller:
        caller.sendall(json.dumps({"do": "it", "token": token}).encode() + b"\n")
        with caller.makefile("rb") as stream:
            answer = [json.loads(line) for line in stream]
    assert [{"error": "the token is not the one in the state folder", "exit_code": 1}] == answer
    assert [] == far.operations.asked
    assert is_alive(far)


def test_hang_up_ends_a_waiting_tick_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACCEPT_FOR_S", LIMIT_S)
    server = ControlServer(str(tmp_path), Answers(), log=Notebook())
    waiting = threading.Thread(target=server.tick, args=(0.0,), daemon=True)
    waiting.start()
    server.hang_up()
    server.hang_up()
    waiting.join(LIMIT_S / 2)
    try:
        assert not waiting.is_alive()
        assert [] == server._log.lines  # type: ignore[attr-defined]
    finally:
        server.close()
    assert ask(str(tmp_path), {"do": "status"}) is None


def test_close_removes_the_socket_files(tmp_path: Path) -> None:
    """A socket cannot be copied: a tool that copies the state folder would fail on it."""
    for place in (tmp_path / "s", tmp_path / ("deep" * 30)):
        place.mkdir()
        daemon = Daemon(place)
        assert [*place.iterdir()]
        for _ in range(2):
            daemon.server.close()
            assert [] == [*place.iterdir()]
            assert ask(str(place), {"do": "it"}) is None


def test_close_leaves_files_that_another_process_replaced(tmp_path: Path) -> None:
    place = tmp_path / "s"
    place.mkdir()
    first, second = Daemon(place), Daemon(place)
    first.server.close()
    assert [{"a": 1}] == second.ask({"do": "it"})
    second.server.close()
