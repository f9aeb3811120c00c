"""What the service lists, written down: samples by id, how far a sweep has come, what the last look left.

A page of the listing is compared with the slice of the index for the same range of ids; what follows from it and the
place where the sweep goes on are written in one transaction, so that a sweep which is killed goes on from there. A
sample that a sweep did not list is only marked, and the mark counts when the sweep ends well.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from eisync.core.lifecycle import Event, State
from eisync.core.listing import (
    SWEEPS_TO_SUSPECT,
    CountMissed,
    IndexChange,
    KeepListed,
    LastPoll,
    Learn,
    MarkDiffering,
    Return,
    Slice,
    SweepProgress,
)
from eisync.core.model import Item, Missing, RemoteSample
from eisync.store import sample_links
from eisync.store.database import Database
from eisync.store.rows import ITEM, item_of
from eisync.store.sample_links import LISTED_SHA256, link
from eisync.store.sample_rows import FLAGS_AT, PLAIN_AT, SLICE, believed, keep, row_of
from eisync.store.tombstones import lift, note_missed
from eisync.store.transitions import move

# Somebody changed a sample of ours: a line in the history of each of its files.
_TELL = """
insert into history (at, file_id, event, state, detail)
select :now, file.id, 'edited', file.state, :detail
from file_sample mine cross join file on file.id = mine.file_id
where mine.sample_id = :id and file.target = :target"""

# It is listed as another sample than the one we know, which stays as it is.
_CONTRADICT = """
update sample set contradiction = :why, missing_in = null
where target = :target and id = :id and (contradiction is not :why or missing_in is not null)"""

_MARK = "update sample set missing_in = :generation where target = :target and id = :id"

_GO_ON = """
update sweep set first_total = :first_total, newest_id = :newest_id, before_id = :before_id, listed = :listed,
    spent_s = :spent_s
where target = :target and generation = :generation"""

# At the end of a sweep: samples of ours that it did not list are missed once more, what others deleted is forgotten.
# (Left to itself, SQLite walks all samples of the target.)
_COUNT_MISSED = """
update sample indexed by sample_missing set missed = missed + 1, missing_in = null
where target = :target and missing_in = :generation and gone_at is null and exists (
    select 1 from file_sample mine cross join file on file.id = mine.file_id
    where mine.sample_id = sample.id and file.target = sample.target)
returning id, missed"""
# What may have been cut from a sample of ours is missed once before it is forgotten, for it speaks against a deletion:
# a piece that is split again is listed neither as it was nor as what became of it for a moment.
_MISS_PIECES = """
update sample indexed by sample_missing set missed = missed + 1, missing_in = null
where target = :target and missing_in = :generation and gone_at is null and missed = 0
    and (is_cropped or filename glob '*.s[0-9]*')"""
_FORGET = "delete from sample indexed by sample_missing where target = :target and missing_in = :generation"
_UNMARK = (
    "update sample indexed by sample_missing set missing_in = null where target = :target and missing_in is not null"
)

# Files that may be there already.
_WAITING = f"""
select {ITEM} from file
where target = :target and state = 'ready' and id > :after_id order by id limit :limit"""
_NAMED = f"""
select id, category, label, {LISTED_SHA256} as sha256, original_name from sample indexed by sample_by_name
where target = :target and filename = :filename and gone_at is null and {LISTED_SHA256} is not null
    and contradiction is null"""
_ADOPT = """
update file set sha256 = :sha256
where id = :id and state = 'ready' and size = :size and mtime_ns = :mtime_ns and inode = :inode"""

# Whether any sample of ours was not listed, without a known reason yet, or waits for a person to say it.
_ANY_MISSED = """
select 1 from sample indexed by sample_missed where target = :target and missed > 0 and gone_at is null
    and not exists (select 1 from plan where target = :target and state = 'waiting' and about = 'tombstones') limit 1"""

_REMEMBER = """
insert or replace into mirror (target, newest_id, samples, modified_at, swept_at, sweep_s, version_index)
values (:target, :newest_id, :samples, :modified_at, :now, :sweep_s, :version_index)"""

# A sample that the change feed reports as deleted, and the number of samples agrees: as if two sweeps had missed it.
_SUSPECT = "update sample set missed = :missed where target = :target and id = :id and missed < :missed"


class Mirrored:
    """The service's side of the index. Safe to use from any thread; each method is one transaction or one look."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remembered(self, target: str) -> LastPoll | None:
        """What the last look left; None before the first sweep was complete."""
        with self._database.reading() as connection:
            row = connection.execute("select * from mirror where target = ?", (target,)).fetchone()
            missed = connection.execute(_ANY_MISSED, {"target": target}).fetchone()
        if row is None:
            return None
        return LastPoll(
            newest_id=row["newest_id"],
            samples=row["samples"],
            modified_at=row["modified_at"],
            swept_at=row["swept_at"],
            sweep_s=row["sweep_s"],
            has_missed=missed is not None,
            version_index=row["version_index"],
        )

    def slice(
        self,
        target: str,
        listed: Iterable[RemoteSample] = (),
        *,
        low: int,
        high: int,
        generation: int | None,
        began_at: float,
        limit: int,
    ) -> Slice:
        """Up to `limit` samples with low <= id < high, as the sweep `generation` that began at `began_at` sees them.

        What is believed as it is `listed` is not even made: of a sweep that is nearly all.
        """
        parameters = {
            "target": target,
            "low": low,
            "high": high,
            "generation": generation,
            "began_at": began_at,
            "limit": limit,
        }
        with self._database.reading() as connection:
            cursor = connection.cursor()
            cursor.row_factory = None
            rows = cursor.execute(SLICE, parameters).fetchall()
        shown = {sample.id: row_of(sample) for sample in listed} if rows else {}
        agreed: set[int] = set()
        odd: list[tuple[Any, ...]] = []
        for row in rows:
            if row[PLAIN_AT] and row[:FLAGS_AT] == shown.get(row[0]):
                agreed.add(row[0])
            else:
                odd.append(row)
        return Slice([believed(row) for row in odd], agreed, rows[-1][0] if len(rows) == limit else None)

    def begin_sweep(
        self, target: str, *, modified_at: float | None, version_index: int | None = None, now: float
    ) -> SweepProgress:
        """Begin a new sweep; whatever another one marked is forgotten."""
        with self._database.transaction() as connection:
            generation = _next_generation(connection, target)
            connection.execute(
                "insert or replace into sweep (target, generation, began_at, modified_at, version_index) "
                "values (?, ?, ?, ?, ?)",
                (target, generation, now, modified_at, version_index),
            )
        return SweepProgress(generation=generation, began_at=now, modified_at=modified_at, version_index=version_index)

    def sweep_under_way(self, target: str) -> SweepProgress | None:
        """The sweep that was begun and neither ended nor dropped."""
        with self._database.reading() as connection:
            row = connection.execute("select * from sweep where target = ?", (target,)).fetchone()
        if row is None:
            return None
        return SweepProgress(**{name: row[name] for name in row.keys() if name != "target"})  # noqa: SIM118 - a Row

    def drop_sweep(self, target: str) -> None:
        """The sweep concludes nothing."""
        with self._database.transaction() as connection:
            connection.execute("delete from sweep where target = ?", (target,))
            connection.execute(_UNMARK, {"target": target})

    def apply(
        self,
        target: str,
        actions: Iterable[IndexChange],
        *,
        generation: int | None,
        progress: SweepProgress | None = None,
        now: float,
    ) -> list[int]:
        """Write down what follows from a slice of the sweep `generation`, and how far it has come. Safe to repeat.

        Returns the files whose tombstones were lifted.
        """
        with self._database.transaction() as connection:
            lifted = _apply(connection, target, list(actions), generation, now)
            if progress is not None:
                connection.execute(
                    _GO_ON,
                    {
                        "target": target,
                        "generation": progress.generation,
                        "first_total": progress.first_total,
                        "newest_id": progress.newest_id,
                        "before_id": progress.before_id,
                        "listed": progress.listed,
                        "spent_s": progress.spent_s,
                    },
                )
        return lifted

    def finish_sweep(self, target: str, progress: SweepProgress, *, now: float) -> list[Missing]:
        """The sweep was complete: count what it did not list. Returns those samples of ours."""
        remembered = {
            "target": target,
            "newest_id": progress.newest_id,
            "samples": progress.listed,
            "modified_at": progress.modified_at,
            "sweep_s": progress.spent_s,
            "version_index": progress.version_index,
            "now": now,
        }
        with self._database.transaction() as connection:
            missing = _count_missed(connection, target, progress.generation, now)
            connection.execute("delete from sweep where target = ?", (target,))
            connection.execute(_REMEMBER, remembered)
            _note_listed(connection, target, now)
        return missing

    def note_look(
        self, target: str, *, newest_id: int, samples: int, modified_at: float | None, is_current: bool, now: float
    ) -> None:
        """New samples were listed. `is_current`: and nothing else was changed."""
        with self._database.transaction() as connection:
            connection.execute(
                "update mirror set newest_id = ?, samples = ?, modified_at = ? where target = ?",
                (newest_id, samples, modified_at, target),
            )
            if is_current:
                _note_listed(connection, target, now)

    def note_changes(
        self, target: str, *, deleted: Iterable[int], samples: int, version_index: int, now: float
    ) -> list[Missing]:
        """Write down what the change feed says up to a version. Returns the deleted samples that are ours.

        `deleted` are samples that the index knows, and `samples` is how many there are without them.
        """
        with self._database.transaction() as connection:
            generation = _next_generation(connection, target)
            marked = [{"target": target, "id": sample_id, "generation": generation} for sample_id in deleted]
            connection.executemany(_MARK, marked)
            missing = _count_missed(connection, target, generation, now)
            suspects = [{"target": target, "id": one.sample_id, "missed": SWEEPS_TO_SUSPECT} for one in missing]
            connection.executemany(_SUSPECT, suspects)
            connection.execute(
                "update mirror set samples = ?, version_index = ? where target = ?", (samples, version_index, target)
            )
        return [Missing(one.sample_id, SWEEPS_TO_SUSPECT) for one in missing]

    def waiting(self, target: str, *, after_id: int, limit: int) -> list[Item]:
        """Files that wait to be sent, in the order of their rows."""
        with self._database.reading() as connection:
            rows = connection.execute(_WAITING, {"target": target, "after_id": after_id, "limit": limit}).fetchall()
            places = dict(connection.execute("select id, path from root").fetchall()) if rows else {}
        return [item_of(row, places) for row in rows]

    def named(self, target: str, filename: str) -> list[RemoteSample]:
        """Samples of that name that are there, with the hash of their content."""
        with self._database.reading() as connection:
            rows = connection.execute(_NAMED, {"target": target, "filename": filename}).fetchall()
        return [
            RemoteSample(
                id=row["id"],
                filename=filename,
                category=row["category"],
                label=row["label"],
                sha256=row["sha256"],
                original_name=row["original_name"],
            )
            for row in rows
        ]

    def adopt(self, item: Item, sha256: str, sample_ids: Iterable[int], *, now: float) -> bool:
        """The service holds the file already; nothing is sent. False when it does not wait any more, or changed."""
        facts = item.facts
        version = {"id": item.id, "size": facts.size, "mtime_ns": facts.mtime_ns, "inode": facts.inode}
        with self._database.transaction() as connection:
            if not connection.execute(_ADOPT, {**version, "sha256": sha256}).rowcount:
                return False
            move(connection, item.id, State.READY, Event.FOUND, "already in the project; nothing was sent", now)
            link(connection, [(item.id, sample_id, None) for sample_id in sample_ids], now)
        return True


def _count_missed(connection: sqlite3.Connection, target: str, generation: int, now: float) -> list[Missing]:
    """What is marked was not listed: count that for samples of ours, and forget the others."""
    parameters = {"target": target, "generation": generation}
    rows = connection.execute(_COUNT_MISSED, parameters).fetchall()
    note_missed(connection, target, generation, now)
    connection.execute(_MISS_PIECES, parameters)
    connection.execute(_FORGET, parameters)
    return sorted((Missing(row["id"], row["missed"]) for row in rows), key=lambda entry: entry.sample_id)


def _next_generation(connection: sqlite3.Connection, target: str) -> int:
    row = connection.execute(
        "update target set generation = generation + 1 where name = ? returning generation", (target,)
    ).fetchone()
    connection.execute(_UNMARK, {"target": target})
    return int(row["generation"])


def _note_listed(connection: sqlite3.Connection, target: str, now: float) -> None:
    connection.execute("update target set listed_at = ?, listing_trouble = null where name = ?", (now, target))


def _apply(
    connection: sqlite3.Connection, target: str, actions: Sequence[IndexChange], generation: int | None, now: float
) -> list[int]:
    kept = sorted(
        (one.sample for one in actions if not isinstance(one, CountMissed | MarkDiffering)), key=attrgetter("id")
    )
    keep(connection, target, [row_of(sample) for sample in kept], now)
    lifted = sample_links.lift(connection, target, (one.sample for one in actions if isinstance(one, Learn)), now)
    for action in actions:
        match action:
            case Learn():
                pass  # it is kept; first, because a first sweep has no other
            case CountMissed():
                connection.execute(_MARK, {"target": target, "id": action.sample_id, "generation": generation})
            case KeepListed() if action.changes and action.is_ours:
                detail = f"{'; '.join(action.changes)} at the service{action.by}"
                connection.execute(_TELL, {"target": target, "id": action.sample.id, "detail": detail, "now": now})
            case MarkDiffering(sample, why):
                told = {"target": target, "id": sample.id, "why": why}
                if connection.execute(_CONTRADICT, told).rowcount:
                    detail = f"{why}; eisync ignores this sample"
                    connection.execute(_TELL, {"target": target, "id": sample.id, "detail": detail, "now": now})
            case Return():
                lifted += lift(connection, target, action.sample.id, now)
            case KeepListed():
                pass  # it is kept
    return lifted
