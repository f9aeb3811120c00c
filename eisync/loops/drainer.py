"""Empty the outbox: claim what is due, put it together, hand it to the workers, settle what came back.

The drainer's thread decides and writes; workers do HTTP and nothing else. A slow or refused request holds one worker
and no other file. What is under way when the process dies is doubtful at the next start, and safe.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from eisync.core import wire
from eisync.core.batching import Limits, Request, requests_of, unsendable
from eisync.core.items import Item, shown
from eisync.core.lifecycle import Event
from eisync.core.retry import Fault, RetryPolicy
from eisync.core.settlement import Settlement
from eisync.core.verdict import give_back, judge
from eisync.errors import ConfigurationError, EisyncError, FileChangedError, FileError, FileGoneError
from eisync.loops.ports import Log, Queue, Sent, TargetNotes, Uploads

IDLE_S = 30.0
PROBE_AFTER_S = 300.0
"""A paused target is tried again after this long: a key may be given new rights without changing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One target as the drainer sees it. `key_token` changes when the key may have."""

    target: str
    roots: tuple[int, ...]
    service: Uploads
    limits: Limits
    policy: RetryPolicy
    allow_duplicates: bool
    key_token: Callable[[], object]


@dataclass(slots=True)
class _LaneState:
    lane: Lane
    queue: deque[tuple[int, Request]] = field(default_factory=deque)  # claimed, waiting for a worker
    introduction: Future[int] | None = None
    is_introduced: bool = False
    paused_token: object = None
    paused_until: float | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class _Flight:
    state: _LaneState
    claim: int
    request: Request


class DrainerLoop:
    """The drain. `tick` never waits for the network."""

    name = "drainer"

    def __init__(
        self,
        lanes: Sequence[Lane],
        *,
        queue: Queue,
        notes: TargetNotes,
        pool: Executor,
        workers: int,
        luck: Callable[[], float],
        boundary: Callable[[], str],
        wake: Callable[[], None],
        log: Log,
    ) -> None:
        """`wake` asks for the next tick; it is called from the workers when a request has ended."""
        self._states = deque(_LaneState(lane) for lane in lanes)
        self._queue = queue
        self._notes = notes
        self._pool = pool
        self._workers = workers
        self._luck = luck
        self._boundary = boundary
        self._wake = wake
        self._log = log
        self._flights: dict[Future[Sent], _Flight] = {}
        self._claims = 0
        self.has_uploaded = False
        self._is_stopping = False

    def tick(self, now: float) -> float:
        """Settle what has ended, then send what is due while workers are free."""
        self._land(now)
        if self._is_stopping:
            return IDLE_S
        for state in self._states:
            self._tend(state, now)
        self._states.rotate(-1)  # so that no target is always first
        while len(self._flights) < self._workers:
            # One request a target, in turn: a target with much to send does not keep the others waiting.
            launched = sum(self._launch(state, now) for state in self._states)
            if not launched:
                break
        return self._wait_s(now)

    def stop(self, now: float) -> None:
        """Claim nothing more, and give back what no worker has begun. Safe to repeat."""
        self._is_stopping = True
        for state in self._states:
            self._give_back_queue(state, now)

    @property
    def is_done(self) -> bool:
        """Whether no request is under way."""
        return not self._flights

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way or waits for a worker."""
        return not self._flights and not any(state.queue for state in self._states)

    def refusals(self) -> dict[str, str]:
        """Why targets are paused, by name."""
        return {state.lane.target: state.refusal for state in self._states if state.refusal is not None}

    def _tend(self, state: _LaneState, now: float) -> None:
        """Find out whose project it is before the first file goes; see whether a pause is over."""
        if state.paused_until is not None:
            if state.lane.key_token() == state.paused_token and now < state.paused_until:
                return
            state.paused_until = state.refusal = None
            state.is_introduced = False
            state.lane.service.forget_project()
            self._notes.resume(state.lane.target)
        if state.is_introduced:
            return
        if state.introduction is None:
            state.introduction = self._pool.submit(state.lane.service.project_id)
            state.introduction.add_done_callback(lambda _: self._wake())
        if state.introduction.done():
            self._meet(state, state.introduction, now)

    def _meet(self, state: _LaneState, introduction: Future[int], now: float) -> None:
        state.introduction = None
        error = introduction.exception()
        if isinstance(error, ConfigurationError):
            self._pause(state, str(error), now)
        elif error is None:
            mismatch = self._notes.identify(state.lane.target, introduction.result())
            if mismatch is not None:
                self._pause(state, mismatch, now)
        elif not isinstance(error, EisyncError):
            raise error
        # A key may be allowed to upload and not to ask; then the answers of the uploads tell the project.
        state.is_introduced = state.paused_until is None

    def _launch(self, state: _LaneState, now: float) -> bool:
        """Hand one request of the target to a worker; False when there is none, or no worker."""
        if len(self._flights) >= self._workers or state.paused_until is not None or not state.is_introduced:
            return False
        if not state.queue:
            self._claim(state, now)
        if not state.queue:
            return False
        claim, request = state.queue.popleft()
        letter = wire.envelope(request, boundary=self._boundary(), allow_duplicates=state.lane.allow_duplicates)
        future = self._pool.submit(state.lane.service.upload, letter)
        self._flights[future] = _Flight(state, claim, request)
        future.add_done_callback(lambda _: self._wake())
        return True

    def _claim(self, state: _LaneState, now: float) -> None:
        lane = state.lane
        self._claims += 1
        # More than one request's worth, so that files of one label find each other.
        limit = lane.limits.files * self._workers
        items = self._queue.claim(lane.target, lane.roots, limit=limit, claim=self._claims, now=now)
        refused = [(item, reason) for item in items if (reason := unsendable(item)) is not None]
        if refused:
            settlements = [self._refusal(item, reason) for item, reason in refused]
            self._queue.settle(settlements, claim=self._claims, now=now)
        parked = {item.id for item, _ in refused}
        requests = requests_of((item for item in items if item.id not in parked), lane.limits)
        state.queue.extend((self._claims, request) for request in requests)

    def _land(self, now: float) -> None:
        for future in [future for future in self._flights if future.done()]:
            flight = self._flights[future]
            settlements = self._settlements(flight, future, now)
            self._queue.settle(settlements, claim=flight.claim, now=now)
            del self._flights[future]  # not before it is written down: a full disk may refuse for a while

    def _settlements(self, flight: _Flight, future: Future[Sent], now: float) -> list[Settlement]:
        items = flight.request.items
        error = future.exception()
        if error is None:
            return self._judge(flight, future.result(), now)
        if isinstance(error, FileError):
            return [
                self._after_file_error(item, error) if item.id == error.item_id else give_back(item, now=now)
                for item in items
            ]
        if isinstance(error, ConfigurationError):
            self._pause(flight.state, str(error), now)
            return [give_back(item, now=now) for item in items]
        self._log.error("upload.crashed", target=flight.state.lane.target, error=type(error).__name__, exc_info=error)
        silence = wire.Silence(Fault.UNANSWERED, f"eisync failed while it was sent ({type(error).__name__})")
        return self._judge(flight, _Unsent(silence), now)

    def _judge(self, flight: _Flight, sent: "Sent | _Unsent", now: float) -> list[Settlement]:
        lane, items = flight.state.lane, flight.request.items
        outcomes = wire.read_reply(sent.reply, sent=len(items), now=now)
        for outcome in outcomes:
            if isinstance(outcome, wire.Barred):
                self._pause(flight.state, outcome.reason, now)
                break
            if isinstance(outcome, wire.Stored) and outcome.project_id is not None:
                mismatch = self._notes.identify(lane.target, outcome.project_id)
                if mismatch is not None:
                    self._pause(flight.state, mismatch, now)
                break
        settlements = [
            judge(
                item,
                outcome,
                policy=lane.policy,
                allow_duplicates=lane.allow_duplicates,
                now=now,
                luck=self._luck(),
                sha256=sent.sha256.get(item.id),
            )
            for item, outcome in zip(items, outcomes, strict=True)
        ]
        for item, outcome, settlement in zip(items, outcomes, settlements, strict=True):
            self._tell(item, outcome, settlement)
        return settlements

    def _after_file_error(self, item: Item, error: FileError) -> Settlement:
        if isinstance(error, FileGoneError):
            self._log.info("file.gone", path=shown(item.path))
            return Settlement(item_id=item.id, events=(Event.GONE,), reason=str(error), is_attempt=False)
        if isinstance(error, FileChangedError):
            self._log.info("file.changed", path=shown(item.path), reason=str(error))
            return Settlement(item_id=item.id, events=(Event.CHANGED,), reason=str(error), is_attempt=False)
        return self._refusal(item, str(error))

    def _refusal(self, item: Item, reason: str) -> Settlement:
        self._log.error("file.quarantined", path=shown(item.path), reason=reason)
        return Settlement(item_id=item.id, events=(Event.REFUSE,), reason=reason, is_attempt=False)

    def _pause(self, state: _LaneState, reason: str, now: float) -> None:
        if state.refusal is None:
            self._log.error("target.paused", target=state.lane.target, reason=reason)
        state.refusal = reason
        state.paused_token = state.lane.key_token()
        state.paused_until = now + PROBE_AFTER_S
        self._notes.pause(state.lane.target, reason, now=now)
        self._give_back_queue(state, now)

    def _give_back_queue(self, state: _LaneState, now: float) -> None:
        while state.queue:
            claim, request = state.queue[0]
            self._queue.settle([give_back(item, now=now) for item in request.items], claim=claim, now=now)
            state.queue.popleft()

    def _tell(self, item: Item, outcome: wire.Outcome, settlement: Settlement) -> None:
        path, attempt = shown(item.path), item.attempts + 1
        match outcome:
            case wire.Stored() | wire.Duplicate():
                self.has_uploaded = True
                self._log.info(
                    "file.synced", path=path, label=item.label, samples=settlement.sample_ids, how=settlement.reason
                )
            case wire.Refused():
                self._log.error("file.quarantined", path=path, reason=settlement.reason, attempt=attempt)
            case wire.Failed() | wire.Smaller():
                self._log.warning(
                    "file.deferred", path=path, reason=settlement.reason, attempt=attempt, due_at=settlement.due_at
                )
            case wire.Barred():
                pass  # the target's own line says it once

    def _wait_s(self, now: float) -> float:
        if self._flights or any(state.introduction is not None for state in self._states):
            return IDLE_S  # woken when one ends
        waits = [IDLE_S]
        for state in self._states:
            if state.paused_until is not None:
                waits.append(1.0)  # the key may change
                continue
            due_at = self._queue.next_due_at(state.lane.target, state.lane.roots)
            if due_at is not None:
                waits.append(max(0.0, due_at - now))
        return min(waits)


@dataclass(frozen=True, slots=True)
class _Unsent:
    """Stands for the answer of a request that ended in a mistake of ours."""

    reply: wire.Silence
    sha256: dict[int, str] = field(default_factory=dict)
