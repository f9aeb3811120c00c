"""Walk JSON text without making objects of it: how much it would become, and where its members are.

Text that is bounded may become objects that are not: 15 MB of `[],[],` are 480 MB of lists. Here only places in the
text come out, so that whoever reads it parses what is wanted and as much as is bearable. What is between the places is
not checked; a parser does that with each of them.
"""

import functools
import re
from collections.abc import Iterator

MOST_STRUCTURE = 100_000
"""Text with so many of `[`, `{`, `,` and `:` becomes 12 MB of objects at most, whatever they are (measured: up to 112
bytes for each). A page of 1000 samples has 75,000.
"""

Text = bytes | bytearray

_DEPTH = 12  # so deep a value is stepped over at the speed of the pattern, a deeper one bracket by bracket
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)


@functools.cache
def _nested(depth: int = _DEPTH) -> re.Pattern[bytes]:
    """Not made before it is needed: that takes a while, and most commands never do."""
    inner = rb'[^"\[\]{}]++|' + _STRING
    pattern = rb"[\[{](?:" + inner + rb")*+[\]}]"
    for _ in range(depth - 1):
        pattern = rb"[\[{](?:" + inner + rb"|" + pattern + rb")*+[\]}]"
    return re.compile(pattern, re.DOTALL)


_PLAIN = re.compile(_STRING + rb'|[^\s"\[\]{},:]++', re.DOTALL)
_SPACE = re.compile(rb"[\s,]*+")
_KEY = re.compile(rb"(" + _STRING + rb")\s*+:\s*+", re.DOTALL)


def structure(text: Text) -> int:
    """How many values `text` may become, and no fewer than it does."""
    return len(text) - len(text.translate(None, b"[{,:"))


def members(text: Text, at: int) -> Iterator[tuple[bytes, int, int]]:
    """The members of the object that begins at `at`: the key as it is written, and from where to where its value is.

    Ends where the text does not go on as an object: at its end, or where it is cut or broken.
    """
    if text[at : at + 1] != b"{":
        return
    at += 1
    while True:
        key = _KEY.match(text, _after_space(text, at))
        if key is None:
            return
        end = value_end(text, key.end())
        if end is None:
            return
        yield key[1][1:-1], key.end(), end
        at = end


def elements(text: Text, at: int) -> Iterator[tuple[int, int]]:
    """From where to where the elements of the array are that begins at `at`; it ends as `members` does."""
    if text[at : at + 1] != b"[":
        return
    at += 1
    while True:
        start = _after_space(text, at)
        end = value_end(text, start)
        if end is None:
            return
        yield start, end
        at = end


def value_end(text: Text, at: int) -> int | None:
    """Where the value that begins at `at` ends; None where there is none, or it is cut."""
    plain = _PLAIN.match(text, at)
    if plain is not None:
        is_cut = plain.end() == len(text) and text[at : at + 1] != b'"'  # a number may go on
        return None if is_cut else plain.end()
    nested = _nested().match(text, at)
    if nested is not None:
        return nested.end()
    return _end_of_deep(text, at) if text[at : at + 1] in (b"[", b"{") else None


def _end_of_deep(text: Text, at: int) -> int | None:
    depth = 0
    for found in _BRACKETS.finditer(text, at):
        bracket = found[0]
        if bracket in (b"[", b"{"):
            depth += 1
        elif bracket in (b"]", b"}"):
            depth -= 1
            if depth == 0:
                return found.end()
    return None


def _after_space(text: Text, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
