"""Say how fast files go, and how long the rest will take: for a person, so rather too long than too short."""

from eisync.core.model import value

WINDOW_S = 60.0
"""What was done in this time counts."""

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
