"""What will be done to folders and project: proposals that wait, intents, what was done, and what undoes it.

An action is committed, and on the disk, before it is done (`begin`), and what followed from it is one transaction
(`finish`). Whatever is found begun after a crash may have been done or not: the executor looks, and goes on.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from eisync.core.absence import MissingFiles, why_emptied
from eisync.core.actions import EDITS, Action, ActionKind, Cause, FileSide, Progress, StoredAction
from eisync.core.guard import Touch
from eisync.core.lifecycle import RemovalEvent
from eisync.core.model import FileFacts
from eisync.core.policy import Trigger
from eisync.store import action_effects, guard_facts, plans, transitions
from eisync.store.database import Database
from eisync.store.plans import Plan
from eisync.store.rows import removal_after, version_of

KEEP_S = 90 * 24 * 3600.0
"""So long what was done can be undone, and what was rejected stays so."""

# What must be done, in the order in which it was decided.
_TO_DO = """
select * from act indexed by act_to_do
where target = :target and state in ('due', 'begun', 'undoing') and (cause = 'retention') = :is_retention
    and id > :after_id order by id limit :limit"""

# The file is in its place again: a person undid what was done to it, and keeps it.
_BROUGHT_BACK = f"""
update file set removal = {removal_after(RemovalEvent.KEEP)}, absent_at = null, size = :size, mtime_ns = :mtime_ns,
    inode = :inode, ctime_ns = :ctime_ns, reason = :reason
where id = :id and state in ('synced', 'tombstone')"""

# What the service took for the version before: the same sample holds both.
_SAME_AS_BEFORE = """
delete from superseded where file_id = :id
and sample_id in (select sample_id from file_sample where file_id = :id)"""


@dataclass(frozen=True, slots=True)
class VanishedFiles:
    """Files that are not at the service any more, and of which a person is asked why; `emptied`: by target, what
    happened to its whole project. `unlisted` others were not in the last listing: the next one tells.
    """

    files: int
    emptied: Mapping[str, str]
    unlisted: int = 0


class ActionStore:
    """The actions of all targets. Safe to use from any thread; each method is one transaction or one look."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- what may follow ---------------------------------------------------------------------------------------

    def sides(
        self, target: str, trigger: Trigger, roots: Iterable[int], *, after_id: int = 0, limit: int
    ) -> list[FileSide]:
        """Files of these roots from which something may follow, by id."""
        with self._database.reading() as connection:
            return action_effects.of_trigger(connection, target, trigger, roots, after_id=after_id, limit=limit)

    def side(self, file_id: int) -> FileSide | None:
        """One file as it is now."""
        with self._database.reading() as connection:
            return action_effects.of_file(connection, file_id)

    def census(self, target: str) -> dict[int, tuple[int, int]]:
        """By root: how many files are known to have been at the service, and how many of them are there."""
        with self._database.reading() as connection:
            return action_effects.census(connection, target)

    def offline(self) -> set[int]:
        """Roots that cannot be read."""
        with self._database.reading() as connection:
            rows = connection.execute("select id from root where offline_reason is not null").fetchall()
        return {row["id"] for row in rows}

    def touches(self, target: str, *, since: float, tombstones: bool = False) -> list[Touch]:
        """What was touched since then without a person's yes, and what is allowed and not done yet.

        Either of what is done to files and samples, or of files that became tombstones.
        """
        with self._database.reading() as connection:
            return guard_facts.touches(connection, target, since, tombstones)

    def places(self) -> dict[int, str]:
        """The path of every root."""
        with self._database.reading() as connection:
            return {row["id"]: os.fsdecode(row["path"]) for row in connection.execute("select id, path from root")}

    def approved(self, target: str, file_ids: Iterable[int]) -> dict[int, int]:
        """By file: the plan with which a person said that its sample was deleted, since it became a tombstone."""
        with self._database.reading() as connection:
            return guard_facts.approved(connection, target, file_ids)

    def doomed(self, target: str, sample_ids: Iterable[int], *, limit: int) -> list[FileSide]:
        """Files that would have no sample left if these were gone, by id."""
        with self._database.reading() as connection:
            found = (
                action_effects.of_file(connection, one)
                for one in guard_facts.doomed(connection, target, sample_ids, limit)
            )
            return [side for side in found if side is not None]

    def missing(self, target: str) -> MissingFiles:
        """What of ours the last complete listing did not have."""
        with self._database.reading() as connection:
            return guard_facts.missing(connection, target)

    def an_unlisted(self, targets: Iterable[str]) -> str | None:
        """The absolute path of a file that the last complete listing of one of these targets did not have."""
        with self._database.reading() as connection:
            found = (guard_facts.an_unlisted(connection, target) for target in targets)
            return next((path for path in found if path is not None), None)

    def vanished(self, targets: Iterable[str]) -> VanishedFiles:
        """What of these targets is not at the service any more, though no answer said that it was deleted."""
        waiting: dict[str, int] = {}
        for plan in self.plans():
            if plan.about == plans.TOMBSTONES:
                waiting[plan.target] = waiting.get(plan.target, 0) + plan.actions
        files, unlisted, found = 0, 0, {}
        for target in targets:
            missing = self.missing(target)
            clause = why_emptied(missing)
            asked = waiting.get(target, 0) if clause is None else missing.unlisted
            files += asked
            unlisted += max(0, missing.unlisted - asked)
            if clause is not None:
                found[target] = clause
        return VanishedFiles(files, found, unlisted)

    def decided(self, actions: Iterable[Action]) -> set[str]:
        """The keys of those that are allowed already, or that a person said no to."""
        keys = json.dumps([action.key for action in actions])
        with self._database.reading() as connection:
            rows = connection.execute(
                "select key from act where key in (select value from json_each(?)) "
                "and state in ('due', 'begun', 'rejected')",
                (keys,),
            ).fetchall()
        return {row["key"] for row in rows}

    def agree(self, file_ids: Iterable[int]) -> None:
        """Nothing is left to be said to the service of these files that were renamed or changed."""
        with self._database.transaction() as connection:
            for identity in file_ids:
                action_effects.agree(connection, identity)
                connection.execute(_SAME_AS_BEFORE, {"id": identity})

    # --- deciding ----------------------------------------------------------------------------------------------

    def allow(self, target: str, actions: Iterable[Action], *, now: float) -> None:
        """These may be done. Safe to repeat."""
        with self._database.transaction() as connection:
            plans.allow(connection, target, actions, now)

    def allow_with(self, target: str, actions: Iterable[Action], plan_id: int, *, now: float) -> None:
        """These may be done too, with what a person approved. Safe to repeat."""
        with self._database.transaction() as connection:
            plans.allow_with(connection, target, actions, plan_id, now)

    def hold(
        self, target: str, actions: Sequence[Action], why: str, *, now: float, about: str = plans.ACTIONS
    ) -> tuple[int, bool]:
        """These wait for a person. Returns the plan, and whether it is a new one.

        What waits already stays under its number as long as it is the same: a person says yes only to what was shown.
        """
        with self._database.transaction() as connection:
            return plans.hold(connection, target, actions, why, now, about=about)

    def withdraw(self, target: str, *, now: float, about: str = plans.ACTIONS) -> None:
        """Nothing of that waits any more: what was proposed is not so now."""
        with self._database.transaction() as connection:
            plans.withdraw(connection, target, now, about=about)

    def plans(self) -> list[Plan]:
        """What waits for a person."""
        with self._database.reading() as connection:
            return plans.waiting(connection)

    def of_plan(self, plan_id: int, *, after_id: int = 0, limit: int = 1000) -> list[StoredAction]:
        """The actions of a plan, in the order in which they would be done."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "select * from act where plan_id = ? and id > ? order by id limit ?", (plan_id, after_id, limit)
            ).fetchall()
        return [_written(row) for row in rows]

    def decide(self, plan_id: int, *, is_approved: bool, now: float) -> int | None:
        """A person's word on a plan. Returns how many actions that are; None when no such plan waits."""
        with self._database.transaction() as connection:
            return plans.decide(connection, plan_id, is_approved, now)

    # --- doing -------------------------------------------------------------------------------------------------

    def to_do(self, target: str, *, is_retention: bool, after_id: int = 0, limit: int) -> list[StoredAction]:
        """What may be done, may have been done, or is to be undone: of the retention, or of all other causes."""
        with self._database.reading() as connection:
            rows = connection.execute(
                _TO_DO, {"target": target, "is_retention": is_retention, "after_id": after_id, "limit": limit}
            ).fetchall()
        return [_written(row) for row in rows]

    def begin(self, action_id: int, *, lies_at: str | None = None) -> None:
        """It will be done now: on the disk when this returns. `lies_at`: where the file, or a copy, will lie."""
        with self._database.transaction(survives_power_cut=True) as connection:
            connection.execute(
                "update act set state = 'begun', outcome = null, lies_at = coalesce(?, lies_at) where id = ?",
                (None if lies_at is None else os.fsencode(lies_at), action_id),
            )

    def put_off(self, action_id: int, reason: str) -> None:
        """It could not be done, for `reason`; it is tried again with the next pass."""
        with self._database.transaction() as connection:
            connection.execute("update act set outcome = ? where id = ?", (reason, action_id))

    def drop(self, written: StoredAction, reason: str, *, spares: bool = False, now: float) -> None:
        """What it was proposed for is not so any more; `spares`: nothing like it is proposed for this version again."""
        with self._database.transaction() as connection:
            _end(connection, written.id, Progress.DROPPED, reason, now)
            if spares:
                plans.spare(connection, written.action.file_id)

    def finish(self, target: str, written: StoredAction, outcome: str, *, now: float) -> None:
        """It is done: that, and all that follows from it, in the index and in the history."""
        with self._database.transaction() as connection:
            _end(connection, written.id, Progress.DONE, outcome, now)
            action_effects.conclude(connection, target, written.action, outcome, now)

    # --- undoing -----------------------------------------------------------------------------------------------

    def find(self, action_id: int) -> StoredAction | None:
        """One act."""
        with self._database.reading() as connection:
            row = connection.execute("select * from act where id = ?", (action_id,)).fetchone()
        return None if row is None else _written(row)

    def latest(self, *, limit: int) -> list[StoredAction]:
        """What was done last, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "select * from act where state in ('done', 'undoing', 'undone') order by done_at desc, id desc limit ?",
                (limit,),
            ).fetchall()
        return [_written(row) for row in rows]

    def ask_undo(self, action_id: int) -> bool:
        """It is to be undone. False when it was not done, or was undone already."""
        with self._database.transaction() as connection:
            return bool(
                connection.execute(
                    "update act set state = 'undoing', outcome = null where id = ? and state = 'done'", (action_id,)
                ).rowcount
            )

    def undone(self, target: str, written: StoredAction, outcome: str, *, facts: FileFacts | None, now: float) -> None:
        """It was undone. `facts`: of the file that was brought back to its place; None when none was."""
        action = written.action
        with self._database.transaction() as connection:
            _end(connection, written.id, Progress.UNDONE, outcome, now)
            if facts is not None:
                connection.execute(_BROUGHT_BACK, {"id": action.file_id, "reason": outcome, **version_of(facts)})
            if action.kind in EDITS:
                action_effects.edit(connection, target, action, action.was)
            transitions.note_history(connection, action.file_id, "undone", outcome, now)

    def fail_undo(self, written: StoredAction, reason: str) -> None:
        """It cannot be undone, for `reason`: it stays done."""
        with self._database.transaction() as connection:
            connection.execute("update act set state = 'done', outcome = ? where id = ?", (reason, written.id))

    def forget_old(self, target: str, *, now: float) -> None:
        """What was done, dropped or rejected long ago."""
        with self._database.transaction() as connection:
            connection.execute(
                "delete from act where target = ? and done_at < ? "
                "and state in ('done', 'dropped', 'rejected', 'undone')",
                (target, now - KEEP_S),
            )
            connection.execute("delete from vanished where target = ? and at < ?", (target, now - KEEP_S))
            connection.execute(
                "delete from plan where target = ? and state <> 'waiting' and made_at < ? "
                "and not exists (select 1 from act where plan_id = plan.id)",
                (target, now - KEEP_S),
            )


def _written(row: sqlite3.Row) -> StoredAction:
    action = Action(
        kind=ActionKind(row["kind"]),
        cause=Cause(row["cause"]),
        file_id=row["file_id"],
        root=os.fsdecode(row["root"]),
        path=os.fsdecode(row["path"]),
        reason=row["reason"],
        since_at=row["since_at"],
        sample_id=row["sample_id"],
        to=row["wanted"],
        was=row["was"],
    )
    return StoredAction(
        id=row["id"],
        action=action,
        progress=Progress(row["state"]),
        made_at=row["made_at"],
        plan_id=row["plan_id"],
        done_at=row["done_at"],
        lies_at=None if row["lies_at"] is None else os.fsdecode(row["lies_at"]),
        outcome=row["outcome"],
    )


def _end(connection: sqlite3.Connection, action_id: int, progress: Progress, outcome: str, now: float) -> None:
    connection.execute(
        "update act set state = ?, outcome = ?, done_at = ? where id = ?", (progress.value, outcome, now, action_id)
    )
