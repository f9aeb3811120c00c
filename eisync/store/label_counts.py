"""Count the files of each label, by watched folder, for the warnings about labels.

Only the latest files are read: what is wrong with labels shows there, and `eisync status` must answer at once when a
million files are known.
"""

from eisync.core.labels.warnings import LabelCount
from eisync.store.database import Database

MOST_READ = 2_000
"""At most this many files, the latest, are counted."""

# The latest files by folder and label. A file with boxes or labels by range does not use its own label.
_COUNTS = """
select root_id, label, count(*) as files,
    sum(substr(name, 1, length(cast(label as blob))) = cast(label as blob)) as named
from (select root_id, label, name, state, companions from file order by id desc limit :limit)
where label is not null and companions is null and state <> 'gone'
group by root_id, label"""


class LabelCounts:
    """Read the counts. Safe to use from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self) -> dict[int, dict[str, LabelCount]]:
        """Return the labels of the latest files, by the id of their folder."""
        found: dict[int, dict[str, LabelCount]] = {}
        with self._database.reading() as connection:
            for row in connection.execute(_COUNTS, {"limit": MOST_READ}):
                found.setdefault(row["root_id"], {})[row["label"]] = LabelCount(row["files"], row["named"])
        return found
