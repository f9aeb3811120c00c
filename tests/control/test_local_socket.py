import errno
import grp
import json
import os
import pwd
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.control import local_socket
from eisync.control.local_socket import ask, listen
from eisync.errors import ConfigurationError, DaemonUnreachableError, EisyncError
from eisync.store.state_folder import NOTE_NAME, SOCKET_NAME

LIMIT_S = 10.0


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A state folder whose path is short enough for a Unix socket, whatever the test is called."""
    short = tmp_path / "s"
    short.mkdir()
    assert len(os.fsencode(short)) < 90
    return str(short)


@pytest.fixture
def deep(tmp_path: Path) -> str:
    """A state folder whose path is too long for a Unix socket."""
    place = tmp_path / ("deep" * 20) / ("er" * 20)
    place.mkdir(parents=True)
    return str(place)


@pytest.fixture
def play() -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Run a daemon that receives one request and sends the given answer. Return the request."""
    threads: list[threading.Thread] = []
    servers: list[socket.socket] = []

    def begin(server: socket.socket, *answer: bytes) -> list[dict[str, Any]]:
        heard: list[dict[str, Any]] = []

        def serve() -> None:
            caller, _ = server.accept()
            with caller, caller.makefile("rb") as stream:
                heard.append(json.loads(stream.readline()))
                for piece in answer:
                    caller.sendall(piece)

        server.settimeout(LIMIT_S)
        servers.append(server)
        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
        return heard

    yield begin
    for thread in threads:
        thread.join(LIMIT_S)
    for server in servers:
        server.close()


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


END = {"end": True}


def answered(folder: str, question: dict[str, Any]) -> list[dict[str, Any]]:
    answer = ask(folder, question)
    assert answer is not None
    return list(answer)


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


# --- the socket and the token file


def test_the_socket_is_for_its_owner_only(folder: str) -> None:
    server, token = listen(folder)
    with server:
        assert (None, socket.AF_UNIX) == (token, server.family)
        assert 0o600 == mode(f"{folder}/{SOCKET_NAME}")
        assert not os.path.exists(f"{folder}/{NOTE_NAME}")


def test_a_path_too_long_for_a_socket_gets_a_port_and_a_token(deep: str) -> None:
    server, token = listen(deep)
    with server:
        assert ("127.0.0.1", socket.AF_INET) == (server.getsockname()[0], server.family)
        assert 0o600 == mode(f"{deep}/{NOTE_NAME}")
        note = json.loads(Path(deep, NOTE_NAME).read_text())
        assert {"port": server.getsockname()[1], "token": token} == note
        assert token is not None
        assert 64 == len(token)


def test_a_file_system_without_sockets_gets_a_port_and_a_token(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_UNIX:
            raise OSError(95, "Operation not supported")
        real(self, address)

    real = socket.socket.bind
    monkeypatch.setattr(socket.socket, "bind", refuse)
    server, token = listen(folder)
    server.close()
    assert token is not None


@pytest.mark.parametrize("place", ["folder", "deep"])
def test_what_a_dead_daemon_left_is_replaced(place: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(place)
    listen(folder)[0].close()
    listen(folder)[0].close()
    assert 1 == len(os.listdir(folder))


@pytest.mark.parametrize("place", ["folder", "deep"])
def test_request_and_answer_work_over_both_transports(
    place: str, request: pytest.FixtureRequest, play: Callable[..., list[dict[str, Any]]]
) -> None:
    folder = request.getfixturevalue(place)
    server, token = listen(folder)
    heard = play(server, lines({"a": 1}, {"b": "\udcff"}, END))
    assert [{"a": 1}, {"b": "\udcff"}] == answered(folder, {"do": "it"})
    assert [{"do": "it", "token": token}] == heard


# --- no daemon, and one that does not answer


@pytest.mark.parametrize("place", ["folder", "deep"])
def test_a_killed_daemon_counts_as_none(place: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(place)
    assert None is ask(folder, {"do": "it"})
    listen(folder)[0].close()  # the socket, or the file with port and token, stays behind
    assert 1 == len(os.listdir(folder))
    assert None is ask(folder, {"do": "it"})
    assert None is ask(f"{folder}/no", {"do": "it"})


def test_an_invalid_token_file_is_reported(deep: str) -> None:
    for content in ("", "{", "[]", '{"port": "x", "token": "y"}', f'{{"port": {2**70}, "token": "y"}}', "{}"):
        Path(deep, NOTE_NAME).write_text(content)
        with pytest.raises(DaemonUnreachableError):
            ask(deep, {"do": "it"})


def test_a_folder_of_another_user_is_reported(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: Any) -> None:
        raise PermissionError(13, "Permission denied")

    server, _ = listen(folder)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    with server, pytest.raises(ConfigurationError) as caught:
        ask(folder, {"do": "it"})
    name = pwd.getpwuid(os.geteuid()).pw_name
    assert f"the state folder {folder} belongs to another user: run this as the user {name}, or as root (sudo)" == str(
        caught.value
    )


def test_the_members_of_a_group_may_pass_through_the_folder_to_the_socket_and_to_nothing_else(folder: str) -> None:
    Path(folder, "eisync.db").touch(0o600)
    own = grp.getgrgid(os.getegid()).gr_name
    listen(folder, group=own)[0].close()
    modes = {name: stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) for name in ("", SOCKET_NAME, "eisync.db")}
    assert {"": 0o710, SOCKET_NAME: 0o660, "eisync.db": 0o600} == modes
    assert f"and the members of the group {own} may ask" in local_socket.why_refused(folder)
    assert "and the members" not in local_socket.why_refused(folder, by_group=False)


def test_nothing_is_given_to_a_group_that_has_it_already(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox of the unit refuses every `chown`."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "chown", refuse)
    own = grp.getgrgid(os.getgid()).gr_name
    listen(folder, group=own)[0].close()
    other = next(one.gr_name for one in grp.getgrall() if one.gr_gid != os.getgid())
    with pytest.raises(ConfigurationError, match="cannot be let in"):
        listen(folder, group=other)


def test_a_group_that_cannot_be_let_in_is_a_fault_of_the_configuration(folder: str, deep: str) -> None:
    with pytest.raises(ConfigurationError, match=r"state\.group: the group no-such-group cannot be let in"):
        listen(folder, group="no-such-group")
    with pytest.raises(ConfigurationError, match=r"state\.group: the file system of .* has no sockets"):
        listen(deep, group="no-such-group")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ([], "the daemon ended during its answer; try again"),
        ([lines({"a": 1})], "the daemon ended during its answer; try again"),
        ([b"{\n"], "the daemon does not answer (JSONDecodeError); check its log"),
        ([b"5\n"], "the daemon does not answer (ValueError); check its log"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "the daemon does not answer (JSONDecodeError); check its log"),
        ([b"\xff\xfe\n"], "the daemon does not answer (UnicodeDecodeError); check its log"),
    ],
    ids=["nothing", "no end", "cut", "no record", "another server", "no text"],
)
def test_an_invalid_answer_counts_as_an_unreachable_daemon(
    folder: str, play: Callable[..., list[dict[str, Any]]], answer: list[bytes], text: str
) -> None:
    server, _ = listen(folder)
    play(server, *answer)
    with pytest.raises(DaemonUnreachableError) as caught:
        answered(folder, {"do": "it"})
    assert text == str(caught.value)


def test_a_daemon_that_is_silent_is_not_waited_for(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_socket, "ANSWER_WITHIN_S", 0.1)
    server, _ = listen(folder)
    with server, pytest.raises(DaemonUnreachableError) as caught:
        answered(folder, {"do": "it"})
    assert "the daemon does not answer (TimeoutError); check its log" == str(caught.value)


def test_an_error_of_the_daemon_is_ours_with_its_exit_code(
    folder: str, play: Callable[..., list[dict[str, Any]]]
) -> None:
    server, _ = listen(folder)
    play(server, lines({"a": 1}, {"error": "the disk is full", "exit_code": 78}))
    with pytest.raises(EisyncError) as caught:
        answered(folder, {"do": "it"})
    assert ("the disk is full", 78, 1) == (str(caught.value), caught.value.exit_code, EisyncError.exit_code)


def test_a_record_may_have_an_error_in_it(folder: str, play: Callable[..., list[dict[str, Any]]]) -> None:
    server, _ = listen(folder)
    play(server, lines({"error": "of a file", "path": "a.csv"}, END))
    assert [{"error": "of a file", "path": "a.csv"}] == answered(folder, {"do": "it"})


def test_a_slow_reader_does_not_block_the_daemon(
    folder: str, play: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_socket, "IN_MEMORY_BYTES", 100_000)
    server, _ = listen(folder)
    records = [{"number": number, "path": "x" * 100} for number in range(20_000)]
    play(server, lines(*records, END))
    answer = ask(folder, {"do": "it"})
    assert answer is not None
    first = next(answer)
    # The whole answer was received: the other end is closed, and the rest is in an unnamed file.
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(LIMIT_S)
    server.close()
    assert records == [first, *answer]
