"""Decide where the files of an exported dataset lie: the folders and the label files of each format.

| format | an image | its boxes |
|---|---|---|
| `ei` | `training/a.png` | `info.labels` |
| `coco` | `train/a.png` | `train/_annotations.coco.json` |
| `yolo` | `images/train/a.png` | `labels/train/a.txt`, `data.yaml` |
| `voc` | `JPEGImages/a.png` | `Annotations/a.xml`, `ImageSets/Main/train.txt` |
| `csv` | `train/a.png` | `train/_annotations.csv` |

The other files are in `train`, `test` and `valid` (YOLO and VOC: `val`). YOLO and VOC find the label file of an image
by the name without its extension. So two images whose names differ only in the extension are in different folders.

Sources: docs.ultralytics.com, `datasets/detect`; the VOC2012 development kit, section 2.2; Roboflow's exports (COCO,
TensorFlow CSV).
"""

from collections.abc import Container
from enum import StrEnum

from eisync.core.dataset import place_key, safe_name
from eisync.core.labels.parts import PartKind
from eisync.core.model import Category, extension_of, value

MANIFEST = "labels.csv"
RANGES = PartKind.STRUCTURED.part_name
DATA_YAML = "data.yaml"

_IMAGES = frozenset({".png", ".jpg", ".jpeg"})


class DatasetFormat(StrEnum):
    """What the labels of an exported dataset are written as."""

    EI = "ei"
    COCO = "coco"
    YOLO = "yolo"
    VOC = "voc"
    CSV = "csv"


@value
class Layout:
    """Where the files of a dataset lie. Paths are relative to it, with `/` between the parts."""

    format: DatasetFormat = DatasetFormat.EI

    def split_of(self, category: str) -> str:
        """Return the name that the format has for a category.

        >>> Layout(DatasetFormat.COCO).split_of("validation"), Layout(DatasetFormat.YOLO).split_of("validation")
        ('valid', 'val')
        """
        return _SPLITS[self.format].get(category) or safe_name(category)

    def splits(self) -> tuple[str, ...]:
        """Return the names that the format has for training, validation and testing."""
        return tuple(_SPLITS[self.format].values())

    def place_for(self, category: str, name: str, sample_id: int, taken: Container[str]) -> str:
        """Return the path of the sample's file.

        If the first choice is in `taken` (see `key_of`), it is in a folder with the id. So the file keeps its name,
        which it needs when it is uploaded again.

        >>> Layout(DatasetFormat.YOLO).place_for("training", "a.png", 7, {"labels/train/a.txt"})
        'images/train/7/a.png'
        """
        folder, safe = self.folder_of(category, name), safe_name(name)
        place = f"{folder}/{safe}"
        # A file whose name is a number could be in the place of another sample's folder.
        if self.key_of(place) in taken or safe.isdecimal() or safe.casefold() == _OWN_NAMES.get(self.format):
            return f"{folder}/{sample_id}/{safe}"
        return place

    def key_of(self, place: str) -> str:
        """Return a key that is equal for two files that cannot both be in the dataset.

        They are the same file on a disk that ignores case or Unicode form, or would have the same label file.
        """
        return place_key(self.files_of(place)[-1])

    def files_of(self, place: str) -> tuple[str, ...]:
        """Return the paths of the sample's file and of its own label file, if it has one.

        >>> Layout(DatasetFormat.VOC).files_of("JPEGImages/a.png"), Layout(DatasetFormat.VOC).files_of("train/a.csv")
        (('JPEGImages/a.png', 'Annotations/a.xml'), ('train/a.csv',))
        """
        is_mirrored = self.format in _MIRRORED and top_of(place)[0] == _MIRRORED[self.format][0]
        return (place, self.label_file(place)) if is_mirrored and is_image(place) else (place,)

    def label_file(self, place: str) -> str:
        """Return the path of the file with the boxes of this image alone: of YOLO and VOC.

        >>> Layout(DatasetFormat.YOLO).label_file("images/train/a.png")
        'labels/train/a.txt'
        """
        _, folder, extension = _MIRRORED[self.format]
        return f"{folder}/{top_of(place)[1].rpartition('.')[0]}{extension}"

    def boxes_file(self, folder: str) -> str:
        """Return the path of the file with the boxes of all images in and below this folder: of COCO and CSV.

        >>> Layout(DatasetFormat.CSV).boxes_file("train")
        'train/_annotations.csv'
        """
        return f"{folder}/{_OWN_NAMES[self.format]}"

    def folder_of(self, category: str, name: str) -> str:
        """Return the folder of a file with this name, unless it needs one of its own.

        >>> [Layout(DatasetFormat.YOLO).folder_of("testing", name) for name in ("a.png", "a.csv")]
        ['images/test', 'test']
        """
        split = self.split_of(category)
        if not is_image(name):
            return split
        if self.format is DatasetFormat.YOLO:
            return f"images/{split}"
        return "JPEGImages" if self.format is DatasetFormat.VOC else split


def is_image(place: str) -> bool:
    """Return whether the file is an image, by its extension."""
    return extension_of(place) in _IMAGES


def top_of(place: str) -> tuple[str, str]:
    """Return the first folder of the path, and the path below it."""
    folder, _, below = place.partition("/")
    return folder, below


def _splits(validation: str) -> dict[str, str]:
    return {
        Category.TRAINING.value: "train",
        Category.VALIDATION.value: validation,
        Category.TESTING.value: "test",
    }


_SPLITS: dict[DatasetFormat, dict[str, str]] = {
    DatasetFormat.EI: {},
    DatasetFormat.COCO: _splits("valid"),
    DatasetFormat.YOLO: _splits("val"),
    DatasetFormat.VOC: _splits("val"),
    DatasetFormat.CSV: _splits("valid"),
}

_MIRRORED = {
    DatasetFormat.YOLO: ("images", "labels", ".txt"),
    DatasetFormat.VOC: ("JPEGImages", "Annotations", ".xml"),
}

_OWN_NAMES = {DatasetFormat.COCO: "_annotations.coco.json", DatasetFormat.CSV: "_annotations.csv"}
