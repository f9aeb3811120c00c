"""Copy the pages of a database while it is in use.

SQLite's backup interface copies some pages at a time. What the same connection writes in between is written to the
copy, too, so the copy need not begin again. It holds what the journal holds, and has no journal of its own.

Source: sqlite.org, "SQLite Backup API".
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable

from eisync.store.state_folder import DATABASE_NAME, open_private

COPY_NAME = f"{DATABASE_NAME}.copy"
"""The copy that a running process makes in the state folder. A start removes what a killed process left."""

STEP_PAGES = 256
"""With pages of 4 KiB a step copies one MiB: nobody waits long for the connection."""


def copy_pages(source: sqlite3.Connection, path: str, between: Callable[[int, int], None]) -> None:
    """Copy the database of the connection into the empty file at `path`, and sync it.

    `between(left, pages)` is called after each step; what it raises ends this. Raise sqlite3.Error, OSError.
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
    finally:
        copy.close()
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def make_place(folder: str) -> str:
    """Make a new empty file for a copy, which only its owner can read, and return its path. Raise OSError."""
    drop_copy(folder)
    os.close(open_private(folder, COPY_NAME, os.O_RDWR | os.O_CREAT | os.O_EXCL))
    return os.path.join(folder, COPY_NAME)


def drop_copy(folder: str) -> None:
    """Remove the copy in the state folder, if there is one. Safe to repeat."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder, COPY_NAME + suffix))
