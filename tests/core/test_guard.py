import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.guard import DOUBT_S, Guard, why_doubt_clock

COUNTS = st.integers(0, 10**9)
PERCENTS = st.floats(0.0, 100.0)


@pytest.mark.parametrize(
    ("count", "percent", "known", "allowed"),
    [
        (50, 10.0, 0, 1),  # one is never too many
        (50, 10.0, 1, 1),
        (50, 10.0, 10, 1),
        (50, 10.0, 11, 2),  # a share is rounded up
        (50, 10.0, 499, 50),
        (50, 10.0, 500, 50),
        (50, 10.0, 1_000_000, 50),
        (50, 0.0, 1_000, 1),
        (50, 100.0, 20, 20),
        (0, 10.0, 1_000, 0),  # every one waits
        (0, 100.0, 0, 0),
        (1, 100.0, 1_000, 1),
    ],
)
def test_so_many_go_by_themselves(count: int, percent: float, known: int, allowed: int) -> None:
    assert allowed == Guard(count=count, percent=percent).allowed(known)


@given(count=COUNTS, percent=PERCENTS, known=COUNTS, more=COUNTS)
def test_what_is_allowed_grows_with_what_is_known_up_to_the_count(
    count: int, percent: float, known: int, more: int
) -> None:
    guard = Guard(count=count, percent=percent)
    allowed = guard.allowed(known)
    assert min(count, 1) <= allowed <= count  # never 0, unless that is what was asked for
    assert allowed <= guard.allowed(known + more)


@given(count=COUNTS, percent=PERCENTS, more=PERCENTS, known=COUNTS)
def test_what_is_allowed_grows_with_the_share(count: int, percent: float, more: float, known: int) -> None:
    low, high = sorted((percent, more))
    assert Guard(count=count, percent=low).allowed(known) <= Guard(count=count, percent=high).allowed(known)


@pytest.mark.parametrize(
    ("files", "recent", "known", "why"),
    [
        (0, 0, 0, None),
        (0, 1_000, 10, None),  # nothing is held where nothing is wanted
        (1, 0, 1, None),
        (2, 0, 10, "it would touch 2 of 10 files; 1 go by themselves"),
        (50, 0, 500, None),
        (51, 0, 1_000_000, "it would touch 51 of 1,000,000 files; 50 go by themselves"),
        (1, 49, 500, None),
        (1, 50, 500, "it would touch 1 of 500 files, after 50 in the last hour; 50 go by themselves"),
    ],
)
def test_a_pass_that_would_touch_many_waits(files: int, recent: int, known: int, why: str | None) -> None:
    assert why == Guard().why_held(files=files, recent=recent, known=known)


@given(count=COUNTS, percent=PERCENTS, files=COUNTS, recent=COUNTS, known=COUNTS)
def test_whoever_waits_wanted_more_than_is_allowed(
    count: int, percent: float, files: int, recent: int, known: int
) -> None:
    guard = Guard(count=count, percent=percent)
    is_held = guard.why_held(files=files, recent=recent, known=known) is not None
    assert is_held == (files > 0 and files > guard.allowed(known) - recent)


@given(sizes=st.lists(st.integers(1, 60)), known=COUNTS)
def test_much_does_not_become_little_by_being_spread_over_passes(sizes: list[int], known: int) -> None:
    guard, done = Guard(), 0
    for files in sizes:
        if guard.why_held(files=files, recent=done, known=known) is None:
            done += files
    assert done <= guard.allowed(known)


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        (None, 0.0, None),
        (1_000.0, 1_000.0, None),
        (1_000.0, 1_000.0 + 600.0 + DOUBT_S, None),
        (1_000.0, 1_001.0 + 600.0 + DOUBT_S, "the clock went forward by 4,201 s since the last pass"),
        (1_000.0, 999.0, "the clock went back by 1 s since the last pass"),
        (1_000.0, 0.0, "the clock went back by 1,000 s since the last pass"),
    ],
)
def test_a_clock_that_jumped_is_doubted(before: float | None, now: float, why: str | None) -> None:
    assert why == why_doubt_clock(before, now, interval_s=60.0)


@given(before=st.floats(0.0, 1e10), interval_s=st.floats(0.0, 604_800.0), share=st.floats(0.0, 9.9))
def test_a_pass_that_is_late_is_not_a_jump(before: float, interval_s: float, share: float) -> None:
    assert why_doubt_clock(before, before + interval_s * share, interval_s=interval_s) is None


@given(now=st.floats(0.0, 1e10), interval_s=st.floats(0.0, 604_800.0), back_s=st.floats(0.01, 1e9))
def test_going_back_is_doubted_however_little(now: float, interval_s: float, back_s: float) -> None:
    assert why_doubt_clock(now + back_s, now, interval_s=interval_s) is not None
