"""Decide which files may leave a small disk, because the service has them for certain.

Pure: what the index knows of a file, what the configuration wants, the instant and the free bytes in; an action out, or
the reason why the file stays. A file is confirmed when every sample of it that is there was listed by the service as
what was sent, without an error, and not missed since; a file of which anything else is known stays, however full the
disk is. Before one goes, the service is asked once more (`why_unproven`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum

from eisync.core import identity
from eisync.core.actions import Action, ActionKind, Cause, StoredAction
from eisync.core.clock_step import ClockSetting
from eisync.core.identity import Decision, Destruction, Identity, Sent
from eisync.core.lifecycle import RemovalState, State
from eisync.core.model import FileFacts, RemoteSample
from eisync.core.policy import After, Retention


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system, in bytes. `free` is what a user without special rights may write."""

    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Room:
    """What a file takes of its disk. `links`: under how many names."""

    device: int
    bytes: int
    links: int = 1

    @property
    def why_none_is_freed(self) -> "Why | None":
        """Why the disk has no more room when the file is deleted; None: it has."""
        if self.links > 1:
            return Why.LINKED
        return None if self.bytes else Why.EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A sample of the file that was not deleted, as it was listed last.

    `raw_sha256`: the hash of its bytes, where we looked at them since it is listed so.
    """

    id: int
    sent: Sent
    listed: RemoteSample
    identity: Identity = Identity.PROVEN
    is_missed: bool = False  # by the last sweep, or by the one under way
    raw_sha256: str | None = None
    is_cut: bool = False  # it is a piece of what was sent: a person split or cropped it

    @property
    def has_error(self) -> bool:
        """Whether the service could not process it."""
        return self.listed.has_processing_error


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """One file, and what the index knows of it. `since_at`: when it came into its state.

    `removal`: whether eisync took it away, or is about to. `is_followed`: something is still to
    be said to the service because of it (a rename, an older version to delete).
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A file that is to leave its folder, as it must be then; `name` is what it is called meanwhile, in that folder.

    `to`: where in the archive it goes (absolute); None: it is deleted. `archive` is that archive (absolute), with the
    marker that it must have then.
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
    """Where a file is that was to be taken away."""

    IN_PLACE = "in place"
    TAKEN = "taken"  # it waits under its other name
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


# The worst first: where the project is another one, nothing that it lists counts.
_UNPROVEN = {Decision.STOP: Why.FOREIGN, Decision.WAIT: Why.UNLISTED, Decision.LEAVE: Why.CHANGED}


def why_unconfirmed(file: Local) -> Why | None:
    """Return why the file must stay; None when the service has it for certain, and it is there."""
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


@dataclass(frozen=True, slots=True)
class ProofLook:
    """Compare the bytes of this sample with what was sent."""

    sample_id: int


def why_unproven(file: Local, listed: Mapping[int, RemoteSample], raw: Mapping[int, str]) -> Why | ProofLook | None:
    """Why the file may not go now that the service was asked once more; a look that would tell; None: it may.

    `listed`: those of its samples that are there now, by id; `raw`: the hashes of the bytes that were looked at now.
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
        if decision is Decision.LOOK:
            return ProofLook(proof.id)
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

    `short_bytes`: so much is missing of `min_free`; then `grace_s` is not waited for. `frees`: the archive, if there is
    one, is on another disk. `counts_from`: no time before counts for the grace, because the clock was set there.
    `doubts_clock`: the clock may be wrong, and no grace is ever over.
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
    """The actions that free `short_bytes`, or as much as can be had: the oldest first, and no more than are needed.

    `rooms`: what each file takes of the disk, by id; as much as it has bytes where that is not known.
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
    """How many bytes are missing of `min_free`."""
    return max(0, policy.min_free.of(disk.total) - disk.free)


def oldest_day(now: float, days: int) -> str:
    """The first day (as 2026-11-26, UTC) that is not older than `days` days."""
    return (datetime.fromtimestamp(now, UTC) - timedelta(days=days)).date().isoformat()


def is_trash_old(made_at: float | None, newest_at: float, days: int, *, setting: ClockSetting, now: float) -> bool:
    """Whether a day's folder in the trash may be removed, whose name says so.

    Its name is by the clock of that day, which may have been wrong: all else that is known of it must say so too.
    `made_at`: when the last act wrote down that it puts something there; None: none that is remembered. `newest_at`:
    what the file system says of it.
    """
    evidence = [newest_at] if made_at is None else [newest_at, made_at]
    return all(setting.age_s(at, now) >= days * 24 * 3600.0 for at in evidence)


def taken_name(action_id: int, made_at: float) -> str:
    """Under which name a file waits, in its own folder, to be looked at and taken away. Never given twice."""
    return f".eisync-{action_id}-{round(made_at * 1000)}.taken"


def removal_of(written: StoredAction, file: Local) -> Removal:
    """The action as the hands want it. The facts are those of the row: of a newer version, none is what was sent."""
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
    """Whether a removal that was begun is still to be done, where it was to go to."""
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
