"""Layouts of tools that draw boxes in images: Ultralytics, Roboflow, COCO, Open Images, Pascal VOC, Label Studio.

Every image has 64 x 32 pixels, so that fractions of it are exact.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.layouts import media
from tests.layouts.wanted import Box, Generator, Layout, Wanted, lines, write

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


# Ultralytics


def yolo_of_ultralytics(root: Path) -> Layout:
    """Folders of images mirrored by folders of labels, and names as a mapping."""
    found = pictures("train", "val", "test")
    for one in found:
        write(root, f"images/{one.split}/{one.name}", media.jpeg())
        write(root, f"labels/{one.split}/{one.name[:-4]}.txt", as_yolo(one.boxes))
    names = lines(f"  {number}: {name}" for number, name in enumerate(CLASSES))
    write(
        root,
        "data.yaml",
        f"path: ../datasets/street\ntrain: images/train\nval: images/val\ntest: images/test\n\nnames:\n{names}",
    )
    return Layout([one.wanted() for one in found])


def yolo_with_a_background_without_labels(root: Path) -> Layout:
    """An image that shows nothing has no label file at all, as Ultralytics allows."""
    found = pictures("train")
    for one in found:
        write(root, f"images/{one.split}/{one.name}", media.jpeg())
        if one.boxes:
            write(root, f"labels/{one.split}/{one.name[:-4]}.txt", as_yolo(one.boxes))
    write(
        root,
        "data.yaml",
        f"train: images/train\nval: images/train\nnc: 3\nnames: {json.dumps(CLASSES, ensure_ascii=False)}\n",
    )
    return Layout([one.wanted() for one in found])


# Roboflow

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


# Public datasets


def coco_2017(root: Path) -> Layout:
    """Annotations of all tasks in one folder; only the instances have boxes that are meant to be detected."""
    found = []
    for split, category in (("train", "training"), ("val", "validation")):
        some = [
            replace(one, name=f"{900 + at:012}{'' if split == 'train' else '1'}.jpg")
            for at, one in enumerate(pictures(split))
        ]
        for one in some:
            write(root, f"{split}2017/{one.name}", media.jpeg())
        write(root, f"annotations/instances_{split}2017.json", as_coco(some))
        images = json.loads(as_coco(some))["images"]
        captions = [{"image_id": 0, "id": 1, "caption": "A car next to a traffic light."}]
        write(
            root,
            f"annotations/captions_{split}2017.json",
            json.dumps({"info": {}, "images": images, "licenses": [], "annotations": captions}),
        )
        write(root, f"annotations/person_keypoints_{split}2017.json", json.dumps(_keypoints(images)))
        found += [one.wanted(category=category) for one in some]
    return Layout(found)


def _keypoints(images: list[dict[str, Any]]) -> dict[str, Any]:
    person = {"id": 1, "name": "person", "supercategory": "person", "keypoints": ["nose"], "skeleton": []}
    annotation = {
        "id": 5, "image_id": 0, "category_id": 1, "bbox": [3, 3, 9, 9], "area": 81, "iscrowd": 0,
        "num_keypoints": 1, "keypoints": [4, 4, 2], "segmentation": [],
    }  # fmt: skip
    return {"info": {}, "licenses": [], "images": images, "categories": [person], "annotations": [annotation]}


def open_images(root: Path) -> Layout:
    """Boxes by the id of the image, in fractions, with keys for the classes."""
    keys = {"car": "/m/0k4j", "traffic light": "/m/015qff", "Fußgänger": "/m/01g317"}
    found = []
    for split, folder in (("train", "train"), ("val", "validation"), ("test", "test")):
        some = [
            replace(one, name=f"0000{at}b{len(folder):x}c5f2e1a7.jpg")
            for at, one in enumerate(pictures(split))
            if one.boxes
        ]
        rows = [
            f"{one.name[:-4]},xclick,{keys[label]},1,{x / WIDTH},{(x + width) / WIDTH},{y / HEIGHT},"
            f"{(y + height) / HEIGHT},0,0,0,0,0"
            for one in some
            for label, x, y, width, height in one.boxes
        ]
        flags = "IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
        head = f"ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,{flags}"
        write(root, f"{folder}-annotations-bbox.csv", lines([head, *rows]))
        for one in some:
            write(root, f"{folder}/{one.name}", media.jpeg())
        found += [one.wanted() for one in some]
    write(root, "class-descriptions-boxable.csv", lines(f"{key},{name}" for name, key in keys.items()))
    return Layout(found)


def voc_2012(root: Path) -> Layout:
    """The development kit: lists say which images are for training. There are no images for testing in it."""
    base, found = root / "VOCdevkit/VOC2012", []
    for split in ("train", "val"):
        some = [
            replace(one, name=f"2007_00{at}0{len(split)}2.jpg") for at, one in enumerate(pictures(split)) if one.boxes
        ]
        for one in some:
            write(base, f"JPEGImages/{one.name}", media.jpeg())
            write(base, f"Annotations/{one.name[:-4]}.xml", as_voc(one))
        write(base, f"ImageSets/Main/{split}.txt", lines(one.name[:-4] for one in some))
        write(base, f"ImageSets/Main/car_{split}.txt", lines(f"{one.name[:-4]}  1" for one in some))
        found += some
    write(base, "ImageSets/Main/trainval.txt", lines(one.name[:-4] for one in found))
    return Layout([one.wanted() for one in found])


def label_studio(root: Path) -> Layout:
    """An export of Label Studio with its images, whose names got a prefix when they were uploaded there."""
    found = [replace(one, name=f"1a2b3c4{at}-street {at}.jpg") for at, one in enumerate(pictures("train"))]
    tasks = [
        {
            "id": at,
            "data": {"image": f"/data/upload/1/{one.name.replace(' ', '%20')}"},
            "annotations": [{"id": at, "was_cancelled": False, "result": list(_of_label_studio(one))}],
            "file_upload": one.name,
        }
        for at, one in enumerate(found)
    ]
    for one in found:
        write(root, f"images/{one.name}", media.jpeg())
    write(root, "project-1-at-2024-03-05-10-12-1f2e3d4c.json", json.dumps(tasks))
    return Layout([one.wanted() for one in found], 'category = "training"')


def _of_label_studio(picture: Picture) -> Iterator[dict[str, Any]]:
    for label, x, y, width, height in picture.boxes:
        value = {
            "x": 100 * x / WIDTH,
            "y": 100 * y / HEIGHT,
            "width": 100 * width / WIDTH,
            "height": 100 * height / HEIGHT,
        }
        yield {
            "original_width": WIDTH,
            "original_height": HEIGHT,
            "image_rotation": 0,
            "value": {**value, "rotation": 0, "rectanglelabels": [label]},
            "from_name": "label",
            "to_name": "image",
            "type": "rectanglelabels",
        }


def labelimg_voc_beside(root: Path) -> Layout:
    """LabelImg writes the XML beside the image, and says where the image was."""
    found = [replace(one, name=f"{one.split}-{at}.png") for at, one in enumerate(pictures("train")) if one.boxes]
    for one in found:
        write(root, f"Desktop Bilder/{one.name}", media.png())
        write(root, f"Desktop Bilder/{one.name[:-4]}.xml", as_voc(one, depth=1))
    return Layout([one.wanted() for one in found], 'category = "training"')


LAYOUTS: tuple[Generator, ...] = (
    yolo_of_ultralytics,
    yolo_with_a_background_without_labels,
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
    coco_2017,
    open_images,
    voc_2012,
    label_studio,
    labelimg_voc_beside,
)
