"""Store the pauses that a person asked for: of single roots, or of all uploads."""

import os
from collections.abc import Iterable, Mapping

from eisync.core.pause import Pause
from eisync.store.database import Database

ALL = 0
"""Stands for all uploads, in place of the id of a root."""


class Pauses:
    """Store pauses. Safe to use from any thread; each method is one transaction or one read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, root_ids: Iterable[int], pause: Pause) -> None:
        """Pause the uploads of these roots, or `ALL`. A new pause replaces an earlier one."""
        with self._database.transaction() as connection:
            for root_id in root_ids:
                connection.execute(
                    "insert or replace into pause (root_id, since_at, for_s) values (?, ?, ?)",
                    (root_id, pause.since_at, pause.for_s),
                )

    def end(self, root_ids: Iterable[int] | None) -> int:
        """End the pauses of these roots, or every pause if None. Return how many there were."""
        with self._database.transaction() as connection:
            if root_ids is None:
                return connection.execute("delete from pause").rowcount
            return sum(
                connection.execute("delete from pause where root_id = ?", (root_id,)).rowcount for root_id in root_ids
            )

    def now(self, now: float) -> Mapping[int, float]:
        """Return for how many seconds nothing is sent, by the id of the root or `ALL`. Pauses that are over are left
        out."""
        with self._database.reading() as connection:
            rows = connection.execute("select * from pause").fetchall()
        left = {row["root_id"]: Pause(row["since_at"], row["for_s"]).left_s(now) for row in rows}
        return {root_id: left_s for root_id, left_s in left.items() if left_s > 0}

    def roots(self) -> dict[str, int]:
        """Return the ids of all known roots by their paths."""
        with self._database.reading() as connection:
            return {os.fsdecode(row["path"]): row["id"] for row in connection.execute("select id, path from root")}
