"""Store the descriptions (label, category, boxes, metadata) of files that are not sent yet; these may still change.

Files in a request that is under way are listed too, but stay unchanged: eisync must know how they were sent.
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

# A page of the files of a root in one state, in the order in which they entered it.
_IN_STATE = """
select * from file indexed by file_by_state
where state = :state and (changed_at, root_id, id) > (:at, :root_id, :id) and root_id = :root_id
order by changed_at, root_id, id limit :limit"""

# A page of the folders that hold known files of a root. It seeks from one folder to the next, so that a folder of a
# million files costs as little as one of a single file.
_FOLDERS = """
with recursive one (folder) as (
    select min(folder) from file where root_id = :root_id and folder >= :first
    union all
    select (select min(folder) from file where root_id = :root_id and folder > one.folder)
    from one where one.folder is not null
    limit :limit)
select folder from one where folder is not null"""

# Files that are not sent yet: a page of one folder, by name; a page of the folders below it; one file.
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

# The description of files that were sent has changed, and with it the reasons why parts of it were not sent. Only these
# reasons are updated.
_REMARK = """
update file set remarks = :remarks where id = :id and state not in ('ready', 'quarantined', 'sending', 'doubtful')"""

# A page of the files at and below a folder that were sent without a part of their description. A folder sorts before
# its subfolders, and other folders may sort in between ("a", "a-b", "a/b").
_REMARKED = """
select * from file indexed by file_remarked
where remarks is not null and root_id = :root_id and id > :after_id
    and (folder = :folder or (:is_deep and folder >= :low and folder < :high))
    and state in ('synced', 'tombstone')
order by id limit :limit"""

_PAST_EVERY_PATH = b"\xff" * 8192


class Descriptions:
    """Store how waiting files are described.

    Safe to use from any thread; each method is one transaction or one read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def in_state(self, root_id: int, state: State, *, after: tuple[float, int], limit: int) -> list[UnsentFile]:
        """List a page of the files of a root in this state. Pass the `cursor` of the last one as the next `after`."""
        begin = {"root_id": root_id, "at": after[0], "id": after[1]}
        return self._read(_IN_STATE, {**begin, "state": state.value, "limit": limit})

    def folders(self, root_id: int, *, after: str | None, limit: int) -> list[str]:
        """List a page of the folders that hold known files of the root, by name. Pass the last as the next `after`."""
        # No folder sorts between a name and the same name followed by NUL.
        first = b"" if after is None else os.fsencode(after) + b"\0"
        with self._database.reading() as connection:
            rows = connection.execute(_FOLDERS, {"root_id": root_id, "first": first, "limit": limit}).fetchall()
        return [os.fsdecode(row["folder"]) for row in rows]

    def described_by(self, root_id: int) -> str | None:
        """Return the labelling rules by which all waiting files of the root were described last; None: not known."""
        with self._database.reading() as connection:
            row = connection.execute("select described_by from root where id = ?", (root_id,)).fetchone()
        return None if row is None else row["described_by"]

    def scan_began_at(self, root_id: int) -> float | None:
        """Return when the last complete scan of the root began (Unix s); None: there was none."""
        with self._database.reading() as connection:
            row = connection.execute("select scan_began_at from root where id = ?", (root_id,)).fetchone()
        return None if row is None else row["scan_began_at"]

    def note_described(self, root_id: int, rules: str) -> None:
        """Record that all waiting files of the root are described by these rules of the configuration."""
        with self._database.transaction() as connection:
            connection.execute("update root set described_by = ? where id = ?", (rules, root_id))

    def within(self, root_id: int, folder: str, *, is_deep: bool, after: str, limit: int) -> list[UnsentFile]:
        """List a page of the unsent files in a folder, with `is_deep` also below it. The next page is after the last
        path.
        """
        page: dict[str, object] = {"root_id": root_id, "limit": limit}
        place = os.fsencode(folder)
        if not is_deep:
            return self._read(_IN, {**page, "folder": place, "name": split(after)[1]})
        begin, name = split(after) if after else (place, b"")
        # The files of a folder sort before those of its subfolders, and other folders may sort in between ("a", "a-b",
        # "a/b").
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
        """List those of these files that are not sent yet."""
        found: list[UnsentFile] = []
        for path in paths:
            folder, name = split(path)
            found += self._read(_AT, {"root_id": root_id, "folder": folder, "name": name})
        return found

    def describe(self, changes: Sequence[tuple[int, Description]]) -> None:
        """Change the descriptions of these files. Leave files unchanged that are in a request by now."""
        with self._database.transaction() as connection:
            connection.executemany(
                _DESCRIBE,
                [
                    {
                        "id": identity,
                        "label": description.label,
                        "category": description.category.value,
                        "metadata": json.dumps(dict(description.metadata)) if description.metadata else "{}",
                        "companions": description.companions,
                        "sent_as": description.name,
                        "remarks": remarks_text(description.remarks),
                    }
                    for identity, description in changes
                ],
            )

    def remarked(self, root_id: int, folder: str, *, is_deep: bool, after_id: int, limit: int) -> list[UnsentFile]:
        """List a page, by id, of the files that were sent without a part of their description.

        These are the files in `folder`, with `is_deep` also those below it.
        """
        place = os.fsencode(folder)
        low, high = (place + b"/", place + b"0") if place else (b"", _PAST_EVERY_PATH)
        page: dict[str, object] = {"root_id": root_id, "after_id": after_id, "limit": limit}
        return self._read(_REMARKED, {**page, "folder": place, "is_deep": is_deep, "low": low, "high": high})

    def remark(self, changes: Sequence[tuple[int, Mapping[str, str]]]) -> None:
        """Record which parts of their descriptions these files were sent without, as sentences by kind."""
        with self._database.transaction() as connection:
            rows = [{"id": identity, "remarks": remarks_text(remarks)} for identity, remarks in changes]
            connection.executemany(_REMARK, rows)

    def hold_back(self, ids: Iterable[int], reason: str, *, now: float) -> None:
        """Move these files back to settling, where their descriptions are found again, because they are not known."""
        with self._database.transaction() as connection:
            for identity in ids:
                move(connection, identity, State.READY, Event.CHANGED, reason, now)

    def _read(self, statement: str, parameters: dict[str, object]) -> list[UnsentFile]:
        with self._database.reading() as connection:
            return [_unsent(row) for row in connection.execute(statement, parameters)]


def _unsent(row: sqlite3.Row) -> UnsentFile:
    description = Description(
        label=row["label"],
        category=Category(row["category"]),
        metadata=json.loads(row["metadata"]),
        companions=row["companions"],
        name=row["sent_as"],
        remarks=remarks_of(row),
    )
    return UnsentFile(row["id"], path_of(row), State(row["state"]), description, (row["changed_at"], row["id"]))
