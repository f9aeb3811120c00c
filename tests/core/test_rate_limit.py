import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.rate_limit import BURST_S, QuietHours, TokenBucket, read_quiet_hours


@given(st.integers(1, 10**6), st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 10)), min_size=1, max_size=50))
def test_no_more_than_the_rate_is_sent_except_a_burst_and_the_last_chunk(
    rate: int, pieces: list[tuple[int, float]]
) -> None:
    now, spent, bucket = 0.0, 0, TokenBucket(rate=rate, at=0.0)
    for size, idle_s in pieces:
        now += idle_s + bucket.wait_s(now + idle_s)
        assert bucket.wait_s(now) == pytest.approx(0.0, abs=1e-6)
        assert spent <= rate * (now + BURST_S) * (1 + 1e-9) + max(size for size, _ in pieces)
        bucket = bucket.spent(size, now)
        spent += size


def test_a_chunk_waits_for_bytes_sent_in_advance() -> None:
    bucket = TokenBucket(rate=100.0, at=0.0).spent(250, 0.0)
    assert [2.5, 1.5, 0.0] == [bucket.wait_s(now) for now in (0.0, 1.0, 3.0)]


def test_another_rate_also_applies_to_bytes_sent_in_advance() -> None:
    bucket = TokenBucket(rate=100.0, at=0.0).spent(1000, 0.0).at_rate(1000.0, 5.0)
    assert 0.5 == bucket.wait_s(5.0)


def test_a_rate_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing moves"):
        TokenBucket(rate=0.0, at=0.0)


HOUR = 3600


@pytest.mark.parametrize(
    ("text", "hour", "quiet_h"),
    [
        ("", 12, 0),
        ("08:00-12:00", 7.99, 0),
        ("08:00-12:00", 8, 4),
        ("08:00-12:00", 11.5, 0.5),
        ("08:00-12:00", 12, 0),
        ("22:00-06:00", 23, 7),
        ("22:00-06:00", 0, 6),
        ("22:00-06:00", 6, 0),
        ("20:00-24:00", 23, 1),
        ("08:00-12:00, 11:00-14:00", 11.5, 2.5),
    ],
)
def test_quiet_hours_end(text: str, hour: float, quiet_h: float) -> None:
    assert quiet_h * HOUR == pytest.approx(read_quiet_hours(text).quiet_s(hour * HOUR))


@pytest.mark.parametrize(
    "text", ["8-12", "08:00", "25:00-26:00", "08:60-09:00", "08:00-08:00", "00:00-24:00", "a:b-c:d", "08:00-12:00,"]
)
def test_impossible_hours_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must|has"):
        read_quiet_hours(text)


def test_an_empty_text_means_no_quiet_hours() -> None:
    assert QuietHours() == read_quiet_hours("")


@pytest.mark.parametrize("text", ["", "22:00-06:00", "08:30-12:00, 22:00-06:00"])
def test_quiet_hours_are_serialized_as_they_are_parsed(text: str) -> None:
    assert text == str(read_quiet_hours(text))
