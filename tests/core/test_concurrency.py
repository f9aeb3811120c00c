from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.flow_control import FIRST_REQUESTS, ConcurrencyWindow, LatencyBaseline

SIZE = 1 << 20


def window(size: float, *, most: int = 32, threshold: float | None = None) -> ConcurrencyWindow:
    return ConcurrencyWindow(most=most, size=size, threshold=float(most) if threshold is None else threshold)


@pytest.mark.parametrize(("most", "first"), [(1, 1), (3, 3), (4, 4), (8, 4), (64, 4)])
def test_the_window_begins_with_a_few_requests(most: int, first: int) -> None:
    begun = ConcurrencyWindow.begun(most)
    assert (first, first) == (begun.requests, begun.first)


@pytest.mark.parametrize(
    ("size", "threshold", "most", "size_then", "threshold_then"),
    [
        (16.0, 32.0, 8, 8, 8.0),  # fewer
        (16.0, 12.0, 8, 8, 8.0),
        (16.0, 12.0, 64, 16, 12.0),  # more: what the line taught stays
        (16.0, 32.0, 64, 16, 64.0),
        (2.0, 1.0, 64, 2, 1.0),  # failures made it small
    ],
)
def test_another_number_of_workers_keeps_what_the_line_taught(
    size: float, threshold: float, most: int, size_then: int, threshold_then: float
) -> None:
    limited = window(size, threshold=threshold).limited(most)
    assert (most, size_then, threshold_then) == (limited.most, limited.requests, limited.threshold)


def test_a_window_that_only_few_workers_kept_small_begins_anew_with_more() -> None:
    begun = ConcurrencyWindow.begun(2)
    assert (1, FIRST_REQUESTS) == (begun.limited(1).requests, begun.limited(1).limited(32).requests)


def test_requests_of_one_round_that_fail_halve_it_once() -> None:
    begun = window(8.0)
    sent_in, halved = begun.round, begun
    for _ in range(8):
        halved = halved.halved(sent_in)
    assert (4, 2) == (halved.requests, halved.halved(halved.round).requests)


def sizes_of(begun: ConcurrencyWindow, rounds: int, **options: bool) -> list[int]:
    """The sizes after rounds in which every request was answered in time."""
    sizes = []
    for _ in range(rounds):
        for _ in range(begun.requests):
            begun = begun.widened(**options)
        sizes.append(begun.requests)
    return sizes


def test_over_a_long_line_it_doubles_with_every_round() -> None:
    assert [8, 16, 32, 32] == sizes_of(ConcurrencyWindow.begun(32), 4, is_long=True)


def test_where_nothing_asks_for_more_it_stays_at_the_first_few() -> None:
    assert [4, 4] == sizes_of(ConcurrencyWindow.begun(32), 2)


def test_after_a_failure_it_grows_by_one_a_round() -> None:
    sizes = sizes_of(window(8.0, most=8).halved(0), 6, is_long=True)
    assert (sorted(sizes), 8) == (sizes, sizes[-1])
    assert all(after - before <= 1 for before, after in zip([4, *sizes], sizes, strict=False))


def test_after_an_outage_it_doubles_up_to_half_of_what_it_was() -> None:
    restarted = window(16.0, most=16).restarted()
    sizes = [restarted.requests, *sizes_of(restarted, 4, is_long=True)]
    assert [1, 2, 4, 8] == sizes[:4]
    assert sizes[4] < 16


@pytest.mark.parametrize(
    ("size", "threshold", "narrowed"),
    [
        (32.0, 32.0, 31.96875),
        (16.0, 32.0, 15.0),
        (16.0, 8.0, 15.9375),
        (4.5, 32.0, 4.0),
        (4.0, 32.0, 4.0),
        (2.0, 1.0, 2.0),
    ],
)
def test_late_requests_take_back_what_was_added_and_no_more(size: float, threshold: float, narrowed: float) -> None:
    assert narrowed == window(size, threshold=threshold).narrowed().size


@given(st.integers(1, 64), st.lists(st.sampled_from(["in time", "long", "late", "halved", "old", "restarted"])))
def test_the_window_stays_between_one_and_the_number_of_workers(most: int, news: list[str]) -> None:
    now = ConcurrencyWindow.begun(most)
    for what in news:
        before = now
        match what:
            case "in time":
                now = now.widened()
                assert before.requests <= now.requests <= max(before.requests, FIRST_REQUESTS)
            case "long":
                now = now.widened(is_long=True)
                assert before.requests <= now.requests
            case "late":
                now = now.narrowed()
                assert now.requests <= before.requests
            case "halved":
                now = now.halved(now.round)
                assert now.size == max(1.0, before.size / 2)
            case "old":
                assert now == now.halved(now.round - 1)
            case _:
                now = now.restarted()
        assert 1 <= now.requests <= most


def test_a_request_that_takes_far_longer_than_the_best_is_slow() -> None:
    baseline = LatencyBaseline()
    assert not baseline.is_slow(took_s=60.0, size=SIZE)  # there is no better time yet
    assert not baseline.is_slow(took_s=1.0, size=SIZE)
    assert [False, True] == [baseline.is_slow(took_s=took_s, size=SIZE) for took_s in (3.0, 9.0)]
    assert not baseline.is_slow(took_s=9.0, size=1 << 24)  # a larger request may take longer


def test_milliseconds_are_never_slow() -> None:
    baseline = LatencyBaseline()
    baseline.is_slow(took_s=0.001, size=10)
    assert not baseline.is_slow(took_s=1.9, size=10)


def test_a_line_that_became_slower_is_not_slow_forever() -> None:
    baseline = LatencyBaseline()
    baseline.is_slow(took_s=1.0, size=10)
    assert [True, False] == [baseline.is_slow(took_s=5.0, size=10) for _ in range(100)][::99]


def delays(*requests: dict[str, Any]) -> list[float]:
    baseline = LatencyBaseline()
    return [baseline.delay(**{"size": SIZE, "is_alone": False, **one}) for one in requests]


def test_the_delay_compares_with_requests_of_the_same_size_that_had_few_beside_them() -> None:
    alone = {"took_s": 0.2, "is_alone": True}
    assert [1.0, 2.0, 2.0] == delays(alone, {"took_s": 0.4}, {"took_s": 0.4})
    assert [1.0, 1.0] == delays(alone, {"took_s": 0.4, "size": 4 * SIZE})
    assert [1.0, 2.0, 1.6] == delays(alone, {"took_s": 0.4, "is_alone": True}, {"took_s": 0.4})
    assert [1.0, 1.0] == delays({"took_s": 0.0}, {"took_s": 0.1})  # nothing to compare with
