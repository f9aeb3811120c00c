"""Write tables: one line for each box, and the manifest with one line for each file.

The table of boxes has the columns of TensorFlow's object detection: `filename`, `width` and `height` of the image,
`class`, and the corners of the box in pixels, counted from 0. The manifest has `file_name`, `label`, `category`, and a
column `metadata.NAME` for each name.

Sources: RFC 4180; Roboflow's export "TensorFlow Object Detection CSV"; Hugging Face, `metadata.csv` (`file_name`).
"""

import csv
import io
import re
from collections.abc import Collection, Iterable, Sequence

from eisync.core.annotations.plain_box import PlainBox, is_plain, written
from eisync.core.dataset import WholeSample

_BETWEEN = re.compile(r"[\s_-]+")

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


def metadata_columns(names: Iterable[str]) -> list[str]:
    """Return the names of metadata that get a column. Readers ignore case, blanks, hyphens and underscores in them.

    Of names that differ only in that, the first gets one.

    >>> metadata_columns(["site", "Site", "lab-name", "lab name"])
    ['Site', 'lab name']
    """
    found: dict[str, str] = {}
    for name in sorted(filter(is_plain, names)):
        found.setdefault(_BETWEEN.sub("_", name.lower()), name)
    return list(found.values())


def manifest_head(columns: Sequence[str]) -> str:
    """Return the first line of a manifest. `columns` are the names of metadata that get one."""
    return line(["file_name", "label", "category", *(f"metadata.{name}" for name in columns)])


def manifest_line(place: str, sample: WholeSample, columns: Sequence[str]) -> str:
    """Return the line of the sample, whose file is at `place`. Texts that a line cannot hold are left out."""
    metadata = sample.metadata or {}
    texts = [sample.label, sample.category, *map(metadata.get, columns)]
    return line([place, *(str(text) if is_plain(text) else "" for text in texts)])


def says_all(place: str, sample: WholeSample, columns: Collection[str]) -> bool:
    """Return whether the line of the sample says everything about it, but for its boxes and ranges.

    An empty cell says nothing, so it does not say that a sample has no label. Neither does it say the name of a sample,
    if that is not the name of its file, or a map of labels.
    """
    metadata = sample.metadata or {}
    is_named_so = place.rpartition("/")[2].rpartition(".")[0] == sample.name
    texts = [sample.label, sample.category, *metadata.values()]
    return is_named_so and not sample.label_map and all(map(is_plain, texts)) and metadata.keys() <= set(columns)


def line(cells: Sequence[str]) -> str:
    """Return a line of a table."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
