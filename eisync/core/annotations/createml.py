"""Read the annotations of Apple's Create ML: a JSON list with an object for each image.

`coordinates` has the centre of a box with its width and height, in pixels from the left upper corner: Create ML's own
default, which Roboflow and RectLabel write.

Source: developer.apple.com, Create ML, "Building an object detector data source".
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from eisync.core.annotations.json_records import objects
from eisync.core.annotations.numbers import finite
from eisync.core.annotations.shapes import MOST_REGIONS
from eisync.core.formats.json_values import mended, why_unusable
from eisync.core.labels.entry import Entry, Region, relative_path

_IMAGE = ("image", "imagefilename")
_BOXES = ("annotations", "annotation")
_HEAD = re.compile(r"\ufeff?\s*\[\s*\{")
_MEMBERS = re.compile(r'"image(?:filename)?"\s*:\s*"')
_LISTED = re.compile(r'"annotations?"\s*:\s*\[\s*(?:\]|\{)')
_COORDINATES = re.compile(r'"coordinates"\s*:')
_NOTHING = re.compile(r'"annotations?"\s*:\s*\[\s*\]')


def recognises(name: str, head: str) -> bool:
    """Return whether the file is a list of images with boxes in this format.

    >>> recognises("a.json", '[{"image": "a.jpg", "annotations": [{"label": "cat", "coordinates": {')
    True
    """
    if not name.lower().endswith(".json") or not _HEAD.match(head):
        return False
    if not _MEMBERS.search(head) or not _LISTED.search(head):
        return False
    return bool(_COORDINATES.search(head) or (_NOTHING.search(head) and '"data"' not in head))


def entries(pieces: Iterable[str]) -> Iterator[Entry]:
    """Yield an entry for each image. Raise ValueError for a document that is not of this format."""
    for number, (found, problem) in enumerate(objects(pieces, "image"), 1):
        path = next((found[key] for key in _IMAGE if isinstance(found.get(key), str) and found[key]), None)
        if path is None:
            raise ValueError(problem or f"image number {number} has no name")
        yield _entry(relative_path(mended(path)), found, problem or why_unusable(found))


def _entry(path: str, found: dict[str, Any], problem: str | None) -> Entry:
    listed = next((found[key] for key in _BOXES if isinstance(found.get(key), list)), None)
    if problem is not None:
        return Entry(path=path, problem=problem)
    if listed is None:
        return Entry(path=path, problem="it has no list of annotations")
    if len(listed) > MOST_REGIONS:
        return Entry(path=path, problem=f"it has more than {MOST_REGIONS:,} boxes")
    try:
        return Entry(path=path, regions=[_region(one, f"box {count}") for count, one in enumerate(listed, 1)])
    except ValueError as error:
        return Entry(path=path, problem=str(error))


def _region(found: Any, where: str) -> Region:
    coordinates = found.get("coordinates") if isinstance(found, dict) else None
    if not isinstance(coordinates, dict):
        raise ValueError(f"{where} has no coordinates")
    across, down, width, height = (finite(coordinates.get(key)) for key in ("x", "y", "width", "height"))
    if across is None or down is None or width is None or height is None:
        raise ValueError(f"{where} has coordinates that are not four numbers")
    label = found.get("label")
    if not isinstance(label, str) or not label:
        raise ValueError(f"{where} has no label")
    return Region(label, across - width / 2, down - height / 2, width, height, where)
