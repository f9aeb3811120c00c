"""Which names are those of sound, pictures and films, whether Edge Impulse takes them or not.

From where a file lies to its label and category.

The label is the text before the first dot of the base name (wire contract, section 1).

The category is named by a whole word of the path below the watched root, in any letter case: of `train`, `training`,
`test`, `testing`, `val`, `valid`, `validation` and `anomaly` the one nearest to the file. A word is made of letters and
digits, those of every script; everything else separates words. The label itself names no category, so that a class may
be called `anomaly` and a recording `strength_training`: of the file's name only what follows its first dot counts.

`category = "sdk"` is the official SDK's `infer_from_filename` to the letter: the first of testing, anomaly, training
that occurs anywhere in the path. Both are given the path below the root, so that a root called `/data/testing-rig`
decides nothing. Sources: edgeimpulse 1.0.20, `data/_functions/upload_files.py`; the folders `train`, `valid` and `test`
are what dataset exports of Roboflow and Kaggle have.

Labels are in NFC: one class, named on a Mac and elsewhere, is one label.
"""

import re
import unicodedata
from dataclasses import dataclass

from eisync.core.model import Category, shown
from eisync.core.text import nfc

MOST_MEDIA = ("jpg", "wav", "png", "jpeg", "mp4", "avi", "JPG", "WAV", "PNG", "JPEG", "MP4", "AVI")
"""The types that Edge Impulse takes, as cameras and recorders write them; the likeliest first."""

MEDIA = (
    *MOST_MEDIA,
    *("bmp", "webp", "tif", "tiff", "gif", "heic", "mp3", "flac", "ogg", "m4a", "aac", "opus", "mov", "mkv", "webm"),
)

DATA = ("csv", "cbor", "parquet")

_TYPES = "|".join(dict.fromkeys(one.lower() for one in MEDIA))
_AT_THE_END = re.compile(rf"[^\s\"',;|]\.(?:{_TYPES})[\"']?$", re.IGNORECASE)


def names_media(text: str) -> bool:
    """Whether the text ends with the name of such a file.

    >>> names_media("train/im0.JPG")
    True
    """
    return _AT_THE_END.search(text) is not None


INFER = "infer"
NONE = "none"
SDK = "sdk"

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

_NO_WORD_IN_IT = re.compile(r"(?!.*(?:train|test|val|anomaly))", re.IGNORECASE | re.DOTALL)
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Naming:
    """The word that names the category, as it is written, and the part of the path that it stands in.

    `in_name`: that part is the file's own name, and the word stands behind its first dot.
    """

    category: Category
    word: str
    part: str
    in_name: bool


@dataclass(frozen=True, slots=True)
class PathRules:
    """What a watched folder says of its files: `infer`, `none` or a fixed text; a rule or a fixed category."""

    label: str = INFER
    category: Category | None = None  # None: by the rule
    rule: str = INFER  # or SDK

    def of(self, path: str) -> tuple[str | None, Category]:
        """Label (None: without one) and category of the file at `path`, relative to its root."""
        label = infer_label(path) if self.label == INFER else None if self.label == NONE else self.label
        return label and nfc(label), self.category or self._inferred(path) or Category.SPLIT

    def _inferred(self, path: str) -> Category | None:
        return infer_category_as_sdk(path) if self.rule == SDK else infer_category(path)


def infer_label(path: str) -> str | None:
    """Return the text before the first dot of the base name; None when there is none."""
    return shown(path).rsplit("/", 1)[-1].split(".", 1)[0] or None


def infer_category(path: str) -> Category | None:
    """Return the category that the path names; None when it names none.

    >>> infer_category("training/contesting/wave.1.cbor").value
    'training'
    """
    naming = naming_of(path)
    return None if naming is None else naming.category


def naming_of(path: str) -> Naming | None:
    """Return the word nearest to the file that names a category, and where it stands.

    >>> naming_of("Test Data/wave.1.cbor").word
    'Test'
    """
    if _NO_WORD_IN_IT.match(path):
        return None  # nearly every file
    *folders, name = path.split("/")
    parts = [(name.partition(".")[2], name, True), *((folder, folder, False) for folder in reversed(folders))]
    for text, part, in_name in parts:
        for word in reversed(_words(text)):
            category = CATEGORY_WORDS.get(word.lower())
            if category is not None:
                return Naming(category, word, part, in_name)
    return None


def infer_category_as_sdk(path: str) -> Category | None:
    """Return the category that the official SDK's rule finds in `path`; None when it finds none."""
    return next((category for name, category in _SDK_ORDER if name in path), None)


def _words(text: str) -> list[str]:
    """Split `text` into words. An accent belongs to its letter, however it is written."""
    if text.isascii():
        return _WORD.findall(text)
    text = unicodedata.normalize("NFC", text)
    spaced = "".join(one if one.isalnum() or unicodedata.category(one)[0] == "M" else " " for one in text)
    return spaced.split()
