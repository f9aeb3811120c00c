"""Fit the boxes and texts of samples into the formats of other programs, and tell whether anything changed by that.

Readers of such formats remove blanks around a text, and XML has no control characters. They refuse a box that reaches
out of its image, and eisync itself reads whole pixels only. So the format gets the part of a box that is inside the
image, and what is changed in any way is written to `info.labels` too, which holds everything.

Source: W3C XML 1.0, section 2.2 (characters).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_KEYS = ("label", "x", "y", "width", "height")
_DIGITS = 6
_RELATIVE_DIGITS = 12
_LARGEST = 1_000_000  # pixels


class PlainBox(NamedTuple):
    """A box in pixels, from the upper left corner of its image. It is inside the image, and has a size and a name."""

    label: str
    x: float
    y: float
    width: float
    height: float


class Fitted(NamedTuple):
    """The boxes of an image as another program can use them.

    `is_exact`: they are read back as the service has them. `outside` is the number of boxes that reach out.
    """

    boxes: list[PlainBox]
    is_exact: bool
    outside: int


def fitted(found: Sequence[Mapping[str, Any]], size: tuple[int, int]) -> Fitted:
    """Fit the boxes, as the service lists them, into an image of this width and height in pixels.

    A box that has no name, no size, or no part inside the image is left out.

    >>> fitted([{"label": "nut", "x": -1, "y": 2, "width": 3, "height": 4}], (64, 32))
    Fitted(boxes=[PlainBox(label='nut', x=0, y=2, width=2, height=4)], is_exact=False, outside=1)
    """
    boxes: list[PlainBox] = []
    outside, is_exact = 0, True
    for one in found:
        box = _box(one)
        if box is None:
            is_exact = False
            continue
        part = _part(box, size)
        outside += part != box
        is_exact = is_exact and part == box and dict(zip(_KEYS, box, strict=True)) == one and _is_whole(*box[1:])
        if part.width > 0 and part.height > 0:
            boxes.append(part)
    return Fitted(boxes, is_exact, outside)


def plain(text: str) -> str:
    r"""Return the text without what not every format can hold. It is empty if nothing is left.

    >>> plain(" nut\n"), plain("a\tb")
    ('nut', 'a b')
    """
    return _UNSAFE.sub(" ", text).strip()


def is_plain(text: object) -> bool:
    r"""Return whether the text can be written in any format and is read back unchanged.

    >>> is_plain("nut"), is_plain(" nut"), is_plain("a\nb"), is_plain("")
    (True, False, False, False)
    """
    return isinstance(text, str) and bool(text) and plain(text) == text


def written(number: float) -> str:
    """Return a number as text, without the fraction of a whole number and without an exponent.

    >>> written(3.0), written(0.5), written(0.00001)
    ('3', '0.5', '0.00001')
    """
    return str(int(number)) if _is_whole(number) else f"{number:.{_RELATIVE_DIGITS}f}".rstrip("0")


def _box(found: Mapping[str, Any]) -> PlainBox | None:
    """Return the box with its name as it can be written; None when it has no name, or no size."""
    label, *numbers = (found.get(key) for key in _KEYS)
    name = plain(label) if isinstance(label, str) else ""
    x, y, width, height = map(_number, numbers)
    if not name or x is None or y is None or width is None or height is None or width <= 0 or height <= 0:
        return None
    return PlainBox(name, x, y, width, height)


def _part(box: PlainBox, size: tuple[int, int]) -> PlainBox:
    """Return the part of the box that is inside the image. Without one, its size is 0 or less."""
    x, y = max(box.x, 0), max(box.y, 0)
    width = box.width if x == box.x and x + box.width <= size[0] else min(box.x + box.width, size[0]) - x
    height = box.height if y == box.y and y + box.height <= size[1] else min(box.y + box.height, size[1]) - y
    return PlainBox(box.label, x, y, round(width, _DIGITS), round(height, _DIGITS))


def _number(found: object) -> float | None:
    """Return the number, rounded; None when it is none, or too large to be a pixel."""
    if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) <= _LARGEST:
        return None
    return round(found, _DIGITS)


def _is_whole(*numbers: float) -> bool:
    return all(number == int(number) for number in numbers)
