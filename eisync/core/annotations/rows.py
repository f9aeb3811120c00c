"""Split the text of an annotation file into lines, or into the rows of a table.

Memory stays flat: the text comes in pieces, and only the current line is kept. A line ends with LF, CR LF or CR, as
spreadsheets of any system write it.

Source: RFC 4180 (CSV).
"""

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import chain

LONGEST_LINE = 512 * 1024
"""The most characters of a line. A longer one is no row of annotations, and an error."""

LONGEST_TEXT = 1024 * 1024
"""The most characters of a document that is read as a whole."""

_FIRST_LINES = 20
_MARKS = "\t;|,"  # of as many of two, the first: a comma is also a decimal comma
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
    r"""Yield each line without its end. Raise ValueError for one that is too long.

    >>> list(lines(["a\r", "\nb\rc"]))
    ['a', 'b', 'c']
    """
    held: list[str] = []
    length, number = 0, 1
    for piece in _with_plain_ends(pieces):
        first, *others = piece.split("\n")
        held.append(first)
        length += len(first)
        for other in others:
            yield _line(held, length, number)
            held, length, number = [other], len(other), number + 1
        if length > LONGEST_LINE:
            break
    if last := _line(held, length, number):
        yield last


def _line(held: list[str], length: int, number: int) -> str:
    if length > LONGEST_LINE:
        raise ValueError(f"line {number} has more than {LONGEST_LINE:,} characters")
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


def first_lines(head: str) -> list[str] | None:
    """Return the first lines of a text that begins with `head`; None when it is not a text.

    The last of several lines is left out when it may be cut.
    """
    if "\0" in head:
        return None
    try:
        found = list(lines([head.removeprefix("\ufeff")]))
    except ValueError:
        return None
    if len(found) > 1 and not head.endswith(("\n", "\r")):
        del found[-1]
    return found[:_FIRST_LINES]


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
            if any("\0" in cell for cell in cells):
                raise ValueError("it has NUL characters, so it is not a text")
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
