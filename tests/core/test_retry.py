import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.retry import ASKED_CAP_S, RetryPolicy, accepted_s

NOW = 1_000_000.0
POLICY = RetryPolicy(base_s=2.0, cap_s=300.0)


@pytest.mark.parametrize(
    ("attempt", "jitter", "asked_s", "pause_s"),
    [
        (1, 0.0, 0.0, 0.0),
        (1, 0.5, 0.0, 1.0),
        (2, 0.5, 0.0, 2.0),
        (5, 0.5, 0.0, 16.0),
        (9, 0.5, 0.0, 150.0),
        (10_000, 0.5, 0.0, 150.0),
        (1, 0.5, 60.0, 60.0),
        (9, 0.5, 60.0, 150.0),
        (1, 0.5, -60.0, 1.0),
        (1, 0.5, ASKED_CAP_S, ASKED_CAP_S),
        (1, 0.5, ASKED_CAP_S + 1.0, 1.0),
        (1, 0.5, 1e12, 1.0),
        (1, 0.5, float("inf"), 1.0),
        (1, 0.5, float("nan"), 1.0),
    ],
)
def test_the_pause_doubles_up_to_a_limit_and_follows_retry_after(
    attempt: int, jitter: float, asked_s: float, pause_s: float
) -> None:
    assert NOW + pause_s == POLICY.due_at(attempt=attempt, now=NOW, jitter=jitter, asked_s=asked_s)


@settings(database=None)
@given(st.integers(1, 10**6), st.floats(0.0, 1.0, exclude_max=True), st.floats(-1e9, 1e9))
def test_the_next_attempt_is_between_now_and_the_longest_pause(attempt: int, jitter: float, asked_s: float) -> None:
    due_at = POLICY.due_at(attempt=attempt, now=NOW, jitter=jitter, asked_s=asked_s)

    assert NOW + accepted_s(asked_s) <= due_at <= NOW + max(ASKED_CAP_S, POLICY.cap_s)


@pytest.mark.parametrize(("base_s", "cap_s"), [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0), (float("nan"), 1.0)])
def test_an_impossible_policy_is_refused(base_s: float, cap_s: float) -> None:
    with pytest.raises(ValueError, match="cannot grow"):
        RetryPolicy(base_s=base_s, cap_s=cap_s)


@pytest.mark.parametrize(
    ("attempt", "jitter", "asked_s", "pause_s"),
    [(1, 0.5, 0.0, 1.0), (3, 0.5, 0.0, 4.0), (1, 0.5, 7.0, 7.0), (1, 0.5, 200.0, 60.0), (9, 0.5, 0.0, 15.0)],
)
def test_no_header_keeps_a_person_waiting_for_long(attempt: int, jitter: float, asked_s: float, pause_s: float) -> None:
    policy = RetryPolicy(base_s=2.0, cap_s=30.0)
    assert pause_s == policy.pause_s(attempt=attempt, jitter=jitter, asked_s=asked_s)
