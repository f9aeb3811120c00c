"""Read JSON that never stands in memory as a whole: value by value, from pieces of text.

Python's own decoder reads each value; what is kept of a document is the value that is being read.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

LARGEST_VALUE = 16 * 1024 * 1024
"""No value of more characters is read."""

_BLANKS = " \t\r\n"
_BEHIND_A_VALUE = _BLANKS + ",]}"


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)


class Pieces:
    """Text that is read from its front. Everything raises ValueError for what is not JSON, or ends too early."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = iter(pieces)
        self._text = ""
        self._at = 0
        self.line = 1  # in which what is read next begins

    def next(self) -> str:
        """The next character that is no blank, which is not taken; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANKS:
                self.line += self._text[self._at] == "\n"
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, *wanted: str) -> str:
        """Take the next character, which must be one of these."""
        found = self.next()
        if found not in wanted or not found:
            what = " or ".join(map(repr, wanted))
            raise ValueError(f"{what} expected in line {self.line}, and found {repr(found) if found else 'the end'}")
        self._at += 1
        return found

    def value(self) -> Any:
        """Take the next value, whatever it is."""
        if not self.next():
            raise ValueError("it ends in the middle")
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                raise ValueError("it is nested too deeply") from None
            except json.JSONDecodeError as error:
                if not self._more():
                    line = self.line + self._text.count("\n", self._at, error.pos)
                    raise ValueError(f"{error.msg} in line {line}") from None
                continue
            # A number may go on, in the next piece or behind a point that is the last of this one.
            is_ended = self._text[end - 1] in ']}"' or self._text[end : end + 1] in tuple(_BEHIND_A_VALUE)
            if is_ended or not self._more():
                self.line += self._text.count("\n", self._at, end)
                self._at = end
                return value

    def members(self) -> Iterator[str]:
        """Take an object, but for its values: whoever is given a name takes the value."""
        self.take("{")
        if self.next() == "}":
            self._at += 1
            return
        while True:
            if self.next() != '"':
                raise ValueError(f"a name is missing in line {self.line}")
            name = self.value()
            self.take(":")
            yield name
            if self.take(",", "}") == "}":
                return

    def elements(self) -> Iterator[Any]:
        """Take a list, element by element."""
        self.take("[")
        if self.next() == "]":
            self._at += 1
            return
        while True:
            yield self.value()
            if self.take(",", "]") == "]":
                return

    def _more(self) -> bool:
        """Read more, in twice the size: what must be read again for it is then never more than that."""
        if len(self._text) - self._at > LARGEST_VALUE:
            raise ValueError(f"a value in line {self.line} has more than {LARGEST_VALUE:,} characters")
        kept = self._text[self._at :]
        gathered: list[str] = []
        size = 0
        for piece in self._pieces:
            gathered.append(piece)
            size += len(piece)
            if size >= len(kept):
                break
        self._text = kept + "".join(gathered)
        self._at = 0
        return size > 0
