import pytest

from eisync.core.watch_health import FIRST_PAUSE_S, LONGEST_PAUSE_S, WatchHealth, scan_pause_s

HEARD = WatchHealth().begun(1000.0)


@pytest.mark.parametrize(
    ("least_s", "cost_s", "jitter", "uses_events", "expected_s"),
    [
        (60.0, 0.0, 0.0, False, 60.0),
        (60.0, 0.3, 0.0, False, 60.0),
        (60.0, 3.0, 0.0, False, 300.0),  # a million files: three seconds, one hundredth of five minutes
        (60.0, 3.0, 0.5, False, 315.0),
        (1.0, 0.0, 0.99, False, 1.099),
        (60.0, 0.02, 0.0, True, 60.0),
        (60.0, 0.3, 0.0, True, 375.0),  # a hundred thousand files
        (60.0, 3.0, 0.0, True, 3600.0),
        (60.0, 50.0, 0.0, True, 5000.0),
    ],
)
def test_scans_use_at_most_one_percent_of_a_core_and_less_with_events(
    least_s: float, cost_s: float, jitter: float, uses_events: bool, expected_s: float
) -> None:
    pause_s = scan_pause_s(least_s=least_s, cost_s=cost_s, jitter=jitter, uses_events=uses_events)

    assert expected_s == pytest.approx(pause_s)


@pytest.mark.parametrize(
    ("health", "touched_at", "event_at", "expected"),
    [
        (HEARD, 1010.0, 0.0, True),
        (HEARD, 990.0, 0.0, False),  # it came before the event watch
        (HEARD, 1095.0, 0.0, False),  # its event may still be under way
        (HEARD, 1080.0, 1099.0, False),  # longer when there are many events
        (HEARD, 1030.0, 1099.0, True),
        (WatchHealth(), 1010.0, 0.0, False),
    ],
)
def test_an_event_should_have_reported_files_that_came_during_the_watch(
    health: WatchHealth, touched_at: float, event_at: float, expected: bool
) -> None:
    assert expected is health.should_have_reported(touched_at, event_at=event_at, now=1100.0)


def test_the_first_miss_restarts_the_event_watch_and_the_second_ends_it() -> None:
    once = HEARD.audited(3, 2000.0)
    assert (None, None, 3, True) == (once.since, once.reason, once.missed, once.is_to_try(2000.0))

    twice = once.begun(2000.0).audited(2, 3000.0)
    assert ("5 files arrived without an event", 5) == (twice.reason, twice.missed)
    assert [False, True] == [twice.is_to_try(3000.0 + FIRST_PAUSE_S + late) for late in (-1.0, 0.0)]


def test_a_scan_without_misses_resets_the_count() -> None:
    once = HEARD.audited(1, 2000.0).begun(2000.0).audited(0, 3000.0)

    assert once.audited(1, 4000.0).reason is None
    assert 1 == once.missed


def test_pauses_grow_to_a_limit_and_a_clean_scan_shortens_them() -> None:
    health, pauses = WatchHealth(), []
    for _ in range(8):
        health = health.unable("no events", 0.0)
        pauses.append(health.again_at)

    assert [600.0, 1200.0, 2400.0, 4800.0, 9600.0, 19200.0, LONGEST_PAUSE_S, LONGEST_PAUSE_S] == pauses
    assert FIRST_PAUSE_S == health.begun(0.0).audited(0, 1.0).pause_s


def test_an_event_listener_that_fails_repeatedly_is_not_restarted() -> None:
    health = HEARD
    for _ in range(2):
        health = health.died(2000.0)
        assert health.reason is None
    health = health.died(2000.0)

    assert "its event listener failed 3 times" == health.reason


def test_without_an_event_watch_nothing_is_missed() -> None:
    assert WatchHealth() == WatchHealth().audited(5, 2000.0)
