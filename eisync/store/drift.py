"""Count how far the index and the project, as it was listed last, differ.

The count reads every linked file and every listed sample. It goes on in small reads, so that no upload waits for it.
"""

import sqlite3

from eisync.core.model import Category, value
from eisync.core.text import nfc
from eisync.store.database import Database
from eisync.store.guard_facts import missing

SLICE = 5_000
"""How many files or samples one read covers: some milliseconds."""

# Sent files whose sample the listing has, by what is said of both.
_DESCRIBED = """
select file.category as category, file.label as label, sample.category as their_category, sample.label as their_label,
    count(distinct file.id) as files
from file cross join file_sample mine on mine.file_id = file.id
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
    """Counts differences, and keeps the result until the project is listed again or the count is old."""

    def __init__(self, database: Database, *, again_after_s: float = 3600.0) -> None:
        self._database = database
        self._again_after_s = again_after_s
        self._known: dict[str, tuple[float, float, Drift]] = {}  # when it was listed, and counted

    def count(self, target: str, listed_at: float | None, now: float) -> Drift | None:
        """Return the differences; None before the first complete listing. Raises StateError."""
        if listed_at is None:
            return None
        known = self._known.get(target)
        if known is not None and known[0] == listed_at and 0.0 <= now - known[1] < self._again_after_s:
            return known[2]
        with self._database.reading() as connection:
            unlisted = missing(connection, target).unlisted
        drift = Drift(missing=unlisted, extra=self._extra(target), differing=self._differing(target))
        self._known[target] = (listed_at, now, drift)
        return drift

    def _differing(self, target: str) -> int:
        differing, after = 0, 0
        while True:
            with self._database.reading() as connection:
                if after >= (connection.execute(_LAST_FILE).fetchone()[0] or 0):
                    return differing
                parameters = {"target": target, "after": after, "upto": after + SLICE}
                rows = connection.execute(_DESCRIBED, parameters).fetchall()
            differing += sum(row["files"] for row in rows if _differs(row))
            after += SLICE

    def _extra(self, target: str) -> int:
        extra, after = 0, 0
        while True:
            with self._database.reading() as connection:
                parameters = {"target": target, "after": after, "limit": SLICE}
                upto = connection.execute(_NEXT_SAMPLE, parameters).fetchone()[0]
                if upto is None:
                    return extra
                extra += connection.execute(_EXTRA, {**parameters, "upto": upto}).fetchone()["samples"]
            after = upto


def _differs(row: sqlite3.Row) -> bool:
    if nfc(row["label"] or "") != nfc(row["their_label"] or ""):
        return True
    return row["category"] not in (Category.SPLIT.value, row["their_category"])
