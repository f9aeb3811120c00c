"""Migrate the tables to their newest version (`eisync.store.schema`).

Only a database of an older eisync needs sqlite-utils: importing it takes 0.15 s and 15 MB, and `eisync status` must
answer at once. A new database gets all tables without it, and the same record of the migrations.
"""

import sqlite3
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import ModuleType
from typing import TYPE_CHECKING

from eisync.errors import StateError
from eisync.store.schema import MIGRATIONS, VERSION

if TYPE_CHECKING:
    from sqlite_utils import Database as SqliteUtilsDatabase

# The record of the applied migrations, exactly as sqlite-utils makes it: it applies those of later versions.
_RECORD = (
    """CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
)""",
    """CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name")""",
)
_RECORD_APPLIED = """
insert into _sqlite_migrations (migration_set, name, applied_at) values (:migrations, :name, :applied_at)"""
_SET_NAME = "eisync"

# Migrations by the names under which they were recorded before branches of the history met. They are not applied again.
_RENAMED = {"_007_retention": "_008_retention", "_008_acts_by_file": "_009_acts_by_file"}
_RENAME_RECORD = """
update _sqlite_migrations set name = :name
where migration_set = :migrations and name = :before
    and not exists (select 1 from _sqlite_migrations where migration_set = :migrations and name = :name)"""

# Columns that a migration had not yet when it landed, with their types.
_LATE_COLUMNS = (("forgotten_file", "sample_id", "integer"),)


def migrate(connection: sqlite3.Connection) -> None:
    """Migrate the database to `VERSION`, in one transaction.

    Raise StateError for a database that a newer eisync has written.
    """
    if _version(connection) == VERSION:
        return
    if not _is_empty(connection):
        _imported()  # import it before the lock is taken
    # sqlite-utils would begin a deferred transaction: two processes that open a new folder at once would block each
    # other.
    connection.execute("begin immediate")
    try:
        if _is_empty(connection):
            _create_recorded(connection)
        elif _version(connection) != VERSION:
            _upgrade(connection)
        connection.execute(f"pragma user_version = {VERSION}")
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def refuse_newer(schema: int) -> None:
    """Raise StateError for the schema of a database that a newer eisync has written."""
    if schema > VERSION:
        raise StateError(
            f"the state folder was written by a newer eisync (schema {schema}; this one knows {VERSION}). Use that "
            "version, or another state folder"
        )


def create(connection: sqlite3.Connection) -> None:
    """Create the tables in an empty database that ends with its process. It does not need the record of migrations."""
    for statements in MIGRATIONS.values():
        for statement in statements:
            connection.execute(statement)


def _create_recorded(connection: sqlite3.Connection) -> None:
    for statement in _RECORD:
        connection.execute(statement)
    create(connection)
    applied = {"migrations": _SET_NAME, "applied_at": str(datetime.now(UTC))}
    connection.executemany(_RECORD_APPLIED, [{**applied, "name": name} for name in MIGRATIONS])


def _upgrade(connection: sqlite3.Connection) -> None:
    sqlite_utils = _imported()
    _rename_records(connection)
    migrations = sqlite_utils.Migrations(_SET_NAME)
    for name, statements in MIGRATIONS.items():
        migrations(name=name)(_applied(statements))
    migrations.apply(sqlite_utils.Database(connection, use_counts_table=False))
    for table, column, kind in _LATE_COLUMNS:
        if column not in {row[1] for row in connection.execute(f"pragma table_info({table})")}:
            connection.execute(f"alter table {table} add column {column} {kind}")


def _rename_records(connection: sqlite3.Connection) -> None:
    if connection.execute("select 1 from sqlite_master where name = '_sqlite_migrations'").fetchone() is None:
        return
    for before, name in _RENAMED.items():
        connection.execute(_RENAME_RECORD, {"migrations": _SET_NAME, "before": before, "name": name})


def _imported() -> ModuleType:
    """Import sqlite-utils, but not the pandas and numpy beside it.

    It imports these where they are installed, for types that no table of ours has: half a second, 60 MB and threads.
    """
    hidden = [name for name in ("numpy", "pandas") if name not in sys.modules]
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]  # None makes an import fail
    try:
        modules |= dict.fromkeys(hidden)
        import sqlite_utils
    finally:
        for name in hidden:
            modules.pop(name, None)
    return sqlite_utils


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("select 1 from sqlite_master limit 1").fetchone() is None


def _version(connection: sqlite3.Connection) -> int:
    found = int(connection.execute("pragma user_version").fetchone()[0])
    refuse_newer(found)
    return found


def _applied(statements: Iterable[str]) -> "Callable[[SqliteUtilsDatabase], None]":
    def apply(database: "SqliteUtilsDatabase") -> None:
        for statement in statements:
            database.conn.execute(statement)

    return apply
