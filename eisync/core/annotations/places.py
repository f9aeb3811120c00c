"""Say where annotation programs put their files, and which of them describe a given file.

Some write one annotation file for each image or recording (YOLO, Pascal VOC, Audacity), here called its companion. It
has the name of the file, and lies beside it or in a folder of labels that mirrors the folder of the images:
`images/train/a.jpg` has `labels/train/a.txt`. Others write one shared document for many files (COCO, tables of boxes).
It lies in a folder above them, or in a folder of annotations there.

Sources: docs.ultralytics.com `datasets/detect`; the folders of Pascal VOC 2012, COCO 2017 and the exports of Roboflow
and Label Studio.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from eisync.core.annotations.class_names import is_list as is_class_list
from eisync.core.labels.path_rules import CATEGORY_WORDS
from eisync.core.model import extension_of, value

LABEL_FOLDER = re.compile(r"labels?|label_?txt|annotations?|annots?|bbox(?:es)?|xmls?|ImageSets", re.IGNORECASE)
"""The names of folders that hold annotations."""

_IMAGE_SETS, _MAIN = "ImageSets", "Main"
"""Pascal VOC has its lists of files in `ImageSets/Main`."""
_DATA_FOLDERS = (
    *("images", "JPEGImages", "imgs", "img", "image", "frames", "photos", "pictures"),
    *("audio", "wav", "wavs", "recordings", "data", "samples"),
)
DATA_FOLDERS = frozenset(map(str.lower, _DATA_FOLDERS))
"""The names of folders that say only that data is there, in lower case."""
_IMAGES = frozenset({".jpg", ".jpeg", ".png"})
_RECORDINGS = frozenset({".wav", ".csv", ".json", ".cbor", ".parquet", ".txt"})

SAMPLE_EXTENSIONS = tuple(sorted(_IMAGES | _RECORDINGS))
_BESIDE_IMAGES = (".txt", ".xml")
_BESIDE_RECORDINGS = (".txt", ".TextGrid", ".textgrid")
COMPANION_EXTENSIONS = frozenset({".txt", ".xml", ".textgrid"})
DOCUMENT_EXTENSIONS = frozenset({".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt"})
"""In lower case, as `extension_of` returns them."""
_EXTENSIONS = COMPANION_EXTENSIONS | DOCUMENT_EXTENSIONS

MAX_DOCUMENTS = 20
"""A folder with more files that may be shared documents is probably full of samples: then their names must say it."""
MAX_EXAMPLES = 5
MAX_FOLDERS = 100
"""So many folders are checked for another file of the same name."""
_LIKELY = re.compile(
    r"annot|coco|instances|labels?\b|_classes|manifest|metadata|bbox|via_|result|project-\d|label.?studio|createml|"
    r"(?:^|[-_.])(?:train|test|val|valid|validation)[-_.]",
    re.IGNORECASE | re.MULTILINE,
)
_IN_LIKELY = (
    *("annot", "coco", "instances", "label", "_classes", "manifest", "metadata", "bbox", "via_", "result", "project-"),
    *("createml", "train", "test", "val"),
)
"""Every name that `_LIKELY` finds has one of these texts. They are found a hundred times as fast."""
_CLASS_LIST_ORDER = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "_darknet.labels")

_WORD = re.compile(r"[^\W\d_]+")


def is_annotation_name(name: str) -> bool:
    """Return whether a file of this name may hold annotations, or names of classes."""
    return extension_of(name) in _EXTENSIONS or is_class_list(name)


def _likely(names: Sequence[str]) -> Iterator[str]:
    """Yield the names that say that the file is a shared document. They are searched as one text, for speed."""
    text = "\n".join(names)
    lower = text.lower()
    if text.isascii() and not any(one in lower for one in _IN_LIKELY):
        return
    at = -1
    for found in _LIKELY.finditer(text):
        if found.start() >= at:
            at = text.find("\n", found.end() - 1)
            at = len(text) if at < 0 else at
            yield text[text.rfind("\n", 0, found.start() + 1) + 1 : at]


def may_be_document(name: str) -> bool:
    """Return whether a file of this name may be a shared document, by its extension."""
    return extension_of(name) in DOCUMENT_EXTENSIONS


def is_likely_document(name: str) -> bool:
    """Return whether a name says that the file is a shared document.

    >>> is_likely_document("_annotations.csv"), is_likely_document("idle.1.csv")
    (True, False)
    """
    return _LIKELY.search(name) is not None


def is_companion_name(name: str) -> bool:
    """Return whether a file of this name may be the companion of another."""
    return extension_of(name) in COMPANION_EXTENSIONS and not is_class_list(name.rpartition("/")[2])


def scope_of(place: str) -> str:
    """Return the folder whose files a shared document at `place` describes.

    >>> scope_of("coco/annotations/instances.json"), scope_of("train/_annotations.csv")
    ('coco', 'train')
    """
    folder = place.rpartition("/")[0].removesuffix(f"{_IMAGE_SETS}/{_MAIN}").rstrip("/")
    above, _, name = folder.rpartition("/")
    return above if LABEL_FOLDER.fullmatch(name) else folder


def scope_of_classes(place: str) -> str:
    """Return the folder below which annotations may use the list of classes at `place`, and their files lie.

    >>> scope_of_classes("set/labels/train/classes.txt"), scope_of_classes("set/data.yaml")
    ('set', 'set')
    """
    folders = place.split("/")[:-1]
    at = next((at for at, name in enumerate(folders) if LABEL_FOLDER.fullmatch(name)), len(folders))
    return "/".join(folders[:at])


@value
class Listing:
    """What a folder holds of annotations: the names of its possible shared documents, of its class lists, and of its
    folders of labels; some of its files that may be companions; its other folders, as far as they are few; and how many
    entries it has.
    """

    documents: tuple[str, ...] = ()
    class_lists: tuple[str, ...] = ()
    label_folders: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    entries: int = 0


NOTHING = Listing()

ListingOf = Callable[[str], Listing]
"""Takes a folder, relative to the root."""


def listing_of(files: Sequence[str], folders: Sequence[str], entries: int) -> Listing:
    """Return what the folder with these files and folders holds of annotations.

    >>> listing_of(["a.jpg", "a.xml", "_annotations.coco.json"], ["labels"], 4).documents
    ('_annotations.coco.json',)
    """
    # A folder may have 100,000 files: look at the extension of each once.
    may_be: list[str] = []
    companions: list[str] = []
    for name in files:
        extension = extension_of(name)
        if extension in DOCUMENT_EXTENSIONS:
            may_be.append(name)
        if extension in COMPANION_EXTENSIONS and len(companions) < MAX_EXAMPLES:
            companions.append(name)
    lists = sorted(filter(is_class_list, files), key=_order_of_class_list)
    if len(may_be) > MAX_DOCUMENTS + len(lists):
        may_be = list(_likely(may_be))
    may_be = [name for name in may_be if name not in lists]
    return Listing(
        documents=tuple(sorted(may_be)),
        class_lists=tuple(lists),
        label_folders=tuple(sorted(filter(LABEL_FOLDER.fullmatch, folders))),
        companions=tuple(companions),
        folders=tuple(sorted(islice((one for one in folders if not LABEL_FOLDER.fullmatch(one)), MAX_FOLDERS + 1))),
        entries=entries,
    )


def is_image(path: str) -> bool:
    """Return whether the file is an image by its extension: it may have boxes."""
    return extension_of(path) in _IMAGES


def is_recording(path: str) -> bool:
    """Return whether the file may be a recording of values over time by its extension."""
    return extension_of(path) in _RECORDINGS


def folders_above(path: str) -> Iterator[str]:
    """Yield the folder of the file and those above it, up to the root, which is empty.

    >>> list(folders_above("a/b/c.jpg"))
    ['a/b', 'a', '']
    """
    while path:
        path = path.rpartition("/")[0]
        yield path


def folders_below(folder: str, listing: ListingOf, depth: int) -> Iterator[str]:
    """Yield the folder and those below it, without folders of labels, down to `depth` levels; the highest first.

    >>> list(folders_below("", {"": Listing(folders=("a", "b"))}.__getitem__, 1))
    ['', 'a', 'b']
    """
    level: Iterable[str] = (folder,)
    yield folder
    for _ in range(depth):
        level = [_joined(above, name) for above in level for name in listing(above).folders]
        yield from level


def companions_of(path: str, listing: ListingOf) -> Iterator[str]:
    """Yield the places where the companion of the file may lie, the nearest first. None of them needs to exist.

    >>> there = {"": Listing(label_folders=("labels",)), "labels": Listing(companions=("b.txt",))}
    >>> list(companions_of("images/a.jpg", lambda folder: there.get(folder, NOTHING)))
    ['labels/a.txt', 'labels/a.xml']
    """
    extensions = _BESIDE_IMAGES if is_image(path) else _BESIDE_RECORDINGS if is_recording(path) else ()
    if not extensions:
        return
    stem = path[: path.rindex(".")]
    folder, _, name = stem.rpartition("/")
    if listing(folder).companions:
        yield from (stem + one for one in extensions if stem + one != path)
    for label_folder in label_folders_of(path, listing):
        if listing(label_folder).companions:
            yield from (f"{label_folder}/{name}{one}" for one in extensions)


def label_folders_of(path: str, listing: ListingOf) -> Iterator[str]:
    """Yield the folders of labels that mirror the folder of the file, as far as their top folder exists.

    They mirror it below the folder of labels, or with it in place of a folder that is named for images or recordings.
    """
    own = path.rpartition("/")[0]
    parts = own.split("/") if own else []
    for at in range(len(parts), -1, -1):
        above = "/".join(parts[:at])
        for one in listing(above).label_folders:
            top = _joined(above, one)
            mirrors = ["/".join([top, *parts[at:]])]
            if parts[at : at + 1] and parts[at].lower() in DATA_FOLDERS:
                mirrors.append("/".join([top, *parts[at + 1 :]]))
            yield from (mirror for mirror in mirrors if mirror != own)


def documents_of(path: str, listing: ListingOf) -> Iterator[tuple[str, str]]:
    """Yield the possible shared documents for the file, the nearest first, each with the folder that it describes.

    A document in a folder of annotations describes the folder that this one is in. A document that is named for
    one category, such as `instances_val2017.json`, says nothing about files in the folders of another.
    """
    for folder in folders_above(path):
        here = listing(folder)
        yield from ((_joined(folder, name), folder) for name in here.documents if is_for(name, path, folder))
        for one in here.label_folders:
            below = _joined(folder, one)
            if one == _IMAGE_SETS:
                below = f"{below}/{_MAIN}"
            names = listing(below).documents
            yield from ((f"{below}/{name}", folder) for name in names if is_for(name, path, folder))


def class_lists_of(place: str, listing: ListingOf) -> Iterator[str]:
    """Yield the lists of classes for the annotations at `place`: those in its folder, then those above it."""
    for folder in folders_above(place):
        here = listing(folder)
        yield from (_joined(folder, name) for name in here.class_lists)
        for one in here.label_folders:
            below = _joined(folder, one)
            if not place.startswith(f"{below}/"):
                yield from (f"{below}/{name}" for name in listing(below).class_lists)


def is_for(name: str, path: str, folder: str) -> bool:
    """Return whether a shared document called `name` may describe the file, judged by the categories that both name.

    >>> is_for("instances_val2017.json", "train2017/1.jpg", ""), is_for("instances.json", "train2017/1.jpg", "")
    (False, True)
    """
    named = categories_in(name.rpartition(".")[0])
    if len(named) != 1:
        return True
    below = path[len(folder) + 1 if folder else 0 :].rpartition("/")[0]
    said = categories_in(below)
    return not said or bool(said & named)


def files_of(companion: str) -> Iterator[str]:
    """Yield the folders and the stem of the files that a companion at this place may describe, as `folder/stem`.

    >>> list(files_of("labels/train/a.txt"))[:3]
    ['labels/train/a', 'train/a', 'images/train/a']
    """
    folder, _, name = companion.rpartition("/")
    stem = name[: name.rindex(".")]
    yield _joined(folder, stem)
    parts = folder.split("/") if folder else []
    for at in range(len(parts) - 1, -1, -1):
        if LABEL_FOLDER.fullmatch(parts[at]):
            yield "/".join([*parts[:at], *parts[at + 1 :], stem])
            yield from ("/".join([*parts[:at], one, *parts[at + 1 :], stem]) for one in _DATA_FOLDERS)


def categories_in(text: str) -> frozenset[str]:
    """Return the categories that words in the text name.

    >>> sorted(categories_in("set/val2017"))
    ['validation']
    """
    words = (CATEGORY_WORDS.get(word.lower()) for word in _WORD.findall(text))
    return frozenset(word.value for word in words if word is not None)


def _order_of_class_list(name: str) -> tuple[int, str]:
    lower = name.lower()
    return (_CLASS_LIST_ORDER.index(lower) if lower in _CLASS_LIST_ORDER else len(_CLASS_LIST_ORDER), name)


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
