"""Write the parts of a COCO file for object detection, so that images and annotations can be written one by one.

Boxes are `[x, y, width, height]` in pixels. Ids begin at 1, and a category has the same id in every file of a dataset.

Source: cocodataset.org, `#format-data`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from eisync.core.annotations.plain_box import PlainBox

IMAGES = '],"images":[\n'
ANNOTATIONS = '\n],"annotations":[\n'
END = "\n]}\n"


def beginning(classes: Sequence[str]) -> str:
    """Return the text before `IMAGES`. The text of a file is then: images, `ANNOTATIONS`, annotations, `END`."""
    categories = [{"id": number, "name": name, "supercategory": "none"} for number, name in enumerate(classes, start=1)]
    return '{"info":{},"licenses":[],"categories":[\n' + ",\n".join(map(_packed, categories)) + "\n"


def image(image_id: int, file_name: str, size: tuple[int, int]) -> str:
    """Return the record of an image. `file_name` is relative to the folder of the COCO file, with `/` in it.

    >>> image(1, "a.png", (640, 480))
    '{"id":1,"file_name":"a.png","width":640,"height":480}'
    """
    return _packed({"id": image_id, "file_name": file_name, "width": size[0], "height": size[1]})


def annotation(annotation_id: int, image_id: int, box: PlainBox, numbers: Mapping[str, int]) -> str:
    """Return the record of a box. `numbers` has the place of each class in the list of classes, from 0."""
    return _packed(
        {
            "id": annotation_id,
            "image_id": image_id,
            "category_id": numbers[box.label] + 1,
            "bbox": [box.x, box.y, box.width, box.height],
            "area": box.width * box.height,
            "iscrowd": 0,
            "segmentation": [],
        }
    )


def _packed(record: Mapping[str, Any]) -> str:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False)
