"""Read facts for two decisions: whether an absent file was really deleted, and how much the guard lets pass.

`Absences` finds evidence against a deletion, such as the same content under another name. The functions below count,
for the guard, what changed without a person's approval and which files would lose their last sample.
"""

import json
import os
import sqlite3
from collections.abc import Collection, Iterable, Mapping

from eisync.core.absence import MissingFiles
from eisync.core.guard import Touch
from eisync.core.lifecycle import State
from eisync.core.model import Item, value
from eisync.core.studio import Origin
from eisync.store import sample_links
from eisync.store.database import Database
from eisync.store.rows import IS_HERE, ITEM, item_of, path_of

MOST_UNSENT = 2_000
"""With more waiting files than this that could be the absent ones, eisync does not decide which are."""

# When the earliest of the last complete scans of these roots began. Roots that cannot be read are not waited for.
_LAST_SCANS = """
select min(scan_began_at) as at, count(*) > count(scan_began_at) as is_open from root
where id in (select value from json_each(:roots)) and offline_reason is null"""

# Contents that another present file has, or a file that eisync removed here: the sample is then its only copy.
_SAME_CONTENT = """
select distinct asked.key as id from json_each(:asked) asked cross join file indexed by file_by_content
on substr(file.sha256, 1, 16) = substr(asked.value, 1, 16) and file.sha256 = asked.value
where file.sha256 is not null and file.target = :target and file.id <> cast(asked.key as integer)
    and file.state <> 'gone' and (file.absent_at is null or file.removal is not null)"""

# Files of these sizes whose content is not known because they were not sent yet.
_READY = f"""
select {ITEM}, state from file indexed by file_by_size
where state = 'ready' and root_id in (select id from root where target = :target)
    and size in (select value from json_each(:sizes)) and target = :target limit :limit"""
_OTHERS = f"""
select {ITEM}, state from file indexed by file_by_state
where state in ('sending', 'doubtful', 'settling', 'quarantined') and target = :target
    and size in (select value from json_each(:sizes)) limit :limit"""


@value
class Unsent:
    """A file that is not at the service as far as eisync knows."""

    item: Item
    state: State


class Absences:
    """Read the evidence about absent files and about samples that are gone. Safe to use from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def scanned_at(self, root_ids: Iterable[int]) -> float | None:
        """Return when the last complete scan of all these roots began (Unix s); None when one was never scanned."""
        with self._database.reading() as connection:
            row = connection.execute(_LAST_SCANS, {"roots": json.dumps(list(root_ids))}).fetchone()
        return None if row["is_open"] else row["at"]

    def same_content(self, target: str, contents: Mapping[int, str]) -> set[int]:
        """Return those of the files whose content exists under another name. `contents` are hashes by file id."""
        asked = json.dumps({str(file_id): sha256 for file_id, sha256 in contents.items()})
        with self._database.reading() as connection:
            rows = connection.execute(_SAME_CONTENT, {"asked": asked, "target": target}).fetchall()
        return {int(row["id"]) for row in rows}

    def unsent(self, target: str, sizes: Collection[int]) -> list[Unsent] | None:
        """List the files of these sizes that were not sent; None when there are `MOST_UNSENT` or more."""
        asked = {"target": target, "sizes": json.dumps(sorted(sizes)), "limit": MOST_UNSENT}
        with self._database.reading() as connection:
            rows = [row for query in (_READY, _OTHERS) for row in connection.execute(query, asked).fetchall()]
            places = dict(connection.execute("select id, path from root").fetchall()) if rows else {}
        if len(rows) >= MOST_UNSENT:
            return None
        return [Unsent(item_of(_columns(row), places), State(row["state"])) for row in rows]

    # --- samples that were split ---------------------------------------------------------------------------------

    def origin(self, file_id: int) -> Origin | None:
        """Return the names by which segments of the file's samples are recognised."""
        with self._database.reading() as connection:
            return sample_links.origin(connection, file_id)

    def free(self, target: str, sample_ids: Collection[int]) -> set[int]:
        """Return those of the samples that belong to no file of ours."""
        with self._database.reading() as connection:
            return sample_links.free(connection, target, sample_ids)

    def tie(self, file_id: int, sample_ids: Collection[int], *, now: float) -> bool:
        """Link the file to samples that were cut from its own, deleted one. It does not become a tombstone."""
        with self._database.transaction() as connection:
            return sample_links.tie(connection, file_id, sample_ids, now)


def _columns(row: sqlite3.Row) -> tuple[object, ...]:
    return tuple(row)[:-1]


# Whether the file still counts as a known one.
_IS_KNOWN = f"""exists (select 1 from file where file.id = touched.file_id and state in ('synced', 'tombstone')
    and {IS_HERE}) as is_known"""

# Files touched lately without a person's approval, and allowed actions that are not finished.
_TOUCHES = f"""
select touched.file_id, root.id as root_id, touched.at, {_IS_KNOWN}
from (
    select file_id, root, cause, plan_id, null as at from act indexed by act_to_do
    where target = :target and state in ('due', 'begun', 'undoing') and state <> 'undoing'
    union all
    select file_id, root, cause, plan_id, done_at from act indexed by act_done
    where target = :target and done_at >= :since and state in ('done', 'undoing', 'undone')
) touched join root on root.path = touched.root
where touched.plan_id is null and touched.cause <> 'retention'"""

# Files that became tombstones lately without a person's approval.
_VANISHED = f"""
select file_id, root_id, at, {_IS_KNOWN} from vanished touched where target = :target and at >= :since"""

# Plans with which a person confirmed that the sample of a file was deleted on purpose. That also approves the actions
# that follow from it.
_APPROVED = """
select act.file_id, act.plan_id from act join file on file.id = act.file_id
where act.file_id in (select value from json_each(:files)) and act.kind = 'tombstone' and act.state = 'done'
    and act.plan_id is not null and act.target = :target and act.done_at = file.changed_at
    and file.state = 'tombstone'"""

# Files that have no sample left once these are gone. Samples that eisync deleted itself are left out.
_LEFT_WITHOUT_SAMPLES = """
select distinct file.id from file_sample mine cross join file on file.id = mine.file_id
where mine.sample_id in (select value from json_each(:ids)) and file.target = :target and file.state = 'synced'
    and not exists (
        select 1 from file_sample other cross join sample
        on sample.id = other.sample_id and sample.target = file.target
        where other.file_id = file.id and sample.gone_at is null
            and other.sample_id not in (select value from json_each(:ids)))
    and not exists (
        select 1 from act where act.target = :target and act.sample_id = mine.sample_id and kind = 'delete_sample'
            and act.state in ('begun', 'done', 'undoing', 'undone'))
order by file.id limit :limit"""

NOT_LISTED = "its sample was not in the last listing of the project; it will be checked again at the next pass"

# Synced files with a sample that the last complete listing no longer showed, and without one that it did show. (The
# query starts from the missed samples, which are few; left to itself, SQLite reads all samples.)
_OF_UNLISTED = """
from sample indexed by sample_missed
cross join file_sample mine on mine.sample_id = sample.id
cross join file on file.id = mine.file_id
where sample.target = :target and sample.missed > 0 and sample.gone_at is null and sample.filename is not null
    and file.target = :target and file.state = 'synced' and not exists (
        select 1 from file_sample other cross join sample there
        on there.target = :target and there.id = other.sample_id
        where other.file_id = file.id and there.gone_at is null and there.missed = 0)"""

_UNLISTED = f"select count(distinct file.id) {_OF_UNLISTED}"
_AN_UNLISTED = f"select file.root_id, file.folder, file.name {_OF_UNLISTED} order by file.id limit 1"


def touches(connection: sqlite3.Connection, target: str, since: float, tombstones: bool) -> list[Touch]:
    """List touches since `since` (Unix s) without a person's approval, and allowed actions that are not done yet."""
    rows = connection.execute(_VANISHED if tombstones else _TOUCHES, {"target": target, "since": since}).fetchall()
    return [Touch(row["file_id"], row["root_id"], row["at"], bool(row["is_known"])) for row in rows]


def approved(connection: sqlite3.Connection, target: str, file_ids: Iterable[int]) -> dict[int, int]:
    """Return, by file, the plan with which a person confirmed the deletion that made the file a tombstone."""
    parameters = {"target": target, "files": json.dumps(list(file_ids))}
    return {row["file_id"]: row["plan_id"] for row in connection.execute(_APPROVED, parameters)}


def left_without_samples(
    connection: sqlite3.Connection, target: str, sample_ids: Iterable[int], limit: int
) -> list[int]:
    """Return the ids of files that would have no sample left without these, in ascending order."""
    parameters = {"target": target, "ids": json.dumps(list(sample_ids)), "limit": limit}
    return [row["id"] for row in connection.execute(_LEFT_WITHOUT_SAMPLES, parameters)]


def missing(connection: sqlite3.Connection, target: str) -> MissingFiles:
    """Count our files that the last complete listing did not show."""
    parameters = {"target": target}
    unlisted = int(connection.execute(_UNLISTED, parameters).fetchone()[0])
    if not unlisted:
        return MissingFiles(samples=0, ours=0, unlisted=0)
    mirror = connection.execute("select samples from mirror where target = :target", parameters).fetchone()
    ours = connection.execute(
        "select count(*) from file where state = 'synced' and target = :target", parameters
    ).fetchone()
    return MissingFiles(samples=mirror["samples"] if mirror is not None else 0, ours=ours[0], unlisted=unlisted)


def an_unlisted(connection: sqlite3.Connection, target: str) -> str | None:
    """Return the absolute path of a file that the last complete listing did not show; None when there is none."""
    row = connection.execute(_AN_UNLISTED, {"target": target}).fetchone()
    if row is None:
        return None
    root = connection.execute("select path from root where id = ?", (row["root_id"],)).fetchone()
    return os.path.join(os.fsdecode(root["path"]), path_of(row))
