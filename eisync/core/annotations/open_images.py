"""Read the boxes of Open Images: a CSV with a row for each box, in fractions of the image.

An image is named by its id, without extension. A label is a key, such as `/m/01g317`; its name is in
`class-descriptions-boxable.csv`. Rows of one image need not follow each other. A box around a group (`IsGroupOf`) is
left out with a remark, as that of a crowd in COCO.

Source: storage.googleapis.com/openimages/web, "Data formats", "Boxes".
"""

from collections.abc import Iterable, Iterator, Mapping

from eisync.core.annotations.numbers import number
from eisync.core.annotations.rows import rows
from eisync.core.annotations.shapes import CROWD, in_runs
from eisync.core.labels.entry import Entry, Region, relative_path

_EDGES = ("XMin", "XMax", "YMin", "YMax")
_NEEDED = ("ImageID", "LabelName", *_EDGES)


def recognises(name: str, head: str) -> bool:
    """Return whether the file is a table of boxes in this format, by the names of its columns.

    >>> recognises("a.csv", "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\\n")
    True
    """
    first = head.removeprefix("\ufeff").partition("\n")[0]
    return name.lower().endswith(".csv") and {cell.strip() for cell in first.split(",")}.issuperset(_NEEDED)


def entries(pieces: Iterable[str]) -> Iterator[Entry]:
    """Yield an entry for each run of rows of one image. Raise ValueError when it is not such a table."""
    return in_runs(_each(pieces))


def _each(pieces: Iterable[str]) -> Iterator[Entry]:
    table = rows(pieces)
    _, header = next(table, (1, []))
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise ValueError(f"it has no column {missing[0]}")
    columns = {name: index for index, name in enumerate(header)}
    for line, cells in table:
        found = {name: cells[index] for name, index in columns.items() if index < len(cells)}
        if not found.get("ImageID"):
            raise ValueError(f"line {line} names no image")
        yield _entry(line, found)


def _entry(line: int, found: Mapping[str, str]) -> Entry:
    path = relative_path(found["ImageID"])
    left, right, top, bottom = (number(found.get(name, "")) for name in _EDGES)
    if left is None or right is None or top is None or bottom is None:
        return Entry(path=path, problem=f"line {line} has a box whose edges are not four numbers")
    label = found.get("LabelName")
    if not label:
        return Entry(path=path, problem=f"line {line} has no LabelName")
    is_group = found.get("IsGroupOf") == "1"
    region = Region(label, left, top, right - left, bottom - top, f"line {line}")
    return Entry(
        path=path,
        regions=[] if is_group else [region],
        is_relative=True,
        is_numbered=True,
        remark=CROWD if is_group else None,
    )
