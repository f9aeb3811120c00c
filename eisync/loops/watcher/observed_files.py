"""Queue the files of a root that are checked next: those that events reported, and those that are not complete yet.

All of this is in memory only. A scan finds it again.
"""

import heapq
import math
from collections.abc import Iterable, Iterator

from eisync.core.completeness import ObservedFile


class DueQueue:
    """Paths and the instants (Unix s) at which to check them.

    A heap with one live entry for each file: the earliest requested instant. Otherwise a file that is written all day
    would leave an entry behind at every check.
    """

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []  # an entry whose instant is not in `_at` is stale

    def __len__(self) -> int:
        return len(self._at)

    def add(self, path: str, at: float) -> None:
        """Check `path` at `at`, or at an earlier instant that was requested already."""
        if at < self._at.get(path, math.inf):
            self._at[path] = at
            heapq.heappush(self._heap, (at, path))

    def next_at(self) -> float | None:
        """Return the earliest instant, or None when no path waits."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: float) -> Iterator[str]:
        """Yield the paths whose instants have come, the earliest first. Remove each when it is yielded."""
        heap, confirmed = self._heap, self._at
        while heap and heap[0][0] <= now:
            at, path = heapq.heappop(heap)
            if confirmed.get(path) == at:
                del confirmed[path]
                yield path


class ObservedFiles:
    """The files that are not complete yet, with the observations of each, and the time of its next check."""

    def __init__(self) -> None:
        self._files: dict[str, ObservedFile] = {}
        self._due = DueQueue()

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, path: object) -> bool:
        return path in self._files

    def paths(self) -> list[str]:
        """List the paths of all. Safe from any thread."""
        return list(self._files)

    def get(self, path: str) -> ObservedFile | None:
        """Return the observations of the file; None when it is not under observation."""
        return self._files.get(path)

    def keep(self, path: str, observed: ObservedFile) -> None:
        """Store the observations of the file."""
        self._files[path] = observed

    def drop(self, path: str) -> None:
        """End the observation of the file. Safe to repeat."""
        self._files.pop(path, None)

    def check_at(self, path: str, at: float) -> None:
        """Check the file at `at`, or at an earlier instant that was requested already."""
        self._due.add(path, at)

    def take_due(self, now: float) -> Iterator[str]:
        """Yield and remove the paths whose time has come."""
        return self._due.take_due(now)

    def next_at(self) -> float | None:
        """Return when the next one is due (Unix s), or None."""
        return self._due.next_at()


class ReportedFiles:
    """Files to check at once, with what events reported about them."""

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._closed: set[str] = set()  # those that their writer has closed
        self._from_events: set[str] = set()  # those whose facts may not show a change

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, path: str) -> bool:
        return path in self._paths

    def add(self, paths: Iterable[str]) -> None:
        """Check these files."""
        self._paths.update(paths)

    def report(self, paths: Iterable[str], *, closed: Iterable[str], has_weak_facts: bool) -> None:
        """Check these files, which events reported. `has_weak_facts`: their facts may not show a change."""
        reported = list(paths)
        self._paths.update(reported)
        self._closed.update(closed)
        if has_weak_facts:
            self._from_events.update(reported)

    def take(self, limit: int) -> Iterator[tuple[str, bool, bool]]:
        """Take at most `limit` paths, each with whether it was closed, and whether its facts may not show a change.

        Paths that are added while the caller iterates may be among them.
        """
        for _ in range(min(len(self._paths), limit)):
            path = self._paths.pop()
            is_closed, is_from_event = path in self._closed, path in self._from_events
            self._closed.discard(path)
            self._from_events.discard(path)
            yield path, is_closed, is_from_event
