"""Count the files of each label and category, and the labels that samples have instead, a stretch of rows at a time.

A million rows take seconds to count, and others must not wait for the database so long.
"""

import os
import sqlite3

from eisync.core.class_balance import ClassCount, Difference, FileClass
from eisync.core.model import value
from eisync.store.database import Database
from eisync.store.rows import path_of

STEP = 5_000
"""So many rows are read before others may use the database."""

_END = """
select max(id) as id from (select id from file where id > :after order by id limit :step)"""

# Files that are in the project, or on the way there. `is_described`: the label of the file itself does not count, as
# it has boxes or labels by range. The category that the service chose counts where the service was asked to.
_COUNTS = """
select label, category, is_described, sum(is_synced) as synced, count(*) as files from (
    select iif(file.companions is null, file.label, null) as label, file.companions is not null as is_described,
        file.state = 'synced' as is_synced,
        iif(file.category = 'split', coalesce((
            select sample.category from file_sample mine cross join sample
            on sample.target = file.target and sample.id = mine.sample_id
            where mine.file_id = file.id and sample.gone_at is null and sample.category is not null limit 1
        ), 'split'), file.category) as category
    from file where file.id > :after and file.id <= :until
        and +file.state in ('settling', 'ready', 'sending', 'doubtful', 'synced'))
group by 1, 2, 3"""

# Files whose samples have another label at the service.
_DIFFERENCES = """
select coalesce(file.label, '') as here, coalesce(sample.label, '') as there, count(distinct file.id) as files,
    min(file.id) as id
from file cross join file_sample mine on mine.file_id = file.id
cross join sample on sample.target = file.target and sample.id = mine.sample_id
where file.id > :after and file.id <= :until and +file.state = 'synced' and file.companions is null
    and sample.filename is not null and sample.gone_at is null
    and coalesce(sample.label, '') <> coalesce(file.label, '')
group by 1, 2"""

_PLACE = """
select root.path as root_path, file.folder, file.name from file join root on root.id = file.root_id
where file.id = :id"""


@value(kw_only=True)
class BalanceStretch:
    """The counts of the files with ids up to `end`; None: of all that were left. `last`: the highest id of all."""

    counts: tuple[ClassCount, ...]
    differences: tuple[Difference, ...]
    end: int | None
    last: int


class ClassBalanceRows:
    """Read the counts. Safe to use from any thread."""

    def __init__(self, database: Database, *, step: int = STEP) -> None:
        self._database = database
        self._step = step

    def stretch(self, after: int) -> BalanceStretch:
        """Count the next files by id after that one."""
        with self._database.reading() as connection:
            last = int(connection.execute("select coalesce(max(id), 0) from file").fetchone()[0])
            end = connection.execute(_END, {"after": after, "step": self._step}).fetchone()["id"]
            if end is None:
                return BalanceStretch(counts=(), differences=(), end=None, last=last)
            asked = {"after": after, "until": end}
            counts = connection.execute(_COUNTS, asked).fetchall()
            differences = connection.execute(_DIFFERENCES, asked).fetchall()
            found = tuple(_difference(connection, row) for row in differences)
        return BalanceStretch(counts=tuple(map(_count, counts)), differences=found, end=end, last=last)


def _count(row: sqlite3.Row) -> ClassCount:
    of = FileClass(row["label"], row["category"], bool(row["is_described"]))
    return ClassCount(of, row["synced"], row["files"] - row["synced"])


def _difference(connection: sqlite3.Connection, row: sqlite3.Row) -> Difference:
    place = connection.execute(_PLACE, {"id": row["id"]}).fetchone()
    return Difference(row["here"], row["there"], row["files"], os.fsdecode(place["root_path"]), path_of(place))
