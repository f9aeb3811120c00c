"""The durable queue of work: every file that is to be sent, and what became of it.

A state changes only along `lifecycle.TRANSITIONS`; every update names the state it comes from, so that an arrow walked
twice, or by two at once, is refused by the database itself.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence

from eisync.core.batching import Order
from eisync.core.items import Candidate, Doubt, FileFacts, Item, Root
from eisync.core.lifecycle import Event, State, can, sources, step, walk
from eisync.core.retry import ASKED_CAP_S
from eisync.core.settlement import Settlement
from eisync.store.database import Database
from eisync.store.history import forget_oldest
from eisync.store.links import link
from eisync.store.moves import move, note, note_all
from eisync.store.rows import MISSING, Known, item_of, known_of, path_of, split

# What is due in a folder of this run, as far as one claim goes, by the order that was asked for. Folder by folder,
# so that each answers from its end of an index, however many files wait in others.
_DUE_BY = {
    Order.OLDEST: """
select id, due_at as rank from file indexed by file_due
where root_id = :root_id and state = 'ready' and due_at <= :now and target = :target
order by due_at, id limit :limit""",
    Order.NEWEST: """
select id, -due_at as rank from file indexed by file_due
where root_id = :root_id and state = 'ready' and due_at <= :now and target = :target
order by due_at desc, id desc limit :limit""",
    Order.SMALLEST: """
select id, size as rank from file indexed by file_by_size
where root_id = :root_id and state = 'ready' and due_at <= :now and target = :target
order by size, id limit :limit""",
}

# Take them. `:ids` is a JSON list. (The plus keeps SQLite from walking all that are ready.)
_CLAIM = """
update file set state = 'sending', claim = :claim, changed_at = :now
where id in (select value from json_each(:ids)) and +state = 'ready'
returning *"""

# When the next file of a folder is due.
_NEXT_DUE = """
select due_at from file indexed by file_due
where root_id = :root_id and state = 'ready' and target = :target
order by due_at, id limit 1"""

# What is known of one file.
_KNOWN_AT = """
select id, state, size, mtime_ns, inode, absent_at,
    iif(removal in ('deleted', 'archived'), sha256, null) as taken_sha256
from file where root_id = :root_id and folder = :folder and name = :name"""

# Known files that were changed and are not complete again.
_SETTLING = """
select folder, name from file where state = 'settling' and root_id = :root_id"""

# Files of which nobody knows whether they arrived.
_DOUBTFUL = """
select * from file where state = 'doubtful' and target = :target order by id limit :limit"""

# Why nobody can tell, yet or at all.
_EXPLAIN = """
update file set reason = :reason where state = 'doubtful' and target = :target and reason is not :reason"""

# What a clock that was wrong has put off beyond any wait of ours.
_BRING_FORWARD = """
update file set due_at = :now where state = 'ready' and due_at > :now + :longest_s"""

# Drop the rows of files that went, and what is remembered of them.
_FORGET_GONE = """
delete from file where state = 'gone' and changed_at < :before returning id"""
_FORGET_HISTORY = """
delete from history where file_id = :id"""

# A file that is complete, or cut for good: a new row, or the next version of a known one that was settling or had gone.
_ENQUEUE = """
insert into file (root_id, folder, name, target, state, reason, size, mtime_ns, inode, label, category, metadata,
                  due_at, enqueued_at, changed_at)
values (:root_id, :folder, :name, :target, :state, :reason, :size, :mtime_ns, :inode, :label, :category, :metadata,
        :now, :now, :now)
on conflict (root_id, folder, name) do update set
    target = excluded.target, state = excluded.state, reason = excluded.reason,
    size = excluded.size, mtime_ns = excluded.mtime_ns,
    inode = excluded.inode, label = excluded.label, category = excluded.category, metadata = excluded.metadata,
    sha256 = null, attempts = 0, batch_cap = null, due_at = excluded.due_at, claim = null,
    enqueued_at = excluded.enqueued_at, changed_at = excluded.changed_at,
    absent_at = null, removal = null, published = null
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
    batch_cap = null, due_at = :now, enqueued_at = :now, changed_at = :now, absent_at = null, removal = null,
    published = null
where id = :id and state = :before"""

# A file that is at the service, or was, is not here; since when is what the first look that missed it says.
_ABSENT = "update file set absent_at = :now where id = :id and absent_at is null and state in ('synced', 'tombstone')"

# It is here again, as it was. One that we took away was brought back by a person, who wants it here.
_BACK = """
update file set absent_at = null, removal = iif(removal is null or removal = 'spared', null, 'kept'),
    reason = iif(state = 'synced', :reason, reason)
where id = :id and absent_at is not null"""
# A copy of one that we took away was put into its place: it is the same content, in another file.
_RETURNED = """
update file set size = :size, mtime_ns = :mtime_ns, inode = :inode, absent_at = coalesce(absent_at, :now)
where id = :id and sha256 = :sha256 and removal in ('deleted', 'archived') and state in ('synced', 'tombstone')"""
_TELL_BACK = """
insert into history (at, file_id, event, state, detail)
select :now, id, 'back', state, :reason from file where id = :id"""

# It was changed, and is left as it was sent.
_LEAVE = """
update file set size = :size, mtime_ns = :mtime_ns, inode = :inode, reason = iif(state = 'synced', :reason, reason)
where id = :id and state in ('synced', 'tombstone')"""
_TELL_LEFT = """
insert into history (at, file_id, event, state, detail)
select :now, id, 'ignored', state, :reason from file where id = :id"""

# The samples of the version before: to be deleted once this one is there, unless we took that version away ourselves.
_SUPERSEDE = """
insert or ignore into superseded (file_id, sample_id)
select mine.file_id, mine.sample_id from file_sample mine join file on file.id = mine.file_id
where mine.file_id = :id and file.removal is null"""

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
        return self._enter_all(((candidate, Event.COMPLETE, None) for candidate in candidates), now)

    def park(self, findings: Iterable[tuple[Candidate, str]], *, now: float) -> set[tuple[int, str]]:
        """Quarantine files that are cut, each with the finding. Safe to repeat; returns what `enqueue` does."""
        return self._enter_all(((candidate, Event.CUT, finding) for candidate, finding in findings), now)

    def _enter_all(self, entries: Iterable[tuple[Candidate, Event, str | None]], now: float) -> set[tuple[int, str]]:
        busy: set[tuple[int, str]] = set()
        entered: list[tuple[int, Event, State, str | None]] = []
        with self._database.transaction() as connection:
            for candidate, event, reason in entries:
                entry = _find(connection, candidate.root_id, candidate.path)
                if entry is not None and entry.facts == candidate.facts and entry.state not in _ENTERABLE:
                    continue
                if entry is not None and entry.state in _UNDER_WAY:
                    busy.add((candidate.root_id, candidate.path))
                    continue
                if entry is not None and can(entry.state, Event.CHANGED):
                    move(connection, entry.id, entry.state, Event.CHANGED, "a new version", now)
                if entry is not None and candidate.replaces:
                    connection.execute(_SUPERSEDE, {"id": entry.id})
                identity = _enter(connection, candidate, event, reason, now, is_known=entry is not None)
                entered.append((identity, event, step(State.SETTLING, event), reason))
            note_all(connection, entered, now)
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
        self._mark(ids, Event.GONE, movable, MISSING, now)

    def mark_back(self, ids: Iterable[int], *, now: float) -> None:
        """These files are there again, as they were when they went."""
        with self._database.transaction() as connection:
            for identity in ids:
                told = {"id": identity, "now": now, "reason": "it is there again"}
                if connection.execute(_BACK, told).rowcount:
                    connection.execute(_TELL_BACK, told)

    def mark_returned(self, identity: int, facts: FileFacts, sha256: str, *, now: float) -> bool:
        """A file that we took away is in its place again, with its content. False when it is not that one any more."""
        version = {"size": facts.size, "mtime_ns": facts.mtime_ns, "inode": facts.inode, "sha256": sha256}
        told = {"id": identity, "now": now, "reason": "it is there again"}
        with self._database.transaction() as connection:
            if not connection.execute(_RETURNED, {"id": identity, "now": now, **version}).rowcount:
                return False
            connection.execute(_BACK, told)
            connection.execute(_TELL_BACK, told)
        return True

    def leave_as_sent(self, changes: Iterable[tuple[int, FileFacts]], *, now: float) -> None:
        """These files were changed after they were sent, and the new version is not to go."""
        reason = "it was changed since; on_change leaves what is at the service as it is"
        with self._database.transaction() as connection:
            for identity, facts in changes:
                told = {"id": identity, "now": now, "reason": reason}
                version = {"size": facts.size, "mtime_ns": facts.mtime_ns, "inode": facts.inode}
                if connection.execute(_LEAVE, {**told, **version}).rowcount:
                    connection.execute(_TELL_LEFT, told)

    def known_at(self, root_id: int, path: str) -> Known | None:
        """What is known of the file at `path`."""
        with self._database.reading() as connection:
            return _find(connection, root_id, path)

    def settling(self, root_id: int) -> list[str]:
        """The paths of known files that were changed and are not complete again."""
        with self._database.reading() as connection:
            rows = connection.execute(_SETTLING, {"root_id": root_id}).fetchall()
        return [path_of(row) for row in rows]

    def claim(
        self,
        target: str,
        roots: Iterable[int],
        *,
        order: Order = Order.OLDEST,
        limit: int,
        claim: int,
        now: float,
    ) -> list[Item]:
        """Take at most `limit` files that are due, in `order`. They are ours until they are settled."""
        places_in_line: dict[int, int] = {}
        rows: list[sqlite3.Row] = []
        places: dict[int, bytes] = {}
        with self._database.transaction() as connection:
            due: list[tuple[float, int]] = []
            for root_id in roots:
                parameters = {"root_id": root_id, "target": target, "limit": limit, "now": now}
                due += [(row["rank"], row["id"]) for row in connection.execute(_DUE_BY[order], parameters).fetchall()]
            sign = -1 if order is Order.NEWEST else 1
            due.sort(key=lambda entry: (entry[0], sign * entry[1]))
            places_in_line = {identity: place for place, (_, identity) in enumerate(due[:limit])}
            if places_in_line:
                taken = {"ids": json.dumps(list(places_in_line)), "claim": claim, "now": now}
                rows = connection.execute(_CLAIM, taken).fetchall()
                places = dict(connection.execute("select id, path from root").fetchall())
        rows.sort(key=lambda row: places_in_line[row["id"]])
        return [item_of(row, places) for row in rows]

    def next_due_at(self, target: str, roots: Iterable[int]) -> float | None:
        """When the next file of the target is due (Unix s), or None when none waits."""
        with self._database.reading() as connection:
            found = [
                connection.execute(_NEXT_DUE, {"root_id": root_id, "target": target}).fetchone() for root_id in roots
            ]
        return min((float(row["due_at"]) for row in found if row is not None), default=None)

    def settle(self, settlements: Iterable[Settlement], *, claim: int | None, now: float) -> None:
        """Write down what became of claimed files, with the samples the service named, in one transaction.

        Raises LostClaimError, and writes nothing, when one of them is not under `claim`.
        """
        with self._database.transaction() as connection:
            _settle(connection, list(settlements), State.SENDING, claim, now)
        self._announce()

    def resolve(self, settlements: Iterable[Settlement], *, now: float) -> None:
        """Write down what a look at the service told about doubtful files; not where a person was faster."""
        with self._database.transaction() as connection:
            still = [
                settlement
                for settlement in settlements
                if connection.execute("select state from file where id = ?", (settlement.item_id,)).fetchone()["state"]
                == State.DOUBTFUL.value
            ]
            _settle(connection, still, State.DOUBTFUL, None, now)
        self._announce()

    def doubtful(self, target: str, *, limit: int) -> list[Doubt]:
        """Files of which nobody knows whether they arrived."""
        with self._database.reading() as connection:
            rows = connection.execute(_DOUBTFUL, {"target": target, "limit": limit}).fetchall()
            places = dict(connection.execute("select id, path from root").fetchall())
        return [Doubt(item_of(row, places), row["changed_at"]) for row in rows]

    def explain_doubts(self, target: str, reason: str) -> None:
        """Why nobody can tell whether the doubtful files of the target arrived, for a person."""
        with self._database.transaction() as connection:
            connection.execute(_EXPLAIN, {"target": target, "reason": reason})

    def recover(self, *, duplicates_allowed: bool, now: float) -> int:
        """After a start: whatever was under way when the last process ended is doubtful.

        Where duplicates are refused, doubtful files go straight back to the queue. Returns how many were under way.
        A clock that was set back since then keeps no file waiting.
        """
        with self._database.transaction() as connection:
            forget_oldest(connection)
            under_way = connection.execute("select id from file where state = 'sending'").fetchall()
            for row in under_way:
                move(connection, row["id"], State.SENDING, Event.SILENCE, "eisync ended while it was sent", now)
            if not duplicates_allowed:
                for row in connection.execute("select id from file where state = 'doubtful'").fetchall():
                    move(connection, row["id"], State.DOUBTFUL, Event.ABSENT, "sent again: duplicates are refused", now)
            connection.execute(_BRING_FORWARD, {"now": now, "longest_s": _LONGEST_WAIT_S})
        self._announce()
        return len(under_way)

    def retry(self, ids: Iterable[int], *, now: float) -> int:
        """Put quarantined files and tombstones back into the queue. Returns how many.

        A doubtful one, too: a person has looked, or does not mind a second sample.
        """
        moved = 0
        with self._database.transaction() as connection:
            for identity in ids:
                row = connection.execute("select state from file where id = ?", (identity,)).fetchone()
                event = None if row is None else _RETRIES.get(State(row["state"]))
                if event is None:
                    continue
                connection.execute("delete from file_sample where file_id = ?", (identity,))
                connection.execute(_RETRY, {"id": identity, "before": row["state"], "now": now})
                note(connection, identity, event, State.READY, "a person asked for it", now)
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
                row = connection.execute("select state, absent_at from file where id = ?", (identity,)).fetchone()
                if row is None:
                    continue
                is_noted = event is Event.GONE and row["absent_at"] is not None
                if event is Event.GONE:
                    connection.execute(_ABSENT, {"id": identity, "now": now})
                if (state := State(row["state"])) in movable and not is_noted:
                    move(connection, identity, state, event, reason, now)

    def _announce(self) -> None:
        for listener in self._listeners:
            listener()


_LONGEST_WAIT_S = max(ASKED_CAP_S, 86_400.0)  # the most a service may ask for, and the largest cap of the settings
_RETRIES = {**dict.fromkeys(sources(Event.RETRY), Event.RETRY), State.DOUBTFUL: Event.ABSENT}
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


def _enter(
    connection: sqlite3.Connection,
    candidate: Candidate,
    event: Event,
    reason: str | None,
    now: float,
    *,
    is_known: bool,
) -> int:
    folder, name = split(candidate.path)
    state = step(State.SETTLING, event)
    row = connection.execute(
        _ENQUEUE,
        {
            "root_id": candidate.root_id,
            "folder": folder,
            "name": name,
            "target": candidate.target,
            "state": state.value,
            "reason": reason,
            "size": candidate.facts.size,
            "mtime_ns": candidate.facts.mtime_ns,
            "inode": candidate.facts.inode,
            "label": candidate.label,
            "category": candidate.category.value,
            "metadata": json.dumps(dict(candidate.metadata)) if candidate.metadata else "{}",
            "now": now,
        },
    ).fetchone()
    identity: int = row["id"]
    if is_known:
        # The samples of the version before stay in the index; they are no longer this file's.
        connection.execute("delete from file_sample where file_id = ?", (identity,))
    return identity


def _settle(
    connection: sqlite3.Connection, settlements: Sequence[Settlement], before: State, claim: int | None, now: float
) -> None:
    # Statement by statement for all of them, not file by file: a thousand answers take a quarter of the time so.
    ends = [walk(before, settlement.events) for settlement in settlements]
    pairs = list(zip(settlements, ends, strict=True))
    written = connection.executemany(
        _SETTLE,
        [
            {
                "id": settlement.item_id,
                "before": before.value,
                "state": end.value,
                "claim": claim,
                "reason": settlement.reason,
                "due_at": settlement.due_at,
                "batch_cap": settlement.batch_cap,
                "sha256": settlement.sha256,
                "is_attempt": settlement.is_attempt,
                "now": now,
            }
            for settlement, end in pairs
        ],
    ).rowcount
    if written != len(settlements):
        lost = len(settlements) - max(0, written)
        raise LostClaimError(f"{lost} of {len(settlements)} files are not {before.value} under claim {claim}")
    link(connection, [(one.item_id, sample_id) for one in settlements for sample_id in one.sample_ids], now)
    note_all(
        connection,
        [
            (settlement.item_id, settlement.events[-1], end, settlement.reason)
            for settlement, end in pairs
            if settlement.is_attempt or settlement.events != (Event.DEFER,)
        ],
        now,
    )
