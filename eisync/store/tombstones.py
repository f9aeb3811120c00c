"""Files whose samples are gone at the service: which they are, how they become tombstones, and that it is counted."""

import sqlite3

from eisync.core.lifecycle import Event, State
from eisync.store import segments
from eisync.store.known_content import note_deleted
from eisync.store.transitions import move

# Files of which every sample is confirmed gone. (A cross join is SQLite's word for "in this order": from the sample to
# its files, not through all that are synced.)
_BEREFT = """
select distinct file.id, file.state, file.absent_at from file_sample mine cross join file on file.id = mine.file_id
where mine.sample_id = :id and file.target = :target and file.state = 'synced' and not exists (
    select 1 from file_sample other join sample on sample.id = other.sample_id and sample.target = file.target
    where other.file_id = file.id and sample.gone_at is null)"""

# It happened without a person's yes: the guard counts it.
_COUNT = """
insert into vanished (target, file_id, root_id, at)
select :target, id, root_id, :now from file where id = :file_id"""

_GONE = """
update sample set gone_at = :now where target = :target and gone_at is null and id in (
    select sample_id from file_sample where file_id = :file_id)
returning id"""


def without_samples(connection: sqlite3.Connection, target: str, sample_id: int) -> list[sqlite3.Row]:
    """Synced files of the sample that have no other one: `id`, `state` and `absent_at`."""
    return connection.execute(_BEREFT, {"target": target, "id": sample_id}).fetchall()


def is_split(connection: sqlite3.Connection, target: str, file_id: int, now: float) -> bool:
    """Whether the file's sample was split or cropped: then the file is tied to what was cut from it."""
    cut = segments.there(connection, target, file_id)
    return bool(cut) and segments.tie(connection, file_id, cut, now)


def make_tombstones(connection: sqlite3.Connection, file_id: int, sample_id: int, now: float) -> None:
    """The file becomes a tombstone."""
    reason = f"deleted in the project (sample {sample_id}); 'eisync retry' sends it again"
    move(connection, file_id, State.SYNCED, Event.REMOTE_GONE, reason, now)


def count(connection: sqlite3.Connection, target: str, file_id: int, now: float) -> None:
    """It became one without a person's yes."""
    connection.execute(_COUNT, {"target": target, "file_id": file_id, "now": now})


def make_tombstone(connection: sqlite3.Connection, target: str, file_id: int, now: float) -> None:
    """Every sample of the file is gone: it becomes a tombstone, and so does every other file that had only those."""
    gone = connection.execute(_GONE, {"target": target, "file_id": file_id, "now": now}).fetchall()
    for row in gone:
        left = [
            file
            for file in without_samples(connection, target, row["id"])
            if not is_split(connection, target, file["id"], now)
        ]
        note_deleted(connection, [file["id"] for file in left], row["id"], now)
        for file in left:
            make_tombstones(connection, file["id"], row["id"], now)
