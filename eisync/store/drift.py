"""Count how far the index and the project, as it was listed last, differ.

The count reads every linked file and every listed sample: seconds where there are millions. So each call goes on with a
few small reads, and neither an upload nor a page waits for the whole.
"""

import itertools
import sqlite3
import threading
from collections.abc import Iterator

from eisync.core.model import Category, value
from eisync.core.text import nfc
from eisync.store.database import Database
from eisync.store.guard_facts import missing

SLICE = 5_000
"""How many files or samples one read covers: some milliseconds."""

# Sent files whose sample the listing has, by what is said of both. (Without an index, SQLite takes the slice by its
# ids; left to itself, it reads all sent files for each slice.)
_DESCRIBED = """
select file.category as category, file.label as label, sample.category as their_category, sample.label as their_label,
    count(distinct file.id) as files
from file not indexed cross join file_sample mine on mine.file_id = file.id
cross join sample on sample.target = file.target and sample.id = mine.sample_id
where file.id > :after and file.id <= :upto and file.target = :target and file.state = 'synced'
    and sample.filename is not null and sample.gone_at is null
group by 1, 2, 3, 4"""

# Listed samples that belong to no file here.
_EXTRA = """
select count(*) as samples from sample
where target = :target and id > :after and id <= :upto and filename is not null and gone_at is null
    and not exists (
        select 1 from file_sample mine cross join file on file.id = mine.file_id
        where mine.sample_id = sample.id and file.target = :target)"""

_LAST_FILE = "select max(id) from file"
# The end of the next slice of samples: ids of a project have gaps of millions.
_NEXT_SAMPLE = """
select max(id) from (select id from sample where target = :target and id > :after order by id limit :limit)"""


@value(kw_only=True)
class Drift:
    """Numbers of differences. `missing`: sent files whose sample was not listed. `extra`: listed samples of no file
    here. `differing`: files whose sample has another label or category."""

    missing: int
    extra: int
    differing: int


class DriftCounter:
    """Counts differences, a few slices at a time, and keeps the result until the project is listed again or it is old.

    Safe from any thread.
    """

    def __init__(self, database: Database, *, again_after_s: float = 3600.0, slices: int = 20) -> None:
        """Count again after `again_after_s`. One call reads at most so many `slices`, a tenth of a second."""
        self._database = database
        self._again_after_s = again_after_s
        self._slices = slices
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, float, Drift]] = {}  # when it was listed, and counted
        self._under_way: dict[str, tuple[float, Iterator[Drift | None]]] = {}  # for which listing

    def count(self, target: str, listed_at: float | None, now: float) -> Drift | None:
        """Return the differences as they were counted last; None before the first count is complete.

        Each call goes on with the count under way, if one is due. Raises StateError.
        """
        if listed_at is None:
            return None
        with self._lock:
            known = self._known.get(target)
            if known is None or known[0] != listed_at or not 0.0 <= now - known[1] < self._again_after_s:
                self._go_on(target, listed_at, now)
            known = self._known.get(target)
            return None if known is None else known[2]

    def _go_on(self, target: str, listed_at: float, now: float) -> None:
        listing, steps = self._under_way.pop(target, (None, iter(())))
        if listing != listed_at:
            steps = self._steps(target)
        for drift in itertools.islice(steps, self._slices):
            if drift is not None:
                self._known[target] = (listed_at, now, drift)
                return
        self._under_way[target] = (listed_at, steps)  # if a read fails, the next call begins anew

    def _steps(self, target: str) -> Iterator[Drift | None]:
        """Yield None after each slice, and at last the result."""
        with self._database.reading() as connection:
            unlisted = missing(connection, target).unlisted
        extra = differing = 0
        for found in self._differing(target):
            differing += found
            yield None
        for found in self._extra(target):
            extra += found
            yield None
        yield Drift(missing=unlisted, extra=extra, differing=differing)

    def _differing(self, target: str) -> Iterator[int]:
        after = 0
        while True:
            with self._database.reading() as connection:
                if after >= (connection.execute(_LAST_FILE).fetchone()[0] or 0):
                    return
                parameters = {"target": target, "after": after, "upto": after + SLICE}
                rows = connection.execute(_DESCRIBED, parameters).fetchall()
            yield sum(row["files"] for row in rows if _differs(row))
            after += SLICE

    def _extra(self, target: str) -> Iterator[int]:
        after = 0
        while True:
            with self._database.reading() as connection:
                parameters = {"target": target, "after": after, "limit": SLICE}
                upto = connection.execute(_NEXT_SAMPLE, parameters).fetchone()[0]
                if upto is None:
                    return
                found = connection.execute(_EXTRA, {**parameters, "upto": upto}).fetchone()["samples"]
            yield found
            after = upto


def _differs(row: sqlite3.Row) -> bool:
    if nfc(row["label"] or "") != nfc(row["their_label"] or ""):
        return True
    return row["category"] not in (Category.SPLIT.value, row["their_category"])
