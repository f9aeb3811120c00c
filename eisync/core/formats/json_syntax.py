"""Walk JSON text without making objects of it: how much it would become, and where its members are.

Text that is bounded may become objects that are not: 15 MB of `[],[],` are 480 MB of lists. Here only places in the
text come out, so that whoever reads it parses what is wanted and as much as is bearable. What is between the places is
not checked; a parser does that with each of them.

Follow the brackets of a JSON document, chunk after chunk, without making anything of it.

What stands outside of texts is found by means that cost some nanoseconds a byte. That finds every document that was
cut, and not every document that is wrong: the service judges those.

Source: RFC 8259, section 2.

Find where a JSON value ends, and of how many values it is made, without making any of them.

Text comes chunk by chunk. What stands outside of texts is found by means that cost some nanoseconds a character:
whoever writes 14 MB of brackets must not keep us busy, nor make us hold what they become.
"""

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from typing import Any

from eisync.core.formats.magic import HEAD_BYTES
from eisync.core.formats.probe import Completeness, Truncated, Undecidable, foreign
from eisync.core.text import amount

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


DEEPEST = 512

_BLANKS = b" \t\r\n"
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'"[]{},'))
_ANOTHER_BEGINS = re.compile(rb"[\]}][\[{]")  # within one document a comma stands between them
_PAIRS = (b"[]", b"{}")
_OPENING = {ord("]"): ord("["), ord("}"): ord("{")}


class Brackets:
    """The brackets of a document that are open so far, chunk after chunk."""

    def __init__(self) -> None:
        self.has_begun = False
        self.ended_at: int | None = None
        self.nul_at: int | None = None
        self.is_in_text = False
        self._stack = b""
        self._last = b""
        self._is_escaped = False

    def unclosed(self, size: int) -> Truncated:
        """Say what is not closed at the end of the file, which has `size` bytes."""
        brackets = amount(len(self._stack), "bracket")
        what = "a text" if self.is_in_text else brackets if self._stack else "a value"
        return Truncated(f"JSON has {what} that it does not close; the file has {size:,} bytes")

    def after(self, chunk: bytes, offset: int) -> Completeness | None:
        """Take the next chunk. Return a verdict when there is no need to go on.

        Nothing is taken from the first NUL byte on, which `nul_at` tells then.
        """
        nul = chunk.find(b"\0")
        if nul >= 0:
            self.nul_at = offset + nul
            chunk = chunk[:nul]
        if self.ended_at is not None:
            return _behind(chunk)
        if not self.has_begun:
            begins = (chunk if offset else chunk.removeprefix(b"\xef\xbb\xbf")).lstrip(_BLANKS)
            if not begins:
                return None
            if begins[:1] not in (b"{", b"["):
                return foreign("a JSON object or list", begins[:HEAD_BYTES])
            self.has_begun = True
        return self._within(chunk, offset)

    def _within(self, chunk: bytes, offset: int) -> Completeness | None:
        structure = self._structure_of(chunk)
        if _ANOTHER_BEGINS.search(self._last + structure):
            return Undecidable("it holds more than one JSON document, and more may follow")
        self._last = structure[-1:] or self._last
        stack = _closed(self._stack + structure.translate(None, b","))
        if stack is None:
            return Undecidable("its brackets do not match, so it is not JSON; the service will judge it")
        if len(stack) > DEEPEST:
            return Undecidable(f"it is nested deeper than {DEEPEST} brackets")
        self._stack = stack
        if stack or self.is_in_text:
            return None
        # Nothing is open after this chunk: the document ended in it, with its last bracket if all is well.
        last = max(chunk.rfind(b"]"), chunk.rfind(b"}"))
        self.ended_at = offset + last
        return _behind(chunk[last + 1 :])

    def _structure_of(self, chunk: bytes) -> bytes:
        """The brackets and commas in the chunk that stand outside of texts."""
        if self._is_escaped:
            chunk = chunk[1:]
        self._is_escaped = False
        if b"\\" in chunk:
            chunk = _ESCAPED.sub(b"", chunk)
            # A lone backslash is the chunk's last byte, and escapes the next one's first.
            self._is_escaped = chunk.endswith(b"\\")
        pieces = chunk.translate(None, _NOT_STRUCTURE).split(b'"')
        outside = pieces[1 if self.is_in_text else 0 :: 2]
        self.is_in_text ^= len(pieces) % 2 == 0
        return b"".join(outside)


def _behind(chunk: bytes) -> Completeness | None:
    """Decide by the bytes behind the last bracket; None when they are blanks."""
    return (
        Undecidable("more data follows its last bracket, perhaps not all of it yet") if chunk.strip(_BLANKS) else None
    )


def _closed(brackets: bytes) -> bytes | None:
    """`brackets` without the pairs in it; None when one is closed that was not opened."""
    for _ in range(32):
        before = len(brackets)
        for pair in _PAIRS:
            brackets = brackets.replace(pair, b"")
        if len(brackets) == before:
            break
    stack = bytearray()
    for bracket in brackets:
        if bracket not in _OPENING:
            stack.append(bracket)
        elif not stack or stack.pop() != _OPENING[bracket]:
            return None
    return bytes(stack)


_STEPS = [0] * 256
for _bracket in b"[{":
    _STEPS[_bracket] = 1
for _bracket in b"]}":
    _STEPS[_bracket] = -1
_BEHIND_A_SCALAR = re.compile(r"[\s,\]}]")


@dataclass(frozen=True, slots=True)
class _State:
    depth: int = 0
    is_in_text: bool = False
    is_escaped: bool = False
    values: int = 0


class Extent:
    """Of one value, which begins with the first chunk's first character."""

    def __init__(self, first: str) -> None:
        """`first` is the value's first character."""
        self._first = first
        self._state = _State()

    @property
    def values(self) -> int:
        """How many values were met so far, of this one; never less than there are, but for itself."""
        return self._state.values

    @property
    def is_scalar(self) -> bool:
        """Whether it is a number or a word, which the end of the text ends, too."""
        return self._first not in '[{"'

    def end_in(self, chunk: str) -> int | None:
        """Take the next chunk. Returns where the value ends in it (behind its last character), or None."""
        if self.is_scalar:
            found = _BEHIND_A_SCALAR.search(chunk)
            return None if found is None else found.start()
        begins = 0
        while True:
            after, has_end = self._after(chunk)
            if not has_end:
                self._state = after
                return None
            if len(chunk) == 1:
                self._state = after
                return begins + 1
            # The end is in it: in its first half, or behind that.
            middle = len(chunk) // 2
            before, is_in_first = self._after(chunk[:middle])
            if is_in_first:
                chunk = chunk[:middle]
            else:
                self._state, begins, chunk = before, begins + middle, chunk[middle:]

    def _after(self, chunk: str) -> tuple[_State, bool]:
        """What is open after the chunk, and whether the value ends in it."""
        state = self._state
        raw = (chunk[1:] if state.is_escaped else chunk).encode("utf-8", "surrogatepass")
        is_escaped = False
        if b"\\" in raw:
            raw = _ESCAPED.sub(b"", raw)
            is_escaped = raw.endswith(b"\\")  # it escapes the next chunk's first character
        pieces = raw.translate(None, _NOT_STRUCTURE).split(b'"')
        is_in_text = state.is_in_text ^ (len(pieces) % 2 == 0)
        if self._first == '"':
            return replace(state, is_in_text=is_in_text, is_escaped=is_escaped), self._text_ends(len(pieces) - 1)
        outside = b"".join(pieces[1 if state.is_in_text else 0 :: 2])
        opened = outside.count(b"[") + outside.count(b"{")
        closed = outside.count(b"]") + outside.count(b"}")
        values = state.values + opened + outside.count(b",")
        after = _State(state.depth + opened - closed, is_in_text, is_escaped, values)
        return after, closed > 0 and closed >= state.depth and _reaches_zero(outside, state.depth)

    def _text_ends(self, quotes: int) -> bool:
        return quotes >= (1 if self._state.is_in_text else 2)


def _reaches_zero(outside: bytes, depth: int) -> bool:
    brackets = outside.translate(None, b",")
    depths = accumulate(map(_STEPS.__getitem__, brackets), initial=depth)
    return 0 in islice(depths, 1, None)


def json_object(body: bytes | bytearray, *, most: int | None = MOST_STRUCTURE) -> dict[str, Any] | None:
    """Return what the body says, where it is a JSON object of at most so many values; None for `most`: of any size."""
    if most is not None and structure(body) > most:
        return None  # it would become a hundred times as large as it is
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None
