"""Tie a file to the samples that hold it."""

import json
import sqlite3
from collections.abc import Iterable

from eisync.core import identity
from eisync.core.identity import Identity, Sent
from eisync.core.model import RemoteSample
from eisync.core.wire import stored_name
from eisync.store.rows import name_of

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
