"""Compare the contents of files with what was sent: those that were touched, restored, linked or remounted.

A million of them may come at once, after a restore or a snapshot by hard links. They are read behind everything else,
a bounded piece a tick, the first asked for first. Only so many wait in memory: of the others the folders are
remembered, and walked later.
"""

import hashlib
from dataclasses import dataclass
from enum import Enum

from eisync.core.model import FileFacts, KnownFile, shown
from eisync.errors import UnreachableError
from eisync.loops.ports import Log
from eisync.loops.watcher.context import Contents

HASHED_A_TICK = 4 * 1024 * 1024
FILE_COSTS_BYTES = 4 * 1024
"""What opening a file counts for, beside the bytes that are read."""

AGAIN_S = 1.0
MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class _Reading:
    facts: FileFacts
    digest: "hashlib._Hash | None" = None  # not before its turn comes: many may wait
    offset: int = 0


class ContentHashing:
    """The files of one root that are being read. A file that is read in pieces keeps what it has come to."""

    def __init__(self, root: str, contents: Contents, *, bytes_a_tick: int | None = None) -> None:
        self._bytes_a_tick = bytes_a_tick
        self._root = root
        self._contents = contents
        self._under_way: dict[str, _Reading] = {}
        self._found: dict[str, tuple[FileFacts, str | None]] = {}
        self._rests_until = 0.0

    def is_same(self, path: str, facts: FileFacts, sha256: str) -> bool | None:
        """Return whether this version of the file has this content; None: ask again when `go_on` names it."""
        found = self.hash_of(path, facts)
        return None if found is None else found == sha256

    def hash_of(self, path: str, facts: FileFacts) -> str | None:
        """Return the hash of this version of the file, empty when it cannot be read; None: ask again after `go_on`."""
        found = self._found.get(path)
        if found is not None and found[0].is_untouched_since(facts):
            return found[1] or ""
        before = self._under_way.get(path)
        if before is None or not before.facts.is_untouched_since(facts):
            self._under_way[path] = _Reading(facts)
        return None

    def __len__(self) -> int:
        """How many files wait to be read."""
        return len(self._under_way)

    def go_on(self, now: float) -> set[str]:
        """Read a bounded piece. Returns the files of which it is known now."""
        done: set[str] = set()
        left_bytes = self._bytes_a_tick or HASHED_A_TICK
        if now < self._rests_until <= now + AGAIN_S:
            return done
        while self._under_way and left_bytes > 0:
            path, reading = next(iter(self._under_way.items()))
            left_bytes -= FILE_COSTS_BYTES
            digest = reading.digest = reading.digest or hashlib.sha256()
            try:
                read = self._contents.hash_on(
                    digest.update, self._root, path, reading.facts, offset=reading.offset, most_bytes=left_bytes
                )
            except UnreachableError:
                self._rests_until = now + AGAIN_S
                break
            if read is not None:
                reading.offset += read
                left_bytes -= read
            if read is None or reading.offset >= reading.facts.size:
                del self._under_way[path]
                self._remember(path, reading.facts, None if read is None else digest.hexdigest())
                done.add(path)
        return done

    def forget(self, path: str) -> None:
        """Drop the question about the file. Safe to repeat."""
        self._under_way.pop(path, None)
        self._found.pop(path, None)

    def next_at(self) -> float | None:
        """Return when to go on (Unix s), or None when nothing is under way."""
        return self._rests_until if self._under_way else None

    def _remember(self, path: str, facts: FileFacts, sha256: str | None) -> None:
        """Remember the hash. Without one, it is another version by now or cannot be read: not what was sent, so far."""
        self._found[path] = (facts, sha256)
        if len(self._found) > MOST_REMEMBERED:
            del self._found[next(iter(self._found))]


BYTES_A_TICK = 1024 * 1024
"""Less than of what waits to be sent: new files come meanwhile."""
MOST_WAITING = 20_000
MOST_FOLDERS = 10_000
NOT_COMPARED = "it was touched since its upload, but cannot be read or is changing; eisync will check it again"


class ContentAnswer(Enum):
    """Whether a file holds what was sent."""

    SAME = "same"
    OTHER = "other"
    LATER = "later"  # it is not read yet
    UNREADABLE = "unreadable"  # it cannot be read at the moment


class ContentChecks:
    """The files of one root whose content is in doubt."""

    def __init__(self, root: str, contents: Contents, *, log: Log) -> None:
        self._comparing = ContentHashing(root, contents, bytes_a_tick=BYTES_A_TICK)
        self._log = log
        self._asked: dict[str, FileFacts] = {}
        self._unreadable: set[str] = set()  # as far as they are remembered
        self._left_out: dict[str, None] = {}  # folders, in the order in which they were met

    def ask(self, path: str, facts: FileFacts, known: KnownFile) -> ContentAnswer:
        """Say whether the file, with these facts, holds what was sent as `known`."""
        if path not in self._asked and len(self._asked) >= MOST_WAITING:
            # Of too many folders, all are walked at last.
            self._left_out[path.rpartition("/")[0] if len(self._left_out) < MOST_FOLDERS else ""] = None
            return ContentAnswer.LATER
        self._asked[path] = facts
        found = self._comparing.hash_of(path, facts)
        if found is None:
            return ContentAnswer.LATER
        del self._asked[path]
        self._comparing.forget(path)
        if not found:
            self._warn_unreadable(path)  # the next check of the file tries again
            return ContentAnswer.UNREADABLE
        self._unreadable.discard(path)
        return ContentAnswer.SAME if found == known.sha256 else ContentAnswer.OTHER

    def unreadable(self) -> list[str]:
        """List the files that could not be read for the comparison. Safe to ask from any thread."""
        return list(self._unreadable)

    def is_unreadable(self, path: str) -> bool:
        """Return whether the file could not be read for the comparison."""
        return path in self._unreadable

    def is_asked(self, path: str) -> bool:
        """Return whether the file waits for its answer."""
        return path in self._asked

    def forget(self, path: str) -> None:
        """Drop the question about the file, or have it read anew. Safe to repeat."""
        self._unreadable.discard(path)
        if self._asked.pop(path, None) is not None:
            self._comparing.forget(path)

    def take_left_out(self) -> str | None:
        """Take a folder with files that were left because too many waited, once there is room again. None: there is
        none, or no room."""
        if not self._left_out or len(self._asked) > MOST_WAITING // 2:
            return None
        folder = next(iter(self._left_out))
        del self._left_out[folder]
        return folder

    @property
    def is_idle(self) -> bool:
        """Whether no file waits, in memory or in a folder."""
        return not self._asked and not self._left_out

    def go_on(self, now: float) -> set[str]:
        """Read a bounded piece. Returns the files to ask for again."""
        return self._comparing.go_on(now) if self._asked else set()

    def next_at(self) -> float | None:
        """Return when to go on (Unix s), or None when nothing waits."""
        return self._comparing.next_at()

    def __len__(self) -> int:
        """How many files wait for an answer."""
        return len(self._asked)

    def _warn_unreadable(self, path: str) -> None:
        if path not in self._unreadable and len(self._unreadable) < MOST_WAITING:
            self._unreadable.add(path)
            self._log.warning("file.unverified", path=shown(path), reason=NOT_COMPARED)
