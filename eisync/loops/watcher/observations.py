"""Say what of one root is not complete or cannot be read, and why; and write it down for those who ask later."""

import math
from collections.abc import Iterable

from eisync.core.completeness import reason
from eisync.core.file_status import UNREADABLE, ObservedEntry
from eisync.errors import StateError
from eisync.loops.watcher.content_check import NOT_COMPARED, ContentChecks
from eisync.loops.watcher.context import Runtime, WatchedRoot
from eisync.loops.watcher.labelling import Labelling
from eisync.loops.watcher.monitor import RootMonitor
from eisync.loops.watcher.observed_files import ObservedFiles
from eisync.loops.watcher.renames import RenameDetector
from eisync.loops.watcher.scan import Scan
from eisync.store.index import Index

MOST_FAILING = 1_000
MOST_OBSERVED = 10_000
"""So many files that are not complete, or cannot be read, are written down of a root; the others are counted."""
NOTE_EVERY_S = 1.0
NOTE_BUSY_EVERY_S = 10.0
"""What is under observation is written down when a root comes to rest, and so often while it does not."""
NOTE_SHARE = 0.01
"""Of a core, at most."""


class RootObservations:
    """What was observed of one root and stands in no row. Its questions are safe to ask from any thread."""

    def __init__(
        self,
        watched: WatchedRoot,
        files: ObservedFiles,
        checks: ContentChecks,
        renames: RenameDetector,
        labels: Labelling,
        monitor: RootMonitor,
    ) -> None:
        self._root = watched.root.path
        self._policy = watched.policy
        self._files = files
        self._checks = checks
        self._renames = renames
        self._labels = labels
        self._monitor = monitor
        self._failing: dict[str, str] = {}  # files whose check failed, and the reasons
        self._unreadable: dict[str, str] = {}  # folders, and why

    @property
    def comparing(self) -> int:
        """How many files at the service were touched, and are compared with what was sent."""
        return len(self._checks)

    def note_failing(self, path: str, why: str) -> bool:
        """Note that the check of the file failed. Returns whether that is new."""
        if path in self._failing or len(self._failing) >= MOST_FAILING:
            return False
        self._failing[path] = why
        return True

    def clear_failing(self, path: str) -> None:
        """Note that the check of the file did not fail. Safe to repeat."""
        self._failing.pop(path, None)

    def note_scan(self, scan: Scan) -> None:
        """Note that a walk ended: the folders that it came to can be read, or cannot."""
        kept = {} if scan.is_whole else {at: why for at, why in self._unreadable.items() if not scan.covers(at)}
        self._unreadable = {**kept, **scan.unreadable}

    def incomplete_paths(self) -> list[str]:
        """List the files that are not complete."""
        failing = [path for path in list(self._failing) if path not in self._files]
        return [*self._files.paths(), *list(self._renames.waiting), *failing]

    def incomplete_at(self, paths: Iterable[str], now: float | None) -> list[ObservedEntry]:
        """Say why those of these files are not complete that are not; `now` None: in words that stay true."""
        return [entry for path in paths if (entry := self._incomplete_at(path, now)) is not None]

    def unreadable_at(self, paths: Iterable[str]) -> list[ObservedEntry]:
        """Say why files and folders at `paths` cannot be read: files for the comparison with what was sent."""
        found = []
        for path in paths:
            if self._checks.is_unreadable(path):
                found.append(ObservedEntry(self._root, path, 0, NOT_COMPARED, UNREADABLE))
            elif (why := self._unreadable.get(path)) is not None:
                found.append(ObservedEntry(self._root, path, 0, why, UNREADABLE, is_folder=True))
        return found

    def entries(self, now: float | None, *, most: int | None = None) -> list[ObservedEntry]:
        """List both, what cannot be read first; `most` at most."""
        unreadable = self.unreadable_at([*list(self._unreadable), *self._checks.unreadable()][:most])
        left = None if most is None else most - len(unreadable)
        return unreadable + self.incomplete_at(self.incomplete_paths()[:left], now)

    def count(self) -> int:
        """Count both, without the reasons."""
        return len(self._unreadable) + len(self._checks.unreadable()) + len(self.incomplete_paths())

    def _incomplete_at(self, path: str, now: float | None) -> ObservedEntry | None:
        seen = self._files.get(path)
        if (why := self._failing.get(path)) is not None:
            return ObservedEntry(self._root, path, 0 if seen is None else seen.facts.size, why)
        if seen is not None:
            unclear = self._labels.why_unclear(path)
            if unclear is not None:
                return ObservedEntry(self._root, path, seen.facts.size, unclear.reason)
            why = reason(seen, self._policy, now=now, reports_closes=self._monitor.reports_closes)
            return ObservedEntry(self._root, path, seen.facts.size, why)
        if (waiting := self._renames.waiting.get(path)) is not None:
            return ObservedEntry(self._root, path, waiting.facts.size, waiting.reason)
        return None


class ObservationNotes:
    """Writes down what was observed of one root: when it comes to rest, and now and then while it does not."""

    def __init__(self, root_id: int, observations: RootObservations, index: Index, runtime: Runtime) -> None:
        self._root_id = root_id
        self._observations = observations
        self._index = index
        self._spent_s = runtime.spent_s
        self._has_changed = True
        self._written_at = -math.inf
        self._begun_at: float | None = None  # when the first note could have been written
        self._least_pause_s = 0.0

    @property
    def has_changed(self) -> bool:
        """Whether what was observed may have changed since it was written down."""
        return self._has_changed

    def note_change(self) -> None:
        """Note that what was observed may have changed."""
        self._has_changed = True

    def is_due(self, now: float, *, is_busy: bool, is_behind: bool) -> bool:
        """Return whether to write. `is_busy`, `is_behind`: the root is not at rest."""
        if not self._has_changed or 0 <= now - self._written_at < self._pause_s(is_busy):
            return False
        # Most of what a start finds is complete, and is in the outbox a moment later.
        self._begun_at = now if self._begun_at is None else self._begun_at
        is_start = self._written_at == -math.inf and 0 <= now - self._begun_at < NOTE_BUSY_EVERY_S
        return not (is_start and (is_busy or is_behind))

    def next_at(self, *, is_busy: bool) -> float | None:
        """Return when to write (Unix s); None: nothing has changed."""
        return self._written_at + self._pause_s(is_busy) if self._has_changed else None

    def write(self, now: float, *, keeps: bool) -> None:
        """Write down what was observed, up to a limit. `keeps`: what was noted before may be there still."""
        began_at = self._spent_s()
        self._has_changed, self._written_at = False, now
        entries = self._observations.entries(None, most=MOST_OBSERVED)
        beyond = max(0, self._observations.count() - len(entries))
        comparing = self._observations.comparing
        try:
            self._index.note_observed(self._root_id, entries, beyond=beyond, comparing=comparing, keeps=keeps, now=now)
        except StateError:
            self._has_changed = True  # as on a full disk: it is written down when that can be done again
            raise
        self._least_pause_s = (self._spent_s() - began_at) / NOTE_SHARE

    def _pause_s(self, is_busy: bool) -> float:
        return max(self._least_pause_s, NOTE_BUSY_EVERY_S if is_busy else NOTE_EVERY_S)
