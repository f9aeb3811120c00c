"""Tie a file to the samples that hold it."""

import sqlite3
from collections.abc import Iterable

# A sample that the service has just named: it is there, whatever was believed of it.
_KNOW = """
insert into sample (target, id, sha256, known_at) values (:target, :sample_id, :sha256, :now)
on conflict (target, id) do update set sha256 = coalesce(excluded.sha256, sha256), missed = 0, gone_at = null"""

_LINK = "insert or ignore into file_sample (file_id, sample_id) values (:id, :sample_id)"


def link(connection: sqlite3.Connection, identity: int, sample_ids: Iterable[int], now: float) -> None:
    """These samples hold what the file was when it was sent last. Safe to repeat."""
    row = connection.execute("select target, sha256 from file where id = ?", (identity,)).fetchone()
    for sample_id in sample_ids:
        parameters = {"id": identity, "sample_id": sample_id, "now": now, **dict(row)}
        connection.execute(_KNOW, parameters)
        connection.execute(_LINK, parameters)
