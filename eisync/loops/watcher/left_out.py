"""Leave out files whose content shows that they are annotations of others. Each version is read once.

`NotSamples` keeps these versions in memory, so that no scan reads them again, and counts them for `eisync status`.

`Review` checks the quarantined files, because an annotation may be among them: from a release without rules for
annotations, or because it arrived before the file that it describes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from eisync.core.labels.annotations import MANIFEST, NotASample, may_be_annotation
from eisync.core.lifecycle import State
from eisync.core.model import FileFacts, shown
from eisync.errors import CONTENT_ERRORS, UnreachableError
from eisync.loops.ports import Log
from eisync.loops.watcher.context import Files, Outside, Stores, WatchedRoot
from eisync.store.descriptions import Descriptions
from eisync.store.index import Index

MAX_REMEMBERED = 200_000
"""Limit of the stored versions; each takes about 100 bytes. Beyond it, every scan reads the rest again."""
NOTE_EVERY_S = 1.0
REVIEW_EVERY_S = 10.0
MAX_REVIEWED = 500


class NotSamples:
    """The versions of one root's files whose content shows that they are no samples."""

    def __init__(self, root_id: int, index: Index) -> None:
        self._root_id = root_id
        self._index = index
        self._reasons: dict[int, str] = {}
        self._met: set[int] = set()  # versions found since the last scan began
        self._by_name: Mapping[str, int] | None = None  # what the last scan left out by name; None: no scan yet
        self._has_changed = False
        self._noted_at = 0.0

    def add(self, path: str, facts: FileFacts, reason: str) -> None:
        """Record that the file is no sample in this version."""
        key = _key(path, facts)
        if key not in self._reasons and len(self._reasons) < MAX_REMEMBERED:
            self._reasons[key] = reason
            self._has_changed = True
        self._met.add(key)

    def holds(self, path: str, facts: FileFacts) -> bool:
        """Return whether the file is known to be no sample in this version."""
        if not self._reasons:
            return False  # the usual case
        key = _key(path, facts)
        if key not in self._reasons:
            return False
        self._met.add(key)
        return True

    def scan_began(self) -> None:
        """Record that a scan of the whole root begins."""
        self._met = set()

    def scanned(self, by_name: Mapping[str, int]) -> Counter[str]:
        """Record that the scan ended, and how many files it left out by name. Return how many are left out in all."""
        self._reasons = {key: reason for key, reason in self._reasons.items() if key in self._met}
        self._by_name = dict(by_name)
        self._has_changed = False
        return self._counted()

    def next_at(self) -> float | None:
        """Return when to store the counts (Unix s), or None."""
        return self._noted_at + NOTE_EVERY_S if self._has_changed and self._by_name is not None else None

    def note(self, now: float, *, is_last: bool = False) -> None:
        """Store the counts if they changed and are due. `is_last`: even if they are not due, because the loop stops."""
        is_due = is_last or not 0 <= now - self._noted_at < NOTE_EVERY_S
        if self._has_changed and self._by_name is not None and is_due:
            self._index.note_left_out(self._root_id, self._counted())
            self._has_changed, self._noted_at = False, now

    def _counted(self) -> Counter[str]:
        return Counter(self._reasons.values()) + Counter(self._by_name or {})


class Annotations:
    """Recognises files of one root that are no samples, and leaves them out."""

    def __init__(
        self, watched: WatchedRoot, stores: Stores, outside: Outside, not_samples: NotSamples, log: Log
    ) -> None:
        self._root = watched.root
        self._manifest = watched.manifest
        self._annotation_of = outside.annotation_of
        self._outbox = stores.outbox
        self._paths = stores.paths
        self._not_samples = not_samples
        self._log = log

    def why(self, path: str, facts: FileFacts, head: bytes = b"") -> NotASample | None:
        """Return what the file is if it is no sample, else None. `head`: its first bytes, as far as known.

        Raises UnreachableError when no file can be opened now.
        """
        if path == self._manifest:
            return MANIFEST
        if not may_be_annotation(path, head):
            return None
        return self._annotation_of(self._root.path, path, facts, self._is_known, head)

    def why_if_readable(self, path: str, facts: FileFacts) -> NotASample | None:
        """Return the same as `why`, but None if the file cannot be read now."""
        try:
            return self.why(path, facts)
        except (UnreachableError, *CONTENT_ERRORS):
            return None

    def leave(self, path: str, facts: FileFacts, reason: str, *, now: float) -> None:
        """Leave out a file that is no sample: it is not sent, and needs no action."""
        self._not_samples.add(path, facts, reason)
        self.withdraw(path, reason, now=now)

    def withdraw(self, path: str, reason: str, *, now: float) -> None:
        """Leave the file out. The next scan of its folder counts it."""
        known = self._outbox.known_at(self._root.id, path)
        if known is not None:
            self._outbox.leave_out([known.id], f"left out: {reason}", now=now)
        self._log.debug("file.left_out", path=shown(path), reason=reason)

    def _is_known(self, paths: Sequence[str]) -> bool:
        """Return whether one of these is or was in the project: it may have been removed here since."""
        by_folder: dict[str, list[str]] = {}
        for path in paths:
            folder, _, name = path.rpartition("/")
            by_folder.setdefault(folder, []).append(name)
        return any(
            known.state in (State.SYNCED, State.TOMBSTONE)
            for folder, names in by_folder.items()
            for known in self._paths.known(self._root.id, folder, names).values()
        )


class Review:
    """Takes files out of quarantine that are known to be no samples now."""

    def __init__(
        self, watched: WatchedRoot, descriptions: Descriptions, files: Files, annotations: Annotations
    ) -> None:
        self._root = watched.root
        self._eligibility = watched.eligibility
        self._descriptions = descriptions
        self._files = files
        self._annotations = annotations
        self._due_at: float | None = None
        self._last_at = float("-inf")

    def ask(self, now: float) -> None:
        """Request a check, because a file arrived or a scan ended. At least REVIEW_EVERY_S lie between two checks."""
        if self._due_at is None:
            self._due_at = max(now, self._last_at + REVIEW_EVERY_S) if self._last_at <= now else now

    def next_at(self) -> float | None:
        """Return when to check (Unix s), or None."""
        return self._due_at

    def step(self, now: float) -> None:
        """Check a bounded number of the quarantined files, if it is time."""
        if self._due_at is None or now < self._due_at <= now + REVIEW_EVERY_S:
            return
        self._due_at, self._last_at = None, now
        page = self._descriptions.in_state(self._root.id, State.QUARANTINED, after=(0.0, 0), limit=MAX_REVIEWED)
        for one in page:
            self._check(one.path, now)

    def _check(self, path: str, now: float) -> None:
        reason = self._eligibility.why_left_out(path)
        if reason is not None:
            self._annotations.withdraw(path, reason, now=now)
            return
        facts = self._files.facts_at(self._root.path, path) if may_be_annotation(path) else None
        found = None if facts is None else self._annotations.why_if_readable(path, facts)
        if facts is not None and found is not None:
            self._annotations.leave(path, facts, found.reason, now=now)


def _key(path: str, facts: FileFacts) -> int:
    return hash((path, facts.size, facts.mtime_ns, facts.inode))
