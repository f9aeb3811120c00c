import hashlib
import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from eisync.adapters.client.body import sha256_of
from eisync.core.lifecycle import Event, State
from eisync.core.model import Item, Page, RemoteSample
from eisync.core.outcome import Outcome
from eisync.errors import EisyncError, KeyRefusedError, StateError, StudioError, UnansweredError, UnreachableError
from eisync.loops.actions.planner import GuardLedger
from eisync.loops.reconciler import identification as module
from eisync.loops.reconciler.context import ReconciledProject, ReconcilerStore
from eisync.loops.reconciler.identification import DOUBT_S
from eisync.loops.reconciler.loop import IDLE_S, KEEP_GONE_S, ReconcilerLoop
from eisync.store.mirror import Mirrored
from tests.fakes import Clock, Cloud, failing

from .stage import actions_of
from .yard import Yard, run

SYNCED, DOUBTFUL, TOMBSTONE, READY = State.SYNCED, State.DOUBTFUL, State.TOMBSTONE, State.READY


class Sweep:
    """A reconciler and its clock."""

    def __init__(
        self,
        yard: Yard,
        *projects: ReconciledProject,
        index: Any = None,
        mirrored: Any = None,
        outbox: Any = None,
        guarding: GuardLedger | None = None,
    ) -> None:
        self.clock = Clock(yard.later)
        self.loop = ReconcilerLoop(
            projects,
            ReconcilerStore(
                index=index or yard.index,
                mirrored=mirrored or Mirrored(yard.database),
                outbox=outbox or yard.outbox,
            ),
            sha256_of_file=sha256_of,
            clock=self.clock,
            log=yard.log,
            actions=actions_of(yard, self.clock, guarding=guarding),
        )

    def run(self, after_s: float = 0.0) -> float:
        """Tick until nothing is due. Return how long the loop wants to wait."""
        self.clock.now += after_s
        return run(self.loop, self.clock.now)


def project(cloud: Any, *, target: str = "main", page_size: int = 1000, interval_s: float = 300.0) -> ReconciledProject:
    return ReconciledProject(target=target, studio=cloud, interval_s=interval_s, page_size=page_size)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def digest(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()


def send(yard: Yard, *events: Event, ids: Iterable[int] = (), sha256: str | None = None) -> None:
    """Claim every file and store its outcome."""
    items = yard.outbox.claim("main", [1], limit=100, claim=1, now=yard.later)
    yard.outbox.settle(
        [
            Outcome(item_id=item.id, events=events, due_at=yard.later, sample_ids=tuple(ids), sha256=sha256)
            for item in items
        ],
        claim=1,
        now=yard.later,
    )


def synced(yard: Yard, cloud: Cloud, *paths: str) -> dict[str, int]:
    """Store files as arrived. Return their sample ids."""
    found = {}
    for path in paths:
        yard.fill(path)
        found[path] = cloud.add(path, digest(path))
        send(yard, Event.STORED, ids=[found[path]], sha256=digest(path))
    return found


def samples(yard: Yard) -> dict[int, tuple[int, bool]]:
    """Return how often each sample was missed in a row, and whether it counts as deleted."""
    rows = yard.database._connection.execute("select id, missed, gone_at from sample").fetchall()
    return {row["id"]: (row["missed"], row["gone_at"] is not None) for row in rows}


# --- sweeps


def test_a_sweep_learns_of_every_sample(yard: Yard, cloud: Cloud) -> None:
    ids = [cloud.add(f"{number}.csv", digest(str(number))) for number in range(25)]
    sweep = Sweep(yard, project(cloud, page_size=10))
    assert 300.0 == sweep.run()
    assert dict.fromkeys(ids, (0, False)) == samples(yard)
    (target,) = yard.index.targets()
    assert (yard.later, None) == (target.listed_at, target.listing_trouble)
    assert [25] == [line.fields["samples"] for line in yard.log.lines if line.event == "sweep.completed"]


def test_actions_of_a_running_pass_are_reported_to_the_next_request(yard: Yard, cloud: Cloud) -> None:
    sweep = Sweep(yard, project(cloud))
    sweep.loop.tick(sweep.clock.now)
    early = sweep.loop.reports()["main"]
    early.done, early.details = 1, ["before"]
    ticket = sweep.loop.ask_pass()
    early.done, early.undone = 3, 1
    early.note("after")
    sweep.run()
    [reported] = sweep.loop.report(ticket) or []
    assert (2, 1, ["after"]) == (reported["done"], reported["undone"], reported["details"])
    ticket = sweep.loop.ask_pass()
    sweep.run()
    [reported] = sweep.loop.report(ticket) or []
    assert (0, 0, []) == (reported["done"], reported["undone"], reported["details"])


def test_an_empty_project_is_swept(yard: Yard, cloud: Cloud) -> None:
    Sweep(yard, project(cloud)).run()
    assert [yard.later] == [target.listed_at for target in yard.index.targets()]


def test_a_tick_waits_for_one_answer_and_two_pages_are_on_their_way(yard: Yard, cloud: Cloud) -> None:
    for number in range(30):
        cloud.add(f"{number}.csv", digest(str(number)))
    sweep = Sweep(yard, project(cloud, page_size=10))
    asked = []
    while sweep.loop.tick(sweep.clock.now) == 0.0:
        asked.append(cloud.questions)
    # The versions are asked for beside the last change, the count beside the first page. Of four pages, three are
    # prefetched.
    assert ([1, 3, 3, 7, 7, 8, 8, 9], 9) == (asked, cloud.questions)


def test_of_a_listing_of_one_page_the_count_is_asked_for_once(yard: Yard, cloud: Cloud) -> None:
    cloud.add("a.csv", digest("a"))
    sweep = Sweep(yard, project(cloud))
    asked = []
    while sweep.loop.tick(sweep.clock.now) == 0.0:
        asked.append(cloud.questions)
    assert [1, 3, 3, 5] == asked[:4]
    assert 5 == cloud.questions


def test_a_service_that_gives_smaller_pages_is_swept_to_the_end(yard: Yard, cloud: Cloud) -> None:
    cloud.most_a_page = 7
    ids = [cloud.add(f"{number}.csv", digest(str(number))) for number in range(25)]
    Sweep(yard, project(cloud, page_size=1000)).run()
    assert set(ids) == set(samples(yard))


def test_the_next_sweep_comes_after_the_interval(yard: Yard, cloud: Cloud) -> None:
    sweep = Sweep(yard, project(cloud))
    sweep.run()
    questions = cloud.questions
    assert 1.0 == pytest.approx(sweep.run(after_s=299.0))
    assert questions == cloud.questions
    sweep.run(after_s=1.0)
    assert cloud.questions > questions


def test_a_clock_that_is_set_back_does_not_delay_the_next_sweep(yard: Yard, cloud: Cloud) -> None:
    sweep = Sweep(yard, project(cloud))
    sweep.run()
    assert 300.0 == pytest.approx(sweep.run(after_s=-86_400.0))


# --- deletions


def test_a_deleted_sample_makes_a_tombstone_after_two_sweeps_and_a_question(yard: Yard, cloud: Cloud) -> None:
    ids = synced(yard, cloud, "a.csv", "b.csv")
    sweep = Sweep(yard, project(cloud))
    sweep.run(after_s=1.0)
    del cloud.samples[ids["a.csv"]]
    sweep.run(after_s=300.0)
    assert {"a.csv": SYNCED, "b.csv": SYNCED} == yard.states()
    sweep.run(after_s=300.0)
    assert {"a.csv": TOMBSTONE, "b.csv": SYNCED} == yard.states()
    assert f"deleted in the project (sample {ids['a.csv']}); 'eisync retry' sends it again" == yard.reason("a.csv")


def test_a_tombstone_is_not_sent_by_a_scan(yard: Yard, cloud: Cloud) -> None:
    synced(yard, cloud, "a.csv")
    sweep = Sweep(yard, project(cloud))
    sweep.run(after_s=300.0)
    cloud.samples.clear()
    for _ in range(3):
        sweep.run(after_s=300.0)
    run(yard.watcher(), yard.later + 1000.0)
    assert {"a.csv": TOMBSTONE} == yard.states()


def test_a_sample_that_exists_but_was_not_listed_is_spared(yard: Yard, cloud: Cloud) -> None:
    ids = synced(yard, cloud, "a.csv")

    class Forgetful(Cloud):
        def is_there(self, sample_id: int) -> bool:
            return sample_id == ids["a.csv"]

    sweep = Sweep(yard, project(Forgetful()))
    for _ in range(4):
        sweep.run(after_s=300.0)
        assert {"a.csv": SYNCED} == yard.states()
    assert {ids["a.csv"]: (0, False)} == samples(yard)


def test_a_sample_that_is_listed_again_does_not_count_as_missed(yard: Yard, cloud: Cloud) -> None:
    ids = synced(yard, cloud, "a.csv")
    sweep = Sweep(yard, project(cloud))
    sample = cloud.samples.pop(ids["a.csv"])
    sweep.run(after_s=1.0)
    cloud.samples[sample.id] = sample
    sweep.run(after_s=300.0)
    del cloud.samples[sample.id]
    sweep.run(after_s=300.0)
    assert ({"a.csv": SYNCED}, {sample.id: (1, False)}) == (yard.states(), samples(yard))


def test_a_sample_that_was_uploaded_during_the_sweep_is_not_missing(yard: Yard, cloud: Cloud) -> None:
    for number in range(20):
        cloud.add(f"{number}.csv", digest(str(number)))
    sweep = Sweep(yard, project(cloud, page_size=10))
    for _ in range(2):
        sweep.loop.tick(sweep.clock.now)  # it has passed the newest page
    sweep.clock.now += 1.0
    yard.later += 1.0
    ids = synced(yard, cloud, "late.csv")
    sweep.run()
    assert (0, False) == samples(yard)[ids["late.csv"]]


def test_every_sample_of_a_file_must_be_gone(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv")
    one, two = cloud.add("a.csv", "x"), cloud.add("a.csv", "x")
    send(yard, Event.DUPLICATE, ids=[one, two], sha256="x")
    sweep = Sweep(yard, project(cloud))
    del cloud.samples[one]
    for _ in range(3):
        sweep.run(after_s=300.0)
    assert {"a.csv": SYNCED} == yard.states()
    del cloud.samples[two]
    for _ in range(3):
        sweep.run(after_s=300.0)
    assert {"a.csv": TOMBSTONE} == yard.states()


# --- incomplete listings


class Studio(Cloud):
    """A service whose listing comes from a list of pages, the same for every sweep."""

    def __init__(self, *pages: Page | EisyncError) -> None:
        super().__init__()
        self.pages = pages
        self.at = 0

    def page(
        self, *, limit: int, before_id: int | None = None, from_id: int | None = None, filename: str | None = None
    ) -> Page:
        self.at = 0 if before_id is None else self.at
        page = self.pages[min(self.at, len(self.pages) - 1)]
        self.at += 1
        if isinstance(page, EisyncError):
            raise page
        return page

    def count(self) -> int:
        totals = [page.total for page in self.pages if isinstance(page, Page)]
        if not totals:
            raise StudioError("No rights", status=403)
        return totals[-1]

    def is_there(self, sample_id: int) -> bool:
        return False


def listed(*ids: int, total: int) -> Page:
    return Page(tuple(RemoteSample(id=one, filename=str(one), category="training", label=None) for one in ids), total)


@pytest.mark.parametrize(
    ("pages", "trouble"),
    [
        ([listed(total=9)], "the listing ended after 0 of 9 samples; eisync asks again later"),
        (
            [listed(9, 8, total=9), listed(total=7)],
            "the listing ended after 2 of 9 samples; eisync asks again later",
        ),
        ([listed(9, 8, total=9), UnansweredError("no answer")], "no answer"),
        ([StudioError("No rights", status=403)], "No rights"),
        ([listed(9, 8, total=9)], "the listing repeats the same samples; eisync asks again later"),
        ([listed(3, 2, total=9), listed(9, 8, total=9)], "the listing repeats the same samples"),
    ],
    ids=["empty", "cut", "failed page", "refused", "does not move", "jumps back"],
)
def test_an_incomplete_listing_concludes_nothing(
    yard: Yard, cloud: Cloud, pages: list[Page | EisyncError], trouble: str
) -> None:
    synced(yard, cloud, "a.csv")
    sweep = Sweep(yard, project(Studio(*pages), page_size=2))
    for _ in range(4):
        sweep.run(after_s=300.0)
    assert {"a.csv": SYNCED} == yard.states()
    assert {(0, False)} == {state for one, state in samples(yard).items() if one > 100}
    (target,) = yard.index.targets()
    assert None is target.listed_at
    assert str(target.listing_trouble).startswith(trouble)
    assert 1 == yard.log.events().count("sweep.failed")


def test_a_listing_that_works_again_ends_the_trouble(yard: Yard, cloud: Cloud) -> None:
    cloud.trouble = UnreachableError("no network")
    sweep = Sweep(yard, project(cloud))
    sweep.run()
    assert ["no network"] == [str(error) for error in sweep.loop.troubles().values()]
    cloud.trouble = None
    sweep.run(after_s=300.0)
    assert {} == sweep.loop.troubles()
    assert [None] == [target.listing_trouble for target in yard.index.targets()]


def test_a_key_that_may_only_upload_is_noted_and_nothing_else(yard: Yard, cloud: Cloud) -> None:
    synced(yard, cloud, "a.csv")
    cloud.trouble = KeyRefusedError("Studio refuses the key (Invalid API key); give eisync another key")
    sweep = Sweep(yard, project(cloud))
    for _ in range(3):
        sweep.run(after_s=300.0)
    assert {"a.csv": SYNCED} == yard.states()
    assert isinstance(sweep.loop.troubles()["main"], KeyRefusedError)
    assert 1 == yard.log.events().count("sweep.failed")


def test_another_project_is_not_swept(yard: Yard, cloud: Cloud) -> None:
    ids = synced(yard, cloud, "a.csv")
    yard.index.identify("main", 7)
    sweep = Sweep(yard, project(Cloud(8)))
    for _ in range(4):
        sweep.run(after_s=300.0)
    assert ({"a.csv": SYNCED}, (0, False)) == (yard.states(), samples(yard)[ids["a.csv"]])
    assert "opens project 8, but its files are in project 7" in str(sweep.loop.troubles()["main"])


def test_a_failing_target_does_not_delay_the_other(yard: Yard, cloud: Cloud) -> None:
    yard.add_root("two", "second")
    broken, whole = Cloud(), Cloud(8)
    broken.trouble = UnreachableError("no network")
    whole.add("a.csv", "x")
    Sweep(yard, project(broken), project(whole, target="second")).run()
    assert {"main": None, "second": yard.later} == {target.name: target.listed_at for target in yard.index.targets()}


def test_targets_take_turns(yard: Yard) -> None:
    yard.add_root("two", "second")
    one, two = Cloud(), Cloud(8)
    for number in range(50):
        one.add(f"{number}.csv", str(number))
        two.add(f"{number}.csv", str(number))
    sweep = Sweep(yard, project(one, page_size=10), project(two, target="second", page_size=10))
    while sweep.loop.tick(sweep.clock.now) == 0.0:
        assert abs(one.questions - two.questions) <= 4  # the first page and the count, and two ahead


# --- doubt


def doubtful(yard: Yard, path: str, *, sha256: str | None = None) -> None:
    yard.fill(path)
    send(yard, Event.SILENCE, sha256=sha256)
    assert DOUBTFUL == yard.states()[path]


@pytest.mark.parametrize("listed_hash", [True, False])
@pytest.mark.parametrize("is_hash_known", [True, False])
def test_a_doubtful_file_that_is_found_has_arrived(
    yard: Yard, cloud: Cloud, listed_hash: bool, is_hash_known: bool
) -> None:
    doubtful(yard, "deep/a.csv", sha256=digest("deep/a.csv") if is_hash_known else None)
    sample_id = cloud.add("a.csv", digest("deep/a.csv"), listed_hash=listed_hash)
    Sweep(yard, project(cloud)).run()
    record = yard.record("deep/a.csv")
    assert (SYNCED.value, [sample_id]) == (record["state"], record["sample_ids"])
    assert "stored; the answer was lost, so eisync asked the service" == record["reason"]


def test_a_doubtful_file_that_is_not_found_is_sent_again(yard: Yard, cloud: Cloud) -> None:
    doubtful(yard, "a.csv")
    cloud.add("a.csv", "of other bytes")
    cloud.add("aa.csv", digest("a.csv"))  # the filter of the service finds it, but it has another name
    Sweep(yard, project(cloud)).run(after_s=DOUBT_S)
    assert ({"a.csv": READY}, "it did not arrive") == (yard.states(), yard.reason("a.csv"))


def test_a_namesake_on_a_later_page_is_found(yard: Yard, cloud: Cloud) -> None:
    doubtful(yard, "a.csv")
    sample_id = cloud.add("a.csv", digest("a.csv"))
    for number in range(30):
        cloud.add(f"a{number}.csv", str(number))
    cloud.most_a_page = 7
    Sweep(yard, project(cloud, page_size=1000)).run()
    assert [sample_id] == yard.record("a.csv")["sample_ids"]


def test_many_namesakes_are_compared_one_a_tick(yard: Yard, cloud: Cloud) -> None:
    doubtful(yard, "a.csv")
    for number in range(20):
        cloud.add("a.csv", f"other {number}")
    sweep = Sweep(yard, project(cloud))
    sweep.clock.now += DOUBT_S
    questions = 0
    while sweep.loop.tick(sweep.clock.now) == 0.0:
        assert cloud.questions - questions <= 2
        questions = cloud.questions
    assert {"a.csv": READY} == yard.states()


def test_doubt_stays_while_the_service_does_not_answer(yard: Yard, cloud: Cloud) -> None:
    doubtful(yard, "a.csv")
    cloud.trouble = UnreachableError("no network")
    sweep = Sweep(yard, project(cloud))
    sweep.run()
    sweep.run(after_s=300.0)
    assert {"a.csv": DOUBTFUL} == yard.states()
    cloud.trouble = None
    sweep.run(after_s=300.0)
    assert {"a.csv": READY} == yard.states()


def test_a_doubtful_file_that_changed_is_left_to_the_watcher(yard: Yard, cloud: Cloud) -> None:
    doubtful(yard, "a.csv")
    yard.write("a.csv", b"changed meanwhile")
    Sweep(yard, project(cloud)).run()
    assert ({"a.csv": READY}, "it changed after it was sent") == (yard.states(), yard.reason("a.csv"))


def test_a_file_does_not_count_as_absent_while_its_request_may_be_processed(yard: Yard, cloud: Cloud) -> None:
    doubtful(yard, "a.csv")
    sweep = Sweep(yard, project(cloud))
    assert sweep.run() <= DOUBT_S
    sweep.run(after_s=DOUBT_S - 1)
    assert {"a.csv": DOUBTFUL} == yard.states()
    sample_id = cloud.add("a.csv", digest("a.csv"))
    sweep.run(after_s=1)
    assert [sample_id] == yard.record("a.csv")["sample_ids"]


def test_a_clock_that_was_set_back_leaves_no_file_in_doubt(yard: Yard, cloud: Cloud) -> None:
    doubtful(yard, "a.csv")
    Sweep(yard, project(cloud)).run(after_s=-1000.0)
    assert {"a.csv": READY} == yard.states()


def test_a_sample_belongs_to_one_of_two_files_with_equal_name_and_content(yard: Yard, cloud: Cloud) -> None:
    for path in ("one/a.csv", "two/a.csv", "three/a.csv"):
        yard.write(path, b"the same")
    run(yard.watcher(), yard.later)
    send(yard, Event.SILENCE)
    two_of_three = [cloud.add("a.csv", hashlib.sha256(b"the same").hexdigest()) for _ in range(2)]
    Sweep(yard, project(cloud)).run(after_s=DOUBT_S)
    assert [SYNCED, SYNCED, READY] == sorted(yard.states().values(), key=lambda state: state is READY)
    records: list[dict[str, Any]] = list(yard.index.records.files())
    assert two_of_three == sorted(sample for record in records for sample in record["sample_ids"])


def test_a_file_of_a_missing_folder_stays_doubtful(yard: Yard, cloud: Cloud) -> None:
    doubtful(yard, "a.csv")
    sample_id = cloud.add("a.csv", digest("a.csv"))
    sweep = Sweep(yard, project(cloud))
    os.rename(yard.root.path, f"{yard.root.path}.away")
    sweep.run(after_s=DOUBT_S)
    assert {"a.csv": DOUBTFUL} == yard.states()
    os.rename(f"{yard.root.path}.away", yard.root.path)
    sweep.run(after_s=DOUBT_S)
    assert [sample_id] == yard.record("a.csv")["sample_ids"]


def test_many_doubts_are_looked_up_one_pass_after_another(
    yard: Yard, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOKUPS_PER_PASS", 2)
    every = [f"{number}.csv" for number in range(5)]
    yard.fill(*every)
    send(yard, Event.SILENCE)
    for path in every:
        cloud.add(path, digest(path))
    sweep = Sweep(yard, project(cloud))
    for _ in range(3):
        sweep.run(after_s=DOUBT_S)
    assert {SYNCED} == set(yard.states().values())


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (
            StudioError("This API key does not allow this", status=403),
            "sent, but no answer came, and the service cannot say whether it arrived (This API key does not allow "
            "this). Look for it in Studio; 'eisync retry FILE' sends it again",
        ),
        (
            UnreachableError("no network"),
            "sent, but no answer came; eisync will ask the service whether it arrived (no network)",
        ),
    ],
)
def test_a_doubt_that_lasts_says_why_and_what_to_do(
    yard: Yard, cloud: Cloud, trouble: Exception, sentence: str
) -> None:
    doubtful(yard, "a.csv")
    cloud.trouble = trouble
    Sweep(yard, project(cloud)).run(after_s=DOUBT_S)
    assert ({"a.csv": DOUBTFUL}, sentence) == (yard.states(), yard.reason("a.csv"))


def test_without_sweeps_only_the_doubtful_files_are_looked_up(yard: Yard, cloud: Cloud) -> None:
    synced(yard, cloud, "b.csv")
    doubtful(yard, "a.csv")
    sample_id = cloud.add("a.csv", digest("a.csv"))
    sweep = Sweep(yard, replace(project(cloud), sweeps=False))
    sweep.run()
    assert [sample_id] == yard.record("a.csv")["sample_ids"]
    cloud.samples.clear()
    for _ in range(3):
        sweep.run(after_s=300.0)
    assert {"a.csv": SYNCED, "b.csv": SYNCED} == yard.states()


# --- files without ids


def nameless(yard: Yard, *paths: str) -> None:
    """Store files as duplicates for which the service gave no sample ids."""
    yard.fill(*paths)
    items = yard.outbox.claim("main", [1], limit=1000, claim=1, now=yard.later)
    yard.outbox.settle(
        [Outcome(item_id=item.id, events=(Event.DUPLICATE,), sha256=digest(item.path)) for item in items],
        claim=1,
        now=yard.later,
    )


def test_ids_that_the_service_did_not_return_are_filled_in(yard: Yard, cloud: Cloud) -> None:
    nameless(yard, "a.csv")
    sample_id = cloud.add("a.csv", digest("a.csv"))
    Sweep(yard, project(cloud)).run()
    assert [sample_id] == yard.record("a.csv")["sample_ids"]


def test_a_file_that_is_not_found_is_looked_up_once(yard: Yard, cloud: Cloud) -> None:
    nameless(yard, "a.csv")
    sweep = Sweep(yard, project(cloud))
    sweep.run()
    before = cloud.questions
    sweep.run(after_s=300.0)
    assert 2 == cloud.questions - before  # when it was changed; the newest, and how many there are


def test_a_failed_lookup_is_repeated(yard: Yard, cloud: Cloud) -> None:
    nameless(yard, "a.csv")
    sample_id = cloud.add("a.csv", digest("a.csv"))
    page = cloud.page
    cloud.page = failing(1, UnansweredError("no answer"), page)  # type: ignore[method-assign]
    sweep = Sweep(yard, project(cloud))
    sweep.run()
    assert [] == yard.record("a.csv")["sample_ids"]
    cloud.page = page  # type: ignore[method-assign]
    sweep.run(after_s=300.0)
    assert [sample_id] == yard.record("a.csv")["sample_ids"]


def test_a_lookup_that_failed_after_the_sweep_is_repeated(yard: Yard, cloud: Cloud) -> None:
    nameless(yard, "a.csv")
    sample_id = cloud.add("a.csv", digest("a.csv"), listed_hash=False)
    cloud.samples[sample_id] = RemoteSample(
        id=sample_id, filename="a", category="training", label=None, sha256="of the stored form", original_name=None
    )
    cloud.sha256_of = failing(1, UnansweredError("no answer"), lambda _: digest("a.csv"))  # type: ignore[method-assign]
    sweep = Sweep(yard, project(cloud))
    sweep.run()
    assert [] == yard.record("a.csv")["sample_ids"]
    sweep.run(after_s=300.0)
    assert [sample_id] == yard.record("a.csv")["sample_ids"]


def test_files_that_are_never_found_do_not_block_others(
    yard: Yard, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOKUPS_PER_PASS", 3)
    nameless(yard, *(f"{number}.csv" for number in range(10)))
    sample_id = cloud.add("9.csv", digest("9.csv"))
    sweep = Sweep(yard, project(cloud))
    for _ in range(4):
        sweep.run(after_s=300.0)
    assert [sample_id] == yard.record("9.csv")["sample_ids"]


def test_a_lookup_result_is_kept_only_while_it_matters(yard: Yard, cloud: Cloud) -> None:
    nameless(yard, "a.csv", "b.csv")
    sweep = Sweep(yard, project(cloud))
    sweep.run()
    assert 2 == len(sweep.loop._identifier._not_found["main"])
    yard.index.link(item_of(yard, "a.csv"), [1], now=yard.later)
    sweep.run(after_s=300.0)
    assert 1 == len(sweep.loop._identifier._not_found["main"])


def item_of(yard: Yard, path: str) -> Item:
    return next(item for item in yard.index.without_ids("main", limit=10) if item.path == path)


# --- the rest


def test_rows_of_gone_files_are_dropped_after_a_while(yard: Yard, cloud: Cloud) -> None:
    yard.fill("a.csv")
    yard.path("a.csv").unlink()
    run(yard.watcher(), yard.later)
    sweep = Sweep(yard, project(cloud))
    sweep.run()
    assert {"a.csv": State.GONE} == yard.states()
    sweep.run(after_s=KEEP_GONE_S + 1.0)
    assert {} == yard.states()


@pytest.mark.parametrize("method", ["begin_sweep", "apply", "slice", "finish_sweep", "bury", "note_trouble"])
def test_a_store_that_fails_is_tried_again_with_the_next_pass(yard: Yard, cloud: Cloud, method: str) -> None:
    ids = synced(yard, cloud, "a.csv", "b.csv")
    Sweep(yard, project(cloud)).run(after_s=1.0)
    del cloud.samples[ids["a.csv"]]

    class Failing:
        def __init__(self, store: Any) -> None:
            self._store = store
            if hasattr(store, method):
                setattr(self, method, failing(2, StateError("the disk is full"), getattr(store, method)))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

    if method == "note_trouble":
        cloud.page = failing(2, UnansweredError("no answer"), cloud.page)  # type: ignore[method-assign]
    sweep = Sweep(yard, project(cloud), index=Failing(yard.index), mirrored=Failing(Mirrored(yard.database)))
    for _ in range(8):
        try:
            sweep.run(after_s=300.0)
        except StateError:
            continue
    assert {"a.csv": TOMBSTONE, "b.csv": SYNCED} == yard.states()


def test_a_bug_ends_the_pass_and_not_the_loop(yard: Yard, cloud: Cloud) -> None:
    cloud.trouble = ZeroDivisionError("ours")
    sweep = Sweep(yard, project(cloud))
    with pytest.raises(ZeroDivisionError):
        sweep.run()
    assert 300.0 == sweep.run()
    cloud.trouble = None
    sweep.run(after_s=300.0)
    assert [sweep.clock.now] == [target.listed_at for target in yard.index.targets()]


def test_a_pass_can_be_requested_at_once(yard: Yard, cloud: Cloud) -> None:
    sweep = Sweep(yard, project(cloud))
    sweep.run()
    is_idle = [sweep.loop.is_idle]
    sweep.loop.pass_now()
    is_idle.append(sweep.loop.is_idle)
    questions = cloud.questions
    sweep.run()
    is_idle.append(sweep.loop.is_idle)
    assert [True, False, True] == is_idle
    assert cloud.questions > questions


def test_stop_drops_what_is_under_way(yard: Yard, cloud: Cloud) -> None:
    cloud.add("a.csv", "x")
    sweep = Sweep(yard, project(cloud))
    sweep.loop.tick(sweep.clock.now)
    sweep.loop.stop(sweep.clock.now)
    questions = cloud.questions
    assert IDLE_S == sweep.loop.tick(sweep.clock.now + 86_400.0)
    assert (questions, True) == (cloud.questions, sweep.loop.is_done)


def test_without_targets_it_waits(yard: Yard) -> None:
    sweep = Sweep(yard)
    assert (IDLE_S, True) == (sweep.run(), sweep.loop.is_idle)


def test_a_pass_requested_during_another_begins_when_that_one_ends(yard: Yard, cloud: Cloud) -> None:
    cloud.add("a.csv", digest("a"))
    sweep = Sweep(yard, project(cloud))
    assert 0.0 == sweep.loop.tick(sweep.clock.now)  # the first is under way
    ticket = sweep.loop.ask_pass(sweeps=True)
    for _ in range(100):
        if sweep.loop.tick(sweep.clock.now) > 0.0:
            break
    assert sweep.loop.report(ticket) is not None


# --- another project than the one that the files were sent to


def test_if_the_ids_mean_other_samples_nothing_is_concluded_and_it_is_reported(yard: Yard, cloud: Cloud) -> None:
    ids = synced(yard, cloud, "a.csv", "b.csv")
    sweep = Sweep(yard, project(cloud))
    sweep.run(after_s=300.0)
    ours = dict(cloud.samples)
    for sample_id in ids.values():
        cloud.samples[sample_id] = replace(
            cloud.samples[sample_id], filename="theirs", original_name="theirs.csv", sha256="f" * 64, label="other"
        )
    del cloud.samples[ids["b.csv"]]
    for _ in range(4):
        sweep.run(after_s=300.0)
        trouble = str(sweep.loop.troubles()["main"])
        assert f"sample {ids['a.csv']} ('theirs.csv') now has different content" in trouble
    assert {"a.csv": SYNCED, "b.csv": SYNCED} == yard.states()
    assert {"main": 2} == yard.index.unconfirmed(["main"])
    cloud.samples = ours
    sweep.run(after_s=300.0)
    assert {} == sweep.loop.troubles()
    assert {} == yard.index.unconfirmed(["main"])
    assert {"a.csv": SYNCED, "b.csv": SYNCED} == yard.states()


def test_a_sample_renamed_and_relabelled_in_the_project_is_recognised(yard: Yard, cloud: Cloud) -> None:
    ids = synced(yard, cloud, "a.csv")
    sweep = Sweep(yard, project(cloud))
    sweep.run(after_s=300.0)
    [sample_id] = ids.values()
    cloud.samples[sample_id] = replace(cloud.samples[sample_id], filename="renamed", label="other")
    sweep.run(after_s=300.0)
    assert {} == sweep.loop.troubles()
