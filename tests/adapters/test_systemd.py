import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from eisync.adapters.process import SEND_WITHIN_S, Notifier
from tests.canary import CANARY


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: the path of a Unix socket is short."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=["notify", "@eisync-test"])
def systemd(folder: Path, request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, str]]:
    """A service manager's socket and the address it hands out: a path, or an abstract name that begins with @."""
    address = request.param if not request.param.startswith("@") else f"{request.param}-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address.replace("@", "\0", 1))
        listener.settimeout(5)
        yield listener, address


def test_the_service_manager_gets_its_own_messages(systemd: tuple[socket.socket, str]) -> None:
    listener, address = systemd
    notifier = Notifier(address)
    messages = []
    for tell in (
        notifier.ready,
        notifier.alive,
        lambda: notifier.status("the watcher has not moved"),
        notifier.stopping,
    ):
        tell()
        messages.append(listener.recv(1000).decode())
    assert ["READY=1", "WATCHDOG=1", "STATUS=the watcher has not moved", "STOPPING=1"] == messages


def test_a_status_is_one_line_without_keys_and_is_sent_when_it_changes(systemd: tuple[socket.socket, str]) -> None:
    listener, address = systemd
    notifier = Notifier(address)
    for text in ("", "it waits", "it waits", f"refused:\nMAINPID=1 {CANARY} {'x' * 9_000}", "it\nwaits"):
        notifier.status(text)
    notifier.stopping()
    messages = []
    while "STOPPING=1" not in messages:
        messages.append(listener.recv(10_000).decode())
    assert ["STATUS=it waits", "STATUS=it waits"] == [messages[0], messages[2]]
    assert (4, True) == (len(messages), messages[1].startswith("STATUS=refused: MAINPID=1 "))
    assert "\n" not in messages[1]
    assert CANARY not in messages[1]
    assert len(messages[1]) < 1_000


@pytest.mark.parametrize("address", [None, "nobody-listens", "/no/such/folder/notify", "x" * 500, "@nobody-here"])
def test_a_missing_service_manager_is_no_error(folder: Path, address: str | None) -> None:
    Notifier(address).ready()


def test_a_service_manager_that_does_not_read_stops_nothing(
    systemd: tuple[socket.socket, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eisync.adapters.process.SEND_WITHIN_S", SEND_WITHIN_S / 100)
    _, address = systemd
    notifier = Notifier(address)
    queue = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
    for _ in range(min(queue, 600) + 3):
        notifier.alive()
