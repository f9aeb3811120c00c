"""Draw the readings of a sample as one small SVG, for the page. Pure."""

from collections.abc import Sequence

WIDTH, HEIGHT = 160, 40
_COLUMNS = 80
_COLOURS = ("#1565c0", "#c62828", "#2e7d32", "#6a1b9a", "#ef6c00", "#00838f")


def draw_rows(rows: Sequence[Sequence[float]]) -> str:
    """Return one line for each of the first sensors, all on the same scale; empty if there is nothing to draw.

    Many readings are reduced to a few columns. Each column shows its smallest and its largest value, so that no peak is
    lost.
    """
    if not rows or not rows[0]:
        return ""
    axes = [[row[axis] for row in rows] for axis in range(min(len(rows[0]), len(_COLOURS)))]
    lines = [_shorten(axis) for axis in axes]
    low, high = min(map(min, lines)), max(map(max, lines))
    paths = "".join(
        f'<polyline fill="none" stroke="{colour}" points="{_points(line, low, high)}"/>'
        for line, colour in zip(lines, _COLOURS, strict=False)
    )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">{paths}</svg>'


def _shorten(values: Sequence[float]) -> list[float]:
    if len(values) <= 2 * _COLUMNS:
        return [float(value) for value in values]
    line: list[float] = []
    for column in range(_COLUMNS):
        part = values[column * len(values) // _COLUMNS : (column + 1) * len(values) // _COLUMNS]
        line += (float(min(part)), float(max(part)))
    return line


def _points(line: Sequence[float], low: float, high: float) -> str:
    """Return the points of a line. A constant line is drawn in the middle, a single reading over the full width."""
    half = high / 2 - low / 2  # halves, because the difference of two huge numbers could be infinite
    drawn = [*line, *line] if len(line) == 1 else line
    across = WIDTH / (len(drawn) - 1)
    return " ".join(f"{index * across:.1f},{_height_of(one, low, half):.1f}" for index, one in enumerate(drawn))


def _height_of(value: float, low: float, half: float) -> float:
    share = (value / 2 - low / 2) / half if half else 0.5
    return HEIGHT - 2 - share * (HEIGHT - 4)
