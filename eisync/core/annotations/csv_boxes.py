"""Read tables with a row for each box, as TensorFlow's examples, Roboflow, Kaggle, MakeSense and keras-retinanet have.

A header names the columns; many names of each are known. A box is given by two corners, by a corner with width and
height, or by one cell `[x, y, width, height]`. Without a header a row is keras-retinanet's `path,x1,y1,x2,y2,class`.
A row with an image and no box says that the image shows nothing.

Coordinates are pixels. In a row where all of them are from 0 to 1 and one is a fraction, they are fractions of the
image: in pixels such a box would be smaller than one pixel.

Sources: tensorflow/models, object_detection (`filename,width,height,class,xmin,ymin,xmax,ymax`); fizyr/keras-retinanet,
README, "CSV datasets"; Kaggle's Global Wheat Detection, "Data description"; SkalskiP/make-sense, export of CSV.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from eisync.core.annotations.numbers import number, size_of
from eisync.core.annotations.rows import rows
from eisync.core.annotations.shapes import Box, in_runs
from eisync.core.labels.entry import Entry, Region, relative_path
from eisync.core.labels.path_rules import names_media
from eisync.core.model import value

_NAMES = {
    "file": "filename file_name image_path image_name image_id imageid image file path img img_name imagename",
    "label": "class label class_name label_name classname labelname category category_name object_class name object",
    "xmin": "xmin x_min x1 left bbox_xmin bbox_x1 x_1",
    "ymin": "ymin y_min y1 top bbox_ymin bbox_y1 y_1",
    "xmax": "xmax x_max x2 right bbox_xmax bbox_x2 x_2",
    "ymax": "ymax y_max y2 bottom bbox_ymax bbox_y2 y_2",
    "x": "x bbox_x box_x xmin x_min x1 left",
    "y": "y bbox_y box_y ymin y_min y1 top",
    "w": "w bbox_width bbox_w box_width box_w",
    "h": "h bbox_height bbox_h box_height box_h",
    "width": "width",
    "height": "height",
    "image_width": "image_width img_width image_w img_w imagewidth",
    "image_height": "image_height img_height image_h img_h imageheight",
    "bbox": "bbox box bounding_box boundingbox",
}
"""What a column means, and the names that programs give it."""

_OF_RETINANET = ("file", "xmin", "ymin", "xmax", "ymax", "label")
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_LIST = re.compile(r"[\[(]?([^\[\]()]*)[\])]?")
_LISTED_NUMBERS = re.compile(r"[\s,]+")


@value
class _Columns:
    """Where a table has what: the indexes of the image, the label, the box and the size of the image."""

    file: int
    label: int
    box: tuple[int, ...]
    size: tuple[int, ...]
    is_corners: bool


def recognises(name: str, head: str) -> bool:
    """Return whether the file is a table of boxes.

    >>> recognises("a.csv", "filename,width,height,class,xmin,ymin,xmax,ymax\\n")
    True
    """
    if not name.lower().endswith((".csv", ".tsv")):
        return False
    try:
        found = [cells for _, cells in rows([head])][:2]
    except ValueError:
        return False  # a quote that the end of the head cuts is not an error; what else is, is no table of boxes
    if not found or "LabelName" in found[0]:
        return False  # nothing, or Open Images, whose labels are keys
    return _columns(found[0]) is not None or _is_retinanet(found[0])


def entries(pieces: Iterable[str]) -> Iterator[Entry]:
    """Yield an entry for each run of rows of one image. Raise ValueError when it is not a table of labelled boxes."""
    return in_runs(_each(pieces))


def _each(pieces: Iterable[str]) -> Iterator[Entry]:
    table = rows(pieces)
    first = next(table, None)
    if first is None:
        raise ValueError("it is empty")
    columns = _columns(first[1])
    if columns is None and _is_retinanet(first[1]):
        columns = _columns(_OF_RETINANET)
        table = chain([first], table)
    if columns is None:
        raise ValueError("its first line does not name an image and the edges of a box")
    if columns.label < 0:
        raise ValueError("it has no column with the label of a box; add one that is called label")
    for line, cells in table:
        path = _cell(cells, columns.file)
        if not path:
            raise ValueError(f"line {line} names no image")
        try:
            yield _entry(relative_path(path), cells, columns, line)
        except ValueError as error:
            yield Entry(path=relative_path(path), problem=f"line {line} {error}")


def _columns(header: Sequence[str]) -> _Columns | None:
    """Return where the table has what; None when it has no image or no box. `label` is -1 where it has no label."""
    names = [cell.lower().replace(" ", "_").replace("-", "_") for cell in header]
    at = {
        meaning: next((names.index(one) for one in known.split() if one in names), -1)
        for meaning, known in _NAMES.items()
    }
    for width, height in (("w", "h"), ("width", "height")):
        candidates = ((_CORNERS, True), (("bbox",), False), (("x", "y", width, height), False))
        for box, is_corners in candidates:
            if at["file"] >= 0 and all(at[one] >= 0 for one in box):
                return _Columns(at["file"], at["label"], tuple(at[one] for one in box), _size(at, box), is_corners)
    return None


def _size(at: Mapping[str, int], box: Sequence[str]) -> tuple[int, ...]:
    """Return the columns with the size of the image. `width` is that of the box where nothing else is."""
    if at["image_width"] >= 0:
        return at["image_width"], at["image_height"]
    return () if "width" in box else (at["width"], at["height"])


def _is_retinanet(cells: Sequence[str]) -> bool:
    """Return whether the first row of a table without header is one of keras-retinanet."""
    if len(cells) != len(_OF_RETINANET) or not names_media(cells[0]):
        return False
    return not any(cells[1:]) or (bool(cells[5]) and all(number(cell) is not None for cell in cells[1:5]))


def _entry(path: str, cells: Sequence[str], columns: _Columns, line: int) -> Entry:
    size = size_of(*(_cell(cells, index) for index in columns.size)) if columns.size else None
    numbers = [_cell(cells, index) for index in columns.box]
    if not any(numbers):
        return Entry(path=path, regions=[], size=size)
    if len(numbers) == 1:
        numbers = _listed(numbers[0])
    label = _cell(cells, columns.label)
    if not label:
        raise ValueError("has a box without a label")
    box, is_relative = _box(numbers, is_corners=columns.is_corners)
    return Entry(path=path, regions=[Region(label, *box, f"line {line}")], is_relative=is_relative, size=size)


def _box(cells: Sequence[str], *, is_corners: bool) -> tuple[Box, bool]:
    found = [one for one in map(number, cells) if one is not None]
    if len(found) != 4 or len(cells) != 4:
        raise ValueError("has a box that is not four numbers")
    is_relative = all(0 <= one <= 1 for one in found) and any(one != int(one) for one in found)
    left, top, third, fourth = found
    return ((left, top, third - left, fourth - top) if is_corners else (left, top, third, fourth)), is_relative


def _listed(cell: str) -> list[str]:
    """Return the texts of the numbers in a cell such as `[834.0, 222.0, 56.0, 36.0]`."""
    found = _LIST.fullmatch(cell)
    return [] if found is None else _LISTED_NUMBERS.split(found[1].strip())


def _cell(cells: Sequence[str], index: int) -> str:
    return cells[index] if 0 <= index < len(cells) else ""
