import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from eisync.core.batching import Order
from eisync.core.lifecycle import Event, IllegalTransitionError, State
from eisync.core.model import Category, FileFacts, Root
from eisync.core.outcome import Outcome, give_back
from eisync.store import claims, intake, outbox, queue, rows
from eisync.store.queue import LostClaimError

from .shelf import NOW, Shelf, facts

LATER = NOW + 50.0


# --- entering ---------------------------------------------------------------------------------------------------------


def test_a_complete_file_is_handed_out_as_it_was_put_in(shelf: Shelf) -> None:
    shelf.enqueue("day 1/a.csv", label="左", category=Category.TESTING, metadata={"site": "lab 3", "a": "b"})

    [item] = shelf.claim()

    assert ("/data", "day 1/a.csv", "main", facts()) == (item.root, item.path, item.target, item.facts)
    assert ("左", Category.TESTING, (("a", "b"), ("site", "lab 3"))) == (item.label, item.category, item.metadata)
    assert (0, None, None) == (item.attempts, item.batch_cap, item.sha256)


def test_a_file_without_a_label_has_none(shelf: Shelf) -> None:
    shelf.enqueue(label=None)

    assert [None] == [item.label for item in shelf.claim()]


def test_the_same_version_enters_once(shelf: Shelf) -> None:
    identity = shelf.enqueue()
    assert identity == shelf.enqueue(now=LATER)
    assert [(Event.COMPLETE, State.READY)] == shelf.history(identity)
    assert NOW == shelf.row()["enqueued_at"]


@pytest.mark.parametrize("event", [Event.STORED, Event.REFUSE, Event.SILENCE])
def test_a_version_that_went_out_does_not_enter_again(shelf: Shelf, event: Event) -> None:
    identity = shelf.enqueue()
    shelf.claim()
    assert set() == shelf.outbox.enqueue([shelf.candidate()], now=LATER)
    shelf.settle(identity, event, reason="so it was")
    before = shelf.row()

    assert set() == shelf.outbox.enqueue([shelf.candidate()], now=LATER)

    assert before == shelf.row()


def test_a_tombstone_does_not_enter_again_by_itself(shelf: Shelf) -> None:
    shelf.sync("a.csv", 7)
    shelf.make_tombstones(7, now=NOW)

    shelf.enqueue(now=LATER)

    assert State.TOMBSTONE is shelf.state()


def test_a_new_version_starts_anew(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 7, sha256="a" * 64)

    shelf.enqueue(version=2, now=LATER, label="idle", category=Category.TESTING, metadata={"b": "c"})

    [item] = shelf.claim(now=LATER)
    assert (identity, facts(2), 0) == (item.id, item.facts, item.attempts)
    assert ("idle", Category.TESTING, (("b", "c"),)) == (item.label, item.category, item.metadata)
    assert [] == shelf.record()["sample_ids"]
    # Its content differs, so it must not be searched or found by the hash of the last version.
    assert item.sha256 is None
    shelf.settle(identity, Event.SILENCE)
    assert [None] == [doubt.item.sha256 for doubt in shelf.outbox.doubtful("main", limit=9)]


def test_a_new_version_waits_while_the_last_one_is_under_way(shelf: Shelf) -> None:
    identity = shelf.enqueue()
    shelf.claim()
    new = shelf.candidate(version=2)

    assert {(shelf.root.id, "a.csv")} == shelf.outbox.enqueue([new, shelf.candidate("b.csv")], now=NOW)
    assert State.READY is shelf.state("b.csv")
    shelf.settle(identity, Event.STORED, sample_ids=(1,))
    assert set() == shelf.outbox.enqueue([new], now=NOW)

    assert State.READY is shelf.state()
    known = shelf.outbox.known_at(shelf.root.id, "a.csv")
    assert known is not None
    assert facts(2) == known.facts


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_that_went_and_came_back_is_sent(shelf: Shelf, version: int) -> None:
    identity = shelf.enqueue()
    shelf.outbox.mark_gone([identity], now=NOW)

    assert identity == shelf.enqueue(version=version, now=LATER)

    assert [facts(version)] == [item.facts for item in shelf.claim(now=LATER)]


@pytest.mark.parametrize(
    "odd",
    [
        FileFacts(size=0, mtime_ns=-1, inode=0),
        FileFacts(size=2**62, mtime_ns=2**63 + 5, inode=2**64 - 1),
        FileFacts(size=1, mtime_ns=253_402_300_799 * 10**9, inode=2**63),
    ],
)
def test_facts_of_unusual_file_systems_are_recognised(shelf: Shelf, odd: FileFacts) -> None:
    shelf.enqueue(facts=odd)

    assert odd == shelf.known("")["a.csv"].facts
    assert [odd] == [item.facts for item in shelf.claim()]


ODD_PATHS = [
    "a.csv",
    "a/b/c.csv",
    "day 1/100%_a'b\"c;.csv",
    "new\nline/\ttab\r.csv",
    "日記/左.csv",
    os.fsdecode(b"\xff\xfe/caf\xe9.csv"),
    os.fsdecode(b"\xc3/half\xc3.csv"),
    "_/__.csv",
    "x" * 255 + "/" + "y" * 251 + ".csv",
]


@pytest.mark.parametrize("path", ODD_PATHS)
def test_any_name_that_a_file_system_accepts_is_returned_unchanged(shelf: Shelf, path: str) -> None:
    folder, _, name = path.rpartition("/")
    shelf.enqueue(path)
    identity = shelf.id_of(path)

    assert [path] == [item.path for item in shelf.claim()]
    assert {name: identity} == {key: known.id for key, known in shelf.known(folder).items()}
    assert [folder] == shelf.places.folders(shelf.root.id)
    assert [path] == [record["path"] for record in shelf.index.records.files()]
    assert [identity] == shelf.index.records.ids_of("/data/" + path)


@pytest.mark.parametrize("label", [None, "idle", "日記 \U0001f600", 'quoted "\\u0041"', "nul\0 in the middle"])
@pytest.mark.parametrize("odd", [[], ODD_PATHS])
def test_files_that_enter_together_keep_their_own_descriptions(shelf: Shelf, label: str | None, odd: list[str]) -> None:
    paths = ["one.csv", "in/two.csv", *odd[1:]]
    facts = {path: FileFacts(4096, -(2**62) + at, 2**63 - 1 - at) for at, path in enumerate(paths)}
    entering = [
        shelf.candidate(path, facts=facts[path], label=f"{label}{len(path)}" if label else None) for path in paths
    ]

    assert set() == shelf.outbox.enqueue(entering, now=1_732_600_000.123456)

    claimed = {item.path: item for item in shelf.claim(now=1_732_600_000.123456)}
    assert facts == {path: item.facts for path, item in claimed.items()}
    assert {one.path: one.label for one in entering} == {path: item.label for path, item in claimed.items()}


# --- roots ------------------------------------------------------------------------------------------------------------


def test_a_root_keeps_its_id(shelf: Shelf) -> None:
    odd = os.fsdecode(b"/odd\xff")
    first = shelf.outbox.register([("/other", "main"), (odd, "main"), ("/data", "main")])

    assert first == shelf.outbox.register([("/other", "main"), (odd, "main"), ("/data", "main")])
    assert shelf.root == first[-1]
    assert 3 == len({root.id for root in first})


def moved_to_another_target(shelf: Shelf) -> Root:
    shelf.index.register(["other"])
    [root] = shelf.outbox.register([("/data", "other")])
    assert shelf.root.id == root.id
    return root


def test_what_waits_goes_where_its_folder_goes_now(shelf: Shelf) -> None:
    for path in ("ready.csv", "changed.csv", "refused.csv", "doubtful.csv"):
        shelf.enqueue(path)
    shelf.outbox.mark_changed([shelf.id_of("changed.csv")], now=NOW)
    shelf.claim()
    shelf.settle(shelf.id_of("refused.csv"), Event.REFUSE)
    shelf.settle(shelf.id_of("doubtful.csv"), Event.SILENCE)
    # ready.csv is being sent when the process ends.

    root = moved_to_another_target(shelf)
    shelf.outbox.recover(duplicates_allowed=False, now=LATER)
    shelf.outbox.retry([shelf.id_of("refused.csv")], now=LATER)
    shelf.outbox.enqueue([shelf.candidate("changed.csv", 2, target="other")], now=LATER)

    assert [] == shelf.outbox.claim("main", [root.id], limit=9, claim=1, now=LATER)
    items = shelf.outbox.claim("other", [root.id], limit=9, claim=1, now=LATER)
    assert ["changed.csv", "doubtful.csv", "ready.csv", "refused.csv"] == sorted(item.path for item in items)


def test_what_was_synced_stays_with_the_target_that_holds_it_until_it_is_sent_again(shelf: Shelf) -> None:
    shelf.sync("kept.csv", 1)
    shelf.sync("buried.csv", 2)
    shelf.make_tombstones(2, now=NOW)

    root = moved_to_another_target(shelf)

    assert ["main", "main"] == [shelf.row(path)["target"] for path in ("kept.csv", "buried.csv")]
    shelf.outbox.retry([shelf.id_of("buried.csv")], now=LATER)
    [item] = shelf.outbox.claim("other", [root.id], limit=9, claim=1, now=LATER)
    assert ("buried.csv", "other") == (item.path, item.target)


# --- claiming ---------------------------------------------------------------------------------------------------------


def test_the_oldest_that_is_due_goes_first(shelf: Shelf) -> None:
    for path, now in (("c.csv", NOW + 1), ("a.csv", NOW + 2), ("b.csv", NOW), ("z.csv", NOW), ("later.csv", NOW + 3)):
        shelf.enqueue(path, now=now)

    assert ["b.csv", "z.csv", "c.csv"] == [item.path for item in shelf.claim(limit=3, now=NOW + 2)]
    assert ["a.csv"] == [item.path for item in shelf.claim(limit=3, now=NOW + 2)]
    assert [] == shelf.claim(now=NOW + 2)


def test_a_claim_takes_of_its_target_and_its_roots_only(shelf: Shelf) -> None:
    shelf.index.register(["other"])
    own, other = shelf.outbox.register([("/own", "main"), ("/other", "other")])
    shelf.enqueue("a.csv")
    shelf.outbox.enqueue([shelf.candidate("b.csv", root_id=own.id)], now=NOW)
    shelf.outbox.enqueue([shelf.candidate("c.csv", root_id=other.id, target="other")], now=NOW)

    claimed = [
        [(item.root, item.path) for item in shelf.outbox.claim(target, roots, limit=9, claim=1, now=NOW)]
        for target, roots in (("main", []), ("other", [own.id]), ("main", [own.id]), ("other", [other.id]))
    ]

    assert [[], [], [("/own", "b.csv")], [("/other", "c.csv")]] == claimed
    assert State.READY is shelf.state("a.csv")


@pytest.mark.parametrize("number", [1, 7, 8, 9, 63, 64, 65, 82, 137])
def test_however_many_enter_together_each_has_its_row(shelf: Shelf, number: int) -> None:
    entering = [shelf.candidate(f"{each}.csv", label=str(each)) for each in range(number)]
    shelf.outbox.enqueue(entering[:3], now=NOW)
    assert set() == shelf.outbox.enqueue(entering, now=NOW)
    assert {f"{each}.csv": str(each) for each in range(number)} == {
        item.path: item.label for item in shelf.claim(limit=number + 1)
    }


def test_no_file_is_claimed_twice_by_many_at_once(shelf: Shelf) -> None:
    shelf.outbox.enqueue([shelf.candidate(f"{number}.csv") for number in range(100)], now=NOW)

    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(lambda claim: shelf.claim(limit=7, claim=claim), range(20)))

    ids = [item.id for batch in batches for item in batch]
    assert 100 == len(ids) == len(set(ids))


def test_the_next_due_instant_is_that_of_the_first_that_waits(shelf: Shelf) -> None:
    assert shelf.outbox.next_due_at("main", [shelf.root.id]) is None
    shelf.enqueue("a.csv", now=NOW + 7)
    shelf.enqueue("b.csv", now=NOW + 5)

    assert NOW + 5 == shelf.outbox.next_due_at("main", [shelf.root.id])
    assert shelf.outbox.next_due_at("main", []) is None
    assert shelf.outbox.next_due_at("other", [shelf.root.id]) is None


# --- settling ---------------------------------------------------------------------------------------------------------


def test_what_was_stored_is_synced_with_its_samples(shelf: Shelf) -> None:
    shelf.sync("a.csv", 8, 7, sha256="a" * 64)

    expected = {
        "path": "a.csv", "root": "/data", "state": "synced", "reason": "stored", "label": "wave", "category": "split",
        "sample_ids": [7, 8], "sha256": "a" * 64, "size": 11, "attempts": 1, "changed_at": 1000.0,
        "samples": [],  # none was listed yet
        "there": [], "due_at": None, "file": shelf.id_of("a.csv"),
    }  # fmt: skip
    assert expected == shelf.record()
    assert (7, 8) == shelf.samples_with("main", "a" * 64)


def test_what_is_deferred_waits_until_it_is_due(shelf: Shelf) -> None:
    identity = shelf.enqueue()
    shelf.claim()

    shelf.settle(identity, Event.DEFER, reason="HTTP 503", due_at=LATER)

    assert ("ready", "HTTP 503", 1) == tuple(shelf.record()[key] for key in ("state", "reason", "attempts"))
    assert [] == shelf.claim(now=LATER - 1)
    assert LATER == shelf.outbox.next_due_at("main", [shelf.root.id])
    assert [1] == [item.attempts for item in shelf.claim(now=LATER)]


def test_a_giving_back_costs_no_attempt_and_fills_no_history(shelf: Shelf) -> None:
    identity = shelf.enqueue()
    shelf.claim()

    shelf.settle(identity, Event.DEFER, due_at=NOW, is_attempt=False)

    assert [0] == [item.attempts for item in shelf.claim()]
    assert [(Event.COMPLETE, State.READY)] == shelf.history(identity)


def test_a_cap_lasts_until_the_file_is_through(shelf: Shelf) -> None:
    identity = shelf.enqueue()
    shelf.claim()
    shelf.settle(identity, Event.DEFER, batch_cap=4, is_attempt=False)
    assert [4] == [item.batch_cap for item in shelf.claim()]
    shelf.settle(identity, Event.DEFER, is_attempt=False)  # its target was paused meanwhile
    assert [4] == [item.batch_cap for item in shelf.claim()]
    shelf.settle(identity, Event.REFUSE)

    shelf.outbox.retry([identity], now=NOW)

    assert [None] == [item.batch_cap for item in shelf.claim()]


@pytest.mark.parametrize("claim", [None, 0, 2])
def test_a_settlement_under_another_claim_writes_nothing(shelf: Shelf, claim: int | None) -> None:
    first, second = shelf.enqueue("a.csv"), shelf.enqueue("b.csv", now=LATER)
    [item] = shelf.claim(claim=1)
    [other] = shelf.claim(claim=2, now=LATER)
    assert (first, second) == (item.id, other.id)

    if claim == 2:
        settlements = [Outcome(item_id=identity, events=(Event.STORED,)) for identity in (second, first)]
    else:
        settlements = [Outcome(item_id=first, events=(Event.STORED,))]
    with pytest.raises(LostClaimError, match=f"1 of {len(settlements)} files are not sending under claim {claim}"):
        shelf.outbox.settle(settlements, claim=claim, now=NOW)

    assert [State.SENDING, State.SENDING] == [shelf.state("a.csv"), shelf.state("b.csv")]


def test_the_files_of_several_claims_are_settled_together_or_not_at_all(shelf: Shelf) -> None:
    for name, now in (("a.csv", NOW), ("b.csv", LATER)):
        shelf.enqueue(name, now=now)
    claims = [(number, shelf.claim(claim=number, now=now)) for number, now in ((1, NOW), (2, LATER))]
    [one, other] = [
        [Outcome(item_id=item.id, events=(Event.STORED,), sample_ids=(item.id,)) for item in items]
        for _, items in claims
    ]

    with pytest.raises(LostClaimError, match="1 of 1 files are not sending under claim 3"):
        shelf.outbox.settle_all([(1, one), (3, other)], now=NOW)
    assert [State.SENDING, State.SENDING] == [shelf.state("a.csv"), shelf.state("b.csv")]

    assert {} == shelf.outbox.settle_all([(1, one), (2, other)], now=NOW)
    assert [State.SYNCED, State.SYNCED] == [shelf.state("a.csv"), shelf.state("b.csv")]


def test_a_sample_that_is_named_for_files_of_several_claims_proves_none_of_them(shelf: Shelf) -> None:
    for name, now in (("a.csv", NOW), ("b.csv", LATER)):
        shelf.enqueue(name, now=now)
    claims = [(number, shelf.claim(claim=number, now=now)) for number, now in ((1, NOW), (2, LATER))]
    by_claim = [
        (number, [Outcome(item_id=item.id, events=(Event.STORED,), sample_ids=(7,), sha256=f"of {item.id}")])
        for number, [item] in claims
    ]
    assert {shelf.id_of("a.csv"): 7, shelf.id_of("b.csv"): 7} == shelf.outbox.settle_all(by_claim, now=NOW)
    assert [State.SENDING, State.SENDING] == [shelf.state("a.csv"), shelf.state("b.csv")]


def test_a_file_is_settled_once(shelf: Shelf) -> None:
    identity = shelf.enqueue()
    shelf.claim()
    shelf.settle(identity, Event.STORED)

    with pytest.raises(LostClaimError):
        shelf.settle(identity, Event.REFUSE)

    assert State.SYNCED is shelf.state()


def test_an_arrow_that_does_not_exist_is_refused_and_nothing_is_written(shelf: Shelf) -> None:
    identity = shelf.enqueue()
    shelf.claim()

    with pytest.raises(IllegalTransitionError):
        shelf.settle(identity, Event.REMOTE_GONE)

    assert State.SENDING is shelf.state()


def test_two_files_of_one_content_share_their_sample_and_its_end(shelf: Shelf) -> None:
    first = shelf.sync("a.csv", 7)
    second = shelf.enqueue("b.csv")
    shelf.claim()
    shelf.settle(second, Event.DUPLICATE, sample_ids=(7,), sha256="a")
    assert [[7], [7]] == [shelf.record(path)["sample_ids"] for path in ("a.csv", "b.csv")]

    assert [first, second] == sorted(shelf.make_tombstones(7, now=LATER))

    assert [State.TOMBSTONE, State.TOMBSTONE] == [shelf.state("a.csv"), shelf.state("b.csv")]


def test_a_sample_that_the_service_names_again_is_there(shelf: Shelf) -> None:
    shelf.sync("a.csv", 7)
    shelf.make_tombstones(7, now=NOW)
    identity = shelf.enqueue("b.csv")
    shelf.claim()

    shelf.settle(identity, Event.DUPLICATE, sample_ids=(7,), sha256="a")

    assert (7,) == shelf.samples_with("main", "a")
    assert [7] == [sample_id for sample_id, _ in shelf.sweep()]


# --- doubts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("duplicates_allowed", [False, True])
def test_nothing_is_lost_when_the_process_is(shelf: Shelf, duplicates_allowed: bool) -> None:
    shelf.sync("synced.csv", 1)
    for path in ("a.csv", "b.csv"):
        shelf.enqueue(path)
    assert 2 == len(shelf.claim())
    shelf.enqueue("ready.csv")

    assert 2 == shelf.reopen(duplicates_allowed=duplicates_allowed, now=LATER)

    after = State.DOUBTFUL if duplicates_allowed else State.READY
    assert [after, after] == [shelf.state("a.csv"), shelf.state("b.csv")]
    assert [State.SYNCED, State.READY] == [shelf.state("synced.csv"), shelf.state("ready.csv")]
    assert (1 if duplicates_allowed else 3) == len(shelf.claim(now=LATER))
    assert 0 == shelf.reopen(duplicates_allowed=duplicates_allowed) - (1 if duplicates_allowed else 3)


@pytest.mark.parametrize(
    ("event", "state"), [(Event.STORED, State.SYNCED), (Event.ABSENT, State.READY)], ids=["stored", "absent"]
)
@pytest.mark.parametrize("by_crash", [False, True])
def test_a_doubt_is_resolved_however_it_arose(shelf: Shelf, event: Event, state: State, by_crash: bool) -> None:
    identity = shelf.enqueue()
    shelf.claim(claim=5)
    if by_crash:
        shelf.reopen(duplicates_allowed=True)
    else:
        shelf.settle(identity, Event.SILENCE, claim=5)
    [doubt] = shelf.outbox.doubtful("main", limit=9)
    assert (identity, NOW) == (doubt.item.id, doubt.since_at)

    shelf.outbox.resolve([Outcome(item_id=identity, events=(event,), sample_ids=(3,))], now=LATER)

    assert state is shelf.state()
    assert [] == shelf.outbox.doubtful("main", limit=9)


def test_doubts_of_the_last_run_end_when_duplicates_are_refused_again(shelf: Shelf) -> None:
    identity = shelf.enqueue()
    shelf.claim()
    shelf.settle(identity, Event.SILENCE, due_at=NOW)

    assert 0 == shelf.reopen(duplicates_allowed=False)

    assert [identity] == [item.id for item in shelf.claim()]


def test_a_doubt_is_not_resolved_twice(shelf: Shelf) -> None:
    identity = shelf.enqueue()
    shelf.claim()
    shelf.settle(identity, Event.SILENCE)
    settlement = Outcome(item_id=identity, events=(Event.ABSENT,))
    shelf.outbox.resolve([settlement], now=NOW)
    remembered = shelf.history(identity)

    shelf.outbox.resolve([settlement], now=LATER)

    assert remembered == shelf.history(identity)


# --- changes, losses, retries -----------------------------------------------------------------------------------------


def test_a_synced_file_that_goes_stays_synced_and_it_is_noted_once(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 7)
    remembered = len(shelf.history(identity))

    shelf.outbox.mark_gone([identity], now=LATER)
    shelf.outbox.mark_gone([identity], now=LATER + 1)

    assert ("synced", "the local file is not there any more") == (shelf.record()["state"], shelf.record()["reason"])
    assert [(Event.GONE, State.SYNCED)] == shelf.history(identity)[remembered:]
    assert NOW == shelf.index.records.counts().last_synced_at


@pytest.mark.parametrize("event", [Event.CHANGED, Event.GONE])
def test_an_equal_reason_prevents_no_transition(shelf: Shelf, event: Event) -> None:
    reason = {
        Event.CHANGED: "it changed; waiting until it is complete",
        Event.GONE: "the local file is not there any more",
    }[event]
    identity = shelf.enqueue()
    shelf.claim()
    shelf.settle(identity, Event.REFUSE, reason=reason)

    (shelf.outbox.mark_changed if event is Event.CHANGED else shelf.outbox.mark_gone)([identity], now=LATER)

    assert (State.SETTLING if event is Event.CHANGED else State.GONE) is shelf.state()


def test_unknown_rows_are_skipped(shelf: Shelf) -> None:
    shelf.outbox.mark_changed([99], now=NOW)
    shelf.outbox.mark_gone([99], now=NOW)
    assert 0 == shelf.outbox.retry([99], now=NOW)


def test_a_file_that_went_came_back_changed_and_went_again_is_gone(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 7)
    shelf.outbox.mark_gone([identity], now=LATER)
    shelf.outbox.mark_changed([identity], now=LATER + 1)
    assert State.SETTLING is shelf.state()

    shelf.outbox.mark_gone([identity], now=LATER + 2)

    assert (State.GONE, rows.MISSING) == (shelf.state(), shelf.record()["reason"])
    assert [] == shelf.outbox.settling(shelf.root.id)


def test_a_changed_file_is_looked_for_until_it_is_complete(shelf: Shelf) -> None:
    shelf.sync("a/b.csv", 7)
    assert [] == shelf.outbox.settling(shelf.root.id)

    shelf.outbox.mark_changed([shelf.id_of("a/b.csv")], now=NOW)

    assert ["a/b.csv"] == shelf.outbox.settling(shelf.root.id)
    assert [] == shelf.claim(now=LATER)
    shelf.enqueue("a/b.csv", version=2)
    assert [] == shelf.outbox.settling(shelf.root.id)


@pytest.mark.parametrize("is_tombstoned", [False, True])
def test_a_retry_puts_what_is_parked_back_at_once_and_as_new(shelf: Shelf, is_tombstoned: bool) -> None:
    identity = shelf.sync("a.csv", 7) if is_tombstoned else shelf.enqueue()
    if is_tombstoned:
        shelf.make_tombstones(7, now=NOW)
    else:
        shelf.claim()
        shelf.settle(identity, Event.REFUSE, reason="bad CSV", batch_cap=1)

    assert 1 == shelf.outbox.retry([identity, identity], now=LATER)

    assert ("ready", "waiting for its turn", 0, []) == tuple(
        shelf.record()[key] for key in ("state", "reason", "attempts", "sample_ids")
    )
    assert LATER == shelf.index.records.counts().oldest_pending_at
    assert [None] == [item.batch_cap for item in shelf.claim(now=LATER)]


def test_a_tombstone_that_was_sent_again_may_become_one_again(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 7)
    shelf.make_tombstones(7, now=NOW)
    shelf.outbox.retry([identity], now=NOW)
    shelf.claim()
    shelf.settle(identity, Event.STORED, sample_ids=(8,))
    assert [] == shelf.make_tombstones(7, now=NOW)

    assert [identity] == shelf.make_tombstones(8, now=NOW)


@pytest.mark.parametrize("state", ["ready", "sending", "synced", "settling", "gone"])
def test_only_what_waits_for_a_person_is_retried(shelf: Shelf, state: str) -> None:
    identity = shelf.sync("a.csv", 7) if state == "synced" else shelf.enqueue()
    if state == "sending":
        shelf.claim()
    match state:
        case "settling":
            shelf.outbox.mark_changed([identity], now=NOW)
        case "gone":
            shelf.outbox.mark_gone([identity], now=NOW)

    assert 0 == shelf.outbox.retry([identity], now=NOW)
    assert state == shelf.record()["state"]


def test_a_person_may_end_a_doubt_before_the_listing_resolves_it(shelf: Shelf) -> None:
    identity = shelf.enqueue()
    shelf.claim()
    shelf.settle(identity, Event.SILENCE, due_at=NOW + 1000)

    assert 1 == shelf.outbox.retry([identity], now=LATER)
    shelf.outbox.resolve([Outcome(item_id=identity, events=(Event.STORED,), sample_ids=(3,))], now=LATER)

    assert [] == shelf.outbox.doubtful("main", limit=9)
    assert [identity] == [item.id for item in shelf.claim(now=LATER)]


def test_a_doubt_says_why_it_lasts(shelf: Shelf) -> None:
    for path in ("doubtful.csv", "ready.csv"):
        identity = shelf.enqueue(path)
        if path == "doubtful.csv":
            shelf.claim()
            shelf.settle(identity, Event.SILENCE)

    shelf.outbox.explain_doubts("main", "nobody tells")
    shelf.outbox.explain_doubts("other", "not this one")

    assert ["nobody tells", "waiting for its turn"] == [
        shelf.record(path)["reason"] for path in ("doubtful.csv", "ready.csv")
    ]


@pytest.mark.parametrize(("put_off_s", "due_at"), [(300.0, NOW + 300.0), (301.0, NOW), (1e9, NOW)])
def test_after_a_start_no_file_waits_for_a_time_that_a_wrong_clock_named(
    shelf: Shelf, put_off_s: float, due_at: float
) -> None:
    identity = shelf.enqueue()
    shelf.claim()
    shelf.settle(identity, Event.DEFER, due_at=NOW + put_off_s)

    shelf.reopen(now=NOW)

    assert due_at == shelf.outbox.next_due_at("main", [shelf.root.id])


@pytest.mark.parametrize("is_restart", [True, False])
def test_a_file_that_waits_since_an_instant_to_come_waits_anew(shelf: Shelf, is_restart: bool) -> None:
    hour = 3600.0
    [new, deferred, due] = [shelf.enqueue(f"{number}.csv", now=NOW + 6 * hour * (number < 2)) for number in range(3)]
    claimed = shelf.outbox.claim("main", [shelf.root.id], limit=9, claim=1, now=NOW + 6 * hour)
    shelf.outbox.settle(
        [
            Outcome(item_id=item.id, events=(Event.DEFER,), due_at=NOW + 6 * hour + 60.0 * (item.id == deferred))
            for item in claimed
        ],
        claim=1,
        now=NOW + 6 * hour,
    )

    if is_restart:
        shelf.reopen(now=NOW)
    else:
        assert 3 == shelf.outbox.wait_anew(now=NOW)

    assert [new, due] == [item.id for item in shelf.outbox.claim("main", [1], limit=9, claim=2, now=NOW)]
    assert NOW + 60.0 == shelf.outbox.next_due_at("main", [shelf.root.id])


def test_what_went_is_forgotten_after_a_while_with_its_history(shelf: Shelf) -> None:
    synced = shelf.sync("synced.csv", 7)
    old, new, back = (shelf.enqueue(path) for path in ("old.csv", "new.csv", "back.csv"))
    shelf.outbox.mark_gone([old, back], now=NOW)
    shelf.enqueue("back.csv")
    shelf.outbox.mark_gone([new], now=LATER)

    assert 1 == shelf.outbox.forget_gone(before=LATER)

    assert {"synced.csv", "new.csv", "back.csv"} == set(shelf.known(""))
    assert [] == shelf.history(old)
    assert all(shelf.history(identity) for identity in (synced, new, back))


# --- looking ----------------------------------------------------------------------------------------------------------


def test_a_folder_knows_its_own_files_only(shelf: Shelf) -> None:
    [other] = shelf.outbox.register([("/data2", "main")])
    for path in ("a.csv", "a/x.csv", "a/b/x.csv", "ab/x.csv", "a%/x.csv", "a_/x.csv"):
        shelf.enqueue(path)
    shelf.outbox.enqueue([shelf.candidate("a/y.csv", root_id=other.id)], now=NOW)

    assert {"x.csv"} == set(shelf.known("a"))
    assert {"a.csv"} == set(shelf.known(""))
    assert {} == shelf.known("b")
    assert shelf.id_of("a/x.csv") == shelf.known("a")["x.csv"].id
    assert ["", "a", "a%", "a/b", "a_", "ab"] == sorted(shelf.places.folders(shelf.root.id))
    assert ["a"] == shelf.places.folders(other.id)
    assert shelf.outbox.known_at(shelf.root.id, "a/y.csv") is None


def test_a_folder_of_which_all_is_gone_is_no_folder(shelf: Shelf) -> None:
    for path in ("a/x.csv", "b/x.csv", "b/y.csv"):
        shelf.enqueue(path)

    shelf.outbox.mark_gone([shelf.id_of("a/x.csv"), shelf.id_of("b/x.csv")], now=NOW)

    assert ["b"] == shelf.places.folders(shelf.root.id)


# --- waking -----------------------------------------------------------------------------------------------------------


def test_a_listener_is_called_once_the_work_is_committed(shelf: Shelf) -> None:
    due: list[float | None] = []
    shelf.outbox.on_work(lambda: due.append(shelf.outbox.next_due_at("main", [shelf.root.id])))

    shelf.enqueue()
    assert [NOW] == due
    shelf.enqueue()
    shelf.outbox.mark_changed([shelf.id_of()], now=NOW)
    assert [NOW] == due


def test_new_files_known_ones_and_one_that_comes_twice_enter_together(shelf: Shelf) -> None:
    shelf.enqueue("sent.csv")
    shelf.claim()
    shelf.enqueue("waits.csv")
    shelf.enqueue("same.csv")
    paths = ["new.csv", "sent.csv", "waits.csv", "same.csv", "twice.csv", "twice.csv"]
    versions = [1, 2, 2, 1, 1, 2]
    together = [shelf.candidate(path, facts=facts(version)) for path, version in zip(paths, versions, strict=True)]

    busy = shelf.outbox.enqueue(together, now=LATER)

    assert {(shelf.root.id, "sent.csv")} == busy
    entered = {path: known for path, known in shelf.known().items() if known.state is State.READY}
    assert {"new.csv": facts(1), "waits.csv": facts(2), "same.csv": facts(1), "twice.csv": facts(2)} == {
        path: known.facts for path, known in entered.items()
    }
    lines = {
        path: [(line["at"], line["event"]) for line in reversed(shelf.index.records.history(known.id))]
        for path, known in entered.items()
    }
    again = [(LATER, "changed"), (LATER, "complete")]
    assert {"new.csv": [(LATER, "complete")], "waits.csv": [(NOW, "complete"), *again],
            "same.csv": [(NOW, "complete")], "twice.csv": [(LATER, "complete"), *again]} == lines  # fmt: skip


# --- speed at a million rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "index"),
    [
        (Order.OLDEST, "file_due (root_id=? AND due_at<?)"),
        (Order.NEWEST, "file_due (root_id=? AND due_at<?)"),
        (Order.SMALLEST, "file_by_size (root_id=?)"),
    ],
)
def test_what_is_due_is_found_by_its_index(shelf: Shelf, order: Order, index: str) -> None:
    plan = shelf.plan(claims._DUE_BY[order], target="main", root_id=1, limit=5, now=NOW)

    assert f"SEARCH file USING INDEX {index}" in plan
    assert "SCAN file" not in plan
    assert "TEMP B-TREE" not in plan


def test_files_are_claimed_in_the_order_that_was_asked_for(shelf: Shelf) -> None:
    [other] = shelf.outbox.register([("/other", "main")])
    for number, (size, root_id) in enumerate([(30, 1), (10, other.id), (20, 1), (40, other.id), (20, 1)]):
        shelf.outbox.enqueue(
            [shelf.candidate(f"{number}.csv", root_id=root_id, facts=FileFacts(size, 1, number))], now=NOW + number // 2
        )
    expected = {Order.OLDEST: "01234", Order.NEWEST: "43210", Order.SMALLEST: "12403"}
    for claim, (order, names) in enumerate(expected.items()):
        for limit in (2, 5):
            items = shelf.outbox.claim("main", [1, other.id], order=order, limit=limit, claim=claim, now=LATER)
            assert [f"{name}.csv" for name in names[:limit]] == [item.path for item in items]
            shelf.outbox.settle([give_back(item) for item in items], claim=claim, now=NOW)


def test_what_is_given_back_keeps_its_place(shelf: Shelf) -> None:
    for name in "abc":
        shelf.enqueue(f"{name}.csv")
    [first] = shelf.claim(limit=1)
    shelf.outbox.settle([give_back(first)], claim=1, now=LATER)
    assert ["a.csv", "b.csv", "c.csv"] == [item.path for item in shelf.claim(now=LATER)]


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (claims._CLAIM, "INTEGER PRIMARY KEY (rowid=?)"),
        (claims._NEXT_DUE, "INDEX file_due (root_id=?)"),
        (intake._KNOWN_AT, "INDEX sqlite_autoindex_file_1 (root_id=? AND folder=? AND name=?)"),
        (intake._SETTLING, "INDEX file_by_state (state=?)"),
        (queue._DOUBTFUL, "INDEX file_by_state (state=?)"),
        (outbox._FORGET_GONE, "INDEX file_by_state (state=? AND changed_at<?)"),
        (outbox._FORGET_HISTORY, "INDEX history_by_file (file_id=?)"),
        (queue._SETTLE, "INTEGER PRIMARY KEY (rowid=?)"),
    ],
)
def test_no_question_of_the_loops_walks_all_files(shelf: Shelf, statement: str, index: str) -> None:
    names = ("target", "ids", "root_id", "folder", "name", "limit", "before", "id", "state", "claim", "reason",
             "due_at", "batch_cap", "settled", "is_attempt", "now")  # fmt: skip

    plan = shelf.plan(statement, **dict.fromkeys(names))

    assert index in plan
    assert "SCAN file" not in plan
    assert "SCAN history" not in plan


def test_a_listed_sample_is_known_to_exist(shelf: Shelf) -> None:
    shelf.sync("a.csv", 7)
    shelf.make_tombstones(7, now=NOW)

    assert [] == shelf.sweep(7, now=LATER)

    assert (7,) == shelf.samples_with("main", "a")
    assert (State.SYNCED, "it is back in the project (sample 7)") == (shelf.state(), shelf.record()["reason"])
