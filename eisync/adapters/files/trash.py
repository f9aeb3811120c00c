"""Move a file to the trash, and restore it: never another file, and never over another one.

The trash is a folder `.eisync-trash` at the top of the root, or at the top of the part of it that is on the file's
disk, so that a move is a rename. `.eisync-trash/2026-11-26/17/testing/wave.01.cbor` is the file that action 17 moved on
that day. A file is verified by its content before the move, and by its facts after it; a file that took its place
meanwhile is put back. No link on the way leads out of the root, or out of the trash. Every function may be called again
after a crash, and continues from the state that it finds.
"""

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from eisync.adapters.files.file_facts import open_inside, why_offline
from eisync.adapters.files.relocate import (
    READ,
    Place,
    closing,
    facts_at,
    is_version,
    names_beside,
    opened,
    rename_anew,
    status_of,
    sync_folder,
    translated,
    write_copy,
)
from eisync.core.copies import Copy
from eisync.core.ignore import TRASH_NAME
from eisync.core.model import FileFacts, shown
from eisync.errors import FileAwayError, FileChangedError, FileGoneError, FileUnreadableError, FolderError

TRASH = TRASH_NAME

PART = ".part"
"""The name of an unfinished copy. (The sample's own name may already have the greatest length.)"""

_END_BYTES = 4096


def place_for(root: str, path: str, *, action_id: int, day: str) -> str:
    """Return where action `action_id` of `day` (such as 2026-11-26) puts the file at `path`: absolute, on its disk."""
    return os.path.join(_top_of(root, path), TRASH, day, str(action_id), path)


def place_of(root: str, path: str) -> str:
    """Return the absolute path of the file."""
    return os.path.join(root, path)


def holds(lies_at: str) -> bool:
    """Return whether an entry exists at this path in the trash."""
    return os.path.lexists(lies_at)


def set_aside(root: str, path: str, facts: FileFacts, sha256: str, to: str, *, file_id: int) -> None:
    """Move the file at `path` to `to`, if it has these facts and this content. Safe to repeat.

    Raise FileError when it is another file, or cannot be read; then nothing was moved. Raise FolderError when it cannot
    be moved.
    """
    place = os.path.join(root, path)
    folder, name = os.path.split(path)
    what = f"{shown(place)} cannot be moved to {shown(to)}"
    with translated(what):
        is_there = status_of(to) is not None
    if not is_there:
        verify(root, path, facts, sha256, file_id=file_id)
        with translated(what), opened(root, folder, name) as source, _in_trash(to, makes=True) as goal:
            os.rename(source.name, goal.name, src_dir_fd=source.folder, dst_dir_fd=goal.folder)
    with translated(what), _in_trash(to) as goal:
        is_it = _facts_at(goal) == facts
        # Sync the new name first: a power cut between the two may leave both names, but never none.
        sync_folder(goal.folder)
    with contextlib.suppress(OSError), opened(root, folder, name) as source:
        sync_folder(source.folder)
    if not is_it:
        # Something else took its place between the check and the rename.
        put_back(to, place)
        raise FileChangedError(
            (f"{shown(path)} changed before it could be moved; eisync leaves it alone"), item_id=file_id
        )


def verify(root: str, path: str, facts: FileFacts, sha256: str, *, file_id: int) -> None:
    """Read the whole file. Raise FileError when it is another version, or cannot be read."""
    try:
        with closing(open_inside(root, path)) as descriptor:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileUnreadableError("it is not a regular file", item_id=file_id)
            if not is_version(descriptor, facts, sha256):
                raise FileChangedError(
                    f"{shown(path)} is not what was uploaded; eisync leaves it alone", item_id=file_id
                )
    except (FileNotFoundError, NotADirectoryError) as error:
        offline = why_offline(root)
        if offline is not None:
            raise FileAwayError(offline, item_id=file_id) from error
        raise FileGoneError("the file is gone", item_id=file_id) from error
    except OSError as error:
        raise FileUnreadableError(f"the file cannot be read ({error.strerror})", item_id=file_id) from error


def put_back(lies_at: str, place: str, facts: FileFacts | None = None) -> str:
    """Move the file at `lies_at` to `place`, or beside it if another file has that name. Return its path.

    Safe to repeat: a file that was restored before is recognised by `facts` (None: by its name). Raise FolderError when
    it cannot be restored; then it stays where it was.
    """
    with translated(f"{shown(lies_at)} cannot be brought back to {shown(place)}"):
        if status_of(lies_at) is None:
            return _brought_back(lies_at, place, facts)
        with _in_trash(lies_at) as source, _in_place(place, lies_at) as goal:
            was = status_of(source.name, source.folder)
            for candidate in names_beside(place, "restored"):
                new = goal.beside(os.path.basename(candidate))
                status = status_of(new.name, new.folder)
                if status is not None and not (was is not None and os.path.samestat(status, was)):
                    continue
                # If both names exist, a crash came after the new one was created and before the old one was removed.
                if status is not None or rename_anew(
                    source.name, new.name, source_folder=source.folder, to_folder=new.folder
                ):
                    sync_folder(new.folder)
                    discard(lies_at)
                    return candidate
    raise FolderError(f"{shown(lies_at)} cannot be brought back: no free name is left beside {shown(place)}")


def keep_copy(pieces: Iterable[bytes], to: str) -> str:
    """Write a copy of a sample to `to`. It is on the disk when this returns. Return the hash of what is read back.

    Safe to repeat. Raise FolderError when it cannot be written, and what `pieces` raise; then no file is left.
    """
    try:
        with translated(f"{shown(to)} cannot be written"), _in_trash(to, makes=True) as goal:
            part = goal.beside(PART)
            sha256 = write_copy(_theirs(pieces), part.name, folder=part.folder, mode=0o600)
            os.replace(part.name, goal.name, src_dir_fd=part.folder, dst_dir_fd=goal.folder)
            sync_folder(goal.folder)
    except BaseException as error:
        with contextlib.suppress(FolderError):
            discard(os.path.join(os.path.dirname(to), PART))
        if isinstance(error, _SourceFailedError):
            raise error.cause from None
        raise
    return sha256


class _SourceFailedError(Exception):
    """An OSError of the source of a copy, such as a broken connection, not of the disk."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _theirs(pieces: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    except OSError as error:
        raise _SourceFailedError(error) from error


def copy_at(lies_at: str) -> Copy | None:
    """Return what is read back of the copy at this path; None when there is none. Raise FolderError if unreadable."""
    with translated(f"{shown(lies_at)} cannot be read"):
        if status_of(lies_at) is None:
            return None
        with _in_trash(lies_at) as place:
            descriptor = os.open(place.name, READ, dir_fd=place.folder)
        with open(descriptor, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Copy(digest, _ends_of(file))


def discard(lies_at: str) -> None:
    """Remove a file from the trash, and the folders that it leaves empty. Safe to repeat. Raise FolderError."""
    with translated(f"{shown(lies_at)} cannot be removed"):
        top, folder, _ = _parts(lies_at)
        with contextlib.suppress(FileNotFoundError), _in_trash(lies_at) as place:
            os.unlink(place.name, dir_fd=place.folder)
        while folder:
            try:
                os.rmdir(os.path.join(top, folder))
            except FileNotFoundError:
                pass  # an earlier attempt has removed it already
            except OSError:
                return
            folder = os.path.dirname(folder)


def empty_trash(
    root: str, *, before_day: str, is_old: Callable[[str, float], bool] = lambda _day, _newest_at: True
) -> int:
    """Remove the days before `before_day` from the trash at the top of `root`. Return how many days were removed.

    `is_old` is called with the folder of each such day (absolute), and the time when its last entry was added, by the
    file system (Unix s). It must agree, because the name alone depends on the clock of that day.
    """
    trash = os.path.join(root, TRASH)
    if not _is_folder(trash):
        return 0
    with translated(f"the trash {shown(trash)} cannot be emptied"):
        old = [os.path.join(trash, name) for name in os.listdir(trash) if _is_day(name) and name < before_day]
        old = [place for place in old if _is_folder(place)]  # a link, or a file of that name, is not eisync's
        old = [place for place in old if is_old(place, _newest_at(place))]
        for place in old:
            shutil.rmtree(place)
    return len(old)


def _newest_at(day: str) -> float:
    """Return when the last entry was added to the folder of a day or of an action in it (Unix s). Raise OSError."""
    newest = os.lstat(day).st_mtime
    with os.scandir(day) as actions:
        for action in actions:
            newest = max(newest, action.stat(follow_symlinks=False).st_mtime)
    return newest


def _ends_of(file: BinaryIO) -> bytes:
    """Return the first and the last byte that are not blank, in the first and the last few thousand bytes."""
    file.seek(0)
    first = file.read(_END_BYTES).lstrip()[:1]
    file.seek(max(0, file.seek(0, os.SEEK_END) - _END_BYTES))
    return first + file.read().rstrip()[-1:]


def _parts(lies_at: str) -> tuple[str, str, str]:
    """Split a path in the trash: the folder that holds the trash, the folder below that, and the name."""
    folder, name = os.path.split(lies_at)
    top, inside, below = folder.rpartition(f"{os.sep}{TRASH}{os.sep}")
    return (top or os.sep, f"{TRASH}{os.sep}{below}", name) if inside else (folder, "", name)


def _in_trash(lies_at: str, *, makes: bool = False) -> contextlib.AbstractContextManager[Place]:
    """Lend the name in the trash. `makes`: create missing folders, readable by their owner only."""
    top, folder, name = _parts(lies_at)
    return opened(top, folder, name, makes=0o700 if makes else None)


def _in_place(place: str, lies_at: str) -> contextlib.AbstractContextManager[Place]:
    """Lend the original name of the file, which is below the folder that holds its trash."""
    top, inside, _ = _parts(lies_at)
    folder, name = os.path.split(place)
    below = os.path.relpath(folder, top)
    if not inside or below.split(os.sep)[0] == os.pardir:
        os.makedirs(folder, exist_ok=True)
        return opened(folder, "", name)
    return opened(top, "" if below == os.curdir else below, name, makes=0o777)


def _top_of(root: str, path: str) -> str:
    """Return the topmost folder, at or below the root, to which the file can be renamed."""
    folders = path.split("/")[:-1]
    try:
        device = os.lstat(os.path.join(root, *folders)).st_dev
    except OSError:
        return root
    for depth in range(len(folders) + 1):
        place = os.path.join(root, *folders[:depth])
        with contextlib.suppress(OSError):
            if (os.stat(place) if not depth else os.lstat(place)).st_dev == device:
                return place
    return root


def _brought_back(lies_at: str, place: str, facts: FileFacts | None) -> str:
    for candidate in names_beside(place, "restored"):
        found = _facts_at(Place(candidate, None))
        if found is not None and (facts is None or found == facts):
            discard(lies_at)
            return candidate
    raise FolderError(f"{shown(lies_at)} is gone: someone removed it, or trash_days had passed")


def _facts_at(place: Place) -> FileFacts | None:
    with contextlib.suppress(OSError):
        return facts_at(place.name, place.folder)
    return None


def _is_folder(place: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(place).st_mode)
    except OSError:
        return False


def _is_day(name: str) -> bool:
    return len(name) == 10 and name[4] == name[7] == "-" and name.replace("-", "").isdigit()
