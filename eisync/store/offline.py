"""Read a database that no process holds, without changing it: check it, or copy it. And check a copy.

A starting eisync is told meanwhile that the folder is in use, and may try again.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

from eisync.core.doctor.finding import Finding, fault
from eisync.core.doctor.state import REBUILD
from eisync.errors import ConfigurationError, StateBusyError, StateError
from eisync.store import inspection, integrity
from eisync.store.copies import copy_pages
from eisync.store.database import Database, open_database
from eisync.store.integrity import Beat
from eisync.store.migrate import refuse_newer
from eisync.store.space import SpaceKeeper
from eisync.store.state_folder import DATABASE_NAME, holder_of, is_busy, is_damage, refuse_emptied, translate


def database_in(folder: str) -> str:
    """Return the path of the database in the state folder. Raise ConfigurationError when there is none."""
    path = os.path.join(folder, DATABASE_NAME)
    if not os.path.lexists(path):
        raise ConfigurationError(
            f"there is no database in {folder}: nothing was watched with it yet. If eisync runs elsewhere, name its "
            "--config or --state-dir"
        )
    return path


def check_folder(folder: str, beat: Beat) -> Iterator[Finding]:
    """Yield what is found in the database of the state folder.

    Raise StateBusyError while a process holds it, StateError when it cannot be read, or is that of a newer eisync.
    """
    path = database_in(folder)
    with _translated(path):
        refuse_emptied(path)
        with inspection.opened(folder, path) as connection:
            yield from _checked(connection, beat)


def check_file(path: str, beat: Beat) -> Iterator[Finding]:
    """Yield what is found in a copy that nothing writes to. Raise StateError."""
    with _translated(path), _reading(path) as connection:
        yield from _checked(connection, beat)


def copy_folder(folder: str, path: str, between: Callable[[int, int], None]) -> None:
    """Copy the database of the state folder into the empty file at `path`.

    `between(left, pages)` is called after each step. Raise StateBusyError while a process holds it, StateError when it
    cannot be read, OSError when the copy cannot be written.
    """
    source = database_in(folder)
    with _translated(source):
        refuse_emptied(source)
        with inspection.opened(folder, source) as connection:
            [schema] = connection.execute("pragma user_version").fetchone()
            refuse_newer(schema)
            copy_pages(connection, path, between)


def counts_of(path: str) -> dict[str, int]:
    """Return how many rows the main tables of a copy have. Raise StateError."""
    with _translated(path), _reading(path) as connection:
        names = ("file", "sample", "history")
        return {name: int(connection.execute(f"select count(*) from {name}").fetchone()[0]) for name in names}


@contextmanager
def held(folder: str) -> Iterator[SpaceKeeper]:
    """Hold the database of the state folder, and lend what makes it smaller.

    A database of an older eisync is brought to the newest schema.

    Raise StateBusyError while another process holds it, StateError when it cannot be used or is damaged.
    """
    with _translated(database_in(folder)):
        database = _opened(folder)
        try:
            yield SpaceKeeper(database)
        finally:
            database.close()


def _opened(folder: str) -> Database:
    for finding in check_folder(folder, lambda _: None):  # opening it for writing would set a damaged one aside
        if finding.check == "pages":
            if finding.remedy:
                raise StateError(f"{finding.sentence}; {finding.remedy}")
            break
    return open_database(folder, exclusive=True)[0]


@contextmanager
def _reading(path: str) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"file:{quote(os.fsencode(path))}?mode=ro&immutable=1", uri=True, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def _checked(connection: sqlite3.Connection, beat: Beat) -> Iterator[Finding]:
    try:
        yield from integrity.check(connection, beat)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        yield fault("pages", f"the database is damaged: {error}", REBUILD)


@contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if "interrupted" in str(error):
            raise KeyboardInterrupt from None  # Ctrl-C, which SQLite answers by ending the statement
        if is_busy(error):
            raise StateBusyError(f"{holder_of(os.path.dirname(path))} holds the database") from error
        raise translate(error, path) from error
