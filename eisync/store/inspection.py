"""Look at a state folder without changing anything in it, for `eisync doctor`.

No process may hold the database meanwhile, so this takes the lock that SQLite's readers take, and only for a moment: a
starting eisync waits two seconds for it. Where the journal is empty the database is read as `immutable`, because SQLite
would otherwise create two files. A journal that a killed process left must be read with the database; SQLite then
leaves an index of it behind (`eisync.db-shm`), which the next start replaces.

Sources: sqlite.org, "File Locking And Concurrency", section 5; "Uniform Resource Identifiers"; "Write-Ahead Logging",
section 5.
"""

import contextlib
import os
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar
from urllib.parse import quote

from eisync.core.doctor.state import DatabaseFacts
from eisync.errors import StateBusyError, StateDamagedError, StateError
from eisync.store.database import OLDEST_SQLITE, Database
from eisync.store.schema import VERSION
from eisync.store.state_folder import (
    DATABASE_NAME,
    SUSPECT,
    check_names,
    holder_of,
    is_busy,
    is_damage,
    refuse_emptied,
    size_of,
)

try:
    import fcntl
except ImportError:  # Windows, where SQLite's own locks are used alone
    fcntl = None  # type: ignore[assignment]

WITHIN_S = 1.2
"""How long the database is held at most: less than a starting eisync waits for it."""

_HAS_LOCKS = hasattr(fcntl, "lockf")
_SHARED_FIRST, _SHARED_SIZE = 0x40000002, 510
_STEPS = 2_000  # of SQLite's machine between two looks at the time
_COPY = ".damaged-"
_UNCHECKED = "not checked"
_TOO_MANY = "there are too many files to count them in the time for it"

_T = TypeVar("_T")


def why_unusable(folder: str) -> str | None:
    """Return why eisync would refuse the state folder, as a sentence; None when it would use it. Change nothing."""
    if not os.path.isdir(folder):
        return _why_not_made(folder)
    try:
        status = os.stat(folder)
        check_names(folder)
    except StateError as error:
        return str(error)
    except OSError as error:
        return f"the state folder {folder} cannot be used: {error.strerror}"
    if sys.platform == "win32":
        return None
    if status.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
        return f"the state folder {folder} belongs to another user (number {status.st_uid})"
    if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        return f"others may write to the state folder {folder} (permissions {stat.S_IMODE(status.st_mode):04o})"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return f"you may not write to the state folder {folder}"
    return None


def owner_of(folder: str) -> int | None:
    """Return the number of the user to whom the folder belongs; None when it does not exist, or users have none."""
    try:
        return None if sys.platform == "win32" else os.stat(folder).st_uid
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class Inspected(Generic[_T]):
    """What a database is, and what was `read` of it; None when that failed, and then `why` says why."""

    facts: DatabaseFacts
    read: _T | None
    why: str = ""


def inspect(folder: str, read: Callable[[Database], _T], *, monotonic: Callable[[], float]) -> Inspected[_T] | None:
    """Return what the database is, what `read` reads of it, and a check of its pages as far as the time allows.

    None when there is no database. Damage is a fact, not an error. Raise StateBusyError while a process holds the
    database, StateError when it cannot be read.
    """
    path = os.path.join(folder, DATABASE_NAME)
    if not os.path.lexists(path):
        return None
    try:
        refuse_emptied(path)
        with opened(folder, path) as connection:
            return _inspected(connection, path, read, monotonic)
    except sqlite3.DatabaseError as error:
        if is_busy(error):
            raise StateBusyError(f"{holder_of(folder)} holds the database") from error
        if not is_damage(error):
            raise StateError(f"the database in {folder} cannot be read: {error}; run this as its owner") from error
        facts = DatabaseFacts(
            size_bytes=size_of(path), schema=0, newest=VERSION, damage=str(error), copies=_copies(folder)
        )
        return Inspected(facts, None, "the database is damaged")


@contextlib.contextmanager
def opened(folder: str, path: str) -> Iterator[sqlite3.Connection]:
    """Lend a connection that only reads, while no process may hold the database.

    Raise StateBusyError while one holds it, StateError when it cannot be read, sqlite3.Error.
    """
    with _shared(folder, path):
        connection = sqlite3.connect(_address(path), uri=True, isolation_level=None, timeout=0)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("pragma query_only = on")
            yield connection
        finally:
            connection.close()


@contextlib.contextmanager
def _shared(folder: str, path: str) -> Iterator[None]:
    """Hold the lock of SQLite's readers. Raise StateBusyError while a process has the database for itself."""
    if not _HAS_LOCKS:
        yield
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise StateError(f"the database {path} cannot be read: {error.strerror}; run this as its owner") from error
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
        yield
    except (BlockingIOError, PermissionError) as error:  # both mean a lock of another process: fcntl(2)
        raise StateBusyError(f"{holder_of(folder)} holds the database") from error
    finally:
        os.close(descriptor)


def _address(path: str) -> str:
    """Return the address that opens the database for reading, and creates no file unless it must."""
    is_alone = _HAS_LOCKS and size_of(path + "-wal") == 0
    return f"file:{quote(os.fsencode(path))}?mode=ro" + ("&immutable=1" if is_alone else "")


def _inspected(
    connection: sqlite3.Connection, path: str, read: Callable[[Database], _T], monotonic: Callable[[], float]
) -> Inspected[_T]:
    def number(name: str) -> int:
        return int(connection.execute(f"pragma {name}").fetchone()[0])

    began_at, share = monotonic(), 0.5
    connection.set_progress_handler(lambda: monotonic() - began_at > share * WITHIN_S, _STEPS)
    schema, free, page = number("user_version"), number("freelist_count"), number("page_size")
    found, why = None, "its tables are those of another version"
    if schema == VERSION:
        try:
            # Without its path, so that damage is not recorded: this changes nothing.
            found = read(Database(connection, "", None, is_exclusive=False, is_doubtful=False))
        except StateDamagedError:
            why = "the database is damaged"
        except StateError as error:
            why = _TOO_MANY if "interrupted" in str(error) else str(error)
    share = 1.0
    damage = _damage(connection)
    facts = DatabaseFacts(
        size_bytes=size_of(path),
        journal_bytes=size_of(path + "-wal"),
        schema=schema,
        newest=VERSION,
        free_bytes=free * page,
        damage=damage,
        is_checked=damage != _UNCHECKED,
        is_suspect=os.path.exists(path + SUSPECT),
        copies=_copies(os.path.dirname(path)),
    )
    return Inspected(facts if facts.is_checked else replace(facts, damage=None), found, why)


def _damage(connection: sqlite3.Connection) -> str | None:
    """Return what is wrong with a page; None when every page is right, `_UNCHECKED` when the time was too short."""
    try:
        [found] = connection.execute("pragma quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        return _UNCHECKED
    return None if found == "ok" else str(found).splitlines()[-1]


def _copies(folder: str) -> dict[str, int]:
    with contextlib.suppress(OSError):
        names = [name for name in os.listdir(folder) if name.startswith(DATABASE_NAME + _COPY)]
        return {
            name: size_of(os.path.join(folder, name)) for name in sorted(names) if name.rpartition("-")[2].isdigit()
        }
    return {}


def _why_not_made(folder: str) -> str | None:
    """Return why a missing state folder could not be created."""
    if os.path.lexists(folder):
        return f"{folder} is no folder"
    above = os.path.dirname(folder)
    while above and not os.path.lexists(above) and above != os.path.dirname(above):
        above = os.path.dirname(above)
    if os.access(above, os.W_OK | os.X_OK):
        return None
    return f"the state folder {folder} cannot be created: you may not write to {above}"


def sqlite_version() -> tuple[str, str | None]:
    """Return the version of SQLite, and the oldest that eisync can use if this one is older."""
    oldest = ".".join(map(str, OLDEST_SQLITE))
    return sqlite3.sqlite_version, oldest if sqlite3.sqlite_version_info < OLDEST_SQLITE else None
