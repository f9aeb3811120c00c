"""One line says how far a command is, on a terminal of any width."""

import pytest

from eisync.core.progress import Amount, Pace, progress_line


def paced(*seen: tuple[float, int]) -> Pace:
    pace = Pace()
    for now, done in seen:
        pace.note(done, now)
    return pace


@pytest.mark.parametrize(
    ("pace", "expected"),
    [
        (paced(), None),
        (paced((0.0, 5)), None),
        (paced((0.0, 5), (1.9, 50)), None),
        (paced((0.0, 5), (2.0, 25)), 10.0),
        (paced((0.0, 50), (4.0, 10)), 0.0),
        (paced((0.0, 0), (10.0, 1_000), (29.0, 1_019), (30.0, 1_020)), 1.0),  # the fast start is long past
    ],
)
def test_a_pace_is_that_of_the_last_seconds(pace: Pace, expected: float | None) -> None:
    assert expected == pace.a_second


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (Amount(25, 125, "files"), 10.0),
        (Amount(25, None, "files"), None),
        (Amount(25, 25, "files"), None),
    ],
)
def test_what_is_left_takes_its_time(amount: Amount, expected: float | None) -> None:
    assert expected == paced((0.0, 5), (2.0, 25)).left_s(amount)
    assert paced((0.0, 5), (9.0, 5)).left_s(amount) is None  # nothing moves


FILES = Amount(1_204, 5_000, "files", 12_300_000)
PACE = paced((0.0, 4), (10.0, 1_204))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (None, "1,204 of 5,000 files, 12.3 MB, 120 a second, 32 s left"),
        (120, "[#######.......................] 1,204 of 5,000 files, 12.3 MB, 120 a second, 32 s left"),
        (70, "[###..........] 1,204 of 5,000 files, 12.3 MB, 120 a second, 32 s left"),
        (60, "1,204 of 5,000 files, 12.3 MB, 120 a second, 32 s left"),
        (50, "1,204 of 5,000 files, 12.3 MB, 32 s left"),
        (35, "1,204 of 5,000 files, 32 s left"),
        (25, "1,204 of 5,000 files"),
        (15, "1,204 of 5,000"),
        (5, "1,204"),
        (0, ""),
    ],
)
def test_a_line_fits_its_terminal(columns: int | None, expected: str) -> None:
    assert expected == progress_line(FILES, PACE, columns=columns)


def test_without_a_total_there_is_no_bar() -> None:
    pace = paced((0.0, 0), (4.0, 13))
    assert "13 files looked at, 3.2 a second" == progress_line(Amount(13, None, "files looked at"), pace, columns=80)
    assert "[........] 0 of 0 files" == progress_line(Amount(0, 0, "files"), Pace(), columns=23)
