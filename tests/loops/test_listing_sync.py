"""What a poll of the listing finds and concludes when people, the network and the clock interfere."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from eisync.core.lifecycle import Event, State
from eisync.core.model import Page, RemoteSample
from eisync.core.outcome import Outcome
from eisync.errors import KeyRefusedError, StudioError, UnansweredError
from eisync.loops.reconciler import listing_sync
from eisync.store.mirror import Mirrored
from tests.fakes import Cloud

from .test_reconciler import Sweep, digest, project, samples, send, synced
from .yard import Yard, run

SYNCED, READY, TOMBSTONE, SETTLING = State.SYNCED, State.READY, State.TOMBSTONE, State.SETTLING


@pytest.fixture
def cloud() -> Cloud:
    """A service that reports when it was changed last."""
    cloud = Cloud()
    cloud.changed_at = 1.0
    return cloud


def edit(cloud: Cloud, sample_id: int, **fields: Any) -> None:
    """Change a sample as a person does in Studio."""
    cloud.samples[sample_id] = replace(cloud.samples[sample_id], **fields)
    touch(cloud)


def touch(cloud: Cloud) -> None:
    assert cloud.changed_at is not None
    cloud.changed_at += 1.0


def delete(cloud: Cloud, *sample_ids: int) -> None:
    for sample_id in sample_ids:
        del cloud.samples[sample_id]
    touch(cloud)


def belief(yard: Yard, sample_id: int) -> RemoteSample:
    mirrored = Mirrored(yard.database)
    [one] = mirrored.slice("main", low=sample_id, high=sample_id + 1, generation=None, began_at=0.0, limit=1).indexed
    return one.sample


def swept(sweep: Sweep) -> bool:
    return sweep.loop.reports()["main"].swept


# --- polls


def test_a_poll_without_changes_sends_two_requests(yard: Yard, cloud: Cloud) -> None:
    synced(yard, cloud, *(f"{number}.csv" for number in range(5)))
    sweep = Sweep(yard, project(cloud, page_size=2))
    sweep.run()
    before = cloud.questions
    sweep.run(after_s=300.0)
    assert (2, False) == (cloud.questions - before, swept(sweep))
    assert [sweep.clock.now] == [target.listed_at for target in yard.index.targets()]


def test_what_is_new_is_listed_without_the_rest(yard: Yard, cloud: Cloud) -> None:
    for number in range(20):
        cloud.add(f"old.{number}.csv", f"old {number}")
    sweep = Sweep(yard, project(cloud, page_size=4))
    sweep.run()
    new = [cloud.add(f"new.{number}.csv", f"new {number}") for number in range(10)]
    cloud.added_at[new[-1]] = 2.0
    touch(cloud)
    before = cloud.questions
    sweep.run(after_s=300.0)
    report = sweep.loop.reports()["main"]
    assert (False, 10, 10) == (report.swept, report.listed, report.learned)
    assert 5 == cloud.questions - before  # the change, three pages, the count
    sweep.run(after_s=300.0)
    assert 7 == cloud.questions - before


@pytest.mark.parametrize(
    ("fields", "clause"),
    [
        ({"label": "wave"}, "label 'idle' became 'wave'"),
        ({"category": "testing"}, "category 'training' became 'testing'"),
        ({"filename": "better"}, "name 'a' became 'better'"),
        ({"metadata": (("site", "lab"),)}, "metadata was changed"),
        ({"is_disabled": True}, "was disabled"),
        ({"has_processing_error": True}, "could not be processed"),
    ],
)
def test_an_edit_is_mirrored_and_nothing_counts_as_deleted(
    yard: Yard, cloud: Cloud, fields: dict[str, Any], clause: str
) -> None:
    ids = synced(yard, cloud, "a.csv")
    sweep = Sweep(yard, project(cloud))
    sweep.run()
    edit(cloud, ids["a.csv"], **fields)
    for _ in range(4):
        sweep.run(after_s=300.0)
    assert cloud.samples[ids["a.csv"]] == belief(yard, ids["a.csv"])
    assert {"a.csv": SYNCED} == yard.states()
    history = yard.database._connection.execute("select detail from history where event = 'edited'").fetchall()
    assert [f"{clause} at the service"] == [row["detail"] for row in history]


def test_a_service_without_a_change_time_is_swept_seldom(yard: Yard, cloud: Cloud) -> None:
    cloud.changed_at = None
    ids = synced(yard, cloud, "a.csv")
    sweep = Sweep(yard, project(cloud))
    sweep.run()
    cloud.samples[ids["a.csv"]] = replace(cloud.samples[ids["a.csv"]], label="wave")
    sweep.run(after_s=300.0)
    assert ("idle", False) == (belief(yard, ids["a.csv"]).label, swept(sweep))
    sweep.run(after_s=6 * 3600.0)
    assert ("wave", True) == (belief(yard, ids["a.csv"]).label, swept(sweep))


def test_a_request_of_a_person_sweeps_at_once(yard: Yard, cloud: Cloud) -> None:
    sweep = Sweep(yard, project(cloud))
    sweep.run()
    sweep.run(after_s=300.0)
    assert not swept(sweep)
    sweep.loop.pass_now(sweeps=True)
    sweep.run()
    assert (True, "asked for") == (swept(sweep), sweep.loop.reports()["main"].why)


def test_a_dry_run_reports_and_stores_nothing(yard: Yard, cloud: Cloud) -> None:
    ids = synced(yard, cloud, "a.csv", "b.csv")
    sweep = Sweep(yard, project(cloud))
    sweep.run(after_s=1.0)
    edit(cloud, ids["a.csv"], label="wave")
    delete(cloud, ids["b.csv"])
    before = list(yard.database._connection.iterdump())
    for _ in range(3):
        ticket = sweep.loop.ask_pass(dry_run=True)
        assert sweep.loop.report(ticket) is None
        sweep.run()
        [reported] = sweep.loop.report(ticket) or []
        assert (True, 1, 1) == (reported["swept"], reported["changed"], reported["unlisted"])
        assert [
            f"sample {ids['a.csv']}: label 'idle' became 'wave'",
            f"sample {ids['b.csv']}: no longer listed",
        ] == reported["details"]
    cloud.trouble = UnansweredError("no answer")
    ticket = sweep.loop.ask_pass(dry_run=True)
    sweep.run()
    assert ["no answer"] == [reported["trouble"] for reported in sweep.loop.report(ticket) or []]
    assert before == list(yard.database._connection.iterdump())


# --- deletions


@pytest.mark.parametrize("rows", [3, 2000])
def test_five_hundred_samples_deleted_at_once_are_five_hundred_tombstones(
    yard: Yard, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(listing_sync, "SLICE", rows)  # a listing without a long range of the index
    names = [f"{number}.csv" for number in range(600 if rows > 500 else 60)]
    yard.fill(*names)
    ids = {name: cloud.add(name, digest(name)) for name in names}
    items = yard.outbox.claim("main", [1], limit=1000, claim=1, now=yard.later)
    for item in items:
        settle(yard, item.id, ids[item.path])
    sweep = Sweep(yard, project(cloud, page_size=100))
    sweep.run(after_s=1.0)
    doomed = names[10 : 510 if rows > 500 else 58]
    delete(cloud, *(ids[name] for name in doomed))
    sweep.run(after_s=300.0)
    assert {SYNCED} == set(yard.states().values())
    sweep.run(after_s=300.0)
    assert set(doomed) == {path for path, state in yard.states().items() if state is TOMBSTONE}
    assert len(doomed) == sweep.loop.reports()["main"].tombstoned
    before = cloud.questions
    sweep.run(after_s=300.0)
    assert 2 == cloud.questions - before


def settle(yard: Yard, identity: int, sample_id: int) -> None:
    settlement = Outcome(item_id=identity, events=(Event.STORED,), sample_ids=(sample_id,))
    yard.outbox.settle([settlement], claim=1, now=yard.later)


class Busy(Cloud):
    """A service that calls a function before each page is listed."""

    def __init__(self) -> None:
        super().__init__()
        self.changed_at = 1.0
        self.happenings: Iterator[Callable[[], object]] = iter(())

    def page(self, *, limit: int, filename: str | None = None, **more: Any) -> Page:
        if filename is None:
            next(self.happenings, lambda: None)()
        return super().page(limit=limit, filename=filename, **more)


def test_deletions_during_a_sweep_affect_no_other_file(yard: Yard) -> None:
    cloud = Busy()
    ids = synced(yard, cloud, *(f"{number}.csv" for number in range(30)))
    order = list(ids.values())
    sweep = Sweep(yard, project(cloud, page_size=5))
    sweep.run(after_s=1.0)
    # One that the sweep has passed, one ahead of it, and the first one of its next page.
    doomed = [order[28], order[3], order[14]]
    touch(cloud)
    cloud.happenings = iter([lambda: None, lambda: None, *(partial(delete, cloud, one) for one in doomed)])
    for _ in range(5):
        sweep.run(after_s=300.0)
    gone = {path for path, state in yard.states().items() if state is TOMBSTONE}
    assert {path for path, one in ids.items() if one in doomed} == gone


@pytest.mark.parametrize("page", [1, 3])
def test_a_listing_that_shrinks_during_a_sweep_is_dropped(yard: Yard, page: int) -> None:
    cloud = Busy()
    yard.fill(*(f"{number}.csv" for number in range(80)))
    for item in yard.outbox.claim("main", [1], limit=100, claim=1, now=yard.later):
        settle(yard, item.id, cloud.add(item.path, digest(item.path)))
    sweep = Sweep(yard, project(cloud, page_size=20))
    sweep.run(after_s=1.0)
    whole = dict(cloud.samples)
    touch(cloud)

    def vanish() -> None:
        cloud.samples.clear()

    cloud.happenings = iter([lambda: None] * (page + 1) + [vanish])
    sweep.run(after_s=300.0)
    assert "the listing shrank from 80 to 0 samples" in str(sweep.loop.troubles()["main"])
    cloud.samples.update(whole)
    sweep.run(after_s=300.0)
    assert ({}, {SYNCED}) == (sweep.loop.troubles(), set(yard.states().values()))
    assert {(0, False)} == set(samples(yard).values())


def test_a_tombstone_whose_sample_is_listed_again_is_synced(yard: Yard, cloud: Cloud) -> None:
    ids = synced(yard, cloud, "a.csv")
    sweep = Sweep(yard, project(cloud))
    sweep.run(after_s=1.0)
    lost = cloud.samples[ids["a.csv"]]
    delete(cloud, lost.id)
    sweep.run(after_s=300.0)
    sweep.run(after_s=300.0)
    assert {"a.csv": TOMBSTONE} == yard.states()
    cloud.samples[lost.id] = lost
    touch(cloud)
    sweep.run(after_s=300.0)
    assert ({"a.csv": SYNCED}, f"it is back in the project (sample {lost.id})") == (yard.states(), yard.reason("a.csv"))


def test_the_file_of_a_sample_that_was_never_listed_is_sent_again(yard: Yard, cloud: Cloud) -> None:
    synced(yard, cloud, "a.csv")
    sweep = Sweep(yard, project(cloud))
    sweep.run(after_s=1.0)
    ids = synced(yard, cloud, "b.csv", "c.csv")
    delete(cloud, ids["b.csv"])
    assert cloud.changed_at is not None
    cloud.added_at[ids["c.csv"]] = cloud.changed_at
    sweep.run(after_s=300.0)
    assert "new samples are no longer listed" == sweep.loop.reports()["main"].why
    sweep.run(after_s=300.0)
    # A sample that was never listed does not count as deleted by a person.
    assert {"a.csv": SYNCED, "b.csv": SETTLING, "c.csv": SYNCED} == yard.states()
    run(yard.watcher(), yard.later + 900.0)
    assert {"a.csv": SYNCED, "b.csv": READY, "c.csv": SYNCED} == yard.states()


# --- sweeps that are interrupted


def test_a_sweep_that_the_network_interrupts_continues(yard: Yard, cloud: Cloud) -> None:
    for number in range(50):
        cloud.add(f"{number}.csv", str(number))
    sweep = Sweep(yard, project(cloud, page_size=10))
    for _ in range(5):
        sweep.loop.tick(sweep.clock.now)
    cloud.trouble = UnansweredError("no answer")
    sweep.run()
    assert ["no answer"] == [str(error) for error in sweep.loop.troubles().values()]
    cloud.trouble = None
    before = cloud.questions
    sweep.run(after_s=300.0)
    report = sweep.loop.reports()["main"]
    assert (("the last listing was interrupted"), 10) == (
        report.why,
        report.listed,
    )  # two pages arrived before the failure
    assert 4 == cloud.questions - before  # the change, two pages (the last is empty), the count
    assert 50 == len(samples(yard))


def test_a_sample_deleted_during_an_interrupted_sweep_is_found_missing_by_the_next(yard: Yard, cloud: Cloud) -> None:
    first, *others = [cloud.add(f"{number}.csv", str(number)) for number in range(4)]
    sweep = Sweep(yard, project(cloud, page_size=3))
    for _ in range(3):
        sweep.loop.tick(sweep.clock.now)  # the last page is requested
    delete(cloud, first)
    sweep.run(after_s=300.0)
    sweep.run(after_s=300.0)
    assert set(others) == set(samples(yard))


@pytest.mark.parametrize(
    ("seen", "wasted"),
    [
        (lambda last_id: last_id, 0),
        (lambda last_id: None, 0),  # no request waits for ever
        (lambda last_id: last_id + 3, 2),
        (lambda last_id: last_id - 3, 2),
        (lambda last_id: 10**17, 2),
        (lambda last_id: 0, 2),
        (lambda last_id: last_id if last_id > 150 else last_id - 1, 2),
    ],
    ids=["as it is", "not at all", "too high", "too low", "beyond", "nothing below", "misled later"],
)
def test_a_page_that_was_prefetched_from_a_wrong_id_is_dropped(
    yard: Yard, cloud: Cloud, seen: Callable[[int], int | None], wasted: int
) -> None:
    ids = [cloud.add(f"{number}.csv", str(number)) for number in range(95)]
    assert ids == list(range(101, 196))
    cloud.seen = seen
    sweep = Sweep(yard, project(cloud, page_size=10))
    sweep.run()
    assert ({}, set(ids)) == (sweep.loop.troubles(), set(samples(yard)))
    assert 95 == sweep.loop.reports()["main"].listed
    # Whose project, the change, the versions, the count beside the first page and after the last.
    assert 5 + 10 <= cloud.questions <= 5 + 10 + wasted


def test_a_stop_drops_the_pending_page(yard: Yard, cloud: Cloud) -> None:
    ids = [cloud.add(f"{number}.csv", str(number)) for number in range(50)]
    first = Sweep(yard, project(cloud, page_size=10))
    for _ in range(5):
        first.loop.tick(first.clock.now)  # two pages are stored, the third is read
    first.loop.stop(first.clock.now)
    first.run()
    assert set(ids[30:]) == set(samples(yard))
    cloud.samples[ids[25]] = replace(cloud.samples[ids[25]], label="wave")
    second = Sweep(yard, project(cloud, page_size=10))
    second.run(after_s=300.0)
    assert ("the last listing was interrupted", 30) == (
        second.loop.reports()["main"].why,
        second.loop.reports()["main"].listed,
    )
    assert (set(ids), "wave") == (set(samples(yard)), belief(yard, ids[25]).label)


def test_a_page_prefetched_before_a_key_change_is_dropped(yard: Yard, cloud: Cloud) -> None:
    ids = [cloud.add(f"{number}.csv", str(number)) for number in range(50)]
    sweep = Sweep(yard, project(cloud, page_size=10))
    for _ in range(5):
        sweep.loop.tick(sweep.clock.now)
    cloud.project = 8
    sweep.run()
    [trouble] = sweep.loop.troubles().values()
    assert "project" in str(trouble)
    assert set(ids[30:]) == set(samples(yard))
    assert None is Mirrored(yard.database).sweep_under_way("main")


@pytest.mark.parametrize(("pages", "listed"), [(1, 10), (3, 30)])
def test_a_refused_prefetched_page_changes_nothing_before_its_turn(yard: Yard, pages: int, listed: int) -> None:
    cloud = Busy()
    for number in range(50):
        cloud.add(f"{number}.csv", str(number))

    def refuse() -> None:
        raise StudioError("not now", status=200)

    cloud.happenings = iter([lambda: None] * pages + [refuse])
    sweep = Sweep(yard, project(cloud, page_size=10))
    sweep.run()
    assert ["not now"] == [str(error) for error in sweep.loop.troubles().values()]
    assert listed == len(samples(yard))  # the pages before are stored
    assert None is Mirrored(yard.database).sweep_under_way("main")
    sweep.run(after_s=300.0)
    assert (50, {}) == (len(samples(yard)), sweep.loop.troubles())


def test_a_sweep_continues_in_the_next_process(yard: Yard, cloud: Cloud) -> None:
    ids = synced(yard, cloud, *(f"{number}.csv" for number in range(30)))
    first = Sweep(yard, project(cloud, page_size=10))
    first.run(after_s=1.0)
    delete(cloud, ids["29.csv"], ids["3.csv"])
    first.clock.now += 300.0
    for _ in range(6):
        first.loop.tick(first.clock.now)  # it has passed the newest of the two, and the process dies
    second = Sweep(yard, project(cloud, page_size=10))
    second.run(after_s=301.0)
    assert ("the last listing was interrupted", True) == (
        second.loop.reports()["main"].why,
        30 > second.loop.reports()["main"].listed,
    )
    second.run(after_s=300.0)
    assert {"29.csv", "3.csv"} == {path for path, state in yard.states().items() if state is TOMBSTONE}


def test_a_sweep_that_was_interrupted_long_ago_begins_again(yard: Yard, cloud: Cloud) -> None:
    for number in range(30):
        cloud.add(f"{number}.csv", str(number))
    sweep = Sweep(yard, project(cloud, page_size=10))
    for _ in range(3):
        sweep.loop.tick(sweep.clock.now)
    sweep = Sweep(yard, project(cloud, page_size=10))
    sweep.run(after_s=2 * 86_400.0)
    assert ("this is the first listing", 30) == (sweep.loop.reports()["main"].why, sweep.loop.reports()["main"].listed)


def test_a_clock_that_is_set_back_in_a_sweep_concludes_nothing(yard: Yard, cloud: Cloud) -> None:
    ids = synced(yard, cloud, *(f"{number}.csv" for number in range(30)))
    sweep = Sweep(yard, project(cloud, page_size=10))
    sweep.run(after_s=1.0)
    delete(cloud, ids["3.csv"])
    for _ in range(3):
        sweep.clock.now += 300.0
        for _ in range(6):
            sweep.loop.tick(sweep.clock.now)
        sweep.run(after_s=-3600.0)
        assert "the clock was set back" in str(sweep.loop.troubles()["main"])
    assert (0, False) == samples(yard)[ids["3.csv"]]
    assert {SYNCED} == set(yard.states().values())


@pytest.mark.parametrize("ticks", range(1, 12))
def test_a_key_of_another_project_during_a_pass_makes_no_tombstone(yard: Yard, ticks: int) -> None:
    cloud, other = Cloud(7), Cloud(8)

    class Swapped:
        """The service behind the key, which a test can change."""

        now = cloud

        def __getattr__(self, name: str) -> Any:
            return getattr(self.now, name)

    studio = Swapped()
    ids = synced(yard, cloud, *(f"{number}.csv" for number in range(30)))
    sweep = Sweep(yard, project(studio, page_size=10))
    sweep.run(after_s=1.0)
    del cloud.samples[ids["29.csv"]]  # so that the next pass has to sweep
    sweep.clock.now += 300.0
    for _ in range(ticks):
        sweep.loop.tick(sweep.clock.now)
    studio.now = other
    for _ in range(4):
        sweep.run(after_s=300.0)
    assert {SYNCED} == set(yard.states().values())
    assert "opens project 8, but its files are in project 7" in str(sweep.loop.troubles()["main"])
    studio.now = cloud
    for _ in range(3):
        sweep.run(after_s=300.0)
    assert {"29.csv"} == {path for path, state in yard.states().items() if state is TOMBSTONE}


def test_a_key_that_may_not_list_leaves_everything_as_it_is(yard: Yard, cloud: Cloud) -> None:
    ids = synced(yard, cloud, "a.csv")
    sweep = Sweep(yard, project(cloud))
    sweep.run(after_s=1.0)
    delete(cloud, ids["a.csv"])
    sweep.run(after_s=300.0)
    cloud.trouble = KeyRefusedError("Studio refuses the key")
    for _ in range(5):
        sweep.run(after_s=300.0)
    assert ({"a.csv": SYNCED}, (1, False)) == (yard.states(), samples(yard)[ids["a.csv"]])


# --- adoption


def test_a_file_that_others_uploaded_is_adopted_without_an_upload(yard: Yard, cloud: Cloud) -> None:
    yard.fill("deep/a.csv", "b.csv", "c.csv")
    sample_id = cloud.add("a.csv", digest("deep/a.csv"))
    cloud.add("b.csv", digest("of other bytes"))  # the name alone proves nothing
    cloud.add("z.csv", digest("c.csv"))  # and neither does the content
    Sweep(yard, project(cloud)).run()
    assert {"deep/a.csv": SYNCED, "b.csv": READY, "c.csv": READY} == yard.states()
    record = yard.record("deep/a.csv")
    assert ([sample_id], digest("deep/a.csv"), "already in the project; nothing was sent") == (
        record["sample_ids"],
        record["sha256"],
        record["reason"],
    )
    assert [] == cloud.uploads


@pytest.mark.parametrize("sent_as", ["idle.1.csv", "a.csv"], ids=["under that name", "under its own, before"])
def test_a_file_with_a_name_in_info_labels_is_adopted_by_either_name(yard: Yard, cloud: Cloud, sent_as: str) -> None:
    account = {"files": [{"path": "deep/a.csv", "name": "idle.1"}]}
    yard.write("info.labels", json.dumps(account).encode())
    yard.fill("deep/a.csv")
    sample_id = cloud.add(sent_as, digest("deep/a.csv"))
    Sweep(yard, project(cloud)).run()
    assert ({"deep/a.csv": SYNCED}, [sample_id]) == (yard.states(), yard.record("deep/a.csv")["sample_ids"])


def test_nothing_is_adopted_if_duplicates_are_allowed(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv")
    cloud.add("a.csv", digest("a.csv"))
    Sweep(yard, replace(project(cloud), allow_duplicates=True)).run()
    assert {"a.csv": READY} == yard.states()


@pytest.mark.parametrize("change", ["content", "claim"])
def test_a_file_that_changes_before_its_adoption_is_not_adopted(yard: Yard, cloud: Cloud, change: str) -> None:
    yard.fill("a.csv")
    cloud.add("a.csv", digest("a.csv"))
    mirrored = Mirrored(yard.database)

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(mirrored, name)

        def adopt(self, *arguments: Any, **more: Any) -> bool:
            send(yard, Event.DEFER) if change == "claim" else yard.fill("a.csv", content=b"another version")
            if change == "claim":
                yard.outbox.claim("main", [1], limit=1, claim=2, now=yard.later)
            return mirrored.adopt(*arguments, **more)

    Sweep(yard, project(cloud), mirrored=Slow()).run()
    assert {"a.csv": State.SENDING if change == "claim" else READY} == yard.states()


# --- what commands show


def test_the_list_of_files_shows_what_differs_in_the_project(yard: Yard, cloud: Cloud) -> None:
    ids = synced(yard, cloud, "a.csv")
    sweep = Sweep(yard, project(cloud))
    sweep.run()
    assert ["labelled 'idle' there, 'a' here"] == yard.record("a.csv")["there"]
    edit(cloud, ids["a.csv"], label="a", is_disabled=True, metadata=(("site", "lab"),))
    sweep.run(after_s=300.0)
    record = yard.record("a.csv")
    assert ["disabled there"] == record["there"]
    assert [
        {
            "id": ids["a.csv"],
            "name": "a",
            "category": "training",
            "label": "a",
            "metadata": {"site": "lab"},
            "is_disabled": True,
            "has_processing_error": False,
            "is_deleted": False,
        }
    ] == record["samples"]
