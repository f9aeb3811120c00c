"""Empty the outbox: claim what is due, put it together, hand it to the workers, settle what came back.

The uploader's thread decides and writes; workers do HTTP and nothing else. A slow or refused request holds one worker
and no other file: of large requests there is always one less under way than there are workers, and of the requests of
one target as many less as there are others. What is under way when the process dies is doubtful at the next start,
and safe.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import TypeVar

from eisync.core import wire
from eisync.core.batching import Order, requests_of, unsendable
from eisync.core.clock_step import ClockStepDetector
from eisync.core.flow_control import FlowControl, RequestResult
from eisync.core.known_content import KnownContent
from eisync.core.lifecycle import Event
from eisync.core.model import Item
from eisync.core.outcome import Outcome, dispute, give_back, outcome_of
from eisync.core.retry import Fault
from eisync.errors import ConfigurationError, EisyncError, FileChangedError, FileError, FileGoneError
from eisync.loops.ports import Hashes, Log, Queue, Sent, TargetNotes
from eisync.loops.uploader.deduplication import Deduplicator
from eisync.loops.uploader.target_state import InFlight, TargetQueue, TargetState, UploadLogger

IDLE_S = 30.0
PROBE_AFTER_S = 300.0
"""A paused target is tried again after this long: a key may be given new rights without changing."""
PROBE_CHOICE = 64
"""A probe is the smallest of so many files that are due."""
THREADLESS_S = 2.0
"""Where no thread can be started, it is tried again after this long."""
NO_THREADS = (
    "no thread can be started: raise the limit of processes (TasksMax, pids.max, ulimit -u); eisync tries again soon"
)

_T = TypeVar("_T")


class UploaderLoop:
    """The drain. `tick` never waits for the network."""

    name = "uploader"

    def __init__(
        self,
        lanes: Sequence[TargetQueue],
        *,
        queue: Queue,
        notes: TargetNotes,
        pool: Executor,
        workers: int,
        order: Order = Order.OLDEST,
        unlabelled: Callable[[], Collection[int]] = tuple,
        quiet_s: Callable[[float], float] = lambda _: 0.0,
        monotonic: Callable[[], float] = lambda: 0.0,
        hash_of: Hashes,
        jitter: Callable[[], float],
        boundary: Callable[[], str],
        wake: Callable[[], None],
        log: Log,
    ) -> None:
        """`wake` asks for the next tick; it is called from the workers when a request has ended. `quiet_s` says for
        how long nothing is to be sent, `unlabelled` of which roots it is not known yet how their files are to be sent,
        and `hash_of` reads a file whose content may be known already, in a worker.
        """
        self._states = deque(
            TargetState(target_queue, FlowControl(target_queue.limits, target_queue.policy, workers=workers))
            for target_queue in lanes
        )
        self._share = max(1, workers - (len(lanes) - 1))
        self._order = order
        self._unlabelled = unlabelled
        self._monotonic = monotonic
        self._clock_step = ClockStepDetector()
        self._is_set_back = False
        self._quiet_s = quiet_s
        self._is_quiet = False
        self._queue = queue
        self._notes = notes
        self._pool = pool
        self._workers = workers
        self._jitter = jitter
        self._boundary = boundary
        self._wake = wake
        self._log = log
        self._flights: dict[Future[Sent], InFlight] = {}
        # To be written down, by claim; it stays here until the store has it: a full disk may refuse for a while.
        self._results: deque[tuple[int, list[tuple[Item, Outcome]]]] = deque()
        self._claims = 0
        self._upload_log = UploadLogger(log)
        self._all_roots = sorted({root_id for target_queue in lanes for root_id in target_queue.roots})
        self._deduplicator = Deduplicator(
            pool, hash_of, known=self._known_contents, after_error=_after_file_error, wake=wake
        )
        self._is_stopping = False
        self._threadless_since: float | None = None  # when no thread could be started last; None: all could since
        self._threadless_told_at = float("-inf")

    def tick(self, now: float) -> float:
        """Settle what has ended, then send what is due while workers are free."""
        self._land(now)
        self._heed_clock(now)
        if self._is_stopping:
            return IDLE_S
        for state in self._states:
            self._tend(state, now)
        self._write(now)
        self._states.rotate(-1)  # so that no target is always first
        quiet_s = self._heed_quiet(now)
        if quiet_s:
            return min(IDLE_S, quiet_s)
        if self._waits_for_threads(now):
            return THREADLESS_S
        while len(self._flights) < self._workers:
            # One request a target, in turn: a target with much to send does not keep the others waiting.
            launched = sum(self._launch(state, now) for state in self._states)
            if not launched:
                break
        self._deduplicator.begin()
        return self._wait_s(now)

    def stop(self, now: float) -> None:
        """Claim nothing more, and give back what no worker has begun. Safe to repeat."""
        self._is_stopping = True
        for state in self._states:
            self._give_back_queue(state)
        self._write(now)

    @property
    def is_done(self) -> bool:
        """Whether no request is under way and everything is written down."""
        return not self._flights and not self._results and self._deduplicator.is_idle

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way or waits for a worker."""
        return self.is_done and not any(state.queue for state in self._states)

    @property
    def is_meeting(self) -> bool:
        """Whether a target is being asked whose project it is, or waits for a thread; nothing is sent to it before."""
        return self._threadless_since is not None or any(state.introduction is not None for state in self._states)

    @property
    def has_uploaded(self) -> bool:
        """Whether any file arrived since the start."""
        return self._upload_log.has_uploaded

    def refusals(self) -> dict[str, str]:
        """Why targets are paused, by name."""
        return {state.target_queue.target: state.refusal for state in self._states if state.refusal is not None}

    def holds(self, now: float) -> dict[str, str]:
        """Why targets wait though nobody has refused us, by name."""
        if self._is_quiet:
            return dict.fromkeys((state.target_queue.target for state in self._states), "these are quiet hours")
        if self._threadless_since is not None and not self._flights:
            return dict.fromkeys((state.target_queue.target for state in self._states), NO_THREADS)
        held = (state for state in self._states if state.flow_control.is_held and state.refusal is None)
        return {state.target_queue.target: _no_answer(state.flow_control.hold_s(now)) for state in held}

    def _heed_clock(self, now: float) -> None:
        self._is_set_back = self._clock_step.step_s(now, self._monotonic()) < 0.0 or self._is_set_back
        if self._is_set_back:
            self._log.warning("clock.set_back", files=self._queue.wait_anew(now=now))
            self._is_set_back = False  # not before the store has it

    def _heed_quiet(self, now: float) -> float:
        """For how long nothing new is sent. What is under way may end."""
        quiet_s = self._quiet_s(now)
        if bool(quiet_s) != self._is_quiet:
            self._is_quiet = bool(quiet_s)
            self._log.info("upload.paused_for_quiet_hours" if quiet_s else "upload.resumed", for_s=round(quiet_s))
            for state in self._states:
                self._give_back_queue(state)
            self._write(now)
        return quiet_s

    def _tend(self, state: TargetState, now: float) -> None:
        """Find out whose project it is before the first file goes; see whether a pause is over."""
        if state.introduction is None:
            token = state.target_queue.key_token()
            has_new_key = token != state.key_token
            state.paused_until = min(state.paused_until, now + PROBE_AFTER_S)  # the clock may have been set back
            if state.refusal is not None:
                if not has_new_key and now < state.paused_until:
                    return
                self._notes.resume(state.target_queue.target)
                state.refusal = None
            elif state.is_introduced and not has_new_key:
                return
            # A new key may open another project: it is asked for before the next file goes.
            state.is_introduced = False
            state.key_token = token
            state.target_queue.service.forget_project()
            state.introduction = self._hand(state.target_queue.service.project_id, now)
        if state.introduction is not None and state.introduction.done():
            self._meet(state, state.introduction, now)

    def _meet(self, state: TargetState, introduction: Future[int], now: float) -> None:
        error = introduction.exception()
        refusal = str(error) if isinstance(error, ConfigurationError) else None
        if error is None:
            refusal = self._notes.identify(state.target_queue.target, introduction.result())
        elif not isinstance(error, EisyncError):
            self._log.error(
                "target.crashed", target=state.target_queue.target, error=type(error).__name__, exc_info=error
            )
        if refusal is not None:
            self._pause(state, refusal, now)
        # A key may be allowed to upload and not to ask; then the answers of the uploads tell the project.
        state.introduction, state.is_introduced = None, refusal is None

    def _launch(self, state: TargetState, now: float) -> bool:
        """Hand one request of the target to a worker; False when there is none, or no worker."""
        if len(self._flights) >= self._workers or state.under_way >= self._share or not state.is_introduced:
            return False
        if not state.flow_control.may_send(now, under_way=state.under_way):
            return False
        heavy = sum(in_flight.is_heavy for in_flight in self._flights.values())
        is_light_only = 1 < self._workers <= heavy + 1
        found = state.take(light_only=is_light_only)
        if found is None and len(state.queue) < PROBE_CHOICE and not self._deduplicator.is_full(state):
            self._claim(state, now)
            found = state.take(light_only=is_light_only)
        if found is None:
            return False
        claim, request = found
        letter = wire.envelope(request, boundary=self._boundary(), allow_duplicates=state.target_queue.allow_duplicates)
        future = self._hand(lambda: state.target_queue.service.upload(letter), now)
        if future is None:
            state.queue.appendleft(found)
            if not self._flights:
                self._give_back_queue(state)  # nothing comes free soon; whoever looks sees files that wait
                self._write(now)
            return False
        is_heavy = state.is_heavy(request)
        self._flights[future] = InFlight(state, state.key_token, claim, request, state.flow_control.round, is_heavy)
        state.under_way += 1
        return True

    def _hand(self, work: Callable[[], _T], now: float) -> "Future[_T] | None":
        """Hand it to a worker; None when no thread could be started for it, and then it is not done."""
        try:
            future = self._pool.submit(work)
        except RuntimeError as error:
            if not 0 <= now - self._threadless_told_at < PROBE_AFTER_S:
                self._log.warning("workers.missing", reason=str(error), under_way=len(self._flights))
                self._threadless_told_at = now
            self._threadless_since = now
            return None
        self._threadless_since = None
        future.add_done_callback(lambda _: self._wake())
        return future

    def _waits_for_threads(self, now: float) -> bool:
        """Whether no thread could be started a moment ago. One that comes free meanwhile takes the next request."""
        since = self._threadless_since
        return since is not None and not self._flights and since <= now < since + THREADLESS_S

    def _claim(self, state: TargetState, now: float) -> None:
        target_queue, flow_control = state.target_queue, state.flow_control
        self._claims += 1
        # More than one request's worth, so that files of one label find each other.
        limit = PROBE_CHOICE if flow_control.is_held else flow_control.limits.files * self._workers
        items = self._queue.claim(
            target_queue.target,
            self._roots_of(target_queue),
            order=self._order,
            limit=limit,
            claim=self._claims,
            now=now,
        )
        settled = [(item, _refusal(item, reason)) for item in items if (reason := unsendable(item)) is not None]
        parked = {item.id for item, _ in settled}
        sendable = [item for item in items if item.id not in parked]
        sendable = self._unless_known(state, sendable, settled)
        if flow_control.is_held and sendable:
            probe = min(sendable, key=lambda item: item.facts.size)
            settled += [(item, give_back(item)) for item in sendable if item is not probe]
            sendable = [probe]
        state.queue.extend((self._claims, request) for request in requests_of(sendable, flow_control.limits))
        if settled:
            self._results.append((self._claims, settled))
        self._write(now)

    def _unless_known(self, state: TargetState, items: list[Item], settled: list[tuple[Item, Outcome]]) -> list[Item]:
        """Those of the claimed items that are sent as they are; the content of the others may be known."""
        if not items:
            return items
        suspects = None
        try:
            suspects = self._queue.may_be_known(state.target_queue.target, items, self._all_roots)
        finally:
            if suspects is None:  # the store failed; what was claimed is given back
                self._results.append((self._claims, settled + [(item, give_back(item)) for item in items]))
        return self._deduplicator.add(state, self._claims, items, suspects) if suspects else items

    def _known_contents(self, target: str, hashed: Sequence[tuple[Item, str]]) -> Mapping[int, Sequence[KnownContent]]:
        return self._queue.known_contents(target, hashed, self._all_roots)

    def _roots_of(self, target_queue: TargetQueue) -> list[int]:
        unlabelled = self._unlabelled()
        return [root_id for root_id in target_queue.roots if root_id not in unlabelled]

    def _land(self, now: float) -> None:
        for future in [future for future in self._flights if future.done()]:
            in_flight = self._flights[future]
            self._results.append((in_flight.claim, self._settlements(in_flight, future, now)))
            del self._flights[future]
            in_flight.state.under_way -= 1
        for found in self._deduplicator.take(now):
            if found.settled:
                self._results.append((found.claim, found.settled))
            requests = requests_of(found.unknown, found.state.flow_control.limits)
            found.state.queue.extend((found.claim, request) for request in requests)
            if self._is_stopping or found.state.refusal is not None:
                self._give_back_queue(found.state)
        self._write(now)

    def _write(self, now: float) -> None:
        while self._results:
            claim, results = self._results[0]
            disputed = self._queue.settle([settlement for _, settlement in results], claim=claim, now=now)
            self._results.popleft()
            if disputed:
                self._results.append((claim, self._disputes(results, disputed, now)))
                results = [(item, settlement) for item, settlement in results if item.id not in disputed]
            self._upload_log.tell(results)

    def _disputes(
        self, results: Sequence[tuple[Item, Outcome]], disputed: Mapping[int, int], now: float
    ) -> list[tuple[Item, Outcome]]:
        lanes = {state.target_queue.target: state.target_queue for state in self._states}
        for target in {item.target for item, _ in results}:
            if not lanes[target].allow_duplicates:  # where they are, a file that is sent twice is stored twice
                released = self._queue.release(target, set(disputed.values()), now=now)
                for identity in released:
                    self._log.warning("file.released", target=target, file=identity)
        return [
            (
                item,
                dispute(
                    item,
                    settlement,
                    disputed[item.id],
                    policy=lanes[item.target].policy,
                    allow_duplicates=lanes[item.target].allow_duplicates,
                    now=now,
                    jitter=self._jitter(),
                ),
            )
            for item, settlement in results
            if item.id in disputed
        ]

    def _settlements(self, in_flight: InFlight, future: Future[Sent], now: float) -> list[tuple[Item, Outcome]]:
        items = in_flight.request.items
        error = future.exception()
        if error is None:
            return self._judge(in_flight, future.result(), now)
        if isinstance(error, FileError):
            return [
                (item, _after_file_error(item, error) if item.id == error.item_id else give_back(item))
                for item in items
            ]
        if isinstance(error, ConfigurationError):
            self._refuse(in_flight, str(error), now)
            return [(item, give_back(item)) for item in items]
        self._log.error(
            "upload.crashed", target=in_flight.state.target_queue.target, error=type(error).__name__, exc_info=error
        )
        silence = wire.Silence(Fault.UNANSWERED, f"eisync failed while it was sent ({type(error).__name__})")
        return self._judge(in_flight, _Unsent(silence), now)

    def _judge(self, in_flight: InFlight, sent: "Sent | _Unsent", now: float) -> list[tuple[Item, Outcome]]:
        target_queue, items = in_flight.state.target_queue, in_flight.request.items
        outcomes = wire.read_reply(sent.reply, sent=len(items), now=now)
        refusal = self._refusal_of(target_queue, outcomes)
        if refusal is not None:
            self._refuse(in_flight, refusal, now)
            outcomes = [wire.Barred(refusal)] * len(items)
        result = RequestResult(in_flight.request, outcomes, sent.took_s, in_flight.sent_in)
        batch_cap = self._heed(in_flight.state, result, now)
        return [
            (
                item,
                outcome_of(
                    item,
                    outcome,
                    policy=target_queue.policy,
                    allow_duplicates=target_queue.allow_duplicates,
                    now=now,
                    jitter=self._jitter(),
                    sha256=sent.sha256.get(item.id),
                    batch_cap=batch_cap,
                ),
            )
            for item, outcome in zip(items, outcomes, strict=True)
        ]

    def _refusal_of(self, target_queue: TargetQueue, outcomes: Sequence[wire.Outcome]) -> str | None:
        """Why the target must not be sent to: its key is refused, or opens another project than before."""
        for outcome in outcomes:
            if isinstance(outcome, wire.Barred):
                return outcome.reason
            if isinstance(outcome, wire.Stored) and outcome.project_id is not None:
                return self._notes.identify(target_queue.target, outcome.project_id)
        return None

    def _heed(self, state: TargetState, result: RequestResult, now: float) -> int | None:
        """Learn from a request, and hold a target through which nothing comes: its other files would fare no better.

        Returns the largest request that the files of this one may share from now on.
        """
        was_held = state.flow_control.is_held
        if state.flow_control.learn(result, now=now, jitter=self._jitter()):
            reason = getattr(result.outcomes[0], "reason", "")
            hold_s = round(state.flow_control.hold_s(now), 1)
            self._log.warning("target.held", target=state.target_queue.target, reason=reason, for_s=hold_s)
            self._give_back_queue(state)
        elif was_held and not state.flow_control.is_held:
            self._log.info("target.resumed", target=state.target_queue.target)
        return state.flow_control.cap_of(result)

    def _refuse(self, in_flight: InFlight, reason: str, now: float) -> None:
        # What a key that is not in use any more was told says nothing about the one that is.
        if in_flight.key_token == in_flight.state.key_token:
            self._pause(in_flight.state, reason, now)

    def _pause(self, state: TargetState, reason: str, now: float) -> None:
        if state.refusal is None:
            self._log.error("target.paused", target=state.target_queue.target, reason=reason)
        self._notes.pause(state.target_queue.target, reason, now=now)
        state.refusal = reason
        state.is_introduced = False
        state.paused_until = now + PROBE_AFTER_S
        state.flow_control.distrust()  # a full batch would be wasted on a key that is still refused
        self._give_back_queue(state)

    def _give_back_queue(self, state: TargetState) -> None:
        while state.queue:
            claim, request = state.queue.popleft()
            self._results.append((claim, [(item, give_back(item)) for item in request.items]))
        for claim, item in self._deduplicator.give_back(state):
            self._results.append((claim, [(item, give_back(item))]))

    def _wait_s(self, now: float) -> float:
        if len(self._flights) >= self._workers:
            return IDLE_S  # woken when one ends
        return min((self._target_wait_s(state, now) for state in self._states), default=IDLE_S)

    def _target_wait_s(self, state: TargetState, now: float) -> float:
        if state.introduction is not None:
            return IDLE_S  # woken when it ends
        if state.refusal is not None:
            return 1.0  # the key may change
        due_at = self._queue.next_due_at(state.target_queue.target, self._roots_of(state.target_queue))
        if due_at is None:
            return IDLE_S
        wait_s = max(0.0, due_at - now, state.flow_control.hold_s(now))
        # What is due and did not go waits for a request that is under way: woken when it ends.
        is_busy = bool(self._flights) or not self._deduplicator.is_idle
        return IDLE_S if is_busy and not wait_s else min(IDLE_S, wait_s)


def _refusal(item: Item, reason: str) -> Outcome:
    return Outcome(item_id=item.id, events=(Event.REFUSE,), reason=reason, is_attempt=False)


def _after_file_error(item: Item, error: FileError) -> Outcome:
    if isinstance(error, FileGoneError):
        return Outcome(item_id=item.id, events=(Event.GONE,), reason=str(error), is_attempt=False)
    if isinstance(error, FileChangedError):
        return Outcome(item_id=item.id, events=(Event.CHANGED,), reason=str(error), is_attempt=False)
    return _refusal(item, str(error))


@dataclass(frozen=True, slots=True)
class _Unsent:
    """Stands for the answer of a request that ended in a mistake of ours."""

    reply: wire.Silence
    sha256: dict[int, str] = field(default_factory=dict)
    took_s: float = 0.0


def _no_answer(hold_s: float) -> str:
    return f"the service does not answer; eisync tries again in {hold_s:.0f} s"
