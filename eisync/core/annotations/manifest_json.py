"""Read a list of files that is JSON, object by object: one list, or one object in each line.

Sources: jsonlines.org; Hugging Face's `metadata.jsonl`.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from eisync.core.annotations.columns import (
    KNOWN,
    Columns,
    columns_of,
    entry_of,
    is_file_name,
    path_of,
    problem_of,
    why_no_list,
)
from eisync.core.annotations.rows import lines
from eisync.core.formats.json_stream import JsonRefused, JsonStream
from eisync.core.labels.entry import Entry

_MOST_SHAPES = 64


class _Shapes:
    """The columns for each set of members that objects of a document have; most documents have one."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], tuple[Columns, str | None]] = {}

    def entry(self, found: Any, where: str, *, is_first: bool) -> Entry:
        """Return what an object says. Raises ValueError if it is the first of a document that is no list of files."""
        if not isinstance(found, dict):
            if is_first:
                raise ValueError("its first element is not an object")
            return problem_of("", where, "it is not an object")
        names = tuple(found)
        try:
            columns, remark = self._known.get(names) or self._learn(names)
        except ValueError as error:
            if is_first:
                raise
            return problem_of("", where, str(error))
        return entry_of(columns, tuple(found.values()), where, remark)

    def _learn(self, names: tuple[str, ...]) -> tuple[Columns, str | None]:
        columns = columns_of(names)
        if (why := why_no_list(columns)) is not None:
            raise ValueError(why)
        if len(self._known) >= _MOST_SHAPES:
            self._known.clear()
        self._known[names] = columns, columns.remark
        return self._known[names]


def rows_of_array(pieces: Iterable[str]) -> Iterator[Entry]:
    """Yield an entry for each object of the list. Raises ValueError where the text is no such list."""
    stream = JsonStream(pieces)
    shapes = _Shapes()
    is_first = True
    for _ in stream.elements():
        stream.next()
        yield _element(stream, shapes, f"line {stream.line}", is_first=is_first)
        is_first = False
    if stream.next():
        raise ValueError(f"more follows in line {stream.line}")


def rows_of_lines(pieces: Iterable[str]) -> Iterator[Entry]:
    """Yield an entry for each line. Raises ValueError only if the first one is no object of a list of files."""
    shapes = _Shapes()
    is_first = True
    for number, line in enumerate(lines(pieces), 1):
        if not line.strip():
            continue
        where = f"line {number}"
        stream = JsonStream([line])
        try:
            entry = _element(stream, shapes, where, is_first=is_first)
            if stream.next():
                raise ValueError("more follows its object")
        except ValueError as error:
            if is_first:
                raise ValueError(f"{where} cannot be used: {error}") from None
            entry = problem_of("", where, str(error))
        yield entry
        is_first = False


def _element(stream: JsonStream, shapes: _Shapes, where: str, *, is_first: bool) -> Entry:
    """Return what the next value says. Raises ValueError where the text is no JSON."""
    try:
        found, problem = stream.record(KNOWN)
    except JsonRefused as error:
        found, problem = {}, str(error)
    if problem is not None:
        return problem_of("", where, problem)
    return shapes.entry(found, where, is_first=is_first)


def is_json_of_files(pieces: Iterable[str], *, is_array: bool) -> bool:
    """Return whether the first object is one of a list of files. Raises ValueError where the text is cut in it."""
    stream = JsonStream(pieces)
    if is_array:
        next(stream.elements(), None)
    found = stream.value()
    if not isinstance(found, dict):
        return False
    columns = columns_of(tuple(found))
    return why_no_list(columns) is None and is_file_name(path_of(columns, tuple(found.values())))
