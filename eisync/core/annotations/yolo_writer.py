"""Write YOLO label files, one for each image, and the `data.yaml` beside them.

A line is `class x y width height`: the number of the class, the middle of the box and its size, as fractions of the
image. The numbers have twelve digits, so that the box is the same when it is read in an image of any size.

Source: docs.ultralytics.com, `datasets/detect`.
"""

from collections.abc import Mapping, Sequence

from eisync.core.annotations.plain_box import PlainBox, written


def label_lines(boxes: Sequence[PlainBox], size: tuple[int, int], numbers: Mapping[str, int]) -> str:
    """Return the text of a label file. It is empty for an image without boxes.

    `size` is the image's width and height in pixels, `numbers` has the number of each class, from 0.

    >>> label_lines([PlainBox("nut", 10, 20, 20, 40)], (100, 100), {"nut": 0})
    '0 0.2 0.4 0.2 0.4\\n'
    """
    width, height = size
    return "".join(
        f"{numbers[box.label]} {written((box.x + box.width / 2) / width)} {written((box.y + box.height / 2) / height)} "
        f"{written(box.width / width)} {written(box.height / height)}\n"
        for box in boxes
    )


def data_yaml(classes: Sequence[str], splits: Sequence[str]) -> str:
    """Return the text of `data.yaml`, for images in `images/SPLIT`. There is at least one class.

    It has no `path`, so that the folders are relative to the file itself.

    >>> print(data_yaml(["nut"], ["train"]), end="")
    train: images/train
    names:
      0: "nut"
    """
    folders = "".join(f"{split}: images/{split}\n" for split in splits)
    names = "".join(f"  {number}: {_quoted(name)}\n" for number, name in enumerate(classes))
    return f"{folders}names:\n{names}"


def _quoted(text: str) -> str:
    """Return a plain text in double quotes, as YAML 1.2 has them (section 7.3.1)."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"
