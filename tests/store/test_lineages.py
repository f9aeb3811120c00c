"""The stored lineage of a folder, and the files that went while the cause was not known."""

import pytest

from eisync.core.lifecycle import Event
from eisync.core.lineage import Own
from eisync.core.policy import Trigger
from eisync.store.actions import ActionStore
from eisync.store.continuity import Lineages
from eisync.store.retention import Removals

from .shelf import NOW, Shelf

LATER = NOW + 500.0
DOUBTED = Own(epoch="e", counter=3, taken=2, doubt="why", serial=4, is_unscanned=True, is_unlisted=True)


@pytest.fixture
def lineages(shelf: Shelf) -> Lineages:
    return Lineages(shelf.database)


def planned(shelf: Shelf) -> list[str]:
    sides = ActionStore(shelf.database).sides("main", Trigger.ABSENT, [shelf.root.id], after_id=0, limit=10)
    return [side.path for side in sides]


def test_what_is_saved_is_remembered_by_the_next_process(shelf: Shelf, lineages: Lineages) -> None:
    assert None is lineages.own(shelf.root.id)
    own = Own(epoch="e", counter=3, taken=2, others={"other": 7})
    lineages.save(shelf.root.id, own, survives_power_cut=True)
    assert own == lineages.own(shelf.root.id)
    lineages.doubt(shelf.root.id, DOUBTED)
    shelf.reopen()
    assert DOUBTED == Lineages(shelf.database).own(shelf.root.id)


def test_only_uploaded_missing_files_that_eisync_did_not_remove_are_marked(shelf: Shelf, lineages: Lineages) -> None:
    ids = {path: shelf.sync(path, number) for number, path in enumerate(("there.csv", "went.csv", "ours.csv"), start=1)}
    shelf.enqueue("waits.csv")
    with shelf.database.transaction() as connection:
        connection.execute("update file set removal = 'deleted' where id = ?", (ids["ours.csv"],))
    shelf.outbox.mark_gone([ids["went.csv"], ids["ours.csv"]], now=LATER)
    assert ["went.csv"] == planned(shelf)
    assert 1 == lineages.note_scanned(shelf.root.id, DOUBTED, "nobody knows", now=LATER)
    assert [] == planned(shelf)
    assert 0 == lineages.note_scanned(shelf.root.id, DOUBTED, "nobody knows", now=LATER)
    assert "nobody knows" == next(one["reason"] for one in shelf.index.records.files() if one["path"] == "went.csv")
    assert "unseen" == shelf.index.records.history(ids["went.csv"])[0]["event"]
    # When it is back it is as it was, and a person may delete it.
    shelf.outbox.mark_back([ids["went.csv"]], now=LATER)
    shelf.outbox.mark_gone([ids["went.csv"]], now=LATER)
    assert ["went.csv"] == planned(shelf)


def test_a_doubt_asks_for_a_listing_from_its_beginning(shelf: Shelf, lineages: Lineages) -> None:
    shelf.begin_sweep(now=NOW)
    assert {} == lineages.unlisted("main")
    lineages.doubt(shelf.root.id, Own(epoch="e", doubt="why", serial=1, is_unscanned=True))
    assert ({}, True) == (lineages.unlisted("main"), shelf.mirrored.sweep_under_way("main") is not None)
    lineages.doubt(shelf.root.id, DOUBTED)
    assert ({shelf.root.id: 4}, None) == (lineages.unlisted("main"), shelf.mirrored.sweep_under_way("main"))
    assert {} == lineages.unlisted("another")


def test_a_folder_holds_files_when_something_is_believed_of_one(shelf: Shelf, lineages: Lineages) -> None:
    assert not lineages.holds_files(shelf.root.id)
    shelf.enqueue("waits.csv")
    assert not lineages.holds_files(shelf.root.id)
    shelf.settle(shelf.claim()[0].id, Event.STORED, reason="stored", sha256="a")
    assert lineages.holds_files(shelf.root.id)


def test_archives_are_remembered_by_their_markers(shelf: Shelf) -> None:
    removals = Removals(shelf.database)
    assert None is removals.marker("/mnt/usb")
    removals.remember_marker("/mnt/usb", "one")
    removals.remember_marker("/mnt/usb", "two")
    assert ("two", None) == (removals.marker("/mnt/usb"), removals.marker("/mnt"))
    assert [] == removals.archived_in("/mnt", limit=9)
