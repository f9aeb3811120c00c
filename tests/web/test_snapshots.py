"""Answers are kept for a hundred times the processor time that they took."""

import pytest

from eisync.web.snapshots import COST_FACTOR, LEAST_S, LONGEST_S, Snapshots
from tests.fakes import Clock


@pytest.mark.parametrize(
    ("cost_s", "kept_s"), [(0.0, LEAST_S), (0.05, COST_FACTOR * 0.05), (0.1, COST_FACTOR * 0.1), (99.0, LONGEST_S)]
)
def test_an_answer_is_kept_in_proportion_to_its_cost(cost_s: float, kept_s: float) -> None:
    clock, spent = Clock(), Clock(0.0)
    snapshots = Snapshots(clock, spent)
    made: list[float] = []

    def make() -> float:
        spent.now += cost_s
        made.append(clock.now)
        return clock.now

    first = snapshots.get("status", make)
    clock.now += kept_s * 0.99
    assert first == snapshots.get("status", make)
    clock.now += kept_s * 0.02
    assert first < snapshots.get("status", make)
    assert 2 == len(made)
    assert clock.now == snapshots.get("other", make)


def test_what_was_changed_is_asked_again() -> None:
    snapshots = Snapshots(Clock(), Clock(0.0))
    assert 1 == snapshots.get("status", lambda: 1)
    assert 1 == snapshots.get("status", lambda: 2)
    snapshots.forget()
    assert 2 == snapshots.get("status", lambda: 2)


def test_an_answer_that_fails_is_not_kept() -> None:
    snapshots = Snapshots(Clock(), Clock(0.0))
    with pytest.raises(ZeroDivisionError):
        snapshots.get("status", lambda: 1 / 0)
    assert 2 == snapshots.get("status", lambda: 2)
