"""Read numbers as annotation files have them: in cells of texts, and in JSON documents."""

import math
import re

_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")


def number(text: str) -> float | None:
    """Return the number, also with a decimal comma; None for anything else, such as nan, inf or `1_000`.

    >>> number("0,5"), number("nan")
    (0.5, None)
    """
    text = text.strip().replace(",", ".")
    return finite(float(text)) if _NUMBER.fullmatch(text) else None


def finite(found: object) -> float | None:
    """Return a number of a JSON document as a float; None when it is no number or does not fit."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        converted = float(found)
    except OverflowError:
        return None
    return converted if math.isfinite(converted) else None


def whole_number(found: object) -> int | None:
    """Return a positive whole number, such as the width of an image; None for anything else."""
    if isinstance(found, str):
        found = number(found)
    size = finite(found)
    return int(size) if size is not None and size >= 1 and size == int(size) else None


def size_of(width: object, height: object) -> tuple[int, int] | None:
    """Return the width and height that an annotation file gives for its image (pixels); None where it gives none."""
    found = whole_number(width), whole_number(height)
    return None if found[0] is None or found[1] is None else (found[0], found[1])
