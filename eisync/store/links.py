"""Tie a file to the samples that hold it."""

import json
import sqlite3
from collections.abc import Iterable

# Samples that the service has just named: they are there, whatever was believed of them. `:pairs` is a JSON list of
# (file, sample). (A cross join is SQLite's word for "in this order".)
_KNOW = """
insert into sample (target, id, sha256, known_at)
select file.target, json_extract(pair.value, '$[1]'), file.sha256, :now
from json_each(:pairs) pair cross join file on file.id = json_extract(pair.value, '$[0]') where true
on conflict (target, id) do update set sha256 = coalesce(excluded.sha256, sha256), missed = 0, gone_at = null"""

_LINK = """
insert or ignore into file_sample (file_id, sample_id)
select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(:pairs)"""


def link(connection: sqlite3.Connection, pairs: Iterable[tuple[int, int]], now: float) -> None:
    """These samples hold what the files were when they were sent last, by (file, sample). Safe to repeat."""
    told = json.dumps(list(pairs))
    connection.execute(_KNOW, {"pairs": told, "now": now})
    connection.execute(_LINK, {"pairs": told})
