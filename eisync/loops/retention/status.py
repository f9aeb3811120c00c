"""The state of the retention in a watched folder, and the report of it."""

from collections import Counter
from dataclasses import dataclass, field

from eisync.core.model import Root
from eisync.core.policy import Retention
from eisync.core.retention import Disk, Why
from eisync.core.summary import in_bytes

TROUBLE_S = 600.0
"""The pause of a folder after a failure. A single file is skipped for six times as long."""


@dataclass(slots=True)
class RetentionStatus:
    """A watched folder, its retention policy, and what happened since the start of the process."""

    root: Root
    policy: Retention
    files: int = 0  # removed files
    bytes: int = 0  # their size
    stays: Counter[Why] = field(default_factory=Counter)  # why files stay, from the last complete pass over the folder
    why_unlisted: str | None = None
    disk: Disk | None = None
    short: int = 0  # bytes that min_free asks for and that could not be freed
    trouble: str | None = None
    paused_until: float = 0.0
    trash_due_at: float = 0.0

    def adjust(self, policy: Retention) -> bool:
        """Use this policy from now on. Return whether it is another one than before."""
        if policy == self.policy:
            return False
        self.policy = policy
        self.stays, self.disk, self.short = Counter(), None, 0  # they were found under the other policy
        return True

    def pause(self, trouble: str, now: float) -> None:
        """Pause the work on the folder for TROUBLE_S, because of this trouble."""
        self.trouble, self.paused_until = trouble, now + TROUBLE_S


def report_of(status: RetentionStatus) -> dict[str, object]:
    """Return the status of the folder as plain values."""
    disk, policy = status.disk, status.policy
    return {
        "root": status.root.path,
        "after_upload": policy.after.value,
        "files": status.files,
        "bytes": status.bytes,
        "free_bytes": None if disk is None else disk.free,
        "min_free_bytes": None if disk is None else policy.min_free.of(disk.total),
        "stays": {why.value: number for why, number in status.stays.items() if why is not Why.KEPT},
        "waits_for": _waits_for(status),
    }


def _waits_for(status: RetentionStatus) -> str | None:
    """Return why the retention cannot do what the configuration asks for, as a sentence; None if it can."""
    if status.trouble is not None:
        return status.trouble
    unlisted = f" ({status.why_unlisted})" if status.why_unlisted else ""
    if status.short and status.disk is not None:
        floor = status.policy.min_free.of(status.disk.total)
        return (
            f"the disk has {in_bytes(status.disk.free)} free, less than min_free ({in_bytes(floor)}), and no "
            f"confirmed file to remove{unlisted}"
        )
    waiting = status.stays[Why.UNLISTED]
    if waiting and unlisted:
        files = "1 file is" if waiting == 1 else f"{waiting:,} files are"
        return f"{files} not confirmed by a listing yet{unlisted}"
    return None
