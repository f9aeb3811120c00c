"""Take a file out of its folder so that it can come back, and bring it back: never another one, and never over one.

The trash is a folder `.eisync-trash` at the top of the root, or of the part of it that is on the file's disk, so that
taking a file away is a rename: `.eisync-trash/2026-11-26/17/testing/wave.01.cbor` is what act 17 took on that day. A
file is looked at before it is moved, by its content, and after it: whatever slipped into its place meanwhile is put
back. Every function may be called again after a crash, and goes on from what it finds.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator

from eisync.adapters.files import open_inside, why_offline
from eisync.adapters.walking import facts_of
from eisync.core.eligible import TRASH_NAME
from eisync.core.items import FileFacts, shown
from eisync.errors import FileAwayError, FileChangedError, FileGoneError, FileUnreadableError, FolderError

TRASH = TRASH_NAME

_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def place_for(root: str, path: str, *, act_id: int, day: str) -> str:
    """Where act `act_id` of `day` (as 2026-11-26) puts the file at `path`: absolute, on the disk of its folder."""
    return os.path.join(_top_of(root, path), TRASH, day, str(act_id), path)


def place_of(root: str, path: str) -> str:
    """The absolute path of the file."""
    return os.path.join(root, path)


def holds(lies_at: str) -> bool:
    """Whether something lies there."""
    return os.path.lexists(lies_at)


def set_aside(root: str, path: str, facts: FileFacts, sha256: str, to: str, *, file_id: int) -> None:
    """Move the file at `path` to `to`, if it has these facts and this content. Safe to repeat.

    Raises FileError when it is not that file, or cannot be read (then nothing was moved); FolderError when it cannot
    be moved.
    """
    place = os.path.join(root, path)
    if not os.path.lexists(to):
        verify(root, path, facts, sha256, file_id=file_id)
        with _translated(f"{shown(place)} cannot be moved to {shown(to)}"):
            make_folder(to)
            os.rename(place, to)
    if _facts_at(to) != facts:
        # Something else took its place between the look and the rename.
        put_back(to, place)
        raise FileChangedError(f"{shown(path)} was changed while it was to be moved; it is left alone", item_id=file_id)
    with _translated(f"{shown(to)} cannot be kept"):
        for folder in (os.path.dirname(to), os.path.dirname(place)):
            _sync_folder(folder)


def verify(root: str, path: str, facts: FileFacts, sha256: str, *, file_id: int) -> None:
    """Look at the file and at all that is in it. Raises FileError when it is not that version, or nobody can tell."""
    try:
        with contextlib.closing(_Descriptor(open_inside(root, path))) as opened:
            _verify_open(opened.number, path, facts, sha256, file_id)
    except (FileNotFoundError, NotADirectoryError) as error:
        offline = why_offline(root)
        if offline is not None:
            raise FileAwayError(offline, item_id=file_id) from error
        raise FileGoneError("the file is not there any more", item_id=file_id) from error
    except OSError as error:
        raise FileUnreadableError(f"the file cannot be read ({error.strerror})", item_id=file_id) from error


def put_back(lies_at: str, place: str, facts: FileFacts | None = None) -> str:
    """Bring what lies at `lies_at` to `place`, or beside it when something else is there. Returns where it is.

    Safe to repeat; what was brought back before is known by `facts` (None: by its name). Raises FolderError when it
    cannot be brought back; then it lies where it was.
    """
    with _translated(f"{shown(lies_at)} cannot be brought back to {shown(place)}"):
        if not os.path.lexists(lies_at):
            return _brought_back(lies_at, place, facts)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        for candidate in _names_beside(place):
            is_there = os.path.lexists(candidate)
            if is_there and not os.path.samestat(os.lstat(candidate), os.lstat(lies_at)):
                continue
            # Where both are, a crash came between making the one name and removing the other.
            if is_there or _move_without_replacing(lies_at, candidate):
                _sync_folder(os.path.dirname(candidate))
                discard(lies_at)
                return candidate
    raise FolderError(f"{shown(lies_at)} cannot be brought back: every name beside {shown(place)} is taken")


def keep_copy(pieces: Iterable[bytes], to: str) -> str:
    """Write a copy of a sample to `to`; it is on the disk when this returns. Returns its content hash.

    Safe to repeat. Raises FolderError when it cannot be written, and what `pieces` raise.
    """
    digest = hashlib.sha256()
    part = to + ".part"
    with _translated(f"{shown(to)} cannot be written"):
        make_folder(to)
        try:
            with open(part, "wb") as copy:
                for piece in pieces:
                    digest.update(piece)
                    copy.write(piece)
                copy.flush()
                os.fsync(copy.fileno())
            os.replace(part, to)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise
        _sync_folder(os.path.dirname(to))
    return digest.hexdigest()


def discard(lies_at: str) -> None:
    """Remove what lies in the trash, and the folders that only it was in. Safe to repeat. Raises FolderError."""
    with _translated(f"{shown(lies_at)} cannot be removed"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(lies_at)
        folder = os.path.dirname(lies_at)
        while TRASH in folder.split(os.sep):
            try:
                os.rmdir(folder)
            except OSError:
                return
            folder = os.path.dirname(folder)


def empty(root: str, *, before_day: str) -> int:
    """Remove what was put into the trash at the top of `root` before that day. Returns how many days that were."""
    trash = os.path.join(root, TRASH)
    if not _is_folder(trash):
        return 0
    with _translated(f"the trash {shown(trash)} cannot be emptied"):
        old = [name for name in os.listdir(trash) if _is_day(name) and name < before_day]
        for name in old:
            shutil.rmtree(os.path.join(trash, name))
    return len(old)


def make_folder(to: str) -> None:
    """The folder for `to`, for our eyes only where it is new. Raises OSError when the trash is not ours to write in."""
    folder = os.path.dirname(to)
    above, inside, _ = folder.partition(f"{os.sep}{TRASH}")
    if inside and os.path.lexists(above + inside) and not _is_folder(above + inside):
        raise NotADirectoryError(errno.ENOTDIR, f"{TRASH} is not a folder", above + inside)
    os.makedirs(folder, mode=0o700, exist_ok=True)


class _Descriptor:
    """An open file, for `contextlib.closing`."""

    def __init__(self, number: int) -> None:
        self.number = number

    def close(self) -> None:
        os.close(self.number)


def _verify_open(descriptor: int, path: str, facts: FileFacts, sha256: str, file_id: int) -> None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise FileUnreadableError("it is no regular file", item_id=file_id)
    with open(descriptor, "rb", closefd=False) as file:
        found = hashlib.file_digest(file, "sha256").hexdigest() if facts_of(status) == facts else ""
    if found != sha256 or facts_of(os.fstat(descriptor)) != facts:
        raise FileChangedError(f"{shown(path)} is not what was uploaded; it is left alone", item_id=file_id)


def _top_of(root: str, path: str) -> str:
    """The uppermost folder of the root, or below it, from which the file can be renamed to."""
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


def _move_without_replacing(lies_at: str, place: str) -> bool:
    """False when something has come to `place`."""
    try:
        os.link(lies_at, place, follow_symlinks=False)
        os.unlink(lies_at)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(place):  # no hard links here: a look and a rename is the best there is
            return False
        os.rename(lies_at, place)
    return True


def _brought_back(lies_at: str, place: str, facts: FileFacts | None) -> str:
    for candidate in _names_beside(place):
        found = _facts_at(candidate)
        if found is not None and (facts is None or found == facts):
            discard(lies_at)
            return candidate
    raise FolderError(f"{shown(lies_at)} is not there any more; it was removed by somebody, or its day was over")


def _names_beside(place: str) -> Iterator[str]:
    stem, dot, extension = place.rpartition(".")
    stem, extension = (stem, dot + extension) if dot and "/" not in extension else (place, "")
    yield place
    for number in range(1, 1000):
        yield f"{stem}.restored-{number}{extension}"


def _facts_at(place: str) -> FileFacts | None:
    try:
        return facts_of(os.lstat(place))
    except OSError:
        return None


def _is_folder(place: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(place).st_mode)
    except OSError:
        return False


def _is_day(name: str) -> bool:
    return len(name) == 10 and name[4] == name[7] == "-" and name.replace("-", "").isdigit()


def _sync_folder(folder: str) -> None:
    """What was renamed in it stays so after a power cut, as far as the file system can promise it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FolderError(f"{what} ({error.strerror}); see to the disk and to the rights of its folders") from error
