"""Move a file along one transition of the state machine, and keep the history of all files.

The history is bounded. Beyond `LINES_OF_A_FILE` lines, the oldest lines of a file are deleted, except the one that says
when it was first synced. Beyond `LINES_IN_ALL`, the oldest lines of all files are deleted. So a file that is written to
every second loses its own history, and no other file's.
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

# The lines of one file except the newest ones and the first that says it is synced.
_FORGET_OF_FILE = """
delete from history
where id in (select id from history where file_id = :id order by id desc limit -1 offset :lines)
  and id is not (select min(id) from history where file_id = :id and state = 'synced')"""

# The lines of all files except the newest ones.
_FORGET_OLDEST = """
delete from history where id <= (select id from history order by id desc limit 1 offset :lines)"""

_NOTE_HISTORY = """
insert into history (at, file_id, event, state, detail) select :now, id, :event, state, :detail
from file where id = :id"""

# The newest lines of all files. (In SQLite, a cross join fixes the order of reading: from the lines to their files.)
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
    """Add a line to the file's history."""
    connection.execute(_NOTE_HISTORY, {"now": now, "id": file_id, "event": event, "detail": detail})
    forget_old_of(connection, [file_id])


def forget_old_of(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Delete the history lines of which these files have too many."""
    connection.executemany(_FORGET_OF_FILE, [{"id": identity, "lines": LINES_OF_A_FILE} for identity in ids])


def forget_oldest(connection: sqlite3.Connection, *, lines: int = LINES_IN_ALL) -> int:
    """Delete the oldest history lines beyond `lines` in all. Return how many were deleted."""
    return connection.execute(_FORGET_OLDEST, {"lines": lines}).rowcount


def read_latest(connection: sqlite3.Connection, *, limit: int) -> list[dict[str, object]]:
    """Return the newest lines of all files, newest first."""
    return [_history_entry(row) for row in connection.execute(_LATEST, {"limit": limit})]


def read_of(connection: sqlite3.Connection, file_id: int) -> list[dict[str, object]]:
    """Return every line of the file, newest first."""
    return [_history_entry(row) for row in connection.execute(_OF_FILE, {"file_id": file_id})]


def _history_entry(row: sqlite3.Row) -> dict[str, object]:
    return {
        "at": row["at"],
        "path": path_of(row),
        "root": os.fsdecode(row["root_path"]),
        "event": row["event"],
        "state": row["state"],
        "reason": row["detail"] or "",
    }


# Move a file along one transition. `changed_at` stays if the state does. `enqueued_at` is set when the file begins to
# wait. A claim ends with the state in which it was made.
_MOVE = """
update or rollback file set
    changed_at = case when state = :state then changed_at else :now end,
    enqueued_at = case when state in ('ready', 'sending', 'doubtful', 'settling') then enqueued_at else :now end,
    state = :state, reason = :reason, claim = null
where id = :id and state = :before"""

_NOTE = """
insert into history (at, file_id, event, state, detail)
select :now, value, :event, :state, :reason from json_each(:ids)"""


# These events come once for each version, after events that trim the history. They may exceed the limit by one line.
_ENDS = frozenset({Event.STORED, Event.DUPLICATE})


def move(connection: sqlite3.Connection, identity: int, before: State, event: Event, reason: str, now: float) -> None:
    """Move the file along the transition. Write nothing when it is no longer in `before`."""
    after = step(before, event)
    parameters = {"id": identity, "before": before.value, "state": after.value, "reason": reason, "now": now}
    if connection.execute(_MOVE, parameters).rowcount:
        note(connection, identity, event, after, reason, now)


def note(
    connection: sqlite3.Connection, identity: int, event: Event, state: State, reason: str | None, now: float
) -> None:
    """Add a line to the file's history. Delete its oldest lines when there are too many."""
    note_all(connection, [identity], event, state, reason, now)


def note_all(
    connection: sqlite3.Connection, ids: Collection[int], event: Event, state: State, reason: str | None, now: float
) -> None:
    """Add the same line to the history of each of these files."""
    line = {"ids": json.dumps(list(ids)), "event": event.value, "state": state.value, "reason": reason, "now": now}
    connection.execute(_NOTE, line)
    if event not in _ENDS:
        forget_old_of(connection, ids)
