"""After a service failed, at most one request checks whether it is back, and not too soon."""

import pytest

from eisync.core.circuit_breaker import SILENT_LIMIT, CircuitBreaker

NOW = 1_000.0
HELD = CircuitBreaker().tripped(NOW, until=NOW + 10.0)


@pytest.mark.parametrize(
    ("breaker", "now", "under_way", "may_send"),
    [
        (CircuitBreaker(), NOW, 0, True),
        (CircuitBreaker(), NOW, 50, True),
        (HELD, NOW, 0, False),
        (HELD, NOW + 9.9, 0, False),
        (HELD, NOW + 10.0, 0, True),
        (HELD, NOW + 10.0, 1, False),
        (HELD, NOW - 1.0, 0, True),  # the clock was set back: nothing is held longer than intended
    ],
)
def test_while_open_one_request_is_sent_after_the_pause(
    breaker: CircuitBreaker, now: float, under_way: int, may_send: bool
) -> None:
    assert may_send is breaker.may_send(now, under_way=under_way)


def test_several_requests_without_an_answer_are_the_fault_of_the_service() -> None:
    breaker = CircuitBreaker()
    for _ in range(SILENT_LIMIT - 1):
        breaker = breaker.counted()
        assert not breaker.is_too_silent
    assert breaker.counted().is_too_silent
    assert HELD.is_too_silent


def test_each_trip_is_counted_and_opens_it() -> None:
    assert not CircuitBreaker().is_open
    assert (True, 1) == (HELD.is_open, HELD.trips)
    again = HELD.tripped(NOW + 10.0, until=NOW + 30.0)
    assert (2, NOW, NOW + 10.0) == (again.trips, again.open_since, again.held_since)
    assert NOW + 90.0 == again.closed().tripped(NOW + 90.0, until=NOW + 99.0).open_since
