"""This process on its machine: which one it is, what it tells systemd, and threads that may not be there.

A process number is used again after a process ends, so a process is known by its number and its start.

Threads: an executor of the standard library queues work before it fails to start a thread, and a thread that comes
free does that work later. `ThreadPool` never does work that it did not accept, so the caller may keep it.

Garbage collection: Python looks for reference cycles each time some hundred more values were made than freed. A page
of a listing makes thousands and frees them with the next page, and the search cost a seventh of a sweep. Few of our
values form cycles, so the search runs seldom, and what exists at the start (modules above all) is never searched
again.

Source: sd_notify(3), "Notes".
"""

import contextlib
import gc
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Generic, ParamSpec, TypeVar


def host() -> str:
    """The name of this machine."""
    return socket.gethostname()


def identity(pid: int) -> str:
    """What tells the process from any other one, on any machine and in any container; empty when it does not run, or
    nobody can tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            boot = file.read().strip()
        with open(f"/proc/{pid}/stat", "rb") as file:
            began = file.read().rpartition(b")")[2].split()[19]
        return f"{boot.decode()} {os.readlink('/proc/self/ns/pid')} {pid}-{began.decode()}"
    except (OSError, IndexError):
        return ""


def is_running(pid: int, known: str) -> bool | None:
    """Whether the process still runs; None when nobody can tell from here: it is of another machine or container."""
    mine = identity(os.getpid()).rpartition(" ")[0]
    if not known or known.rpartition(" ")[0] != mine:
        return None
    return identity(pid) == known


MADE_BEFORE_A_LOOK = 10_000


def collect_rarely() -> None:
    """From now on, in the whole process. Safe to repeat: only the first call says what is there at the start."""
    if not gc.get_freeze_count():
        gc.freeze()
    _, *older = gc.get_threshold()
    gc.set_threshold(MADE_BEFORE_A_LOOK, *older)


SEND_WITHIN_S = 1.0


class Notifier:
    """Speaks to the service manager at `address`; to nobody when it is None."""

    def __init__(self, address: str | None) -> None:
        self._address = address if address is None or not address.startswith("@") else "\0" + address[1:]

    def ready(self) -> None:
        """Start-up is over."""
        self._send("READY=1")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Shut-down has begun."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={text}")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
            sender.settimeout(SEND_WITHIN_S)  # a service manager that does not read must not stop us
            sender.sendto(message.encode(), self._address)  # whoever does not listen any more needs no answer


_P = ParamSpec("_P")
_T = TypeVar("_T")


class ThreadPool(ThreadPoolExecutor):
    """Threads for work. `submit` raises RuntimeError where none can be started, and then the work is never done."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Do it in a thread."""
        work = _Work(lambda: fn(*args, **kwargs))
        try:
            work.follow(super().submit(work.begin))
        except RuntimeError:
            if work.future.cancel():
                raise
        return work.future


def hand_over(executor: Executor, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
    """Do it in a thread of `executor`, or here and now where none can be started: once in any case."""
    work = _Work(lambda: fn(*args, **kwargs))
    try:
        work.follow(executor.submit(work.begin))
    except RuntimeError as error:
        if "shutdown" in str(error):
            raise  # it is over, and nothing more is wanted
        work.begin()  # nothing, where a thread has begun with it
    return work.future


class _Work(Generic[_T]):
    """Something that is done once, and never after its future was cancelled."""

    def __init__(self, do: Callable[[], _T]) -> None:
        self.future: Future[_T] = Future()
        self._do: Callable[[], _T] | None = do
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Do it, whoever comes first."""
        with self._lock:
            do, self._do = self._do, None
        if do is None or not self.future.set_running_or_notify_cancel():
            return
        try:
            result = do()
        except BaseException as error:  # noqa: BLE001 - whoever waits for the result gets it, as from any executor
            self.future.set_exception(error)
        else:
            self.future.set_result(result)

    def follow(self, queued: "Future[None]") -> None:
        """Be cancelled where the executor drops what waits in its queue."""
        queued.add_done_callback(lambda one: self.future.cancel() if one.cancelled() else None)
