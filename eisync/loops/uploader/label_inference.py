"""Let the service infer the labels of files, so that files of different labels share a request.

The first such request of a target is a trial of a few files. Its labels are read back before another one goes; until
then, every request names its label. One wrong label ends this for the target for good. The reconciler checks the
labels of all later requests in the listing, and corrects wrong ones.
"""

from collections.abc import Mapping, Sequence

from eisync.core.batching import Inference, Request, requests_of
from eisync.core.lifecycle import Event
from eisync.core.model import Item, RemoteSample, shown
from eisync.core.outcome import Outcome
from eisync.core.studio import is_edited_by_others
from eisync.errors import EisyncError, StateError
from eisync.loops.ports import Log
from eisync.loops.uploader.target_state import TargetState, Trial, Workers
from eisync.store.inferred_labels import InferredLabels, Trust, wrong_label

READ_AGAIN_S = 5.0
MOST_READS = 5
"""A sample that was just stored may not be listed yet. After so many attempts, there is no other trial in this run."""


class LabelInference:
    """Decides for all targets whether the service may infer labels. `is_on` may change between two ticks."""

    def __init__(self, inferred: InferredLabels, workers: Workers, *, is_on: bool, log: Log) -> None:
        self._inferred = inferred
        self._workers = workers
        self.is_on = is_on
        self._log = log

    def of(self, state: TargetState) -> Inference:
        """Return whether the service of the target may infer the labels of the next requests."""
        if not self.is_on:
            return Inference.OFF
        match self._inferred.trust(state.target):
            case Trust.RIGHT:
                return Inference.ON
            case Trust.UNTRIED if state.trial is None:
                return Inference.TRIAL
        return Inference.OFF

    def requests(self, state: TargetState, items: Sequence[Item], now: float) -> list[Request]:
        """Return the requests for claimed items. Those that are sent without a label are noted before.

        When that cannot be stored, each request has a label: no claimed file may be lost by a full disk.
        """
        limits = state.flow_control.limits
        try:
            inference = self.of(state)
            requests = requests_of(items, limits, inference)
            inferred = [request for request in requests if request.is_inferred]
            labels = {item.id: item.label or "" for request in inferred for item in request.items}
            if labels:
                self._inferred.note_sent(state.target, labels, now=now)
        except StateError:
            return requests_of(items, limits)
        if inference is Inference.TRIAL and inferred:
            state.trial = Trial(inferred[0])
        return requests

    def is_over(self, state: TargetState, request: Request) -> bool:
        """Return whether the request must not be sent any more: a label that the service inferred was wrong."""
        if not request.is_inferred:
            return False
        try:
            return self._inferred.trust(state.target) is Trust.WRONG
        except StateError:
            return False  # the listing will show it

    def withdraw(self, state: TargetState, request: Request) -> None:
        """Note that the request is not sent."""
        if state.trial is not None and state.trial.request is request:
            state.trial = None

    def note_results(self, state: TargetState, request: Request, results: Sequence[tuple[Item, Outcome]]) -> None:
        """Note the answer to a request. If it was the trial, its labels are read back."""
        trial = state.trial
        if trial is None or trial.request is not request:
            return
        stored = {one.sample_ids[0]: item for item, one in results if one.events == (Event.STORED,)}
        if stored:
            trial.stored = stored
        else:
            state.trial = None  # nothing was stored, so there is nothing to read back

    def step(self, state: TargetState, now: float) -> bool:
        """Read the labels of the trial back. Return True when they turn out to be right: requests can be shared now."""
        trial = state.trial
        if trial is None or not trial.stored or trial.is_given_up:
            return False
        if trial.reading is None:
            trial.due_at = min(trial.due_at, now + READ_AGAIN_S)  # the clock may have been set back
            if now >= trial.due_at:
                ids, service = tuple(trial.stored), state.target_queue.service
                trial.reading = self._workers.hand(lambda: service.listed(ids), now, under_way=state.under_way)
        elif trial.reading.done():
            error, reading = trial.reading.exception(), trial.reading
            trial.reading, trial.reads, trial.due_at = None, trial.reads + 1, now + READ_AGAIN_S
            trial.is_given_up = trial.reads >= MOST_READS
            if error is None:
                return self._conclude(state, trial.stored, reading.result())
            if not isinstance(error, EisyncError):
                self._log.error("target.crashed", target=state.target, error=type(error).__name__, exc_info=error)
        return False

    def _conclude(self, state: TargetState, stored: Mapping[int, Item], listed: Mapping[int, RemoteSample]) -> bool:
        for sample_id, item in stored.items():
            sample = listed.get(sample_id)
            if sample is None or is_edited_by_others(sample, state.target_queue.service.key_id()):
                return False  # read again later
            if sample.label != item.label:
                reason = wrong_label(shown(item.path), item.label, sample.label)
                if self._inferred.note_wrong(state.target, reason):
                    self._log.warning("inference.ended", target=state.target, reason=reason)
                state.trial = None
                return False
        self._inferred.note_right(state.target)
        state.trial = None
        self._log.info("inference.trusted", target=state.target, samples=len(stored))
        return True
