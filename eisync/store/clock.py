"""The last time known, and since when time counts: one row."""

from dataclasses import asdict

from eisync.core.clock_step import KnownTime
from eisync.store.database import Database

_KEEP = """
insert or replace into clock (id, seen_at, counts_from, wrong_until, recent_from, was_wrong)
values (1, :seen_at, :counts_from, :wrong_until, :recent_from, :was_wrong)"""


class ClockNotes:
    """Safe to use from any thread; each method is one transaction or one look."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remembered(self) -> KnownTime | None:
        """What the last process left, or this one; None in a new state folder."""
        with self._database.reading() as connection:
            row = connection.execute("select * from clock").fetchone()
        if row is None:
            return None
        return KnownTime(
            seen_at=row["seen_at"],
            counts_from=row["counts_from"],
            wrong_until=row["wrong_until"],
            recent_from=row["recent_from"],
            was_wrong=bool(row["was_wrong"]),
        )

    def remember(self, remembered: KnownTime) -> None:
        """Safe to repeat."""
        with self._database.transaction() as connection:
            connection.execute(_KEEP, asdict(remembered))
