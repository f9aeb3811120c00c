import pytest

from eisync.core.clock_step import ClockSetting

NOW, DAY = 1_000_000_000.0, 86_400.0
SET = ClockSetting(counts_from=NOW - 100.0, recent_from=NOW - 400 * DAY)


@pytest.mark.parametrize(
    ("setting", "at", "age_s"),
    [
        (ClockSetting(), NOW - 5.0, 5.0),
        (ClockSetting(), NOW - 10 * DAY, 10 * DAY),
        (ClockSetting(), NOW + 5.0, -5.0),  # unknown
        (SET, NOW - 5.0, 5.0),
        (SET, NOW - 10 * DAY, 100.0),  # recorded by another clock
        (SET, NOW + 10 * DAY, 100.0),  # recorded by a clock that was ahead
        (ClockSetting(counts_from=NOW + 10.0), NOW - DAY, -10.0),  # the clock is being set
        (ClockSetting(counts_from=NOW + 10.0), NOW + DAY, -10.0),
    ],
)
def test_no_more_time_has_passed_than_is_certain(setting: ClockSetting, at: float, age_s: float) -> None:
    assert age_s == setting.age_s(at, NOW)


@pytest.mark.parametrize(
    ("setting", "since"),
    [
        (ClockSetting(), NOW - DAY),
        (ClockSetting(counts_from=NOW - 2 * DAY, recent_from=5.0), NOW - DAY),  # long ago
        (ClockSetting(counts_from=NOW - 60.0, recent_from=5.0), 5.0),
        (ClockSetting(counts_from=NOW - 60.0, recent_from=NOW + 9 * DAY), NOW - DAY),
    ],
)
def test_recent_records_are_found_by_both_clocks(setting: ClockSetting, since: float) -> None:
    assert since == setting.since(DAY, NOW)
