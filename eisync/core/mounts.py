"""Which file system a path is on, read from the kernel's table of mounts.

Source: proc(5), `/proc/[pid]/mountinfo`. SQLite's write-ahead log needs shared memory and locks that work, which file
systems over a network do not give (sqlite.org, "Write-Ahead Logging", section 9). And a kernel announces only what went
through it: what another machine, or the host of a virtual one, writes into a share comes without an event (inotify(7),
"Limitations and caveats").
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

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

# What runs through a program of somebody else's, beside the above, announces at best what we write ourselves.
_SILENT_TYPES = REMOTE_TYPES | {"virtiofs", "fuse", "fakeowner", "ncpfs", "coda"}

# Where others write without this machine's kernel, or behind it: several machines share the disk, or a program stands
# between the kernel and the files.
_SHARED_TYPES = _SILENT_TYPES | {"fuseblk", "gfs2", "ocfs2", "gpfs", "beegfs", "orangefs", "vmhgfs"}

# What keeps no inodes or no ctimes of its own on the disk, and what passes on those of a program or of another system.
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


@dataclass(frozen=True, slots=True)
class FileSystem:
    """What the file system of a folder means for watching it.

    `why_silent` says why no events are to be expected, as a clause; None: they are. `has_weak_facts`: it may make up
    inodes and ctimes.
    """

    why_silent: str | None = None
    has_weak_facts: bool = False


def file_system_of(path: str, mountinfo: str) -> FileSystem:
    """Describe the file system that `path` (absolute, links resolved) is on."""
    return FileSystem(why_silent(path, mountinfo), has_weak_facts(type_of(path, mountinfo)))


def type_of(path: str, mountinfo: str) -> str | None:
    """The type of the file system that `path` (absolute, links resolved) is on; None when the table does not tell."""
    found = _mount_of(path, mountinfo)
    return None if found is None else found[0]


def is_remote(file_system: str | None) -> bool:
    """Whether the file system is known to be somebody else's."""
    return file_system is not None and (file_system in REMOTE_TYPES or file_system in _REMOTE_FUSE)


def has_weak_facts(file_system: str | None) -> bool:
    """Whether the file system may make up inodes and ctimes: anew at a mount, or whenever a file is looked at."""
    return file_system is not None and (file_system in _WEAK_TYPES or file_system.startswith("fuse."))


def why_no_leases(file_system: str | None) -> str | None:
    """Why a lease does not tell who writes a file of the file system, as a clause; None when it does."""
    if file_system is None:
        return "the mount table does not list its file system"
    if file_system in _SHARED_TYPES or file_system.startswith("fuse."):
        return f"its file system ({file_system}) does not report every writer"
    return None


def holds_mounts(folder: str, mountinfo: str) -> bool:
    """Whether something is mounted directly in `folder` (absolute, links resolved): a file may be, in a container."""
    return any("/" not in place for place in points_below(folder, mountinfo))


def why_silent(path: str, mountinfo: str) -> str | None:
    """Why no events are to be expected of a folder, as a clause; None when they are."""
    file_system, is_part = _mount_of(path, mountinfo) or ("", False)
    if file_system in _SILENT_TYPES or file_system.startswith("fuse."):
        return f"its file system ({file_system}) does not report what others write"
    if file_system == "overlay" and is_part:
        return "it is part of another container's file system (overlay), which does not report writes"
    return None


def point_of(path: str, mountinfo: str) -> str:
    """Where the file system is mounted that `path` (absolute, links resolved) is on; empty when nobody can tell."""
    inside = (place for _, place in _points(mountinfo) if path == place or path.startswith(place.rstrip("/") + "/"))
    return max(inside, key=len, default="")


def points_below(path: str, mountinfo: str) -> dict[str, str]:
    """Where others are mounted below `path` (absolute, links resolved), relative to it, with the number of the mount,
    which is another one each time."""
    top = path.rstrip("/") + "/"
    return {place[len(top) :]: number for number, place in _points(mountinfo) if place.startswith(top) and place != top}


def _points(mountinfo: str) -> Iterator[tuple[str, str]]:
    for line in mountinfo.splitlines():
        fields = line.split(" ", 5)
        if len(fields) > 5:
            yield fields[0], _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[4])


def _mount_of(path: str, mountinfo: str) -> tuple[str, bool] | None:
    """The type of the file system that is mounted nearest above `path`, and whether only a part of it is (a bind)."""
    longest, found = -1, None
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) < 5:
            continue
        place = _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[4])
        inside = path == place or path.startswith(place.rstrip("/") + "/")
        # Later lines are mounted over earlier ones.
        if inside and len(place) >= longest:
            longest, found = len(place), (after.split(" ")[0], fields[3] != "/")
    return found
