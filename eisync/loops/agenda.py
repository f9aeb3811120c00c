"""When to look at which file again.

A heap with one live entry a file: the earliest instant that was asked for. Without that, a file which is written all
day would leave an entry behind at every look.
"""

import heapq
import math


class Agenda:
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

    def take_due(self, now: float) -> str | None:
        """A path whose instant has come; it is off the agenda then."""
        at = self.next_at()
        if at is None or at > now:
            return None
        _, path = heapq.heappop(self._heap)
        del self._at[path]
        return path
