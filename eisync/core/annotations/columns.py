"""Find out which column of a list of files says what, and read one row of it.

A list comes as a table or as JSON. Its columns (the members, in JSON) go by many names, in any letter case and with
blanks, hyphens or underscores. What a row does not give is None in its entry, so that other rules decide it.

Sources: the columns of Hugging Face's ImageFolder and AudioFolder (`file_name`, `metadata.csv`), of Kaggle's data sets
and of Roboflow's classification exports.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from eisync.core.formats.json_values import mended, why_unusable
from eisync.core.labels.entry import Entry, relative_path
from eisync.core.labels.path_rules import CATEGORY_WORDS
from eisync.core.model import Category, value

FILE = (
    *("file", "file_name", "filename", "file_path", "filepath", "path"),
    *("image", "image_path", "image_name", "audio", "audio_path", "video", "name"),
)
"""The names of the column with the file; the first that a list has counts."""
LABEL = ("label", "class", "class_name", "classname", "label_name")
CATEGORY = ("category", "split", "subset", "usage", "set")
METADATA = "metadata"

KNOWN = frozenset({*FILE, *LABEL, *CATEGORY, METADATA})

_BOXES = (
    *({one} for one in ("bbox", "bboxes", "bounding_box", "bounding_boxes", "boundingboxes", "objects")),
    *({"xmin", "ymin"}, {"x_min", "y_min"}, {"x1", "y1"}, {"x_1", "y_1"}, {"left", "top"}, {"bbox_x", "bbox_y"}),
    *({"bbox_xmin", "bbox_ymin"}, {"bbox_x1", "bbox_y1"}, {"x", "y", "w", "h"}, {"x", "y", "width", "height"}),
)
"""Columns that together give a box. One alone may be a class, such as `left`."""
_CATEGORIES = {**CATEGORY_WORDS, **{one.value: one for one in Category}}
_NEEDED = 'it needs a column "file" and one of "label", "category" and "metadata.NAME"'
_MOST_NAMED = 5
_FILE_NAME = re.compile(r"[^\n]*[^/\\\n.]\.[a-z][a-z0-9]{0,9}\s*", re.IGNORECASE)
_NUMBER = re.compile(r"\s*[-+]?[\d.,]+(?:e[-+]?\d+)?\s*", re.IGNORECASE)
_ABSOLUTE = re.compile(r"/|[A-Za-z]:/|[A-Za-z][A-Za-z0-9+.-]*://")
_BETWEEN = re.compile(r"[\s_-]+")


@value
class Columns:
    """The places of the columns, from 0; None: the list has no such column.

    `metadata` has the name of each entry and its place. `metadata_object` is the place of an object of metadata, which
    only JSON has. `others` are the columns without a role.
    """

    names: tuple[str, ...]
    file: int | None
    label: int | None
    category: int | None
    metadata: tuple[tuple[str, int], ...]
    metadata_object: int | None
    others: tuple[int, ...]

    @property
    def says_something(self) -> bool:
        """Whether the list says more than the names of files."""
        found = (self.label, self.category, self.metadata_object)
        return bool(self.metadata) or any(one is not None for one in found)

    @property
    def remark(self) -> str | None:
        """What is not sent, for a person; None when everything is."""
        named = _listed([self.names[one] for one in self.others])
        return f"columns that are not sent: {named}; name one metadata.NAME to send it" if named else None


def columns_of(names: Sequence[str]) -> Columns:
    """Return which column has which role. Raises ValueError if two have the same name, or if there are boxes in them.

    >>> columns_of(["File Name", "Label", "metadata.site"]).metadata
    (('site', 2),)
    """
    shown = tuple(name.strip() for name in names)
    plain = [_BETWEEN.sub("_", name.lower()) for name in shown]
    places = {name: at for at, name in reversed(list(enumerate(plain)))}
    twice = next((one for at, one in enumerate(plain) if one and places[one] != at), None)
    if twice is not None:
        raise ValueError(f"two of its columns are called {json.dumps(shown[places[twice]], ensure_ascii=False)}")
    boxes = next((one for one in _BOXES if one <= places.keys()), None)
    if boxes is not None:
        raise ValueError(f"it has boxes ({', '.join(sorted(boxes))}), which a list of files cannot give")
    file, label, category = (_first(places, known) for known in (FILE, LABEL, CATEGORY))
    metadata = tuple(
        (name[len(METADATA) + 1 :].strip(), at)
        for at, name in enumerate(shown)
        if plain[at].startswith(f"{METADATA}.") and name[len(METADATA) + 1 :].strip()
    )
    taken = {file, label, category, places.get(METADATA), *(at for _, at in metadata)}
    others = tuple(at for at, name in enumerate(plain) if name and at not in taken)
    return Columns(shown, file, label, category, metadata, places.get(METADATA), others)


def why_no_list(columns: Columns) -> str | None:
    """Return why a list with these columns cannot be used; None when it can."""
    if columns.file is not None and columns.says_something:
        return None
    return f"{_NEEDED}; its columns are: {_listed(columns.names) or 'none'}"


def entry_of(columns: Columns, row: Sequence[Any], where: str, remark: str | None) -> Entry:
    """Return what a row says. Its cells are texts, or any JSON. An entry without a path names no file.

    `where` is the place of the row for a person, `remark` the same for all rows.
    """
    path = path_of(columns, row)
    try:
        return _entry_of(columns, row, where, remark, path)
    except ValueError as error:
        return problem_of(path, where, str(error))


def problem_of(path: str, where: str, why: str) -> Entry:
    """Return an entry that cannot be used. `path` is empty where even the file is not known."""
    return Entry(path=mended(path).replace("\0", "\N{REPLACEMENT CHARACTER}"), problem=f"{where}: {why}", where=where)


def path_of(columns: Columns, row: Sequence[Any]) -> str:
    """Return the file that the row names; empty when it names none."""
    written = _cell(row, columns.file)
    path = written.strip().replace("\\", "/") if isinstance(written, str) else ""
    return path if _ABSOLUTE.match(path) else relative_path(path)


def checked_path(path: str) -> None:
    """Raise ValueError, with the remedy, if no file can be found at the path."""
    if not path:
        raise ValueError("it names no file")
    if "\n" in path:
        raise ValueError("the name of its file has a line break")
    if _ABSOLUTE.match(path):
        raise ValueError("it gives its file from the root of a disk; give it from the folder of this list")


def is_file_name(path: str) -> bool:
    """Return whether the path ends with an extension, and is no number such as `1.5` or `1.e5`."""
    return _FILE_NAME.fullmatch(path) is not None and _NUMBER.fullmatch(path) is None


def _entry_of(columns: Columns, row: Sequence[Any], where: str, remark: str | None, path: str) -> Entry:
    checked_path(path)
    if (why := why_unusable(list(row))) is not None:
        raise ValueError(why)
    return Entry(
        path=path,
        label=_text(_cell(row, columns.label), "label") or None,
        category=_category(_text(_cell(row, columns.category), "category")),
        metadata=_metadata(columns, row),
        remark=remark,
        where=where,
    )


def _cell(row: Sequence[Any], at: int | None) -> Any:
    return row[at] if at is not None and at < len(row) else None


def _text(found: Any, role: str) -> str:
    if isinstance(found, str):
        return found.strip()
    if isinstance(found, list | dict):
        raise ValueError(f"its {role} is not a text")
    return "" if found is None else json.dumps(found)


def _category(written: str) -> str | None:
    if not written:
        return None
    found = _CATEGORIES.get(written.lower())
    if found is None:
        raise ValueError(
            f"{json.dumps(written[:100], ensure_ascii=False)} is no category; write training, testing or validation, "
            'or call the column "label" if it has the labels'
        )
    return found.value


def _metadata(columns: Columns, row: Sequence[Any]) -> dict[str, Any] | None:
    whole = _cell(row, columns.metadata_object)
    if whole in (None, ""):
        whole = {}
    if not isinstance(whole, Mapping):
        raise ValueError("its metadata is not an object; use one column metadata.NAME for each value")
    found = {name: _cell(row, at) for name, at in columns.metadata}
    texts = {name: one.strip() if isinstance(one, str) else one for name, one in {**whole, **found}.items()}
    return {name: one for name, one in texts.items() if one not in (None, "")} or None


def _first(places: Mapping[str, int], known: Sequence[str]) -> int | None:
    return next((places[one] for one in known if one in places), None)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name[:100] for name in names[:_MOST_NAMED])
    return f"{shown} and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else shown
