import threading
import time
from collections.abc import Callable, Iterator

import pytest

from eisync.errors import EisyncError, StateError
from eisync.loops.supervisor import LoopHealth, SupervisedLoop, Supervisor
from tests.fakes import Clock, Notebook

LIMIT_S = 10.0


class Steps:
    """A loop that runs steps of a test, and reports how far it is."""

    name = "steps"

    def __init__(self, play: Callable[[int], float] = lambda _: 3600.0, *, left: int = 0) -> None:
        self.play = play
        self.ticks = 0
        self.stops = 0
        self.left = left  # how many ticks it still needs after `stop`
        self.moved = threading.Condition()

    def tick(self, now: float) -> float:
        with self.moved:
            self.ticks += 1
            self.left = max(0, self.left - bool(self.stops))
            self.moved.notify_all()
        return self.play(self.ticks)

    def stop(self, now: float) -> None:
        with self.moved:
            self.stops += 1
            self.moved.notify_all()

    @property
    def is_done(self) -> bool:
        return self.left == 0

    def reach(self, ticks: int) -> None:
        with self.moved:
            assert self.moved.wait_for(lambda: self.ticks >= ticks, LIMIT_S), f"it stands at {self.ticks} ticks"


class House:
    """A supervisor of one loop, with a test clock."""

    def __init__(self, loop: Steps, limit_s: float = 60.0) -> None:
        self.loop = loop
        self.log = Notebook()
        self.monotonic = Clock(100.0)
        self.bell = threading.Event()
        self.supervisor = Supervisor(
            [SupervisedLoop(loop, self.bell, limit_s)], now=Clock(), monotonic=self.monotonic, log=self.log
        )
        self.supervisor.start()

    @property
    def health(self) -> LoopHealth:
        (health,) = self.supervisor.health()
        return health

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until the loop's thread has come so far."""
        for _ in range(int(LIMIT_S * 1000)):
            if condition():
                return
            threading.Event().wait(0.001)
        raise AssertionError("it did not come to that")

    def stop(self, within_s: float = LIMIT_S, give_up: threading.Event | None = None) -> bool:
        self.monotonic = time.monotonic  # type: ignore[assignment]
        self.supervisor._monotonic = time.monotonic
        return self.supervisor.stop(within_s=within_s, give_up=give_up or threading.Event())


@pytest.fixture
def build() -> Iterator[Callable[..., House]]:
    houses: list[House] = []

    def make(loop: Steps | None = None, **more: float) -> House:
        houses.append(House(loop or Steps(), **more))
        return houses[-1]

    yield make
    for house in houses:
        house.loop.play = lambda _: 0.0
        with house.loop.moved:
            house.loop.left = 0
        assert house.stop()


def test_a_loop_is_ticked_when_its_bell_rings(build: Callable[..., House]) -> None:
    house = build()
    house.loop.reach(1)
    house.bell.set()
    house.loop.reach(2)
    assert house.health.is_fresh


def test_a_loop_that_asks_for_it_is_ticked_again_at_once(build: Callable[..., House]) -> None:
    house = build(Steps(lambda ticks: 0.0 if ticks < 1000 else 3600.0))
    house.loop.reach(1000)


def test_an_idle_loop_has_a_fresh_heartbeat(build: Callable[..., House]) -> None:
    house = build(limit_s=0.05)
    house.loop.reach(5)  # it asked for an hour, and is ticked every half limit


def test_a_stuck_loop_has_a_stale_heartbeat(build: Callable[..., House]) -> None:
    go_on = threading.Event()
    house = build(Steps(lambda _: float(not go_on.wait(LIMIT_S))))
    house.loop.reach(1)
    house.monotonic.now += 59.0
    assert (59.0, True) == (house.health.age_s, house.health.is_fresh)
    house.monotonic.now += 1.0
    assert not house.health.is_fresh
    go_on.set()
    house.wait_for(lambda: house.health.is_fresh)


def test_a_failing_loop_is_logged_and_its_heartbeat_gets_older(build: Callable[..., House]) -> None:
    def fail(_: int) -> float:
        raise StateError("the disk is full")

    house = build(Steps(fail))
    house.wait_for(lambda: house.health.trouble is not None)
    house.monotonic.now += 60.0
    assert ("the disk is full", False) == (house.health.trouble, house.health.is_fresh)
    (line,) = house.log.lines
    assert ("error", "loop.failed") == (line.level, line.event)
    assert {"loop": "steps", "reason": "the disk is full", "again_in_s": 1.0} == dict(line.fields)


def test_a_bug_is_logged_with_its_traceback(build: Callable[..., House]) -> None:
    def fail(_: int) -> float:
        raise ZeroDivisionError("the text may hold anything")

    house = build(Steps(fail))
    house.wait_for(lambda: bool(house.log.lines))
    assert "unexpected: ZeroDivisionError" == house.health.trouble
    assert ["exception"] == [line.level for line in house.log.lines]


def test_a_loop_that_works_again_has_recovered(build: Callable[..., House]) -> None:
    def fail_once(ticks: int) -> float:
        if ticks == 1:
            raise StateError("the disk is full")
        return 3600.0

    house = build(Steps(fail_once))
    house.loop.reach(2)
    house.wait_for(lambda: house.health.trouble is None)
    assert ["loop.failed", "loop.recovered"] == house.log.events()
    assert house.health.is_fresh


def test_a_bell_that_rings_all_the_time_does_not_make_a_failing_loop_spin(build: Callable[..., House]) -> None:
    def fail(_: int) -> float:
        raise StateError("the disk is full")

    house = build(Steps(fail))
    house.loop.reach(1)
    for _ in range(200):
        house.bell.set()
        threading.Event().wait(0.001)
    assert house.loop.ticks <= 2


def test_a_loop_without_work_under_way_stops(build: Callable[..., House]) -> None:
    house = build()
    house.loop.reach(1)
    assert house.stop()
    assert 1 == house.loop.stops


def test_a_loop_is_ticked_until_what_is_under_way_has_ended(build: Callable[..., House]) -> None:
    house = build(Steps(lambda _: 0.0, left=5))
    assert house.stop()
    assert (0, 5) == (house.loop.left, house.loop.stops)


def test_a_loop_ends_with_the_tick_that_settles_the_last_request(build: Callable[..., House]) -> None:
    house = build(Steps(left=1))  # it asks for an hour after every tick, as the uploader does for half a minute
    house.loop.reach(1)
    began_at = time.monotonic()
    assert house.stop()
    assert time.monotonic() - began_at < LIMIT_S / 2


def test_a_loop_that_does_not_end_is_left_after_the_limit(build: Callable[..., House]) -> None:
    house = build(Steps(lambda _: 0.01, left=10**9))
    assert not house.stop(within_s=0.1)


def test_a_second_signal_gives_up_at_once(build: Callable[..., House]) -> None:
    house = build(Steps(lambda _: 0.01, left=10**9))
    hurry = threading.Event()
    hurry.set()
    assert not house.stop(give_up=hurry)


def test_a_loop_that_fails_while_it_stops_is_tried_again(build: Callable[..., House]) -> None:
    steps = Steps(left=2)

    def fail_twice(_: int) -> float:
        if steps.stops in (1, 2):
            raise StateError("the disk is full")
        return 3600.0

    steps.play = fail_twice
    house = build(steps)
    house.loop.reach(1)
    stopper = threading.Thread(target=house.stop)
    stopper.start()
    while stopper.is_alive():
        house.bell.set()  # a request ends, and rings
        stopper.join(0.01)
    assert 0 == house.loop.left


def test_what_was_never_started_has_stopped() -> None:
    supervisor = Supervisor(
        [SupervisedLoop(Steps(), threading.Event(), 60.0)], now=Clock(), monotonic=time.monotonic, log=Notebook()
    )
    assert supervisor.stop(within_s=1.0, give_up=threading.Event())


def test_no_thread_is_left() -> None:
    before = set(threading.enumerate())
    house = House(Steps())
    assert house.stop()
    assert before == set(threading.enumerate())


def test_a_daemon_whose_threads_cannot_be_started_says_so_and_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = threading.Thread.start, list[threading.Thread]()

    def only_one(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    supervised = [SupervisedLoop(Steps(), threading.Event(), 60.0) for _ in range(3)]
    monkeypatch.setattr(threading.Thread, "start", only_one)
    supervisor = Supervisor(supervised, now=Clock(), monotonic=time.monotonic, log=Notebook())
    with pytest.raises(EisyncError, match="needs 3 threads and cannot start them"):
        supervisor.start()
    assert supervisor.stop(within_s=LIMIT_S, give_up=threading.Event())
    assert not started[0].is_alive()
