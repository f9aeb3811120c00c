"""Read the files that may need an action, with their samples, and record the effects of finished actions.

`of_trigger` and `of_file` gather what a decision needs. `conclude` updates the index and the histories once an action
is done.
"""

import json
import os
import sqlite3
from collections.abc import Iterable
from dataclasses import replace

from eisync.core.actions import EDITS, Action, ActionKind, Cause, FileSide, LinkedSample, Published
from eisync.core.lifecycle import Event, RemovalEvent, RemovalState, State, step_removal
from eisync.core.model import Category, shown
from eisync.core.policy import Trigger
from eisync.store import sample_links, wanted
from eisync.store.rows import IS_HERE, facts_of, path_of, removal_after, removal_before
from eisync.store.sample_links import LISTED_SHA256, identity_of, listed_of, sent_of, stored_name_of
from eisync.store.tombstones import record_samples_gone
from eisync.store.transitions import move, note_history

# Files that may need an action, by trigger. (The indexes are named because SQLite would otherwise read every file.)
_MARKED = {
    Trigger.RENAMED: "file indexed by file_published where published is not null and state = 'synced'",
    Trigger.REPLACED: "file where state = 'synced' and id in (select file_id from superseded)",
    Trigger.ABSENT: "file indexed by file_absent where absent_at is not null and removal is null and state = 'synced'",
    Trigger.TOMBSTONE: "file indexed by file_tombstone where state = 'tombstone' and removal is null",
    Trigger.DESCRIBED: """file where state = 'synced' and published is null
        and (absent_at is null or removal is not null)
        and id in (select file_id from wanted_description indexed by wanted_open where is_open)""",
}
_SIDES = {
    trigger: f"""
select * from {marked} and target = :target and id > :after_id
and root_id in (select value from json_each(:roots)) order by id limit :limit"""
    for trigger, marked in _MARKED.items()
}

# The samples of a file. Samples of its earlier versions, in the target that these were sent to, are marked `is_older`.
# Segments that a person cut from a sample are left out. A sample has no name until a listing has shown it.
# `is_shared` also counts files that we removed here ourselves: their sample is the only copy left.
_SAMPLES = f"""
select sample.*, {LISTED_SHA256} as listed, tied.is_older, tied.sent_name, exists (
        select 1 from file_sample other join file on file.id = other.file_id
        where other.sample_id = sample.id and other.file_id <> :id and file.target = :target
            and (file.absent_at is null or file.removal is not null) and file.state <> 'gone') as is_shared
from (select sample_id, sent_name, 0 as is_older from file_sample where file_id = :id and not is_segment
      union all select sample_id, sent_name, 1 from superseded where file_id = :id and target = :target) tied
cross join sample on sample.target = :target and sample.id = tied.sample_id
order by sample.id"""

# For each root: the number of files that the index holds, and the number of those that are present.
_KNOWN = f"""
select root_id, count(*) as known, count(*) filter (where absent_at is null) as present from file
where target = :target and state in ('synced', 'tombstone') and {IS_HERE}
group by root_id"""

# One file, with the path of its root.
_FILE_OF = """
select file.*, root.path as root_path from file join root on root.id = file.root_id where file.id = ?"""


def of_trigger(
    connection: sqlite3.Connection, target: str, trigger: Trigger, roots: Iterable[int], *, after_id: int, limit: int
) -> list[FileSide]:
    """List files of these roots that may need an action because of `trigger`, in the order of their ids."""
    parameters = {"target": target, "roots": json.dumps(sorted(roots)), "after_id": after_id, "limit": limit}
    places = dict(connection.execute("select id, path from root").fetchall())
    rows = connection.execute(_SIDES[trigger], parameters).fetchall()
    return [_side(connection, row, os.fsdecode(places[row["root_id"]])) for row in rows]


def of_file(connection: sqlite3.Connection, file_id: int) -> FileSide | None:
    """Return one file as it is now; None when its row is gone."""
    row = connection.execute(_FILE_OF, (file_id,)).fetchone()
    return None if row is None else _side(connection, row, os.fsdecode(row["root_path"]))


def census(connection: sqlite3.Connection, target: str) -> dict[int, tuple[int, int]]:
    """Count, for each root id, the files known to have been uploaded, and those of them that are present here."""
    rows = connection.execute(_KNOWN, {"target": target}).fetchall()
    return {row["root_id"]: (row["known"], row["present"]) for row in rows}


def _side(connection: sqlite3.Connection, row: sqlite3.Row, root: str) -> FileSide:
    samples = connection.execute(_SAMPLES, {"id": row["id"], "target": row["target"]}).fetchall()
    published = None if row["published"] is None else json.loads(row["published"])
    likely = stored_name_of(row)
    is_tombstoned = row["state"] == State.TOMBSTONE.value
    return FileSide(
        id=row["id"],
        root_id=row["root_id"],
        root=root,
        path=path_of(row),
        state=State(row["state"]),
        facts=facts_of(row),
        label=row["label"],
        category=Category(row["category"]),
        sha256=row["sha256"],
        since_at=row["changed_at"],
        absent_at=row["absent_at"],
        is_removed=RemovalState(row["removal"]) is not RemovalState.NONE,
        published=published
        and Published(name=published["name"], label=published["label"], category=Category(published["category"])),
        samples=tuple(
            replace(_linked_sample(one, likely), found=wanted.found_of(connection, row["target"], one["id"]))
            for one in samples
            if one["gone_at"] is None and not one["is_older"]
        ),
        older=tuple(_linked_sample(one, likely) for one in samples if one["gone_at"] is None and one["is_older"]),
        gone=tuple(
            _linked_sample(one, likely) for one in samples if one["gone_at"] is not None and not one["is_older"]
        ),
        segments=len(sample_links.there(connection, row["target"], row["id"])) if is_tombstoned else 0,
        sent_as=row["sent_as"],
        metadata=json.loads(row["metadata"]),
        companions=row["companions"],
        wanted=wanted.of_file(connection, row["id"]),
    )


def _linked_sample(row: sqlite3.Row, likely: str) -> LinkedSample:
    identity = identity_of(row, likely)
    return LinkedSample(listed_of(row), sent_of(row, likely), is_shared=bool(row["is_shared"]), identity=identity)


REMOVES = {
    ActionKind.TRASH_FILE: RemovalEvent.TRASH,
    ActionKind.DELETE_FILE: RemovalEvent.DELETE,
    ActionKind.ARCHIVE_FILE: RemovalEvent.ARCHIVE,
}
"""The removal event that each of these actions causes for the local copy."""

# Synced files whose only remaining sample was the deleted one.
_LEFT_WITHOUT = """
select distinct file.id, file.absent_at from file_sample mine cross join file on file.id = mine.file_id
where mine.sample_id = :sample_id and file.target = :target and file.state = 'synced' and not exists (
    select 1 from file_sample other join sample on sample.id = other.sample_id and sample.target = file.target
    where other.file_id = file.id and sample.gone_at is null)"""

_UNTIE = """
delete from file_sample where sample_id = :sample_id
    and (select target from file where file.id = file_sample.file_id) = :target"""

# Once no edit of the file is open, the service has the name, label and category that the row has.
_AGREE = """
update file set published = null where id = :id and not exists (
    select 1 from act where file_id = :id and state in ('waiting', 'due', 'begun')
        and kind in ('rename_sample', 'relabel_sample', 'move_sample'))"""

# The local file was removed. Retention marks the row before it removes the file (`_CONFIRMED`): a row without that mark
# belongs to a newer version of the file, and stays as it is.
_TAKEN = {
    kind: f"""
update file set removal = {removal_after(event)}, absent_at = :now, reason = :reason
where id = :id and {removal_before(event)}"""
    for kind, event in REMOVES.items()
}
_CONFIRMED = f"""
update file set removal = {removal_after(RemovalEvent.CONFIRM)}, absent_at = :now, reason = :reason
where id = :id and state = 'synced' and {removal_before(RemovalEvent.CONFIRM)} and removal = :removal"""


def conclude(connection: sqlite3.Connection, target: str, action: Action, outcome: str, now: float) -> None:
    """Write the effects of a finished action to the index, and a line to the file's history."""
    is_noted = False
    match action.kind:
        case ActionKind.TOMBSTONE:
            record_samples_gone(connection, target, action.file_id, now)
            is_noted = True
        case ActionKind.DELETE_SAMPLE:
            is_noted = _record_sample_deletion(connection, target, action, outcome, now)
        case kind if kind in EDITS:
            wanted.set_value(connection, target, action, action.to)
            wanted.conclude(connection, action)
            agree(connection, action.file_id)
        case ActionKind.TRASH_FILE | ActionKind.DELETE_FILE | ActionKind.ARCHIVE_FILE:
            parameters = {"id": action.file_id, "now": now, "reason": f"{action.reason}; {outcome}"}
            if action.cause is Cause.RETENTION:
                connection.execute(_CONFIRMED, parameters | {"removal": taken(action.kind).value})
            else:
                connection.execute(_TAKEN[action.kind], parameters)
    if not is_noted:
        note_history(connection, action.file_id, action.kind.value, f"{action.reason}; {outcome}", now)


def taken(kind: ActionKind) -> RemovalState:
    """Return the removal state of a file that this action has removed."""
    return step_removal(RemovalState.NONE, REMOVES[kind])


def agree(connection: sqlite3.Connection, file_id: int) -> None:
    """Forget what the service had before the file was renamed, once no edit of its sample is open."""
    connection.execute(_AGREE, {"id": file_id})


def send_again(connection: sqlite3.Connection, target: str, sample_id: int, now: float) -> None:
    """Drop a sample that the service named in an answer but never listed; send files again that have no other one."""
    parameters = {"target": target, "sample_id": sample_id, "now": now}
    connection.execute("update sample set gone_at = :now where target = :target and id = :sample_id", parameters)
    for row in connection.execute(_LEFT_WITHOUT, parameters).fetchall():
        reason = f"the service said that it stored sample {sample_id}, but never listed it; the file is sent again"
        event = Event.CHANGED if row["absent_at"] is None else Event.REMOVED
        move(connection, row["id"], State.SYNCED, event, reason, now)
    connection.execute(_UNTIE, parameters)
    connection.execute("delete from sample where target = :target and id = :sample_id", parameters)


def _record_sample_deletion(
    connection: sqlite3.Connection, target: str, action: Action, outcome: str, now: float
) -> bool:
    """Record that the sample was deleted. Return whether the file's history has a line about it already."""
    parameters = {"target": target, "sample_id": action.sample_id, "now": now}
    connection.execute("update sample set gone_at = :now where target = :target and id = :sample_id", parameters)
    connection.execute("delete from superseded where sample_id = ? and file_id = ?", (action.sample_id, action.file_id))
    is_noted = False
    for row in connection.execute(_LEFT_WITHOUT, parameters).fetchall():
        if row["id"] == action.file_id:
            move(connection, row["id"], State.SYNCED, Event.REMOVED, f"{action.reason}; {outcome}", now)
            is_noted = True
        elif row["absent_at"] is not None:
            reason = f"it was deleted here, and its sample {action.sample_id} was deleted with {shown(action.path)}"
            move(connection, row["id"], State.SYNCED, Event.REMOVED, reason, now)
        else:
            # It was linked to the sample while that was deleted for another file: no person deleted this one.
            reason = f"its sample {action.sample_id} was deleted with {shown(action.path)}; it is sent again"
            move(connection, row["id"], State.SYNCED, Event.CHANGED, reason, now)
    return is_noted
