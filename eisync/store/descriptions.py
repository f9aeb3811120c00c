"""Store the descriptions (label, category, boxes, metadata) of files that are not sent yet; these may still change.

Files in a request that is under way are listed too, but stay unchanged: eisync must know how they were sent. For the
same reason a new description of a sent file is stored beside what was sent (`eisync.store.wanted`).
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from eisync.core.labels.description import Description, UnsentFile
from eisync.core.lifecycle import Event, State
from eisync.core.model import Category, value
from eisync.store.database import Database
from eisync.store.rows import path_of, remarks_of, remarks_text, split
from eisync.store.transitions import move
from eisync.store.wanted import SENT, WantedDescriptions, sent_file

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

# The folders of files that wait with boxes or other labels of their parts, of those that are due first.
_WITH_PARTS = """
select distinct folder from (
    select folder, companions from file indexed by file_due
    where root_id = :root_id and state = 'ready' order by due_at, id limit :limit)
where companions is not null order by folder"""

# A page of one folder, by name; a page of the folders below it; one file.
_IN = """
{files} where root_id = :root_id and folder = :folder and name > :name and {condition}
order by name limit :limit"""
_BELOW = """
{files} where root_id = :root_id and folder < :end and (folder, name) > (:folder, :name) and {condition}
order by folder, name limit :limit"""
_AT = """
{files} where root_id = :root_id and folder = :folder and name = :name and {condition}"""


@value
class _Statements:
    """The statements that list some files of a root."""

    of_folder: str
    below: str
    at: str


def _statements(files: str, condition: str) -> _Statements:
    return _Statements(*(one.format(files=files, condition=condition) for one in (_IN, _BELOW, _AT)))


_UNSENT = _statements("select * from file", "state in ('ready', 'quarantined', 'sending', 'doubtful')")
_SENT = _statements(SENT, "state = 'synced' and (absent_at is null or removal is not null)")

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
    """Store how waiting files are described, and how sent ones should be.

    Safe to use from any thread; each method is one transaction or one read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wanted = WantedDescriptions(database)

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

    def folders_with_parts(self, root_id: int, *, limit: int) -> list[str]:
        """List the folders of waiting files that have boxes or other labels of parts, of the next `limit` files."""
        with self._database.reading() as connection:
            rows = connection.execute(_WITH_PARTS, {"root_id": root_id, "limit": limit}).fetchall()
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
        return list(map(_unsent, self._within(_UNSENT, root_id, folder, is_deep, after, limit)))

    def sent_within(self, root_id: int, folder: str, *, is_deep: bool, after: str, limit: int) -> list[UnsentFile]:
        """List a page of the files at the service in the same way. A wanted description counts as the sent one.

        Files that were deleted here are left out, and those that eisync removed are not.
        """
        return list(map(sent_file, self._within(_SENT, root_id, folder, is_deep, after, limit)))

    def at(self, root_id: int, paths: Iterable[str]) -> list[UnsentFile]:
        """List those of these files that are not sent yet."""
        return list(map(_unsent, self._at(_UNSENT, root_id, paths)))

    def sent_at(self, root_id: int, paths: Iterable[str]) -> list[UnsentFile]:
        """List those of these files that `sent_within` lists."""
        return list(map(sent_file, self._at(_SENT, root_id, paths)))

    def want(self, changes: Sequence[tuple[int, Description]], *, is_asked: bool, now: float) -> int:
        """Record how these sent files should be described, as `WantedDescriptions.want` does."""
        return self._wanted.want(changes, is_asked=is_asked, now=now)

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

    def _within(
        self, statements: _Statements, root_id: int, folder: str, is_deep: bool, after: str, limit: int
    ) -> list[sqlite3.Row]:
        page: dict[str, object] = {"root_id": root_id, "limit": limit}
        place = os.fsencode(folder)
        if not is_deep:
            return self._rows(statements.of_folder, {**page, "folder": place, "name": split(after)[1]})
        begin, name = split(after) if after else (place, b"")
        # The files of a folder sort before those of its subfolders, and other folders may sort in between ("a", "a-b",
        # "a/b").
        rows: list[sqlite3.Row] = []
        if begin == place and place:
            rows = self._rows(statements.of_folder, {**page, "folder": place, "name": name})
            begin, name = place + b"/", b""
        if len(rows) < limit:
            end = place + b"0" if place else _PAST_EVERY_PATH
            rest = {"root_id": root_id, "folder": begin, "name": name, "end": end, "limit": limit - len(rows)}
            rows += self._rows(statements.below, rest)
        return rows

    def _at(self, statements: _Statements, root_id: int, paths: Iterable[str]) -> list[sqlite3.Row]:
        found: list[sqlite3.Row] = []
        for path in paths:
            folder, name = split(path)
            found += self._rows(statements.at, {"root_id": root_id, "folder": folder, "name": name})
        return found

    def _read(self, statement: str, parameters: dict[str, object]) -> list[UnsentFile]:
        return list(map(_unsent, self._rows(statement, parameters)))

    def _rows(self, statement: str, parameters: dict[str, object]) -> list[sqlite3.Row]:
        with self._database.reading() as connection:
            return connection.execute(statement, parameters).fetchall()


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
