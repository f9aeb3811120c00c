"""Whether files hold what was sent, found out by their contents: a bounded piece a tick, the first asked for first."""

import hashlib
from dataclasses import dataclass

from eisync.core.model import FileFacts
from eisync.errors import UnreachableError
from eisync.loops.ports import Contents, Digest

BYTES_A_TICK = 4 * 1024 * 1024
FILE_COSTS_BYTES = 4 * 1024
"""What opening a file counts for, beside the bytes that are read."""

AGAIN_S = 1.0
MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class _Reading:
    facts: FileFacts
    digest: Digest | None = None  # not before its turn comes: many may wait
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
        """Whether this version of the file has this content; None: ask again when `go_on` names it."""
        found = self.hash_of(path, facts)
        return None if found is None else found == sha256

    def hash_of(self, path: str, facts: FileFacts) -> str | None:
        """The hash of this version of the file; empty when it cannot be told. None: ask again when `go_on` names it."""
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
        told: set[str] = set()
        left_bytes = self._bytes_a_tick or BYTES_A_TICK
        if now < self._rests_until <= now + AGAIN_S:
            return told
        while self._under_way and left_bytes > 0:
            path, reading = next(iter(self._under_way.items()))
            left_bytes -= FILE_COSTS_BYTES
            digest = reading.digest = reading.digest or hashlib.sha256()
            try:
                read = self._contents.hash_on(
                    digest, self._root, path, reading.facts, offset=reading.offset, most_bytes=left_bytes
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
                told.add(path)
        return told

    def forget(self, path: str) -> None:
        """Nobody wants to know any more."""
        self._under_way.pop(path, None)
        self._found.pop(path, None)

    def next_at(self) -> float | None:
        """When to go on (Unix s), or None when nothing is under way."""
        return self._rests_until if self._under_way else None

    def _remember(self, path: str, facts: FileFacts, sha256: str | None) -> None:
        """Without a hash, it is another version by now or cannot be read: not what was sent, as far as we know."""
        self._found[path] = (facts, sha256)
        if len(self._found) > MOST_REMEMBERED:
            del self._found[next(iter(self._found))]
