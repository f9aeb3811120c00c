"""Draw the boxes of an image as SVG, which a page lays over the image."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from eisync.core.model import value
from eisync.core.text import amount, one_line

MAX_BOXES = 300
_LABEL_HEIGHT = 0.035  # of the longer side
_MAX_LABELS = 40  # with more boxes than this, labels would cover the image: they are in the list below it
_FARTHEST = 1e7
_SIDES = ("x", "y", "width", "height")


@value
class Box:
    """A box in pixels of the stored image."""

    label: str
    x: float
    y: float
    width: float
    height: float


def boxes_of(entries: Any) -> list[Box]:
    """Return the boxes of a description (wire contract, section 1), without what is none."""
    found = []
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, Mapping):
            continue
        sides = [entry.get(name) for name in _SIDES]
        numbers = [float(one) for one in sides if isinstance(one, int | float) and abs(one) <= _FARTHEST]
        if len(numbers) == len(_SIDES):
            label = entry.get("label")
            found.append(Box(one_line(str(label)) if label is not None else "", *numbers))
    return found


def boxes_svg(width: int, height: int, boxes: Iterable[Box], *, key: str = "boxes") -> str:
    """Return the SVG, in the pixels of the image, safe to put into a page. `key` begins the ids in it."""
    every = list(boxes)
    size = max(1.0, max(width, height) * _LABEL_HEIGHT)
    summary = f"Image of {width} by {height} pixels with {amount_of_boxes(len(every))}."
    parts = [
        f'<svg class="boxes" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{key}-title {key}-desc">'
        f'<title id="{key}-title">Bounding boxes</title><desc id="{key}-desc">{summary}</desc>'
    ]
    colours: dict[str, int] = {}
    for box in every[:MAX_BOXES]:
        colour = colours.setdefault(box.label, len(colours)) % 8
        label = escape(box.label)
        parts.append(
            f'<rect class="box box-{colour}" x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" '
            f'height="{box.height:g}"><title>{label}</title></rect>'
        )
        if len(every) <= _MAX_LABELS:
            y = box.y - size * 0.25 if box.y > size * 1.3 else box.y + size
            place = f'x="{box.x + size * 0.2:.5g}" y="{y:.5g}" font-size="{size:.4g}"'
            parts.append(f'<text class="box-label" {place}>{label}</text>')
    parts.append("</svg>")
    return "".join(parts)


def amount_of_boxes(number: int) -> str:
    """Return a number of boxes in words."""
    return "1 box" if number == 1 else amount(number, "box").replace("boxs", "boxes")
