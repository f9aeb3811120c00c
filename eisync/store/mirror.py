"""Store what the service lists: the samples by id, the progress of a sweep, and the result of the last poll.

Each page of the listing is compared with the slice of the index for the same range of ids. The changes and the sweep's
progress are written in one transaction, so that a sweep that is killed continues from there. A sample that a sweep did
not list is only marked. The mark counts once the sweep is complete.
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
from eisync.store.sample_rows import FLAGS_AT, PLAIN_AT, SLICE, indexed_sample, keep, row_of
from eisync.store.tombstones import lift, note_missed
from eisync.store.transitions import move

# A sample of ours was changed at the service: add a line to the history of each of its files.
_NOTE_EDIT = """
insert into history (at, file_id, event, state, detail)
select :now, file.id, 'edited', file.state, :detail
from file_sample mine cross join file on file.id = mine.file_id
where mine.sample_id = :id and file.target = :target"""

# The listing shows another sample under a known id. The known sample stays unchanged.
_CONTRADICT = """
update sample set contradiction = :why, missing_in = null
where target = :target and id = :id and (contradiction is not :why or missing_in is not null)"""

_MARK = "update sample set missing_in = :generation where target = :target and id = :id"

_SAVE_PROGRESS = """
update sweep set first_total = :first_total, newest_id = :newest_id, before_id = :before_id, listed = :listed,
    spent_s = :spent_s
where target = :target and generation = :generation"""

# At the end of a sweep, samples of ours that it did not list are counted as missed once more. Other samples that were
# deleted are dropped (`_FORGET`). (The index is named because SQLite would otherwise read all samples of the target.)
_COUNT_MISSED = """
update sample indexed by sample_missing set missed = missed + 1, missing_in = null
where target = :target and missing_in = :generation and gone_at is null and exists (
    select 1 from file_sample mine cross join file on file.id = mine.file_id
    where mine.sample_id = sample.id and file.target = sample.target)
returning id, missed"""
# A possible segment of a sample of ours may be missed once before it is dropped, because it is evidence against a
# deletion. While a segment is split again, the service lists neither it nor its parts for a moment.
_MISS_SEGMENTS = """
update sample indexed by sample_missing set missed = missed + 1, missing_in = null
where target = :target and missing_in = :generation and gone_at is null and missed = 0
    and (is_cropped or filename glob '*.s[0-9]*')"""
_FORGET = "delete from sample indexed by sample_missing where target = :target and missing_in = :generation"
_UNMARK = (
    "update sample indexed by sample_missing set missing_in = null where target = :target and missing_in is not null"
)

# Waiting files, which may be in the project already.
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

# Whether any sample of ours was not listed and no plan waits for a person to explain that.
_ANY_MISSED = """
select 1 from sample indexed by sample_missed where target = :target and missed > 0 and gone_at is null
    and not exists (select 1 from plan where target = :target and state = 'waiting' and about = 'tombstones') limit 1"""

_REMEMBER = """
insert or replace into mirror (target, newest_id, samples, modified_at, swept_at, sweep_s, version_index)
values (:target, :newest_id, :samples, :modified_at, :now, :sweep_s, :version_index)"""

# The change feed reports the sample as deleted, and the number of samples agrees. Count it as missed by two sweeps.
_SUSPECT = "update sample set missed = :missed where target = :target and id = :id and missed < :missed"


class Mirrored:
    """Store the listed samples. Safe to use from any thread; each method is one transaction or one read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remembered(self, target: str) -> LastPoll | None:
        """Return the result of the last poll; None before the first complete sweep."""
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
        """Return up to `limit` samples with low <= id < high, for the sweep `generation` that began at `began_at`.

        Samples that the index has exactly as `listed` are returned by id only. In a sweep these are nearly all.
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
        listed_rows = {sample.id: row_of(sample) for sample in listed} if rows else {}
        agreed: set[int] = set()
        differing: list[tuple[Any, ...]] = []
        for row in rows:
            if row[PLAIN_AT] and row[:FLAGS_AT] == listed_rows.get(row[0]):
                agreed.add(row[0])
            else:
                differing.append(row)
        return Slice([indexed_sample(row) for row in differing], agreed, rows[-1][0] if len(rows) == limit else None)

    def begin_sweep(
        self, target: str, *, modified_at: float | None, version_index: int | None = None, now: float
    ) -> SweepProgress:
        """Begin a new sweep, and drop the marks of an earlier one."""
        with self._database.transaction() as connection:
            generation = _next_generation(connection, target)
            connection.execute(
                "insert or replace into sweep (target, generation, began_at, modified_at, version_index) "
                "values (?, ?, ?, ?, ?)",
                (target, generation, now, modified_at, version_index),
            )
        return SweepProgress(generation=generation, began_at=now, modified_at=modified_at, version_index=version_index)

    def sweep_under_way(self, target: str) -> SweepProgress | None:
        """Return the sweep that was begun and neither finished nor dropped; None when there is none."""
        with self._database.reading() as connection:
            row = connection.execute("select * from sweep where target = ?", (target,)).fetchone()
        if row is None:
            return None
        return SweepProgress(**{name: row[name] for name in row.keys() if name != "target"})  # noqa: SIM118 - a Row

    def drop_sweep(self, target: str) -> None:
        """Drop the sweep under way, with its marks."""
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
        """Write the changes from a slice of the sweep `generation`, and the sweep's progress. Safe to repeat.

        Return the ids of the files that are no longer tombstones.
        """
        with self._database.transaction() as connection:
            lifted = _apply(connection, target, list(actions), generation, now)
            if progress is not None:
                connection.execute(
                    _SAVE_PROGRESS,
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
        """Finish a complete sweep, and count what it did not list. Return those samples of ours."""
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

    def note_poll(
        self, target: str, *, newest_id: int, samples: int, modified_at: float | None, is_current: bool, now: float
    ) -> None:
        """Store the result of a poll that listed the new samples. `is_current`: nothing else has changed."""
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
        """Store the changes of the feed up to a version. Return the deleted samples that are ours.

        `deleted` are ids of samples that the index has. `samples` is the number of samples without these.
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
        """List a page of the files that wait to be sent, in the order of their ids."""
        with self._database.reading() as connection:
            rows = connection.execute(_WAITING, {"target": target, "after_id": after_id, "limit": limit}).fetchall()
            places = dict(connection.execute("select id, path from root").fetchall()) if rows else {}
        return [item_of(row, places) for row in rows]

    def named(self, target: str, filename: str) -> list[RemoteSample]:
        """List the existing samples of that name whose content hash is known."""
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
        """Record that the service holds the file, so it is not sent. Return False if it no longer waits or changed."""
        facts = item.facts
        version = {"id": item.id, "size": facts.size, "mtime_ns": facts.mtime_ns, "inode": facts.inode}
        with self._database.transaction() as connection:
            if not connection.execute(_ADOPT, {**version, "sha256": sha256}).rowcount:
                return False
            move(connection, item.id, State.READY, Event.FOUND, "already in the project; nothing was sent", now)
            link(connection, [(item.id, sample_id, None) for sample_id in sample_ids], now)
        return True


def _count_missed(connection: sqlite3.Connection, target: str, generation: int, now: float) -> list[Missing]:
    """Count the marked samples of ours as missed once more, and drop the others."""
    parameters = {"target": target, "generation": generation}
    rows = connection.execute(_COUNT_MISSED, parameters).fetchall()
    note_missed(connection, target, generation, now)
    connection.execute(_MISS_SEGMENTS, parameters)
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
                pass  # `keep` has written it; this case is first because a first sweep has no other changes
            case CountMissed():
                connection.execute(_MARK, {"target": target, "id": action.sample_id, "generation": generation})
            case KeepListed() if action.changes and action.is_ours:
                detail = f"{'; '.join(action.changes)} at the service{action.by}"
                connection.execute(_NOTE_EDIT, {"target": target, "id": action.sample.id, "detail": detail, "now": now})
            case MarkDiffering(sample, why):
                parameters = {"target": target, "id": sample.id, "why": why}
                if connection.execute(_CONTRADICT, parameters).rowcount:
                    detail = f"{why}; eisync ignores this sample"
                    connection.execute(_NOTE_EDIT, {"target": target, "id": sample.id, "detail": detail, "now": now})
            case Return():
                lifted += lift(connection, target, action.sample.id, now)
            case KeepListed():
                pass  # `keep` has written it
    return lifted
