import contextlib
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.files import content, file_facts
from eisync.core.completeness import CompletenessPolicy
from eisync.core.ignore import IgnoreRules
from eisync.core.known_content import FolderPiece
from eisync.core.labels.path_rules import PathRules
from eisync.core.labels.rules import LabelRules
from eisync.core.lifecycle import Event, State
from eisync.core.model import Category, FileFacts
from eisync.core.outcome import Outcome
from eisync.errors import StateError
from eisync.loops.watcher import completeness, intake, observations, root_watcher
from eisync.loops.watcher.context import Runtime
from eisync.loops.watcher.loop import WatcherLoop
from eisync.loops.watcher.observations import NOTE_BUSY_EVERY_S
from tests.conftest import list_sample
from tests.fakes import failing

from .yard import Yard, run

READY, SETTLING, GONE = State.READY, State.SETTLING, State.GONE


def claim(yard: Yard, now: float) -> int:
    """Claim everything that is due, as the uploader does."""
    return len(yard.outbox.claim("main", [1, 2], limit=100, claim=1, now=now))


def settle(yard: Yard, event: Event, now: float) -> None:
    """Store the outcome of everything that was claimed."""
    ids = yard.index.records.ids_in([State.SENDING])
    yard.outbox.settle([Outcome(item_id=one, events=(event,), due_at=now) for one in ids], claim=1, now=now)


def limit_files(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let a tick check this many of the reported files and of the due files."""
    for module in (intake, root_watcher):
        monkeypatch.setattr(module, "FILES_PER_TICK", number)


def sync(yard: Yard, now: float) -> None:
    claim(yard, now)
    settle(yard, Event.STORED, now)


# --- one failure affects no other file


class Stumbling:
    """Files, some of which raise an error when they are checked."""

    def __init__(self, *names: str, error: Exception) -> None:
        self.names = names
        self.error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(file_facts, name)

    def facts_at(self, root: str, path: str) -> Any:
        if path.rpartition("/")[2] in self.names:
            raise self.error
        return file_facts.facts_at(root, path)

    @contextlib.contextmanager
    def reading(self, ask: Any) -> Iterator[Any]:
        with content.reading(ask) as inspect:

            def stumble(examination: Any, root: str, path: str, facts: FileFacts, **more: Any) -> Any:
                if path.rpartition("/")[2] in self.names:
                    raise self.error
                return inspect(examination, root, path, facts, **more)

            yield stumble


ERRORS = [
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    OverflowError(),
    RecursionError(),
    TypeError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_failing_root_affects_no_other_and_is_tried_again(yard: Yard, error: Exception) -> None:
    other = yard.add_root("other")
    stumbling = Stumbling(error=error)

    def why_offline(root: str) -> str | None:
        if stumbling.names and root == yard.root.path:
            raise error
        return file_facts.why_offline(root)

    stumbling.why_offline = why_offline  # type: ignore[attr-defined]
    stumbling.names = ("any",)
    yard.write("a.csv")
    yard.write("b.csv", root=other)
    loop = yard.watcher(yard.watched(), yard.watched(other), outside={"files": stumbling})
    for second in range(5):
        loop.tick(yard.later + second)
    assert {"other/b.csv": READY} == yard.states()
    bad, good = loop.status()
    assert (True, None) == (type(error).__name__ in str(bad.trouble), good.trouble)
    assert [bad.trouble] == loop.offline()
    assert loop.has_scanned, "it keeps nobody waiting for ever"
    assert 2 <= yard.log.events().count("root.failed") <= 3, "after pauses that grow"

    stumbling.names = ()
    run(loop, yard.later + 100.0)
    assert {"a.csv": READY, "other/b.csv": READY} == yard.states()
    assert [None, None] == [one.trouble for one in loop.status()]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_failing_file_affects_no_other_and_is_tried_again(yard: Yard, error: Exception) -> None:
    stumbling = Stumbling("a.csv", error=error)
    for path in ("a.csv", "b.csv", "sub/c.csv"):
        yard.write(path)
    yard.fake_events.of(1).files |= {"a.csv", "b.csv"}
    loop = yard.watcher(outside={"files": stumbling, "contents": stumbling})
    run(loop, yard.later)
    assert {"b.csv": READY, "sub/c.csv": READY} == yard.states()
    [reported] = [one for one in loop.unsettled(yard.later) if one.path == "a.csv"]
    assert type(error).__name__ in reported.reason
    stumbling.names = ()
    run(loop, yard.later + 100.0)
    assert {"a.csv": READY, "b.csv": READY, "sub/c.csv": READY} == yard.states()
    assert [] == loop.unsettled(yard.later + 100.0)


# --- settling


def test_a_file_enters_once_it_is_unchanged_for_settle_s(yard: Yard) -> None:
    yard.write("idle.1.csv")
    touched_at = yard.touched_at("idle.1.csv")
    loop = yard.watcher()
    wait_s = run(loop, touched_at + 0.5)
    assert {} == yard.states()
    assert 1.5 == pytest.approx(wait_s)
    run(loop, touched_at + 1.9)
    assert {} == yard.states()
    run(loop, touched_at + 2.0)
    assert {"idle.1.csv": READY} == yard.states()
    assert [] == loop.unsettled(touched_at + 2.0)


def test_a_file_that_is_still_being_written_waits_from_its_last_change(yard: Yard) -> None:
    yard.write("idle.1.csv", b"1")
    loop = yard.watcher()
    now = yard.touched_at("idle.1.csv")
    run(loop, now)
    for second in range(1, 6):
        yard.write("idle.1.csv", b"1" * (second + 1))
        yard.fake_events.of(1).files.add("idle.1.csv")
        run(loop, now + second)
        assert {} == yard.states()
    run(loop, now + 6.9)
    assert {} == yard.states()
    run(loop, now + 7.0)
    assert 6 == yard.record("idle.1.csv")["size"]


def test_a_change_without_an_event_is_found_by_the_last_check(yard: Yard) -> None:
    yard.write("idle.1.csv", b"1")
    loop = yard.watcher()
    now = yard.touched_at("idle.1.csv")
    run(loop, now)
    yard.write("idle.1.csv", b"12345")
    wait_s = run(loop, now + 2.0)
    assert {} == yard.states()
    assert pytest.approx(2.0) == wait_s
    run(loop, now + 4.0)
    assert {"idle.1.csv": READY} == yard.states()


def test_an_old_file_enters_at_once_whatever_its_mtime_says(yard: Yard) -> None:
    yard.write("idle.1.csv")
    os.utime(yard.path("idle.1.csv"), (1, 1))
    touched_at = yard.touched_at("idle.1.csv")
    run(yard.watcher(), touched_at + 1.0)
    assert {} == yard.states()  # its ctime shows a change a second ago
    run(yard.watcher(), touched_at + 2.0)
    assert {"idle.1.csv": READY} == yard.states()


@pytest.mark.parametrize("by_age", [False, True])
def test_files_that_wait_for_nothing_more_enter_folder_by_folder_or_by_age(yard: Yard, by_age: bool) -> None:
    for number in range(3):  # in time, the files of both folders alternate
        for folder in ("yes", "no"):
            yard.write(f"{folder}/{number}.csv")
            os.utime(yard.path(f"{folder}/{number}.csv"), (number, number))
    run(yard.watcher(runtime=Runtime(by_age=lambda: by_age)), yard.later)
    entered = [item.path for item in yard.outbox.claim("main", [yard.root.id], limit=6, claim=1, now=yard.later)]
    if by_age:
        assert ["0", "0", "1", "1", "2", "2"] == [path.partition("/")[2].removesuffix(".csv") for path in entered]
    else:
        assert [f"{folder}/{number}.csv" for folder in ("no", "yes") for number in range(3)] == entered


def test_a_file_from_the_future_waits_from_now_on(yard: Yard) -> None:
    yard.write("idle.1.csv")
    os.utime(yard.path("idle.1.csv"), (yard.later + 9999, yard.later + 9999))
    loop = yard.watcher()
    run(loop, yard.later)
    run(loop, yard.later + 1.9)
    assert {} == yard.states()
    run(loop, yard.later + 2.0)
    assert {"idle.1.csv": READY} == yard.states()


def test_a_time_that_the_database_cannot_hold_blocks_no_file(yard: Yard) -> None:
    yard.write("a.csv")
    yard.write("b.csv")
    os.utime(yard.path("a.csv"), (1.1e10, 1.1e10))  # the year 2318
    loop = yard.watcher()
    run(loop, yard.later)
    run(loop, yard.later + 2.0)
    assert {"a.csv": READY, "b.csv": READY} == yard.states()


def test_an_empty_file_is_waited_for(yard: Yard) -> None:
    yard.write("idle.1.csv", b"")
    touched_at = yard.touched_at("idle.1.csv")
    loop = yard.watcher()
    run(loop, touched_at + 599.0)
    assert {} == yard.states()
    (seen,) = loop.unsettled(touched_at + 599.0)
    assert "it is empty; it is sent once something is written into it" == seen.reason
    run(loop, touched_at + 600.0)
    assert {"idle.1.csv": State.QUARANTINED} == yard.states()
    assert "it is empty; it is sent once something is written into it" == yard.reason("idle.1.csv")
    yard.write("idle.1.csv")
    yard.fake_events.of(1).files.add("idle.1.csv")
    run(loop, touched_at + 610.0)
    run(loop, touched_at + 612.0)
    assert {"idle.1.csv": READY} == yard.states()


def test_a_filled_placeholder_waits_no_longer_than_other_files(yard: Yard) -> None:
    yard.write("idle.1.csv", b"")
    loop = yard.watcher()
    now = yard.touched_at("idle.1.csv")
    run(loop, now)
    yard.write("idle.1.csv")
    yard.fake_events.of(1).files.add("idle.1.csv")
    assert 2.0 == pytest.approx(run(loop, now + 10.0))
    run(loop, now + 12.0)
    assert {"idle.1.csv": READY} == yard.states()


def test_a_file_that_disappears_while_it_settles_is_forgotten(yard: Yard) -> None:
    yard.write("idle.1.csv")
    loop = yard.watcher()
    now = yard.touched_at("idle.1.csv")
    run(loop, now)
    yard.path("idle.1.csv").unlink()
    run(loop, now + 2.0)
    assert ({}, []) == (yard.states(), loop.unsettled(now))


def test_a_clock_that_is_set_back_delays_no_file(yard: Yard) -> None:
    yard.write("idle.1.csv")
    loop = yard.watcher(scan_interval_s=60.0)
    now = yard.later + 86_400.0
    run(loop, now)
    yard.write("b.csv")
    yesterday = yard.later
    assert 60.0 >= run(loop, yesterday)
    run(loop, yesterday + 60.0)
    run(loop, yesterday + 62.0)
    assert {"idle.1.csv": READY, "b.csv": READY} == yard.states()


# --- kinds of files


def test_label_and_category_come_from_the_path_within_the_root(yard: Yard) -> None:
    rig = yard.add_root("testing-rig")
    for path in ("idle.1.csv", "training/wave.2.csv", "anomaly/x.csv"):
        yard.write(path, root=rig)
    run(yard.watcher(yard.watched(rig)), yard.later)
    found = {record["path"]: (record["label"], record["category"]) for record in yard.index.records.files()}
    assert {
        "idle.1.csv": ("idle", "split"),
        "training/wave.2.csv": ("wave", "training"),
        "anomaly/x.csv": ("x", "anomaly"),
    } == found


def test_the_configuration_of_a_root_applies_to_its_files(yard: Yard) -> None:
    yard.write("idle.1.csv")
    run(
        yard.watcher(
            yard.watched(labelling=LabelRules(PathRules("fixed", Category.TESTING)), metadata={"site": "lab 3"}),
        ),
        yard.later,
    )
    (item,) = yard.outbox.claim("main", [1], limit=9, claim=1, now=yard.later)
    assert ("fixed", Category.TESTING, (("site", "lab 3"),)) == (item.label, item.category, item.metadata)


def test_files_with_any_name_enter(yard: Yard) -> None:
    names = [b"caf\xe9.csv", b"new\nline.csv", b"a'b\"c;--.csv", "标签.csv".encode()]
    for name in names:
        with open(os.path.join(os.fsencode(yard.root.path), name), "wb") as file:
            file.write(b"x")
    run(yard.watcher(), yard.later)
    assert set(names) == {os.fsencode(path) for path in yard.states()}


def test_what_is_left_out_is_counted_by_reason(yard: Yard) -> None:
    for path in ("a.csv", "b.doc", "c.doc", "d.tmp", ".hidden", "deep/e.doc"):
        yard.write(path)
    os.mkfifo(yard.path("pipe.csv"))
    yard.path("dangling.csv").symlink_to("nowhere")
    run(yard.watcher(), yard.later)
    (root,) = yard.index.roots()
    assert {
        "not a type that Edge Impulse takes (.doc)": 3,
        "ignored by the pattern '*.tmp'": 1,
        "ignored by the pattern '.*'": 1,
        "a named pipe (FIFO), not a file": 1,
        "it is a broken link: its target is gone; delete the link, or restore the target": 1,
    } == root.left_out
    reported = {line.fields["path"] for line in yard.log.lines if line.event == "file.left_out"}
    assert {"pipe.csv", "dangling.csv"} == reported


def test_reasons_beyond_the_limit_are_combined(yard: Yard) -> None:
    for number in range(60):
        yard.write(f"a.x{number}")
    run(yard.watcher(), yard.later)
    (root,) = yard.index.roots()
    assert (51, 60, 10) == (len(root.left_out), sum(root.left_out.values()), root.left_out["other reasons"])


def test_a_file_that_is_left_out_is_logged_once(yard: Yard) -> None:
    os.mkfifo(yard.path("pipe.csv"))
    loop = yard.watcher()
    for scan in range(3):
        run(loop, yard.later + 60.0 * scan)
    assert 1 == yard.log.events().count("file.left_out")


# --- events and scans


def test_a_scan_finds_files_without_an_event(yard: Yard) -> None:
    loop = yard.watcher(scan_interval_s=60.0)
    run(loop, yard.later)
    yard.write("deep/idle.1.csv")
    run(loop, yard.later + 59.0)
    assert {} == yard.states()
    run(loop, yard.later + 60.0)
    assert {"deep/idle.1.csv": READY} == yard.states()


def test_an_event_is_enough(yard: Yard) -> None:
    loop = yard.watcher()
    run(loop, yard.later)
    yard.write("idle.1.csv")
    yard.fake_events.of(1).files.add("idle.1.csv")
    run(loop, yard.later + 1.0)
    assert {"idle.1.csv": READY} == yard.states()


@pytest.mark.parametrize("path", ["a.tmp", "cache/a.csv", "a.doc", ".git/a.csv"])
def test_an_event_of_a_left_out_file_is_ignored(yard: Yard, path: str) -> None:
    loop = yard.watcher(eligibility=IgnoreRules(["cache/"]))
    run(loop, yard.later)
    yard.write(path)
    yard.fake_events.of(1).files.add(path)
    yard.fake_events.of(1).folders.add(path.split("/")[0])
    run(loop, yard.later + 1.0)
    assert ({}, []) == (yard.states(), loop.unsettled(yard.later))


def test_the_files_of_a_folder_that_is_moved_in_enter(yard: Yard) -> None:
    loop = yard.watcher()
    run(loop, yard.later)
    yard.write("new/one.csv")
    yard.write("new/deep/two.csv")
    yard.fake_events.of(1).folders.update({"new", "new/deep"})
    run(loop, yard.later + 1.0)
    assert {"new/one.csv": READY, "new/deep/two.csv": READY} == yard.states()


def test_ten_thousand_new_folders_are_walked_from_the_topmost(yard: Yard) -> None:
    loop = yard.watcher()
    run(loop, yard.later)
    yard.write("a/b/c/one.csv")
    counting = Counting(file_facts, "walk")
    loop._roots[0].scans._files = counting
    yard.fake_events.of(1).folders.update(
        {"a", "a/b", "a/b/c", "a-b", *(f"a/b/c/{number}" for number in range(10_000))}
    )
    run(loop, yard.later + 1.0)
    assert (2, {"a/b/c/one.csv": READY}) == (counting.calls, yard.states())  # of a, and of a-b


class Counting:
    """The real object, with the calls of one method counted."""

    def __init__(self, real: Any, method: str) -> None:
        self._real, self._method, self.calls = real, method, 0

    def __getattr__(self, name: str) -> Any:
        self.calls += name == self._method
        return getattr(self._real, name)


def test_one_tick_walks_a_bounded_part(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root_watcher, "ENTRIES_PER_TICK", 10)
    for folder in range(10):
        for number in range(5):
            yard.write(f"{folder}/{number}.csv")
    loop = yard.watcher()
    ticks = 0
    while loop.tick(yard.later) == 0.0:
        ticks += 1
        assert len(yard.states()) <= 10 * ticks
    assert (50, True) == (len(yard.states()), ticks >= 5)


def test_found_files_enter_before_the_scan_continues(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_files(monkeypatch, 10)
    monkeypatch.setattr(root_watcher, "ENTRIES_PER_TICK", 30)
    for folder in range(20):
        for number in range(5):
            yard.write(f"{folder}/{number}.csv")
    loop = yard.watcher()
    entered, held = [0], [0]
    while loop.tick(yard.later) == 0.0:
        entered.append(len(yard.states()))
        held.append(len(loop.unsettled(yard.later)))
    grew = {after - before for before, after in pairwise(entered)}
    assert (100, {10}, True) == (len(yard.states()), grew - {0, 5}, max(held) <= 30)


def test_one_tick_checks_a_bounded_number_of_events(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = yard.watcher()
    run(loop, yard.later)
    limit_files(monkeypatch, 10)
    for number in range(25):
        yard.write(f"{number}.csv")
        yard.fake_events.of(1).files.add(f"{number}.csv")
    assert 0.0 == loop.tick(yard.later + 1.0)
    assert 10 == len(yard.states())
    run(loop, yard.later + 1.0)
    assert 25 == len(yard.states())


def test_a_root_that_is_doubted_is_scanned_at_once(yard: Yard) -> None:
    loop = yard.watcher()
    run(loop, yard.later)
    yard.write("idle.1.csv")
    yard.fake_events.of(1).is_doubted = True
    run(loop, yard.later + 1.0)
    assert {"idle.1.csv": READY} == yard.states()


def test_a_root_that_is_doubted_again_and_again_is_scanned_to_its_end(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(root_watcher, "ENTRIES_PER_TICK", 3)
    for number in range(20):
        yard.write(f"{number}/a.csv")
    loop = yard.watcher()
    for _ in range(40):
        yard.fake_events.of(1).is_doubted = True
        loop.tick(yard.later)
    assert loop.has_scanned
    assert 20 == len(yard.states())


def test_doubt_during_a_scan_begins_another_one(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root_watcher, "ENTRIES_PER_TICK", 3)
    for number in range(20):
        yard.write(f"{number}/a.csv")
    loop = yard.watcher()
    for _ in range(8):
        loop.tick(yard.later)  # some folders are behind it
    for number in range(20):
        yard.write(f"{number}/b.csv")
    yard.fake_events.of(1).is_doubted = True
    run(loop, yard.later)
    assert 40 == len(yard.states())


def test_each_reason_for_missing_events_is_logged_once(yard: Yard) -> None:
    loop = yard.watcher()
    yard.fake_events.why_silent = "it gives no events (no space left on device); it is scanned instead"
    for tick in range(3):
        run(loop, yard.later + 5.0 * tick)
    assert 1 == yard.log.events().count("root.polling")
    yard.write("a.csv")
    run(loop, yard.later + 60.0)
    assert {"a.csv": READY} == yard.states()


# --- changes


def test_a_known_file_that_changes_settles_and_enters_again(yard: Yard) -> None:
    yard.fill("a.csv")
    sync(yard, yard.later)
    loop = yard.watcher()
    run(loop, yard.later)
    yard.write("a.csv", b"changed")
    yard.fake_events.of(1).files.add("a.csv")
    now = yard.touched_at("a.csv") + 0.5
    run(loop, now)
    assert {"a.csv": SETTLING} == yard.states()
    run(loop, now + 2.0)
    assert ({"a.csv": READY}, 7) == (yard.states(), yard.record("a.csv")["size"])


@pytest.mark.parametrize("event", [Event.STORED, Event.REFUSE, Event.DEFER])
def test_a_scan_finds_a_change_in_every_state_of_the_file(yard: Yard, event: Event) -> None:
    yard.fill("a.csv")
    claim(yard, yard.later)
    settle(yard, event, yard.later)
    yard.write("a.csv", b"changed")
    run(yard.watcher(), yard.later + 60.0)
    assert ({"a.csv": READY}, 7) == (yard.states(), yard.record("a.csv")["size"])


def test_an_unchanged_file_is_left_alone(yard: Yard) -> None:
    yard.fill("a.csv")
    sync(yard, yard.later)
    loop = yard.watcher()
    for scan in range(3):
        run(loop, yard.later + 60.0 * scan)
        os.chmod(yard.path("a.csv"), 0o640 - scan)  # its ctime changes
        yard.fake_events.of(1).files.add("a.csv")
    assert ({"a.csv": State.SYNCED}, []) == (yard.states(), loop.unsettled(yard.later))


def test_a_file_that_changes_while_it_is_sent_enters_afterwards(yard: Yard) -> None:
    yard.fill("a.csv")
    claim(yard, yard.later)
    yard.write("a.csv", b"changed")
    loop = yard.watcher()
    run(loop, yard.later)
    assert {"a.csv": State.SENDING} == yard.states()
    assert 1 == len(loop.unsettled(yard.later))
    assert 1.0 == pytest.approx(run(loop, yard.later + 2.0))
    settle(yard, Event.STORED, yard.later + 2.0)
    run(loop, yard.later + 3.0)
    assert ({"a.csv": READY}, 7) == (yard.states(), yard.record("a.csv")["size"])


def test_a_file_that_the_uploader_found_changed_is_checked_without_an_event(yard: Yard) -> None:
    yard.fill("a.csv")
    loop = yard.watcher()
    run(loop, yard.later)
    claim(yard, yard.later)
    yard.write("a.csv", b"changed")
    settle(yard, Event.CHANGED, yard.later)
    assert 5.0 >= run(loop, yard.later + 1.0)
    run(loop, yard.later + 5.0)
    assert {"a.csv": READY} == yard.states()


def test_a_tombstone_stays_one_while_its_file_is_unchanged(yard: Yard) -> None:
    yard.fill("a.csv")
    claim(yard, yard.later)
    (file_id,) = yard.index.records.ids_in([State.SENDING])
    yard.outbox.settle([Outcome(item_id=file_id, events=(Event.STORED,), sample_ids=(7,))], claim=1, now=yard.later)
    list_sample(yard.database, 7)
    yard.index.make_tombstones("main", 7, now=yard.later)
    yard.path("a.csv").rename(yard.path("b.csv"))
    loop = yard.watcher()
    run(loop, yard.later)
    assert {"b.csv": State.TOMBSTONE} == yard.states()
    yard.path("b.csv").unlink()
    yard.fake_events.of(1).files.update({"a.csv", "b.csv"})
    run(loop, yard.later + 1.0)
    assert {"b.csv": State.TOMBSTONE} == yard.states()


# --- files that disappeared


@pytest.mark.parametrize("how", ["event", "scan"])
def test_a_file_removed_before_it_was_sent_is_gone(yard: Yard, how: str) -> None:
    yard.fill("a.csv", "deep/b.csv")
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("deep/b.csv").unlink()
    if how == "event":
        yard.fake_events.of(1).files.add("deep/b.csv")
    run(loop, yard.later + (1.0 if how == "event" else 60.0))
    assert {"a.csv": READY, "deep/b.csv": GONE} == yard.states()


def test_a_removed_synced_file_stays_synced_and_the_absence_is_recorded(yard: Yard) -> None:
    yard.fill("a.csv")
    sync(yard, yard.later)
    yard.path("a.csv").unlink()
    run(yard.watcher(), yard.later + 60.0)
    assert {"a.csv": State.SYNCED} == yard.states()
    assert "the local file is not there any more" == yard.reason("a.csv")


def test_a_file_that_is_back_enters_again(yard: Yard) -> None:
    yard.fill("a.csv")
    yard.path("a.csv").rename(yard.place / "elsewhere")
    loop = yard.watcher()
    run(loop, yard.later)
    assert {"a.csv": GONE} == yard.states()
    (yard.place / "elsewhere").rename(yard.path("a.csv"))
    yard.fake_events.of(1).files.add("a.csv")
    run(loop, yard.later + 1.0)
    assert {"a.csv": READY} == yard.states()


@pytest.mark.parametrize("how", ["event", "scan"])
def test_the_files_of_a_folder_that_is_moved_out_are_gone(yard: Yard, how: str) -> None:
    yard.fill("one/a.csv", "one/deep/b.csv", "one-more/c.csv")
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("one").rename(yard.place / "elsewhere")
    if how == "event":
        yard.fake_events.of(1).folders.add("one")
    run(loop, yard.later + (1.0 if how == "event" else 60.0))
    assert {"one/a.csv": GONE, "one/deep/b.csv": GONE, "one-more/c.csv": READY} == yard.states()


def test_a_folder_that_is_renamed_moves_its_files(yard: Yard) -> None:
    yard.fill("one/a.csv")
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("one").rename(yard.path("two"))
    yard.fake_events.of(1).folders.update({"one", "two"})
    run(loop, yard.later + 1.0)
    assert {"two/a.csv": READY} == yard.states()


def test_a_file_that_is_ignored_now_is_not_gone(yard: Yard) -> None:
    yard.fill("a.csv", "cache/b.csv", "cache/deep/c.csv")
    run(yard.watcher(eligibility=IgnoreRules(["a.*", "cache/"])), yard.later + 60.0)
    assert {"a.csv": READY, "cache/b.csv": READY, "cache/deep/c.csv": READY} == yard.states()


def test_nothing_is_concluded_from_a_missing_root(yard: Yard) -> None:
    yard.fill("a.csv", "deep/b.csv")
    loop = yard.watcher()
    run(loop, yard.later)
    Path(yard.root.path).rename(yard.place / "away")
    yard.fake_events.of(1).files.add("a.csv")
    yard.fake_events.of(1).folders.add("deep")
    for tick in range(5):
        run(loop, yard.later + 1.0 + 30.0 * tick)
    assert {"a.csv": READY, "deep/b.csv": READY} == yard.states()
    sentence = f"the folder {yard.root.path} is not there; create or mount it, and watching resumes by itself"
    assert [sentence] == loop.offline()
    assert [sentence] == [root.offline_reason for root in yard.index.roots()]
    assert 1 == yard.log.events().count("root.offline")


def test_a_root_that_is_back_is_scanned_at_once(yard: Yard) -> None:
    loop = yard.watcher()
    run(loop, yard.later)
    Path(yard.root.path).rename(yard.place / "away")
    run(loop, yard.later + 5.0)
    (yard.place / "away").rename(yard.root.path)
    yard.write("a.csv")
    assert 5.0 >= run(loop, yard.later + 6.0)
    run(loop, yard.later + 10.0)
    assert {"a.csv": READY} == yard.states()
    assert ([], [None]) == (loop.offline(), [root.offline_reason for root in yard.index.roots()])


@pytest.mark.parametrize("moment", range(1, 9))
def test_nothing_is_concluded_from_a_root_that_disappears_during_a_scan(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    monkeypatch.setattr(root_watcher, "ENTRIES_PER_TICK", 1)
    yard.fill("a.csv", "one/b.csv", "one/deep/c.csv", "two/d.csv")
    loop = yard.watcher()
    for _ in range(moment):
        loop.tick(yard.later)
    Path(yard.root.path).rename(yard.place / "away")
    for _ in range(20):
        loop.tick(yard.later)
    for later in (1.0, 5.0, 10.0):
        run(loop, yard.later + later)
    assert {READY} == set(yard.states().values())
    (yard.place / "away").rename(yard.root.path)
    run(loop, yard.later + 100.0)
    assert {READY} == set(yard.states().values())


class Eyes:
    """The real file access, except for places that cannot be read."""

    def __init__(self, *closed: str) -> None:
        self.closed = closed

    def walk(self, root: str, eligibility: IgnoreRules, *, below: str = "", known: Any = None) -> Iterator[FolderPiece]:
        for folder in file_facts.walk(root, eligibility, below=below, known=known):
            if not self._is_closed(folder.path):
                yield folder
            elif folder.path in self.closed:
                yield FolderPiece(folder.path, trouble="the folder cannot be read (Permission denied)")

    def facts_at(self, root: str, path: str) -> FileFacts | None:
        return None if self._is_closed(path) else file_facts.facts_at(root, path)

    def is_missing(self, root: str, path: str) -> bool:
        return not self._is_closed(path) and file_facts.is_missing(root, path)

    def why_offline(self, root: str) -> str | None:
        return file_facts.why_offline(root)

    def device_of(self, root: str, path: str = "") -> int | None:
        return file_facts.device_of(root, path)

    def _is_closed(self, path: str) -> bool:
        return any(path == place or path.startswith(f"{place}/") for place in self.closed)


def test_nothing_is_concluded_from_an_unreadable_folder(yard: Yard) -> None:
    yard.fill("a.csv", "closed/b.csv", "closed/deep/c.csv", "closed-not/d.csv")
    yard.path("a.csv").unlink()
    yard.path("closed-not/d.csv").unlink()
    loop = yard.watcher(outside={"files": Eyes("closed")})
    run(loop, yard.later)
    yard.fake_events.of(1).files.update({"closed/b.csv", "closed/deep/c.csv"})
    yard.fake_events.of(1).folders.update({"closed", "closed/deep"})
    run(loop, yard.later + 1.0)
    expected = {"a.csv": GONE, "closed/b.csv": READY, "closed/deep/c.csv": READY, "closed-not/d.csv": GONE}
    assert expected == yard.states()
    (root,) = yard.index.roots()
    assert {} == root.left_out
    assert {"closed": "the folder cannot be read (Permission denied)"} == yard.index.observations.folders(root.path)
    run(yard.watcher(), yard.later + 100.0)
    assert {} == yard.index.observations.folders(root.path)


# --- two roots


def test_two_roots_do_not_mix(yard: Yard) -> None:
    other = yard.add_root("other")
    yard.write("same.csv", b"one")
    yard.write("same.csv", b"another", root=other)
    slow = yard.watched(other, policy=CompletenessPolicy(settle_s=9999.0))
    loop = yard.watcher(yard.watched(), slow)
    run(loop, yard.later)
    assert {"same.csv": READY} == yard.states()
    assert [(other.path, "same.csv")] == [(seen.root, seen.path) for seen in loop.unsettled(yard.later)]


def test_a_missing_root_does_not_delay_the_other(yard: Yard) -> None:
    other = yard.add_root("other")
    Path(other.path).rmdir()
    yard.write("a.csv")
    loop = yard.watcher(yard.watched(other), yard.watched())
    assert not loop.has_scanned
    run(loop, yard.later)
    assert ({"a.csv": READY}, True) == (yard.states(), loop.has_scanned)


def test_a_root_with_a_million_files_does_not_delay_the_other(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root_watcher, "ENTRIES_PER_TICK", 2)
    other = yard.add_root("other")
    for number in range(50):
        yard.write(f"{number}/a.csv")
    yard.write("b.csv", root=other)
    loop = yard.watcher(yard.watched(), yard.watched(other))
    for _ in range(3):
        loop.tick(yard.later)
    assert READY == yard.states()["other/b.csv"]


# --- a store that fails


@pytest.mark.parametrize(
    "method",
    ["enqueue", "mark_changed", "mark_gone", "known_at", "settling", "versions", "known", "folders", "twins"],
)
def test_a_store_that_fails_in_the_middle_of_a_tick_loses_no_file(yard: Yard, method: str) -> None:
    yard.fill("changed.csv", "gone.csv", "deep/gone.csv")
    outbox, paths = Counting(yard.outbox, ""), Counting(yard.places, "")
    loop = yard.watcher(outbox=outbox, paths=paths)
    run(loop, yard.later)
    yard.write("changed.csv", b"new")
    yard.write("new.csv")
    yard.path("gone.csv").unlink()
    yard.path("deep/gone.csv").unlink()
    yard.path("deep").rmdir()
    yard.fake_events.of(1).files.update({"changed.csv", "new.csv", "gone.csv"})
    yard.fake_events.of(1).folders.add("deep")
    keeper = outbox if hasattr(yard.outbox, method) else paths
    setattr(keeper, method, failing(3, StateError("the disk is full"), getattr(keeper, method)))
    failures = 0
    for second in range(20):
        try:
            loop.tick(yard.later + 5.0 + second)
        except StateError:
            failures += 1
    assert 3 == failures
    expected = {"changed.csv": READY, "new.csv": READY, "gone.csv": GONE, "deep/gone.csv": GONE}
    assert expected == yard.states()
    assert 3 == yard.record("changed.csv")["size"]


def test_the_real_store_refuses_and_recovers(yard: Yard) -> None:
    yard.write("a.csv")
    loop = yard.watcher()
    with yard.database.transaction() as connection:
        connection.execute("create trigger full before insert on file begin select raise(abort, 'full'); end")
    with pytest.raises(StateError):
        run(loop, yard.later)
    with yard.database.transaction() as connection:
        connection.execute("drop trigger full")
    run(loop, yard.later + 1.0)
    assert {"a.csv": READY} == yard.states()


# --- long runs


def test_the_number_of_settling_files_is_stored(yard: Yard) -> None:
    yard.write("a.csv", b"")
    yard.write("b.csv", b"")
    loop = yard.watcher()
    run(loop, yard.later - 3600.0 + 1.0)
    assert [2] == [root.settling for root in yard.index.roots()]
    yard.path("a.csv").unlink()
    yard.fake_events.of(1).files.add("a.csv")
    run(loop, yard.later - 3600.0 + 2.0)
    assert [1] == [root.settling for root in yard.index.roots()]


def test_while_a_root_is_busy_observations_are_stored_at_intervals(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root_watcher, "ENTRIES_PER_TICK", 2)
    for number in range(20):
        yard.write(f"{number}/a.csv", b"")
    loop = yard.watcher()
    now = yard.later - 3600.0 + 1.0
    noted = []
    while loop.tick(now) == 0.0:
        noted += [root.settling for root in yard.index.roots()]
        now += 3.0
    assert (True, 20) == (1 < len(set(noted)) < 10, yard.index.roots()[0].settling)


def test_observations_are_stored_for_commands_after_the_end(yard: Yard) -> None:
    yard.write("empty.csv", b"")
    yard.write("a.csv")
    now = yard.touched_at("a.csv") + 1.0
    loop = yard.watcher()
    run(loop, now)
    assert {
        "empty.csv": "it is empty; it is sent once something is written into it",
        "a.csv": "it must be unchanged for 2 s",
    } == {one["path"]: one["reason"] for one in yard.index.observations.records()}
    yard.path("empty.csv").unlink()
    yard.fake_events.of(1).files.add("empty.csv")
    loop.tick(now + 0.1)  # too soon for another note
    loop.stop(now + 0.2)
    assert ["a.csv"] == [one["path"] for one in yard.index.observations.records()]
    run(loop, yard.later)
    assert [] == yard.index.observations.records()


def test_stored_observations_stay_until_the_folder_is_scanned(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        yard.write(f"{number}/empty.csv", b"")
    now = yard.touched_at("0/empty.csv") + 1.0
    run(yard.watcher(), now)
    monkeypatch.setattr(root_watcher, "ENTRIES_PER_TICK", 1)
    loop = yard.watcher()
    for path in range(5):
        yard.path(f"{path}/empty.csv").unlink()
    loop.tick(now + 1.0)
    loop.stop(now + 1.0)
    assert (5, set()) == (len(yard.index.observations.records()), loop.scanned())
    run(loop, now + 2.0)
    loop.stop(now + 3.0)
    assert ([], {yard.root.path}) == (yard.index.observations.records(), loop.scanned())


def test_complete_files_found_at_the_start_are_not_stored_as_observed(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_files(monkeypatch, 1)
    for number in range(4):
        yard.write(f"{number}.csv")
    loop = yard.watcher()
    for _ in range(2):
        assert 0.0 == loop.tick(yard.later)
        assert [] == yard.index.observations.records()
    loop.tick(yard.later + NOTE_BUSY_EVERY_S)  # it takes long
    assert 1 <= len(yard.index.observations.records()) <= 2
    run(loop, yard.later + 2 * NOTE_BUSY_EVERY_S)
    assert ([], 4) == (yard.index.observations.records(), len(yard.states()))


def test_complete_files_that_wait_for_the_reading_limit_are_not_stored_as_observed(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completeness, "BYTES_PER_TICK", 1)
    for number in range(4):
        yard.write(f"{number}.csv")
    loop = yard.watcher()
    for _ in range(3):
        assert 0.0 == loop.tick(yard.later)
        assert [] == yard.index.observations.records()


def test_observed_files_beyond_the_limit_are_counted(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observations, "MAX_OBSERVED", 3)
    for number in range(5):
        yard.write(f"{number}.csv", b"")
    run(yard.watcher(), yard.touched_at("0.csv") + 1.0)
    [root] = yard.index.roots()
    assert (3, 5, 2) == (len(yard.index.observations.records()), root.settling, root.beyond)


def test_a_file_removed_while_it_waits_for_its_marker_is_forgotten_by_a_scan(yard: Yard) -> None:
    yard.write("a.csv")
    loop = yard.watcher(policy=CompletenessPolicy(needs_marker=True))
    run(loop, yard.later)
    assert ["a.csv"] == [seen.path for seen in loop.unsettled(yard.later)]
    yard.path("a.csv").unlink()
    run(loop, yard.later + 3600.0)
    assert [] == loop.unsettled(yard.later + 3600.0)


def test_a_file_that_is_written_all_day_takes_no_memory(yard: Yard) -> None:
    loop = yard.watcher()
    run(loop, yard.later)
    for second in range(300):
        yard.write("log.csv", b"x" * (second + 1))
        yard.fake_events.of(1).files.add("log.csv")
        run(loop, yard.later + second / 10)
    (root,) = loop._roots
    assert len(root.observed._due._heap) <= 2


def test_without_roots_it_waits(yard: Yard) -> None:
    loop = WatcherLoop([], yard.stores(), yard.outside(), events=yard.fake_events, log=yard.log)
    assert (5.0, True, True) == (loop.tick(0.0), loop.has_scanned, loop.is_done)
    loop.stop(0.0)
