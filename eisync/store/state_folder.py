"""Keep the state folder private to its owner, and set a damaged database aside.

The rules are those of ssh for its files. A folder that belongs to another user, or that others may write, is not used.
If the folder is ours and holds only our files, its permissions are corrected, and that is logged. No file of ours is
opened through a link, and each has mode 0600 whatever the umask is.

Three cases are not checked. Root may read any user's folder ('sudo eisync status'). A folder of root's may be writable
by our group (Kubernetes' fsGroup) or by everyone (an emptyDir, /tmp), because that is root's choice; the second case
causes a warning. Windows has other permissions.

A database of moderate size is checked when it is opened. In a larger one, damage deep inside is found only in use.
Then a marker file is left, and the next start checks every page. A disk that cannot be read is no damage, although
SQLite reports it so: the data on it may be intact, and stays untouched.
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

_CHUNK_BYTES = 1024 * 1024
_BUSY_MARKS = ("locked", "busy")
_DAMAGE_MARKS = ("malformed", "not a database", "disk image", "unsupported file format")
_CHECKED_BYTES = 64 * 1024 * 1024  # reading this much takes about a tenth of a second
_SMALLEST_BYTES = 512  # the smallest database: one page
_DAMAGED = "the database in {folder} is damaged; 'eisync run' or 'eisync once' sets it aside and rebuilds it"


def can_be_read(path: str, file: int | None) -> bool:
    """Return whether every byte of the database can be read from the disk, valid or not. `file`: see `Database`."""
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
    os.lseek(file, 0, os.SEEK_SET)
    while os.read(file, _CHUNK_BYTES):
        pass


def refuse_emptied(path: str) -> None:
    """Raise sqlite3.DatabaseError for a database that lost its content: SQLite would treat the empty file as new."""
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


def check_pages(connection: sqlite3.Connection, path: str) -> None:
    """Check every page. Check a large database only if damage was found in use.

    Raise sqlite3.DatabaseError when the database is damaged.
    """
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
LEDGERS_NAME = "notifications.json"
WEB_TOKEN_NAME = "web.token"  # noqa: S105 - the name of the file
WEB_LINK_NAME = "web.html"

OWN_NAMES = (
    *(DATABASE_NAME + suffix for suffix in ("", "-wal", "-shm", "-journal", ".suspect")),
    HOLDER_NAME,
    SOCKET_NAME,
    NOTE_NAME,
    LEDGERS_NAME,
    f"{LEDGERS_NAME}.new",
    WEB_TOKEN_NAME,
    WEB_LINK_NAME,
)
"""Every file that eisync keeps in the folder, except databases that were set aside and journals of self-tests."""

SELFTEST_PREFIX = "selftest-"
"""What the name of a self-test's journal begins with."""

_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_OTHERS_WRITE = 0o022


def claim_folder(folder: str, *, read_only: bool = False) -> str | None:
    """Create the folder if it is missing, and make sure that only its owner can write it.

    Return a sentence about a correction or a warning; None when there is none. `read_only`: check nothing, because any
    user who can read the folder may do so. Raise StateError when eisync must not use the folder.
    """
    try:
        _make(folder)
        status = os.stat(folder)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise StateError(
            f"the state folder {folder} cannot be created: {reason}; choose another one with --state-dir"
        ) from error
    if sys.platform == "win32" or read_only:
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
        # The folder is root's or shared like /tmp, so eisync does not correct it. Files that others put there are
        # refused (`check_names`), and removed ones are noticed (`Database.why_lost`).
        return f"others may write to the state folder {folder} ({rights}); give eisync one of its own with --state-dir"
    if not _holds_only_ours(folder):
        raise StateError(
            f"others may write to the state folder {folder} ({rights}); choose a folder of its own, such as "
            f"--state-dir {os.path.join(folder, 'eisync')}, or run 'chmod go-w {folder}'"
        )
    return _mended(folder, status)


def check_names(folder: str) -> None:
    """Raise StateError when a file in the folder has one of our names but was not created by eisync."""
    if sys.platform == "win32":
        return
    try:
        owner = os.stat(folder).st_uid
    except OSError:
        return  # the folder does not exist
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
    """Make every file of ours in the folder readable by its owner only, if the file system has permissions."""
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
    """Return a descriptor of the file in the folder. Create it with mode 0600 if it is missing, and follow no link.

    Raise OSError.
    """
    with _opened(folder) as at:
        place = os.path.join(folder, name) if at is None else name
        descriptor = os.open(place, flags | _NO_LINK, 0o600, dir_fd=at)
        if hasattr(os, "fchmod"):
            with contextlib.suppress(OSError):  # another user's file, read by root
                if os.fstat(descriptor).st_mode & 0o177:
                    os.fchmod(descriptor, 0o600)
        return descriptor


def write_anew(folder: str, name: str, content: bytes) -> None:
    """Replace whatever has that name by a new file of mode 0600, without writing to what was there. Raise OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, name))
    with open(open_private(folder, name, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
        file.write(content)


def write_holder(folder: str, *, pid: int, verb: str | None = None) -> None:
    """Record which process holds the state folder, for the message of the next process. This is no lock.

    `verb` is the command that the process runs.
    """
    with contextlib.suppress(OSError):
        holder = {"pid": pid} if verb is None else {"pid": pid, "verb": verb}
        write_anew(folder, HOLDER_NAME, json.dumps(holder).encode())


def holder_of(folder: str) -> str:
    """Return which process holds the state folder, in words for a person, as far as the note says."""
    try:
        with open(open_private(folder, HOLDER_NAME, os.O_RDONLY), encoding="utf-8") as note:
            holder = json.load(note)
            verb = holder.get("verb")
            runs = f", which runs 'eisync {verb}'" if isinstance(verb, str) and verb.isalpha() else ""
            return f"process {int(holder['pid'])}{runs}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "another process"


def identity_of(path: str) -> tuple[int, int] | None:
    """Return (device, inode) of the file at `path`, following no link; None when there is none. Raise OSError."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def lost(folder: str, *, is_gone: bool) -> str:
    """Return the sentence for a database that is no longer in the folder where it was opened."""
    what = "is gone from it" if is_gone else "is not the one that was opened"
    return (
        f"the state folder {folder} was removed or replaced while eisync ran: the database {what}. This eisync can "
        "no longer record what it does, so it stops; start it again, and it rebuilds everything"
    )


@contextlib.contextmanager
def _opened(folder: str, flags: int = getattr(os, "O_PATH", os.O_RDONLY)) -> Iterator[int | None]:
    """Lend a descriptor of the folder, so that names refer to this very folder; None if the system lacks them.

    By default one that only leads to the names: the members of a group may pass through the folder and not list it.
    """
    if os.open not in os.supports_dir_fd:
        yield None
        return
    descriptor = os.open(folder, flags | os.O_DIRECTORY | os.O_CLOEXEC)
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
    os.makedirs(folder, mode=0o700, exist_ok=True)  # raises the right error when a file is in the way


def _holds_only_ours(folder: str) -> bool:
    return all(name in OWN_NAMES or name.startswith((DATABASE_NAME, SELFTEST_PREFIX)) for name in os.listdir(folder))


def _mended(folder: str, before: os.stat_result) -> str:
    was = stat.S_IMODE(before.st_mode)
    with contextlib.suppress(OSError), _opened(folder, os.O_RDONLY) as at:
        if at is not None:
            os.fchmod(at, was & ~_OTHERS_WRITE)
    now = stat.S_IMODE(os.stat(folder).st_mode)
    if now & _OTHERS_WRITE:  # the folder is ours, yet the change had no effect: the file system has no permissions
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
