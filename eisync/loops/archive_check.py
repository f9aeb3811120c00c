"""Know an archive again: a disk that is not mounted must not fill the one below its mount point.

An archive gets a marker with its first file, and is that archive for as long as it has it, whatever is mounted where.
"""

from collections.abc import Callable
from typing import Protocol

from eisync.core.model import shown
from eisync.errors import FolderError

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
