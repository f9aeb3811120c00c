"""Copy the pages of a database while it is in use.

SQLite's backup interface copies some pages at a time. What the same connection writes in between is written to the
copy, too, so the copy need not begin again, except after a transaction that was rolled back. It holds what the journal
holds, and has no journal of its own.

Source: sqlite.org, "SQLite Backup API".
"""

import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Callable

from eisync.store.state_folder import DATABASE_NAME, open_private

COPY_NAME = f"{DATABASE_NAME}.copy"
"""The copy that a running process makes in the state folder. A start removes what a killed process left."""

_UNWRITABLE = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_IOERR_WRITE: errno.EIO}
"""The errors of a disk that cannot be written. Only the copy is written here, never the database."""

SPARE_BYTES = 16 * 1024 * 1024
"""Stays free beside a copy in the state folder: the process that makes it goes on writing its journal."""

STEP_PAGES = 256
"""With pages of 4 KiB a step copies one MiB: nobody waits long for the connection."""


def copy_pages(source: sqlite3.Connection, path: str, between: Callable[[int, int], None]) -> None:
    """Copy the database of the connection into the empty file at `path`, and sync it.

    `between(left, pages)` is called after each step; what it raises ends this. Raise sqlite3.Error when the database
    cannot be read, OSError when the copy cannot be written.
    """

    def step(_status: int, left: int, pages: int) -> None:
        if left:
            between(left, pages)

    copy = sqlite3.connect(path, isolation_level=None)
    try:
        # A copy that is not finished is thrown away: it needs no journal, and one sync at the end.
        copy.execute("pragma journal_mode = off")
        copy.execute("pragma synchronous = off")
        source.backup(copy, pages=STEP_PAGES, progress=step, sleep=0.01)
    except sqlite3.OperationalError as error:
        number = _UNWRITABLE.get(error.sqlite_errorcode)
        if number is None:
            raise
        raise OSError(number, os.strerror(number)) from error
    finally:
        copy.close()
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def make_place(folder: str) -> str:
    """Make a new empty file for a copy, which only its owner can read, and return its path.

    Raise OSError, also when the copy would leave no room for the database itself.
    """
    drop_copy(folder)
    if shutil.disk_usage(folder).free < os.path.getsize(os.path.join(folder, DATABASE_NAME)) + SPARE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.close(open_private(folder, COPY_NAME, os.O_RDWR | os.O_CREAT | os.O_EXCL))
    return os.path.join(folder, COPY_NAME)


def drop_copy(folder: str) -> None:
    """Remove the copy in the state folder, if there is one. Safe to repeat."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder, COPY_NAME + suffix))
