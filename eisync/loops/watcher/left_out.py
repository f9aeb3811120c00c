"""Leave out files that are annotations of others by what is in them. In memory only; each version is read once.

`NotSamples` remembers these versions, so that no scan reads them again, and counts them for `eisync status`. `Review`
checks what is quarantined, where an annotation may be: from before there were rules for them, or because it came before
the file that it is about.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from eisync.core.labels.annotations import NotASample, may_be_annotation
from eisync.core.lifecycle import State
from eisync.core.model import FileFacts, shown
from eisync.errors import CONTENT_ERRORS, UnreachableError
from eisync.loops.ports import Log
from eisync.loops.watcher.context import Files, Outside, Stores, WatchedRoot
from eisync.store.descriptions import Descriptions
from eisync.store.index import Index

MOST_REMEMBERED = 200_000
"""Versions; each takes some 100 bytes. Of more, some are read at every scan."""
NOTE_EVERY_S = 1.0
REVIEW_EVERY_S = 10.0
MOST_REVIEWED = 500


class NotSamples:
    """The versions of one root's files that are no samples by what is in them."""

    def __init__(self, root_id: int, index: Index) -> None:
        self._root_id = root_id
        self._index = index
        self._reasons: dict[int, str] = {}
        self._met: set[int] = set()  # since the last scan began
        self._by_name: Mapping[str, int] | None = None  # what the last scan left out by name; None: there was none
        self._is_news = False
        self._noted_at = 0.0

    def add(self, path: str, facts: FileFacts, reason: str) -> None:
        """Remember that the file is no sample in this version."""
        key = _key(path, facts)
        if key not in self._reasons and len(self._reasons) < MOST_REMEMBERED:
            self._reasons[key] = reason
            self._is_news = True
        self._met.add(key)

    def holds(self, path: str, facts: FileFacts) -> bool:
        """Return whether the file is known to be no sample in this version."""
        if not self._reasons:
            return False  # in nearly every root
        key = _key(path, facts)
        if key not in self._reasons:
            return False
        self._met.add(key)
        return True

    def scan_began(self) -> None:
        """Note that a scan of the whole root begins."""
        self._met = set()

    def scanned(self, by_name: Mapping[str, int]) -> Counter[str]:
        """Note that it ended, and left out so many by their names. Returns how many are left out in all."""
        self._reasons = {key: reason for key, reason in self._reasons.items() if key in self._met}
        self._by_name = dict(by_name)
        self._is_news = False
        return self._counted()

    def next_at(self) -> float | None:
        """Return when there is something to write down (Unix s), or None."""
        return self._noted_at + NOTE_EVERY_S if self._is_news and self._by_name is not None else None

    def note(self, now: float, *, is_last: bool = False) -> None:
        """Write down how many there are, for a person, where that has changed since. `is_last`: nothing comes later."""
        is_due = is_last or not 0 <= now - self._noted_at < NOTE_EVERY_S
        if self._is_news and self._by_name is not None and is_due:
            self._index.note_left_out(self._root_id, self._counted())
            self._is_news, self._noted_at = False, now

    def _counted(self) -> Counter[str]:
        return Counter(self._reasons.values()) + Counter(self._by_name or {})


class Annotations:
    """Tells what files of one root are, and leaves those out that are no samples."""

    def __init__(
        self, watched: WatchedRoot, stores: Stores, outside: Outside, not_samples: NotSamples, log: Log
    ) -> None:
        self._root = watched.root
        self._annotation_of = outside.annotation_of
        self._outbox = stores.outbox
        self._paths = stores.paths
        self._not_samples = not_samples
        self._log = log

    def why(self, path: str, facts: FileFacts, head: bytes = b"") -> NotASample | None:
        """Say what the file is if it is no sample; `head` is how it begins, as far as that is known.

        Raises UnreachableError when no file can be opened at the moment.
        """
        if not may_be_annotation(path, head):
            return None
        return self._annotation_of(self._root.path, path, facts, self._is_known, head)

    def why_if_readable(self, path: str, facts: FileFacts) -> NotASample | None:
        """Say the same; None as well when the file cannot be read now."""
        try:
            return self.why(path, facts)
        except (UnreachableError, *CONTENT_ERRORS):
            return None

    def leave(self, path: str, facts: FileFacts, reason: str, *, now: float) -> None:
        """Leave the file out, which is no sample: it is not sent, and needs no action."""
        self._not_samples.add(path, facts, reason)
        self.withdraw(path, reason, now=now)

    def withdraw(self, path: str, reason: str, *, now: float) -> None:
        """Leave the file out. It is counted where its folder is scanned."""
        known = self._outbox.known_at(self._root.id, path)
        if known is not None:
            self._outbox.leave_out([known.id], f"left out: {reason}", now=now)
        self._log.debug("file.left_out", path=shown(path), reason=reason)

    def _is_known(self, paths: Sequence[str]) -> bool:
        """Return whether one of these is or was at the service: it may have been removed here since."""
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
    """Takes out of quarantine what is no sample by what is known now."""

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
        """Check soon, and not too often: a file came, or a scan ended."""
        if self._due_at is None:
            self._due_at = max(now, self._last_at + REVIEW_EVERY_S) if self._last_at <= now else now

    def next_at(self) -> float | None:
        """Return when there is something to do (Unix s), or None."""
        return self._due_at

    def step(self, now: float) -> None:
        """Check a bounded number of the quarantined files, if it is time."""
        if self._due_at is None or now < self._due_at <= now + REVIEW_EVERY_S:
            return
        self._due_at, self._last_at = None, now
        page = self._descriptions.in_state(self._root.id, State.QUARANTINED, after=(0.0, 0), limit=MOST_REVIEWED)
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
