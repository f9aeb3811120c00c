"""Store what the watcher observed that has no row of `file`: files that are not complete, and unreadable entries.

The watcher has this in memory. It stores it when it is idle, so that a later command reports the same. After a process
has ended, the stored observations may be out of date: a row that changed its state after them takes precedence.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eisync.core.file_status import ObservedEntry, Sighting, StatusFinding, prefers_row, shape
from eisync.core.lifecycle import State
from eisync.core.model import value
from eisync.store.database import Database
from eisync.store.rows import path_of, split

MOST_READ = 4_000
"""At most this many files of a state are read for their reasons. The others are only counted."""

# An observation is outdated when the row is newer.
_STALE = "coalesce(file.changed_at > root.observed_at, 0)"

_JOINED = f"""
from observed join root on root.id = observed.root_id
left join file on not observed.is_folder and file.root_id = observed.root_id
    and file.folder = observed.folder and file.name = observed.name
where not {_STALE}"""

# Counts of the observations by root and state, with the state that the row has.
_SIGHTINGS = f"""
select observed.root_id, observed.state, observed.is_folder, file.state as row_state, count(*) as files,
    sum(observed.size) as bytes, coalesce(sum(file.size), 0) as row_bytes {_JOINED}
and (:roots is null or root.id in (select value from json_each(:roots))) group by 1, 2, 3, 4"""

_ONLY_COUNTED = """
select id, beyond, comparing from root
where :roots is null or id in (select value from json_each(:roots))"""

_RECORDS = f"""
select observed.*, root.path as root_path, file.state as row_state {_JOINED}"""

_AT = f"""{_RECORDS}
and root.path = :root and observed.folder = :folder and observed.name = :name"""

# Folders that cannot be read.
_FOLDERS = """
select observed.* from observed join root on root.id = observed.root_id
where root.path = :root and observed.is_folder"""

# Files of one state by reason, without those that an observation describes better; `id` is one of them, as an example.
_REASONS = """
select reason, count(*) as files, min(id) as id from (
    select file.id, file.reason from file indexed by file_by_state
    join root on root.id = file.root_id
    where file.state = :state and not exists (
        select 1 from observed where :is_observed and observed.root_id = file.root_id
        and observed.folder = file.folder and observed.name = file.name and not observed.is_folder
        and root.observed_at >= file.changed_at)
    order by file.changed_at desc limit :limit)
group by reason order by files desc"""

# The latest complete files that wait, in groups; `id` is one of them, as an example.
_WAITING = """
select root_id, reason, min(due_at) as due_at, count(*) as files, min(id) as id from (
    select id, root_id, reason, due_at from file indexed by file_by_state
    where state = 'ready' order by changed_at desc limit :limit)
group by root_id, reason, due_at > :now order by files desc"""

_PLACE = """
select root.path as root_path, file.folder, file.name from file join root on root.id = file.root_id
where file.id = :id"""

_ADD = """
insert into observed (root_id, folder, name, state, reason, size, is_folder, since_at)
values (:root_id, :folder, :name, :state, :reason, :size, :is_folder, :now)
on conflict do update set state = excluded.state, reason = excluded.reason, size = excluded.size,
    is_folder = excluded.is_folder, since_at = iif(state = excluded.state, since_at, excluded.since_at)"""


@value
class ObservedCounts:
    """Counts of the observations in some roots.

    `sightings` are by the id of the root. `folders` cannot be read. `beyond` files are settling and only counted, not
    listed. `comparing` files were touched since their upload and not compared with it yet.
    """

    sightings: Mapping[int, Sequence[Sighting]]
    folders: int
    beyond: int
    comparing: int


@value
class WaitingGroup:
    """Files of a root that wait. `failure` is how their last attempt ended (None: there was none), `due_at` (Unix s)
    the earliest instant at which one of them is due, `path` (absolute) one of them."""

    root: str
    failure: str | None
    due_at: float
    files: int
    path: str


class Observations:
    """Store the observations. Safe to use from any thread; each method is one transaction or one read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(
        self, root_id: int, observed: Sequence[ObservedEntry], *, beyond: int, comparing: int, keeps: bool, now: float
    ) -> None:
        """Store what was observed in the root. `keeps`: keep the earlier observations, as the scan is not complete."""
        with self._database.transaction() as connection:
            before = {
                (row["folder"], row["name"]): (row["state"], shape(row["reason"]), row["is_folder"])
                for row in connection.execute("select * from observed where root_id = ?", (root_id,))
            }
            rows = [_row(root_id, one, now) for one in observed]
            changed = [
                row
                for row in rows
                if before.get((row["folder"], row["name"])) != (row["state"], shape(row["reason"]), row["is_folder"])
            ]
            connection.executemany(_ADD, changed)
            if not keeps:
                gone = before.keys() - {(row["folder"], row["name"]) for row in rows}
                connection.executemany(
                    "delete from observed where root_id = ? and folder = ? and name = ?",
                    [(root_id, folder, name) for folder, name in gone],
                )
            connection.execute(
                "update root set observed_at = ?, beyond = ?, comparing = ?, settling = ? + "
                "(select count(*) from observed where root_id = ? and state = 'settling') where id = ?",
                (now, beyond, comparing, beyond, root_id, root_id),
            )

    def found(self, roots: Iterable[int] | None = None) -> ObservedCounts:
        """Count the observations, in these roots or, without `roots`, in all."""
        parameters = {"roots": None if roots is None else json.dumps(list(roots))}
        with self._database.reading() as connection:
            rows = connection.execute(_SIGHTINGS, parameters).fetchall()
            roots = connection.execute(_ONLY_COUNTED, parameters).fetchall()
        sightings: dict[int, list[Sighting]] = {}
        for row in rows:
            if not row["is_folder"]:
                sighting = Sighting(row["state"], row["row_state"], row["files"], row["bytes"], row["row_bytes"])
                sightings.setdefault(row["root_id"], []).append(sighting)
        for root in roots:
            if root["beyond"]:
                beyond = Sighting(State.SETTLING.value, None, root["beyond"])
                sightings.setdefault(root["id"], []).append(beyond)
        return ObservedCounts(
            sightings=sightings,
            folders=sum(row["files"] for row in rows if row["is_folder"]),
            beyond=sum(root["beyond"] for root in roots),
            comparing=sum(root["comparing"] for root in roots),
        )

    def records(self) -> list[dict[str, Any]]:
        """Return the observations as records of `eisync ls`."""
        with self._database.reading() as connection:
            rows = connection.execute(_RECORDS).fetchall()
        return [_record(row) for row in rows if not _is_outdated(row)]

    def entries(self) -> list[ObservedEntry]:
        """Return the observed files."""
        return [
            ObservedEntry(one["root"], one["path"], one["size"], one["reason"], one["state"])
            for one in self.records()
            if not one.get("is_folder", False)
        ]

    def records_at(self, root: str, paths: Iterable[str]) -> list[dict[str, Any]]:
        """Return those at `paths` in the root at path `root`. The cost grows with the number of paths only."""
        rows: list[sqlite3.Row] = []
        with self._database.reading() as connection:
            for path in paths:
                folder, name = split(path)
                place = {"root": os.fsencode(root), "folder": folder, "name": name}
                rows += connection.execute(_AT, place).fetchall()
        return [_record(row) for row in rows if not _is_outdated(row)]

    def folders(self, root: str) -> dict[str, str]:
        """Return the folders of the root at path `root` that cannot be read, each with the reason."""
        with self._database.reading() as connection:
            rows = connection.execute(_FOLDERS, {"root": os.fsencode(root)}).fetchall()
        return {path_of(row): row["reason"] for row in rows}

    def reasons(self, states: Iterable[State]) -> list[StatusFinding]:
        """Return why files are settling or unreadable, and the reasons of the latest files in each of `states`."""
        findings = [_finding(record) for record in self.records()]
        with self._database.reading() as connection:
            for state in states:
                parameters = {"state": state.value, "is_observed": not prefers_row(state.value), "limit": MOST_READ}
                for row in connection.execute(_REASONS, parameters).fetchall():
                    place = connection.execute(_PLACE, {"id": row["id"]}).fetchone()
                    path = os.path.join(os.fsdecode(place["root_path"]), path_of(place))
                    reason = row["reason"] or DEFAULT_REASONS.get(state.value, "")
                    findings.append(StatusFinding(state.value, reason, row["files"], path))
        return findings

    def waiting(self, now: float) -> list[WaitingGroup]:
        """Return the latest complete files that wait, by root, last failure and whether they are due."""
        with self._database.reading() as connection:
            rows = connection.execute(_WAITING, {"now": now, "limit": MOST_READ}).fetchall()
            return [_waiting_group(connection, row) for row in rows]


DEFAULT_REASONS = {
    State.READY.value: "waiting for its turn",
    State.SENDING.value: "a request is under way",
    State.DOUBTFUL.value: "sent, and no answer came; asking the service",
}


def record_of(entry: ObservedEntry) -> dict[str, Any]:
    """Return the observation as a record of `eisync ls`."""
    return _as_record(entry.root, entry.path, entry.state, entry.reason, entry.size, is_folder=entry.is_folder)


def _as_record(root: str, path: str, state: str, reason: str, size: int, *, is_folder: bool) -> dict[str, Any]:
    record: dict[str, Any] = {
        "path": path,
        "root": root,
        "state": state,
        "reason": reason,
        "label": None,
        "category": "",
        "sample_ids": [],
        "sha256": None,
        "size": size,
        "attempts": 0,
        "changed_at": None,
        "due_at": None,
        "file": None,
        "samples": [],
        "there": [],
    }
    return {**record, "is_folder": True} if is_folder else record


def _record(row: sqlite3.Row) -> dict[str, Any]:
    root, is_folder = os.fsdecode(row["root_path"]), bool(row["is_folder"])
    return _as_record(root, path_of(row), row["state"], row["reason"], row["size"], is_folder=is_folder)


def _is_outdated(row: sqlite3.Row) -> bool:
    return row["row_state"] is not None and prefers_row(row["row_state"])


def _waiting_group(connection: sqlite3.Connection, row: sqlite3.Row) -> WaitingGroup:
    place = connection.execute(_PLACE, {"id": row["id"]}).fetchone()
    root = os.fsdecode(place["root_path"])
    return WaitingGroup(root, row["reason"], row["due_at"], row["files"], os.path.join(root, path_of(place)))


def _finding(record: dict[str, Any]) -> StatusFinding:
    path = os.path.join(record["root"], record["path"]) if record["path"] else record["root"]
    return StatusFinding(record["state"], record["reason"], 1, path, record.get("is_folder", False))


def _row(root_id: int, entry: ObservedEntry, now: float) -> dict[str, Any]:
    folder, name = split(entry.path)
    return {
        "root_id": root_id,
        "folder": folder,
        "name": name,
        "state": entry.state,
        "reason": entry.reason,
        "size": entry.size,
        "is_folder": int(entry.is_folder),
        "now": now,
    }
