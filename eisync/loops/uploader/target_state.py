"""The parameters of the uploader, the state and queue of each target, and the pool of workers.

Workers do HTTP and hashing, and nothing else.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import TypeVar

from eisync.core.batching import Limits, Order, Request
from eisync.core.flow_control import FlowControl, RequestResult
from eisync.core.model import Item, RemoteSample, value
from eisync.core.pause import Hold
from eisync.core.retry import RetryPolicy
from eisync.core.waiting import why_not_answering
from eisync.core.wire import Envelope, Outcome, UploadReply
from eisync.loops.ports import Log, Uploads
from eisync.store.index import Index
from eisync.store.outbox import Outbox

THREADLESS_S = 2.0
"""Time between two attempts to find a worker, while no thread can be started or the cluster has none."""
WARN_AGAIN_S = 300.0
COMPANY_S = 0.005
"""While a request is under way, the next one waits so long for more files. Each request costs as much as many files."""
NO_THREADS = (
    "no thread can be started: raise the limit of processes (TasksMax, pids.max, ulimit -u); eisync tries again soon"
)

_T = TypeVar("_T")


class Workers:
    """A pool of at most `number` threads. A worker calls `wake` when its work has ended.

    `uploads` runs the uploads in place of the threads: an executor of other machines, whose work can be pickled.
    """

    def __init__(
        self,
        pool: Executor,
        number: int,
        *,
        wake: Callable[[], None],
        log: Log,
        uploads: Executor | None = None,
    ) -> None:
        self.pool = pool
        self.number = number
        self.wake = wake
        self._log = log
        self._uploads = uploads
        self._missing_since: float | None = None  # when no worker was found last; None after a success
        self._warned_at = float("-inf")
        self.why_missing: str | None = None
        """Why the last work was not taken, as a sentence for a person; None if it was."""

    @property
    def are_missing(self) -> bool:
        """Return whether the last work was not taken: no thread could be started, or the cluster has no worker."""
        return self.why_missing is not None

    def hand_upload(self, work: Callable[[], _T], now: float, *, under_way: int) -> "Future[_T] | None":
        """Hand an upload to a worker. Return None when there is none; then it is not sent."""
        return self._submit(self._uploads or self.pool, work, now, under_way)

    def hand(self, work: Callable[[], _T], now: float, *, under_way: int) -> "Future[_T] | None":
        """Hand the work to a thread. Return None when none can be started; then the work is not done."""
        return self._submit(self.pool, work, now, under_way)

    def _submit(self, executor: Executor, work: Callable[[], _T], now: float, under_way: int) -> "Future[_T] | None":
        try:
            future = executor.submit(work)
        except RuntimeError as error:
            if not 0 <= now - self._warned_at < WARN_AGAIN_S:
                self._log.warning("workers.missing", reason=str(error), under_way=under_way)
                self._warned_at = now
            self._missing_since = now
            self.why_missing = NO_THREADS if executor is self.pool else str(error)
            return None
        self._missing_since = self.why_missing = None
        future.add_done_callback(lambda _: self.wake())
        return future

    def are_nearly_all_in(self, in_flight: "Iterable[InFlight]", state: "TargetState") -> bool:
        """Return whether large requests leave one worker only, of all or of those that the target may have."""
        heavy = [one.state for one in in_flight if one.is_heavy]
        room = state.flow_control.room
        return 1 < self.number <= len(heavy) + 1 or 1 < room <= sum(one is state for one in heavy) + 1

    def must_wait(self, now: float) -> bool:
        """Return whether no worker was found less than THREADLESS_S ago."""
        since = self._missing_since
        return since is not None and since <= now < since + THREADLESS_S


@value
class UploadStore:
    """The parts of the database that the uploader uses: the waiting files, and what is known of their targets."""

    outbox: Outbox
    index: Index


Withheld = Callable[[float], Collection[int]]
Holding = Callable[[float], Hold | None]


@value(kw_only=True)
class SendingRules:
    """What may be sent, and when. `hold` takes the time (Unix s) and returns why nothing is sent; None: it is sent.

    `withheld` takes the time and returns the ids of the roots whose files are not sent now: they cannot be labelled
    yet, or a person paused them. `order` returns the order in which files are sent now. `infers_labels`: the service
    may infer labels where it infers the right ones.
    """

    order: Callable[[], Order] = lambda: Order.OLDEST
    infers_labels: bool = False
    withheld: Withheld = lambda _: ()
    hold: Holding = lambda _: None


@value(kw_only=True)
class TimeAndChance:
    """Sources of time and random values. `jitter` returns a number in [0, 1), `boundary` a new multipart boundary."""

    monotonic: Callable[[], float] = lambda: 0.0
    jitter: Callable[[], float]
    boundary: Callable[[], str]


Remote = Callable[[Envelope], Callable[[], UploadReply]]


@value(kw_only=True)
class TargetQueue:
    """The settings of one target that the uploader needs. `key_token` returns another value if the key may be new.

    `remote` returns the upload of an envelope as work for another machine, which can be pickled; None: threads send.
    """

    target: str
    roots: tuple[int, ...]
    service: Uploads
    limits: Limits
    policy: RetryPolicy
    allow_duplicates: bool
    key_token: Callable[[], object]
    remote: Remote | None = None


@value(kw_only=True)
class SendingOptions:
    """What may change between two ticks, for all targets: the largest request, the waits after failures, how many
    requests run at once (`workers`), and whether the service may infer labels."""

    limits: Limits
    policy: RetryPolicy
    workers: int
    infers_labels: bool


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
    claimed_all_at: float = float("-inf")  # when a claim last took every file that was due
    has_more: bool = False  # whether the last claim left files that were due
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

    def adjust(self, options: SendingOptions) -> bool:
        """Use these options from now on. Return whether what is queued must be cut into other requests."""
        before = self.target_queue
        self.target_queue = replace(before, limits=options.limits, policy=options.policy)
        self.flow_control.adjust(options.limits, options.policy, workers=options.workers)
        return before.limits != options.limits

    def why_held(self, now: float) -> str:
        """Return why nothing is sent to a target that did not answer, as a sentence."""
        return why_not_answering(self.flow_control.held_for_s(now), self.flow_control.hold_s(now))

    def note_claim(self, files: int, *, limit: int, now: float) -> None:
        """Record that a claim of at most `limit` files took `files`."""
        self.has_more = files >= limit
        if not self.has_more:
            self.claimed_all_at = now

    def company_s(self, now: float) -> float:
        """Return for how many seconds a new file waits for others; 0.0 while no request of the target is under way."""
        waited_s = now - self.claimed_all_at
        return COMPANY_S - waited_s if self.under_way and 0.0 <= waited_s < COMPANY_S else 0.0

    @property
    def heavy_bytes(self) -> int:
        """Return the size from which a request may take long, in bytes."""
        return max(1, self.target_queue.limits.bytes // 4)

    def may_send(self, now: float, *, share: int) -> bool:
        """Return whether one more request may be sent; the target has `share` workers at most."""
        is_allowed = self.is_checked and self.under_way < share
        return is_allowed and self.flow_control.may_send(now, under_way=self.under_way)

    def in_flight(self, claim: int, request: Request) -> "InFlight":
        """Return the request, which a worker has now and `under_way` counts already."""
        round_, is_heavy = self.flow_control.round, self.is_heavy(request)
        return InFlight(self, self.key_token, claim, request, round_, self.under_way, is_heavy)

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


@value
class InFlight:
    """A request under way. `sent_in` is the round of the concurrency window in which it was sent.

    `under_way` is how many requests of the target were under way then, with it.
    """

    state: TargetState
    key_token: object
    claim: int
    request: Request
    sent_in: int
    under_way: int
    is_heavy: bool

    def result(self, outcomes: Sequence[Outcome], sent: UploadReply, *, is_pressed: bool) -> RequestResult:
        """Return what the answer tells the flow control."""
        return RequestResult(
            self.request,
            outcomes,
            took_s=sent.took_s,
            sent_in=self.sent_in,
            under_way=self.under_way,
            has_connected=sent.has_connected,
            is_pressed=is_pressed,
        )
