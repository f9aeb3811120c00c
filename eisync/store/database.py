"""Open the one connection to the database in the state folder, and lend it for one transaction at a time.

One process owns the database. Every transaction begins with `BEGIN IMMEDIATE`: a deferred BEGIN fails at once under WAL
when another writer commits. `locking_mode=EXCLUSIVE` makes the database its own single-instance lock; the kernel
releases it when the process dies, however it dies. A power cut may lose the last transactions (`synchronous=NORMAL`):
their files are sent again, and the service's duplicate guard confirms them.

The journal (WAL) is checkpointed here, because SQLite's automatic checkpoint hides its failures. After a failed write
or sync, the checkpoint comes before anything else. The kernel drops the pages that it could not write, and the next
sync then reports success. Everything in a journal behind such a gap would be lost. The checkpoint writes all pages
again.

A damaged database is set aside when the process that holds it opens it (`eisync.store.state_folder`).
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator

from eisync.errors import StateError, StateLostError
from eisync.store.copies import copy_pages, drop_copy
from eisync.store.migrate import create, migrate
from eisync.store.state_folder import (
    DATABASE_NAME,
    SUSPECT,
    can_be_read,
    check_names,
    check_pages,
    claim_folder,
    failing_disk,
    identity_of,
    is_busy,
    is_damage,
    keep_private,
    lost,
    open_private,
    refuse_emptied,
    set_aside,
    size_of,
    translate,
)

FILE_NAME = DATABASE_NAME
OLDEST_SQLITE = (3, 37, 0)  # strict tables; RETURNING came with 3.35

_BUSY_PAUSE_S = 0.02
_JOURNAL_BYTES = 4 * 1024 * 1024  # SQLite's own default: 1000 pages
_MUCH_FREE = 4_096  # pages: 16 MiB
_CACHE_KIB = 2_000  # the page cache grows to this with the database; builds of SQLite have different defaults


class Database:
    """Guard the connection with a lock. Every method of the store uses `transaction` or `reading`."""

    def __init__(
        self, connection: sqlite3.Connection, path: str, file: int | None, *, is_exclusive: bool, is_doubtful: bool
    ) -> None:
        """Take an open connection.

        `file` is a descriptor of the database. Close it after the connection, because closing any descriptor of a file
        releases the locks on it. `is_doubtful`: the content of the journal may not be on the disk.
        """
        self._connection = connection
        self._path = path
        self._file = file
        self._is_exclusive = is_exclusive
        self._is_doubtful = is_doubtful
        self._lock = threading.Lock()
        self._identity = None if file is None else _identity(file)
        self.mended: str | None = None
        """How the permissions of the folder were corrected, as a sentence; None when they were right."""

    @contextlib.contextmanager
    def transaction(self, *, survives_power_cut: bool = False) -> Iterator[sqlite3.Connection]:
        """Run one transaction: all of it is written, or nothing. Raise StateError when the database cannot be written.

        `survives_power_cut`: the transaction is on the disk when this ends. Use it for every record that must exist
        before something is deleted.
        """
        if survives_power_cut:
            self.refuse_lost()
        with self._lock, self._translated(), self._synced(survives_power_cut):
            self._empty_journal()
            try:
                self._connection.execute("begin immediate")
                yield self._connection
                self._connection.execute("commit")
            except BaseException as error:
                self._is_doubtful |= isinstance(error, sqlite3.OperationalError)
                if self._connection.in_transaction:  # a full disk may have rolled back already
                    self._connection.execute("rollback")
                raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection for reading. Raise StateError when the database cannot be read."""
        with self._lock, self._translated():
            yield self._connection

    @contextlib.contextmanager
    def _synced(self, is_full: bool) -> Iterator[None]:
        if not is_full:
            yield
            return
        self._connection.execute("pragma synchronous = full")
        try:
            yield
        finally:
            self._connection.execute("pragma synchronous = normal")

    def copy_to(self, path: str, between: Callable[[int, int], None]) -> None:
        """Write a copy to the empty file at `path`, some pages at a time. Others may read and write meanwhile: the copy
        is of the moment when this ends.

        `between(left, pages)` is called after each step, while others may use the database; what it raises ends this.
        Raise StateError when the database cannot be read, OSError when the copy cannot be written.
        """
        with self._lock, self._translated():
            copy_pages(self._connection, path, lambda left, pages: self._unlocked(lambda: between(left, pages)))

    def _unlocked(self, do: Callable[[], None]) -> None:
        """Let other threads have the connection while `do` runs. The caller holds the lock."""
        self._lock.release()
        try:
            do()
        finally:
            self._lock.acquire()

    def give_back(self, *, pages: int) -> int:
        """Return at most `pages` free pages of the database to the file system. Return how many free pages are left.

        SQLite uses those for the next rows.
        """
        with self.transaction() as connection:
            connection.execute(f"pragma incremental_vacuum({pages})").fetchall()
            return int(connection.execute("pragma freelist_count").fetchone()[0])

    def _empty_journal(self) -> None:
        """Checkpoint the whole journal and sync the database, when the journal is long or may be damaged.

        Raise sqlite3.OperationalError when that fails; the next transaction then tries it first.
        """
        if not self._is_exclusive or not (self._is_doubtful or size_of(self._path + "-wal") >= _JOURNAL_BYTES):
            return
        self._is_doubtful = True
        self._connection.execute("pragma wal_checkpoint(truncate)")
        self._is_doubtful = False

    @property
    def folder(self) -> str:
        """The state folder; empty for a private database."""
        return os.path.dirname(self._path)

    @property
    def is_suspect(self) -> bool:
        """Whether damage was found while the database was in use: the next start then checks every page."""
        return os.path.exists(self._path + SUSPECT)

    def why_lost(self) -> str | None:
        """Return why this is no longer the database of the state folder, as a sentence; None while it is.

        The folder may have been removed or replaced. Another eisync may then hold the new one, and what is written here
        is never read again.
        """
        if self._identity is None:
            return None
        try:
            there = identity_of(self._path)
        except OSError:
            return None  # unknown
        if there == self._identity or (there is not None and there == self._identity_now()):
            return None
        return lost(os.path.dirname(self._path), is_gone=there is None)

    def refuse_lost(self) -> None:
        """Raise StateLostError when `why_lost` gives a reason: a lost database must not cause any deletion."""
        reason = self.why_lost()
        if reason is not None:
            raise StateLostError(reason)

    def _identity_now(self) -> tuple[int, int] | None:
        # Some file systems renumber inodes while mounted; the open file then has a new number, too.
        with self._lock:
            return None if self._file is None else _identity(self._file)

    def close(self) -> None:
        """Close the database and release the state folder. Safe to repeat."""
        with self._lock, self._translated():
            self._connection.close()
            if self._file is not None:
                os.close(self._file)
                self._file = None

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if is_damage(error) and not can_be_read(self._path, self._file):
                raise failing_disk("disk I/O error") from error
            if is_damage(error):
                with contextlib.suppress(OSError):
                    folder, name = os.path.split(self._path)
                    os.close(open_private(folder, name + SUSPECT, os.O_WRONLY | os.O_CREAT))
            raise translate(error, self._path) from error


def open_database(folder: str, *, exclusive: bool, busy_timeout_s: float = 2.0) -> tuple[Database, str | None]:
    """Open the database in `folder`. Create both when they are missing.

    `exclusive` keeps every other process out until the database is closed. Return the database and a sentence. The
    sentence says that a damaged database was set aside, to be rebuilt from a scan and the service's listing; otherwise
    it is None. Without `exclusive` the caller only reads and can rebuild nothing, so a damaged database raises
    StateError.

    Raise StateBusyError when another process holds the database, StateError when the folder cannot be used.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise StateError(f"this Python carries SQLite {sqlite3.sqlite_version}; eisync needs {oldest} or newer")
    mended = claim_folder(folder, read_only=not exclusive)
    try:
        check_names(folder)
        if exclusive:
            keep_private(folder)
    except OSError as error:
        raise StateError(
            f"the state folder {folder} cannot be used: {error.strerror}; check its permissions"
        ) from error
    path = os.path.join(folder, FILE_NAME)
    try:
        return _open(path, exclusive, busy_timeout_s, mended), None
    except sqlite3.DatabaseError as error:
        if is_damage(error) and not can_be_read(path, None):
            raise failing_disk("disk I/O error") from error
        if not exclusive or not is_damage(error):
            raise translate(error, path) from error
    try:
        aside = set_aside(path)
        database = _open(path, exclusive, busy_timeout_s, mended)
    except sqlite3.DatabaseError as error:
        raise translate(error, path) from error
    except OSError as error:
        raise StateError(f"the database in {folder} is damaged and cannot be set aside: {error.strerror}") from error
    return (
        database,
        f"the database was damaged; eisync kept it as {aside} and rebuilds it from the folders and the service",
    )


def _open(path: str, exclusive: bool, busy_timeout_s: float, mended: str | None) -> Database:
    refuse_emptied(path)
    file = _keep_private(path)
    is_doubtful = size_of(path + "-wal") > 0  # left by a process that did not close the database
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=256)
    try:
        if not size_of(path):
            # Only an empty database accepts this without a VACUUM.
            _retry_busy(connection, "pragma auto_vacuum = incremental", busy_timeout_s)
        if exclusive:
            connection.execute("pragma locking_mode = exclusive")
            connection.execute("pragma wal_autocheckpoint = 0")
        _retry_busy(connection, "pragma journal_mode = wal", busy_timeout_s)
        _retry_busy(connection, "begin immediate", busy_timeout_s)  # takes the lock now, not at the first write
        connection.execute("commit")
        connection.execute(f"pragma busy_timeout = {round(busy_timeout_s * 1000)}")
        connection.execute("pragma synchronous = normal")
        connection.execute(f"pragma cache_size = -{_CACHE_KIB}")
        connection.execute("pragma foreign_keys = on")
        migrate(connection)
        if exclusive:
            drop_copy(os.path.dirname(path))
            check_pages(connection, path)
            _make_shrinkable(connection)
        connection.row_factory = sqlite3.Row
    except BaseException:
        connection.close()
        if file is not None:
            os.close(file)
        raise
    database = Database(connection, path, file, is_exclusive=exclusive, is_doubtful=is_doubtful)
    database.mended = mended
    return database


def private_database() -> Database:
    """Open an empty database that has no name and ends with its connection. SQLite keeps what is large in the folder
    for temporary files.

    Raise StateError when SQLite cannot make it.
    """
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False, cached_statements=256)
    try:
        connection.execute("pragma synchronous = off")  # nothing of it outlives the process
        connection.execute(f"pragma cache_size = -{_CACHE_KIB}")
        connection.execute("pragma foreign_keys = on")
        create(connection)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StateError(f"a temporary database cannot be made: {error}") from error
    connection.row_factory = sqlite3.Row
    return Database(connection, "", None, is_exclusive=False, is_doubtful=False)


def _make_shrinkable(connection: sqlite3.Connection) -> None:
    """Shrink a database that an older eisync created, when more than half of it is free; make it shrinkable later."""
    [kind] = connection.execute("pragma auto_vacuum").fetchone()
    [free] = connection.execute("pragma freelist_count").fetchone()
    [pages] = connection.execute("pragma page_count").fetchone()
    if kind or free < _MUCH_FREE or free < pages // 2:
        return
    with contextlib.suppress(sqlite3.OperationalError):  # VACUUM needs free disk space; without it nothing changes
        connection.execute("pragma auto_vacuum = incremental")
        connection.execute("vacuum")


def _keep_private(path: str) -> int | None:
    """Create or open the database so that only its owner can read it. Return its descriptor; None when that fails."""
    # Do this before SQLite opens the file: the journal copies the permissions that the database has at that moment.
    file = None
    with contextlib.suppress(OSError):
        folder, name = os.path.split(path)
        file = open_private(folder, name, os.O_RDONLY | os.O_CREAT)
    return file


def _identity(file: int) -> tuple[int, int]:
    status = os.fstat(file)
    return status.st_dev, status.st_ino


def _retry_busy(connection: sqlite3.Connection, statement: str, limit_s: float) -> None:
    # SQLite's own busy time-out applies to some locks only. A command line tool holds the lock for a moment, a daemon
    # for as long as it runs: this wait has one limit for both.
    pause = threading.Event()
    tries_left = int(limit_s / _BUSY_PAUSE_S)
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or tries_left <= 0:
                raise
            tries_left -= 1
            pause.wait(_BUSY_PAUSE_S)
