"""Compare the content of files with what was sent: files that were touched, restored, linked or remounted.

There may be a million of them at once, after a restore or a snapshot with hard links. They have the lowest priority.
One tick reads a bounded piece, in the order of the requests. Only MAX_WAITING files wait in memory. For the others only
the folders are stored, and are walked later.
"""

import hashlib
from dataclasses import dataclass
from enum import Enum

from eisync.core.model import FileFacts, KnownFile, shown
from eisync.errors import UnreachableError
from eisync.loops.ports import Log
from eisync.loops.watcher.context import Contents

HASHED_PER_TICK = 4 * 1024 * 1024
FILE_COSTS_BYTES = 4 * 1024
"""What opening a file counts, in addition to the bytes that are read."""

AGAIN_S = 1.0
MAX_REMEMBERED = 10_000


@dataclass(slots=True)
class _Reading:
    facts: FileFacts
    digest: "hashlib._Hash | None" = None  # created when its turn comes, to save memory: many may wait
    offset: int = 0


class ContentHashing:
    """Hashes files of one root, piece by piece. A file keeps its progress between ticks."""

    def __init__(self, root: str, contents: Contents, *, bytes_per_tick: int | None = None) -> None:
        self._bytes_per_tick = bytes_per_tick
        self._root = root
        self._contents = contents
        self._under_way: dict[str, _Reading] = {}
        self._found: dict[str, tuple[FileFacts, str | None]] = {}
        self._paused_until = 0.0

    def is_same(self, path: str, facts: FileFacts, sha256: str) -> bool | None:
        """Return whether this version of the file has this content; None: ask again once `hash_some` returns it."""
        found = self.hash_of(path, facts)
        return None if found is None else found == sha256

    def hash_of(self, path: str, facts: FileFacts) -> str | None:
        """Return the hash of this version of the file; empty if it cannot be read; None: ask again later.

        None means that the file now waits. `hash_some` returns its path once the hash is known.
        """
        found = self._found.get(path)
        if found is not None and found[0].is_untouched_since(facts):
            return found[1] or ""
        before = self._under_way.get(path)
        if before is None or not before.facts.is_untouched_since(facts):
            self._under_way[path] = _Reading(facts)
        return None

    def __len__(self) -> int:
        """Return how many files wait to be read."""
        return len(self._under_way)

    def hash_some(self, now: float) -> set[str]:
        """Read a bounded piece. Return the files whose hash is known now."""
        done: set[str] = set()
        left_bytes = self._bytes_per_tick or HASHED_PER_TICK
        if now < self._paused_until <= now + AGAIN_S:
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
                self._paused_until = now + AGAIN_S
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
        """Drop the request and the hash of the file. Safe to repeat."""
        self._under_way.pop(path, None)
        self._found.pop(path, None)

    def next_at(self) -> float | None:
        """Return when to continue (Unix s), or None when no file waits."""
        return self._paused_until if self._under_way else None

    def _remember(self, path: str, facts: FileFacts, sha256: str | None) -> None:
        """Keep the hash. None: the file cannot be read or is another version, so it does not count as what was sent."""
        self._found[path] = (facts, sha256)
        if len(self._found) > MAX_REMEMBERED:
            del self._found[next(iter(self._found))]


BYTES_PER_TICK = 1024 * 1024
"""Less than for files that wait to be sent: new files arrive meanwhile."""
MAX_WAITING = 20_000
MAX_FOLDERS = 10_000
NOT_COMPARED = "it was touched since its upload, but cannot be read or is changing; eisync will check it again"


class ContentAnswer(Enum):
    """Whether a file has the content that was sent."""

    SAME = "same"
    OTHER = "other"
    LATER = "later"  # it is not read yet
    UNREADABLE = "unreadable"  # it cannot be read now


class ContentChecks:
    """The files of one root whose content is in doubt."""

    def __init__(self, root: str, contents: Contents, *, log: Log) -> None:
        self._comparing = ContentHashing(root, contents, bytes_per_tick=BYTES_PER_TICK)
        self._log = log
        self._asked: dict[str, FileFacts] = {}
        self._unreadable: set[str] = set()  # at most MAX_WAITING of them
        self._left_out: dict[str, None] = {}  # folders with files that did not fit, the oldest first

    def ask(self, path: str, facts: FileFacts, known: KnownFile) -> ContentAnswer:
        """Return whether the file, with these facts, has the content that was sent as `known`."""
        if path not in self._asked and len(self._asked) >= MAX_WAITING:
            # Beyond MAX_FOLDERS folders, walk the whole root instead ("").
            self._left_out[path.rpartition("/")[0] if len(self._left_out) < MAX_FOLDERS else ""] = None
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
        """Drop the request for the file. If it is requested again, it is read again. Safe to repeat."""
        self._unreadable.discard(path)
        if self._asked.pop(path, None) is not None:
            self._comparing.forget(path)

    def take_left_out(self) -> str | None:
        """Take a folder with files that did not fit, once there is room again. None: there is none, or no room."""
        if not self._left_out or len(self._asked) > MAX_WAITING // 2:
            return None
        folder = next(iter(self._left_out))
        del self._left_out[folder]
        return folder

    @property
    def is_idle(self) -> bool:
        """Return whether no file waits, in memory or in a folder."""
        return not self._asked and not self._left_out

    def hash_some(self, now: float) -> set[str]:
        """Read a bounded piece. Return the files to ask for again."""
        return self._comparing.hash_some(now) if self._asked else set()

    def next_at(self) -> float | None:
        """Return when to continue (Unix s), or None when no file waits."""
        return self._comparing.next_at()

    def __len__(self) -> int:
        """Return how many files wait for an answer."""
        return len(self._asked)

    def _warn_unreadable(self, path: str) -> None:
        if path not in self._unreadable and len(self._unreadable) < MAX_WAITING:
            self._unreadable.add(path)
            self._log.warning("file.unverified", path=shown(path), reason=NOT_COMPARED)
