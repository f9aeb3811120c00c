"""Recognise annotations of other programs, which describe other files and are no samples themselves.

`core.annotations` reads the formats that it knows. All of them lie beside the data and have extensions that Edge
Impulse takes. So they would be sent, refused and quarantined, one for each image. The decision uses the name, the first
bytes and the size of a file. Where it depends on whether another file exists beside it, the places to check are
returned.

A file that may be a sample is never an annotation, in any folder: JSON with `protected` or `payload` is an acquisition,
and a text with a line of names above lines of numbers is a table (wire contract, section 2).

Sources: docs.ultralytics.com `datasets/detect` (YOLO: a .txt for each image, empty where it shows nothing, `labels`
mirrors `images`); cocodataset.org `#format-data`; Apple's CreateML `[{"image", "annotations"}]`; wkentaro/labelme,
VIA 2 and 3, Label Studio, VoTT and Supervisely exports; Roboflow's `_annotations.csv` and `_classes.csv`; Audacity's
label tracks; TrunkRecorder/trunk-recorder (a .json beside each .wav); Google Takeout (`photo.jpg.json`).
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise

from eisync.core.annotations.class_names import is_list as is_class_list
from eisync.core.annotations.formats import recognised
from eisync.core.formats.json_syntax import elements
from eisync.core.formats.json_values import is_acquisition, what_it_describes
from eisync.core.labels.path_rules import COMMON_MEDIA, DATA, MEDIA, names_media
from eisync.core.model import extension_of, value

ANNOTATION = "it holds annotations for other files and is no sample itself"
TEXT = "it is a text that came with the data, not a table of numbers"

HEAD_BYTES = 16 * 1024
"""The part of a file that is read."""

_MARKS = "\t;|,"
"""The separators between the cells of a table. The first of these that a line has is its separator."""

_CHARACTERS = 4 * 1024
_LINES = 20
"""The part of a text that is checked. Its first lines are enough."""

# The first bytes are enough to recognise an ordinary sample. This is checked for every JSON, CSV and TXT file.
_CHECKED_BYTES = 4 * 1024

# In all known acquisitions `protected` comes first, or after the signature.
_ACQUISITION_HEAD = re.compile(
    rb'(?:\xef\xbb\xbf)?\s*+\{\s*+(?:"signature"\s*+:\s*+"[^"\\]*+"\s*+,\s*+)?"(?:protected|payload)"\s*+:'
)
# A name contains neither a separator nor any character that ends a line in Unicode.
_CELL_NAME = (
    rb"""[ "']?+(?![nN][aA][nN]|[iI][nN][fF])[a-zA-Z_](?:[ !-+\--:<-{}~\x80-\xc1\xc3-\xe1\xe3-\xff]++|\xc2[^\x85])*+"""
)
_CELL_NUMBER = rb"[-+]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][-+]?+\d++)?+"
_NAMES_OVER_NUMBERS = re.compile(
    rb"(?:\xef\xbb\xbf)?+(%b([\t;|,])%b(?:\2%b)*+)\r?\n(%b(?:\2%b)++)\r?\n"
    % (_CELL_NAME, _CELL_NAME, _CELL_NAME, _CELL_NUMBER, _CELL_NUMBER)
)

_FOLDERS_OF_LABELS = re.compile(r"labels?(?:_\d)?|labeltxt|annotations?|annots?|bbox(?:es)?", re.IGNORECASE)
_FOLDERS_OF_DATA = ("images", "image", "imgs", "img", "JPEGImages", "frames", "audio", "wav", "data")

_LISTS_OF_CLASSES = re.compile(
    r"(?:\w+[_-])?(?:class(?:es)?(?:_?names)?|labels?|label_?map|categories|names|synsets?)|objnames", re.IGNORECASE
)
_TEXTS = re.compile(
    r"read[ _-]me|lies[ _-]?mich|lisez[ _-]?moi|l[eé]eme|leia[ _-]?me|leggimi|"
    r"config|settings|(?:\w+[_-])?info|licen[cs]e|copying|notice|copyright|authors|contributors|citation|changelog|changes|requirements|cmakelists",
    re.IGNORECASE,
)
_TABLES_OF_LABELS = re.compile(
    r"_?annotations?|_?class(?:es)?|labels?|train|test|val(?:id)?(?:ation)?|metadata", re.IGNORECASE
)

_COLUMNS = (
    {"xmin", "ymin"},
    {"x_min", "y_min"},
    {"bbox"},
    {"region_shape_attributes"},
    {"imageid", "labelname"},
    {"begin time (s)"},
    {"start (s)", "end (s)"},
    {"onset", "offset"},
    {"start", "end", "label"},
)
_LISTS_OF_FILES = re.compile(r"(?:^|/)ImageSets/")  # Pascal VOC
_COMMENT = re.compile(r"\s*(?:#|%|//)")
_GAPS = frozenset({"", "-", "--", "?", "na", "n/a", "null", "none"})
"""What loggers write for a missing value."""
_NUMBER = re.compile(r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?)", re.IGNORECASE)


@value
class NotASample:
    """The file is no sample. `reason` is the same for all such files; `kind` says what this one is."""

    reason: str
    kind: str


MANIFEST = NotASample(ANNOTATION, "the manifest that the configuration names")


@value
class IfBeside:
    """The file is no sample, as `left_out` says, if a file exists at one of `places`; the most likely come first."""

    left_out: NotASample
    places: tuple[str, ...]


def may_be_annotation(path: str, head: bytes = b"") -> bool:
    """Return whether the file has an extension that annotations have, so that its content must be checked.

    With the beginning of the file as `head`, most files need no further check.
    """
    extension = extension_of(path)
    return extension in _DECIDERS and not is_ordinary(extension, head)


def annotation_of(path: str, head: bytes, *, size: int) -> NotASample | IfBeside | None:
    """Decide by the first `HEAD_BYTES` of the file at `path`, which has `size` bytes. None: it may be a sample."""
    decide_on = _DECIDERS.get(extension_of(path))
    if decide_on is None:
        return None
    text = _decoded(head)
    decided = decide_on(path, text, len(head) >= size)
    name = path.rpartition("/")[2]
    found = recognised(name, text)
    if found is not None and found.is_shared:
        return NotASample(ANNOTATION, found.title)
    if is_class_list(name) and (decided is not None or extension_of(path) == ".csv"):
        return NotASample(ANNOTATION, "a list of classes")
    if found is not None and isinstance(decided, IfBeside):
        return replace(decided, left_out=NotASample(ANNOTATION, f"{found.title}, next to a file of the same name"))
    return decided


def places_beside(path: str) -> Iterator[str]:
    """Yield the places of the file that an annotation at `path` would describe.

    It has the same name, or the first part of that name, and lies in the same folder; or it has the same name and lies
    in the folder of data that mirrors this folder of labels.

    >>> list(islice(places_beside("labels/a.txt"), 2))
    ['labels/a.jpg', 'labels/a.wav']
    """
    folder, _, name = path.rpartition("/")
    above = f"{folder}/" if folder else ""
    stem = name[: name.rfind(".")]
    yield from (f"{above}{stem}.{one}" for one in (*MEDIA, *DATA))
    parts = stem.split(".")
    for count in range(len(parts) - 1, 0, -1):
        longer, shorter = ".".join(parts[: count + 1]), ".".join(parts[:count])
        if names_media(longer):
            yield above + longer
        elif shorter and len(parts) - count < 4:
            yield from (f"{above}{shorter}.{one}" for one in COMMON_MEDIA)
    folders = folder.split("/") if folder else []
    for at in range(len(folders) - 1, -1, -1):
        if _FOLDERS_OF_LABELS.fullmatch(folders[at]):
            for mirror in (*_FOLDERS_OF_DATA, None):
                mirrored = [*folders[:at], *([mirror] if mirror else []), *folders[at + 1 :], stem]
                yield from (f"{'/'.join(mirrored)}.{one}" for one in MEDIA)
            return


def _decoded(head: bytes) -> str:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head.decode("utf-16", "replace")
    return head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")


# --- text


def _text(path: str, text: str, is_all: bool) -> NotASample | IfBeside | None:
    """Decide on a .txt, which Edge Impulse takes as a table."""
    lines = _lines(text, is_all)
    if lines and (names_media(lines[0]) or all(map(_names_media_somewhere, lines))):
        return NotASample(ANNOTATION, "a list of files")
    rows = [_cells(line) for line in lines if not _COMMENT.match(line)]
    if _is_table(rows) or (len(text) > _CHARACTERS and len(lines) == 1 and _has_mark(lines[0])):
        return None  # of a wide table, the checked part may have only the names
    folder, _, name = path.rpartition("/")
    stem = name[: name.rfind(".")]
    if _LISTS_OF_FILES.search(path):
        return NotASample(ANNOTATION, "a list of files")
    if _LISTS_OF_CLASSES.fullmatch(stem):
        return NotASample(ANNOTATION, "a list of classes")
    if lines and _TEXTS.fullmatch(stem) and not any(map(_are_numbers, rows)):
        return NotASample(TEXT, "no table")
    kind = "empty" if not lines else "numbers" if all(map(_are_numbers, rows)) else "text"
    if any(map(_FOLDERS_OF_LABELS.fullmatch, folder.split("/"))) and (not lines or any(map(_has_number, rows))):
        return NotASample(ANNOTATION, f"{kind}, in a folder of labels")
    return None if kind == "numbers" and _may_be_readings(lines) else _beside(path, kind)


def _names_media_somewhere(line: str) -> bool:
    return any(map(names_media, line.split()))


def _may_be_readings(lines: Sequence[str]) -> bool:
    """Return whether lines of numbers may be a table without names.

    It has separators, which boxes do not have, or one number in each of several lines. YOLO writes blanks between
    numbers.
    """
    return _has_mark(lines[0]) or (len(lines) > 1 and not any(" " in line.strip() for line in lines))


def _has_mark(line: str) -> bool:
    return any(mark in line for mark in _MARKS)


def _lines(text: str, is_all: bool) -> list[str]:
    is_all = is_all and len(text) <= _CHARACTERS
    lines = text[:_CHARACTERS].splitlines()
    if not is_all and len(lines) > 1:
        lines.pop()  # it may continue after the checked part
    return list(islice((line for line in lines if line.strip()), _LINES))


def _cells(line: str) -> list[str]:
    mark = next((one for one in _MARKS if one in line), None)
    return [cell.strip() for cell in line.split(mark)]


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell.strip("\"'")) is not None


def _are_numbers(row: Sequence[str]) -> bool:
    return all(map(_is_number, row))


def _has_number(row: Sequence[str]) -> bool:
    return any(map(_is_number, row))


def _is_table(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether a line of names comes before a line of numbers, the first of which may be a time in words.

    Other lines may come first, as loggers write them, but not before a single column.
    """
    return any(
        _is_head_of(names, first) and (at == 0 or len(names) > 1) for at, (names, first) in enumerate(pairwise(rows))
    )


def _is_head_of(names: Sequence[str], first: Sequence[str]) -> bool:
    if len(first) != len(names) or _has_number(names):
        return False
    readings = first[1:] or first
    return _has_number(first) and all(_is_number(cell) or cell.lower() in _GAPS for cell in readings)


# --- tables


def _table(path: str, text: str, is_all: bool) -> NotASample | IfBeside | None:
    """Decide on a .csv, only by its shape: a table without numbers may still be one for the service's CSV wizard."""
    lines = _lines(text, is_all)
    mark = next((one for one in _MARKS if lines and one in lines[0]), ",")
    if len(lines) > 1 and _are_numbers(lines[1].split(mark)):
        return None  # true for nearly every file
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark)]
    except csv.Error:
        return None
    if not rows or (len(rows) > 1 and _are_numbers(rows[1])):
        return None
    if any(names_media(cell) for row in rows for cell in row):
        return NotASample(ANNOTATION, "a table of files")
    names = {name.lower() for name in rows[0]}
    if any(columns <= names for columns in _COLUMNS):
        return NotASample(ANNOTATION, "a table of labels")
    name = path.rpartition("/")[2]
    if _TABLES_OF_LABELS.fullmatch(name[: name.rfind(".")]) and not any(map(_has_number, rows[:2])):
        return NotASample(ANNOTATION, "a table of labels, by its name")
    if len(rows) > 1 and not _has_number(rows[0]) and not any(map(_has_readings, rows[1:])):
        return _beside(path, "a table of words")
    return None


def _has_readings(row: Sequence[str]) -> bool:
    """Return whether a row has a number after its first cell, which may be a time or a row number."""
    return len(row) < 2 or _has_number(row[1:])


# --- JSON


def _json(path: str, text: str, is_all: bool) -> NotASample | IfBeside | None:
    raw = text.strip().encode("utf-8", "replace")
    if raw[:1] == b"[":
        first = next(elements(raw, 0), None)
        at = first[0] if first is not None else max(0, raw.find(b"{"))
        return _described(path, raw, at)
    if raw[:1] == b"{":
        if is_acquisition(raw):
            return None
        return _described(path, raw, 0)
    return _beside(path, "empty") if not raw and is_all else None


def _described(path: str, raw: bytes, at: int) -> NotASample | IfBeside:
    """Decide on JSON that is no acquisition, by the object at `at`."""
    kind = what_it_describes(raw, at) if raw[at : at + 1] == b"{" else None
    name = path.rpartition("/")[2]
    if kind is None and _LISTS_OF_CLASSES.fullmatch(name[: name.rfind(".")]):
        kind = "a list of classes"
    return _beside(path, "JSON that is not an acquisition") if kind is None else NotASample(ANNOTATION, kind)


def _beside(path: str, kind: str) -> IfBeside:
    others = tuple(place for place in places_beside(path) if place.lower() != path.lower())  # not the file itself
    return IfBeside(NotASample(ANNOTATION, f"{kind}, next to a file of the same name"), others)


_DECIDERS = {".txt": _text, ".csv": _table, ".json": _json}


def is_ordinary(extension: str, head: bytes) -> bool:
    """Return whether the file that begins with `head` is certainly a sample. Files with other extensions always are.

    >>> is_ordinary(".csv", b"timestamp,x\\n0,1.5\\n")
    True
    """
    if extension == ".json":
        return _ACQUISITION_HEAD.match(head) is not None
    return extension not in (".csv", ".txt") or _has_names_over_numbers(head)


def _has_names_over_numbers(head: bytes) -> bool:
    """Return whether the first line has names, and the second as many numbers with the same separator."""
    found = _NAMES_OVER_NUMBERS.match(head, 0, _CHECKED_BYTES)
    return found is not None and found[1].count(found[2]) == found[3].count(found[2])
