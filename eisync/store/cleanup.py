"""Drop the rows of files that exist nowhere, and keep a hash of their content.

The row of a file that was sent and is gone here only answers what became of it. So the newest such rows stay for a
week. All others are deleted with their history. The hash of the content stays. For a tombstone it stays for ever, so
that the same content is still refused; for the others it stays as long as an action can be undone.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable

from eisync.core.model import value
from eisync.store.database import Database
from eisync.store.tombstones import keep_earlier

KEEP_S = 7 * 24 * 3600.0
"""The rows of files that exist nowhere stay this long at most."""
MOST_AWAY = 2_000
"""At most this many such rows stay. Beyond that the oldest are deleted as soon as no action can follow from them."""
LEAST_AWAY_S = 15.0
"""A row stays at least this long after its file went, because the file may be on its way to another folder."""
KEEP_HASH_S = 90 * 24 * 3600.0
A_STEP = 500
_PAGES_A_STEP = 256  # 1 MiB

# Files that are gone here and need nothing more: no action on them is open or can be undone, no older version waits for
# its deletion, no rename waits to be applied at the service.
_AWAY = """
select id from file indexed by file_away
where target = :target and absent_at is not null and absent_at < :before and {more}
    and state in ('synced', 'tombstone') and sha256 is not null and published is null
    and id not in (select file_id from act) and id not in (select file_id from superseded)
order by absent_at limit :limit"""

# The same, only for files that a person removed, in folders where such a removal causes no action.
_BY_HAND = "removal is null and root_id in (select value from json_each(:roots))"
_LONG_AWAY, _AWAY_BY_HAND = _AWAY.format(more="true"), _AWAY.format(more=_BY_HAND)
_NEWEST = """
select absent_at from file indexed by file_away
where target = :target and absent_at is not null and removal is null
order by absent_at desc limit 1 offset :most"""

# Files that were removed before they were sent. The hash of their content is not known.
_GONE = """
select id from file indexed by file_by_state
where state = 'gone' and changed_at < :before and target = :target order by changed_at limit :limit"""
_NEWEST_GONE = """
select changed_at from file indexed by file_by_state where state = 'gone' order by changed_at desc
limit 1 offset :most"""

_LEAVING = """
select target, sha256, size, state, (select max(sample_id) from file_sample where file_id = file.id) as sample_id
from file where id in (select value from json_each(:ids))"""
_KEEP_HASH = """
insert into forgotten_file (target, sha256, size, at, state, sample_id) values (?, ?, ?, ?, ?, ?)
on conflict (target, sha256) do update set at = excluded.at, state = max(state, excluded.state),
    sample_id = coalesce(excluded.sample_id, sample_id)"""

# Samples that are known to be deleted and that no other file is linked to.
_FORGET_SAMPLES = """
delete from sample where target = :target and gone_at is not null
    and id in (select sample_id from file_sample where file_id in (select value from json_each(:ids)))
    and not exists (select 1 from file_sample other where other.sample_id = sample.id
        and other.file_id not in (select value from json_each(:ids)))"""
_FORGET_HISTORY = "delete from history where file_id in (select value from json_each(:ids))"
_FORGET = "delete from file where id in (select value from json_each(:ids))"
_FORGET_HASHES = "delete from forgotten_file where target = :target and state = 'synced' and at < :before"


@value
class CleanedUp:
    """What is kept of a dropped file: the size of its content, whether its sample was deleted, and the sample's id."""

    size: int
    is_tombstone: bool
    sample_id: int | None = None


class Cleanup:
    """Drop what the index no longer needs.

    Safe to use from any thread; each method is one short transaction or one read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def forget(self, target: str, roots: Iterable[int], *, now: float) -> int:
        """Drop the rows of some files of the target. Return how many; unless that is 0, there may be more.

        `roots` are the roots where a person's deletion causes no action.
        """
        parameters = {"target": target, "roots": json.dumps(list(roots)), "limit": A_STEP, "most": MOST_AWAY}
        with self._database.transaction() as connection:
            ids = _ids(connection, _LONG_AWAY, {**parameters, "before": now - KEEP_S})
            ids = ids or _ids(connection, _AWAY_BY_HAND, {**parameters, "before": _cutoff(connection, parameters, now)})
            _keep_hashes(connection, ids, now)
            ids += _ids(connection, _GONE, {**parameters, "before": _cutoff_gone(connection, now)})
            leaving = {"ids": json.dumps(ids), "target": target}
            connection.execute(_FORGET_SAMPLES, leaving)
            connection.execute(_FORGET_HISTORY, leaving)
            connection.execute(_FORGET, leaving)
            if not ids:
                connection.execute(_FORGET_HASHES, {"target": target, "before": now - KEEP_HASH_S})
        return len(ids)

    def give_back(self) -> bool:
        """Return some free pages of the database to the file system. Return whether there are more."""
        return self._database.give_back(pages=_PAGES_A_STEP) > 0

    def forgotten(self, target: str, sha256: str) -> CleanedUp | None:
        """Return what is kept of a dropped file with this content; None when there is none."""
        with self._database.reading() as connection:
            row = connection.execute(
                "select size, state, sample_id from forgotten_file where target = ? and sha256 = ?",
                (target, _digest(sha256)),
            ).fetchone()
        return None if row is None else CleanedUp(row["size"], row["state"] == "tombstone", row["sample_id"])


def forget_hash(connection: sqlite3.Connection, file_id: int) -> None:
    """Forget that this file's content was dropped before, because a person asked to send it: it is not refused now."""
    row = connection.execute("select target, sha256 from file where id = ?", (file_id,)).fetchone()
    if row is not None and row["sha256"] is not None:
        connection.execute(
            "delete from forgotten_file where target = ? and sha256 = ?", (row["target"], _digest(row["sha256"]))
        )


def _keep_hashes(connection: sqlite3.Connection, ids: Collection[int], now: float) -> None:
    rows = connection.execute(_LEAVING, {"ids": json.dumps(list(ids))}).fetchall()
    kept = [(row["target"], _digest(row["sha256"]), row["size"], now, row["state"], row["sample_id"]) for row in rows]
    connection.executemany(_KEEP_HASH, kept)
    for file_id in ids:
        keep_earlier(connection, file_id)  # so that a later deletion of its samples is still recognised


def _digest(sha256: str) -> bytes:
    """Return the hash as bytes, which take half the room of its text."""
    try:
        return bytes.fromhex(sha256)
    except ValueError:
        return sha256.encode()


def _ids(connection: sqlite3.Connection, statement: str, parameters: dict[str, object]) -> list[int]:
    return [row[0] for row in connection.execute(statement, parameters).fetchall()]


def _cutoff(connection: sqlite3.Connection, parameters: dict[str, object], now: float) -> float:
    row = connection.execute(_NEWEST, parameters).fetchone()
    return float("-inf") if row is None else min(float(row["absent_at"]), now - LEAST_AWAY_S)


def _cutoff_gone(connection: sqlite3.Connection, now: float) -> float:
    row = connection.execute(_NEWEST_GONE, {"most": MOST_AWAY}).fetchone()
    crowded = float("-inf") if row is None else min(float(row["changed_at"]), now - LEAST_AWAY_S)
    return max(crowded, now - KEEP_S)
