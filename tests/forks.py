"""`eisync COMMAND` in a process of its own without a start of the interpreter, most of what a short command takes.

A server that has imported everything forks a child for each command, which runs from `__main__` to the end of the
interpreter. What an interpreter decides when it starts stands in its environment. Where that differs from the
server's, and for the first of each command, the caller is told to start a real one.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.canary import hear

ROOT = Path(__file__).parent.parent
STARTERS = ("PYTHON", "LANG", "LC_", "LD_", "TZ")
MOST_BYTES = 200_000  # of one message, far above every command line and environment of ours

SERVER = """
import encodings.idna, encodings.utf_8_sig, gc, importlib, json, os, random, runpy, socket, sqlite_utils, sys
import tempfile, tomllib, traceback
import eisync.app.doctor.examination, eisync.app.machine, eisync.control.local_socket, eisync.export, pwd
from eisync import cli
from eisync.cli import VERBS
for verb in set(VERBS) - {"demo", "emulator"}:
    importlib.import_module("eisync.cli." + verb.replace("-", "_"))

def asked(door):
    while True:
        message, files, _, _ = socket.recv_fds(door, MOST_BYTES, 2)
        if not message:
            return None
        if child := os.fork():
            for file in files:
                os.close(file)
            door.send(b"%d" % child)
            _, status = os.waitpid(child, 0)
            door.send(b"%d" % os.waitstatus_to_exitcode(status))
            continue
        door.close()
        for standard, file in enumerate([os.open(os.devnull, os.O_RDONLY), *files]):
            os.dup2(file, standard)
            os.close(file)
        wish = json.loads(message)
        os.environ.clear()
        os.environ.update(wish["environ"])
        os.chdir(wish["cwd"])
        sys.argv[1:] = wish["arguments"]
        importlib.reload(eisync)  # its globals are what the environment says
        random.seed()
        return wish

def become(user):
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)  # all three, or the kernel lets it look everywhere

gc.freeze()
if (wish := asked(socket.socket(fileno=int(sys.argv[1])))) is None:
    pass
elif wish["user"] is None:
    runpy.run_module("eisync", run_name="__main__", alter_sys=True)
else:
    become(wish["user"])
    cli.main()  # it is imported: the user may not be allowed to look where it is installed
"""


class ForkServer:
    """One for each process that runs tests; it is started when it is needed."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._turn = threading.Lock()
        self._door: socket.socket | None = None
        self._starters: dict[str, str] = {}

    def run(
        self,
        arguments: Sequence[str],
        *,
        environ: Mapping[str, str],
        cwd: Path,
        limit_s: float,
        user: int | None = None,
    ) -> "subprocess.CompletedProcess[str] | None":
        """What became of `eisync ARGUMENTS`; None when a real start is to be made instead. `user` is whom root becomes.

        Raises subprocess.TimeoutExpired, having killed it, when it lasts longer than `limit_s`.
        """
        is_first = arguments[0] not in self._seen
        self._seen.add(arguments[0])
        if is_first or not self._turn.acquire(blocking=False):  # two at once: the other may wait for this one
            return None
        try:
            door = self._door = self._door or self._start(environ)
            if self._starters != _starters(environ):
                return None
            with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
                pass_request = {"arguments": list(arguments), "environ": dict(environ), "cwd": str(cwd), "user": user}
                socket.send_fds(door, [json.dumps(pass_request).encode()], [out.fileno(), err.fileno()])
                code = self._wait(door, arguments, limit_s)
                told = [_read(stream) for stream in (out, err)]
        finally:
            self._turn.release()
        hear("a process", *arguments, *told)
        return subprocess.CompletedProcess(["eisync", *arguments], code, *told)

    def _wait(self, door: socket.socket, arguments: Sequence[str], limit_s: float) -> int:
        child = int(door.recv(64))
        door.settimeout(limit_s)
        try:
            return int(door.recv(64))
        except TimeoutError as error:
            os.kill(child, signal.SIGKILL)
            door.settimeout(10.0)
            door.recv(64)
            raise subprocess.TimeoutExpired(list(arguments), limit_s) from error
        finally:
            door.settimeout(None)

    def _start(self, environ: Mapping[str, str]) -> socket.socket:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._starters = _starters(environ)
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER.replace("MOST_BYTES", str(MOST_BYTES)), str(its.fileno())],
            pass_fds=[its.fileno()],
            env={name: value for name, value in environ.items() if not name.startswith(("EI_", "EISYNC_"))},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
        )
        its.close()

        def end() -> None:
            ours.close()
            server.wait(10)

        atexit.register(end)
        return ours


def _starters(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(STARTERS)}


def _read(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "surrogateescape")


FORKS = ForkServer()
