from hypothesis import given
from hypothesis import strategies as st

from eisync.core.flow_control import ConcurrencyWindow, LatencyBaseline


def test_the_window_begins_at_full_size() -> None:
    assert 8 == ConcurrencyWindow.full(8).requests


def test_requests_of_one_round_that_fail_halve_it_once() -> None:
    window = ConcurrencyWindow.full(8)
    sent_in = window.round
    for _ in range(8):
        window = window.halved(sent_in)
    assert (4, 2) == (window.requests, window.halved(window.round).requests)


def test_it_grows_by_one_a_round() -> None:
    window = ConcurrencyWindow.full(8).halved(0)
    sizes = []
    for _ in range(6):
        for _ in range(window.requests):
            window = window.widened()
        sizes.append(window.requests)
    assert (sorted(sizes), 8) == (sizes, sizes[-1])
    assert all(after - before <= 1 for before, after in zip([4, *sizes], sizes, strict=False))


def test_after_an_outage_it_doubles_up_to_half_of_what_it_was() -> None:
    window = ConcurrencyWindow.full(16).restarted()
    sizes = [window.requests]
    for _ in range(4):
        for _ in range(window.requests):
            window = window.widened()
        sizes.append(window.requests)
    assert [1, 2, 4, 8] == sizes[:4]
    assert sizes[4] < 16


@given(st.integers(1, 64), st.lists(st.sampled_from(["widened", "halved", "late", "restarted"])))
def test_the_window_stays_between_one_and_the_number_of_workers(most: int, news: list[str]) -> None:
    window = ConcurrencyWindow.full(most)
    for what in news:
        match what:
            case "widened":
                window = window.widened()
            case "halved":
                window = window.halved(window.round)
            case "late":
                assert window == window.halved(window.round - 1)
            case _:
                window = window.restarted()
        assert 1 <= window.requests <= most


def test_a_request_that_takes_far_longer_than_the_best_is_slow() -> None:
    tempo = LatencyBaseline()
    assert not tempo.is_slow(took_s=60.0, size=1 << 20)  # there is no better time yet
    assert not tempo.is_slow(took_s=1.0, size=1 << 20)
    assert [False, True] == [tempo.is_slow(took_s=took_s, size=1 << 20) for took_s in (3.0, 9.0)]
    assert not tempo.is_slow(took_s=9.0, size=1 << 24)  # a larger request may take longer


def test_milliseconds_are_never_slow() -> None:
    tempo = LatencyBaseline()
    tempo.is_slow(took_s=0.001, size=10)
    assert not tempo.is_slow(took_s=1.9, size=10)


def test_a_line_that_became_slower_is_not_slow_forever() -> None:
    tempo = LatencyBaseline()
    tempo.is_slow(took_s=1.0, size=10)
    assert [True, False] == [tempo.is_slow(took_s=5.0, size=10) for _ in range(100)][::99]
