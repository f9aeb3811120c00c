"""Read what waits in the outbox, and how many files were done lately."""

from eisync.core.throughput import WINDOW_S, Queue, Recent
from eisync.store.database import Database

MOST_READ = 2_000
"""At most this many files of the last minute are read. Their rate is that of all."""

# How many files wait, or are on their way: those that are being sent count as ready there.
_WAITING = """
select coalesce(sum(files), 0) as files, coalesce(sum(bytes), 0) as bytes from file_count
where state in ('ready', 'doubtful')"""

_OLDEST = """
select min(enqueued_at) as at from file indexed by file_pending
where state in ('ready', 'sending', 'doubtful', 'settling')"""

# The files that were done last, with the time of the first of them.
_RECENT = """
select count(*) as files, coalesce(sum(size), 0) as bytes, min(changed_at) as since_at from (
    select size, changed_at from file indexed by file_by_state
    where state = 'synced' and changed_at > :since and changed_at <= :now order by changed_at desc limit :limit)"""


class Rates:
    """Read the queue. Safe to use from any thread; each method is one read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def queue(self) -> Queue:
        """Return what waits to be sent or is being sent."""
        with self._database.reading() as connection:
            waiting = connection.execute(_WAITING).fetchone()
            oldest = connection.execute(_OLDEST).fetchone()
        return Queue(files=waiting["files"], bytes=waiting["bytes"], oldest_at=oldest["at"])

    def recent(self, now: float) -> Recent:
        """Return what was done in the last minute before `now` (Unix s), as far as it is read."""
        parameters = {"since": now - WINDOW_S, "now": now, "limit": MOST_READ}
        with self._database.reading() as connection:
            row = connection.execute(_RECENT, parameters).fetchone()
        return Recent(files=row["files"], bytes=row["bytes"], since_at=row["since_at"])
