"""Restore a file that was removed after its upload, from the archive or from the service. Never replace another file.

Both functions return the facts of the restored file, and may be called again after a crash. They raise FolderError when
the file cannot or must not be restored; then nothing has changed. No link on the way leads out of the root.
"""

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator

from eisync.adapters.files.relocate import (
    READ,
    closing,
    facts_at,
    holds,
    made_folder,
    pieces_of,
    rename_anew,
    status_of,
    sync_folder,
    translated,
    write_copy,
)
from eisync.core.model import FileFacts, shown
from eisync.core.retention import Removal
from eisync.errors import FolderError


def from_archive(removal: Removal) -> FileFacts:
    """Move the file from `removal.to` back to its path."""
    assert removal.to is not None
    with _place_of(removal) as (folder, name):
        if not holds(removal.to, removal.sha256, removal.facts.size):
            if status_of(removal.to) is not None or not _is_back(folder, name, removal):
                raise FolderError(
                    f"{shown(removal.to)} is missing or is not what eisync put there; bring it back by hand"
                )
        elif _is_back(folder, name, removal):
            os.unlink(removal.to)  # a crash came after the new name was created and before this one was removed
        else:
            _move(removal.to, folder, name, removal)
        return facts_at(name, folder)


def from_pieces(removal: Removal, pieces: Iterable[bytes]) -> FileFacts:
    """Write the file again, with its content and its time. Also raise what `pieces` raise."""
    with _place_of(removal) as (folder, name):
        if not _is_back(folder, name, removal):
            _refuse_another(folder, name, removal)
            if write_copy(pieces, removal.name, folder=folder) != removal.sha256:
                os.unlink(removal.name, dir_fd=folder)
                raise FolderError(
                    f"the service does not return {shown(removal.path)} as it was sent: it has it in another form, "
                    "or its answer was cut short; 'eisync pull' downloads what it holds"
                )
            os.utime(removal.name, ns=(removal.facts.mtime_ns, removal.facts.mtime_ns), dir_fd=folder)
            _publish(folder, name, removal)
        return facts_at(name, folder)


@contextlib.contextmanager
def _place_of(removal: Removal) -> Iterator[tuple[int, str]]:
    """Lend a descriptor of the file's folder, and its name in it."""
    inside, _, name = removal.path.rpartition("/")
    with (
        translated(f"{shown(removal.path)} cannot be brought back"),
        closing(made_folder(removal.root, inside)) as folder,
    ):
        yield folder, name


def _is_back(folder: int, name: str, removal: Removal) -> bool:
    return holds(name, removal.sha256, removal.facts.size, folder=folder)


def _move(lies_at: str, folder: int, name: str, removal: Removal) -> None:
    try:
        if not rename_anew(lies_at, name, to_folder=folder):
            _refuse_another(folder, name, removal)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with closing(os.open(lies_at, READ)) as descriptor:
            copied = write_copy(pieces_of(descriptor), removal.name, folder=folder, like=os.fstat(descriptor))
        if copied != removal.sha256:
            os.unlink(removal.name, dir_fd=folder)
            raise OSError(errno.EIO, "the copy differs from what was written") from error
        _publish(folder, name, removal)
        os.unlink(lies_at)
    sync_folder(folder)


def _publish(folder: int, name: str, removal: Removal) -> None:
    if not rename_anew(removal.name, name, source_folder=folder, to_folder=folder):
        os.unlink(removal.name, dir_fd=folder)
        _refuse_another(folder, name, removal)
    sync_folder(folder)


def _refuse_another(folder: int, name: str, removal: Removal) -> None:
    if status_of(name, folder) is not None:
        raise FolderError(f"another file is at {shown(removal.path)} now; move it away, then undo again")
