"""Decide which actions bring the folder and the project into the agreement that the policy asks for.

The input is one file with its samples and the policy, the output a list of actions. Nothing is executed here: an action
is stored first, the guard checks all actions of a pass together, and the executor checks file and sample once more.
After an action was executed, the same input proposes nothing.

A sample is deleted only when one of our files is linked to it and no other existing file is. A file is deleted only
when the service confirmed that its sample is deleted, and when the content hash of what was sent is known.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from enum import Enum

from eisync.core.absence import Absence, why_inconclusive
from eisync.core.identity import Decision, Destruction, Identity, Sent, decide
from eisync.core.labels.description import Description
from eisync.core.labels.parts import PartKind
from eisync.core.lifecycle import State
from eisync.core.model import Category, FileFacts, RemoteSample, sent_name, shown, value
from eisync.core.policy import OnRemoteDelete, Policy
from eisync.core.studio import stored_name
from eisync.core.text import nfc


class ActionKind(Enum):
    """What an action does, and to what."""

    DELETE_SAMPLE = "delete_sample"
    RENAME_SAMPLE = "rename_sample"
    RELABEL_SAMPLE = "relabel_sample"
    MOVE_SAMPLE = "move_sample"
    EDIT_METADATA = "edit_metadata"
    EDIT_BOXES = "edit_boxes"
    EDIT_STRUCTURED = "edit_structured"
    EDIT_LABEL_MAP = "edit_label_map"
    TRASH_FILE = "trash_file"
    DELETE_FILE = "delete_file"
    ARCHIVE_FILE = "archive_file"
    TOMBSTONE = "tombstone"  # its sample vanished: the file stays, and is never sent again by itself


PARTS = {
    ActionKind.EDIT_BOXES: PartKind.BOXES,
    ActionKind.EDIT_STRUCTURED: PartKind.STRUCTURED,
    ActionKind.EDIT_LABEL_MAP: PartKind.LABEL_MAP,
}
"""The part of a description that each of these actions changes. Its values are text (`changes.part_text`)."""

EDITS = frozenset(
    {ActionKind.RENAME_SAMPLE, ActionKind.RELABEL_SAMPLE, ActionKind.MOVE_SAMPLE, ActionKind.EDIT_METADATA, *PARTS}
)
"""Actions that change a sample and destroy nothing."""

REMOVALS = frozenset({ActionKind.TRASH_FILE, ActionKind.DELETE_FILE, ActionKind.ARCHIVE_FILE})
"""Actions that remove a file from its folder."""


MOVABLE = frozenset({Category.TRAINING, Category.TESTING, Category.VALIDATION, Category.POST_PROCESSING})
"""Categories to which a sample can be moved: `split` lets the service decide, and `anomaly` no longer exists there."""

_LONGEST_IN_KEY = 1024
"""A longer value, such as thousands of boxes, is in the key by its hash."""


class Cause(Enum):
    """Why an action is proposed: what happened, or what the configuration asks for after an upload."""

    LOCAL_DELETION = "local_deletion"
    LOCAL_RENAME = "local_rename"
    LOCAL_CHANGE = "local_change"
    REMOTE_DELETION = "remote_deletion"
    DESCRIPTION_CHANGE = "description_change"
    RETENTION = "retention"


class Progress(Enum):
    """How far an action has come."""

    WAITING = "waiting"  # for a person's yes
    DUE = "due"  # it may be executed
    BEGUN = "begun"  # it may have been executed: check, and continue
    DONE = "done"
    DROPPED = "dropped"  # no longer needed
    REJECTED = "rejected"  # a person said no
    UNDOING = "undoing"  # a person wants it undone
    UNDONE = "undone"


@value(kw_only=True)
class Published:
    """The name (without extension), label and category that a file has at the service, before its rename here."""

    name: str
    label: str | None
    category: Category


@value(kw_only=True)
class WantedDescription:
    """What the samples of a sent file should be described with, and since when (`at`, Unix s).

    `is_asked`: a person asked for it, and approves each edit. `declined` are edits that a person rejected. `why` is a
    clause for a person; None: the description changed, or a person asked for it.
    """

    description: Description
    at: float
    is_asked: bool = False
    declined: frozenset[ActionKind] = frozenset()
    why: str | None = None


@value
class LinkedSample:
    """A sample of a file, as it was last listed. `is_shared` says that another existing file is linked to it, too.

    `found` has the parts that are not listed (boxes and labels by range), as they were read last; others are as sent.
    """

    sample: RemoteSample
    sent: Sent
    is_shared: bool = False
    identity: Identity = Identity.PROVEN
    found: Mapping[ActionKind, str] = field(default_factory=dict)

    @property
    def is_listed(self) -> bool:
        """Whether any listing had it."""
        return self.identity is not Identity.UNLISTED

    def allows(self, destruction: Destruction) -> bool:
        """Return whether the operation is allowed on or because of this sample, perhaps after comparing its bytes."""
        return decide(destruction, self.identity) in (Decision.GO, Decision.COMPARE)


@value(kw_only=True)
class FileSide:
    """One file, and what the index knows about its existing samples.

    `absent_at`: since when the file is missing (Unix s). `is_removed`: eisync removed it, or a person brought it back
    after that. `older`: samples of earlier versions. `gone`: its samples that no longer exist. `segments`: how many
    existing samples were cut from the samples of a tombstone. `absence`: what is known about a missing file; None: this
    was not asked. `since_at`: when it entered its state. `sent_as`: the name that `info.labels` gives it; None: its
    own. `metadata` and `companions` were sent with it; `wanted` is how its samples should be described instead.
    """

    id: int
    root_id: int
    root: str
    path: str
    state: State
    facts: FileFacts
    label: str | None
    category: Category
    sha256: str | None = None
    since_at: float = 0.0
    absent_at: float | None = None
    is_removed: bool = False
    published: Published | None = None
    samples: tuple[LinkedSample, ...] = ()
    older: tuple[LinkedSample, ...] = ()
    gone: tuple[LinkedSample, ...] = ()
    segments: int = 0
    absence: Absence | None = None
    sent_as: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    companions: str | None = None
    wanted: WantedDescription | None = None


@value(kw_only=True)
class Action:
    """One change to make. `to` is the new name, label or category, `was` the old one. `reason` is for a person.

    `since_at` is when its cause happened. An action that a person rejected is proposed again only for a new cause.
    """

    kind: ActionKind
    cause: Cause
    file_id: int
    root: str
    path: str
    reason: str
    since_at: float
    sample_id: int | None = None
    to: str | None = None
    was: str | None = None

    @property
    def key(self) -> str:
        """A key that is equal for the same action and cause, whenever it is proposed."""
        to = self.to or "-"
        if len(to) > _LONGEST_IN_KEY:
            to = hashlib.sha256(to.encode()).hexdigest()
        return f"{self.kind.value} {self.file_id} {self.sample_id or '-'} {self.since_at!r} {to}"


@value(kw_only=True)
class StoredAction:
    """An action as it is stored. `lies_at` is where the file, or a copy of the sample, is kept (absolute path)."""

    id: int
    action: Action
    progress: Progress
    made_at: float
    plan_id: int | None = None
    done_at: float | None = None
    lies_at: str | None = None
    outcome: str | None = None


def propose(file: FileSide, policy: Policy, *, now: float) -> list[Action]:
    """Return the actions that the policy asks for because of this file in its current state."""
    if file.is_removed:
        return []  # eisync removed it itself, so nothing follows from that
    match file.state:
        case State.TOMBSTONE:
            return list(_after_remote_deletion(file, policy))
        case State.SYNCED if file.absent_at is not None:
            return list(_after_local_deletion(file, policy, now))
        case State.SYNCED:
            return [*_after_change(file, policy), *_after_rename(file, policy)]
    return []


def tombstone(file: FileSide, policy: Policy) -> Action | None:
    """Return the action for a file of which every sample vanished at the service. `to` is what then happens to the
    file.

    Return None when the file is not uploaded or has no sample.
    """
    if file.state is not State.SYNCED or not file.samples:
        return None
    follows = replace(file, state=State.TOMBSTONE, samples=(), gone=file.samples)
    action = next(iter(propose(follows, policy, now=0.0)), None)
    sample_id = file.samples[0].sample.id
    return Action(
        kind=ActionKind.TOMBSTONE,
        cause=Cause.REMOTE_DELETION,
        file_id=file.id,
        root=file.root,
        path=file.path,
        reason=f"its sample {sample_id} is no longer in the project" if action is None else action.reason,
        since_at=file.since_at,
        sample_id=sample_id,
        to=None if action is None else action.kind.value,
    )


def _after_remote_deletion(file: FileSide, policy: Policy) -> Iterator[Action]:
    # When the content that was sent is unknown, the file is kept: it could have other content by now.
    is_known = file.sha256 is not None and file.absent_at is None
    if policy.on_remote_delete is OnRemoteDelete.KEEP or not is_known or file.samples or file.segments:
        return  # after a split or crop, only the file here is the complete recording
    # A sample that was never listed was not deleted, and one with other content was not this file.
    if not file.gone or not all(held.allows(Destruction.FOLLOW_DELETION) for held in file.gone):
        return
    trashes = policy.on_remote_delete is OnRemoteDelete.TRASH
    yield Action(
        kind=ActionKind.TRASH_FILE if trashes else ActionKind.DELETE_FILE,
        cause=Cause.REMOTE_DELETION,
        file_id=file.id,
        root=file.root,
        path=file.path,
        reason="its sample was deleted in the project",
        since_at=file.since_at,
    )


def _after_local_deletion(file: FileSide, policy: Policy, now: float) -> Iterator[Action]:
    absent_at = file.absent_at
    if not policy.deletes_samples or absent_at is None or why_inconclusive(absent_at, file.absence, now=now):
        return
    for held in file.samples:
        if not held.is_shared and held.allows(Destruction.DELETE_SAMPLE):
            yield _on_sample(
                file, held.sample.id, ActionKind.DELETE_SAMPLE, Cause.LOCAL_DELETION, "its file was deleted here"
            )


def _after_change(file: FileSide, policy: Policy) -> Iterator[Action]:
    # The new version is certainly there: the service returned its id, and lists it.
    is_there = any(held.identity in (Identity.PROVEN, Identity.LIKELY) for held in file.samples)
    if not policy.replaces_samples or not is_there:
        return
    ours = {held.sample.id for held in file.samples}
    for held in file.older:
        if not held.is_shared and held.sample.id not in ours and held.allows(Destruction.DELETE_SAMPLE):
            reason = "a new version of its file replaced it"
            yield _on_sample(file, held.sample.id, ActionKind.DELETE_SAMPLE, Cause.LOCAL_CHANGE, reason)


def _after_rename(file: FileSide, policy: Policy) -> Iterator[Action]:
    published = file.published
    if not policy.edits_samples or published is None:
        return
    name = name_of(file.path, file.sent_as)
    for held in file.samples:
        if held.is_shared or not held.allows(Destruction.EDIT_SAMPLE):
            continue
        sample = held.sample
        # Change only what the rename changed. Other edits that a person made in Studio stay.
        if nfc(published.name) != nfc(name) != nfc(sample.filename):
            yield _edit(file, sample.id, ActionKind.RENAME_SAMPLE, was=sample.filename, to=name)
        label = nfc(file.label or "")
        if label != nfc(published.label or "") and label != nfc(sample.label or ""):
            yield _edit(file, sample.id, ActionKind.RELABEL_SAMPLE, was=sample.label or "", to=file.label or "")
        if file.category in MOVABLE and file.category != published.category and sample.category != file.category.value:
            yield _edit(file, sample.id, ActionKind.MOVE_SAMPLE, was=sample.category, to=file.category.value)


def is_agreed(file: FileSide) -> bool:
    """Return whether a renamed file needs no further action, once its actions are done or none was proposed."""
    return all(held.is_listed for held in file.samples)


def name_of(path: str, sent_as: str | None = None) -> str:
    """Return the name that the service stores for the file at `path`. `sent_as` is the name from `info.labels`."""
    return stored_name(sent_as or sent_name(shown(path)))


def _edit(file: FileSide, sample_id: int, kind: ActionKind, *, was: str, to: str) -> Action:
    return _on_sample(file, sample_id, kind, Cause.LOCAL_RENAME, "its file was renamed here", was=was, to=to)


def _on_sample(
    file: FileSide,
    sample_id: int,
    kind: ActionKind,
    cause: Cause,
    reason: str,
    *,
    was: str | None = None,
    to: str | None = None,
) -> Action:
    since_at = file.absent_at if cause is Cause.LOCAL_DELETION and file.absent_at is not None else file.since_at
    return Action(
        kind=kind,
        cause=cause,
        file_id=file.id,
        root=file.root,
        path=file.path,
        reason=reason,
        since_at=since_at,
        sample_id=sample_id,
        was=was,
        to=to,
    )
