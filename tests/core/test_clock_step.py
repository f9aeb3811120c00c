import pytest

from eisync.core.clock_step import ClockStepDetector


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([(100.0, 5.0)], [False]),
        ([(100.0, 5.0), (130.0, 35.0)], [False, False]),
        ([(100.0, 5.0), (99.5, 5.0)], [False, False]),  # two looks are never at one instant
        ([(7200.0, 5.0), (3600.0, 5.5), (3601.0, 6.5)], [False, True, False]),
        ([(7200.0, 5.0), (7190.0, 35.0)], [False, True]),  # set back by 40 s within 30
        ([(3600.0, 5.0), (7200.0, 6.0), (7201.0, 7.0)], [False, False, False]),  # forward
        ([(7200.0, 5.0), (7000.0, 6.0), (6000.0, 7.0)], [False, True, True]),
    ],
)
def test_a_clock_that_is_set_back_is_noticed_once(looks: list[tuple[float, float]], expected: list[bool]) -> None:
    wall = ClockStepDetector()
    assert expected == [wall.was_set_back(now, monotonic) for now, monotonic in looks]
