"""Claim files that are due: the first ones in the order of sending, with others from the backlog that share a request.

Due files are read root by root, so that each query reads one end of an index, however many files wait in other roots.
Files that are not among the first ones but have the same headers as one of them come from an index, too: so requests
are full as long as there is a backlog, however many labels it has. The first due file is always claimed.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from eisync.core.batching import Order
from eisync.core.labels.inferred import infers
from eisync.core.model import Item
from eisync.store.rows import ITEM, item_of, name_of

# The files of a root that are due, at most as many as one claim takes, by order.
_DUE_BY = {
    Order.OLDEST: """
select id, due_at as rank from file indexed by file_due
where root_id = :root_id and state = 'ready' and due_at <= :now and target = :target
order by due_at, id limit :limit""",
    Order.NEWEST: """
select id, -due_at as rank from file indexed by file_due
where root_id = :root_id and state = 'ready' and due_at <= :now and target = :target
order by due_at desc, id desc limit :limit""",
    Order.SMALLEST: """
select id, size as rank from file indexed by file_by_size
where root_id = :root_id and state = 'ready' and due_at <= :now and target = :target
order by size, id limit :limit""",
}

# What decides which files share a request. `:ids` is a JSON list.
_HEADERS = """
select category, label, metadata, folder, name, sent_as, companions is not null as is_described
from json_each(:ids) due cross join file on file.id = due.value order by due.key"""

# The due files of a root that share their headers, first those that are sent first.
_ALIKE = """
select id, {sign}due_at as rank from file indexed by file_by_headers
where root_id = :root_id and category = :category and label is :label and metadata = :metadata
    and state = 'ready' and due_at <= :now and target = :target
order by due_at {direction}, id {direction} limit :limit"""
_ALIKE_BY = {
    Order.OLDEST: _ALIKE.format(sign="", direction="asc"),
    Order.NEWEST: _ALIKE.format(sign="-", direction="desc"),
}

# Claim them. `:ids` is a JSON list. (The plus keeps SQLite from reading all files that are ready.)
_CLAIM = f"""
update or rollback file set state = 'sending', claim = :claim, changed_at = :now
where id in (select value from json_each(:ids)) and +state = 'ready'
returning {ITEM}"""

# When the next file of a root is due.
_NEXT_DUE = """
select due_at from file indexed by file_due
where root_id = :root_id and state = 'ready' and target = :target
order by due_at, id limit 1"""

_Due = tuple[float, int]
"""The rank of a due file, and its id. The lowest rank is sent first."""


def take(
    connection: sqlite3.Connection,
    target: str,
    roots: Iterable[int],
    *,
    order: Order,
    limit: int,
    files: int = 1,
    can_infer: bool = False,
    claim: int,
    now: float,
) -> list[Item]:
    """Claim about `limit` files that are due, in `order`, under the number `claim`. Return them.

    A request carries `files` of them at most: with those whose headers they share, the claimed files fill requests.
    `can_infer`: a file whose label the service infers from its name shares a request with files of other labels.
    """
    roots = list(roots)
    due = _first(connection, _DUE_BY[order], roots, {"target": target, "limit": limit + 1, "now": now}, order)
    is_backlog = len(due) > limit
    due = due[:limit]
    if is_backlog and order is not Order.SMALLEST:  # small files are not to bring large ones along
        parameters = {"target": target, "now": now, "can_infer": can_infer}
        due = _filled(connection, roots, due, parameters, order=order, limit=limit, files=files)
    positions = {identity: position for position, (_, identity) in enumerate(due)}
    if not positions:
        return []
    taken = {"ids": json.dumps(list(positions)), "claim": claim, "now": now}
    rows = connection.execute(_CLAIM, taken).fetchall()
    places = dict(connection.execute("select id, path from root").fetchall())
    rows.sort(key=lambda row: positions[row["id"]])
    return [item_of(row, places) for row in rows]


def first(
    connection: sqlite3.Connection, target: str, roots: Iterable[int], *, order: Order, limit: int, now: float
) -> list[int]:
    """Return the ids of the first `limit` files that are due, in `order`."""
    asked = {"target": target, "limit": limit, "now": now}
    return [identity for _, identity in _first(connection, _DUE_BY[order], list(roots), asked, order)[:limit]]


def next_due_at(connection: sqlite3.Connection, target: str, roots: Iterable[int]) -> float | None:
    """Return when the next file of the target is due (Unix s); None when none waits."""
    found = [connection.execute(_NEXT_DUE, {"root_id": root_id, "target": target}).fetchone() for root_id in roots]
    return min((float(row["due_at"]) for row in found if row is not None), default=None)


def _first(
    connection: sqlite3.Connection, query: str, roots: Sequence[int], parameters: dict[str, Any], order: Order
) -> list[_Due]:
    """Return the first due files of all roots, as the query gives them for each."""
    due: list[_Due] = []
    for root_id in roots:
        due += [(row["rank"], row["id"]) for row in connection.execute(query, {**parameters, "root_id": root_id})]
    return sorted(due, key=_by(order))


def _by(order: Order) -> Callable[[_Due], _Due]:
    """Return the key by which due files are sorted. Of those that are due at once, the newest is first if asked for."""
    sign = -1 if order is Order.NEWEST else 1
    return lambda one: (one[0], sign * one[1])


def _filled(
    connection: sqlite3.Connection,
    roots: Sequence[int],
    due: Sequence[_Due],
    parameters: dict[str, Any],
    *,
    order: Order,
    limit: int,
    files: int,
) -> list[_Due]:
    """Return the files of full requests: those of the first due file, then of the next one that shares none, ..."""
    groups: dict[tuple[Any, ...], list[_Due]] = {}
    labels: dict[tuple[Any, ...], dict[str | None, None]] = {}
    asked = {"ids": json.dumps([identity for _, identity in due])}
    for row, one in zip(connection.execute(_HEADERS, asked), due, strict=True):
        is_inferred = parameters["can_infer"] and not row["is_described"] and infers(name_of(row), row["label"])
        headers = (row["category"], row["metadata"], is_inferred, None if is_inferred else row["label"])
        groups.setdefault(headers, []).append(one)
        labels.setdefault(headers, {})[row["label"]] = None
    first, filled = set(due), dict[_Due, None]()
    for headers, members in groups.items():
        if len(filled) >= limit:
            break
        filled.update(dict.fromkeys(members))
        missing = -len(members) % files
        category, metadata, _, _ = headers
        share = -(-missing // len(labels[headers])) + len(members)
        some = {**parameters, "category": category, "metadata": metadata, "limit": share}
        found: list[_Due] = []
        for label in labels[headers] if missing else ():
            found += _first(connection, _ALIKE_BY[order], roots, {**some, "label": label}, order)
        more = sorted((one for one in found if one not in first and one not in filled), key=_by(order))
        filled.update(dict.fromkeys(more[:missing]))
    return list(filled)
