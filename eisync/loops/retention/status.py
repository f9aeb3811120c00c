"""How the retention of a watched folder fares, and what may be told of it.

Know an archive again: a disk that is not mounted must not fill the one below its mount point.

An archive gets a marker with its first file, and is that archive for as long as it has it, whatever is mounted where.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from eisync.core.model import Root, shown
from eisync.core.policy import Retention
from eisync.core.retention import Disk, Why
from eisync.core.summary import in_bytes
from eisync.errors import FolderError

TROUBLE_S = 600.0
"""So long a folder, or a file, is left in peace that could not be worked on."""


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
        self.trouble, self.rests_until = trouble, now + TROUBLE_S


def report_of(retention_status: RetentionStatus) -> dict[str, object]:
    """How the folder fares, as plain values."""
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
    """What keeps it from doing what it should, in a sentence; None: nothing does."""
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


YES_NAME = ".eisync-archive"


class Records(Protocol):
    """What is remembered of archives."""

    def marker(self, archive: str) -> str | None: ...
    def remember_marker(self, archive: str, marker: str) -> None: ...
    def archived_in(self, archive: str, *, limit: int) -> list[str]: ...


class Markers(Protocol):
    """What is kept with an archive itself. `mark` raises FolderError."""

    def marker_of(self, archive: str) -> str | None: ...
    def mark(self, archive: str, marker: str) -> None: ...
    def is_new_archive(self, archive: str) -> bool: ...
    def is_there(self, place: str) -> bool: ...


LATEST = 50
"""So many of the files that were archived before the marker came are looked for."""


class Archives:
    """The archives of all folders."""

    def __init__(self, records: Records, markers: Markers, *, new_marker: Callable[[], str]) -> None:
        self._records = records
        self._markers = markers
        self._new_marker = new_marker

    def marker(self, archive: str) -> str:
        """The marker that the archive has, which is the one that it had. Raises FolderError when it is not that one."""
        known, found = self._records.marker(archive), self._markers.marker_of(archive)
        if known is not None and known == found:
            return known
        is_that = self._is_unknown(archive) if known is None else self._markers.is_new_archive(archive)
        if not is_that:
            raise FolderError(
                f"the archive {shown(archive)} is not the one that eisync filled before: mount its disk, and "
                f"eisync continues by itself. If this is a new archive, create an empty file named {YES_NAME} in it"
            )
        if found is None:
            found = self._new_marker()
            self._markers.mark(archive, found)
        self._records.remember_marker(archive, found)
        return found

    def _is_unknown(self, archive: str) -> bool:
        """Whether nothing says that it was filled before and is another one now."""
        before = self._records.archived_in(archive, limit=LATEST)
        is_it = not before or any(self._markers.is_there(place) for place in before)
        return is_it or self._markers.marker_of(archive) is not None or self._markers.is_new_archive(archive)
