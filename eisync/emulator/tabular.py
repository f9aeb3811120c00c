"""Read CSV and TXT: a time series that begins with timestamps in milliseconds, or exactly one row.

Streams: what a line may hold is bounded, and a file of any length is read in bounded memory.

Source: the wire contract, section 2.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from eisync.emulator.model import Facts, Refused, Sensor

_MAX_LINE_CHARS = 256 * 1024
_MAX_COLUMNS = 1000
_MAX_NAME_CHARS = 200
_DELIMITERS = ("\t", ";", "|", ",")
_TOLERANCE_MS = 1e-6


@dataclass(frozen=True, slots=True)
class Table:
    facts: Facts
    rows: list[list[float]]  # only when they were asked for


class _Unreadable(ValueError):
    """This is no CSV that the service would take; the text says why."""


def read_table(file: BinaryIO, *, constant_interval: bool, keep_rows: bool = False) -> Table | Refused:
    """`keep_rows` is for a file known to be small."""
    try:
        with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
            return _read(text, constant_interval=constant_interval, keep_rows=keep_rows)
    except (_Unreadable, csv.Error, UnicodeDecodeError) as error:
        why = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        return Refused(f"Could not parse this CSV file: {why}")


def _read(text: io.TextIOWrapper, *, constant_interval: bool, keep_rows: bool) -> Table:
    lines = _bounded_lines(text)
    header_line = next(lines, "")
    delimiter = next((mark for mark in _DELIMITERS if mark in header_line), ",")
    header = [name.strip() for name in next(csv.reader([header_line], delimiter=delimiter), [])]
    if not header or len(header) > _MAX_COLUMNS or not all(0 < len(name) <= _MAX_NAME_CHARS for name in header):
        raise _Unreadable("the first line should name every column")
    if all(_parse_number(name, delimiter) is not None for name in header):
        raise _Unreadable("the first line should name the columns, and holds numbers")
    is_timed = header[0].lower() == "timestamp"
    if is_timed and len(header) == 1:
        raise _Unreadable("there is no column besides timestamp")
    count, first, last, step = 0, 0.0, 0.0, None
    rows: list[list[float]] = []
    for cells in csv.reader(lines, delimiter=delimiter):
        if not any(cell.strip() for cell in cells):
            continue
        row = _parse_row(cells, len(header), delimiter, count)
        if is_timed:
            if count == 0:
                first = row[0]
            elif row[0] <= last:
                raise _Unreadable(f"the timestamp of row {count + 1} is not larger than the one before")
            elif step is None:
                step = row[0] - last
            elif constant_interval and abs(row[0] - last - step) > _TOLERANCE_MS:
                raise _Unreadable(f"the interval before row {count + 1} differs from the first one")
            last = row[0]
        elif count == 1:
            raise _Unreadable("without a timestamp column there should be exactly one row")
        count += 1
        if keep_rows:
            rows.append(row[1:] if is_timed else row)
    if count == 0:
        raise _Unreadable("there is no row")
    facts = Facts(
        chart_type="chart",
        sensors=tuple(Sensor(name, "N/A") for name in (header[1:] if is_timed else header)),
        interval_ms=(last - first) / (count - 1) if count > 1 else 0.0,
        values_count=count,
    )
    return Table(facts, rows)


def _bounded_lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(_MAX_LINE_CHARS):
        if len(line) >= _MAX_LINE_CHARS:
            raise _Unreadable("a line is too long")
        yield line


def _parse_row(cells: list[str], width: int, delimiter: str, index: int) -> list[float]:
    if len(cells) != width:
        raise _Unreadable(f"row {index + 1} has {len(cells)} columns instead of {width}")
    row = []
    for cell in cells:
        number = _parse_number(cell.strip(), delimiter)
        if number is None:
            raise _Unreadable(f"row {index + 1} holds something that is not a number")
        row.append(number)
    return row


def _parse_number(cell: str, delimiter: str) -> float | None:
    """A decimal comma is read where the comma does not part columns."""
    if delimiter != "," and cell.count(",") == 1 and "." not in cell:
        cell = cell.replace(",", ".")
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if abs(number) != float("inf") and number == number else None
