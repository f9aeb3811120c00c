"""Make tombstones of files whose samples are gone, and find contents that a project knows already.

A known content was deleted there by a person, or is stored there already from another path. The contents of a project
are those of all targets that lead to it.
"""

import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from eisync.core.known_content import DeletedContent, KnownContent, StoredContent, deleted_reason
from eisync.core.lifecycle import Event, State
from eisync.core.model import FileFacts, Item
from eisync.store import sample_links
from eisync.store.rows import path_of
from eisync.store.sample_links import link
from eisync.store.transitions import move

# Files of this sample whose samples are all confirmed gone. (In SQLite, a cross join fixes the order of reading: from
# the sample to its files, instead of through all synced files.)
_WITHOUT_SAMPLES = """
select distinct file.id, file.state, file.absent_at from file_sample mine cross join file on file.id = mine.file_id
where mine.sample_id = :id and file.target = :target and file.state = 'synced' and not exists (
    select 1 from file_sample other join sample on sample.id = other.sample_id and sample.target = file.target
    where other.file_id = file.id and sample.gone_at is null)"""

# A tombstone without a person's approval. The guard counts it.
_COUNT = """
insert into vanished (target, file_id, root_id, at)
select :target, id, root_id, :now from file where id = :file_id"""

_GONE = """
update sample set gone_at = :now where target = :target and gone_at is null and id in (
    select sample_id from file_sample where file_id = :file_id)
returning id"""

# Tombstones of the sample.
_TOMBSTONES_OF = """
select file.id, file.sha256 from file_sample mine cross join file on file.id = mine.file_id
where mine.sample_id = :id and file.target = :target and file.state = 'tombstone'"""


def without_samples(connection: sqlite3.Connection, target: str, sample_id: int) -> list[sqlite3.Row]:
    """Return the synced files of the sample that have no other one: rows with `id`, `state` and `absent_at`."""
    return connection.execute(_WITHOUT_SAMPLES, {"target": target, "id": sample_id}).fetchall()


def is_split(connection: sqlite3.Connection, target: str, file_id: int, now: float) -> bool:
    """Link the file to segments of its sample, if that was split or cropped. Return whether it was."""
    cut = sample_links.there(connection, target, file_id)
    return bool(cut) and sample_links.tie(connection, file_id, cut, now)


def mark_tombstone(connection: sqlite3.Connection, file_id: int, sample_id: int, now: float) -> None:
    """Make a synced file a tombstone."""
    reason = f"deleted in the project (sample {sample_id}); 'eisync retry' sends it again"
    move(connection, file_id, State.SYNCED, Event.REMOTE_GONE, reason, now)


def count(connection: sqlite3.Connection, target: str, file_id: int, now: float) -> None:
    """Count for the guard that the file became a tombstone without a person's approval."""
    connection.execute(_COUNT, {"target": target, "file_id": file_id, "now": now})


def record_samples_gone(connection: sqlite3.Connection, target: str, file_id: int, now: float) -> None:
    """Record that every sample of the file is gone. It becomes a tombstone, like every file that had only these."""
    gone = connection.execute(_GONE, {"target": target, "file_id": file_id, "now": now}).fetchall()
    for row in gone:
        left = [
            file
            for file in without_samples(connection, target, row["id"])
            if not is_split(connection, target, file["id"], now)
        ]
        note_deleted(connection, [file["id"] for file in left], row["id"], now)
        for file in left:
            mark_tombstone(connection, file["id"], row["id"], now)


# The targets that lead to the same project, including the given one.
_SAME_PROJECT = """
select name from target where name = :target
or project_id = (select project_id from target where name = :target)"""

# The sample of a deleted content has not come back.
_IS_GONE = """
not exists (
    select 1 from sample where sample.target = deleted_content.target and sample.id = deleted_content.sample_id
        and sample.gone_at is null)"""

_ANY_DELETED = "select 1 from deleted_content limit 1"

# `:asked` is a JSON list of (id, size, mtime_ns, sha256). The hash is null until the file was read. Before that, one
# deleted content of the same size is enough to know that it must be read. The query stops there, because devices write
# files of one size, and thousands of these may be deleted in a project.
_DELETED = f"""
select json_extract(asked.value, '$[0]') as id, deleted_content.sha256, deleted_content.sample_id
from json_each(:asked) asked cross join deleted_content
    on deleted_content.size = json_extract(asked.value, '$[1]') and deleted_content.target in ({_SAME_PROJECT})
    and deleted_content.sha256 = json_extract(asked.value, '$[3]')
where {_IS_GONE}"""
_MAY_BE_DELETED = f"""
select json_extract(asked.value, '$[0]') as id from json_each(:asked) asked where exists (
    select 1 from deleted_content where size = json_extract(asked.value, '$[1]') and target in ({_SAME_PROJECT})
        and {_IS_GONE})"""

# The sample whose deletion deleted the content.
_DELETED_WITH = f"""
select sample_id from deleted_content where size = :size and sha256 = :sha256 and target in ({_SAME_PROJECT})"""

# Uploaded files of the same size and time that are absent here, or in a folder outside this run: the file may be one of
# these. (Present files are left out, because many have one size and time, written in one tick of the clock.)
_LIKE = """
other.size = json_extract(asked.value, '$[1]') and other.mtime_ns = json_extract(asked.value, '$[2]')
    and other.id <> json_extract(asked.value, '$[0]') and other.state = 'synced' and other.sha256 is not null
    and {where} and other.target in ({same_project})"""
_STORED = f"""
select json_extract(asked.value, '$[0]') as id, other.id as other_id, other.folder, other.name, other.sha256,
    root.path as root_path
from json_each(:asked) asked cross join file other indexed by {{index}}
    on {_LIKE} and other.sha256 = json_extract(asked.value, '$[3]')
cross join root on root.id = other.root_id"""
_MAY_BE_STORED = f"""
select json_extract(asked.value, '$[0]') as id from json_each(:asked) asked where exists (
    select 1 from file other indexed by {{index}} where {_LIKE})"""
_AWAY = {"index": "file_elsewhere", "where": "other.absent_at is not null", "same_project": _SAME_PROJECT}
_OUTSIDE = {
    "index": "file_by_version",
    "where": "other.absent_at is null and other.root_id not in (select value from json_each(:roots))",
    "same_project": _SAME_PROJECT,
}
_ABSENT, _MAY_BE_ABSENT = _STORED.format(**_AWAY), _MAY_BE_STORED.format(**_AWAY)
_UNWATCHED, _MAY_BE_UNWATCHED = _STORED.format(**_OUTSIDE), _MAY_BE_STORED.format(**_OUTSIDE)
_ANY_ABSENT = """
select 1 from file indexed by file_elsewhere where state = 'synced' and absent_at is not null limit 1"""
_ANY_UNWATCHED = """
select 1 from root where id not in (select value from json_each(:roots))
    and exists (select 1 from file where root_id = root.id) limit 1"""

# The samples of a file, and whether each exists as far as eisync knows.
_SAMPLES = """
select mine.sample_id as id, sample.gone_at is null and coalesce(sample.missed, 0) = 0 as is_there
from file_sample mine join file on file.id = mine.file_id
left join sample on sample.target = file.target and sample.id = mine.sample_id
where mine.file_id = ? order by mine.sample_id"""

# The version in the row is about to be replaced or dropped, while its samples exist: keep its content by these samples.
_KEEP_EARLIER = """
insert or replace into earlier_content (target, sample_id, size, sha256)
select file.target, mine.sample_id, file.size, file.sha256 from file_sample mine
join file on file.id = mine.file_id
join sample on sample.target = file.target and sample.id = mine.sample_id
where mine.file_id = ? and file.sha256 is not null and sample.gone_at is null"""

# Samples of such versions that a complete sweep did not list: a person deleted them, unless eisync did.
_DELETE_EARLIER = """
insert or ignore into deleted_content (target, size, sha256, sample_id, deleted_at)
select earlier.target, earlier.size, earlier.sha256, earlier.sample_id, :now
from sample indexed by sample_missing cross join earlier_content earlier
    on earlier.target = sample.target and earlier.sample_id = sample.id
where sample.target = :target and sample.missing_in = :generation and sample.filename is not null and not exists (
    select 1 from act where act.target = sample.target and act.sample_id = sample.id and act.kind = 'delete_sample'
        and act.state in ('begun', 'done', 'undoing', 'undone'))"""
_FORGET_EARLIER = """
delete from earlier_content where target = :target and sample_id in (
    select id from sample indexed by sample_missing where target = :target and missing_in = :generation)"""

# The contents of files that have lost the sample, whatever state the files are in now.
_DELETE = """
insert or replace into deleted_content (target, size, sha256, sample_id, deleted_at)
select file.target, file.size, file.sha256, :sample_id, :now from file
where file.id in (select value from json_each(:ids)) and file.sha256 is not null"""

# Files that are settling again and had no sample but this one.
_SETTLING_AGAIN = """
select file.id from file_sample mine cross join file on file.id = mine.file_id
where mine.sample_id = :id and file.target = :target and file.state = 'settling' and not exists (
    select 1 from file_sample other join sample on sample.id = other.sample_id and sample.target = file.target
    where other.file_id = file.id and sample.gone_at is null)"""

_RESTORE = f"""
delete from deleted_content where sha256 = :sha256 and target in ({_SAME_PROJECT})"""

# Files that became tombstones only because of their content, without samples of their own.
_COPIES = f"""
select id from file where state = 'tombstone' and sha256 = :sha256 and target in ({_SAME_PROJECT})
    and not exists (select 1 from file_sample where file_id = file.id)"""

# The file has the content that was sent, with other facts.
_UNCHANGED = """
update file set mtime_ns = :mtime_ns, inode = :inode, ctime_ns = :ctime_ns
where id = :id and sha256 = :sha256 and size = :size and state = 'settling' returning target"""


def may_be_known(connection: sqlite3.Connection, target: str, items: Sequence[Item], roots: Iterable[int]) -> set[int]:
    """Return the ids of the items whose content may be known: these must be read. `roots` are those of this run."""
    asked = [(item.id, item.facts.size, item.facts.mtime_ns, None) for item in items]
    parameters = {"target": target, "asked": json.dumps(asked), "roots": json.dumps(list(roots))}
    found: set[int] = set()
    for guard, statement in (
        (_ANY_DELETED, _MAY_BE_DELETED),
        (_ANY_ABSENT, _MAY_BE_ABSENT),
        (_ANY_UNWATCHED, _MAY_BE_UNWATCHED),
    ):
        if connection.execute(guard, {"roots": parameters["roots"]}).fetchone() is not None:
            found.update(row["id"] for row in connection.execute(statement, parameters))
    return found


def known_contents(
    connection: sqlite3.Connection, target: str, hashed: Sequence[tuple[Item, str]], roots: Iterable[int]
) -> dict[int, list[KnownContent]]:
    """Return what is known of the contents of these items, by item id. `roots` are those of this run."""
    asked = [(item.id, item.facts.size, item.facts.mtime_ns, sha256) for item, sha256 in hashed]
    parameters = {"target": target, "asked": json.dumps(asked), "roots": json.dumps(list(roots))}
    found: defaultdict[int, list[KnownContent]] = defaultdict(list)
    for row in connection.execute(_DELETED, parameters):
        found[row["id"]].append(DeletedContent(row["sha256"], row["sample_id"]))
    for statement in (_ABSENT, _UNWATCHED):
        for row in connection.execute(statement, parameters).fetchall():
            samples = connection.execute(_SAMPLES, (row["other_id"],)).fetchall()
            if samples and all(one["is_there"] for one in samples):
                path = os.path.join(os.fsdecode(row["root_path"]), path_of(row))
                found[row["id"]].append(StoredContent(row["sha256"], path, tuple(one["id"] for one in samples)))
    return dict(found)


def note_deleted(connection: sqlite3.Connection, ids: Iterable[int], sample_id: int, now: float) -> None:
    """Record that a person deleted the sample, and with it the contents that these files were sent with."""
    connection.execute(_DELETE, {"ids": json.dumps(list(ids)), "sample_id": sample_id, "now": now})


def keep_earlier(connection: sqlite3.Connection, file_id: int) -> None:
    """Keep the content that the file was sent with, by its samples, before its row is changed or dropped."""
    connection.execute(_KEEP_EARLIER, (file_id,))


def note_missed(connection: sqlite3.Connection, target: str, generation: int, now: float) -> None:
    """Record the contents of earlier versions as deleted whose samples a complete sweep did not list."""
    parameters = {"target": target, "generation": generation}
    connection.execute(_DELETE_EARLIER, {**parameters, "now": now})
    connection.execute(_FORGET_EARLIER, parameters)


def settling_again(connection: sqlite3.Connection, target: str, sample_id: int) -> list[int]:
    """Return the ids of settling files that had no sample but this one. Their content may still be the sent one."""
    rows = connection.execute(_SETTLING_AGAIN, {"target": target, "id": sample_id}).fetchall()
    return [row["id"] for row in rows]


def note_restored(connection: sqlite3.Connection, target: str, sha256: str) -> None:
    """Forget that the content was deleted: it may be sent again, or is in the project again."""
    connection.execute(_RESTORE, {"target": target, "sha256": sha256})


def lift(connection: sqlite3.Connection, target: str, sample_id: int, now: float) -> list[int]:
    """Restore the tombstones of a sample that exists again. Return the ids of their files."""
    reason = f"it is back in the project (sample {sample_id})"
    tombstoned = connection.execute(_TOMBSTONES_OF, {"target": target, "id": sample_id}).fetchall()
    lifted = [row["id"] for row in tombstoned]
    for identity in lifted:
        move(connection, identity, State.TOMBSTONE, Event.FOUND, reason, now)
    for sha256 in {row["sha256"] for row in tombstoned if row["sha256"] is not None}:
        lifted += lift_copies(connection, target, sha256, sample_id, now)
    return lifted


def lift_copies(connection: sqlite3.Connection, target: str, sha256: str, sample_id: int, now: float) -> list[int]:
    """Restore tombstones that have this content and no samples, because it is in the project again, in this sample.

    Return the ids of these files.
    """
    note_restored(connection, target, sha256)
    rows = connection.execute(_COPIES, {"target": target, "sha256": sha256}).fetchall()
    for row in rows:
        move(
            connection,
            row["id"],
            State.TOMBSTONE,
            Event.FOUND,
            (f"it is back in the project (sample {sample_id})"),
            now,
        )
    link(connection, [(row["id"], sample_id, None) for row in rows], now)
    return [row["id"] for row in rows]


def mark_unchanged(connection: sqlite3.Connection, identity: int, facts: FileFacts, sha256: str, now: float) -> bool:
    """Record that a changed file has the content again that was sent.

    Return False when that content neither is at the service nor was deleted there.
    """
    samples = connection.execute(_SAMPLES, (identity,)).fetchall()
    row = connection.execute("select target, state, size from file where id = ?", (identity,)).fetchone()
    if row is None or State(row["state"]) is not State.SETTLING:
        return False
    known = {"target": row["target"], "size": row["size"], "sha256": sha256}
    deleted = connection.execute(_DELETED_WITH, known).fetchone()
    if deleted is None and not any(one["is_there"] for one in samples):
        return False
    version: Mapping[str, int] = {"mtime_ns": facts.mtime_ns, "inode": facts.inode, "ctime_ns": facts.ctime_ns}
    parameters = {"id": identity, "sha256": sha256, "size": facts.size, **version}
    if connection.execute(_UNCHANGED, parameters).fetchone() is None:
        return False
    if any(one["is_there"] for one in samples):
        reason = "it has its uploaded content again; nothing was sent"
        move(connection, identity, State.SETTLING, Event.FOUND, reason, now)
    else:
        assert deleted is not None
        reason = deleted_reason(deleted["sample_id"])
        move(connection, identity, State.SETTLING, Event.DELETED_CONTENT, reason, now)
    return True
