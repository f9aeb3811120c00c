"""Find the file system of a path in the kernel's mount table, and what that file system can and cannot do.

Source: proc(5), `/proc/[pid]/mountinfo`. SQLite's write-ahead log needs working shared memory and locks, which network
file systems do not have (sqlite.org, "Write-Ahead Logging", section 9). A kernel reports only events of its own writes.
When another machine, or the host of a virtual machine, writes into a share, no event comes (inotify(7), "Limitations
and caveats").
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from eisync.core.model import value

REMOTE_TYPES = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "drvfs", "vboxsf", "prl_fs"}
)
_REMOTE_FUSE = (
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.grpcfuse",
    "fuse.osxfs",
    "fuse.vmhgfs-fuse",
)

# File systems that report at best this machine's own writes: the above, and those that another program implements.
_SILENT_TYPES = REMOTE_TYPES | {"virtiofs", "fuse", "fakeowner", "ncpfs", "coda"}

# File systems where this machine's kernel does not see every writer: several machines share the disk, or a program is
# between the kernel and the files.
_SHARED_TYPES = _SILENT_TYPES | {"fuseblk", "gfs2", "ocfs2", "gpfs", "beegfs", "orangefs", "vmhgfs"}

# File systems that store no inodes or no ctimes on the disk, or pass on those of a program or of another system.
_WEAK_TYPES = (_SILENT_TYPES - {"nfs", "nfs4"}) | {
    "vfat",
    "msdos",
    "exfat",
    "fuseblk",
    "ntfs",
    "ntfs3",
    "hfs",
    "hfsplus",
}

_OCTAL = re.compile(r"\\([0-7]{3})")


@value
class FileSystem:
    """What the file system of a folder means for watching it.

    `why_silent` is the clause that says why no events can be expected; None means that they can. `has_weak_facts` says
    that it may make up inodes and ctimes.
    """

    why_silent: str | None = None
    has_weak_facts: bool = False


def file_system_of(path: str, mountinfo: str) -> FileSystem:
    """Return the properties of the file system of `path` (absolute, links resolved)."""
    return FileSystem(why_silent(path, mountinfo), has_weak_facts(type_of(path, mountinfo)))


def type_of(path: str, mountinfo: str) -> str | None:
    """Return the type of the file system of `path` (absolute, links resolved); None when the table does not list it."""
    found = _mount_of(path, mountinfo)
    return None if found is None else found[0]


def is_remote(file_system: str | None) -> bool:
    """Return whether the file system is known to be on another machine."""
    return file_system is not None and (file_system in REMOTE_TYPES or file_system in _REMOTE_FUSE)


def has_weak_facts(file_system: str | None) -> bool:
    """Return whether the file system may make up inodes and ctimes, at each mount or at each stat."""
    return file_system is not None and (file_system in _WEAK_TYPES or file_system.startswith("fuse."))


def why_no_leases(file_system: str | None) -> str | None:
    """Return the clause that says why a lease does not show who writes a file there; None when it does."""
    if file_system is None:
        return "the mount table does not list its file system"
    if file_system in _SHARED_TYPES or file_system.startswith("fuse."):
        return f"its file system ({file_system}) does not report every writer"
    return None


def holds_mounts(folder: str, mountinfo: str) -> bool:
    """Return whether anything is mounted directly in `folder` (absolute, links resolved).

    In a container a single file can be mounted.
    """
    return any("/" not in place for place in points_below(folder, mountinfo))


def why_silent(path: str, mountinfo: str) -> str | None:
    """Return the clause that says why no events can be expected for a folder; None when they can."""
    file_system, is_part = _mount_of(path, mountinfo) or ("", False)
    if file_system in _SILENT_TYPES or file_system.startswith("fuse."):
        return f"its file system ({file_system}) does not report what others write"
    if file_system == "overlay" and is_part:
        return "it is part of another container's file system (overlay), which does not report writes"
    return None


def point_of(path: str, mountinfo: str) -> str:
    """Return the mount point of the file system of `path` (absolute, links resolved); empty when it is unknown."""
    inside = (place for _, place in _points(mountinfo) if path == place or path.startswith(place.rstrip("/") + "/"))
    return max(inside, key=len, default="")


def points_below(path: str, mountinfo: str) -> dict[str, str]:
    """Return the mount points below `path` (absolute, links resolved), relative to it, each with its mount number.

    Each new mount has a new number.
    """
    top = path.rstrip("/") + "/"
    return {place[len(top) :]: number for number, place in _points(mountinfo) if place.startswith(top) and place != top}


@value
class _Mount:
    """A line of the table. `type` is None where the line names none; `is_part`: only a part is mounted (a bind mount).

    Each new mount has a new number.
    """

    number: str
    place: str
    type: str | None
    is_part: bool


@lru_cache(maxsize=2)  # the same table is asked about every folder
def _mounts(mountinfo: str) -> tuple[_Mount, ...]:
    found = []
    for line in mountinfo.splitlines():
        fields = line.split(" ", 5)
        if len(fields) > 5:
            before, _, after = line.partition(" - ")
            file_system = after.split(" ")[0] if after and before.count(" ") > 3 else None
            place = _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[4])
            found.append(_Mount(fields[0], place, file_system, fields[3] != "/"))
    return tuple(found)


def _points(mountinfo: str) -> Iterator[tuple[str, str]]:
    return ((one.number, one.place) for one in _mounts(mountinfo))


def _mount_of(path: str, mountinfo: str) -> tuple[str, bool] | None:
    """Return the type of the file system mounted nearest above `path`, and whether it is only a part (a bind mount)."""
    longest, found = -1, None
    for one in _mounts(mountinfo):
        if one.type is None:
            continue
        inside = path == one.place or path.startswith(one.place.rstrip("/") + "/")
        # A later line is mounted over an earlier one.
        if inside and len(one.place) >= longest:
            longest, found = len(one.place), (one.type, one.is_part)
    return found
