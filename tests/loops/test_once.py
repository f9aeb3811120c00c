import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, repeat
from typing import Any

import pytest

from eisync.adapters.client.body import sha256_of
from eisync.core.batching import Limits
from eisync.core.completeness import CompletenessPolicy
from eisync.core.lifecycle import PENDING, State
from eisync.core.retry import RetryPolicy
from eisync.errors import KeyRefusedError
from eisync.loops.reconciler.context import ReconciledProject, ReconcilerStore
from eisync.loops.reconciler.loop import ReconcilerLoop
from eisync.loops.supervisor import Loops, Once
from eisync.loops.uploader.loop import UploaderLoop
from eisync.loops.uploader.target_state import SendingRules, TargetQueue, TimeAndChance, UploadStore, Workers
from eisync.loops.watcher.loop import WatcherLoop
from eisync.store.mirror import Mirrored
from tests.fakes import Bench, Clock, Cloud, refusing

from .stage import actions_of
from .yard import Yard

READY, SYNCED = State.READY, State.SYNCED


class Hands(threading.Event):
    """A bell whose wait lets the workers work and advances the clock."""

    def __init__(self, bench: Bench, clock: Clock) -> None:
        super().__init__()
        self._bench = bench
        self._clock = clock
        self.lazy_for = 0  # waits in which no work is done

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        assert timeout <= 0.5
        self._clock.now += timeout
        if self.lazy_for:
            self.lazy_for -= 1
        elif self._bench.waiting:
            self._bench.run(1)
        return True


class Pass:
    """One pass over a yard. Targets are named after their clouds: `main`, then `second`, and so on."""

    def __init__(
        self, yard: Yard, limits: Limits | None = None, policy: RetryPolicy | None = None, **clouds: Cloud
    ) -> None:
        self.yard = yard
        self.clock = Clock(yard.later)
        self.bench = Bench()
        self.bell = Hands(self.bench, self.clock)
        self.turns = 0
        self.clouds = clouds
        self.connected: list[int] = []  # how many requests had been sent when connections were opened
        self.roots = [yard.root, *(yard.add_root(name, name) for name in clouds if name != "main")]
        self.watched: dict[str, Any] = {}
        self.sent_bytes: Iterator[int] = repeat(0)
        self.lanes = [
            TargetQueue(
                target=name,
                roots=(root.id,),
                service=cloud,
                limits=limits or Limits(),
                policy=policy or RetryPolicy(),
                allow_duplicates=False,
                key_token=lambda: "key",
            )
            for (name, cloud), root in zip(clouds.items(), self.roots, strict=True)
        ]
        self.projects = [
            ReconciledProject(target=name, studio=cloud, interval_s=300.0, page_size=1000)
            for name, cloud in clouds.items()
        ]

    def run(self, timeout_s: float = 60.0, is_stopped: Callable[[], bool] = lambda: False) -> None:
        yard = self.yard
        self.watcher = yard.watcher(*(yard.watched(root, **self.watched) for root in self.roots))
        self.uploader = UploaderLoop(
            self.lanes,
            store=UploadStore(yard.outbox, yard.index),
            workers=Workers(self.bench, 2, wake=self.bell.set, log=yard.log),
            hash_of=sha256_of,
            rules=SendingRules(),
            chance=TimeAndChance(jitter=lambda: 0.5, boundary=lambda: "eisync-0123456789abcdef"),
            log=yard.log,
        )
        self.reconciler = ReconcilerLoop(
            self.projects,
            ReconcilerStore(index=yard.index, mirrored=Mirrored(yard.database), outbox=yard.outbox),
            sha256_of_file=sha256_of,
            clock=self.clock,
            log=yard.log,
            actions=actions_of(yard, self.clock),
        )
        once = Once(
            Loops(self.watcher, self.uploader, self.reconciler, None),
            pending=self._pending,
            now=self.clock,
            bell=self.bell,
            progress=self._progress,
            connect=lambda: self.connected.append(len(self.clouds["main"].uploads)),
            sent_bytes=lambda: next(self.sent_bytes),
        )
        once.run(patience_s=timeout_s, is_stopped=is_stopped)

    def _pending(self) -> int:
        report = self.yard.index.records.report(root.id for root in self.roots)
        return sum(report.get(state, 0) for state in PENDING)

    def _progress(self) -> None:
        self.turns += 1
        assert self.turns < 10_000


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def test_everything_is_sent_and_compared(yard: Yard, cloud: Cloud) -> None:
    for number in range(300):
        yard.write(f"idle.{number}.csv", str(number).encode())
    one = Pass(yard, main=cloud)
    one.run()
    assert ({SYNCED}, 300) == (set(yard.states().values()), len(cloud.samples))
    assert [True] == [target.listed_at is not None for target in yard.index.targets()]


def test_the_projects_are_asked_for_before_the_scan(yard: Yard, cloud: Cloud) -> None:
    yard.write("a.csv")
    one = Pass(yard, main=cloud)
    asked: list[int] = []
    tick = WatcherLoop.tick

    def tick_and_note(watcher: WatcherLoop, now: float) -> float:
        asked.append(len(one.bench.waiting))
        return tick(watcher, now)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WatcherLoop, "tick", tick_and_note)
        one.run()
    assert (1, {"a.csv": SYNCED}) == (asked[0], yard.states())


def test_run_again_it_sends_nothing_and_opens_no_connection(yard: Yard, cloud: Cloud) -> None:
    yard.write("a.csv")
    first, second = Pass(yard, main=cloud), Pass(yard, main=cloud)
    first.run()
    second.run()
    assert (1, [0], []) == (len(cloud.uploads), first.connected, second.connected)


def test_it_waits_for_a_file_that_is_still_written(yard: Yard, cloud: Cloud) -> None:
    yard.write("a.csv")
    one = Pass(yard, main=cloud)
    one.clock.now = yard.touched_at("a.csv")
    one.run()
    assert {"a.csv": SYNCED} == yard.states()


def test_it_does_not_wait_longer_than_its_limit(yard: Yard, cloud: Cloud) -> None:
    yard.write("a.csv")
    one = Pass(yard, main=cloud)
    one.watched = {"policy": CompletenessPolicy(settle_s=9999.0)}
    one.clock.now = began_at = yard.touched_at("a.csv")
    one.run(timeout_s=10.0)
    assert {} == yard.states()
    assert began_at + 10.0 <= one.clock.now <= began_at + 11.0
    assert 1 == len(one.watcher.unsettled(one.clock.now))


def test_it_goes_on_for_as_long_as_files_arrive(yard: Yard, cloud: Cloud) -> None:
    for number in range(40):
        yard.write(f"idle.{number}.csv", str(number).encode())
    one = Pass(yard, main=cloud, limits=Limits(files=1))
    began_at = one.clock.now
    one.run(timeout_s=5.0)
    assert {SYNCED: 40} == Counter(yard.states().values())
    assert one.clock.now - began_at > 15.0


def test_a_file_that_fails_on_the_way_is_tried_until_the_time_is_up(yard: Yard, cloud: Cloud) -> None:
    yard.write("a.csv")
    cloud.answers.extend([refusing(500)] * 3)
    Pass(yard, main=cloud).run()
    assert {"a.csv": SYNCED} == yard.states()
    yard.write("b.csv", b"another")
    cloud.always = refusing(500)
    Pass(yard, main=cloud).run(timeout_s=30.0)
    assert READY == yard.states()["b.csv"]


def test_what_is_under_way_when_the_time_is_up_is_waited_for(yard: Yard, cloud: Cloud) -> None:
    yard.write("a.csv")
    one = Pass(yard, main=cloud)
    one.bell.lazy_for = 30
    one.run(timeout_s=1.0)
    # The check of its project was late, so nothing was sent, and no request was left behind.
    assert ({"a.csv": READY}, True) == (yard.states(), one.uploader.is_done)


def test_a_large_file_on_a_slow_line_is_progress(yard: Yard, cloud: Cloud) -> None:
    yard.write("a.csv")
    one = Pass(yard, main=cloud)
    one.bell.lazy_for = 30
    one.sent_bytes = count(0, 65_536)
    one.run(timeout_s=1.0)
    assert {"a.csv": SYNCED} == yard.states()


def test_what_is_sent_again_and_again_to_a_service_that_fails_is_no_progress(yard: Yard, cloud: Cloud) -> None:
    yard.write("a.csv")
    cloud.always = refusing(500)
    one = Pass(yard, main=cloud, policy=RetryPolicy(base_s=0.1, cap_s=0.2))
    one.sent_bytes = count(0, 65_536)
    began_at = one.clock.now
    one.run(timeout_s=5.0)
    assert ({"a.csv": READY}, True) == (yard.states(), one.clock.now - began_at < 10.0)


def test_an_empty_folder_is_done_at_once(yard: Yard, cloud: Cloud) -> None:
    one = Pass(yard, main=cloud)
    one.run()
    assert yard.later == one.clock.now


def test_a_refused_key_ends_the_pass(yard: Yard, cloud: Cloud) -> None:
    yard.write("a.csv")
    cloud.trouble = KeyRefusedError("no")
    cloud.always = refusing(401, "Invalid API key")
    one = Pass(yard, main=cloud)
    one.run()
    assert {"main": "HTTP 401: Invalid API key"} == one.uploader.refusals()
    assert one.clock.now < yard.later + 10.0


@pytest.mark.parametrize("slow", [0, 1, 2, 3, 4])
def test_a_refused_target_does_not_end_the_pass_of_another(yard: Yard, cloud: Cloud, slow: int) -> None:
    from eisync.errors import ConfigurationError

    bad = Cloud(9)
    bad.trouble = ConfigurationError("file key: is empty")
    one = Pass(yard, main=bad, second=cloud)
    yard.write("a.csv", root=one.roots[0])
    yard.write("b.csv", root=one.roots[1])
    one.bell.lazy_for = slow
    one.run()
    assert {"a.csv": READY, "second/b.csv": SYNCED} == yard.states()


def test_stop_takes_effect_everywhere(yard: Yard, cloud: Cloud) -> None:
    def is_over(one: Pass, turns: int) -> bool:
        return one.turns >= turns

    for number in range(50):
        yard.write(f"{number}.csv", str(number).encode())
    for turns in range(12):
        one = Pass(yard, main=cloud)
        one.run(is_stopped=partial(is_over, one, turns))
        assert one.turns <= turns + 1


def test_a_deleted_sample_is_a_tombstone_after_three_passes_at_most(yard: Yard, cloud: Cloud) -> None:
    yard.write("a.csv", b"one")
    yard.write("b.csv", b"two")
    Pass(yard, main=cloud).run()
    (sample_id,) = yard.record("a.csv")["sample_ids"]
    del cloud.samples[sample_id]
    for _ in range(3):
        yard.later += 60.0
        Pass(yard, main=cloud).run()
    assert {"a.csv": State.TOMBSTONE, "b.csv": SYNCED} == yard.states()
    assert [["a.csv"], ["b.csv"]] == sorted(cloud.uploads)
