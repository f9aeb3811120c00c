"""Read pages of files that fit a filter, in an order, so that a page of a million files costs as little as one of ten.

No query reads many rows while others wait for the database. If few files can fit, which an index tells, these are
read. Otherwise the index of the order is walked in steps, and a page may end before it is full: then the next one goes
on where it ended.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from eisync.core.file_filter import FileFilter, Key, Sort
from eisync.core.model import value
from eisync.store.database import Database
from eisync.store.file_conditions import Condition, Place, condition_of, few, places
from eisync.store.records import RECORDS, as_record

FEW = 20_000
"""So many files can be read and sorted at once: that takes a hundredth of a second."""

STEP = 5_000
"""So many rows are read before others may use the database."""

MAX_EXAMINED = 100_000
"""So many rows are read for a page."""


@value
class FilePage:
    """Files with their keys, in order. `end` is the key after which the next page begins; None: there is none."""

    files: tuple[tuple[Key, dict[str, Any]], ...]
    end: Key | None


@value(kw_only=True)
class _Order:
    """An order: the columns of the key, those of the index that is walked, that index, and the direction."""

    columns: tuple[str, ...]
    walked: tuple[str, ...]
    by: str
    is_descending: bool = False

    def sorting(self, columns: Sequence[str]) -> str:
        return ", ".join(f"{column} {'desc' if self.is_descending else 'asc'}" for column in columns)

    def after(self, columns: Sequence[str]) -> str:
        """Return the condition that these columns of a row come after `:k0`, `:k1`, ..."""
        return f"{_row(columns)} {'<' if self.is_descending else '>'} {_row(f':k{at}' for at in range(len(columns)))}"

    def upto(self, columns: Sequence[str]) -> str:
        """Return the condition that they do not come after `:u0`, `:u1`, ..."""
        return f"{_row(columns)} {'>=' if self.is_descending else '<='} {_row(f':u{at}' for at in range(len(columns)))}"


_BY_ID = ("file.id",)
_BY_SIZE = ("file.size", "file.mtime_ns", "file.inode", "file.id")
_IN_ROOT = ("file.folder", "file.name")
_ORDERS: Mapping[Sort, _Order] = {
    Sort.PATH: _Order(
        columns=("root.path", *_IN_ROOT),
        walked=("file.root_id", *_IN_ROOT),
        by="indexed by sqlite_autoindex_file_1",
    ),
    Sort.NEWEST: _Order(columns=_BY_ID, walked=_BY_ID, by="not indexed", is_descending=True),
    Sort.OLDEST: _Order(columns=_BY_ID, walked=_BY_ID, by="not indexed"),
    Sort.SIZE: _Order(columns=_BY_SIZE, walked=_BY_SIZE, by="indexed by file_by_version", is_descending=True),
}

_Walked = tuple[Any, ...]
"""The columns `walked` of a row."""


@value
class _Stretch:
    """Rows that are walked: those between two keys (empty, None: from the first row, to the last one).

    By path, they are in the root `place`, whose id is in the keys of the walk, and whose path is in those of the files.
    """

    start: _Walked = ()
    end: _Walked | None = None
    place: Place | None = None

    def beginning(self, after: _Walked) -> _Walked:
        """Return the key after which to begin, if files up to the key `after` have been listed."""
        if self.place is None:
            return after
        return (
            max(self.start, (self.place.root_id, *after[1:])) if after and after[0] == self.place.path else self.start
        )

    def key(self, walked: _Walked) -> Key:
        return _shown(walked if self.place is None else (self.place.path, *walked[1:]))


_FILES = f"""{RECORDS}
where file.id in (select value from json_each(:ids))"""


class FilePages:
    """Read the pages. Safe to use from any thread."""

    def __init__(
        self, database: Database, *, few: int = FEW, step: int = STEP, max_examined: int = MAX_EXAMINED
    ) -> None:
        self._database = database
        self._few = few
        self._step = step
        self._steps = max_examined // step

    def page(self, which: FileFilter, sort: Sort, *, after: Key, limit: int) -> FilePage:
        """Return at most `limit` files after the key (empty: the first ones). The page may be shorter than that."""
        with self._database.reading() as connection:
            within = places(connection, which.folder)
            condition = condition_of(which, within)
            ids = few(connection, which, within, condition, most=self._few)
            if ids is not None:
                return _of_few(connection, ids, _ORDERS[sort], condition, _stored(after), limit)
        return self._walked(sort, condition, _stored(after), limit, within)

    def _walked(self, sort: Sort, which: Condition, after: _Walked, limit: int, within: Sequence[Place]) -> FilePage:
        """Walk the index of the order. Each step reads a limited number of rows."""
        order, left = _ORDERS[sort], self._steps
        files: list[tuple[Key, dict[str, Any]]] = []
        for stretch in _stretches(sort, within, after):
            start = stretch.beginning(after)
            while True:
                with self._database.reading() as connection:
                    last = _last(connection, order, start, stretch.end, self._step)
                    rows = _rows(connection, order, start, last or stretch.end, which, limit - len(files))
                    files += _files(connection, [(identity, stretch.key(walked)) for identity, walked in rows])
                if len(files) == limit:
                    return FilePage(tuple(files), files[-1][0])
                if last is None:
                    break
                start, left = last, left - 1
                if not left:
                    return FilePage(tuple(files), stretch.key(start))
        return FilePage(tuple(files), None)


def _of_few(
    connection: sqlite3.Connection, ids: Sequence[int], order: _Order, which: Condition, after: _Walked, limit: int
) -> FilePage:
    since = order.after(order.columns) if after else "true"
    statement = f"""select file.id, {", ".join(order.columns)} from json_each(:ids) one
        cross join file on file.id = one.value cross join root on root.id = file.root_id
        where {which.text} and {since} order by {order.sorting(order.columns)} limit :limit"""
    asked = {**which.asked, **_named("k", after), "ids": json.dumps(ids), "limit": limit}
    rows = [(row[0], _shown(tuple(row)[1:])) for row in connection.execute(statement, asked)]
    files = _files(connection, rows)
    return FilePage(tuple(files), files[-1][0] if len(files) == limit else None)


def _last(
    connection: sqlite3.Connection, order: _Order, start: _Walked, end: _Walked | None, step: int
) -> _Walked | None:
    """Return the key with which a step ends that begins after `start`; None when no step ends before `end`."""
    statement = _between(order, "true", has_start=bool(start), has_end=end is not None) + " offset :more"
    asked = {**_named("k", start), **_named("u", end or ()), "limit": 1, "more": step - 1}
    found = connection.execute(statement, asked).fetchone()
    return None if found is None else tuple(found)[1:]


def _rows(
    connection: sqlite3.Connection, order: _Order, start: _Walked, end: _Walked | None, which: Condition, limit: int
) -> list[tuple[int, _Walked]]:
    """Return the ids and keys of the rows between two keys that fit."""
    statement = _between(order, which.text, has_start=bool(start), has_end=end is not None)
    asked = {**which.asked, **_named("k", start), **_named("u", end or ()), "limit": limit}
    return [(row[0], tuple(row)[1:]) for row in connection.execute(statement, asked)]


def _between(order: _Order, condition: str, *, has_start: bool, has_end: bool) -> str:
    # Both bounds are keys of the index: with any other, SQLite would read it from the first row of the stretch.
    since = order.after(order.walked) if has_start else "true"
    until = order.upto(order.walked) if has_end else "true"
    return f"""select file.id, {", ".join(order.walked)} from file {order.by}
        where {since} and {until} and {condition} order by {order.sorting(order.walked)} limit :limit"""


def _files(connection: sqlite3.Connection, rows: Sequence[tuple[int, Key]]) -> list[tuple[Key, dict[str, Any]]]:
    """Return the records of the rows with these ids, each with its key."""
    found = connection.execute(_FILES, {"ids": json.dumps([identity for identity, _ in rows])}).fetchall()
    records = {row["id"]: as_record(row) for row in found}
    return [(key, records[identity]) for identity, key in rows]


def _stretches(sort: Sort, within: Sequence[Place], after: _Walked) -> Iterator[_Stretch]:
    """Yield what is walked, one after the other. No file has an empty name, or a NUL in its path."""
    if sort is not Sort.PATH:
        yield _Stretch()
        return
    for place in within:
        identity, folder = place.root_id, place.folder
        if after and place.path < after[0]:
            continue
        if not folder:
            yield _Stretch((identity, b"", b""), (identity + 1, b"", b""), place)
            continue
        yield _Stretch((identity, folder, b""), (identity, folder + b"\0", b""), place)
        yield _Stretch((identity, folder + b"/", b""), (identity, folder + b"0", b""), place)


def _row(columns: Iterable[str]) -> str:
    return f"({', '.join(columns)})"


def _named(name: str, key: Sequence[Any]) -> dict[str, Any]:
    return {f"{name}{at}": part for at, part in enumerate(key)}


def _shown(key: Sequence[Any]) -> Key:
    return tuple(part.decode("latin-1") if isinstance(part, bytes) else part for part in key)


def _stored(key: Key) -> tuple[Any, ...]:
    return tuple(part.encode("latin-1") if isinstance(part, str) else part for part in key)
