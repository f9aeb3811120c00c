"""Store the categories of groups of files, which a split keeps together.

A decision is never changed. Beside it stands in which categories the group has files: samples that the project lists,
whoever sent them, and files here that are not listed yet. A count finds that out, page by page, because a project may
have a million samples. Its results replace those of the count before when it ends.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from eisync.core.labels.split import CATEGORIES, Label, Placement
from eisync.core.model import Category, value
from eisync.core.text import nfc
from eisync.store.database import Database

PAGE = 1_000

_BITS = {category: 1 << number for number, category in enumerate(CATEGORIES)}

# The end of a page of ids. The page is bounded before its rows are looked at: most of them may say nothing.
_END = """
select max(id) as last_id, count(*) as rows
from (select id from {table} where target = :target and id > :after order by id limit :limit)"""

# What a page of listed samples, and of files that are not listed, says of groups. A sample of ours counts as it is
# listed, because a person may have moved it.
_COUNTED = """
select key, label, category, count(*) as files from (
    select label, category, (select value from json_each({table}.metadata) where key = :name) as key
    from {table} where {table}.target = :target and id > :after and id <= :last_id and {which})
group by key, label, category"""
_NOT_LISTED = """(state in ('ready', 'sending', 'doubtful') or state = 'synced' and not exists (
    select 1 from file_sample mine join sample on sample.id = mine.sample_id
    where mine.file_id = file.id and sample.target = file.target and sample.filename is not null
        and sample.gone_at is null))"""
_PARTS = tuple(
    (_END.format(table=table), _COUNTED.format(table=table, which=which))
    for table, which in (("sample", "filename is not null and gone_at is null"), ("file", _NOT_LISTED))
)

_NOTE_FRESH = """
insert into split_group (target, name, key, fresh) values (:target, :name, :key, :bit)
on conflict (target, name, key) do update set fresh = fresh | :bit"""

# The count is over. A group without files is forgotten unless its category was decided.
_TAKE_OVER = "update split_group set seen = fresh where target = :target and name = :name and seen <> fresh"
_FORGET = "delete from split_group where target = :target and name = :name and seen = 0 and category is null"

_DECIDE = """
insert into split_group (target, name, key, category, why, seen, fresh, decided_at)
values (:target, :name, :key, :category, :why, :bit, :bit, :now)
on conflict (target, name, key) do update set
    seen = seen | :bit, fresh = fresh | :bit, category = coalesce(category, :category),
    why = iif(category is null, :why, why), decided_at = coalesce(decided_at, :now)"""

_STRADDLING = """
select key, category, why, seen from split_group indexed by split_straddling
where target = :target and seen not in (0, 1, 2, 4) limit :limit"""


@value
class GroupFacts:
    """A group. `category`: where its files go, None when that was not decided here. `seen`: where it has files."""

    key: str
    category: Category | None
    why: str | None
    seen: tuple[Category, ...]


@dataclass(slots=True)
class Count:
    """A count of the files of all groups of a target, and how far it got. `totals` has them by label and category."""

    target: str
    name: str
    totals: Counter[tuple[Label, Category]] = field(default_factory=Counter)
    part: int = 0
    after: int = 0

    @property
    def is_done(self) -> bool:
        return self.part == len(_PARTS)


class SplitGroups:
    """Store the groups. Safe to use from any thread; each method is one transaction or one read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, target: str, name: str, keys: Iterable[str]) -> dict[str, GroupFacts]:
        """Return those of these groups that are known, by key."""
        statement = "select key, category, why, seen from split_group where target = ? and name = ? and key = ?"
        with self._database.reading() as connection:
            rows = [connection.execute(statement, (target, name, key)).fetchone() for key in keys]
        return {row["key"]: _facts(row) for row in rows if row is not None}

    def every(self, target: str, name: str, *, limit: int) -> list[GroupFacts]:
        """List the groups of the target, by key."""
        statement = (
            "select key, category, why, seen from split_group where target = ? and name = ? order by key limit ?"
        )
        with self._database.reading() as connection:
            return [_facts(row) for row in connection.execute(statement, (target, name, limit))]

    def straddling(self, target: str, *, limit: int) -> list[GroupFacts]:
        """List groups that have files in several categories."""
        with self._database.reading() as connection:
            rows = connection.execute(_STRADDLING, {"target": target, "limit": limit}).fetchall()
        return [_facts(row) for row in rows]

    def decide(self, target: str, name: str, groups: Mapping[str, Placement], *, now: float) -> None:
        """Record the categories of groups. What was decided before stays; a file in another category is noted."""
        rows = [
            {
                "target": target,
                "name": name,
                "key": key,
                "category": one.category.value,
                "why": one.why,
                "bit": _BITS[one.category],
                "now": now,
            }
            for key, one in groups.items()
        ]
        with self._database.transaction() as connection:
            connection.executemany(_DECIDE, rows)

    def begin_count(self, target: str, name: str) -> Count:
        """Begin to count the files of the groups. The count of before stays valid until this one ends."""
        with self._database.transaction() as connection:
            connection.execute("update split_group set fresh = 0 where target = ? and name = ?", (target, name))
        return Count(target, name)

    def count_on(self, count: Count) -> None:
        """Count one page more. When it was the last, the count replaces the one before."""
        about = {"target": count.target, "name": count.name}
        found = self._page(count)
        rows = [{**about, "key": key, "bit": _BITS[category]} for key, _, category in found]
        with self._database.transaction() as connection:
            connection.executemany(_NOTE_FRESH, rows)
            if count.is_done:
                connection.execute(_TAKE_OVER, about)
                connection.execute(_FORGET, about)

    def totals(self, target: str, name: str) -> Mapping[tuple[Label, Category], int]:
        """Count the files of all groups by label and category, and store nothing."""
        count = Count(target, name)
        while not count.is_done:
            self._page(count)
        return count.totals

    def listed_at(self, target: str) -> tuple[float | None, str | None]:
        """Return when the project was listed last (Unix s; None: never), and why it cannot be listed now."""
        with self._database.reading() as connection:
            row = connection.execute(
                "select listed_at, listing_trouble from target where name = ?", (target,)
            ).fetchone()
        return (None, None) if row is None else (row["listed_at"], row["listing_trouble"])

    def _page(self, count: Count) -> Sequence[tuple[str, Label, Category]]:
        """Add a page to the count. Return the groups, labels and categories that are in it."""
        end, counted = _PARTS[count.part]
        about = {"target": count.target, "name": count.name, "after": count.after, "limit": PAGE}
        with self._database.reading() as connection:
            last = connection.execute(end, about).fetchone()
            rows = connection.execute(counted, {**about, "last_id": last["last_id"] or 0}).fetchall()
        found: dict[tuple[str, Label, Category], int] = {}
        for row in rows:
            category = _BY_NAME.get(row["category"])
            if category is not None and row["key"]:
                # A service lists an empty label where there is none.
                key = (nfc(str(row["key"])), nfc(row["label"] or "") or None, category)
                found[key] = found.get(key, 0) + row["files"]
        for (_, label, category), number in found.items():
            count.totals[label, category] += number
        if last["rows"] == PAGE:
            count.after = last["last_id"]
        else:
            count.part, count.after = count.part + 1, 0
        return list(found)


_BY_NAME = {category.value: category for category in CATEGORIES}


def _categories(bits: int) -> tuple[Category, ...]:
    return tuple(category for category, bit in _BITS.items() if bits & bit)


def _facts(row: sqlite3.Row) -> GroupFacts:
    category = None if row["category"] is None else Category(row["category"])
    return GroupFacts(row["key"], category, row["why"], _categories(row["seen"]))
