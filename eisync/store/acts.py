"""What is to be done to folders and project: proposals that wait, intents, what was done, and what undoes it.

An act is committed, and on the disk, before it is done (`begin`), and what followed from it is one transaction
(`finish`). Whatever is found begun after a crash may have been done or not: whoever carries it out looks, and goes on.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eisync.core.acts import (
    EDITS,
    Act,
    Cause,
    FileSide,
    Held,
    Kind,
    Occasion,
    Progress,
    Published,
    Written,
)
from eisync.core.items import Category, FileFacts, RemoteSample, shown
from eisync.core.lifecycle import Event, State
from eisync.store.database import Database
from eisync.store.history import forget_old_of
from eisync.store.moves import move
from eisync.store.rows import path_of

KEEP_S = 90 * 24 * 3600.0
"""So long what was done can be undone, and what was rejected stays so."""

# Files that something may follow from, by the mark that says so. (Left to itself, SQLite reads every file.)
_MARKED = {
    Occasion.RENAMED: "file indexed by file_published where published is not null and state = 'synced'",
    Occasion.REPLACED: "file where state = 'synced' and id in (select file_id from superseded)",
    Occasion.ABSENT: "file indexed by file_absent where absent_at is not null and removal is null and state = 'synced'",
    Occasion.TOMBSTONE: "file indexed by file_tombstone where state = 'tombstone' and removal is null",
}
_SIDES = {
    occasion: f"""
select * from {marked} and target = :target and id > :after_id
and root_id in (select value from json_each(:roots)) order by id limit :limit"""
    for occasion, marked in _MARKED.items()
}

# The samples of a file that are there, those of versions before as `is_older`. A sample that the listing has not shown
# yet has no name.
_SAMPLES = """
select sample.*, tied.is_older, exists (
        select 1 from file_sample other join file on file.id = other.file_id
        where other.sample_id = sample.id and other.file_id <> :id and file.target = :target
            and file.absent_at is null and file.state <> 'gone') as is_shared
from (select sample_id, 0 as is_older from file_sample where file_id = :id
      union all select sample_id, 1 from superseded where file_id = :id) tied
cross join sample on sample.target = :target and sample.id = tied.sample_id
where sample.gone_at is null order by sample.id"""

# How many files of these roots the index holds, and how many of each root are there.
_KNOWN = """
select root_id, count(*) as known, count(*) filter (where absent_at is null) as present from file
where target = :target and state in ('synced', 'tombstone') and (removal is null or removal in ('kept', 'spared'))
group by root_id"""

# How many files were touched lately without a person's yes.
_RECENT = """
select count(distinct file_id) from act indexed by act_done
where target = :target and done_at >= :since and plan_id is null and cause <> 'retention'
    and state in ('done', 'undone')"""

_INSERT = """
insert into act (plan_id, target, key, kind, cause, file_id, root, path, sample_id, was, wanted, reason, since_at,
                 state, made_at)
values (:plan_id, :target, :key, :kind, :cause, :file_id, :root, :path, :sample_id, :was, :wanted, :reason, :since_at,
        :state, :now)
on conflict (key) where state in ('waiting', 'due', 'begun') do nothing"""

# What is to be done, in the order in which it was decided.
_TO_DO = """
select * from act indexed by act_to_do
where target = :target and state in ('due', 'begun', 'undoing') and (cause = 'retention') = :is_retention
    and id > :after_id order by id limit :limit"""

# The file that an act is about, as long as it is where it was.
_FILE_OF = """
select file.*, root.path as root_path from file join root on root.id = file.root_id where file.id = ?"""

# Others that hold the deleted sample and no other one: they are sent again.
_LEFT_WITHOUT = """
select distinct file.id, file.absent_at from file_sample mine cross join file on file.id = mine.file_id
where mine.sample_id = :sample_id and file.target = :target and file.state = 'synced' and not exists (
    select 1 from file_sample other join sample on sample.id = other.sample_id and sample.target = file.target
    where other.file_id = file.id and sample.gone_at is null)"""

_NOTE = """
insert into history (at, file_id, event, state, detail) select :now, id, :event, state, :detail
from file where id = :id"""

# Every edit of the file is done: what the service has is what the row says.
_AGREE = """
update file set published = null where id = :id and not exists (
    select 1 from act where file_id = :id and state in ('waiting', 'due', 'begun')
        and kind in ('rename_sample', 'relabel_sample', 'move_sample'))"""

# The file was taken away. The retention has said so before it did it: a row without that is of a newer version.
_TAKEN = """
update file set removal = :removal, absent_at = :now, reason = :reason
where id = :id and (:cause <> 'retention' or (state = 'synced' and removal = :removal))"""

# Whatever the policy asks for, this version of the file, and its sample, stay.
_SPARE = "update file set removal = 'spared' where id = :id and removal is null"

# What the service took for the version before: the same sample holds both.
_SAME_AS_BEFORE = """
delete from superseded where file_id = :id
and sample_id in (select sample_id from file_sample where file_id = :id)"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass wanted to do and the guard held back; `state` is waiting, approved, rejected or withdrawn."""

    id: int
    target: str
    state: str
    why: str
    made_at: float
    acts: int


class Acts:
    """The acts of all targets. Safe to use from any thread; each method is one transaction or one look."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- what may follow ---------------------------------------------------------------------------------------

    def sides(
        self, target: str, occasion: Occasion, roots: Iterable[int], *, after_id: int = 0, limit: int
    ) -> list[FileSide]:
        """Files of these roots from which something may follow, by id."""
        parameters = {"target": target, "roots": json.dumps(sorted(roots)), "after_id": after_id, "limit": limit}
        with self._database.reading() as connection:
            places = dict(connection.execute("select id, path from root").fetchall())
            rows = connection.execute(_SIDES[occasion], parameters).fetchall()
            return [_side(connection, row, os.fsdecode(places[row["root_id"]])) for row in rows]

    def side(self, file_id: int) -> FileSide | None:
        """One file as it is now."""
        with self._database.reading() as connection:
            row = connection.execute(_FILE_OF, (file_id,)).fetchone()
            return None if row is None else _side(connection, row, os.fsdecode(row["root_path"]))

    def census(self, target: str) -> dict[int, tuple[int, int]]:
        """By root: how many files are known to have been at the service, and how many of them are there."""
        with self._database.reading() as connection:
            rows = connection.execute(_KNOWN, {"target": target}).fetchall()
        return {row["root_id"]: (row["known"], row["present"]) for row in rows}

    def offline(self) -> set[int]:
        """Roots that cannot be read."""
        with self._database.reading() as connection:
            rows = connection.execute("select id from root where offline_reason is not null").fetchall()
        return {row["id"] for row in rows}

    def recent(self, target: str, *, since: float) -> int:
        """How many files were touched since then without a person's yes."""
        with self._database.reading() as connection:
            return int(connection.execute(_RECENT, {"target": target, "since": since}).fetchone()[0])

    def decided(self, acts: Iterable[Act]) -> set[str]:
        """The keys of those that are allowed already, or that a person said no to."""
        keys = json.dumps([act.key for act in acts])
        with self._database.reading() as connection:
            rows = connection.execute(
                "select key from act where key in (select value from json_each(?)) "
                "and state in ('due', 'begun', 'rejected')",
                (keys,),
            ).fetchall()
        return {row["key"] for row in rows}

    def agree(self, file_ids: Iterable[int]) -> None:
        """Nothing is left to be said to the service of these files that were renamed or changed."""
        rows = [{"id": identity} for identity in file_ids]
        with self._database.transaction() as connection:
            connection.executemany(_AGREE, rows)
            connection.executemany(_SAME_AS_BEFORE, rows)

    # --- deciding ----------------------------------------------------------------------------------------------

    def allow(self, target: str, acts: Iterable[Act], *, now: float) -> None:
        """These may be done. Safe to repeat."""
        with self._database.transaction() as connection:
            _withdraw(connection, target, now)
            _insert(connection, target, acts, Progress.DUE, None, now)

    def hold(self, target: str, acts: Sequence[Act], why: str, *, now: float) -> tuple[int, bool]:
        """These wait for a person. Returns the plan, and whether it is a new one.

        What waits already stays under its number as long as it is the same: nobody says yes to what they did not see.
        """
        with self._database.transaction() as connection:
            waiting = connection.execute(
                "select id from plan where target = ? and state = 'waiting'", (target,)
            ).fetchone()
            if waiting is not None and _digest_of(connection, waiting["id"]) == _digest(act.key for act in acts):
                return int(waiting["id"]), False
            _withdraw(connection, target, now)
            plan_id = int(
                connection.execute(
                    "insert into plan (target, state, why, made_at) values (?, 'waiting', ?, ?) returning id",
                    (target, why, now),
                ).fetchone()["id"]
            )
            _insert(connection, target, acts, Progress.WAITING, plan_id, now)
        return plan_id, True

    def withdraw(self, target: str, *, now: float) -> None:
        """Nothing waits any more: what was proposed is not so now."""
        with self._database.transaction() as connection:
            _withdraw(connection, target, now)

    def plans(self) -> list[Plan]:
        """What waits for a person."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "select plan.*, (select count(*) from act where plan_id = plan.id) as acts "
                "from plan where state = 'waiting' order by id"
            ).fetchall()
        return [Plan(row["id"], row["target"], row["state"], row["why"], row["made_at"], row["acts"]) for row in rows]

    def of_plan(self, plan_id: int, *, after_id: int = 0, limit: int = 1000) -> list[Written]:
        """The acts of a plan, in the order in which they would be done."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "select * from act where plan_id = ? and id > ? order by id limit ?", (plan_id, after_id, limit)
            ).fetchall()
        return [_written(row) for row in rows]

    def decide(self, plan_id: int, *, is_approved: bool, now: float) -> int | None:
        """A person's word on a plan. Returns how many acts that are; None when no such plan waits."""
        with self._database.transaction() as connection:
            state = "approved" if is_approved else "rejected"
            if not connection.execute(
                "update plan set state = ?, decided_at = ? where id = ? and state = 'waiting'", (state, now, plan_id)
            ).rowcount:
                return None
            after = Progress.DUE if is_approved else Progress.REJECTED
            decided = connection.execute(
                "update act set state = ?, done_at = iif(? = 'rejected', ?, null) where plan_id = ? "
                "and state = 'waiting' returning file_id, kind, sample_id, cause",
                (after.value, after.value, now, plan_id),
            ).fetchall()
            if not is_approved:
                _forget_wishes(connection, decided)
        return len(decided)

    # --- doing -------------------------------------------------------------------------------------------------

    def to_do(self, target: str, *, is_retention: bool, after_id: int = 0, limit: int) -> list[Written]:
        """What may be done, may have been done, or is to be undone: of the retention, or of all other causes."""
        with self._database.reading() as connection:
            rows = connection.execute(
                _TO_DO, {"target": target, "is_retention": is_retention, "after_id": after_id, "limit": limit}
            ).fetchall()
        return [_written(row) for row in rows]

    def begin(self, act_id: int, *, lies_at: str | None = None) -> None:
        """It will be done now: on the disk when this returns. `lies_at`: where the file, or a copy, will lie."""
        with self._database.transaction(survives_power_cut=True) as connection:
            connection.execute(
                "update act set state = 'begun', outcome = null, lies_at = coalesce(?, lies_at) where id = ?",
                (None if lies_at is None else os.fsencode(lies_at), act_id),
            )

    def put_off(self, act_id: int, reason: str) -> None:
        """It could not be done, for `reason`; it is tried again with the next pass."""
        with self._database.transaction() as connection:
            connection.execute("update act set outcome = ? where id = ?", (reason, act_id))

    def drop(self, written: Written, reason: str, *, spares: bool = False, now: float) -> None:
        """What it was proposed for is not so any more; `spares`: nothing like it is proposed for this version again."""
        with self._database.transaction() as connection:
            _end(connection, written.id, Progress.DROPPED, reason, now)
            if spares:
                connection.execute(_SPARE, {"id": written.act.file_id})

    def finish(self, target: str, written: Written, outcome: str, *, now: float) -> None:
        """It is done: that, and all that follows from it, in the index and in the history."""
        with self._database.transaction() as connection:
            _end(connection, written.id, Progress.DONE, outcome, now)
            if not _conclude(connection, target, written.act, outcome, now):
                _note(connection, written.act.file_id, written.act.kind.value, f"{written.act.reason}; {outcome}", now)

    # --- undoing -----------------------------------------------------------------------------------------------

    def find(self, act_id: int) -> Written | None:
        """One act."""
        with self._database.reading() as connection:
            row = connection.execute("select * from act where id = ?", (act_id,)).fetchone()
        return None if row is None else _written(row)

    def latest(self, *, limit: int) -> list[Written]:
        """What was done last, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "select * from act where state in ('done', 'undoing', 'undone') order by done_at desc, id desc limit ?",
                (limit,),
            ).fetchall()
        return [_written(row) for row in rows]

    def ask_undo(self, act_id: int) -> bool:
        """It is to be undone. False when it was not done, or was undone already."""
        with self._database.transaction() as connection:
            return bool(
                connection.execute(
                    "update act set state = 'undoing', outcome = null where id = ? and state = 'done'", (act_id,)
                ).rowcount
            )

    def undone(self, target: str, written: Written, outcome: str, *, facts: FileFacts | None, now: float) -> None:
        """It was undone. `facts`: of the file that was brought back to its place; None when none was."""
        act = written.act
        with self._database.transaction() as connection:
            _end(connection, written.id, Progress.UNDONE, outcome, now)
            if facts is not None:
                connection.execute(
                    "update file set removal = 'kept', absent_at = null, size = ?, mtime_ns = ?, inode = ?, reason = ? "
                    "where id = ? and state in ('synced', 'tombstone')",
                    (facts.size, facts.mtime_ns, facts.inode, outcome, act.file_id),
                )
            if act.kind in EDITS:
                _edit(connection, target, act, act.was)
            _note(connection, act.file_id, "undone", outcome, now)

    def fail_undo(self, written: Written, reason: str) -> None:
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
            connection.execute(
                "delete from plan where target = ? and state <> 'waiting' and made_at < ? "
                "and not exists (select 1 from act where plan_id = plan.id)",
                (target, now - KEEP_S),
            )


def _side(connection: sqlite3.Connection, row: sqlite3.Row, root: str) -> FileSide:
    samples = connection.execute(_SAMPLES, {"id": row["id"], "target": row["target"]}).fetchall()
    published = None if row["published"] is None else json.loads(row["published"])
    return FileSide(
        id=row["id"],
        root_id=row["root_id"],
        root=root,
        path=path_of(row),
        state=State(row["state"]),
        facts=FileFacts(row["size"], row["mtime_ns"], row["inode"]),
        label=row["label"],
        category=Category(row["category"]),
        sha256=row["sha256"],
        since_at=row["changed_at"],
        absent_at=row["absent_at"],
        is_removed=row["removal"] is not None,
        published=published
        and Published(name=published["name"], label=published["label"], category=Category(published["category"])),
        samples=tuple(_held(one) for one in samples if not one["is_older"]),
        older=tuple(_held(one) for one in samples if one["is_older"]),
    )


def _held(row: sqlite3.Row) -> Held:
    sample = RemoteSample(
        id=row["id"],
        filename=row["filename"] or "",
        category=row["category"] or "",
        label=row["label"],
        sha256=row["sha256"],
        is_disabled=bool(row["is_disabled"]),
        has_processing_error=bool(row["has_processing_error"]),
    )
    return Held(sample, is_shared=bool(row["is_shared"]), is_listed=row["filename"] is not None)


def _written(row: sqlite3.Row) -> Written:
    act = Act(
        kind=Kind(row["kind"]),
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
    return Written(
        id=row["id"],
        act=act,
        progress=Progress(row["state"]),
        made_at=row["made_at"],
        plan_id=row["plan_id"],
        done_at=row["done_at"],
        lies_at=None if row["lies_at"] is None else os.fsdecode(row["lies_at"]),
        outcome=row["outcome"],
    )


def _insert(
    connection: sqlite3.Connection,
    target: str,
    acts: Iterable[Act],
    progress: Progress,
    plan_id: int | None,
    now: float,
) -> None:
    connection.executemany(
        _INSERT,
        [
            {
                "plan_id": plan_id,
                "target": target,
                "key": act.key,
                "kind": act.kind.value,
                "cause": act.cause.value,
                "file_id": act.file_id,
                "root": os.fsencode(act.root),
                "path": os.fsencode(act.path),
                "sample_id": act.sample_id,
                "was": act.was,
                "wanted": act.to,
                "reason": act.reason,
                "since_at": act.since_at,
                "state": progress.value,
                "now": now,
            }
            for act in acts
        ],
    )


def _withdraw(connection: sqlite3.Connection, target: str, now: float) -> None:
    withdrawn = connection.execute(
        "update plan set state = 'withdrawn', decided_at = ? where target = ? and state = 'waiting' returning id",
        (now, target),
    ).fetchall()
    # What nobody decided on need not be remembered.
    connection.executemany(
        "delete from act where plan_id = ? and state = 'waiting'", [(row["id"],) for row in withdrawn]
    )


def _digest_of(connection: sqlite3.Connection, plan_id: int) -> str:
    rows = connection.execute("select key from act where plan_id = ? and state = 'waiting'", (plan_id,)).fetchall()
    return _digest(row["key"] for row in rows)


def _digest(keys: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()


def _forget_wishes(connection: sqlite3.Connection, rejected: Iterable[sqlite3.Row]) -> None:
    """What was rejected is not proposed again, in whatever words."""
    for row in rejected:
        match Cause(row["cause"]):
            case Cause.LOCAL_RENAME:
                connection.execute(_AGREE, {"id": row["file_id"]})
            case Cause.LOCAL_CHANGE:
                connection.execute(
                    "delete from superseded where file_id = ? and sample_id = ?", (row["file_id"], row["sample_id"])
                )
            case Cause.LOCAL_DELETION | Cause.REMOTE_DELETION:
                connection.execute(_SPARE, {"id": row["file_id"]})


def _end(connection: sqlite3.Connection, act_id: int, progress: Progress, outcome: str, now: float) -> None:
    connection.execute(
        "update act set state = ?, outcome = ?, done_at = ? where id = ?", (progress.value, outcome, now, act_id)
    )


def _conclude(connection: sqlite3.Connection, target: str, act: Act, outcome: str, now: float) -> bool:
    """Whether the file's history tells of it already."""
    match act.kind:
        case Kind.DELETE_SAMPLE:
            return _sample_went(connection, target, act, outcome, now)
        case Kind.RENAME_SAMPLE | Kind.RELABEL_SAMPLE | Kind.MOVE_SAMPLE:
            _edit(connection, target, act, act.to)
            connection.execute(_AGREE, {"id": act.file_id})
        case Kind.TRASH_FILE | Kind.DELETE_FILE | Kind.ARCHIVE_FILE:
            parameters = {"id": act.file_id, "removal": REMOVAL[act.kind], "cause": act.cause.value, "now": now}
            connection.execute(_TAKEN, {**parameters, "reason": f"{act.reason}; {outcome}"})
    return False


REMOVAL = {Kind.TRASH_FILE: "trash", Kind.DELETE_FILE: "deleted", Kind.ARCHIVE_FILE: "archived"}
"""How a file was taken away, as its row says it."""


def _edit(connection: sqlite3.Connection, target: str, act: Act, value: str | None) -> None:
    column = {
        Kind.RENAME_SAMPLE: "filename",
        Kind.RELABEL_SAMPLE: "label",
        Kind.MOVE_SAMPLE: "category",
    }[act.kind]
    connection.execute(
        f"update sample set {column} = ? where target = ? and id = ?",
        (value, target, act.sample_id),
    )


def _sample_went(connection: sqlite3.Connection, target: str, act: Act, outcome: str, now: float) -> bool:
    parameters = {"target": target, "sample_id": act.sample_id, "now": now}
    connection.execute("update sample set gone_at = :now where target = :target and id = :sample_id", parameters)
    connection.execute("delete from superseded where sample_id = ? and file_id = ?", (act.sample_id, act.file_id))
    is_told = False
    for row in connection.execute(_LEFT_WITHOUT, parameters).fetchall():
        if row["id"] == act.file_id:
            move(connection, row["id"], State.SYNCED, Event.REMOVED, f"{act.reason}; {outcome}", now)
            is_told = True
        elif row["absent_at"] is not None:
            reason = f"it was deleted here, and its sample {act.sample_id} with {shown(act.path)}"
            move(connection, row["id"], State.SYNCED, Event.REMOVED, reason, now)
        else:
            # It was tied to the sample while that was deleted for another file: no person deleted it.
            reason = f"its sample {act.sample_id} was deleted with {shown(act.path)}; it is sent again"
            move(connection, row["id"], State.SYNCED, Event.CHANGED, reason, now)
    return is_told


def _note(connection: sqlite3.Connection, file_id: int, event: str, detail: str, now: float) -> None:
    connection.execute(_NOTE, {"now": now, "id": file_id, "event": event, "detail": detail})
    forget_old_of(connection, [file_id])
