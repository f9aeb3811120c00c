"""Hand work to threads that may not be there: no more can be started where a limit of processes is reached.

An executor of the standard library takes the work into its queue before it fails to start a thread for it, and one that
comes free later does it after all. Here work that was not taken is never done, so that whoever gave it may keep it.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Generic, ParamSpec, TypeVar

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
