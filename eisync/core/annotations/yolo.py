"""Read YOLO annotations: a text beside each image, with a line for each box, in fractions of the image.

A box is `class x y width height`, with the centre of the box, and a confidence behind it in predictions. What a longer
line means depends on the task, and the text does not say which it is. So the rule is Ultralytics' own for a task that
is not known: an odd count of at least 7 is an outline, `class x1 y1 x2 y2 x3 y3 …` (an oriented box is one of four
points). An even count, which no outline has, is a box with keypoints and their visibility (0, 1 or 2). The same is true
of an odd count where every third number is a visibility behind a box inside the image. Keypoints without visibility
look like an outline: for them `keypoints` is needed, which is `kpt_shape` in data.yaml.

An empty text means that the image shows nothing.

Sources: docs.ultralytics.com, datasets/detect, segment, obb and pose; AlexeyAB/darknet README (classes count from 0).
"""

from collections.abc import Iterable, Iterator, Sequence

from eisync.core.annotations.numbers import number
from eisync.core.annotations.rows import first_lines, lines
from eisync.core.annotations.shapes import KEYPOINTS, MOST_REGIONS, OUTLINE, Box, box_around, joined
from eisync.core.labels.entry import Entry, Region

_OF_A_BOX = 5
_WITH_CONFIDENCE = 6
_MARGIN = 0.05  # how far programs let a box reach beyond the image, as a fraction of it


def recognises(name: str, head: str) -> bool:
    """Return whether the file can hold boxes in this format. An empty text can: its place must tell.

    >>> recognises("a.txt", "0 0.5 0.5 0.25 0.5\\n"), recognises("a.txt", "12 80 81 82 83\\n")
    (True, False)
    """
    found = first_lines(head) if name.lower().endswith(".txt") else None
    return found is not None and all(_is_plausible(line.split()) for line in found if line.strip())


def _is_plausible(cells: Sequence[str]) -> bool:
    try:
        if _class_number(cells[0]) is None:
            return False
        shape, _ = _shape([_coordinate(cell) for cell in cells[1:]], None)
    except ValueError:
        return False
    return all(-_MARGIN <= one <= 1 + _MARGIN for one in shape)


def entries(pieces: Iterable[str], keypoints: tuple[int, int] | None = None) -> Iterator[Entry]:
    """Yield the one entry of the image. `keypoints`: how many keypoints each line has, and how many numbers each.

    Raise ValueError for a line that is much too long.
    """
    regions: list[Region] = []
    remarks: list[str] = []
    for count, line in enumerate(lines(pieces), 1):
        cells = (line.removeprefix("\ufeff") if count == 1 else line).split()
        if not cells:
            continue
        try:
            region, remark = _region(cells, keypoints, f"line {count}")
        except ValueError as error:
            yield Entry(path="", problem=f"line {count} {error}")
            return
        if len(regions) == MOST_REGIONS:
            yield Entry(path="", problem=f"line {count} is the box number {MOST_REGIONS + 1:,}, which is too many")
            return
        regions.append(region)
        remarks += remark
    yield Entry(path="", regions=regions, is_relative=True, is_numbered=True, remark=joined(remarks))


def _region(cells: list[str], keypoints: tuple[int, int] | None, where: str) -> tuple[Region, list[str]]:
    label = _class_number(cells[0])
    if label is None:
        raise ValueError(f"begins with {cells[0][:40]!r}, which is not the number of a class")
    box, remarks = _shape([_coordinate(cell) for cell in cells[1:]], keypoints)
    return Region(label, *box, where), remarks


def _class_number(cell: str) -> str | None:
    """Return the number of a class as text. NumPy writes it as `3.000000`."""
    found = number(cell)
    return str(int(found)) if found is not None and found >= 0 and found == int(found) else None


def _coordinate(cell: str) -> float:
    found = number(cell)
    if found is None or "," in cell:
        raise ValueError(f"has {cell[:40]!r} where a number belongs")
    return found


def _shape(numbers: list[float], keypoints: tuple[int, int] | None) -> tuple[Box, list[str]]:
    """Return the box of the numbers behind the class, and what is not sent of them."""
    count = len(numbers) + 1
    if keypoints is not None and count == _OF_A_BOX + keypoints[0] * keypoints[1]:
        return _box(numbers), [KEYPOINTS]
    if count == _OF_A_BOX:
        return _box(numbers), []
    if keypoints is not None:
        expected = f"{_OF_A_BOX} or {_OF_A_BOX + keypoints[0] * keypoints[1]}"
        raise ValueError(f"has {count} numbers, and {expected} are expected (kpt_shape)")
    if count == _WITH_CONFIDENCE:
        if not 0 <= numbers[-1] <= 1:
            raise ValueError(f"has a sixth number that is not a confidence from 0 to 1: {numbers[-1]:g}")
        return _box(numbers), []
    if _has_visibility(numbers):
        return _box(numbers), [KEYPOINTS]
    if count > _WITH_CONFIDENCE and count % 2:
        return box_around(numbers[::2], numbers[1::2]), [OUTLINE]
    raise ValueError(f"has {count} numbers; a box has {_OF_A_BOX}, and an outline an odd number from 7")


def _box(numbers: list[float]) -> Box:
    across, down, width, height = numbers[:4]
    return across - width / 2, down - height / 2, width, height


def _has_visibility(numbers: list[float]) -> bool:
    """Return whether the numbers are a box and keypoints of three numbers."""
    across, down, width, height = numbers[:4] if len(numbers) > _OF_A_BOX else (0.0, 0.0, 0.0, 0.0)
    is_box = 0 < width <= min(across, 1 - across) * 2 + _MARGIN and 0 < height <= min(down, 1 - down) * 2 + _MARGIN
    return is_box and len(numbers) % 3 == 1 and all(one in (0, 1, 2) for one in numbers[6::3])
