"""Files from which something may follow, as the decider sees them: the file, and its samples.

What follows in the index, and in the histories, from an action that was done.
"""

import json
import os
import sqlite3
from collections.abc import Iterable

from eisync.core.actions import Action, ActionKind, Cause, FileSide, LinkedSample, Published
from eisync.core.lifecycle import Event, RemovalEvent, RemovalState, State, step_removal
from eisync.core.model import Category, shown
from eisync.core.policy import Trigger
from eisync.store import sample_links
from eisync.store.rows import IS_HERE, facts_of, path_of, removal_after, removal_before
from eisync.store.sample_links import LISTED_SHA256, identity_of, listed_of, sent_of, stored_name_of
from eisync.store.tombstones import make_tombstone
from eisync.store.transitions import move, note_history

# Files that something may follow from, by the mark that says so. (Left to itself, SQLite reads every file.)
_MARKED = {
    Trigger.RENAMED: "file indexed by file_published where published is not null and state = 'synced'",
    Trigger.REPLACED: "file where state = 'synced' and id in (select file_id from superseded)",
    Trigger.ABSENT: "file indexed by file_absent where absent_at is not null and removal is null and state = 'synced'",
    Trigger.TOMBSTONE: "file indexed by file_tombstone where state = 'tombstone' and removal is null",
}
_SIDES = {
    trigger: f"""
select * from {marked} and target = :target and id > :after_id
and root_id in (select value from json_each(:roots)) order by id limit :limit"""
    for trigger, marked in _MARKED.items()
}

# The samples of a file, those of versions before as `is_older`, of the target that these were sent to; not what a
# person cut from them. A sample that the listing has not shown yet has no name. (Of a file that we took away its sample
# is all there is: it counts.)
_SAMPLES = f"""
select sample.*, {LISTED_SHA256} as listed, tied.is_older, tied.sent_name, exists (
        select 1 from file_sample other join file on file.id = other.file_id
        where other.sample_id = sample.id and other.file_id <> :id and file.target = :target
            and (file.absent_at is null or file.removal is not null) and file.state <> 'gone') as is_shared
from (select sample_id, sent_name, 0 as is_older from file_sample where file_id = :id and not is_segment
      union all select sample_id, sent_name, 1 from superseded where file_id = :id and target = :target) tied
cross join sample on sample.target = :target and sample.id = tied.sample_id
order by sample.id"""

# How many files of these roots the index holds, and how many of each root are there.
_KNOWN = f"""
select root_id, count(*) as known, count(*) filter (where absent_at is null) as present from file
where target = :target and state in ('synced', 'tombstone') and {IS_HERE}
group by root_id"""

# The file that an action is about, as long as it is where it was.
_FILE_OF = """
select file.*, root.path as root_path from file join root on root.id = file.root_id where file.id = ?"""


def of_trigger(
    connection: sqlite3.Connection, target: str, trigger: Trigger, roots: Iterable[int], *, after_id: int, limit: int
) -> list[FileSide]:
    """Files of these roots from which something may follow, by id."""
    parameters = {"target": target, "roots": json.dumps(sorted(roots)), "after_id": after_id, "limit": limit}
    places = dict(connection.execute("select id, path from root").fetchall())
    rows = connection.execute(_SIDES[trigger], parameters).fetchall()
    return [_side(connection, row, os.fsdecode(places[row["root_id"]])) for row in rows]


def of_file(connection: sqlite3.Connection, file_id: int) -> FileSide | None:
    """One file as it is now."""
    row = connection.execute(_FILE_OF, (file_id,)).fetchone()
    return None if row is None else _side(connection, row, os.fsdecode(row["root_path"]))


def census(connection: sqlite3.Connection, target: str) -> dict[int, tuple[int, int]]:
    """By root: how many files are known to have been at the service, and how many of them are there."""
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
        samples=tuple(_held(one, likely) for one in samples if one["gone_at"] is None and not one["is_older"]),
        older=tuple(_held(one, likely) for one in samples if one["gone_at"] is None and one["is_older"]),
        gone=tuple(_held(one, likely) for one in samples if one["gone_at"] is not None and not one["is_older"]),
        segments=len(sample_links.there(connection, row["target"], row["id"])) if is_tombstoned else 0,
        sent_as=row["sent_as"],
    )


def _held(row: sqlite3.Row, likely: str) -> LinkedSample:
    identity = identity_of(row, likely)
    return LinkedSample(listed_of(row), sent_of(row, likely), is_shared=bool(row["is_shared"]), identity=identity)


REMOVES = {
    ActionKind.TRASH_FILE: RemovalEvent.TRASH,
    ActionKind.DELETE_FILE: RemovalEvent.DELETE,
    ActionKind.ARCHIVE_FILE: RemovalEvent.ARCHIVE,
}
"""What each action does to the copy here."""

# Others that hold the deleted sample and no other one: they are sent again.
_LEFT_WITHOUT = """
select distinct file.id, file.absent_at from file_sample mine cross join file on file.id = mine.file_id
where mine.sample_id = :sample_id and file.target = :target and file.state = 'synced' and not exists (
    select 1 from file_sample other join sample on sample.id = other.sample_id and sample.target = file.target
    where other.file_id = file.id and sample.gone_at is null)"""

_UNTIE = """
delete from file_sample where sample_id = :sample_id
    and (select target from file where file.id = file_sample.file_id) = :target"""

# Every edit of the file is done: what the service has is what the row says.
_AGREE = """
update file set published = null where id = :id and not exists (
    select 1 from act where file_id = :id and state in ('waiting', 'due', 'begun')
        and kind in ('rename_sample', 'relabel_sample', 'move_sample'))"""

# The file was taken away. Retention has written that down before: a row without that is of a newer version.
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
    """The index as the done action leaves it, and a line in the file's history."""
    is_told = False
    match action.kind:
        case ActionKind.TOMBSTONE:
            make_tombstone(connection, target, action.file_id, now)
            is_told = True
        case ActionKind.DELETE_SAMPLE:
            is_told = _sample_went(connection, target, action, outcome, now)
        case ActionKind.RENAME_SAMPLE | ActionKind.RELABEL_SAMPLE | ActionKind.MOVE_SAMPLE:
            edit(connection, target, action, action.to)
            agree(connection, action.file_id)
        case ActionKind.TRASH_FILE | ActionKind.DELETE_FILE | ActionKind.ARCHIVE_FILE:
            parameters = {"id": action.file_id, "now": now, "reason": f"{action.reason}; {outcome}"}
            if action.cause is Cause.RETENTION:
                connection.execute(_CONFIRMED, parameters | {"removal": taken(action.kind).value})
            else:
                connection.execute(_TAKEN[action.kind], parameters)
    if not is_told:
        note_history(connection, action.file_id, action.kind.value, f"{action.reason}; {outcome}", now)


def taken(kind: ActionKind) -> RemovalState:
    """Return what the row of a file says once this action has taken it away."""
    return step_removal(RemovalState.NONE, REMOVES[kind])


def edit(connection: sqlite3.Connection, target: str, action: Action, value: str | None) -> None:
    """What the action says of its sample is `value` now."""
    column = {
        ActionKind.RENAME_SAMPLE: "filename",
        ActionKind.RELABEL_SAMPLE: "label",
        ActionKind.MOVE_SAMPLE: "category",
    }[action.kind]
    connection.execute(
        f"update sample set {column} = ? where target = ? and id = ?",
        (value, target, action.sample_id),
    )


def agree(connection: sqlite3.Connection, file_id: int) -> None:
    """Nothing is left to be said to the service of the file's new name, once every edit of it is done."""
    connection.execute(_AGREE, {"id": file_id})


def send_again(connection: sqlite3.Connection, target: str, sample_id: int, now: float) -> None:
    """The service named the sample and never listed it: files that have no other are not there, and are sent again."""
    parameters = {"target": target, "sample_id": sample_id, "now": now}
    connection.execute("update sample set gone_at = :now where target = :target and id = :sample_id", parameters)
    for row in connection.execute(_LEFT_WITHOUT, parameters).fetchall():
        reason = f"the service said that it stored sample {sample_id}, but never listed it; the file is sent again"
        event = Event.CHANGED if row["absent_at"] is None else Event.REMOVED
        move(connection, row["id"], State.SYNCED, event, reason, now)
    connection.execute(_UNTIE, parameters)
    connection.execute("delete from sample where target = :target and id = :sample_id", parameters)


def _sample_went(connection: sqlite3.Connection, target: str, action: Action, outcome: str, now: float) -> bool:
    """Returns whether the file's history tells of it already."""
    parameters = {"target": target, "sample_id": action.sample_id, "now": now}
    connection.execute("update sample set gone_at = :now where target = :target and id = :sample_id", parameters)
    connection.execute("delete from superseded where sample_id = ? and file_id = ?", (action.sample_id, action.file_id))
    is_told = False
    for row in connection.execute(_LEFT_WITHOUT, parameters).fetchall():
        if row["id"] == action.file_id:
            move(connection, row["id"], State.SYNCED, Event.REMOVED, f"{action.reason}; {outcome}", now)
            is_told = True
        elif row["absent_at"] is not None:
            reason = f"it was deleted here, and its sample {action.sample_id} was deleted with {shown(action.path)}"
            move(connection, row["id"], State.SYNCED, Event.REMOVED, reason, now)
        else:
            # It was tied to the sample while that was deleted for another file: no person deleted it.
            reason = f"its sample {action.sample_id} was deleted with {shown(action.path)}; it is sent again"
            move(connection, row["id"], State.SYNCED, Event.CHANGED, reason, now)
    return is_told
