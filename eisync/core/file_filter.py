"""Filter and sort files for `eisync ls` and pages that list files: what is asked for, and where the next page begins.

A file has a *problem* when it does not go as it should, so that a person may want to look at it: it is quarantined (a
truncated file is), cannot be read, was sent without an answer, failed and is tried again, waits for a target that takes
nothing, was sent without a part of its description, or was not in the last listing of its project. What is still being
written and what waits for its turn has none.

`Cursor` is the place in the list after which a page begins. It has the keys of the last row and of the last observed
file, because both are sorted on their own, and is a text that others only hand back.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from eisync.core.file_status import UNREADABLE
from eisync.core.lifecycle import State
from eisync.core.model import Category, value
from eisync.core.text import nfc
from eisync.errors import ConfigurationError

MAX_FILES = 1_000
"""Limit of the files in one page."""

Key = tuple[int | str, ...]
"""The key by which files are sorted. Paths in it are latin-1 texts of their bytes, which sort as the bytes do."""


_E = TypeVar("_E", bound=Enum)


class Sort(Enum):
    """The order of files. Newest and oldest: by when eisync found them first."""

    PATH = "path"
    NEWEST = "newest"
    OLDEST = "oldest"
    SIZE = "size"  # largest first


@value(kw_only=True)
class FileFilter:
    """Which files are listed. None, and False, mean all. `label` is empty for files without one.

    `folder` is absolute: the files in it and below. `search` is a part of the path below the root, in any letter case
    (of A to Z). `has_problem` is explained above. `differs`: a sample has another label at the service.
    """

    state: str | None = None
    label: str | None = None
    category: str | None = None
    folder: str | None = None
    search: str | None = None
    has_problem: bool = False
    differs: bool = False

    def takes(self, record: Mapping[str, Any]) -> bool:
        """Return whether the record of an observed file is listed. Such a file has one problem: it cannot be read."""
        return (
            (self.state is None or record["state"] == self.state)
            and (self.label is None or (record["label"] or "") == self.label)
            and (self.category is None or record["category"] == self.category)
            and (not self.has_problem or record["state"] == UNREADABLE)
            and (not self.differs or self.confirms(record))
        )

    def takes_path(self, root: str, path: str) -> bool:
        """Return whether the path is in the folder, and has the text that is searched."""
        if self.folder is not None and not f"{root.rstrip('/')}/{path}/".startswith(f"{self.folder.rstrip('/')}/"):
            return False
        return self.search is None or nfc(lower(self.search)) in nfc(lower(path))

    def confirms(self, record: Mapping[str, Any]) -> bool:
        """Return whether the labels differ if that is asked for: other forms of one text (NFC, NFD) do not."""
        own = nfc(record["label"] or "")
        return not self.differs or any(nfc(sample["label"] or "") != own for sample in record["samples"])


@value(kw_only=True)
class FileQuery:
    """A page of files: which, in which order, how many at most, and after which place."""

    which: FileFilter
    sort: Sort
    limit: int
    after: "Cursor"


@value
class Cursor:
    """The keys of the last row and of the last observed file. Empty: none yet. None: there are no more rows."""

    row: Key | None = ()
    observed: Key = ()

    @property
    def text(self) -> str:
        """The cursor as text, of letters, digits, `-` and `_`."""
        found = json.dumps([self.row, self.observed], separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(found).decode().rstrip("=")


# How many parts the key of a row has, and which are numbers.
_ROW_KEYS: Mapping[Sort, tuple[type, ...]] = {
    Sort.PATH: (str, str, str),
    Sort.NEWEST: (int,),
    Sort.OLDEST: (int,),
    Sort.SIZE: (int, int, int, int),
}
_OBSERVED_KEYS: Mapping[Sort, tuple[type, ...]] = {
    Sort.PATH: (str, str, str),
    Sort.NEWEST: (str, str, str),
    Sort.OLDEST: (str, str, str),
    Sort.SIZE: (int, str, str, str),
}

_LARGEST = (1 << 63) - 1


def query_of(question: Mapping[str, Any]) -> FileQuery:
    """Return the query in a question. Raises ConfigurationError for one that makes no sense."""
    sort = _one_of(Sort, question.get("sort", Sort.OLDEST.value), "order")
    limit = question.get("limit", MAX_FILES)
    if type(limit) is not int or not 0 < limit <= MAX_FILES:
        raise ConfigurationError(f"ask for 1 to {MAX_FILES:,} files")
    which = FileFilter(
        state=state_of(_text(question, "state")),
        label=_text(question, "label"),
        category=_category(_text(question, "category")),
        folder=_text(question, "folder"),
        search=_text(question, "search") or None,
        has_problem=question.get("problem") is True,
        differs=question.get("differs") is True,
    )
    after = _text(question, "after")
    return FileQuery(which=which, sort=sort, limit=limit, after=Cursor() if after is None else cursor_of(after, sort))


def state_of(name: str | None) -> str | None:
    """Return the name of a state. Raises ConfigurationError for another one."""
    names = [*(member.value for member in State), UNREADABLE]
    if name is not None and name not in names:
        raise ConfigurationError(f"there is no state {name!r}; there are {', '.join(names)}")
    return name


def cursor_of(text: str, sort: Sort) -> Cursor:
    """Return the cursor in a text. Raises ConfigurationError for a text that is none of this order."""
    try:
        row, observed = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        cursor = Cursor(None if row is None else tuple(row), tuple(observed))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise ConfigurationError(
            "the place after which the page begins is not valid; begin at the first page"
        ) from None
    if not (_fits(cursor.row or (), _ROW_KEYS[sort]) and _fits(cursor.observed, _OBSERVED_KEYS[sort])):
        raise ConfigurationError("the place after which the page begins is of another order; begin at the first page")
    return cursor


def observed_key(sort: Sort, root: str, path: str, size: int) -> Key:
    """Return the key of an observed file."""
    folder, _, name = path.rpartition("/")
    place = (_latin(root), _latin(folder), _latin(name))
    return (-size, *place) if sort is Sort.SIZE else place


def is_before(sort: Sort, observed: Key, row: Key | None) -> bool:
    """Return whether the observed file is listed before the row with that key. Without rows left, it is.

    Observed files are the newest of all: they were not complete yet, or changed.
    """
    if row is None or sort is Sort.NEWEST:
        return True
    if sort is Sort.OLDEST:
        return False
    if sort is Sort.PATH:
        return observed < row
    return -int(observed[0]) >= int(row[0])


def lower(text: str) -> str:
    """Return the text with the letters A to Z in lower case, as SQLite does it."""
    return text.translate(_LOWER)


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _latin(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("latin-1")


def _fits(key: Key, kinds: tuple[type, ...]) -> bool:
    is_whole = len(key) == len(kinds) and all(type(part) is kind for part, kind in zip(key, kinds, strict=True))
    numbers = (part for part in key if isinstance(part, int))
    texts = (part for part in key if isinstance(part, str))
    is_sound = all(abs(part) <= _LARGEST for part in numbers) and all(max(part, default="") <= "\xff" for part in texts)
    return not key or (is_whole and is_sound)


def _text(question: Mapping[str, Any], name: str) -> str | None:
    found = question.get(name)
    if found is not None and not isinstance(found, str):
        raise ConfigurationError(f"the {name} that is asked for is not a text")
    return found


def _category(name: str | None) -> str | None:
    return None if name is None else _one_of(Category, name, "category").value


def _one_of(kind: type[_E], name: object, what: str) -> _E:
    try:
        return kind(name)
    except ValueError:
        there = ", ".join(member.value for member in kind)
        raise ConfigurationError(f"there is no {what} {name!r}; there are {there}") from None
