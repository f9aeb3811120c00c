"""Report which files of one root are not complete or cannot be read, and why. Store it for later commands."""

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

MAX_FAILING = 1_000
MAX_OBSERVED = 10_000
"""Limit of the entries stored for a root; the others are only counted."""
NOTE_EVERY_S = 1.0
NOTE_BUSY_EVERY_S = 10.0
"""Observations are stored when a root has no more work, and at this interval while it has."""
NOTE_SHARE = 0.01
"""The share of one processor core that storing them uses at most."""


class RootObservations:
    """Observations about one root that are not in the database. The reports are safe from any thread."""

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
        """Return how many sent files were touched and wait for a comparison with what was sent."""
        return len(self._checks)

    def note_failing(self, path: str, why: str) -> bool:
        """Record that the check of the file failed. Return whether that is new."""
        if path in self._failing or len(self._failing) >= MAX_FAILING:
            return False
        self._failing[path] = why
        return True

    def clear_failing(self, path: str) -> None:
        """Record that the check of the file did not fail. Safe to repeat."""
        self._failing.pop(path, None)

    def note_scan(self, scan: Scan) -> None:
        """Record which of the folders that a finished walk covered cannot be read."""
        kept = {} if scan.is_whole else {at: why for at, why in self._unreadable.items() if not scan.covers(at)}
        self._unreadable = {**kept, **scan.unreadable}

    def incomplete_paths(self) -> list[str]:
        """List the paths of files that are not complete."""
        failing = [path for path in list(self._failing) if path not in self._files]
        return [*self._files.paths(), *list(self._renames.waiting), *failing]

    def incomplete_at(self, paths: Iterable[str], now: float | None) -> list[ObservedEntry]:
        """Return the entries of those paths that are not complete. With `now` None, their reasons name no time."""
        return [entry for path in paths if (entry := self._incomplete_at(path, now)) is not None]

    def unreadable_at(self, paths: Iterable[str]) -> list[ObservedEntry]:
        """Return the entries of those paths that cannot be read: folders, and files to compare with what was sent."""
        found = []
        for path in paths:
            if self._checks.is_unreadable(path):
                found.append(ObservedEntry(self._root, path, 0, NOT_COMPARED, UNREADABLE))
            elif (why := self._unreadable.get(path)) is not None:
                found.append(ObservedEntry(self._root, path, 0, why, UNREADABLE, is_folder=True))
        return found

    def entries(self, now: float | None, *, most: int | None = None) -> list[ObservedEntry]:
        """Return the entries of all, at most `most`: first what cannot be read, then what is not complete."""
        unreadable = self.unreadable_at([*list(self._unreadable), *self._checks.unreadable()][:most])
        left = None if most is None else most - len(unreadable)
        return unreadable + self.incomplete_at(self.incomplete_paths()[:left], now)

    def count(self) -> int:
        """Return how many entries there are."""
        return len(self._unreadable) + len(self._checks.unreadable()) + len(self.incomplete_paths())

    def _incomplete_at(self, path: str, now: float | None) -> ObservedEntry | None:
        file = self._files.get(path)
        if (why := self._failing.get(path)) is not None:
            return ObservedEntry(self._root, path, 0 if file is None else file.facts.size, why)
        if file is not None:
            unclear = self._labels.why_unclear(path)
            if unclear is not None:
                return ObservedEntry(self._root, path, file.facts.size, unclear.reason)
            why = reason(file, self._policy, now=now, reports_closes=self._monitor.reports_closes)
            return ObservedEntry(self._root, path, file.facts.size, why)
        if (waiting := self._renames.waiting.get(path)) is not None:
            return ObservedEntry(self._root, path, waiting.facts.size, waiting.reason)
        return None


class ObservationNotes:
    """Stores the observations about one root: when it has no more work, and at intervals while it has."""

    def __init__(self, root_id: int, observations: RootObservations, index: Index, runtime: Runtime) -> None:
        self._root_id = root_id
        self._observations = observations
        self._index = index
        self._spent_s = runtime.spent_s
        self._has_changed = True
        self._written_at = -math.inf
        self._begun_at: float | None = None  # when storing was possible for the first time
        self._least_pause_s = 0.0

    @property
    def has_changed(self) -> bool:
        """Return whether the observations may have changed since they were stored."""
        return self._has_changed

    def note_change(self) -> None:
        """Record that the observations may have changed."""
        self._has_changed = True

    def is_due(self, now: float, *, is_busy: bool, is_behind: bool) -> bool:
        """Return whether to store them now. `is_busy`, `is_behind`: the root has more work."""
        if not self._has_changed or 0 <= now - self._written_at < self._pause_s(is_busy):
            return False
        # After a start, wait a little: most files are complete, and are in the outbox a moment later.
        self._begun_at = now if self._begun_at is None else self._begun_at
        is_start = self._written_at == -math.inf and 0 <= now - self._begun_at < NOTE_BUSY_EVERY_S
        return not (is_start and (is_busy or is_behind))

    def next_at(self, *, is_busy: bool) -> float | None:
        """Return when to store them (Unix s); None if nothing has changed."""
        return self._written_at + self._pause_s(is_busy) if self._has_changed else None

    def write(self, now: float, *, keeps: bool) -> None:
        """Store the observations, up to a limit. `keeps`: keep the entries from before, which may still be true."""
        began_at = self._spent_s()
        self._has_changed, self._written_at = False, now
        entries = self._observations.entries(None, most=MAX_OBSERVED)
        beyond = max(0, self._observations.count() - len(entries))
        comparing = self._observations.comparing
        try:
            self._index.note_observed(self._root_id, entries, beyond=beyond, comparing=comparing, keeps=keeps, now=now)
        except StateError:
            self._has_changed = True  # for example on a full disk: try again later
            raise
        self._least_pause_s = (self._spent_s() - began_at) / NOTE_SHARE

    def _pause_s(self, is_busy: bool) -> float:
        return max(self._least_pause_s, NOTE_BUSY_EVERY_S if is_busy else NOTE_EVERY_S)
