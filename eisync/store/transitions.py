"""Move one file along one arrow of the state machine, and remember it in the history."""

import json
import sqlite3
from collections.abc import Collection

from eisync.core.lifecycle import Event, State, step
from eisync.store.history import forget_old_of

# Move a file along one arrow, whatever else is known of it. What stays in its state has been there since it entered,
# what begins to wait waits from now on, and no claim outlives the state it was made in.
_MOVE = """
update file set
    changed_at = case when state = :state then changed_at else :now end,
    enqueued_at = case when state in ('ready', 'sending', 'doubtful', 'settling') then enqueued_at else :now end,
    state = :state, reason = :reason, claim = null
where id = :id and state = :before"""

_NOTE = """
insert into history (at, file_id, event, state, detail)
select :now, value, :event, :state, :reason from json_each(:ids)"""


# What comes once for each version, after lines that made the file forget: it may be one line more.
_ENDS = frozenset({Event.STORED, Event.DUPLICATE})


def move(connection: sqlite3.Connection, identity: int, before: State, event: Event, reason: str, now: float) -> None:
    """Walk the arrow. Writes nothing when the file is no longer in `before`."""
    after = step(before, event)
    parameters = {"id": identity, "before": before.value, "state": after.value, "reason": reason, "now": now}
    if connection.execute(_MOVE, parameters).rowcount:
        note(connection, identity, event, after, reason, now)


def note(
    connection: sqlite3.Connection, identity: int, event: Event, state: State, reason: str | None, now: float
) -> None:
    """One line of history; the file's oldest ones go when it has too many."""
    note_all(connection, [identity], event, state, reason, now)


def note_all(
    connection: sqlite3.Connection, ids: Collection[int], event: Event, state: State, reason: str | None, now: float
) -> None:
    """The same of several files to which the same happened."""
    told = {"ids": json.dumps(list(ids)), "event": event.value, "state": state.value, "reason": reason, "now": now}
    connection.execute(_NOTE, told)
    if event not in _ENDS:
        forget_old_of(connection, ids)
