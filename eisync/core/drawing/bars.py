"""Draw one number for each minute of an hour as bars, in SVG. Whoever points at a bar reads its text."""

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 600, 60


def bars_svg(numbers: Sequence[int], texts: Sequence[str], *, summary: str, key: str) -> str:
    """Return the SVG, safe to put into a page: a bar for each number above 0, with its text. `key` begins its id."""
    most = max([1, *numbers])
    width = WIDTH / max(1, len(numbers))
    parts = [
        f'<svg class="bars" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-labelledby="{key}-title"><title id="{key}-title">{escape(summary)}</title>'
        f'<line class="floor" x1="0" y1="{HEIGHT}" x2="{WIDTH}" y2="{HEIGHT}"/>'
    ]
    for place, (number, text) in enumerate(zip(numbers, texts, strict=True)):
        if number <= 0:
            continue
        height = max(2.0, HEIGHT * number / most)
        left = f'x="{place * width:.1f}"'
        parts.append(
            f'<g><title>{escape(text)}</title><rect class="slot" {left} y="0" width="{width:.1f}" height="{HEIGHT}"/>'
            f'<rect class="bar" {left} y="{HEIGHT - height:.1f}" width="{width * 0.8:.1f}" height="{height:.1f}"/></g>'
        )
    parts.append("</svg>")
    return "".join(parts)
