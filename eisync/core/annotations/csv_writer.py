"""Write tables: one line for each box, and the manifest with one line for each file.

The table of boxes has the columns of TensorFlow's object detection: `filename`, `width` and `height` of the image,
`class`, and the corners of the box in pixels, counted from 0. The manifest has `file_name`, `label`, `category`, and a
column `metadata.NAME` for each name.

Sources: RFC 4180; Roboflow's export "TensorFlow Object Detection CSV"; Hugging Face, `metadata.csv` (`file_name`).
"""

import csv
import io
from collections.abc import Iterable, Sequence

from eisync.core.annotations.plain_box import PlainBox, is_plain, written
from eisync.core.dataset import WholeSample

BOXES_HEAD = "filename,width,height,class,xmin,ymin,xmax,ymax\n"


def box_lines(file_name: str, size: tuple[int, int], boxes: Iterable[PlainBox]) -> str:
    """Return a line for each box of an image. `file_name` is relative to the folder of the table.

    >>> box_lines("a.png", (640, 480), [PlainBox("nut", 1, 2, 3, 4)])
    'a.png,640,480,nut,1,2,4,6\\n'
    """
    return "".join(
        line(
            [
                file_name,
                str(size[0]),
                str(size[1]),
                box.label,
                *map(written, (box.x, box.y, box.x + box.width, box.y + box.height)),
            ]
        )
        for box in boxes
    )


def manifest_head(names: Sequence[str]) -> str:
    """Return the first line of a manifest. `names` are those of the metadata."""
    return line(["file_name", "label", "category", *(f"metadata.{name}" for name in names)])


def manifest_line(place: str, sample: WholeSample, names: Sequence[str]) -> str:
    """Return the line of the sample, whose file is at `place`."""
    metadata = sample.metadata or {}
    return line([place, sample.label or "", sample.category, *(metadata.get(name, "") for name in names)])


def fits_manifest(place: str, sample: WholeSample) -> bool:
    """Return whether a line of the manifest says everything about the sample, but for its boxes and ranges.

    An empty cell says nothing, so a sample without a label does not fit. Neither does one whose name is not that of its
    file, or one with a map of labels.
    """
    is_named_so = place.rpartition("/")[2].rpartition(".")[0] == sample.name
    texts = [sample.label, sample.category, *(sample.metadata or {}), *(sample.metadata or {}).values()]
    return is_named_so and not sample.label_map and all(map(is_plain, texts))


def line(cells: Sequence[str]) -> str:
    """Return a line of a table."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
