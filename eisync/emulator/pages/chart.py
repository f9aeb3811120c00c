"""Where the lines, ticks and bands of a drawing are: plain numbers, which a template turns into SVG. Pure.

Sensors with the same unit share a panel and its scale. A band is a range of readings with a structured label.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eisync.emulator.drawing import Line, bounds, height_of, points
from eisync.emulator.model import Sensor
from eisync.emulator.pages.series import Series

COLUMNS = 360
LEFT, RIGHT, WIDTH = 70, 10, 800  # the space for the scale, and the whole width
PANEL_HEIGHT, GAP, BOTTOM = 170, 26, 34
BAND_HEIGHT = 20  # of the row of labels above the panels
COLOURS = 6
_INNER = WIDTH - LEFT - RIGHT
_MAX_BANDS = 200
_MAX_PANELS = 6
_PX_OF_A_CHARACTER = 7.5
_SMALLEST_SPAN = 1e-300
_FIRST_BAND_COLOUR = 3  # the first curves have other colours


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Curve:
    name: str
    colour: int  # an index, from 0 to COLOURS - 1
    points: str


@dataclass(frozen=True, slots=True)
class Panel:
    top: float
    units: str
    curves: tuple[Curve, ...]
    ticks: tuple[Tick, ...]  # of the values; `at` is measured from the top of the panel


@dataclass(frozen=True, slots=True)
class Band:
    at: float
    width: float
    label: str
    colour: int
    is_wide: bool  # the label fits into it


@dataclass(frozen=True, slots=True)
class Chart:
    height: float
    panels: tuple[Panel, ...]
    ticks: tuple[Tick, ...]  # of the time
    time_unit: str
    bands: tuple[Band, ...]
    sensors_left_out: int
    bands_left_out: int


def draw_chart(series: Series, labels: Sequence[Mapping[str, Any]], *, sensors: int) -> Chart:
    """`labels` are structured labels, with both ends; `sensors` is the number of sensors in the sample."""
    groups: dict[str, list[tuple[Sensor, Line]]] = {}
    for sensor, line in zip(series.sensors, series.lines, strict=True):
        groups.setdefault(sensor.units, []).append((sensor, line))
    shown = list(groups.items())[:_MAX_PANELS]
    top = BAND_HEIGHT if labels else 0
    panels: list[Panel] = []
    drawn = 0
    for units, members in shown:
        panels.append(_panel(top + GAP, units, members, drawn))
        drawn += len(members)
        top += GAP + PANEL_HEIGHT
    ticks, time_unit = _time_ticks(series.length, series.interval_ms)
    return Chart(
        height=top + BOTTOM,
        panels=tuple(panels),
        ticks=ticks,
        time_unit=time_unit,
        bands=_bands(labels[:_MAX_BANDS], series.length),
        sensors_left_out=max(0, sensors - drawn),
        bands_left_out=max(0, len(labels) - _MAX_BANDS),
    )


def _panel(top: float, units: str, members: Sequence[tuple[Sensor, Line]], colour: int) -> Panel:
    """`colour` is that of the first curve."""
    low, high = bounds([line for _, line in members])
    curves = tuple(
        Curve(sensor.name, (colour + number) % COLOURS, points(line, low, high, _INNER, PANEL_HEIGHT))
        for number, (sensor, line) in enumerate(members)
    )
    ticks = tuple(Tick(height_of(value, low, high, PANEL_HEIGHT), f"{value:.6g}") for value in nice_values(low, high))
    return Panel(top, units, curves, ticks)


def _time_ticks(length: int, interval_ms: float) -> tuple[tuple[Tick, ...], str]:
    last = (length - 1) * interval_ms
    if interval_ms <= 0 or not math.isfinite(last):
        scale, unit = 1.0, "reading"
    else:
        scale, unit = (interval_ms / 1000, "s") if last >= 1000 else (interval_ms, "ms")
    end = (length - 1) * scale
    if end <= 0:
        return (Tick(0, "0"),), unit
    return tuple(Tick(value / end * _INNER, f"{value:.6g}") for value in nice_values(0, end)), unit


def nice_values(low: float, high: float) -> list[float]:
    """Return about five round values from `low` to `high`; the two ends if there is no room for round ones."""
    span = high - low
    if not _SMALLEST_SPAN < span < math.inf:
        return [low] if low == high else [low, high]
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 6)
    if low + step == low:  # too few digits for steps
        return [low, high]
    first = math.ceil(low / step)
    found = [index * step for index in range(first, first + 8) if index * step <= high]
    return found or [low, high]


def _bands(labels: Sequence[Mapping[str, Any]], length: int) -> tuple[Band, ...]:
    colours: dict[str, int] = {}
    bands: list[Band] = []
    for one in labels:
        start, end, label = int(one["startIndex"]), int(one["endIndex"]) + 1, str(one["label"])
        at = min(start / length, 1.0) * _INNER
        width = min(end / length, 1.0) * _INNER - at
        colour = (colours.setdefault(label, len(colours)) + _FIRST_BAND_COLOUR) % COLOURS
        bands.append(Band(round(at, 1), round(width, 1), label, colour, width > _PX_OF_A_CHARACTER * len(label) + 6))
    return tuple(bands)
