"""What is in memory of one watched folder: all of it can be found again by a scan."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from eisync.core.completeness import ObservedFile, reason
from eisync.core.file_status import UNREADABLE
from eisync.core.known_content import Trust
from eisync.core.model import FileFacts
from eisync.core.writers import Writers
from eisync.loops.watched_root import Observed, WatchedRoot
from eisync.loops.watcher.content_check import NOT_COMPARED, ContentChecks
from eisync.loops.watcher.disks import RootDisks
from eisync.loops.watcher.due_queue import DueQueue
from eisync.loops.watcher.labelling import Labelling
from eisync.loops.watcher.left_out import Annotations, Review, Unread
from eisync.loops.watcher.monitor import RootMonitor
from eisync.loops.watcher.renames import RenameDetector, RestoredFiles
from eisync.loops.watcher.scan import Scan, Scans


@dataclass(slots=True)
class Findings:
    """Rows that are not as they were, gathered so that they are written at once."""

    changed: list[int] = field(default_factory=list)
    went: dict[int, str] = field(default_factory=dict)  # with their paths
    back: list[int] = field(default_factory=list)
    left: list[tuple[int, FileFacts]] = field(default_factory=list)  # changed, and to be left as they were sent
    learnt: list[tuple[int, FileFacts]] = field(default_factory=list)  # the same version, with these facts now

    def forget(self, identity: int) -> None:
        """The file was found again."""
        if identity in self.changed:
            self.changed.remove(identity)
        self.went.pop(identity, None)


class RootState:
    """What is in memory of one root."""

    def __init__(
        self,
        watched: WatchedRoot,
        monitor: RootMonitor,
        walks: Scans,
        renames: RenameDetector,
        labels: Labelling,
        returns: RestoredFiles,
        checks: ContentChecks,
        trust: Trust,
        disks: RootDisks,
        unread: Unread,
        annotations: Annotations,
        review: Review,
    ) -> None:
        self.watched = watched
        self.place = watched.root
        self.monitor = monitor
        self.walks = walks
        self.renames = renames
        self.labels = labels
        self.returns = returns
        self.checks = checks
        self.trust = trust
        self.disks = disks
        self.unread = unread
        self.annotations = annotations
        self.review = review
        self.unsettled: dict[str, ObservedFile] = {}
        self.due_queue = DueQueue()
        self.announced: set[str] = set()  # files that are to be looked at
        self.closed: set[str] = set()  # of these, the ones whose writers are through with them
        self.heard: set[str] = set()  # of these, the ones that an event told of, where facts may not tell a change
        self.moved: set[str] = set()  # folders that appeared, moved or went as a whole
        self.partial: Scan | None = None  # of such folders
        self.scan: Scan | None = None  # of the whole root
        self.scan_due_at = 0.0
        self.scan_pause_s = watched.scan_interval_s
        self.heard_at = 0.0
        self.is_doubted = False
        self.is_mid_tick = False
        self.is_behind = False  # more files are due than one tick can see to
        self.has_scanned = False
        self.doubt: int | None = None  # that the scan under way looks through the root for
        self.looked_through: int | None = None  # the one for which that is done, but for what is still compared
        self.trouble: str | None = None  # why its last tick failed
        self.failures = 0
        self.again_at = 0.0
        self.writers: Writers | None = None  # what the kernel said of the files that were judged last
        self.failing: dict[str, str] = {}  # files that we stumble over, and the reasons
        self.unreadable: dict[str, str] = {}  # folders, and why
        self.is_news = True  # what is observed may have changed since it was noted
        self.noted_at = -math.inf
        self.begun_at: float | None = None  # when it was worked on first
        self.note_pause_s = 0.0  # until the next note, at least

    def unsettled_paths(self) -> list[str]:
        """The files that are not complete, in memory only. Safe to ask from any thread."""
        failing = [path for path in list(self.failing) if path not in self.unsettled]
        return [*list(self.unsettled), *list(self.renames.waiting), *failing]

    def unsettled_at(self, paths: Iterable[str], now: float | None) -> list[Observed]:
        """Those of them that are at `paths`, and why; `now` None: in words that stay true."""
        return [seen for path in paths if (seen := self._unsettled_at(path, now)) is not None]

    def unreadable_at(self, paths: Iterable[str]) -> list[Observed]:
        """The files at `paths` that could not be read when they were to be compared, and the folders."""
        found = []
        for path in paths:
            if self.checks.is_unreadable(path):
                found.append(Observed(self.place.path, path, 0, NOT_COMPARED, UNREADABLE))
            elif (why := self.unreadable.get(path)) is not None:
                found.append(Observed(self.place.path, path, 0, why, UNREADABLE, is_folder=True))
        return found

    def observed(self, now: float | None, *, most: int | None = None) -> list[Observed]:
        """Both: what cannot be read, and what is not complete; `most` at most. Safe to ask from any thread."""
        unreadable = self.unreadable_at([*list(self.unreadable), *self.checks.unreadable()][:most])
        left = None if most is None else most - len(unreadable)
        return unreadable + self.unsettled_at(self.unsettled_paths()[:left], now)

    @property
    def observed_count(self) -> int:
        """How many that are, without the reasons."""
        return len(self.unreadable) + len(self.checks.unreadable()) + len(self.unsettled_paths())

    def _unsettled_at(self, path: str, now: float | None) -> Observed | None:
        if path in self.failing:
            size = self.unsettled[path].facts.size if path in self.unsettled else 0
            return Observed(self.place.path, path, size, self.failing[path])
        if (seen := self.unsettled.get(path)) is not None:
            unclear = self.labels.unclear.get(path)
            hears_closes = self.monitor.hears_closes
            why = (
                reason(seen, self.watched.policy, now=now, hears_closes=hears_closes)
                if unclear is None
                else unclear.reason
            )
            return Observed(self.place.path, path, seen.facts.size, why)
        if (waiting := self.renames.waiting.get(path)) is not None:
            return Observed(self.place.path, path, waiting.facts.size, waiting.reason)
        return None

    def looked_at(self, walk: Scan) -> None:
        """A walk has ended: the folders that it came to can be read, or cannot."""
        kept = {} if walk.is_whole else {place: why for place, why in self.unreadable.items() if not walk.covers(place)}
        self.unreadable = {**kept, **walk.unreadable}
        self.is_news = True

    def compare_on(self, now: float) -> set[str]:
        """Read on in files whose content is in doubt. Returns those of which it is known; others are met by a walk."""
        told = self.checks.go_on(now)
        if self.partial is None and self.scan is None and not self.moved:
            folder = self.checks.take_left_out()
            self.moved.update([] if folder is None else [folder])
        return told

    @property
    def is_comparing(self) -> bool:
        """Whether the content of files at the service is in doubt, and will be looked at."""
        return not self.checks.is_idle or self.partial is not None or bool(self.moved)

    @property
    def is_busy(self) -> bool:
        """Whether the next tick has something to do at once."""
        is_under_way = self.scan or self.partial or self.announced or self.moved or self.is_doubted
        return bool(is_under_way or self.labels.is_busy or (not self.checks and not self.checks.is_idle))
