"""Put files into the queue, and record that known files changed, went or came back."""

import itertools
import json
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any

from eisync.core.known_content import IN_DOUBT_NS
from eisync.core.lifecycle import Event, RemovalEvent, State, can, sources, step
from eisync.core.model import Candidate, FileFacts, KnownFile
from eisync.store import wanted
from eisync.store.file_counts import count_new
from eisync.store.rows import (
    IS_RETRIEVABLE,
    KNOWN,
    MISSING,
    known_of,
    path_of,
    remarks_text,
    removal_after,
    removal_before,
    split,
    version_of,
)
from eisync.store.tombstones import keep_earlier
from eisync.store.transitions import move, note_all

Row = tuple[int, bytes, bytes, *tuple[Any, ...]]

UNDER_WAY = frozenset({State.SENDING, State.DOUBTFUL})

Entry = tuple[Candidate, Event, str | None]
"""A file that is complete or permanently truncated, the event that says which, and the finding."""

# What is known of one file.
_KNOWN_AT = f"""
select {KNOWN} from file where root_id = :root_id and folder = :folder and name = :name"""

# Known files that changed and are not complete yet.
_SETTLING = """
select folder, name from file where state = 'settling' and root_id = :root_id"""

# A file that is complete or permanently truncated.
_FILE = """
insert into file (root_id, folder, name, target, state, reason, size, mtime_ns, inode, ctime_ns, label, category,
                  metadata, companions, sent_as, remarks, due_at, enqueued_at, changed_at)"""
_ONE = f"""{_FILE}
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?17, ?17)
on conflict (root_id, folder, name)"""

# Insert many new rows at once; ?1 is what they share. (One row a statement takes twice as long.)
_COLUMNS = 16


def _entering(count: int) -> str:
    numbers = itertools.count(2)
    rows = (", ".join(f"?{number}" for number in islice(numbers, _COLUMNS)) for _ in range(count))
    values = ", ".join(f"({row}, ?1, ?1, ?1)" for row in rows)
    return f"{_FILE} values {values} on conflict (root_id, folder, name) do nothing"


_ENTER = tuple((count, _entering(count)) for count in (64, 8, 1))
_NOTE_NEW = """
insert into history (at, file_id, event, state, detail)
select changed_at, id, iif(state = 'ready', 'complete', 'cut'), state, reason from file
where id > :newest order by id"""

# A new row, or the next version of a known file that was settling or gone.
_ENQUEUE = f"""{_ONE} do update set
    target = excluded.target, state = excluded.state, reason = excluded.reason,
    size = excluded.size, mtime_ns = excluded.mtime_ns,
    inode = excluded.inode, ctime_ns = excluded.ctime_ns, label = excluded.label, category = excluded.category,
    metadata = excluded.metadata, companions = excluded.companions,
    sent_as = excluded.sent_as, remarks = excluded.remarks,
    sha256 = null, attempts = 0, batch_cap = null, due_at = excluded.due_at, claim = null,
    enqueued_at = excluded.enqueued_at, changed_at = excluded.changed_at,
    absent_at = null, removal = {removal_after(RemovalEvent.RENEW)}, published = null
where file.state in ('settling', 'gone')
returning id"""

# The samples of the earlier version. They are deleted once the new one is stored, unless eisync itself had removed that
# version here.
_SUPERSEDE = """
insert or ignore into superseded (file_id, sample_id, sent_name, target)
select mine.file_id, mine.sample_id, mine.sent_name, file.target
from file_sample mine join file on file.id = mine.file_id
where mine.file_id = :id and file.removal is null and not mine.is_segment"""

# A file that was uploaded is missing here, since the first check that missed it.
_ABSENT = "update file set absent_at = :now where id = :id and absent_at is null and state in ('synced', 'tombstone')"

# The file is present, with other content: it is no longer absent.
_HERE = "update file set absent_at = null where id = :id and absent_at is not null"

# The file is present again, unchanged. If eisync had removed it, then a person brought it back and wants it here.
_BACK = f"""
update file set absent_at = null, removal = {removal_after(RemovalEvent.BACK)},
    reason = iif(state = 'synced', :reason, reason)
where id = :id and absent_at is not null and {removal_before(RemovalEvent.BACK)}"""
# A copy of a file that eisync had removed was put in its place: the same content in another file.
_RETURNED = f"""
update file set size = :size, mtime_ns = :mtime_ns, inode = :inode, ctime_ns = :ctime_ns,
    absent_at = coalesce(absent_at, :now)
where id = :id and sha256 = :sha256 and {IS_RETRIEVABLE} and state in ('synced', 'tombstone')"""
_NOTE_BACK = """
insert into history (at, file_id, event, state, detail)
select :now, id, 'back', state, :reason from file where id = :id"""

# The file still is the known version, with other facts.
_LEARN = """
update file set mtime_ns = :mtime_ns, inode = :inode, ctime_ns = :ctime_ns where id = :id and size = :size"""

# The content of an uploaded file must be compared with what was sent, even if its facts did not change.
_DOUBT = """
update file set ctime_ns = :in_doubt_ns where id = :id and state in ('synced', 'tombstone')"""

# The file was changed, and its sample stays as it was sent.
_LEAVE = """
update file set size = :size, mtime_ns = :mtime_ns, inode = :inode, ctime_ns = :ctime_ns,
    reason = iif(state = 'synced', :reason, reason)
where id = :id and state in ('synced', 'tombstone')"""
_NOTE_LEFT = """
insert into history (at, file_id, event, state, detail)
select :now, id, 'ignored', state, :reason from file where id = :id"""

_STATES = {event: step(State.SETTLING, event).value for event in (Event.COMPLETE, Event.CUT)}
"""The state of a file that enters, by event."""
_ENTERABLE = frozenset({State.SETTLING, State.GONE})
_NOT_SENT = frozenset({State.SETTLING, State.READY, State.QUARANTINED})


def find(connection: sqlite3.Connection, root_id: int, path: str) -> KnownFile | None:
    """Return what is known of the file at `path`; None when it is not known."""
    folder, name = split(path)
    row = connection.execute(_KNOWN_AT, {"root_id": root_id, "folder": folder, "name": name}).fetchone()
    return None if row is None else known_of(row)


def settling(connection: sqlite3.Connection, root_id: int) -> list[str]:
    """List the paths of known files that changed and are not complete yet."""
    return [path_of(row) for row in connection.execute(_SETTLING, {"root_id": root_id}).fetchall()]


def enter_all(connection: sqlite3.Connection, entries: Iterable[Entry], now: float) -> tuple[int, set[tuple[int, str]]]:
    """Return how many entered, and the (root id, path) of those whose earlier version is still in a request."""
    entering = list(entries)
    newest = connection.execute("select coalesce(max(id), 0) as id from file").fetchone()["id"]
    # Most files are new and are inserted together. The rest were known before, or occur twice in `entries`.
    new = _enter_new(connection, [_row(*entry) for entry in entering], now)
    connection.execute(_NOTE_NEW, {"newest": newest})
    count_new(connection, newest)
    if new == len(entering):
        return new, set()
    entered, busy = _enter_known(connection, _others(connection, entering, newest), now)
    return new + entered, busy


def _enter_new(connection: sqlite3.Connection, rows: Sequence[Row], now: float) -> int:
    """Return how many of them were new."""
    new = at = 0
    for count, statement in _ENTER:
        while at + count <= len(rows):
            some = chain.from_iterable(rows[at : at + count])
            new += connection.execute(statement, (now, *some)).rowcount
            at += count
    return new


def _others(connection: sqlite3.Connection, entering: Iterable[Entry], newest: int) -> list[Entry]:
    """Return the entries that did not get a new row of their own."""
    others: list[Entry] = []
    assigned: set[int] = set()
    for entry in entering:
        found = find(connection, entry[0].root_id, entry[0].path)
        if found is None or found.id <= newest or found.id in assigned:
            others.append(entry)
        else:
            assigned.add(found.id)
    return others


def _enter_known(
    connection: sqlite3.Connection, entries: Iterable[Entry], now: float
) -> tuple[int, set[tuple[int, str]]]:
    busy: set[tuple[int, str]] = set()
    entered: dict[tuple[Event, str | None], list[int]] = {}
    for candidate, event, reason in entries:
        entry = find(connection, candidate.root_id, candidate.path)
        if entry is not None and entry.facts == candidate.facts and entry.state not in _ENTERABLE:
            continue
        if entry is not None and entry.state in UNDER_WAY:
            busy.add((candidate.root_id, candidate.path))
            continue
        if entry is not None and can(entry.state, Event.CHANGED):
            move(connection, entry.id, entry.state, Event.CHANGED, "a new version", now)
        if entry is not None and candidate.replaces:
            connection.execute(_SUPERSEDE, {"id": entry.id})
        if entry is not None:
            keep_earlier(connection, entry.id)
        identity = _enter(connection, candidate, event, reason, now, is_known=entry is not None)
        entered.setdefault((event, reason), []).append(identity)
    for (event, reason), ids in entered.items():
        note_all(connection, ids, event, step(State.SETTLING, event), reason, now)
    return sum(map(len, entered.values())), busy


def mark_changed(connection: sqlite3.Connection, ids: Iterable[int], now: float) -> None:
    """Move files that changed back to settling, unless they are in a request."""
    movable = frozenset(sources(Event.CHANGED)) - UNDER_WAY
    _mark(connection, ids, Event.CHANGED, movable, "it changed; waiting until it is complete", now)


def mark_gone(connection: sqlite3.Connection, ids: Iterable[int], now: float) -> None:
    """Record that these files are gone. A synced file stays synced, with the time since when it is absent."""
    movable = frozenset(sources(Event.GONE)) - UNDER_WAY
    _mark(connection, ids, Event.GONE, movable, MISSING, now)


def leave_out(connection: sqlite3.Connection, ids: Iterable[int], reason: str, now: float) -> None:
    """Take files that are no samples out of the queue, as if they were gone. `reason` says what they are."""
    for identity in ids:
        row = connection.execute("select state from file where id = ?", (identity,)).fetchone()
        if row is not None and (state := State(row["state"])) in _NOT_SENT:
            move(connection, identity, state, Event.GONE, reason, now)


def mark_back(connection: sqlite3.Connection, ids: Iterable[int], now: float) -> None:
    """Record that these files are present again, unchanged."""
    for identity in ids:
        parameters = {"id": identity, "now": now, "reason": "the file is back"}
        if connection.execute(_BACK, parameters).rowcount:
            connection.execute(_NOTE_BACK, parameters)


def mark_returned(connection: sqlite3.Connection, identity: int, facts: FileFacts, sha256: str, now: float) -> bool:
    """Record that a file that eisync removed is in its place again, with the same content.

    Return False when the row no longer says so.
    """
    version = {**version_of(facts), "sha256": sha256}
    if not connection.execute(_RETURNED, {"id": identity, "now": now, **version}).rowcount:
        return False
    mark_back(connection, [identity], now)
    return True


def learn_versions(connection: sqlite3.Connection, changes: Iterable[tuple[int, FileFacts]]) -> None:
    """Store the new facts of files that still are the known versions."""
    connection.executemany(_LEARN, [{"id": identity, **version_of(facts)} for identity, facts in changes])


def doubt(connection: sqlite3.Connection, identity: int) -> None:
    """Request a comparison of the file's content with what was sent, even if its facts did not change."""
    connection.execute(_DOUBT, {"id": identity, "in_doubt_ns": IN_DOUBT_NS})


def leave_as_sent(connection: sqlite3.Connection, changes: Iterable[tuple[int, FileFacts]], now: float) -> None:
    """Record that these files changed after they were sent, and that the new versions are not sent."""
    reason = 'it changed since; on_change = "ignore" keeps the sample as it is'
    for identity, facts in changes:
        parameters = {"id": identity, "now": now, "reason": reason}
        if connection.execute(_LEAVE, {**parameters, **version_of(facts)}).rowcount:
            connection.execute(_NOTE_LEFT, parameters)


def _enter(
    connection: sqlite3.Connection,
    candidate: Candidate,
    event: Event,
    reason: str | None,
    now: float,
    *,
    is_known: bool,
) -> int:
    row = connection.execute(_ENQUEUE, (*_row(candidate, event, reason), now)).fetchone()
    identity: int = row["id"]
    if not is_known:
        count_new(connection, identity - 1)
    else:
        wanted.forget(connection, identity)
        # The samples of the earlier version stay in the index but no longer belong to this file.
        connection.execute("delete from file_sample where file_id = ?", (identity,))
    return identity


def _row(candidate: Candidate, event: Event, reason: str | None) -> Row:
    """Return the columns of `_FILE` in order, without the instants."""
    folder, name = split(candidate.path)
    facts = candidate.facts
    metadata = json.dumps(dict(candidate.metadata)) if candidate.metadata else "{}"
    return (
        candidate.root_id,
        folder,
        name,
        candidate.target,
        _STATES[event],
        reason,
        facts.size,
        facts.mtime_ns,
        facts.inode,
        facts.ctime_ns,
        candidate.label,
        candidate.category.value,
        metadata,
        candidate.companions,
        candidate.sent_as,
        remarks_text(candidate.remarks),
    )


def _mark(
    connection: sqlite3.Connection,
    ids: Iterable[int],
    event: Event,
    movable: frozenset[State],
    reason: str,
    now: float,
) -> None:
    for identity in ids:
        row = connection.execute("select state, absent_at from file where id = ?", (identity,)).fetchone()
        if row is None:
            continue
        is_noted = event is Event.GONE and row["absent_at"] is not None
        if event is Event.GONE:
            connection.execute(_ABSENT, {"id": identity, "now": now})
        else:
            connection.execute(_HERE, {"id": identity})
        if (state := State(row["state"])) in movable and not is_noted:
            move(connection, identity, state, event, reason, now)
