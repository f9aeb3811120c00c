"""Split the text of an annotation file into lines and rows, and read its numbers.

Memory stays flat: the text comes in pieces, and only the current line is kept. A line ends with LF, CR LF or CR, as
spreadsheets of any system write it.

Source: RFC 4180 (CSV).
"""

import csv
import math
import re
from collections.abc import Iterable, Iterator
from itertools import chain

LONGEST_LINE = 512 * 1024
"""The most characters of a line. A longer one is no row of annotations, and an error."""

LONGEST_TEXT = 1024 * 1024
"""The most characters of a document that is read as a whole."""

_MARKS = ",;\t|"
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_SEPARATOR = re.compile(r"sep=(.)\s*", re.IGNORECASE)


def whole_text(pieces: Iterable[str]) -> str:
    """Return the pieces as one text. Raise ValueError if it has more than `LONGEST_TEXT` characters."""
    found = []
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > LONGEST_TEXT:
            raise ValueError(f"it has more than {LONGEST_TEXT:,} characters")
        found.append(piece)
    return "".join(found)


def lines(pieces: Iterable[str]) -> Iterator[str]:
    r"""Yield each line without its end. Raise ValueError for one of more than `LONGEST_LINE` characters.

    >>> list(lines(["a\r", "\nb\rc"]))
    ['a', 'b', 'c']
    """
    held: list[str] = []
    length = 0
    for piece in _with_plain_ends(pieces):
        first, *others = piece.split("\n")
        held.append(first)
        length += len(first)
        for other in others:
            yield _line(held, length)
            held, length = [other], len(other)
        if length > LONGEST_LINE:
            break
    if last := _line(held, length):
        yield last


def _line(held: list[str], length: int) -> str:
    if length > LONGEST_LINE:
        raise ValueError(f"a line has more than {LONGEST_LINE:,} characters")
    return "".join(held)


def _with_plain_ends(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the pieces with LF for each line end. A CR LF may be cut by the end of a piece."""
    has_return = False
    for piece in pieces:
        if has_return:
            piece = "\r" + piece
        has_return = piece.endswith("\r")
        piece = piece.removesuffix("\r") if has_return else piece
        yield piece.replace("\r\n", "\n").replace("\r", "\n")
    if has_return:
        yield "\n"


def rows(pieces: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the line and the cells of each row that is not blank. The cells are stripped.

    The cells are separated by `,`, `;`, tab or `|`: by what the first line has most of, or by what Excel says in a
    first line `sep=;`. Raise ValueError when the text is not a table.

    >>> list(rows(["name;x", "", "\\na;1,5"]))
    [(1, ['name', 'x']), (2, ['a', '1,5'])]
    """
    text = lines(pieces)
    skipped, first = 0, ""
    for first in text:
        first = first.removeprefix("\ufeff")
        if first.strip():
            break
        skipped += 1
    mark = delimiter(first)
    if _SEPARATOR.fullmatch(first):
        skipped, first = skipped + 1, ""
    reader = csv.reader((line + "\n" for line in chain([first], text)), delimiter=mark, skipinitialspace=mark != "\t")
    skipped -= not first
    began = 1
    try:
        for cells in reader:
            if any(cells := [cell.strip() for cell in cells]):
                yield began + skipped, cells
            began = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"line {began + skipped} is not a row of a table ({error})") from None


def delimiter(first_line: str) -> str:
    """Return what separates the cells of a table with this first line."""
    stated = _SEPARATOR.fullmatch(first_line)
    if stated is not None and stated[1] in _MARKS:
        return stated[1]
    return max(_MARKS, key=first_line.count)


def number(text: str) -> float | None:
    """Return the number, also with a decimal comma; None for anything else, such as nan, inf or `1_000`.

    >>> number("0,5"), number("nan")
    (0.5, None)
    """
    text = text.strip().replace(",", ".")
    return finite(float(text)) if _NUMBER.fullmatch(text) else None


def finite(found: object) -> float | None:
    """Return a number of a JSON document as a float; None when it is no number or does not fit."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        converted = float(found)
    except OverflowError:
        return None
    return converted if math.isfinite(converted) else None


def whole_number(found: object) -> int | None:
    """Return a positive whole number, such as the width of an image; None for anything else."""
    if isinstance(found, str):
        found = number(found)
    size = finite(found)
    return int(size) if size is not None and size >= 1 and size == int(size) else None


def size_of(width: object, height: object) -> tuple[int, int] | None:
    """Return the width and height that an annotation file gives for its image (pixels); None where it gives none."""
    found = whole_number(width), whole_number(height)
    return None if found[0] is None or found[1] is None else (found[0], found[1])
