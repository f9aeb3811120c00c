"""Every SQL statement of the emulator, a sentence each, and the where-clause of a selection."""

import json

from eisync.emulator.model import Selection

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

# Which samples of a project hold these bytes.
FIND_CONTENT = "select id from sample where sha256 = :sha256 and project_id = :project_id order by id limit 100"

# One sample more.
ADD_SAMPLE = """
    insert into sample (project_id, category, label, filename, stored_name, sha256, size_bytes, added_ms, modified_ms,
                        facts, metadata, boxes, structured_labels, label_map, attachments)
    values (:project_id, :category, :label, :filename, :stored_name, :sha256, :size_bytes, :now_ms, :now_ms,
            :facts, :metadata, :boxes, :structured_labels, :label_map, :attachments)
"""

# The ledger's memory of what was ever stored under a hash.
COUNT_STORED = """
    insert into ever_stored (project_id, sha256, samples) values (:project_id, :sha256, 1)
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
    select sha256, sum(samples) from ever_stored
    where :project_id is null or project_id = :project_id group by sha256
"""

# Samples stored now, in all projects.
COUNT_ALL = "select count(*) from sample where :project_id is null or project_id = :project_id"

# Whether any sample of any project still needs these bytes.
IS_NEEDED = "select 1 from sample where sha256 = :sha256 limit 1"

# For the page: samples by label and category.
COUNT_BY_LABEL = """
    select label, category, count(*) from sample where project_id = :project_id
    group by label, category order by label, category
"""

# A page of samples, newest first.
LIST_SAMPLES = "select * from sample where {where} order by id desc limit :limit offset :offset"

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
    if selection.labels:
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
