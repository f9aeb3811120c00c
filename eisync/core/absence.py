"""Decide what a missing file or sample proves: only rarely that a person deleted it.

Missing samples: `why_emptied` detects that a project was emptied, or that nearly all of our samples are gone from it.
No person deletes samples in that way one by one, so eisync asks first, and the status is not good until then.

Missing disks: a file belongs to the layer in which it arrived, the disk that was mounted above it or the folder without
a mount. When another layer is at that place, all files of the earlier layer are away, and nothing follows from their
absence. A layer is identified first by whether it is a mount, because device numbers change from boot to boot. Folders
are identified by device and inode, so that a folder that is mounted on itself stays the same.

Missing files: `why_inconclusive` says why a missing file does not count as deleted. A missing disk, a file that was
moved while uploads waited, an editor that writes a file anew, and a folder that was not scanned since all look like a
deletion at first.
"""

from collections.abc import Collection, Iterable
from enum import Enum

from eisync.core.model import shown, value

NEARLY_ALL = 0.9
FEW = 1
"""When only this many of our files vanished, a person deleted them."""


@value
class MissingFiles:
    """The numbers of one target by the last complete listing.

    `samples`: all samples of the project. `ours`: our files that are known to be in the project. `unlisted`: those of
    them without a listed sample.
    """

    samples: int
    ours: int
    unlisted: int


def why_emptied(missing: MissingFiles) -> str | None:
    """Return what happened to the project, as a clause; None when it was not emptied."""
    if missing.unlisted <= FEW:
        return None
    if missing.samples == 0:
        return f"the project is empty now; it held {missing.unlisted:,} samples of these files"
    if missing.unlisted >= NEARLY_ALL * missing.ours:
        return f"nearly all samples of these files are gone from the project: {missing.unlisted:,} of {missing.ours:,}"
    return None


@value
class MountedDisk:
    """The disk at `folder` of a root (empty: the root itself). Its files have ids above `since_id`.

    `identity` is the device and inode of the folder. `point` is, for the root, the mount point of its file system
    (absolute), and otherwise the mount number. Each mount gets another mount number, and many devices another device
    number; both may be used again.
    """

    folder: str
    point: str
    identity: tuple[int, int]
    since_id: int = 0


@value
class Away:
    """Files at and below `folder` that belong to another layer than the current one.

    They have ids above `from_id` and up to `upto_id`. `disk` is the missing disk; None means that the folder itself is
    hidden, because something is mounted over it.
    """

    id: int
    folder: str
    disk: MountedDisk | None
    from_id: int
    upto_id: int
    since_at: float

    def holds(self, path: str, file_id: int) -> bool:
        """Return whether the file is one of these."""
        return self.from_id < file_id <= self.upto_id and is_at(path, self.folder)


def is_at(path: str, folder: str) -> bool:
    """Return whether the path is `folder`, or below it."""
    return not folder or path == folder or path.startswith(f"{folder}/")


def why_away(aways: Iterable[Away], root: str, path: str, file_id: int) -> str | None:
    """Return why nothing follows from the absence of the file; None when its layer is there."""
    return next((sentence(away, root) for away in aways if away.holds(path, file_id)), None)


def sentence(away: Away, root: str) -> str:
    """Return what is wrong and what to do, for a person."""
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


def lost(known: Collection[MountedDisk], found: Collection[MountedDisk]) -> list[MountedDisk]:
    """Return the known disks that were not found: unmounted, or another one is in their place."""
    there = {disk.folder: disk for disk in found}
    return [disk for disk in known if not _is_same(disk, there.get(disk.folder))]


def new(known: Collection[MountedDisk], found: Collection[MountedDisk]) -> list[MountedDisk]:
    """Return the disks that were found and not known."""
    return lost(found, known)


def _is_same(disk: MountedDisk, other: MountedDisk | None) -> bool:
    if other is None:
        return False
    if disk.folder:
        return disk.identity == other.identity and disk.point == other.point
    # Whether another disk is mounted where one was before is checked elsewhere.
    return disk.identity == other.identity or disk.point == other.point


ABSENT_S = 60.0
"""How long a file must be missing before it counts as deleted: editors and copy tools write files anew."""


class Elsewhere(Enum):
    """Whether the content of an absent file exists elsewhere in the folders of its target."""

    NOWHERE = "nowhere"
    POSSIBLE = "possible"  # a file of the same size was not compared with it yet
    THERE = "there"


@value(kw_only=True)
class Absence:
    """What is known about a missing file.

    `scanned_at`: when the last complete scan of all folders of its target began (Unix s); None: there was none. `away`:
    why its place cannot be read, or is in doubt; None: it can be read.
    """

    scanned_at: float | None
    elsewhere: Elsewhere
    away: str | None = None


def why_inconclusive(absent_at: float, absence: Absence | None, *, now: float) -> str | None:
    """Return why a file that is missing since `absent_at` does not count as deleted; None: a person deleted it."""
    if absence is None:
        return "its content was not searched for"
    if absence.away is not None:
        return absence.away
    if now - absent_at < ABSENT_S:
        return "it disappeared a moment ago"
    if absence.scanned_at is None or absence.scanned_at <= absent_at:
        return "the folders were not scanned since it disappeared"
    if absence.elsewhere is Elsewhere.THERE:
        return "a file with the same content exists"
    if absence.elsewhere is Elsewhere.POSSIBLE:
        return "a file of the same size exists and was not compared with it yet"
    return None
