"""The stamps that are kept with a watched folder, and the marker of an archive."""

import os
from collections.abc import Callable, Mapping

from eisync.adapters.folder_note import Note
from eisync.adapters.folder_note import around as around  # one module for whoever keeps count
from eisync.core.lineage import ATTRIBUTE, NAME, Stamp, merged, read_stamps, write_stamps
from eisync.core.model import shown
from eisync.errors import FolderError

ARCHIVE_NAME = ".eisync-archive"
_MARKER = Note("user.eisync.archive", ARCHIVE_NAME)
_STAMPS = Note(ATTRIBUTE, NAME)


def read(folder: str) -> dict[str, Stamp]:
    """The stamps by epoch. Raises nothing."""
    return merged(read_stamps(words) for words in _STAMPS.read(folder))


def change(
    folder: str, write: Callable[[Mapping[str, Stamp]], Mapping[str, Stamp]], *, makes_file: bool = True
) -> bool:
    """Keep what `write` makes of the stamps; nobody else changes them meanwhile.

    False when the disk is full, or has no room for it but in a file that nobody `makes_file`. Raises FolderError when
    nothing can be kept there.
    """

    def written(found: list[bytes]) -> bytes:
        return write_stamps(write(merged(map(read_stamps, found))))

    return _STAMPS.change(folder, written, makes_file=makes_file)


def marker_of(archive: str | int) -> str | None:
    """The marker of an archive (a path, or a descriptor); None when it has none, or is not there."""
    found = _MARKER.read(archive)
    return found[0].decode(errors="replace") if found else None


def mark(archive: str, marker: str) -> None:
    """Give the archive this marker. Raises FolderError."""
    if not _MARKER.change(archive, lambda _: marker.encode()):
        raise FolderError(f"the disk of the archive {shown(archive)} is full; make room on it")


def is_new_archive(archive: str) -> bool:
    """Whether a person said with an empty file that this is a new archive, put there on purpose."""
    return _MARKER.is_empty_file(archive)


def is_there(place: str) -> bool:
    """Whether anything is there."""
    return os.path.lexists(place)
