"""What is left out by what is in it: annotations of other files. In memory only; each version is looked into once.

`Unread` remembers which versions of one root are such, so that no scan looks into them again, and counts them for
`eisync status`. `Review` looks through what is quarantined, where an annotation may be: from before there were rules
for them, or because it came before the file that it is about.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from eisync.core.ignore import IgnoreRules
from eisync.core.labels.annotations import NotASample, may_be_one
from eisync.core.lifecycle import State
from eisync.core.model import FileFacts, shown
from eisync.errors import CONTENT_ERRORS, UnreachableError
from eisync.loops.ports import Annotating, Files, Intake, Log, Places, RootNotes, WaitingFiles

MOST_REMEMBERED = 200_000
"""Versions; each takes some 100 bytes. Of more, some are looked into at every scan."""
NOTE_EVERY_S = 1.0
REVIEW_EVERY_S = 10.0
MOST_REVIEWED = 500


class Unread:
    """The versions of one root's files that are no samples by what is in them."""

    def __init__(self, root_id: int, notes: RootNotes) -> None:
        self._root_id = root_id
        self._notes = notes
        self._reasons: dict[int, str] = {}
        self._met: set[int] = set()  # since the last scan began
        self._by_name: Mapping[str, int] | None = None  # what the last scan left out by name; None: there was none
        self._is_news = False
        self._noted_at = 0.0

    def add(self, path: str, facts: FileFacts, reason: str) -> None:
        """The file is no sample in this version."""
        key = _key(path, facts)
        if key not in self._reasons and len(self._reasons) < MOST_REMEMBERED:
            self._reasons[key] = reason
            self._is_news = True
        self._met.add(key)

    def holds(self, path: str, facts: FileFacts) -> bool:
        """Whether the file is known to be no sample in this version."""
        if not self._reasons:
            return False  # in nearly every root
        key = _key(path, facts)
        if key not in self._reasons:
            return False
        self._met.add(key)
        return True

    def scan_began(self) -> None:
        """A scan of the whole root begins."""
        self._met = set()

    def scanned(self, by_name: Mapping[str, int]) -> Counter[str]:
        """A scan of the whole root ended, and left out so many by their names. Returns how many are left out in all."""
        self._reasons = {key: reason for key, reason in self._reasons.items() if key in self._met}
        self._by_name = dict(by_name)
        self._is_news = False
        return self._counted()

    def next_at(self) -> float | None:
        """When there is something to write down (Unix s)."""
        return self._noted_at + NOTE_EVERY_S if self._is_news and self._by_name is not None else None

    def note(self, now: float, *, is_last: bool = False) -> None:
        """Write down how many there are, for a person, where that has changed since. `is_last`: nothing comes later."""
        is_due = is_last or not 0 <= now - self._noted_at < NOTE_EVERY_S
        if self._is_news and self._by_name is not None and is_due:
            self._notes.note_left_out(self._root_id, self._counted())
            self._is_news, self._noted_at = False, now

    def _counted(self) -> Counter[str]:
        return Counter(self._reasons.values()) + Counter(self._by_name or {})


class Annotations:
    """Tells what files of one root are, and leaves those out that are no samples."""

    def __init__(
        self,
        root: tuple[int, str],
        annotating: Annotating,
        *,
        intake: Intake,
        places: Places,
        unread: Unread,
        log: Log,
    ) -> None:
        self._root_id, self._root = root
        self._annotating = annotating
        self._intake = intake
        self._places = places
        self._unread = unread
        self._log = log

    def why(self, path: str, facts: FileFacts, head: bytes = b"") -> NotASample | None:
        """What the file is if it is no sample; `head` is how it begins, as far as that is known.

        Raises UnreachableError when no file can be opened at the moment.
        """
        return self._annotating(self._root, path, facts, self._is_known, head) if may_be_one(path, head) else None

    def why_if_told(self, path: str, facts: FileFacts) -> NotASample | None:
        """The same; None as well when nobody can tell now."""
        try:
            return self.why(path, facts)
        except (UnreachableError, *CONTENT_ERRORS):
            return None

    def leave(self, path: str, facts: FileFacts, reason: str, *, now: float) -> None:
        """The file is no sample: it is not to be sent, and nobody has to act on it."""
        self._unread.add(path, facts, reason)
        self.withdraw(path, reason, now=now)

    def withdraw(self, path: str, reason: str, *, now: float) -> None:
        """The file is left out, and counted where its folder is scanned."""
        known = self._intake.known_at(self._root_id, path)
        if known is not None:
            self._intake.leave_out([known.id], f"left out: {reason}", now=now)
        self._log.debug("file.left_out", path=shown(path), reason=reason)

    def _is_known(self, paths: Sequence[str]) -> bool:
        """Whether one of these was a file that is or was at the service: it may have been taken away since."""
        by_folder: dict[str, list[str]] = {}
        for path in paths:
            folder, _, name = path.rpartition("/")
            by_folder.setdefault(folder, []).append(name)
        return any(
            known.state in (State.SYNCED, State.TOMBSTONE)
            for folder, names in by_folder.items()
            for known in self._places.known(self._root_id, folder, names).values()
        )


class Review:
    """Takes out of quarantine what is no sample by what is known now."""

    def __init__(
        self,
        root: tuple[int, str],
        eligibility: IgnoreRules,
        waiting: WaitingFiles,
        *,
        files: Files,
        annotations: Annotations,
    ) -> None:
        """`root` is its id and its path."""
        self._root_id, self._root = root
        self._eligibility = eligibility
        self._waiting = waiting
        self._files = files
        self._annotations = annotations
        self._due_at: float | None = None
        self._last_at = float("-inf")

    def ask(self, now: float) -> None:
        """Something came, or a scan ended: look soon, and not too often."""
        if self._due_at is None:
            self._due_at = max(now, self._last_at + REVIEW_EVERY_S) if self._last_at <= now else now

    def next_at(self) -> float | None:
        """When there is something to do (Unix s)."""
        return self._due_at

    def step(self, now: float) -> None:
        """Look at the files whose time has come, at a bounded number of them."""
        if self._due_at is None or now < self._due_at <= now + REVIEW_EVERY_S:
            return
        self._due_at, self._last_at = None, now
        page = self._waiting.in_state(self._root_id, State.QUARANTINED, after=(0.0, 0), limit=MOST_REVIEWED)
        for one in page:
            self._look(one.path, now)

    def _look(self, path: str, now: float) -> None:
        reason = self._eligibility.why_left_out(path)
        if reason is not None:
            self._annotations.withdraw(path, reason, now=now)
            return
        facts = self._files.look(self._root, path) if may_be_one(path) else None
        found = None if facts is None else self._annotations.why_if_told(path, facts)
        if facts is not None and found is not None:
            self._annotations.leave(path, facts, found.reason, now=now)


def _key(path: str, facts: FileFacts) -> int:
    return hash((path, facts.size, facts.mtime_ns, facts.inode))
