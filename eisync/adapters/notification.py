"""Deliver a notification: to a command of the user, to a webhook, or to the desktop.

The command is started without a shell, in a process group of its own, with the message as JSON on its standard input.
It inherits no key: the variables that configure eisync are not passed on. What it prints is not read, except the end of
what it says on stderr when it fails. After the time limit the whole group is killed.

The address of a webhook is usually a secret. It is never logged and stands in no error.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from eisync.adapters.client.transport import Transport
from eisync.core.redaction import KEYS
from eisync.core.text import one_line
from eisync.core.wire import Silence
from eisync.errors import NotificationError

MAX_ANSWER_BYTES = 64 * 1024
_STDERR_BYTES = 300


def encoded(message: Mapping[str, Any]) -> bytes:
    """Return the message as one line of JSON, without any key."""
    return KEYS.without_keys(json.dumps(message)).encode("utf-8", "replace") + b"\n"


def run_command(
    command: Sequence[str], message: Mapping[str, Any], *, environ: Mapping[str, str], limit_s: float
) -> None:
    """Run the command with the message on its standard input. Raise NotificationError when it fails or takes longer."""
    _run(command, encoded(message), environ=environ, limit_s=limit_s)


def show_on_desktop(message: Mapping[str, Any], *, environ: Mapping[str, str], limit_s: float) -> None:
    """Show the message with `notify-send`, the tool of freedesktop.org. Raise NotificationError.

    Every user of the machine can read the arguments of a process, so they have no name of a file or folder: only what
    kind of message it is, and the first sentence of the status.
    """
    tool = shutil.which("notify-send", path=environ.get("PATH"))
    if tool is None:
        raise NotificationError("there is no notify-send on this machine; install libnotify-bin, or use notify.command")
    urgency = "critical" if message["kind"] == "problem" else "normal"
    text = KEYS.without_keys(str(message["status"]))
    arguments = ["--app-name=eisync", f"--urgency={urgency}", "--", f"eisync: {message['kind']}", text]
    _run([tool, *arguments], b"", environ=environ, limit_s=limit_s)


def _run(command: Sequence[str], given: bytes, *, environ: Mapping[str, str], limit_s: float) -> None:
    name = os.path.basename(command[0])
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(  # noqa: S603 - the command of the configuration, and no shell
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env=dict(environ),
                cwd="/" if os.path.isdir("/") else None,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise NotificationError(f"the command {name} cannot be started: {reason}") from error
        try:
            process.communicate(given, timeout=limit_s)
        except subprocess.TimeoutExpired as error:
            raise NotificationError(f"the command {name} did not end within {limit_s:g} s, and was killed") from error
        except BrokenPipeError:
            process.wait(timeout=limit_s)  # it did not read the message, as it may
        finally:
            _kill(process)
        if process.returncode:
            said.seek(max(0, said.tell() - _STDERR_BYTES))
            last = one_line(said.read().decode("utf-8", "replace"))
            raise NotificationError(f"the command {name} ended with code {process.returncode}" + (last and f": {last}"))


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill the process with all that it started, if they still run."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Webhook:
    """Posts messages to one address, through the one way in which eisync sends requests."""

    def __init__(self, url: str, *, user_agent: str, limit_s: float) -> None:
        parts = urlsplit(url)
        KEYS.learn(parts.path.strip("/"))  # no log of an HTTP library and no answer may repeat it
        KEYS.learn(parts.query)
        self._url = url
        self._limit_s = limit_s
        self._transport = Transport(user_agent=user_agent, pool_connections=1, pool_maxsize=1)

    def __repr__(self) -> str:
        return "<Webhook>"

    def deliver(self, message: Mapping[str, Any]) -> None:
        """Post the message as JSON. Raise NotificationError for any answer but 2xx; a redirect is not followed."""
        answer = self._transport.send(
            "POST",
            self._url,
            headers={"content-type": "application/json"},
            timeout_s=(self._limit_s, self._limit_s / 2),
            body=encoded(message),
            max_answer_bytes=MAX_ANSWER_BYTES,
        )
        if isinstance(answer, Silence):
            raise NotificationError(f"the webhook: {answer.reason}")
        if not 200 <= answer.status < 300:
            raise NotificationError(f"the webhook answered HTTP {answer.status}")

    def close(self) -> None:
        """Close its connection. Safe to repeat."""
        self._transport.close()
