"""The service infers labels where it is known to infer the right ones, and what it inferred is checked."""

from dataclasses import replace
from typing import Any

import pytest

from eisync.core.batching import Limits
from eisync.core.guard import Guard
from eisync.core.lifecycle import State
from eisync.core.policy import Policy
from eisync.core.wire import Envelope, Reply
from eisync.errors import StateError, UnreachableError
from eisync.loops.actions.planner import GuardLedger
from eisync.loops.reconciler.context import ReconciledProject
from eisync.loops.uploader.label_inference import MOST_READS, READ_AGAIN_S
from eisync.store.actions import ActionStore
from eisync.store.inferred_labels import Trust
from tests.fakes import RIGHT as RIGHT_CLOCK
from tests.fakes import Cloud, refusing

from .test_reconciler import Sweep
from .test_uploader import Drain, target_queue
from .yard import Yard

MIXED = [f"{label}.{number:02}.csv" for number in range(20) for label in ("idle", "wave", "snake")]


class Listener(Cloud):
    """A cloud that notes with which label each request was sent; None: with none."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str | None] = []

    def store(self, envelope: Envelope, hashes: list[str]) -> Reply:
        self.heard.append(envelope.headers.get("x-label"))
        return super().store(envelope, hashes)


@pytest.fixture
def cloud() -> Listener:
    return Listener()


def drain_of(yard: Yard, cloud: Cloud, **more: Any) -> Drain:
    queue = target_queue(cloud, limits=Limits(files=6, bytes=1_000_000))
    return Drain(yard, queue, **{"workers": 2, "infers_labels": True, **more})


def sweep_of(yard: Yard, cloud: Cloud, **more: Any) -> Sweep:
    project = ReconciledProject(target="main", studio=cloud, interval_s=300.0, page_size=1000, policies={1: Policy()})
    return Sweep(yard, project, **more)


def trust(yard: Yard) -> Trust:
    return yard.index.inferred.trust("main")


def labels(cloud: Cloud) -> dict[str, str | None]:
    return {str(sample.original_name): sample.label for sample in cloud.samples.values()}


RIGHT = {path: path.split(".")[0] for path in MIXED}


def test_a_trial_comes_before_labels_are_left_out(yard: Yard, cloud: Listener) -> None:
    yard.fill(*MIXED)
    drain = drain_of(yard, cloud)
    drain.tick()
    drain.bench.run()  # the project is checked
    drain.tick()
    drain.bench.run()  # the trial, and another request
    assert (Trust.UNTRIED, 1) == (trust(yard), cloud.heard.count(None))
    trial = cloud.uploads[cloud.heard.index(None)]
    assert 1 < len(trial) == len({name.split(".")[0] for name in trial})
    drain.tick()
    drain.bench.run()  # its labels are read back, and others are sent meanwhile
    assert 1 == cloud.heard.count(None)

    drain.run()

    assert Trust.RIGHT is trust(yard)
    assert (RIGHT, {State.SYNCED}) == (labels(cloud), set(yard.states().values()))
    assert cloud.heard.count(None) > 2
    assert 6 == len(cloud.uploads[-2])
    assert "inference.trusted" in yard.log.events()


def test_what_was_claimed_before_the_verdict_shares_requests_after_it(yard: Yard, cloud: Listener) -> None:
    each = [f"word{number}.csv" for number in range(60)]
    yard.fill(*each)
    reads: list[Any] = []
    listed = cloud.listed
    cloud.listed = lambda ids: (reads.append(ids), listed(ids))[1]  # type: ignore[method-assign, func-returns-value]
    drain = drain_of(yard, cloud)

    for _ in range(MOST_READS):
        drain.run(READ_AGAIN_S)

    assert (Trust.RIGHT, {State.SYNCED}, 1) == (trust(yard), set(yard.states().values()), len(reads))
    assert {path: path.removesuffix(".csv") for path in each} == labels(cloud)
    assert len(cloud.uploads) < 20  # of 60 files, six in each full request


def test_a_switch_turns_it_off(yard: Yard, cloud: Listener) -> None:
    yard.fill(*MIXED)
    drain_of(yard, cloud, infers_labels=False).run()
    assert None not in cloud.heard
    assert (Trust.UNTRIED, RIGHT) == (trust(yard), labels(cloud))


def test_a_service_that_infers_otherwise_is_noticed_by_the_trial(yard: Yard, cloud: Listener) -> None:
    cloud.infer = lambda name: name[:2]
    yard.fill(*MIXED)
    drain_of(yard, cloud).run()
    assert (Trust.WRONG, 1) == (trust(yard), cloud.heard.count(None))
    [target] = yard.index.targets()
    assert "the service inferred the label 'id' for idle.00.csv, not 'idle'" in str(target.inference_trouble)

    sweep_of(yard, cloud).run()

    assert RIGHT == labels(cloud)
    assert len(cloud.uploads[cloud.heard.index(None)]) == len(cloud.edits)


def test_many_wrong_labels_wait_for_a_person(yard: Yard, cloud: Listener) -> None:
    yard.index.inferred.note_right("main")
    cloud.infer = lambda name: name[:2]
    yard.fill(*MIXED)
    drain_of(yard, cloud).run()
    inferred = sum(len(names) for names, heard in zip(cloud.uploads, cloud.heard, strict=True) if heard is None)
    assert inferred > len(MIXED) / 2  # the last requests have files of one label
    wrong = labels(cloud)
    actions = ActionStore(yard.database)

    sweep_of(yard, cloud, guarding=GuardLedger(actions, Guard(), RIGHT_CLOCK)).run()

    assert (Trust.WRONG, wrong) == (trust(yard), labels(cloud))
    [plan] = actions.plans()
    assert inferred == plan.actions


@pytest.mark.parametrize("editor", ["user 5", "projectApiKey 9"])
def test_a_label_that_a_person_gave_meanwhile_stays(yard: Yard, cloud: Listener, editor: str) -> None:
    yard.index.inferred.note_right("main")
    yard.fill(*MIXED[:6])
    drain_of(yard, cloud).run()
    [first, *_] = cloud.samples
    cloud.samples[first] = replace(cloud.samples[first], label="walk", updated_by=editor)

    sweep_of(yard, cloud).run()

    assert "walk" == cloud.samples[first].label
    assert Trust.RIGHT is trust(yard)


def test_a_later_wrong_label_is_found_in_the_listing(yard: Yard, cloud: Listener) -> None:
    yard.index.inferred.note_right("main")
    yard.fill(*MIXED[:6])
    cloud.infer = lambda name: "idle" if name == "wave.01.csv" else name.split(".")[0]
    drain_of(yard, cloud).run()

    sweep = sweep_of(yard, cloud)
    sweep.run()

    assert Trust.WRONG is trust(yard)
    assert {path: RIGHT[path] for path in MIXED[:6]} == labels(cloud)
    assert "inference.ended" in yard.log.events()
    yard.fill(*MIXED[6:])
    cloud.heard.clear()
    drain_of(yard, cloud).run()
    assert None not in cloud.heard


def test_requests_that_wait_when_it_ends_are_sent_with_labels(yard: Yard, cloud: Listener) -> None:
    yard.index.inferred.note_right("main")
    yard.fill(*MIXED)
    drain = drain_of(yard, cloud)
    drain.tick()
    drain.bench.run()
    drain.tick()
    yard.index.inferred.note_wrong("main", "wrong")
    under_way = len(drain.bench.waiting)
    drain.run()
    assert under_way == cloud.heard.count(None)
    assert (RIGHT, {State.SYNCED}) == (labels(cloud), set(yard.states().values()))


def test_a_trial_that_is_not_stored_is_repeated(yard: Yard, cloud: Listener) -> None:
    yard.fill(*MIXED[:6])
    cloud.answers.append(refusing(503, "later"))
    drain = drain_of(yard, cloud, workers=1)
    drain.run()
    for _ in range(9):
        drain.run(60.0)
    assert (Trust.RIGHT, {State.SYNCED}) == (trust(yard), set(yard.states().values()))


def test_samples_that_are_not_listed_at_once_are_read_again(yard: Yard, cloud: Listener) -> None:
    yard.fill(*MIXED[:6])
    listed, reads = cloud.listed, list[Any]()

    def listed_late(ids: Any) -> Any:
        reads.append(ids)
        return listed(ids) if len(reads) > 2 else {}

    cloud.listed = listed_late  # type: ignore[method-assign]
    drain = drain_of(yard, cloud)
    for _ in range(3):
        drain.run(READ_AGAIN_S)
    assert (3, Trust.RIGHT) == (len(reads), trust(yard))


def test_a_service_that_shows_nothing_is_not_asked_for_ever(yard: Yard, cloud: Listener) -> None:
    yard.fill(*MIXED[:6])
    reads: list[Any] = []

    def listed(ids: Any) -> Any:
        reads.append(ids)
        raise UnreachableError("no connection")

    cloud.listed = listed  # type: ignore[method-assign]
    drain = drain_of(yard, cloud)
    for _ in range(2 * MOST_READS):
        drain.run(READ_AGAIN_S)
    yard.fill(*MIXED[6:])
    drain.run(READ_AGAIN_S)
    assert (MOST_READS, Trust.UNTRIED, 1) == (len(reads), trust(yard), cloud.heard.count(None))
    assert {State.SYNCED} == set(yard.states().values())


def test_a_paused_target_begins_another_trial(yard: Yard, cloud: Listener) -> None:
    yard.fill(*MIXED[:12])
    cloud.always = refusing(401, "Invalid API key")
    drain = drain_of(yard, cloud)
    drain.run()
    cloud.always = None
    for _ in range(9):
        drain.run(300.0)
    assert (Trust.RIGHT, {State.SYNCED}) == (trust(yard), set(yard.states().values()))


class FullDisk:
    """The store of inferred labels on a disk that fills up, until it is emptied."""

    def __init__(self, yard: Yard, *failing: str) -> None:
        self._real = yard.index.inferred
        self.failing = set(failing)

    def __getattr__(self, name: str) -> Any:
        if name in self.failing:
            raise StateError("the disk is full")
        return getattr(self._real, name)


@pytest.mark.parametrize("failing", [("trust",), ("note_sent",), ("note_right",)])
def test_a_full_disk_loses_no_file(yard: Yard, cloud: Listener, failing: tuple[str, ...]) -> None:
    if failing != ("note_right",):
        yard.index.inferred.note_right("main")
    disk: Any = FullDisk(yard)
    yard.index.inferred = disk
    yard.fill(*MIXED)
    drain = drain_of(yard, cloud)
    drain.tick()
    drain.bench.run()
    disk.failing = set(failing)
    for _ in range(30):
        try:
            drain.run(READ_AGAIN_S)
        except StateError:
            continue
    disk.failing = set()
    drain.run(READ_AGAIN_S)
    assert (RIGHT, {State.SYNCED}) == (labels(cloud), set(yard.states().values()))
