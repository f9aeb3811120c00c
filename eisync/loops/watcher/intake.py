"""Enter complete files in the outbox, quarantine truncated ones, and leave out files that are no samples."""

from collections.abc import Collection, Iterator, Mapping
from itertools import islice

from eisync.core.model import shown
from eisync.loops.ports import MAX_LOG_LINES, Log
from eisync.loops.watcher.changes import ChangeDetector, Findings
from eisync.loops.watcher.completeness import Accepted, CheckResult, CompletenessChecker, Quarantined
from eisync.loops.watcher.context import Outside
from eisync.loops.watcher.renames import AGAIN_S
from eisync.loops.watcher.root import LONGEST_PAUSE_S, RootState
from eisync.store.outbox import Outbox

FILES_PER_TICK = 256
"""The new or changed files that one tick checks: about as many as share a request, which the uploader sends while the
next ones are checked. (With larger numbers watcher and uploader wait for each other, and each holds files for longer.)
"""
BUSY_AGAIN_S = 1.0
"""Time until the next check of a file whose last version is being sent."""


class Intake:
    """Checks the due files of one root, and stores the decisions."""

    def __init__(self, state: RootState, changes: ChangeDetector, outbox: Outbox, outside: Outside, log: Log) -> None:
        self._state = state
        self._changes = changes
        self._outbox = outbox
        self._log = log
        why = state.annotations.why
        self._completeness = CompletenessChecker(state.watched, state.observed, state.labels, outside, why)
        self._is_behind = False

    @property
    def is_behind(self) -> bool:
        """Return whether more files are due than one tick can check."""
        return self._is_behind

    def enter_due(self, now: float) -> None:
        """Check a bounded number of due files, and enter the complete ones."""
        state = self._state
        due = islice(state.observed.take_due(now), FILES_PER_TICK)
        result = self._completeness.check(due, now=now, reports_closes=state.monitor.reports_closes)
        state.note_writers(result.writers)
        self._is_behind = result.is_full or result.due == FILES_PER_TICK
        if result.due:
            state.notes.note_change()
        self._put_off(result, now)
        for path, (facts, reason) in result.left_out.items():
            state.annotations.leave(path, facts, reason, now=now)
            state.labels.check_left_out(path, now)
            state.end_observation(path)
        self._enter(result.accepted, now)
        self._park(result.parked, now)

    def _put_off(self, result: CheckResult, now: float) -> None:
        for path, at in result.again.items():
            self._state.observed.check_at(path, at)
        findings = Findings()
        for path in result.missing:
            self._changes.check(path, findings, now)
        for path, error in result.failing.items():
            self._changes.note_failing(path, error)
            self._state.observed.check_at(path, now + LONGEST_PAUSE_S)
        self._changes.write(findings, now)

    def _enter(self, accepted: Mapping[str, Accepted], now: float) -> None:
        accepted = self._without_restored(accepted, now)
        if not accepted:
            return
        busy = self._outbox.enqueue([one.candidate for one in accepted.values()], now=now)
        entered = list(self._done_with(accepted, busy, now))
        self._state.review.ask(now)
        log = self._log.info if len(entered) <= MAX_LOG_LINES else self._log.debug
        for path in entered:
            one = accepted[path]
            size, label = one.candidate.facts.size, one.candidate.label
            log("file.enqueued", path=shown(path), label=label, size=size, evidence=one.evidence)
        if len(entered) > MAX_LOG_LINES:
            self._log.info("files.enqueued", files=len(entered), root=shown(self._state.root.path))
        if remarked := [path for path in entered if accepted[path].candidate.remarks]:
            reason = "; ".join(accepted[remarked[0]].candidate.remarks.values())
            self._log.warning("files.said_in_part", files=len(remarked), path=shown(remarked[0]), reason=reason)

    def _without_restored(self, accepted: Mapping[str, Accepted], now: float) -> Mapping[str, Accepted]:
        """Return the files to send. Leave out files that eisync had removed and that are back unchanged."""
        complete = {path: one.candidate.facts for path, one in accepted.items()}
        same, later = self._state.restored.recognise(complete, now=now)
        for path in same:
            self._state.observed.drop(path)
        for path in later:
            self._state.observed.check_at(path, now + AGAIN_S)
        left = same.union(later)
        return {path: one for path, one in accepted.items() if path not in left} if left else accepted

    def _park(self, parked: Mapping[str, Quarantined], now: float) -> None:
        if not parked:
            return
        busy = self._outbox.park([(one.candidate, one.reason) for one in parked.values()], now=now)
        for path in self._done_with(parked, busy, now):
            self._log.error("file.quarantined", path=shown(path), reason=parked[path].reason)

    def _done_with(self, decided: Collection[str], busy: Collection[tuple[int, str]], now: float) -> Iterator[str]:
        """End the observation of these files and yield them. Skip the busy ones: their last version is being sent."""
        for path in decided:
            if (self._state.root.id, path) in busy:
                self._state.observed.check_at(path, now + BUSY_AGAIN_S)
            else:
                self._state.end_observation(path)
                yield path
