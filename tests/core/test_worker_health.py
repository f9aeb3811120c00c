import pytest

from eisync.core.worker_health import AVOID_S, LONGEST_DOUBLINGS, SILENT_S, WorkerHealth

BOTH = ["a", "b"]


def test_all_workers_are_alike_at_first() -> None:
    health = WorkerHealth()
    assert health.preferred(BOTH, now=0.0) is None
    assert not health.is_avoided("a", now=0.0)


def test_a_worker_that_failed_is_avoided_for_a_while() -> None:
    health = WorkerHealth()
    health.note_failure("a", now=100.0)
    assert ["b"] == health.preferred(BOTH, now=100.0)
    assert ["b"] == health.preferred(BOTH, now=99.9 + AVOID_S)
    assert health.preferred(BOTH, now=100.0 + AVOID_S) is None


def test_the_only_worker_is_not_avoided() -> None:
    health = WorkerHealth()
    health.note_failure("a", now=0.0)
    assert health.preferred(["a"], now=1.0) is None
    health.note_failure("b", now=0.0)
    assert health.preferred(BOTH, now=1.0) is None


@pytest.mark.parametrize("failures", [1, 2, 3, LONGEST_DOUBLINGS + 1, LONGEST_DOUBLINGS + 9])
def test_each_failure_in_a_row_doubles_the_time(failures: int) -> None:
    health = WorkerHealth()
    for _ in range(failures):
        health.note_failure("a", now=0.0)
    until = AVOID_S * 2 ** min(failures - 1, LONGEST_DOUBLINGS)
    assert (True, False) == (health.is_avoided("a", until - 1.0), health.is_avoided("a", until))


def test_an_answer_ends_it() -> None:
    health = WorkerHealth()
    health.note_failure("a", now=0.0)
    health.note_failure("a", now=0.0)
    health.note_answer("a", now=1.0)
    assert not health.is_avoided("a", now=1.0)
    health.note_failure("a", now=2.0)
    assert not health.is_avoided("a", now=2.0 + AVOID_S)


def test_workers_that_left_are_forgotten() -> None:
    health = WorkerHealth()
    health.note_failure("a", now=0.0)
    health.note_answer("b", now=0.0)
    health.forget_others(["b"])
    assert not health.is_avoided("a", now=1.0)
    assert health.is_stuck("a", given_at=0.0, now=SILENT_S + 1.0)


@pytest.mark.parametrize(
    ("answered_at", "now", "is_stuck"),
    [
        (None, 10.0 + SILENT_S, False),
        (None, 10.1 + SILENT_S, True),
        (5.0, 10.1 + SILENT_S, True),  # it answered before it was given this
        (40.0, 10.1 + SILENT_S, False),  # it is busy with what it was given before
        (40.0, 40.1 + SILENT_S, True),
    ],
)
def test_a_worker_that_begins_nothing_and_answers_nothing_is_stuck(
    answered_at: float | None, now: float, is_stuck: bool
) -> None:
    health = WorkerHealth()
    if answered_at is not None:
        health.note_answer("a", answered_at)
    assert is_stuck == health.is_stuck("a", given_at=10.0, now=now)


def test_what_an_avoided_worker_has_not_begun_is_taken_back_at_once() -> None:
    health = WorkerHealth()
    health.note_failure("a", now=0.0)
    assert health.is_stuck("a", given_at=0.0, now=0.1)
