"""Store which disks are mounted in the watched folders, and which files are away because a disk is missing."""

import json
import math
import os
import sqlite3
from collections.abc import Collection

from eisync.core.absence import Away, MountedDisk, sentence
from eisync.store.database import Database
from eisync.store.rows import path_of, split

_DISKS = "select * from disk where root_id = ? order by folder"
_AWAYS = "select * from away where root_id = ? order by id"
_NOTE = """
insert into disk (root_id, folder, point, device, inode, since_id)
values (:root_id, :folder, :point, :device, :inode, :since_id)
on conflict (root_id, folder) do update set
    point = excluded.point, device = excluded.device, inode = excluded.inode, since_id = excluded.since_id"""
_MISS = """
insert into away (root_id, folder, point, device, inode, since_id, from_id, upto_id, since_at)
values (:root_id, :folder, :point, :device, :inode, :since_id, :from_id, :upto_id, :now)"""

# Files that should be at or below a folder, in the order of their paths. (Other folders may sort between a folder and
# its subfolders: "a", "a-b", "a/b".)
_EXPECTED = """
select folder, name, size, mtime_ns from file
where root_id = :root_id and folder >= :folder and folder < :end and (folder = :folder or folder >= :first)
    and id > :from_id and id <= :upto_id and state <> 'gone' and absent_at is null
    and changed_at < :before and id not in (select value from json_each(:besides))
order by folder {direction}, name {direction} limit :limit"""
_IT = """
select folder, name, size, mtime_ns from file
where root_id = :root_id and folder = :above and name = :name and id > :from_id and id <= :upto_id
    and state <> 'gone' and absent_at is null and changed_at < :before"""

_PAST_EVERY_PATH = b"\xff" * 8192
_PAST_EVERY_ID = (1 << 63) - 1


class Disks:
    """Store the disks of all roots. Safe to use from any thread; each method is one transaction or one read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, root_id: int) -> list[MountedDisk]:
        """List the disks that were mounted in the root at the last check, the root's own disk first."""
        with self._database.reading() as connection:
            return [_disk(row) for row in connection.execute(_DISKS, (root_id,)).fetchall()]

    def aways(self, root_id: int) -> list[Away]:
        """List the groups of files that are away with a missing disk."""
        with self._database.reading() as connection:
            return [_away(row) for row in connection.execute(_AWAYS, (root_id,)).fetchall()]

    def newest_id(self) -> int:
        """Return the highest id of all known files; 0 when there are none."""
        with self._database.reading() as connection:
            return int(connection.execute("select coalesce(max(id), 0) from file").fetchone()[0])

    def note(self, root_id: int, disk: MountedDisk) -> None:
        """Record that the disk is mounted now."""
        with self._database.transaction() as connection:
            connection.execute(_NOTE, {"root_id": root_id, **_columns(disk)})

    def forget(self, root_id: int, folder: str) -> None:
        """Record that nothing is mounted at `folder` now."""
        with self._database.transaction() as connection:
            connection.execute("delete from disk where root_id = ? and folder = ?", (root_id, os.fsencode(folder)))

    def miss(
        self, root_id: int, folder: str, disk: MountedDisk | None, *, from_id: int, upto_id: int, now: float
    ) -> None:
        """Record that the files below `folder` with from_id < id <= upto_id are away with their disk."""
        of = {"point": None, "device": None, "inode": None, "since_id": None} if disk is None else _columns(disk)
        place = {"root_id": root_id, **of, "folder": os.fsencode(folder)}
        with self._database.transaction() as connection:
            connection.execute(_MISS, {**place, "from_id": from_id, "upto_id": upto_id, "now": now})

    def found(self, away_id: int) -> None:
        """Record that the files are back, or that a person said that they will not come back."""
        with self._database.transaction() as connection:
            connection.execute("delete from away where id = ?", (away_id,))

    def expected(
        self,
        root_id: int,
        folder: str,
        *,
        from_id: int = 0,
        upto_id: int = _PAST_EVERY_ID,
        besides: Collection[int] = (),
        before: float = math.inf,
        limit: int,
    ) -> dict[str, tuple[int, int]]:
        """Return files that should be at or below `folder`, by path, each with its size and mtime (ns).

        These are the first `limit` and the last `limit` by path. `before`: only files whose state did not change since
        then (Unix s).
        """
        place = os.fsencode(folder)
        above, name = split(folder)
        asked = {
            "root_id": root_id,
            "folder": place,
            "first": place + b"/" if place else b"",
            "end": place + b"0" if place else _PAST_EVERY_PATH,
            "above": above,
            "name": name,
            "from_id": from_id,
            "upto_id": upto_id,
            "besides": json.dumps(list(besides)),
            "before": before,
            "limit": limit,
        }
        queries = [_EXPECTED.format(direction="asc"), _EXPECTED.format(direction="desc"), _IT]
        with self._database.reading() as connection:
            rows = [row for query in queries for row in connection.execute(query, asked).fetchall()]
        return {path_of(row): (row["size"], row["mtime_ns"]) for row in rows}


def sentences(connection: sqlite3.Connection, root_id: int, root: str) -> tuple[str, ...]:
    """Return a sentence for each disk that is missing in the root at that path."""
    return tuple(sentence(_away(row), root) for row in connection.execute(_AWAYS, (root_id,)).fetchall())


def _columns(disk: MountedDisk) -> dict[str, object]:
    device, inode = disk.identity
    return {
        "folder": os.fsencode(disk.folder),
        "point": os.fsencode(disk.point),
        "device": device,
        "inode": inode,
        "since_id": disk.since_id,
    }


def _disk(row: sqlite3.Row) -> MountedDisk:
    return MountedDisk(
        folder=os.fsdecode(row["folder"]),
        point=os.fsdecode(row["point"]),
        identity=(row["device"], row["inode"]),
        since_id=row["since_id"],
    )


def _away(row: sqlite3.Row) -> Away:
    return Away(
        id=row["id"],
        folder=os.fsdecode(row["folder"]),
        disk=None if row["device"] is None else _disk(row),
        from_id=row["from_id"],
        upto_id=row["upto_id"],
        since_at=row["since_at"],
    )
