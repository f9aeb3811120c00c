"""What may be taken away is read by an index, and the intent is written down whole, or not at all."""

from dataclasses import replace
from typing import Any

import pytest

from eisync.core.actions import Action, Progress
from eisync.core.identity import Identity, Sent
from eisync.core.lifecycle import Event
from eisync.core.model import RemoteSample
from eisync.core.policy import After, Retention
from eisync.core.retention import Local, Proof, decide
from eisync.store import retention as module
from eisync.store.actions import ActionStore
from eisync.store.retention import Removals

from .shelf import NOW, Shelf, facts, remote

DELETE = Retention(after=After.DELETE, grace_s=0.0)


@pytest.fixture
def removals(shelf: Shelf) -> Removals:
    return Removals(shelf.database)


def known(removals: Removals, identity: int) -> Local:
    file = removals.one(identity)
    assert file is not None
    return file


def pass_request(file: Local) -> Action:
    listed = RemoteSample(id=1, filename="a", category="training", label=None, sha256=file.sha256)
    proof = Proof(id=1, sent=Sent(sha256=file.sha256), listed=listed)
    action = decide(replace(file, proofs=(proof,)), DELETE, now=NOW + 10**6)
    assert isinstance(action, Action)
    return action


def test_the_oldest_upload_comes_first_and_pages_go_on(shelf: Shelf, removals: Removals) -> None:
    for number, at in ((1, 30.0), (2, 10.0), (3, 20.0), (4, 10.0)):
        shelf.sync(f"{number}.csv", number, now=NOW + at)
    shelf.enqueue("waiting.csv", now=NOW)
    page = removals.page(shelf.root.id, limit=3)
    assert ["2.csv", "4.csv", "3.csv"] == [file.path for file in page]
    last = page[-1]
    assert ["1.csv"] == [file.path for file in removals.page(shelf.root.id, after=(last.since_at, last.id), limit=3)]


def test_it_is_found_by_its_index_without_sorting(shelf: Shelf) -> None:
    plan = shelf.plan(module._PAGE, root_id=1, after_at=0.0, after_id=0, limit=9)
    assert "file_removable" in plan
    assert "TEMP B-TREE" not in plan
    assert "act_to_do" in shelf.plan(module._UNDER_WAY)


def test_a_file_is_returned_with_its_proofs(shelf: Shelf, removals: Removals) -> None:
    identity = shelf.sync("a.csv", 7, 8)
    proofs = [(one.id, one.identity, one.is_missed) for one in known(removals, identity).proofs]
    assert [(7, Identity.UNLISTED, False), (8, Identity.UNLISTED, False)] == proofs
    shelf.sweep(7, 8)
    sent = Sent(sha256="a", stored_name="a")
    seven = Proof(id=7, sent=sent, listed=remote(7), identity=Identity.LIKELY)
    eight = Proof(id=8, sent=sent, listed=remote(8), identity=Identity.LIKELY)
    assert (seven, eight) == known(removals, identity).proofs
    shelf.sweep(7, now=NOW + 200)
    assert (seven, replace(eight, is_missed=True)) == known(removals, identity).proofs
    shelf.make_tombstones(8, now=NOW + 300)
    progress = shelf.begin_sweep(now=NOW + 400)
    shelf.list_page(progress, remote(7, has_processing_error=True), now=NOW + 400)
    assert (replace(seven, listed=remote(7, has_processing_error=True)),) == known(removals, identity).proofs


def test_a_sweep_under_way_that_has_passed_it_confirms_nothing(shelf: Shelf, removals: Removals) -> None:
    identity = shelf.sync("a.csv", 7)
    shelf.sweep(7)
    progress = shelf.begin_sweep(now=NOW + 400)
    shelf.list_page(progress, now=NOW + 400)
    assert [True] == [one.is_missed for one in known(removals, identity).proofs]


def test_an_intent_marks_the_row_and_is_on_the_disk(
    shelf: Shelf, removals: Removals, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = known(removals, shelf.sync("a.csv", 7))
    synced: list[bool] = []
    transaction = shelf.database.transaction

    def note(*, survives_power_cut: bool = False) -> Any:
        synced.append(survives_power_cut)
        return transaction(survives_power_cut=survives_power_cut)

    monkeypatch.setattr(shelf.database, "transaction", note)
    written = removals.begin(file, pass_request(file), now=NOW)
    assert written is not None
    assert ([True], Progress.BEGUN, "deleted") == (synced, written.progress, shelf.row()["removal"])
    assert [written] == removals.under_way()
    assert None is removals.begin(file, pass_request(file), now=NOW)
    removals.release(written)
    assert ([], None) == (removals.under_way(), shelf.row()["removal"])


@pytest.mark.parametrize("what", ["changed", "gone", "newer"])
def test_what_is_not_that_version_any_more_gets_no_intent(shelf: Shelf, removals: Removals, what: str) -> None:
    file = known(removals, shelf.sync("a.csv", 7))
    match what:
        case "changed":
            shelf.outbox.mark_changed([file.id], now=NOW)
        case "gone":
            shelf.outbox.mark_gone([file.id], now=NOW)
        case "newer":
            shelf.sync("a.csv", 8, version=2)
    before = shelf.row()
    assert None is removals.begin(file, pass_request(file), now=NOW)
    assert (before, []) == (shelf.row(), removals.under_way())


def test_an_act_that_ends_late_says_nothing_of_a_newer_version(shelf: Shelf, removals: Removals) -> None:
    file = known(removals, shelf.sync("a.csv", 7))
    written = removals.begin(file, pass_request(file), now=NOW)
    assert written is not None
    shelf.outbox.mark_changed([file.id], now=NOW)
    shelf.enqueue("a.csv", version=2)
    ActionStore(shelf.database).finish("main", written, "deleted here", now=NOW)
    row = shelf.row()
    assert ("ready", None, None) == (row["state"], row["removal"], row["absent_at"])


def test_a_copy_of_what_was_taken_away_is_kept_and_nothing_else_is(shelf: Shelf, removals: Removals) -> None:
    file = known(removals, shelf.sync("a.csv", 7))
    assert not shelf.outbox.mark_returned(file.id, facts(5), "a", now=NOW)
    written = removals.begin(file, pass_request(file), now=NOW)
    assert written is not None
    ActionStore(shelf.database).finish("main", written, "deleted here", now=NOW)
    assert "a" == shelf.known()["a.csv"].taken_sha256
    assert not shelf.outbox.mark_returned(file.id, facts(5), "b", now=NOW)
    assert shelf.outbox.mark_returned(file.id, facts(5), "a", now=NOW)
    row = shelf.row()
    assert ("synced", "kept", None, facts(5).size) == (row["state"], row["removal"], row["absent_at"], row["size"])
    assert None is shelf.known()["a.csv"].taken_sha256


def test_what_the_root_and_the_target_say(shelf: Shelf, removals: Removals) -> None:
    assert (None, None) == (removals.device(shelf.root.id), removals.why_not_listed("main"))
    shelf.places.note_device(shelf.root.id, 5)
    shelf.index.note_trouble("main", "it may not list")
    assert (5, "it may not list") == (removals.device(shelf.root.id), removals.why_not_listed("main"))


WITNESSES = [
    ({"sha256": "a"}, Identity.PROVEN),
    ({"original_name": "a.csv"}, Identity.LIKELY),
    ({"original_name": "b.csv", "sha256": "b"}, Identity.FOREIGN),
    ({"filename": "renamed"}, Identity.UNCERTAIN),
]


@pytest.mark.parametrize(("more", "identity"), WITNESSES)
def test_the_listing_decides_what_a_sample_is_to_a_file(
    shelf: Shelf, removals: Removals, more: dict[str, Any], identity: Identity
) -> None:
    row = shelf.enqueue("a.csv")
    shelf.claim()
    shelf.settle(row, Event.STORED, sample_ids=(7,), sha256="a", sent_name="a.csv")
    shelf.list_page(shelf.begin_sweep(now=NOW + 5), remote(7, **more), now=NOW + 5)
    assert [identity] == [one.identity for one in known(removals, row).proofs]


def test_a_hash_of_the_bytes_counts_while_the_sample_is_listed_unchanged(shelf: Shelf, removals: Removals) -> None:
    row = shelf.sync("a.csv", 7)
    listed = remote(7, sha256="other", added="2026-11-28T10:00:00Z")
    shelf.list_page(shelf.begin_sweep(now=NOW + 5), listed, now=NOW + 5)
    removals.note_raw("main", replace(listed, sha256="stale"), "a")
    assert [None] == [one.raw_sha256 for one in known(removals, row).proofs]
    removals.note_raw("main", listed, "a")
    assert [("a", Identity.PROVEN)] == [(one.raw_sha256, one.identity) for one in known(removals, row).proofs]
    shelf.list_page(shelf.begin_sweep(now=NOW + 6), replace(listed, label="idle"), now=NOW + 6)
    assert ["a"] == [one.raw_sha256 for one in known(removals, row).proofs]
    shelf.list_page(shelf.begin_sweep(now=NOW + 7), replace(listed, sha256="newer"), now=NOW + 7)
    assert [None] == [one.raw_sha256 for one in known(removals, row).proofs]


def test_a_sample_of_others_that_becomes_ours_is_believed_as_it_was_listed(shelf: Shelf, removals: Removals) -> None:
    """The listed hash is the service's own: sending the same bytes again does not make it the hash of what was sent."""
    shelf.list_page(shelf.begin_sweep(now=NOW), remote(7, sha256="theirs"), remote(8), remote(9, sha256="a"), now=NOW)
    row = shelf.sync("a.csv", 7, 8, 9)
    assert [("theirs", Identity.LIKELY), (None, Identity.LIKELY), ("a", Identity.PROVEN)] == [
        (one.listed.sha256, one.identity) for one in known(removals, row).proofs
    ]
