"""Turn the bytes and pieces of a text file into lines, as annotation programs and spreadsheets write them.

Spreadsheets write their own encodings: Excel saves "CSV" in cp1252 on most systems of western Europe, "Unicode text" as
UTF-16, and "CSV UTF-8" with a byte order mark. PowerShell's `>` writes UTF-16, Praat writes UTF-16 where a label needs
it.

Sources: Python's codecs module; the WHATWG's Encoding Standard (windows-1252); the Unicode Standard, section 23.8.
"""

import codecs
import posixpath
import re
from collections.abc import Iterable, Iterator

LONGEST_LINE = 512 * 1024
"""The most characters of a line. A text with a longer one has no lines for people or for annotations."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ASCII_LE = re.compile(rb"(?:[\t -~]\0){2}")  # without a byte order mark
_ASCII_BE = re.compile(rb"(?:\0[\t -~]){2}")
_ABSOLUTE = re.compile(r"/|[A-Za-z]:/|[A-Za-z][A-Za-z0-9+.-]*://")


def encoding_of(head: bytes) -> str:
    """Return the encoding of a text that begins with `head`, which may be cut anywhere.

    `cp1252` stands for every text that is not UTF-8. Some bytes have no character in it, so decode it with
    `errors="replace"`. A text whose first other character comes after the head is called `utf-8`: if decoding it fails
    later, decode all of it again as `cp1252`.

    >>> encoding_of("Tür;offen".encode("cp1252")), encoding_of("Tür;offen".encode()[:2])
    ('cp1252', 'utf-8')
    """
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if _ASCII_LE.match(head):
        return "utf-16-le"
    if _ASCII_BE.match(head):
        return "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def lines_of(pieces: Iterable[str]) -> Iterator[str]:
    r"""Yield each line with `\n` at its end, from pieces that may be cut anywhere. The last line may lack it.

    Lines end with `\n`, `\r\n` or `\r`. Raises ValueError for a line of more than `LONGEST_LINE` characters.

    >>> list(lines_of(["a\r", "\nb\rc"]))
    ['a\n', 'b\n', 'c']
    """
    for number, line in enumerate(_split(pieces), 1):
        if len(line) > LONGEST_LINE:
            raise ValueError(f"line {number} has more than {LONGEST_LINE:,} characters")
        yield line


def _split(pieces: Iterable[str]) -> Iterator[str]:
    """Yield lines. A line that grows beyond the limit is yielded as it is, because its caller refuses it."""
    held: list[str] = []
    length, is_behind_return = 0, False
    for piece in pieces:
        text = piece.removeprefix("\n") if is_behind_return else piece
        is_behind_return = piece.endswith("\r") if piece else is_behind_return
        *whole, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in whole:
            yield "".join((*held, line, "\n"))
            held, length = [], 0
        if rest:
            held.append(rest)
            length += len(rest)
            if length > LONGEST_LINE:
                break
    if held:
        yield "".join(held)


def relative_path(written: str) -> str:
    r"""Return a path as eisync writes it: `/` between its parts, without `./`, `//` and blanks around it.

    >>> relative_path(" .\\train\\a.wav")
    'train/a.wav'
    """
    path = written.strip().replace("\\", "/")
    if _ABSOLUTE.match(path):
        return path
    path = path.removeprefix("./")
    return posixpath.normpath(path) if "//" in path or "/." in path or path.endswith("/") else path


def is_absolute(path: str) -> bool:
    """Return whether the path, as `relative_path` returns it, does not begin in the folder of the list."""
    return _ABSOLUTE.match(path) is not None
