"""What follows in the index, and in the histories, from an action that was done."""

import sqlite3

from eisync.core.actions import Action, ActionKind
from eisync.core.lifecycle import Event, State
from eisync.core.model import shown
from eisync.store.history import note
from eisync.store.tombstones import make_tombstone
from eisync.store.transitions import move

REMOVAL = {ActionKind.TRASH_FILE: "trash", ActionKind.DELETE_FILE: "deleted", ActionKind.ARCHIVE_FILE: "archived"}
"""How a file was taken away, as its row says it."""

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

# The file was taken away. The retention has said so before it did it: a row without that is of a newer version.
_TAKEN = """
update file set removal = :removal, absent_at = :now, reason = :reason
where id = :id and (:cause <> 'retention' or (state = 'synced' and removal = :removal))"""


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
            parameters = {
                "id": action.file_id,
                "removal": REMOVAL[action.kind],
                "cause": action.cause.value,
                "now": now,
            }
            connection.execute(_TAKEN, {**parameters, "reason": f"{action.reason}; {outcome}"})
    if not is_told:
        note(connection, action.file_id, action.kind.value, f"{action.reason}; {outcome}", now)


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
