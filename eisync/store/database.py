"""Open the one connection to the state folder, and hand it out for one transaction at a time.

One process owns the database. `BEGIN IMMEDIATE` always: a deferred BEGIN fails at once under WAL when another writer
commits. `locking_mode=EXCLUSIVE` makes the database its own single-instance lock; the kernel lets go of it when the
process dies, however it dies. Losing power may take the last transactions (`synchronous=NORMAL`): their files are sent
again and the service's duplicate guard confirms them.

What the journal (WAL) holds is carried into the database here, not by SQLite in passing, which hides when that fails.
After a write or a sync that failed it is done before anything else: the kernel forgets what it could not write,
the next sync claims success, and a journal with a gap is worth nothing behind it. Carrying it over writes everything
anew.

A damaged database is set aside when the process that holds it opens it (`eisync.store.state_folder`).
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator

from eisync.errors import StateError, StateLostError
from eisync.store.schema import migrate
from eisync.store.state_folder import (
    DATABASE_NAME,
    SUSPECT,
    can_be_read,
    check_names,
    claim_folder,
    failing_disk,
    identity_of,
    is_busy,
    is_damage,
    keep_private,
    look_closely,
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
_JOURNAL_BYTES = 4 * 1024 * 1024  # SQLite's own measure: 1000 pages
_MUCH_FREE = 4_096  # pages: 16 MiB
_CACHE_KIB = 2_000  # what memory grows into while the database does; builds of SQLite differ


class Database:
    """The connection behind its lock. Every method of the store goes through `transaction` or `reading`."""

    def __init__(
        self, connection: sqlite3.Connection, path: str, file: int | None, *, is_exclusive: bool, is_doubtful: bool
    ) -> None:
        """`file` is a descriptor of the database, to be closed after the connection: closing one lets go of the lock.
        `is_doubtful`: what the journal holds may not be on the disk."""
        self._connection = connection
        self._path = path
        self._file = file
        self._is_exclusive = is_exclusive
        self._is_doubtful = is_doubtful
        self._lock = threading.Lock()
        self._identity = None if file is None else _identity(file)
        self.mended: str | None = None
        """What was put right of the folder's rights, as a sentence."""

    @contextlib.contextmanager
    def transaction(self, *, survives_power_cut: bool = False) -> Iterator[sqlite3.Connection]:
        """All of it or nothing of it. Raises StateError when the database cannot be written.

        `survives_power_cut`: it is on the disk when this returns; for what must be known before something is destroyed.
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
        """One look at the database. Raises StateError when it cannot be read."""
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

    def give_back(self, *, pages: int) -> int:
        """Give free pages at the end of the database back to the disk, so many at most. Returns how many are left.

        What is not given back is used for what comes next.
        """
        with self.transaction() as connection:
            connection.execute(f"pragma incremental_vacuum({pages})").fetchall()
            return int(connection.execute("pragma freelist_count").fetchone()[0])

    def _empty_journal(self) -> None:
        """Carry all of it into the database and onto the disk, when it is long or cannot be relied on.

        Raises sqlite3.OperationalError when that fails; then the next transaction begins with it.
        """
        if not self._is_exclusive or not (self._is_doubtful or size_of(self._path + "-wal") >= _JOURNAL_BYTES):
            return
        self._is_doubtful = True
        self._connection.execute("pragma wal_checkpoint(truncate)")
        self._is_doubtful = False

    @property
    def is_suspect(self) -> bool:
        """Whether damage showed in use: then the next opening looks at every page."""
        return os.path.exists(self._path + SUSPECT)

    def why_lost(self) -> str | None:
        """Why this is not the database of the state folder any more, as a sentence; None when it is.

        Somebody may remove the folder, or put another one in its place: then another eisync may hold that one, and what
        is written here is never read again.
        """
        if self._identity is None:
            return None
        try:
            there = identity_of(self._path)
        except OSError:
            return None  # it cannot be told
        if there == self._identity or (there is not None and there == self._identity_now()):
            return None
        return lost(os.path.dirname(self._path), is_gone=there is None)

    def refuse_lost(self) -> None:
        """Raise StateLostError when `why_lost` says something: nothing may be destroyed on the word of what is gone."""
        reason = self.why_lost()
        if reason is not None:
            raise StateLostError(reason)

    def _identity_now(self) -> tuple[int, int] | None:
        # Some file systems make up inodes anew; then the open file has a new one, too.
        with self._lock:
            return None if self._file is None else _identity(self._file)

    def close(self) -> None:
        """Let go of the state folder. Safe to repeat."""
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
    """Open the database in `folder`, making both where they are missing.

    `exclusive` keeps every other process out until it is closed. Returns the database and, when a damaged one was set
    aside to be rebuilt from a scan and the service's listing, the sentence that says so. Who opens it otherwise only
    looks, and could rebuild nothing: then a damaged one is a StateError.

    Raises StateBusyError when another process holds it, StateError when the folder cannot be used.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise StateError(f"this Python carries SQLite {sqlite3.sqlite_version}; eisync needs {oldest} or newer")
    mended = claim_folder(folder, only_looks=not exclusive)
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
    is_doubtful = size_of(path + "-wal") > 0  # of one that did not close it
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=256)
    try:
        if not size_of(path):
            # Only a database without tables takes it at once.
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
            look_closely(connection, path)
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


def _make_shrinkable(connection: sqlite3.Connection) -> None:
    """Of a database of an older eisync, more than half of which is free, the free room goes back to the disk."""
    [kind] = connection.execute("pragma auto_vacuum").fetchone()
    [free] = connection.execute("pragma freelist_count").fetchone()
    [pages] = connection.execute("pragma page_count").fetchone()
    if kind or free < _MUCH_FREE or free < pages // 2:
        return
    with contextlib.suppress(sqlite3.OperationalError):  # it takes room of its own for a moment; then it stays as it is
        connection.execute("pragma auto_vacuum = incremental")
        connection.execute("vacuum")


def _keep_private(path: str) -> int | None:
    """A descriptor of the database, which only its owner can read from now on; None where it cannot be opened."""
    # Before SQLite does: the journal beside the database takes the rights that the database has at that moment.
    file = None
    with contextlib.suppress(OSError):
        folder, name = os.path.split(path)
        file = open_private(folder, name, os.O_RDONLY | os.O_CREAT)
    return file


def _identity(file: int) -> tuple[int, int]:
    status = os.fstat(file)
    return status.st_dev, status.st_ino


def _retry_busy(connection: sqlite3.Connection, statement: str, limit_s: float) -> None:
    # SQLite's own busy time-out is left out of some locks and waits for others; a command line tool may be looking at
    # this moment, and a daemon will hold on: this wait has one limit for both.
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
