"""Which line of a TOML text a key stands on; tomllib reads values and forgets where they were.

Works on text that tomllib has accepted, so that nothing has to be checked again: it only has to know where keys,
strings and brackets begin and end. A surprise ends the walk with what was found so far: a line number is a courtesy.

Source: TOML 1.0.0, https://toml.io/en/v1.0.0
"""

import contextlib
import re
import tomllib

Location = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BARE_KEY = re.compile(r"[^\s.=\[\]{},\"'#]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # up to two quotes may stand right before the closing three
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def find_lines(text: str) -> dict[Location, int]:
    """The line, from 1, of every table and key in `text`, such as `("watch", 0, "label")`."""
    walk = _Walk(text)
    with contextlib.suppress(_SurpriseError, IndexError, RecursionError, tomllib.TOMLDecodeError):
        walk.document()
    return walk.lines


class _SurpriseError(Exception):
    """The text is not what this walk expects."""


class _Walk:
    """One pass over the text; `at` is where it stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Location, int] = {}
        self.lengths: dict[Location, int] = {}  # of the arrays of tables

    def document(self) -> None:
        table: Location = ()
        while self.skip_blank() < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)

    def header(self) -> Location:
        """`[a.b]` or `[[a.b]]`, and where the keys below it belong."""
        start, is_array = self.at, self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        keys = self.keys()
        self.at += 2 if is_array else 1
        location: Location = ()
        for key in keys[:-1]:
            location = self.inside((*location, key))
            self.note(location, start)
        location = (*location, keys[-1])
        self.note(location, start)
        if is_array:
            self.lengths[location] = self.lengths.get(location, 0) + 1
            location = self.inside(location)
            self.note(location, start)
        return location

    def pair(self, table: Location) -> None:
        """`a.b = value`, in a table of its own or in braces."""
        start = self.at
        location = table
        for key in self.keys():
            location = (*location, key)
            self.note(location, start)
        self.expect("=")
        self.skip_blank()
        self.value(location)

    def value(self, location: Location) -> None:
        opening = self.text[self.at]
        if opening == "[":
            self.array(location)
        elif opening == "{":
            self.inline_table(location)
        elif opening in "\"'":
            self.match(_STRING)
        else:
            self.match(_SCALAR)

    def array(self, location: Location) -> None:
        self.expect("[")
        index = 0
        while self.text[self.skip_blank()] != "]":
            element = (*location, index)
            self.note(element, self.at)
            self.value(element)
            self.comma()
            index += 1
        self.expect("]")

    def inline_table(self, location: Location) -> None:
        self.expect("{")
        while self.text[self.skip_blank()] != "}":
            self.pair(location)
            self.comma()
        self.expect("}")

    def keys(self) -> list[str]:
        """A dotted key as its parts."""
        keys = [self.key()]
        while self.text.startswith(".", self.skip_blank()):
            self.at += 1
            keys.append(self.key())
        return keys

    def key(self) -> str:
        self.skip_blank()
        if self.text[self.at] in "\"'":
            # The one reader of escapes that is certain to agree with the one that read the values.
            return str(tomllib.loads(f"key = {self.match(_STRING)}")["key"])
        return self.match(_BARE_KEY)

    def inside(self, location: Location) -> Location:
        """The last table of an array of tables; any other table is itself."""
        length = self.lengths.get(location)
        return location if length is None else (*location, length - 1)

    def note(self, location: Location, offset: int) -> None:
        self.lines.setdefault(location, self.text.count("\n", 0, offset) + 1)

    def skip_blank(self) -> int:
        self.match(_BLANK)
        return self.at

    def comma(self) -> None:
        if self.text[self.skip_blank()] == ",":
            self.at += 1

    def expect(self, character: str) -> None:
        if self.text[self.skip_blank()] != character:
            raise _SurpriseError
        self.at += 1

    def match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if not found:
            raise _SurpriseError
        self.at = found.end()
        return found[0]
