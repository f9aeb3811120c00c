"""Bring a file back that was taken away after its upload: out of the archive, or from the service. Never over another.

Both functions return the facts of the file that is in its place then, and may be called again after a crash. They raise
FolderError when that cannot be done, or is not right; then nothing has changed.
"""

import errno
import os
from collections.abc import Iterable

from eisync.adapters.moving import holds, pieces_of, rename_anew, status_of, sync_folder, write_copy
from eisync.adapters.walking import facts_of
from eisync.core.items import FileFacts, shown
from eisync.core.retention import Removal
from eisync.errors import FolderError


def from_archive(removal: Removal) -> FileFacts:
    """Move the file from `removal.to` back to its place."""
    assert removal.to is not None
    place, size = os.path.join(removal.root, removal.path), removal.facts.size
    try:
        if not holds(removal.to, removal.sha256, size):
            if status_of(removal.to) is None and holds(place, removal.sha256, size):
                return _facts_at(place)
            raise FolderError(f"{shown(removal.to)} is not there, or is not what was put there; bring it back by hand")
        os.makedirs(os.path.dirname(place), exist_ok=True)
        _move(removal.to, place, removal)
        return _facts_at(place)
    except OSError as error:
        raise _cannot(place, error) from error


def from_pieces(removal: Removal, pieces: Iterable[bytes]) -> FileFacts:
    """Write the file anew, with its content and its time. Raises what `pieces` raise, too."""
    place = os.path.join(removal.root, removal.path)
    try:
        if holds(place, removal.sha256, removal.facts.size):
            return _facts_at(place)
        _refuse_another(place)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        part = os.path.join(os.path.dirname(place), removal.name)
        if write_copy(pieces, part, like=None) != removal.sha256:
            os.unlink(part)
            raise FolderError(
                f"the service does not hold {shown(removal.path)} as it was sent, only in another form; "
                "'eisync pull' downloads that"
            )
        os.utime(part, ns=(removal.facts.mtime_ns, removal.facts.mtime_ns))
        _publish(part, place)
        return _facts_at(place)
    except OSError as error:
        raise _cannot(place, error) from error


def _move(lies_at: str, place: str, removal: Removal) -> None:
    if holds(place, removal.sha256, removal.facts.size):
        os.unlink(lies_at)  # a crash came after the one name was made and before the other was removed
        return
    _refuse_another(place)
    try:
        if not rename_anew(lies_at, place):
            _refuse_another(place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        part = os.path.join(os.path.dirname(place), removal.name)
        descriptor = os.open(lies_at, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            copied = write_copy(pieces_of(descriptor), part, like=os.fstat(descriptor))
        finally:
            os.close(descriptor)
        if copied != removal.sha256:
            os.unlink(part)
            raise OSError(errno.EIO, "what was written is not what can be read back") from error
        _publish(part, place)
        os.unlink(lies_at)
    sync_folder(os.path.dirname(place))


def _publish(part: str, place: str) -> None:
    if not rename_anew(part, place):
        os.unlink(part)
        _refuse_another(place)
    sync_folder(os.path.dirname(place))


def _refuse_another(place: str) -> None:
    if status_of(place) is not None:
        raise FolderError(f"another file is at {shown(place)} now; move it away, and undo again")


def _facts_at(place: str) -> FileFacts:
    return facts_of(os.lstat(place))


def _cannot(place: str, error: OSError) -> FolderError:
    return FolderError(
        f"{shown(place)} cannot be brought back ({error.strerror}); see to the disk and to the rights of its folders"
    )
