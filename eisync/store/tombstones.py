"""Files whose samples are gone at the service: which they are, how they become tombstones, and that it is counted.

Contents that are known to the service's side: deleted there by a person, or there already from another place.

A project's contents are those of every target that is that project.
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

# Tombstones that stand for the sample.
_BURIED = """
select file.id, file.sha256 from file_sample mine cross join file on file.id = mine.file_id
where mine.sample_id = :id and file.target = :target and file.state = 'tombstone'"""


def without_samples(connection: sqlite3.Connection, target: str, sample_id: int) -> list[sqlite3.Row]:
    """Synced files of the sample that have no other one: `id`, `state` and `absent_at`."""
    return connection.execute(_BEREFT, {"target": target, "id": sample_id}).fetchall()


def is_split(connection: sqlite3.Connection, target: str, file_id: int, now: float) -> bool:
    """Whether the file's sample was split or cropped: then the file is tied to what was cut from it."""
    cut = sample_links.there(connection, target, file_id)
    return bool(cut) and sample_links.tie(connection, file_id, cut, now)


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


# The targets that are the same project, the one that is asked for among them.
_SAME_PROJECT = """
select name from target where name = :target
or project_id = (select project_id from target where name = :target)"""

# The sample of a deleted content is not there again.
_IS_GONE = """
not exists (
    select 1 from sample where sample.target = deleted_content.target and sample.id = deleted_content.sample_id
        and sample.gone_at is null)"""

_ANY_DELETED = "select 1 from deleted_content limit 1"

# `:asked` is a JSON list of (id, size, mtime_ns, sha256); the hash is null as long as nobody has read the file. Then
# one content of its size says that it has to be read: devices write files of one size, and a project loses thousands.
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

# The sample that a content was deleted with.
_DELETED_WITH = f"""
select sample_id from deleted_content where size = :size and sha256 = :sha256 and target in ({_SAME_PROJECT})"""

# Files of the same size and time that are at the service, and that are not in their place any more, or in no folder
# of this run: it may be them. (Of those in their place there are many of one size and time, written in one tick.)
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

# Its samples; none unless all of them are there, as far as we know.
_SAMPLES = """
select mine.sample_id as id, sample.gone_at is null and coalesce(sample.missed, 0) = 0 as is_there
from file_sample mine join file on file.id = mine.file_id
left join sample on sample.target = file.target and sample.id = mine.sample_id
where mine.file_id = ? order by mine.sample_id"""

# The version that is in the row is not the file's any more, and its samples are there without a file.
_KEEP_EARLIER = """
insert or replace into earlier_content (target, sample_id, size, sha256)
select file.target, mine.sample_id, file.size, file.sha256 from file_sample mine
join file on file.id = mine.file_id
join sample on sample.target = file.target and sample.id = mine.sample_id
where mine.file_id = ? and file.sha256 is not null and sample.gone_at is null"""

# Samples of such versions that a complete sweep did not list: a person deleted them, unless we did.
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

# The contents of files that have lost the sample, whatever became of the files since.
_DELETE = """
insert or replace into deleted_content (target, size, sha256, sample_id, deleted_at)
select file.target, file.size, file.sha256, :sample_id, :now from file
where file.id in (select value from json_each(:ids)) and file.sha256 is not null"""

# Files that are under observation again, and that had no sample but this one.
_UNDER_OBSERVATION = """
select file.id from file_sample mine cross join file on file.id = mine.file_id
where mine.sample_id = :id and file.target = :target and file.state = 'settling' and not exists (
    select 1 from file_sample other join sample on sample.id = other.sample_id and sample.target = file.target
    where other.file_id = file.id and sample.gone_at is null)"""

_RESTORE = f"""
delete from deleted_content where sha256 = :sha256 and target in ({_SAME_PROJECT})"""

# Files that became tombstones for their content alone.
_COPIES = f"""
select id from file where state = 'tombstone' and sha256 = :sha256 and target in ({_SAME_PROJECT})
    and not exists (select 1 from file_sample where file_id = file.id)"""

# The file is what it was when it was sent, with other facts.
_UNCHANGED = """
update file set mtime_ns = :mtime_ns, inode = :inode, ctime_ns = :ctime_ns
where id = :id and sha256 = :sha256 and size = :size and state = 'settling' returning target"""


def may_be_known(connection: sqlite3.Connection, target: str, items: Sequence[Item], roots: Iterable[int]) -> set[int]:
    """The ids of the items whose content may be known: they have to be read. `roots` are those of this run."""
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
    """What is known of the contents of these items, by the id of the item. `roots` are those of this run."""
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
    """A person deleted the sample, and with it the contents that these files were sent with."""
    connection.execute(_DELETE, {"ids": json.dumps(list(ids)), "sample_id": sample_id, "now": now})


def keep_earlier(connection: sqlite3.Connection, file_id: int) -> None:
    """The file has another version now, or its row leaves: what it was sent with is remembered by its samples."""
    connection.execute(_KEEP_EARLIER, (file_id,))


def note_missed(connection: sqlite3.Connection, target: str, generation: int, now: float) -> None:
    """A complete sweep did not list the samples that are marked so; those of earlier versions are deleted."""
    parameters = {"target": target, "generation": generation}
    connection.execute(_DELETE_EARLIER, {**parameters, "now": now})
    connection.execute(_FORGET_EARLIER, parameters)


def under_observation(connection: sqlite3.Connection, target: str, sample_id: int) -> list[int]:
    """Files that may be what they were when they were sent, and that had no sample but this one."""
    rows = connection.execute(_UNDER_OBSERVATION, {"target": target, "id": sample_id}).fetchall()
    return [row["id"] for row in rows]


def note_restored(connection: sqlite3.Connection, target: str, sha256: str) -> None:
    """The content may be sent again, or is there again."""
    connection.execute(_RESTORE, {"target": target, "sha256": sha256})


def lift(connection: sqlite3.Connection, target: str, sample_id: int, now: float) -> list[int]:
    """The sample is there again: lift the tombstones that stand for it. Return their files."""
    reason = f"it is back in the project (sample {sample_id})"
    tombstoned = connection.execute(_BURIED, {"target": target, "id": sample_id}).fetchall()
    lifted = [row["id"] for row in tombstoned]
    for identity in lifted:
        move(connection, identity, State.TOMBSTONE, Event.FOUND, reason, now)
    for sha256 in {row["sha256"] for row in tombstoned if row["sha256"] is not None}:
        lifted += lift_copies(connection, target, sha256, sample_id, now)
    return lifted


def lift_copies(connection: sqlite3.Connection, target: str, sha256: str, sample_id: int, now: float) -> list[int]:
    """The content is there again, in this sample: files that only had the content are at the service as well."""
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
    """A file that changed is again what was sent. False when that is not at the service, nor was deleted there."""
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
