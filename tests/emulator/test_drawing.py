"""What is drawn of readings: every peak, inside of its frame, whatever the numbers are."""

import io
import re
from typing import Any

import pytest

from eisync.emulator.drawing import COLUMNS, HEIGHT, WIDTH, draw_lines, reduce_rows
from eisync.emulator.model import Facts, Sample, Sensor
from eisync.emulator.pages import chart
from eisync.emulator.pages.chart import draw_chart, nice_values
from eisync.emulator.pages.series import Series, has_series, has_thumbnail, kind_of, read_series
from eisync.emulator.settings import EmulatorSettings

from .wire import csv, wav

NUMBERS: list[list[list[float]]] = [
    [[1.0]],
    [[1], [1]],
    [[1.7e308], [-1.7e308]],
    [[0.0, 1.0, 2.0]] * 500,
    [[5e-324], [0.0]],
    [[1.0] * 50],
    [[1e16], [1e16 + 2]],
]


def sample_of(name: str, *, size_bytes: int = 100, **facts: Any) -> Sample:
    return Sample(
        category="training",
        label="a",
        filename="a",
        stored_name=f"{name}.00000000.pod.x",
        sha256="0" * 64,
        size_bytes=size_bytes,
        facts=Facts(chart_type="chart", **facts),
        id=1,
        project_id=1,
        added_ms=0,
        modified_ms=0,
        is_disabled=False,
    )


def series_of(rows: list[list[float]], *, units: str = "N/A", interval_ms: float = 10.0) -> Series:
    lines = reduce_rows(rows, chart.COLUMNS, sensors=12)
    return Series(
        sensors=tuple(Sensor(f"s{index}", units) for index in range(len(lines))),
        lines=lines,
        length=len(rows),
        interval_ms=interval_ms,
        head=rows[:1],
        is_partial=False,
    )


def test_a_drawing_keeps_every_peak_in_its_frame() -> None:
    rows = [[0.0]] * 10_000
    rows[4711] = [7.0]
    (heights,) = re.findall('points="([^"]*)"', draw_lines(reduce_rows(rows, COLUMNS, sensors=6)))
    drawn = [float(point.split(",")[1]) for point in heights.split(" ")]
    assert (2.0, 38.0, 1) == (min(drawn), max(drawn), drawn.count(2.0))


@pytest.mark.parametrize("rows", NUMBERS)
def test_whatever_the_readings_are_the_drawing_stays_in_its_frame(rows: list[list[float]]) -> None:
    small = re.findall('points="([^"]*)"', draw_lines(reduce_rows(rows, COLUMNS, sensors=6)))
    large = draw_chart(series_of(rows), (), sensors=len(rows[0]))
    inner = chart.WIDTH - chart.LEFT - chart.RIGHT
    for lines, width, height in (
        (small, WIDTH, HEIGHT),
        ([curve.points for panel in large.panels for curve in panel.curves], inner, chart.PANEL_HEIGHT),
    ):
        points = [point.split(",") for line in lines for point in line.split(" ")]
        assert points
        assert all(0 <= float(x) <= width and 0 <= float(y) <= height for x, y in points)
    assert all(0 <= tick.at <= chart.PANEL_HEIGHT for panel in large.panels for tick in panel.ticks)
    assert all(0 <= tick.at <= inner for tick in large.ticks)


def test_nothing_to_draw_is_no_drawing() -> None:
    nothing: list[list[list[float]]] = [[], [[]]]
    assert ["", ""] == [draw_lines(reduce_rows(rows, COLUMNS, sensors=6)) for rows in nothing]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-3.2, 7.9, [-2, 0, 2, 4, 6]),
        (3, 3, [3]),
        (-1e308, 1e308, [-1e308, 1e308]),
        (0, 5e-324, [0, 5e-324]),
        (1e16, 1e16 + 2, [1e16, 1e16 + 2]),
        (0, 1e-299, [0, 2e-300, 4e-300, 6e-300, 8e-300, 1e-299]),
    ],
)
def test_a_scale_has_round_values(low: float, high: float, expected: list[float]) -> None:
    assert expected == pytest.approx(nice_values(low, high))


def test_sensors_of_one_unit_share_a_panel_and_bands_lie_over_their_readings() -> None:
    rows = [[float(index), 1.0, 2.0] for index in range(100)]
    series = series_of(rows)
    mixed = Series(
        sensors=(Sensor("a", "m/s2"), Sensor("b", "m/s2"), Sensor("c", "Cel")),
        lines=series.lines,
        length=100,
        interval_ms=100.0,
        head=(),
        is_partial=False,
    )
    labels = [{"startIndex": 0, "endIndex": 49, "label": "idle"}, {"startIndex": 50, "endIndex": 99, "label": "w" * 90}]
    drawn = draw_chart(mixed, labels, sensors=5)
    assert [("m/s2", ["a", "b"]), ("Cel", ["c"])] == [(one.units, [c.name for c in one.curves]) for one in drawn.panels]
    assert [(0, 360, True), (360, 360, False)] == [(band.at, band.width, band.is_wide) for band in drawn.bands]
    assert (2, 0, "s") == (drawn.sensors_left_out, drawn.bands_left_out, drawn.time_unit)


def test_a_long_sound_is_drawn_from_parts_of_it() -> None:
    loud = [0] * 2_000_000
    loud[::1000] = [30_000] * 2000
    for frames, is_partial in ((loud, True), ([1, -2, 3], False)):
        content = wav(frames)
        sample = sample_of("a.wav", size_bytes=len(content), sensors=(Sensor("audio", "wav"),), interval_ms=0.125)
        series = read_series(io.BytesIO(content), sample, EmulatorSettings(), 100)
        assert series is not None
        assert (len(frames), is_partial, min(100, len(frames))) == (
            series.length,
            series.is_partial,
            len(series.lines[0]),
        )
        assert max(frames) == max(high for _, high in series.lines[0])


@pytest.mark.parametrize(("name", "content"), [("a.wav", b"RIFF"), ("a.json", b"{}"), ("a.csv", b""), ("a.mp4", b"x")])
def test_what_has_no_readings_has_no_series(name: str, content: bytes) -> None:
    assert read_series(io.BytesIO(content), sample_of(name), EmulatorSettings(), 100) is None


def test_readings_without_names_of_sensors_are_drawn() -> None:
    series = read_series(io.BytesIO(csv(1)), sample_of("a.csv"), EmulatorSettings(), 100)
    assert series is not None
    assert ("value 1",) == tuple(sensor.name for sensor in series.sensors)


@pytest.mark.parametrize(
    ("name", "size_bytes", "kind", "is_drawn", "is_small"),
    [
        ("a.PNG", 100, "image", False, True),
        ("a.png", 5_000_000, "image", False, False),
        ("a.wav", 90_000_000, "audio", True, True),
        ("a.csv", 100, "", True, True),
        ("a.csv", 1_000_000, "", True, False),
        ("a.csv", 5_000_000, "", False, False),
        ("a.mp4", 100, "video", False, False),
        ("a.avi", 100, "", False, False),
    ],
)
def test_how_a_sample_is_shown_follows_from_its_name_and_size(
    name: str, size_bytes: int, kind: str, is_drawn: bool, is_small: bool
) -> None:
    sample = sample_of(name, size_bytes=size_bytes)
    assert (kind, is_drawn, is_small) == (kind_of(sample), has_series(sample), has_thumbnail(sample))
