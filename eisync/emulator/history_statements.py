"""Every SQL statement of the history of changes, a sentence each. The tables are made in `statements`."""

# The window that takes in changes now.
FIND_OPEN = "select * from version_window where project_id = :project_id and closed_ms is null"

# A new window; the next sample that is added will have an id from here on.
OPEN_WINDOW = """
    insert into version_window (project_id, kind, opened_ms, first_sample, restored_from)
    values (:project_id, :kind, :now_ms, (select coalesce(max(seq), 0) + 1 from sqlite_sequence where name = 'sample'),
            :restored_from)
    returning *
"""

# Whoever changes something within a window is named once.
NOTE_ACTOR = "insert or ignore into window_actor (window_id, actor) values (:window_id, :actor)"

# Who changed something within a window.
LIST_ACTORS = "select actor from window_actor where window_id = :window_id order by actor"

# A window ends, and is a version from then on, with the figures of its summary.
CLOSE_WINDOW = """
    update version_window set
        closed_ms = :closed_ms, kind = :kind, end_sample = :end_sample,
        version_id = (select coalesce(max(version_id), 0) + 1 from version_window),
        version_index = (select coalesce(max(version_index) + 1, 0) from version_window
                         where project_id = :project_id),
        parent_id = (select max(version_id) from version_window where project_id = :project_id),
        inserts = :added + (select count(distinct sample_id) from change
                            where window_id = :window_id and action = 'insert'),
        updates = (select count(distinct sample_id) from change where window_id = :window_id and action = 'update'),
        deletes = (select count(distinct sample_id) from change where window_id = :window_id and action = 'delete'),
        events = :added + (select count(*) from change where window_id = :window_id),
        changed = :added + (select count(distinct sample_id) from change
                            where window_id = :window_id and sample_id < first_sample)
    where id = :window_id
"""

# The id of the next sample.
NEXT_SAMPLE = "select coalesce(max(seq), 0) + 1 from sqlite_sequence where name = 'sample'"

# How many samples were added within a window: those that are there, and those that it lost again.
COUNT_ADDED = """
    select (select count(*) from sample where project_id = :project_id and id >= :first_sample)
         + (select count(distinct sample_id) from change
            where window_id = :window_id and action = 'delete' and sample_id >= :first_sample)
"""

# Windows that are no version yet, at an instant.
LIST_PENDING = """
    select * from version_window
    where project_id = :project_id and (closed_ms is null or closed_ms > :until_ms) order by id
"""

# Versions there are at an instant, newest first.
LIST_VERSIONS = """
    select * from version_window where {where} order by id desc limit :limit offset :offset
"""

# How many versions there are.
COUNT_VERSIONS = "select count(*) from version_window where {where}"

# A version of the project that is there at an instant.
FIND_VERSION = """
    select * from version_window
    where project_id = :project_id and version_id = :version_id and closed_ms <= :until_ms
"""

# What a person writes about a version.
DESCRIBE_VERSION = "update version_window set description = :description where id = :window_id"

# An edit of many samples: what they had, and what they get.
NOTE_EDIT = """
    insert into change (project_id, window_id, sample_id, action, old, new)
    select project_id, :window_id, id, 'update',
           json_object('{column}', {column}, 'modified_ms', modified_ms, 'updated_by', updated_by),
           json_object('{column}', {expression})
    from sample where {where} order by id
"""

# Samples that go: the whole row is kept.
NOTE_DELETE = """
    insert into change (project_id, window_id, sample_id, action, old, sha256)
    select project_id, :window_id, id, 'delete', json_object({columns}), sha256 from sample where {where} order by id
"""

# One change more, of a restore.
NOTE_CHANGE = """
    insert into change (project_id, window_id, sample_id, action, old, new)
    values (:project_id, :window_id, :sample_id, :action, :old, :new)
"""

# What happened to some samples within a window, oldest first.
LIST_CHANGES = """
    select sample_id, action, old, new from change
    where window_id = :window_id and sample_id in (select value from json_each(:ids)) order by id
"""

# What happened to a sample after a window, newest first: undone in this order, it is as it was when the window closed.
LIST_LATER = """
    select action, old from change
    where project_id = :project_id and sample_id = :sample_id and window_id > :window_id order by id desc
"""

# Samples of a window's snapshot that changed after it.
LIST_CHANGED_LATER = """
    select distinct sample_id from change
    where project_id = :project_id and window_id > :window_id and sample_id < :end_sample and {wanted}
"""

# The last row of each sample that was deleted within a window and is not in its snapshot.
LIST_DELETED = """
    select old from change
    where id in (select max(id) from change where window_id = :window_id and action = 'delete' and {wanted}
                 group by sample_id)
      and sample_id not in (select id from snapshot)
"""

# Which of a window's samples are wanted: by what happened to them in it. `{id}` is the column of their id.
WANTED = """
    {id} in (select sample_id from change
             where window_id = :window_id and action in (select value from json_each(:actions)))
"""
WANTED_OR_ADDED = f"({{id}} >= :first_sample or {WANTED})"

# The samples as they were when a window closed; made anew for each that is asked for.
MAKE_SNAPSHOT = "create temp table if not exists snapshot as select * from sample where 0"
INDEX_SNAPSHOT = "create index if not exists temp.snapshot_by_id on snapshot (id)"
CLEAR_SNAPSHOT = "delete from temp.snapshot"

# Those that have not changed since. The plus keeps SQLite from a walk over the project where a few ids are wanted.
FILL_SNAPSHOT = """
    insert into temp.snapshot
    select * from sample
    where +project_id = :project_id and id < :end_sample and {wanted}
      and id not in (select sample_id from change where project_id = :project_id and window_id > :window_id)
"""

# One of those that have.
ADD_TO_SNAPSHOT = "insert into temp.snapshot values ({values})"

# A page of the snapshot, newest first.
LIST_SNAPSHOT = """
    select * from temp.snapshot as sample where {where} order by id desc limit :limit offset :offset
"""

# How many the snapshot holds.
COUNT_SNAPSHOT = "select count(*) from temp.snapshot as sample where {where}"

# A sample's row.
FIND_ROW = "select * from sample where id = :sample_id and project_id = :project_id"

# The contents that only the history needs.
LIST_KEPT_CONTENTS = "select distinct sha256 from change where sha256 is not null"

# The windows of versions beyond the newest so many.
LIST_OLD_WINDOWS = """
    select id from version_window where project_id = :project_id and closed_ms is not null
    order by id desc limit -1 offset :kept
"""

# The contents that these windows kept.
LIST_CONTENTS_OF = """
    select distinct sha256 from change
    where sha256 is not null and window_id in (select value from json_each(:windows))
"""

# Forget these windows.
FORGET_WINDOWS = (
    "delete from change where window_id in (select value from json_each(:windows))",
    "delete from window_actor where window_id in (select value from json_each(:windows))",
    "delete from version_window where id in (select value from json_each(:windows))",
)

# Forget everything.
FORGET = ("delete from change", "delete from window_actor", "delete from version_window")

# A sample comes back, as it was, under its id.
RESTORE_SAMPLE = "insert into sample values ({values})"

# A sample is as it was.
REVERT_SAMPLE = "update sample set {assignments} where id = :id"

# The ledger does not count a sample that came back as one more.
UNCOUNT_REMOVED = """
    update removed_content set samples = samples - 1 where project_id = :project_id and sha256 = :sha256
"""
