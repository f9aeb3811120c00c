"""The SQL statements of the emulator, each with a sentence."""

import sqlite3
from collections.abc import Iterator

BLOCK_BITS = 10  # samples are counted in blocks of 2**10 ids

# The schema. A change is a new migration at the end, never an edit.
MIGRATIONS = (
    """
    create table project (
        id integer primary key autoincrement, name text not null, owner text not null, hmac_key text not null,
        created_ms integer not null, modified_ms integer
    );
    create table access_key (
        id integer primary key autoincrement, project_id integer not null references project,
        key text not null unique, role text not null
    );
    create table sample (
        id integer primary key autoincrement, project_id integer not null references project,
        category text not null, label text not null, filename text not null, stored_name text not null,
        sha256 text not null, size_bytes integer not null, added_ms integer not null, modified_ms integer not null,
        is_disabled integer not null default 0, facts text not null, metadata text, boxes text not null,
        structured_labels text, label_map text, attachments text not null
    );
    create index sample_by_project on sample (project_id, id);
    create index sample_by_category on sample (project_id, category, id);
    create index sample_by_label on sample (project_id, label, category);
    create index sample_by_content on sample (sha256, project_id);
    create table ever_stored (
        project_id integer not null, sha256 text not null, samples integer not null,
        primary key (project_id, sha256)
    ) without rowid;
    create table tally (
        project_id integer not null, name text not null, value integer not null, primary key (project_id, name)
    ) without rowid;
    """,
    # Small contents are rows, because a file for each took half of an upload's time. Two tables of sums make it
    # unnecessary to read all samples: the number of samples of each label, and of each block of 1024 ids, which is used
    # to find a large offset.
    """
    create table content (sha256 text primary key, bytes blob not null);
    create table label_count (
        project_id integer not null, label text not null, category text not null, samples integer not null,
        primary key (project_id, label, category)
    ) without rowid;
    create table block_count (
        project_id integer not null, block integer not null, category text not null, samples integer not null,
        primary key (project_id, block, category)
    ) without rowid;
    insert into label_count select project_id, label, category, count(*) from sample group by 1, 2, 3;
    insert into block_count select project_id, id >> 10, category, count(*) from sample group by 1, 2, 3;
    create trigger sample_added after insert on sample begin
        insert into label_count values (new.project_id, new.label, new.category, 1)
            on conflict do update set samples = samples + 1;
        insert into block_count values (new.project_id, new.id >> 10, new.category, 1)
            on conflict do update set samples = samples + 1;
    end;
    create trigger sample_removed after delete on sample begin
        update label_count set samples = samples - 1
            where project_id = old.project_id and label = old.label and category = old.category;
        update block_count set samples = samples - 1
            where project_id = old.project_id and block = old.id >> 10 and category = old.category;
    end;
    create trigger sample_changed after update of label, category on sample begin
        update label_count set samples = samples - 1
            where project_id = old.project_id and label = old.label and category = old.category;
        update block_count set samples = samples - 1
            where project_id = old.project_id and block = old.id >> 10 and category = old.category;
        insert into label_count values (new.project_id, new.label, new.category, 1)
            on conflict do update set samples = samples + 1;
        insert into block_count values (new.project_id, new.id >> 10, new.category, 1)
            on conflict do update set samples = samples + 1;
    end;
    """,
    # The ledger had a row for each upload, in the order of hashes, which took a tenth of an upload's time. Stored
    # contents can be counted, so only removed contents need rows. The new indexes are in the order of ids and contain
    # the columns that listings filter by, so that a large offset or a search by name reads only the samples that it
    # returns. Added samples are counted once for each request, by statements below, not by a trigger for each sample.
    """
    create table removed_content (
        project_id integer not null, sha256 text not null, samples integer not null,
        primary key (project_id, sha256)
    ) without rowid;
    insert into removed_content
        select project_id, sha256, samples - held from (
            select *, (select count(*) from sample where sample.sha256 = ever_stored.sha256
                       and sample.project_id = ever_stored.project_id) as held from ever_stored
        ) where samples > held;
    drop table ever_stored;
    drop index sample_by_label;
    create index sample_by_label on sample (project_id, label, id);
    drop index sample_by_project;
    create index sample_by_project on sample (project_id, id, category, label, is_disabled, filename);
    drop trigger sample_added;
    """,
    # Who changed a sample last, people who log in, and the history for dataset versions. The samples that were added in
    # a window are a range of ids, because a row for each would slow down every upload. For a deleted sample, the
    # history has the whole row, and its content is kept. The ids of windows begin at 1,000,000, so that a client that
    # confuses them with the ids of versions fails.
    """
    alter table sample add column updated_by text;
    create table person (
        id integer primary key autoincrement, username text not null unique, token text not null unique
    );
    create table version_window (
        id integer primary key autoincrement, project_id integer not null, kind text not null,
        opened_ms integer not null, closed_ms integer, first_sample integer not null, end_sample integer,
        version_id integer unique, version_index integer, parent_id integer, restored_from integer, description text,
        events integer not null default 0, changed integer not null default 0, inserts integer not null default 0,
        updates integer not null default 0, deletes integer not null default 0
    );
    create index window_by_project on version_window (project_id, id);
    insert into sqlite_sequence (name, seq) values ('version_window', 1000000);
    create table window_actor (
        window_id integer not null, actor text not null, primary key (window_id, actor)
    ) without rowid;
    create table change (
        id integer primary key autoincrement, project_id integer not null, window_id integer not null,
        sample_id integer not null, action text not null, old text, new text, sha256 text
    );
    create index change_by_window on change (window_id, sample_id);
    create index change_by_sample on change (project_id, sample_id, id);
    create index change_by_content on change (sha256) where sha256 is not null;
    """,
    # Devices: those of remote management, and those that are named in samples.
    """
    create table device (
        id integer primary key autoincrement, project_id integer not null references project,
        device_id text not null, device_type text not null, name text not null, sensors text,
        supports_snapshots integer, created_ms integer not null, last_seen_ms integer not null,
        unique (project_id, device_id)
    );
    """,
    # Whether a project has a validation set, and how its dataset is split.
    """
    alter table project add column has_validation integer;
    alter table project add column split text;
    """,
    # The samples of a device. Most samples name none, and are not in the index.
    """
    create index sample_by_device on sample (project_id, json_extract(facts, '$.device_name'), id)
        where json_extract(facts, '$.device_name') is not null;
    """,
)

# Every project, oldest first.
LIST_PROJECTS = "select * from project order by id"

# One project.
FIND_PROJECT = "select * from project where id = :project_id"

# One more project.
ADD_PROJECT = (
    "insert into project (name, owner, hmac_key, created_ms) values (:name, :owner, :hmac_key, :now_ms) returning *"
)

# Change the settings of a project. Null leaves a setting unchanged.
UPDATE_PROJECT = """
    update project set name = coalesce(:name, name), has_validation = coalesce(:has_validation, has_validation),
                       split = coalesce(:split, split)
    where id = :project_id
"""

# Set the time when the data of a project last changed.
TOUCH_PROJECT = "update project set modified_ms = max(coalesce(modified_ms, 0), :now_ms) where id = :project_id"

# Every key of a project, oldest first.
LIST_KEYS = "select * from access_key where project_id = :project_id order by id"

# Look up an API key.
FIND_KEY = "select * from access_key where key = :key"

# The person with this token.
FIND_PERSON = "select * from person where token = :token"

# Every person, in the order of their first login.
LIST_PEOPLE = "select * from person order by id"

# Log in a person. The same name is the same person.
LOG_IN = """
    insert into person (username, token) values (:username, :token)
    on conflict (username) do update set username = username returning *
"""

# One more key.
ADD_KEY = "insert into access_key (project_id, key, role) values (:project_id, :key, :role) returning *"

# The samples of a project with this content.
FIND_CONTENT = "select id from sample where sha256 = :sha256 and project_id = :project_id order by id limit 100"

# The id of the next sample. Ids are never used twice.
NEXT_ID = "select coalesce(max(seq), 0) + 1 from sqlite_sequence where name = 'sample'"

# Add a sample.
ADD_SAMPLE = """
    insert into sample (id, project_id, category, label, filename, stored_name, sha256, size_bytes, added_ms,
                        modified_ms, facts, metadata, boxes, structured_labels, label_map, attachments, updated_by)
    values (:id, :project_id, :category, :label, :filename, :stored_name, :sha256, :size_bytes, :now_ms, :now_ms,
            :facts, :metadata, :boxes, :structured_labels, :label_map, :attachments, :updated_by)
"""

# Add to the number of samples of a label and category.
COUNT_LABEL = """
    insert into label_count (project_id, label, category, samples) values (:project_id, :label, :category, :by)
    on conflict do update set samples = samples + :by
"""

# Add to the number of samples of a block of ids and a category.
COUNT_BLOCK = """
    insert into block_count (project_id, block, category, samples) values (:project_id, :block, :category, :by)
    on conflict do update set samples = samples + :by
"""

# Count a removed sample of a content, so that the ledger still knows how often it was stored.
COUNT_REMOVED = """
    insert into removed_content (project_id, sha256, samples) values (:project_id, :sha256, 1)
    on conflict (project_id, sha256) do update set samples = samples + 1
"""

# Add to a figure of the ledger.
ADD_TO_TALLY = """
    insert into tally (project_id, name, value) values (:project_id, :name, :by)
    on conflict (project_id, name) do update set value = value + :by
"""

# The ledger's figures, of one project or of all.
READ_TALLY = "select name, sum(value) from tally where :project_id is null or project_id = :project_id group by name"

# Samples ever stored by hash, of one project or of all.
READ_EVER_STORED = """
    select sha256, sum(samples) from (
        select project_id, sha256, count(*) as samples from sample group by sha256, project_id
        union all
        select project_id, sha256, samples from removed_content
    )
    where :project_id is null or project_id = :project_id group by sha256
"""

# Samples stored now, in all projects.
COUNT_ALL = "select count(*) from sample where :project_id is null or project_id = :project_id"

# Whether a sample of any project, or one that may be restored, still needs this content.
IS_NEEDED = """
    select 1 from sample where sha256 = :sha256
    union all select 1 from change where sha256 = :sha256 limit 1
"""

# The number of samples by label and category.
COUNT_BY_LABEL = """
    select label, category, samples from label_count where project_id = :project_id and samples > 0
    order by label, category
"""

# The same for the labels that have the most samples.
COUNT_LARGEST_LABELS = """
    select label, category, samples from label_count
    where project_id = :project_id and samples > 0 and label in (
        select label from label_count where project_id = :project_id and samples > 0
        group by label order by sum(samples) desc, label limit :limit
    )
    order by label, category
"""

# The number of samples in each block of 1024 ids, newest first, of one category or of all.
COUNT_BY_BLOCK = """
    select block, sum(samples) from block_count
    where project_id = :project_id and (:category is null or category = :category)
    group by block order by block desc
"""

# Store a small content.
KEEP_CONTENT = "insert or ignore into content (sha256, bytes) values (:sha256, :bytes)"

# A small content.
READ_CONTENT = "select bytes from content where sha256 = :sha256"

# Delete a small content.
DROP_CONTENT = "delete from content where sha256 = :sha256"

# A page of samples. `{order}` is "id desc", newest first, "id asc" or "random()".
LIST_SAMPLES = """
    select * from sample
    where id in (select id from sample where {where} order by {order} limit :limit offset :offset)
    order by {order}
"""

# The number of samples in a selection.
COUNT_SAMPLES = "select count(*) from sample where {where}"

# Delete a selection. The returned contents may be unneeded now.
DELETE_SAMPLES = "delete from sample where {where} returning sha256"

# Set one column of every sample of a selection.
EDIT_SAMPLES = """
    update sample set {column} = {expression}, modified_ms = :now_ms, updated_by = :updated_by where {where}
"""


def statements_of(script: str) -> Iterator[str]:
    """Yield the statements of a script. A trigger is one statement, although it contains semicolons."""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
