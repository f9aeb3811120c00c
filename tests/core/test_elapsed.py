import pytest

from eisync.core.elapsed import Setting

NOW, DAY = 1_000_000_000.0, 86_400.0
SET = Setting(counts_from=NOW - 100.0, recent_from=NOW - 400 * DAY)


@pytest.mark.parametrize(
    ("setting", "at", "age_s"),
    [
        (Setting(), NOW - 5.0, 5.0),
        (Setting(), NOW - 10 * DAY, 10 * DAY),
        (Setting(), NOW + 5.0, -5.0),  # nobody can tell
        (SET, NOW - 5.0, 5.0),
        (SET, NOW - 10 * DAY, 100.0),  # by another clock
        (SET, NOW + 10 * DAY, 100.0),  # by one that was ahead
        (Setting(counts_from=NOW + 10.0), NOW - DAY, -10.0),  # it is being set
        (Setting(counts_from=NOW + 10.0), NOW + DAY, -10.0),
    ],
)
def test_no_more_time_has_passed_than_is_certain(setting: Setting, at: float, age_s: float) -> None:
    assert age_s == setting.age_s(at, NOW)


@pytest.mark.parametrize(
    ("setting", "since"),
    [
        (Setting(), NOW - DAY),
        (Setting(counts_from=NOW - 2 * DAY, recent_from=5.0), NOW - DAY),  # long ago
        (Setting(counts_from=NOW - 60.0, recent_from=5.0), 5.0),
        (Setting(counts_from=NOW - 60.0, recent_from=NOW + 9 * DAY), NOW - DAY),
    ],
)
def test_what_may_be_recent_is_looked_for_on_both_clocks(setting: Setting, since: float) -> None:
    assert since == setting.since(DAY, NOW)
