"""A file under a new name is the same file; two names at the same time are two files."""

import hashlib
import os
from collections.abc import Callable
from typing import Any

import pytest

from eisync.adapters.files import content, file_facts
from eisync.core.completeness import CompletenessPolicy
from eisync.core.lifecycle import Event, State
from eisync.core.model import FileFacts
from eisync.core.outcome import Outcome
from eisync.errors import UnreachableError
from eisync.loops.watcher import content_check, root_watcher
from tests.fakes import failing

from .test_watcher import claim, settle, sync
from .yard import Yard, run

READY, GONE, SYNCED = State.READY, State.GONE, State.SYNCED


def announce(yard: Yard, *paths: str) -> None:
    yard.fake_events.of(1).files.update(paths)


def by_event(yard: Yard, *paths: str) -> float:
    announce(yard, *paths)
    return yard.later + 1.0


def by_scan(yard: Yard, *paths: str) -> float:
    return yard.later + 60.0


either = pytest.mark.parametrize("found", [by_event, by_scan], ids=["event", "scan"])
Found = Callable[..., float]


@either
def test_a_synced_file_that_is_renamed_keeps_its_row(yard: Yard, found: Found) -> None:
    yard.fill("a.csv")
    sync(yard, yard.later)
    identity = yard.outbox.known_at(1, "a.csv")
    assert identity is not None
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("a.csv").rename(yard.path("b.csv"))
    run(loop, found(yard, "a.csv", "b.csv"))
    now_known = yard.outbox.known_at(1, "b.csv")
    assert now_known is not None
    assert (identity.id, {"b.csv": SYNCED}, []) == (now_known.id, yard.states(), loop.unsettled(yard.later))
    assert "renamed; it was a.csv" == yard.reason("b.csv")


@either
def test_the_files_of_a_renamed_folder_are_followed(yard: Yard, found: Found) -> None:
    yard.fill("one/a.csv", "one/deep/b.csv")
    sync(yard, yard.later)
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("one").rename(yard.path("two"))
    yard.fake_events.of(1).folders.update({"one", "two"})
    run(loop, found(yard))
    assert {"two/a.csv": SYNCED, "two/deep/b.csv": SYNCED} == yard.states()


@either
def test_two_files_that_swap_their_names_are_not_sent_again(yard: Yard, found: Found) -> None:
    yard.fill("a.csv", "b.csv")
    sync(yard, yard.later)
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("a.csv").rename(yard.path("c.tmp"))
    yard.path("b.csv").rename(yard.path("a.csv"))
    yard.path("c.tmp").rename(yard.path("b.csv"))
    run(loop, found(yard, "a.csv", "b.csv", "c.tmp"))
    assert {"a.csv": SYNCED, "b.csv": SYNCED} == yard.states()
    assert {"renamed; it was a.csv", "renamed; it was b.csv"} >= {yard.reason("a.csv"), yard.reason("b.csv")} - {""}


@either
def test_a_file_that_replaces_another_keeps_its_row(yard: Yard, found: Found) -> None:
    yard.fill("a.csv", "b.csv")
    sync(yard, yard.later)
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("a.csv").rename(yard.path("b.csv"))
    run(loop, found(yard, "a.csv", "b.csv"))
    assert ({"a.csv": SYNCED, "b.csv": SYNCED}, []) == (yard.states(), loop.unsettled(yard.later))
    assert "renamed; it was a.csv" == yard.reason("b.csv")
    assert "the local file is not there any more" == yard.reason("a.csv")


@either
def test_a_log_that_is_rotated_is_followed_and_its_successor_is_new(yard: Yard, found: Found) -> None:
    yard.fill("log.csv")
    sync(yard, yard.later)
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("log.csv").rename(yard.path("log.1.csv"))
    yard.write("log.csv", b"a new day")
    run(loop, found(yard, "log.csv", "log.1.csv"))
    assert {"log.csv": READY, "log.1.csv": SYNCED} == yard.states()


@either
def test_a_ready_file_is_labelled_by_its_new_name(yard: Yard, found: Found) -> None:
    yard.fill("idle.1.csv")
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("testing").mkdir()
    yard.path("idle.1.csv").rename(yard.path("testing/wave.1.csv"))
    run(loop, found(yard, "idle.1.csv", "testing/wave.1.csv"))
    assert {"testing/wave.1.csv": READY} == yard.states()
    record = yard.record("testing/wave.1.csv")
    assert ("wave", "testing") == (record["label"], record["category"])


@either
@pytest.mark.parametrize(("event", "expected"), [(Event.STORED, SYNCED), (Event.GONE, READY), (Event.DEFER, READY)])
def test_a_file_that_is_renamed_while_it_is_sent_is_followed_afterwards(
    yard: Yard, found: Found, event: Event, expected: State
) -> None:
    yard.fill("a.csv")
    loop = yard.watcher()
    run(loop, yard.later)
    claim(yard, yard.later)
    yard.path("a.csv").rename(yard.path("b.csv"))
    now = found(yard, "a.csv", "b.csv")
    run(loop, now)
    (observed,) = loop.unsettled(now)
    assert {"a.csv": State.SENDING} == yard.states()
    assert ("b.csv", "renamed; it is being sent as a.csv") == (observed.path, observed.reason)
    settle(yard, event, now)
    run(loop, now + 5.0)
    assert {"b.csv": expected} == yard.states()


@either
def test_a_hard_link_is_a_file_of_its_own(yard: Yard, found: Found) -> None:
    yard.fill("a.csv")
    sync(yard, yard.later)
    loop = yard.watcher()
    run(loop, yard.later)
    os.link(yard.path("a.csv"), yard.path("b.csv"))
    run(loop, found(yard, "b.csv"))
    assert {"a.csv": SYNCED, "b.csv": READY} == yard.states()


@either
@pytest.mark.parametrize("is_sending", [False, True])
def test_a_write_under_one_hard_link_changes_both(yard: Yard, found: Found, is_sending: bool) -> None:
    yard.write("a.csv")
    os.link(yard.path("a.csv"), yard.path("b.csv"))
    run(yard.watcher(), yard.later)
    sync(yard, yard.later)
    if is_sending:
        yard.write("c.csv")
        os.link(yard.path("c.csv"), yard.path("d.csv"))
        run(yard.watcher(), yard.later)
        claim(yard, yard.later)
    loop = yard.watcher()
    run(loop, yard.later)
    for name in ("b.csv", *(["d.csv"] if is_sending else [])):
        yard.path(name).write_bytes(b"more than it was")
    now = found(yard, "b.csv", "d.csv")
    run(loop, now)
    run(loop, now + 3.0)
    if is_sending:
        settle(yard, Event.STORED, now + 3.0)
        run(loop, now + 6.0)
    assert ({READY}, []) == (set(yard.states().values()), loop.unsettled(now))


@either
def test_a_file_that_is_changed_and_renamed_is_a_new_one(yard: Yard, found: Found) -> None:
    yard.fill("a.csv")
    sync(yard, yard.later)
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("a.csv").rename(yard.path("b.csv"))
    yard.write("b.csv", b"more than it was")
    run(loop, found(yard, "a.csv", "b.csv"))
    assert {"a.csv": SYNCED, "b.csv": READY} == yard.states()


def test_an_inode_that_an_archive_gave_the_old_time_is_a_new_file(yard: Yard) -> None:
    # `rm`, then `tar -x`: the same inode, size and whole second, and other content.
    yard.write("a.csv", b"one")
    os.utime(yard.path("a.csv"), (1_000_000, 1_000_000))
    loop = yard.watcher()
    run(loop, yard.later)
    sync(yard, yard.later)
    yard.path("a.csv").rename(yard.path("b.csv"))
    yard.path("b.csv").write_bytes(b"two")
    os.utime(yard.path("b.csv"), (1_000_000, 1_000_000))
    announce(yard, "a.csv", "b.csv")
    run(loop, yard.later + 1.0)
    assert {"a.csv": SYNCED, "b.csv": READY} == yard.states()


def test_a_file_of_another_disk_is_a_new_one(yard: Yard) -> None:
    class OtherDisk:
        def __getattr__(self, name: str) -> object:
            return getattr(file_facts, name)

        def device_of(self, root: str, path: str = "") -> int | None:
            return 2 if path.startswith("mounted/") else 1

    yard.fill("a.csv")
    sync(yard, yard.later)
    loop = yard.watcher(outside={"files": OtherDisk()})
    run(loop, yard.later)
    yard.path("mounted").mkdir()
    yard.path("a.csv").rename(yard.path("mounted/a.csv"))
    announce(yard, "a.csv", "mounted/a.csv")
    run(loop, yard.later + 1.0)
    assert {"a.csv": SYNCED, "mounted/a.csv": READY} == yard.states()


def test_a_rename_during_a_stop_is_followed_by_the_next_start(yard: Yard) -> None:
    yard.fill("one/a.csv", "b.csv")
    sync(yard, yard.later)
    yard.path("one").rename(yard.path("two"))
    yard.path("b.csv").rename(yard.path("two/b.csv"))
    run(yard.watcher(), yard.later)
    assert {"two/a.csv": SYNCED, "two/b.csv": SYNCED} == yard.states()


def test_a_folder_of_thousands_is_followed_piece_by_piece(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root_watcher, "ENTRIES_PER_TICK", 7)
    yard.fill(*(f"one/{number}.csv" for number in range(40)))
    sync(yard, yard.later)
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("one").rename(yard.path("two"))
    yard.fake_events.of(1).folders.update({"one", "two"})
    run(loop, yard.later + 1.0)
    assert {f"two/{number}.csv": SYNCED for number in range(40)} == yard.states()


def test_facts_without_an_inode_prove_nothing(yard: Yard) -> None:
    (root,) = yard.watcher()._roots
    facts = FileFacts(1, 1, 0)
    assert None is root.renames.recognise("a.csv", facts, None, now=0.0)


# --- times that prove nothing

WHOLE_SECOND = (1_000_000, 1_000_000)


def sync_whole_second(yard: Yard, *paths: str, content: Callable[[str], bytes] = str.encode) -> None:
    """Send files with mtimes as an archive sets them, and store their hashes."""
    for path in paths:
        os.utime(yard.write(path, content(path)), WHOLE_SECOND)
    run(yard.watcher(), yard.later)
    claim(yard, yard.later)
    yard.outbox.settle(
        [
            Outcome(
                item_id=known.id,
                events=(Event.STORED,),
                sha256=hashlib.sha256(yard.path(path).read_bytes()).hexdigest(),
            )
            for path in paths
            if (known := yard.outbox.known_at(1, path)) is not None
        ],
        claim=1,
        now=yard.later,
    )


@either
def test_a_renamed_file_from_an_archive_is_recognised_by_its_content(yard: Yard, found: Found) -> None:
    sync_whole_second(yard, "a.csv", "one/b.csv", "empty.csv")
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("a.csv").rename(yard.path("b.csv"))
    yard.path("one").rename(yard.path("two"))
    yard.fake_events.of(1).folders.update({"one", "two"})
    run(loop, found(yard, "a.csv", "b.csv"))
    assert ({"b.csv": SYNCED, "two/b.csv": SYNCED, "empty.csv": SYNCED}, []) == (
        yard.states(),
        loop.unsettled(yard.later),
    )


@either
def test_a_reused_inode_with_equal_time_and_size_is_recognised_by_its_content(yard: Yard, found: Found) -> None:
    sync_whole_second(yard, "a.csv", content=lambda _: b"one")
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("a.csv").rename(yard.path("b.csv"))
    yard.path("b.csv").write_bytes(b"two")
    os.utime(yard.path("b.csv"), WHOLE_SECOND)
    now = found(yard, "a.csv", "b.csv")
    run(loop, now)
    run(loop, now + 5.0)
    assert {"a.csv": SYNCED, "b.csv": READY} == yard.states()
    assert "the local file is not there any more" == yard.reason("a.csv")


@either
def test_a_file_from_an_archive_that_is_renamed_while_it_is_sent_is_compared_afterwards(
    yard: Yard, found: Found
) -> None:
    os.utime(yard.write("a.csv", b"one"), WHOLE_SECOND)
    loop = yard.watcher()
    run(loop, yard.later)
    claim(yard, yard.later)
    yard.path("a.csv").rename(yard.path("b.csv"))
    now = found(yard, "a.csv", "b.csv")
    run(loop, now)
    (identity,) = yard.index.records.ids_in([State.SENDING])
    stored = Outcome(item_id=identity, events=(Event.STORED,), sha256=hashlib.sha256(b"one").hexdigest())
    yard.outbox.settle([stored], claim=1, now=now)
    run(loop, now + 6.0)
    assert {"b.csv": SYNCED} == yard.states()


def test_a_large_file_is_compared_a_bounded_piece_a_tick(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    class Counted:
        def __init__(self) -> None:
            self.asked: list[int] = []

        def __getattr__(self, name: str) -> object:
            return getattr(content, name)

        def hash_on(self, *args: Any, most_bytes: int, **more: Any) -> int | None:
            self.asked.append(most_bytes)
            return content.hash_on(*args, most_bytes=most_bytes, **more)

    counted = Counted()
    monkeypatch.setattr(content_check, "HASHED_PER_TICK", 100_000)
    sync_whole_second(yard, "a.csv", "c.csv", content=lambda path: path.encode() * 100_000)
    loop = yard.watcher(outside={"contents": counted})
    run(loop, yard.later)
    yard.path("a.csv").rename(yard.path("b.csv"))
    yard.path("c.csv").rename(yard.path("d.csv"))
    now = by_event(yard, "a.csv", "b.csv", "c.csv", "d.csv")
    ticks = 0
    while loop.tick(now) == 0.0:
        ticks += 1
        (asked, counted.asked) = (sum(counted.asked), [])
        assert asked <= 2 * 100_000
        reasons = {seen.reason for seen in loop.unsettled(now)}
        assert reasons <= {f"its content is being compared with what was sent as {name}.csv" for name in "ac"}
    assert ticks >= 10
    assert ({"b.csv": SYNCED, "d.csv": SYNCED}, []) == (yard.states(), loop.unsettled(now))


@pytest.mark.parametrize("is_noted", [False, True], ids=["seen at once", "missed before"])
def test_a_file_that_may_be_a_renamed_one_is_not_gone_while_it_is_compared(yard: Yard, is_noted: bool) -> None:
    class Slow:
        def __getattr__(self, name: str) -> object:
            return getattr(content, name)

        def hash_on(self, *args: Any, **more: Any) -> int | None:
            raise UnreachableError("no file can be read")

    sync_whole_second(yard, "a.csv")
    loop = yard.watcher(outside={"contents": Slow()})
    run(loop, yard.later)
    yard.path("a.csv").rename(yard.path("b.csv"))
    if is_noted:
        run(loop, by_event(yard, "a.csv"))
        assert "the local file is not there any more" == yard.reason("a.csv")
    for scan in range(1, 4):
        run(loop, yard.later + 60.0 * scan)
        known = yard.outbox.known_at(1, "a.csv")
        assert known is not None
        assert (SYNCED, False) == (known.state, known.is_absent)


def test_what_is_compared_waits_where_no_file_can_be_opened(yard: Yard) -> None:
    class Exhausted:
        hash_on = staticmethod(failing(2, UnreachableError("no file can be read"), content.hash_on))

        def __getattr__(self, name: str) -> object:
            return getattr(content, name)

    sync_whole_second(yard, "a.csv")
    loop = yard.watcher(outside={"contents": Exhausted()})
    run(loop, yard.later)
    yard.path("a.csv").rename(yard.path("b.csv"))
    now = by_event(yard, "a.csv", "b.csv")
    assert 1.0 == run(loop, now)
    assert ["b.csv"] == [seen.path for seen in loop.unsettled(now)]
    run(loop, now + 1.0)
    run(loop, now + 2.0)
    assert {"b.csv": SYNCED} == yard.states()


def test_a_file_that_disappears_during_its_comparison_leaves_nothing_behind(yard: Yard) -> None:
    sync_whole_second(yard, "a.csv")
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("a.csv").rename(yard.path("b.csv"))
    now = by_event(yard, "a.csv", "b.csv")
    loop.tick(now)
    yard.path("b.csv").unlink()
    run(loop, now)
    assert ({"a.csv": SYNCED}, []) == (yard.states(), loop.unsettled(now))
    assert "the local file is not there any more" == yard.reason("a.csv")


# --- renamed all the time


class Flapping:
    """A file that is renamed so fast that it is found under any of its names."""

    def __init__(self, yard: Yard, *names: str) -> None:
        self.is_at_rest = False
        self._places = [yard.path(name) for name in names]

    def __getattr__(self, name: str) -> object:
        return getattr(file_facts, name)

    def facts_at(self, root: str, path: str) -> FileFacts | None:
        wanted = os.path.join(root, path)
        for place in self._places:
            if not self.is_at_rest and place.exists() and place.parent / path in self._places:
                place.rename(wanted)
        return file_facts.facts_at(root, path)


@pytest.mark.parametrize("has_gone", [False, True], ids=["known", "gone"])
def test_a_file_that_is_renamed_all_the_time_stays_one_file(yard: Yard, has_gone: bool) -> None:
    yard.fill("a.csv")
    if has_gone:  # a check missed it
        yard.outbox.mark_gone(yard.index.records.ids_in([READY]), now=yard.later)
    flapping = Flapping(yard, "a.csv", "b.csv")
    loop = yard.watcher(outside={"files": flapping}, policy=CompletenessPolicy(settle_s=0.0))
    run(loop, yard.later)
    for _ in range(5):
        announce(yard, "a.csv", "b.csv")
        now = yard.touched_at("a.csv") if yard.path("a.csv").exists() else yard.touched_at("b.csv")
        run(loop, now + 0.1)
    flapping.is_at_rest = True
    (there,) = (name for name in ("a.csv", "b.csv") if yard.path(name).exists())
    now = yard.touched_at(there)
    run(loop, now + 2.0)
    run(loop, now + 6.0)
    assert ({there: READY}, []) == (yard.states(), loop.unsettled(now))
