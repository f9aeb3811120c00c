"""Layouts of tools that draw boxes in images: Ultralytics, COCO, Open Images, Pascal VOC, Label Studio, LabelImg."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.layouts import media
from tests.layouts.pictures import CLASSES, HEIGHT, WIDTH, Picture, as_coco, as_voc, as_yolo, pictures
from tests.layouts.wanted import Generator, Layout, lines, write


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
    coco_2017,
    open_images,
    voc_2012,
    label_studio,
    labelimg_voc_beside,
)
