"""A root that is missing, is another one, or reports no events: nothing is concluded, it is logged, it recovers."""

from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.files import file_facts
from eisync.core.completeness import CompletenessPolicy
from eisync.core.lifecycle import State
from eisync.core.model import Root
from eisync.core.mounts import FileSystem
from eisync.core.watch_health import Mode
from eisync.loops.watcher import root_watcher
from eisync.loops.watcher.context import Runtime

from .yard import Mounts, Yard, run

READY = State.READY


class Disk:
    """The real files, on a disk that a test may change."""

    def __init__(self) -> None:
        self.number = 1

    def __getattr__(self, name: str) -> Any:
        return getattr(file_facts, name)

    def device_of(self, root: str, path: str = "") -> int | None:
        return None if file_facts.device_of(root, path) is None else self.number


def unmount(yard: Yard, disk: Disk) -> Path:
    """What an unmounted mount point is: an empty folder on another device."""
    aside = yard.place / "unmounted"
    Path(yard.root.path).rename(aside)
    Path(yard.root.path).mkdir()
    disk.number += 1
    return aside


# --- away


def test_a_missing_root_is_checked_with_a_growing_pause(yard: Yard) -> None:
    loop = yard.watcher()
    run(loop, yard.later)
    Path(yard.root.path).rename(yard.place / "away")
    now, pauses = yard.later + 5.0, []
    for _ in range(6):
        pauses.append(run(loop, now))
        now += pauses[-1]
    assert [5.0, 10.0, 20.0, 40.0, 60.0, 60.0] == pytest.approx(pauses)
    (yard.place / "away").rename(yard.root.path)
    yard.write("a.csv")
    run(loop, now)
    assert ({"a.csv": READY}, [1]) == (yard.states(), yard.fake_events.watched)
    Path(yard.root.path).rename(yard.place / "away")
    assert 5.0 == pytest.approx(run(loop, now + 5.0))


def test_an_unmounted_mount_point_is_offline_and_no_file_is_gone(yard: Yard) -> None:
    disk = Disk()
    yard.fill("a.csv", "deep/b.csv")
    loop = yard.watcher(outside={"files": disk})
    run(loop, yard.later)
    aside = unmount(yard, disk)
    yard.fake_events.of(1).folders.add("deep")
    run(loop, yard.later + 4.0)  # before the first check of the root
    run(loop, yard.later + 60.0)
    assert {"a.csv": READY, "deep/b.csv": READY} == yard.states()
    (sentence,) = loop.offline()
    assert "is on a different disk than before and holds none of its files: mount the disk" in sentence
    assert sentence == yard.index.roots()[0].offline_reason
    Path(yard.root.path).rmdir()
    aside.rename(yard.root.path)
    disk.number = 1
    run(loop, yard.later + 200.0)
    assert ([], None) == (loop.offline(), yard.index.roots()[0].offline_reason)


def test_a_mount_that_is_missing_at_the_start_is_noticed(yard: Yard) -> None:
    disk = Disk()
    yard.fill("a.csv")
    run(yard.watcher(outside={"files": disk}), yard.later)
    unmount(yard, disk)
    loop = yard.watcher(outside={"files": disk})
    run(loop, yard.later)
    assert (1, {"a.csv": READY}) == (len(loop.offline()), yard.states())


def test_what_is_written_into_an_unmounted_mount_point_waits(yard: Yard) -> None:
    disk = Disk()
    yard.fill("a.csv")
    loop = yard.watcher(outside={"files": disk})
    run(loop, yard.later)
    unmount(yard, disk)
    yard.write("stray.csv")
    run(loop, yard.later + 60.0)
    assert {"a.csv": READY} == yard.states()


def test_the_same_disk_under_another_number_is_known_by_its_files(yard: Yard) -> None:
    disk = Disk()
    yard.fill("a.csv", "b.csv")
    run(yard.watcher(outside={"files": disk}), yard.later)
    disk.number = 7
    yard.path("a.csv").unlink()
    loop = yard.watcher(outside={"files": disk})
    run(loop, yard.later)
    assert ([], {"a.csv": State.GONE, "b.csv": READY}) == (loop.offline(), yard.states())
    assert 7 == yard.places.device(1)


def test_a_person_confirms_a_replaced_disk_with_a_file(yard: Yard) -> None:
    disk = Disk()
    yard.fill("a.csv")
    loop = yard.watcher(outside={"files": disk})
    run(loop, yard.later)
    unmount(yard, disk)
    run(loop, yard.later + 60.0)
    assert ".eisync-root" in loop.offline()[0]
    yard.write(".eisync-root", b"")
    yard.write("new.csv")
    run(loop, yard.later + 120.0)
    assert ([], {"a.csv": State.GONE, "new.csv": READY}) == (loop.offline(), yard.states())
    yard.path(".eisync-root").unlink()
    run(loop, yard.later + 180.0)
    assert [] == loop.offline()


def test_a_root_without_known_files_may_be_on_any_disk(yard: Yard) -> None:
    disk = Disk()
    loop = yard.watcher(outside={"files": disk})
    run(loop, yard.later)
    disk.number = 2
    yard.write("a.csv")
    run(loop, yard.later + 60.0)
    assert ([], {"a.csv": READY}) == (loop.offline(), yard.states())


def test_an_emptied_folder_is_not_taken_for_a_mount_point(yard: Yard) -> None:
    yard.fill("a.csv")
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("a.csv").unlink()
    run(loop, yard.later + 60.0)
    assert ([], {"a.csv": State.GONE}) == (loop.offline(), yard.states())


# --- events or scans


def logged(yard: Yard, event: str) -> list[object]:
    return [line.fields["reason"] for line in yard.log.lines if line.event == event]


def test_events_are_used_before_the_first_scan(yard: Yard) -> None:
    order: list[str] = []

    class Noting:
        def __init__(self, real: Any) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            if name in ("watch", "walk"):
                order.append(name)
            return getattr(self._real, name)

    other = yard.add_root("other")
    roots = (yard.watched(), yard.watched(other))
    loop = yard.watcher(*roots, outside={"files": Noting(file_facts)}, events=Noting(yard.fake_events))
    loop.tick(yard.later)
    assert ["watch", "walk", "watch", "walk"] == order


def test_a_file_system_without_events_is_scanned_and_tried_again(yard: Yard) -> None:
    silent = ["its file system (nfs4) does not report what others write"]
    loop = yard.watcher(outside={"mounts": Mounts(lambda _: FileSystem(silent[0] if silent else None))})
    run(loop, yard.later)
    assert ([], silent) == (yard.fake_events.watched, logged(yard, "root.polling"))
    (attention,) = loop.status()
    assert (False, silent[0]) == (attention.uses_events, attention.reason)
    yard.write("a.csv")
    run(loop, yard.later + 60.0)
    assert {"a.csv": READY} == yard.states()
    silent.clear()
    run(loop, yard.later + 599.0)
    assert [] == yard.fake_events.watched
    run(loop, yard.later + 605.0)
    assert ([1], True) == (yard.fake_events.watched, loop.status()[0].uses_events)
    assert "root.watching" in yard.log.events()


@pytest.mark.parametrize(("mode", "watched"), [(Mode.EVENTS, [1]), (Mode.SCAN, []), (Mode.AUTO, [])])
def test_the_configured_mode_takes_precedence(yard: Yard, mode: Mode, watched: list[int]) -> None:
    loop = yard.watcher(outside={"mounts": Mounts(lambda _: FileSystem("no events"))}, mode=mode)
    yard.write("a.csv")
    run(loop, yard.later)
    assert (watched, {"a.csv": READY}) == (yard.fake_events.watched, yard.states())
    assert ("no events" if mode is Mode.AUTO else None) == loop.status()[0].reason


def test_a_file_without_an_event_is_counted_and_events_begin_again(yard: Yard) -> None:
    start = yard.later - 3600.0 - 5.0  # before the file is written, by the clock of the file system
    loop = yard.watcher(policy=CompletenessPolicy(settle_s=9e9))
    run(loop, start)
    yard.write("a.csv")
    run(loop, start + 90.0)
    assert (1, True) == (loop.status()[0].missed, loop.status()[0].uses_events)
    assert ([1], 1) == (yard.fake_events.watched, yard.log.events().count("root.events_missed"))


def test_misses_in_a_row_switch_to_scanning(yard: Yard) -> None:
    loop = yard.watcher()
    run(loop, yard.later)
    (root,) = loop._roots
    for scan in range(2):
        root.monitor.note_scan(2, yard.later + scan)
        root.monitor.check(yard.later + scan)
    (attention,) = loop.status()
    assert (False, 4, "4 files arrived without an event") == (attention.uses_events, attention.missed, attention.reason)
    assert ([], 1) == (yard.fake_events.watched, yard.log.events().count("root.polling"))
    run(loop, yard.later + 700.0)
    assert ([1], True) == (yard.fake_events.watched, loop.status()[0].uses_events)


def test_events_mode_begins_again_however_many_were_missed(yard: Yard) -> None:
    loop = yard.watcher(mode=Mode.EVENTS)
    run(loop, yard.later)
    (root,) = loop._roots
    for scan in range(5):
        root.monitor.note_scan(1, yard.later + scan)
        root.monitor.check(yard.later + scan)
        assert loop.status()[0].uses_events
    assert 5 == loop.status()[0].missed


def test_an_event_listener_that_keeps_failing_is_dropped_and_reported(yard: Yard) -> None:
    loop = yard.watcher()
    run(loop, yard.later)
    for failure in range(1, 4):
        yard.fake_events.died = failure
        run(loop, yard.later + 5.0 * failure)
    assert ["its event listener failed 3 times"] == logged(yard, "root.polling")
    assert [] == yard.fake_events.watched


def test_a_file_with_an_event_does_not_count_as_missed(yard: Yard) -> None:
    start = yard.later - 3600.0 - 5.0
    loop = yard.watcher(policy=CompletenessPolicy(settle_s=9e9))
    run(loop, start)
    yard.write("a.csv")
    yard.fake_events.of(1).files.add("a.csv")
    run(loop, start + 10.0)
    run(loop, start + 90.0)
    assert 0 == loop.status()[0].missed


# --- when it is scanned


@pytest.mark.parametrize("jump_s", [-30.0, 200.0])
def test_a_clock_jump_makes_every_root_scan_again(yard: Yard, jump_s: float) -> None:
    loop = yard.watcher(scan_interval_s=9999.0)
    run(loop, yard.later)
    yard.write("a.csv")
    run(loop, yard.later + 100.0)
    assert {} == yard.states()
    run(loop, yard.later + 100.0 + jump_s)
    assert {"a.csv": READY} == yard.states()


def test_an_expensive_scan_runs_less_often(yard: Yard) -> None:
    clock = iter(range(10_000))
    loop = yard.watcher(mode=Mode.SCAN, runtime=Runtime(spent_s=lambda: float(next(clock)), jitter=lambda: 0.5))
    run(loop, yard.later)  # one second of a core, by this clock
    assert 105.0 == pytest.approx(loop.status()[0].scan_every_s)
    yard.write("a.csv")
    run(loop, yard.later + 104.0)
    assert {} == yard.states()
    run(loop, yard.later + 106.0)
    assert {"a.csv": READY} == yard.states()


def test_the_cpu_limit_of_scans_is_shared_by_the_roots(yard: Yard) -> None:
    roots = [yard.watched(mode=Mode.SCAN), yard.watched(yard.add_root("second"), mode=Mode.SCAN)]
    clock = iter(range(10_000))
    loop = yard.watcher(*roots, runtime=Runtime(spent_s=lambda: float(next(clock)), jitter=lambda: 0.5))
    run(loop, yard.later)
    assert [210.0, 210.0] == [pytest.approx(root.scan_every_s) for root in loop.status()]


def test_a_huge_folder_is_walked_in_pieces(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    from eisync.adapters.files import folder_walk

    monkeypatch.setattr(root_watcher, "ENTRIES_PER_TICK", 10)
    monkeypatch.setattr(folder_walk, "PIECE", 5)
    monkeypatch.setattr(folder_walk, "AT_ONCE", 8)
    for number in range(60):
        yard.write(f"{number}.csv")
    loop = yard.watcher()
    ticks = 0
    while loop.tick(yard.later) == 0.0:
        ticks += 1
        assert len(yard.states()) <= 15 * ticks
    assert (60, True) == (len(yard.states()), ticks >= 4)
    for number in range(0, 60, 7):
        yard.path(f"{number}.csv").unlink()
    run(loop, yard.later + 60.0)
    gone = {path for path, state in yard.states().items() if state is State.GONE}
    assert {f"{number}.csv" for number in range(0, 60, 7)} == gone


def test_deep_trees_appear_and_vanish_in_one_rename(yard: Yard) -> None:
    loop = yard.watcher()
    run(loop, yard.later)
    outside = yard.place / "outside"
    deep = "/".join("abcdefgh")
    (outside / deep).mkdir(parents=True)
    (outside / deep / "x.csv").write_text("x")
    outside.rename(yard.path("in"))
    yard.fake_events.of(1).folders.add("in")
    run(loop, yard.later + 1.0)
    assert {f"in/{deep}/x.csv": READY} == yard.states()
    yard.path("in").rename(outside)
    yard.path("brief").mkdir()
    yard.path("brief").rmdir()
    yard.fake_events.of(1).folders.update({"in", "brief"})
    run(loop, yard.later + 2.0)
    assert {f"in/{deep}/x.csv": State.GONE} == yard.states()


def test_two_roots_are_watched_each_in_its_own_way(yard: Yard) -> None:
    other: Root = yard.add_root("other")
    loop = yard.watcher(yard.watched(), yard.watched(other, mode=Mode.SCAN))
    run(loop, yard.later)
    assert [(Mode.AUTO, True), (Mode.SCAN, False)] == [(one.mode, one.uses_events) for one in loop.status()]
