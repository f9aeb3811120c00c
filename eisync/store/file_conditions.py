"""Turn a filter of files into SQL: the condition of a row, and queries for the ids of the files that may fit."""

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from eisync.core.file_filter import FileFilter, lower
from eisync.core.model import value
from eisync.core.text import forms

_PROBLEM_STATES = "'quarantined', 'doubtful'"

# Whether the last complete listing of the project did not show any sample of a file.
_IS_UNLISTED = """(file.state = 'synced' and exists (
    select 1 from file_sample mine cross join sample on sample.target = file.target and sample.id = mine.sample_id
    where mine.file_id = file.id and sample.missed > 0 and sample.gone_at is null and sample.filename is not null)
    and not exists (
    select 1 from file_sample mine cross join sample on sample.target = file.target and sample.id = mine.sample_id
    where mine.file_id = file.id and sample.missed = 0 and sample.gone_at is null))"""

# What is not as it should be (`eisync.core.file_filter` says it in words).
_HAS_PROBLEM = f"""(file.state in ({_PROBLEM_STATES})
    or (file.state = 'ready' and (file.attempts > 0
        or file.target in (select name from target where paused_reason is not null)))
    or (file.remarks is not null and file.state <> 'gone')
    or {_IS_UNLISTED})"""

# Whether a target accepts no files: all of its waiting files have a problem then.
_IS_HELD = "select 1 from target where paused_reason is not null limit 1"

# Whether a sample has another label at the service.
_DIFFERS = """(file.state = 'synced' and file.companions is null and exists (
    select 1 from file_sample mine cross join sample on sample.target = file.target and sample.id = mine.sample_id
    where mine.file_id = file.id and sample.filename is not null and sample.gone_at is null
        and coalesce(sample.label, '') <> coalesce(file.label, '')))"""

# The ids of the files that may fit, by an index each; at most `:few` of them are wanted.
WITH_PROBLEM = f"""
select id from file indexed by file_by_state where state in ({_PROBLEM_STATES})
union select id from file indexed by file_tried where state = 'ready' and attempts > 0
union select id from file indexed by file_remarked where remarks is not null
union select mine.file_id from sample indexed by sample_missed
    cross join file_sample mine on mine.sample_id = sample.id where sample.missed > 0
limit :few"""
IN_STATE = "select id from file indexed by file_by_state where state = :state limit :few"
WITH_LABEL = "select id from file indexed by file_by_label where label is :label limit :few"
IN_FOLDER = """
select id from file indexed by sqlite_autoindex_file_1
where root_id = :root_id and folder = :folder
union all select id from file indexed by sqlite_autoindex_file_1
where root_id = :root_id and folder >= :low and folder < :high limit :few"""

_WITHIN = "(file.root_id = :root_id and (file.folder = :folder or (file.folder >= :low and file.folder < :high)))"

# The path below the root, as text.
_PATH = "cast(iif(file.folder = x'', file.name, file.folder || '/' || file.name) as text)"


@value
class Place:
    """A root, and the folder in it that is listed (empty: the whole root)."""

    root_id: int
    path: bytes
    folder: bytes


@value
class Condition:
    """An SQL condition, and its parameters."""

    text: str
    asked: Mapping[str, Any]


def places(connection: sqlite3.Connection, folder: str | None) -> list[Place]:
    """Return the roots by path, each with the folder in it, that are at and below `folder`. Without one: all roots."""
    rows = connection.execute("select id, path from root order by path").fetchall()
    if folder is None:
        return [Place(row["id"], row["path"], b"") for row in rows]
    wanted = os.fsencode(folder).rstrip(b"/") + b"/"
    found = []
    for row in rows:
        root = row["path"].rstrip(b"/") + b"/"
        if root.startswith(wanted):
            found.append(Place(row["id"], row["path"], b""))
        elif wanted.startswith(root):
            found.append(Place(row["id"], row["path"], wanted[len(root) : -1]))
    return found


def few(
    connection: sqlite3.Connection, which: FileFilter, within: Sequence[Place], condition: Condition, *, most: int
) -> list[int] | None:
    """Return the ids of all files that may fit; None if these are more than `most`, or no index tells."""
    if not within:
        return []
    queries = []
    if which.has_problem and connection.execute(_IS_HELD).fetchone() is None:
        queries.append(WITH_PROBLEM)
    if which.label is not None:
        queries.append(WITH_LABEL)
    if which.state is not None:
        queries.append(IN_STATE)
    if len(within) == 1 and within[0].folder:
        queries.append(IN_FOLDER)
    for query in queries:
        where = _below(within[0]) if query is IN_FOLDER else {}
        ids = [row["id"] for row in connection.execute(query, {**condition.asked, **where, "few": most + 1})]
        if len(ids) <= most:
            return ids
    return None


def condition_of(which: FileFilter, within: Sequence[Place]) -> Condition:
    """Return the condition that a row fits the filter. `within`: what `places` returned for its folder."""
    conditions, asked = ["true"], dict[str, Any]()
    if which.state is not None:
        conditions.append("file.state = :state")
        asked["state"] = which.state
    if which.label is not None:
        conditions.append("file.label is :label")
        asked["label"] = which.label or None
    if which.category is not None:
        conditions.append("file.category = :category")
        asked["category"] = which.category
    if which.search is not None:
        searched = forms(which.search)
        found = [f"instr(lower({_PATH}), cast(:search{at} as text)) > 0" for at in range(len(searched))]
        conditions.append(f"({' or '.join(found)})")
        asked |= {f"search{at}": os.fsencode(lower(form)) for at, form in enumerate(searched)}
    if which.has_problem:
        conditions.append(_HAS_PROBLEM)
    if which.differs:
        conditions.append(_DIFFERS)
    if which.folder is not None:
        parts = ["file.root_id in (select value from json_each(:roots))"]
        asked["roots"] = json.dumps([place.root_id for place in within if not place.folder])
        for at, place in enumerate(place for place in within if place.folder):
            parts.append(_WITHIN.replace(":", f":w{at}_"))
            asked |= {f"w{at}_{name}": found for name, found in _below(place).items()}
        conditions.append(f"({' or '.join(parts)})")
    return Condition(" and ".join(conditions), asked)


def _below(place: Place) -> dict[str, Any]:
    """Return the parameters that find the files in and below the folder of a place."""
    return {"root_id": place.root_id, "folder": place.folder, "low": place.folder + b"/", "high": place.folder + b"0"}
