"""Make one attempt to do a piece of work on a worker: a permit, a task, and a limited wait for the answer."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from eisync.adapters import clock
from eisync.adapters.cluster.permit import Answer, packed
from eisync.core.text import one_line
from eisync.errors import UnansweredError, UnreachableError

ASK_WITHIN_S = 10.0
"""How long the scheduler may take for a short answer."""
POLL_S = 2.0
"""The time between two questions whether a task that was submitted has begun."""
BEGIN_WITHIN_S = 600.0
"""How long a task may wait for a worker that is free. The cluster may have other work."""
MARGIN_S = 10.0
"""The coordinator waits so much longer for an answer than the worker may take by its own clock."""

_T = TypeVar("_T")
_Work = Callable[[], Any]


class Attempt:
    """One attempt. Call `answer` once, then `close`, in the event loop of the client."""

    def __init__(self, client: Any, name: str, limit_s: float, *, is_stuck: Callable[[str, float], bool]) -> None:
        """The work may take `limit_s` on a worker.

        `is_stuck` takes the name and when it was submitted (monotonic). It returns whether the worker that has the
        task and has not begun it hangs.
        """
        self.is_late = False
        """Whether the worker hangs, as far as this attempt can tell."""
        self._client = client
        self._name = name
        self._limit_s = limit_s
        self._is_stuck = is_stuck
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
                    elif self._is_stuck(self._name, submitted_at):
                        self.is_late = True
                        raise TimeoutError("the worker that had it did not begin it")
                elif now > self._ends_at:
                    self.is_late = True
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
