"""Record the outcomes of claimed and doubtful files. `eisync.store.claims` claims them.

Every update names the state that it starts from, so that a transition that is repeated, or made by two at once, is
refused.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from eisync.core.lifecycle import Event, RemovalEvent, State, sources, walk
from eisync.core.model import Doubt
from eisync.core.outcome import Outcome
from eisync.core.retry import ASKED_CAP_S
from eisync.store import cleanup, wanted
from eisync.store.rows import ITEM, item_of, removal_after
from eisync.store.sample_links import link
from eisync.store.tombstones import note_restored
from eisync.store.transitions import move, note, note_all

# Record the outcome of files with equal outcomes, if they are still in the same state and under the same claim.
# `:settled` is a JSON object, from id to sha256 or null. (The plus makes SQLite start from the ids.)
_SETTLE = """
update or rollback file set
    state = :state, reason = :reason, due_at = coalesce(:due_at, due_at), claim = null, changed_at = :now,
    batch_cap = coalesce(:batch_cap, batch_cap), sha256 = coalesce(settled.value, sha256),
    attempts = attempts + :is_attempt
from json_each(:settled) settled
where file.id = cast(settled.key as integer) and +file.state = :before and file.claim is :claim"""

# Of the samples that the service just named, those that are linked to another file of the target, which was sent with
# other content. `:named` is a JSON list of (file, sample, sha256).
_OTHERS = """
select json_extract(named.value, '$[0]') as file_id, json_extract(named.value, '$[1]') as sample_id
from json_each(:named) named
cross join file_sample tie indexed by file_sample_by_sample on tie.sample_id = json_extract(named.value, '$[1]')
cross join file mine on mine.id = json_extract(named.value, '$[0]')
cross join file other on other.id = tie.file_id
where other.id <> mine.id and other.target = mine.target and other.sha256 <> json_extract(named.value, '$[2]')"""

# Files that are linked to one of these samples only because an answer named it: no listing has shown it.
_UNPROVEN = """
select distinct file.id, file.state from json_each(:samples) named
cross join file_sample tie indexed by file_sample_by_sample on tie.sample_id = named.value
cross join file on file.id = tie.file_id
cross join sample on sample.target = file.target and sample.id = named.value
where file.target = :target and file.state in ('synced', 'tombstone') and file.absent_at is null
    and file.removal is null and sample.filename is null"""

# A person put the file here after its content was deleted at the service, so no policy removes it for that deletion.
_KEEP_HERE = f"""
update file set removal = {removal_after(RemovalEvent.KEEP)}
where id in (select value from json_each(:ids)) and state = 'tombstone'"""

# Files that were sent and may have arrived.
_DOUBTFUL = f"""
select {ITEM}, changed_at from file where state = 'doubtful' and target = :target order by id limit :limit"""

# Why it is not known, yet or at all, whether they arrived.
_EXPLAIN = """
update file set reason = :reason where state = 'doubtful' and target = :target and reason is not :reason"""

# Files that were deferred for very long by a wrong clock, or by a service that asked for it. A start tries them soon.
_BRING_FORWARD = """
update file set due_at = :now where state = 'ready' and due_at > :now + :longest_s"""

# The clock was set back, and these files wait since an instant in the future: each waits as long again, from now on.
_WAIT_ANEW = """
update file set due_at = :now + max(0.0, due_at - changed_at), changed_at = :now
where state = 'ready' and changed_at > :now"""

# Send a file again as if it had just come.
_RETRY = f"""
update or rollback file set
    target = (select target from root where id = file.root_id), state = 'ready', reason = null, attempts = 0,
    batch_cap = null, due_at = :now, enqueued_at = :now, changed_at = :now, absent_at = null,
    removal = {removal_after(RemovalEvent.RENEW)}, published = null
where id = :id and state = :before"""

_RETRIES = {**dict.fromkeys(sources(Event.RETRY), Event.RETRY), State.DOUBTFUL: Event.ABSENT}


class LostClaimError(Exception):
    """An outcome for a file that is no longer under its claim: a bug in eisync."""


def settle(
    connection: sqlite3.Connection, settlements: Sequence[Outcome], before: State, claim: int | None, now: float
) -> None:
    """Record the outcomes of files in the state `before`. Raise LostClaimError when one is not under `claim`."""
    settle_all(connection, [(claim, settlements)], before, now)


def settle_all(
    connection: sqlite3.Connection,
    by_claim: Iterable[tuple[int | None, Sequence[Outcome]]],
    before: State,
    now: float,
) -> None:
    """Record the outcomes of the files of several claims, as `settle` does those of one."""
    # One statement for all files with equal outcomes, and nearly all are equal. This halves the cost of each file.
    alike: dict[tuple[Any, ...], list[Outcome]] = {}
    for claim, settlements in by_claim:
        for one in settlements:
            ending = (claim, one.events, one.reason, one.due_at, one.batch_cap, one.is_attempt)
            alike.setdefault(ending, []).append(one)
    for (claim, events, reason, due_at, batch_cap, is_attempt), some in alike.items():
        end = walk(before, events)
        parameters = {
            "settled": json.dumps({one.item_id: one.sha256 for one in some}),
            "before": before.value,
            "claim": claim,
            "state": end.value,
            "reason": reason,
            "due_at": due_at,
            "batch_cap": batch_cap,
            "is_attempt": is_attempt,
            "now": now,
        }
        lost = len(some) - connection.execute(_SETTLE, parameters).rowcount
        if lost:
            raise LostClaimError(f"{lost} of {len(some)} files are not {before.value} under claim {claim}")
        if events[-1] is Event.DELETED_CONTENT:
            connection.execute(_KEEP_HERE, {"ids": json.dumps([one.item_id for one in some])})
        if is_attempt or events != (Event.DEFER,):
            note_all(connection, [one.item_id for one in some], events[-1], end, reason, now)
    settled = (one for some in alike.values() for one in some)
    link(connection, [(one.item_id, sample_id, one.sent_name) for one in settled for sample_id in one.sample_ids], now)


def disputed(connection: sqlite3.Connection, settlements: Iterable[Outcome]) -> dict[int, int]:
    """Return, by file, the sample that the service named for it although it holds other content of ours.

    A sample never holds two contents, so such an answer does not belong to the file.
    """
    named = [(one.item_id, sample_id, one.sha256) for one in settlements if one.sha256 for sample_id in one.sample_ids]
    if not named:
        return {}
    rows = connection.execute(_OTHERS, {"named": json.dumps(named)}).fetchall()
    found = {row["file_id"]: row["sample_id"] for row in rows}
    contents = {(sample_id, sha256) for _, sample_id, sha256 in named}
    if len({sample_id for sample_id, _ in contents}) == len(contents):  # nearly always
        return found
    count = Counter(sample_id for sample_id, _ in contents)
    return found | {item_id: sample_id for item_id, sample_id, _ in named if count[sample_id] > 1}


def release(connection: sqlite3.Connection, target: str, sample_ids: Iterable[int], now: float) -> list[int]:
    """Send files again whose only proof of arrival is one of these samples, which the service named for others too.

    Return their ids.
    """
    samples = json.dumps(list(sample_ids))
    rows = connection.execute(_UNPROVEN, {"samples": samples, "target": target}).fetchall()
    for row in rows:
        connection.execute("delete from file_sample where file_id = ?", (row["id"],))
        reason = "the service gave the same sample for other content too; it is sent again"
        move(connection, row["id"], State(row["state"]), Event.CHANGED, reason, now)
    return [row["id"] for row in rows]


def resolve(connection: sqlite3.Connection, settlements: Iterable[Outcome], now: float) -> None:
    """Record what the listing says about doubtful files. Skip files that a person has sent again since."""
    still = [
        settlement
        for settlement in settlements
        if connection.execute("select state from file where id = ?", (settlement.item_id,)).fetchone()["state"]
        == State.DOUBTFUL.value
    ]
    settle(connection, still, State.DOUBTFUL, None, now)


def doubtful(connection: sqlite3.Connection, target: str, limit: int) -> list[Doubt]:
    """List files that were sent and may have arrived."""
    rows = connection.execute(_DOUBTFUL, {"target": target, "limit": limit}).fetchall()
    places = dict(connection.execute("select id, path from root").fetchall())
    return [Doubt(item_of(row[:-1], places), row["changed_at"]) for row in rows]


def explain_doubts(connection: sqlite3.Connection, target: str, reason: str) -> None:
    """Store why it is not known whether the doubtful files of the target arrived, as a sentence for a person."""
    connection.execute(_EXPLAIN, {"target": target, "reason": reason})


def wait_anew(connection: sqlite3.Connection, now: float) -> int:
    """Restart the waits of deferred files after the clock was set back. Return how many files these are."""
    return connection.execute(_WAIT_ANEW, {"now": now}).rowcount


def recover(connection: sqlite3.Connection, *, duplicates_allowed: bool, now: float) -> int:
    """Make files doubtful that were in a request; queue them again where duplicates are refused. Return how many."""
    under_way = connection.execute("select id from file where state = 'sending'").fetchall()
    for row in under_way:
        move(connection, row["id"], State.SENDING, Event.SILENCE, "eisync stopped while sending it", now)
    if not duplicates_allowed:
        for row in connection.execute("select id from file where state = 'doubtful'").fetchall():
            move(
                connection,
                row["id"],
                State.DOUBTFUL,
                Event.ABSENT,
                ("sending it again is safe: duplicates are refused"),
                now,
            )
    wait_anew(connection, now)
    connection.execute(_BRING_FORWARD, {"now": now, "longest_s": ASKED_CAP_S})
    return len(under_way)


def retry(connection: sqlite3.Connection, ids: Iterable[int], now: float) -> int:
    """Queue quarantined files, tombstones and doubtful files again, because a person asks for it. Return how many."""
    moved = 0
    for identity in ids:
        row = connection.execute("select state, target, sha256 from file where id = ?", (identity,)).fetchone()
        event = None if row is None else _RETRIES.get(State(row["state"]))
        if event is None:
            continue
        if row["sha256"] is not None:
            note_restored(connection, row["target"], row["sha256"])
        connection.execute("delete from file_sample where file_id = ?", (identity,))
        cleanup.forget_hash(connection, identity)
        connection.execute(_RETRY, {"id": identity, "before": row["state"], "now": now})
        wanted.forget(connection, identity)
        note(connection, identity, event, State.READY, "a person asked for it", now)
        moved += 1
    return moved
