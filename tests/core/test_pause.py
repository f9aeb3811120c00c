import math

import pytest

from eisync.core.pause import LONGEST_S, Hold, Pause, duration, hold_of, read_duration, why_paused
from eisync.core.rate_limit import read_quiet_hours


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("15 min", 900),
        ("1h30m", 5400),
        ("1 hour 30 minutes", 5400),
        ("2D", 172_800),
        (" 1 h ", 3600),
        ("365d", LONGEST_S),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert seconds == read_duration(text)


@pytest.mark.parametrize("text", ["", "soon", "15", "m", "-5m", "1.5h", "0s", "366d", "5 fortnights", "1h-30m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no (duration|pause); "):
        read_duration(text)


@pytest.mark.parametrize(
    ("for_s", "now", "left_s"),
    [
        (60.0, 1000.0, 60.0),
        (60.0, 1020.0, 40.0),
        (60.0, 1060.0, 0.0),
        (60.0, 5000.0, 0.0),
        (60.0, 10.0, 60.0),  # the clock was set back
        (None, 5000.0, math.inf),
    ],
)
def test_a_pause_ends_by_itself_or_never(for_s: float | None, now: float, left_s: float) -> None:
    assert left_s == Pause(1000.0, for_s).left_s(now)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.2, "1 s"), (60, "60 s"), (61, "2 min"), (3600, "1 h"), (5400, "1 h 30 min"), (86_400, "1 d"),
     (100_000, "1 d 3 h")],
)  # fmt: skip
def test_a_time_span_is_shown_in_two_units(seconds: float, expected: str) -> None:
    assert expected == duration(seconds)


def test_the_reason_names_the_way_out() -> None:
    assert "a person paused the uploads; 'eisync resume' continues" == why_paused(math.inf)
    assert "for another 2 min;" in why_paused(100.0)


def test_a_pause_goes_before_quiet_hours() -> None:
    night = read_quiet_hours("22:00-06:00")
    assert hold_of(None, night, 12 * 3600.0) is None
    assert Hold(3600.0, "these are quiet hours; uploads continue in 1 h") == hold_of(None, night, 5 * 3600.0)
    assert Hold(math.inf, why_paused(math.inf)) == hold_of(math.inf, night, 5 * 3600.0)
