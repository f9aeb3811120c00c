"""How the files are described that are not sent yet: what is said of them may change while they wait.

Files by which a request is under way are listed too, and left as they are: what they were sent as must stay known.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from eisync.core.labels.description import Description, UnsentFile
from eisync.core.lifecycle import Event, State
from eisync.core.model import Category
from eisync.store.database import Database
from eisync.store.rows import path_of, remarks_of, remarks_text, split
from eisync.store.transitions import move

# A page of the files of a root that are in a state, since when and with which id.
_IN_STATE = """
select * from file indexed by file_by_state
where state = :state and (changed_at, root_id, id) > (:at, :root_id, :id) and root_id = :root_id
order by changed_at, root_id, id limit :limit"""

# A page of the folders in which files of a root are known, by seeking from each to the next: a folder costs the same
# whether one file is in it or a million.
_FOLDERS = """
with recursive one (folder) as (
    select min(folder) from file where root_id = :root_id and folder >= :first
    union all
    select (select min(folder) from file where root_id = :root_id and folder > one.folder)
    from one where one.folder is not null
    limit :limit)
select folder from one where folder is not null"""

# A page of those in one folder that are not sent yet, by name; the same of those below; one of them.
_IN = """
select * from file
where root_id = :root_id and folder = :folder and name > :name
    and state in ('ready', 'quarantined', 'sending', 'doubtful')
order by name limit :limit"""
_BELOW = """
select * from file
where root_id = :root_id and folder < :end and (folder, name) > (:folder, :name)
    and state in ('ready', 'quarantined', 'sending', 'doubtful')
order by folder, name limit :limit"""
_AT = """
select * from file
where root_id = :root_id and folder = :folder and name = :name
    and state in ('ready', 'quarantined', 'sending', 'doubtful')"""

_DESCRIBE = """
update file set label = :label, category = :category, metadata = :metadata, companions = :companions,
    sent_as = :sent_as, remarks = :remarks
where id = :id and state in ('ready', 'quarantined')"""

# What is said of files that were sent has changed, and with it why some of it was not sent: they stay as they are.
_REMARK = """
update file set remarks = :remarks where id = :id and state not in ('ready', 'quarantined', 'sending', 'doubtful')"""

# A page of those at and below a folder that were sent without something that is said of them. A folder sorts before
# what is below it, and others may stand between ("a", "a-b", "a/b").
_REMARKED = """
select * from file indexed by file_remarked
where remarks is not null and root_id = :root_id and id > :after_id
    and (folder = :folder or (:is_deep and folder >= :low and folder < :high))
    and state in ('synced', 'tombstone')
order by id limit :limit"""

_PAST_EVERY_PATH = b"\xff" * 8192


class Descriptions:
    """How waiting files are described. Safe to use from any thread; each method is one transaction or one look."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def in_state(self, root_id: int, state: State, *, after: tuple[float, int], limit: int) -> list[UnsentFile]:
        """A page of the files of a root; the next one is after the `cursor` of its last."""
        begin = {"root_id": root_id, "at": after[0], "id": after[1]}
        return self._read(_IN_STATE, {**begin, "state": state.value, "limit": limit})

    def folders(self, root_id: int, *, after: str | None, limit: int) -> list[str]:
        """A page of the folders in which files of the root are known, by name; the next one is after the last of it."""
        # No folder sorts between one and the same with a NUL behind it.
        first = b"" if after is None else os.fsencode(after) + b"\0"
        with self._database.reading() as connection:
            rows = connection.execute(_FOLDERS, {"root_id": root_id, "first": first, "limit": limit}).fetchall()
        return [os.fsdecode(row["folder"]) for row in rows]

    def described_by(self, root_id: int) -> str | None:
        """What the configuration said when all that wait in the root were described last; None: nobody knows."""
        with self._database.reading() as connection:
            row = connection.execute("select described_by from root where id = ?", (root_id,)).fetchone()
        return None if row is None else row["described_by"]

    def note_described(self, root_id: int, rules: str) -> None:
        """All that wait in the root are described as the configuration says."""
        with self._database.transaction() as connection:
            connection.execute("update root set described_by = ? where id = ?", (rules, root_id))

    def within(self, root_id: int, folder: str, *, is_deep: bool, after: str, limit: int) -> list[UnsentFile]:
        """A page of the files in a folder, and below it where `is_deep`; the next one is after the last's path."""
        page: dict[str, object] = {"root_id": root_id, "limit": limit}
        place = os.fsencode(folder)
        if not is_deep:
            return self._read(_IN, {**page, "folder": place, "name": split(after)[1]})
        begin, name = split(after) if after else (place, b"")
        # What is in a folder sorts before what is below it, and others may stand between ("a", "a-b", "a/b").
        rows: list[UnsentFile] = []
        if begin == place and place:
            rows = self._read(_IN, {**page, "folder": place, "name": name})
            begin, name = place + b"/", b""
        if len(rows) < limit:
            end = place + b"0" if place else _PAST_EVERY_PATH
            rest = {"root_id": root_id, "folder": begin, "name": name, "end": end, "limit": limit - len(rows)}
            rows += self._read(_BELOW, rest)
        return rows

    def at(self, root_id: int, paths: Iterable[str]) -> list[UnsentFile]:
        """Those of these files that are not sent yet."""
        found: list[UnsentFile] = []
        for path in paths:
            folder, name = split(path)
            found += self._read(_AT, {"root_id": root_id, "folder": folder, "name": name})
        return found

    def describe(self, changes: Sequence[tuple[int, Description]]) -> None:
        """These files are to be sent so; not where a request is under way by now."""
        with self._database.transaction() as connection:
            connection.executemany(
                _DESCRIBE,
                [
                    {
                        "id": identity,
                        "label": said.label,
                        "category": said.category.value,
                        "metadata": json.dumps(dict(said.metadata)) if said.metadata else "{}",
                        "companions": said.companions,
                        "sent_as": said.name,
                        "remarks": remarks_text(said.remarks),
                    }
                    for identity, said in changes
                ],
            )

    def remarked(self, root_id: int, folder: str, *, is_deep: bool, after_id: int, limit: int) -> list[UnsentFile]:
        """A page of the files in a folder, and below it where `is_deep`, by id, that were sent without something that
        is said of them."""
        place = os.fsencode(folder)
        low, high = (place + b"/", place + b"0") if place else (b"", _PAST_EVERY_PATH)
        page: dict[str, object] = {"root_id": root_id, "after_id": after_id, "limit": limit}
        return self._read(_REMARKED, {**page, "folder": place, "is_deep": is_deep, "low": low, "high": high})

    def remark(self, changes: Sequence[tuple[int, Mapping[str, str]]]) -> None:
        """These files were sent, without what these sentences say."""
        with self._database.transaction() as connection:
            told = [{"id": identity, "remarks": remarks_text(remarks)} for identity, remarks in changes]
            connection.executemany(_REMARK, told)

    def hold_back(self, ids: Iterable[int], reason: str, *, now: float) -> None:
        """Nobody knows how these files are to be sent: they go back to where it is found out."""
        with self._database.transaction() as connection:
            for identity in ids:
                move(connection, identity, State.READY, Event.CHANGED, reason, now)

    def _read(self, statement: str, parameters: dict[str, object]) -> list[UnsentFile]:
        with self._database.reading() as connection:
            return [_unsent(row) for row in connection.execute(statement, parameters)]


def _unsent(row: sqlite3.Row) -> UnsentFile:
    said = Description(
        label=row["label"],
        category=Category(row["category"]),
        metadata=json.loads(row["metadata"]),
        companions=row["companions"],
        name=row["sent_as"],
        remarks=remarks_of(row),
    )
    return UnsentFile(row["id"], path_of(row), State(row["state"]), said, (row["changed_at"], row["id"]))
