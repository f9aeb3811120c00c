"""Run work on the workers of a Dask cluster, as a `concurrent.futures.Executor` that never runs any of it twice.

One thread runs an event loop with the client of the scheduler. A coroutine for each piece of work puts a permit at the
scheduler, submits the task, and waits for the answer with a limit (`permit` says why). What goes wrong on the way is
one of two errors: UnreachableError, the work certainly did not begin, or did not end; UnansweredError, it may have been
done, and the answer is lost. That is decided by taking the permit back, never by the kind of the failure.

A worker that cannot do the work (it does not see the files, it has no key) fails at once, and so would get most of the
work. It is avoided for a while, as long as there are others.
"""

import asyncio
import contextlib
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any, Generic, ParamSpec, TypeVar

from eisync.adapters import clock
from eisync.adapters.cluster.permit import Answer, packed, unpacker
from eisync.adapters.process import apart
from eisync.core.model import value
from eisync.core.text import one_line
from eisync.errors import ClusterUnreachableError, EisyncError, UnansweredError, UnreachableError

CONNECT_WITHIN_S = 10.0
CHECK_S = 1.0
"""The time between two looks at the scheduler and its workers."""
ASK_WITHIN_S = 10.0
"""How long the scheduler may take for a short answer."""
POLL_S = 2.0
"""The time between two questions whether a task that was submitted has begun."""
BEGIN_WITHIN_S = 600.0
"""How long a task may wait for a worker that is free. The cluster may have other work."""
MARGIN_S = 10.0
"""The coordinator waits so much longer for an answer than the worker may take by its own clock."""
AVOID_S = 30.0
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
        self._avoided: dict[str, float] = {}  # until when (monotonic)
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
        attempt = _Attempt(self._client, f"eisync_upload-{uuid.uuid4().hex}", self._rules.limit_s(work))
        try:
            answer = await attempt.answer(self._unpack, work, self._preferred())
        except UnansweredError:
            if self._rules.waits_out():
                await attempt.wait_out()
            raise
        finally:
            attempt.close()
        if answer.error is None:
            return answer.result
        confirming = apart(lambda: self._rules.confirm(work, answer.worker, answer.error))  # type: ignore[arg-type]
        try:
            error, is_unfit = await asyncio.wait_for(asyncio.wrap_future(confirming), CONFIRM_WITHIN_S)
        except TimeoutError:
            error, is_unfit = UnreachableError(f"{answer.error}; this machine cannot read the file either now"), False
        if is_unfit:
            self._avoided[answer.worker] = clock.monotonic() + AVOID_S
        raise error

    def _preferred(self) -> list[str] | None:
        """Return the workers to prefer; None when all are alike."""
        now = clock.monotonic()
        self._avoided = {worker: until for worker, until in self._avoided.items() if until > now}
        others = self._workers - self._avoided.keys()
        return sorted(others) if self._avoided and others else None

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


class _Attempt:
    """One run of one piece of work."""

    def __init__(self, client: Any, name: str, limit_s: float) -> None:
        self._client = client
        self._name = name
        self._limit_s = limit_s
        self._queue: Any = None
        self._future: Any = None
        self._ends_at: float | None = None  # when the worker must have given up (monotonic)

    async def answer(self, unpack: Callable[[bytes], object], work: _Work, preferred: list[str] | None) -> Answer:
        """Submit the work, and wait for its answer. Raise UnreachableError or UnansweredError."""
        from distributed import Queue

        try:
            content = packed(self._name, self._limit_s, work)
            self._queue = await asyncio.wait_for(_awaited(Queue(self._name, client=self._client)), ASK_WITHIN_S)
            await asyncio.wait_for(self._queue.put(True), ASK_WITHIN_S)
            self._future = self._client.submit(
                unpack,
                content,
                key=self._name,
                pure=False,
                retries=0,
                workers=preferred,
                allow_other_workers=preferred is not None,
            )
        except Exception as error:
            raise UnreachableError(f"the Dask scheduler took no work ({_said(error)})") from error
        with self._lost_as_error() as lost:
            answer: Answer = await self._waited()
            if not answer.is_spent:
                return answer
            lost.append("the worker that had it was lost")
        raise await self._after_loss(lost[0])

    @contextlib.contextmanager
    def _lost_as_error(self) -> Iterator[list[str]]:
        lost: list[str] = []
        try:
            yield lost
        except Exception as error:  # noqa: BLE001 - whatever it was, the permit says what it means
            lost.append(_said(error))

    async def _waited(self) -> Answer:
        """Wait for the answer. Raise what Dask raises, and TimeoutError after the limit."""
        waiting = asyncio.ensure_future(self._future.result())
        submitted_at = clock.monotonic()
        try:
            while not (await asyncio.wait({waiting}, timeout=POLL_S))[0]:
                now = clock.monotonic()
                if self._ends_at is None:
                    if now > submitted_at + BEGIN_WITHIN_S:
                        raise TimeoutError(f"no worker began it within {BEGIN_WITHIN_S:.0f} s")
                    if not await asyncio.wait_for(self._queue.qsize(), ASK_WITHIN_S):
                        self._ends_at = now + self._limit_s + MARGIN_S
                elif now > self._ends_at:
                    raise TimeoutError(f"the worker did not answer within {self._limit_s + MARGIN_S:.0f} s")
            answer: Answer = waiting.result()
            return answer
        finally:
            waiting.cancel()

    async def _after_loss(self, reason: str) -> UnreachableError | UnansweredError:
        """Return what the loss means: with the permit in hand, the work did not begin, and never will."""
        try:
            is_unused = bool(await asyncio.wait_for(self._queue.get(batch=True), ASK_WITHIN_S))
        except Exception:  # noqa: BLE001 - the scheduler is away, or was restarted and knows no permit
            is_unused = False
        if is_unused:
            return UnreachableError(f"no worker of the cluster did it: {reason}")
        return UnansweredError(f"no answer came from the cluster: {reason}")

    async def wait_out(self) -> None:
        """Wait until the worker must have given up by its own clock."""
        ends_at = clock.monotonic() + self._limit_s + MARGIN_S if self._ends_at is None else self._ends_at
        await asyncio.sleep(max(0.0, ends_at - clock.monotonic()))

    def close(self) -> None:
        """Tell the scheduler to forget the task and the permit. Never fail: it may be away."""
        with contextlib.suppress(Exception):
            if self._future is not None:
                self._future.release()
        with contextlib.suppress(Exception):
            if self._queue is not None:
                # Twice, as the scheduler counted it twice: when it was made, and when it was awaited.
                self._queue.close()
                self._queue.close()


async def _awaited(one: Awaitable[_T]) -> _T:
    return await one


def _said(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}".rstrip(": "))
