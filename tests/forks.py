"""`eisync COMMAND` in a process of its own without a start of the interpreter, most of what a short command takes.

A server that has imported everything forks a child for each command, which runs from `__main__` to the handlers of
`atexit`. What an interpreter decides when it starts stands in its environment. Where that differs from the server's,
and for the first of each command, the caller is told to start a real one.

What is left running becomes a child of the caller: the server forks it by way of a process that ends at once, and the
kernel gives the orphan to the nearest process that asked for orphans (PR_SET_CHILD_SUBREAPER).
"""

import atexit
import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tests.canary import hear

ROOT = Path(__file__).parent.parent
STARTERS = ("PYTHON", "LANG", "LC_", "LD_", "TZ")
MOST_BYTES = 200_000  # of one message, far above every command line and environment of ours
SET_CHILD_SUBREAPER = 36  # of prctl(2)

SERVER = """
import atexit, encodings.idna, encodings.utf_8_sig, gc, importlib, json, os, random, runpy, socket, sqlite_utils, sys
import tempfile, threading, tomllib, traceback
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
        wish = json.loads(message)
        if child := os.fork():
            for file in files:
                os.close(file)
            if not wish["is_left"]:
                door.send(b"%d" % child)
            _, status = os.waitpid(child, 0)
            door.send(b"%d" % os.waitstatus_to_exitcode(status))
            continue
        if wish["is_left"] and (left := os.fork()):
            door.send(b"%d" % left)
            os._exit(0)
        door.close()
        for standard, file in enumerate([os.open(os.devnull, os.O_RDONLY), *files]):
            os.dup2(file, standard)
            os.close(file)
        os.environ.clear()
        os.environ.update(wish["environ"])
        os.chdir(wish["cwd"])
        sys.argv[1:] = wish["arguments"]
        sys.orig_argv[1:] = ["-m", "eisync", *wish["arguments"]]  # what a daemon starts itself again by
        importlib.reload(eisync)  # its globals are what the environment says
        random.seed()
        return wish

def become(user):
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)  # all three, or the kernel lets it look everywhere

def end_after(run):
    # As the interpreter ends, but for taking every module apart, which takes longer than a short command: it copies all
    # memory of the server. What was left open says so when it is collected.
    code = 0
    try:
        run()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = 1 if isinstance(end.code, str) else end.code or 0
    except Exception:
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

gc.freeze()
if (wish := asked(socket.socket(fileno=int(sys.argv[1])))) is None:
    pass
elif wish["user"] is None:
    end_after(lambda: runpy.run_module("eisync", run_name="__main__", alter_sys=True))
else:
    become(wish["user"])
    end_after(cli.main)  # it is imported: the user may not be allowed to look where it is installed
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
        with self._asked(arguments, environ) as door:
            if door is None:
                return None
            with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
                _send(door, (out, err), arguments=arguments, environ=environ, cwd=cwd, user=user, is_left=False)
                code = self._wait(door, arguments, limit_s)
                told = [_read(stream) for stream in (out, err)]
        hear("a process", *arguments, *told)
        return subprocess.CompletedProcess(["eisync", *arguments], code, *told)

    def start(
        self,
        arguments: Sequence[str],
        *,
        environ: Mapping[str, str],
        cwd: Path,
        out: IO[bytes],
        user: int | None = None,
    ) -> "subprocess.Popen[bytes] | None":
        """`eisync ARGUMENTS`, left running; None when a real start is to be made instead. Both streams go to `out`."""
        with self._asked(["start", *arguments], environ) as door:
            if door is None or sys.platform != "linux":
                return None
            _take_orphans(True)
            try:
                _send(door, (out, out), arguments=arguments, environ=environ, cwd=cwd, user=user, is_left=True)
                process, forked = int(door.recv(64)), int(door.recv(64))
            finally:
                _take_orphans(False)
        assert 0 == forked
        return _Forked(process, ["eisync", *arguments])

    @contextlib.contextmanager
    def _asked(self, arguments: Sequence[str], environ: Mapping[str, str]) -> Iterator[socket.socket | None]:
        """The server's door for one wish; None when a real start is to be made instead."""
        command = " ".join(arguments[: 2 if arguments[0] == "start" else 1])
        is_first = command not in self._seen
        self._seen.add(command)
        if is_first or not self._turn.acquire(blocking=False):  # two at once: the other may wait for this one
            yield None
            return
        try:
            door = self._door = self._door or self._start(environ)
            yield door if self._starters == _starters(environ) else None
        except BaseException:  # what the server still says answers nobody
            if self._door is not None:
                self._door.close()
                self._door = None
            raise
        finally:
            self._turn.release()

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


class _Forked(subprocess.Popen[bytes]):
    """A child that is there already, to be asked and waited for as if subprocess had started it."""

    def __init__(self, process: int, arguments: Sequence[str]) -> None:
        self._process = process
        super().__init__(arguments)

    def _execute_child(self, *_: Any) -> None:
        self.pid = self._process
        self._child_created = True


def _take_orphans(is_wanted: bool) -> None:
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, int(is_wanted), 0, 0, 0)


def _send(door: socket.socket, streams: Sequence[IO[bytes]], *, cwd: Path, **wish: Any) -> None:
    message = json.dumps({**wish, "cwd": str(cwd)}).encode()
    socket.send_fds(door, [message], [stream.fileno() for stream in streams])


def _starters(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(STARTERS)}


def _read(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "surrogateescape")


FORKS = ForkServer()
