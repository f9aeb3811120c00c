"""Run work on the workers of a Dask cluster, as a `concurrent.futures.Executor` that never runs any of it twice.

One thread runs an event loop with the client of the scheduler. A coroutine for each piece of work puts a permit at the
scheduler, submits the task, and waits for the answer with a limit (`permit` says why). What goes wrong on the way is
one of two errors: UnreachableError, the work certainly did not begin, or did not end; UnansweredError, it may have been
done, and the answer is lost. That is decided by taking the permit back, never by the kind of the failure.

A worker that cannot do the work (it does not see the files, it has no key), or that hangs, is avoided for a while
(`core.worker_health`). What it was given and has not begun is taken back.
"""

import asyncio
import contextlib
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Generic, ParamSpec, TypeVar

from eisync.adapters import clock
from eisync.adapters.cluster.attempt import ASK_WITHIN_S, Attempt
from eisync.adapters.cluster.permit import unpacker
from eisync.adapters.process import apart
from eisync.core.model import value
from eisync.core.text import one_line
from eisync.core.worker_health import WorkerHealth
from eisync.errors import ClusterUnreachableError, EisyncError, UnansweredError, UnreachableError

CONNECT_WITHIN_S = 10.0
CHECK_S = 1.0
"""The time between two looks at the scheduler and its workers."""
CONFIRM_WITHIN_S = 60.0

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Work = Callable[[], Any]


@value(kw_only=True)
class ClusterRules:
    """What the executor must know of the work. All times are in seconds.

    `limit_s` returns how long a piece of work may take on a worker. `confirm` is called in a thread of its own with the
    work, the worker and the error that the worker answered. It returns the error as this machine sees it, and whether
    the worker is the cause. `waits_out`: report a loss only after the worker must have given up by its own clock.
    """

    limit_s: Callable[[_Work], float] = lambda _: 300.0
    confirm: Callable[[_Work, str, EisyncError], tuple[EisyncError, bool]] = lambda _, __, error: (error, False)
    waits_out: Callable[[], bool] = lambda: False


class DaskExecutor(Executor):
    """The workers of one scheduler. `submit` raises RuntimeError, which says why, while there are none."""

    def __init__(self, address: str, rules: ClusterRules | None = None) -> None:
        """Connect to the scheduler at `address`, such as `tcp://10.0.0.5:8786`. Raise ClusterUnreachableError."""
        self.address = address
        self._rules = rules or ClusterRules()
        self._client: Any = None
        self._workers: frozenset[str] = frozenset()
        self._health = WorkerHealth()
        self._given: dict[str, str] = {}  # the worker that has each task, by the task's name
        self._names: set[str] = set()  # of the tasks that are under way
        self.worked_s = 0
        """For how many seconds, about, workers had work of this executor: it grows while any of them may be busy."""
        self._trouble: str | None = None
        self._is_shut = False
        self._unpack = unpacker()
        self._attempts: set[Future[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="eisync-cluster", daemon=True)
        self._thread.start()
        try:
            self._await(self._connect())
        except ClusterUnreachableError:
            self._end()
            raise
        self._checking = asyncio.run_coroutine_threadsafe(self._keep_connected(), self._loop)

    @property
    def why_unavailable(self) -> str | None:
        """Return why no work can be handed out now, as a sentence for a person; None when it can."""
        return self._trouble

    @property
    def workers(self) -> int:
        """Return the number of workers."""
        return len(self._workers)

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Run `fn`, which can be pickled, on a worker. Its future gets the result, or an EisyncError.

        Raise RuntimeError when there is no worker now; the work is never done then.
        """
        if self._is_shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if self._trouble is not None:
            raise RuntimeError(self._trouble)
        work: _Work = _Call(fn, args, kwargs) if args or kwargs else fn
        future = asyncio.run_coroutine_threadsafe(self._run(work), self._loop)
        self._attempts.add(future)
        future.add_done_callback(self._attempts.discard)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work. With `wait`, let what is under way end first; otherwise nothing is waited for."""
        if self._is_shut:
            return
        self._is_shut = True
        for future in list(self._attempts):
            if not wait:
                future.cancel()
            else:
                with contextlib.suppress(Exception):  # its reader gets it
                    future.exception()
        self._checking.cancel()
        with contextlib.suppress(TimeoutError):
            self._await(self._close())
        self._end()

    async def _run(self, work: _Work) -> Any:
        """Do the work on a worker. Raise EisyncError."""
        name = f"eisync_upload-{uuid.uuid4().hex}"
        attempt = Attempt(self._client, name, self._rules.limit_s(work), is_stuck=self._is_stuck)
        self._names.add(name)
        try:
            answer = await attempt.answer(self._unpack, work, self._health.preferred(self._workers, clock.monotonic()))
        except (UnreachableError, UnansweredError) as error:
            if attempt.is_late and name in self._given:
                self._health.note_failure(self._given[name], clock.monotonic())
            if isinstance(error, UnansweredError) and self._rules.waits_out():
                await attempt.wait_out()
            raise
        finally:
            self._names.discard(name)
            attempt.close()
        if answer.error is None:
            self._health.note_answer(answer.worker, clock.monotonic())
            return answer.result
        raise await self._confirmed(work, answer.worker, answer.error)

    async def _confirmed(self, work: _Work, worker: str, answered: EisyncError) -> EisyncError:
        """Return what the error of a worker means, as this machine sees it."""
        confirming = apart(lambda: self._rules.confirm(work, worker, answered))
        try:
            error, is_unfit = await asyncio.wait_for(asyncio.wrap_future(confirming), CONFIRM_WITHIN_S)
        except TimeoutError:
            return UnreachableError(f"{answered}; this machine cannot read the file now either")
        if is_unfit:
            self._health.note_failure(worker, clock.monotonic())
        return error

    def _is_stuck(self, name: str, given_at: float) -> bool:
        """Return whether a task that has not begun must be taken back from the worker that has it."""
        worker = self._given.get(name)
        return worker is not None and self._health.is_stuck(worker, given_at=given_at, now=clock.monotonic())

    async def _connect(self) -> None:
        from distributed import Client

        try:
            self._client = await Client(
                self.address, asynchronous=True, set_as_default=False, timeout=CONNECT_WITHIN_S, name="eisync"
            )
        except (OSError, ValueError) as error:  # a time-out is an OSError
            raise ClusterUnreachableError(
                f"the Dask scheduler {self.address} does not answer ({one_line(str(error))}); start it with 'dask "
                "scheduler', or correct --scheduler or scheduler in [upload]"
            ) from error
        self._trouble = await self._check()

    async def _keep_connected(self) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            try:
                if self._client.status in ("closing", "closed"):  # it gave up
                    await self._connect()
                else:
                    self._trouble = await self._check()
            except ClusterUnreachableError as error:
                self._trouble = f"{error}; eisync tries again until it answers"

    async def _check(self) -> str | None:
        """Update the workers. Return why none can be given work."""
        try:
            if self._client.status == "running":
                self._workers = frozenset(await asyncio.wait_for(self._client.nthreads(), ASK_WITHIN_S))
                given = await asyncio.wait_for(self._client.processing(), ASK_WITHIN_S)
                self._given = {name: worker for worker, names in given.items() for name in names}
                self.worked_s += bool(self._names & self._given.keys())
                self._health.forget_others(self._workers)
                no_worker = f"the Dask scheduler {self.address} has no worker: start one with 'dask worker'"
                return None if self._workers else no_worker
        except Exception:  # noqa: BLE001, S110 - whatever a broken line raises, the scheduler did not answer
            pass
        self._workers = frozenset()
        return f"the Dask scheduler {self.address} does not answer; eisync tries again until it does"

    async def _close(self) -> None:
        if self._client is not None:
            await asyncio.wait_for(self._client.close(), ASK_WITHIN_S)

    def _await(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _end(self) -> None:
        self._is_shut = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ASK_WITHIN_S)
        if not self._thread.is_alive():
            self._loop.close()


@value
class _Call(Generic[_T]):
    """A call with its arguments, which can be pickled."""

    fn: Callable[..., _T]
    args: tuple[Any, ...]
    named: dict[str, Any]

    def __call__(self) -> _T:
        return self.fn(*self.args, **self.named)
