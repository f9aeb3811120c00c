"""The exports of Roboflow: three splits, what every export has beside them, and annotations in each format."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.layouts import media
from tests.layouts.pictures import CATEGORIES, CLASSES, HEIGHT, WIDTH, Picture, as_coco, as_voc, as_yolo, pictures
from tests.layouts.wanted import Generator, Layout, Wanted, lines, write

ROBOFLOW_README = """
street - v2 2023-10-25 2:15pm
==============================

This dataset was exported via roboflow.com on October 25, 2023 at 7:26 AM GMT

It includes 9 images.
"""


def roboflow(root: Path, describe: Callable[[Path, str, Sequence[Picture]], None], images: str = "") -> list[Picture]:
    """Write the images of three splits, what every export has beside them, and the annotations of each split."""
    found = pictures("train", "valid", "test")
    for one in found:
        write(root, f"{one.split}/{images}{one.name}", media.jpeg())
    for split in ("train", "valid", "test"):
        describe(root, split, [one for one in found if one.split == split])
    write(root, "README.roboflow.txt", ROBOFLOW_README)
    write(root, "README.dataset.txt", "# street > 2023-10-25 2:15pm\nhttps://universe.roboflow.com/x/street\n")
    return found


def roboflow_yolo(root: Path) -> Layout:
    def describe(root: Path, split: str, found: Sequence[Picture]) -> None:
        for one in found:
            write(root, f"{split}/labels/{one.name[:-4]}.txt", as_yolo(one.boxes).rstrip("\n"))

    found = roboflow(root, describe, images="images/")
    names = "[" + ", ".join(f"'{name}'" for name in CLASSES) + "]"
    write(
        root,
        "data.yaml",
        f"train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 3\nnames: {names}\n",
    )
    return Layout([one.wanted() for one in found])


def roboflow_coco(root: Path) -> Layout:
    def describe(root: Path, split: str, found: Sequence[Picture]) -> None:
        write(root, f"{split}/_annotations.coco.json", as_coco(found))

    return Layout([one.wanted() for one in roboflow(root, describe)])


def roboflow_voc(root: Path) -> Layout:
    def describe(root: Path, split: str, found: Sequence[Picture]) -> None:
        for one in found:
            write(root, f"{split}/{one.name[:-4]}.xml", as_voc(one))

    return Layout([one.wanted() for one in roboflow(root, describe)])


def roboflow_createml(root: Path) -> Layout:
    def describe(root: Path, split: str, found: Sequence[Picture]) -> None:
        records = [
            {
                "image": one.name,
                "annotations": [
                    {
                        "label": label,
                        "coordinates": {"x": x + width / 2, "y": y + height / 2, "width": width, "height": height},
                    }
                    for label, x, y, width, height in one.boxes
                ],
            }
            for one in found
        ]
        write(root, f"{split}/_annotations.createml.json", json.dumps(records))

    return Layout([one.wanted() for one in roboflow(root, describe)])


def roboflow_tensorflow_csv(root: Path) -> Layout:
    """An image without boxes has no line."""

    def describe(root: Path, split: str, found: Sequence[Picture]) -> None:
        rows = [
            f"{one.name},{WIDTH},{HEIGHT},{label},{x},{y},{x + width},{y + height}"
            for one in found
            for label, x, y, width, height in one.boxes
        ]
        write(root, f"{split}/_annotations.csv", lines(["filename,width,height,class,xmin,ymin,xmax,ymax", *rows]))

    return Layout([one.wanted() for one in roboflow(root, describe)])


def roboflow_retinanet(root: Path) -> Layout:
    """A line with empty cells for an image without boxes, and no header."""

    def describe(root: Path, split: str, found: Sequence[Picture]) -> None:
        rows = [
            f"{one.name},{x},{y},{x + width},{y + height},{label}"
            for one in found
            for label, x, y, width, height in one.boxes
        ]
        empty = [f"{one.name},,,,," for one in found if not one.boxes]
        write(root, f"{split}/_annotations.csv", lines([*rows, *empty]))
        write(root, f"{split}/_classes.csv", lines(f"{name},{at}" for at, name in enumerate(CLASSES)))

    return Layout([one.wanted() for one in roboflow(root, describe)])


def roboflow_darknet(root: Path) -> Layout:
    def describe(root: Path, split: str, found: Sequence[Picture]) -> None:
        for one in found:
            write(root, f"{split}/{one.name[:-4]}.txt", as_yolo(one.boxes))
        write(root, f"{split}/_darknet.labels", "\n".join(CLASSES))

    return Layout([one.wanted() for one in roboflow(root, describe)])


def roboflow_keras(root: Path) -> Layout:
    def describe(root: Path, split: str, found: Sequence[Picture]) -> None:
        rows = [
            " ".join(
                [one.name]
                + [
                    f"{x},{y},{x + width},{y + height},{CLASSES.index(label)}"
                    for label, x, y, width, height in one.boxes
                ]
            )
            for one in found
        ]
        write(root, f"{split}/_annotations.txt", lines(rows))
        write(root, f"{split}/_classes.txt", "\n".join(CLASSES))

    return Layout([one.wanted() for one in roboflow(root, describe)])


def roboflow_multi_class(root: Path) -> Layout:
    """A column for each class with one 1: a label, and no boxes."""

    def describe(root: Path, split: str, found: Sequence[Picture]) -> None:
        rows = [
            f"{one.name}, {', '.join('1' if number == at else '0' for at in range(3))}"
            for number, one in enumerate(found)
        ]
        write(root, f"{split}/_classes.csv", lines([f"filename, {', '.join(CLASSES)}", *rows]))

    found = roboflow(root, describe)
    return Layout([one.wanted(boxes=(), label=CLASSES[number % 3]) for number, one in enumerate(found)])


def roboflow_folders(root: Path) -> Layout:
    """A folder for each class; the names of the files are those of the images before they were sorted."""
    found = []
    for one in pictures("train", "valid", "test"):
        for label in ("car", "bus"):
            name = f"{label}-{one.name}"
            write(root, f"{one.split}/{label}/{name}", media.jpeg())
            found.append(Wanted(name[:-4], label, CATEGORIES[one.split]))
    write(root, "README.roboflow.txt", ROBOFLOW_README)
    return Layout(found, 'label = "folder"')


LAYOUTS: tuple[Generator, ...] = (
    roboflow_yolo,
    roboflow_coco,
    roboflow_voc,
    roboflow_createml,
    roboflow_tensorflow_csv,
    roboflow_retinanet,
    roboflow_darknet,
    roboflow_keras,
    roboflow_multi_class,
    roboflow_folders,
)
