"""Link files to the samples that hold them, and to segments that were cut from such samples in Studio.

A file whose sample was split or cropped is linked to the segments and stays synced, because no person deleted its
recording. The file is then the only whole copy, so a segment never counts as proof for a removal.
"""

import functools
import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence

from eisync.core import identity
from eisync.core.identity import Identity, Sent
from eisync.core.lifecycle import Event, State
from eisync.core.model import RemoteSample
from eisync.core.studio import Origin, cut_sentence, is_cut, is_cut_from, marked, origin_of, stored_name, wholes
from eisync.store import transitions
from eisync.store.rows import name_of
from eisync.store.transitions import move

LISTED_SHA256 = "iif(sample.listed_sha256 is null, sample.sha256, nullif(sample.listed_sha256, ''))"
"""The SQL expression for the hash that the service listed last for a listed sample; null: it lists none."""

# Samples that the service has just named exist, whatever the index said before. `:links` is a JSON list of
# (file, sample, name sent). (In SQLite, a cross join fixes the order in which the tables are read.)
_KNOW = f"""
insert into sample (target, id, sha256, known_at)
select file.target, json_extract(link.value, '$[1]'), file.sha256, :now
from json_each(:links) link cross join file on file.id = json_extract(link.value, '$[0]') where true
on conflict (target, id) do update set
    sha256 = coalesce(excluded.sha256, sha256), missed = 0, gone_at = null,
    listed_sha256 = case
        when filename is null then null
        when {LISTED_SHA256} is null then ''
        when {LISTED_SHA256} = coalesce(excluded.sha256, sha256) then null
        else {LISTED_SHA256} end"""

_LINK = """
insert into file_sample (file_id, sample_id, sent_name)
select json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')
from json_each(:links) where true
on conflict (file_id, sample_id) do update set sent_name = coalesce(excluded.sent_name, sent_name)"""


def link(connection: sqlite3.Connection, links: Iterable[tuple[int, int, str | None]], now: float) -> None:
    """Link files to the samples that hold their last sent version. Safe to repeat.

    A link is (file id, sample id, sent name). The sent name is the one under which the file was uploaded as this
    sample; None: another upload made the sample.
    """
    text = json.dumps(list(links))
    connection.execute(_KNOW, {"links": text, "now": now})
    connection.execute(_LINK, {"links": text})


def stored_name_of(file: sqlite3.Row) -> str:
    """Return the name that the service most likely has for the file's samples: the one it last accepted."""
    published = None if file["published"] is None else json.loads(file["published"])
    return str(published["name"]) if published else stored_name(name_of(file))


def sent_of(row: sqlite3.Row, likely: str | None = None) -> Sent:
    """Return what was sent as the sample. The row is of `sample`, with `sent_name`; `likely`: see `stored_name_of`."""
    return Sent(sha256=row["sha256"], name=row["sent_name"], stored_name=likely)


def listed_of(row: sqlite3.Row) -> RemoteSample:
    """Return the sample as it was listed last. The row is of `sample`, with `LISTED_SHA256` as `listed`."""
    return RemoteSample(
        id=row["id"],
        filename=row["filename"] or "",
        category=row["category"] or "",
        label=row["label"],
        is_disabled=bool(row["is_disabled"]),
        sha256=None if row["filename"] is None else row["listed"],
        original_name=row["original_name"],
        has_processing_error=bool(row["has_processing_error"]),
        metadata=_metadata(row["metadata"]),
        added=row["added"],
        is_cropped=bool(row["is_cropped"]),
    )


# Most samples of a project share a few sets of metadata, so these are cached.
@functools.lru_cache(maxsize=256)
def _metadata(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(json.loads(text).items()))


def identity_of(row: sqlite3.Row, likely: str | None = None) -> Identity:
    """Return whether the listing shows the sample that was sent, another one, or none yet. `likely` is as above."""
    if row["contradiction"] is not None:
        return Identity.FOREIGN
    if row["filename"] is None:
        return Identity.UNLISTED
    evidence = identity.weigh(sent_of(row, likely), listed_of(row), raw_sha256=row["raw_sha256"])
    return identity.identify(evidence)


# A sample that belongs to no file of ours may be a segment of any recording.
_FREE = """
gone_at is null and filename is not null and not exists (
    select 1 from file_sample mine cross join file on file.id = mine.file_id
    where mine.sample_id = sample.id and file.target = sample.target and not mine.is_segment)"""

# Samples whose names begin with that of a recording, and samples that were cropped from an upload of some name.
_NAMED = f"""
select id, filename, original_name, is_cropped from sample indexed by sample_by_name
where target = :target and filename >= :low and filename < :high and {_FREE}"""
_CROPPED = f"""
select id, filename, original_name, is_cropped from sample indexed by sample_cropped
where is_cropped and target = :target and original_name = :sent and {_FREE}"""

# The names of the samples that a file has or had.
_NAMES = """
select sample.filename, sample.original_name from file_sample mine cross join sample
on sample.target = :target and sample.id = mine.sample_id where mine.file_id = :file_id and not mine.is_segment"""

_FILE = "select id, folder, name, sent_as, target, state from file where id = :file_id"

# Tombstones of samples of this name. The name is the start of a segment's name, or the one that the file was sent with.
_TOMBSTONES_OF = """
select distinct file.id from sample indexed by sample_by_name
cross join file_sample mine on mine.sample_id = sample.id cross join file on file.id = mine.file_id
where sample.target = :target and sample.filename = :filename and sample.gone_at is not null
    and file.target = :target and file.state = 'tombstone' and file.removal is null"""

# Samples that belong to files of ours.
_OURS = """
select sample_id from file_sample mine cross join file on file.id = mine.file_id
where mine.sample_id in (select value from json_each(:ids)) and file.target = :target and not mine.is_segment"""

_TIE = "insert or ignore into file_sample (file_id, sample_id, is_segment) values (:file_id, :sample_id, 1)"
_SET_REASON = "update file set reason = :reason where id = :file_id and state = 'synced'"


def origin(connection: sqlite3.Connection, file_id: int) -> Origin | None:
    """Return the names by which segments of the file's samples are recognised; None for an unknown file."""
    file = connection.execute(_FILE, {"file_id": file_id}).fetchone()
    if file is None:
        return None
    names = connection.execute(_NAMES, {"file_id": file_id, "target": file["target"]}).fetchall()
    return origin_of(
        name_of(file),
        frozenset(row["filename"] for row in names if row["filename"]),
        frozenset(row["original_name"] for row in names if row["original_name"]),
    )


def there(connection: sqlite3.Connection, target: str, file_id: int) -> list[int]:
    """List the samples that were cut from those of the file, as far as the listing has shown them."""
    names = origin(connection, file_id)
    if names is None:
        return []
    rows: list[sqlite3.Row] = []
    for filename in names.filenames:
        for low, high in marked(filename):
            rows += connection.execute(_NAMED, {"target": target, "low": low, "high": high}).fetchall()
    for sent in names.sent:
        rows += connection.execute(_CROPPED, {"target": target, "sent": sent}).fetchall()
    return sorted({row["id"] for row in rows if is_cut_from(_sample(row), names)})


def free(connection: sqlite3.Connection, target: str, sample_ids: Collection[int]) -> set[int]:
    """Return those of the samples that belong to no file of ours."""
    asked = {"target": target, "ids": json.dumps(sorted(sample_ids))}
    return set(sample_ids) - {row["sample_id"] for row in connection.execute(_OURS, asked).fetchall()}


def tie(connection: sqlite3.Connection, file_id: int, sample_ids: Collection[int], now: float) -> bool:
    """Link the file to segments that were cut from its deleted sample, so that it stays synced or becomes so again.

    Return False when the file is neither synced nor a tombstone.
    """
    file = connection.execute(_FILE, {"file_id": file_id}).fetchone()
    if file is None or State(file["state"]) not in (State.SYNCED, State.TOMBSTONE):
        return False
    pairs = [{"file_id": file_id, "sample_id": sample_id} for sample_id in sample_ids]
    connection.executemany(_TIE, pairs)
    reason = cut_sentence(len(pairs))
    if file["state"] == State.TOMBSTONE.value:
        move(connection, file_id, State.TOMBSTONE, Event.FOUND, reason, now)
        return True
    connection.execute(_SET_REASON, {"file_id": file_id, "reason": reason})
    transitions.note_history(connection, file_id, "split", reason, now)
    return True


def lift(connection: sqlite3.Connection, target: str, learned: Iterable[RemoteSample], now: float) -> list[int]:
    """Restore tombstones whose samples were only split: some newly listed samples are segments of them.

    Return the ids of the files that are synced again.
    """
    lifted: list[int] = []
    for sample in learned:
        if not is_cut(sample):
            continue
        for filename in _origins(sample):
            found = connection.execute(_TOMBSTONES_OF, {"target": target, "filename": filename}).fetchall()
            for row in found:
                segments = there(connection, target, row["id"])
                if segments and tie(connection, row["id"], segments, now):
                    lifted.append(row["id"])
    return lifted


def _origins(sample: RemoteSample) -> Sequence[str]:
    """Return the possible names of the sample that this one was cut from."""
    names = dict.fromkeys(wholes(sample.filename))
    if sample.is_cropped:
        names[sample.filename] = None
        if sample.original_name is not None:
            names.update(dict.fromkeys(origin_of(sample.original_name).filenames))
    return list(names)


def _sample(row: sqlite3.Row) -> RemoteSample:
    return RemoteSample(
        id=row["id"],
        filename=row["filename"],
        category="",
        label=None,
        original_name=row["original_name"],
        is_cropped=bool(row["is_cropped"]),
    )
