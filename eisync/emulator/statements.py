"""Every SQL statement of the emulator, a sentence each, and the where-clause of a selection."""

import json
import sqlite3
from collections.abc import Iterator

from eisync.emulator.model import Selection

BLOCK_BITS = 10  # of ids that are counted together

# The schema; a later one is added as a further step, never an edit.
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
    # Small contents: a file for each took half of an upload's time. And two sums that would take a walk over all
    # samples: how many there are of each label, and of each block of 1024 ids, which is where a deep offset begins.
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
    # The ledger's memory of every upload was a row for each, in the order of hashes: a tenth of an upload's time. What
    # is stored can be counted; only what was removed has to be remembered. And indexes in the order of ids that hold
    # what listings ask about: a deep offset, or a search by name, reads no sample that is not shown. What a request
    # adds is counted once, by statements below; a trigger did it for every sample.
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
    # Devices: of remote management, and of samples that bear a device's name.
    """
    create table device (
        id integer primary key autoincrement, project_id integer not null references project,
        device_id text not null, device_type text not null, name text not null, sensors text,
        supports_snapshots integer, created_ms integer not null, last_seen_ms integer not null,
        unique (project_id, device_id)
    );
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

# Data of a project changed.
TOUCH_PROJECT = "update project set modified_ms = max(coalesce(modified_ms, 0), :now_ms) where id = :project_id"

# Every key of a project, oldest first.
LIST_KEYS = "select * from access_key where project_id = :project_id order by id"

# The key as it is sent.
FIND_KEY = "select * from access_key where key = :key"

# One more key.
ADD_KEY = "insert into access_key (project_id, key, role) values (:project_id, :key, :role) returning *"

# A device was heard of: it is new, or its type may be another one. What it did not say now stays.
NOTE_DEVICE = """
    insert into device
        (project_id, device_id, device_type, name, sensors, supports_snapshots, created_ms, last_seen_ms)
    values (:project_id, :device_id, :device_type, :device_id, :sensors, :supports_snapshots, :now_ms, :now_ms)
    on conflict (project_id, device_id) do update set
        device_type = excluded.device_type, last_seen_ms = max(last_seen_ms, excluded.last_seen_ms),
        sensors = coalesce(excluded.sensors, sensors),
        supports_snapshots = coalesce(excluded.supports_snapshots, supports_snapshots)
"""

# A device sent something.
SAW_DEVICE = """
    update device set last_seen_ms = max(last_seen_ms, :now_ms)
    where project_id = :project_id and device_id = :device_id
"""

# Every device of a project, oldest first.
LIST_DEVICES = "select * from device where project_id = :project_id order by id"

# The device of this id.
FIND_DEVICE = "select * from device where project_id = :project_id and device_id = :device_id"

# Another name for a device.
RENAME_DEVICE = "update device set name = :name where project_id = :project_id and device_id = :device_id"

# No such device any more.
REMOVE_DEVICE = "delete from device where project_id = :project_id and device_id = :device_id"

# Which samples of a project hold these bytes.
FIND_CONTENT = "select id from sample where sha256 = :sha256 and project_id = :project_id order by id limit 100"

# The id of the next sample: none is given twice.
NEXT_ID = "select coalesce(max(seq), 0) + 1 from sqlite_sequence where name = 'sample'"

# One sample more.
ADD_SAMPLE = """
    insert into sample (id, project_id, category, label, filename, stored_name, sha256, size_bytes, added_ms,
                        modified_ms, facts, metadata, boxes, structured_labels, label_map, attachments)
    values (:id, :project_id, :category, :label, :filename, :stored_name, :sha256, :size_bytes, :now_ms, :now_ms,
            :facts, :metadata, :boxes, :structured_labels, :label_map, :attachments)
"""

# So many samples more of a label and category.
COUNT_LABEL = """
    insert into label_count (project_id, label, category, samples) values (:project_id, :label, :category, :by)
    on conflict do update set samples = samples + :by
"""

# So many samples more of a block of ids and a category.
COUNT_BLOCK = """
    insert into block_count (project_id, block, category, samples) values (:project_id, :block, :category, :by)
    on conflict do update set samples = samples + :by
"""

# The ledger's memory of what was stored under a hash and is not any more.
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

# Whether any sample of any project still needs these bytes.
IS_NEEDED = "select 1 from sample where sha256 = :sha256 limit 1"

# For the page: samples by label and category.
COUNT_BY_LABEL = """
    select label, category, samples from label_count where project_id = :project_id and samples > 0
    order by label, category
"""

# Samples by block of 1024 ids, newest first, of one category or of all.
COUNT_BY_BLOCK = """
    select block, sum(samples) from block_count
    where project_id = :project_id and (:category is null or category = :category)
    group by block order by block desc
"""

# Keep a small content.
KEEP_CONTENT = "insert or ignore into content (sha256, bytes) values (:sha256, :bytes)"

# A small content.
READ_CONTENT = "select bytes from content where sha256 = :sha256"

# A small content that no sample needs.
DROP_CONTENT = "delete from content where sha256 = :sha256"

# A page of samples, newest first.
LIST_SAMPLES = """
    select * from sample
    where id in (select id from sample where {where} order by id desc limit :limit offset :offset)
    order by id desc
"""

# A page of samples in any order.
LIST_SHUFFLED = "select * from sample where {where} order by random() limit :limit offset :offset"

# How many a selection holds.
COUNT_SAMPLES = "select count(*) from sample where {where}"

# Remove a selection; the hashes tell which bytes may be needed no more.
DELETE_SAMPLES = "delete from sample where {where} returning sha256"

# Change one thing about every sample of a selection.
EDIT_SAMPLES = "update sample set {column} = :value, modified_ms = :now_ms where {where}"

# The hashes of a selection, for a move that lets the service decide.
LIST_HASHES = "select id, sha256 from sample where {where}"


def statements_of(script: str) -> Iterator[str]:
    """A script in its statements; a trigger is one, whatever semicolons it holds."""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def where(selection: Selection) -> tuple[str, dict[str, object]]:
    """The condition and its named values. Only fixed text goes into the condition."""
    terms = ["project_id = :project_id"]
    values: dict[str, object] = {"project_id": selection.project_id}

    def add(term: str, **named: object) -> None:
        terms.append(term)
        values.update(named)

    if selection.category is not None:
        add("category = :category", category=selection.category)
    if selection.ids is not None:
        add("id in (select value from json_each(:ids))", ids=json.dumps(selection.ids))
    if len(selection.labels) == 1:  # the index of a label has its samples in order, that of several has not
        add("label = :label", label=selection.labels[0])
    elif selection.labels:
        add("label in (select value from json_each(:labels))", labels=json.dumps(selection.labels))
    if selection.filename:
        column = "lower(filename)" if selection.ignores_case else "filename"
        wanted = selection.filename.lower() if selection.ignores_case else selection.filename
        add(f"instr({column}, :filename) > 0", filename=wanted)
    if selection.search:
        add("(instr(filename, :search) > 0 or instr(label, :search) > 0)", search=selection.search)
    if selection.min_id is not None:
        add("id >= :min_id", min_id=selection.min_id)
    if selection.max_id is not None:
        add("id < :max_id", max_id=selection.max_id)
    if selection.min_added_ms is not None:
        add("added_ms >= :min_added_ms", min_added_ms=selection.min_added_ms)
    if selection.max_added_ms is not None:
        add("added_ms <= :max_added_ms", max_added_ms=selection.max_added_ms)
    if selection.is_disabled is not None:
        add("is_disabled = :is_disabled", is_disabled=int(selection.is_disabled))
    if selection.metadata:
        add(
            "not exists (select 1 from json_each(:metadata) as wanted where not exists ("
            "select 1 from json_each(sample.metadata) as held "
            "where held.key = wanted.key and held.value = wanted.value))",
            metadata=json.dumps(dict(selection.metadata)),
        )
    return " and ".join(terms), values
