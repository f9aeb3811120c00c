"""What Edge Impulse exports: a whole dataset with `info.labels`, or images with `bounding_boxes.labels`."""

import json
from pathlib import Path
from typing import Any

from tests.layouts import media
from tests.layouts.wanted import Box, Generator, Layout, Wanted, write

BOXES: tuple[Box, ...] = (("car", 0, 0, 64, 32), ("traffic light", 1, 2, 3, 4))


def edge_impulse_export(root: Path) -> Layout:
    """The export of a project: file names that the service made, and `info.labels`, which has all that they are."""
    site = {"site": "lab 3"}
    halves = ((0, 2, "still"), (3, 4, "moving"))
    found = [
        (Wanted("idle.01", "idle", "training", metadata=site), "csv", media.table()),
        (Wanted("updown.03", "updown", "testing"), "json", media.acquisition()),
        (Wanted("desk.02", category="training", ranges=halves), "csv", media.table()),
        (Wanted("street.04", None, "testing", boxes=BOXES), "jpg", media.jpeg()),
    ]
    files = []
    for at, (one, extension, content) in enumerate(found):
        place = f"{one.category}/{one.name}.{extension}.4ooens{at}h.ingestion-56f58bdc98-dh5w{at}.{extension}"
        write(root, place, content)
        files.append({"path": place, "name": one.name, "category": one.category, **_labels(one)})
    write(root, "info.labels", json.dumps({"version": 1, "files": files}, indent=4))
    write(root, "README.txt", "This is your Edge Impulse dataset.\n")
    return Layout([one for one, _, _ in found])


def _labels(one: Wanted) -> dict[str, Any]:
    label: dict[str, Any] = {"type": "unlabeled"}
    if one.ranges:
        ranges = [{"startIndex": start, "endIndex": end, "label": name} for start, end, name in one.ranges]
        label = {"type": "multi-label", "labels": ranges}
    elif one.label is not None:
        label = {"type": "label", "label": one.label}
    return {"label": label, "metadata": one.metadata, "boundingBoxes": _boxes(one.boxes)}


def _boxes(boxes: tuple[Box, ...]) -> list[dict[str, Any]]:
    return [dict(zip(("label", "x", "y", "width", "height"), box, strict=True)) for box in boxes]


def edge_impulse_images(root: Path) -> Layout:
    """The images of an object detection project, with one file of boxes beside them."""
    found = [Wanted("street.01", boxes=BOXES), Wanted("street.02", boxes=BOXES[:1])]
    for one in found:
        write(root, f"{one.name}.jpg", media.jpeg())
    boxes = {f"{one.name}.jpg": _boxes(one.boxes) for one in found}
    write(
        root,
        "bounding_boxes.labels",
        json.dumps({"version": 1, "type": "bounding-box-labels", "boundingBoxes": boxes}),
    )
    return Layout(found)


LAYOUTS: tuple[Generator, ...] = (edge_impulse_export, edge_impulse_images)
