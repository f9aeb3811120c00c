"""Which file system a path is on, read from the kernel's table of mounts.

Source: proc(5), `/proc/[pid]/mountinfo`. SQLite's write-ahead log needs shared memory and locks that work, which file
systems over a network do not give (sqlite.org, "Write-Ahead Logging", section 9).
"""

import re

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

_OCTAL = re.compile(r"\\([0-7]{3})")


def type_of(path: str, mountinfo: str) -> str | None:
    """The type of the file system that `path` (absolute, links resolved) is on; None when the table does not tell."""
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
            longest, found = len(place), after.split(" ")[0]
    return found


def is_remote(file_system: str | None) -> bool:
    """Whether the file system is known to be somebody else's."""
    return file_system is not None and (file_system in REMOTE_TYPES or file_system in _REMOTE_FUSE)
