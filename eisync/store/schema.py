"""Bring the tables to their newest version. A change of the schema is a new migration, never an edit of an old one.

`user_version` counts the migrations that were applied, so that a database which is up to date opens without
importing sqlite-utils (0.15 s and 15 MB on the machine where `eisync status` has to answer at once).

One row of `file` is one file: its state, its reason and what is to be said of it. The rows in READY, SENDING and
DOUBTFUL are the outbox; the others, with `sample` and `file_sample`, are the index.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from eisync.errors import StateError
from eisync.store.first_migrations import FIRST

if TYPE_CHECKING:
    from sqlite_utils import Database as SqliteUtilsDatabase

VERSION = 21


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to `VERSION`, in one transaction.

    Raises StateError for a database that a newer eisync has written.
    """
    if _version(connection) == VERSION:
        return
    import sqlite_utils  # not at the top: see above

    migrations = sqlite_utils.Migrations("eisync")
    for name, statements in MIGRATIONS.items():
        migrations(name=name)(_applied(statements))
    # sqlite-utils would begin a deferred one: two that look at a new folder at once would lock each other out.
    connection.execute("begin immediate")
    try:
        if _version(connection) != VERSION:
            migrations.apply(sqlite_utils.Database(connection, use_counts_table=False))
            connection.execute(f"pragma user_version = {VERSION}")
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def _version(connection: sqlite3.Connection) -> int:
    found = int(connection.execute("pragma user_version").fetchone()[0])
    if found > VERSION:
        raise StateError(
            f"the state folder was written by a newer eisync (schema {found}; this one knows {VERSION}). Use that "
            "version, or another state folder"
        )
    return found


def _applied(statements: Iterable[str]) -> "Callable[[SqliteUtilsDatabase], None]":
    def apply(database: "SqliteUtilsDatabase") -> None:
        for statement in statements:
            database.conn.execute(statement)

    return apply


# A new migration is appended here.
LATER: Mapping[str, tuple[str, ...]] = {
    "_011_forgotten_files": (
        # What is left of files that exist nowhere any more: their content, and whether it was deleted at the service.
        """create table forgotten_file (
            target text not null,
            sha256 blob not null,        -- 32 bytes, of the version that was sent last
            size integer not null,
            at real not null,            -- when its row left
            state text not null,         -- synced or tombstone
            sample_id integer,           -- a sample that held it; null: none was known
            primary key (target, sha256)
        ) strict, without rowid""",
        "create index file_away on file (target, absent_at) where absent_at is not null",
    ),
    "_012_versions_by_content": (
        # When anything last happened to the file, by its file system; 0: not known, the next look learns it.
        "alter table file add column ctime_ns integer not null default 0",
        "alter table sidecar add column ctime_ns integer not null default 0",
        # 0: its file system numbers the files anew at every mount, say, and inodes tell nothing.
        "alter table root add column has_stable_inodes integer not null default 1",
        # The inode last: a file that was copied or restored has another one, and the time of the one it came from.
        "drop index file_by_version",
        "create index file_by_version on file (size, mtime_ns, inode)",
        # Files at the service that are not in their place, by what a copy has of them.
        """create index file_elsewhere on file (size, mtime_ns)
            where state = 'synced' and absent_at is not null""",
        # Contents of which a person deleted the sample, whatever file has them now or later.
        """create table deleted_content (
            target text not null,
            size integer not null,
            sha256 text not null,
            sample_id integer,
            deleted_at real not null,
            primary key (target, size, sha256)
        ) strict, without rowid""",
        # Contents of versions that others took the place of, by their samples, as long as these are there.
        """create table earlier_content (
            target text not null,
            sample_id integer not null,
            size integer not null,
            sha256 text not null,
            primary key (target, sample_id)
        ) strict, without rowid""",
        """insert or ignore into deleted_content (target, size, sha256, sample_id, deleted_at)
            select target, size, sha256, (select max(sample_id) from file_sample where file_id = file.id), changed_at
            from file where state = 'tombstone' and sha256 is not null""",
    ),
    "_013_clock_and_tombstone_plans": (
        # What a plan is about: 'acts' on files and samples, or 'tombstones', of files whose samples vanished.
        "alter table plan add column about text not null default 'acts'",
        # Files that became tombstones without a person's yes, as the guard counts them.
        """create table vanished (
            id integer primary key,
            target text not null,
            file_id integer not null,
            root_id integer not null,
            at real not null
        ) strict""",
        "create index vanished_at on vanished (target, at)",
        # The last time known, and since when time counts. One row.
        """create table clock (
            id integer primary key check (id = 1),
            seen_at real not null,       -- the last time seen (Unix s)
            counts_from real not null default 0,  -- nothing before this instant counts: the clock was set then
            wrong_until real not null default 0,  -- the same, for spans of days
            recent_from real not null default 0,  -- what was written down before was older than a day then
            was_wrong integer not null default 0  -- a service told another time, and none has agreed since
        ) strict""",
    ),
    "_014_segments": (
        # It is a piece of what was sent: a person cropped or split it in Studio.
        "alter table sample add column is_cropped integer not null default 0",
        "create index sample_cropped on sample (target, original_name) where is_cropped",
        # The sample does not hold the file: it was cut out of one that did, and that one is gone.
        "alter table file_sample add column is_segment integer not null default 0",
    ),
    "_015_absences": (
        "alter table root add column scan_began_at real",  # the last complete scan: when it began
        # By content; a part of the hash is enough to find it, and takes a quarter of the room.
        "create index file_by_content on file (substr(sha256, 1, 16)) where sha256 is not null",
    ),
    "_016_disks": (
        # What is mounted in a root, and what the root itself is on.
        """create table disk (
            root_id integer not null references root (id),
            folder blob not null,        -- relative to the root; empty for the root itself
            point blob not null,         -- where that of the root is mounted; else the number of the mount
            device integer not null,
            inode integer not null,      -- of the folder that is seen there
            since_id integer not null,   -- files that came later than this one are on it
            primary key (root_id, folder)
        ) strict, without rowid""",
        # Files that cannot be seen: those at and below the folder with from_id < id <= upto_id.
        """create table away (
            id integer primary key,
            root_id integer not null references root (id),
            folder blob not null,
            point blob,                  -- the disk that is missing; null: the folder itself, under something else
            device integer,
            inode integer,
            since_id integer,
            from_id integer not null,
            upto_id integer not null,
            since_at real not null
        ) strict""",
    ),
    "_017_lineage": (
        # What was counted in a watched folder as it was looked at last, and why a missing file means nothing there.
        """create table lineage (
            root_id integer primary key references root (id),
            epoch text not null,
            counter integer not null,
            taken integer not null,      -- how many files this state took out of the folder
            others text not null,        -- JSON: how many the others did, by epoch
            doubt text,                  -- for a person; null: none
            serial integer not null,     -- of the last doubt
            is_unscanned integer not null,
            is_unlisted integer not null
        ) strict""",
        # The folders that files are archived in, each by the marker that it has.
        "create table archive (path blob primary key, marker text not null) strict, without rowid",
    ),
    # They were read without a limit on what an entry is made of: they are read again, which takes seconds.
    "_018_sidecars_anew": (
        "delete from sidecar_entry",
        "delete from sidecar",
    ),
    "_019_names_and_remarks": (
        # The file name that the service is told, where an account gives one; null: that of the file.
        "alter table file add column sent_as text",
        # JSON: what is said of the file and not sent, a sentence by kind; null: nothing.
        "alter table file add column remarks text",
        "create index file_remarked on file (root_id) where remarks is not null",
        # A path may have several entries, and a name several forms. They are read again, which takes seconds.
        "delete from sidecar",
        "drop table sidecar_entry",
        """create table sidecar_entry (
            sidecar_id integer not null references sidecar (id) on delete cascade,
            path text not null,
            number integer not null,     -- of the entries of one path
            alike text,                  -- the same for names that differ in form or case only; null: it is the path
            said text not null,          -- JSON
            primary key (sidecar_id, path, number)
        ) strict, without rowid""",
        "create index sidecar_entry_alike on sidecar_entry (sidecar_id, alike) where alike is not null",
        # Labels are in NFC now: what waits is described anew.
        "update root set described_by = null",
    ),
    "_020_observed": (
        # What a folder held when it was looked at last that is in no row of `file`, or is not what that row says: files
        # that are not complete, and what cannot be read. The rest of it, beyond a limit, is only counted.
        """create table observed (
            root_id integer not null references root (id),
            folder blob not null,        -- relative to the root; empty for the root itself
            name blob not null,
            state text not null,         -- settling, unreadable
            reason text not null,
            size integer not null,
            is_folder integer not null default 0,
            since_at real not null,
            primary key (root_id, folder, name)
        ) strict, without rowid""",
        "alter table root add column observed_at real",  # when that was written down last
        "alter table root add column beyond integer not null default 0",  # so many are beyond the limit
        "alter table root add column comparing integer not null default 0",  # touched since their upload, not compared
    ),
    "_021_change_feed": (
        # The newest dataset version that the index takes account of; null: not known, so the listing tells.
        "alter table mirror add column version_index integer",
        "alter table sweep add column version_index integer",
    ),
}

MIGRATIONS: Mapping[str, tuple[str, ...]] = {**FIRST, **LATER}
"""Every migration by the name under which the database remembers it, in order."""
