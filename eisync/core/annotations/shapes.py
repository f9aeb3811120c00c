"""Turn the shapes that annotation programs draw into boxes, and join what they say about one image.

Edge Impulse takes boxes only. The box of another shape is the smallest one around it.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from eisync.core.labels.entry import Entry, Region

Box = tuple[float, float, float, float]
"""Left, top, width and height."""

OUTLINE = "only the box around an outline is sent"
ROTATED = "only the upright box around a rotated box is sent"
KEYPOINTS = "keypoints are not sent"
PARTS = "boxes of parts of an object are not sent"
CROWD = "a box around a group of objects is not sent"

MOST_REGIONS = 10_000
"""The most boxes of one image. An annotation file that gives more is not usable for that image."""

_AT_ONCE = 1_000  # boxes of one entry of a stream


def box_around(across: Sequence[float], down: Sequence[float]) -> Box:
    """Return the smallest box around points with these coordinates.

    >>> box_around([3, 1, 2], [5, 5, 9])
    (1, 5, 2, 4)
    """
    left, top = min(across), min(down)
    return left, top, max(across) - left, max(down) - top


def rotated(box: Box, degrees: float, size: tuple[int, int]) -> Box:
    """Return the upright box around a box that is turned clockwise about its left upper corner.

    Both are fractions of an image of `size`, and the result is the part inside the image.
    """
    left, top, width, height = box[0] * size[0], box[1] * size[1], box[2] * size[0], box[3] * size[1]
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    across = [(left + x * cosine - y * sine) / size[0] for x, y in corners]
    down = [(top + x * sine + y * cosine) / size[1] for x, y in corners]
    return inside(box_around(across, down))


def around_ellipse(ellipse: Box, degrees: float, size: tuple[int, int]) -> Box:
    """Return the upright box around an ellipse: its centre and two radii, turned clockwise about the centre.

    Both are fractions of an image of `size`, and the result is the part inside the image.
    """
    across, down = ellipse[2] * size[0], ellipse[3] * size[1]
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    wide = math.hypot(across * cosine, down * sine) / size[0]
    high = math.hypot(across * sine, down * cosine) / size[1]
    return inside((ellipse[0] - wide, ellipse[1] - high, 2 * wide, 2 * high))


def inside(box: Box) -> Box:
    """Return the part of a box, in fractions of the image, that is inside the image. Elsewhere its size is negative."""
    left, top = max(box[0], 0.0), max(box[1], 0.0)
    return left, top, min(box[0] + box[2], 1.0) - left, min(box[1] + box[3], 1.0) - top


def joined(remarks: Iterable[str]) -> str | None:
    """Return the remarks as one, each once; None if there are none."""
    return "; ".join(dict.fromkeys(remarks)) or None


def in_runs(found: Iterable[Entry]) -> Iterator[Entry]:
    """Join neighbouring entries with boxes of the same image into one.

    >>> box = Region("cat", 0, 0, 1, 1, "line 2")
    >>> [len(one.regions) for one in in_runs([Entry(path="a", regions=[box]), Entry(path="a", regions=[box])])]
    [2]
    """
    last: Entry | None = None
    regions: list[Region] = []
    remarks: list[str] = []
    for entry in found:
        is_continued = last is not None and _are_alike(last, entry) and len(regions) < _AT_ONCE
        if last is not None and not is_continued:
            yield _run(last, regions, remarks)
        if not is_continued:
            last, regions, remarks = entry, [], []
        regions += entry.regions or ()
        if entry.remark is not None:
            remarks.append(entry.remark)
    if last is not None:
        yield _run(last, regions, remarks)


def _run(first: Entry, regions: list[Region], remarks: list[str]) -> Entry:
    return first if first.regions is None else replace(first, regions=regions, remark=joined(remarks))


def _are_alike(one: Entry, other: Entry) -> bool:
    return (
        one.path == other.path
        and one.regions is not None
        and other.regions is not None
        and (one.is_relative, one.is_numbered, one.size) == (other.is_relative, other.is_numbered, other.size)
    )
