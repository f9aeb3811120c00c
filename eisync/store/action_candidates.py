"""Files from which something may follow, as the decider sees them: the file, and its samples."""

import json
import os
import sqlite3
from collections.abc import Iterable

from eisync.core.actions import FileSide, LinkedSample, Published, Trigger
from eisync.core.lifecycle import State
from eisync.core.model import Category
from eisync.store import segments
from eisync.store.rows import facts_of, path_of
from eisync.store.sample_links import LISTED_SHA256, identity_of, listed_of, sent_of, stored_name_of

# Files that something may follow from, by the mark that says so. (Left to itself, SQLite reads every file.)
_MARKED = {
    Trigger.RENAMED: "file indexed by file_published where published is not null and state = 'synced'",
    Trigger.REPLACED: "file where state = 'synced' and id in (select file_id from superseded)",
    Trigger.ABSENT: "file indexed by file_absent where absent_at is not null and removal is null and state = 'synced'",
    Trigger.TOMBSTONE: "file indexed by file_tombstone where state = 'tombstone' and removal is null",
}
_SIDES = {
    trigger: f"""
select * from {marked} and target = :target and id > :after_id
and root_id in (select value from json_each(:roots)) order by id limit :limit"""
    for trigger, marked in _MARKED.items()
}

# The samples of a file, those of versions before as `is_older`, of the target that these were sent to; not what a
# person cut from them. A sample that the listing has not shown yet has no name. (Of a file that we took away its sample
# is all there is: it counts.)
_SAMPLES = f"""
select sample.*, {LISTED_SHA256} as listed, tied.is_older, tied.sent_name, exists (
        select 1 from file_sample other join file on file.id = other.file_id
        where other.sample_id = sample.id and other.file_id <> :id and file.target = :target
            and (file.absent_at is null or file.removal is not null) and file.state <> 'gone') as is_shared
from (select sample_id, sent_name, 0 as is_older from file_sample where file_id = :id and not is_segment
      union all select sample_id, sent_name, 1 from superseded where file_id = :id and target = :target) tied
cross join sample on sample.target = :target and sample.id = tied.sample_id
order by sample.id"""

# How many files of these roots the index holds, and how many of each root are there.
_KNOWN = """
select root_id, count(*) as known, count(*) filter (where absent_at is null) as present from file
where target = :target and state in ('synced', 'tombstone') and (removal is null or removal in ('kept', 'spared'))
group by root_id"""

# The file that an action is about, as long as it is where it was.
_FILE_OF = """
select file.*, root.path as root_path from file join root on root.id = file.root_id where file.id = ?"""


def of_trigger(
    connection: sqlite3.Connection, target: str, trigger: Trigger, roots: Iterable[int], *, after_id: int, limit: int
) -> list[FileSide]:
    """Files of these roots from which something may follow, by id."""
    parameters = {"target": target, "roots": json.dumps(sorted(roots)), "after_id": after_id, "limit": limit}
    places = dict(connection.execute("select id, path from root").fetchall())
    rows = connection.execute(_SIDES[trigger], parameters).fetchall()
    return [_side(connection, row, os.fsdecode(places[row["root_id"]])) for row in rows]


def of_file(connection: sqlite3.Connection, file_id: int) -> FileSide | None:
    """One file as it is now."""
    row = connection.execute(_FILE_OF, (file_id,)).fetchone()
    return None if row is None else _side(connection, row, os.fsdecode(row["root_path"]))


def census(connection: sqlite3.Connection, target: str) -> dict[int, tuple[int, int]]:
    """By root: how many files are known to have been at the service, and how many of them are there."""
    rows = connection.execute(_KNOWN, {"target": target}).fetchall()
    return {row["root_id"]: (row["known"], row["present"]) for row in rows}


def _side(connection: sqlite3.Connection, row: sqlite3.Row, root: str) -> FileSide:
    samples = connection.execute(_SAMPLES, {"id": row["id"], "target": row["target"]}).fetchall()
    published = None if row["published"] is None else json.loads(row["published"])
    likely = stored_name_of(row)
    is_tombstoned = row["state"] == State.TOMBSTONE.value
    return FileSide(
        id=row["id"],
        root_id=row["root_id"],
        root=root,
        path=path_of(row),
        state=State(row["state"]),
        facts=facts_of(row),
        label=row["label"],
        category=Category(row["category"]),
        sha256=row["sha256"],
        since_at=row["changed_at"],
        absent_at=row["absent_at"],
        is_removed=row["removal"] is not None,
        published=published
        and Published(name=published["name"], label=published["label"], category=Category(published["category"])),
        samples=tuple(_held(one, likely) for one in samples if one["gone_at"] is None and not one["is_older"]),
        older=tuple(_held(one, likely) for one in samples if one["gone_at"] is None and one["is_older"]),
        gone=tuple(_held(one, likely) for one in samples if one["gone_at"] is not None and not one["is_older"]),
        segments=len(segments.there(connection, row["target"], row["id"])) if is_tombstoned else 0,
        sent_as=row["sent_as"],
    )


def _held(row: sqlite3.Row, likely: str) -> LinkedSample:
    identity = identity_of(row, likely)
    return LinkedSample(listed_of(row), sent_of(row, likely), is_shared=bool(row["is_shared"]), identity=identity)
