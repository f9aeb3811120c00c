"""Read the image annotations of Label Studio: its exports JSON and JSON-MIN, a list with an object for each task.

Boxes are in percent of the image. A rotated box, a polygon or an ellipse is replaced by the upright box around it. The
label of an image comes from `choices`, if there is one. Masks and other tools are passed over with a remark. Of several
annotations of one task the newest counts that was not cancelled (skipped).

The path of an image is the last part of its address as it is given. An upload to Label Studio has eight hexadecimal
digits and a dash before the name that the file had (`1a2b3c4d-cat.jpg`): `without_prefix` returns that name.

Sources: labelstud.io, "Label Studio JSON format of annotated tasks", "Export annotations" (JSON_MIN), tags
RectangleLabels, PolygonLabels, EllipseLabels, Choices ("Sample Results JSON").
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from eisync.core.annotations.json_records import objects
from eisync.core.annotations.label_studio_tasks import name_in, newest_result, texts
from eisync.core.annotations.numbers import finite, size_of
from eisync.core.annotations.shapes import (
    MOST_REGIONS,
    OUTLINE,
    ROTATED,
    Box,
    around_ellipse,
    box_around,
    joined,
    rotated,
)
from eisync.core.formats.json_values import why_unusable
from eisync.core.labels.entry import Entry, Region
from eisync.core.labels.path_rules import names_media

_SHAPES = ("rectanglelabels", "polygonlabels", "ellipselabels", "rectangle", "polygon", "ellipse")
_UNUSED = {"brushlabels": "masks are not sent", "keypointlabels": "keypoints are not sent"}
_OF_THE_FULL = ("data", "annotations", "completions")
_CHOICES = ("choice", "choices", "label", "class")  # names of the tool in the templates of Label Studio
_HEAD = re.compile(r"\ufeff?\s*\[\s*\{")
_TOOLS = re.compile(r'"(?:rectangle|polygon|ellipse)labels"')
_CHOICE = re.compile(r'"choices?"')
_PICTURE = re.compile(r'"[^"\\]{0,300}\.(?:jpe?g|png|bmp|webp|gif|tiff?)"', re.IGNORECASE)
_OF_LABEL_STUDIO = re.compile(r'"(?:annotation_id|lead_time|annotations|completions|was_cancelled)"\s*:')
_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)")


def recognises(name: str, head: str) -> bool:
    """Return whether the file is an export of image annotations.

    >>> recognises("a.json", '[{"id": 1, "annotations": [{"result": [{"type": "rectanglelabels"')
    True
    """
    if not name.lower().endswith(".json") or not _HEAD.match(head) or not _OF_LABEL_STUDIO.search(head):
        return False
    return bool(_TOOLS.search(head) or (_CHOICE.search(head) and _PICTURE.search(head)))


def entries(pieces: Iterable[str]) -> Iterator[Entry]:
    """Yield an entry for each task about an image. Raise ValueError for a document that is not of this format."""
    for task, problem in objects(pieces, "task"):
        if (entry := _entry(task, problem)) is not None:
            yield entry


def without_prefix(name: str) -> str:
    """Return the name that an uploaded image had before Label Studio stored it.

    >>> without_prefix("1a2b3c4d-cat.jpg")
    'cat.jpg'
    """
    return _PREFIX.sub("", name, count=1) if _PREFIX.match(name) else name


def _entry(task: dict[str, Any], problem: str | None) -> Entry | None:
    """Return what a task says of its image; None for a task about something else, or one that is not done."""
    is_full = any(key in task for key in _OF_THE_FULL)
    path = _path(task.get("data") if is_full else task)
    if path is None:
        if problem is not None:
            raise ValueError(f"a task of which the image is not known cannot be used: {problem}")
        return None
    problem = problem or why_unusable(task)
    if problem is not None:
        return Entry(path=path, problem=problem)
    results = newest_result(task) if is_full else _results_of_min(task)
    if results is None:
        return None
    if len(results) > MOST_REGIONS:
        return Entry(path=path, problem=f"it has more than {MOST_REGIONS:,} regions")
    try:
        return _described(path, results)
    except ValueError as error:
        return Entry(path=path, problem=str(error))


def _path(data: Any) -> str | None:
    """Return the base name of the image that a task is about."""
    if not isinstance(data, dict):
        return None
    addresses = [data.get("image"), *data.values()]
    return next((name for one in addresses if (name := name_in(one)) and names_media(name)), None)


def _results_of_min(task: dict[str, Any]) -> list[Any] | None:
    """Return the results of a task in JSON-MIN, as the full export has them; None if it has none."""
    results: list[Any] = []
    for key, found in task.items():
        values = found if isinstance(found, list) else []
        results += [{**one, "value": one} for one in values if isinstance(one, dict) and _tool(one) is not None]
        choices = found.get("choices") if isinstance(found, dict) else [found]
        if key in _CHOICES and isinstance(choices, list) and all(isinstance(one, str) for one in choices):
            results.append({"type": "choices", "value": {"choices": choices}})
    return results if results or "annotation_id" in task else None


def _tool(found: dict[str, Any]) -> str | None:
    return next((one for one in (*_SHAPES, *_UNUSED) if one in found), None)


def _described(path: str, results: list[Any]) -> Entry:
    regions: list[Region] = []
    remarks: list[str] = []
    labels: list[str] = []
    sizes: set[tuple[int, int]] = set()
    shapes = 0
    for result in results:
        found = result.get("value") if isinstance(result, dict) else None
        if not isinstance(found, dict):
            continue
        tool = result.get("type") or _tool(found)
        if tool == "choices":
            labels += texts(found.get("choices"))
        elif tool in _UNUSED:
            remarks.append(_UNUSED[tool])
        elif tool in _SHAPES:
            shapes += 1
            size = size_of(result.get("original_width"), result.get("original_height"))
            sizes |= set() if size is None else {size}
            regions.append(_region(result, tool, size, f"region {shapes}", remarks))
    if len(sizes) > 1:
        raise ValueError("its regions give different sizes of the image")
    return Entry(
        path=path,
        label=labels[0] if len(labels) == 1 else None,
        regions=regions if shapes or not labels else None,
        is_relative=True,
        size=next(iter(sizes), None),
        remark=joined([*remarks, *(["several choices are not sent as a label"] if len(labels) > 1 else [])]),
    )


def _region(result: dict[str, Any], tool: str, size: tuple[int, int] | None, where: str, remarks: list[str]) -> Region:
    found = result["value"]
    labels = texts(found.get(tool))
    if len(labels) != 1:
        raise ValueError(f"{where} has {len(labels) or 'no'} label{'s' if labels else ''}, and a box has one")
    if result.get("image_rotation"):
        raise ValueError(f"{where} was drawn on a turned image; turn the image itself and export again")
    if tool == "polygonlabels":
        remarks.append(OUTLINE)
        return Region(labels[0], *_around(found, where), where)
    is_ellipse = tool == "ellipselabels"
    names = ("x", "y", "radiusX", "radiusY") if is_ellipse else ("x", "y", "width", "height")
    numbers = [one for one in (finite(found.get(name)) for name in names) if one is not None]
    if len(numbers) != 4:
        raise ValueError(f"{where} is not given by four numbers")
    shape = numbers[0] / 100, numbers[1] / 100, numbers[2] / 100, numbers[3] / 100
    degrees = finite(found.get("rotation")) or 0.0
    if degrees and size is None:
        raise ValueError(f"{where} is rotated, and the size of the image is not given")
    if is_ellipse:
        remarks.append(OUTLINE)
        return Region(labels[0], *around_ellipse(shape, degrees, size or (1, 1)), where)
    if degrees:
        remarks.append(ROTATED)
        shape = rotated(shape, degrees, size or (1, 1))
    return Region(labels[0], *shape, where)


def _around(found: dict[str, Any], where: str) -> Box:
    points = found.get("points")
    pairs = [one for one in (points if isinstance(points, list) else []) if isinstance(one, list) and len(one) == 2]
    across, down = [finite(one[0]) for one in pairs], [finite(one[1]) for one in pairs]
    xs, ys = [one for one in across if one is not None], [one for one in down if one is not None]
    if len(xs) < 3 or not isinstance(points, list) or not len(points) == len(xs) == len(ys):
        raise ValueError(f"{where} is not a list of at least three points")
    return box_around([x / 100 for x in xs], [y / 100 for y in ys])
