"""Store the entries of sidecars (files that describe other files), one row an entry, so that memory holds none of them.

A new version of a sidecar is read beside the old one. It replaces the old one once it was read to its end.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from eisync.core.annotations.matching import REFERENCE, image_number, key_of, number_in
from eisync.core.formats.json_stream import LARGEST_VALUE
from eisync.core.labels.entry import Entry, Region, packed, unpacked
from eisync.core.labels.mentions import MAX_JOINED, combined, with_boxes, with_more
from eisync.core.model import FileFacts, StoredSidecar
from eisync.core.text import caseless
from eisync.store.database import Database
from eisync.store.rows import facts_of, split, version_of

# Sidecars that were read to their end.
_KNOWN = """
select * from sidecar where root_id = :root_id and is_read"""

# Readings that never ended: of an earlier process, or of a version that was replaced meanwhile.
_DROP_UNREAD = """
delete from sidecar where root_id = :root_id and folder = :folder and name = :name and not is_read"""
_BEGIN = """
insert into sidecar (root_id, folder, name, size, mtime_ns, inode, ctime_ns)
values (:root_id, :folder, :name, :size, :mtime_ns, :inode, :ctime_ns) returning id"""
# For one path either the last entry counts (`_ADD`), or all of them do (`_ADD_ONE_MORE`).
_ADD = """
insert or replace into sidecar_entry (sidecar_id, path, number, alike, said) values (:id, :path, 0, :alike, :said)"""
_ADD_ONE_MORE = """
insert into sidecar_entry (sidecar_id, path, number, alike, said) values (:id, :path,
    (select coalesce(max(number), -1) + 1 from sidecar_entry where sidecar_id = :id and path = :path), :alike, :said)"""

# The new version replaces the old one.
_DROP_READ = """
delete from sidecar where root_id = :root_id and folder = :folder and name = :name and is_read"""
_FINISH = """
update sidecar set is_read = 1, is_followed = 0, trouble = :trouble,
    entries = (select count(*) from sidecar_entry where sidecar_id = :id)
where id = :id"""
_VERSION = """
update sidecar set size = :size, mtime_ns = :mtime_ns, inode = :inode where id = :id"""
_DROP_ENTRIES = """
delete from sidecar_entry where sidecar_id = :id"""

# The sidecar only grew, and the added entries were read, too.
_RENEW = """
update sidecar set size = :size, mtime_ns = :mtime_ns, inode = :inode, trouble = :trouble, entries = entries + :added,
    is_followed = 0
where id = :id returning entries"""

_SAID = """
select said from sidecar_entry where sidecar_id = ? and path = ? order by number"""

# The paths that differ from a given one in Unicode form or case only.
_ALIKE = """
select path from sidecar_entry where sidecar_id = :id and path = :alike and number = 0
union
select path from sidecar_entry indexed by sidecar_entry_alike where sidecar_id = :id and alike = :alike
limit :limit"""
_MOST_ALIKE = 20

_ADD_BOX = """
insert into document_box (sidecar_id, image, label, x, y, width, height, place) values (?, ?, ?, ?, ?, ?, ?, ?)"""
_BOXES = """
select label, x, y, width, height, place from document_box where sidecar_id = ? and image = ? order by id limit ?"""
_DROP_BOXES = """
delete from document_box where sidecar_id = :id"""

_MENTIONS = """
select 1 from sidecar_entry where sidecar_id = ? and path = ? limit 1"""
_NAMED_LIKE = """
select distinct path from sidecar_entry indexed by sidecar_entry_alike
where sidecar_id = ? and alike = ? and number = 0 limit ?"""
_MOST_NAMED_LIKE = 1_000


class Sidecars:
    """Store the sidecars of every root. Safe to use from any thread; each method is one transaction or one read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, root_id: int) -> dict[str, StoredSidecar]:
        """Return the sidecars of a root that were read to their end, by path."""
        with self._database.reading() as connection:
            rows = connection.execute(_KNOWN, {"root_id": root_id}).fetchall()
        return {
            _place(row["folder"], row["name"]): StoredSidecar(row["id"], facts_of(row), row["trouble"], row["entries"])
            for row in rows
        }

    def begin(self, root_id: int, place: str, facts: FileFacts) -> int:
        """Begin to store a new version. Return the id under which its entries are added."""
        with self._database.transaction() as connection:
            connection.execute(_DROP_UNREAD, _key(root_id, place))
            row = connection.execute(_BEGIN, {**_key(root_id, place), **version_of(facts)}).fetchone()
        return int(row["id"])

    def add(self, sidecar_id: int, entries: Iterable[Entry], *, joins: bool = False, is_document: bool = False) -> None:
        """Add entries. `joins`: all entries of one path count, not only the last one.

        `is_document`: they are of a shared annotation document, whose names `named_like` finds.
        """
        key = _document_key if is_document else _alike
        boxes: list[tuple[Any, ...]] = []
        lines = [
            {"id": sidecar_id, "path": one.path, "alike": key(one.path), "said": packed(one)}
            for one in (_without_boxes(sidecar_id, entries, boxes) if is_document else entries)
        ]
        with self._database.transaction() as connection:
            connection.executemany(_ADD_ONE_MORE if joins else _ADD, lines)
            connection.executemany(_ADD_BOX, boxes)

    def finish(
        self, sidecar_id: int, root_id: int, place: str, facts: FileFacts, *, trouble: str | None, keeps: bool = False
    ) -> StoredSidecar:
        """Replace the old version by this one, which was read to its end or has `trouble`.

        With `trouble`, which says why it cannot be used, its entries are dropped unless `keeps`.
        """
        version = {"size": facts.size, "mtime_ns": facts.mtime_ns, "inode": facts.inode, "id": sidecar_id}
        with self._database.transaction() as connection:
            connection.execute(_DROP_READ, _key(root_id, place))
            connection.execute(_VERSION, version)
            if trouble is not None and not keeps:
                connection.execute(_DROP_ENTRIES, {"id": sidecar_id})
                connection.execute(_DROP_BOXES, {"id": sidecar_id})
            connection.execute(_FINISH, {"id": sidecar_id, "trouble": trouble})
            row = connection.execute("select entries from sidecar where id = ?", (sidecar_id,)).fetchone()
        return StoredSidecar(sidecar_id, facts, trouble, row["entries"])

    def renew(
        self, sidecar_id: int, facts: FileFacts, *, added: int, trouble: str | None, keeps: bool = False
    ) -> StoredSidecar:
        """Update a sidecar that has grown by `added` entries, which are stored already. `trouble`: as in `finish`."""
        version = {"size": facts.size, "mtime_ns": facts.mtime_ns, "inode": facts.inode, "id": sidecar_id}
        with self._database.transaction() as connection:
            if trouble is not None and not keeps:
                connection.execute(_DROP_ENTRIES, {"id": sidecar_id})
                connection.execute(_DROP_BOXES, {"id": sidecar_id})
            row = connection.execute(_RENEW, {**version, "added": added, "trouble": trouble}).fetchone()
        return StoredSidecar(sidecar_id, facts, trouble, row["entries"])

    def unfollowed(self, root_id: int) -> list[str]:
        """List the sidecars since whose reading not all sent files were described again."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "select folder, name from sidecar where root_id = ? and is_read and not is_followed", (root_id,)
            ).fetchall()
        return [_place(row["folder"], row["name"]) for row in rows]

    def note_followed(self, root_id: int) -> None:
        """Record that all sent files are described by the sidecars as they were read last."""
        with self._database.transaction() as connection:
            connection.execute(
                "update sidecar set is_followed = 1 where root_id = ? and is_read and not is_followed", (root_id,)
            )

    def forget(self, root_id: int, place: str) -> None:
        """Drop a sidecar that is gone."""
        with self._database.transaction() as connection:
            connection.execute(_DROP_READ, _key(root_id, place))
            connection.execute(_DROP_UNREAD, _key(root_id, place))

    def said_of(self, sidecar_id: int, path: str) -> Entry | None:
        """Return the entry for a file, with the further entries that it refers to; None when it has none.

        `path` is relative to the sidecar's folder.
        """
        with self._database.reading() as connection:
            entry = _said_of(connection, sidecar_id, path)
            if entry is None or entry.more is None:
                return entry
            reference = entry.more
            if (more := _said_of(connection, sidecar_id, reference)) is not None:
                entry = with_more(entry, more)
            return with_boxes(entry, _boxes_of(connection, sidecar_id, reference))

    def mentions(self, sidecar_id: int, path: str) -> bool:
        """Return whether there is an entry for exactly this path."""
        with self._database.reading() as connection:
            return connection.execute(_MENTIONS, (sidecar_id, path)).fetchone() is not None

    def named_like(self, sidecar_id: int, key: str) -> list[str]:
        """Return the paths in a shared annotation document with this `annotations.matching.key_of`."""
        with self._database.reading() as connection:
            rows = connection.execute(_NAMED_LIKE, (sidecar_id, key, _MOST_NAMED_LIKE)).fetchall()
        return [row["path"] for row in rows]

    def alike(self, sidecar_id: int, path: str) -> dict[str, Entry]:
        """Return the entries for files whose paths differ from `path` in Unicode form or case only, by path."""
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


def _without_boxes(sidecar_id: int, entries: Iterable[Entry], boxes: list[tuple[Any, ...]]) -> Iterator[Entry]:
    """Yield the entries; of those that only have boxes of an image with a number, add the boxes to `boxes` instead."""
    for entry in entries:
        image = image_number(entry)
        if image is None:
            yield entry
        else:
            boxes.extend((sidecar_id, image, *region) for region in entry.regions or ())


def _boxes_of(connection: sqlite3.Connection, sidecar_id: int, reference: str) -> list[Region]:
    image = number_in(reference)
    if image is None:
        return []
    rows = connection.execute(_BOXES, (sidecar_id, image, MAX_JOINED + 1))
    return [Region(*row) for row in rows]


def _document_key(path: str) -> str | None:
    return None if path.startswith(REFERENCE) else key_of(path)


def _key(root_id: int, place: str) -> dict[str, object]:
    folder, name = split(place)
    return {"root_id": root_id, "folder": folder, "name": os.fsdecode(name)}


def _place(folder: bytes, name: str) -> str:
    return f"{os.fsdecode(folder)}/{name}" if folder else name
