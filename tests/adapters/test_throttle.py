import threading

import pytest

from eisync.adapters import clock
from eisync.adapters.client.body import Throttle


class Hand:
    """A clock that advances when a thread waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_without_a_rate_nothing_waits() -> None:
    throttle = Throttle(None)
    assert (0.0, 1 << 40) == (throttle.spend(1 << 40), throttle.passed_bytes)


def test_what_was_spent_ahead_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    hand = Hand()
    monkeypatch.setattr(clock, "monotonic", hand)
    throttle = Throttle(1000.0)

    def wait(seconds: float) -> None:
        hand.now += seconds

    monkeypatch.setattr(throttle._changed, "wait", wait)
    assert [0.0, 2.5, 0.5] == [throttle.spend(size) for size in (2500, 500, 1)]


@pytest.mark.parametrize("rate", [None, 1e9])
def test_a_waiting_thread_continues_when_the_rate_is_raised(rate: float | None) -> None:
    throttle = Throttle(1.0)
    throttle.spend(1_000_000)
    waiter = threading.Thread(target=throttle.spend, args=(1,), daemon=True)
    waiter.start()
    throttle.set_rate(rate)
    waiter.join(timeout=30.0)
    assert not waiter.is_alive()


def test_a_rate_that_is_set_later_holds() -> None:
    throttle = Throttle(None)
    throttle.set_rate(1000.0)
    assert 0.0 == pytest.approx(throttle.spend(20), abs=1.0)
    assert throttle.spend(1) > 0.0
