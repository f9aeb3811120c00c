"""Report what is wrong with a configuration, as sentences with the line of each fault.

`eisync.toml:7: watch[0].labl: unknown key (did you mean "label"?)`

All faults are collected, so that one run shows all of them. A sentence never quotes a value of the wrong type or of an
unknown key, because it could be an API key. If a name is an API key, it is removed from the sentence.

tomllib does not return the lines of values, so `find_lines` parses the text again. It gets only text that tomllib has
accepted, and only finds where keys, strings and brackets begin and end. When it does not understand something, it stops
and returns the lines found so far, because line numbers are optional. Source: TOML 1.0.0, https://toml.io/en/v1.0.0
"""

import contextlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from eisync.core.redaction import KEYS
from eisync.settings.models import NESTED, SEVERAL, TABLES, Layout

Location = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BARE_KEY = re.compile(r"[^\s.=\[\]{},\"'#]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # up to two quotes are allowed right before the closing three
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def find_lines(text: str) -> dict[Location, int]:
    """Return the line (from 1) of every table and key in `text`, such as `("watch", 0, "label")`."""
    parser = _LineParser(text)
    with contextlib.suppress(_UnexpectedTextError, IndexError, RecursionError, tomllib.TOMLDecodeError):
        parser.document()
    return parser.lines


class _UnexpectedTextError(Exception):
    """The parser does not understand the text."""


class _LineParser:
    """One pass over the text. `at` is the current position."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Location, int] = {}
        self.lengths: dict[Location, int] = {}  # the lengths of the arrays of tables

    def document(self) -> None:
        table: Location = ()
        while self.skip_blank() < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)

    def header(self) -> Location:
        """Read `[a.b]` or `[[a.b]]`, and return the location of the keys below it."""
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
        """Read `a.b = value`, in a table or in braces."""
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
        """Read a dotted key, and return its parts."""
        keys = [self.key()]
        while self.text.startswith(".", self.skip_blank()):
            self.at += 1
            keys.append(self.key())
        return keys

    def key(self) -> str:
        self.skip_blank()
        if self.text[self.at] in "\"'":
            # Use tomllib, so that escapes are read in the same way as in the values.
            return str(tomllib.loads(f"key = {self.match(_STRING)}")["key"])
        return self.match(_BARE_KEY)

    def inside(self, location: Location) -> Location:
        """Return the location of the last table of an array of tables; any other location unchanged."""
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
            raise _UnexpectedTextError
        self.at += 1

    def match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if not found:
            raise _UnexpectedTextError
        self.at = found.end()
        return found[0]


_SENTENCES = {
    "bool_type": "must be true or false",
    "dict_type": "must be a table",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "model_type": "must be a table",
    "path_type": "must be a path in quotes",
    "string_type": "must be text in quotes",
    "tuple_type": "must be a list in brackets",
    "string_too_short": "must not be empty",
    "string_too_long": "must not be longer than {max_length} characters",
    "too_long": "must not have more than {max_length} entries",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "missing": "is missing",
    "value_error": "{error}",
}


class Problems:
    """Collect the faults.

    `file` is the name of the configuration file for a person, `lines` has the line of each key, and `variables` has the
    values that come from the environment.
    """

    def __init__(
        self,
        file: str | None = None,
        lines: Mapping[Location, int] | None = None,
        variables: Mapping[Location, str] | None = None,
    ) -> None:
        self.file = file
        self._lines = lines or {}
        self._variables = dict(variables or {})
        self._found: list[tuple[int, str]] = []

    def add(self, location: Location, what: str) -> None:
        """Add a fault of the value at `location`, from the file or from the environment."""
        variable = self._variables.get(location)
        if variable:
            self.say(f"{variable}: {what}")
        elif self.file is None:
            self.say(f"{dotted(location)}: {what}")
        else:
            line = self._line(location)
            place = self.file if line is None else f"{self.file}:{line}"
            self._found.append((line or 0, f"{place}: {dotted(location)}: {what}"))

    def came_from(self, location: Location, variable: str) -> None:
        """Record that the value at `location` comes from an environment variable, which its faults then name."""
        self._variables[location] = variable

    def place_of(self, location: Location) -> str | None:
        """Return the variable, or the file and line, that gives the value at `location`; None when none does."""
        if location in self._variables:
            return self._variables[location]
        return f"{self.file}:{self._lines[location]}" if location in self._lines else None

    def say(self, sentence: str) -> None:
        """Add a fault without a place in the file."""
        self._found.append((2**31, sentence))

    def sentences(self) -> tuple[str, ...]:
        """Return each fault once: those of the file in the order of its lines, then the others."""
        found = sorted(self._found, key=lambda found: found[0])
        return tuple(dict.fromkeys(KEYS.without_keys(sentence) for _, sentence in found))

    def _line(self, location: Location) -> int | None:
        """Return the line of the key, or of the table around it when the key is missing."""
        for end in range(len(location), 0, -1):
            if location[:end] in self._lines:
                return self._lines[location[:end]]
        return None


def fault_text(error: ErrorDetails, location: Location) -> str:
    """Return pydantic's error at `location` as the end of a sentence."""
    if error["type"] == "extra_forbidden":
        return unknown_key(location)
    if error["type"] == "tuple_type" and (table := _names(location)) in SEVERAL:
        return several(table)
    context = error.get("ctx", {})
    if error["type"] in ("literal_error", "enum"):
        expected = str(context["expected"]).replace("'", '"')
        return f"must be one of {expected}" if " or " in expected else f"must be {expected}"
    sentence = _SENTENCES.get(error["type"])
    return sentence.format(**context) if sentence else error["msg"]


def unknown_key(location: Location) -> str:
    """Return the fault of an unknown key, with the key that was probably meant or the table in which it belongs."""
    key = str(location[-1])
    model: type[BaseModel] = Layout
    if len(location) > 1:
        model = NESTED.get(_names(location[:-1])) or TABLES[str(location[0])]
    hint = did_you_mean(key, model.model_fields)
    if not hint:
        tables = {**TABLES, **NESTED}
        homes = [name for name, table in tables.items() if key in table.model_fields and table is not model]
        hint = f" (it belongs in the table {bracketed(homes[0])})" if homes else ""
    return f"unknown key{hint}"


def did_you_mean(word: str, known: Iterable[str], *, prefix: str = "") -> str:
    """Return ` (did you mean "label"?)`; an empty text when no known word is similar.

    All words begin with `prefix`. It is left out of the comparison, because otherwise all words would be similar.
    """
    near = get_close_matches(word.removeprefix(prefix), [other.removeprefix(prefix) for other in known], n=1)
    return f' (did you mean "{prefix}{near[0]}"?)' if near else ""


def bracketed(table: str) -> str:
    """Return the heading of a table in the file."""
    return f"[[{table}]]" if table in SEVERAL else f"[{table}]"


def _names(location: Location) -> str:
    """Return `("watch", 0, "rule", 1)` as `watch.rule`."""
    return ".".join(part for part in location if isinstance(part, str))


def several(table: str) -> str:
    """Return what to write instead of a single table where there can be several."""
    return f"write {bracketed(table)} with two brackets on each side: there can be several"


def dotted(location: Sequence[str | int]) -> str:
    """Return `("watch", 0, "label")` as `watch[0].label`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")
