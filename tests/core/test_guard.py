import itertools
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.clock_step import DAY_S, ClockSetting
from eisync.core.guard import DOUBT_S, RECENT_S, Guard, Ledger, Touch, why_doubt_clock
from tests.examples import examples

COUNTS = st.integers(0, 10**9)
PERCENTS = st.floats(0.0, 100.0)


@pytest.mark.parametrize(
    ("count", "percent", "known", "allowed"),
    [
        (50, 10.0, 0, 1),  # one is always allowed
        (50, 10.0, 1, 1),
        (50, 10.0, 10, 1),
        (50, 10.0, 11, 2),  # a share is rounded up
        (50, 10.0, 499, 50),
        (50, 10.0, 500, 50),
        (50, 10.0, 1_000_000, 50),
        (50, 0.0, 1_000, 1),
        (50, 100.0, 20, 20),
        (0, 10.0, 1_000, 0),  # every action waits
        (0, 100.0, 0, 0),
        (1, 100.0, 1_000, 1),
    ],
)
def test_this_many_files_may_change_without_approval(count: int, percent: float, known: int, allowed: int) -> None:
    assert allowed == Guard(count=count, percent=percent).allowed(known)


@given(count=COUNTS, percent=PERCENTS, known=COUNTS, more=COUNTS)
def test_the_limit_grows_with_the_known_files_up_to_the_count(
    count: int, percent: float, known: int, more: int
) -> None:
    guard = Guard(count=count, percent=percent)
    allowed = guard.allowed(known)
    assert min(count, 1) <= allowed <= count  # never 0, unless the configuration says 0
    assert allowed <= guard.allowed(known + more)


@given(count=COUNTS, percent=PERCENTS, more=PERCENTS, known=COUNTS)
def test_the_limit_grows_with_the_share(count: int, percent: float, more: float, known: int) -> None:
    low, high = sorted((percent, more))
    assert Guard(count=count, percent=low).allowed(known) <= Guard(count=count, percent=high).allowed(known)


NOW = 1_000_000_000.0
HOUR, DAY = RECENT_S, DAY_S


def touched(*groups: tuple[int, float | None], root_id: int = 1, is_known: bool = True) -> list[Touch]:
    """Return touches of `number` files, each that many seconds ago; None: they are due."""
    ids = itertools.count(1_000_000 * root_id)
    return [
        Touch(next(ids), root_id, None if age_s is None else NOW - age_s, is_known)
        for number, age_s in groups
        for _ in range(number)
    ]


def wanted(number: int, root_id: int = 1) -> list[tuple[int, int]]:
    return [(at, root_id) for at in range(number)]


@pytest.mark.parametrize(
    ("files", "touches", "known", "why"),
    [
        (0, [], 0, None),
        (0, touched((1_000, 0.0)), 10, None),  # without actions nothing is held
        (1, [], 1, None),
        (2, [], 10, "it would affect 2 of 10 files; at most 1 without your approval"),
        (50, [], 500, None),
        (51, [], 1_000_000, "it would affect 51 of 1,000,000 files; at most 50 without your approval"),
        (1, touched((49, HOUR - 1)), 500, None),
        (
            1,
            touched((50, HOUR - 1)),
            500,
            "it would affect 1 of 500 files, after 50 in the last hour; at most 50 without your approval",
        ),
        (1, touched((50, HOUR)), 500, None),
        (
            1,
            touched((50, None)),
            500,
            "it would affect 1 of 500 files, after 50 allowed but not done yet; at most 50 without your approval",
        ),
        (
            1,
            touched((40, 5.0), (10, None)),
            500,
            "it would affect 1 of 500 files, after 40 in the last hour and 10 allowed but not done yet; at most "
            "50 without your approval",
        ),
        (
            1,
            touched((50, 2 * HOUR), (50, 4 * HOUR), (50, 6 * HOUR)),
            500,
            "it would affect 1 of 500 files, after 150 in the last day; at most 150 a day without your approval",
        ),
        (1, touched((50, 2 * HOUR), (50, 4 * HOUR), (50, DAY)), 500, None),
    ],
)
def test_a_pass_that_would_change_many_files_waits(
    files: int, touches: list[Touch], known: int, why: str | None
) -> None:
    ledger = Ledger(Guard(), touches, {1: known}, now=NOW)
    assert why == ledger.why_held(wanted(files))


def test_a_file_counts_once_however_much_is_done_to_it() -> None:
    ledger = Ledger(Guard(count=2, percent=100.0), [Touch(1, 1, NOW), Touch(1, 1)], {1: 10}, now=NOW)
    assert ledger.why_held([(1, 1), (2, 1), (2, 1)]) is None


def test_the_share_also_applies_to_each_folder() -> None:
    ledger = Ledger(Guard(), [], {1: 1_000, 2: 40}, now=NOW, names={2: "/data/small"})
    assert ledger.why_held(wanted(4, 2)) is None
    assert ("it would affect 5 of 40 files in /data/small; at most 4 without your approval") == ledger.why_held(
        wanted(5, 2)
    )
    assert ledger.why_held([*wanted(46, 1), *((1_000 + at, 2) for at in range(4))]) is None
    assert "it would affect 51 of 1,040 files; at most 50 without your approval" == ledger.why_held(
        [*wanted(47, 1), *((1_000 + at, 2) for at in range(4))]
    )


def test_changes_in_one_folder_do_not_use_the_share_of_others() -> None:
    ledger = Ledger(Guard(), touched((4, 5.0), root_id=2), {1: 1_000, 2: 40}, now=NOW)
    assert ledger.why_held(wanted(46, 1)) is None
    assert ledger.why_held([(9, 2)]) is not None


def test_removed_files_still_count_in_the_total() -> None:
    ledger = Ledger(Guard(), touched((5, 5.0), is_known=False), {1: 95}, now=NOW)
    assert ledger.why_held(wanted(5)) is None
    assert (
        "it would affect 6 of 100 files, after 5 in the last hour; at most 10 without your approval"
    ) == ledger.why_held(wanted(6))


def test_changes_during_the_pass_count_at_once() -> None:
    ledger = Ledger(Guard(count=2, percent=100.0), touched((1, None)), {1: 10}, now=NOW)
    assert ledger.why_held([(1, 1)]) is None
    ledger.note(1, 1)
    assert ledger.why_held([(2, 1)]) is not None


@pytest.mark.parametrize("jump_s", [2 * HOUR, 400 * DAY])
def test_setting_the_clock_forward_allows_no_more(jump_s: float) -> None:
    setting = ClockSetting(counts_from=NOW + jump_s, recent_from=NOW - DAY)
    now = NOW + jump_s + 1.0
    assert setting.since(DAY, now) <= NOW - 60.0
    ledger = Ledger(Guard(), touched((10, 60.0)), {1: 100}, now=now, setting=setting)
    assert ledger.why_held([(1, 1)]) is not None
    later = Ledger(Guard(day_factor=2.0), touched((10, 60.0)), {1: 100}, now=now + HOUR, setting=setting)
    assert later.why_held([(1, 1)]) is None


@given(count=st.integers(0, 10**9), percent=PERCENTS, files=st.integers(0, 300), known=COUNTS)
def test_only_more_than_the_limit_waits(count: int, percent: float, files: int, known: int) -> None:
    guard = Guard(count=count, percent=percent)
    is_held = Ledger(guard, [], {1: known}, now=NOW).why_held(wanted(files)) is not None
    assert is_held == (files > guard.allowed(known))


@dataclass
class GuardedFolders:
    """Folders of files, what was done to them and what waits, as in the database, over passes and restarts."""

    guard: Guard
    sizes: dict[int, int]
    now: float = NOW
    due: list[tuple[int, int]] = field(default_factory=list)
    done: list[tuple[int, int, float]] = field(default_factory=list)
    is_stuck: bool = False

    def ledger(self, *, counts_due: bool) -> Ledger:
        """`known` are the remaining files, because each action removes a file."""
        touches = [Touch(file_id, root_id, at, is_known=False) for file_id, root_id, at in self.done]
        touches += [Touch(file_id, root_id) for file_id, root_id in self.due] if counts_due else []
        left = Counter(root_id for _, root_id, at in self.done)
        known = {root_id: size - left[root_id] for root_id, size in self.sizes.items()}
        return Ledger(self.guard, touches, known, now=self.now)

    def decide(self, root_id: int, number: int) -> None:
        touched_before = {file_id for file_id, _, _ in self.done} | {file_id for file_id, _ in self.due}
        files = [
            (1_000 * root_id + at, root_id)
            for at in range(self.sizes[root_id])
            if 1_000 * root_id + at not in touched_before
        ][:number]
        if files and self.ledger(counts_due=True).why_held(files) is None:
            self.due += files

    def carry_out(self) -> None:
        if self.is_stuck:
            return
        ledger = self.ledger(counts_due=False)
        for file_id, root_id in list(self.due):
            if ledger.why_held([(file_id, root_id)]) is None:
                self.due.remove((file_id, root_id))
                self.done.append((file_id, root_id, self.now))
                ledger.note(file_id, root_id)

    def most_within(self, span_s: float, root_id: int | None) -> int:
        ats = sorted(at for _, root, at in self.done if root_id in (None, root))
        return max((sum(at <= other < at + span_s for other in ats) for at in ats), default=0)


STEPS = st.one_of(
    st.tuples(st.just("decide"), st.integers(1, 3), st.integers(1, 40)),
    st.tuples(st.just("carry out"), st.just(0), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([60, 1_800, 3_599, 3_600, 20_000]), st.just(0)),
    st.tuples(st.just("break"), st.just(0), st.just(0)),
    st.tuples(st.just("mend"), st.just(0), st.just(0)),
)


@settings(max_examples=examples(300))
@given(
    count=st.integers(0, 60),
    percent=st.floats(0.0, 100.0),
    factor=st.floats(1.0, 5.0),
    sizes=st.tuples(st.integers(1, 40), st.integers(1, 100), st.integers(1, 300)),
    steps=st.lists(STEPS, max_size=60),
)
def test_no_hour_or_day_exceeds_the_limit_in_any_order_of_events(
    count: int,
    percent: float,
    factor: float,
    sizes: tuple[int, int, int],
    steps: list[tuple[str, int, int]],
) -> None:
    guard = Guard(count=count, percent=percent, day_factor=factor)
    house = GuardedFolders(guard, dict(enumerate(sizes, start=1)))
    for what, number, files in steps:
        match what:
            case "decide":
                house.decide(number, files)
            case "carry out":
                house.carry_out()
            case "wait":
                house.now += number
            case _:
                house.is_stuck = what == "break"
    house.is_stuck = False
    house.carry_out()
    for root_id in (None, 1, 2, 3):
        known = sum(sizes) if root_id is None else sizes[root_id - 1]
        assert house.most_within(HOUR, root_id) <= guard.allowed(known)
        assert house.most_within(DAY, root_id) <= guard.allowed_a_day(known)


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        (None, 0.0, None),
        (1_000.0, 1_000.0, None),
        (1_000.0, 1_000.0 + 600.0 + DOUBT_S, None),
        (1_000.0, 1_001.0 + 600.0 + DOUBT_S, "the clock jumped forward by 4,201 s since the last pass"),
        (1_000.0, 999.0, "the clock jumped back by 1 s since the last pass"),
        (1_000.0, 0.0, "the clock jumped back by 1,000 s since the last pass"),
    ],
)
def test_a_clock_that_jumped_is_doubted(before: float | None, now: float, why: str | None) -> None:
    assert why == why_doubt_clock(before, now, interval_s=60.0)


@given(before=st.floats(0.0, 1e10), interval_s=st.floats(0.0, 604_800.0), share=st.floats(0.0, 9.9))
def test_a_pass_that_is_late_is_not_a_jump(before: float, interval_s: float, share: float) -> None:
    assert why_doubt_clock(before, before + interval_s * share, interval_s=interval_s) is None


@given(now=st.floats(0.0, 1e10), interval_s=st.floats(0.0, 604_800.0), back_s=st.floats(0.01, 1e9))
def test_any_step_back_is_doubted(now: float, interval_s: float, back_s: float) -> None:
    assert why_doubt_clock(now + back_s, now, interval_s=interval_s) is not None


def test_a_change_counts_for_its_folder_and_for_all_folders() -> None:
    ledger = Ledger(Guard(count=3, percent=100.0), [], {1: 100, 2: 100}, now=0.0, names={1: "/one", 2: "/two"})
    assert ledger.why_held([(10, 1)]) is None
    assert ledger.why_held([(20, 2)]) is None
    for file_id in (10, 11, 12):
        ledger.note(file_id, 1)
    reasons = str(ledger.why_held([(20, 2)]))
    assert reasons.startswith("it would affect 1 of 200 files, after 3 in the last hour; at most 3 ")
    assert ledger.why_held([(10, 1)]) is None, "it was touched already"
