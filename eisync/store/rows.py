"""Rows of the file table, read into values. Paths are bytes in the database, as the file system has them."""

import functools
import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from eisync.core.items import Category, FileFacts, Item
from eisync.core.lifecycle import State

_CATEGORIES = {category.value: category for category in Category}

MISSING = "the local file is not there any more"


@dataclass(frozen=True, slots=True)
class Known:
    """What the outbox holds of one path. `is_absent`: the file was not there when it was looked for last."""

    id: int
    state: State
    facts: FileFacts
    is_absent: bool = False
    sha256: str | None = None  # of what was sent of it; only twins are told of it


def split(path: str) -> tuple[bytes, bytes]:
    """A relative path as the database has it: its folder (empty for the root itself) and its name."""
    folder, _, name = os.fsencode(path).rpartition(b"/")
    return folder, name


def path_of(row: sqlite3.Row) -> str:
    """The path relative to the root."""
    return os.fsdecode(row["folder"] + b"/" + row["name"] if row["folder"] else row["name"])


def known_of(row: sqlite3.Row) -> Known:
    """What the row holds, for whoever compares it with the file."""
    facts = FileFacts(row["size"], row["mtime_ns"], row["inode"])
    return Known(row["id"], State(row["state"]), facts, row["absent_at"] is not None)


def item_of(row: sqlite3.Row, places: Mapping[int, bytes]) -> Item:
    """The row as an item of the outbox. `places` are the paths of the roots, by id."""
    return Item(
        id=row["id"],
        root=_place(places[row["root_id"]]),
        path=path_of(row),
        target=row["target"],
        facts=FileFacts(row["size"], row["mtime_ns"], row["inode"]),
        label=row["label"],
        category=_CATEGORIES[row["category"]],
        metadata=_metadata(row["metadata"]),
        attempts=row["attempts"],
        batch_cap=row["batch_cap"],
        sha256=row["sha256"],
        companions=row["companions"],
    )


@functools.lru_cache(maxsize=64)
def _place(path: bytes) -> str:
    return os.fsdecode(path)


@functools.lru_cache(maxsize=64)  # that of a folder is the same for all its files
def _metadata(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(json.loads(text).items()))
