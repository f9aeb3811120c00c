"""Decide what to do to folders and project so that they agree as the policy says.

Pure: one file with its samples and what the configuration wants in, a list of actions out. Nothing is done here: an
action is written down first, the guard looks at all of a pass together, and the executor looks at file and
sample once more. Proposing again after an action was carried out proposes nothing.

A sample is deleted only when a file of ours is tied to it and no other file that is there is; a file only when the
service confirmed that its sample is deleted, and when what was sent of it is known by its content hash.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from eisync.core.absence import Absence, why_inconclusive
from eisync.core.identity import Decision, Destruction, Identity, Sent, decide
from eisync.core.lifecycle import State
from eisync.core.model import Category, FileFacts, RemoteSample, sent_name, shown
from eisync.core.policy import OnRemoteDelete, Policy
from eisync.core.studio import stored_name
from eisync.core.text import nfc


class ActionKind(Enum):
    """What is done, and to what."""

    DELETE_SAMPLE = "delete_sample"
    RENAME_SAMPLE = "rename_sample"
    RELABEL_SAMPLE = "relabel_sample"
    MOVE_SAMPLE = "move_sample"
    TRASH_FILE = "trash_file"
    DELETE_FILE = "delete_file"
    ARCHIVE_FILE = "archive_file"
    TOMBSTONE = "tombstone"  # nothing is done to it: its sample vanished, and it is never sent again by itself


EDITS = frozenset({ActionKind.RENAME_SAMPLE, ActionKind.RELABEL_SAMPLE, ActionKind.MOVE_SAMPLE})
"""What changes a sample and destroys nothing."""

REMOVALS = frozenset({ActionKind.TRASH_FILE, ActionKind.DELETE_FILE, ActionKind.ARCHIVE_FILE})
"""What takes a file out of its folder."""


class Cause(Enum):
    """Why an action is proposed: what somebody did, or what the configuration asks for after an upload."""

    LOCAL_DELETION = "local_deletion"
    LOCAL_RENAME = "local_rename"
    LOCAL_CHANGE = "local_change"
    REMOTE_DELETION = "remote_deletion"
    RETENTION = "retention"


class Progress(Enum):
    """How far an action has come."""

    WAITING = "waiting"  # for a person's yes
    DUE = "due"  # it may be done
    BEGUN = "begun"  # it may have been done: it is looked at, and gone on with
    DONE = "done"
    DROPPED = "dropped"  # what it was proposed for is not so any more
    REJECTED = "rejected"  # a person said no
    UNDOING = "undoing"  # a person wants it undone
    UNDONE = "undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Under which name (without extension), label and category the service holds a file that was renamed since."""

    name: str
    label: str | None
    category: Category


@dataclass(frozen=True, slots=True)
class LinkedSample:
    """A sample of a file, as it was listed last. `is_shared`: another file that is there is tied to it too."""

    sample: RemoteSample
    sent: Sent
    is_shared: bool = False
    identity: Identity = Identity.PROVEN

    @property
    def is_listed(self) -> bool:
        """Whether a listing has shown it."""
        return self.identity is not Identity.UNLISTED

    def allows(self, destruction: Destruction) -> bool:
        """Return whether that may be done to it, or because of it, perhaps after a comparison of its bytes."""
        return decide(destruction, self.identity) in (Decision.GO, Decision.LOOK)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSide:
    """One file, and what the index knows of its samples that are there.

    `absent_at`: since when the file is not there (Unix s). `is_removed`: we took it away, or a person brought it back
    after that. `older`: samples of versions that this one replaced. `gone`: its samples that are not there any more.
    `segments`: how many samples that are there were cut from those of a tombstone. `absence`: what is known of one that
    is not there; None: it was not asked. `since_at`: when it came into its state. `sent_as`: the name that an account
    gives it; None: its own.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do. `to` is the new name, label or category; `was` the one before. `reason` is for a person.

    `since_at` is when its cause came about: what was rejected is proposed again for a new cause only.
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
        """The same for the same action of the same cause, whenever it is proposed."""
        return f"{self.kind.value} {self.file_id} {self.sample_id or '-'} {self.since_at!r} {self.to or '-'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAction:
    """An action as it is written down. `lies_at`: where the file, or a copy of the sample, lies since (absolute)."""

    id: int
    action: Action
    progress: Progress
    made_at: float
    plan_id: int | None = None
    done_at: float | None = None
    lies_at: str | None = None
    outcome: str | None = None


def propose(file: FileSide, policy: Policy, *, now: float) -> list[Action]:
    """What the policy asks for because of this file, as things are."""
    if file.is_removed:
        return []  # what we did ourselves is no wish of anybody
    match file.state:
        case State.TOMBSTONE:
            return list(_after_remote_deletion(file, policy))
        case State.SYNCED if file.absent_at is not None:
            return list(_after_local_deletion(file, policy, now))
        case State.SYNCED:
            return [*_after_change(file, policy), *_after_rename(file, policy)]
    return []


def tombstone(file: FileSide, policy: Policy) -> Action | None:
    """What is proposed when every sample of the file vanished at the service; `to` is what then becomes of the file.

    None when the file is not there to become anything else, or has no sample.
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
    # A file of which we do not know what was sent is kept: it could be something else by now.
    is_known = file.sha256 is not None and file.absent_at is None
    if policy.on_remote_delete is OnRemoteDelete.KEEP or not is_known or file.samples or file.segments:
        return  # of one that was split or cropped only the file here is whole
    # What never was listed was not deleted, and what was something else by then was not this file.
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
    # The new version is there for certain: the service named it, and lists it.
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
        # Only what the rename changed follows it: what a person edited in Studio beside that stays.
        if nfc(published.name) != nfc(name) != nfc(sample.filename):
            yield _edit(file, sample.id, ActionKind.RENAME_SAMPLE, was=sample.filename, to=name)
        label = nfc(file.label or "")
        if label != nfc(published.label or "") and label != nfc(sample.label or ""):
            yield _edit(file, sample.id, ActionKind.RELABEL_SAMPLE, was=sample.label or "", to=file.label or "")
        if file.category in _MOVABLE and file.category != published.category and sample.category != file.category.value:
            yield _edit(file, sample.id, ActionKind.MOVE_SAMPLE, was=sample.category, to=file.category.value)


def is_agreed(file: FileSide) -> bool:
    """Whether nothing is left to be said of a file that was renamed, once its actions are done or none was proposed."""
    return all(held.is_listed for held in file.samples)


def name_of(path: str, sent_as: str | None = None) -> str:
    """The name that the service stores for the file at `path`, which an account may have it `sent_as`."""
    return stored_name(sent_as or sent_name(shown(path)))


_DOES = {
    ActionKind.DELETE_SAMPLE: "delete sample {action.sample_id} of {path}",
    ActionKind.RENAME_SAMPLE: "rename sample {action.sample_id} of {path} from {action.was!r} to {action.to!r}",
    ActionKind.RELABEL_SAMPLE: "relabel sample {action.sample_id} of {path} from {action.was!r} to {action.to!r}",
    ActionKind.MOVE_SAMPLE: "move sample {action.sample_id} of {path} to {action.to}, which is in {action.was}",
    ActionKind.TRASH_FILE: "move {path} to the trash",
    ActionKind.DELETE_FILE: "delete {path}",
    ActionKind.ARCHIVE_FILE: "move {path} to the archive",
    ActionKind.TOMBSTONE: "never send {path} again automatically",
}

# What is done to the file once it is a tombstone: that is what a person says yes to.
_FOLLOWS = {kind.value: kind for kind in REMOVALS}


def sentence(action: Action) -> str:
    """What is done and why, for a person."""
    path = shown(f"{action.root.rstrip('/')}/{action.path}")
    kind = _FOLLOWS.get(action.to or "", action.kind) if action.kind is ActionKind.TOMBSTONE else action.kind
    return f"{_DOES[kind].format(action=action, path=path)}: {action.reason}"


# Where a sample may be moved to: `split` leaves it to the service, and `anomaly` is none of its categories any more.
_MOVABLE = frozenset({Category.TRAINING, Category.TESTING, Category.VALIDATION, Category.POST_PROCESSING})


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
