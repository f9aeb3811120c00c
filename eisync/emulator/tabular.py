"""Read CSV and TXT: a time series whose first column has timestamps in milliseconds, or exactly one row.

A file is read line by line, and the length of a line is limited, so that a file of any size needs little memory.

Source: the wire contract, section 2.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from eisync.emulator.model import Facts, Refused, Sensor, can_be_shown
from eisync.emulator.settings import EmulatorSettings

_LONE_INTERVAL_MS = 1000.0  # the service's interval of a single reading; with 0 the official download fails
_DELIMITERS = ("\t", ";", "|", ",")
_TOLERANCE_MS = 1e-6


@dataclass(frozen=True, slots=True)
class Table:
    facts: Facts
    rows: list[list[float]]  # empty unless `keep_rows`


class _Unreadable(ValueError):
    """The service would not accept this CSV; the text says why."""


def read_table(file: BinaryIO, settings: EmulatorSettings, *, keep_rows: bool = False) -> Table | Refused:
    """Read the table. `keep_rows` also returns its rows, and is for a file that is known to be small."""
    errors = "strict" if settings.refuse_odd_csv else "replace"
    try:
        with io.TextIOWrapper(file, encoding="utf-8-sig", errors=errors, newline="") as text:
            return _read(text, settings, keep_rows=keep_rows)
    except (_Unreadable, csv.Error, UnicodeDecodeError) as error:
        why = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        return Refused(f"Could not parse this CSV file: {why}")


def _read(text: io.TextIOWrapper, settings: EmulatorSettings, *, keep_rows: bool) -> Table:
    lines = _bounded_lines(text, settings.max_line_chars)
    header_line = next(lines, "")
    delimiter = next((mark for mark in _DELIMITERS if mark in header_line), ",")
    header = [name.strip() for name in next(csv.reader([header_line], delimiter=delimiter), [])]
    _check_header(header, delimiter, settings)
    is_timed = header[0].lower() == "timestamp"
    clock = _Clock(constant_interval=settings.csv_constant_interval) if is_timed else None
    count = 0
    rows: list[list[float]] = []
    for cells in csv.reader(lines, delimiter=delimiter):
        if not any(cell.strip() for cell in cells):
            continue
        row = _parse_row(cells, len(header), delimiter, count)
        if clock is not None:
            clock.add(row[0], count)
        elif count == 1:
            raise _Unreadable("a file without a timestamp column should have exactly one row")
        count += 1
        if keep_rows:
            rows.append(row[1:] if is_timed else row)
    if count == 0:
        raise _Unreadable("it has no rows")
    interval_ms = _LONE_INTERVAL_MS if clock is None or count == 1 else clock.interval_ms(count)
    if not can_be_shown(interval_ms, count):
        raise _Unreadable("the interval of its timestamps is too small or too large")
    facts = Facts(
        chart_type="chart",
        sensors=tuple(Sensor(name, "N/A") for name in (header[1:] if is_timed else header)),
        interval_ms=interval_ms,
        values_count=count,
    )
    return Table(facts, rows)


def _check_header(header: list[str], delimiter: str, settings: EmulatorSettings) -> None:
    if not any(header) or (settings.refuse_odd_csv and not all(header)):
        raise _Unreadable("the first line should name every column")
    if len(header) > settings.max_sensors or any(len(name) > settings.max_name_chars for name in header):
        raise _Unreadable("the first line has too many columns or too long names")
    if settings.refuse_odd_csv and all(_parse_number(name, delimiter) is not None for name in header):
        raise _Unreadable("the first line should have the names of the columns, not numbers")
    if [name.lower() for name in header] == ["timestamp"]:
        raise _Unreadable("it has no column beside timestamp")


@dataclass(slots=True)
class _Clock:
    """The timestamps of the rows so far."""

    constant_interval: bool
    first: float = 0.0
    last: float = 0.0
    step: float | None = None

    def add(self, timestamp_ms: float, index: int) -> None:
        if index == 0:
            self.first = timestamp_ms
        elif timestamp_ms <= self.last:
            raise _Unreadable(f"the timestamp of row {index + 1} is not larger than the one before")
        elif self.step is None:
            self.step = timestamp_ms - self.last
        elif self.constant_interval and abs(timestamp_ms - self.last - self.step) > _TOLERANCE_MS:
            raise _Unreadable(f"the interval before row {index + 1} differs from the first one")
        self.last = timestamp_ms

    def interval_ms(self, count: int) -> float:
        return (self.last - self.first) / (count - 1)


def _bounded_lines(text: io.TextIOWrapper, max_line_chars: int) -> Iterator[str]:
    while line := text.readline(max_line_chars):
        if len(line) >= max_line_chars:
            raise _Unreadable("a line is too long")
        yield line


def _parse_row(cells: list[str], width: int, delimiter: str, index: int) -> list[float]:
    if len(cells) != width:
        raise _Unreadable(f"row {index + 1} has {len(cells)} columns instead of {width}")
    row = []
    for cell in cells:
        number = _parse_number(cell.strip(), delimiter)
        if number is None:
            raise _Unreadable(f"row {index + 1} has a value that is not a number")
        row.append(number)
    return row


def _parse_number(cell: str, delimiter: str) -> float | None:
    """Read a number. A comma is a decimal comma if it is not the delimiter. Return None for anything else."""
    if delimiter != "," and cell.count(",") == 1 and "." not in cell:
        cell = cell.replace(",", ".")
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if abs(number) != float("inf") and number == number else None
