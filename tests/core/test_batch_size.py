import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.batching import FIRST_STREAK, LONGEST_STREAK, AdaptiveBatchSize, Limits

MOST = Limits(files=64, bytes=1024)


def taken(portion: AdaptiveBatchSize, times: int) -> AdaptiveBatchSize:
    for _ in range(times):
        portion = portion.taken()
    return portion


def test_it_begins_at_the_limits() -> None:
    assert MOST == AdaptiveBatchSize.full(MOST).now


def test_a_request_that_was_too_large_halves_it() -> None:
    assert Limits(files=32, bytes=500) == AdaptiveBatchSize.full(MOST).refused(files=64, size=1000).now


@pytest.mark.parametrize(
    ("learnt", "most", "now"),
    [
        (None, Limits(files=8, bytes=100), Limits(files=8, bytes=100)),
        (None, Limits(files=256, bytes=4096), Limits(files=256, bytes=4096)),
        (64, Limits(files=256, bytes=4096), Limits(files=32, bytes=512)),
        (64, Limits(files=8, bytes=4096), Limits(files=8, bytes=512)),
        (64, Limits(files=256, bytes=100), Limits(files=32, bytes=100)),
    ],
)
def test_other_limits_keep_what_was_learnt_of_smaller_ones(learnt: int | None, most: Limits, now: Limits) -> None:
    portion = AdaptiveBatchSize.full(MOST)
    if learnt is not None:
        portion = portion.unanswered(files=learnt, size=1024)
    limited = portion.limited(most)
    assert (most, now) == (limited.most, limited.now)


def test_requests_of_one_size_that_fail_together_halve_it_once() -> None:
    portion = AdaptiveBatchSize.full(MOST)
    for _ in range(4):
        portion = portion.unanswered(files=64, size=1024)
    assert Limits(files=32, bytes=512) == portion.now


def test_it_grows_back_when_requests_are_taken() -> None:
    portion = AdaptiveBatchSize.full(MOST).unanswered(files=64, size=1024).unanswered(files=32, size=512)
    sizes = [taken(portion, FIRST_STREAK * times).now.files for times in range(4)]
    assert [16, 32, 64, 64] == sizes


def test_a_constant_limit_is_hit_less_and_less_often() -> None:
    # The service takes 40 files. Only few of the requests before the tenth refusal are refused.
    portion, sent, refused = AdaptiveBatchSize.full(MOST), 0, 0
    while refused < 10:
        sent += 1
        is_refused = portion.now.files > 40
        refused += is_refused
        portion = portion.refused(files=portion.now.files, size=10) if is_refused else portion.taken()
    assert sent > 2 * LONGEST_STREAK


@given(
    st.lists(st.tuples(st.sampled_from(["refused", "unanswered", "taken"]), st.integers(1, 64), st.integers(1, 9999)))
)
def test_it_stays_within_its_bounds_and_always_grows_back(news: list[tuple[str, int, int]]) -> None:
    portion = AdaptiveBatchSize.full(MOST)
    for what, files, size in news:
        portion = portion.taken() if what == "taken" else getattr(portion, what)(files=files, size=size)
        assert 1 <= portion.now.files <= MOST.files
        assert 1 <= portion.now.bytes <= MOST.bytes
    assert MOST == taken(portion, 12 * LONGEST_STREAK).now
