"""Empty the outbox: claim due files, batch them, give the requests to workers, record the answers.

The uploader's thread decides and stores. Workers only do HTTP. A slow or refused request blocks one worker and no file
of another request: large requests leave one worker free, and one target leaves a worker for each other target.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from eisync.core import wire
from eisync.core.clock_step import ClockStepDetector
from eisync.core.flow_control import FlowControl, RequestResult
from eisync.core.model import Item
from eisync.core.outcome import Outcome, after_file_error, give_back, outcome_of
from eisync.core.pause import Hold
from eisync.core.retry import Fault
from eisync.core.wire import UploadReply
from eisync.errors import ConfigurationError, FileError, TransitError
from eisync.loops.ports import Log
from eisync.loops.uploader.claims import PROBE_CHOICE, Claims
from eisync.loops.uploader.label_inference import LabelInference
from eisync.loops.uploader.project_check import ProjectCheck
from eisync.loops.uploader.results import Results
from eisync.loops.uploader.target_state import (
    THREADLESS_S,
    InFlight,
    SendingOptions,
    SendingRules,
    TargetQueue,
    TargetState,
    TimeAndChance,
    UploadStore,
    Workers,
)
from eisync.loops.uploader.upload_work import outcomes_of_lost, work_of

_T = TypeVar("_T")

IDLE_S = 30.0


class UploaderLoop:
    """The drain. `tick` never waits for the network. `counters` count its results, for any thread to read."""

    name = "uploader"

    def __init__(
        self,
        targets: Sequence[TargetQueue],
        *,
        store: UploadStore,
        workers: Workers,
        hash_of: Callable[[Item], str],
        rules: SendingRules,
        chance: TimeAndChance,
        log: Log,
    ) -> None:
        """Workers ask for a tick when a request has ended. `hash_of` runs in one, for files that may be known."""
        self._states = deque(
            TargetState(target_queue, FlowControl(target_queue.limits, target_queue.policy, workers=workers.number))
            for target_queue in targets
        )
        self._outbox = store.outbox
        self._index = store.index
        self._workers = workers
        self._rules = rules
        self._chance = chance
        self._log = log
        self._clock_step = ClockStepDetector()
        self._is_set_back = False
        self._hold: Hold | None = None
        self._in_flight: dict[Future[UploadReply | None], InFlight] = {}
        self._results = Results(store.outbox, {one.target: one for one in self._states}, jitter=chance.jitter, log=log)
        self.counters = self._results.counters
        self._inference = LabelInference(store.index.inferred, workers, is_on=rules.infers_labels, log=log)
        self._claims = Claims(store.outbox, rules, targets, workers, hash_of, self._results, self._inference)
        self._project_check = ProjectCheck(store.index, self._hand, self._claims.give_back, log=log)
        self._adjustments: deque[tuple[SendingOptions, bool]] = deque()
        self._is_stopping = False

    def adjust(self, options: SendingOptions, *, releases_claims: bool) -> None:
        """Use these options from the next tick on. Requests under way end as they began. Safe from any thread.

        With `releases_claims`, give back what was claimed: files that wait get other labels now.
        """
        self._adjustments.append((options, releases_claims))

    def tick(self, now: float) -> float:
        """Settle the requests that have ended, then send due files while workers are free."""
        while self._adjustments:
            self._use(*self._adjustments.popleft())
        self._collect(now)
        self._check_clock(now)
        for state in self._states:
            if self._inference.step(state, now):
                self._claims.give_back(state)  # its files are claimed again, and then share requests
        if self._is_stopping:
            return IDLE_S
        self.check_projects(now)
        self._states.rotate(-1)  # so that no target is always first
        hold = self._check_hold(now)
        if hold is not None:
            return min(IDLE_S, hold.for_s)
        if not self._in_flight and self._workers.must_wait(now):
            return THREADLESS_S
        while len(self._in_flight) < self._workers.number:
            # One request a target, in turn: a target with much to send does not keep the others waiting.
            launched = sum(self._launch(state, now) for state in self._states)
            if not launched:
                break
        self._claims.deduplicator.begin()
        return self._wait_s(now)

    def check_projects(self, now: float) -> None:
        """Ask for the projects that are not checked yet, without waiting for the answers. No file is sent before."""
        for state in self._states:
            self._project_check.check(state, now)
        self._results.write(now)

    def stop(self, now: float) -> None:
        """Claim nothing more, and give back the files of requests that no worker has begun. Safe to repeat."""
        self._is_stopping = True
        for state in self._states:
            self._claims.give_back(state)
        self._results.write(now)

    @property
    def is_done(self) -> bool:
        """Return whether no request is under way and every outcome is stored."""
        return not self._in_flight and self._results.is_empty and self._claims.deduplicator.is_idle

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is under way or waits for a worker."""
        return self.is_done and not any(state.queue for state in self._states)

    @property
    def is_checking_project(self) -> bool:
        """Return whether the check of a target's project runs or waits for a thread. No file is sent to it before."""
        return self._workers.are_missing or any(state.project_check is not None for state in self._states)

    @property
    def has_uploaded(self) -> bool:
        """Return whether any file arrived since the start."""
        return self._results.has_uploaded

    def refusals(self) -> dict[str, str]:
        """Return why targets are paused, by name."""
        return {state.target: state.refusal for state in self._states if state.refusal is not None}

    def holds(self, now: float) -> dict[str, str]:
        """Return why targets wait although they did not refuse the key, by name."""
        if self._hold is not None:
            return dict.fromkeys((state.target for state in self._states), self._hold.reason)
        if self._workers.why_missing is not None and not self._in_flight:
            return dict.fromkeys((state.target for state in self._states), self._workers.why_missing)
        held = (state for state in self._states if state.flow_control.is_held and state.refusal is None)
        return {state.target: state.why_held(now) for state in held}

    def _use(self, options: SendingOptions, releases_claims: bool) -> None:
        self._workers.number = options.workers
        infers_other = self._inference.is_on != options.infers_labels
        self._inference.is_on = options.infers_labels
        for state in self._states:
            if state.adjust(options) or infers_other or releases_claims:
                self._claims.give_back(state)  # its files are claimed again, and put into requests by the new options

    def _share(self) -> int:
        """Return how many workers one target may have: it leaves one for each other target."""
        return max(1, self._workers.number - (len(self._states) - 1))

    def _check_clock(self, now: float) -> None:
        self._is_set_back = self._clock_step.step_s(now, self._chance.monotonic()) < 0.0 or self._is_set_back
        if self._is_set_back:
            self._log.warning("clock.set_back", files=self._outbox.wait_anew(now=now))
            self._is_set_back = False  # only now: if the store fails, the next tick tries again

    def _check_hold(self, now: float) -> Hold | None:
        """Return why nothing is sent now: quiet hours, or a pause. Requests under way may end."""
        hold, before = self._rules.hold(now), self._hold
        self._hold = hold
        if (hold is None) != (before is None):
            self._log.info("upload.resumed" if hold is None else "upload.paused", reason=hold and hold.reason)
            for state in self._states:
                self._claims.give_back(state)
            self._results.write(now)
        return hold

    def _launch(self, state: TargetState, now: float) -> bool:
        """Hand one request of the target to a worker. Return False when there is none, or no worker."""
        if len(self._in_flight) >= self._workers.number or not state.may_send(now, share=self._share()):
            return False
        is_light_only = self._workers.are_nearly_all_in(self._in_flight.values(), state)
        found = state.take(light_only=is_light_only)
        may_claim = not state.company_s(now) and not self._claims.deduplicator.is_full(state)
        if found is None and len(state.queue) < PROBE_CHOICE and may_claim:
            self._claims.claim(state, now)
            self._results.write(now)
            found = state.take(light_only=is_light_only)
        if found is None:
            return False
        claim, request = found
        if self._inference.is_over(state, request):
            self._claims.give_back_request(state, claim, request)
            return True  # its files are claimed again, and then sent with their labels
        envelope = wire.envelope(
            request, boundary=self._chance.boundary(), allow_duplicates=state.target_queue.allow_duplicates
        )
        future = self._workers.hand_upload(work_of(state, envelope), now, under_way=len(self._in_flight))
        if future is None:
            state.queue.appendleft(found)
            if not self._in_flight:
                self._claims.give_back(state)  # no thread comes free soon: show the files as waiting
                self._results.write(now)
            return False
        state.under_way += 1
        state.flow_control.note_sent(now)
        self._in_flight[future] = state.in_flight(claim, request)
        return True

    def _hand(self, work: Callable[[], _T], now: float) -> "Future[_T] | None":
        return self._workers.hand(work, now, under_way=len(self._in_flight))

    def _collect(self, now: float) -> None:
        for future in [future for future in self._in_flight if future.done()]:
            in_flight = self._in_flight[future]
            results = self._results_of(in_flight, future, now)
            self._results.add(in_flight.claim, results)
            self._inference.note_results(in_flight.state, in_flight.request, results)
            del self._in_flight[future]
            in_flight.state.under_way -= 1
        for found in self._claims.deduplicator.take(now):
            if found.settled:
                self._results.add(found.claim, found.settled)
            self._claims.queue(found.state, found.claim, found.unknown, now)
            if self._is_stopping or found.state.refusal is not None:
                self._claims.give_back(found.state)
        self._results.write(now)

    def _results_of(
        self, in_flight: InFlight, future: Future[UploadReply | None], now: float
    ) -> list[tuple[Item, Outcome]]:
        items = in_flight.request.items
        error = future.exception()
        if error is None:
            sent = future.result()
            return (
                [(item, give_back(item)) for item in items] if sent is None else self._outcomes_of(in_flight, sent, now)
            )
        if isinstance(error, FileError):
            return [
                (item, after_file_error(item, error) if item.id == error.item_id else give_back(item)) for item in items
            ]
        if isinstance(error, ConfigurationError):
            self._project_check.refuse(in_flight, str(error), now)
            return [(item, give_back(item)) for item in items]
        if isinstance(error, TransitError):  # of the way to a worker on another machine: it says nothing of the target
            self._log.warning("worker.lost", target=in_flight.state.target, reason=str(error))
            return outcomes_of_lost(in_flight, error, now=now, jitter=self._chance.jitter)
        self._log.error("upload.crashed", target=in_flight.state.target, error=type(error).__name__, exc_info=error)
        silence = wire.Silence(Fault.UNANSWERED, f"eisync failed while it was sent ({type(error).__name__})")
        return self._outcomes_of(in_flight, UploadReply(silence, {}), now)

    def _outcomes_of(self, in_flight: InFlight, sent: UploadReply, now: float) -> list[tuple[Item, Outcome]]:
        target_queue, items = in_flight.state.target_queue, in_flight.request.items
        outcomes = wire.read_reply(sent.reply, sent=len(items), now=now)
        refusal = self._refusal_of(target_queue, outcomes)
        if refusal is not None:
            self._project_check.refuse(in_flight, refusal, now)
            outcomes = [wire.Barred(refusal)] * len(items)
        is_pressed = self._claims.is_pressed(in_flight.state, now)
        result = in_flight.result(outcomes, sent, is_pressed=is_pressed)
        batch_cap = self._learn(in_flight.state, result, now)
        return [
            (
                item,
                outcome_of(
                    item,
                    outcome,
                    policy=target_queue.policy,
                    allow_duplicates=target_queue.allow_duplicates,
                    now=now,
                    jitter=self._chance.jitter(),
                    sha256=sent.sha256.get(item.id),
                    batch_cap=batch_cap,
                ),
            )
            for item, outcome in zip(items, outcomes, strict=True)
        ]

    def _refusal_of(self, target_queue: TargetQueue, outcomes: Sequence[wire.Outcome]) -> str | None:
        """Return why nothing may be sent to the target: its key is refused, or opens another project than before."""
        for outcome in outcomes:
            if isinstance(outcome, wire.Barred):
                return outcome.reason
            if isinstance(outcome, wire.Stored) and outcome.project_id is not None:
                return self._index.identify(target_queue.target, outcome.project_id)
        return None

    def _learn(self, state: TargetState, result: RequestResult, now: float) -> int | None:
        """Give the result of a request to the flow control. Hold a target that does not answer.

        Return how many files the next request with one of these files may have; None for no limit.
        """
        was_held = state.flow_control.is_held
        if state.flow_control.learn(result, now=now, jitter=self._chance.jitter()):
            reason = getattr(result.outcomes[0], "reason", "")
            hold_s = round(state.flow_control.hold_s(now), 1)
            self._log.warning("target.held", target=state.target, reason=reason, for_s=hold_s)
            self._claims.give_back(state)
        elif was_held and not state.flow_control.is_held:
            self._log.info("target.resumed", target=state.target)
        return state.flow_control.cap_of(result)

    def _wait_s(self, now: float) -> float:
        if len(self._in_flight) >= self._workers.number:
            return IDLE_S  # the end of a request wakes the loop
        return min((self._target_wait_s(state, now) for state in self._states), default=IDLE_S)

    def _target_wait_s(self, state: TargetState, now: float) -> float:
        if state.project_check is not None:
            return IDLE_S  # the end of the check wakes the loop
        if state.refusal is not None:
            return 1.0  # the key may change
        due_at = self._outbox.next_due_at(state.target, self._claims.roots_of(state.target_queue, now))
        hold_s = state.flow_control.hold_s(now)
        if due_at is None:  # requests of claimed files may still be held
            return min(IDLE_S, hold_s) if state.queue and hold_s else IDLE_S
        wait_s = max(0.0, due_at - now, hold_s, state.company_s(now))
        # A due file that was not sent waits for a request under way. The end of that request wakes the loop.
        is_busy = bool(self._in_flight) or not self._claims.deduplicator.is_idle
        return IDLE_S if is_busy and not wait_s else min(IDLE_S, wait_s)
