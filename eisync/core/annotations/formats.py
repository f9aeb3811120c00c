"""List the formats of annotations that are read, and recognise them by name and content.

The order decides where several fit: a format with a sign of its own comes before one that only has a shape.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum

from eisync.core.annotations import (
    audacity,
    coco,
    createml,
    csv_boxes,
    elan,
    file_list,
    label_studio_images,
    label_studio_series,
    manifest,
    open_images,
    pascal_voc,
    praat,
    yolo,
    yolo_keras,
)
from eisync.core.annotations.places import is_image
from eisync.core.labels.entry import Entry
from eisync.core.model import value

AUTO, NONE = "auto", "none"

HEAD_CHARACTERS = 16 * 1024
"""What `recognises` gets of a document, at most."""


class Subject(Enum):
    """What the annotations of a format describe."""

    IMAGES = "images"
    RECORDINGS = "recordings"
    FILES = "files"  # of any kind


def subject_of(path: str) -> Subject:
    """Return what the annotations of the file would describe, by its extension."""
    return Subject.IMAGES if is_image(path) else Subject.RECORDINGS


@value(kw_only=True)
class Format:
    """A format of annotations. `name`: as the option `annotations` has it; `title`: for a person.

    `is_shared`: one document describes many files. `recognises` takes the base name of a document and the beginning of
    its text. `entries` takes the pieces of its text, and raises ValueError, with the reason, when it cannot be used.
    """

    name: str
    title: str
    is_shared: bool
    subject: Subject
    recognises: Callable[[str, str], bool]
    entries: Callable[[Iterable[str]], Iterator[Entry]]


COCO = Format(
    name="coco",
    title="COCO",
    is_shared=True,
    subject=Subject.IMAGES,
    recognises=coco.recognises,
    entries=coco.entries,
)
CREATEML = Format(
    name="createml",
    title="CreateML",
    is_shared=True,
    subject=Subject.IMAGES,
    recognises=createml.recognises,
    entries=createml.entries,
)
LABEL_STUDIO_SERIES = Format(
    name="label-studio",
    title="Label Studio",
    is_shared=True,
    subject=Subject.RECORDINGS,
    recognises=label_studio_series.recognises,
    entries=label_studio_series.entries,
)
LABEL_STUDIO_IMAGES = Format(
    name="label-studio",
    title="Label Studio",
    is_shared=True,
    subject=Subject.IMAGES,
    recognises=label_studio_images.recognises,
    entries=label_studio_images.entries,
)
VOC = Format(
    name="voc",
    title="Pascal VOC",
    is_shared=False,
    subject=Subject.IMAGES,
    recognises=pascal_voc.recognises,
    entries=pascal_voc.entries,
)
OPEN_IMAGES = Format(
    name="open-images",
    title="Open Images",
    is_shared=True,
    subject=Subject.IMAGES,
    recognises=open_images.recognises,
    entries=open_images.entries,
)
CSV = Format(
    name="csv",
    title="a table of boxes",
    is_shared=True,
    subject=Subject.IMAGES,
    recognises=csv_boxes.recognises,
    entries=csv_boxes.entries,
)
MANIFEST = Format(
    name="manifest",
    title="a list of files and labels",
    is_shared=True,
    subject=Subject.FILES,
    recognises=manifest.recognises,
    entries=manifest.entries,
)
FILE_LISTS = tuple(
    Format(
        name="manifest",
        title=f"a list of files for {category.value}",
        is_shared=True,
        subject=Subject.FILES,
        recognises=file_list.recogniser(category),
        entries=file_list.reader(category),
    )
    for category in file_list.CATEGORIES
)
PRAAT = Format(
    name="praat",
    title="a Praat TextGrid",
    is_shared=False,
    subject=Subject.RECORDINGS,
    recognises=praat.recognises,
    entries=praat.entries,
)
ELAN = Format(
    name="elan",
    title="an ELAN text export",
    is_shared=False,
    subject=Subject.RECORDINGS,
    recognises=elan.recognises,
    entries=elan.entries,
)
AUDACITY = Format(
    name="audacity",
    title="an Audacity label track",
    is_shared=False,
    subject=Subject.RECORDINGS,
    recognises=audacity.recognises,
    entries=audacity.entries,
)
YOLO = Format(
    name="yolo",
    title="YOLO",
    is_shared=False,
    subject=Subject.IMAGES,
    recognises=yolo.recognises,
    entries=yolo.entries,
)

YOLO_KERAS = Format(
    name="yolo",
    title="YOLO (one list of images and boxes)",
    is_shared=True,
    subject=Subject.IMAGES,
    recognises=yolo_keras.recognises,
    entries=yolo_keras.entries,
)

FORMATS = (
    *(COCO, CREATEML, LABEL_STUDIO_SERIES, LABEL_STUDIO_IMAGES, VOC, OPEN_IMAGES, CSV, YOLO_KERAS, MANIFEST),
    *FILE_LISTS,
    *(PRAAT, ELAN, AUDACITY, YOLO),
)

NAMES = tuple(dict.fromkeys(one.name for one in FORMATS))
"""The values of the option `annotations` beside `auto` and `none`."""


def may_be(allowed: str) -> tuple[Format, ...]:
    """Return the formats that the option `annotations` allows. A list of files and labels always is, but with `none`.

    >>> sorted({one.name for one in may_be("yolo")}), may_be("none")
    (['manifest', 'yolo'], ())
    """
    if allowed == AUTO:
        return FORMATS
    return tuple(one for one in FORMATS if allowed != NONE and one.name in (allowed, MANIFEST.name))


def recognised(name: str, head: str, formats: Iterable[Format] = FORMATS) -> Format | None:
    """Return the format of the document with this base name, whose text begins with `head`; None: it has none."""
    return next((one for one in formats if one.recognises(name, head)), None)
