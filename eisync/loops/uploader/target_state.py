"""The parameters of the uploader, the state and queue of each target, and the pool of workers.

Workers do HTTP and hashing, and nothing else.
"""

from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import TypeVar

from eisync.core.batching import Limits, Order, Request
from eisync.core.flow_control import FlowControl
from eisync.core.model import Item, RemoteSample
from eisync.core.retry import RetryPolicy
from eisync.loops.ports import Log, Uploads
from eisync.store.index import Index
from eisync.store.outbox import Outbox

THREADLESS_S = 2.0
"""Time between two attempts to start a thread, while none can be started."""
WARN_AGAIN_S = 300.0
NO_THREADS = (
    "no thread can be started: raise the limit of processes (TasksMax, pids.max, ulimit -u); eisync tries again soon"
)

_T = TypeVar("_T")


class Workers:
    """A pool of at most `number` threads. A worker calls `wake` when its work has ended."""

    def __init__(self, pool: Executor, number: int, *, wake: Callable[[], None], log: Log) -> None:
        self.pool = pool
        self.number = number
        self.wake = wake
        self._log = log
        self._threadless_since: float | None = None  # when starting a thread failed last; None after a success
        self._warned_at = float("-inf")

    @property
    def is_threadless(self) -> bool:
        """Return whether the last attempt to start a thread failed."""
        return self._threadless_since is not None

    def hand(self, work: Callable[[], _T], now: float, *, under_way: int) -> "Future[_T] | None":
        """Hand the work to a worker. Return None when no thread can be started; then the work is not done."""
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
        """Return whether starting a thread failed less than THREADLESS_S ago."""
        since = self._threadless_since
        return since is not None and since <= now < since + THREADLESS_S


@dataclass(frozen=True, slots=True)
class UploadStore:
    """The parts of the database that the uploader uses: the waiting files, and what is known of their targets."""

    outbox: Outbox
    index: Index


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingRules:
    """What may be sent, and when. `quiet_s` takes the time (Unix s) and returns for how many seconds to send nothing.

    `unlabelled` returns the ids of the roots whose files cannot be labelled yet. `infers_labels`: the service may infer
    labels where it infers the right ones.
    """

    order: Order = Order.OLDEST
    infers_labels: bool = False
    unlabelled: Callable[[], Collection[int]] = tuple
    quiet_s: Callable[[float], float] = lambda _: 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAndChance:
    """Sources of time and random values. `jitter` returns a number in [0, 1), `boundary` a new multipart boundary."""

    monotonic: Callable[[], float] = lambda: 0.0
    jitter: Callable[[], float]
    boundary: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetQueue:
    """The settings of one target that the uploader needs. `key_token` returns another value if the key may be new."""

    target: str
    roots: tuple[int, ...]
    service: Uploads
    limits: Limits
    policy: RetryPolicy
    allow_duplicates: bool
    key_token: Callable[[], object]


@dataclass(slots=True)
class Trial:
    """The first request of a target whose labels the service infers. `stored` are its files by sample, once known."""

    request: Request
    stored: dict[int, Item] = field(default_factory=dict)
    reading: "Future[dict[int, RemoteSample]] | None" = None
    reads: int = 0
    due_at: float = 0.0
    is_given_up: bool = False


@dataclass(slots=True)
class TargetState:
    """The state of a target in this process."""

    target_queue: TargetQueue
    flow_control: FlowControl
    queue: deque[tuple[int, Request]] = field(default_factory=deque)  # claimed, waiting for a worker
    under_way: int = 0
    trial: Trial | None = None
    project_check: Future[int] | None = None
    is_checked: bool = False
    key_token: object = None  # the token of the key that was checked last
    refusal: str | None = None  # why it is paused
    paused_until: float = 0.0

    @property
    def target(self) -> str:
        """Return the target's name."""
        return self.target_queue.target

    @property
    def heavy_bytes(self) -> int:
        """Return the size from which a request may take long, in bytes."""
        return max(1, self.target_queue.limits.bytes // 4)

    def is_heavy(self, request: Request) -> bool:
        """Return whether the request may take long."""
        return request.size >= self.heavy_bytes

    def take(self, *, light_only: bool) -> tuple[int, Request] | None:
        """Remove and return the first request of the queue that may be sent, with its claim; None if there is none."""
        for place, (_, request) in enumerate(self.queue):
            if not light_only or not self.is_heavy(request):
                found = self.queue[place]
                del self.queue[place]
                return found
        return None


@dataclass(frozen=True, slots=True)
class InFlight:
    """A request under way. `sent_in` is the round of the concurrency window in which it was sent."""

    state: TargetState
    key_token: object
    claim: int
    request: Request
    sent_in: int
    is_heavy: bool
