"""Keep the state folder to its owner, and a damaged database apart from it.

As ssh does with its files: a folder that belongs to another user, or that others may write, is not used. Where it is
ours and holds only our files, its rights are corrected and that is logged. No file of ours is reached through a link,
and each is 0600 whatever the umask. Not checked: root reads any user's folder ('sudo eisync status'); a folder of
root's is root's choice, whether our group may write it (Kubernetes' fsGroup) or everyone (an emptyDir, /tmp), and the
latter is warned of; Windows has other rights.

A database of moderate size is checked when it is opened. In a larger one, damage deep inside shows only in use: then
a note is left, and the next start checks every page. A disk that cannot be read is no damage, though SQLite reports
it so: the data on it may be sound, and is left alone.
"""

import contextlib
import json
import os
import sqlite3
import stat
import sys
from collections.abc import Iterator

from eisync.errors import StateBusyError, StateDamagedError, StateError

SUSPECT = ".suspect"

_PIECE_BYTES = 1024 * 1024
_BUSY_MARKS = ("locked", "busy")
_DAMAGE_MARKS = ("malformed", "not a database", "disk image", "unsupported file format")
_CHECKED_BYTES = 64 * 1024 * 1024  # to look through so much takes about a tenth of a second
_SMALLEST_BYTES = 512  # of a database: one page
_DAMAGED = "the database in {folder} is damaged; 'eisync run' or 'eisync once' sets it aside and rebuilds it"


def can_be_read(path: str, file: int | None) -> bool:
    """Whether the disk gives every byte of the database, whatever they are. `file`: see `Database`."""
    try:
        if file is not None:
            _read_all(file)
        for name in (path + "-wal",) if file is not None else (path, path + "-wal"):
            with contextlib.suppress(FileNotFoundError), open(name, "rb") as stream:
                _read_all(stream.fileno())
    except OSError:
        return False
    return True


def _read_all(file: int) -> None:
    at = 0
    while piece := os.pread(file, _PIECE_BYTES, at):
        at += len(piece)


def refuse_emptied(path: str) -> None:
    """SQLite takes a file of hardly any bytes for a new one. Raises sqlite3.DatabaseError when there was one before."""
    with contextlib.suppress(OSError):
        is_emptied = os.path.getsize(path) < _SMALLEST_BYTES and (size_of(path + "-wal") > 0 or _was_held(path))
        if is_emptied:
            raise sqlite3.DatabaseError("malformed: it is empty, and was not")


def _was_held(path: str) -> bool:
    return os.path.exists(os.path.join(os.path.dirname(path), HOLDER_NAME))


def size_of(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def look_closely(connection: sqlite3.Connection, path: str) -> None:
    """Read every page, of a large database only if it was found damaged in use. Raises sqlite3.DatabaseError when it
    is damaged."""
    is_suspect = os.path.exists(path + SUSPECT)
    if not is_suspect and size_of(path) > _CHECKED_BYTES:
        return
    [fault] = connection.execute(f"pragma {'integrity' if is_suspect else 'quick'}_check(1)").fetchone()
    if fault != "ok":
        raise sqlite3.DatabaseError(f"malformed: {fault}")
    if is_suspect:
        os.unlink(path + SUSPECT)


def set_aside(path: str) -> str:
    number = 1
    while os.path.lexists(f"{path}.damaged-{number}"):
        number += 1
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(path + suffix, f"{path}.damaged-{number}{suffix}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path + SUSPECT)
    return os.path.basename(f"{path}.damaged-{number}")


def translate(error: sqlite3.Error, path: str) -> StateError | StateBusyError:
    folder = os.path.dirname(path)
    if is_busy(error):
        return StateBusyError(
            f"the state folder {folder} is in use by {holder_of(folder)}. Only one eisync at a time can use it: "
            "wait until that one ends, or choose another --state-dir"
        )
    if is_damage(error):
        return StateDamagedError(_DAMAGED.format(folder=folder))
    return failing_disk(error)


def failing_disk(reason: object) -> StateError:
    return StateError(f"the database cannot be used: {reason}; nothing is lost. Check the disk of the state folder")


def is_busy(error: sqlite3.Error) -> bool:
    return isinstance(error, sqlite3.OperationalError) and any(mark in str(error) for mark in _BUSY_MARKS)


def is_damage(error: sqlite3.Error) -> bool:
    return any(mark in str(error) for mark in _DAMAGE_MARKS)


DATABASE_NAME = "eisync.db"
HOLDER_NAME = "holder"
SOCKET_NAME = "control.sock"
NOTE_NAME = "control"

OWN_NAMES = (
    *(DATABASE_NAME + suffix for suffix in ("", "-wal", "-shm", "-journal", ".suspect")),
    HOLDER_NAME,
    SOCKET_NAME,
    NOTE_NAME,
)
"""What is in the folder, but for databases that were set aside."""

_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_OTHERS_WRITE = 0o022


def claim_folder(folder: str, *, only_looks: bool = False) -> str | None:
    """Make the folder where it is missing, and see that it is ours alone. Returns what was put right, as a sentence.

    Who `only_looks` may be anybody who can. Raises StateError when it is not ours to use.
    """
    try:
        _make(folder)
        status = os.stat(folder)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise StateError(
            f"the state folder {folder} cannot be created: {reason}; choose another one with --state-dir"
        ) from error
    if sys.platform == "win32" or only_looks:
        return None
    owner, us = status.st_uid, os.geteuid()
    if owner not in (us, 0):
        raise StateError(
            f"the state folder {folder} belongs to another user (number {owner}); run eisync as that user, or choose "
            "another folder with --state-dir"
        )
    if not status.st_mode & _OTHERS_WRITE or (owner != us and not status.st_mode & stat.S_IWOTH):
        return None
    rights = f"permissions {stat.S_IMODE(status.st_mode):04o}"
    if owner != us or status.st_mode & stat.S_ISVTX:
        # Root's, or as /tmp: not ours to mend. What is planted in it is refused, what is taken away is noticed.
        return f"others may write to the state folder {folder} ({rights}); give eisync one of its own with --state-dir"
    if not _holds_only_ours(folder):
        raise StateError(
            f"others may write to the state folder {folder} ({rights}); choose a folder of its own, such as "
            f"--state-dir {os.path.join(folder, 'eisync')}, or run 'chmod go-w {folder}'"
        )
    return _mended(folder, status)


def check_names(folder: str) -> None:
    """Raise StateError when something in the folder has a name of ours and was not put there by us."""
    if sys.platform == "win32":
        return
    try:
        owner = os.stat(folder).st_uid
    except OSError:
        return  # there is no folder
    trusted = {owner, os.geteuid(), 0}
    with _opened(folder) as at:
        for name in OWN_NAMES:
            try:
                status = os.stat(name, dir_fd=at, follow_symlinks=False)
            except OSError:
                continue
            what = _why_strange(name, status, trusted)
            if what:
                raise StateError(
                    f"the state folder {folder} cannot be used: {name} in it {what}. Someone else may have put it "
                    "there: remove it, or choose another folder with --state-dir"
                )


def keep_private(folder: str) -> None:
    """Make every file of ours in the folder readable by its owner only, as far as the file system knows of that."""
    if sys.platform == "win32":
        return
    with _opened(folder) as at:
        for name in OWN_NAMES:
            with contextlib.suppress(OSError):
                status = os.stat(name, dir_fd=at, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077:
                    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _NO_LINK, dir_fd=at)
                    with open(descriptor, "rb"):
                        os.fchmod(descriptor, 0o600)


def open_private(folder: str, name: str, flags: int) -> int:
    """A descriptor of the file in the folder, made 0600 where it is missing; no link is followed. Raises OSError."""
    with _opened(folder) as at:
        place = os.path.join(folder, name) if at is None else name
        descriptor = os.open(place, flags | _NO_LINK, 0o600, dir_fd=at)
        if hasattr(os, "fchmod"):
            with contextlib.suppress(OSError):  # not ours: root looks
                if os.fstat(descriptor).st_mode & 0o177:
                    os.fchmod(descriptor, 0o600)
        return descriptor


def write_anew(folder: str, name: str, content: bytes) -> None:
    """Put a new file in the place of whatever has that name, 0600, and nothing into what was there. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, name))
    with open(open_private(folder, name, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
        file.write(content)


def write_holder(folder: str, *, pid: int, verb: str | None = None) -> None:
    """Leave a note of who holds the state folder, for the sentence that the next one prints. It is no lock.

    `verb` is the command that it runs.
    """
    with contextlib.suppress(OSError):
        holder = {"pid": pid} if verb is None else {"pid": pid, "verb": verb}
        write_anew(folder, HOLDER_NAME, json.dumps(holder).encode())


def holder_of(folder: str) -> str:
    """Return who holds the state folder, for a person, as far as the note says."""
    try:
        with open(open_private(folder, HOLDER_NAME, os.O_RDONLY), encoding="utf-8") as note:
            holder = json.load(note)
            verb = holder.get("verb")
            runs = f", which runs 'eisync {verb}'" if isinstance(verb, str) and verb.isalpha() else ""
            return f"process {int(holder['pid'])}{runs}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "another process"


def identity_of(path: str) -> tuple[int, int] | None:
    """Which file is at `path`, a link itself and not what it leads to; None when there is none. Raises OSError."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def lost(folder: str, *, is_gone: bool) -> str:
    """What to say when the database that was opened is not in the folder any more."""
    what = "is gone from it" if is_gone else "is not the one that was opened"
    return (
        f"the state folder {folder} was removed or replaced while eisync ran: the database {what}. This eisync can "
        "no longer record what it does, so it stops; start it again, and it rebuilds everything"
    )


@contextlib.contextmanager
def _opened(folder: str) -> Iterator[int | None]:
    """A descriptor of the folder, so that names stay those in it; None where there are none of folders."""
    if os.open not in os.supports_dir_fd:
        yield None
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _make(folder: str) -> None:
    missing = []
    at = folder
    while at and not os.path.isdir(at):
        missing.append(at)
        at = os.path.dirname(at)
    for place in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(place, 0o700 if place == folder else 0o755)
    os.makedirs(folder, mode=0o700, exist_ok=True)  # says what is wrong where a file is in the way


def _holds_only_ours(folder: str) -> bool:
    return all(name in OWN_NAMES or name.startswith(DATABASE_NAME) for name in os.listdir(folder))


def _mended(folder: str, before: os.stat_result) -> str:
    was = stat.S_IMODE(before.st_mode)
    with contextlib.suppress(OSError), _opened(folder) as at:
        if at is not None:
            os.fchmod(at, was & ~_OTHERS_WRITE)
    now = stat.S_IMODE(os.stat(folder).st_mode)
    if now & _OTHERS_WRITE:  # ours, and yet it cannot be: the file system has no rights
        return (
            f"others may write to the state folder {folder}, and its file system keeps no permissions; keep the "
            "state folder on another disk"
        )
    return f"others might write to the state folder {folder} (permissions {was:04o}); its permissions are {now:04o} now"


def _why_strange(name: str, status: os.stat_result, trusted: set[int]) -> str | None:
    if stat.S_ISLNK(status.st_mode):
        return "is a link; eisync makes none"
    is_right = stat.S_ISSOCK(status.st_mode) if name == SOCKET_NAME else stat.S_ISREG(status.st_mode)
    if not is_right:
        return f"is no {'socket' if name == SOCKET_NAME else 'regular file'}"
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        return "has another name elsewhere (a hard link)"
    if status.st_uid not in trusted:
        return f"belongs to another user (number {status.st_uid})"
    return None
