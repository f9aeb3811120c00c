"""Hold the first ten migrations of the database, statement by statement. `eisync.store.schema` has the others."""

from collections.abc import Mapping

FIRST: Mapping[str, tuple[str, ...]] = {
    # Paths are bytes, as in the file system: a name need not be UTF-8.
    "_001_files_and_samples": (
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
    ),
    "_002_renames_and_devices": (
        # While nothing is mounted at a mount point, it is an empty folder on another device than before.
        "alter table root add column device integer",
        # For renames: finds a known file with the same facts as one that seems new.
        "create index file_by_version on file (inode, size, mtime_ns)",
    ),
    # The root comes first, so that files of roots outside this run are never read, however many wait. The last index
    # alone answers a count by state and folder.
    "_003_orders_and_counts": (
        "drop index file_due",
        "create index file_due on file (root_id, due_at, id) where state = 'ready'",
        "create index file_by_size on file (root_id, size, id) where state = 'ready'",
        "drop index file_by_state",
        "create index file_by_state on file (state, changed_at, root_id)",
    ),
    "_004_mirror": (
        "alter table sample add column original_name text",
        "alter table sample add column metadata text not null default '{}'",
        "alter table sample add column has_processing_error integer not null default 0",
        # The sweep that has not listed the sample. It proves nothing until that sweep ends.
        "alter table sample add column missing_in integer",
        "create index sample_missing on sample (target, missing_in) where missing_in is not null",
        "create index sample_missed on sample (target) where missed > 0",
        "create index sample_by_name on sample (target, filename)",
        # What the service answered at the last poll. The two instants that it sent are by its own clock.
        """create table mirror (
            target text primary key,
            newest_id integer not null,  -- the highest id that was listed
            samples integer not null,    -- how many there were, that one and those below it
            modified_at real,            -- the project's last change that was looked at
            swept_at real not null,      -- the last complete sweep
            sweep_s real not null        -- how long it took
        ) strict, without rowid""",
        # A sweep under way; after a restart the next process resumes it.
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
    ),
    "_005_acts": (
        "alter table file add column absent_at real",  # since when an uploaded file is missing; null: it is present
        # How eisync removed the file here (trash, deleted, archived); 'kept': a person brought it back after that.
        "alter table file add column removal text",
        # JSON: the name, label and category that the service still has for a renamed file; null: those of the row.
        "alter table file add column published text",
        """update file set absent_at = changed_at
            where state = 'synced' and reason = 'the local file is not there any more'""",
        "create index file_absent on file (target, id) where absent_at is not null and removal is null",
        "create index file_published on file (target, id) where published is not null",
        "create index file_tombstone on file (target, id) where state = 'tombstone' and removal is null",
        # Samples of earlier versions that the version in the row replaces.
        """create table superseded (
            file_id integer not null references file (id) on delete cascade,
            sample_id integer not null,
            primary key (file_id, sample_id)
        ) strict, without rowid""",
        # Proposals of a pass that the guard held back.
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
    ),
    "_006_sidecars": (
        # JSON: the rest of the file's description, such as its boxes; null: none. For a sent file: what was sent.
        "alter table file add column companions text",
        # Files that describe other files (sidecars), as they were read last.
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
        # The entry of a sidecar for each file; the path is relative to the sidecar's folder.
        """create table sidecar_entry (
            sidecar_id integer not null references sidecar (id) on delete cascade,
            path text not null,
            said text not null,          -- JSON
            primary key (sidecar_id, path)
        ) strict, without rowid""",
    ),
    # The labelling rules by which all waiting files were described last; null: not known.
    "_007_described_by": ("alter table root add column described_by text",),
    # Files that may be removed here, the oldest upload first. Files that were removed already are not in it.
    "_008_retention": (
        """create index file_removable on file (root_id, changed_at, id)
            where state = 'synced' and absent_at is null and removal is null""",
    ),
    "_009_acts_by_file": (
        "create index act_of_file on act (file_id) where state in ('waiting', 'due', 'begun')",
        "create index act_of_sample on act (sample_id) where sample_id is not null",
    ),
    "_010_identity": (
        # The hash that the service listed last, where it differs from `sha256`, the hash of what was sent; empty: the
        # service lists none.
        "alter table sample add column listed_sha256 text",
        "alter table sample add column added text",  # when it was stored, as the service formats it
        "alter table sample add column raw_sha256 text",  # of its bytes, if eisync read them since it is listed so
        # Why the id belongs to another sample than the known one, as a sentence; null: it does not.
        "alter table sample add column contradiction text",
        # Earlier versions kept only their own hash of listed samples: the service's is not known.
        """update sample set listed_sha256 = '' where filename is not null
            and exists (select 1 from file_sample where sample_id = sample.id)""",
        "create index sample_contradicted on sample (target) where contradiction is not null",
        # The name under which eisync sent it; null: it was sent by something else, or the name is not known.
        "alter table file_sample add column sent_name text",
        "alter table superseded add column sent_name text",
        "alter table superseded add column target text",  # an id belongs to its project
        "update superseded set target = (select target from file where file.id = superseded.file_id)",
    ),
}
