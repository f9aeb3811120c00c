import json
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.notification import Webhook, encoded, run_command, show_on_desktop
from eisync.core.redaction import KEYS
from eisync.errors import NotificationError
from tests.canary import CANARY

MESSAGE = {"kind": "problem", "text": "eisync: 7 files need you.", "status": "1 of 8 files is in Edge Impulse."}
SECRET = "T0000/B1111/aSecretOfAChatService"
ENVIRON = {"PATH": "/usr/bin:/bin"}


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


# The command


def test_the_command_reads_the_message_and_no_key(tmp_path: Path) -> None:
    place = tmp_path / "read.json"
    code = "import json, os, sys; open(sys.argv[1], 'w').write(json.dumps([json.load(sys.stdin), dict(os.environ)]))"
    run_command([*python(code), str(place)], MESSAGE, environ=ENVIRON, limit_s=20.0)
    message, environ = json.loads(place.read_text())
    assert MESSAGE == message
    assert {"LC_CTYPE", *ENVIRON} >= set(environ)  # the first is Python's own


def test_a_key_in_a_reason_does_not_leave(tmp_path: Path) -> None:
    KEYS.learn(CANARY)
    assert CANARY.encode() not in encoded({**MESSAGE, "text": f"HTTP 401: Invalid API key {CANARY}"})


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["/nowhere/tool"], "the command tool cannot be started: No such file or directory"),
        (python("import sys; sys.exit('no such host')"), "ended with code 1: no such host"),
        (python("import os; os.kill(os.getpid(), 9)"), "ended with code -9"),
    ],
)
def test_a_command_that_fails_has_a_reason(command: list[str], reason: str) -> None:
    with pytest.raises(NotificationError) as caught:
        run_command(command, MESSAGE, environ=ENVIRON, limit_s=20.0)
    assert str(caught.value).endswith(reason)


def test_a_command_that_reads_nothing_is_fine() -> None:
    run_command(["true"], {**MESSAGE, "text": "x" * 1_000_000}, environ=ENVIRON, limit_s=20.0)


def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    code = f"import time\nfor _ in range(200):\n  open({str(alive)!r}, 'a').write('.'); time.sleep(0.05)"
    began_at = time.monotonic()
    with pytest.raises(NotificationError, match="did not end within"):
        run_command(["sh", "-c", f'{sys.executable} -c "$0" & wait', code], MESSAGE, environ=ENVIRON, limit_s=0.5)
    assert time.monotonic() - began_at < 5.0
    before = alive.stat().st_size if alive.exists() else 0
    time.sleep(0.2)
    assert before == (alive.stat().st_size if alive.exists() else 0)


# The desktop


def test_without_the_tool_the_reason_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(NotificationError, match="libnotify-bin"):
        show_on_desktop(MESSAGE, environ={"PATH": str(tmp_path)}, limit_s=5.0)


def test_the_desktop_shows_the_status_and_no_name(tmp_path: Path) -> None:
    tool, place = tmp_path / "notify-send", tmp_path / "shown"
    tool.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {place}\n')
    tool.chmod(0o755)
    show_on_desktop(MESSAGE, environ={"PATH": f"{tmp_path}:/usr/bin:/bin"}, limit_s=20.0)
    expected = ["--app-name=eisync", "--urgency=critical", "--", "eisync: problem", MESSAGE["status"]]
    assert expected == place.read_text().splitlines()


# The webhook


class Chat:
    """A chat service that keeps what is posted to it."""

    def __init__(self, status: int = 200) -> None:
        chat = self
        self.status = status
        self.posted: list[tuple[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                chat.posted.append((self.path, json.loads(body)))
                self.send_response(chat.status)
                self.send_header("location", "http://127.0.0.1:1/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/{SECRET}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def chat() -> Iterator[Chat]:
    chat = Chat()
    yield chat
    chat.server.shutdown()
    chat.server.server_close()


def webhook(url: str) -> Webhook:
    return Webhook(url, user_agent="eisync/test", limit_s=5.0)


def test_the_webhook_posts_the_message(chat: Chat) -> None:
    hook = webhook(chat.url)
    hook.deliver(MESSAGE)
    hook.close()
    assert [(f"/services/{SECRET}", MESSAGE)] == chat.posted
    assert SECRET not in repr(hook)


@pytest.mark.parametrize("status", [302, 404, 500])
def test_any_other_answer_is_a_failure_and_a_redirect_is_not_followed(chat: Chat, status: int) -> None:
    chat.status = status
    hook = webhook(chat.url)
    with pytest.raises(NotificationError, match=f"^the webhook answered HTTP {status}$"):
        hook.deliver(MESSAGE)
    hook.close()
    assert 1 == len(chat.posted)


def test_no_error_and_no_log_has_the_secret_address() -> None:
    hook = webhook(f"http://127.0.0.1:1/services/{SECRET}")
    with pytest.raises(NotificationError) as caught:
        hook.deliver(MESSAGE)
    hook.close()
    assert SECRET not in str(caught.value)
    assert SECRET not in KEYS.text(f"POST /services/{SECRET} failed")
