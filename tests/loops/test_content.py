"""A version is its content: a touched file is not sent, a rewritten one is, and deleted content stays deleted."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.files import content, file_facts, removal
from eisync.core.actions import Action, ActionKind, Cause
from eisync.core.completeness import CompletenessPolicy
from eisync.core.lifecycle import State
from eisync.core.model import FileFacts
from eisync.core.mounts import FileSystem
from eisync.core.policy import OnChange
from eisync.core.retention import removal_of
from eisync.errors import FileChangedError
from eisync.loops.watcher import content_check
from eisync.store.actions import ActionStore
from eisync.store.retention import Removals

from .circuit import Circuit
from .yard import Mounts, run

SYNCED, TOMBSTONE, QUARANTINED = State.SYNCED, State.TOMBSTONE, State.QUARANTINED
A, B, C = "day/a.csv", "day/b.csv", "c.csv"


@pytest.fixture
def circuit(tmp_path: Path) -> Iterator[Circuit]:
    """Three sent files; a person deleted the sample of the second one."""
    circuit = Circuit(tmp_path)
    circuit.write(A, B, C)
    circuit.settle()
    circuit.delete_sample(B)
    circuit.go_on()
    assert {A: SYNCED, B: TOMBSTONE, C: SYNCED} == circuit.states()
    circuit.cloud.attempts.clear()
    yield circuit
    circuit.close()


def each(circuit: Circuit, action: Callable[[Path], object]) -> None:
    for path in (A, B, C):
        action(circuit.yard.path(path))


def facts_of(circuit: Circuit, path: str) -> FileFacts | None:
    return file_facts.facts_at(circuit.yard.root.path, path)


def restored(circuit: Circuit) -> None:
    for path in (A, B, C):
        circuit.restore(path)


def restored_over(circuit: Circuit) -> None:
    """Restore by writing into the existing files: for a moment they are shorter."""
    begin_to_write(circuit, A, B, C)
    circuit.write(A, B, C)


def begin_to_write(circuit: Circuit, *paths: str) -> None:
    """Scan while files are shorter than before and not complete yet."""
    for path in paths:
        circuit.yard.path(path).write_bytes(circuit.yard.path(path).read_bytes()[:7])
    run(circuit.yard.watcher(policy=CompletenessPolicy(settle_s=1e9)), circuit.now)
    assert {State.SETTLING} == {circuit.states()[path] for path in paths}


def snapshot(circuit: Circuit) -> None:
    """Make hard links as `cp -al` does, to a place outside the folder."""
    outside = circuit.yard.place / "snapshot"
    outside.mkdir()
    each(circuit, lambda place: os.link(place, outside / place.name))


def renamed_and_back(circuit: Circuit) -> None:
    for path in (A, B, C):
        place = circuit.yard.path(path)
        place.rename(place.with_suffix(".tmp"))
        place.with_suffix(".tmp").rename(place)


MOVES: dict[str, Callable[[Circuit], object]] = {
    "touched": lambda circuit: each(circuit, os.utime),
    "touched to a time of whole seconds": lambda circuit: each(circuit, lambda place: os.utime(place, (1, 1))),
    "given other rights": lambda circuit: each(circuit, lambda place: place.chmod(0o640)),
    "linked": snapshot,
    "renamed and back": renamed_and_back,
    "restored": restored,
    "restored over": restored_over,
    "rewritten with the same bytes": lambda circuit: circuit.write(A, B, C),
    "remounted": lambda circuit: circuit.number_inodes_anew(),
}


@pytest.mark.parametrize("on_change", list(OnChange))
@pytest.mark.parametrize("move", MOVES)
def test_a_touched_file_with_the_same_content_is_not_sent(circuit: Circuit, move: str, on_change: OnChange) -> None:
    circuit.watched = {"on_change": on_change}
    before = {path: circuit.yard.record(path)["sample_ids"] for path in (A, B, C)}
    MOVES[move](circuit)
    circuit.settle()
    assert {A: SYNCED, B: TOMBSTONE, C: SYNCED} == circuit.states()
    assert before == {path: circuit.yard.record(path)["sample_ids"] for path in (A, B, C)}
    assert [] == circuit.sent()
    # The new facts were stored: the next start has nothing to compare.
    circuit.start()
    run(circuit.watcher, circuit.now)
    assert 0 == circuit.watcher.comparing()


@pytest.mark.parametrize("path", [A, B])
def test_a_file_rewritten_with_the_same_size_and_mtime_is_sent(circuit: Circuit, path: str) -> None:
    size = circuit.yard.path(path).stat().st_size
    circuit.rewrite(path, b"n" * size)
    circuit.settle()
    assert SYNCED is circuit.states()[path]
    assert b"n" * size in circuit.cloud.contents.values()
    assert [os.path.basename(path)] == circuit.sent()


def test_a_replacement_with_the_same_size_mtime_and_inode_is_sent(circuit: Circuit) -> None:
    place = circuit.yard.path(A)
    os.utime(place, (1_000_000_000, 1_000_000_000))
    circuit.settle()
    size = place.stat().st_size
    place.unlink()
    place.write_bytes(b"n" * size)  # most file systems reuse the inode
    os.utime(place, (1_000_000_000, 1_000_000_000))
    circuit.settle()
    assert ["a.csv"] == circuit.sent()


def rename_where_inodes_are_made_up(circuit: Circuit) -> None:
    circuit.number_inodes_anew()
    circuit.yard.path(B).rename(circuit.yard.write("copy/x").with_name("b.csv"))


COPIES: dict[str, Callable[[Circuit], object]] = {
    "copied with its time": lambda circuit: circuit.restore(B, "copy/b.csv"),
    "copied without": lambda circuit: circuit.yard.write("copy/b.csv", circuit.yard.path(B).read_bytes()),
    "renamed where inodes are made up": rename_where_inodes_are_made_up,
    "linked": lambda circuit: os.link(circuit.yard.path(B), circuit.yard.write("copy/x").with_name("b.csv")),
}


@pytest.mark.parametrize("has_duplicates", [False, True])
@pytest.mark.parametrize("copy", COPIES)
def test_a_deleted_content_is_not_sent_under_another_name(circuit: Circuit, copy: str, has_duplicates: bool) -> None:
    circuit.allows_duplicates = has_duplicates
    COPIES[copy](circuit)
    circuit.settle()
    record = circuit.yard.record("copy/b.csv")
    assert TOMBSTONE is circuit.states()["copy/b.csv"]
    assert "deleted in the project (sample " in record["reason"]
    assert "'eisync retry'" in record["reason"]
    assert "b.csv" not in circuit.sent()


@pytest.mark.parametrize("has_duplicates", [False, True])
def test_a_folder_with_another_path_in_the_configuration_sends_nothing(circuit: Circuit, has_duplicates: bool) -> None:
    circuit.allows_duplicates = has_duplicates
    Path(circuit.yard.root.path).rename(circuit.yard.place / "moved")
    moved = circuit.yard.add_root("moved")
    circuit.roots = [moved]
    circuit.settle()
    states = {path.removeprefix("moved/"): state for path, state in circuit.states().items() if path[:5] == "moved"}
    assert {A: SYNCED, B: TOMBSTONE, C: SYNCED} == states
    assert [] == circuit.sent()
    assert circuit.yard.record(A)["sample_ids"] == circuit.yard.record(f"moved/{A}")["sample_ids"]
    assert "sent as" in circuit.yard.reason(f"moved/{A}")


def test_a_link_to_the_folder_in_the_configuration_sends_nothing(circuit: Circuit) -> None:
    (circuit.yard.place / "link").symlink_to(circuit.yard.root.path)
    circuit.roots = [circuit.yard.add_root("link/.")]
    circuit.settle()
    assert [] == circuit.sent()


def test_another_target_of_the_same_project_knows_what_was_deleted(circuit: Circuit) -> None:
    circuit.yard.index.register(["other"])
    [root] = circuit.yard.outbox.register([(circuit.yard.root.path, "other")])
    for target in ("main", "other"):
        circuit.yard.index.identify(target, circuit.cloud.project)
    circuit.restore(B, "copy/b.csv")
    run(circuit.yard.watcher(circuit.yard.watched(root)), circuit.now)
    items = circuit.yard.outbox.claim("other", [root.id], limit=9, claim=1, now=circuit.now)
    assert ["copy/b.csv"] == [item.path for item in items]
    assert {items[0].id} == circuit.yard.outbox.may_be_known("other", items, [root.id])


def test_deleted_content_is_sent_to_another_project(circuit: Circuit) -> None:
    circuit.yard.index.register(["other"])
    circuit.yard.index.identify("main", 7)
    circuit.yard.index.identify("other", 8)
    other = circuit.yard.add_root("other", target="other")
    circuit.yard.write("b.csv", circuit.yard.path(B).read_bytes(), root=other)
    run(circuit.yard.watcher(circuit.yard.watched(other)), circuit.now)
    items = circuit.yard.outbox.claim("other", [other.id], limit=9, claim=1, now=circuit.now)
    assert 1 == len(items)
    assert set() == circuit.yard.outbox.may_be_known("other", items, [other.id])


def test_a_deleted_content_that_is_restored_over_a_rewritten_file_is_not_sent(circuit: Circuit) -> None:
    old = circuit.yard.path(B).read_bytes()
    circuit.yard.path(B).write_bytes(b"another recording")
    circuit.settle()
    assert (SYNCED, ["b.csv"]) == (circuit.states()[B], circuit.sent())
    circuit.yard.path(B).write_bytes(old)
    circuit.settle()
    assert (TOMBSTONE, ["b.csv"]) == (circuit.states()[B], circuit.sent())


def replaced(circuit: Circuit) -> bytes:
    """Send a second version of a file, so that only the project has the content of the first."""
    old = circuit.yard.path(A).read_bytes()
    circuit.yard.path(A).write_bytes(b"another recording")
    circuit.settle()
    assert (SYNCED, ["a.csv"]) == (circuit.states()[A], circuit.sent())
    circuit.cloud.attempts.clear()
    return old


def test_an_earlier_version_that_a_person_deleted_is_not_sent_when_it_is_restored(circuit: Circuit) -> None:
    [first] = circuit.yard.record(A)["sample_ids"]
    old = replaced(circuit)
    circuit.sweep()  # it is listed, and then it is not
    circuit.cloud.samples.pop(first)
    circuit.sweep()
    circuit.yard.path(A).write_bytes(old)
    circuit.settle()
    assert (TOMBSTONE, []) == (circuit.states()[A], circuit.sent())
    assert f"(sample {first})" in circuit.yard.reason(A)


def test_an_earlier_version_whose_sample_is_listed_again_is_synced(circuit: Circuit) -> None:
    [first] = circuit.yard.record(A)["sample_ids"]
    old = replaced(circuit)
    sample = circuit.cloud.samples.pop(first)
    circuit.sweep()
    circuit.cloud.samples[first] = sample
    circuit.sweep()
    circuit.yard.path(A).write_bytes(old)
    circuit.settle()
    assert (SYNCED, [first]) == (circuit.states()[A], circuit.yard.record(A)["sample_ids"])


def test_an_earlier_version_that_eisync_replaced_is_sent_again(circuit: Circuit) -> None:
    [first] = circuit.yard.record(A)["sample_ids"]
    old = replaced(circuit)
    actions = ActionStore(circuit.yard.database)
    [file_id] = circuit.yard.index.records.ids_of(str(circuit.yard.path(A)))
    action = Action(
        kind=ActionKind.DELETE_SAMPLE,
        cause=Cause.LOCAL_CHANGE,
        file_id=file_id,
        root=circuit.yard.root.path,
        path=A,
        reason="a new version of its file replaced it",
        since_at=circuit.now,
        sample_id=first,
    )
    actions.allow("main", [action], now=circuit.now)
    [written] = actions.to_do("main", is_retention=False, limit=9)
    actions.begin(written.id)
    circuit.cloud.samples.pop(first)
    circuit.sweep()
    circuit.yard.path(A).write_bytes(old)
    circuit.settle()
    assert (SYNCED, ["a.csv"]) == (circuit.states()[A], circuit.sent())


def test_a_sample_that_is_deleted_while_its_file_is_being_written_stays_deleted(circuit: Circuit) -> None:
    content = circuit.yard.path(A).read_bytes()
    begin_to_write(circuit, A)
    circuit.delete_sample(A)
    circuit.yard.path(A).write_bytes(content)
    circuit.settle()
    assert (TOMBSTONE, []) == (circuit.states()[A], circuit.sent())


@pytest.mark.parametrize("path", [B, "copy/b.csv"])
def test_a_person_who_retries_sends_it_again(circuit: Circuit, path: str) -> None:
    circuit.restore(B, "copy/b.csv")
    circuit.settle()
    assert {TOMBSTONE} == {circuit.states()[B], circuit.states()["copy/b.csv"]}
    assert 1 == circuit.yard.outbox.retry(
        circuit.yard.index.records.ids_of(str(circuit.yard.path(path))), now=circuit.now
    )
    circuit.settle()
    assert (SYNCED, ["b.csv"]) == (circuit.states()[path], circuit.sent())


def test_a_file_that_a_person_adds_after_the_deletion_is_not_removed(circuit: Circuit) -> None:
    circuit.restore(B, "copy/b.csv")
    circuit.settle()
    with circuit.yard.database.reading() as connection:
        marks = connection.execute("select removal from file where state = 'tombstone' order by id").fetchall()
    assert [None, "kept"] == [row["removal"] for row in marks]


def test_an_unreadable_file_keeps_its_state_until_it_can_be_read(
    circuit: Circuit, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Blind:
        def __getattr__(self, name: str) -> object:
            return getattr(content, name)

        def hash_on(self, *_: object, **__: object) -> None:
            return None

    os.utime(circuit.yard.path(A))
    watcher = circuit.yard.watcher(outside={"contents": Blind()})
    run(watcher, circuit.now)
    assert (SYNCED, 0) == (circuit.states()[A], watcher.comparing())
    assert ["file.unverified"] == [name for name in circuit.yard.log.events() if name == "file.unverified"]
    circuit.settle()
    assert (SYNCED, []) == (circuit.states()[A], circuit.sent())


def test_many_files_in_doubt_are_compared_piece_by_piece(circuit: Circuit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_check, "MAX_WAITING", 2)
    paths = [f"many/{number}.csv" for number in range(9)]
    circuit.write(*paths)
    circuit.settle()
    circuit.cloud.attempts.clear()
    for path in paths:
        os.utime(circuit.yard.path(path))
    circuit.rewrite(paths[-1], b"n" * circuit.yard.path(paths[-1]).stat().st_size)
    circuit.settle()
    assert ["8.csv"] == circuit.sent()
    known = {path: circuit.yard.outbox.known_at(circuit.yard.root.id, path) for path in paths}
    assert known.keys() == {path for path, one in known.items() if one and one.facts == facts_of(circuit, path)}


def test_new_files_do_not_wait_for_files_in_doubt(circuit: Circuit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_check, "BYTES_PER_TICK", 1)  # a file takes a tick for each of its bytes
    for path in (A, C):
        os.utime(circuit.yard.path(path))
    circuit.write("new.csv")
    watcher = circuit.yard.watcher()
    for _ in range(3):
        watcher.tick(circuit.now + 1000.0)
    assert (State.READY, 2) == (circuit.states()["new.csv"], watcher.comparing())


def test_unstable_inodes_of_a_folder_are_detected(circuit: Circuit) -> None:
    paths = [f"many/{number}.csv" for number in range(20)]
    circuit.write(*paths)
    circuit.settle()
    circuit.number_inodes_anew()
    assert circuit.yard.places.has_stable_inodes(circuit.yard.root.id)
    circuit.settle()
    assert not circuit.yard.places.has_stable_inodes(circuit.yard.root.id)
    # From now on no content is compared after a remount.
    circuit.number_inodes_anew()
    circuit.start()
    run(circuit.watcher, circuit.now)
    assert 0 == circuit.watcher.comparing()
    assert all(SYNCED is circuit.states()[path] for path in paths)
    # A rewritten file is still found.
    circuit.rewrite(paths[3], b"n" * circuit.yard.path(paths[3]).stat().st_size)
    circuit.cloud.attempts.clear()
    circuit.settle()
    assert ["3.csv"] == circuit.sent()


def test_a_restore_does_not_count_as_unstable_inodes(circuit: Circuit) -> None:
    paths = [f"many/{number}.csv" for number in range(20)]
    circuit.write(*paths)
    circuit.settle()
    for path in paths:
        circuit.restore(path)
    circuit.settle()
    assert circuit.yard.places.has_stable_inodes(circuit.yard.root.id)


def test_with_weak_facts_an_event_puts_the_content_in_doubt(circuit: Circuit) -> None:
    circuit.outside = {"mounts": Mounts(lambda _: FileSystem(has_weak_facts=True))}
    circuit.settle()
    circuit.rewrite(A, b"n" * circuit.yard.path(A).stat().st_size)
    facts = circuit.yard.path(A).stat()
    with circuit.yard.database.transaction() as connection:  # its ctime does not change
        connection.execute("update file set ctime_ns = ? where name = cast('a.csv' as blob)", (facts.st_ctime_ns,))
    circuit.go_on()
    assert [] == circuit.sent()
    circuit.yard.fake_events.of(circuit.yard.root.id).files.add(A)
    circuit.go_on()
    assert ["a.csv"] == circuit.sent()


def test_a_made_up_ctime_delays_no_file(circuit: Circuit) -> None:
    """Also a file that grows during the comparison."""

    class MadeUp:
        """Every stat of a file returns another ctime."""

        def __init__(self) -> None:
            self.number = 10**18

        def __getattr__(self, name: str) -> Any:
            return getattr(file_facts, name)

        def facts_at(self, root: str, path: str) -> FileFacts | None:
            found = file_facts.facts_at(root, path)
            self.number += 1
            return found and replace(found, ctime_ns=self.number)

    circuit.write("new.csv")
    policy = CompletenessPolicy(settle_s=100.0)
    loop = circuit.yard.watcher(
        policy=policy,
        scan_interval_s=1e9,
        outside={"files": MadeUp(), "mounts": Mounts(lambda _: FileSystem(has_weak_facts=True))},
    )
    now = circuit.yard.touched_at("new.csv")
    run(loop, now)
    circuit.yard.write("new.csv", b"longer " * 99)
    for _ in range(40):
        now += 20.0
        run(loop, now)
    assert State.READY is circuit.states()["new.csv"]
    known = circuit.yard.outbox.known_at(circuit.yard.root.id, "new.csv")
    assert known is not None
    assert 0 == known.facts.ctime_ns


def test_rows_of_an_earlier_version_learn_their_ctime_and_nothing_is_sent(circuit: Circuit) -> None:
    with circuit.yard.database.transaction() as connection:
        connection.execute("update file set ctime_ns = 0")
    circuit.start()
    run(circuit.watcher, circuit.now)
    with circuit.yard.database.reading() as connection:
        assert [] == connection.execute("select id from file where ctime_ns = 0").fetchall()
    assert (0, []) == (circuit.watcher.comparing(), circuit.sent())


def test_a_file_that_is_deleted_and_put_back_is_not_sent(circuit: Circuit) -> None:
    for path in (A, B):
        shutil.copy2(circuit.yard.path(path), circuit.yard.place / os.path.basename(path))
        circuit.yard.path(path).unlink()
    circuit.settle()
    for path in (A, B):
        shutil.copy2(circuit.yard.place / os.path.basename(path), circuit.yard.path(path))
    circuit.settle()
    assert {A: SYNCED, B: TOMBSTONE, C: SYNCED} == circuit.states()
    assert [] == circuit.sent()
    with circuit.yard.database.reading() as connection:
        assert [] == connection.execute("select id from file where absent_at is not null").fetchall()


# --- findings of the retention


def test_a_file_that_the_retention_finds_changed_is_sent_as_a_new_version(circuit: Circuit) -> None:
    circuit.rewrite(A, b"n" * circuit.yard.path(A).stat().st_size)
    facts = circuit.yard.path(A).stat()
    with circuit.yard.database.transaction() as connection:  # its facts do not show it
        connection.execute("update file set ctime_ns = ? where name = cast('a.csv' as blob)", (facts.st_ctime_ns,))
    circuit.settle()
    assert (SYNCED, []) == (circuit.states()[A], circuit.sent())
    removals = Removals(circuit.yard.database)
    [file] = [one for one in removals.page(circuit.yard.root.id, limit=9) if one.path == A]
    action = Action(
        kind=ActionKind.DELETE_FILE,
        cause=Cause.RETENTION,
        file_id=file.id,
        root=file.root,
        path=file.path,
        reason="it is at the service",
        since_at=file.since_at,
    )
    written = removals.begin(file, action, now=circuit.now)
    assert written is not None
    with pytest.raises(FileChangedError):
        removal.delete(removal_of(written, file))
    removals.release(written)
    removals.doubt(file.id)
    circuit.go_on()
    assert (SYNCED, ["a.csv"]) == (circuit.states()[A], circuit.sent())
    assert facts.st_size == circuit.yard.path(A).stat().st_size


def test_what_retention_put_back_is_not_sent_again(circuit: Circuit) -> None:
    """eisync's own rename changes ctime; the content is what was sent."""
    removals = Removals(circuit.yard.database)
    removals.doubt(circuit.yard.index.records.ids_of(str(circuit.yard.path(A)))[0])
    renamed_and_back(circuit)
    circuit.settle()
    assert (SYNCED, []) == (circuit.states()[A], circuit.sent())
