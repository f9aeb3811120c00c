"""Read the known files by path, to compare them with a folder walk.

A walk reads folder by folder and gets plain tuples: with a million files, the objects built for unchanged files are
most of the cost of a scan. Names are bytes here, as in the database and the file system.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from eisync.core.actions import name_of
from eisync.core.model import FileFacts, KnownFile, Rename, shown
from eisync.store import wanted
from eisync.store.database import Database
from eisync.store.rows import KNOWN, known_of, path_of, remarks_text, split

# The versions of the files directly in a folder, without those that are settling, gone or absent.
_VERSIONS = """
select name, size, mtime_ns, inode, ctime_ns from file
where root_id = :root_id and folder = :folder and state not in ('settling', 'gone') and absent_at is null
limit :limit"""

# The same, of one file.
_VERSION = """
select size, mtime_ns, inode, ctime_ns from file
where root_id = ? and folder = ? and name = ? and state not in ('settling', 'gone') and absent_at is null"""

# What is known of some files of one folder.
_KNOWN = f"""
select name, {KNOWN} from file where root_id = ? and folder = ? and name in ({{marks}})"""
_ASKED_AT_ONCE = 500

# How many files are known directly in a folder.
_COUNT = """
select count(*) from file where root_id = ? and folder = ?"""

# A page of the files of a folder that are not gone, by name.
_NAMES = """
select name from file
where root_id = :root_id and folder = :folder and name > :after and state <> 'gone' order by name limit :limit"""

# The folders at and below one that hold a known file that is not gone. The query seeks from one folder to the next,
# because each may hold a thousand files.
_FOLDERS = """
with recursive one (folder) as (
    select min(folder) from file where root_id = :root_id and folder >= :first
    union all
    select (select min(folder) from file where root_id = :root_id and folder > one.folder)
    from one where one.folder < :end)
select folder from one
where folder < :end and exists (
    select 1 from file where root_id = :root_id and folder = one.folder and state <> 'gone')"""

# Whether one folder holds such a file.
_ANY_IN = """
select 1 from file where root_id = ? and folder = ? and state <> 'gone' limit 1"""

# Files that had these facts at their last check.
_TWINS = f"""
select folder, name, {KNOWN}
from file where inode = :inode and size = :size and mtime_ns = :mtime_ns and root_id = :root_id"""

# Those of these versions that a known file has. `:versions` is a JSON list of (size, mtime_ns, inode).
_FAMILIAR = """
select file.size, file.mtime_ns, file.inode from json_each(:versions) asked
cross join file indexed by file_by_version on file.size = json_extract(asked.value, '$[0]')
    and file.mtime_ns = json_extract(asked.value, '$[1]') and file.inode = json_extract(asked.value, '$[2]')
where file.root_id = :root_id"""

# The file moves to its new path, and a file that is known there moves to the old one.
_AT = "select id from file where root_id = ? and folder = ? and name = ?"
_PLACE = "select root_id, folder, name, label, category, sent_as from file where id = ?"
_PUT = "update file set folder = ?, name = ?, absent_at = null where id = ?"

# A file that is not sent yet gets its new ctime at once. A sent one gets it only once its content was compared.
_LEARN_CTIME = """
update file set ctime_ns = :ctime_ns where id = :id and (:is_proven or state in ('settling', 'ready'))"""
_NOWHERE = b"\0"  # no file system has such a name

# A file that is not uploaded yet is labelled by its new path. An uploaded one keeps what it was sent with.
_RELABEL = """
update file set label = :label, category = :category, sent_as = :sent_as, remarks = :remarks
where id = :id and state not in ('synced', 'sending', 'doubtful')"""

_SET_REASON = """
update file set reason = :reason where id = :id and state = 'synced'"""

# When the sample must follow the rename: what it was sent as, until that is done, and what the file is now.
_PUBLISH = "update file set published = coalesce(published, :published) where id = :id and state = 'synced'"
_FOLLOWED = """
update file set label = :label, category = :category, sent_as = :sent_as, remarks = :remarks
where id = :id and state = 'synced'"""
_NOTE = """
insert into history (at, file_id, event, state, detail) select :now, id, 'renamed', state, :reason
from file where id = :id"""

# Files that should be present: the oldest or the newest ones.
_OLDEST_OR_NEWEST = """
select folder, name from file
where root_id = :root_id and state <> 'gone' and absent_at is null
order by id {direction} limit :limit"""

_PAST_EVERY_PATH = b"\xff" * 8192

Version = tuple[int, int, int, int]


class PathIndex:
    """Read and move known files by path. Safe to use from any thread; each method is one read or one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- comparing ---------------------------------------------------------------------------------------------

    def versions(self, root_id: int, folder: str, *, limit: int) -> dict[bytes, Version] | None:
        """Return (size, mtime_ns, inode, ctime_ns) of the settled files directly in `folder`, by name.

        Return None when there are more than `limit`.
        """
        parameters = {"root_id": root_id, "folder": os.fsencode(folder), "limit": limit + 1}
        with self._database.reading() as connection:
            rows = _plain(connection).execute(_VERSIONS, parameters).fetchall()
        if len(rows) > limit:
            return None
        return {name: (size, mtime_ns, inode, ctime_ns) for name, size, mtime_ns, inode, ctime_ns in rows}

    def versions_of(self, root_id: int, folder: str, names: Iterable[bytes]) -> dict[bytes, Version]:
        """Return the same for some of the files in a folder."""
        place = os.fsencode(folder)
        with self._database.reading() as connection:
            cursor = _plain(connection)
            found = ((name, cursor.execute(_VERSION, (root_id, place, name)).fetchone()) for name in names)
            return {name: version for name, version in found if version is not None}

    def known(self, root_id: int, folder: str, names: Iterable[str]) -> dict[str, KnownFile]:
        """Return what is known of these files in `folder`, by name."""
        place = os.fsencode(folder)
        with self._database.reading() as connection:
            return {
                os.fsdecode(row["name"]): known_of(row)
                for some in _in_pieces([os.fsencode(name) for name in names])
                for row in connection.execute(_KNOWN.format(marks=_marks(len(some))), (root_id, place, *some))
            }

    def count(self, root_id: int, folder: str) -> int:
        """Count the known files directly in `folder`, including those that are gone."""
        with self._database.reading() as connection:
            row = connection.execute(_COUNT, (root_id, os.fsencode(folder))).fetchone()
        return int(row[0])

    def names(self, root_id: int, folder: str, *, after: str = "", limit: int) -> list[str]:
        """List a page of the names in `folder` of files that are not gone, in the order of their bytes."""
        page = {"folder": os.fsencode(folder), "after": os.fsencode(after), "limit": limit}
        with self._database.reading() as connection:
            rows = connection.execute(_NAMES, {"root_id": root_id, **page}).fetchall()
        return [os.fsdecode(row["name"]) for row in rows]

    def folders(self, root_id: int, *, below: str = "") -> list[str]:
        """List every folder at and below `below` that holds a known file that is not gone."""
        place = os.fsencode(below)
        # A folder sorts before its subfolders, and other folders may sort in between ("a", "a-b", "a/b").
        first, end = (place + b"/", place + b"0") if place else (b"", _PAST_EVERY_PATH)
        with self._database.reading() as connection:
            is_known = place and connection.execute(_ANY_IN, (root_id, place)).fetchone() is not None
            rows = connection.execute(_FOLDERS, {"root_id": root_id, "first": first, "end": end}).fetchall()
        return [*([below] if is_known else []), *(os.fsdecode(row["folder"]) for row in rows)]

    def expected(self, root_id: int, *, limit: int) -> list[str]:
        """Return the paths of at most `limit` files that should be present: half the newest, half the oldest."""
        paths: dict[str, None] = {}
        with self._database.reading() as connection:
            for direction in ("asc", "desc"):
                statement = _OLDEST_OR_NEWEST.format(direction=direction)
                parameters = {"root_id": root_id, "limit": max(1, limit // 2)}
                paths.update((path_of(row), None) for row in connection.execute(statement, parameters))
        return list(paths)

    # --- renames -----------------------------------------------------------------------------------------------

    def twins(self, root_id: int, facts: FileFacts) -> dict[str, KnownFile]:
        """Return the files of the root that had exactly these facts at their last check, by path."""
        version = {"inode": facts.inode, "size": facts.size, "mtime_ns": facts.mtime_ns}
        with self._database.reading() as connection:
            rows = connection.execute(_TWINS, {"root_id": root_id, **version}).fetchall()
        return {path_of(row): known_of(row) for row in rows}

    def familiar(self, root_id: int, facts: Iterable[FileFacts]) -> set[FileFacts]:
        """Return those of `facts` that a known file of the root had at its last check: only these can have twins."""
        versions = json.dumps([(one.size, one.mtime_ns, one.inode) for one in facts])
        with self._database.reading() as connection:
            rows = _plain(connection).execute(_FAMILIAR, {"root_id": root_id, "versions": versions})
            return {FileFacts(size, mtime_ns, inode) for size, mtime_ns, inode in rows}

    def follow(self, moves: Sequence[Rename], *, now: float) -> None:
        """Record new names of files, which keep everything else.

        A file that is known at the new name gets the old one, so that two files that swapped their names are both
        followed.
        """
        with self._database.transaction() as connection:
            for move in moves:
                _follow(connection, move, now)

    # --- the device --------------------------------------------------------------------------------------------

    def device(self, root_id: int) -> int | None:
        """Return the device that the root was on when it was last readable; None when it is not known."""
        with self._database.reading() as connection:
            row = connection.execute("select device from root where id = ?", (root_id,)).fetchone()
        return None if row is None else row["device"]

    def note_device(self, root_id: int, device: int) -> None:
        """Store the device that the root is on."""
        with self._database.transaction() as connection:
            connection.execute("update root set device = ? where id = ?", (device, root_id))

    def has_stable_inodes(self, root_id: int) -> bool:
        """Return whether the root's files keep their inodes, as far as eisync knows."""
        with self._database.reading() as connection:
            row = connection.execute("select has_stable_inodes from root where id = ?", (root_id,)).fetchone()
        return row is None or bool(row["has_stable_inodes"])

    def note_unstable_inodes(self, root_id: int) -> None:
        """Record that the root's file system renumbers its inodes, so that they identify no file there."""
        with self._database.transaction() as connection:
            connection.execute("update root set has_stable_inodes = 0 where id = ?", (root_id,))


def _in_pieces(names: list[bytes]) -> Iterator[list[bytes]]:
    return (names[first : first + _ASKED_AT_ONCE] for first in range(0, len(names), _ASKED_AT_ONCE))


def _marks(number: int) -> str:
    return ",".join("?" * number)


def _plain(connection: sqlite3.Connection) -> sqlite3.Cursor:
    """Return a cursor that gives tuples, which cost a third of what rows with names do."""
    cursor = connection.cursor()
    cursor.row_factory = None
    return cursor


def _publish(connection: sqlite3.Connection, identity: int, path: str, row: sqlite3.Row) -> None:
    before = {"name": name_of(path, row["sent_as"]), "label": row["label"], "category": row["category"]}
    connection.execute(_PUBLISH, {"id": identity, "published": json.dumps(before)})


def _follow(connection: sqlite3.Connection, move: Rename, now: float) -> None:
    row = connection.execute(_PLACE, (move.id,)).fetchone()
    if row is None:
        return
    before = path_of(row) if move.before is None else move.before
    folder, name = split(move.path)
    other = connection.execute(_AT, (row["root_id"], folder, name)).fetchone()
    if other is not None and other["id"] != move.id:
        if move.updates:
            # The other file gets a name here that it never had. Store what it was sent as before that.
            _publish(connection, other["id"], move.path, connection.execute(_PLACE, (other["id"],)).fetchone())
        connection.execute(_PUT, (_NOWHERE, str(move.id).encode(), other["id"]))
    connection.execute(_PUT, (folder, name, move.id))
    if other is not None and other["id"] != move.id:
        connection.execute(_PUT, (row["folder"], row["name"], other["id"]))
    wanted.forget(connection, move.id)  # it was about the earlier path
    reason = f"renamed; it was {shown(before)}"
    new = {"id": move.id, "label": move.label, "category": move.category.value, "remarks": remarks_text(move.remarks)}
    connection.execute(_RELABEL, {**new, "sent_as": move.sent_as})
    connection.execute(_LEARN_CTIME, {"id": move.id, "ctime_ns": move.ctime_ns, "is_proven": move.is_proven})
    if move.updates:
        _publish(connection, move.id, before, row)
        # A file that was only moved to another folder keeps the name that a sidecar gave it.
        is_moved = split(before)[1] == name
        connection.execute(_FOLLOWED, {**new, "sent_as": move.sent_as or (row["sent_as"] if is_moved else None)})
    connection.execute(_SET_REASON, {"id": move.id, "reason": reason})
    connection.execute(_NOTE, {"id": move.id, "reason": reason, "now": now})
