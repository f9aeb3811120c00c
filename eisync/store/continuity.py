"""Store the proof that eisync missed nothing: the last known time, and the lineage of each watched folder.

The lineage says what was last counted in a folder, and whether a missing file there counts as a deletion.
"""

import json
import sqlite3
from dataclasses import asdict

from eisync.core.clock_step import KnownTime
from eisync.core.lifecycle import RemovalEvent
from eisync.core.lineage import Own
from eisync.store.database import Database
from eisync.store.rows import removal_after, removal_before

_KEEP = """
insert or replace into clock (id, seen_at, counts_from, wrong_until, recent_from, was_wrong)
values (1, :seen_at, :counts_from, :wrong_until, :recent_from, :was_wrong)"""


class ClockNotes:
    """Store the last known time. Safe to use from any thread; each method is one transaction or one read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remembered(self) -> KnownTime | None:
        """Return what this process, or the one before it, stored last; None in a new state folder."""
        with self._database.reading() as connection:
            row = connection.execute("select * from clock").fetchone()
        if row is None:
            return None
        return KnownTime(
            seen_at=row["seen_at"],
            counts_from=row["counts_from"],
            wrong_until=row["wrong_until"],
            recent_from=row["recent_from"],
            was_wrong=bool(row["was_wrong"]),
        )

    def remember(self, remembered: KnownTime) -> None:
        """Store the last known time. Safe to repeat."""
        with self._database.transaction() as connection:
            connection.execute(_KEEP, asdict(remembered))


_SAVE = """
insert or replace into lineage (root_id, epoch, counter, taken, others, doubt, serial, is_unscanned, is_unlisted)
values (:root_id, :epoch, :counter, :taken, :others, :doubt, :serial, :is_unscanned, :is_unlisted)"""

# A sweep that began before the folder was doubted proves nothing about it now, so it is dropped.
_FORGET_SWEEP = "delete from sweep where target = (select target from root where id = ?)"

# Files that are missing now went at an unknown time: their absence never counts as a deletion by a person.
_MARK_MISSED = f"""
update file set removal = {removal_after(RemovalEvent.MISS)}, reason = :reason
where root_id = :root_id and state = 'synced' and absent_at is not null and {removal_before(RemovalEvent.MISS)}
returning id"""
_NOTE = """
insert into history (at, file_id, event, state, detail) select :now, id, 'unseen', state, :reason
from file where id = :id"""

_UNLISTED = """
select root_id, serial from lineage join root on root.id = lineage.root_id
where root.target = ? and is_unlisted and doubt is not null"""

_HOLDS_FILES = "select 1 from file where root_id = ? and state in ('synced', 'tombstone') limit 1"


class Lineages:
    """Store the lineage of each folder. Safe to use from any thread; each method is one transaction or one read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def own(self, root_id: int) -> Own | None:
        """Return the stored lineage of the folder; None when nothing was ever counted there."""
        with self._database.reading() as connection:
            row = connection.execute("select * from lineage where root_id = ?", (root_id,)).fetchone()
        return None if row is None else _own(row)

    def holds_files(self, root_id: int) -> bool:
        """Return whether the index holds any file of the folder."""
        with self._database.reading() as connection:
            return connection.execute(_HOLDS_FILES, (root_id,)).fetchone() is not None

    def save(self, root_id: int, own: Own, *, survives_power_cut: bool = False) -> None:
        """Store the lineage."""
        with self._database.transaction(survives_power_cut=survives_power_cut) as connection:
            _save(connection, root_id, own)

    def doubt(self, root_id: int, own: Own) -> None:
        """Store a lineage in doubt: from now on a missing file does not count as a deletion.

        This is on the disk when the method returns.
        """
        with self._database.transaction(survives_power_cut=True) as connection:
            _save(connection, root_id, own)
            if own.is_unlisted:
                connection.execute(_FORGET_SWEEP, (root_id,))

    def note_scanned(self, root_id: int, own: Own, reason: str, *, now: float) -> int:
        """Record that a complete scan checked every file of the folder while its lineage was in doubt.

        Files that are missing went without a known cause, so they never count as deletions. Return how many these are.
        """
        parameters = {"root_id": root_id, "reason": reason, "now": now}
        with self._database.transaction() as connection:
            missed = connection.execute(_MARK_MISSED, parameters).fetchall()
            connection.executemany(_NOTE, [{**parameters, "id": row["id"]} for row in missed])
            _save(connection, root_id, own)
        return len(missed)

    def unlisted(self, target: str) -> dict[int, int]:
        """Return the folders of the target whose samples must be listed again, each with the number of its doubt."""
        with self._database.reading() as connection:
            return {row["root_id"]: row["serial"] for row in connection.execute(_UNLISTED, (target,)).fetchall()}


def _save(connection: sqlite3.Connection, root_id: int, own: Own) -> None:
    connection.execute(
        _SAVE,
        {
            "root_id": root_id,
            "epoch": own.epoch,
            "counter": own.counter,
            "taken": own.taken,
            "others": json.dumps(dict(own.others), sort_keys=True),
            "doubt": own.doubt,
            "serial": own.serial,
            "is_unscanned": own.is_unscanned,
            "is_unlisted": own.is_unlisted,
        },
    )


def _own(row: sqlite3.Row) -> Own:
    return Own(
        epoch=row["epoch"],
        counter=row["counter"],
        taken=row["taken"],
        others=json.loads(row["others"]),
        doubt=row["doubt"],
        serial=row["serial"],
        is_unscanned=bool(row["is_unscanned"]),
        is_unlisted=bool(row["is_unlisted"]),
    )
