"""Recognise a known file that is found elsewhere, or is again what it was, so that it is not sent a second time.

Under another name: what has the same inode, size and mtime, and is not where it was, is the same file. It keeps its
samples and its history. Where it still is at its old place too, there are two (hard) links, and two files; unless it
was touched a moment ago: a file that is renamed again and again is found at any of its names.

An mtime of whole seconds proves little: archives and copies set it, and an inode is given away again at once. The
content of such a file is compared with what was sent. So is that of a file whose old place has one of the same size and
time, for many files get theirs in one tick of the clock, and that of any where inodes are made up. A rename moves
ctime, so that says nothing here: the content is compared after the file was followed
(`eisync.loops.watcher.content_check`).

In its place: a file that eisync removed after its upload may be put back as a copy, with another inode and often
another time. A file at the service that changed may be, once it is still, what it was: a restore writes over a file
what was in it before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from eisync.core.known_content import Trust
from eisync.core.labels.description import Description
from eisync.core.lifecycle import State
from eisync.core.model import FileFacts, KnownFile, Rename, shown
from eisync.loops.ports import Log
from eisync.loops.watcher.content_check import ContentHashing
from eisync.loops.watcher.context import Outside, WatchedRoot
from eisync.loops.watcher.observed_files import DueQueue
from eisync.store.outbox import Outbox
from eisync.store.path_index import PathIndex

BYTES_A_TICK = 32 * 1024 * 1024
AGAIN_S = 0.1


class RestoredFiles:
    """Files of one root that may be, at their places, what was sent."""

    def __init__(
        self,
        root: str,
        outbox: Outbox,
        is_same: Callable[[str, str, FileFacts, str], bool],
        *,
        log: Log,
    ) -> None:
        """`is_same` tells whether the file at (root, path) has these facts and this content hash."""
        self._root = root
        self._outbox = outbox
        self._is_same = is_same
        self._log = log
        self._expected: dict[str, KnownFile] = {}

    def expect(self, path: str, known: KnownFile) -> None:
        """Compare what is in the place of this file, which was removed or changed, when it is complete."""
        self._expected[path] = known

    def recognise(self, complete: Mapping[str, FileFacts], *, now: float) -> tuple[set[str], Sequence[str]]:
        """Return those of the complete files that are as they were sent, and those to ask for again soon."""
        same: set[str] = set()
        later: list[str] = []
        left_bytes = BYTES_A_TICK
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
"""A file that is being sent under its old name is checked again after so long."""

MOVING_S = 1.0
"""A file that was touched so shortly before may have been renamed between two checks."""

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that may be a known one, and why that is not decided yet."""

    facts: FileFacts
    twin_id: int
    before: str
    reason: str


class RenameDetector:
    """Follows the files of one root."""

    def __init__(
        self,
        watched: WatchedRoot,
        describe: Callable[[str, float], Description],
        paths: PathIndex,
        outside: Outside,
        trust: Trust,
        log: Log,
    ) -> None:
        """`describe` says how the file at a path is to be sent."""
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
        self._left: list[str] = []  # names of files that were followed: they are not waited for any more
        self._vacated: set[str] = set()  # names that files have left to others which were known: to be checked now

    @property
    def waiting(self) -> Mapping[str, Waiting]:
        """Files that may be known ones, which is not decided yet: to be checked again, later."""
        return self._waiting

    def is_waiting(self, path: str) -> bool:
        """Return whether it is not decided yet whether the file is a known one."""
        return path in self._waiting

    def forget(self, path: str) -> None:
        """Note that the file went. Safe to repeat."""
        self._waiting.pop(path, None)

    def recognise(self, path: str, facts: FileFacts, known: KnownFile | None, *, now: float) -> KnownFile | None:
        """Return what is known of the file at `path`, which was followed there; `known` when it is no renamed one.

        Conclude nothing about a path that is among those `waiting` afterwards.
        """
        self._waiting.pop(path, None)
        if (known is not None and known.facts == facts and known.state is not State.GONE) or not facts.inode:
            self._comparing.forget(path)
            return known
        for old_path, twin in self._paths.twins(self._root.id, facts).items():
            device = self._files.device_of(self._root.path, path)
            if old_path == path or device not in (None, self._files.device_of(self._root.path)):
                continue  # on another disk, inodes are counted anew
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
        """Take those of the waiting whose time has come, and what they may have been called, each once.

        Reads a bounded piece of what is to be compared.
        """
        due = self._comparing.go_on(now)
        due.update(self._due_queue.take_due(now))
        waited = {path: waiting for path in due if (waiting := self._waiting.pop(path, None)) is not None}
        return {*waited, *(waiting.before for waiting in waited.values())}

    def may_be_there(self) -> set[int]:
        """Return known files that may be among the waiting: nothing says yet that they went."""
        return {waiting.twin_id for waiting in self._waiting.values()}

    def next_at(self) -> float | None:
        """Return when `take_due` has something to do (Unix s); None when nothing waits."""
        instants = [at for at in (self._comparing.next_at(), self._due_queue.next_at()) if at is not None]
        return min(instants, default=None)

    def take_left(self) -> list[str]:
        """Take the names of files that were followed, each once."""
        left, self._left = self._left, []
        return left

    def take_vacated(self) -> set[str]:
        """Take the names that were left to others, each once."""
        vacated, self._vacated = self._vacated, set()
        return vacated

    def _is_same(
        self, path: str, facts: FileFacts, old_path: str, twin: KnownFile, there: FileFacts | None, now: float
    ) -> bool | None:
        """Return whether the file is the known one; None: it waits for that."""
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
        if known is not None and known.id != twin.id:
            self._vacated.add(old_path)
            there = self._files.facts_at(self._root.path, old_path)
            if there is not None and there == known.facts:
                moves.append(self._move(known.id, old_path, there, now, before=path))  # the two swapped their names
        self._paths.follow(moves, now=now)
        self._left.append(old_path)
        self._log.info("file.renamed", path=shown(path), before=shown(old_path))

    def _move(self, identity: int, path: str, facts: FileFacts, now: float, *, before: str | None = None) -> Rename:
        said = self._describe(path, now)
        return Rename(
            id=identity,
            path=path,
            label=said.label,
            category=said.category,
            updates=self._updates,
            before=before,
            ctime_ns=self._trust.strict(facts).ctime_ns,
            sent_as=said.name,
            remarks=said.remarks,
        )

    def _wait(
        self, path: str, facts: FileFacts, before: str, twin: KnownFile, why: str, until: float | None = None
    ) -> None:
        self._waiting[path] = Waiting(facts, twin.id, before, f"{why} {shown(before)}")
        if until is not None:
            self._due_queue.add(path, until)
