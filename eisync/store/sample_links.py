"""Tie a file to the samples that hold it.

Files whose samples were split or cropped in Studio, and the samples that were cut from these.

Such a file is tied to what was cut from its sample and stays synced: no person deleted its recording. It is the only
whole copy, so what is tied as a segment counts for nothing that takes a file away.
"""

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
"""The hash that the service listed last for a sample that was listed; null: it lists none."""

# Samples that the service has just named: they are there, whatever was believed of them. `:links` is a JSON list of
# (file, sample, name sent). (A cross join is SQLite's word for "in this order".)
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
    """These samples hold what the files were when they were sent last. Safe to repeat.

    A link is (file, sample, the name under which the file was sent as that sample; None: another upload made it).
    """
    told = json.dumps(list(links))
    connection.execute(_KNOW, {"links": told, "now": now})
    connection.execute(_LINK, {"links": told})


def stored_name_of(file: sqlite3.Row) -> str:
    """What the service most likely calls the samples of a file: as it was when its last rename was told there."""
    published = None if file["published"] is None else json.loads(file["published"])
    return str(published["name"]) if published else stored_name(name_of(file))


def sent_of(row: sqlite3.Row, likely: str | None = None) -> Sent:
    """What was sent as the sample. The row is of `sample`, with `sent_name`; `likely`: see `stored_name_of`."""
    return Sent(sha256=row["sha256"], name=row["sent_name"], stored_name=likely)


def listed_of(row: sqlite3.Row) -> RemoteSample:
    """The sample as it was listed last. The row is of `sample`, with `LISTED_SHA256` as `listed`."""
    return RemoteSample(
        id=row["id"],
        filename=row["filename"] or "",
        category=row["category"] or "",
        label=row["label"],
        is_disabled=bool(row["is_disabled"]),
        sha256=None if row["filename"] is None else row["listed"],
        original_name=row["original_name"],
        has_processing_error=bool(row["has_processing_error"]),
        added=row["added"],
        is_cropped=bool(row["is_cropped"]),
    )


def identity_of(row: sqlite3.Row, likely: str | None = None) -> Identity:
    """What the sample is to the file that was sent as it, as far as the listing has told. `likely` is as above."""
    if row["contradiction"] is not None:
        return Identity.FOREIGN
    if row["filename"] is None:
        return Identity.UNLISTED
    evidence = identity.weigh(sent_of(row, likely), listed_of(row), raw_sha256=row["raw_sha256"])
    return identity.identify(evidence)


# A sample that no file of ours is tied to as its own can be a piece of any.
_FREE = """
gone_at is null and filename is not null and not exists (
    select 1 from file_sample mine cross join file on file.id = mine.file_id
    where mine.sample_id = sample.id and file.target = sample.target and not mine.is_segment)"""

# Samples whose names sort behind that of a recording, and those that were cut from what was sent under a name.
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

# Tombstones of samples of a name, which that of a segment begins with, or under which the file was sent.
_BURIED = """
select distinct file.id from sample indexed by sample_by_name
cross join file_sample mine on mine.sample_id = sample.id cross join file on file.id = mine.file_id
where sample.target = :target and sample.filename = :filename and sample.gone_at is not null
    and file.target = :target and file.state = 'tombstone' and file.removal is null"""

# Samples that are files of ours.
_OURS = """
select sample_id from file_sample mine cross join file on file.id = mine.file_id
where mine.sample_id in (select value from json_each(:ids)) and file.target = :target and not mine.is_segment"""

_TIE = "insert or ignore into file_sample (file_id, sample_id, is_segment) values (:file_id, :sample_id, 1)"
_TELL = "update file set reason = :reason where id = :file_id and state = 'synced'"


def origin(connection: sqlite3.Connection, file_id: int) -> Origin | None:
    """The names by which what was cut from a file's samples can be told; None for a file that is not known."""
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
    """The samples that were cut from those of the file, as far as the listing has shown them."""
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
    """Those of the samples that no file of ours is tied to as its own."""
    asked = {"target": target, "ids": json.dumps(sorted(sample_ids))}
    return set(sample_ids) - {row["sample_id"] for row in connection.execute(_OURS, asked).fetchall()}


def tie(connection: sqlite3.Connection, file_id: int, sample_ids: Collection[int], now: float) -> bool:
    """The file's sample went, and these were cut from it: the file stays synced. False when it is neither that nor a
    tombstone."""
    file = connection.execute(_FILE, {"file_id": file_id}).fetchone()
    if file is None or State(file["state"]) not in (State.SYNCED, State.TOMBSTONE):
        return False
    pairs = [{"file_id": file_id, "sample_id": sample_id} for sample_id in sample_ids]
    connection.executemany(_TIE, pairs)
    reason = cut_sentence(len(pairs))
    if file["state"] == State.TOMBSTONE.value:
        move(connection, file_id, State.TOMBSTONE, Event.FOUND, reason, now)
        return True
    connection.execute(_TELL, {"file_id": file_id, "reason": reason})
    transitions.note_history(connection, file_id, "split", reason, now)
    return True


def lift(connection: sqlite3.Connection, target: str, learned: Iterable[RemoteSample], now: float) -> list[int]:
    """Samples that are listed for the first time: tombstones that stand for what they were cut from become synced
    again. Returns these files."""
    lifted: list[int] = []
    for sample in learned:
        if not is_cut(sample):
            continue
        for filename in _origins(sample):
            found = connection.execute(_BURIED, {"target": target, "filename": filename}).fetchall()
            for row in found:
                segments = there(connection, target, row["id"])
                if segments and tie(connection, row["id"], segments, now):
                    lifted.append(row["id"])
    return lifted


def _origins(sample: RemoteSample) -> Sequence[str]:
    """What a sample from which this one was cut may be called."""
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
