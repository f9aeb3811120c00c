"""Tie a file to the samples that hold it."""

import sqlite3
from collections.abc import Iterable

# A sample that the service has just named: it is there, whatever was believed of it.
_KNOW = """
insert into sample (target, id, sha256, known_at) select target, :sample_id, sha256, :now from file where id = :id
on conflict (target, id) do update set sha256 = coalesce(excluded.sha256, sha256), missed = 0, gone_at = null"""

_LINK = "insert or ignore into file_sample (file_id, sample_id) values (:id, :sample_id)"


def link(connection: sqlite3.Connection, pairs: Iterable[tuple[int, int]], now: float) -> None:
    """These samples hold what the files were when they were sent last, by (file, sample). Safe to repeat."""
    rows = [{"id": identity, "sample_id": sample_id, "now": now} for identity, sample_id in pairs]
    connection.executemany(_KNOW, rows)
    connection.executemany(_LINK, rows)
