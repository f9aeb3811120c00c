"""Pictures with boxes, and how annotation formats describe them.

Every image has 64 x 32 pixels, so that fractions of it are exact.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.layouts.wanted import Box, Wanted, lines

WIDTH, HEIGHT = 64, 32
CLASSES = ["car", "traffic light", "Fußgänger"]
CATEGORIES = {"train": "training", "valid": "validation", "val": "validation", "test": "testing"}


@dataclass(frozen=True)
class Picture:
    """An image of a split with its boxes."""

    split: str
    name: str
    boxes: tuple[Box, ...]

    def wanted(self, **more: Any) -> Wanted:
        found = Wanted(self.name.rpartition(".")[0], category=CATEGORIES[self.split], boxes=self.boxes)
        return replace(found, **more)


def pictures(*splits: str) -> list[Picture]:
    """Return three images for each split: with boxes up to the edges, with one box, and without."""
    whole: tuple[Box, ...] = (("car", 0, 0, WIDTH, HEIGHT), ("Fußgänger", 60, 30, 4, 2), ("traffic light", 1, 2, 3, 4))
    kinds = (whole, (("car", 7, 5, 11, 13),), ())
    return [
        Picture(split, f"street_{number}_jpg.rf.{at:02x}{number}{'e7c1' * 7}0.jpg", boxes)
        for at, split in enumerate(splits)
        for number, boxes in enumerate(kinds)
    ]


def as_yolo(boxes: Sequence[Box]) -> str:
    return lines(
        f"{CLASSES.index(label)} {(x + width / 2) / WIDTH} {(y + height / 2) / HEIGHT} "
        f"{width / WIDTH} {height / HEIGHT}"
        for label, x, y, width, height in boxes
    )


def as_voc(picture: Picture, *, depth: int = 3) -> str:
    objects = "".join(
        f"<object><name>{label}</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>"
        f"<bndbox><xmin>{x}</xmin><xmax>{x + width}</xmax><ymin>{y}</ymin><ymax>{y + height}</ymax></bndbox></object>"
        for label, x, y, width, height in picture.boxes
    )
    size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>{depth}</depth></size>"
    return f"<annotation><folder></folder><filename>{picture.name}</filename>{size}{objects}</annotation>"


def as_coco(found: Sequence[Picture], first_category: int = 1) -> str:
    images = [
        {"id": at, "license": 1, "file_name": one.name, "height": HEIGHT, "width": WIDTH, "date_captured": "2024"}
        for at, one in enumerate(found)
    ]
    boxes = [(at, box) for at, one in enumerate(found) for box in one.boxes]
    annotations = [
        {
            "id": number,
            "image_id": at,
            "category_id": CLASSES.index(label) + first_category,
            "bbox": [x, y, width, height],
            "area": width * height,
            "segmentation": [[x, y, x + width, y, x + width, y + height]],
            "iscrowd": 0,
        }
        for number, (at, (label, x, y, width, height)) in enumerate(boxes)
    ]
    categories = [
        {"id": at, "name": name, "supercategory": "x"} for at, name in enumerate(CLASSES, start=first_category)
    ]
    document = {"info": {"year": "2024"}, "licenses": [], "categories": categories, "images": images}
    return json.dumps({**document, "annotations": annotations})
