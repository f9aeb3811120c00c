"""Make the database smaller: give free pages back to the disk, or rewrite it without gaps.

While a process holds the database, it gives back free pages, some at a time (incremental vacuum): that needs no room,
and no thread waits long. Rewriting it (VACUUM) needs the database for itself, and room for two more of it: the new
content is written to a temporary file, and from there to the journal.

Source: sqlite.org, "VACUUM", section 2; "PRAGMA incremental_vacuum".
"""

import sqlite3

from eisync.core.model import value
from eisync.store.database import Database

PAGES_AT_ONCE = 1_024
"""With pages of 4 KiB a step gives 4 MiB back."""


@value(kw_only=True)
class Space:
    """The room that the database takes, in bytes. `free_bytes` of it are not used.

    `can_shrink`: free pages can be given back at any time. It is False for a database that an early eisync made.
    """

    size_bytes: int
    free_bytes: int
    can_shrink: bool


def space_of(connection: sqlite3.Connection) -> Space:
    """Return the room that the database takes."""

    def number(name: str) -> int:
        return int(connection.execute(f"pragma {name}").fetchone()[0])

    page = number("page_size")
    return Space(
        size_bytes=number("page_count") * page,
        free_bytes=number("freelist_count") * page,
        can_shrink=bool(number("auto_vacuum")),
    )


class SpaceKeeper:
    """Reads and gives back the room of an open database. Safe to use from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> Space:
        """Return the room that it takes. Raise StateError."""
        with self._database.reading() as connection:
            return space_of(connection)

    def give_back(self) -> Space:
        """Give some free pages back, and return the room that it takes then. Raise StateError."""
        before = self.now()
        if before.free_bytes and before.can_shrink:
            self._database.give_back(pages=PAGES_AT_ONCE)
        return self.now()

    def vacuum(self) -> Space:
        """Rewrite the whole database, without gaps. Return the room that it takes then.

        No other process may use it. Raise StateError when there is no room; then nothing has changed.
        """
        with self._database.reading() as connection:
            connection.execute("pragma auto_vacuum = incremental")
            connection.execute("vacuum")
            connection.execute("pragma wal_checkpoint(truncate)")
            return space_of(connection)
