"""Write the boxes of a dataset's images as COCO, YOLO, Pascal VOC or a table, image by image."""

from collections.abc import Callable, Mapping, Sequence

from eisync.adapters.files.replacing import Replacements
from eisync.core.annotations import coco_writer, csv_writer, pascal_voc_writer, yolo_writer
from eisync.core.annotations.plain_box import PlainBox
from eisync.core.dataset_layout import DATA_YAML, DatasetFormat, Layout, top_of

Size = tuple[int, int]
"""Width and height of an image, in pixels."""


class CocoFiles:
    """Write `_annotations.coco.json` in each folder. Annotations wait in a file of their own until the images end."""

    def __init__(self, new: Replacements, layout: Layout, classes: Sequence[str]) -> None:
        self._new, self._layout, self._classes = new, layout, classes
        self._numbers = _numbers(classes)
        self._counts: dict[str, tuple[int, int]] = {}  # images and annotations in each folder
        for folder in _described_before(new, layout):
            self._begin(folder)

    def add(self, place: str, category: str, size: Size, boxes: Sequence[PlainBox]) -> None:
        """Write the image at `place`."""
        folder, file_name = top_of(place)
        if folder not in self._counts:
            self._begin(folder)
        images, annotations = self._counts[folder]
        target, later = self._layout.boxes_file(folder), _later(folder)
        self._new.write(target, _separated(images, coco_writer.image(images + 1, file_name, size)))
        for number, box in enumerate(boxes, start=annotations):
            record = coco_writer.annotation(number + 1, images + 1, box, self._numbers)
            self._new.write(later, _separated(number, record))
        self._counts[folder] = images + 1, annotations + len(boxes)

    def end(self) -> list[str]:
        """Complete the files. Return their paths."""
        for folder in self._counts:
            target = self._layout.boxes_file(folder)
            self._new.write(target, coco_writer.ANNOTATIONS)
            self._new.join(target, _later(folder))
            self._new.write(target, coco_writer.END)
        return list(map(self._layout.boxes_file, self._counts))

    def _begin(self, folder: str) -> None:
        self._counts[folder] = 0, 0
        self._new.write(self._layout.boxes_file(folder), coco_writer.beginning(self._classes) + coco_writer.IMAGES)
        self._new.write(_later(folder), "")


class CsvFiles:
    """Write `_annotations.csv` in each folder."""

    def __init__(self, new: Replacements, layout: Layout, classes: Sequence[str]) -> None:
        self._new, self._layout = new, layout
        self._begun: dict[str, None] = {}
        for folder in _described_before(new, layout):
            self._begin(folder)

    def add(self, place: str, category: str, size: Size, boxes: Sequence[PlainBox]) -> None:
        """Write the boxes of the image at `place`. An image without boxes has no line."""
        folder, file_name = top_of(place)
        if boxes and folder not in self._begun:
            self._begin(folder)
        if boxes:
            self._new.write(self._layout.boxes_file(folder), csv_writer.box_lines(file_name, size, boxes))

    def end(self) -> list[str]:
        """Return the paths of the files."""
        return list(map(self._layout.boxes_file, self._begun))

    def _begin(self, folder: str) -> None:
        self._begun[folder] = None
        self._new.write(self._layout.boxes_file(folder), csv_writer.BOXES_HEAD)


class YoloFiles:
    """Write a label file for each image, after the `data.yaml` that gives its numbers a meaning."""

    def __init__(self, new: Replacements, layout: Layout, classes: Sequence[str]) -> None:
        self._new, self._layout = new, layout
        self._numbers = _numbers(classes)
        if classes:
            new.put(DATA_YAML, yolo_writer.data_yaml(classes, layout.splits()))

    def add(self, place: str, category: str, size: Size, boxes: Sequence[PlainBox]) -> None:
        """Write the label file of the image at `place`."""
        self._new.put(self._layout.label_file(place), yolo_writer.label_lines(boxes, size, self._numbers))

    def end(self) -> list[str]:
        """Return the paths of files that are renamed at the end: none."""
        return []


class VocFiles:
    """Write an XML file for each image, and the list of the images of each category."""

    def __init__(self, new: Replacements, layout: Layout, classes: Sequence[str]) -> None:
        self._new, self._layout = new, layout
        self._lists = [_image_set(split) for split in layout.splits()]
        for place in self._lists:
            new.write(place, "")

    def add(self, place: str, category: str, size: Size, boxes: Sequence[PlainBox]) -> None:
        """Write the XML file of the image at `place`, and its name into the list of its category."""
        self._new.put(self._layout.label_file(place), pascal_voc_writer.annotation(place, size, boxes))
        image_set = _image_set(self._layout.split_of(category))
        if image_set not in self._lists:
            self._lists.append(image_set)
        self._new.write(image_set, top_of(place)[1].rpartition(".")[0] + "\n")

    def end(self) -> list[str]:
        """Return the paths of the lists."""
        return self._lists


FormatFiles = CocoFiles | CsvFiles | YoloFiles | VocFiles

FILES: Mapping[DatasetFormat, Callable[[Replacements, Layout, Sequence[str]], FormatFiles]] = {
    DatasetFormat.COCO: CocoFiles,
    DatasetFormat.CSV: CsvFiles,
    DatasetFormat.YOLO: YoloFiles,
    DatasetFormat.VOC: VocFiles,
}


def _described_before(new: Replacements, layout: Layout) -> list[str]:
    """Return the folders that an earlier run described. Their files are replaced even if all images are gone."""
    return [split for split in layout.splits() if new.folder.holds_file(layout.boxes_file(split))]


def _numbers(classes: Sequence[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(classes)}


def _separated(number: int, record: str) -> str:
    return f",\n{record}" if number else record


def _later(folder: str) -> str:
    return f"{folder}/later"  # only a name for `Replacements`


def _image_set(split: str) -> str:
    return f"ImageSets/Main/{split}.txt"
