"""How fast files go, and how long the rest takes."""

import pytest

from eisync.core.throughput import MINUTES, LastHour, Queue, Recent, Throughput, throughput

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("waiting", "recent", "expected"),
    [
        # nothing was done lately: nothing can be said
        ((10, 100), (0, 0, None), (0.0, 0.0, None)),
        ((0, 0), (0, 0, None), (0.0, 0.0, None)),
        # 60 files in half a minute; the rest by their number
        ((20, 100), (60, 6000, 30.0), (2.0, 200.0, 10.0)),
        # large files: the rest by their bytes
        ((2, 100_000), (60, 6000, 30.0), (2.0, 200.0, 500.0)),
        # a burst that began a moment ago is not taken for its rate for ever
        ((20, 100), (10, 1000, 0.1), (2.0, 200.0, 10.0)),
        # empty files have no bytes to count by
        ((20, 0), (60, 0, 30.0), (2.0, 0.0, 10.0)),
        # nothing waits: nothing is left
        ((0, 0), (60, 6000, 30.0), (2.0, 200.0, None)),
        # the clock was set back
        ((20, 100), (10, 1000, -99.0), (2.0, 200.0, 10.0)),
    ],
)
def test_the_slower_of_two_measures_says_what_is_left(
    waiting: tuple[int, int], recent: tuple[int, int, float | None], expected: tuple[float, float, float | None]
) -> None:
    files, size, age_s = recent
    queue = Queue(files=waiting[0], bytes=waiting[1], oldest_at=None)
    seen = Recent(files=files, bytes=size, since_at=None if age_s is None else NOW - age_s)
    files_s, bytes_s, left_s = expected
    assert Throughput(files_s=files_s, bytes_s=bytes_s, left_s=left_s) == throughput(queue, seen, now=NOW)


@pytest.mark.parametrize(
    ("done", "now", "expected"),
    [
        ([], 0, {}),
        # two at once in a minute, and one in the next
        ([(2, 20, 0), (1, 5, 59), (1, 7, 60)], 61, {58: (3, 25), 59: (1, 7)}),
        # what is older than an hour does not count
        ([(1, 1, 0), (1, 2, 3_599)], 3_600, {58: (1, 2)}),
        # the clock was set back: what it knew of a later time is forgotten with the next file
        ([(1, 1, 7_200), (1, 2, 60)], 60, {59: (1, 2)}),
        ([(1, 1, 7_200)], 60, {}),
    ],
)
def test_the_minutes_of_the_last_hour(
    done: list[tuple[int, int, float]], now: float, expected: dict[int, tuple[int, int]]
) -> None:
    base = 60.0 * 10_000
    hour = LastHour()
    for files, size, at in done:
        hour.add(files, size, base + at)
    found = hour.minutes(base + now)
    assert MINUTES == len(found)
    assert expected == {place: one for place, one in enumerate(found) if one != (0, 0)}
