"""Run work on a worker at most once, whatever the cluster does with the task.

A Dask scheduler runs a task again when the worker that had it died, or seemed to: its event loop was blocked, its line
was cut. `retries=0` does not prevent that, and `allowed-failures` belongs to a scheduler that may be someone else's.
So a task is not trusted to run once. For each attempt the coordinator puts one permit at the scheduler (a queue with
one entry), and the work begins only after the permit was taken. Taking it is one step of the scheduler's event loop:
of two workers one gets it. The second run of a task finds none and does nothing.

The coordinator can take the permit back. If it gets it, the work never began and never will. If not, the work may have
begun. A scheduler that was restarted has no permits, so nothing begins there that an earlier one had.

A permit also ends: the work asks `refuse_late` before it does what cannot be undone, and a worker that was stopped or
cut off for too long gives up by its own clock.
"""

import pickle
import threading
from collections.abc import Callable
from typing import Any

from eisync.adapters import clock
from eisync.core.model import value
from eisync.core.text import one_line
from eisync.errors import EisyncError, UnansweredError, UnreachableError

ASK_WITHIN_S = 30.0
"""How long a worker waits for the scheduler to hand out a permit."""

_WORK = threading.local()
_LOCK = threading.Lock()


@value
class Answer:
    """What a worker answers: a result or an error. `is_spent`: the permit was gone, so this run did nothing."""

    worker: str
    result: Any = None
    error: EisyncError | None = None
    is_spent: bool = False


def packed(permit: str, limit_s: float, work: Callable[[], object]) -> bytes:
    """Return the bytes from which a worker runs `work` once. Raise what `pickle` raises."""
    return pickle.dumps((run_once, (permit, limit_s, work)))


def unpacker() -> Callable[[bytes], object]:
    """Return the function that a task calls with these bytes.

    It is pickled by its code, because it is no attribute of a module. So the scheduler, which reads each task, needs no
    eisync, and sees nothing but bytes.
    """

    def eisync_upload(packed: bytes) -> object:
        import pickle

        run, arguments = pickle.loads(packed)  # noqa: S301 - from the coordinator, like the function itself
        return run(*arguments)

    return eisync_upload


def run_once(permit: str, limit_s: float, work: Callable[[], object]) -> Answer:
    """Take the permit and do the work, in a worker. Never raise: Dask would log the arguments with the error."""
    from distributed import get_worker

    worker = str(get_worker().address)
    _WORK.ends_at = clock.monotonic() + limit_s  # from before the permit is asked for
    try:
        if not _take(permit):
            return Answer(worker, is_spent=True)
    except Exception as error:  # noqa: BLE001 - whatever it was, the work did not begin
        return Answer(worker, error=UnreachableError(f"the worker {worker} got no permit to send: {_said(error)}"))
    try:
        return Answer(worker, work())
    except EisyncError as error:
        return Answer(worker, error=error)
    except Exception as error:  # noqa: BLE001 - the coordinator must learn of it, and Dask must not log it
        return Answer(worker, error=UnansweredError(f"eisync failed on the worker {worker} ({type(error).__name__})"))
    finally:
        _WORK.ends_at = None


def refuse_late() -> None:
    """Raise UnreachableError when the permit of this thread's work has ended: the coordinator no longer waits for it.

    Call it before what cannot be undone. Do nothing in a thread without a permit.
    """
    ends_at = getattr(_WORK, "ends_at", None)
    if ends_at is not None and clock.monotonic() >= ends_at:
        raise UnreachableError("the worker took too long, and gave up before the request was complete")


def _take(permit: str) -> bool:
    """Take the permit from the scheduler. Return False when it is gone."""
    from distributed import Queue, get_client

    with _LOCK:  # so that two threads of a worker do not open a line of their own each
        client = get_client(timeout=ASK_WITHIN_S)
    queue = Queue(permit, client=client)
    try:
        return bool(queue.get(batch=True, callback_timeout=ASK_WITHIN_S))
    finally:
        queue.close()


def _said(error: Exception) -> str:
    return one_line(f"{type(error).__name__} {error}".strip())
