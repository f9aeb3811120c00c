"""Know a file again by its content when it is complete: it is not sent a second time.

One that we took away after its upload may be put back as a copy: its inode, and often its time, are new. One that was
at the service and changed may be, once it is still, what it was: a restore writes over a file what was in it before.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from eisync.core.model import FileFacts, shown
from eisync.loops.ports import KnownFile, Log

BYTES_A_TICK = 32 * 1024 * 1024
AGAIN_S = 0.1


class RestoredPlaces(Protocol):
    """Where it is written down that a file is there again."""

    def mark_returned(self, identity: int, facts: FileFacts, sha256: str, *, now: float) -> bool: ...
    def mark_unchanged(self, identity: int, facts: FileFacts, sha256: str, *, now: float) -> bool: ...


class RestoredFiles:
    """Files of one root at whose places something is complete that may be what was sent."""

    def __init__(
        self,
        root: str,
        places: RestoredPlaces,
        is_same: Callable[[str, str, FileFacts, str], bool],
        *,
        log: Log,
    ) -> None:
        """`is_same` tells whether the file at (root, path) has these facts and this content hash."""
        self._root = root
        self._places = places
        self._is_same = is_same
        self._log = log
        self._expected: dict[str, KnownFile] = {}

    def expect(self, path: str, known: KnownFile) -> None:
        """This file was taken away or changed, and something is in its place: looked at when complete."""
        self._expected[path] = known

    def recognise(self, complete: Mapping[str, FileFacts], *, now: float) -> tuple[set[str], Sequence[str]]:
        """Those of the complete files that are as they were sent; and those to be asked for again soon."""
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
            mark = self._places.mark_returned if is_taken else self._places.mark_unchanged
            if is_it and mark(known.id, facts, sha256, now=now):
                same.add(path)
                self._log.info("file.returned" if is_taken else "file.unchanged", path=shown(path))
        return same, later
