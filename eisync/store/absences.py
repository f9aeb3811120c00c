"""What the index knows that speaks against an absent file having been deleted: content that is there all the same."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from eisync.core.lifecycle import State
from eisync.core.model import Item
from eisync.core.segments import Origin
from eisync.store import segments
from eisync.store.database import Database
from eisync.store.rows import ITEM, item_of

MOST_UNSENT = 2_000
"""Of more files that wait and could be the absent ones, nobody says which are."""

# When the last complete look through each of these folders began. One that cannot be read is not waited for.
_LOOKED_THROUGH = """
select min(scan_began_at) as at, count(*) > count(scan_began_at) as is_open from root
where id in (select value from json_each(:roots)) and offline_reason is null"""

# Contents that another file has which is there, or of which we took the file away: then its sample is all there is.
_SAME_CONTENT = """
select distinct asked.key as id from json_each(:asked) asked cross join file indexed by file_by_content
on substr(file.sha256, 1, 16) = substr(asked.value, 1, 16) and file.sha256 = asked.value
where file.sha256 is not null and file.target = :target and file.id <> cast(asked.key as integer)
    and file.state <> 'gone' and (file.absent_at is null or file.removal is not null)"""

# Files of these sizes whose content nobody has taken note of, because they were not sent.
_READY = f"""
select {ITEM}, state from file indexed by file_by_size
where state = 'ready' and root_id in (select id from root where target = :target)
    and size in (select value from json_each(:sizes)) and target = :target limit :limit"""
_OTHERS = f"""
select {ITEM}, state from file indexed by file_by_state
where state in ('sending', 'doubtful', 'settling', 'quarantined') and target = :target
    and size in (select value from json_each(:sizes)) limit :limit"""


@dataclass(frozen=True, slots=True)
class Unsent:
    """A file that is not at the service, as far as is known."""

    item: Item
    state: State


class Absences:
    """The evidence about absent files, and about samples that went. Safe to use from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def looked_through_at(self, root_ids: Iterable[int]) -> float | None:
        """When the last complete look through all of these folders began; None when one was never looked through."""
        with self._database.reading() as connection:
            row = connection.execute(_LOOKED_THROUGH, {"roots": json.dumps(list(root_ids))}).fetchone()
        return None if row["is_open"] else row["at"]

    def same_content(self, target: str, contents: Mapping[int, str]) -> set[int]:
        """Those of the files, by content hash, of which the content is known to be there under another name."""
        asked = json.dumps({str(file_id): sha256 for file_id, sha256 in contents.items()})
        with self._database.reading() as connection:
            rows = connection.execute(_SAME_CONTENT, {"asked": asked, "target": target}).fetchall()
        return {int(row["id"]) for row in rows}

    def unsent(self, target: str, sizes: Collection[int]) -> list[Unsent] | None:
        """The files of these sizes that were not sent; None when they are more than anybody can look at."""
        asked = {"target": target, "sizes": json.dumps(sorted(sizes)), "limit": MOST_UNSENT}
        with self._database.reading() as connection:
            rows = [row for query in (_READY, _OTHERS) for row in connection.execute(query, asked).fetchall()]
            places = dict(connection.execute("select id, path from root").fetchall()) if rows else {}
        if len(rows) >= MOST_UNSENT:
            return None
        return [Unsent(item_of(_columns(row), places), State(row["state"])) for row in rows]

    # --- samples that were split ---------------------------------------------------------------------------------

    def origin(self, file_id: int) -> Origin | None:
        """The names by which what was cut from the file's samples can be told."""
        with self._database.reading() as connection:
            return segments.origin(connection, file_id)

    def free(self, target: str, sample_ids: Collection[int]) -> set[int]:
        """Those of the samples that no file of ours is tied to as its own."""
        with self._database.reading() as connection:
            return segments.free(connection, target, sample_ids)

    def tie(self, file_id: int, sample_ids: Collection[int], *, now: float) -> bool:
        """These samples were cut from the file's, which went: it is no tombstone."""
        with self._database.transaction() as connection:
            return segments.tie(connection, file_id, sample_ids, now)


def _columns(row: sqlite3.Row) -> tuple[object, ...]:
    return tuple(row)[:-1]
