"""Remember which files were sent without a label, which the service then infers, until a listing has shown it.

A file is noted before it is sent, so that a crash or a lost answer forgets none. Where a listing shows another label
than the right one, the file counts as sent with that label, and the right one is wanted: then the sample is edited as
after any other change of a description.
"""

import json
from collections.abc import Iterable, Mapping
from enum import Enum

from eisync.core.model import value
from eisync.store import transitions, wanted
from eisync.store.database import Database
from eisync.store.rows import path_of

KEEP_S = 7 * 24 * 3600.0
"""After this time nothing more is expected of a file: its sample was never listed, or is not known."""

_NOTE = "insert into inferred_label (target, files, at) values (:target, :files, :now)"
_FORGET_OLD = "delete from inferred_label where target = :target and at < :before"

# Samples of noted files that a listing shows with another label. Where the answer named a sample that another upload
# had made, its label is not ours; unless an earlier answer was lost, and that upload was ours.
_OTHERWISE = """
select file.*, note.value as right_label, sample.id as sample_id, sample.label as listed_label
from inferred_label noted
cross join json_each(noted.files) note
cross join file on file.id = cast(note.key as integer)
cross join file_sample mine on mine.file_id = file.id and not mine.is_segment
cross join sample on sample.target = file.target and sample.id = mine.sample_id
where noted.target = :target and file.target = :target and file.state = 'synced' and file.label is note.value
    and sample.filename is not null and sample.gone_at is null and sample.contradiction is null
    and coalesce(sample.label, '') <> note.value
    and (mine.sent_name is not null or exists (
        select 1 from history where file_id = file.id and event in ('silence', 'absent')))
    and sample.id > :after_id
order by sample.id limit :limit"""

# Notes of which every file has a listed sample, or is not at the service, or waits no more.
_SETTLED = """
delete from inferred_label
where target = :target and not exists (
    select 1 from json_each(inferred_label.files) note cross join file on file.id = cast(note.key as integer)
    where file.state in ('ready', 'sending', 'doubtful') or (file.state = 'synced' and not exists (
        select 1 from file_sample mine cross join sample on sample.target = file.target and sample.id = mine.sample_id
        where mine.file_id = file.id and (sample.filename is not null or sample.gone_at is not null))))"""


class Trust(Enum):
    """Whether the labels that a target's service infers are right."""

    UNTRIED = None
    RIGHT = 1
    WRONG = 0


def wrong_label(path: str, right: str | None, found: str | None) -> str:
    """Return why the service infers no more labels, for a person."""
    wrong = f"the service inferred the label {found or ''!r} for {path}, not {right or ''!r}"
    return f"{wrong}; since then eisync sends each label with its file"


@value
class OtherLabel:
    """A sample of ours that a listing shows with another label than the right one. The service may have inferred it."""

    file_id: int
    path: str
    sample_id: int
    right: str
    listed: str | None


class InferredLabels:
    """Store it. Safe to use from any thread; each method is one transaction or one read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def trust(self, target: str) -> Trust:
        """Return whether the service infers the right labels, as far as it is known."""
        with self._database.reading() as connection:
            row = connection.execute("select infers_labels from target where name = ?", (target,)).fetchone()
        return Trust.UNTRIED if row is None else Trust(row["infers_labels"])

    def note_right(self, target: str) -> None:
        """Record that the service inferred the right labels, unless it inferred a wrong one before."""
        with self._database.transaction() as connection:
            connection.execute(
                "update target set infers_labels = 1 where name = ? and infers_labels is null", (target,)
            )

    def note_wrong(self, target: str, reason: str) -> bool:
        """Record, for good, why the service infers no more labels. Return False when that was known."""
        with self._database.transaction() as connection:
            changed = connection.execute(
                "update target set infers_labels = 0, inference_trouble = ? where name = ? and infers_labels is not 0",
                (reason, target),
            )
        return bool(changed.rowcount)

    def note_sent(self, target: str, labels: Mapping[int, str], *, now: float) -> None:
        """Note that these files are about to be sent without their label, which is given by file id."""
        with self._database.transaction() as connection:
            connection.execute(_FORGET_OLD, {"target": target, "before": now - KEEP_S})
            connection.execute(_NOTE, {"target": target, "files": json.dumps(dict(labels)), "now": now})

    def otherwise(self, target: str, *, after_id: int, limit: int) -> list[OtherLabel]:
        """List samples that a listing shows with another label, those with a higher id than `after_id`."""
        asked = {"target": target, "after_id": after_id, "limit": limit}
        with self._database.reading() as connection:
            rows = connection.execute(_OTHERWISE, asked).fetchall()
        return [
            OtherLabel(row["id"], path_of(row), row["sample_id"], row["right_label"], row["listed_label"])
            for row in rows
        ]

    def correct(self, others: Iterable[OtherLabel], *, now: float) -> None:
        """Record that these files were sent with the listed label, and that the right one is wanted."""
        with self._database.transaction() as connection:
            for one in others:
                why = f"the service inferred the label {one.listed or ''!r} from its name"
                if wanted.correct_label(connection, one.file_id, one.right, sent=one.listed, why=why, now=now):
                    transitions.note_history(connection, one.file_id, "mislabelled", why, now)

    def forget_settled(self, target: str) -> None:
        """Drop the notes whose files are all settled. Call it when `otherwise` has nothing to say any more."""
        with self._database.transaction() as connection:
            connection.execute(_SETTLED, {"target": target})
