"""Select the boxes and texts that every annotation format can write and read back unchanged.

Readers of such formats remove blanks around a text, and XML has no control characters. What is not plain is written to
`info.labels`, which is JSON.

Source: W3C XML 1.0, section 2.2 (characters).
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_DIGITS = 6
_RELATIVE_DIGITS = 12
_LARGEST = 1_000_000  # pixels: with six digits behind the point, such numbers are exact as a float
_KEYS = frozenset({"label", "x", "y", "width", "height"})


class PlainBox(NamedTuple):
    """A box in pixels, from the upper left corner of its image. Width and height are larger than 0."""

    label: str
    x: float
    y: float
    width: float
    height: float

    def is_inside(self, size: tuple[int, int]) -> bool:
        """Return whether the box lies inside an image of this width and height."""
        return self.x >= 0 and self.y >= 0 and self.x + self.width <= size[0] and self.y + self.height <= size[1]


def plain_boxes(found: Sequence[Mapping[str, Any]]) -> list[PlainBox] | None:
    """Return the boxes of a sample, as the service lists them; None when one of them is not plain.

    >>> plain_boxes([{"label": "nut", "x": 1, "y": 2, "width": 3, "height": 4}])
    [PlainBox(label='nut', x=1, y=2, width=3, height=4)]
    """
    return [PlainBox(**box) for box in found] if all(map(_is_plain_box, found)) else None


def is_plain(text: object) -> bool:
    r"""Return whether the text can be written in any format and is read back unchanged.

    >>> is_plain("nut"), is_plain(" nut"), is_plain("a\nb"), is_plain("")
    (True, False, False, False)
    """
    return isinstance(text, str) and bool(text) and text == text.strip() and _UNSAFE.search(text) is None


def written(number: float) -> str:
    """Return a number as text, without the fraction of a whole number and without an exponent.

    >>> written(3.0), written(0.5), written(0.00001)
    ('3', '0.5', '0.00001')
    """
    return str(int(number)) if number == int(number) else f"{number:.{_RELATIVE_DIGITS}f}".rstrip("0")


def _is_plain_box(box: Mapping[str, Any]) -> bool:
    if box.keys() != _KEYS or not is_plain(box["label"]):
        return False
    numbers = [box[name] for name in ("x", "y", "width", "height")]
    return all(map(_is_plain_number, numbers)) and box["width"] > 0 and box["height"] > 0


def _is_plain_number(number: object) -> bool:
    if isinstance(number, bool) or not isinstance(number, int | float):
        return False
    return math.isfinite(number) and abs(number) <= _LARGEST and number == round(number, _DIGITS)
