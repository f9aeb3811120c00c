"""Which files of the queue are due, in which order, and taking them.

Folder by folder, so that each answers from its end of an index, however many files wait in others.
"""

import json
import sqlite3
from collections.abc import Iterable

from eisync.core.batching import Order
from eisync.core.model import Item
from eisync.store.rows import ITEM, item_of

# What is due in a folder of this run, as far as one claim goes, by the order that was asked for.
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

# Take them. `:ids` is a JSON list. (The plus keeps SQLite from walking all that are ready.)
_CLAIM = f"""
update file set state = 'sending', claim = :claim, changed_at = :now
where id in (select value from json_each(:ids)) and +state = 'ready'
returning {ITEM}"""

# When the next file of a folder is due.
_NEXT_DUE = """
select due_at from file indexed by file_due
where root_id = :root_id and state = 'ready' and target = :target
order by due_at, id limit 1"""


def take(
    connection: sqlite3.Connection,
    target: str,
    roots: Iterable[int],
    *,
    order: Order,
    limit: int,
    claim: int,
    now: float,
) -> list[Item]:
    """At most `limit` files that are due, in `order`, under `claim` from now on."""
    due: list[tuple[float, int]] = []
    for root_id in roots:
        parameters = {"root_id": root_id, "target": target, "limit": limit, "now": now}
        due += [(row["rank"], row["id"]) for row in connection.execute(_DUE_BY[order], parameters).fetchall()]
    sign = -1 if order is Order.NEWEST else 1
    due.sort(key=lambda entry: (entry[0], sign * entry[1]))
    places_in_line = {identity: place for place, (_, identity) in enumerate(due[:limit])}
    if not places_in_line:
        return []
    taken = {"ids": json.dumps(list(places_in_line)), "claim": claim, "now": now}
    rows = connection.execute(_CLAIM, taken).fetchall()
    places = dict(connection.execute("select id, path from root").fetchall())
    rows.sort(key=lambda row: places_in_line[row["id"]])
    return [item_of(row, places) for row in rows]


def next_due_at(connection: sqlite3.Connection, target: str, roots: Iterable[int]) -> float | None:
    """When the next file of the target is due (Unix s), or None when none waits."""
    found = [connection.execute(_NEXT_DUE, {"root_id": root_id, "target": target}).fetchone() for root_id in roots]
    return min((float(row["due_at"]) for row in found if row is not None), default=None)
