"""Count samples: with stored sums for each label and each block of ids where these suffice, else one by one."""

import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from eisync.emulator import statements as sql
from eisync.emulator.conditions import where
from eisync.emulator.model import Selection


def count_added(database: sqlite3.Connection, project_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add new samples to the sums. Triggers update the sums for samples that are deleted or changed."""
    labels = Counter((row["label"], row["category"]) for row in rows)
    blocks = Counter((row["id"] >> sql.BLOCK_BITS, row["category"]) for row in rows)
    for statement, name, counted in ((sql.COUNT_LABEL, "label", labels), (sql.COUNT_BLOCK, "block", blocks)):
        database.executemany(
            statement,
            [
                {"project_id": project_id, name: value, "category": category, "by": samples}
                for (value, category), samples in counted.items()
            ],
        )


def count_samples(database: sqlite3.Connection, selection: Selection) -> int:
    if _is_counted_by_blocks(selection):
        return sum(samples for _, samples in _blocks(database, selection))
    return count_each(database, selection)


def count_each(database: sqlite3.Connection, selection: Selection) -> int:
    """Count by reading every sample of the selection."""
    condition, values = where(selection)
    return int(database.execute(sql.COUNT_SAMPLES.format(where=condition), values).fetchone()[0])


def skip(database: sqlite3.Connection, selection: Selection, offset: int) -> tuple[Selection, int]:
    """Return the same page as another selection with a smaller offset: whole blocks are skipped by their sums."""
    if offset < 1 << sql.BLOCK_BITS or not _is_counted_by_blocks(selection):
        return selection, offset
    for first, samples in _blocks(database, selection):
        if offset < samples:
            break
        offset -= samples
        selection = replace(selection, max_id=first)
    return selection, offset


def _blocks(database: sqlite3.Connection, selection: Selection) -> Iterator[tuple[int, int]]:
    """Yield (first id, number of samples in the selection) of each block of ids, newest first, from the sums."""
    low = 0 if selection.min_id is None else selection.min_id
    high = sys.maxsize if selection.max_id is None else selection.max_id
    asked = {"project_id": selection.project_id, "category": selection.category}
    for block, samples in database.execute(sql.COUNT_BY_BLOCK, asked).fetchall():
        first, end = int(block) << sql.BLOCK_BITS, (int(block) + 1) << sql.BLOCK_BITS
        if low <= first and end <= high:
            yield first, samples
        elif low < end and first < high:  # the block at one of the ends is only partly selected
            yield first, count_each(database, replace(selection, min_id=max(first, low), max_id=min(end, high)))


def _is_counted_by_blocks(selection: Selection) -> bool:
    """Return whether the selection filters only by project, category and range of ids."""
    rest = replace(selection, category=None, min_id=None, max_id=None, ignores_case=False)
    return rest == Selection(project_id=selection.project_id)
