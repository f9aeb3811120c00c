from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.batching import Limits, Request
from eisync.core.circuit_breaker import SILENT_LIMIT
from eisync.core.flow_control import HOLD_CAP_S, FlowControl, RequestResult
from eisync.core.model import Category, FileFacts, Item
from eisync.core.request_rate import FIRST, KEPT_AT_LEAST, LEAST
from eisync.core.retry import Fault, RetryPolicy
from eisync.core.wire import Barred, Failed, Outcome, Refused, Smaller, Stored

NOW = 1_000.0
SILENT = Failed(Fault.UNANSWERED, "HTTP 500")
AWAY = Failed(Fault.UNREACHABLE, "no network")
BUSY = Failed(Fault.THROTTLED, "HTTP 429", asked_s=60.0)
FINE = Stored(1)
TOO_LARGE = Smaller("HTTP 413", 4, is_size=True)


def flow_control(workers: int = 4) -> FlowControl:
    return FlowControl(Limits(files=8, bytes=800), RetryPolicy(base_s=2.0, cap_s=300.0), workers=workers)


def result(
    outcome: Outcome, files: int = 8, *, sent_in: int = 0, attempts: int = 0, took_s: float = 0.0, **more: Any
) -> RequestResult:
    items = tuple(
        Item(
            id=number,
            root="/r",
            path=f"{number}.csv",
            target="t",
            facts=FileFacts(100, 1, number),
            label=None,
            category=Category.SPLIT,
            attempts=attempts,
        )
        for number in range(files)
    )
    request = Request(target="t", category=Category.SPLIT, label=None, metadata=(), items=items)
    return RequestResult(request, [outcome] * files, took_s, sent_in, **more)


def learn(steered: FlowControl, outcome: Outcome, files: int = 8, *, now: float = NOW, **more: Any) -> bool:
    return steered.learn(result(outcome, files, **{"sent_in": steered.round, **more}), now=now, jitter=0.5)


@pytest.mark.parametrize(("outcome", "hold_s"), [(AWAY, 1.0), (BUSY, 60.5)])
def test_an_unreachable_or_busy_service_is_held_at_once_and_then_probed(outcome: Outcome, hold_s: float) -> None:
    steered = flow_control()
    assert learn(steered, outcome)
    assert (True, hold_s, 1) == (steered.is_held, steered.hold_s(NOW), steered.limits.files)
    assert (3.0, 0.0) == (steered.held_for_s(NOW + 3.0), steered.held_for_s(NOW - 3.0))
    assert not steered.may_send(NOW + hold_s - 0.1, under_way=0)
    assert steered.may_send(NOW + hold_s, under_way=0)
    assert not steered.may_send(NOW + hold_s, under_way=1)


def test_requests_sent_before_the_hold_do_not_prolong_it() -> None:
    steered = flow_control()
    assert [True, False, False, False] == [learn(steered, AWAY, sent_in=0) for _ in range(4)]
    assert 1.0 == steered.hold_s(NOW)


def test_holds_grow_up_to_a_cap() -> None:
    steered, now, holds = flow_control(), NOW, []
    for _ in range(9):
        learn(steered, AWAY, 1, now=now)
        holds.append(steered.hold_s(now))
        now += holds[-1]
    assert [1.0, 2.0, 4.0, 8.0, 16.0, HOLD_CAP_S, HOLD_CAP_S, HOLD_CAP_S, HOLD_CAP_S] == holds


def test_missing_answers_hold_the_target_only_after_several_in_a_row() -> None:
    steered = flow_control()
    assert [False] * (SILENT_LIMIT - 1) + [True] == [learn(steered, SILENT) for _ in range(SILENT_LIMIT)]


def test_a_success_resets_the_count() -> None:
    steered = flow_control()
    for _ in range(3 * SILENT_LIMIT):
        assert not learn(steered, SILENT)
        assert not learn(steered, FINE)
    assert not steered.is_held


def test_one_file_that_never_gets_an_answer_does_not_hold_the_others() -> None:
    steered = flow_control()
    assert not any(learn(steered, SILENT, 1, attempts=attempts) for attempts in range(3, 100))


def test_after_a_hold_requests_increase_gradually() -> None:
    steered = flow_control(workers=8)
    learn(steered, AWAY)
    windows = []
    for _ in range(7):
        learn(steered, FINE, 1)
        windows.append(steered.window)
    assert (2, False) == (windows[0], steered.is_held)
    assert sorted(windows) == windows
    assert 2 < windows[-1] < 8


def test_a_clock_that_is_set_back_does_not_prolong_a_hold() -> None:
    steered = flow_control()
    learn(steered, BUSY)
    assert steered.may_send(NOW - 86_400.0, under_way=0)


@pytest.mark.parametrize(
    ("outcome", "files", "expected"),
    [
        (SILENT, 8, Limits(files=4, bytes=400)),
        (TOO_LARGE, 8, Limits(files=4, bytes=400)),
        (TOO_LARGE, 3, Limits(files=1, bytes=150)),
        (SILENT, 1, Limits(files=8, bytes=800)),
        (AWAY, 8, Limits(files=1, bytes=800)),  # a probe
        (Refused("bad"), 8, Limits(files=8, bytes=800)),
        (Smaller("HTTP 400", 4), 8, Limits(files=8, bytes=800)),
        (Barred("HTTP 401"), 8, Limits(files=8, bytes=800)),
    ],
)
def test_the_last_result_decides_the_next_limits(outcome: Outcome, files: int, expected: Limits) -> None:
    steered = flow_control()
    learn(steered, outcome, files)
    assert expected == steered.limits


@pytest.mark.parametrize(
    ("outcome", "files", "cap"),
    [
        (SILENT, 1, None),
        (SILENT, 2, 1),
        (SILENT, 7, 2),
        (SILENT, 8, 4),
        (AWAY, 8, None),
        (BUSY, 8, None),
        (FINE, 8, None),
    ],
)
def test_one_of_several_files_without_an_answer_may_be_the_cause(outcome: Outcome, files: int, cap: int | None) -> None:
    steered = flow_control()
    learn(steered, outcome, files)
    assert cap == steered.cap_of(result(outcome, files))


def test_in_an_outage_no_file_is_the_cause() -> None:
    steered = flow_control()
    for _ in range(SILENT_LIMIT):
        learn(steered, SILENT)
    assert None is steered.cap_of(result(SILENT))


def test_a_target_that_refused_us_is_probed_with_one_file() -> None:
    steered = flow_control()
    steered.distrust()
    assert (1, True, False) == (
        steered.limits.files,
        steered.may_send(NOW, under_way=0),
        steered.may_send(NOW, under_way=1),
    )
    learn(steered, FINE, 1)
    assert 8 == steered.limits.files


def test_answers_that_take_far_too_long_halve_the_window() -> None:
    steered = flow_control()
    learn(steered, FINE, took_s=1.0)
    learn(steered, FINE, took_s=20.0)
    assert 2 == steered.window


NEEDED: dict[str, Any] = {"under_way": 4, "is_pressed": True}


@pytest.mark.parametrize(
    ("took_s", "more", "window"),
    [
        (1.0, NEEDED, 5),
        (1.2, NEEDED, 5),
        (1.4, NEEDED, 4),  # neither in time nor late
        (1.6, NEEDED, 4),
        (1.0, {"under_way": 4}, 4),  # nothing else waits
    ],
)
def test_the_window_grows_while_files_wait_and_requests_take_no_longer(
    took_s: float, more: dict[str, Any], window: int
) -> None:
    steered = flow_control(workers=32)
    learn(steered, FINE, took_s=1.0)
    learn(steered, FINE, took_s=took_s, **more)
    assert (window, window) == (steered.window, steered.room)


def grown(workers: int = 32, rounds: int = 4) -> FlowControl:
    """The flow control after rounds over a line that is never full."""
    steered = flow_control(workers=workers)
    for _ in range(rounds):
        for _ in range(steered.window):
            learn(steered, FINE, took_s=0.3, under_way=steered.window, is_pressed=True)
    return steered


@pytest.mark.parametrize("workers", [1, 2, 4, 7, 32, 64])
def test_it_grows_to_the_number_of_workers_and_no_further(workers: int) -> None:
    assert workers == grown(workers, rounds=6).window


def test_other_limits_hold_from_the_next_request_on() -> None:
    steered = grown(workers=32)
    steered.adjust(Limits(files=5, bytes=5_000), RetryPolicy(), workers=6)
    assert (6, Limits(files=5, bytes=5_000)) == (steered.window, steered.limits)


def test_a_line_that_is_full_keeps_the_window_small() -> None:
    steered = flow_control(workers=32)
    for _ in range(500):  # a request takes as long as all that are under way, one after the other
        learn(steered, FINE, took_s=0.1 * steered.window, under_way=steered.window, is_pressed=True)
        assert 4 <= steered.window <= 8


@pytest.mark.parametrize(("has_connected", "window"), [(False, 31), (True, 32)])
def test_a_request_that_opened_its_connection_may_take_longer(has_connected: bool, window: int) -> None:
    steered = grown()
    learn(steered, FINE, took_s=0.9, under_way=32, has_connected=has_connected, is_pressed=True)
    assert window == steered.window


@pytest.mark.parametrize(("files", "window"), [(3, 4), (4, 32), (8, 32)])
def test_a_window_that_only_makes_requests_small_returns_to_the_first_few(files: int, window: int) -> None:
    steered = grown()
    for _ in range(40):
        learn(steered, FINE, files, took_s=0.3)
    assert window == steered.window


def test_a_failure_halves_a_window_that_has_grown() -> None:
    steered = grown()
    learn(steered, SILENT)
    assert (16, 16) == (steered.window, steered.room)
    learn(steered, AWAY)
    assert (1, 8) == (steered.window, steered.room)


@given(
    st.lists(st.tuples(st.sampled_from([SILENT, AWAY, BUSY, FINE, TOO_LARGE]), st.integers(1, 8), st.floats(0, 100)))
)
def test_after_any_results_one_file_may_be_sent_in_the_end(news: list[tuple[Outcome, int, float]]) -> None:
    steered, now = flow_control(), NOW
    for outcome, files, after_s in news:
        now += after_s
        learn(steered, outcome, files, now=now)
        assert 1 <= steered.window <= 4
        assert 1 <= steered.limits.files <= 8
        assert steered.may_send(now + max(HOLD_CAP_S, 60.0 + 1.0 / LEAST), under_way=0)


@pytest.mark.parametrize("asked_s", [301.0, 1e9, float("inf"), float("nan"), -5.0])
def test_an_implausible_retry_after_does_not_stop_the_probes(asked_s: float) -> None:
    steered, now = flow_control(), NOW
    for _ in range(9):
        learn(steered, Failed(Fault.THROTTLED, "HTTP 503", asked_s=asked_s), 1, now=now)
        assert 0.0 < steered.hold_s(now) <= HOLD_CAP_S
        now += steered.hold_s(now)
        assert steered.may_send(now, under_way=0)


def test_after_a_refusal_requests_are_sent_one_after_the_other_at_a_rate() -> None:
    steered = flow_control()
    learn(steered, FINE)
    learn(steered, BUSY)
    now = NOW + steered.hold_s(NOW)
    steered.note_sent(now)
    learn(steered, FINE, 1, now=now + 0.1)
    assert not steered.is_held
    next_at = now + 1.0 / (2.0 * FIRST)  # it has doubled
    assert next_at - now - 0.1 == pytest.approx(steered.hold_s(now + 0.1))
    assert not steered.may_send(next_at - 0.1, under_way=0)
    assert steered.may_send(next_at, under_way=0)


def test_a_service_that_never_asks_for_fewer_requests_gets_them_at_once() -> None:
    steered = flow_control()
    for outcome in (FINE, SILENT, FINE):
        steered.note_sent(NOW)
        learn(steered, outcome)
        assert (0.0, True) == (steered.hold_s(NOW), steered.may_send(NOW, under_way=1))


@pytest.mark.parametrize("refusals", [1, 3])
def test_refusals_of_one_round_and_of_its_probes_cut_the_rate_once(refusals: int) -> None:
    steered, now = flow_control(), NOW
    for outcome in (BUSY, FINE):  # the first refusal begins a rate, and a success ends the hold
        steered.note_sent(now)
        learn(steered, outcome, 1, now=now)
    sent_in = steered.round
    for _ in range(refusals):
        learn(steered, BUSY, sent_in=sent_in, now=now)
        now += 0.1
    now += 300.0
    steered.note_sent(now)
    assert 1.0 / (KEPT_AT_LEAST * 2.0 * FIRST) == pytest.approx(steered.hold_s(now))
