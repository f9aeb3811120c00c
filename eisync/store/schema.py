"""The tables, and how they came to be. Append-only: a change of the schema is a new migration, never an edit.

`user_version` counts the migrations that were applied, so that a database which is up to date opens without
importing sqlite-utils (0.15 s and 15 MB on the machine where `eisync status` has to answer at once).

One row of `file` is one file: its state, its reason and what is to be said of it. The rows in READY, SENDING and
DOUBTFUL are the outbox; the others, with `sample` and `file_sample`, are the index.
"""

import sqlite3
from typing import TYPE_CHECKING

from eisync.errors import StateError

if TYPE_CHECKING:
    from sqlite_utils import Database as SqliteUtilsDatabase

VERSION = 20


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to `VERSION`, in one transaction.

    Raises StateError for a database that a newer eisync has written.
    """
    if _version(connection) == VERSION:
        return
    import sqlite_utils  # not at the top: see above

    migrations = sqlite_utils.Migrations("eisync")
    migrations()(_001_files_and_samples)
    migrations()(_002_renames_and_devices)
    migrations()(_003_orders_and_counts)
    migrations()(_004_mirror)
    migrations()(_005_acts)
    migrations()(_006_sidecars)
    migrations()(_007_described_by)
    migrations()(_008_retention)
    migrations()(_009_acts_by_file)
    migrations()(_010_identity)
    migrations()(_011_forgotten_files)
    migrations()(_012_versions_by_content)
    migrations()(_013_clock_and_tombstone_plans)
    migrations()(_014_segments)
    migrations()(_015_absences)
    migrations()(_016_disks)
    migrations()(_017_lineage)
    migrations()(_018_sidecars_anew)
    migrations()(_019_names_and_remarks)
    migrations()(_020_observed)
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


def _001_files_and_samples(database: "SqliteUtilsDatabase") -> None:
    # Paths are bytes as the file system has them: a name need not be UTF-8.
    for statement in (
        """create table target (
            name text primary key,
            project_id integer,          -- the project its samples are in; another one means another index
            paused_reason text,          -- why nothing is sent, for a person; null: it is sent
            paused_at real,
            listed_at real,              -- the last complete sweep
            listing_trouble text,        -- why the last sweep did not complete; null: it did
            generation integer not null default 0
        ) strict, without rowid""",
        """create table root (
            id integer primary key,
            path blob not null unique,   -- absolute
            target text not null,
            scanned_at real,             -- the last complete scan
            offline_reason text,         -- why it cannot be read; null: it can
            settling integer not null default 0,
            left_out text not null default '{}'  -- {reason: how many files}, of the last complete scan
        ) strict""",
        """create table file (
            id integer primary key,
            root_id integer not null references root (id),
            folder blob not null,        -- relative to the root; empty for the root itself
            name blob not null,
            target text not null,
            state text not null,
            reason text,
            size integer not null,
            mtime_ns integer not null,
            inode integer not null,
            label text,                  -- null: without a label
            category text not null,
            metadata text not null,
            sha256 text,                 -- of the version that was sent last
            attempts integer not null default 0,
            batch_cap integer,
            due_at real not null,
            claim integer,
            enqueued_at real not null,
            changed_at real not null,    -- when the state was entered
            unique (root_id, folder, name)
        ) strict""",
        "create index file_due on file (target, due_at, id) where state = 'ready'",
        "create index file_by_state on file (state, changed_at)",
        """create index file_pending on file (enqueued_at)
            where state in ('ready', 'sending', 'doubtful', 'settling')""",
        """create table sample (
            target text not null,
            id integer not null,
            filename text,
            category text,
            label text,
            is_disabled integer not null default 0,
            sha256 text,
            known_at real not null,      -- when we learned of it
            seen integer not null default 0,   -- the last generation that listed it
            missed integer not null default 0, -- complete sweeps in a row that did not
            gone_at real,                -- when its deletion was confirmed; null: it is there
            primary key (target, id)
        ) strict, without rowid""",
        """create table file_sample (
            file_id integer not null references file (id) on delete cascade,
            sample_id integer not null,
            primary key (file_id, sample_id)
        ) strict, without rowid""",
        "create index file_sample_by_sample on file_sample (sample_id)",
        """create table history (
            id integer primary key,
            at real not null,
            file_id integer not null,
            event text not null,
            state text not null,
            detail text
        ) strict""",
        "create index history_by_file on history (file_id, id)",
    ):
        database.conn.execute(statement)


def _002_renames_and_devices(database: "SqliteUtilsDatabase") -> None:
    for statement in (
        # What was a mount point when it was last good is an empty folder of another device when it is not mounted.
        "alter table root add column device integer",
        # Whether a file that seems new is a known one under another name.
        "create index file_by_version on file (inode, size, mtime_ns)",
    ):
        database.conn.execute(statement)


def _003_orders_and_counts(database: "SqliteUtilsDatabase") -> None:
    # By folder first: those of other runs, however many files wait in them, are not even looked at. The last index
    # holds all that a count by state and folder asks for.
    for statement in (
        "drop index file_due",
        "create index file_due on file (root_id, due_at, id) where state = 'ready'",
        "create index file_by_size on file (root_id, size, id) where state = 'ready'",
        "drop index file_by_state",
        "create index file_by_state on file (state, changed_at, root_id)",
    ):
        database.conn.execute(statement)


def _004_mirror(database: "SqliteUtilsDatabase") -> None:
    for statement in (
        "alter table sample add column original_name text",
        "alter table sample add column metadata text not null default '{}'",
        "alter table sample add column has_processing_error integer not null default 0",
        # The sweep that did not list it, while that sweep has not ended; it concludes nothing before.
        "alter table sample add column missing_in integer",
        "create index sample_missing on sample (target, missing_in) where missing_in is not null",
        "create index sample_missed on sample (target) where missed > 0",
        "create index sample_by_name on sample (target, filename)",
        # What the service told when it was looked at last. The two instants of its own are of its own clock.
        """create table mirror (
            target text primary key,
            newest_id integer not null,  -- the highest id that was listed
            samples integer not null,    -- how many there were, that one and those below it
            modified_at real,            -- the project's last change that was looked at
            swept_at real not null,      -- the last complete sweep
            sweep_s real not null        -- how long it took
        ) strict, without rowid""",
        # A sweep under way, which the next process takes up again.
        """create table sweep (
            target text primary key,
            generation integer not null,
            began_at real not null,
            modified_at real,            -- the project's last change when it began
            first_total integer,         -- how many samples it was promised
            newest_id integer not null default 0,
            before_id integer,           -- where it goes on; null: at the newest
            listed integer not null default 0,
            spent_s real not null default 0
        ) strict, without rowid""",
    ):
        database.conn.execute(statement)


def _005_acts(database: "SqliteUtilsDatabase") -> None:
    for statement in (
        "alter table file add column absent_at real",  # since when a file that was synced is not there; null: it is
        # How we took the file away (trash, deleted, archived), or 'kept': a person brought it back after that.
        "alter table file add column removal text",
        # JSON: name, label and category that the service has of a file which was renamed since; null: those of the row.
        "alter table file add column published text",
        """update file set absent_at = changed_at
            where state = 'synced' and reason = 'the local file is not there any more'""",
        "create index file_absent on file (target, id) where absent_at is not null and removal is null",
        "create index file_published on file (target, id) where published is not null",
        "create index file_tombstone on file (target, id) where state = 'tombstone' and removal is null",
        # Samples of versions that the one in the row takes the place of.
        """create table superseded (
            file_id integer not null references file (id) on delete cascade,
            sample_id integer not null,
            primary key (file_id, sample_id)
        ) strict, without rowid""",
        # What a pass wanted to do and the guard held back.
        """create table plan (
            id integer primary key,
            target text not null,
            state text not null,         -- waiting, approved, rejected, withdrawn
            why text not null,           -- for a person
            made_at real not null,
            decided_at real
        ) strict""",
        """create table act (
            id integer primary key,
            plan_id integer references plan (id),
            target text not null,
            key text not null,           -- the same for the same act of the same cause
            kind text not null,
            cause text not null,
            file_id integer not null,
            root blob not null,
            path blob not null,
            sample_id integer,
            was text,
            wanted text,
            reason text not null,
            since_at real not null,
            state text not null,
            made_at real not null,
            done_at real,
            lies_at blob,                -- where the file, or a copy of the sample, lies since
            outcome text
        ) strict""",
        "create unique index act_open on act (key) where state in ('waiting', 'due', 'begun')",
        "create index act_to_do on act (target, id) where state in ('due', 'begun', 'undoing')",
        "create index act_of_plan on act (plan_id) where plan_id is not null",
        "create index act_done on act (target, done_at)",
        "create index act_rejected on act (key) where state = 'rejected'",
    ):
        database.conn.execute(statement)


def _006_sidecars(database: "SqliteUtilsDatabase") -> None:
    for statement in (
        # JSON: what else is said of the file, such as its boxes; null: nothing is. Of one that was sent: what was sent.
        "alter table file add column companions text",
        # Files that say what others are, as they were read last.
        """create table sidecar (
            id integer primary key,
            root_id integer not null references root (id),
            folder blob not null,        -- relative to the root; empty for the root itself
            name text not null,
            size integer not null,
            mtime_ns integer not null,
            inode integer not null,
            trouble text,                -- why it cannot be used; null: it can
            entries integer not null default 0,
            is_read integer not null default 0  -- 0: it is being read, or was when the process ended
        ) strict""",
        "create unique index sidecar_read on sidecar (root_id, folder, name) where is_read",
        # What one says of each file; the path is relative to its folder.
        """create table sidecar_entry (
            sidecar_id integer not null references sidecar (id) on delete cascade,
            path text not null,
            said text not null,          -- JSON
            primary key (sidecar_id, path)
        ) strict, without rowid""",
    ):
        database.conn.execute(statement)


def _007_described_by(database: "SqliteUtilsDatabase") -> None:
    # What the configuration said when all that wait were described last; null: nobody knows.
    database.conn.execute("alter table root add column described_by text")


def _008_retention(database: "SqliteUtilsDatabase") -> None:
    # What may be taken away, the oldest upload first; what was taken away already is not walked through again.
    database.conn.execute(
        """create index file_removable on file (root_id, changed_at, id)
            where state = 'synced' and absent_at is null and removal is null"""
    )


def _009_acts_by_file(database: "SqliteUtilsDatabase") -> None:
    for statement in (
        "create index act_of_file on act (file_id) where state in ('waiting', 'due', 'begun')",
        "create index act_of_sample on act (sample_id) where sample_id is not null",
    ):
        database.conn.execute(statement)


def _010_identity(database: "SqliteUtilsDatabase") -> None:
    for statement in (
        # What the service listed last where that is not `sha256`, which is of what was sent; empty: it lists none.
        "alter table sample add column listed_sha256 text",
        "alter table sample add column added text",  # when it was stored, as the service writes it
        "alter table sample add column raw_sha256 text",  # of its bytes, where we looked since it is listed so
        # Why the id means another sample than the one we know, for a person; null: it does not.
        "alter table sample add column contradiction text",
        # Of what was listed so far, only our own hash was kept: nobody knows what the service's was.
        """update sample set listed_sha256 = '' where filename is not null
            and exists (select 1 from file_sample where sample_id = sample.id)""",
        "create index sample_contradicted on sample (target) where contradiction is not null",
        # The name that the service was given for it; null: somebody else sent it, or nobody remembers.
        "alter table file_sample add column sent_name text",
        "alter table superseded add column sent_name text",
        "alter table superseded add column target text",  # an id belongs to its project
        "update superseded set target = (select target from file where file.id = superseded.file_id)",
    ):
        database.conn.execute(statement)


def _011_forgotten_files(database: "SqliteUtilsDatabase") -> None:
    for statement in (
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
    ):
        database.conn.execute(statement)


def _012_versions_by_content(database: "SqliteUtilsDatabase") -> None:
    for statement in (
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
    ):
        database.conn.execute(statement)


def _013_clock_and_tombstone_plans(database: "SqliteUtilsDatabase") -> None:
    for statement in (
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
    ):
        database.conn.execute(statement)


def _014_segments(database: "SqliteUtilsDatabase") -> None:
    for statement in (
        # It is a piece of what was sent: a person cropped or split it in Studio.
        "alter table sample add column is_cropped integer not null default 0",
        "create index sample_cropped on sample (target, original_name) where is_cropped",
        # The sample does not hold the file: it was cut out of one that did, and that one is gone.
        "alter table file_sample add column is_segment integer not null default 0",
    ):
        database.conn.execute(statement)


def _015_absences(database: "SqliteUtilsDatabase") -> None:
    for statement in (
        "alter table root add column scan_began_at real",  # the last complete scan: when it began
        # By content; a part of the hash is enough to find it, and takes a quarter of the room.
        "create index file_by_content on file (substr(sha256, 1, 16)) where sha256 is not null",
    ):
        database.conn.execute(statement)


def _016_disks(database: "SqliteUtilsDatabase") -> None:
    for statement in (
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
    ):
        database.conn.execute(statement)


def _017_lineage(database: "SqliteUtilsDatabase") -> None:
    for statement in (
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
    ):
        database.conn.execute(statement)


def _018_sidecars_anew(database: "SqliteUtilsDatabase") -> None:
    # They were read without a limit on what an entry is made of: they are read again, which takes seconds.
    database.conn.execute("delete from sidecar_entry")
    database.conn.execute("delete from sidecar")


def _019_names_and_remarks(database: "SqliteUtilsDatabase") -> None:
    for statement in (
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
    ):
        database.conn.execute(statement)


def _020_observed(database: "SqliteUtilsDatabase") -> None:
    for statement in (
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
    ):
        database.conn.execute(statement)
