"""Read what people may see of the files: counts, one record a file, and the history."""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eisync.core.file_status import FileTotal
from eisync.core.labels.description import label_differences
from eisync.core.lifecycle import State
from eisync.core.model import Category, RemoteSample, value
from eisync.store import transitions
from eisync.store.database import Database
from eisync.store.file_counts import CountError, count_errors, totals_by_root
from eisync.store.guard_facts import NOT_LISTED
from eisync.store.observations import DEFAULT_REASONS
from eisync.store.rows import name_of, path_of, split

# Since when the oldest file waits. (The index is named because SQLite would otherwise read every waiting file.)
_OLDEST_PENDING = """
select min(enqueued_at) as at from file indexed by file_pending
where state in ('ready', 'sending', 'doubtful', 'settling')"""

# When the last file was synced.
_LAST_SYNCED = """
select max(changed_at) as at from file where state = 'synced'"""

# How far the complete listings under way are.
_LISTING = """
select sum(listed) as listed, coalesce(sum(first_total), 0) as total from sweep"""

# Files with their samples.
RECORDS = """
select file.*, root.path as root_path,
    (select json_group_array(sample_id) from (
        select sample_id from file_sample where file_id = file.id order by sample_id)) as sample_ids,
    (select json_group_array(json_object(
            'id', id, 'name', filename, 'category', category, 'label', label, 'metadata', json(metadata),
            'is_disabled', json(iif(is_disabled, 'true', 'false')),
            'has_processing_error', json(iif(has_processing_error, 'true', 'false')),
            'is_deleted', json(iif(gone_at is null, 'false', 'true')), 'missed', missed)) from (
        select sample.* from file_sample mine cross join sample
        on sample.target = file.target and sample.id = mine.sample_id and sample.filename is not null
        where mine.file_id = file.id order by sample.id)) as samples
from file join root on root.id = file.root_id"""

# A page of them by id, so that a million of them are never in memory together.
_PAGE = f"""{RECORDS}
where file.id > :after and (:state is null or file.state = :state)
order by file.id limit 1000"""

# One file.
_AT = f"""{RECORDS}
where root.path = :root and file.folder = :folder and file.name = :name"""


@value(kw_only=True)
class Counts:
    """The files of each root (by its id) by state, and two instants (Unix s) for `eisync status`."""

    by_root: Mapping[int, Mapping[State, FileTotal]]
    oldest_pending_at: float | None
    last_synced_at: float | None

    @property
    def by_state(self) -> dict[State, int]:
        """The number of files by state in all roots."""
        return _by_state(self.by_root.values())


class FileRecords:
    """Read files as records. Safe to use from any thread; each method reads one state of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self) -> Counts:
        """Count files by state. A file that was never complete has no row, and is not counted."""
        with self._database.reading() as connection:
            totals = totals_by_root(connection)
            oldest = connection.execute(_OLDEST_PENDING).fetchone()
            newest = connection.execute(_LAST_SYNCED).fetchone()
        return Counts(by_root=totals, oldest_pending_at=oldest["at"], last_synced_at=newest["at"])

    def report(self, roots: Iterable[int]) -> dict[State, int]:
        """Count files by state in these roots only."""
        with self._database.reading() as connection:
            totals = totals_by_root(connection)
        return _by_state(totals[root] for root in set(roots) & totals.keys())

    def count_errors(self) -> list[CountError]:
        """Recount all files, which takes seconds for a million. Return the kept counts that differ."""
        with self._database.reading() as connection:
            return count_errors(connection)

    def listing(self) -> tuple[int, int] | None:
        """Return how many samples the listings under way have listed, and how many there are; None: none is."""
        with self._database.reading() as connection:
            row = connection.execute(_LISTING).fetchone()
        return None if row["listed"] is None else (row["listed"], max(row["listed"], row["total"]))

    def files(self, state: State | None = None) -> Iterator[dict[str, object]]:
        """Yield one record a file, in the order in which the files were first complete. It reads page by page."""
        after = 0
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(_PAGE, {"after": after, "state": state and state.value}).fetchall()
            for row in rows:
                yield as_record(row)
            if not rows:
                return
            after = rows[-1]["id"]

    def files_at(self, root: str, paths: Iterable[str]) -> list[dict[str, object]]:
        """Return one record for each known file at `paths` in the root at path `root`, with its `facts`."""
        rows: list[sqlite3.Row] = []
        with self._database.reading() as connection:
            for path in paths:
                folder, name = split(path)
                place = {"root": os.fsencode(root), "folder": folder, "name": name}
                rows += connection.execute(_AT, place).fetchall()
        return [{**as_record(row), **_version(row)} for row in rows]

    def ids_of(self, absolute_path: str) -> list[int]:
        """Return the ids of the file at `absolute_path`, in any root."""
        with self._database.reading() as connection:
            found: list[int] = []
            for root in connection.execute("select id, path from root").fetchall():
                place = os.fsdecode(root["path"]).rstrip("/") + "/"
                if not absolute_path.startswith(place):
                    continue
                folder, name = split(absolute_path[len(place) :])
                rows = connection.execute(
                    "select id from file where root_id = ? and folder = ? and name = ?", (root["id"], folder, name)
                ).fetchall()
                found.extend(row["id"] for row in rows)
        return found

    def ids_in(self, states: Iterable[State]) -> list[int]:
        """Return the ids of the files in any of `states`."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "select id from file where state in (select value from json_each(?))",
                (json.dumps([state.value for state in states]),),
            ).fetchall()
        return [row["id"] for row in rows]

    def reasons_in(self, state: State) -> list[str]:
        """Return the different reasons of the files in the state."""
        with self._database.reading() as connection:
            rows = connection.execute("select distinct reason from file where state = ?", (state.value,)).fetchall()
        return [row["reason"] or "" for row in rows]

    def ids_for(self, state: State, reasons: Iterable[str]) -> list[int]:
        """Return the ids of the files that are in the state for any of `reasons`."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "select id from file where state = ? and coalesce(reason, '') in (select value from json_each(?))",
                (state.value, json.dumps(list(reasons))),
            ).fetchall()
        return [row["id"] for row in rows]

    def history(self, file_id: int | None = None, *, limit: int = 0) -> list[dict[str, object]]:
        """Return the history, newest first: every line of one file, or the last `limit` lines of all files."""
        with self._database.reading() as connection:
            if file_id is None:
                return transitions.read_latest(connection, limit=limit)
            return transitions.read_of(connection, file_id)


def _by_state(roots: Iterable[Mapping[State, FileTotal]]) -> dict[State, int]:
    found: dict[State, int] = {}
    for by_state in roots:
        for state, total in by_state.items():
            found[state] = found.get(state, 0) + total.files
    return found


def _version(row: sqlite3.Row) -> dict[str, object]:
    about = {"companions": row["companions"], "sent_as": row["sent_as"]}
    return {"facts": [row["size"], row["mtime_ns"], row["inode"]], **about}


def as_record(row: sqlite3.Row) -> dict[str, Any]:
    """Return a row of `RECORDS` as a record of `eisync ls`."""
    path = path_of(row)
    samples = json.loads(row["samples"])
    there = label_differences(name_of(row), row["label"], Category(row["category"]), map(_listed, samples))
    is_listed = [not sample.pop("missed") or sample["is_deleted"] for sample in samples]
    if row["state"] == State.SYNCED.value and is_listed and not any(is_listed):
        there.append(NOT_LISTED)
    return {
        "path": path,
        "root": os.fsdecode(row["root_path"]),
        "state": row["state"],
        "reason": row["reason"] or DEFAULT_REASONS.get(row["state"], ""),
        "label": row["label"],
        "category": row["category"],
        "sample_ids": json.loads(row["sample_ids"]),
        "sha256": row["sha256"],
        "size": row["size"],
        "attempts": row["attempts"],
        "changed_at": row["changed_at"],
        "due_at": row["due_at"] if row["state"] == State.READY.value else None,
        "file": row["id"],
        "samples": samples,
        "there": there,
    }


def _listed(sample: Mapping[str, Any]) -> RemoteSample:
    return RemoteSample(
        id=sample["id"],
        filename=sample["name"],
        category=sample["category"],
        label=sample["label"],
        is_disabled=sample["is_disabled"],
        has_processing_error=sample["has_processing_error"],
    )
