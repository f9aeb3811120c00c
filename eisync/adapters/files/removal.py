"""Delete a file or move it into an archive: never another file, and never a version that was not sent.

The file is first renamed in its own folder, so that no program can open it by its name. Then all of it is read through
one descriptor and compared with what was sent. Only then is it removed. A file that differs is put back. Every function
may be called again after a crash, and continues from the state that it finds.

Each function raises FileError when the file must not be removed; it is in its place then. Each raises FolderError when
the disk prevents the removal; then the file may still have its other name.
"""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator

from eisync.adapters.files.file_facts import (
    device_of as device_of,  # so that the loop has one module for removals
)
from eisync.adapters.files.file_facts import open_folder, why_offline
from eisync.adapters.files.folder_notes import marker_of
from eisync.adapters.files.folder_walk import facts_of
from eisync.adapters.files.relocate import (
    READ,
    closing,
    holds,
    is_untouched,
    is_version,
    made_folder,
    names_beside,
    pieces_of,
    rename_anew,
    status_of,
    sync_folder,
    translated,
    write_copy,
)
from eisync.adapters.files.trash import empty_trash as empty_trash  # as above
from eisync.adapters.files.trash import verify
from eisync.core.model import FileFacts, shown
from eisync.core.retention import Disk, Removal, Room, Whereabout
from eisync.errors import FileAwayError, FileChangedError, FileError, FileGoneError, FileUnreadableError, FolderError


def disk_of(root: str) -> Disk | None:
    """Return the disk of the folder; None when it is not known."""
    try:
        found = shutil.disk_usage(root)
    except OSError:
        return None
    return Disk(free=found.free, total=found.total)


def is_on_other_disk(root: str, archive: str) -> bool:
    """Return whether a move from the root to the archive frees space; False when that is not known."""
    try:
        return os.stat(root).st_dev != os.stat(archive).st_dev
    except OSError:
        return False


def room_of(root: str, path: str) -> Room | None:
    """Return the space that the file takes on its disk, following no link; None when it is not known."""
    try:
        status = os.lstat(os.path.join(root, path))
    except OSError:
        return None
    blocks = getattr(status, "st_blocks", None)  # blocks of 512 bytes; holes take none
    taken = status.st_size if blocks is None else 512 * blocks
    return Room(status.st_dev, taken, status.st_nlink)


def is_same(root: str, path: str, facts: FileFacts, sha256: str) -> bool:
    """Return whether the file at `path` has these facts and this content; False when that is not known."""
    try:
        verify(root, path, facts, sha256, file_id=0)
    except FileError:
        return False
    return True


def free_name(archive: str, path: str) -> str:
    """Return a free path in the archive for the file at `path`, below the same folders.

    Raise FolderError when the archive does not exist. It is never created, because its disk may just not be mounted.
    """
    if not os.path.isdir(archive):
        raise FolderError(f"the archive {shown(archive)} is missing; create that folder, or mount its disk")
    with translated(f"the archive {shown(archive)} cannot be accessed"):
        for candidate in names_beside(os.path.join(archive, path), "archived"):
            if status_of(candidate) is None:
                return candidate
    raise FolderError(f"the archive {shown(archive)} has no free name for {shown(path)}; make room for it there")


def where(removal: Removal) -> Whereabout:
    """Return where the file is after a crash. Raise FileAwayError when its root is away."""
    try:
        folder = _folder_of(removal)
    except FileGoneError:
        return Whereabout.NOWHERE
    with closing(folder), translated(f"{shown(removal.root)} cannot be accessed"):
        taken, placed = status_of(removal.name, folder), status_of(_name(removal), folder)
        if taken is not None:
            if placed is None or not os.path.samestat(taken, placed):
                return Whereabout.TAKEN
            os.unlink(removal.name, dir_fd=folder)  # the crash came while it was put back
            return Whereabout.IN_PLACE
    is_it = placed is not None and facts_of(placed).inode == removal.facts.inode
    return Whereabout.IN_PLACE if is_it else Whereabout.NOWHERE


def delete(removal: Removal) -> None:
    """Delete the file. Raise the errors that the module names."""
    with closing(_folder_of(removal)) as folder:
        _take(folder, removal)
        with _verified(folder, removal), translated(f"{shown(removal.path)} cannot be deleted"):
            os.unlink(removal.name, dir_fd=folder)
        sync_folder(folder)


def archive(removal: Removal) -> None:
    """Move the file to `removal.to`, on the same or another disk. Raise the errors that the module names."""
    assert removal.to is not None
    with closing(_folder_of(removal)) as folder:
        _take(folder, removal)
        with _verified(folder, removal) as descriptor:
            try:
                is_moved = _move_into(removal.to, folder, descriptor, removal)
            except FolderError:
                _put_back(folder, removal)
                raise
            except OSError as error:
                reason = f"{shown(removal.path)} cannot be moved to {shown(removal.to)} ({error.strerror})"
                if error.errno == errno.ENAMETOOLONG:
                    raise FileUnreadableError(reason, item_id=removal.file_id) from error
                _put_back(folder, removal)
                raise FolderError(f"{reason}; check the archive's disk and its permissions") from error
            if not is_moved:
                raise FileChangedError("another file took its name in the archive", item_id=removal.file_id)
        sync_folder(folder)


def give_back(removal: Removal) -> None:
    """Put the file back that has its other name. Raise FolderError, or FileAwayError when its root is away."""
    with closing(_folder_of(removal)) as folder:
        _put_back(folder, removal)


def is_archived(removal: Removal) -> bool:
    """Return whether the file is in the archive as intended."""
    try:
        return removal.to is not None and holds(removal.to, removal.sha256, removal.facts.size)
    except OSError:
        return False


def _folder_of(removal: Removal) -> int:
    offline = why_offline(removal.root)
    if offline is not None:
        raise FileAwayError(offline, item_id=removal.file_id)
    try:
        return open_folder(removal.root, removal.path.rpartition("/")[0])
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileGoneError("the file is gone", item_id=removal.file_id) from error
    except OSError as error:
        raise FileUnreadableError(
            f"the folder of {shown(removal.path)} cannot be opened ({error.strerror})", item_id=removal.file_id
        ) from error


def _take(folder: int, removal: Removal) -> None:
    """Rename the file to its other name, unless it has that already."""
    with translated(f"{shown(removal.path)} cannot be removed from its folder"):
        if status_of(removal.name, folder) is not None:
            return
        status = status_of(_name(removal), folder)
        if status is None:
            raise FileGoneError("the file is gone", item_id=removal.file_id)
        if not stat.S_ISREG(status.st_mode) or facts_of(status) != removal.facts:
            raise _changed(removal)
        try:
            os.rename(_name(removal), removal.name, src_dir_fd=folder, dst_dir_fd=folder)
        except PermissionError as error:  # this folder only; it must not stop the others
            raise FileUnreadableError(
                f"{shown(removal.path)} may not be removed from its folder ({error.strerror})", item_id=removal.file_id
            ) from error


@contextlib.contextmanager
def _verified(folder: int, removal: Removal) -> Iterator[int]:
    """Lend the open file, checked to be what was sent, to the last byte. A file that differs is put back."""
    descriptor = -1
    try:
        try:
            descriptor = os.open(removal.name, READ, dir_fd=folder)
            is_it = _is_what_was_sent(descriptor, folder, removal)
        except OSError as error:
            raise FileUnreadableError(
                f"{shown(removal.path)} cannot be read ({error.strerror})", item_id=removal.file_id
            ) from error
        if not is_it:
            raise _changed(removal)
        yield descriptor
    except FileError:
        _put_back(folder, removal)
        raise
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _is_what_was_sent(descriptor: int, folder: int, removal: Removal) -> bool:
    if not is_version(descriptor, removal.facts, removal.sha256):
        return False
    named = status_of(removal.name, folder)
    return named is not None and is_untouched(named, os.fstat(descriptor))


def _move_into(to: str, folder: int, descriptor: int, removal: Removal) -> bool:
    """Move the file to `to`. Return False when another file has that name.

    Raise OSError; then an unfinished copy is removed. Raise FolderError when this is not the intended archive.
    """
    name = os.path.basename(to)
    with closing(_folder_in_archive(to, removal)) as goal:
        try:
            if rename_anew(removal.name, name, source_folder=folder, to_folder=goal):
                sync_folder(goal)
                return True
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            if not _copy_into(goal, name, descriptor, removal):
                return False
        else:
            # A crash may have come after the new name was created and before the old one was removed.
            if not holds(name, removal.sha256, removal.facts.size, folder=goal):
                return False
        sync_folder(goal)
    os.unlink(removal.name, dir_fd=folder)
    return True


def _folder_in_archive(to: str, removal: Removal) -> int:
    """Return a descriptor of the file's folder in the archive, created in the checked archive even if mounts change."""
    if removal.archive is None:
        os.makedirs(os.path.dirname(to), exist_ok=True)
        return open_folder(os.path.dirname(to), "")
    with closing(open_folder(removal.archive, "")) as archive:
        if marker_of(archive) != removal.marker:
            raise FolderError(f"the archive {shown(removal.archive)} was replaced a moment ago")
        below = os.path.relpath(os.path.dirname(to), removal.archive)
        return made_folder(archive, "" if below == os.curdir else below)


def _copy_into(goal: int, name: str, descriptor: int, removal: Removal) -> bool:
    if holds(name, removal.sha256, removal.facts.size, folder=goal):
        return True  # the copy was complete before a crash
    part = removal.name
    if write_copy(pieces_of(descriptor), part, folder=goal, like=os.fstat(descriptor)) != removal.sha256:
        os.unlink(part, dir_fd=goal)
        raise OSError(errno.EIO, "the copy differs from what was written")
    if rename_anew(part, name, source_folder=goal, to_folder=goal):
        return True
    os.unlink(part, dir_fd=goal)
    return False


def _put_back(folder: int, removal: Removal) -> None:
    with translated(f"{shown(removal.path)} cannot be put back; it is named {removal.name} in its folder"):
        for candidate in names_beside(_name(removal), "restored"):
            if rename_anew(removal.name, candidate, source_folder=folder, to_folder=folder):
                sync_folder(folder)
                return
    raise FolderError(f"{shown(removal.path)} cannot be put back: no free name is left there")


def _name(removal: Removal) -> str:
    return removal.path.rpartition("/")[2]


def _changed(removal: Removal) -> FileChangedError:
    return FileChangedError(
        f"{shown(removal.path)} is not what was uploaded; eisync leaves it alone", item_id=removal.file_id
    )
