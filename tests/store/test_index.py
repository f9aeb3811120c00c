import json
import os
from typing import Any

import pytest

from eisync.core.lifecycle import Event, State
from eisync.store import (
    file_counts,
    mirror,
    path_index,
    records,
    sample_links,
    sample_rows,
    throughput,
    tombstones,
)
from eisync.store.index import RootFacts, TargetFacts

from .shelf import NOW, Shelf, remote

LATER = NOW + 50.0


# --- targets ----------------------------------------------------------------------------------------------------------


def target(shelf: Shelf) -> TargetFacts:
    [facts] = shelf.index.targets()
    return facts


def test_a_new_target_is_well_and_unknown(shelf: Shelf) -> None:
    expected = TargetFacts(name="main", project_id=None, paused_reason=None, listed_at=None, listing_trouble=None)

    assert expected == target(shelf)


def test_a_pause_lasts_until_it_is_over_or_the_next_start(shelf: Shelf) -> None:
    shelf.index.pause("main", "Invalid API key", now=NOW)
    assert "Invalid API key" == target(shelf).paused_reason
    shelf.index.resume("main")
    assert target(shelf).paused_reason is None
    shelf.index.pause("main", "Invalid API key", now=NOW)
    shelf.reopen()
    assert target(shelf).paused_reason is None


def test_a_target_is_one_project_for_ever(shelf: Shelf) -> None:
    assert shelf.index.identify("main", 5) is None
    assert shelf.index.identify("main", 5) is None
    shelf.reopen()

    mismatch = shelf.index.identify("main", 6)

    assert (
        "the key of target 'main' opens project 6, but its files are in project 5; give the key of that project, "
        "or name another target"
    ) == mismatch
    assert 5 == target(shelf).project_id


def test_targets_are_listed_by_name(shelf: Shelf) -> None:
    shelf.index.register(["zebra", "a b", "main"])

    assert ["a b", "main", "zebra"] == [facts.name for facts in shelf.index.targets()]


# --- sweeps -----------------------------------------------------------------------------------------------------------


def test_a_sweep_counts_what_it_did_not_list(shelf: Shelf) -> None:
    for number, path in enumerate(("a.csv", "b.csv", "c.csv"), start=1):
        shelf.sync(path, number)

    assert [(2, 1)] == shelf.sweep(1, 3)
    assert [(2, 2), (3, 1)] == sorted(shelf.sweep(1))
    assert [(3, 2)] == shelf.sweep(1, 2)
    assert [(2, 1), (3, 3)] == sorted(shelf.sweep(1))


def test_samples_of_others_are_not_missed(shelf: Shelf) -> None:
    shelf.sync("a.csv", 1)
    shelf.sweep(1, 90, 91, 92)

    assert [(1, 1)] == shelf.sweep(90, now=NOW + 200)


def test_the_sample_of_an_earlier_version_is_not_missed(shelf: Shelf) -> None:
    shelf.sync("a.csv", 1)
    shelf.sync("a.csv", 2, version=2)

    assert [(2, 1)] == shelf.sweep()


def test_what_was_stored_while_a_sweep_ran_is_not_missed_by_it(shelf: Shelf) -> None:
    shelf.sync("old.csv", 1)
    progress = shelf.begin_sweep(now=LATER)
    shelf.sync("new.csv", 2, now=LATER + 0.1)
    shelf.list_page(progress, now=LATER + 0.2)

    assert [(1, 1)] == shelf.finish_sweep(progress, now=LATER)


def test_a_sweep_that_never_ended_concludes_nothing(shelf: Shelf) -> None:
    shelf.sync("a.csv", 1)
    shelf.sweep(1)
    for _ in range(3):
        shelf.list_page(shelf.begin_sweep(now=LATER), now=LATER)
    shelf.reopen()

    assert [] == shelf.sweep(1)
    assert [(1, 1)] == shelf.sweep()


def test_a_page_may_be_recorded_twice_and_updates_samples(shelf: Shelf) -> None:
    shelf.sync("a.csv", 1, sha256="ours")
    progress = shelf.begin_sweep(now=LATER)
    pages = [remote(1, sha256="theirs"), remote(2, sha256="theirs", label=None, filename="日記", is_disabled=True)]
    for _ in range(2):
        shelf.list_page(progress, *pages, now=LATER)

    assert [] == shelf.finish_sweep(progress, now=LATER)
    # eisync hashes the bytes; what the service hashes is not documented.
    assert ((1,), (2,)) == (shelf.samples_with("main", "ours"), shelf.samples_with("main", "theirs"))
    assert () == shelf.samples_with("other", "ours")


def test_how_the_last_sweep_ended_is_remembered(shelf: Shelf) -> None:
    shelf.index.note_trouble("main", "HTTP 500")
    assert (None, "HTTP 500") == (target(shelf).listed_at, target(shelf).listing_trouble)
    shelf.sweep(now=LATER)
    assert (LATER, None) == (target(shelf).listed_at, target(shelf).listing_trouble)
    shelf.index.note_trouble("main", "HTTP 500")
    assert (LATER, "HTTP 500") == (target(shelf).listed_at, target(shelf).listing_trouble)


def test_targets_are_swept_apart(shelf: Shelf) -> None:
    shelf.index.register(["other"])
    shelf.sync("a.csv", 1)
    other = shelf.begin_sweep(target="other", now=LATER)
    shelf.list_page(other, target="other", now=LATER)

    assert [] == shelf.finish_sweep(other, target="other", now=LATER)
    assert [] == shelf.make_tombstones(1, target="other", now=LATER)
    assert State.SYNCED is shelf.state()


# --- tombstones -------------------------------------------------------------------------------------------------------


def test_a_file_is_a_tombstone_when_its_last_sample_is_gone(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 1, 2)
    assert [] == shelf.make_tombstones(1, now=LATER)
    assert State.SYNCED is shelf.state()

    assert [identity] == shelf.make_tombstones(2, now=LATER)

    assert State.TOMBSTONE is shelf.state()
    assert "deleted in the project (sample 2); 'eisync retry' sends it again" == shelf.record()["reason"]
    assert [1, 2] == shelf.record()["sample_ids"]


def test_a_tombstone_may_be_made_again_and_is_not_counted_again(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 1)
    assert [identity] == shelf.make_tombstones(1, now=LATER)

    assert [] == shelf.index.make_tombstones("main", 1, now=LATER)
    assert [] == shelf.sweep()


def test_an_unknown_sample_makes_no_tombstone(shelf: Shelf) -> None:
    shelf.sync("a.csv", 1)

    assert [] == shelf.make_tombstones(99, now=LATER)


@pytest.mark.parametrize("sent", [False, True])
def test_the_end_of_an_old_version_makes_no_tombstone_of_the_new_one(shelf: Shelf, sent: bool) -> None:
    shelf.sync("a.csv", 1)
    if sent:
        shelf.sync("a.csv", 2, version=2)
    else:
        shelf.outbox.mark_changed([shelf.id_of()], now=NOW)

    assert [] == shelf.make_tombstones(1, now=LATER)
    assert (State.SYNCED if sent else State.SETTLING) is shelf.state()


def test_a_file_without_known_samples_becomes_no_tombstone(shelf: Shelf) -> None:
    shelf.sync("nameless.csv")
    shelf.sync("a.csv", 1)

    shelf.make_tombstones(1, now=LATER)

    assert State.SYNCED is shelf.state("nameless.csv")


def test_a_spared_sample_is_suspected_anew(shelf: Shelf) -> None:
    shelf.sync("a.csv", 1)
    shelf.sweep()
    assert [(1, 2)] == shelf.sweep()

    shelf.index.spare("main", 1)

    assert [(1, 1)] == shelf.sweep()


# --- ids --------------------------------------------------------------------------------------------------------------


def test_a_synced_file_without_ids_is_searched_until_it_has_them(shelf: Shelf) -> None:
    identity = shelf.sync("nameless.csv")
    shelf.sync("a.csv", 1)
    shelf.enqueue("ready.csv")
    [item] = shelf.index.without_ids("main", limit=9)
    assert identity == item.id

    for _ in range(2):
        shelf.index.link(item, [8, 9], now=LATER)

    assert [] == shelf.index.without_ids("main", limit=9)
    assert ("already in the project", [8, 9]) == tuple(
        shelf.record("nameless.csv")[key] for key in ("reason", "sample_ids")
    )
    assert (1, 8, 9) == shelf.samples_with("main", "a")


def test_a_list_of_files_without_ids_has_a_limit(shelf: Shelf) -> None:
    for number in range(5):
        shelf.sync(f"{number}.csv")

    assert ["0.csv", "1.csv"] == [item.path for item in shelf.index.without_ids("main", limit=2)]
    assert [] == shelf.index.without_ids("other", limit=2)


@pytest.mark.parametrize("is_sent", [False, True])
def test_a_finding_about_a_version_does_not_apply_to_the_next(shelf: Shelf, is_sent: bool) -> None:
    shelf.sync("a.csv")
    [item] = shelf.index.without_ids("main", limit=9)
    if is_sent:
        shelf.sync("a.csv", version=2)
    else:
        shelf.enqueue("a.csv", version=2)
    reason = shelf.record()["reason"]

    shelf.index.link(item, [7], now=LATER)

    assert ([], reason) == (shelf.record()["sample_ids"], shelf.record()["reason"])


def test_a_sample_that_was_found_is_there_again(shelf: Shelf) -> None:
    shelf.sync("a.csv", 7)
    shelf.make_tombstones(7, now=NOW)
    shelf.sync("b.csv")
    [item] = shelf.index.without_ids("main", limit=9)

    shelf.index.link(item, [7], now=LATER)

    assert [7] == [sample_id for sample_id, _ in shelf.sweep()]
    assert [item.id] == shelf.make_tombstones(7, now=LATER)


# --- roots ------------------------------------------------------------------------------------------------------------


def test_how_a_root_fares_is_remembered(shelf: Shelf) -> None:
    def root() -> RootFacts:
        [facts] = shelf.index.roots()
        return facts

    fresh: dict[str, Any] = {"id": shelf.root.id, "path": "/data", "target": "main"}
    assert root() == RootFacts(**fresh, scanned_at=None, offline_reason=None, settling=0, left_out={})
    shelf.index.note_offline(shelf.root.id, "it is not there")
    shelf.index.note_observed(shelf.root.id, [], beyond=3, comparing=2, keeps=False, now=NOW)
    fresh |= {"beyond": 3, "comparing": 2}
    assert root() == RootFacts(**fresh, scanned_at=None, offline_reason="it is not there", settling=3, left_out={})
    shelf.index.note_scan(shelf.root.id, {"a FIFO": 2}, now=LATER)
    assert root() == RootFacts(**fresh, scanned_at=LATER, offline_reason=None, settling=3, left_out={"a FIFO": 2})


# --- what people read -------------------------------------------------------------------------------------------------


def test_files_are_counted_by_state(shelf: Shelf) -> None:
    shelf.sync("synced.csv", 1, now=NOW)
    shelf.sync("buried.csv", 2, now=NOW + 1)
    shelf.make_tombstones(2, now=NOW + 2)
    shelf.enqueue("old.csv", now=NOW + 3)
    shelf.enqueue("new.csv", now=NOW + 4)
    [other] = shelf.outbox.register([("/other", "main")])
    shelf.outbox.enqueue([shelf.candidate("x.csv", root_id=other.id)], now=NOW + 5)

    counts = shelf.index.records.counts()

    assert {State.SYNCED: 1, State.TOMBSTONE: 1, State.READY: 3} == counts.by_state
    assert (NOW + 3, NOW) == (counts.oldest_pending_at, counts.last_synced_at)
    assert {State.SYNCED: 1, State.TOMBSTONE: 1, State.READY: 2} == shelf.index.records.report([shelf.root.id])
    assert {State.READY: 1} == shelf.index.records.report([other.id])
    assert {} == shelf.index.records.report([])


def test_an_old_file_that_changes_waits_since_it_changed(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 1, now=NOW)

    shelf.outbox.mark_changed([identity], now=LATER)
    assert LATER == shelf.index.records.counts().oldest_pending_at
    shelf.enqueue("a.csv", version=2, now=LATER + 1)
    assert LATER + 1 == shelf.index.records.counts().oldest_pending_at
    shelf.claim(now=LATER + 2)
    shelf.settle(identity, Event.DEFER, now=LATER + 3)
    assert LATER + 1 == shelf.index.records.counts().oldest_pending_at


def test_an_empty_shelf_has_nothing_to_tell(shelf: Shelf) -> None:
    counts = shelf.index.records.counts()

    assert ({}, None, None) == (counts.by_state, counts.oldest_pending_at, counts.last_synced_at)
    assert [] == list(shelf.index.records.files())


def test_every_file_is_listed_once_whatever_happens_meanwhile(shelf: Shelf) -> None:
    paths = [f"{number:04}.csv" for number in range(2_500)]
    shelf.outbox.enqueue([shelf.candidate(path) for path in paths], now=NOW)
    listing = shelf.index.records.files()
    first = next(listing)
    shelf.claim(limit=2_000)
    shelf.enqueue("late.csv")

    assert [*paths, "late.csv"] == [first["path"], *(record["path"] for record in listing)]


def test_files_are_listed_by_state(shelf: Shelf) -> None:
    shelf.sync("a.csv", 1)
    shelf.enqueue("b.csv")

    assert ["a.csv"] == [record["path"] for record in shelf.index.records.files(State.SYNCED)]
    assert ["b.csv"] == [record["path"] for record in shelf.index.records.files(State.READY)]
    assert [] == list(shelf.index.records.files(State.GONE))
    assert [shelf.id_of("b.csv")] == shelf.index.records.ids_in([State.READY, State.GONE])
    assert [] == shelf.index.records.ids_in([])


def test_a_record_is_json_whatever_the_name(shelf: Shelf) -> None:
    path = os.fsdecode(b"caf\xe9\n.csv")
    shelf.enqueue(path)

    assert path == json.loads(json.dumps(shelf.record(path)))["path"]


@pytest.mark.parametrize(
    ("roots", "asked", "found"),
    [
        (["/data"], "/data/a.csv", ["/data"]),
        (["/data", "/data2"], "/data2/a.csv", ["/data2"]),
        (["/data", "/data/deep"], "/data/deep/a.csv", ["/data/deep"]),
        (["/"], "/a.csv", ["/"]),
        (["/data"], "/data/b.csv", []),
        (["/data"], "/dat/a.csv", []),
        (["/data"], "a.csv", []),
        (["/data"], "/data", []),
        (["/data"], "", []),
    ],
)
def test_a_file_is_found_by_where_it_is(shelf: Shelf, roots: list[str], asked: str, found: list[str]) -> None:
    ids = {}
    for root in shelf.outbox.register([(root, "main") for root in roots]):
        shelf.outbox.enqueue([shelf.candidate("a.csv", root_id=root.id)], now=NOW)
        known = shelf.outbox.known_at(root.id, "a.csv")
        assert known is not None
        ids[root.path] = known.id

    assert [ids[root] for root in found] == shelf.index.records.ids_of(asked)


def test_a_file_of_two_roots_is_found_in_both(shelf: Shelf) -> None:
    [inner] = shelf.outbox.register([("/data/deep", "main")])
    first = shelf.enqueue("deep/a.csv")
    shelf.outbox.enqueue([shelf.candidate("a.csv", root_id=inner.id)], now=NOW)
    known = shelf.outbox.known_at(inner.id, "a.csv")
    assert known is not None

    assert sorted([first, known.id]) == sorted(shelf.index.records.ids_of("/data/deep/a.csv"))


def test_a_database_that_takes_a_write_says_so(shelf: Shelf) -> None:
    assert shelf.index.is_writable()


# --- speed at a million rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "indexes"),
    [
        (tombstones._WITHOUT_SAMPLES, ["file_sample_by_sample (sample_id=?)", "file USING INTEGER PRIMARY KEY"]),
        (
            sample_rows.SLICE,
            ["sample USING PRIMARY KEY (target=? AND id>? AND id<?)", "file_sample_by_sample (sample_id=?)"],
        ),
        (mirror._COUNT_MISSED, ["INDEX sample_missing (target=? AND missing_in=?)", "INDEX file_sample_by_sample"]),
        (mirror._FORGET, ["INDEX sample_missing (target=? AND missing_in=?)"]),
        (mirror._UNMARK, ["INDEX sample_missing (target=? AND missing_in>?)"]),
        (mirror._ANY_MISSED, ["INDEX sample_missed (target=?)"]),
        (mirror._NAMED, ["INDEX sample_by_name (target=? AND filename=?)"]),
        (mirror._WAITING, ["file"]),
        (file_counts._KEPT, ["SCAN file_count"]),
        (file_counts._SENDING, ["SEARCH file USING INDEX file_by_state (state=?)"]),
        (file_counts._NEW, ["SEARCH file USING INTEGER PRIMARY KEY (rowid>?)"]),
        (records._OLDEST_PENDING, ["SEARCH file USING INDEX file_pending"]),
        (records._LAST_SYNCED, ["SEARCH file USING COVERING INDEX file_by_state (state=?)"]),
        (
            records._PAGE,
            ["SEARCH file USING INTEGER PRIMARY KEY (rowid>?)", "file_sample USING PRIMARY KEY (file_id=?)"],
        ),
        (sample_links._KNOW, ["file USING INTEGER PRIMARY KEY (rowid=?)"]),
        (path_index._FAMILIAR, ["file USING INDEX file_by_version (size=? AND mtime_ns=? AND inode=?)"]),
        (throughput._WAITING, ["SCAN file_count"]),
        (throughput._OLDEST, ["SEARCH file USING INDEX file_pending"]),
        (throughput._RECENT, ["SEARCH file USING INDEX file_by_state (state=? AND changed_at>? AND changed_at<?)"]),
        (tombstones._MAY_BE_DELETED, ["deleted_content USING PRIMARY KEY (target=? AND size=?)"]),
        (tombstones._MAY_BE_ABSENT, ["other USING INDEX file_elsewhere (size=? AND mtime_ns=?)"]),
        (tombstones._MAY_BE_UNWATCHED, ["other USING INDEX file_by_version (size=? AND mtime_ns=?)"]),
        (tombstones._DELETED, ["deleted_content USING PRIMARY KEY (target=? AND size=? AND sha256=?)"]),
        (tombstones._ABSENT, ["other USING INDEX file_elsewhere (size=? AND mtime_ns=?)"]),
        (tombstones._UNWATCHED, ["other USING INDEX file_by_version (size=? AND mtime_ns=?)"]),
    ],
)
def test_what_is_asked_often_is_found_by_an_index(shelf: Shelf, statement: str, indexes: list[str]) -> None:
    names = ("target", "id", "generation", "began_at", "after", "after_id", "state", "sample_id", "sha256", "now")
    more = ("low", "high", "limit", "filename", "links", "versions", "asked", "roots", "root_id", "newest", "since")

    plan = shelf.plan(statement, **dict.fromkeys((*names, *more)))

    assert [] == [name for name in indexes if name not in plan], plan
    assert "SCAN sample" not in plan
    assert "SCAN file_sample" not in plan
    assert "SCAN file;" not in f"{plan};"
