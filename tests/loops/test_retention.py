import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.files import file_facts, folder_notes, removal
from eisync.core.actions import Action, ActionKind, Cause, Progress, propose
from eisync.core.clock_step import ClockSetting
from eisync.core.lifecycle import Event, State
from eisync.core.listing import compare
from eisync.core.model import RemoteSample, sent_name
from eisync.core.outcome import Outcome
from eisync.core.policy import After, MinFree, OnRemoteDelete, Policy, Retention
from eisync.core.retention import Disk, Room, Why
from eisync.core.studio import stored_name
from eisync.errors import FolderError, StateError, UnansweredError
from eisync.loops.lineage import NullLineage
from eisync.loops.retention.loop import PASS_INTERVAL_S, RetentionClock, RetentionLoop
from eisync.loops.retention.removal import YES_NAME, Archives, FileRemover, IdentityCheck
from eisync.loops.retention.status import TROUBLE_S, RetentionStatus
from eisync.store.actions import ActionStore
from eisync.store.mirror import Mirrored
from eisync.store.retention import Removals
from tests.conftest import sha256
from tests.fakes import Cloud

from .stage import Stage
from .yard import Yard, run

DELETE = Retention(after=After.DELETE, grace_s=600.0)
GRACE_OVER_S = 601.0


@dataclass
class Times:
    """A clock that a test can put in doubt, or set."""

    doubt: str | None = None
    counts_from: float = 0.0

    def why_doubt(self) -> str | None:
        return self.doubt

    def setting(self) -> ClockSetting:
        return ClockSetting(counts_from=self.counts_from)

    setting_of_days = setting


@dataclass
class Meter:
    """A disk whose free space grows as files are removed."""

    free: int = 10**9
    total: int = 10**10
    is_other: bool = False
    emptied: list[str] = field(default_factory=list)
    away: bool = False
    rooms: dict[str, int] = field(default_factory=dict)  # the room that files take, if it is not their size
    functions: Any = removal  # the functions that remove files

    def __getattr__(self, name: str) -> Any:
        return getattr(self.functions, name)

    def disk_of(self, root: str) -> Disk | None:
        return Disk(self.free, self.total)

    def is_on_other_disk(self, root: str, archive: str) -> bool:
        return self.is_other

    def device_of(self, root: str, path: str = "") -> int | None:
        return -1 if self.away else file_facts.device_of(root, path)

    def room_of(self, root: str, path: str) -> Room | None:
        room = removal.room_of(root, path)
        if room is None or self.away:
            return None
        facts = file_facts.facts_at(root, path)
        assert facts is not None
        return replace(room, bytes=self.rooms.get(path, facts.size))

    def empty_trash(self, root: str, *, before_day: str, is_old: Callable[[str, float], bool]) -> int:
        self.emptied.append(before_day)
        self.is_old = is_old
        return 1


class House:
    """A yard with sent files, and the retention."""

    def __init__(self, yard: Yard, policy: Retention) -> None:
        self.yard = yard
        self.policy = policy
        self.meter: Any = Meter()
        self.times: Any = Times()
        self.functions: Any = removal
        self.now = yard.later
        self.monotonic: Callable[[], float] = lambda: self.now
        self.actions = ActionStore(yard.database)
        self.records = Removals(yard.database)
        self.mirrored = Mirrored(yard.database)
        self.sent = 0
        self.cloud = Cloud()
        device = file_facts.device_of(yard.root.path)
        assert device is not None
        yard.places.note_device(yard.root.id, device)
        self.start()

    def start(self) -> None:
        self.retention_status = RetentionStatus(self.yard.root, self.policy)
        self.meter.functions = self.functions
        remover = FileRemover(
            self.records,
            self.actions,
            self.meter,
            identity_check=IdentityCheck({"main": self.cloud}, self.records, clock=lambda: self.now),
            lineages=NullLineage(),
            archives=Archives(self.records, folder_notes, new_marker=lambda: f"archive {self.now}"),
            log=self.yard.log,
        )
        self.loop = RetentionLoop(
            [self.retention_status],
            remover,
            self.records,
            self.meter,
            clock=RetentionClock(self.times, lambda: self.monotonic()),
            log=self.yard.log,
        )

    def run(self, after_s: float = 0.0) -> float:
        self.now += after_s
        self.loop.pass_now()
        return run(self.loop, self.now)

    def send(self, *paths: str, is_listed: bool = True, content: bytes | None = None, **more: Any) -> None:
        """Write files, and store them at the service one after the other."""
        for path in paths:
            self.now += 1.0
            self.yard.fill(path, content=content)
            items = self.yard.outbox.claim("main", [self.yard.root.id], limit=9, claim=1, now=self.yard.later)
            for item in items:
                self.sent += 1
                body = (Path(item.root) / item.path).read_bytes()
                digest, name = sha256(body), sent_name(item.path)
                settlement = Outcome(
                    item_id=item.id,
                    events=(Event.STORED,),
                    sample_ids=(self.sent,),
                    sha256=digest,
                    reason="stored",
                    sent_name=name,
                )
                self.cloud.contents[self.sent] = body
                self.cloud.samples[self.sent] = RemoteSample(
                    id=self.sent,
                    filename=stored_name(name),
                    category="training",
                    label=None,
                    sha256=digest,
                    original_name=name,
                )
                self.yard.outbox.settle([settlement], claim=1, now=self.now)
        if is_listed:
            self.sweep(**more)

    def sweep(self, *samples: RemoteSample, **more: Any) -> None:
        """Complete a sweep that lists every sample, or these."""
        if samples:
            self.cloud.samples = {one.id: one for one in samples}
        self.cloud.samples = {number: replace(one, **more) for number, one in self.cloud.samples.items()}
        listed = [one for _, one in sorted(self.cloud.samples.items(), reverse=True)]
        progress = self.mirrored.begin_sweep("main", modified_at=None, now=self.now)
        known = self.mirrored.slice(
            "main", low=0, high=1 << 62, generation=progress.generation, began_at=self.now + 1, limit=1000
        )
        self.mirrored.apply(
            "main", compare(known.indexed, listed), generation=progress.generation, progress=progress, now=self.now
        )
        self.mirrored.finish_sweep("main", progress, now=self.now)

    def there(self, place: Path | None = None) -> list[str]:
        place = place or Path(self.yard.root.path)
        return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())

    def row(self, path: str) -> dict[str, Any]:
        known = self.yard.outbox.known_at(self.yard.root.id, path)
        assert known is not None
        with self.yard.database.reading() as connection:
            return dict(connection.execute("select * from file where id = ?", (known.id,)).fetchone())

    def report(self) -> dict[str, Any]:
        [one] = self.loop.report()
        return one

    def planned(self, path: str, after_s: float = 10**6) -> list[Any]:
        """Return what the policy that deletes on both sides would do because of the file."""
        side = self.actions.side(self.row(path)["id"])
        assert side is not None
        policy = Policy(deletes_samples=True, replaces_samples=True, on_remote_delete=OnRemoteDelete.DELETE)
        return propose(side, policy, now=self.now + after_s)


@pytest.fixture
def house(yard: Yard) -> House:
    return House(yard, DELETE)


def test_a_confirmed_file_is_deleted_after_its_grace_and_its_row_stays(house: House) -> None:
    house.send("deep/wave.1.csv")
    house.run(after_s=599.0)
    assert ["deep/wave.1.csv"] == house.there()
    house.run(after_s=2.0)
    assert [] == house.there()
    row = house.row("deep/wave.1.csv")
    assert ("synced", "deleted") == (row["state"], row["removal"])
    assert "it is in the project, and after_upload says so; deleted here" == row["reason"]
    assert {"files": 1, "bytes": 15, "waits_for": None}.items() <= house.report().items()
    [action] = house.actions.latest(limit=9)
    assert Progress.DONE is action.progress


@pytest.mark.parametrize(
    ("more", "stays"),
    [
        ({"is_listed": False}, "the service has not listed its sample yet"),
        ({"has_processing_error": True}, "the service could not process its sample"),
    ],
)
def test_what_is_not_confirmed_stays_and_status_says_why(house: House, more: dict[str, Any], stays: str) -> None:
    house.send("wave.1.csv", **more)
    house.run(after_s=10**6)
    assert ["wave.1.csv"] == house.there()
    assert {stays: 1} == house.report()["stays"]
    assert [] == house.actions.latest(limit=9)


def test_a_sample_that_the_last_sweep_missed_confirms_nothing(house: House) -> None:
    house.send("wave.1.csv", "wave.2.csv")
    house.sweep(house.cloud.samples[2])
    house.run(after_s=GRACE_OVER_S)
    assert ["wave.1.csv"] == house.there()
    assert {"the service's last listing did not have its sample": 1} == house.report()["stays"]


def test_a_key_that_may_not_list_removes_nothing_and_status_says_so(house: House) -> None:
    house.policy = replace(DELETE, min_free=MinFree(2 * 10**9))
    house.start()
    house.send("wave.1.csv", is_listed=False)
    house.yard.index.note_trouble("main", "the key may not list")
    house.run(after_s=10**6)
    assert ["wave.1.csv"] == house.there()
    assert (
        "the disk has 1.0 GB free, less than min_free (2.0 GB), and no confirmed file to remove (the key may not list)"
        == house.report()["waits_for"]
    )
    house.meter.free = 3 * 10**9
    house.run(after_s=60.0)
    assert "1 file is not confirmed by a listing yet (the key may not list)" == house.report()["waits_for"]


def test_a_removal_by_the_retention_changes_nothing_in_the_project(house: House) -> None:
    """Also during the removal, and when the watcher notices it before it is stored."""
    house.send("wave.1.csv")

    def check_meanwhile(one: Any) -> None:
        removal.delete(one)
        run(house.yard.watcher(), house.now + 1.0)
        assert house.row("wave.1.csv")["absent_at"] is not None
        assert [] == house.planned("wave.1.csv")

    house.functions = PatchedFunctions(delete=check_meanwhile)
    house.start()
    house.run(after_s=GRACE_OVER_S)
    run(house.yard.watcher(), house.now + 120.0)
    assert [] == house.there()
    assert [] == house.planned("wave.1.csv")


def test_on_local_delete_never_takes_the_retention_for_a_person(yard: Yard) -> None:
    stage = Stage(yard, Policy(deletes_samples=True))
    house = House(yard, DELETE)
    house.send("wave.1.csv", "wave.2.csv")
    stage.cloud.samples = {
        number: RemoteSample(id=number, filename=f"wave.{number}", category="training", label="wave", sha256=digest)
        for number, digest in ((1, sha256(b"wave.1.csv")), (2, sha256(b"wave.2.csv")))
    }
    house.run(after_s=GRACE_OVER_S)
    house.send("wave.3.csv", "wave.4.csv", is_listed=False)
    for number in (3, 4):
        digest = sha256(f"wave.{number}.csv".encode())
        stage.cloud.samples[number] = replace(stage.cloud.samples[1], id=number, sha256=digest)
        stage.cloud.contents[number] = f"wave.{number}.csv".encode()
    assert ["wave.3.csv", "wave.4.csv"] == house.there()
    os.unlink(yard.path("wave.3.csv"))  # a person deletes this one
    for _ in range(4):
        stage.clock.now = house.now = house.now + 400.0
        run(stage.watcher, house.now)
        stage.loop.pass_now(sweeps=True)
        run(stage.loop, house.now)
    assert [1, 2, 4] == sorted(stage.cloud.samples)


class PatchedFunctions:
    """File operations, some of which a test has replaced."""

    def __init__(self, **exchanged: Any) -> None:
        self._exchanged = exchanged

    def __getattr__(self, name: str) -> Any:
        return self._exchanged.get(name) or getattr(removal, name)


class Killed(BaseException):
    """Stands for a SIGKILL in this process."""


def killed(*_: Any) -> None:
    raise Killed


def done_and_killed(one: Any) -> None:
    removal.delete(one)
    raise Killed


def taken_and_killed(one: Any) -> None:
    os.rename(Path(one.root) / one.path, Path(one.root) / one.name)
    raise Killed


@pytest.mark.parametrize("hand", [killed, taken_and_killed, done_and_killed])
@pytest.mark.parametrize("policy", [DELETE, Retention(), replace(DELETE, after=After.KEEP, min_free=MinFree(1))])
def test_a_kill_between_intent_and_outcome_is_finished_or_taken_back(
    house: House, hand: Callable[..., None], policy: Retention
) -> None:
    house.send("wave.1.csv")
    house.functions = PatchedFunctions(delete=hand)
    house.start()
    with pytest.raises(Killed):
        house.run(after_s=GRACE_OVER_S)
    run(house.yard.watcher(), house.now + 1.0)
    assert [] == house.planned("wave.1.csv")
    house.functions, house.policy = removal, policy
    house.start()
    house.run(after_s=60.0)
    wants = policy is DELETE
    is_away = hand is done_and_killed or wants or (hand is taken_and_killed and policy.removes)
    assert ([] if is_away else ["wave.1.csv"]) == house.there()
    assert ("deleted" if is_away else None) == house.row("wave.1.csv")["removal"]
    assert [] == house.records.under_way()
    run(house.yard.watcher(), house.now + 120.0)
    assert "synced" == house.row("wave.1.csv")["state"]
    assert (is_away) == (house.row("wave.1.csv")["absent_at"] is not None)
    assert [] == house.planned("wave.1.csv")


def test_a_file_that_changes_between_intent_and_removal_stays_and_is_sent_again(house: House) -> None:
    house.send("wave.1.csv")

    def change_first(one: Any) -> None:
        house.yard.write("wave.1.csv", b"a newer version")
        removal.delete(one)

    house.functions = PatchedFunctions(delete=change_first)
    house.start()
    house.run(after_s=GRACE_OVER_S)
    assert b"a newer version" == house.yard.path("wave.1.csv").read_bytes()
    assert None is house.row("wave.1.csv")["removal"]
    assert [] == house.records.under_way()
    run(house.yard.watcher(), house.now + 3600.0)
    assert {"wave.1.csv": State.READY} == house.yard.states()


def test_a_copy_that_is_put_back_is_neither_sent_nor_removed_again(house: House) -> None:
    house.send("wave.1.csv")
    house.run(after_s=GRACE_OVER_S)
    house.yard.write("wave.1.csv", b"wave.1.csv")
    house.yard.write("wave.2.csv", b"wave.2.csv")
    run(house.yard.watcher(outside={"is_same": removal.is_same}), house.now + 3600.0)
    assert {"wave.1.csv": State.SYNCED, "wave.2.csv": State.READY} == house.yard.states()
    assert "kept" == house.row("wave.1.csv")["removal"]
    house.run(after_s=10**6)
    assert ["wave.1.csv", "wave.2.csv"] == house.there()


def test_another_version_in_its_place_is_sent_and_its_old_sample_stays(house: House) -> None:
    house.send("wave.1.csv")
    house.run(after_s=GRACE_OVER_S)
    house.yard.write("wave.1.csv", b"wave.X.csv")
    run(house.yard.watcher(outside={"is_same": removal.is_same}), house.now + 3600.0)
    assert {"wave.1.csv": State.READY} == house.yard.states()
    assert [] == house.planned("wave.1.csv")


def test_room_is_made_with_the_oldest_and_no_more_than_is_missing(house: House) -> None:
    house.policy = Retention(min_free=MinFree(10**9))
    house.meter.free = 10**9 - 250
    house.start()
    house.send("c.csv", "a.csv", "d.csv", "b.csv", content=b"x" * 100)
    house.send("e.csv", is_listed=False, content=b"x" * 100)
    house.run()
    assert ["b.csv", "e.csv"] == house.there()
    assert house.report()["waits_for"] is None
    house.meter.free = 10**9 - 1000
    house.run()
    assert ["e.csv"] == house.there()
    assert "no confirmed file to remove" in house.report()["waits_for"]
    house.meter.free = 10**9
    house.run()
    assert house.report()["waits_for"] is None


def test_if_the_oldest_cannot_be_removed_the_next_one_is(house: House) -> None:
    house.policy = Retention(min_free=MinFree(10**9))
    house.meter.free = 10**9 - 150
    house.start()
    house.send("a.csv", "b.csv", "c.csv", "d.csv", content=b"x" * 100)
    os.utime(house.yard.path("a.csv"), ns=(1, 1))
    house.run()
    assert ["a.csv", "d.csv"] == house.there()


def test_an_archive_keeps_the_path_and_one_on_the_same_disk_frees_nothing(house: House, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    house.policy = Retention(after=After.ARCHIVE, archive=str(archive), min_free=MinFree(2 * 10**9))
    house.start()
    house.send("deep/wave.1.csv")
    house.run()
    assert "no confirmed file to remove" in house.report()["waits_for"]
    house.run(after_s=3600.0)
    assert f"the archive {archive} is missing; create that folder, or mount its disk" == house.report()["waits_for"]
    archive.mkdir()
    house.run(after_s=TROUBLE_S)
    assert ([], ["deep/wave.1.csv"]) == (house.there(), house.there(archive))
    assert "archived" == house.row("deep/wave.1.csv")["removal"]


def archiving(house: House, tmp_path: Path) -> Path:
    """An archive with a file that eisync archived."""
    archive = tmp_path / "archive"
    archive.mkdir()
    house.policy = Retention(after=After.ARCHIVE, archive=str(archive), grace_s=0.0)
    house.start()
    house.send("wave.1.csv")
    house.run()
    assert ["wave.1.csv"] == house.there(archive)
    return archive


def unmounted(archive: Path) -> Path:
    """Unmount the archive, so that only its mount point exists. Return where its disk is."""
    disk = archive.with_name("disk")
    archive.rename(disk)
    archive.mkdir()
    return disk


@pytest.mark.parametrize("is_restarted", [True, False])
def test_an_archive_that_is_not_mounted_is_not_filled(house: House, tmp_path: Path, is_restarted: bool) -> None:
    archive = archiving(house, tmp_path)
    disk = unmounted(archive)
    house.send("wave.2.csv")
    if is_restarted:
        house.start()
    house.run()
    assert (["wave.2.csv"], []) == (house.there(), house.there(archive))
    assert "is not the one that eisync filled before: mount its disk" in house.report()["waits_for"]
    archive.rmdir()
    disk.rename(archive)
    house.run(after_s=TROUBLE_S)
    assert ([], ["wave.1.csv", "wave.2.csv"]) == (house.there(), house.there(archive))


def test_a_new_archive_is_used_after_a_person_confirms_it(house: House, tmp_path: Path) -> None:
    archive = archiving(house, tmp_path)
    unmounted(archive)
    house.send("wave.2.csv")
    (archive / YES_NAME).touch()
    house.run(after_s=TROUBLE_S)
    (archive / YES_NAME).unlink(missing_ok=True)
    house.send("wave.3.csv")
    house.run(after_s=TROUBLE_S)
    assert ([], ["wave.2.csv", "wave.3.csv"]) == (house.there(), house.there(archive))


def test_another_marked_archive_in_its_place_is_not_filled_either(house: House, tmp_path: Path) -> None:
    archive = archiving(house, tmp_path)
    unmounted(archive)
    folder_notes.mark(str(archive), "somebody's")
    house.send("wave.2.csv")
    house.run()
    assert (["wave.2.csv"], []) == (house.there(), house.there(archive))


def test_an_archive_without_a_marker_is_recognised_by_its_files(house: House, tmp_path: Path) -> None:
    archive = archiving(house, tmp_path)
    with house.yard.database.transaction() as connection:
        connection.execute("delete from archive")
    os.removexattr(archive, "user.eisync.archive")
    disk = unmounted(archive)
    house.send("wave.2.csv")
    house.run()
    assert (["wave.2.csv"], []) == (house.there(), house.there(archive))
    archive.rmdir()
    disk.rename(archive)
    house.run(after_s=TROUBLE_S)
    assert [] == house.there()


def test_a_removal_into_an_archive_that_is_not_configured_any_more_is_taken_back(house: House, tmp_path: Path) -> None:
    archive = archiving(house, tmp_path)
    house.send("wave.2.csv")
    move, removal._move_into = removal._move_into, killed  # type: ignore[assignment]
    try:
        with pytest.raises(Killed):
            house.run()
    finally:
        removal._move_into = move
    other = tmp_path / "other"
    other.mkdir()
    house.policy = replace(house.policy, archive=str(other))
    house.start()
    house.run()
    assert ([], ["wave.1.csv"], ["wave.2.csv"]) == (house.there(), house.there(archive), house.there(other))


def test_what_frees_nothing_is_not_deleted_for_room(house: House) -> None:
    house.policy = Retention(min_free=MinFree(house.meter.free + 10))
    house.start()
    house.send("linked.csv", "sparse.csv", "small.csv", "wave.csv", "next.csv")
    os.link(house.yard.path("linked.csv"), house.yard.place / "snapshot")
    house.meter.rooms = {"sparse.csv": 0, "small.csv": 4, "wave.csv": 8}
    house.run()
    assert ["linked.csv", "next.csv", "sparse.csv"] == house.there()  # 4 and 8 bytes were missing, and no more
    for _ in range(3):
        house.run(after_s=PASS_INTERVAL_S)
    assert ["linked.csv", "sparse.csv"] == house.there()
    assert {
        "it has another name on its disk: deleting it frees nothing": 1,
        "it takes no room on its disk: deleting it frees nothing": 1,
    } == house.report()["stays"]
    assert "less than min_free" in house.report()["waits_for"]


def test_a_failing_folder_pauses_and_others_have_their_turn(house: House) -> None:
    house.send("wave.1.csv", "wave.2.csv")
    asked: list[str] = []

    def fail(one: Any) -> None:
        asked.append(one.path)
        if one.path == "wave.1.csv":
            raise FolderError("the disk is read-only")
        removal.delete(one)

    house.functions = PatchedFunctions(delete=fail)
    house.start()
    house.run(after_s=GRACE_OVER_S)
    house.run(after_s=60.0)
    assert (["wave.1.csv"], "the disk is read-only") == (asked, house.report()["waits_for"])
    house.run(after_s=TROUBLE_S)
    assert (["wave.1.csv", "wave.2.csv"], ["wave.1.csv"]) == (asked, house.there())
    assert [] == house.records.under_way()


def test_an_intent_that_cannot_be_stored_is_not_acted_on(house: House) -> None:
    house.send("wave.1.csv")

    def refuse(*_: Any, **__: Any) -> None:
        raise StateError("the disk is full")

    house.records.begin = refuse  # type: ignore[method-assign]
    with pytest.raises(StateError):
        house.run(after_s=GRACE_OVER_S)
    assert ["wave.1.csv"] == house.there()


def test_a_folder_on_another_disk_than_before_is_left_alone(house: House) -> None:
    house.send("wave.1.csv")
    house.meter.away = True
    house.run(after_s=GRACE_OVER_S)
    assert ["wave.1.csv"] == house.there()
    assert "on a different disk than before" in house.report()["waits_for"]


def test_a_clock_that_is_set_forward_ends_no_grace_and_empties_no_trash(house: House) -> None:
    house.send("wave.1.csv")
    house.run()
    emptied = len(house.meter.emptied)
    stood_at = house.now
    house.monotonic = lambda: stood_at
    house.run(after_s=10**8)
    assert (["wave.1.csv"], emptied) == (house.there(), len(house.meter.emptied))
    house.monotonic = lambda: house.now - 10**8
    house.run(after_s=GRACE_OVER_S)
    assert [] == house.there()


def test_there_is_a_pause_between_passes_and_an_idle_pass_is_one_tick(house: House) -> None:
    house.send("wave.1.csv")
    assert PASS_INTERVAL_S == house.run()
    assert PASS_INTERVAL_S - 10.0 == house.loop.tick(house.now + 10.0)
    house.loop.stop(house.now)
    assert house.loop.is_done
    house.loop.pass_now()
    assert PASS_INTERVAL_S == house.loop.tick(house.now + GRACE_OVER_S)
    assert ["wave.1.csv"] == house.there()


@pytest.mark.parametrize(("days", "emptied"), [(30, 1), (0, 0)])
def test_old_trash_is_emptied_now_and_then(house: House, days: int, emptied: int) -> None:
    house.policy = Retention(trash_days=days)
    house.start()
    for _ in range(3):
        house.run(after_s=60.0)
    assert emptied == len(house.meter.emptied)


def test_a_clock_in_doubt_ends_no_grace_and_empties_no_trash(yard: Yard) -> None:
    house = House(yard, DELETE)
    house.send("wave.1.csv")
    house.times.doubt = "the clock of this machine is 400 days ahead"
    house.run(after_s=400 * 86_400.0)
    assert (["wave.1.csv"], []) == (house.there(), house.meter.emptied)
    assert 1 == house.retention_status.stays[Why.CLOCK]
    house.times.doubt = None
    house.run(after_s=60.0)
    assert [] == house.there()


def test_a_grace_counts_from_when_the_clock_was_set_also_in_a_new_process(yard: Yard) -> None:
    house = House(yard, DELETE)
    house.send("wave.1.csv")
    house.now += 10 * 86_400.0
    house.times.counts_from = house.now
    house.start()
    house.run(after_s=599.0)
    assert ["wave.1.csv"] == house.there()
    house.run(after_s=1.0)
    assert [] == house.there()


DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("put_ago_s", "newest_ago_s", "set_ago_s", "is_old"),
    [
        (40 * DAY_S, 40 * DAY_S, None, True),
        (None, 40 * DAY_S, None, True),  # the action is not known any more
        (60.0, 40 * DAY_S, None, False),
        (40 * DAY_S, 60.0, None, False),
        (None, -DAY_S, None, False),
        (40 * DAY_S, 40 * DAY_S, 29 * DAY_S, False),  # all times come from a wrong clock
        (40 * DAY_S, 40 * DAY_S, 30 * DAY_S, True),
    ],
)
def test_a_day_of_the_trash_is_emptied_when_all_its_times_are_old(
    yard: Yard, put_ago_s: float | None, newest_ago_s: float, set_ago_s: float | None, is_old: bool
) -> None:
    house = House(yard, Retention(trash_days=30))
    house.now += 1_000 * DAY_S
    day = f"{yard.root.path}/.eisync-trash/2026-11-26"
    if put_ago_s is not None:
        house.actions.allow("main", [ACT], now=house.now - put_ago_s)
        [written] = house.actions.to_do("main", is_retention=False, limit=9)
        house.actions.begin(written.id, lies_at=f"{day}/{written.id}/a.csv")
        house.actions.finish("main", written, "done", now=house.now - put_ago_s)
    house.times.counts_from = 0.0 if set_ago_s is None else house.now - set_ago_s
    house.run()
    assert is_old == house.meter.is_old(day, house.now - newest_ago_s)


ACT = Action(
    kind=ActionKind.TRASH_FILE,
    cause=Cause.REMOTE_DELETION,
    file_id=1,
    root="/data",
    path="a.csv",
    reason="because",
    since_at=1.0,
)


def test_an_undo_downloads_what_was_deleted_and_keeps_it(yard: Yard) -> None:
    stage = Stage(yard)
    house = House(yard, DELETE)
    house.send("deep/wave.1.csv")
    stage.cloud.samples[1] = RemoteSample(
        id=1, filename="wave.1", category="training", label="wave", sha256=sha256(b"deep/wave.1.csv")
    )
    stage.cloud.contents[1] = b"deep/wave.1.csv"
    house.run(after_s=GRACE_OVER_S)
    [action] = house.actions.latest(limit=9)
    assert house.actions.ask_undo(action.id)
    stage.clock.now = house.now
    stage.loop.pass_now()
    run(stage.loop, house.now)
    undone = house.actions.find(action.id)
    assert undone is not None
    assert (Progress.UNDONE, "downloaded again (sample 1); it is kept") == (undone.progress, undone.outcome)
    assert b"deep/wave.1.csv" == yard.path("deep/wave.1.csv").read_bytes()
    run(yard.watcher(), house.now + 120.0)
    house.run(after_s=10**6)
    assert (["deep/wave.1.csv"], {"deep/wave.1.csv": State.SYNCED}) == (house.there(), yard.states())


def test_an_undo_moves_a_file_back_out_of_the_archive(yard: Yard, tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    stage = Stage(yard)
    house = House(yard, Retention(after=After.ARCHIVE, archive=str(tmp_path / "archive"), grace_s=0.0))
    house.send("deep/wave.1.csv")
    house.run()
    [action] = house.actions.latest(limit=9)
    for expected in (Progress.UNDONE, Progress.UNDONE):
        house.actions.ask_undo(action.id)
        stage.clock.now = house.now
        stage.loop.pass_now()
        run(stage.loop, house.now)
        found = house.actions.find(action.id)
        assert found is not None
        assert expected is found.progress
    house.run(after_s=10**6)
    assert (["deep/wave.1.csv"], []) == (house.there(), house.there(tmp_path / "archive"))
    assert "kept" == house.row("deep/wave.1.csv")["removal"]


def test_an_undo_without_a_sample_says_why_it_is_impossible(yard: Yard) -> None:
    stage = Stage(yard, cloud=Cloud())
    house = House(yard, DELETE)
    house.send("wave.1.csv")
    house.run(after_s=GRACE_OVER_S)
    [action] = house.actions.latest(limit=9)
    house.actions.ask_undo(action.id)
    stage.clock.now = house.now
    stage.loop.pass_now()
    run(stage.loop, house.now)
    found = house.actions.find(action.id)
    assert found is not None
    assert Progress.DONE is found.progress
    assert "No sample found" in str(found.outcome)


# --- the service is asked again at the last moment


def begun_anew(house: House) -> None:
    """The ids of the service belong to samples of other people."""
    house.cloud.samples = {
        number: replace(one, filename="theirs", original_name=f"theirs.{number}.csv", sha256="f" * 64)
        for number, one in house.cloud.samples.items()
    }
    house.cloud.contents = dict.fromkeys(house.cloud.contents, b"theirs")


def gone(house: House) -> None:
    house.cloud.samples.clear()


def broken_since(house: House) -> None:
    house.cloud.samples = {
        number: replace(one, has_processing_error=True) for number, one in house.cloud.samples.items()
    }


def cut_there(house: House) -> None:
    house.cloud.samples = {number: replace(one, is_cropped=True) for number, one in house.cloud.samples.items()}


def in_need(house: House) -> None:
    house.policy = replace(DELETE, min_free=MinFree(10**12))
    house.start()


@pytest.mark.parametrize("is_in_need", [False, True])
@pytest.mark.parametrize(
    ("happens", "why"),
    [(begun_anew, Why.FOREIGN), (gone, Why.MISSED), (broken_since, Why.FAULTY), (cut_there, Why.CUT)],
)
def test_what_happened_at_the_service_since_its_listing_keeps_the_files_here(
    house: House, happens: Callable[[House], None], why: Why, is_in_need: bool
) -> None:
    house.send("wave.1.csv", "wave.2.csv")
    happens(house)
    if is_in_need:
        in_need(house)
    house.run(after_s=GRACE_OVER_S)
    assert ["wave.1.csv", "wave.2.csv"] == house.there()
    assert {why.value: 2}.items() <= house.report()["stays"].items()
    assert [] == house.actions.latest(limit=9)


def test_if_the_ids_mean_other_samples_nothing_is_removed(house: House) -> None:
    house.send("wave.1.csv", "wave.2.csv", is_listed=False)
    begun_anew(house)
    house.sweep()
    in_need(house)
    house.run(after_s=GRACE_OVER_S)
    assert ["wave.1.csv", "wave.2.csv"] == house.there()
    assert {Why.FOREIGN.value: 2} == house.report()["stays"]


def test_without_a_hash_the_bytes_are_compared_once(house: House) -> None:
    house.send("wave.1.csv", "wave.2.csv", is_listed=False)
    house.cloud.contents[2] = b"theirs"
    house.cloud.sha256_of = lambda sample_id: sha256(house.cloud.contents[sample_id])  # type: ignore[method-assign]
    house.sweep(sha256=None)
    house.run(after_s=GRACE_OVER_S)
    assert ["wave.2.csv"] == house.there()
    house.run(after_s=6 * TROUBLE_S + 1.0)
    assert {Why.CHANGED.value: 1} == house.report()["stays"]


def test_if_the_service_cannot_be_asked_everything_stays_and_it_is_reported(house: House) -> None:
    house.send("wave.1.csv")
    house.cloud.trouble = UnansweredError("no answer")
    in_need(house)
    house.run(after_s=GRACE_OVER_S)
    assert ["wave.1.csv"] == house.there()
    assert "eisync cannot ask the service whether it still has the sample (no answer)" == house.report()["waits_for"]
    house.cloud.trouble = None
    house.run(after_s=TROUBLE_S + 1.0)
    assert [] == house.there()
