"""Draw a recording as SVG: its axes over time, with units, and its labels by range as bands behind them.

The text is for a page of HTML, whose style sheet gives the classes their colours. It has no style of its own, because a
strict content security policy refuses that. Axes with the same units share a panel.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import islice

from eisync.core.drawing.envelope import Trace
from eisync.core.drawing.scale import Scale, figure, time_unit
from eisync.core.model import value
from eisync.core.text import amount

WIDTH = 1_000
PANEL_HEIGHT = 220
MAX_PANELS = 4
MAX_BANDS = 200
_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 70, 12, 26, 44, 18
_SHORTEST_MS, _LONGEST_MS = 1e-9, 1e12
_STRIP, _LONGEST_UNIT = 20, 9
_LETTER = 8  # about the width of a letter of a label, in the units of the drawing


@value
class Band:
    """A label by range: the first and last reading that it covers, counted from 0."""

    begins: int
    ends: int
    label: str


@value(kw_only=True)
class Waveform:
    """The drawing of a recording.

    `readings` is how many are drawn, and `begins` the first of them. Each column of the traces is of `per_column`
    readings; the last may be of fewer. `interval_ms` is the time between two readings; None: the file does not say it.
    `notes` are sentences for a person, on what is not drawn.
    """

    traces: tuple[Trace, ...]
    readings: int
    interval_ms: float | None = None
    notes: tuple[str, ...] = ()
    begins: int = 0
    per_column: float = 1.0

    @property
    def length_s(self) -> float | None:
        """How long the drawn part lasts; None: not known."""
        return None if self.interval_ms is None else self.readings * self.interval_ms / 1000

    @property
    def summary(self) -> str:
        """What the drawing shows, in one sentence, for people who do not see it."""
        length = amount(self.readings, "reading")
        if self.length_s is not None:
            factor, unit = time_unit(self.length_s)
            length = f"{figure(self.length_s * factor)} {unit}"
        axes = "; ".join(_extent(trace) for trace in self.traces)
        return f"Waveform of {len(self.traces)} {'axis' if len(self.traces) == 1 else 'axes'} over {length}: {axes}."


def waveform_svg(drawn: Waveform, bands: Iterable[Band] = (), *, key: str = "waveform") -> str:
    """Return the SVG of the recording, safe to put into a page. `key` begins the ids in it."""
    panels = panels_of(drawn.traces)
    bands = list(islice(bands, MAX_BANDS))
    first = _TOP + (_STRIP if bands else 0)  # the labels of the bands are above the panels
    height = first + len(panels) * (PANEL_HEIGHT + _GAP) - _GAP + _BOTTOM
    parts = [
        f'<svg class="figure" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{key}-title {key}-desc">'
        f'<title id="{key}-title">Waveform</title><desc id="{key}-desc">{_text(drawn.summary)}</desc>',
        *_bands(bands, drawn.readings, height - _BOTTOM),
        *_time_axis(drawn, height - _BOTTOM),
    ]
    for number, traces in enumerate(panels):
        top = first + number * (PANEL_HEIGHT + _GAP)
        parts += _panel(traces, top)
    parts.append("</svg>")
    return "".join(parts)


def usable_interval(interval_ms: object) -> float | None:
    """Return the interval as the time between two readings (ms); None for what cannot be one."""
    if isinstance(interval_ms, int | float) and _SHORTEST_MS <= interval_ms <= _LONGEST_MS:
        return float(interval_ms)
    return None


def trace_class(index: int) -> str:
    """Return the class that gives the axis of this index its colour."""
    return f"trace-{index % 8}"


def panels_of(traces: Sequence[Trace]) -> list[list[tuple[int, Trace]]]:
    """Return the traces with their indexes, by units. The last panel has what is left when there are too many."""
    by_units: dict[str, list[tuple[int, Trace]]] = {}
    for index, trace in enumerate(traces):
        units = trace.units
        if units not in by_units and len(by_units) == MAX_PANELS:
            units = next(reversed(by_units))
        by_units.setdefault(units, []).append((index, trace))
    return list(by_units.values())


def _extent(trace: Trace) -> str:
    extent = trace.extent
    if extent is None:
        return f"{trace.name} without values"
    return f"{trace.name} from {figure(extent[0])} to {figure(extent[1])} {trace.units}".rstrip()


def _panel(traces: Sequence[tuple[int, Trace]], top: int) -> Iterator[str]:
    extents = [extent for _, trace in traces if (extent := trace.extent) is not None]
    low = min((one[0] for one in extents), default=0.0)
    high = max((one[1] for one in extents), default=1.0)
    scale = Scale.of(low, high, begins=top + PANEL_HEIGHT, ends=top)
    right = WIDTH - _RIGHT
    for tick in scale.ticks(5):
        y = scale.at(tick)
        yield f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
        yield f'<text class="tick" x="{_LEFT - 8}" y="{y + 5:.1f}" text-anchor="end">{figure(tick)}</text>'
    units = ", ".join(dict.fromkeys(trace.units for _, trace in traces if trace.units))
    if units:
        short = units if len(units) <= _LONGEST_UNIT else units[: _LONGEST_UNIT - 1] + "…"
        yield f'<text class="unit" x="{_LEFT - 8}" y="{top - 8}" text-anchor="end">{_text(short)}</text>'
    for index, trace in traces:
        kind = "area" if any(low < high for low, high in zip(trace.lows, trace.highs, strict=True)) else "line"
        yield f'<path class="trace {kind} {trace_class(index)}" d="{_path(trace, scale, is_line=kind == "line")}"/>'


def _path(trace: Trace, scale: Scale, *, is_line: bool) -> str:
    """Return the outline of the trace: along its highest values and back along its lowest, piece by piece."""
    columns = len(trace.lows)
    width = (WIDTH - _LEFT - _RIGHT) / max(1, columns)
    pieces: list[list[int]] = [[]]
    for column, low in enumerate(trace.lows):
        if low == low:
            pieces[-1].append(column)
        elif pieces[-1]:
            pieces.append([])
    return "".join(_piece(piece, trace, width, scale, is_line=is_line) for piece in pieces if piece)


def _piece(columns: Sequence[int], trace: Trace, width: float, scale: Scale, *, is_line: bool) -> str:
    def point(column: int, number: float) -> str:
        return f"{_LEFT + (column + 0.5) * width:.1f} {scale.at(number):.1f}"

    there = [point(column, trace.highs[column]) for column in columns]
    if len(columns) == 1:
        # One value would be a line without length, which is not drawn.
        return f"M{there[0]}h0.1V{scale.at(trace.lows[columns[0]]):.1f}"
    if is_line:
        return "M" + "L".join(there)
    return "M" + "L".join([*there, *(point(column, trace.lows[column]) for column in reversed(columns))]) + "Z"


def _time_axis(drawn: Waveform, top: int) -> Iterator[str]:
    end, unit, name = float(max(1, drawn.readings)), "", "reading"
    if drawn.length_s:
        factor, unit = time_unit(drawn.length_s)
        end, name = drawn.length_s * factor, "time"
    scale = Scale(0.0, end, _LEFT, WIDTH - _RIGHT)
    for tick in scale.ticks(8):
        x = scale.at(tick)
        yield f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{top}"/>'
        yield f'<text class="tick" x="{x:.1f}" y="{top + 17}" text-anchor="middle">{figure(tick)}</text>'
    label = f"{name} ({unit})" if unit else name
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    yield f'<text class="unit" x="{middle:.0f}" y="{top + 37}" text-anchor="middle">{label}</text>'


def _bands(bands: Iterable[Band], readings: int, bottom: int) -> Iterator[str]:
    scale = Scale(0.0, float(max(1, readings)), _LEFT, WIDTH - _RIGHT)
    colours: dict[str, int] = {}
    for band in bands:
        begins, ends = (scale.at(min(max(0, at), readings)) for at in (band.begins, band.ends + 1))
        colour = colours.setdefault(band.label, len(colours)) % 8
        label = _text(band.label)
        yield (
            f'<rect class="band band-{colour}" x="{begins:.1f}" y="{_TOP}" width="{max(0.0, ends - begins):.1f}" '
            f'height="{bottom - _TOP}"><title>{label}</title></rect>'
        )
        if ends - begins > _LETTER * len(band.label):
            yield f'<text class="band-label" x="{begins + 4:.1f}" y="{_TOP + 14}">{label}</text>'


def _text(text: str) -> str:
    return escape(text.encode("utf-8", "replace").decode())
