"""Real disks that are mounted in a watched folder, and what happens when they are unmounted."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eisync.core.absence import ABSENT_S
from eisync.core.actions import Progress
from eisync.core.mounts import FileSystem
from eisync.core.policy import OnRemoteDelete, Policy
from eisync.errors import UnansweredError
from eisync.loops.watcher.disks import MountedDisks
from tests.examples import examples
from tests.fakes import Cloud
from tests.mounting import Mounts, mounting

from .stage import INTERVAL_S, Stage
from .yard import Yard

DELETES = Policy(deletes_samples=True)


@pytest.fixture
def mounts() -> Iterator[Mounts]:
    with mounting() as made:
        yield made


def fill(stage: Stage, *folders: str) -> list[str]:
    """Write three files in each folder, and send them."""
    paths = [f"{folder}/{number}.csv" for folder in folders for number in range(3)]
    stage.put(*paths)
    return paths


def wait(stage: Stage) -> None:
    """Run long enough for every missing file to count as deleted."""
    for _ in range(3):
        stage.follow()


def away(yard: Yard) -> tuple[str, ...]:
    [root] = yard.index.roots()
    return root.away


@pytest.mark.parametrize("place", ["disk", "a/b/disk"])
@pytest.mark.parametrize("is_removed", [False, True], ids=["the folder stays", "the folder goes, too"])
def test_an_unmounted_disk_in_the_folder_deletes_nothing(
    yard: Yard, mounts: Mounts, place: str, is_removed: bool
) -> None:
    stage = Stage(yard, DELETES)
    disk = mounts.tmpfs(yard.path(place))
    fill(stage, "here", place)
    mounts.unmount(disk)
    if is_removed:
        disk.rmdir()
    wait(stage)
    assert ([], []) == (stage.cloud.edits, stage.all_acts())
    [reason] = away(yard)
    assert str(disk) in reason
    assert "is missing" in reason
    assert all(record["reason"] != "the local file is not there any more" for record in yard.records().values())


def test_deletions_elsewhere_count_while_a_disk_is_away(yard: Yard, mounts: Mounts) -> None:
    stage = Stage(yard, DELETES)
    disk = mounts.tmpfs(yard.path("disk"))
    fill(stage, "here", "disk")
    sample = stage.sample_of("here/1.csv")
    mounts.unmount(disk)
    yard.path("here/1.csv").unlink()
    wait(stage)
    assert [("delete", sample)] == stage.cloud.edits


def test_a_remounted_disk_is_recognised_and_deletions_on_it_count(yard: Yard, mounts: Mounts) -> None:
    stage = Stage(yard, DELETES)
    elsewhere = yard.place / "elsewhere"
    elsewhere.mkdir()
    disk = mounts.bind(elsewhere, yard.path("disk"))
    fill(stage, "here", "disk")
    sample = stage.sample_of("disk/1.csv")
    mounts.unmount(disk)
    wait(stage)
    (elsewhere / "1.csv").unlink()
    mounts.bind(elsewhere, disk)
    wait(stage)
    assert ([("delete", sample)], ()) == (stage.cloud.edits, away(yard))


@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
def test_another_disk_in_its_place_deletes_nothing(yard: Yard, mounts: Mounts, kind: str) -> None:
    stage = Stage(yard, DELETES)
    disk = mounts.tmpfs(yard.path("disk"))
    fill(stage, "here", "disk")
    mounts.unmount(disk)
    other = yard.place / "other"
    other.mkdir()
    if kind == "bind":
        mounts.bind(other, disk)
    else:
        mounts.tmpfs(disk)
    for number in range(2):  # a recorder counts from 1 again
        yard.write(f"disk/{number}.csv", b"of the other disk %d" % number)
    stage.scan()
    stage.send()
    wait(stage)
    assert [] == stage.cloud.edits
    assert away(yard)


def test_a_folder_that_something_is_mounted_over_deletes_nothing(yard: Yard, mounts: Mounts) -> None:
    stage = Stage(yard, DELETES)
    fill(stage, "here", "day")
    place = mounts.tmpfs(yard.path("day"))
    wait(stage)
    [reason] = away(yard)
    assert "another disk is mounted over" in reason
    stage.put("day/new.csv")
    wait(stage)
    mounts.unmount(place)
    wait(stage)
    assert [] == stage.cloud.edits


def test_a_disk_that_is_emptied_deletes_nothing_until_a_person_says_so(yard: Yard, mounts: Mounts) -> None:
    stage = Stage(yard, DELETES)
    mounts.tmpfs(yard.path("disk"))
    paths = fill(stage, "here", "disk")
    samples = {stage.sample_of(path) for path in paths if path.startswith("disk/")}
    for path in paths[3:]:
        yard.path(path).unlink()
    wait(stage)
    assert [] == stage.cloud.edits
    os.utime(yard.write("disk/.eisync-root"), times=(stage.clock.now, stage.clock.now))
    wait(stage)
    assert samples == {sample for _, sample in stage.cloud.edits}
    assert () == away(yard)


def test_an_earlier_confirmation_does_not_count_for_the_next_time(yard: Yard, mounts: Mounts) -> None:
    stage = Stage(yard, DELETES)
    yard.write("mark")
    stage.clock.now = yard.touched_at("mark")
    yard.write("disk/.eisync-root")
    disk = mounts.tmpfs(yard.path("disk"))
    stage.clock.now += 3600.0
    fill(stage, "here", "disk")
    mounts.unmount(disk)
    wait(stage)
    assert ([], 1) == (stage.cloud.edits, len(away(yard)))


def test_nested_disks_are_each_reported(yard: Yard, mounts: Mounts) -> None:
    stage = Stage(yard, DELETES)
    outer = mounts.tmpfs(yard.path("outer"))
    inner = mounts.tmpfs(yard.path("outer/inner"))
    fill(stage, "here", "outer", "outer/inner")
    mounts.unmount(inner)
    wait(stage)
    mounts.unmount(outer)
    wait(stage)
    assert ([], 2) == (stage.cloud.edits, len(away(yard)))


def test_a_folder_that_moves_to_a_disk_of_its_own_is_away_until_all_of_it_is_there(yard: Yard, mounts: Mounts) -> None:
    stage = Stage(yard, DELETES)
    fill(stage, "here", "day")
    aside = yard.place / "aside"
    shutil.copytree(yard.path("day"), aside)
    place = mounts.tmpfs(yard.path("day"))
    wait(stage)
    assert away(yard)
    for path in aside.iterdir():
        shutil.copy2(path, place)
    wait(stage)
    assert ([], ()) == (stage.cloud.edits, away(yard))


def test_a_folder_that_is_mounted_upon_itself_is_the_same_one(yard: Yard, mounts: Mounts) -> None:
    stage = Stage(yard, DELETES)
    fill(stage, "here", "day")
    place = mounts.bind(yard.path("day"), yard.path("day"))
    wait(stage)
    assert () == away(yard)
    mounts.unmount(place)
    wait(stage)
    assert () == away(yard)


def test_a_root_on_an_unmounted_disk_deletes_nothing(tmp_path: Path, mounts: Mounts) -> None:
    """The folder below is on the same disk as what was mounted there: only the mount table shows the difference."""
    elsewhere = tmp_path / "elsewhere/root"
    (tmp_path / "yard/root").mkdir(parents=True)
    elsewhere.mkdir(parents=True)
    place = mounts.bind(elsewhere, tmp_path / "yard/root")
    yard = Yard(tmp_path / "yard")
    try:
        stage = Stage(yard, DELETES)
        fill(stage, "here")
        mounts.unmount(place)
        stage.put("here/new.csv")  # so it is not empty
        wait(stage)
        assert ([], 1) == (stage.cloud.edits, len(away(yard)))
        mounts.bind(elsewhere, place)
        wait(stage)
        assert [] == stage.cloud.edits  # and the files in the folder below are away now
        [reason] = away(yard)
        assert str(place) in reason
    finally:
        yard.close()


def test_what_is_due_waits_while_the_disk_is_away(yard: Yard, mounts: Mounts) -> None:
    stage = Stage(yard, DELETES)
    elsewhere = yard.place / "elsewhere"
    elsewhere.mkdir()
    disk = mounts.bind(elsewhere, yard.path("disk"))
    fill(stage, "here", "disk")
    sample = stage.sample_of("disk/1.csv")
    yard.path("disk/1.csv").unlink()
    stage.scan()

    def unmount(sample_id: int) -> None:
        mounts.unmount(disk)
        raise UnansweredError("no answer")

    stage.cloud.delete = unmount  # type: ignore[method-assign, assignment]
    stage.sweep(after_s=ABSENT_S)
    assert [Progress.BEGUN] == stage.progress()
    del stage.cloud.delete
    wait(stage)
    assert ([], [Progress.BEGUN]) == (stage.cloud.edits, stage.progress())
    mounts.bind(elsewhere, disk)
    wait(stage)
    assert [("delete", sample)] == stage.cloud.edits


def test_a_tombstone_on_an_unmounted_disk_removes_nothing(yard: Yard, mounts: Mounts) -> None:
    stage = Stage(yard, Policy(on_remote_delete=OnRemoteDelete.DELETE))
    elsewhere = yard.place / "elsewhere"
    elsewhere.mkdir()
    disk = mounts.bind(elsewhere, yard.path("disk"))
    fill(stage, "here", "disk")
    del stage.cloud.samples[stage.sample_of("disk/1.csv")]
    mounts.unmount(disk)
    for _ in range(3):
        stage.sweep(after_s=INTERVAL_S)
    assert Progress.DONE not in stage.progress()
    mounts.bind(elsewhere, disk)
    wait(stage)
    [written] = stage.all_acts()
    assert (Progress.BEGUN, True) == (written.progress, (elsewhere / "1.csv").exists())
    assert "cross-device" in (written.outcome or "")  # and the trash of the folder is on another disk


# --- random histories of mounts

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["mount", "mount", "unmount", "write", "delete", "scan", "send", "pass"]),
        st.integers(0, 3),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_a_sample_is_deleted_only_if_its_file_is_on_no_disk(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    place = tmp_path_factory.mktemp("yard")
    yard = Yard(place)
    with mounting() as mounts:
        try:
            _try(yard, mounts, steps)
        finally:
            yard.close()


def _try(yard: Yard, mounts: Mounts, steps: list[tuple[str, int, int]]) -> None:
    stage = Stage(yard, DELETES)
    disks = [yard.place / f"disk {number}" for number in range(2)]
    points = [yard.path("point"), yard.path("a/b/point")]
    for folder in (*disks, *points):
        folder.mkdir(parents=True)
    mounted: dict[Path, Path] = {}
    contents: set[bytes] = set()  # of all files that no person deleted
    number = 0

    def delete(sample_id: int) -> bool:
        assert stage.cloud.contents[sample_id] not in contents, "it is on a disk that is not there"
        return Cloud.delete(stage.cloud, sample_id)

    stage.cloud.delete = delete  # type: ignore[method-assign]
    stage.put("stays.csv")
    for what, which, where in steps:
        point, disk = points[where % 2], disks[which % 2]
        if what == "mount" and point not in mounted and disk not in mounted.values():
            mounted[point] = disk
            mounts.bind(disk, point)
        elif what == "unmount" and point in mounted:
            mounts.unmount(point)
            del mounted[point]
        elif what == "write":
            # A recorder that counts from 0 on every disk.
            name = f"{which}.csv"
            if not (point / name).exists():
                number += 1
                contents.add(b"%d" % number)
                (point / name).write_bytes(b"%d" % number)
        elif what == "delete":
            for path in sorted(point.glob("*.csv"))[which : which + 1]:
                contents.discard(path.read_bytes())
                path.unlink()
        elif what == "scan":
            stage.scan()
        elif what == "send":
            stage.scan()
            stage.send()
        elif what == "pass":
            stage.sweep(after_s=61.0)
    wait(stage)


# --- how the mount table is read


class Table:
    """A mount table that a test writes, and the stats that were made."""

    def __init__(self, *points: str) -> None:
        self.points = list(points)
        self.asked: list[str] = []
        self.silent: set[str] = set()

    def mountinfo(self) -> str:
        return "".join(f"{number} 1 8:1 / {place} rw - ext4 /dev/x rw\n" for number, place in enumerate(self.points))

    def resolved(self, root: str) -> str:
        return root

    def identity_of(self, root: str, path: str = "") -> tuple[int, int] | None:
        self.asked.append(path)
        return None if path in self.silent else (1, len(path))

    def facts_at(self, root: str, path: str) -> None:
        return None

    def file_system_of(self, folder: str) -> FileSystem:
        return FileSystem()


def test_a_disk_is_identified_once_for_each_mount() -> None:
    table = Table("/", "/data/a", "/data/b")
    seen = MountedDisks(table)
    assert ["", "a", "b"] == [disk.folder for disk in seen.of("/data")]
    for _ in range(3):
        seen.of("/data")
    assert {"": 4, "a": 1, "b": 1} == Counter(table.asked)
    table.points.append("/elsewhere")
    seen.of("/data")
    assert 1 == table.asked.count("a")
    table.points[1:3] = ["/data/b", "/data/a"]  # both were mounted again
    assert {("a", "2"), ("b", "1")} == {(disk.folder, disk.point) for disk in seen.of("/data")[1:]}
    assert 2 == table.asked.count("a")


def test_a_disk_that_does_not_answer_counts_as_missing_until_it_does() -> None:
    table = Table("/", "/data/a")
    table.silent = {"a"}
    seen = MountedDisks(table)
    assert [""] == [disk.folder for disk in seen.of("/data")]
    table.silent = set()
    assert ["", "a"] == [disk.folder for disk in seen.of("/data")]
    table.silent = {""}
    assert [] == seen.of("/data")
