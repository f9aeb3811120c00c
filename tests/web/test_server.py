"""The page as a part of the daemon: its port, its token, its thread, and what happens without it."""

import os
import socket
import stat
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waitress.task import ThreadedTaskDispatcher

from eisync.app import page as module
from eisync.app.extras import how_to_add
from eisync.app.page import PageServer
from eisync.cli.ui import page_of
from eisync.control.running import NO_PAGE, PAGE_STARTS
from eisync.errors import EisyncError
from eisync.settings import Web
from eisync.store.state_folder import WEB_TOKEN_NAME
from eisync.web import server
from eisync.web.credentials import read_token
from eisync.web.rendering import STATIC
from tests.control.test_operations import Desk
from tests.fakes import Notebook

VENDORED = [Path(STATIC) / "vendor", Path(__file__).parent / "vendor"]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "state")


def serve(desk: Desk, folder: str, log: Notebook, **options: Any) -> PageServer:
    return PageServer(Web(**{"port": 0, **options}), desk.operations(), folder=folder, log=log)


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def test_a_link_opens_the_page_of_a_real_server(desk: Desk, folder: str) -> None:
    log = Notebook()
    page = serve(desk, folder, log)
    try:
        record = page.record()
        assert "You are logged in" in fetch(record["link"])
        [health] = page.health()
        assert ("web", True) == (health["name"], health["is_fresh"])
        [line] = log.lines
        assert ("web.listening", page.url) == (line.event, line.fields["address"])
        assert "code=" not in str(line)
    finally:
        page.close()
    assert (None, []) == (page.url, page.health())
    page.close()
    assert not [one for one in threading.enumerate() if one.name.startswith(("waitress", "eisync-web"))]


def test_the_page_can_be_off(desk: Desk, folder: str) -> None:
    page = serve(desk, folder, Notebook(), enabled=False)
    assert (None, "the page is off: web.enabled is false") == (page.url, page.record()["why_off"])
    assert not os.path.exists(os.path.join(folder, WEB_TOKEN_NAME))
    page.close()


def test_without_the_extra_one_sentence_says_how_to_get_it(
    desk: Desk, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: Any, **__: Any) -> Any:
        raise ModuleNotFoundError("No module named 'waitress'", name="waitress")

    monkeypatch.setattr(module, "_open", missing)
    log = Notebook()
    page = serve(desk, folder, log)
    assert f"needs waitress: {how_to_add('web')}; or say web.enabled = false" in str(page.why_off)
    assert [("info", "web.unavailable")] == [(line.level, line.event) for line in log.lines]
    page.close()


def test_a_port_that_is_taken_costs_the_next_one(desk: Desk, folder: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        page = serve(desk, folder, Notebook(), port=port)
        try:
            assert page.url is not None
            assert port < int(page.url.rpartition(":")[2].rstrip("/")) < port + server.PORTS
        finally:
            page.close()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"address": "192.0.2.1", "trusted_proxy": "192.0.2.2"}, "this machine has no address 192.0.2.1"),
        ({"port": 0}, "the ports 0 to 0 of 127.0.0.1 are taken; name a free one with web.port"),
    ],
)
def test_a_page_that_cannot_be_served_costs_nothing_else(
    desk: Desk, folder: str, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], sentence: str
) -> None:
    if "address" not in options:
        monkeypatch.setattr(socket.socket, "listen", in_use)
    log = Notebook()
    page = serve(desk, folder, log, **options)
    assert sentence in str(page.record()["why_off"])
    assert [("warning", "web.unavailable")] == [(line.level, line.event) for line in log.lines]
    page.close()


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), OSError(24, "Too many open files")])
def test_a_machine_that_is_full_serves_no_page_and_uploads(
    desk: Desk, folder: str, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(ThreadedTaskDispatcher, "set_thread_count", full)
    page = serve(desk, folder, Notebook())
    assert f"the page cannot be served: {error}" == page.why_off
    page.close()


def in_use(*_: Any) -> None:
    raise OSError(98, "Address already in use")


def fail_to_fetch(url: str) -> None:
    with pytest.raises(OSError):
        fetch(url)


def test_a_page_that_hangs_costs_its_own_thread_only(desk: Desk, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go, entered = threading.Event(), threading.Event()

    def hang(*_: Any) -> Any:
        entered.set()
        let_go.wait(20)
        raise EisyncError("let go")

    monkeypatch.setattr("eisync.web.login._has_password", hang)
    page = serve(desk, folder, Notebook())
    try:
        assert page.url is not None
        stuck = threading.Thread(target=fail_to_fetch, args=(f"{page.url}login",))
        stuck.start()
        assert entered.wait(10)
        assert "You are logged in" in fetch(page.record()["link"])
    finally:
        let_go.set()
        stuck.join()
        page.close()


# --- the token


def test_the_token_is_private_and_stays(tmp_path: Path) -> None:
    token = read_token(str(tmp_path))
    path = tmp_path / WEB_TOKEN_NAME
    assert (64, 0o600) == (len(token), stat.S_IMODE(path.stat().st_mode))
    assert token == read_token(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"short\n", b"zz" * 32, b"\xff" * 64, b"5e" * 33, b"5e" * 10_000])
def test_what_is_no_token_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / WEB_TOKEN_NAME).write_bytes(content)
    token = read_token(str(tmp_path))
    assert (tmp_path / WEB_TOKEN_NAME).read_text() == token + "\n"


def test_a_link_in_the_place_of_the_token_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("5e" * 32)
    (tmp_path / WEB_TOKEN_NAME).symlink_to(tmp_path / "other")
    assert "5e" * 32 != read_token(str(tmp_path))
    assert "5e" * 32 == (tmp_path / "other").read_text()


def test_a_token_that_cannot_be_stored_is_an_error_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(EisyncError, match="the token of the page cannot be stored"):
        read_token(str(tmp_path / "nowhere"))


# --- `eisync ui`, and the daemon that starts


def test_a_page_that_is_starting_is_waited_for() -> None:
    answers: Iterator[list[dict[str, Any]]] = iter([[PAGE_STARTS], [PAGE_STARTS], [{**NO_PAGE, "link": "x"}]])
    assert {**NO_PAGE, "link": "x"} == page_of(lambda: next(answers))
    assert page_of(lambda: None) is None
    assert PAGE_STARTS == page_of(lambda: [PAGE_STARTS], stop=_set())


def _set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


# --- what is not ours


def _vendored_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix in (".js", ".css")]


@pytest.mark.parametrize("folder", VENDORED, ids=str)
def test_vendored_files_are_those_that_were_checked(folder: Path) -> None:
    import hashlib

    sums = dict(line.split()[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert sums == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in _vendored_in(folder)}
    assert {f"{name.partition('.')[0]}.LICENSE" for name in sums} == {path.name for path in folder.glob("*.LICENSE")}


def test_a_daemon_without_the_page_imports_nothing_of_it() -> None:
    said = (
        "import sys, eisync.app.machine; "
        "print([one for one in ('waitress', 'werkzeug', 'jinja2', 'eisync.web') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout
