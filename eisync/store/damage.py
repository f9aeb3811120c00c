"""Tell a damaged database from a disk that cannot be read, and set it aside; and what SQLite's errors mean.

A database of moderate size is looked through when it is opened. In a larger one, damage deep inside shows only in use:
then a note is left, and the next opening looks at every page. A disk that cannot be read is no damage, though SQLite
calls it so: what lies on it may be sound, and is left alone.
"""

import contextlib
import os
import sqlite3

from eisync.errors import StateBusyError, StateDamagedError, StateError
from eisync.store.state_folder import HOLDER_NAME, holder_of

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
