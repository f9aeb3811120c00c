"""Store the actions on folders and projects: proposals, intents, finished actions, and their undoing.

An action is on the disk as an intent before it is carried out (`begin`). Its effects are recorded in one transaction
(`finish`). After a crash, an action that was begun may or may not have been carried out: the executor checks, then
continues.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from eisync.core.absence import MissingFiles, why_emptied
from eisync.core.actions import EDITS, Action, ActionKind, Cause, FileSide, Progress, StoredAction
from eisync.core.guard import Touch
from eisync.core.lifecycle import RemovalEvent
from eisync.core.model import FileFacts, value
from eisync.core.policy import Trigger
from eisync.store import action_effects, guard_facts, plans, transitions, wanted
from eisync.store.database import Database
from eisync.store.plans import Plan
from eisync.store.rows import removal_after, version_of

KEEP_S = 90 * 24 * 3600.0
"""For this long, finished actions can be undone, and rejected ones are not proposed again."""

# Actions to carry out or to undo, in the order in which they were decided.
_TO_DO = """
select * from act indexed by act_to_do
where target = :target and state in ('due', 'begun', 'undoing') and (cause = 'retention') = :is_retention
    and id > :after_id order by id limit :limit"""

# The file is in its place again because a person undid its removal. It is not removed again by itself.
_BROUGHT_BACK = f"""
update file set removal = {removal_after(RemovalEvent.KEEP)}, absent_at = null, size = :size, mtime_ns = :mtime_ns,
    inode = :inode, ctime_ns = :ctime_ns, reason = :reason
where id = :id and state in ('synced', 'tombstone')"""

# The service stored the new version in the sample of the earlier one, so that sample is not superseded.
_SAME_AS_BEFORE = """
delete from superseded where file_id = :id
and sample_id in (select sample_id from file_sample where file_id = :id)"""


@value
class VanishedFiles:
    """Counts of files that are missing from the project without a known reason.

    `files`: a person is asked whether they were deleted on purpose. `emptied`: what happened to a whole project, by
    target. `unlisted`: more files were missing from the last listing; the next one will confirm or clear them.
    """

    files: int
    emptied: Mapping[str, str]
    unlisted: int = 0


class ActionStore:
    """Store the actions of all targets. Safe to use from any thread; each method is one transaction or one read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.wanted = wanted.WantedDescriptions(database)

    # --- facts for a decision ----------------------------------------------------------------------------------

    def sides(
        self, target: str, trigger: Trigger, roots: Iterable[int], *, after_id: int = 0, limit: int
    ) -> list[FileSide]:
        """List files of these roots that may need an action because of `trigger`, in the order of their ids."""
        with self._database.reading() as connection:
            return action_effects.of_trigger(connection, target, trigger, roots, after_id=after_id, limit=limit)

    def side(self, file_id: int) -> FileSide | None:
        """Return one file as it is now; None when its row is gone."""
        with self._database.reading() as connection:
            return action_effects.of_file(connection, file_id)

    def census(self, target: str) -> dict[int, tuple[int, int]]:
        """Count, for each root id, the files known to have been uploaded, and those of them that are present here."""
        with self._database.reading() as connection:
            return action_effects.census(connection, target)

    def offline(self) -> set[int]:
        """Return the ids of the roots that cannot be read."""
        with self._database.reading() as connection:
            rows = connection.execute("select id from root where offline_reason is not null").fetchall()
        return {row["id"] for row in rows}

    def touches(self, target: str, *, since: float, tombstones: bool = False) -> list[Touch]:
        """List what the guard counts: touches since `since` (Unix s) that no person approved, and allowed actions
        that are not finished.

        These are actions on files and samples or, with `tombstones`, files that became tombstones.
        """
        with self._database.reading() as connection:
            return guard_facts.touches(connection, target, since, tombstones)

    def places(self) -> dict[int, str]:
        """Return the path of every root, by id."""
        with self._database.reading() as connection:
            return {row["id"]: os.fsdecode(row["path"]) for row in connection.execute("select id, path from root")}

    def approved(self, target: str, file_ids: Iterable[int]) -> dict[int, int]:
        """Return, by file, the plan with which a person confirmed that its sample was deleted on purpose.

        Only plans count that made the file the tombstone that it is now.
        """
        with self._database.reading() as connection:
            return guard_facts.approved(connection, target, file_ids)

    def left_without_samples(self, target: str, sample_ids: Iterable[int], *, limit: int) -> list[FileSide]:
        """List files that would have no sample left without these, in the order of their ids."""
        with self._database.reading() as connection:
            found = (
                action_effects.of_file(connection, one)
                for one in guard_facts.left_without_samples(connection, target, sample_ids, limit)
            )
            return [side for side in found if side is not None]

    def missing(self, target: str) -> MissingFiles:
        """Count our files that the last complete listing did not show."""
        with self._database.reading() as connection:
            return guard_facts.missing(connection, target)

    def an_unlisted(self, targets: Iterable[str]) -> str | None:
        """Return the absolute path of a file that the last complete listing of one of these targets did not show."""
        with self._database.reading() as connection:
            found = (guard_facts.an_unlisted(connection, target) for target in targets)
            return next((path for path in found if path is not None), None)

    def vanished(self, targets: Iterable[str]) -> VanishedFiles:
        """Count the files of these targets that are missing from the project without a known deletion."""
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
        """Return the keys of the actions that are allowed already, or that a person rejected."""
        keys = json.dumps([action.key for action in actions])
        with self._database.reading() as connection:
            rows = connection.execute(
                "select key from act where key in (select value from json_each(?)) "
                "and state in ('due', 'begun', 'rejected')",
                (keys,),
            ).fetchall()
        return {row["key"] for row in rows}

    def agree(self, file_ids: Iterable[int]) -> None:
        """Forget what the service had before these files were renamed or changed: no edit is left to do."""
        with self._database.transaction() as connection:
            for identity in file_ids:
                action_effects.agree(connection, identity)
                connection.execute(_SAME_AS_BEFORE, {"id": identity})

    # --- deciding ----------------------------------------------------------------------------------------------

    def allow(self, target: str, actions: Iterable[Action], *, now: float) -> None:
        """Allow these actions. Withdraw the plan that waits for the target. Safe to repeat."""
        with self._database.transaction() as connection:
            plans.allow(connection, target, actions, now)

    def allow_with(self, target: str, actions: Iterable[Action], plan_id: int, *, now: float) -> None:
        """Allow these actions too, because they follow from the plan that a person approved. Safe to repeat."""
        with self._database.transaction() as connection:
            plans.allow_with(connection, target, actions, plan_id, now)

    def hold(
        self, target: str, actions: Sequence[Action], why: str, *, now: float, about: str = plans.ACTIONS
    ) -> tuple[int, bool]:
        """Make these actions wait for a person. Return the id of their plan, and whether it is new.

        A waiting plan keeps its id while its actions stay the same: a person approves only what was shown.
        """
        with self._database.transaction() as connection:
            return plans.hold(connection, target, actions, why, now, about=about)

    def withdraw(self, target: str, *, now: float, about: str = plans.ACTIONS) -> None:
        """Withdraw the waiting plan about this: its proposals no longer hold."""
        with self._database.transaction() as connection:
            plans.withdraw(connection, target, now, about=about)

    def plans(self) -> list[Plan]:
        """List the plans that wait for a person."""
        with self._database.reading() as connection:
            return plans.waiting(connection)

    def of_plan(self, plan_id: int, *, after_id: int = 0, limit: int = 1000) -> list[StoredAction]:
        """List the actions of a plan in the order in which they would be carried out."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "select * from act where plan_id = ? and id > ? order by id limit ?", (plan_id, after_id, limit)
            ).fetchall()
        return [_stored_action(row) for row in rows]

    def decide(self, plan_id: int, *, is_approved: bool, now: float) -> int | None:
        """Record a person's decision on a plan. Return its number of actions; None when no such plan waits."""
        with self._database.transaction() as connection:
            return plans.decide(connection, plan_id, is_approved, now)

    # --- doing -------------------------------------------------------------------------------------------------

    def to_do(self, target: str, *, is_retention: bool, after_id: int = 0, limit: int) -> list[StoredAction]:
        """List actions to carry out, to check after a crash, or to undo: those of retention, or all others."""
        with self._database.reading() as connection:
            rows = connection.execute(
                _TO_DO, {"target": target, "is_retention": is_retention, "after_id": after_id, "limit": limit}
            ).fetchall()
        return [_stored_action(row) for row in rows]

    def begin(self, action_id: int, *, lies_at: str | None = None) -> None:
        """Record that the action is carried out now. This is on the disk when the method returns.

        `lies_at` is the absolute path where the file, or a copy of it, will be.
        """
        with self._database.transaction(survives_power_cut=True) as connection:
            connection.execute(
                "update act set state = 'begun', outcome = null, lies_at = coalesce(?, lies_at) where id = ?",
                (None if lies_at is None else os.fsencode(lies_at), action_id),
            )

    def put_off(self, action_id: int, reason: str) -> None:
        """Record why the action could not be carried out now. The next pass tries it again."""
        with self._database.transaction() as connection:
            connection.execute("update act set outcome = ? where id = ?", (reason, action_id))

    def drop(self, stored: StoredAction, reason: str, *, spares: bool = False, now: float) -> None:
        """Drop an action that is no longer needed. `spares`: never propose one like it for this version of the file."""
        with self._database.transaction() as connection:
            _end(connection, stored.id, Progress.DROPPED, reason, now)
            if spares:
                plans.spare(connection, stored.action.file_id)

    def finish(self, target: str, stored: StoredAction, outcome: str, *, now: float) -> None:
        """Record that the action is done, with all its effects on the index and the history."""
        with self._database.transaction() as connection:
            _end(connection, stored.id, Progress.DONE, outcome, now)
            action_effects.conclude(connection, target, stored.action, outcome, now)

    # --- undoing -----------------------------------------------------------------------------------------------

    def find(self, action_id: int) -> StoredAction | None:
        """Return one action; None when there is none with this id."""
        with self._database.reading() as connection:
            row = connection.execute("select * from act where id = ?", (action_id,)).fetchone()
        return None if row is None else _stored_action(row)

    def latest(self, *, limit: int) -> list[StoredAction]:
        """List the actions that were done last, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "select * from act where state in ('done', 'undoing', 'undone') order by done_at desc, id desc limit ?",
                (limit,),
            ).fetchall()
        return [_stored_action(row) for row in rows]

    def ask_undo(self, action_id: int) -> bool:
        """Request that the action be undone. Return False when it was not done, or is undone already."""
        with self._database.transaction() as connection:
            return bool(
                connection.execute(
                    "update act set state = 'undoing', outcome = null where id = ? and state = 'done'", (action_id,)
                ).rowcount
            )

    def undone(self, target: str, stored: StoredAction, outcome: str, *, facts: FileFacts | None, now: float) -> None:
        """Record that the action was undone. `facts` are those of the file that was restored; None when none was."""
        action = stored.action
        with self._database.transaction() as connection:
            _end(connection, stored.id, Progress.UNDONE, outcome, now)
            if facts is not None:
                connection.execute(_BROUGHT_BACK, {"id": action.file_id, "reason": outcome, **version_of(facts)})
            if action.kind in EDITS:
                wanted.set_value(connection, target, action, action.was)
                wanted.take_back(connection, action, now)
            transitions.note_history(connection, action.file_id, "undone", outcome, now)

    def fail_undo(self, stored: StoredAction, reason: str) -> None:
        """Record why the action cannot be undone. It stays done."""
        with self._database.transaction() as connection:
            connection.execute("update act set state = 'done', outcome = ? where id = ?", (reason, stored.id))

    def forget_old(self, target: str, *, now: float) -> None:
        """Delete actions and plans that were finished, dropped or rejected more than `KEEP_S` ago."""
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


def _stored_action(row: sqlite3.Row) -> StoredAction:
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
