"""Reduce the readings of a sample to a few columns, and draw them as one small SVG. Pure.

Each column has its smallest and its largest value, so that no peak is lost.
"""

from collections.abc import Sequence
from itertools import pairwise

Line = list[tuple[float, float]]
"""One sensor: the smallest and the largest value of each column."""

WIDTH, HEIGHT = 160, 40
COLUMNS = 80
# Half-way between black and white, so that they can be told from a light and from a dark page.
_COLOURS = ("#2f7fd6", "#d3524f", "#3b9150", "#9a63c8", "#b87414", "#1b8f9e")


def reduce_rows(rows: Sequence[Sequence[float]], columns: int, *, sensors: int) -> list[Line]:
    """Return one line for each of the first `sensors`, with at most `columns` columns; empty without readings."""
    if not rows or not rows[0]:
        return []
    count = min(columns, len(rows))
    edges = [column * len(rows) // count for column in range(count + 1)]
    lines: list[Line] = []
    for axis in range(min(len(rows[0]), sensors)):
        values = [float(row[axis]) for row in rows]
        parts = (values[start:end] for start, end in pairwise(edges))
        lines.append([(min(part), max(part)) for part in parts])
    return lines


def draw_lines(lines: Sequence[Line]) -> str:
    """Return the first lines as a document, all on the same scale; empty if there is nothing to draw."""
    drawn = lines[: len(_COLOURS)]
    if not drawn or not drawn[0]:
        return ""
    low, high = bounds(drawn)
    paths = "".join(
        f'<polyline fill="none" stroke="{colour}" points="{points(line, low, high, WIDTH, HEIGHT)}"/>'
        for line, colour in zip(drawn, _COLOURS, strict=False)
    )
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{paths}</svg>'


def bounds(lines: Sequence[Line]) -> tuple[float, float]:
    return min(low for line in lines for low, _ in line), max(high for line in lines for _, high in line)


def points(line: Line, low: float, high: float, width: float, height: float) -> str:
    """Return the points of a polyline. A constant line is in the middle, a single reading over the full width."""
    drawn = [*line, *line] if len(line) == 1 else line
    across = width / (len(drawn) - 1)
    found: list[str] = []
    for index, (smallest, largest) in enumerate(drawn):
        at = f"{index * across:.1f}"
        found.append(f"{at},{height_of(smallest, low, high, height):.1f}")
        if largest != smallest:
            found.append(f"{at},{height_of(largest, low, high, height):.1f}")
    return " ".join(found)


def height_of(value: float, low: float, high: float, height: float) -> float:
    """Return the distance from the top, with a margin of two units."""
    half = high / 2 - low / 2  # halves, because the difference of two huge numbers could be infinite
    share = (value / 2 - low / 2) / half if half else 0.5
    return height - 2 - share * (height - 4)
