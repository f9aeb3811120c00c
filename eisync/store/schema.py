"""Define the tables and their migrations. A change of the schema is a new migration, never an edit of an old one.

`user_version` counts the applied migrations. `eisync.store.migrate` applies them.

A row of `file` is one file: its state, the reason and its description. The rows in READY, SENDING and DOUBTFUL are the
outbox. The others, with `sample` and `file_sample`, are the index.
"""

from collections.abc import Mapping

from eisync.store.first_migrations import FIRST

VERSION = 28

# Append new migrations here.
LATER: Mapping[str, tuple[str, ...]] = {
    "_011_forgotten_files": (
        # What is kept of files that exist nowhere: the hash of the content, and whether it was deleted at the service.
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
        # When the file or its metadata changed last, by its file system; 0: not known until the next check.
        "alter table file add column ctime_ns integer not null default 0",
        "alter table sidecar add column ctime_ns integer not null default 0",
        # 0: its file system renumbers inodes, at every mount for example, so that they identify no file.
        "alter table root add column has_stable_inodes integer not null default 1",
        # The inode comes last: a file that was copied or restored has another inode and the original's time.
        "drop index file_by_version",
        "create index file_by_version on file (size, mtime_ns, inode)",
        # Uploaded files that are absent here, by the facts that a copy of them shares.
        """create index file_elsewhere on file (size, mtime_ns)
            where state = 'synced' and absent_at is not null""",
        # Contents whose sample a person deleted. They are refused in any file, now and later.
        """create table deleted_content (
            target text not null,
            size integer not null,
            sha256 text not null,
            sample_id integer,
            deleted_at real not null,
            primary key (target, size, sha256)
        ) strict, without rowid""",
        # Contents of replaced versions, by their samples, while these exist.
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
        # What a plan is about: 'acts' on files and samples, or 'tombstones' for files whose samples vanished.
        "alter table plan add column about text not null default 'acts'",
        # Files that became tombstones without a person's approval. The guard counts them.
        """create table vanished (
            id integer primary key,
            target text not null,
            file_id integer not null,
            root_id integer not null,
            at real not null
        ) strict""",
        "create index vanished_at on vanished (target, at)",
        # The last known time, and the instant from which time counts. One row.
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
        # The sample is a segment of what was sent: a person cropped or split it in Studio.
        "alter table sample add column is_cropped integer not null default 0",
        "create index sample_cropped on sample (target, original_name) where is_cropped",
        # The sample does not hold the whole file: it was cut from one that did, and that one is gone.
        "alter table file_sample add column is_segment integer not null default 0",
    ),
    "_015_absences": (
        "alter table root add column scan_began_at real",  # when the last complete scan began
        # Files by content. A part of the hash is enough to find them, and takes a quarter of the room.
        "create index file_by_content on file (substr(sha256, 1, 16)) where sha256 is not null",
    ),
    "_016_disks": (
        # The disks that are mounted in a root, and the disk of the root itself.
        """create table disk (
            root_id integer not null references root (id),
            folder blob not null,        -- relative to the root; empty for the root itself
            point blob not null,         -- where that of the root is mounted; else the number of the mount
            device integer not null,
            inode integer not null,      -- of the folder that is seen there
            since_id integer not null,   -- files that came later than this one are on it
            primary key (root_id, folder)
        ) strict, without rowid""",
        # Files that are away with a disk: those at and below the folder with from_id < id <= upto_id.
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
        # What the last check counted in a watched folder, and why a missing file there does not count as deleted.
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
        # The folders into which files are archived, each with the marker in it.
        "create table archive (path blob primary key, marker text not null) strict, without rowid",
    ),
    # Earlier versions read sidecars without a limit on the size of an entry. They are read again, which takes seconds.
    "_018_sidecars_anew": (
        "delete from sidecar_entry",
        "delete from sidecar",
    ),
    "_019_names_and_remarks": (
        # The file name that is sent to the service, if a sidecar gives one; null: that of the file.
        "alter table file add column sent_as text",
        # JSON: the parts of the description that were not sent, as sentences by kind; null: none.
        "alter table file add column remarks text",
        "create index file_remarked on file (root_id) where remarks is not null",
        # A path may have several entries, and a name several forms. Sidecars are read again, which takes seconds.
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
        # Labels are in NFC now: waiting files are described again.
        "update root set described_by = null",
    ),
    "_020_observed": (
        # What the last check found in a folder that has no row of `file`, or differs from its row: files that are not
        # complete, and entries that cannot be read. Beyond a limit they are only counted.
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
        "alter table root add column observed_at real",  # when that was stored last
        "alter table root add column beyond integer not null default 0",  # the number beyond the limit
        "alter table root add column comparing integer not null default 0",  # touched since their upload, not compared
    ),
    "_021_change_feed": (
        # The newest dataset version whose changes are in the index; null: not known, so the listing is read.
        "alter table mirror add column version_index integer",
        "alter table sweep add column version_index integer",
    ),
    "_022_split_groups": (
        # The groups of files that a split keeps together.
        """create table split_group (
            target text not null,
            name text not null,          -- the metadata name that has the key
            key text not null,
            category text,               -- of files to come; null: not decided here
            why text,                    -- why it was chosen, for a person
            seen integer not null default 0,   -- the categories in which it has files, as bits
            fresh integer not null default 0,  -- the same, by the count that is under way
            decided_at real,
            primary key (target, name, key)
        ) strict, without rowid""",
        "create index split_straddling on split_group (target, name, key) where seen not in (0, 1, 2, 4)",
    ),
    "_023_wanted_descriptions": (
        # How sent files should be described instead, from the moment that this is known until their samples are.
        """create table wanted_description (
            file_id integer primary key references file (id) on delete cascade,
            label text,
            category text not null,
            metadata text not null,
            companions text,
            remarks text,
            is_asked integer not null,           -- a person asks for it, and approves each edit
            at real not null,                    -- since when
            declined text not null default '[]', -- JSON: the kinds of edits that a person rejected
            is_open integer not null default 1   -- 0: only kept so that it is not proposed again
        ) strict""",
        "create index wanted_open on wanted_description (file_id) where is_open",
        # Parts of a sample that listings do not show, where they are not as they were sent.
        """create table sample_part (
            target text not null,
            sample_id integer not null,
            kind text not null,                  -- of the edit that changes it
            found text not null,
            primary key (target, sample_id, kind)
        ) strict, without rowid""",
        # 0: not all sent files were described again since the sidecar was read.
        "alter table sidecar add column is_followed integer not null default 1",
    ),
    "_024_document_boxes": (
        # The boxes of shared annotation documents, by the number of their image there. In the order in which they come,
        # because those of an image are scattered over the document: so only the small index is written at random.
        """create table document_box (
            id integer primary key,
            sidecar_id integer not null references sidecar (id) on delete cascade,
            image integer not null,
            label text not null,         -- the number of its class
            x real not null,             -- left, top, width and height in pixels
            y real not null,
            width real not null,
            height real not null,
            place text not null          -- in the document, for a person
        ) strict""",
        "create index document_box_of on document_box (sidecar_id, image)",
    ),
    "_025_inferred_labels": (
        # Waiting files that share the headers of a request.
        """create index file_by_headers on file (root_id, category, label, metadata, due_at, id)
            where state = 'ready'""",
        # 1: the labels that the service inferred were right. 0: one was not, so it infers no more. Null: not tried.
        "alter table target add column infers_labels integer",
        "alter table target add column inference_trouble text",  # why it infers no more, for a person
        "alter table wanted_description add column why text",  # for a person; null: the description changed
        # Files that are sent without a label, from before they are sent until a listing has shown their labels.
        """create table inferred_label (
            id integer primary key,
            target text not null,
            files text not null,         -- JSON: the right label, by file id
            at real not null
        ) strict""",
    ),
    "_026_pauses": (
        # What a person paused: the id of a root, or 0 for all uploads.
        """create table pause (
            root_id integer primary key,
            since_at real not null,
            for_s real                   -- null: until a person ends it
        ) strict""",
    ),
    "_027_lists_of_files": (
        "create index file_by_label on file (label)",
        # Waiting files that were tried before.
        "create index file_tried on file (id) where state = 'ready' and attempts > 0",
    ),
    "_028_file_counts": (
        # How many files each root has in each state. Files that are being sent count as ready: so no claim changes a
        # count. New rows of `file` are counted where they are inserted, because a trigger would double the cost of an
        # insert of many rows.
        """create table file_count (
            root_id integer not null references root (id),
            state text not null,
            files integer not null default 0,
            bytes integer not null default 0,
            primary key (root_id, state)
        ) strict, without rowid""",
        """insert into file_count (root_id, state)
            select root.id, one.value from root, json_each(
                '["settling", "ready", "doubtful", "synced", "quarantined", "tombstone", "gone"]') one""",
        """update file_count set files = found.files, bytes = found.bytes from (
            select root_id, iif(state = 'sending', 'ready', state) as state, count(*) as files, sum(size) as bytes
            from file group by 1, 2) found
            where found.root_id = file_count.root_id and found.state = file_count.state""",
        """create trigger root_is_counted after insert on root begin
            insert into file_count (root_id, state) select new.id, one.value from json_each(
                '["settling", "ready", "doubtful", "synced", "quarantined", "tombstone", "gone"]') one;
        end""",
        """create trigger changed_file_is_counted after update of root_id, state, size on file
        when old.size <> new.size or old.root_id <> new.root_id
            or (old.state <> new.state and not (new.state = 'sending' and old.state = 'ready'))
        begin
            update file_count set files = files - 1, bytes = bytes - old.size
                where root_id = old.root_id and state = iif(old.state = 'sending', 'ready', old.state);
            update file_count set files = files + 1, bytes = bytes + new.size
                where root_id = new.root_id and state = iif(new.state = 'sending', 'ready', new.state);
        end""",
        """create trigger deleted_file_is_counted after delete on file begin
            update file_count set files = files - 1, bytes = bytes - old.size
                where root_id = old.root_id and state = iif(old.state = 'sending', 'ready', old.state);
        end""",
    ),
}

MIGRATIONS: Mapping[str, tuple[str, ...]] = {**FIRST, **LATER}
"""Every migration in order, by the name under which the database records it."""
