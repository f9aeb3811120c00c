r"""Read a TextGrid of Praat, as a long or a short text.

Praat reads only the texts in quotes, the numbers that stand alone, and flags such as `<exists>`; everything else, such
as `xmin =`, is for people. So both forms are one: times in seconds, names and labels in a fixed order. A quote in a
text is doubled. An interval without a text is a gap; tiers of points are not sent, because a point is no stretch.

Sources: the Praat manual, "TextGrid file formats"; readtextgrid, "Textgrid specification".
"""

import re
from collections.abc import Iterable, Iterator

from eisync.core.annotations.rows import lines
from eisync.core.annotations.stretches import checked_label, described
from eisync.core.labels.entry import Entry, Stretch

_HEAD = re.compile(r'\ufeff?\s*(?:File type\s*=\s*)?"ooTextFile"\s+(?:Object class\s*=\s*)?"TextGrid')
_TOKEN = re.compile(
    r'(?P<text>"(?:[^"]++|"")*+")|(?P<open>".*)|(?P<comment>![^\n]*)|(?P<flag><[a-z]+>)'
    r"|(?<!\S)(?P<number>[-+]?[0-9]{1,15}(?:\.[0-9]{0,20})?(?:[eE][-+]?[0-9]{1,2})?)s?(?!\S)",
    re.DOTALL,
)
_MOST_LINES_OF_A_TEXT = 100
_INTERVALS, _POINTS = "IntervalTier", "TextTier"


def recognises(name: str, head: str) -> bool:
    """Return whether the file is a TextGrid.

    >>> recognises("a.TextGrid", 'File type = "ooTextFile"\\nObject class = "TextGrid"\\n')
    True
    """
    return name.lower().endswith((".textgrid", ".txt")) and _HEAD.match(head) is not None


def entries(pieces: Iterable[str]) -> Iterator[Entry]:
    """Yield one entry with the stretches, and an empty path: a TextGrid is about one recording.

    Raises ValueError when it is no TextGrid.
    """
    yield described(_stretches(_Tokens(lines(pieces))))


class _Tokens:
    """Take the texts, numbers and flags one by one. `line` is the line of the last one."""

    def __init__(self, text: Iterator[str]) -> None:
        self._found = _tokens(text)
        self.line = 0

    def text(self) -> str:
        return self._next("text")[1:-1].replace('""', '"')

    def number(self) -> float:
        return float(self._next("number"))

    def flag(self) -> str:
        return self._next("flag")

    def _next(self, wanted: str) -> str:
        found = next(self._found, None)
        if found is None:
            raise ValueError(f"it ends after line {self.line}, where a {wanted} is expected")
        self.line, kind, token = found
        if kind != wanted:
            raise ValueError(f"line {self.line}: a {wanted} is expected")
        return token


def _tokens(read: Iterator[str]) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the kind and the text of each token."""
    held, began = "", 0
    for number, line in enumerate(read, 1):
        text, held = f"{held}{line}\n", ""
        where = began or number
        for found in _TOKEN.finditer(text):
            kind = found.lastgroup
            if kind == "open":
                held = found[0]
            elif kind is not None and kind != "comment":
                yield where, kind, found[kind]
            where = number
        began = (began or number) if held else 0
        if began and number - began > _MOST_LINES_OF_A_TEXT:
            break
    if held:
        raise ValueError(f"line {began}: a text is not closed by a quote")


def _stretches(tokens: _Tokens) -> Iterator[tuple[str, Stretch | None]]:
    if tokens.text() != "ooTextFile" or tokens.text() != "TextGrid":
        raise ValueError("it is not a TextGrid")
    tokens.number()
    tokens.number()
    if tokens.flag() != "<exists>":
        raise ValueError("it has no tiers")
    for _ in range(int(tokens.number())):
        kind, name = tokens.text(), tokens.text()
        if kind not in (_INTERVALS, _POINTS):
            raise ValueError(f"line {tokens.line}: a tier is neither {_INTERVALS} nor {_POINTS}")
        tokens.number()
        tokens.number()
        yield name, None
        for _ in range(int(tokens.number())):
            if kind == _POINTS:
                tokens.number()
                tokens.text()
            elif (stretch := _interval(tokens)) is not None:
                yield name, stretch


def _interval(tokens: _Tokens) -> Stretch | None:
    start_s = tokens.number()
    where = f"line {tokens.line}"
    end_s, text = tokens.number(), tokens.text()
    return Stretch(checked_label(text, where), start_s, end_s, where) if text.strip() else None
