"""Know a file again that we took away after its upload, when a copy of it is put back: it is not sent a second time.

Its inode, and often its time, are new; its content is not. It is looked at when it is complete, a few at once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from eisync.core.items import FileFacts, shown
from eisync.loops.ports import KnownFile, Log

BYTES_A_TICK = 32 * 1024 * 1024
AGAIN_S = 0.1


class Places(Protocol):
    """Where it is written down that a file is there again."""

    def mark_returned(self, identity: int, facts: FileFacts, sha256: str, *, now: float) -> bool: ...


class Returns:
    """Files of one root that were taken away, and at whose places something is again."""

    def __init__(
        self,
        root: str,
        places: Places,
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
        """Something is at the place of this file, which we took away. It is looked at once it is complete."""
        self._expected[path] = known

    def recognise(self, complete: Mapping[str, FileFacts], *, now: float) -> tuple[set[str], Sequence[str]]:
        """Those of the complete files that are as they were taken away; and those to be asked for again soon."""
        same: set[str] = set()
        later: list[str] = []
        left_bytes = BYTES_A_TICK
        for path in [path for path in complete if path in self._expected] if self._expected else ():
            if left_bytes <= 0:
                later.append(path)
                continue
            known, facts = self._expected.pop(path), complete[path]
            sha256 = known.taken_sha256
            if sha256 is None or known.facts.size != facts.size:
                continue
            left_bytes -= facts.size
            is_it = self._is_same(self._root, path, facts, sha256)
            if is_it and self._places.mark_returned(known.id, facts, sha256, now=now):
                same.add(path)
                self._log.info("file.returned", path=shown(path))
        return same, later
