"""Turn the boxes of an annotation file into the ones that Edge Impulse takes: whole pixels inside the image.

The edges of a box are rounded to the nearest pixel, not its size: so boxes that touch still touch, and a box inside the
image stays inside. A box that went to fractions of the image and back is the same. An edge up to one pixel outside the
image comes from rounding in another program, and is moved to the edge of the image. A box that is thinner than a pixel
becomes one pixel wide.

Source: the wire contract, section 1 (`bounding_boxes.labels`: integers, width and height above 0).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from eisync.core.labels.entry import Region

_TOLERANCE = 1.0
_EXACT = 1e-6  # pixels: what is left of a size that is zero after it went through fractions


def boxes_in_pixels(
    regions: Sequence[Region],
    *,
    is_relative: bool,
    said_size: tuple[int, int] | None,
    size: tuple[int, int],
    names: Mapping[str, str] | None,
) -> list[dict[str, Any]]:
    """Return the boxes for an image of `size` (width and height in pixels), as Edge Impulse takes them.

    `said_size` is the size that the annotation file gives. `names` has the names of the labels, if they are numbers or
    keys; None if the labels are names.

    Raise ValueError with a sentence when a box has no size, is outside the image or of an unknown class, or when the
    annotation file is about an image of another size.

    >>> box = Region("0", 0.25, 0.25, 0.5, 0.5, "line 1")
    >>> boxes_in_pixels([box], is_relative=True, said_size=None, size=(8, 4), names={"0": "cat"})
    [{'label': 'cat', 'x': 2, 'y': 1, 'width': 4, 'height': 2}]
    """
    if regions and said_size is not None and said_size != size:
        raise ValueError(_other_size(said_size, size))
    scale = size if is_relative else (1, 1)
    found = []
    for region in regions:
        place = region.where
        label = region.label if names is None else names.get(region.label)
        if not label:
            raise ValueError(f"{place}: class {region.label!r} is not in the list of classes; add it there")
        x, width = _span(region.left * scale[0], region.width * scale[0], size[0], place, ("left", "right"))
        y, height = _span(region.top * scale[1], region.height * scale[1], size[1], place, ("top", "bottom"))
        found.append({"label": label, "x": x, "y": y, "width": width, "height": height})
    return found


def _other_size(said: tuple[int, int], size: tuple[int, int]) -> str:
    sizes = f"it is about an image of {said[0]} × {said[1]} pixels, and this one has {size[0]} × {size[1]}"
    if said == size[::-1]:
        return f"{sizes}: it was annotated turned, as its EXIF orientation says; save the image upright"
    return f"{sizes}; annotate the image as it is"


def _span(begins: float, length: float, limit: int, place: str, sides: tuple[str, str]) -> tuple[int, int]:
    """Return where a box begins in one direction, and its length there, in whole pixels from 0 to `limit`."""
    ends = begins + length
    if not (math.isfinite(begins) and math.isfinite(ends)):
        raise ValueError(f"{place}: the box is not given by numbers")
    if length <= _EXACT:
        raise ValueError(f"{place}: the box has no size; remove it, or draw it again")
    for beyond, side in ((-begins, sides[0]), (ends - limit, sides[1])):
        if beyond > _TOLERANCE:
            raise ValueError(
                f"{place}: the box reaches {beyond:,.1f} pixels beyond the {side} edge of the image; draw it again"
            )
    begins, ends = max(begins, 0.0), min(ends, float(limit))
    if ends - begins <= _EXACT:
        raise ValueError(f"{place}: the box is outside the image; remove it, or draw it again")
    first, last = round(begins), round(ends)
    if last > first:
        return first, last - first
    return min(math.floor((begins + ends) / 2), limit - 1), 1
