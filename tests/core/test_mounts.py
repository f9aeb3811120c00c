"""The file system of a path is the one mounted nearest above it. Network file systems are recognised."""

import pytest

from eisync.core import mounts
from eisync.core.mounts import (
    _REMOTE_FUSE,
    _SHARED_TYPES,
    _SILENT_TYPES,
    FileSystem,
    file_system_of,
    has_weak_facts,
    is_remote,
    type_of,
    why_no_leases,
    why_silent,
)

TABLE = "\n".join(
    (
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw",
        "40 22 0:35 / /mnt/lab\\040share rw,relatime shared:20 - cifs //server/share rw",
        "41 22 0:36 / /srv rw - nfs4 server:/srv rw,vers=4.2",
        "42 41 0:37 / /srv/local rw - xfs /dev/vdb rw",
        "43 22 0:38 / /twice rw - ext4 /dev/vdc rw",
        "44 22 0:39 / /twice rw - tmpfs tmpfs rw",
        "45 22 0:40 / /odd rw,relatime a line that names no type",
        "garbage",
        "",
    )
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "ext4"),
        ("/home/ada/state", "ext4"),
        ("/mnt/lab share/state", "cifs"),
        ("/mnt/lab share", "cifs"),
        ("/mnt/lab shared", "ext4"),
        ("/odd/state", "ext4"),
        ("/srv/state", "nfs4"),
        ("/srv/local/state", "xfs"),
        ("/twice/x", "tmpfs"),
    ],
)
def test_the_nearest_mount_decides(path: str, expected: str) -> None:
    assert expected == type_of(path, TABLE)


@pytest.mark.parametrize(("folder", "expected"), [("/srv", True), ("/", True), ("/srv/local", False), ("/home", False)])
def test_mounts_directly_in_a_folder_are_found(folder: str, expected: bool) -> None:
    assert expected is mounts.holds_mounts(folder, TABLE)


def test_a_table_without_the_path_gives_none() -> None:
    assert type_of("/state", "") is None


@pytest.mark.parametrize(
    ("file_system", "expected"),
    [("ext4", False), ("tmpfs", False), ("overlay", False), ("nfs", True), ("cifs", True), ("9p", True), (None, False),
     ("fuse.sshfs", True), ("fuseblk", False)],
)  # fmt: skip
def test_only_file_systems_over_a_network_are_remote(file_system: str | None, expected: bool) -> None:
    assert expected is is_remote(file_system)


@pytest.mark.parametrize(
    ("file_system", "expected"),
    [("ext4", False), ("xfs", False), ("btrfs", False), ("tmpfs", False), ("overlay", False), ("nfs4", False),
     (None, False), ("fuse", True), ("fuse.sshfs", True), ("fuseblk", True), ("vfat", True), ("exfat", True),
     ("cifs", True), ("9p", True), ("drvfs", True), ("virtiofs", True)],
)  # fmt: skip
def test_file_systems_without_inodes_of_their_own_have_weak_facts(file_system: str | None, expected: bool) -> None:
    assert expected is has_weak_facts(file_system)


@pytest.mark.parametrize("file_system", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "vfat", "exfat"])
def test_a_local_file_system_reports_every_writer(file_system: str) -> None:
    assert why_no_leases(file_system) is None


@pytest.mark.parametrize("file_system", sorted({*_SHARED_TYPES, *_REMOTE_FUSE, "nfs4", "cifs", "fuse.mine"}))
def test_a_lease_on_a_shared_file_system_proves_nothing(file_system: str) -> None:
    assert f"its file system ({file_system}) does not report every writer" == why_no_leases(file_system)


def test_an_unknown_file_system_proves_nothing() -> None:
    assert "the mount table does not list its file system" == why_no_leases(None)


@pytest.mark.parametrize(
    ("fields", "is_silent"),
    [
        ("/ /data rw - ext4 /dev/vda rw", False),
        ("/srv/recordings /data rw - ext4 /dev/vda rw", False),  # a bind mount of the host's disk
        ("/ /data rw - overlay overlay rw", False),  # a container's own files
        ("/merged /data rw - overlay overlay rw", True),
        ("/ /data rw - nfs4 server:/srv rw", True),
        ("/ /data rw - cifs //server/share rw", True),
        ("/ /data rw - 9p drvfs rw", True),
        ("/ /data rw - drvfs C: rw", True),
        ("/ /data rw - virtiofs host rw", True),
        ("/ /data rw - fuse.grpcfuse grpcfuse rw", True),
        ("/ /data rw - fuse.sshfs lab: rw", True),
        ("/ /data rw - fuseblk /dev/sdb1 rw", False),  # a local disk: all writes go through our kernel
        ("/ /elsewhere rw - nfs4 server:/srv rw", False),
    ],
)
def test_folders_without_events_are_recognised(fields: str, is_silent: bool) -> None:
    table = f"22 1 254:0 / / rw - ext4 /dev/vda rw\n40 22 0:35 {fields}"

    assert is_silent is (why_silent("/data/lab", table) is not None)


@pytest.mark.parametrize(
    "file_system", sorted({*_SILENT_TYPES, *_REMOTE_FUSE, "nfs", "cifs", "9p", "fuse", "virtiofs"})
)
def test_a_file_system_without_events_is_named(file_system: str) -> None:
    table = f"22 1 254:0 / / rw - ext4 /dev/vda rw\n40 22 0:35 / /data rw - {file_system} somebody rw"

    assert f"its file system ({file_system}) does not report what others write" == why_silent("/data/lab", table)


NESTED = """\
21 1 8:1 / / rw - ext4 /dev/sda1 rw
30 21 8:17 / /data rw - ext4 /dev/sdb1 rw
31 30 0:50 / /data/in/station\\040one rw,relatime - tmpfs tmpfs rw
32 30 0:51 / /data/inn rw - tmpfs tmpfs rw
33 31 8:33 / /data/in/station\\040one rw - ext4 /dev/sdc1 rw
34 30 8:17 /elsewhere /data/in/a/b rw - ext4 /dev/sdb1 rw
"""


def test_mounts_below_a_folder_are_found_with_their_numbers() -> None:
    assert {"station one": "33", "a/b": "34"} == mounts.points_below("/data/in", NESTED)
    assert {} == mounts.points_below("/data/in/a/b", NESTED)
    assert {} == mounts.points_below("/data/in", "")


@pytest.mark.parametrize(
    ("path", "point"),
    [("/data/in", "/data"), ("/data", "/data"), ("/database", "/"), ("/data/in/a/b/c", "/data/in/a/b")],
)
def test_the_mount_point_of_a_folder_is_the_nearest_above(path: str, point: str) -> None:
    assert point == mounts.point_of(path, NESTED)
    assert mounts.point_of(path, "") == ""


@pytest.mark.parametrize(
    ("file_system", "is_silent", "has_weak_facts"),
    [("ext4", False, False), ("nfs4", True, False), ("cifs", True, True), ("vfat", False, True)],
)
def test_all_properties_of_a_file_system_are_one_value(file_system: str, is_silent: bool, has_weak_facts: bool) -> None:
    table = f"40 22 0:35 / /data rw - {file_system} somebody rw"
    found = file_system_of("/data/lab", table)
    assert FileSystem(why_silent("/data/lab", table), has_weak_facts) == found
    assert is_silent is (found.why_silent is not None)
