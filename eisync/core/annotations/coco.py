"""Read COCO object detection JSON: a document with the lists `images`, `annotations` and `categories`, in any order.

Memory stays flat. So an image and its boxes are separate entries: `more` of the image is the path of the entries with
its boxes. The entry at `//classes` has the names of the class numbers.

Boxes around groups (`iscrowd`) are left out with a remark, as trainers do (Ultralytics' convert_coco, Detectron2). An
outline without a box gets the box around it. Masks without a box (run lengths) cannot be used. Captions, panoptic
segments and keypoints without a box say nothing of boxes, and are passed over.

Source: cocodataset.org, "Data format", sections 1 to 5: `bbox` is left, top, width and height in pixels from 0.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from eisync.core.annotations.numbers import finite, size_of
from eisync.core.annotations.outlines import without_outlines
from eisync.core.annotations.shapes import CROWD, KEYPOINTS, OUTLINE, Box, box_around, joined
from eisync.core.formats.json_stream import JsonRefused, JsonStream
from eisync.core.formats.json_values import is_whole, mended
from eisync.core.labels.entry import Entry, Region, entry_of_boxes, relative_path

CLASSES = "//classes"
"""The path of the entry whose `label_map` has the names of the classes."""

_IMAGE = "//image/"
_OF_IMAGES = frozenset({"id", "file_name", "width", "height"})
_OF_BOXES = frozenset({"id", "image_id", "category_id", "bbox", "iscrowd", "segmentation", "keypoints"})

_OF_OTHERS = ("caption", "segments_info", "keypoints")
_MOST_CLASSES = 100_000
_NUMBERS = frozenset({int, float})
_TOO_LARGE = 1e15  # no image has this many pixels, and every float below is exact enough
_AT_ONCE = 1_000  # boxes of one entry

_OTHER_TASKS = re.compile(r"(?:captions|person_keypoints|panoptic|image_info|stuff)_", re.IGNORECASE)
_LISTS = re.compile(r'"(images|annotations|categories)"\s*:\s*\[')
_INSIDE = {"images": '"file_name"', "annotations": '"image_id"', "categories": '"name"'}
_NO_BOXES = re.compile(r'"(?:caption|segments_info)"\s*:')


def recognises(name: str, head: str) -> bool:
    """Return whether the file holds boxes in this format. COCO's other tasks, by their name or content, do not.

    >>> recognises("instances_val2017.json", '{"info": {}, "images": [{"id": 1, "file_name": "1.jpg"')
    True
    """
    if not name.lower().endswith(".json") or _OTHER_TASKS.match(name) or _NO_BOXES.search(head):
        return False
    if not head.lstrip("\ufeff \t\r\n").startswith("{"):
        return False
    lists = [found[1] for found in _LISTS.finditer(head)]
    if lists in ([], ["categories"]) and '"supercategory"' not in head:
        return False  # notes.json of Label Studio has a list of categories, too
    return all(_INSIDE[one] in head for one in lists[:1]) or len(lists) > 1


def entries(pieces: Iterable[str]) -> Iterator[Entry]:
    """Yield an entry for each image, for the boxes of each image as they come, and for the list of classes.

    Raise ValueError when the document is not of this format, or has a box of which it does not say the image: any
    image could then lack a box.
    """
    stream = JsonStream(without_outlines(pieces))
    if stream.next() != "{":
        raise ValueError("it is not a JSON object")
    has_images = False
    for name in stream.members():
        if name == "images":
            has_images = True
            yield from _images(stream)
        elif name == "annotations":
            yield from _annotations(stream)
        elif name == "categories":
            yield _classes(stream)
        else:
            stream.ignore()
    if stream.next():
        raise ValueError(f"more follows in line {stream.line}")
    if not has_images:
        raise ValueError("it has no list of images")


def _images(stream: JsonStream) -> Iterator[Entry]:
    number = 0
    for images in _batches(stream, "image", _OF_IMAGES):
        for found in images:
            number += 1
            key = _key(found.get("id")) if isinstance(found, dict) else None
            if key is None:
                raise ValueError(f"image number {number} has no id")
            name = found.get("file_name")
            if not isinstance(name, str) or not name.strip("/"):
                raise ValueError(f"image {key} has no file_name")
            path = relative_path(mended(name))
            path = "/" + path.lstrip("/") if path.startswith("//") else path
            if "\0" in name or not is_whole(name):
                yield Entry(path=path, problem=f"image {key}: its name contains NUL or half a character")
                continue
            size = size_of(found.get("width"), found.get("height"))
            yield Entry(path=path, size=size, is_numbered=True, more=_IMAGE + key)


def _annotations(stream: JsonStream) -> Iterator[Entry]:
    """Yield the boxes. Those of one image that follow each other are one entry."""
    image: Any = None
    regions: list[Region] = []
    remarks: set[str] = set()
    number = 0
    for annotations in _batches(stream, "annotation", _OF_BOXES):
        for found in annotations:
            number += 1
            if not isinstance(found, dict) or _key(found.get("image_id")) is None:
                raise ValueError(f"{_where(found, number)} has no image_id")
            if found["image_id"] != image or len(regions) >= _AT_ONCE:
                if regions or remarks:
                    yield _boxes(image, regions, remarks)
                    regions, remarks = [], set()
                image = found["image_id"]
            try:
                region = _region(found, number, remarks)
            except ValueError as error:
                yield Entry(path=f"{_IMAGE}{_key(image)}", problem=f"{_where(found, number)} {error}")
                continue
            if region is not None:
                regions.append(region)
    if regions or remarks:
        yield _boxes(image, regions, remarks)


def _boxes(image: Any, regions: list[Region], remarks: set[str]) -> Entry:
    path = f"{_IMAGE}{_key(image)}"
    if not remarks:
        return entry_of_boxes(path, regions)
    return Entry(path=path, regions=regions, is_numbered=True, remark=joined(sorted(remarks)))


def _batches(stream: JsonStream, what: str, kept: frozenset[str]) -> Iterator[list[Any]]:
    """Take the elements of a list, several at once. Of a large one, take only the members in `kept`."""
    number = 0
    for _ in stream.elements():
        batch = stream.batch()
        if not batch:
            try:
                found, problem = stream.record(kept)
            except JsonRefused as error:
                found, problem = None, str(error)
            if problem is not None:
                raise ValueError(f"{what} number {number + 1}: {problem}")
            batch = [found]
        number += len(batch)
        yield batch


def _region(found: dict[str, Any], number: int, remarks: set[str]) -> Region | None:
    """Return the box of an annotation; None if it says nothing of boxes. Raise ValueError for nonsense."""
    if found.get("iscrowd"):
        remarks.add(CROWD)
        return None
    bbox = found.get("bbox")
    if bbox:
        left, top, width, height = _four_numbers(bbox)
        if "keypoints" in found:
            remarks.add(KEYPOINTS)
    elif any(name in found for name in _OF_OTHERS):
        return None
    else:
        left, top, width, height = _around(found.get("segmentation"))
        remarks.add(OUTLINE)
    label = _key(found.get("category_id"))
    if label is None:
        raise ValueError("has no category_id")
    return Region(label, left, top, width, height, _where(found, number))


def _four_numbers(bbox: Any) -> Box:
    if isinstance(bbox, list) and len(bbox) == 4 and _NUMBERS.issuperset(map(type, bbox)):
        left, top, width, height = bbox
        try:
            if -_TOO_LARGE < left + top + width + height < _TOO_LARGE:  # false for infinite ones
                return left, top, width, height
        except OverflowError:
            pass  # an integer with hundreds of digits
    raise ValueError("has a bbox that is not four numbers")


def _around(outline: Any) -> Box:
    """Return the box around all polygons of an outline."""
    if isinstance(outline, dict):
        raise ValueError("has a mask and no bbox; export the boxes, too")
    polygons = outline if isinstance(outline, list) else []
    points: list[float] = []
    for polygon in polygons:
        found = [finite(one) for one in polygon] if isinstance(polygon, list) else []
        whole = [one for one in found if one is not None]
        if len(whole) < 6 or len(whole) % 2 or len(whole) != len(found):
            raise ValueError("has no bbox, and an outline that is not a list of points")
        points += whole
    if not points:
        raise ValueError("has neither a bbox nor an outline")
    return box_around(points[::2], points[1::2])


def _classes(stream: JsonStream) -> Entry:
    """Return the names of the classes. One without a name is left out: its boxes are then of an unknown class."""
    names: dict[str, str] = {}
    for _ in stream.elements():
        found, _ = stream.record({"id", "name"})
        key = _key(found.get("id")) if isinstance(found, dict) else None
        name = (
            mended(str(found["name"])) if key is not None and isinstance(found.get("name"), str | int | float) else ""
        )
        if key is not None and name and "\0" not in name:
            names[key] = name
        if len(names) > _MOST_CLASSES:
            raise ValueError(f"it has more than {_MOST_CLASSES:,} categories")
    return Entry(path=CLASSES, label_map=names)


def _key(found: Any) -> str | None:
    """Return an id as text. Programs write numbers or texts."""
    if found.__class__ is int:
        return str(found)
    if isinstance(found, str):
        return mended(found) or None
    return str(int(found)) if isinstance(found, float) and found.is_integer() else None


def _where(found: Any, number: int) -> str:
    key = _key(found.get("id")) if isinstance(found, dict) else None
    return f"annotation number {number}" if key is None else f"annotation {key}"
