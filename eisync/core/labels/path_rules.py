"""Derive the label and category of a file from its path, and recognise the names of media files.

The label is the text before the first dot of the base name (wire contract, section 1), or the folder of the class: the
nearest folder that does more than name a category. `label = "infer"` takes the folder where the name only tells files
apart, as `train/cat/001.csv` does; `"folder"` takes it always, and `"sdk"` never.

The category is given by a whole word in the path below the watched root, in any letter case: `train`, `training`,
`test`, `testing`, `val`, `valid`, `validation` or `anomaly`, also with a year behind it (`val2017`). The word nearest
to the file wins. A word consists of letters and digits of any script; all other characters separate words. The label
gives no category, so that a class can be called `anomaly` and a recording `strength_training`: in the name of the file
only the part after its first dot counts, and a folder that gives the label gives no category.

`category = "sdk"` follows the official SDK's `infer_from_filename` exactly: the first of testing, anomaly, training
that occurs anywhere in the path. Both rules get the path below the root, so that a root called `/data/testing-rig`
decides nothing. Sources: edgeimpulse 1.0.20, `data/_functions/upload_files.py`; dataset exports of Roboflow and Kaggle
have the folders `train`, `valid` and `test`.

Labels are in NFC, so that a class named on a Mac and elsewhere is one label.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import takewhile

from eisync.core.model import Category, shown, value
from eisync.core.text import nfc

COMMON_MEDIA = ("jpg", "wav", "png", "jpeg", "mp4", "avi", "JPG", "WAV", "PNG", "JPEG", "MP4", "AVI")
"""The extensions that Edge Impulse takes, as cameras and recorders write them; the most likely first."""

MEDIA = (
    *COMMON_MEDIA,
    *("bmp", "webp", "tif", "tiff", "gif", "heic", "mp3", "flac", "ogg", "m4a", "aac", "opus", "mov", "mkv", "webm"),
)

DATA = ("csv", "cbor", "parquet")

_TYPES = "|".join(dict.fromkeys(one.lower() for one in MEDIA))
_AT_THE_END = re.compile(rf"[^\s\"',;|]\.(?:{_TYPES})[\"']?$", re.IGNORECASE)


def names_media(text: str) -> bool:
    """Return whether the text ends with the name of a media file.

    >>> names_media("train/im0.JPG")
    True
    """
    return _AT_THE_END.search(text) is not None


INFER = "infer"
NONE = "none"
SDK = "sdk"
FOLDER = "folder"

_SDK_ORDER = tuple((category.value, category) for category in (Category.TESTING, Category.ANOMALY, Category.TRAINING))

CATEGORY_WORDS = {
    "train": Category.TRAINING,
    "training": Category.TRAINING,
    "test": Category.TESTING,
    "testing": Category.TESTING,
    "val": Category.VALIDATION,
    "valid": Category.VALIDATION,
    "validation": Category.VALIDATION,
    "anomaly": Category.ANOMALY,
}

OPENMV_SUFFIX = ".class"

_YEAR = re.compile(r"(?:19|20)\d\d$")  # COCO 2017 has train2017 and val2017

_FILLERS = frozenset({"data", "dataset", "set", "split", "images", "audio", "samples", "files"})
"""Words that make no class of a folder that names a category: `Test Data`, `train_set`."""

_SPEECH_COMMAND = re.compile(r"[0-9a-f]{8}_nohash_\d+")  # the speaker's hash; it may consist of letters only
_CAMERA = "img|dsc|dscn|dscf|pxl|vid|mvi|gopr|nohash"
_COUNTER = re.compile(rf"\d+|(?=[^_\W]*\d)[0-9a-f]{{8,}}|(?:{_CAMERA})\d*", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DATE_DIGITS = 4

_NO_WORD_IN_IT = re.compile(r"(?!.*(?:train|test|val|anomaly))", re.IGNORECASE | re.DOTALL)
_WORD = re.compile(r"[^\W_]+")


@value
class Naming:
    """The word that gives the category, as written, and the part of the path that contains it.

    `in_name` says that this part is the name of the file, and that the word follows its first dot.
    """

    category: Category
    word: str
    part: str
    in_name: bool


@value
class PathRules:
    """How a watched folder labels its files: `infer`, `folder`, `sdk`, `none` or a fixed label; and the category."""

    label: str = INFER
    category: Category | None = None  # None: by the rule
    rule: str = INFER  # or SDK

    def label_of(self, path: str) -> tuple[str | None, int | None]:
        """Return the label (None: no label), and which part of the path is the folder that gives it (None: none)."""
        folder = self.label_folder(path)
        label = self._label(path) if folder is None else _label_of_folder(shown(path.split("/")[folder]))
        return label and nfc(label), folder

    def label_folder(self, path: str) -> int | None:
        """Return which part of the path is the folder that gives the label; None when no folder does.

        >>> PathRules().label_folder("train/cat/001.csv"), PathRules().label_folder("train/cat/wave.1.csv")
        (1, None)
        """
        if self.label == FOLDER:
            return class_folder(path)
        if self.label != INFER or "/" not in path or not is_counter(infer_label(path) or ""):
            return None
        return class_folder(path, skips_dates=True)

    def uses_name(self, path: str) -> bool:
        """Return whether the label of the file at `path` is a part of its name."""
        return self.label in (INFER, SDK, FOLDER) and self.label_folder(path) is None

    def _label(self, path: str) -> str | None:
        if self.label in (INFER, SDK, FOLDER):
            return infer_label(path)
        return None if self.label == NONE else self.label

    def inferred_category(self, path: str, label_folder: int | None) -> Category | None:
        """Return the category; None when nothing names one. `label_folder` gives the label, and so no category."""
        if self.category is not None:
            return self.category
        if self.rule == SDK:
            return infer_category_as_sdk(path)
        naming = naming_of(path, label_folder)
        return None if naming is None else naming.category


def infer_label(path: str) -> str | None:
    """Return the text before the first dot of the base name; None when there is none."""
    return shown(path).rsplit("/", 1)[-1].split(".", 1)[0] or None


def is_counter(label: str) -> bool:
    """Return whether a label only tells files apart: numbers, hashes, and the names that cameras give.

    >>> is_counter("001"), is_counter("IMG_0042"), is_counter("0a7c2a8d_nohash_0"), is_counter("wave2")
    (True, True, True, False)
    """
    if _UUID.fullmatch(label) or _SPEECH_COMMAND.fullmatch(label):
        return True
    words = _words(label)
    return any(map(str.isdigit, label)) and all(map(_COUNTER.fullmatch, words))


def class_folder(path: str, *, skips_dates: bool = False) -> int | None:
    """Return which part of the path is the nearest folder that does more than name a category; None when there is none.

    `skips_dates` passes over folders that are dates or serial numbers, and over the counters in them (`2026/05`).

    >>> class_folder("train/cat/001.csv"), class_folder("Test Data/001.csv"), class_folder("001.csv")
    (1, None, None)
    >>> class_folder("cat/2026/05/001.csv"), class_folder("cat/2026/05/001.csv", skips_dates=True)
    (2, 0)
    """
    return _class_folder_in(path.rpartition("/")[0], skips_dates)


@lru_cache(maxsize=1024)  # the files of a folder come together
def _class_folder_in(folder: str, skips_dates: bool) -> int | None:
    parts = folder.split("/") if folder else []
    found = [at for at in range(len(parts) - 1, -1, -1) if not _names_category(parts[at])]
    if skips_dates:
        counters = takewhile(lambda at: is_counter(parts[at]), found)
        dates = [number for number, at in enumerate(counters, 1) if _is_date(parts[at])]
        found = found[dates[-1] :] if dates else found
    return found[0] if found else None


def _names_category(folder: str) -> bool:
    words = {_without_year(word.lower()) for word in _words(folder)}
    return not words.isdisjoint(CATEGORY_WORDS) and words <= CATEGORY_WORDS.keys() | _FILLERS


def _label_of_folder(name: str) -> str:
    """Return the label that a folder of this name gives. The dataset editor of OpenMV adds `.class` to it."""
    return name.removesuffix(OPENMV_SUFFIX) or name


def infer_category(path: str) -> Category | None:
    """Return the category that a word in the path gives; None when no word does.

    >>> infer_category("training/contesting/wave.1.cbor").value
    'training'
    """
    naming = naming_of(path)
    return None if naming is None else naming.category


def naming_of(path: str, label_folder: int | None = None) -> Naming | None:
    """Return the word nearest to the file that gives a category, and where it is; None when no word does.

    `label_folder`: which part of the path gives the label, and so no category.

    >>> naming_of("Test Data/wave.1.cbor").word
    'Test'
    """
    if _NO_WORD_IN_IT.match(path):
        return None  # nearly every file
    *folders, name = path.split("/")
    if label_folder is not None:
        del folders[label_folder]
    if (found := _category_word(name.partition(".")[2])) is not None:
        return Naming(*found, name, in_name=True)
    for folder in reversed(folders):
        if (found := _category_word_of_folder(folder)) is not None:
            return Naming(*found, folder, in_name=False)
    return None


def _category_word(text: str) -> tuple[Category, str] | None:
    """Return the last word that gives a category, after the category; None when there is none."""
    for word in reversed(_words(text)):
        category = CATEGORY_WORDS.get(_without_year(word.lower()))
        if category is not None:
            return category, word
    return None


_category_word_of_folder = lru_cache(maxsize=1024)(_category_word)  # many files share a folder


def infer_category_as_sdk(path: str) -> Category | None:
    """Return the category that the official SDK's rule finds in `path`; None when it finds none."""
    return next((category for name, category in _SDK_ORDER if name in path), None)


def _without_year(word: str) -> str:
    return word[:-4] if word[-1:].isdigit() and _YEAR.search(word) else word


def _is_date(folder: str) -> bool:
    """Return whether a folder's name is a date, a time or a serial number rather than a class."""
    return is_counter(folder) and sum(map(str.isdigit, folder)) >= _DATE_DIGITS


def _words(text: str) -> list[str]:
    """Split `text` into words. An accent belongs to its letter, in every Unicode form."""
    if text.isascii():
        return _WORD.findall(text)
    text = unicodedata.normalize("NFC", text)
    spaced = "".join(one if one.isalnum() or unicodedata.category(one)[0] == "M" else " " for one in text)
    return spaced.split()
