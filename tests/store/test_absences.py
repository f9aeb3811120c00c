"""The evidence about absent files that the index has; no query for it reads a whole table."""

import pytest

from eisync.core.absence import Away, MountedDisk
from eisync.core.lifecycle import Event, State
from eisync.store import action_effects, disks, guard_facts, sample_links
from eisync.store.disks import Disks
from eisync.store.guard_facts import Absences

from .shelf import NOW, Shelf, remote


def test_the_same_content_under_another_name_is_found(shelf: Shelf) -> None:
    records = Absences(shelf.database)
    sha256 = "ab" * 32
    first = shelf.sync("a.csv", 1, sha256=sha256)
    assert set() == records.same_content("main", {first: sha256})
    second = shelf.sync("b.csv", 2, version=2, sha256=sha256)
    almost = shelf.sync("c.csv", 3, version=3, sha256="ab" * 31 + "ff")
    assert {first, second} == records.same_content("main", {first: sha256, second: sha256, almost: "ab" * 31 + "ff"})
    shelf.outbox.mark_gone([second], now=NOW)
    assert {second} == records.same_content("main", {first: sha256, second: sha256})
    assert set() == records.same_content("other", {second: sha256})


def test_what_was_not_sent_is_found_by_its_size(shelf: Shelf) -> None:
    records = Absences(shelf.database)
    shelf.sync("sent.csv", 1, version=5)
    ready = shelf.enqueue("ready.csv", 5)
    shelf.enqueue("smaller.csv", 4)
    found = records.unsent("main", {15})
    assert [(ready, State.READY)] == [(one.item.id, one.state) for one in found or ()]
    item = next(item for item in shelf.claim() if item.id == ready)
    shelf.settle(ready, Event.REFUSE, reason="no")
    assert [(item.path, State.QUARANTINED)] == [
        (one.item.path, one.state) for one in records.unsent("main", {15}) or ()
    ]
    assert [] == records.unsent("other", {15})


def test_too_many_unsent_files_give_none(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_facts, "MOST_UNSENT", 2)
    for number in range(2):
        shelf.enqueue(f"{number}.csv", 5)
    assert Absences(shelf.database).unsent("main", {15}) is None


def test_all_folders_must_have_been_scanned(shelf: Shelf) -> None:
    records = Absences(shelf.database)
    [other] = shelf.outbox.register([("/other", "main")])
    roots = [shelf.root.id, other.id]
    assert records.scanned_at(roots) is None
    shelf.index.note_scan(shelf.root.id, {}, began_at=10.0, now=20.0)
    assert records.scanned_at(roots) is None
    shelf.index.note_scan(other.id, {}, began_at=5.0, now=20.0)
    assert 5.0 == records.scanned_at(roots)
    shelf.index.note_offline(other.id, "away")
    assert 10.0 == records.scanned_at(roots)
    assert records.scanned_at([]) is None


def test_a_file_that_is_tied_to_segments_is_synced_by_these(shelf: Shelf) -> None:
    records = Absences(shelf.database)
    identity = shelf.sync("a.csv", 1)
    shelf.sweep(1)
    assert shelf.index.make_tombstones("main", 1, now=NOW) == [identity]
    assert records.tie(identity, [8, 9], now=NOW)
    assert (State.SYNCED, [1, 8, 9]) == (shelf.state("a.csv"), shelf.record("a.csv")["sample_ids"])
    assert {7} == records.free("main", [1, 7])
    assert {8, 9} == records.free("main", [8, 9])


def test_only_synced_files_and_tombstones_are_linked_to_segments(shelf: Shelf) -> None:
    records = Absences(shelf.database)
    identity = shelf.enqueue("a.csv")
    assert not records.tie(identity, [8], now=NOW)
    assert not records.tie(99, [8], now=NOW)
    assert records.origin(99) is None


def test_a_segment_that_is_known_when_its_recording_is_deleted_keeps_the_file(shelf: Shelf) -> None:
    shelf.sync("a.csv", 1)
    progress = shelf.begin_sweep(now=NOW + 100)
    cut = remote(8, filename="x", original_name="a.csv", is_cropped=True)
    shelf.list_page(progress, cut, remote(1), now=NOW + 100)
    shelf.finish_sweep(progress, now=NOW + 100)
    assert [] == shelf.index.make_tombstones("main", 1, now=NOW + 200)
    assert State.SYNCED is shelf.state("a.csv")


def test_disks_and_what_is_away_are_remembered(shelf: Shelf) -> None:
    records = Disks(shelf.database)
    disk = MountedDisk("a/\udcff", "42", (1, 2), since_id=3)
    records.note(shelf.root.id, disk)
    records.note(shelf.root.id, MountedDisk("", "/", (5, 6)))
    assert [MountedDisk("", "/", (5, 6)), disk] == records.known(shelf.root.id)
    records.miss(shelf.root.id, disk.folder, disk, from_id=3, upto_id=7, now=NOW)
    records.miss(shelf.root.id, "b", None, from_id=0, upto_id=7, now=NOW)
    shelf.reopen()
    records = Disks(shelf.database)
    assert [Away(1, disk.folder, disk, 3, 7, NOW), Away(2, "b", None, 0, 7, NOW)] == records.aways(shelf.root.id)
    records.found(1)
    records.forget(shelf.root.id, disk.folder)
    assert ([2], [""]) == (
        [away.id for away in records.aways(shelf.root.id)],
        [one.folder for one in records.known(shelf.root.id)],
    )
    [root] = shelf.index.roots()
    assert "another disk is mounted over /data/b" in root.away[0]


def test_what_should_be_below_a_folder_is_not_what_is_beside_it(shelf: Shelf) -> None:
    ids = {path: shelf.enqueue(path) for path in ("a/1.csv", "a/b/2.csv", "a-b/3.csv", "a.csv", "0.csv")}
    records = Disks(shelf.database)
    assert {"a/1.csv", "a/b/2.csv"} == set(records.expected(shelf.root.id, "a", limit=10))
    assert {"a.csv"} == set(records.expected(shelf.root.id, "a.csv", limit=10))
    assert set(ids) == set(records.expected(shelf.root.id, "", limit=10))
    assert {"a/b/2.csv"} == set(records.expected(shelf.root.id, "a", from_id=ids["a/1.csv"], limit=10))
    assert {"a/1.csv"} == set(records.expected(shelf.root.id, "a", besides=[ids["a/b/2.csv"]], limit=10))
    assert {} == records.expected(shelf.root.id, "a", before=NOW, limit=10)


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (guard_facts._SAME_CONTENT, "INDEX file_by_content"),
        (guard_facts._READY, "INDEX file_by_size"),
        (guard_facts._OTHERS, "INDEX file_by_state"),
        (sample_links._NAMED, "INDEX sample_by_name (target=? AND filename>? AND filename<?)"),
        (sample_links._CROPPED, "INDEX sample_cropped (target=? AND original_name=?)"),
        (sample_links._TOMBSTONES_OF, "INDEX sample_by_name (target=? AND filename=?)"),
        (action_effects._SAMPLES, "INDEX file_sample_by_sample"),
        (
            disks._EXPECTED.format(direction="asc"),
            "INDEX sqlite_autoindex_file_1 (root_id=? AND folder>? AND folder<?)",
        ),
        (disks._IT, "INDEX sqlite_autoindex_file_1 (root_id=? AND folder=? AND name=?)"),
    ],
)
def test_no_question_about_evidence_goes_through_all_rows(shelf: Shelf, statement: str, index: str) -> None:
    names = ("root_id", "folder", "first", "end", "above", "name", "from_id", "upto_id", "before", "limit", "target")
    more = ("low", "high", "sent", "filename", "id", "file_id")
    lists = dict.fromkeys(("besides", "asked", "sizes"), "[]")
    plan = shelf.plan(statement, **dict.fromkeys((*names, *more)), **lists)
    assert index in plan
    assert "SCAN file" not in plan
    assert "SCAN sample" not in plan
