"""Read, compare and write samples as rows, a hundred in one statement.

A sweep reads and writes every sample of a project, so this module creates no object without need.
"""

import functools
import itertools
import json
import sqlite3
from collections.abc import Sequence
from itertools import chain, islice
from typing import Any

from eisync.core.identity import Sent
from eisync.core.listing import IndexedSample
from eisync.core.model import RemoteSample
from eisync.store.sample_links import LISTED_SHA256

# A slice of the index: the samples in a range of ids, newest first. The columns are the fields of RemoteSample and of
# IndexedSample, in order, and whether there is nothing to say beyond the sample itself. Our own samples are those that
# a file of the target is linked to; for them the sent name (empty: not known) and the hash of what was sent follow.
# (A sample that was learned in the same instant in which the sweep began was there before it.)
SLICE = f"""
select id, filename, category, label, is_disabled, {LISTED_SHA256}, original_name, metadata, has_processing_error,
    added, is_cropped,
    (select max(coalesce(mine.sent_name, '')) from file_sample mine cross join file on file.id = mine.file_id
        where mine.sample_id = sample.id and file.target = sample.target),
    sha256, gone_at is not null, missed, missing_in is :generation and :generation is not null,
    known_at > :began_at, filename is not null, contradiction is not null,
    gone_at is null and missed = 0 and missing_in is null and filename is not null and contradiction is null
from sample where target = :target and id >= :low and id < :high order by id desc limit :limit"""
FLAGS_AT, PLAIN_AT = 11, 19  # positions in a row: the end of the RemoteSample fields, and the last column

# Insert or update a sample as the service lists it. Our own hash stays, because it is that of the sent bytes.
# (By position: looking up thirteen names for each of a million samples is a third of the time to write them. ?1 and ?2
# are what all rows share.)
_KEEP = f"""
insert into sample (target, id, filename, category, label, is_disabled, sha256, original_name, metadata,
                    has_processing_error, added, is_cropped, known_at)
values {{rows}}
on conflict (target, id) do update set
    raw_sha256 = iif({LISTED_SHA256} is excluded.sha256 and original_name is excluded.original_name
        and (added is null or added is excluded.added), raw_sha256, null),
    listed_sha256 = case
        when coalesce(sha256, excluded.sha256) is excluded.sha256 then null else coalesce(excluded.sha256, '') end,
    filename = excluded.filename, category = excluded.category, label = excluded.label,
    is_disabled = excluded.is_disabled, sha256 = coalesce(sha256, excluded.sha256),
    original_name = excluded.original_name, metadata = excluded.metadata, added = excluded.added,
    has_processing_error = excluded.has_processing_error, is_cropped = excluded.is_cropped,
    missed = 0, missing_in = null, gone_at = null, contradiction = null"""

_ROWS = 100  # rows in one statement


def _keeping(count: int) -> str:
    numbers = itertools.count(3)
    rows = (", ".join(f"?{number}" for number in islice(numbers, FLAGS_AT)) for _ in range(count))
    return _KEEP.format(rows=", ".join(f"(?1, {row}, ?2)" for row in rows))


_KEEP_ONE, _KEEP_MANY = _keeping(1), _keeping(_ROWS)


def indexed_sample(row: tuple[Any, ...]) -> IndexedSample:
    """Return the sample in a row of `SLICE`."""
    # This runs for every sample of a sweep. Named fields, and a call of bool for each flag, took twice as long.
    identity, filename, category, label, is_disabled, sha256, original, metadata, error, *rest = row[:FLAGS_AT]
    added, is_cropped = rest
    name, sent_sha256, is_gone, missed, is_noted, is_new, was_listed, is_contradicted = row[FLAGS_AT:PLAIN_AT]
    sample = RemoteSample(
        identity,
        filename or "",
        category or "",
        label,
        is_disabled != 0,
        sha256,
        original,
        () if metadata == "{}" else _read(metadata),
        error != 0,
        added,
        is_cropped != 0,
    )
    sent = None if name is None else Sent(sha256=sent_sha256, name=name or None)
    return IndexedSample(
        sample, sent, is_gone != 0, missed, is_noted != 0, is_new != 0, was_listed != 0, is_contradicted != 0
    )


def row_of(sample: RemoteSample) -> tuple[object, ...]:
    """Return the sample as a row, as it is written and as `SLICE` reads it."""
    return (
        sample.id,
        sample.filename,
        sample.category,
        sample.label,
        1 if sample.is_disabled else 0,  # sqlite3 searches an adapter, each time, for a value that is no number or text
        sample.sha256,
        sample.original_name,
        _written(sample.metadata),
        1 if sample.has_processing_error else 0,
        sample.added,
        1 if sample.is_cropped else 0,
    )


def keep(connection: sqlite3.Connection, target: str, rows: Sequence[tuple[object, ...]], now: float) -> None:
    """Write rows. Sort them by ascending id, as in the table: the opposite order leaves every page half empty."""
    # Many rows in one statement: one row a statement took as long as the rest of the sweep.
    end = len(rows) - len(rows) % _ROWS
    for at in range(0, end, _ROWS):
        connection.execute(_KEEP_MANY, (target, now, *chain.from_iterable(rows[at : at + _ROWS])))
    connection.executemany(_KEEP_ONE, [(target, now, *row) for row in rows[end:]])


# Most samples of a project share a few sets of metadata, so these are cached.
@functools.lru_cache(maxsize=256)
def _written(metadata: tuple[tuple[str, str], ...]) -> str:
    return json.dumps(dict(metadata))


@functools.lru_cache(maxsize=256)
def _read(metadata: str) -> tuple[tuple[str, str], ...]:
    return tuple(json.loads(metadata).items())
