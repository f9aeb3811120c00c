"""Store what a pass proposes: actions that are allowed at once, and plans that wait for a person."""

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Sequence

from eisync.core.actions import Action, ActionKind, Cause, Progress
from eisync.core.lifecycle import Event, RemovalEvent, State
from eisync.core.model import value
from eisync.store import action_effects, wanted
from eisync.store.rows import removal_after, removal_before
from eisync.store.transitions import move

_INSERT = """
insert into act (plan_id, target, key, kind, cause, file_id, root, path, sample_id, was, wanted, reason, since_at,
                 state, made_at)
values (:plan_id, :target, :key, :kind, :cause, :file_id, :root, :path, :sample_id, :was, :wanted, :reason, :since_at,
        :state, :now)
on conflict (key) where state in ('waiting', 'due', 'begun') do nothing"""

# This version of the file and its sample stay, whatever the policy asks for.
_SPARE = f"""
update file set removal = {removal_after(RemovalEvent.SPARE)} where id = :id and {removal_before(RemovalEvent.SPARE)}"""

ACTIONS, TOMBSTONES = "acts", "tombstones"
DESCRIPTIONS, DISPUTED = "descriptions", "disputed"
"""What a plan is about: actions on files and samples; files that count as deleted at the service; edits that a person
asked for; edits of what a person has edited in Studio."""


@value
class Plan:
    """Actions that a pass proposed and the guard held back. `state` is waiting, approved, rejected or withdrawn."""

    id: int
    target: str
    state: str
    why: str
    made_at: float
    actions: int
    about: str = ACTIONS


def allow(connection: sqlite3.Connection, target: str, actions: Iterable[Action], now: float) -> None:
    """Allow these actions. Withdraw the plan that waits for the target. Safe to repeat."""
    withdraw(connection, target, now)
    _insert(connection, target, actions, Progress.DUE, None, now)


def allow_with(
    connection: sqlite3.Connection, target: str, actions: Iterable[Action], plan_id: int, now: float
) -> None:
    """Allow these actions too, because they follow from the plan that a person approved. Safe to repeat."""
    _insert(connection, target, actions, Progress.DUE, plan_id, now)


def hold(
    connection: sqlite3.Connection,
    target: str,
    actions: Sequence[Action],
    why: str,
    now: float,
    *,
    about: str = ACTIONS,
) -> tuple[int, bool]:
    """Make these actions wait for a person. Return the id of their plan, and whether it is new."""
    before = connection.execute(
        "select id from plan where target = ? and state = 'waiting' and about = ?", (target, about)
    ).fetchone()
    if before is not None and _digest_of(connection, before["id"]) == _digest(action.key for action in actions):
        return int(before["id"]), False
    withdraw(connection, target, now, about=about)
    plan_id = int(
        connection.execute(
            "insert into plan (target, state, why, made_at, about) values (?, 'waiting', ?, ?, ?) returning id",
            (target, why, now, about),
        ).fetchone()["id"]
    )
    _insert(connection, target, actions, Progress.WAITING, plan_id, now)
    return plan_id, True


def withdraw(connection: sqlite3.Connection, target: str, now: float, *, about: str = ACTIONS) -> None:
    """Withdraw the waiting plan of the target about this."""
    withdrawn = connection.execute(
        "update plan set state = 'withdrawn', decided_at = ? where target = ? and state = 'waiting' and about = ? "
        "returning id",
        (now, target, about),
    ).fetchall()
    # Actions without a decision need not be kept.
    connection.executemany(
        "delete from act where plan_id = ? and state = 'waiting'", [(row["id"],) for row in withdrawn]
    )


def waiting(connection: sqlite3.Connection) -> list[Plan]:
    """List the plans that wait for a person."""
    rows = connection.execute(
        "select plan.*, (select count(*) from act where plan_id = plan.id) as acts "
        "from plan where state = 'waiting' order by id"
    ).fetchall()
    return [
        Plan(row["id"], row["target"], row["state"], row["why"], row["made_at"], row["acts"], row["about"])
        for row in rows
    ]


def decide(connection: sqlite3.Connection, plan_id: int, is_approved: bool, now: float) -> int | None:
    """Record a person's decision on a plan. Return its number of actions; None when no such plan waits."""
    state = "approved" if is_approved else "rejected"
    if not connection.execute(
        "update plan set state = ?, decided_at = ? where id = ? and state = 'waiting'", (state, now, plan_id)
    ).rowcount:
        return None
    after = Progress.DUE if is_approved else Progress.REJECTED
    decided = connection.execute(
        "update act set state = ?, done_at = iif(? = 'rejected', ?, null) where plan_id = ? "
        "and state = 'waiting' returning file_id, kind, sample_id, cause, target",
        (after.value, after.value, now, plan_id),
    ).fetchall()
    if not is_approved:
        _do_not_propose_again(connection, [row for row in decided if row["kind"] != ActionKind.TOMBSTONE.value])
        for row in decided:
            if row["kind"] == ActionKind.TOMBSTONE.value:
                _send_again(connection, row, now)
    return len(decided)


def spare(connection: sqlite3.Connection, file_id: int) -> None:
    """Keep this version of the file and its sample, whatever the policy asks for."""
    connection.execute(_SPARE, {"id": file_id})


def columns_of(target: str, action: Action, now: float) -> dict[str, object]:
    """Return the columns of a new action that do not depend on its progress."""
    return {
        "target": target,
        "key": action.key,
        "kind": action.kind.value,
        "cause": action.cause.value,
        "file_id": action.file_id,
        "root": os.fsencode(action.root),
        "path": os.fsencode(action.path),
        "sample_id": action.sample_id,
        "was": action.was,
        "wanted": action.to,
        "reason": action.reason,
        "since_at": action.since_at,
        "now": now,
    }


def _insert(
    connection: sqlite3.Connection,
    target: str,
    actions: Iterable[Action],
    progress: Progress,
    plan_id: int | None,
    now: float,
) -> None:
    more = {"plan_id": plan_id, "state": progress.value}
    connection.executemany(_INSERT, [columns_of(target, action, now) | more for action in actions])


def _digest_of(connection: sqlite3.Connection, plan_id: int) -> str:
    rows = connection.execute("select key from act where plan_id = ? and state = 'waiting'", (plan_id,)).fetchall()
    return _digest(row["key"] for row in rows)


def _digest(keys: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()


def _do_not_propose_again(connection: sqlite3.Connection, rejected: Iterable[sqlite3.Row]) -> None:
    """Remove what led to the rejected actions, so that they are not proposed again, for any reason."""
    for row in rejected:
        match Cause(row["cause"]):
            case Cause.LOCAL_RENAME:
                action_effects.agree(connection, row["file_id"])
            case Cause.LOCAL_CHANGE:
                connection.execute(
                    "delete from superseded where file_id = ? and sample_id = ?", (row["file_id"], row["sample_id"])
                )
            case Cause.DESCRIPTION_CHANGE:
                wanted.decline(connection, row["file_id"], ActionKind(row["kind"]))
            case Cause.LOCAL_DELETION | Cause.REMOTE_DELETION:
                spare(connection, row["file_id"])


# The person says that the missing samples were not deleted on purpose. The file has no sample then, and is sent again.
_MARK_SAMPLES_GONE = """
update sample set gone_at = :now where target = :target and gone_at is null and id in (
    select sample_id from file_sample where file_id = :id)"""


def _send_again(connection: sqlite3.Connection, rejected: sqlite3.Row, now: float) -> None:
    identity = rejected["file_id"]
    row = connection.execute(
        "select absent_at from file where id = ? and state = 'synced' and target = ?", (identity, rejected["target"])
    ).fetchone()
    if row is None:
        return
    connection.execute(_MARK_SAMPLES_GONE, {"id": identity, "target": rejected["target"], "now": now})
    if row["absent_at"] is None:
        reason = (
            "its sample is no longer in the project, and you said that it was not deleted on purpose; it is sent again"
        )
        move(connection, identity, State.SYNCED, Event.CHANGED, reason, now)
    else:
        reason = "its sample is no longer in the project, and the file is gone too"
        move(connection, identity, State.SYNCED, Event.REMOVED, reason, now)
