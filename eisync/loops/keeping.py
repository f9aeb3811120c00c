"""How the retention of a watched folder fares, and what may be told of it."""

from collections import Counter
from dataclasses import dataclass, field

from eisync.core.items import Root
from eisync.core.report import in_bytes
from eisync.core.retention import Disk, Retention, Why

TROUBLE_S = 600.0
"""So long a folder, or a file, is left in peace that could not be worked on."""


@dataclass(slots=True)
class Keeping:
    """A watched folder with what it wants, and how it fares since the start."""

    root: Root
    policy: Retention
    files: int = 0  # that were taken away
    bytes: int = 0
    stays: Counter[Why] = field(default_factory=Counter)  # of the last complete walk
    why_unlisted: str | None = None
    disk: Disk | None = None
    short: int = 0  # bytes that were missing and could not be freed
    trouble: str | None = None
    rests_until: float = 0.0
    trash_due_at: float = 0.0

    def rest(self, trouble: str, now: float) -> None:
        self.trouble, self.rests_until = trouble, now + TROUBLE_S


def report_of(keeping: Keeping) -> dict[str, object]:
    """How the folder fares, as plain values."""
    disk, policy = keeping.disk, keeping.policy
    return {
        "root": keeping.root.path,
        "after_upload": policy.after.value,
        "files": keeping.files,
        "bytes": keeping.bytes,
        "free_bytes": None if disk is None else disk.free,
        "min_free_bytes": None if disk is None else policy.min_free.of(disk.total),
        "stays": {why.value: number for why, number in keeping.stays.items() if why is not Why.KEPT},
        "waits_for": _waits_for(keeping),
    }


def _waits_for(keeping: Keeping) -> str | None:
    """What keeps it from doing what it should, in a sentence; None: nothing does."""
    if keeping.trouble is not None:
        return keeping.trouble
    unlisted = f" ({keeping.why_unlisted})" if keeping.why_unlisted else ""
    if keeping.short and keeping.disk is not None:
        floor = keeping.policy.min_free.of(keeping.disk.total)
        return (
            f"the disk has {in_bytes(keeping.disk.free)} free, less than min_free ({in_bytes(floor)}), and no "
            f"confirmed file to remove{unlisted}"
        )
    waiting = keeping.stays[Why.UNLISTED]
    if waiting and unlisted:
        files = "1 file is" if waiting == 1 else f"{waiting:,} files are"
        return f"{files} not confirmed by a listing yet{unlisted}"
    return None
