"""A file under another name is the same file; two names at once are two files."""

import os
from collections.abc import Callable

import pytest

from eisync.core.items import FileFacts
from eisync.core.lifecycle import Event, State
from eisync.loops import watcher as module

from .test_watcher import claim, settle, sync
from .yard import Yard, run

READY, GONE, SYNCED = State.READY, State.GONE, State.SYNCED


def announce(yard: Yard, *paths: str) -> None:
    yard.ear.of(1).files.update(paths)


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
def test_a_folder_that_is_renamed_takes_its_files_along(yard: Yard, found: Found) -> None:
    yard.fill("one/a.csv", "one/deep/b.csv")
    sync(yard, yard.later)
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("one").rename(yard.path("two"))
    yard.ear.of(1).folders.update({"one", "two"})
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
    assert ({"a.csv": State.SENDING}, []) == (yard.states(), loop.unsettled(now))
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
            return getattr(module_files, name)

        def device_of(self, root: str, path: str = "") -> int | None:
            return 2 if path.startswith("mounted/") else 1

    from eisync.adapters import files as module_files

    yard.fill("a.csv")
    sync(yard, yard.later)
    loop = yard.watcher(files=OtherDisk())
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
    monkeypatch.setattr(module, "FILES_A_TICK", 7)
    yard.fill(*(f"one/{number}.csv" for number in range(40)))
    sync(yard, yard.later)
    loop = yard.watcher()
    run(loop, yard.later)
    yard.path("one").rename(yard.path("two"))
    yard.ear.of(1).folders.update({"one", "two"})
    run(loop, yard.later + 1.0)
    assert {f"two/{number}.csv": SYNCED for number in range(40)} == yard.states()


def test_facts_without_an_inode_prove_nothing(yard: Yard) -> None:
    (root,) = yard.watcher()._roots
    facts = FileFacts(1, 1, 0)
    assert None is root.recogniser.recognise("a.csv", facts, None, now=0.0)
