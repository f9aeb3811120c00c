"""What happened to files, line by line; bounded for each file and for all of them.

The lines of one file beyond `LINES_OF_A_FILE` go oldest first, but the one that says when it was first synced; of all
files together, the oldest go. So a file that is written to every second forgets its own past and no other file's.

Move one file along one arrow of the state machine, and remember it in the history.
"""

import json
import os
import sqlite3
from collections.abc import Collection, Iterable

from eisync.core.lifecycle import Event, State, step
from eisync.store.rows import path_of

LINES_OF_A_FILE = 100
LINES_IN_ALL = 1_000_000
"""About 100 MB with their index."""

# Of one file: all but the newest lines, and but the first that says it is synced.
_FORGET_OF_FILE = """
delete from history
where id in (select id from history where file_id = :id order by id desc limit -1 offset :lines)
  and id is not (select min(id) from history where file_id = :id and state = 'synced')"""

# Of all: everything older than the newest lines.
_FORGET_OLDEST = """
delete from history where id <= (select id from history order by id desc limit 1 offset :lines)"""

_NOTE_HISTORY = """
insert into history (at, file_id, event, state, detail) select :now, id, :event, state, :detail
from file where id = :id"""

# The newest lines of all files. (A cross join is SQLite's word for "in this order": from the lines to their files.)
_LATEST = """
select history.*, file.folder, file.name, root.path as root_path
from history cross join file on file.id = history.file_id join root on root.id = file.root_id
order by history.id desc limit :limit"""

# The lines of one file.
_OF_FILE = """
select history.*, file.folder, file.name, root.path as root_path
from history cross join file on file.id = history.file_id join root on root.id = file.root_id
where history.file_id = :file_id order by history.id desc"""


def note_history(connection: sqlite3.Connection, file_id: int, event: str, detail: str, now: float) -> None:
    """A line in the file's history."""
    connection.execute(_NOTE_HISTORY, {"now": now, "id": file_id, "event": event, "detail": detail})
    forget_old_of(connection, [file_id])


def forget_old_of(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """What these files have too many of."""
    connection.executemany(_FORGET_OF_FILE, [{"id": identity, "lines": LINES_OF_A_FILE} for identity in ids])


def forget_oldest(connection: sqlite3.Connection, *, lines: int = LINES_IN_ALL) -> int:
    """What there is too much of in all. Returns how many lines."""
    return connection.execute(_FORGET_OLDEST, {"lines": lines}).rowcount


def read_latest(connection: sqlite3.Connection, *, limit: int) -> list[dict[str, object]]:
    """The newest lines of all files, newest first."""
    return [_told(row) for row in connection.execute(_LATEST, {"limit": limit})]


def read_of(connection: sqlite3.Connection, file_id: int) -> list[dict[str, object]]:
    """Every line of the file, newest first."""
    return [_told(row) for row in connection.execute(_OF_FILE, {"file_id": file_id})]


def _told(row: sqlite3.Row) -> dict[str, object]:
    return {
        "at": row["at"],
        "path": path_of(row),
        "root": os.fsdecode(row["root_path"]),
        "event": row["event"],
        "state": row["state"],
        "reason": row["detail"] or "",
    }


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
