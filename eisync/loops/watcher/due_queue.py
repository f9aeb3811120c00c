"""When to look at which file again.

A heap with one live entry a file: the earliest instant that was asked for. Without that, a file which is written all
day would leave an entry behind at every look.
"""

import heapq
import math
from collections.abc import Iterator


class DueQueue:
    """Paths and the instants (Unix s) at which somebody wants to look at them."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []  # an entry that `_at` does not confirm is stale

    def __len__(self) -> int:
        return len(self._at)

    def add(self, path: str, at: float) -> None:
        """Look at `path` at `at`, or before, when that was asked for already."""
        if at < self._at.get(path, math.inf):
            self._at[path] = at
            heapq.heappush(self._heap, (at, path))

    def next_at(self) -> float | None:
        """The earliest instant, or None when nothing is to be looked at."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: float) -> Iterator[str]:
        """The paths whose instants have come, the earliest first; each is off the agenda when it is handed out."""
        heap, confirmed = self._heap, self._at
        while heap and heap[0][0] <= now:
            at, path = heapq.heappop(heap)
            if confirmed.get(path) == at:
                del confirmed[path]
                yield path
