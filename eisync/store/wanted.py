"""Store how sent files should be described instead: with which label, category, metadata and companions.

A row is there from the moment in which a changed description was seen, or asked for, until the samples have it. It
stays as a note when a person rejected an edit, so that the same description is not proposed again.
"""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from eisync.core.actions import PARTS, Action, ActionKind, Cause, WantedDescription
from eisync.core.labels.changes import is_alike
from eisync.core.labels.description import Description, UnsentFile
from eisync.core.labels.parts import PartKind, packed, unpacked
from eisync.core.lifecycle import State
from eisync.core.model import Category
from eisync.store.database import Database
from eisync.store.rows import path_of, remarks_of, remarks_text

WantedChange = tuple[int, Description]
"""The id of a sent file, and how it should be described."""

# What was sent with a file, with what is wanted instead as the columns w_*.
SENT = """
select file.*, wanted.file_id as w_file_id, wanted.label as w_label, wanted.category as w_category,
    wanted.metadata as w_metadata, wanted.companions as w_companions, wanted.remarks as w_remarks,
    wanted.is_asked as w_is_asked, wanted.at as w_at, wanted.declined as w_declined, wanted.why as w_why
from file left join wanted_description wanted on wanted.file_id = file.id"""

_SENT_ONE = f"{SENT} where file.id = :id and file.state = 'synced'"
_WANT = """
insert or replace into wanted_description
    (file_id, label, category, metadata, companions, remarks, is_asked, at, declined, why)
values (:id, :label, :category, :metadata, :companions, :remarks, :is_asked, :at, :declined, :why)"""
_FORGET = "delete from wanted_description where file_id = :id"
_CLOSE = "update wanted_description set is_open = 0 where file_id = :id"
_DECLINE = "update wanted_description set declined = :declined where file_id = :id"

# The samples of the file are described as wanted.
_FOLLOW = """
update file set label = :label, category = :category, metadata = :metadata, companions = :companions,
    remarks = :remarks
where id = :id"""

# Whether another edit of the same kind, of another sample of the file, is not done yet.
_OPEN_TOO = """
select 1 from act where file_id = :id and kind = :kind and cause = 'description_change'
    and state in ('waiting', 'due', 'begun')"""

_FOUND = "select kind, found from sample_part where target = :target and sample_id = :sample_id"
_NOTE_FOUND = """
insert or replace into sample_part (target, sample_id, kind, found) values (:target, :sample_id, :kind, :found)"""

_COLUMNS = {
    ActionKind.RENAME_SAMPLE: "filename",
    ActionKind.RELABEL_SAMPLE: "label",
    ActionKind.MOVE_SAMPLE: "category",
    ActionKind.EDIT_METADATA: "metadata",
}


class WantedDescriptions:
    """Store how sent files should be described. Safe to use from any thread; each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def want(self, changes: Iterable[WantedChange], *, is_asked: bool, now: float) -> int:
        """Record how these files should be described. Return for how many this is new.

        A file that is not at the service, or was sent with this description, is left out. `is_asked`: a person asks for
        it, so that a rejected edit is proposed again.
        """
        with self._database.transaction() as connection:
            return sum(_want(connection, identity, one, is_asked, now) for identity, one in changes)

    def note_followed(self, file_ids: Iterable[int]) -> None:
        """Record that the samples of these files are described as wanted, except for what a person rejected."""
        with self._database.transaction() as connection:
            for identity in file_ids:
                _note_followed(connection, identity)

    def note_found(self, target: str, action: Action, value: str) -> None:
        """Record which value the action found in its sample: a person changed it since it was listed."""
        with self._database.transaction() as connection:
            set_value(connection, target, action, value)


def wanted_of(row: sqlite3.Row) -> WantedDescription | None:
    """Return the wanted description in a row of `SENT`."""
    if row["w_file_id"] is None:
        return None
    return WantedDescription(
        description=Description(
            label=row["w_label"],
            category=Category(row["w_category"]),
            metadata=json.loads(row["w_metadata"]),
            companions=row["w_companions"],
            name=row["sent_as"],
            remarks={} if row["w_remarks"] is None else json.loads(row["w_remarks"]),
        ),
        at=row["w_at"],
        is_asked=bool(row["w_is_asked"]),
        declined=frozenset(map(ActionKind, json.loads(row["w_declined"]))),
        why=row["w_why"],
    )


def of_file(connection: sqlite3.Connection, file_id: int) -> WantedDescription | None:
    """Return the wanted description of a file; None when it has none."""
    row = connection.execute(f"{SENT} where file.id = :id", {"id": file_id}).fetchone()
    return None if row is None else wanted_of(row)


def sent_file(row: sqlite3.Row) -> UnsentFile:
    """Return a sent file with the description that is wanted, or else was sent. The row is of `SENT`."""
    wanted = wanted_of(row)
    description = wanted.description if wanted is not None else _sent(row)
    return UnsentFile(row["id"], path_of(row), State(row["state"]), description, (row["changed_at"], row["id"]))


def found_of(connection: sqlite3.Connection, target: str, sample_id: int) -> dict[ActionKind, str]:
    """Return the parts of a sample that were read last, by the action that changes them."""
    rows = connection.execute(_FOUND, {"target": target, "sample_id": sample_id}).fetchall()
    return {ActionKind(row["kind"]): row["found"] for row in rows}


def set_value(connection: sqlite3.Connection, target: str, action: Action, value: str | None) -> None:
    """Set what an edit changes in a sample to `value`, as the service has it."""
    place = {"target": target, "sample_id": action.sample_id}
    if action.kind in PARTS:
        connection.execute(_NOTE_FOUND, {**place, "kind": action.kind.value, "found": value})
        return
    column = _COLUMNS[action.kind]
    connection.execute(
        f"update sample set {column} = :value where target = :target and id = :sample_id", {**place, "value": value}
    )


def conclude(connection: sqlite3.Connection, action: Action) -> None:
    """Record that an edit is done: the file counts as sent with the new value, unless another sample of it waits."""
    wanted = of_file(connection, action.file_id)
    if action.cause is not Cause.DESCRIPTION_CHANGE or wanted is None or wanted.at != action.since_at:
        return
    if connection.execute(_OPEN_TOO, {"id": action.file_id, "kind": action.kind.value}).fetchone():
        return
    sent = _sent_now(connection, action.file_id)
    after = _with(sent, action.kind, wanted.description)
    connection.execute(_FOLLOW, _row(action.file_id, after))
    if is_alike(after, wanted.description):
        _note_followed(connection, action.file_id)


def take_back(connection: sqlite3.Connection, action: Action, now: float) -> None:
    """Record that an edit was undone. The same description is not proposed again, unless a person asks for it."""
    if action.cause is not Cause.DESCRIPTION_CHANGE:
        return
    sent, wanted = _sent_now(connection, action.file_id), of_file(connection, action.file_id)
    before = _before(sent, action)
    if wanted is None:
        _write(connection, action.file_id, WantedDescription(description=sent, at=now))
    if wanted is None or is_alike(_with(sent, action.kind, wanted.description), sent):
        decline(connection, action.file_id, action.kind)
    connection.execute(_FOLLOW, _row(action.file_id, before))


def decline(connection: sqlite3.Connection, file_id: int, kind: ActionKind) -> None:
    """Never propose this edit for this description again."""
    wanted = of_file(connection, file_id)
    if wanted is not None:
        connection.execute(_DECLINE, {"id": file_id, "declined": _kinds(wanted.declined | {kind})})


def correct_label(
    connection: sqlite3.Connection, file_id: int, label: str, *, sent: str | None, why: str, now: float
) -> bool:
    """Record that the synced file was sent with the label `sent`, although `label` is its own, which is wanted now.

    Return False when it has another label of its own by now.
    """
    row = connection.execute(_SENT_ONE, {"id": file_id}).fetchone()
    if row is None or row["label"] != label:
        return False
    before = wanted_of(row) or WantedDescription(description=_sent(row), at=now, why=why)
    connection.execute("update file set label = :label where id = :id", {"id": file_id, "label": sent})
    _write(connection, file_id, before)
    return True


def forget(connection: sqlite3.Connection, file_id: int) -> None:
    """Drop what was wanted: the file has another name, or is sent again, and is described anew."""
    connection.execute(_FORGET, {"id": file_id})


def _want(connection: sqlite3.Connection, file_id: int, description: Description, is_asked: bool, now: float) -> bool:
    row = connection.execute(_SENT_ONE, {"id": file_id}).fetchone()
    if row is None:
        return False
    wanted = wanted_of(row)
    if is_alike(_sent(row), description):
        forget(connection, file_id)
        return False
    declined: frozenset[ActionKind] = frozenset()
    if wanted is not None and not is_asked:
        if is_alike(wanted.description, description):
            return False
        is_asked = wanted.is_asked
        before = wanted.description
        # A person's no counts as long as the same is wanted.
        declined = frozenset(kind for kind in wanted.declined if is_alike(_with(before, kind, description), before))
    _write(
        connection, file_id, WantedDescription(description=description, at=now, is_asked=is_asked, declined=declined)
    )
    return True


def _write(connection: sqlite3.Connection, file_id: int, wanted: WantedDescription) -> None:
    more = {"is_asked": wanted.is_asked, "at": wanted.at, "declined": _kinds(wanted.declined), "why": wanted.why}
    connection.execute(_WANT, {**_row(file_id, wanted.description), **more})


def _kinds(kinds: Iterable[ActionKind]) -> str:
    return json.dumps(sorted(kind.value for kind in kinds))


def _note_followed(connection: sqlite3.Connection, file_id: int) -> None:
    wanted = of_file(connection, file_id)
    if wanted is None:
        return
    if wanted.declined:
        connection.execute(_CLOSE, {"id": file_id})
        return
    connection.execute(_FOLLOW, _row(file_id, wanted.description))
    forget(connection, file_id)


def _sent_now(connection: sqlite3.Connection, file_id: int) -> Description:
    return _sent(connection.execute("select * from file where id = ?", (file_id,)).fetchone())


def _sent(row: sqlite3.Row) -> Description:
    return Description(
        label=row["label"],
        category=Category(row["category"]),
        metadata=json.loads(row["metadata"]),
        companions=row["companions"],
        name=row["sent_as"],
        remarks=remarks_of(row),
    )


def _with(description: Description, kind: ActionKind, other: Description) -> Description:
    """Return the description with what the edit changes taken from the other one."""
    match kind:
        case ActionKind.RELABEL_SAMPLE:
            return replace(description, label=other.label)
        case ActionKind.MOVE_SAMPLE:
            return replace(description, category=other.category)
        case ActionKind.EDIT_METADATA:
            return replace(description, metadata=other.metadata)
    return _with_part(description, PARTS[kind], unpacked(other.companions).get(PARTS[kind]))


def _before(description: Description, action: Action) -> Description:
    """Return the description with the value that an edit replaced."""
    was, to = action.was or "", action.to or ""
    match action.kind:
        case ActionKind.RELABEL_SAMPLE:
            return replace(description, label=was or None)
        case ActionKind.MOVE_SAMPLE:
            return replace(description, category=Category(was))
        case ActionKind.EDIT_METADATA:
            earlier, later = json.loads(was), json.loads(to)
            changed = {name for name in {**earlier, **later} if earlier.get(name) != later.get(name)}
            kept = {name: value for name, value in description.metadata.items() if name not in changed}
            restored = {name: value for name, value in earlier.items() if name in changed}
            return replace(description, metadata={**kept, **restored})
    return _with_part(description, PARTS[action.kind], json.loads(was))


def _with_part(description: Description, kind: PartKind, part: Any) -> Description:
    return replace(description, companions=packed({**unpacked(description.companions), kind: part}))


def _row(file_id: int, description: Description) -> dict[str, object]:
    return {
        "id": file_id,
        "label": description.label,
        "category": description.category.value,
        "metadata": json.dumps(dict(description.metadata)),
        "companions": description.companions,
        "remarks": remarks_text(description.remarks),
    }
