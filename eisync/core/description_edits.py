"""Decide how the samples of a sent file are edited when the file is described in another way than it was sent.

Only what differs from what was sent is changed. If the sample has neither that nor what is wanted, a person may have
edited it in Studio, and theirs stays: the edit is proposed as a disputed one, and waits for a person. After an edit was
carried out, or a person rejected it, the same input proposes nothing.
"""

import json
from collections.abc import Iterator

from eisync.core.actions import (
    MOVABLE,
    PARTS,
    Action,
    ActionKind,
    Cause,
    FileSide,
    LinkedSample,
    WantedDescription,
    is_agreed,
)
from eisync.core.identity import Destruction
from eisync.core.labels.changes import is_same_part, merge_metadata, part_of
from eisync.core.lifecycle import State
from eisync.core.model import value
from eisync.core.text import nfc

_FOLLOWS = "the description of its file changed"
_ASKED = "'eisync relabel' describes its file so now"


@value
class ProposedEdit:
    """An edit of a sample. `is_disputed`: it would replace what eisync did not send, such as the edit of a person."""

    action: Action
    is_disputed: bool = False


@value
class _Change:
    """The value that the sample has, the one that it should have, and why the edit is disputed, if it is."""

    kind: ActionKind
    was: str
    to: str
    disputed: str | None = None


def propose_edits(file: FileSide) -> list[ProposedEdit]:
    """Return the edits after which the samples of the file are described as they should be."""
    wanted = file.wanted
    if wanted is None or not _is_editable(file):
        return []
    return [
        _proposed(file, wanted, held.sample.id, change)
        for held in file.samples
        if not held.is_shared and held.allows(Destruction.EDIT_SAMPLE)
        for change in _changes(file, wanted, held)
        if change.kind not in wanted.declined
    ]


def is_followed(file: FileSide) -> bool:
    """Return whether nothing is left to do so that the samples are described as they should be."""
    return file.wanted is not None and _is_editable(file) and is_agreed(file) and not propose_edits(file)


def _is_editable(file: FileSide) -> bool:
    # A rename comes first. What follows from a deletion is decided elsewhere.
    is_missing = file.absent_at is not None and not file.is_removed
    return file.state is State.SYNCED and file.published is None and not is_missing


def _proposed(file: FileSide, wanted: WantedDescription, sample_id: int, change: _Change) -> ProposedEdit:
    reason = _ASKED if wanted.is_asked else wanted.why or _FOLLOWS
    if change.disputed is not None:
        reason += f", but {change.disputed}: a person may have edited it"
    action = Action(
        kind=change.kind,
        cause=Cause.DESCRIPTION_CHANGE,
        file_id=file.id,
        root=file.root,
        path=file.path,
        reason=reason,
        since_at=wanted.at,
        sample_id=sample_id,
        was=change.was,
        to=change.to,
    )
    return ProposedEdit(action, change.disputed is not None)


def _changes(file: FileSide, wanted: WantedDescription, held: LinkedSample) -> Iterator[_Change]:
    description, sample = wanted.description, held.sample
    sent, label, there = file.label or "", description.label or "", sample.label or ""
    if nfc(sent) != nfc(label) != nfc(there):
        disputed = None if nfc(there) == nfc(sent) else "its label in the project is not the one that was sent"
        yield _Change(ActionKind.RELABEL_SAMPLE, there, label, disputed)
    category = description.category
    if category in MOVABLE and category is not file.category and sample.category != category.value:
        # If the service chose the category, none is a person's.
        is_moved = file.category in MOVABLE and sample.category != file.category.value
        disputed = "it is not in the category that it was sent to" if is_moved else None
        yield _Change(ActionKind.MOVE_SAMPLE, sample.category, category.value, disputed)
    listed = dict(sample.metadata)
    merged = merge_metadata(file.metadata, description.metadata, listed)
    if merged.metadata != listed:
        names = ", ".join(merged.disputed)
        disputed = f"its metadata in the project is not what was sent ({names})" if merged.disputed else None
        yield _Change(ActionKind.EDIT_METADATA, metadata_text(listed), metadata_text(merged.metadata), disputed)
    yield from _parts(file, wanted, held)


def _parts(file: FileSide, wanted: WantedDescription, held: LinkedSample) -> Iterator[_Change]:
    for kind, part in PARTS.items():
        sent, to = part_of(file.companions, part), part_of(wanted.description.companions, part)
        there = held.found.get(kind, sent)
        if sent == to or is_same_part(part, there, to):
            continue
        if kind is ActionKind.EDIT_STRUCTURED and to == "[]":
            continue  # Studio has no call that removes them
        disputed = None if is_same_part(part, there, sent) else "those in the project are not what was sent"
        yield _Change(kind, there, to, disputed)


def metadata_text(metadata: object) -> str:
    """Return metadata as the text of an action: JSON, sorted by name."""
    return json.dumps(metadata, sort_keys=True)
