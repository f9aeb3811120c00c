"""Show the first rows of a table, and draw its columns of numbers.

A column `timestamp` is in milliseconds (wire contract, section 2); it gives the interval and is not drawn.
"""

import csv
import re
from collections.abc import Generator, Iterator, Sequence
from itertools import chain, islice

from eisync.core.drawing.envelope import MAX_TRACES, WHOLE, Envelope, Window
from eisync.core.drawing.reading import is_cut, read_head
from eisync.core.drawing.waveform import Waveform, usable_interval
from eisync.core.formats.probe import Read, Undecidable
from eisync.core.formats.sampling import separator_of
from eisync.core.model import value

MAX_ROWS, MAX_COLUMNS = 20, 12
LONGEST_CELL = 40
_AT_ONCE = 1_000
_LINE = re.compile(r"[^\r\n]+")
_MARK = b"\xef\xbb\xbf"

Rows = Iterator[list[str]]


@value
class TableHead:
    """The first rows of a table. `more_columns` are not shown; `has_more_rows` says that rows are left out."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more_columns: int = 0
    has_more_rows: bool = False


@value
class Table:
    """A table: its head, and the drawing of its numbers, where it has any."""

    head: TableHead
    waveform: Waveform | None
    notes: tuple[str, ...] = ()


def table_head(size: int, window: Window = WHOLE) -> Generator[Read, bytes, Table | Undecidable]:
    """Return what is shown of a CSV or TXT of `size` bytes, or a sentence that says why nothing is."""
    content = yield from read_head(size)
    if b"\0" in content:
        return Undecidable("It has NUL bytes, so it is not shown as a table.")
    note = is_cut(content, size)
    if note is not None:
        content = content[: content.rfind(b"\n") + 1]
    text = content.removeprefix(_MARK).decode("utf-8", "replace")
    separator = separator_of(_first_line(text).encode())
    rows = csv.reader((found[0] for found in _LINE.finditer(text)), delimiter=separator)
    try:
        return _table(rows, separator, () if note is None else (note,), window)
    except csv.Error as error:
        return Undecidable(f"It cannot be shown as a table: {error}.")


def _table(rows: Rows, separator: str, notes: tuple[str, ...], window: Window) -> Table | Undecidable:
    first = list(islice(rows, MAX_ROWS + 2))
    if not first:
        return Undecidable("It has no rows.")
    header, *head = first
    if all(_number(cell, separator) is not None for cell in header):
        header, head = [f"column {number}" for number in range(1, len(header) + 1)], first
    shown = TableHead(
        columns=tuple(map(_short, header[:MAX_COLUMNS])),
        rows=tuple(tuple(map(_short, row[:MAX_COLUMNS])) for row in head[:MAX_ROWS]),
        more_columns=max(0, len(header) - MAX_COLUMNS),
        has_more_rows=len(head) > MAX_ROWS,
    )
    drawn = _drawn(header, head, rows, separator, window)
    return Table(shown, drawn, notes)


def _drawn(
    header: Sequence[str], head: Sequence[list[str]], rows: Rows, separator: str, window: Window
) -> Waveform | None:
    """Return the drawing of the columns that have a number in the first rows; None where none has, or too few rows."""
    is_timed = bool(header) and header[0].strip().lower() == "timestamp"
    drawn = [
        index
        for index in range(1 if is_timed else 0, len(header))
        if any(index < len(row) and _number(row[index], separator) is not None for row in head)
    ]
    left_out = len(drawn) - MAX_TRACES
    drawn = drawn[:MAX_TRACES]
    if not drawn or len(head) < 2:
        return None
    envelope = Envelope(len(drawn), window)
    begins_at = _number(head[0][0], separator) if head[0] else None
    last = head[0]
    every = chain(head, rows)
    while batch := [row for row in islice(every, _AT_ONCE) if row]:
        envelope.add([[_cell(row, index, separator) for row in batch] for index in drawn])
        last = batch[-1]
    ends_at = _number(last[0], separator)
    interval_ms = None
    if is_timed and begins_at is not None and ends_at is not None:
        interval_ms = usable_interval((ends_at - begins_at) / max(1, envelope.readings - 1))
    return Waveform(
        traces=envelope.traces([_short(header[index]) for index in drawn], [""] * len(drawn)),
        readings=envelope.drawn.ends - envelope.drawn.begins,
        interval_ms=interval_ms,
        begins=envelope.drawn.begins,
        per_column=envelope.per_column,
        notes=(f"Only the first {MAX_TRACES} of {left_out + MAX_TRACES} columns are drawn.",) if left_out > 0 else (),
    )


def _cell(row: Sequence[str], index: int, separator: str) -> float:
    found = _number(row[index], separator) if index < len(row) else None
    return float("nan") if found is None else found


def _number(cell: str, separator: str) -> float | None:
    """Return the number in a cell. A decimal comma is read where the comma does not separate columns."""
    try:
        return float(cell if separator == "," else cell.replace(",", "."))
    except ValueError:
        return None


def _first_line(text: str) -> str:
    found = _LINE.search(text)
    return "" if found is None else found[0]


def _short(cell: str) -> str:
    line = " ".join(cell.split())
    return line if len(line) <= LONGEST_CELL else line[: LONGEST_CELL - 1] + "…"
