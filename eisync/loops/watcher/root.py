"""The state of one watched folder in memory. A scan can find all of it again."""

from collections.abc import Iterable

from eisync.core.known_content import Trust
from eisync.core.writers import Writers, describe_folder_writers
from eisync.loops.ports import Log
from eisync.loops.watcher.annotation_finder import AnnotationFinder
from eisync.loops.watcher.annotations import AnnotationReader
from eisync.loops.watcher.content_check import ContentChecks
from eisync.loops.watcher.context import Events, Outside, RootStatus, Runtime, Stores, WatchedRoot
from eisync.loops.watcher.disks import RootDisks
from eisync.loops.watcher.groups import GroupSplits
from eisync.loops.watcher.labelling import Labelling
from eisync.loops.watcher.left_out import Annotations, NotSamples, Review
from eisync.loops.watcher.monitor import RootMonitor
from eisync.loops.watcher.observations import ObservationNotes, RootObservations
from eisync.loops.watcher.observed_files import ObservedFiles, ReportedFiles
from eisync.loops.watcher.renames import RenameDetector, RestoredFiles
from eisync.loops.watcher.scan import Scans
from eisync.loops.watcher.sidecars import SidecarReader

LONGEST_PAUSE_S = 60.0
"""The longest pause before a folder or a file that failed is tried again."""


class Setback:
    """Why the last tick of a root failed, and when it is tried again."""

    def __init__(self) -> None:
        self._reason: str | None = None
        self._failures = 0
        self._again_at = 0.0

    @property
    def reason(self) -> str | None:
        """Return why the last tick failed, for a person; None if it did not. Safe from any thread."""
        return self._reason

    def wait_s(self, now: float) -> float:
        """Return how long to pause the root (s); 0: work on it."""
        wait_s = self._again_at - now
        return wait_s if self._reason is not None and 0.0 < wait_s <= LONGEST_PAUSE_S else 0.0

    def note(self, reason: str, now: float) -> float:
        """Record that a tick failed. Return the pause (s), which grows with each failure."""
        self._failures += 1
        pause_s = min(LONGEST_PAUSE_S, 2.0 ** min(self._failures, 16))
        self._reason, self._again_at = reason, now + pause_s
        return pause_s

    def clear(self) -> bool:
        """Record that a tick did not fail. Return whether the one before did."""
        had_one = self._reason is not None
        self._reason, self._failures = None, 0
        return had_one


class RootState:
    """The parts that work on one root, and the state that belongs to the root as a whole."""

    def __init__(
        self, watched: WatchedRoot, stores: Stores, outside: Outside, events: Events, runtime: Runtime, log: Log
    ) -> None:
        root = watched.root
        self.watched = watched
        self.root = root
        self.trust = Trust(ignores_inodes=not stores.paths.has_stable_inodes(root.id))
        self.monitor = RootMonitor(watched, stores, outside, events, log)
        self.scans = Scans(watched, stores.paths, outside.files, self.trust)
        self.disks = RootDisks(root, stores.disks, outside.mounts, log)
        self.observed = ObservedFiles()
        self.splits = self._splits(stores, log)
        self.labels = self._labelling(stores, outside, runtime, log)
        self.renames = RenameDetector(watched, self.labels.plain, stores.paths, outside, self.trust, log)
        self.restored = RestoredFiles(root.path, stores.outbox, outside.is_same, log=log)
        self.checks = ContentChecks(root.path, outside.contents, log=log)
        self.not_samples = NotSamples(root.id, stores.index)
        self.annotations = Annotations(watched, stores, outside, self.not_samples, log)
        self.review = Review(watched, stores.descriptions, outside.files, self.annotations)
        self.reported = ReportedFiles()
        self.observations = RootObservations(
            watched, self.observed, self.checks, self.renames, self.labels, self.monitor
        )
        self.notes = ObservationNotes(root.id, self.observations, stores.index, runtime)
        self.setback = Setback()
        self.enters_by_age = runtime.by_age
        self._writers: Writers | None = None
        self._event_at = 0.0

    @property
    def event_at(self) -> float:
        """Return when the last event was taken (Unix s)."""
        return self._event_at

    @property
    def is_comparing(self) -> bool:
        """Return whether sent files are in doubt and will be compared. Safe from any thread."""
        return not self.checks.is_idle or self.scans.is_partial_wanted

    @property
    def is_busy(self) -> bool:
        """Return whether the next tick has work to do at once."""
        is_under_way = self.scans.is_busy or len(self.reported) > 0 or self.labels.is_busy
        is_under_way = is_under_way or (self.splits is not None and self.splits.is_busy)
        return is_under_way or (not self.checks and not self.checks.is_idle)

    @property
    def is_paused(self) -> bool:
        """Return whether the root cannot be read, or failed and is tried again later."""
        return bool(self.monitor.offline_reason or self.setback.reason)

    @property
    def has_scanned(self) -> bool:
        """Return whether the root was scanned completely since the start and its files are checked.

        A root that cannot be read counts as scanned.
        """
        if self.is_paused:
            return True
        return self.scans.has_scanned and not self.reported and not self.is_comparing

    def note_event(self, now: float) -> None:
        """Record that an event was taken."""
        self._event_at = now

    def note_writers(self, writers: Writers | None) -> None:
        """Record the answer of the kernel about the writers of the last files; None: it was not asked."""
        self._writers = writers or self._writers

    def end_observation(self, path: str) -> None:
        """Record that the file is neither incomplete nor failing any more. Safe to repeat."""
        self.observed.drop(path)
        self.observations.clear_failing(path)

    def compare_some(self, now: float) -> set[str]:
        """Hash a piece of the files in doubt. Return those to check again; a walk finds those that did not fit."""
        done = self.checks.hash_some(now)
        if self.scans.is_idle and (folder := self.checks.take_left_out()) is not None:
            self.scans.add([folder])
        return done

    def write_notes(self, now: float) -> None:
        """Store the observations."""
        self.notes.write(now, keeps=not self.scans.has_scanned)

    def write_last(self, now: float) -> None:
        """Store what is under observation, because the work on the root ends here."""
        self.not_samples.note(now, is_last=True)
        self.write_notes(now)

    def next_at(self, now: float) -> float:
        """Return when the next part of the root has work to do (Unix s)."""
        instants: Iterable[float | None] = (
            self.monitor.next_at(now),
            self.scans.next_at(now),
            self.observed.next_at(),
            self.renames.next_at(),
            self.labels.next_at(now),
            None if self.splits is None else self.splits.next_at(now),
            self.checks.next_at(),
            self.review.next_at(),
            self.not_samples.next_at(),
            self.notes.next_at(is_busy=False),
        )
        return min(at for at in instants if at is not None)

    def status(self) -> RootStatus:
        """Return how the root is watched. Safe from any thread."""
        health = self.monitor.health
        return RootStatus(
            root=self.root.path,
            mode=self.watched.mode,
            uses_events=health.since is not None,
            reason=health.reason,
            missed=health.missed,
            scan_every_s=self.scans.pause_s,
            comparing=len(self.checks),
            trouble=self.setback.reason,
            writers=None if self._writers is None else describe_folder_writers(self._writers),
        )

    def _labelling(self, stores: Stores, outside: Outside, runtime: Runtime, log: Log) -> Labelling:
        monitor = self.monitor
        finder = AnnotationFinder(self.watched, outside.annotations)
        sidecars = SidecarReader(
            self.watched, stores.sidecars, outside, self.trust, lambda: monitor.why_offline() is None, log, finder
        )
        annotations = AnnotationReader(self.watched, finder, sidecars, stores.sidecars, outside.annotations)
        return Labelling(
            self.watched,
            sidecars,
            annotations,
            stores.descriptions,
            on_labelled=runtime.on_labelled,
            log=log,
            splits=self.splits,
        )

    def _splits(self, stores: Stores, log: Log) -> GroupSplits | None:
        watched = self.watched
        if watched.split is None:
            return None
        return GroupSplits(
            self.root, watched.split, stores.index.groups, self.observed, is_compared=watched.is_compared, log=log
        )
