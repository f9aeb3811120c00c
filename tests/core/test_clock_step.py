import pytest

from eisync.core.clock_step import ClockStepDetector


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([(100.0, 5.0)], [0.0]),
        ([(100.0, 5.0), (130.0, 35.0)], [0.0, 0.0]),
        ([(100.0, 5.0), (99.5, 5.0)], [0.0, 0.0]),  # two clocks are never read at the same instant
        ([(7200.0, 5.0), (3600.0, 5.5), (3601.0, 6.5)], [0.0, -3600.5, 0.0]),
        ([(7200.0, 5.0), (7190.0, 35.0)], [0.0, -40.0]),
        ([(3600.0, 5.0), (7200.0, 6.0), (7201.0, 7.0)], [0.0, 3599.0, 0.0]),
        ([(7200.0, 5.0), (7000.0, 6.0), (6000.0, 7.0)], [0.0, -201.0, -1001.0]),
    ],
)
def test_a_step_of_the_clock_is_detected_once(readings: list[tuple[float, float]], expected: list[float]) -> None:
    detector = ClockStepDetector()
    assert expected == [detector.step_s(now, steady) for now, steady in readings]


def test_without_a_steady_clock_the_time_between_two_calls_counts() -> None:
    detector = ClockStepDetector()
    assert [0.0, 60.0, -30.0, 0.0] == [detector.step_s(now) for now in (100.0, 160.0, 130.0, 130.5)]
