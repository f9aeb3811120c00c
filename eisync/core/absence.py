"""Tell that a project was emptied, or that nearly all of ours is gone from it: nobody deletes samples like that one by
one, and no word says that all is well.

Pure: counts in, a clause out.

What is mounted in a watched folder, and which of its files cannot be seen when that is not there any more.

Pure. A file belongs to the layer in which it came: the disk that was mounted above it, or the folder without one. When
another layer is seen at a place, all that came before is away and nothing follows from its absence. A layer is told by
structure first (mounted or not), because device numbers change from boot to boot; folders by device and inode, so that
a folder that is mounted upon itself is the same one.

What an absent file proves: nothing, unless all that is known speaks for a person who deleted it.

Pure. A disk that is away, a file that was moved while uploads waited, an editor that puts a file back and a folder that
was not looked through since all look like a deletion at first.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from eisync.core.model import shown

NEARLY_ALL = 0.9
FEW = 1
"""One file of ours that vanished is a person's doing."""


@dataclass(frozen=True, slots=True)
class MissingFiles:
    """Of one target, as the last complete listing had it.

    `samples`: how many there were, of everybody. `ours`: how many of our files are known to be there; `unlisted`: how
    many of these had no sample listed.
    """

    samples: int
    ours: int
    unlisted: int


def why_emptied(missing: MissingFiles) -> str | None:
    """What happened to the project, in a clause; None: nothing of that kind."""
    if missing.unlisted <= FEW:
        return None
    if missing.samples == 0:
        return f"the project is empty now; it held {missing.unlisted:,} samples of these files"
    if missing.unlisted >= NEARLY_ALL * missing.ours:
        return f"nearly all samples of these files are gone from the project: {missing.unlisted:,} of {missing.ours:,}"
    return None


@dataclass(frozen=True, slots=True)
class MountedDisk:
    """What is seen at `folder` of a root (empty: the root itself). `identity`: device and inode of the folder. Its
    files have ids above `since_id`.

    `point`: of the root, where its file system is mounted (absolute); else the number of the mount. It is another one
    after each mount, and so is that of many devices; either may come again.
    """

    folder: str
    point: str
    identity: tuple[int, int]
    since_id: int = 0


@dataclass(frozen=True, slots=True)
class Away:
    """Files at and below `folder` that were last seen on another layer than the one that is there: those with ids above
    `from_id` and up to `upto_id`. `disk`: what is missing; None: the folder itself, which something is mounted over.
    """

    id: int
    folder: str
    disk: MountedDisk | None
    from_id: int
    upto_id: int
    since_at: float

    def holds(self, path: str, file_id: int) -> bool:
        """Whether the file is one of these."""
        return self.from_id < file_id <= self.upto_id and is_at(path, self.folder)


def is_at(path: str, folder: str) -> bool:
    """Whether the path is `folder`, or below it."""
    return not folder or path == folder or path.startswith(f"{folder}/")


def why_away(aways: Iterable[Away], root: str, path: str, file_id: int) -> str | None:
    """Why nothing follows from the absence of the file; None when it could be seen."""
    return next((sentence(away, root) for away in aways if away.holds(path, file_id)), None)


def sentence(away: Away, root: str) -> str:
    """What is wrong and what to do, for a person."""
    place = shown(f"{root.rstrip('/')}/{away.folder}" if away.folder else root)
    remedy = (
        "files that are missing there do not count as deleted. If they were deleted, create a file named "
        f".eisync-root in {place}"
    )
    if away.disk is None:
        return f"another disk is mounted over {place}, which held files. Unmount it, or leave it: {remedy}"
    return (
        f"the disk at {place} is missing, or it is a different one. Mount it, and eisync continues by itself: {remedy}"
    )


def lost(known: Collection[MountedDisk], seen: Collection[MountedDisk]) -> list[MountedDisk]:
    """Those that were known and are not seen as they were: unmounted, or another one is in their place."""
    there = {disk.folder: disk for disk in seen}
    return [disk for disk in known if not _is_same(disk, there.get(disk.folder))]


def new(known: Collection[MountedDisk], seen: Collection[MountedDisk]) -> list[MountedDisk]:
    """Those that are seen and were not known."""
    return lost(seen, known)


def _is_same(disk: MountedDisk, other: MountedDisk | None) -> bool:
    if other is None:
        return False
    if disk.folder:
        return disk.identity == other.identity and disk.point == other.point
    # Whether another disk is mounted there, where one was before, is looked at elsewhere.
    return disk.identity == other.identity or disk.point == other.point


ABSENT_S = 60.0
"""So long a file must be gone before that is taken for a deletion: editors and copy tools put files back."""


class Elsewhere(Enum):
    """Whether the content of an absent file is somewhere else in the folders of its target."""

    NOWHERE = "nowhere"
    POSSIBLE = "possible"  # a file of its size was not compared with it yet
    THERE = "there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """What is known of a file that is not there.

    `looked_through_at`: when the last complete look through all folders of its target began (Unix s); None: there was
    none. `away`: why its place cannot be seen, or is in doubt; None: it can.
    """

    looked_through_at: float | None
    elsewhere: Elsewhere
    away: str | None = None


def why_inconclusive(absent_at: float, absence: Absence | None, *, now: float) -> str | None:
    """Why nothing follows from a file that is absent since `absent_at`; None: a person deleted it."""
    if absence is None:
        return "its content was not searched for"
    if absence.away is not None:
        return absence.away
    if now - absent_at < ABSENT_S:
        return "it disappeared a moment ago"
    if absence.looked_through_at is None or absence.looked_through_at <= absent_at:
        return "the folders were not scanned since it disappeared"
    if absence.elsewhere is Elsewhere.THERE:
        return "a file with the same content exists"
    if absence.elsewhere is Elsewhere.POSSIBLE:
        return "a file of the same size exists and was not compared with it yet"
    return None
