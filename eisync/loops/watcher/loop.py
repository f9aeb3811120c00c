"""From what happens in the folders to what waits in the outbox: gather events and scans, settle, label, enqueue.

Everything that is under observation is in memory only; a scan at the start finds it again. Every root is listened to
first and looked through then: at the start, when it is doubted, and every `scan_interval_s` or less often, so that
scans take little of a core. One tick walks a bounded part of one, and enters a bounded number of files: what is found
is on its way before the rest is looked for. A tick that fails in the middle, as on a full disk,
makes its root doubted too, and so does a clock that jumps.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice

from eisync.core import absence as core_disks
from eisync.core.clock_step import JUMP_S, ClockStepDetector
from eisync.core.known_content import Trust
from eisync.core.lifecycle import State
from eisync.core.model import FileFacts, Root, shown
from eisync.core.writers import said_of_folder
from eisync.errors import CONTENT_ERRORS, StateError
from eisync.loops.lineage import Lineages, Trusting
from eisync.loops.ports import (
    MOST_TOLD,
    Annotating,
    Events,
    Files,
    Intake,
    Log,
    Looking,
    ReadsSidecars,
    RootNotes,
    SeenFolder,
    Sheets,
    WaitingFiles,
    Whereabouts,
)
from eisync.loops.watched_root import Attention, Observed, WatchedRoot
from eisync.loops.watcher.changes import ChangeDetector
from eisync.loops.watcher.completeness import Accepted, CompletenessChecker, Probing, Quarantined, stumbled
from eisync.loops.watcher.content_check import ContentChecks
from eisync.loops.watcher.disks import RootDisks
from eisync.loops.watcher.labelling import Labelling
from eisync.loops.watcher.left_out import Annotations, Review, Unread
from eisync.loops.watcher.monitor import LOOK_EVERY_S, RootMonitor
from eisync.loops.watcher.renames import AGAIN_S, RenameDetector, RestoredFiles
from eisync.loops.watcher.root import Findings, RootState
from eisync.loops.watcher.scan import IgnoredEntries, Scan, Scans, join, topmost
from eisync.loops.watcher.sidecars import Sidecars

LOOKS_A_TICK = 2_000
"""A tick walks past so many files; most are known as they are."""
FILES_A_TICK = 256
"""A tick sees to so many files that are new or changed: about as many as share a request, which the uploader sends
while the next are looked at. (With ever larger ones both wait for each other, and what is found is held for longer.)"""
NOTE_EVERY_S = 1.0
NOTE_BUSY_EVERY_S = 10.0
"""What is under observation is written down when a root comes to rest, and so often while it does not."""
NOTE_SHARE = 0.01
"""Of a core, at most."""
LONGEST_PAUSE_S = 60.0
"""A folder or a file that makes us stumble is tried again after so long at most."""
MOST_FAILING = 1_000
MOST_OBSERVED = 10_000
"""So many files that are not complete, or cannot be read, are written down of a root; the others are counted."""
"""No two ticks are so far apart: the clock was set, or the machine slept."""


class WatcherLoop:
    """The intake. `tick` never takes longer than a bounded piece of a scan."""

    name = "watcher"

    def __init__(
        self,
        roots: Sequence[WatchedRoot],
        *,
        intake: Intake,
        places: Whereabouts,
        disks: Callable[[Root], RootDisks],
        notes: RootNotes,
        files: Files,
        evidence: Looking,
        probing: Probing,
        reads: ReadsSidecars,
        stored_sidecars: Sheets,
        waiting: WaitingFiles,
        events: Events,
        log: Log,
        labelled: Callable[[], None] = lambda: None,
        why_silent: Callable[[str], str | None] = lambda _: None,
        jitter: Callable[[], float] = lambda: 0.0,
        spent_s: Callable[[], float] = lambda: 0.0,
        is_same: Callable[[str, str, FileFacts, str], bool] = lambda *_: False,
        has_weak_facts: Callable[[str], bool] = lambda _: False,
        lineages: Lineages | None = None,
        annotating: Annotating = lambda *_: None,
    ) -> None:
        """`spent_s` is what the thread has taken of a core so far; `why_silent` tells of folders without events.

        `probing` gives what tells who has an open file open for writing. `disks` follows what is mounted in a root.
        `reads`, `stored_sidecars` and `waiting` are for what files say of others; `labelled` is called when it is
        known of a root how all that waits in it is to be sent. `is_same` tells whether the file at (root, path) has
        these facts and this content hash. `has_weak_facts` tells of folders whose file system may make up inodes and
        ctimes. `lineages` is told what was looked through. `annotating` tells which files are annotations of others.
        """
        self._is_same = is_same
        self._has_weak_facts = has_weak_facts
        self._lineages = lineages or Trusting()
        self._annotating = annotating
        self._intake = intake
        self._places = places
        self._disks = disks
        self._notes = notes
        self._files = files
        self._evidence = evidence
        self._completeness = CompletenessChecker(files, evidence, probing)
        self._changes = ChangeDetector(intake, places, files)
        self._labelled = labelled
        self._reads = reads
        self._stored_sidecars = stored_sidecars
        self._waiting = waiting
        self._events = events
        self._log = log
        self._jitter = jitter
        self._spent_s = spent_s
        self._left_out = IgnoredEntries(log)
        self._clock_step = ClockStepDetector()
        self._roots = [self._root_watch(watched, why_silent) for watched in roots]

    def tick(self, now: float) -> float:
        """Gather what was announced, walk a part of what is to be scanned, enqueue what is complete."""
        if not 0.0 <= self._clock_step.step_s(now) <= JUMP_S:
            for root in self._roots:
                root.is_doubted = True
        return min((self._tick_root(root, now) for root in self._roots), default=LOOK_EVERY_S)

    def stop(self, now: float) -> None:
        """Note what is under observation, for whoever asks before the next start finds it again."""
        for root in self._roots:
            root.unread.note(now, is_last=True)
            self._note_observed(root, now)

    @property
    def is_done(self) -> bool:
        """Always: it has nothing under way that could be lost."""
        return True

    @property
    def has_scanned(self) -> bool:
        """Whether every root was scanned completely since the start, and all that was found there was looked at, or
        cannot be read."""
        return all(
            (root.has_scanned and not root.announced and not root.is_comparing)
            or root.monitor.offline_reason
            or root.trouble
            for root in self._roots
        )

    def comparing(self) -> int:
        """How many files at the service were touched, and are compared with what was sent. Safe to ask anywhere."""
        return sum(len(root.checks) for root in self._roots)

    def unsettled(self, now: float) -> list[Observed]:
        """The files under observation. Safe to ask from any thread."""
        return [seen for root in self._roots for seen in root.unsettled_at(root.unsettled_paths(), now)]

    def observed(self, now: float) -> list[Observed]:
        """Them, and the files and folders that cannot be read. Safe to ask from any thread."""
        return [seen for root in self._roots for seen in root.observed(now)]

    def observed_at(self, root: str, paths: Sequence[str], now: float) -> list[Observed]:
        """What of that is at `paths` of the root at that path. Safe to ask from any thread."""
        ours = [one for one in self._roots if one.place.path == root]
        return [seen for one in ours for seen in (*one.unreadable_at(paths), *one.unsettled_at(paths, now))]

    def scanned(self) -> set[str]:
        """The paths of the roots that were looked through since the start: what is observed of them is all there is."""
        return {root.place.path for root in self._roots if root.has_scanned}

    def note(self, now: float) -> None:
        """Note what may have changed since the last note, for whoever asks this moment. Safe to ask from any thread."""
        for root in self._roots:
            if root.is_news:
                self._note_observed(root, now)
                root.is_news = True  # it may have changed again meanwhile

    def look_again(self) -> None:
        """Look at every file under observation with the next ticks, for whoever waits and hears of no events."""
        for root in self._roots:
            root.announced.update(root.unsettled)

    def stuck(self) -> int | None:
        """How many known files wait for a person to mend a sidecar; None while others are under observation."""
        number = 0
        for root in self._roots:
            if root.renames.waiting or root.is_comparing:
                return None
            if root.labels.is_busy and not root.monitor.offline_reason:
                return None  # what is said of the files is being read
            for path in root.unsettled:
                why = root.labels.unclear.get(path)
                if why is None or not why.needs_person:
                    return None
                known = self._intake.known_at(root.place.id, path)
                number += known is not None and known.state is State.SETTLING
        return number

    def unlabelled(self) -> set[int]:
        """The roots of which it is not known yet how what waits is to be sent. Safe to ask from any thread."""
        return {root.place.id for root in self._roots if not root.labels.is_through and not root.monitor.offline_reason}

    def offline(self) -> list[str]:
        """Why roots, or disks in them, cannot be read or worked on, a sentence each."""
        return [
            reason
            for root in self._roots
            for reason in (
                root.monitor.offline_reason or root.trouble,
                *(core_disks.sentence(away, root.place.path) for away in root.disks.aways),
            )
            if reason
        ]

    def attention(self) -> list[Attention]:
        """How every root is watched. Safe to ask from any thread."""
        return [
            Attention(
                root=root.place.path,
                mode=root.watched.mode,
                is_heard=(health := root.monitor.health).since is not None,
                reason=health.reason,
                missed=health.missed,
                scan_every_s=root.scan_pause_s,
                comparing=len(root.checks),
                trouble=root.trouble,
                writers=None if root.writers is None else said_of_folder(root.writers),
            )
            for root in self._roots
        ]

    def _root_watch(self, watched: WatchedRoot, why_silent: Callable[[str], str | None]) -> RootState:
        root, files, places, log = watched.root, self._files, self._places, self._log
        monitor = RootMonitor(
            root,
            watched.mode,
            events=self._events,
            files=files,
            disks=places,
            notes=self._notes,
            log=log,
            why_silent=why_silent,
        )
        trust = Trust(ignores_inodes=not places.has_stable_inodes(root.id))
        walks = Scans(root.id, root.path, watched.eligibility, files=files, places=places, trust=trust)
        sidecars = Sidecars(
            root,
            watched.eligibility,
            files=files,
            reads=self._reads,
            stored_sidecars=self._stored_sidecars,
            is_online=lambda: monitor.why_offline() is None,
            log=log,
            strict=trust.strict,
        )
        labels = Labelling(watched, sidecars, self._waiting, wake=self._labelled, log=log)
        renames = RenameDetector(
            root.id,
            root.path,
            labels.plain,
            files=files,
            contents=self._evidence,
            renames=places,
            log=log,
            trust=trust,
            updates=watched.updates_renamed,
        )
        returns = RestoredFiles(root.path, self._intake, self._is_same, log=log)
        checks = ContentChecks(root.path, self._evidence, log=log)
        disks = self._disks(root)
        unread, annotations, review = self._left_out_of(watched)
        return RootState(
            watched, monitor, walks, renames, labels, returns, checks, trust, disks, unread, annotations, review
        )

    def _left_out_of(self, watched: WatchedRoot) -> tuple[Unread, Annotations, Review]:
        """What sees to the files of the root that are no samples by what is in them."""
        root = (watched.root.id, watched.root.path)
        unread = Unread(watched.root.id, self._notes)
        annotations = Annotations(
            root, self._annotating, intake=self._intake, places=self._places, unread=unread, log=self._log
        )
        review = Review(root, watched.eligibility, self._waiting, files=self._files, annotations=annotations)
        return unread, annotations, review

    def _tick_root(self, root: RootState, now: float) -> float:
        """Work on one root. Where its content makes us stumble, it waits, and the others are worked on."""
        if root.trouble is not None and 0.0 < root.again_at - now <= LONGEST_PAUSE_S:
            return root.again_at - now
        try:
            wait_s = self._try_root(root, now)
        except CONTENT_ERRORS as error:
            return self._set_aside(root, error, now)
        if root.trouble is not None:
            self._log.info("root.recovered", root=shown(root.place.path))
        root.trouble, root.failures = None, 0
        return wait_s

    def _set_aside(self, root: RootState, error: Exception, now: float) -> float:
        root.failures += 1
        pause_s = min(LONGEST_PAUSE_S, 2.0 ** min(root.failures, 16))
        root.trouble = (
            f"eisync failed on the folder {root.place.path} ({type(error).__name__}) and will try again; other "
            "folders are not affected. Please report this with the log of 'eisync run'"
        )
        root.again_at = now + pause_s
        self._log.exception("root.failed", root=shown(root.place.path), reason=root.trouble, again_in_s=pause_s)
        return pause_s

    def _try_root(self, root: RootState, now: float) -> float:
        if root.is_mid_tick:
            root.is_doubted = True
            root.scan = None  # what it had in hand when the last tick failed is not known
        root.is_mid_tick = True
        wait_s = self._work_on(root, now)
        root.is_mid_tick = False
        return wait_s

    def _work_on(self, root: RootState, now: float) -> float:
        # The clock may have been set back.
        root.monitor.look_due_at = min(root.monitor.look_due_at, now + root.monitor.pause_s)
        root.scan_due_at = min(root.scan_due_at, now + root.scan_pause_s)
        if now >= root.monitor.look_due_at:
            self._look_at_root(root, now)
        if root.monitor.offline_reason is not None:
            return max(0.0, root.monitor.look_due_at - now)
        root.announced |= root.labels.step(now)
        self._gather_events(root, now)
        self._begin_walks(root, now)
        for walk in (root.partial, root.scan):
            if walk is not None and not root.is_behind:
                self._walk_on(root, walk, now)
        self._enqueue_complete(root, now)
        root.review.step(now)
        root.unread.note(now)
        if self._is_note_due(root, now):
            self._note_observed(root, now)
        if root.looked_through is not None and not root.announced and not root.renames.waiting:
            self._lineages.looked_through(root.place.id, root.looked_through)
            root.looked_through = None
        if root.is_busy:
            return 0.0
        instants = [root.monitor.look_due_at, root.scan_due_at, root.due_queue.next_at(), root.renames.next_at()]
        instants += [root.labels.next_at(now), root.checks.next_at(), root.review.next_at()]
        instants.append(root.unread.next_at())
        instants += [root.noted_at + self._note_pause_s(root)] if root.is_news else []
        return max(0.0, min(at for at in instants if at is not None) - now)

    def _look_at_root(self, root: RootState, now: float) -> None:
        if not root.monitor.look(now):
            # Nothing is concluded from its absence; it is scanned when it is back.
            root.scan = root.partial = None
            root.is_doubted = True
            return
        root.trust.is_weak = self._has_weak_facts(root.place.path)
        root.disks.look(now)
        self._lineages.look(root.place.id)
        root.announced.update(path for path in self._intake.settling(root.place.id) if path not in root.unsettled)

    def _gather_events(self, root: RootState, now: float) -> None:
        announced = self._events.take(root.place.id)
        eligibility = root.watched.eligibility
        policy = root.watched.policy
        if announced.files or announced.folders:
            root.heard_at = now
        for path in announced.files:
            root.labels.heed(path, now)
        heeded = {
            path: place for path in announced.files if eligibility.why_left_out(place := policy.spoken_of(path)) is None
        }
        root.announced.update(heeded.values())
        root.closed.update(place for path, place in heeded.items() if path in announced.closed)
        if root.trust.is_weak:
            root.heard.update(heeded.values())
        root.announced |= root.renames.take_due(now)
        if len(root.announced) < FILES_A_TICK:  # what is known of a content is to be used before more is read
            root.announced |= root.compare_on(now)
        root.moved.update(path for path in announced.folders if not root.walks.is_ignored(path))
        root.is_doubted = root.is_doubted or announced.is_doubted
        root.is_news |= bool(root.announced)
        findings = Findings()
        for _ in range(min(len(root.announced), FILES_A_TICK)):
            path = root.announced.pop()
            is_closed = path in root.closed
            root.closed.discard(path)
            is_heard = path in root.heard
            root.heard.discard(path)
            self._see(root, path, findings, now, is_closed=is_closed, is_heard=is_heard)
        self._changes.write(root, findings, now)

    def _see(
        self,
        root: RootState,
        path: str,
        findings: Findings,
        now: float,
        *,
        is_closed: bool = False,
        is_heard: bool = False,
    ) -> None:
        """Look at one file. One that makes us stumble is set aside with its reason."""
        try:
            self._changes.see(root, path, findings, now, is_closed=is_closed, is_heard=is_heard)
        except CONTENT_ERRORS as error:
            self._note_failing(root, path, error)
        else:
            root.failing.pop(path, None)

    def _note_failing(self, root: RootState, path: str, error: Exception) -> None:
        if path not in root.failing and len(root.failing) < MOST_FAILING:
            root.failing[path] = stumbled(error)
            self._log.error("file.failed", path=shown(path), reason=root.failing[path], exc_info=error)

    def _begin_walks(self, root: RootState, now: float) -> None:
        if root.scan is not None and root.is_doubted:
            root.scan.is_audit = False
        if root.scan is None and (root.is_doubted or now >= root.scan_due_at):
            root.doubt = self._lineages.unscanned(root.place.id)
            root.scan = root.walks.begin([""], is_audit=not root.is_doubted, now=now)
            root.is_doubted = False
            root.disks.look(now)
            root.disks.scan_began()
            root.unread.scan_began()
            root.partial = None
            root.moved.clear()  # the whole has these in it
        if root.partial is None and root.moved:
            root.partial = root.walks.begin(topmost(root.moved), now=now)
            root.moved = set()

    def _walk_on(self, root: RootState, walk: Scan, now: float) -> None:
        """Walk a bounded part of it: first what is there, then what is known where the walk did not come to."""
        began_at = self._spent_s()
        findings = Findings()
        budget = LOOKS_A_TICK
        for piece in walk.pieces:
            walk.saw(piece)
            self._left_out.count(root.place.id, walk, piece)
            for path, _ in piece.left_out:
                root.labels.heed(path, now)
            root.is_news |= bool(piece.files)
            if piece.trouble is None:
                self._compare(root, walk, piece, findings, now)
            budget -= piece.looked_at + 1
            if budget <= 0:
                break
        else:
            budget = self._look_for_the_absent(root, walk, findings, budget)
        self._changes.write(root, findings, now)
        walk.spent_s += max(0.0, self._spent_s() - began_at)
        if budget > 0:
            self._finish(root, walk, now)

    def _compare(self, root: RootState, walk: Scan, piece: SeenFolder, findings: Findings, now: float) -> None:
        """Compare a piece of a folder with what is known. Where it makes us stumble, each of its files is looked at."""
        try:
            self._changes.compare(root, walk, piece, findings, now)
        except CONTENT_ERRORS:
            walk.troubled.add(piece.path)
            for name in piece.files:
                self._see(root, join(piece.path, name), findings, now)

    def _look_for_the_absent(self, root: RootState, walk: Scan, findings: Findings, budget: int) -> int:
        """What is left of `budget`; none when there may be more to look for."""
        walk.absences = walk.absences or root.walks.absences(walk)
        for folder, names in walk.absences:
            self._changes.miss(root, folder, names, findings)
            budget -= len(names)
            if budget <= 0:
                return 0
        return max(1, budget)

    def _finish(self, root: RootState, walk: Scan, now: float) -> None:
        root.looked_at(walk)
        if walk is root.partial:
            root.partial = None
            return
        left_out = root.unread.scanned(walk.left_out)
        self._notes.note_scan(root.place.id, left_out, began_at=walk.began_at, now=now)
        root.review.ask(now)
        root.labels.scanned(root.unsettled, now)
        root.scan = None
        root.looked_through = root.doubt
        root.has_scanned = True
        if root.watched.policy.needs_marker:
            root.announced.update(root.unsettled)  # one that went while it waited for its marker is in no row
        root.disks.scan_ended(walk.troubled)
        # What scans may take of a core, they take together: each as if all were as large as it is.
        cost_s = walk.spent_s * len(self._roots)
        root.scan_pause_s = root.monitor.scan_pause_s(
            least_s=root.watched.scan_interval_s, cost_s=cost_s, jitter=self._jitter()
        )
        root.scan_due_at = now + root.scan_pause_s
        if walk.is_audit:
            root.monitor.scanned(walk.missed, now)

    def _enqueue_complete(self, root: RootState, now: float) -> None:
        due = islice(root.due_queue.take_due(now), FILES_A_TICK)
        judged = self._completeness.judge(
            root.watched,
            root.labels,
            root.unsettled,
            due,
            now=now,
            hears_closes=root.monitor.hears_closes,
            why_no_sample=root.annotations.why,
        )
        root.writers = judged.writers or root.writers
        root.is_behind = judged.due == FILES_A_TICK
        root.is_news |= judged.due > 0
        for path, at in judged.again.items():
            root.due_queue.add(path, at)
        findings = Findings()
        for path in judged.missing:
            self._see(root, path, findings, now)
        for path, error in judged.failing.items():
            self._note_failing(root, path, error)
            root.due_queue.add(path, now + LONGEST_PAUSE_S)
        self._changes.write(root, findings, now)
        for path, (facts, reason) in judged.left_out.items():
            root.annotations.leave(path, facts, reason, now=now)
            root.unsettled.pop(path, None)
            root.failing.pop(path, None)
        self._enter(root, judged.accepted, now)
        self._park(root, judged.parked, now)

    def _enter(self, root: RootState, accepted: Mapping[str, Accepted], now: float) -> None:
        accepted = self._without_returned(root, accepted, now)
        if not accepted:
            return
        busy = self._intake.enqueue([one.candidate for one in accepted.values()], now=now)
        entered = list(self._left(root, accepted, busy, now))
        root.review.ask(now)
        tell = self._log.info if len(entered) <= MOST_TOLD else self._log.debug
        for path in entered:
            one = accepted[path]
            size, label = one.candidate.facts.size, one.candidate.label
            tell("file.enqueued", path=shown(path), label=label, size=size, evidence=one.evidence)
        if len(entered) > MOST_TOLD:
            self._log.info("files.enqueued", files=len(entered), root=shown(root.place.path))
        if remarked := [path for path in entered if accepted[path].candidate.remarks]:
            reason = "; ".join(accepted[remarked[0]].candidate.remarks.values())
            self._log.warning("files.said_in_part", files=len(remarked), path=shown(remarked[0]), reason=reason)

    def _without_returned(
        self, root: RootState, accepted: Mapping[str, Accepted], now: float
    ) -> Mapping[str, Accepted]:
        """Those that are to be sent: what we took away and is there again as it was, is not."""
        complete = {path: one.candidate.facts for path, one in accepted.items()}
        same, later = root.returns.recognise(complete, now=now)
        for path in same:
            root.unsettled.pop(path, None)
        for path in later:
            root.due_queue.add(path, now + AGAIN_S)
        left = same.union(later)
        return {path: one for path, one in accepted.items() if path not in left} if left else accepted

    def _park(self, root: RootState, parked: Mapping[str, Quarantined], now: float) -> None:
        if not parked:
            return
        busy = self._intake.park([(one.candidate, one.reason) for one in parked.values()], now=now)
        for path in self._left(root, parked, busy, now):
            self._log.error("file.quarantined", path=shown(path), reason=parked[path].reason)

    def _left(
        self, root: RootState, decided: Collection[str], busy: Collection[tuple[int, str]], now: float
    ) -> Iterator[str]:
        """Those that are not under observation any more."""
        for path in decided:
            if (root.place.id, path) in busy:
                root.due_queue.add(path, now + 1.0)  # its last version is under way; look again when that is settled
            else:
                root.unsettled.pop(path, None)
                root.failing.pop(path, None)
                yield path

    def _is_note_due(self, root: RootState, now: float) -> bool:
        if not root.is_news or 0 <= now - root.noted_at < self._note_pause_s(root):
            return False
        # Most of what a start finds is complete, and is in the outbox a moment later.
        root.begun_at = now if root.begun_at is None else root.begun_at
        is_start = root.noted_at == -math.inf and 0 <= now - root.begun_at < NOTE_BUSY_EVERY_S
        return not (is_start and (root.is_busy or root.is_behind))

    def _note_pause_s(self, root: RootState) -> float:
        return max(root.note_pause_s, NOTE_BUSY_EVERY_S if root.is_busy else NOTE_EVERY_S)

    def _note_observed(self, root: RootState, now: float) -> None:
        """Write down what is not complete and what cannot be read, or as much of it as is remembered."""
        began_at = self._spent_s()
        root.is_news, root.noted_at = False, now
        seen = root.observed(None, most=MOST_OBSERVED)
        beyond = max(0, root.observed_count - len(seen))
        keeps = not root.has_scanned  # what was noted before may be there still
        try:
            self._notes.note_observed(
                root.place.id, seen, beyond=beyond, comparing=len(root.checks), keeps=keeps, now=now
            )
        except StateError:
            root.is_news = True  # as on a full disk: it is written down when that can be done again
            raise
        root.note_pause_s = (self._spent_s() - began_at) / NOTE_SHARE
