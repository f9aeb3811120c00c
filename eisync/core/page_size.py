"""How many entries to ask for at a time, where a page of as many as wanted is too large to be read.

Pure. What was too large is halved; what would fit twice is doubled again, so that one huge entry, or a stretch of them,
does not make every later page small.
"""

_ROOM = 0.4
"""A page that is no fuller than this is followed by one of twice as many."""


class PageSize:
    """How large pages of one listing may be. Safe to use from any thread: a number that is a bit old does no harm."""

    def __init__(self) -> None:
        self._most: int | None = None  # None: as many as are wanted

    def of(self, wanted: int) -> int:
        """How many to ask for when so many are wanted."""
        return wanted if self._most is None else min(wanted, self._most)

    def was_too_large(self, asked: int) -> int:
        """A page of so many was too large. Returns how many to ask for now: one at least."""
        self._most = max(1, asked // 2)
        return self._most

    def was_read(self, asked: int, wanted: int, fullness: float) -> None:
        """A page of so many could be read; `fullness` is how much of what is bearable it was."""
        if self._most is None or asked < self._most or fullness > _ROOM:
            return
        self._most = None if 2 * asked >= wanted else 2 * asked
