"""The SQL statements of the history of changes, each with a sentence. `statements` makes the tables."""

# The open window of a project.
FIND_OPEN = "select * from version_window where project_id = :project_id and closed_ms is null"

# Open a window. `first_sample` is the id that the next added sample will get.
OPEN_WINDOW = """
    insert into version_window (project_id, kind, opened_ms, first_sample, restored_from)
    values (:project_id, :kind, :now_ms, (select coalesce(max(seq), 0) + 1 from sqlite_sequence where name = 'sample'),
            :restored_from)
    returning *
"""

# Record once who changes something in a window.
NOTE_ACTOR = "insert or ignore into window_actor (window_id, actor) values (:window_id, :actor)"

# Who changed something in a window.
LIST_ACTORS = "select actor from window_actor where window_id = :window_id order by actor"

# Close a window: it becomes a version, with the figures of its summary.
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

# How many samples were added in a window: those that still exist, and those that were deleted in it again.
COUNT_ADDED = """
    select (select count(*) from sample where project_id = :project_id and id >= :first_sample)
         + (select count(distinct sample_id) from change
            where window_id = :window_id and action = 'delete' and sample_id >= :first_sample)
"""

# The windows that are not listed as versions yet.
LIST_PENDING = """
    select * from version_window
    where project_id = :project_id and (closed_ms is null or closed_ms > :until_ms) order by id
"""

# A page of the versions, newest first.
LIST_VERSIONS = """
    select * from version_window where {where} order by id desc limit :limit offset :offset
"""

# How many versions there are.
COUNT_VERSIONS = "select count(*) from version_window where {where}"

# A version of the project that is listed already.
FIND_VERSION = """
    select * from version_window
    where project_id = :project_id and version_id = :version_id and closed_ms <= :until_ms
"""

# Set the description of a version.
DESCRIBE_VERSION = "update version_window set description = :description where id = :window_id"

# Record an edit of the selected samples, with old and new values.
NOTE_EDIT = """
    insert into change (project_id, window_id, sample_id, action, old, new)
    select project_id, :window_id, id, 'update',
           json_object('{column}', {column}, 'modified_ms', modified_ms, 'updated_by', updated_by),
           json_object('{column}', {expression})
    from sample where {where} order by id
"""

# Record the deletion of the selected samples, with their whole rows.
NOTE_DELETE = """
    insert into change (project_id, window_id, sample_id, action, old, sha256)
    select project_id, :window_id, id, 'delete', json_object({columns}), sha256 from sample where {where} order by id
"""

# Record one change of a restore.
NOTE_CHANGE = """
    insert into change (project_id, window_id, sample_id, action, old, new)
    values (:project_id, :window_id, :sample_id, :action, :old, :new)
"""

# The changes of some samples in a window, oldest first.
LIST_CHANGES = """
    select sample_id, action, old, new from change
    where window_id = :window_id and sample_id in (select value from json_each(:ids)) order by id
"""

# The changes of a sample after a window, newest first. Undo them in this order to get the row at the window's end.
LIST_LATER = """
    select action, old from change
    where project_id = :project_id and sample_id = :sample_id and window_id > :window_id order by id desc
"""

# The newest changes of a sample, each with its window.
LIST_OF_SAMPLE = """
    select action, old, new, opened_ms, closed_ms, version_id
    from change join version_window on version_window.id = change.window_id
    where change.project_id = :project_id and sample_id = :sample_id order by change.id desc limit :limit
"""

# The samples that existed when a window closed and have changed since.
LIST_CHANGED_LATER = """
    select distinct sample_id from change
    where project_id = :project_id and window_id > :window_id and sample_id < :end_sample and {wanted}
"""

# The last row of each sample that was deleted in a window and is not in its snapshot.
LIST_DELETED = """
    select old from change
    where id in (select max(id) from change where window_id = :window_id and action = 'delete' and {wanted}
                 group by sample_id)
      and sample_id not in (select id from snapshot)
"""

# Select samples by their changes in a window. `{id}` is the column of their id.
WANTED = """
    {id} in (select sample_id from change
             where window_id = :window_id and action in (select value from json_each(:actions)))
"""
WANTED_OR_ADDED = f"({{id}} >= :first_sample or {WANTED})"

# The snapshot: the samples at the end of one window. It is made again for each window that is requested.
MAKE_SNAPSHOT = "create temp table if not exists snapshot as select * from sample where 0"
INDEX_SNAPSHOT = "create index if not exists temp.snapshot_by_id on snapshot (id)"
CLEAR_SNAPSHOT = "delete from temp.snapshot"

# Fill it with the samples that have not changed since. The plus stops SQLite from using the index of the project, which
# would read all its samples even if a few ids are wanted.
FILL_SNAPSHOT = """
    insert into temp.snapshot
    select * from sample
    where +project_id = :project_id and id < :end_sample and {wanted}
      and id not in (select sample_id from change where project_id = :project_id and window_id > :window_id)
"""

# Add one of the samples that have changed.
ADD_TO_SNAPSHOT = "insert into temp.snapshot values ({values})"

# A page of the snapshot, newest first.
LIST_SNAPSHOT = """
    select * from temp.snapshot as sample where {where} order by id desc limit :limit offset :offset
"""

# The number of samples in the snapshot.
COUNT_SNAPSHOT = "select count(*) from temp.snapshot as sample where {where}"

# The row of a sample.
FIND_ROW = "select * from sample where id = :sample_id and project_id = :project_id"

# The contents of deleted samples in the history.
LIST_KEPT_CONTENTS = "select distinct sha256 from change where sha256 is not null"

# The windows of all versions but the newest `:kept`.
LIST_OLD_WINDOWS = """
    select id from version_window where project_id = :project_id and closed_ms is not null
    order by id desc limit -1 offset :kept
"""

# The contents of deleted samples in these windows.
LIST_CONTENTS_OF = """
    select distinct sha256 from change
    where sha256 is not null and window_id in (select value from json_each(:windows))
"""

# Delete these windows.
FORGET_WINDOWS = (
    "delete from change where window_id in (select value from json_each(:windows))",
    "delete from window_actor where window_id in (select value from json_each(:windows))",
    "delete from version_window where id in (select value from json_each(:windows))",
)

# Delete the whole history.
FORGET = ("delete from change", "delete from window_actor", "delete from version_window")

# Insert a deleted sample again, under its old id.
RESTORE_SAMPLE = "insert into sample values ({values})"

# Set columns of a sample back.
REVERT_SAMPLE = "update sample set {assignments} where id = :id"

# Lower the count of removed contents: the ledger does not count a restored sample as stored once more.
UNCOUNT_REMOVED = """
    update removed_content set samples = samples - 1 where project_id = :project_id and sha256 = :sha256
"""
