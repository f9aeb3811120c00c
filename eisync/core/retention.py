"""Decide which files may be removed from a small disk because the service certainly has them.

The input is what the index knows about a file, the configuration, the time and the free bytes. The result is an action,
or the reason why the file stays. A file is confirmed when the service listed each of its existing samples as what was
sent, without an error, and did not miss it since. All other files stay, however full the disk is. Before a file is
removed, the service is asked once more (`why_unproven`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import Enum

from eisync.core import identity
from eisync.core.actions import Action, ActionKind, Cause, StoredAction
from eisync.core.clock_step import ClockSetting
from eisync.core.identity import Decision, Destruction, Identity, Sent
from eisync.core.lifecycle import RemovalState, State
from eisync.core.model import FileFacts, RemoteSample, value
from eisync.core.policy import After, Retention


@value
class Disk:
    """The size of a file system in bytes. `free` is what an ordinary user can still write."""

    free: int
    total: int


@value
class Room:
    """The space that a file needs on its disk. `links` is the number of its names (hard links)."""

    device: int
    bytes: int
    links: int = 1

    @property
    def why_none_is_freed(self) -> "Why | None":
        """Why deleting the file frees no space; None when it does."""
        if self.links > 1:
            return Why.LINKED
        return None if self.bytes else Why.EMPTY


@value(kw_only=True)
class Proof:
    """An existing sample of the file, as it was last listed.

    `raw_sha256` is the hash of its downloaded bytes, if they were compared since that listing.
    """

    id: int
    sent: Sent
    listed: RemoteSample
    identity: Identity = Identity.PROVEN
    is_missed: bool = False  # by the last sweep, or by the current one
    raw_sha256: str | None = None
    is_cut: bool = False  # it is only a part of what was sent, because a person split or cropped it

    @property
    def has_error(self) -> bool:
        """Whether the service could not process it."""
        return self.listed.has_processing_error


@value(kw_only=True)
class Local:
    """One file, and what the index knows about it. `since_at` is when it entered its state.

    `removal` says whether eisync removed it, or is about to. `is_followed` says that a change of it has not reached the
    service yet (a rename, an older version to delete).
    """

    id: int
    root_id: int
    root: str
    path: str
    target: str
    state: State
    facts: FileFacts
    since_at: float
    sha256: str | None = None
    is_absent: bool = False
    removal: RemovalState = RemovalState.NONE
    is_followed: bool = False
    proofs: tuple[Proof, ...] = ()


@value(kw_only=True)
class Removal:
    """A file that will be removed from its folder, with the facts and hash that it must have at that moment.

    `name` is its temporary name in that folder. `to` is its place in the archive (absolute); None: it is deleted.
    `archive` is that archive (absolute), with the `marker` that it must have at that moment.
    """

    file_id: int
    root: str
    path: str
    name: str
    facts: FileFacts
    sha256: str
    to: str | None = None
    archive: str | None = None
    marker: str | None = None


class Whereabout(Enum):
    """Where a file is that should be removed."""

    IN_PLACE = "in place"
    TAKEN = "taken"  # it has its temporary name
    NOWHERE = "nowhere"


class Why(Enum):
    """Why a file stays."""

    KEPT = "it must be kept"
    NOT_SYNCED = "it is not in the project"
    ABSENT = "the file is missing"
    REMOVED = "eisync removed it, or a person brought it back"
    FOLLOWED = "a rename or a new version has not reached the project yet"
    UNKNOWN = "eisync has no record of what it sent"
    UNLISTED = "the service has not listed its sample yet"
    MISSED = "the service's last listing did not have its sample"
    FAULTY = "the service could not process its sample"
    FOREIGN = "this is not the project it was sent to; here the number of its sample belongs to another one"
    CHANGED = "its sample was changed in the project and is no longer what was sent"
    UNASKED = "eisync cannot ask the service whether it still has the sample"
    CUT = "its sample was split or cropped in Studio: only the file here is whole"
    YOUNG = "it has been in the project for less than grace_s"
    SAME_DISK = "the archive is on the same disk: moving it there frees nothing"
    CLOCK = "the clock may be wrong, so eisync cannot tell how long it has been in the project"
    LINKED = "it has another name on its disk: deleting it frees nothing"
    EMPTY = "it takes no room on its disk: deleting it frees nothing"
    TROUBLED = "it could not be removed; eisync will try again"


# The worst comes first: if the project is a different one, nothing that it lists counts.
_UNPROVEN = {Decision.STOP: Why.FOREIGN, Decision.WAIT: Why.UNLISTED, Decision.LEAVE: Why.CHANGED}


def why_unconfirmed(file: Local) -> Why | None:
    """Return why the file must stay; None when the service certainly has it, and the file is there."""
    if file.state is not State.SYNCED:
        return Why.NOT_SYNCED
    if file.is_absent:
        return Why.ABSENT
    if file.removal is not RemovalState.NONE:
        return Why.REMOVED
    if file.is_followed:
        return Why.FOLLOWED
    if not file.sha256:
        return Why.UNKNOWN
    if not file.proofs:
        return Why.UNLISTED
    for decision, why in _UNPROVEN.items():
        if any(identity.decide(Destruction.REMOVE_FILE, proof.identity) is decision for proof in file.proofs):
            return why
    if any(proof.is_missed for proof in file.proofs):
        return Why.MISSED
    if any(proof.has_error for proof in file.proofs):
        return Why.FAULTY
    if any(proof.is_cut for proof in file.proofs):
        return Why.CUT
    return None


@value
class NeedsComparison:
    """Compare the bytes of this sample with what was sent."""

    sample_id: int


def why_unproven(
    file: Local, listed: Mapping[int, RemoteSample], raw: Mapping[int, str]
) -> Why | NeedsComparison | None:
    """Decide, after the service was asked once more, whether the file may be removed (None).

    Otherwise return why it stays, or which sample's bytes must be compared first. `listed` are its existing samples by
    id. `raw` are the hashes of the bytes that were downloaded now, by sample id.
    """
    for proof in file.proofs:
        sample = listed.get(proof.id)
        if sample is None:
            return Why.MISSED
        if sample.has_processing_error:
            return Why.FAULTY
        if sample.is_cropped:
            return Why.CUT
        is_as_before = (sample.sha256, sample.added) == (proof.listed.sha256, proof.listed.added)
        raw_sha256 = raw.get(proof.id, proof.raw_sha256 if is_as_before else None)
        sent = replace(proof.sent, sha256=file.sha256)
        evidence = identity.weigh(sent, sample, before=proof.listed, raw_sha256=raw_sha256)
        decision = identity.decide(Destruction.REMOVE_FILE, identity.identify(evidence))
        if decision is Decision.COMPARE:
            return NeedsComparison(proof.id)
        if decision is not Decision.GO:
            return _UNPROVEN[decision]
    return None if file.proofs else Why.UNLISTED


def decide(
    file: Local,
    policy: Retention,
    *,
    now: float,
    short_bytes: int = 0,
    frees: bool = True,
    counts_from: float = 0.0,
    doubts_clock: bool = False,
) -> Action | Why:
    """Decide what to do with the file.

    `short_bytes`: how many bytes are missing for `min_free`; if any, `grace_s` does not apply. `frees`: the archive, if
    there is one, is on another disk. `counts_from`: time before this does not count for `grace_s`, because the clock
    was set then. `doubts_clock`: the clock may be wrong, so `grace_s` never ends.
    """
    if not policy.removes:
        return Why.KEPT
    unconfirmed = why_unconfirmed(file)
    if unconfirmed is not None:
        return unconfirmed
    if short_bytes > 0:
        return _act(file, policy, "the disk ran short") if frees or policy.after is not After.ARCHIVE else Why.SAME_DISK
    if policy.after is After.KEEP:
        return Why.KEPT
    if doubts_clock:
        return Why.CLOCK
    if not ClockSetting(counts_from=counts_from).age_s(file.since_at, now) >= policy.grace_s:
        return Why.YOUNG
    return _act(file, policy, "after_upload says so")


def make_room(
    files: Iterable[Local],
    policy: Retention,
    *,
    now: float,
    short_bytes: int,
    frees: bool = True,
    rooms: Mapping[int, Room] | None = None,
) -> list[Action]:
    """Return the actions that free `short_bytes`, or as much as possible: the oldest files first, no more than needed.

    `rooms` is the space of each file on the disk, by id. When it is unknown, the size of the file counts.
    """
    actions: list[Action] = []
    for file in sorted(files, key=lambda file: (file.since_at, file.id)):
        if short_bytes <= 0:
            break
        room = (rooms or {}).get(file.id, Room(0, file.facts.size))
        decision = room.why_none_is_freed or decide(file, policy, now=now, short_bytes=short_bytes, frees=frees)
        if isinstance(decision, Action):
            actions.append(decision)
            short_bytes -= room.bytes
    return actions


def shortage(policy: Retention, disk: Disk) -> int:
    """Return how many bytes are missing for `min_free`."""
    return max(0, policy.min_free.of(disk.total) - disk.free)


def oldest_day(now: float, days: int) -> str:
    """Return the first day (as 2026-11-26, UTC) that is not older than `days` days."""
    return (datetime.fromtimestamp(now, UTC) - timedelta(days=days)).date().isoformat()


def is_trash_old(made_at: float | None, newest_at: float, days: int, *, setting: ClockSetting, now: float) -> bool:
    """Return whether a day's folder in the trash, which is old by its name, may be removed.

    The clock may have been wrong on that day, so all other evidence must agree. `made_at` is when the last action
    recorded that it puts something there; None: no such action is stored. `newest_at` is the time by the file system.
    """
    evidence = [newest_at] if made_at is None else [newest_at, made_at]
    return all(setting.age_s(at, now) >= days * 24 * 3600.0 for at in evidence)


def taken_name(action_id: int, made_at: float) -> str:
    """Return the temporary name of a file in its own folder, before it is checked and removed. Each name is unique."""
    return f".eisync-{action_id}-{round(made_at * 1000)}.taken"


def removal_of(written: StoredAction, file: Local) -> Removal:
    """Return the removal for a stored action. It has the facts of the row, so a newer version is never removed."""
    return Removal(
        file_id=file.id,
        root=written.action.root,
        path=written.action.path,
        name=taken_name(written.id, written.made_at),
        facts=file.facts,
        sha256=file.sha256 or "",
        to=written.lies_at,
    )


def is_wanted(removal: Removal, policy: Retention) -> bool:
    """Return whether the configuration still wants a removal that was begun, with the same archive."""
    if removal.to is None or not policy.removes:
        return policy.removes
    return policy.archive is not None and removal.to.startswith(policy.archive.rstrip("/") + "/")


def _act(file: Local, policy: Retention, trigger: str) -> Action:
    return Action(
        kind=ActionKind.ARCHIVE_FILE if policy.after is After.ARCHIVE else ActionKind.DELETE_FILE,
        cause=Cause.RETENTION,
        file_id=file.id,
        root=file.root,
        path=file.path,
        reason=f"it is in the project, and {trigger}",
        since_at=file.since_at,
    )
