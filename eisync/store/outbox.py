"""The durable queue of work: every file that is to be sent, and what became of it.

A state changes only along `lifecycle.TRANSITIONS`; every update names the state it comes from, so that an arrow walked
twice, or by two at once, is refused by the database itself.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence

from eisync.core.items import Candidate, Item, Root
from eisync.core.lifecycle import Event, State, can, sources, step, walk
from eisync.core.settlement import Settlement
from eisync.store.database import Database
from eisync.store.history import forget_oldest
from eisync.store.links import link
from eisync.store.moves import move, note
from eisync.store.rows import Known, item_of, known_of, path_of, split

# Take what is due, oldest first, for one request after another. `:roots` is a JSON list: only the folders of this run.
_CLAIM = """
update file set state = 'sending', claim = :claim, changed_at = :now
where id in (
    select id from file
    where target = :target and state = 'ready' and due_at <= :now
      and root_id in (select value from json_each(:roots))
    order by due_at, id
    limit :limit)
returning *"""

# When the next file of the target is due.
_NEXT_DUE = """
select due_at from file
where target = :target and state = 'ready' and root_id in (select value from json_each(:roots))
order by due_at, id limit 1"""

# What is known of the files directly in a folder.
_KNOWN = """
select id, name, state, size, mtime_ns, inode from file where root_id = :root_id and folder = :folder"""

# What is known of one file.
_KNOWN_AT = """
select id, state, size, mtime_ns, inode from file
where root_id = :root_id and folder = :folder and name = :name"""

# The folders in which a file is known that could still go. From one folder to the next by the index, because there may
# be a thousand files in each.
_FOLDERS = """
with recursive one (folder) as (
    select min(folder) from file where root_id = :root_id
    union all
    select (select min(folder) from file where root_id = :root_id and folder > one.folder)
    from one where one.folder is not null)
select folder from one
where folder is not null and exists (
    select 1 from file where root_id = :root_id and folder = one.folder and state <> 'gone')"""

# Known files that were changed and are not complete again.
_SETTLING = """
select folder, name from file where state = 'settling' and root_id = :root_id"""

# Files of which nobody knows whether they arrived.
_DOUBTFUL = """
select * from file where state = 'doubtful' and target = :target order by id limit :limit"""

# Drop the rows of files that went, and what is remembered of them.
_FORGET_GONE = """
delete from file where state = 'gone' and changed_at < :before returning id"""
_FORGET_HISTORY = """
delete from history where file_id = :id"""

# A file that is complete: a new row, or the next version of a known one that was settling or had gone.
_ENQUEUE = """
insert into file (root_id, folder, name, target, state, reason, size, mtime_ns, inode, label, category, metadata,
                  due_at, enqueued_at, changed_at)
values (:root_id, :folder, :name, :target, 'ready', null, :size, :mtime_ns, :inode, :label, :category, :metadata,
        :now, :now, :now)
on conflict (root_id, folder, name) do update set
    target = excluded.target, state = 'ready', reason = null, size = excluded.size, mtime_ns = excluded.mtime_ns,
    inode = excluded.inode, label = excluded.label, category = excluded.category, metadata = excluded.metadata,
    sha256 = null, attempts = 0, batch_cap = null, due_at = excluded.due_at, claim = null,
    enqueued_at = excluded.enqueued_at, changed_at = excluded.changed_at
where file.state in ('settling', 'gone')
returning id"""

# Write down what became of a file; only while it is still in the state, and under the claim, in which it was taken.
_SETTLE = """
update file set
    state = :state, reason = :reason, due_at = coalesce(:due_at, due_at), claim = null, changed_at = :now,
    batch_cap = coalesce(:batch_cap, batch_cap), sha256 = coalesce(:sha256, sha256), attempts = attempts + :is_attempt
where id = :id and state = :before and claim is :claim"""

# A parked file once more, as if it had just come.
_RETRY = """
update file set
    target = (select target from root where id = file.root_id), state = 'ready', reason = null, attempts = 0,
    batch_cap = null, due_at = :now, enqueued_at = :now, changed_at = :now
where id = :id and state = :before"""

# A folder that belongs to another target now: what is not there yet goes to the new one. What is stays where it is.
_RETARGET = """
update file set target = :target
where root_id = :root_id and target <> :target and state not in ('synced', 'tombstone')"""


class LostClaimError(Exception):
    """A settlement for a file that is no longer under its claim: a mistake of ours."""


class Outbox:
    """The queue. Safe to use from any thread; each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Callable[[], None]] = []

    def on_work(self, listener: Callable[[], None]) -> None:
        """Call `listener` after a commit that made files ready. It must only wake somebody."""
        self._listeners.append(listener)

    def register(self, roots: Sequence[tuple[str, str]]) -> list[Root]:
        """The roots of this run, by (absolute path, target), each with its id. Safe to repeat."""
        with self._database.transaction() as connection:
            return [_registered(connection, path, target) for path, target in roots]

    def enqueue(self, candidates: Iterable[Candidate], *, now: float) -> set[tuple[int, str]]:
        """Put complete files into the queue. Safe to repeat.

        Returns the (root id, path) of those that cannot enter yet because their last version is still under way.
        """
        busy: set[tuple[int, str]] = set()
        entered = 0
        with self._database.transaction() as connection:
            for candidate in candidates:
                entry = _find(connection, candidate.root_id, candidate.path)
                if entry is not None and entry.facts == candidate.facts and entry.state not in _ENTERABLE:
                    continue
                if entry is not None and entry.state in _UNDER_WAY:
                    busy.add((candidate.root_id, candidate.path))
                    continue
                if entry is not None and can(entry.state, Event.CHANGED):
                    move(connection, entry.id, entry.state, Event.CHANGED, "a new version", now)
                _enter(connection, candidate, now)
                entered += 1
        if entered:
            self._announce()
        return busy

    def mark_changed(self, ids: Iterable[int], *, now: float) -> None:
        """These files are not what they were: back to settling, unless a request is under way with them."""
        movable = frozenset(sources(Event.CHANGED)) - _UNDER_WAY
        self._mark(ids, Event.CHANGED, movable, "it was changed; waiting until it is complete", now)

    def mark_gone(self, ids: Iterable[int], *, now: float) -> None:
        """These files are not there any more. What is synced stays synced, and it is noted."""
        movable = frozenset(sources(Event.GONE)) - _UNDER_WAY
        self._mark(ids, Event.GONE, movable, "the local file is not there any more", now)

    def known(self, root_id: int, folder: str) -> dict[str, Known]:
        """What is known of the files directly in `folder`, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(_KNOWN, {"root_id": root_id, "folder": os.fsencode(folder)}).fetchall()
        return {os.fsdecode(row["name"]): known_of(row) for row in rows}

    def known_at(self, root_id: int, path: str) -> Known | None:
        """What is known of the file at `path`."""
        with self._database.reading() as connection:
            return _find(connection, root_id, path)

    def folders(self, root_id: int) -> list[str]:
        """Every folder of the root in which a file is known that could still go."""
        with self._database.reading() as connection:
            rows = connection.execute(_FOLDERS, {"root_id": root_id}).fetchall()
        return [os.fsdecode(row["folder"]) for row in rows]

    def settling(self, root_id: int) -> list[str]:
        """The paths of known files that were changed and are not complete again."""
        with self._database.reading() as connection:
            rows = connection.execute(_SETTLING, {"root_id": root_id}).fetchall()
        return [path_of(row) for row in rows]

    def claim(self, target: str, roots: Iterable[int], *, limit: int, claim: int, now: float) -> list[Item]:
        """Take at most `limit` files that are due, oldest first. They are ours until they are settled."""
        parameters = {"target": target, "roots": json.dumps(list(roots)), "limit": limit, "claim": claim, "now": now}
        with self._database.transaction() as connection:
            rows = connection.execute(_CLAIM, parameters).fetchall()
            places = dict(connection.execute("select id, path from root").fetchall()) if rows else {}
        items = [(row["due_at"], row["id"], item_of(row, places)) for row in rows]
        return [item for _, _, item in sorted(items, key=lambda entry: entry[:2])]

    def next_due_at(self, target: str, roots: Iterable[int]) -> float | None:
        """When the next file of the target is due (Unix s), or None when none waits."""
        with self._database.reading() as connection:
            row = connection.execute(_NEXT_DUE, {"target": target, "roots": json.dumps(list(roots))}).fetchone()
        return None if row is None else float(row["due_at"])

    def settle(self, settlements: Iterable[Settlement], *, claim: int | None, now: float) -> None:
        """Write down what became of claimed files, with the samples the service named, in one transaction.

        Raises LostClaimError, and writes nothing, when one of them is not under `claim`.
        """
        with self._database.transaction() as connection:
            for settlement in settlements:
                _settle(connection, settlement, State.SENDING, claim, now)
        self._announce()

    def resolve(self, settlements: Iterable[Settlement], *, now: float) -> None:
        """Write down what a look at the service told about doubtful files."""
        with self._database.transaction() as connection:
            for settlement in settlements:
                _settle(connection, settlement, State.DOUBTFUL, None, now)
        self._announce()

    def doubtful(self, target: str, *, limit: int) -> list[Item]:
        """Files of which nobody knows whether they arrived."""
        with self._database.reading() as connection:
            rows = connection.execute(_DOUBTFUL, {"target": target, "limit": limit}).fetchall()
            places = dict(connection.execute("select id, path from root").fetchall())
        return [item_of(row, places) for row in rows]

    def recover(self, *, duplicates_allowed: bool, now: float) -> int:
        """After a start: whatever was under way when the last process ended is doubtful.

        Where duplicates are refused, doubtful files go straight back to the queue. Returns how many were under way.
        """
        with self._database.transaction() as connection:
            forget_oldest(connection)
            under_way = connection.execute("select id from file where state = 'sending'").fetchall()
            for row in under_way:
                move(connection, row["id"], State.SENDING, Event.SILENCE, "eisync ended while it was sent", now)
            if not duplicates_allowed:
                for row in connection.execute("select id from file where state = 'doubtful'").fetchall():
                    move(connection, row["id"], State.DOUBTFUL, Event.ABSENT, "sent again: duplicates are refused", now)
        self._announce()
        return len(under_way)

    def retry(self, ids: Iterable[int], *, now: float) -> int:
        """Put quarantined files and tombstones back into the queue. Returns how many."""
        moved = 0
        with self._database.transaction() as connection:
            for identity in ids:
                row = connection.execute("select state from file where id = ?", (identity,)).fetchone()
                if row is None or not can(State(row["state"]), Event.RETRY):
                    continue
                connection.execute("delete from file_sample where file_id = ?", (identity,))
                connection.execute(_RETRY, {"id": identity, "before": row["state"], "now": now})
                note(connection, identity, Event.RETRY, State.READY, "a person asked for it", now)
                moved += 1
        if moved:
            self._announce()
        return moved

    def forget_gone(self, *, before: float) -> int:
        """Drop the rows of files that went before they were sent, once their reason is older than `before`.

        And the oldest lines of the history, when there are too many of them.
        """
        with self._database.transaction() as connection:
            dropped = connection.execute(_FORGET_GONE, {"before": before}).fetchall()
            connection.executemany(_FORGET_HISTORY, [{"id": row["id"]} for row in dropped])
            forget_oldest(connection)
        return len(dropped)

    def _mark(self, ids: Iterable[int], event: Event, movable: frozenset[State], reason: str, now: float) -> None:
        with self._database.transaction() as connection:
            for identity in ids:
                row = connection.execute("select state, reason from file where id = ?", (identity,)).fetchone()
                if row is None or (state := State(row["state"])) not in movable:
                    continue
                is_noted = step(state, event) is state and row["reason"] == reason
                if not is_noted:
                    move(connection, identity, state, event, reason, now)

    def _announce(self) -> None:
        for listener in self._listeners:
            listener()


_UNDER_WAY = frozenset({State.SENDING, State.DOUBTFUL})
_ENTERABLE = frozenset({State.SETTLING, State.GONE})


def _registered(connection: sqlite3.Connection, path: str, target: str) -> Root:
    place = os.fsencode(path)
    before = connection.execute("select target from root where path = ?", (place,)).fetchone()
    row = connection.execute(
        "insert into root (path, target) values (?, ?) "
        "on conflict (path) do update set target = excluded.target returning id",
        (place, target),
    ).fetchone()
    if before is not None and before["target"] != target:
        connection.execute(_RETARGET, {"root_id": row["id"], "target": target})
    return Root(id=row["id"], path=path, target=target)


def _find(connection: sqlite3.Connection, root_id: int, path: str) -> Known | None:
    folder, name = split(path)
    row = connection.execute(_KNOWN_AT, {"root_id": root_id, "folder": folder, "name": name}).fetchone()
    return None if row is None else known_of(row)


def _enter(connection: sqlite3.Connection, candidate: Candidate, now: float) -> None:
    folder, name = split(candidate.path)
    row = connection.execute(
        _ENQUEUE,
        {
            "root_id": candidate.root_id,
            "folder": folder,
            "name": name,
            "target": candidate.target,
            "size": candidate.facts.size,
            "mtime_ns": candidate.facts.mtime_ns,
            "inode": candidate.facts.inode,
            "label": candidate.label,
            "category": candidate.category.value,
            "metadata": json.dumps(dict(candidate.metadata)),
            "now": now,
        },
    ).fetchone()
    # The samples of the version before stay in the index; they are no longer this file's.
    connection.execute("delete from file_sample where file_id = ?", (row["id"],))
    note(connection, row["id"], Event.COMPLETE, step(State.SETTLING, Event.COMPLETE), None, now)


def _settle(
    connection: sqlite3.Connection, settlement: Settlement, before: State, claim: int | None, now: float
) -> None:
    after = walk(before, settlement.events)
    written = connection.execute(
        _SETTLE,
        {
            "id": settlement.item_id,
            "before": before.value,
            "state": after.value,
            "claim": claim,
            "reason": settlement.reason,
            "due_at": settlement.due_at,
            "batch_cap": settlement.batch_cap,
            "sha256": settlement.sha256,
            "is_attempt": settlement.is_attempt,
            "now": now,
        },
    ).rowcount
    if written != 1:
        raise LostClaimError(f"file {settlement.item_id} is not {before.value} under claim {claim}")
    if settlement.sample_ids:
        link(connection, settlement.item_id, settlement.sample_ids, now)
    if settlement.is_attempt or settlement.events != (Event.DEFER,):
        note(connection, settlement.item_id, settlement.events[-1], after, settlement.reason, now)
