"""Watch one root: take events, scan, and enter complete files, a bounded piece in each tick."""

from eisync.core.model import shown
from eisync.errors import CONTENT_ERRORS
from eisync.loops.lineage import Lineages
from eisync.loops.ports import Log
from eisync.loops.watcher.changes import ChangeDetector, Findings
from eisync.loops.watcher.context import Events, Outside, Runtime, Stores
from eisync.loops.watcher.intake import FILES_PER_TICK, Intake
from eisync.loops.watcher.root import RootState
from eisync.loops.watcher.scan import IgnoredEntries, Scan

ENTRIES_PER_TICK = 2_000
"""The entries that one tick walks at most; most of them are unchanged."""


class RootWatcher:
    """The steps of one root. `tick` never takes longer than a bounded piece of a scan."""

    def __init__(
        self,
        state: RootState,
        stores: Stores,
        outside: Outside,
        events: Events,
        lineages: Lineages,
        runtime: Runtime,
        log: Log,
    ) -> None:
        self.state = state
        self._outbox = stores.outbox
        self._index = stores.index
        self._outside = outside
        self._events = events
        self._lineages = lineages
        self._runtime = runtime
        self._log = log
        self._changes = ChangeDetector(state, stores, outside.files, log)
        self._intake = Intake(state, self._changes, stores.outbox, outside, log)
        self._ignored = IgnoredEntries(log)
        self._is_mid_tick = False
        self._scanned_doubt: int | None = None  # the doubt whose scan is done, while some files are still compared

    def tick(self, now: float, *, roots: int) -> float:
        """Do a piece of work. If it fails on the content of the root, pause the root. `roots`: how many there are."""
        setback = self.state.setback
        if (wait_s := setback.wait_s(now)) > 0.0:
            return wait_s
        try:
            if self._is_mid_tick:
                self.state.scans.abandon()  # the last tick failed: how far its scan got is unknown
            self._is_mid_tick = True
            wait_s = self._work(now, roots)
            self._is_mid_tick = False
        except CONTENT_ERRORS as error:
            return self._set_aside(error, now)
        if setback.clear():
            self._log.info("root.recovered", root=shown(self.state.root.path))
        return wait_s

    def _set_aside(self, error: Exception, now: float) -> float:
        path = self.state.root.path
        reason = (
            f"eisync failed on the folder {path} ({type(error).__name__}) and will try again; other folders are not "
            "affected. Please report this with the log of 'eisync run'"
        )
        pause_s = self.state.setback.note(reason, now)
        self._log.exception("root.failed", root=shown(path), reason=reason, again_in_s=pause_s)
        return pause_s

    def _work(self, now: float, roots: int) -> float:
        state = self.state
        if now >= state.monitor.next_at(now):
            self._check_root(now)
        if state.monitor.offline_reason is not None:
            return max(0.0, state.monitor.next_at(now) - now)
        state.reported.add(state.labels.step(now))
        self._take_events(now)
        self._check_reported(now)
        self._begin_scans(now)
        for scan in state.scans.under_way():
            if not self._intake.is_behind:
                self._walk_on(scan, now, roots)
        self._intake.enter_due(now)
        state.review.step(now)
        state.not_samples.note(now)
        if state.notes.is_due(now, is_busy=state.is_busy, is_behind=self._intake.is_behind):
            state.write_notes(now)
        if self._scanned_doubt is not None and not state.reported and not state.renames.waiting:
            self._lineages.scan_completed(state.root.id, self._scanned_doubt)
            self._scanned_doubt = None
        return 0.0 if state.is_busy else max(0.0, state.next_at(now) - now)

    def _check_root(self, now: float) -> None:
        state = self.state
        if not state.monitor.check(now):
            state.scans.abandon()  # conclude nothing from missing files; scan the root when it is back
            return
        state.trust.is_weak = self._outside.mounts.file_system_of(state.root.path).has_weak_facts
        state.disks.check(now)
        self._lineages.check(state.root.id)
        state.reported.add(path for path in self._outbox.settling(state.root.id) if path not in state.observed)

    def _take_events(self, now: float) -> None:
        state, pending = self.state, self._events.take(self.state.root.id)
        eligibility, policy = state.watched.eligibility, state.watched.policy
        if pending.files or pending.folders:
            state.note_event(now)
        for path in pending.files:
            state.labels.check_sidecar(path, now)
        files = {
            path: place for path in pending.files if eligibility.why_left_out(place := policy.spoken_of(path)) is None
        }
        closed = (place for path, place in files.items() if path in pending.closed)
        state.reported.report(files.values(), closed=closed, has_weak_facts=state.trust.is_weak)
        state.scans.add(path for path in pending.folders if not state.scans.is_ignored(path))
        if pending.is_doubted:
            state.scans.doubt()

    def _check_reported(self, now: float) -> None:
        """Check a bounded number of the reported files."""
        state, reported = self.state, self.state.reported
        reported.add(state.renames.take_due(now))
        if len(reported) < FILES_PER_TICK:  # use the known hashes before more files are read
            reported.add(state.compare_some(now))
        if reported:
            state.notes.note_change()
        findings = Findings()
        for path, is_closed, is_from_event in reported.take(FILES_PER_TICK):
            self._changes.check(path, findings, now, is_closed=is_closed, is_from_event=is_from_event)
        self._changes.write(findings, now)

    def _begin_scans(self, now: float) -> None:
        state = self.state
        scan = state.scans.begin_whole(now)
        if scan is not None:
            scan.doubt = self._lineages.unscanned(state.root.id)
            state.disks.check(now)
            state.disks.scan_began()
            state.not_samples.scan_began()
        state.scans.begin_partial(now)

    def _walk_on(self, scan: Scan, now: float, roots: int) -> None:
        """Walk a bounded part: first the existing files, then the known ones that the walk did not find."""
        state, began_at = self.state, self._runtime.spent_s()
        findings = Findings()
        budget = ENTRIES_PER_TICK
        for piece in scan.pieces:
            scan.note(piece)
            self._ignored.count(scan, piece)
            for path, _ in piece.left_out:
                state.labels.check_left_out(path, now)
            if piece.files:
                state.notes.note_change()
            if piece.trouble is None:
                self._changes.compare(scan, piece, findings, now)
            budget -= piece.entries + 1
            if budget <= 0:
                break
        else:
            budget = self._find_absent(scan, findings, budget)
        self._changes.write(findings, now)
        scan.add_cost(self._runtime.spent_s() - began_at)
        if budget > 0:
            self._end(scan, now, roots)

    def _find_absent(self, scan: Scan, findings: Findings, budget: int) -> int:
        """Check known files that the walk did not find. Return what is left of `budget`; 0 when there may be more."""
        scan.absences = scan.absences or self.state.scans.absences(scan)
        for folder, names in scan.absences:
            self._changes.check_missing(folder, names, findings)
            budget -= len(names)
            if budget <= 0:
                return 0
        return max(1, budget)

    def _end(self, scan: Scan, now: float, roots: int) -> None:
        state = self.state
        state.observations.note_scan(scan)
        state.notes.note_change()
        if not scan.is_whole:
            state.scans.end_partial()
            return
        left_out = state.not_samples.scanned(scan.left_out)
        self._index.note_scan(state.root.id, left_out, began_at=scan.began_at, now=now)
        state.review.ask(now)
        state.labels.scanned(state.observed, now)
        if state.splits is not None:
            state.splits.scanned(now)
        self._scanned_doubt = scan.doubt
        if state.watched.policy.needs_marker:
            state.reported.add(state.observed.paths())  # a file removed while it waits for its marker has no row
        state.disks.scan_ended(scan.troubled)
        # The scans of all roots share one limit of processor time. Treat every root as if it were as large as this one.
        pause_s = state.monitor.scan_pause_s(
            least_s=state.watched.scan_interval_s, cost_s=scan.spent_s * roots, jitter=self._runtime.jitter()
        )
        state.scans.end_whole(pause_s, now)
        if scan.is_audit:
            state.monitor.note_scan(scan.missed, now)
