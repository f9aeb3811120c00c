"""What the files say that say what other files are, as they were read last: by entry, so that none is held in memory.

A new version is read beside the old one and takes its place when it was read to its end.
"""

import os
import sqlite3
from collections.abc import Iterable

from eisync.core.formats.json_stream import LARGEST_VALUE
from eisync.core.labels.mentions import combined
from eisync.core.labels.sidecars import Entry, packed, unpacked
from eisync.core.model import FileFacts, StoredSidecar
from eisync.core.text import caseless
from eisync.store.database import Database
from eisync.store.rows import facts_of, split, version_of

# Those that were read to their end.
_KNOWN = """
select * from sidecar where root_id = :root_id and is_read"""

# What was begun and not ended, by a process before this one or for a version that was overtaken.
_DROP_UNREAD = """
delete from sidecar where root_id = :root_id and folder = :folder and name = :name and not is_read"""
_BEGIN = """
insert into sidecar (root_id, folder, name, size, mtime_ns, inode, ctime_ns)
values (:root_id, :folder, :name, :size, :mtime_ns, :inode, :ctime_ns) returning id"""
# Of one path the last entry counts, or all of them do.
_ADD = """
insert or replace into sidecar_entry (sidecar_id, path, number, alike, said) values (:id, :path, 0, :alike, :said)"""
_ADD_ONE_MORE = """
insert into sidecar_entry (sidecar_id, path, number, alike, said) values (:id, :path,
    (select coalesce(max(number), -1) + 1 from sidecar_entry where sidecar_id = :id and path = :path), :alike, :said)"""

# The new one takes the place of the old one.
_DROP_READ = """
delete from sidecar where root_id = :root_id and folder = :folder and name = :name and is_read"""
_FINISH = """
update sidecar set is_read = 1, trouble = :trouble,
    entries = (select count(*) from sidecar_entry where sidecar_id = :id)
where id = :id"""
_VERSION = """
update sidecar set size = :size, mtime_ns = :mtime_ns, inode = :inode where id = :id"""
_DROP_ENTRIES = """
delete from sidecar_entry where sidecar_id = :id"""

# It only grew, and what was added was read, too.
_RENEW = """
update sidecar set size = :size, mtime_ns = :mtime_ns, inode = :inode, trouble = :trouble, entries = entries + :added
where id = :id returning entries"""

_SAID = """
select said from sidecar_entry where sidecar_id = ? and path = ? order by number"""

# The paths that differ from one in form or case only.
_ALIKE = """
select path from sidecar_entry where sidecar_id = :id and path = :alike and number = 0
union
select path from sidecar_entry indexed by sidecar_entry_alike where sidecar_id = :id and alike = :alike
limit :limit"""
_MOST_ALIKE = 20


class Sidecars:
    """The sidecars of every root. Safe to use from any thread; each method is one transaction or one look."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, root_id: int) -> dict[str, StoredSidecar]:
        """Those of a root that were read, by place."""
        with self._database.reading() as connection:
            rows = connection.execute(_KNOWN, {"root_id": root_id}).fetchall()
        return {
            _place(row["folder"], row["name"]): StoredSidecar(row["id"], facts_of(row), row["trouble"], row["entries"])
            for row in rows
        }

    def begin(self, root_id: int, place: str, facts: FileFacts) -> int:
        """A new version is being read; returns by which id its entries are added."""
        with self._database.transaction() as connection:
            connection.execute(_DROP_UNREAD, _key(root_id, place))
            row = connection.execute(_BEGIN, {**_key(root_id, place), **version_of(facts)}).fetchone()
        return int(row["id"])

    def add(self, sidecar_id: int, entries: Iterable[Entry], *, joins: bool = False) -> None:
        """Some more of what it says. `joins`: all entries of one path count, not the last one alone."""
        lines = [
            {"id": sidecar_id, "path": one.path, "alike": _alike(one.path), "said": packed(one)} for one in entries
        ]
        with self._database.transaction() as connection:
            connection.executemany(_ADD_ONE_MORE if joins else _ADD, lines)

    def finish(
        self, sidecar_id: int, root_id: int, place: str, facts: FileFacts, *, trouble: str | None, keeps: bool = False
    ) -> StoredSidecar:
        """It was read to its end, or is of no use: then none of its entries is kept, unless `keeps`."""
        version = {"size": facts.size, "mtime_ns": facts.mtime_ns, "inode": facts.inode, "id": sidecar_id}
        with self._database.transaction() as connection:
            connection.execute(_DROP_READ, _key(root_id, place))
            connection.execute(_VERSION, version)
            if trouble is not None and not keeps:
                connection.execute(_DROP_ENTRIES, {"id": sidecar_id})
            connection.execute(_FINISH, {"id": sidecar_id, "trouble": trouble})
            row = connection.execute("select entries from sidecar where id = ?", (sidecar_id,)).fetchone()
        return StoredSidecar(sidecar_id, facts, trouble, row["entries"])

    def renew(
        self, sidecar_id: int, facts: FileFacts, *, added: int, trouble: str | None, keeps: bool = False
    ) -> StoredSidecar:
        """One that was read before has grown, and `added` entries more were read; the same of `trouble`."""
        version = {"size": facts.size, "mtime_ns": facts.mtime_ns, "inode": facts.inode, "id": sidecar_id}
        with self._database.transaction() as connection:
            if trouble is not None and not keeps:
                connection.execute(_DROP_ENTRIES, {"id": sidecar_id})
            row = connection.execute(_RENEW, {**version, "added": added, "trouble": trouble}).fetchone()
        return StoredSidecar(sidecar_id, facts, trouble, row["entries"])

    def forget(self, root_id: int, place: str) -> None:
        """It is not there any more."""
        with self._database.transaction() as connection:
            connection.execute(_DROP_READ, _key(root_id, place))
            connection.execute(_DROP_UNREAD, _key(root_id, place))

    def said_of(self, sidecar_id: int, path: str) -> Entry | None:
        """What it says of the file; `path` is relative to its folder."""
        with self._database.reading() as connection:
            return _said_of(connection, sidecar_id, path)

    def alike(self, sidecar_id: int, path: str) -> dict[str, Entry]:
        """What it says of files whose names differ from `path` in form or case only, by their paths."""
        with self._database.reading() as connection:
            asked = {"id": sidecar_id, "alike": caseless(path), "limit": _MOST_ALIKE}
            paths = [row["path"] for row in connection.execute(_ALIKE, asked).fetchall()]
            found = {one: _said_of(connection, sidecar_id, one) for one in paths if one != path}
        return {one: entry for one, entry in found.items() if entry is not None}


def _said_of(connection: sqlite3.Connection, sidecar_id: int, path: str) -> Entry | None:
    entries: list[Entry] = []
    held = 0
    for row in connection.execute(_SAID, (sidecar_id, path)):
        held += len(row["said"])
        if entries and held > LARGEST_VALUE:
            return Entry(path=path, problem=f"its entries have more than {LARGEST_VALUE:,} characters together")
        entries.append(unpacked(row["said"]))
    return combined(entries)


def _alike(path: str) -> str | None:
    found = caseless(path)
    return None if found == path else found


def _key(root_id: int, place: str) -> dict[str, object]:
    folder, name = split(place)
    return {"root_id": root_id, "folder": folder, "name": os.fsdecode(name)}


def _place(folder: bytes, name: str) -> str:
    return f"{os.fsdecode(folder)}/{name}" if folder else name
