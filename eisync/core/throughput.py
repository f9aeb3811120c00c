"""Say how fast files go, and how long the rest will take: for a person, so rather too long than too short."""

from eisync.core.model import value

WINDOW_S = 60.0
"""What was done in this time counts."""

MINUTES = 60
"""So many minutes are counted one by one."""

_LEAST_S = 5.0


@value(kw_only=True)
class Queue:
    """What waits: files and bytes, and since when the oldest waits (Unix s; None: nothing does)."""

    files: int
    bytes: int
    oldest_at: float | None


@value(kw_only=True)
class Recent:
    """The files that were done last, and their bytes. The first of them was done at `since_at` (Unix s; None: none)."""

    files: int
    bytes: int
    since_at: float | None


@value(kw_only=True)
class Throughput:
    """Files and bytes in a second, and how long the rest takes at this rate (s; None: that cannot be said)."""

    files_s: float
    bytes_s: float
    left_s: float | None


def throughput(queue: Queue, recent: Recent, *, now: float) -> Throughput:
    """Return the rate of the recent files. A burst that has just begun counts from its first file."""
    if recent.since_at is None or not recent.files:
        return Throughput(files_s=0.0, bytes_s=0.0, left_s=None)
    over_s = max(_LEAST_S, now - recent.since_at)
    files_s, bytes_s = recent.files / over_s, recent.bytes / over_s
    # Many small files are slow by their number, few large ones by their bytes: the slower measure holds.
    left_s = max(queue.files / files_s, queue.bytes / bytes_s if bytes_s else 0.0)
    return Throughput(files_s=files_s, bytes_s=bytes_s, left_s=left_s if queue.files else None)


class LastHour:
    """How many files were done in each of the last minutes, and their bytes, counted as they come, without a query.

    `add` belongs to one thread; `minutes` is safe from any.
    """

    def __init__(self) -> None:
        self._minutes: dict[int, tuple[int, int]] = {}

    def add(self, files: int, size: int, now: float) -> None:
        """Count files that were done at `now` (Unix s), of `size` bytes together."""
        minute = int(now // 60)
        # A new dictionary each time: another thread may read the old one. A clock that was set back begins anew.
        kept = {at: found for at, found in self._minutes.items() if minute - MINUTES < at <= minute}
        before = kept.get(minute, (0, 0))
        self._minutes = {**kept, minute: (before[0] + files, before[1] + size)}

    def minutes(self, now: float) -> list[tuple[int, int]]:
        """Return files and bytes of each minute, the oldest first. The last one is the minute that is not over."""
        found, minute = self._minutes, int(now // 60)
        return [found.get(at, (0, 0)) for at in range(minute - MINUTES + 1, minute + 1)]
