"""Read rows of the file table into values. Paths are bytes in the database, as in the file system.

The SQL for the transitions of `RemovalState` is generated here from their table.
"""

import functools
import json
import os
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from eisync.core.lifecycle import (
    HERE,
    RETRIEVABLE,
    RemovalEvent,
    RemovalState,
    State,
    removal_sources,
    step_removal,
)
from eisync.core.model import Category, FileFacts, Item, KnownFile, sent_name

_CATEGORIES = {category.value: category for category in Category}


def _literal(state: RemovalState) -> str:
    return "null" if state.value is None else f"'{state.value}'"


def removal_in(states: Iterable[RemovalState]) -> str:
    """Return the SQL condition that `removal` is one of these states."""
    some = set(states)
    named = ", ".join(_literal(state) for state in RemovalState if state in some and state is not RemovalState.NONE)
    conditions = ["removal is null"] * (RemovalState.NONE in some) + [f"removal in ({named})"] * bool(named)
    return conditions[0] if len(conditions) == 1 else f"({' or '.join(conditions)})"


def removal_before(event: RemovalEvent) -> str:
    """Return the SQL condition that the event may happen to the local copy, so that no other row is updated."""
    return removal_in(removal_sources(event))


def removal_after(event: RemovalEvent) -> str:
    """Return the SQL expression for the value of `removal` after the event."""
    before: dict[RemovalState, list[RemovalState]] = {}
    for state in removal_sources(event):
        before.setdefault(step_removal(state, event), []).append(state)
    if len(before) == 1:
        return _literal(next(iter(before)))
    cases = (f"when {removal_in(states)} then {_literal(after)}" for after, states in before.items())
    return f"case {' '.join(cases)} else removal end"


IS_HERE = removal_in(HERE)
"""The SQL condition that a file belongs in its folder: if it is missing, that counts as a deletion."""
IS_RETRIEVABLE = removal_in(RETRIEVABLE)
"""The SQL condition that eisync removed the file, and that its content can be restored."""


ITEM = """
id, root_id, folder, name, target, size, mtime_ns, inode, ctime_ns, label, category, metadata, attempts, batch_cap,
sha256, companions, sent_as"""
"""The columns that `item_of` reads."""

KNOWN = f"""
id, state, size, mtime_ns, inode, ctime_ns, absent_at, sha256, iif({IS_RETRIEVABLE}, sha256, null) as taken_sha256"""
"""The columns that `known_of` reads."""

MISSING = "the local file is not there any more"


def split(path: str) -> tuple[bytes, bytes]:
    """Split a relative path as the database stores it: its folder (empty for the root itself) and its name."""
    folder, _, name = os.fsencode(path).rpartition(b"/")
    return folder, name


def path_of(row: sqlite3.Row) -> str:
    """Return the path relative to the root."""
    return os.fsdecode(row["folder"] + b"/" + row["name"] if row["folder"] else row["name"])


def known_of(row: sqlite3.Row) -> KnownFile:
    """Return what the row holds, for a comparison with the file."""
    is_absent = row["absent_at"] is not None
    return KnownFile(row["id"], State(row["state"]), facts_of(row), is_absent, row["taken_sha256"], row["sha256"])


def name_of(row: sqlite3.Row) -> str:
    """Return the file name that is sent to the service."""
    return str(row["sent_as"]) if row["sent_as"] else sent_name(path_of(row))


def remarks_of(row: sqlite3.Row) -> dict[str, str]:
    """Return the parts of the description that were not sent, as sentences by kind."""
    return {} if row["remarks"] is None else dict(json.loads(row["remarks"]))


def remarks_text(remarks: Mapping[str, str]) -> str | None:
    """Return the remarks as text for their column; None when there are none."""
    return json.dumps(dict(remarks), sort_keys=True, ensure_ascii=False) if remarks else None


def facts_of(row: sqlite3.Row) -> FileFacts:
    """Return the facts of the version in the row."""
    return FileFacts(row["size"], row["mtime_ns"], row["inode"], ctime_ns=row["ctime_ns"])


def version_of(facts: FileFacts) -> dict[str, int]:
    """Return the facts as SQL parameters."""
    return {"size": facts.size, "mtime_ns": facts.mtime_ns, "inode": facts.inode, "ctime_ns": facts.ctime_ns}


def item_of(row: Iterable[Any], places: Mapping[int, bytes]) -> Item:
    """Return an item of the outbox from the columns `ITEM` of a row. `places` are the paths of the roots, by id."""
    # By position: looking up seventeen columns by name is half of the cost of a claim.
    (identity, root_id, folder, name, target, size, mtime_ns, inode, ctime_ns, label, category, *rest) = row
    metadata, attempts, batch_cap, sha256, companions, sent_as = rest
    return Item(
        id=identity,
        root=_place(places[root_id]),
        path=os.fsdecode(folder + b"/" + name if folder else name),
        target=target,
        facts=FileFacts(size, mtime_ns, inode, 0.0, ctime_ns),
        label=label,
        category=_CATEGORIES[category],
        metadata=_metadata(metadata),
        attempts=attempts,
        batch_cap=batch_cap,
        sha256=sha256,
        companions=companions,
        sent_as=sent_as,
    )


@functools.lru_cache(maxsize=64)
def _place(path: bytes) -> str:
    return os.fsdecode(path)


@functools.lru_cache(maxsize=64)  # all files of a folder usually have the same metadata
def _metadata(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(json.loads(text).items()))
