"""Recognise a known file that has a new name, or that is what it was again, so that it is not sent a second time.

Under a new name: a file with the same inode, size and mtime that is missing at its old path is the same file. It keeps
its samples and its history. If the old path exists too, these are two hard links, which count as two files. The
exception is a file that was touched a moment ago: one that is renamed again and again can be found at any of its names.

An mtime of whole seconds proves little: archives and copy tools set it, and an inode number is reused at once. Then the
content is compared with what was sent. It is also compared if the old path has a file of the same size and mtime, as
many files can get theirs in one tick of the clock, and on file systems with made-up inodes. A rename changes ctime, so
ctime proves nothing here: the content is compared after the file was followed (`eisync.loops.watcher.content_check`).

At its own path: a file that eisync removed after its upload may be put back as a copy, with another inode and often
another mtime. A sent file that changed may turn out to be the same once it is complete: a restore overwrites a file
with the content that it had before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from eisync.core.known_content import Trust
from eisync.core.labels.description import Description
from eisync.core.lifecycle import State
from eisync.core.model import FileFacts, KnownFile, Rename, shown, value
from eisync.loops.ports import Log
from eisync.loops.watcher.content_check import ContentHashing
from eisync.loops.watcher.context import Outside, WatchedRoot
from eisync.loops.watcher.observed_files import DueQueue
from eisync.store.outbox import Outbox
from eisync.store.path_index import PathIndex

BYTES_PER_TICK = 32 * 1024 * 1024
AGAIN_S = 0.1


class RestoredFiles:
    """Files of one root that may be restored to what was sent, at their own paths."""

    def __init__(
        self,
        root: str,
        outbox: Outbox,
        is_same: Callable[[str, str, FileFacts, str], bool],
        *,
        log: Log,
    ) -> None:
        """`is_same` returns whether the file at (root, path) has these facts and this content hash."""
        self._root = root
        self._outbox = outbox
        self._is_same = is_same
        self._log = log
        self._expected: dict[str, KnownFile] = {}

    def expect(self, path: str, known: KnownFile) -> None:
        """Compare the file at this path once it is complete. The `known` file there was removed or changed."""
        self._expected[path] = known

    def recognise(self, complete: Mapping[str, FileFacts], *, now: float) -> tuple[set[str], Sequence[str]]:
        """Return the complete files that equal what was sent, and those to ask for again in the next tick."""
        same: set[str] = set()
        later: list[str] = []
        left_bytes = BYTES_PER_TICK
        for path in [path for path in complete if path in self._expected] if self._expected else ():
            if left_bytes <= 0:
                later.append(path)
                continue
            known, facts = self._expected.pop(path), complete[path]
            sha256 = known.taken_sha256 or known.sha256
            if sha256 is None or known.facts.size != facts.size:
                continue
            left_bytes -= facts.size
            is_it = self._is_same(self._root, path, facts, sha256)
            is_taken = known.taken_sha256 is not None
            mark = self._outbox.mark_returned if is_taken else self._outbox.mark_unchanged
            if is_it and mark(known.id, facts, sha256, now=now):
                same.add(path)
                self._log.info("file.returned" if is_taken else "file.unchanged", path=shown(path))
        return same, later


UNDER_WAY = frozenset({State.SENDING, State.DOUBTFUL})

UNDER_WAY_S = 5.0
"""Time until the next check of a file that is being sent under its old name."""

MOVING_S = 1.0
"""A file that was touched less than this ago may have been renamed between two checks."""

_SECOND_NS = 1_000_000_000


@value
class Waiting:
    """A file that may be a known one under a new name, and why this is not decided yet."""

    facts: FileFacts
    twin_id: int
    before: str
    reason: str


class RenameDetector:
    """Follows renamed files of one root."""

    def __init__(
        self,
        watched: WatchedRoot,
        describe: Callable[[str, float], Description],
        paths: PathIndex,
        outside: Outside,
        trust: Trust,
        log: Log,
    ) -> None:
        """`describe` returns the description (label, category, ...) of the file at a path."""
        self._root = watched.root
        self._updates = watched.updates_renamed
        self._describe = describe
        self._paths = paths
        self._files = outside.files
        self._trust = trust
        self._log = log
        self._comparing = ContentHashing(watched.root.path, outside.contents)
        self._is_proven = False  # whether the content proved that the last file was a known one
        self._due_queue = DueQueue()
        self._waiting: dict[str, Waiting] = {}
        self._left: list[str] = []  # old paths of files that were followed: nothing waits for them any more
        self._vacated: set[str] = set()  # old paths of followed files, for the files that have them now: to check

    @property
    def waiting(self) -> Mapping[str, Waiting]:
        """Return the files that may be known ones under a new name, which is not decided yet, by path."""
        return self._waiting

    def is_waiting(self, path: str) -> bool:
        """Return whether the file may be a known one, which is not decided yet."""
        return path in self._waiting

    def forget(self, path: str) -> None:
        """Record that the file is missing. Safe to repeat."""
        self._waiting.pop(path, None)

    def recognise(self, path: str, facts: FileFacts, known: KnownFile | None, *, now: float) -> KnownFile | None:
        """Return the known file that now has the name `path`, after following it; `known` if it was not renamed.

        Conclude nothing about a path that is among those `waiting` afterwards.
        """
        self._waiting.pop(path, None)
        if (known is not None and known.facts == facts and known.state is not State.GONE) or not facts.inode:
            self._comparing.forget(path)
            return known
        for old_path, twin in self._paths.twins(self._root.id, facts).items():
            device = self._files.device_of(self._root.path, path)
            if old_path == path or device not in (None, self._files.device_of(self._root.path)):
                continue  # another disk has its own inode numbers
            there = self._files.facts_at(self._root.path, old_path)
            if there == facts and abs(now - there.touched_at) >= MOVING_S:
                continue  # two links
            if there == facts or device is None:
                self._wait(path, facts, old_path, twin, "it is being renamed; it was", now + MOVING_S)
                return twin
            is_same = self._is_same(path, facts, old_path, twin, there, now)
            if is_same:
                self._follow(path, facts, old_path, twin, known, now)
            if is_same is not False:
                return twin
        return known

    def take_due(self, now: float) -> set[str]:
        """Take the waiting files whose time has come, and their possible old names, each once.

        Read a bounded piece of the contents to compare.
        """
        due = self._comparing.hash_some(now)
        due.update(self._due_queue.take_due(now))
        waited = {path: waiting for path in due if (waiting := self._waiting.pop(path, None)) is not None}
        return {*waited, *(waiting.before for waiting in waited.values())}

    def possibly_renamed(self) -> set[int]:
        """Return the ids of known files that a waiting file may be. They do not count as missing yet."""
        return {waiting.twin_id for waiting in self._waiting.values()}

    def next_at(self) -> float | None:
        """Return when to call `take_due` (Unix s); None when no file waits."""
        instants = [at for at in (self._comparing.next_at(), self._due_queue.next_at()) if at is not None]
        return min(instants, default=None)

    def take_left(self) -> list[str]:
        """Take the old paths of files that were followed, each once."""
        left, self._left = self._left, []
        return left

    def take_vacated(self) -> set[str]:
        """Take the old paths of followed files that another file has now, or had, each once."""
        vacated, self._vacated = self._vacated, set()
        return vacated

    def _is_same(
        self, path: str, facts: FileFacts, old_path: str, twin: KnownFile, there: FileFacts | None, now: float
    ) -> bool | None:
        """Return whether the file is the known one; None: not decided yet, and the file waits."""
        if twin.state in UNDER_WAY:
            self._wait(path, facts, old_path, twin, "renamed; it is being sent as", now + UNDER_WAY_S)
            return None
        is_alike = there is not None and (there.size, there.mtime_ns) == (facts.size, facts.mtime_ns)
        is_made_up = self._trust.is_weak or self._trust.ignores_inodes
        self._is_proven = False
        if facts.mtime_ns % _SECOND_NS and not is_alike and not is_made_up:
            return True
        if twin.sha256 is None:
            return False
        is_same = self._comparing.is_same(path, self._trust.strict(facts), twin.sha256)
        if is_same is None:
            self._wait(path, facts, old_path, twin, "its content is being compared with what was sent as")
        self._is_proven = bool(is_same)
        return is_same

    def _follow(
        self, path: str, facts: FileFacts, old_path: str, twin: KnownFile, known: KnownFile | None, now: float
    ) -> None:
        self._comparing.forget(path)
        moves = [replace(self._move(twin.id, path, facts, now), is_proven=self._is_proven)]
        there = self._files.facts_at(self._root.path, old_path)
        is_replaced = known is not None and known.id != twin.id
        if is_replaced or there is not None:
            # Another file has the old name by now. Its events were taken for those of this one, if they came before.
            self._vacated.add(old_path)
        if known is not None and is_replaced and there is not None and there == known.facts:
            moves.append(self._move(known.id, old_path, there, now, before=path))  # two files swapped their names
        self._paths.follow(moves, now=now)
        self._left.append(old_path)
        self._log.info("file.renamed", path=shown(path), before=shown(old_path))

    def _move(self, identity: int, path: str, facts: FileFacts, now: float, *, before: str | None = None) -> Rename:
        description = self._describe(path, now)
        return Rename(
            id=identity,
            path=path,
            label=description.label,
            category=description.category,
            updates=self._updates,
            before=before,
            ctime_ns=self._trust.strict(facts).ctime_ns,
            sent_as=description.name,
            remarks=description.remarks,
        )

    def _wait(
        self, path: str, facts: FileFacts, before: str, twin: KnownFile, why: str, until: float | None = None
    ) -> None:
        self._waiting[path] = Waiting(facts, twin.id, before, f"{why} {shown(before)}")
        if until is not None:
            self._due_queue.add(path, until)
