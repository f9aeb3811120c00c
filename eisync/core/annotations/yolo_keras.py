"""Read the annotations of keras-yolo3: a line for each image, `path x1,y1,x2,y2,class x1,y1,x2,y2,class …`.

The corners are pixels, and the class is a number; its name is in a list of classes (`_classes.txt` in Roboflow's
export). A line with a path only says that the image shows nothing. A path may contain blanks.

Source: qqwweee/keras-yolo3, README, "Training".
"""

from collections.abc import Iterable, Iterator

from eisync.core.annotations.numbers import number
from eisync.core.annotations.rows import first_lines, lines
from eisync.core.annotations.shapes import MOST_REGIONS
from eisync.core.labels.entry import Entry, Region, relative_path
from eisync.core.labels.path_rules import names_media


def recognises(name: str, head: str) -> bool:
    """Return whether the file is a list of images with boxes. At least one of the first lines has a box.

    >>> recognises("_annotations.txt", "a.jpg 10,20,30,40,0\\n")
    True
    """
    found = first_lines(head) if name.lower().endswith(".txt") else None
    parts = [_parts(line) for line in found or () if line.strip()]
    return any(boxes for _, boxes in parts) and all(names_media(path) for path, _ in parts)


def entries(pieces: Iterable[str]) -> Iterator[Entry]:
    """Yield an entry for each image. Raise ValueError for a line that names no image."""
    for count, line in enumerate(lines(pieces), 1):
        path, boxes = _parts(line.removeprefix("\ufeff") if count == 1 else line)
        if not path and not boxes:
            continue
        if not names_media(path):
            raise ValueError(f"line {count} does not begin with the name of an image")
        path = relative_path(path)
        try:
            if len(boxes) > MOST_REGIONS:
                raise ValueError(f"has more than {MOST_REGIONS:,} boxes")
            regions = [_region(box, f"line {count}") for box in boxes]
        except ValueError as error:
            yield Entry(path=path, problem=f"line {count} {error}")
            continue
        yield Entry(path=path, regions=regions, is_numbered=True)


def _parts(line: str) -> tuple[str, list[str]]:
    """Return the path and the boxes: the last words with a comma that name no image."""
    words = line.split()
    first = len(words)
    while first and "," in words[first - 1] and not names_media(words[first - 1]):
        first -= 1
    boxes = words[first:]
    return (line.strip().rsplit(None, len(boxes))[0] if first else ""), boxes


def _region(box: str, where: str) -> Region:
    numbers = [number(one) for one in box.split(",")]
    left, top, right, bottom, label = numbers if len(numbers) == 5 else [None] * 5
    if left is None or top is None or right is None or bottom is None or label is None:
        raise ValueError(f"has a box that is not four numbers and the number of a class: {box[:60]}")
    if label < 0 or label != int(label):
        raise ValueError(f"has a box whose class is not a whole number from 0: {box[:60]}")
    return Region(str(int(label)), left, top, right - left, bottom - top, where)
