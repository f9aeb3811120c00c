"""Identify this process, notify systemd, start threads that may be refused, and tune garbage collection.

Identity: process ids are reused, so a process is identified by its id and its start time.

Threads: when an executor of the standard library cannot start a thread, it has already queued the work, and a thread
that becomes free does it later. `ThreadPool` never does work that it did not accept, so the caller may keep it.

Garbage collection: Python searches for reference cycles each time when some hundred more objects were created than
freed. A page of a listing creates thousands and frees them with the next page, and the search took a seventh of a
sweep. Few objects of eisync form cycles, so the search runs rarely, and the objects that exist at the start (mostly
modules) are never searched again.

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

from eisync.core.redaction import KEYS
from eisync.core.text import one_line


def host() -> str:
    """Return the name of this machine."""
    return socket.gethostname()


def identity(pid: int) -> str:
    """Return a text that is unique to the process, across machines and containers.

    It is empty when the process does not run, or when that is not known.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            boot = file.read().strip()
        with open(f"/proc/{pid}/stat", "rb") as file:
            began = file.read().rpartition(b")")[2].split()[19]
        return f"{boot.decode()} {os.readlink('/proc/self/ns/pid')} {pid}-{began.decode()}"
    except (OSError, IndexError):
        return ""


def is_running(pid: int, known: str) -> bool | None:
    """Return whether the process still runs; None when it belongs to another machine or container."""
    mine = identity(os.getpid()).rpartition(" ")[0]
    if not known or known.rpartition(" ")[0] != mine:
        return None
    return identity(pid) == known


MADE_BEFORE_A_LOOK = 10_000


def collect_rarely() -> None:
    """Collect garbage rarely from now on, in the whole process.

    Safe to repeat: the first call decides which objects exist at the start.
    """
    if not gc.get_freeze_count():
        gc.freeze()
    _, *older = gc.get_threshold()
    gc.set_threshold(MADE_BEFORE_A_LOOK, *older)


SEND_WITHIN_S = 1.0


class Notifier:
    """Send notifications to the service manager at `address`; send none when it is None."""

    def __init__(self, address: str | None) -> None:
        self.is_heard = address is not None
        self._address = address if address is None or not address.startswith("@") else "\0" + address[1:]
        self._status = ""

    def ready(self) -> None:
        """Report that start-up is complete."""
        self._send("READY=1")

    def alive(self) -> None:
        """Reset systemd's watchdog timer."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Report that shutdown has begun."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Set the line that `systemctl status` shows. Send nothing if it is the same as before."""
        # A line break would begin another notification, and systemd refuses long ones.
        line = one_line(KEYS.without_keys(text))
        if line and line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
            sender.settimeout(SEND_WITHIN_S)  # a service manager that does not read must not block eisync
            sender.sendto(message.encode(), self._address)  # a manager that is gone raises OSError, which is ignored


_P = ParamSpec("_P")
_T = TypeVar("_T")


class ThreadPool(ThreadPoolExecutor):
    """Run work in threads. `submit` raises RuntimeError when no thread can be started; the work is never done then."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Run `fn` in a thread."""
        work = _Work(lambda: fn(*args, **kwargs))
        try:
            work.follow(super().submit(work.begin))
        except RuntimeError:
            if work.future.cancel():
                raise
        return work.future


def hand_over(executor: Executor, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
    """Run `fn` in a thread of `executor`, or in this thread if none can be started: once in either case."""
    work = _Work(lambda: fn(*args, **kwargs))
    try:
        work.follow(executor.submit(work.begin))
    except RuntimeError as error:
        if "shutdown" in str(error):
            raise  # the executor was shut down
        work.begin()  # does nothing if a thread has begun it
    return work.future


def hand(executor: Executor, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
    """Run `fn` in the executor: as `hand_over` does in threads; other executors get `fn` itself, to be pickled."""
    if isinstance(executor, ThreadPoolExecutor):
        return hand_over(executor, fn, *args, **kwargs)
    return executor.submit(fn, *args, **kwargs)


def apart(fn: Callable[[], _T]) -> Future[_T]:
    """Run `fn` in a thread of its own, which ends with the process if nothing else ends it.

    For what may hang and cannot be stopped, such as a look at a file server that is away. The caller waits for the
    future with a limit. Where no thread can be started, run `fn` in this thread.
    """
    work = _Work(fn)
    try:
        threading.Thread(target=work.begin, name="eisync-apart", daemon=True).start()
    except RuntimeError:
        work.begin()
    return work.future


class _Work(Generic[_T]):
    """Work that is done once, and never after its future was cancelled."""

    def __init__(self, do: Callable[[], _T]) -> None:
        self.future: Future[_T] = Future()
        self._do: Callable[[], _T] | None = do
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Do the work, unless another thread has begun it."""
        with self._lock:
            do, self._do = self._do, None
        if do is None or not self.future.set_running_or_notify_cancel():
            return
        try:
            result = do()
        except BaseException as error:  # noqa: BLE001 - the future carries it to its reader, as with any executor
            self.future.set_exception(error)
        else:
            self.future.set_result(result)

    def follow(self, queued: "Future[None]") -> None:
        """Cancel this future when the executor cancels the queued one."""
        queued.add_done_callback(lambda one: self.future.cancel() if one.cancelled() else None)
