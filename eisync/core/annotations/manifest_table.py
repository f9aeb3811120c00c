"""Read a list of files that is a table, row by row.

Sources: RFC 4180 (CSV); Roboflow's multi-label classification export (`_classes.csv`); Microsoft Excel's `sep=` line.
"""

import contextlib
import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from eisync.core.annotations.columns import (
    Columns,
    checked_path,
    columns_of,
    entry_of,
    is_file_name,
    path_of,
    problem_of,
    why_no_list,
)
from eisync.core.annotations.rows import lines
from eisync.core.labels.entry import Entry

_MARKS = ",;\t|"
_SEPARATOR = re.compile(r"sep=(.)\s*", re.IGNORECASE)
_CHECKED_ROWS = 5
_ONE, _ZERO = frozenset({"1", "1.0"}), frozenset({"0", "0.0"})


class _Lines:
    """Lines for a reader of CSV, with the number of the last one. `is_ended`: one more was asked for than there are."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.number = 0
        self.is_ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = next(self._lines)
        except StopIteration:
            self.is_ended = True
            raise
        self.number += 1
        return line + "\n"


def rows_of_table(pieces: Iterable[str]) -> Iterator[Entry]:
    """Yield an entry for each row of a table. Raises ValueError if the table as a whole cannot be used."""
    text = _Lines(lines(pieces))
    mark, columns = _header(text)
    rows = (row for row in _rows(text, mark) if not _is_skipped(row[1], columns))
    why = why_no_list(columns)
    if why is None:
        remark = columns.remark
        for where, cells in rows:
            yield _entry_of_cells(columns, cells, where, remark, mark)
        return
    first = next(rows, None)
    if columns.file is None or (first is not None and not _is_one_hot(columns, first[1])):
        raise ValueError(why)
    if first is not None:
        yield from (_entry_of_classes(columns, cells, where) for where, cells in itertools.chain([first], rows))


def _header(lines: Iterator[str]) -> tuple[str, Columns]:
    """Return the separator of the table and its columns."""
    named = None
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        separator = _SEPARATOR.fullmatch(line)
        if separator is None:
            marks = [named] if named is not None else sorted(_MARKS, key=line.count, reverse=True)
            return _columns(line, marks)
        named = separator[1]
    raise ValueError("it has no header")


def _columns(line: str, marks: Sequence[str]) -> tuple[str, Columns]:
    """Return the separator with which the line is a header, otherwise the most frequent one, and the columns."""
    for mark in marks:
        with contextlib.suppress(ValueError):
            columns = columns_of(_cells(line, mark))
            if why_no_list(columns) is None:
                return mark, columns
    return marks[0], columns_of(_cells(line, marks[0]))


def _cells(line: str, mark: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=mark, skipinitialspace=True), [])
    except (csv.Error, ValueError):  # a cell is too long, or a separator that csv does not take
        raise ValueError("its header cannot be read") from None


def _rows(lines: _Lines, mark: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each row with its place. Raises ValueError for a quote that is not closed."""
    reader = csv.reader(lines, delimiter=mark, skipinitialspace=True)
    while True:
        where = f"line {lines.number + 1}"
        try:
            cells = next(reader, None)
        except csv.Error:
            raise ValueError(f"{where} opens a quote that is not closed, or has a cell that is too long") from None
        if cells is None:
            return
        if lines.is_ended:
            raise ValueError(f"{where} opens a quote that is not closed")
        yield where, cells


def _is_skipped(cells: Sequence[str], columns: Columns) -> bool:
    """Return whether the row is empty, a comment, or the header again."""
    if not any(map(str.strip, cells)):
        return True
    if cells[0].startswith("#") and (len(cells) != len(columns.names) or cells[0][1:2] in ("", " ", "#")):
        return True
    return len(cells) == len(columns.names) and all(map(_is_same, cells, columns.names))


def _is_same(cell: str, name: str) -> bool:
    return cell.strip() == name


def _entry_of_cells(columns: Columns, cells: Sequence[str], where: str, remark: str | None, mark: str) -> Entry:
    for at in (columns.file, columns.label):
        if at is not None and "\n" in (cells[at] if at < len(cells) else ""):
            raise ValueError(f"{where} opens a quote that is not closed in this line")
    width = len(columns.names)
    if any(map(str.strip, cells[width:])):
        why = f'it has {len(cells)} cells below {width} columns; put a text with "{mark}" into quotes'
        return problem_of(path_of(columns, cells), where, why)
    if columns.label is not None and columns.label >= len(cells):
        why = f'it has only {len(cells)} of {width} cells, separated by "{mark}"'
        return problem_of(path_of(columns, cells), where, why)
    return entry_of(columns, cells, where, remark)


def _is_one_hot(columns: Columns, cells: Sequence[str]) -> bool:
    """Return whether all columns but the file's are classes, with a 0 or a 1 in this row."""
    found = [cells[at].strip() for at in columns.others if at < len(cells)]
    return bool(columns.others) and len(found) == len(columns.others) and all(one in _ONE | _ZERO for one in found)


def _entry_of_classes(columns: Columns, cells: Sequence[str], where: str) -> Entry:
    path = path_of(columns, cells)
    try:
        checked_path(path)
        if not _is_one_hot(columns, cells):
            raise ValueError("a class of it is neither 0 nor 1")
        classes = [columns.names[at] for at in columns.others if cells[at].strip() in _ONE]
        if not classes:
            raise ValueError("none of the classes is 1")
        if len(classes) > 1:
            raise ValueError(f"{classes[0]} and {classes[1]} are both 1, and a sample has one label")
    except ValueError as error:
        return problem_of(path, where, str(error))
    return Entry(path=path, label=classes[0], where=where)


def is_table_of_files(head: str) -> bool:
    """Return whether the text begins as a list of files. Raises ValueError where it is no table at all."""
    rest = lines([head])
    mark, columns = _header(rest)
    if columns.file is None:
        return False
    rows = [_cells(line, mark) for line in rest if line.strip() and not line.startswith("#")]
    if rows and not head.endswith(("\n", "\r")) and len(rows[-1]) <= columns.file + 1:
        rows.pop()  # it may be cut within the name of its file
    is_list = why_no_list(columns) is None or (bool(rows) and _is_one_hot(columns, rows[0]))
    return is_list and all(is_file_name(path_of(columns, row)) for row in rows[:_CHECKED_ROWS])
