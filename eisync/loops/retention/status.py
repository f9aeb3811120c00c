"""How the retention of a watched folder fares, and what is reported of it."""

from collections import Counter
from dataclasses import dataclass, field

from eisync.core.model import Root
from eisync.core.policy import Retention
from eisync.core.retention import Disk, Why
from eisync.core.summary import in_bytes

TROUBLE_S = 600.0
"""A folder or a file that could not be worked on is left alone for so long."""


@dataclass(slots=True)
class RetentionStatus:
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
        """Leave the folder alone for a while, because of this."""
        self.trouble, self.rests_until = trouble, now + TROUBLE_S


def report_of(retention_status: RetentionStatus) -> dict[str, object]:
    """Return how the folder fares, as plain values."""
    disk, policy = retention_status.disk, retention_status.policy
    return {
        "root": retention_status.root.path,
        "after_upload": policy.after.value,
        "files": retention_status.files,
        "bytes": retention_status.bytes,
        "free_bytes": None if disk is None else disk.free,
        "min_free_bytes": None if disk is None else policy.min_free.of(disk.total),
        "stays": {why.value: number for why, number in retention_status.stays.items() if why is not Why.KEPT},
        "waits_for": _waits_for(retention_status),
    }


def _waits_for(retention_status: RetentionStatus) -> str | None:
    """Return what keeps it from doing what it should, in a sentence; None: nothing does."""
    if retention_status.trouble is not None:
        return retention_status.trouble
    unlisted = f" ({retention_status.why_unlisted})" if retention_status.why_unlisted else ""
    if retention_status.short and retention_status.disk is not None:
        floor = retention_status.policy.min_free.of(retention_status.disk.total)
        return (
            f"the disk has {in_bytes(retention_status.disk.free)} free, less than min_free ({in_bytes(floor)}), and no "
            f"confirmed file to remove{unlisted}"
        )
    waiting = retention_status.stays[Why.UNLISTED]
    if waiting and unlisted:
        files = "1 file is" if waiting == 1 else f"{waiting:,} files are"
        return f"{files} not confirmed by a listing yet{unlisted}"
    return None
