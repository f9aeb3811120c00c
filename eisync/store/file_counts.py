"""Count the files of each watched folder by state, however many there are, without reading their rows.

The table `file_count` is kept in the transactions that change the files, so it is exact after a crash, too: by
triggers, and for new files by `count_new` (see `eisync.store.schema`). Files that are being sent count as ready in it.
These are never many, and an index finds them.

Statements that change the state of files say `update or rollback`. A transaction never outlives a failed statement, so
that changes nothing else; but for `update`, SQLite keeps a journal of each statement that fires a trigger, which costs
ten times as much as the trigger.

Source: sqlite.org, "Temporary Files Used By SQLite", section 2.5.
"""

import sqlite3

from eisync.core.file_status import FileTotal
from eisync.core.lifecycle import State
from eisync.core.model import value

_KEPT = """
select root_id, state, files, bytes from file_count where files <> 0 or bytes <> 0"""

_SENDING = """
select root_id, state, count(*) as files, sum(size) as bytes from file indexed by file_by_state
where state = 'sending' group by root_id"""

# What the rows themselves say. This reads all of them.
_RECOUNTED = """
select root_id, iif(state = 'sending', 'ready', state) as state, count(*) as files, sum(size) as bytes
from file group by 1, 2"""

# Files that were inserted after the row `:newest`. (Without `not indexed`, SQLite would read an index of all files.)
_NEW = """
select root_id, state, count(*) as files, sum(size) as bytes from file not indexed where id > :newest group by 1, 2"""

_ADD = """
update file_count set files = files + :files, bytes = bytes + :bytes where root_id = :root_id and state = :state"""


@value
class CountError:
    """A kept count that differs from what the rows say. Files that are being sent count as ready here."""

    root_id: int
    state: State
    kept: FileTotal
    recounted: FileTotal


def totals_by_root(connection: sqlite3.Connection) -> dict[int, dict[State, FileTotal]]:
    """Return the files by state, by the id of their root. States without files are left out."""
    found: dict[int, dict[State, FileTotal]] = {}
    for (root_id, state), total in _read(connection, _KEPT).items():
        found.setdefault(root_id, {})[state] = total
    for (root_id, state), total in _read(connection, _SENDING).items():
        of_root = found.setdefault(root_id, {})
        of_root[state] = total
        ready = of_root.pop(State.READY, FileTotal()) - total
        if ready.files > 0:
            of_root[State.READY] = ready
    return found


def count_errors(connection: sqlite3.Connection) -> list[CountError]:
    """Recount all files, which takes seconds for a million. Return the kept counts that differ: none, but for a bug."""
    kept, recounted = _read(connection, _KEPT), _read(connection, _RECOUNTED)
    none = FileTotal()
    return [
        CountError(root_id, state, kept.get((root_id, state), none), recounted.get((root_id, state), none))
        for root_id, state in sorted(kept.keys() | recounted.keys(), key=lambda key: (key[0], key[1].value))
        if kept.get((root_id, state)) != recounted.get((root_id, state))
    ]


def count_new(connection: sqlite3.Connection, newest: int) -> None:
    """Count the files that were inserted after the row `newest`. Call this once, before anything changes them."""
    connection.executemany(_ADD, map(dict, connection.execute(_NEW, {"newest": newest}).fetchall()))


def _read(connection: sqlite3.Connection, statement: str) -> dict[tuple[int, State], FileTotal]:
    rows = connection.execute(statement).fetchall()
    return {(row["root_id"], State(row["state"])): FileTotal(row["files"], row["bytes"]) for row in rows}
