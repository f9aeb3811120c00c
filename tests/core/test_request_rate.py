import math

import pytest

from eisync.core.request_rate import (
    ADDED,
    CALM_S,
    DOUBLES_S,
    FIRST,
    FORGOTTEN_S,
    GROWS_S,
    GROWTH,
    KEPT,
    KEPT_AT_LEAST,
    LEAST,
    RequestRate,
)

NOW = 1_000.0
BEGUN = RequestRate().refused(NOW, asked_s=0.0)
KNOWN = RequestRate(per_s=4.0, is_known=True, refused_at=NOW, accepted_at=NOW)


def accepted(rate: RequestRate, times: int, *, over_s: float, now: float = NOW) -> RequestRate:
    for number in range(times):
        rate = rate.accepted(now + over_s * number / max(1, times - 1))
    return rate


def test_nothing_is_limited_before_the_first_refusal() -> None:
    rate = accepted(RequestRate().sent(NOW), 100, over_s=1.0)
    assert (None, 0.0, 0.0) == (rate.per_s, rate.interval_s, rate.wait_s(NOW))


@pytest.mark.parametrize(
    ("requests", "over_s", "asked_s", "per_s"),
    [
        (0, 0.0, 0.0, FIRST),
        (5, 1.0, 0.0, FIRST),
        (100, 1.0, 0.0, 10.0),  # a second does not show a rate: perhaps only so many are allowed in ten
        (400, 20.0, 0.0, 20.0),
        (300, 15.0, 45.0, 5.0),  # 300 a minute
    ],
)
def test_the_first_refusal_begins_with_the_rate_that_was_accepted(
    requests: int, over_s: float, asked_s: float, per_s: float
) -> None:
    rate = accepted(RequestRate(), requests, over_s=over_s).refused(NOW + over_s, asked_s=asked_s)
    assert (per_s, False) == (rate.per_s, rate.is_known)


@pytest.mark.parametrize(
    ("requests", "over_s", "asked_s", "per_s"),
    [
        (0, 0.0, 0.0, KEPT * 4.0),
        (2, 1.0, 1.0, KEPT * 4.0),
        (80, 20.0, 0.0, KEPT * 4.0),
        (80, 20.0, 40.0, 80 / 60),  # the pause belongs to the time in which they were sent
        (0, 0.0, 60.0, KEPT_AT_LEAST * 4.0),
        (20, 15.0, 45.0, KEPT_AT_LEAST * 4.0),
    ],
)
def test_a_refusal_cuts_the_rate(requests: int, over_s: float, asked_s: float, per_s: float) -> None:
    rate = accepted(RequestRate(per_s=None), requests, over_s=over_s)
    limited = RequestRate(per_s=4.0, counted=rate.counted, counted_from=rate.counted_from)
    after = limited.refused(NOW + over_s, asked_s=asked_s)
    assert pytest.approx(per_s) == after.per_s
    assert (True, 0) == (after.is_known, after.counted)


def test_a_rate_never_becomes_lower_than_the_least() -> None:
    rate = BEGUN
    for _ in range(20):
        rate = rate.refused(NOW, asked_s=0.0)
    assert LEAST == rate.per_s


@pytest.mark.parametrize(
    ("rate", "after_s", "per_s"),
    [
        (KNOWN, 0.0, 4.0),
        (KNOWN, 10.0, 4.0 * math.exp(10 * GROWTH) + 10 * ADDED),
        (KNOWN, GROWS_S + 50.0, 4.0 * math.exp(GROWS_S * GROWTH) + GROWS_S * ADDED),
        (KNOWN, CALM_S + 1.0, 8.0),
        (KNOWN.refused_again(NOW + CALM_S), CALM_S + 1.0, 4.0 * math.exp(GROWS_S * GROWTH) + GROWS_S * ADDED),
        (KNOWN, FORGOTTEN_S + 1.0, None),
        (KNOWN, -86_400.0, 4.0),  # the clock was set back
        (RequestRate(per_s=4.0, refused_at=NOW, accepted_at=NOW), DOUBLES_S, 8.0),
        (RequestRate(per_s=4.0, refused_at=NOW, accepted_at=NOW), DOUBLES_S / 2, 4.0 * math.sqrt(2.0)),
        (RequestRate(per_s=4.0, refused_at=NOW, accepted_at=NOW), 100.0, 8.0),
    ],
)
def test_the_rate_grows_with_time(rate: RequestRate, after_s: float, per_s: float | None) -> None:
    grown = rate.accepted(NOW + after_s)
    assert (per_s if per_s is None else pytest.approx(per_s)) == grown.per_s
    assert grown.is_known is (rate.is_known and per_s is not None)


def test_two_rates_that_are_cut_at_the_same_time_become_equal() -> None:
    rates = [RequestRate(per_s=10.0, is_known=True), RequestRate(per_s=0.1, is_known=True)]
    now = NOW
    for _ in range(20):
        rates = [rate.refused(now, asked_s=0.0) for rate in rates]
        for _ in range(60):
            now += 1.0
            rates = [rate.accepted(now) for rate in rates]
    larger, smaller = (rate.per_s or 0.0 for rate in rates)
    assert smaller < larger < 1.5 * smaller


@pytest.mark.parametrize(("at", "wait_s"), [(NOW, 0.25), (NOW + 0.1, 0.15), (NOW + 0.25, 0.0), (NOW - 5.0, 0.0)])
def test_requests_are_sent_at_intervals(at: float, wait_s: float) -> None:
    assert pytest.approx(wait_s) == KNOWN.sent(NOW).wait_s(at)
