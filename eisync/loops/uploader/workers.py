"""The pool of workers: HTTP and hashing, and nothing else."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

from eisync.loops.ports import Log

THREADLESS_S = 2.0
"""Where no thread can be started, it is tried again after this long."""
WARN_AGAIN_S = 300.0
NO_THREADS = (
    "no thread can be started: raise the limit of processes (TasksMax, pids.max, ulimit -u); eisync tries again soon"
)

_T = TypeVar("_T")


class Workers:
    """`number` threads at most. `wake` is called from a worker when its work has ended."""

    def __init__(self, pool: Executor, number: int, *, wake: Callable[[], None], log: Log) -> None:
        self.pool = pool
        self.number = number
        self.wake = wake
        self._log = log
        self._threadless_since: float | None = None  # when no thread could be started last; None: all could since
        self._warned_at = float("-inf")

    @property
    def is_threadless(self) -> bool:
        """Return whether no thread could be started when one was wanted last."""
        return self._threadless_since is not None

    def hand(self, work: Callable[[], _T], now: float, *, under_way: int) -> "Future[_T] | None":
        """Hand it to a worker. Return None when no thread could be started for it; then it is not done."""
        try:
            future = self.pool.submit(work)
        except RuntimeError as error:
            if not 0 <= now - self._warned_at < WARN_AGAIN_S:
                self._log.warning("workers.missing", reason=str(error), under_way=under_way)
                self._warned_at = now
            self._threadless_since = now
            return None
        self._threadless_since = None
        future.add_done_callback(lambda _: self.wake())
        return future

    def must_wait(self, now: float) -> bool:
        """Return whether no thread could be started a moment ago."""
        since = self._threadless_since
        return since is not None and since <= now < since + THREADLESS_S
