"""Find the structure of JSON text without creating objects from it.

Bounded text can become unbounded objects: 15 MB of `[],[],` become 480 MB of lists. So these functions return positions
in the text, and the caller parses only the parts that it needs. Text between the positions is not checked; a parser
does that with each part. Three tools:

* `members`, `elements` and `structure` work on bytes that are in memory: where each part is, and how many values the
  text can become at most.
* `Brackets` follows the brackets of a document that comes in chunks. It detects every document that was cut, but not
  every document that is wrong; the service judges those.
* `Extent` finds where one value ends in text that comes in chunks, and counts the values in it.

The last two cost some nanoseconds a byte, so that 14 MB of brackets neither take long nor need memory.

Source: RFC 8259, section 2.
"""

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate, islice
from typing import Any

from eisync.core.formats.magic import HEAD_BYTES
from eisync.core.formats.probe import Completeness, Truncated, Undecidable, other_format
from eisync.core.model import value
from eisync.core.text import amount

MAX_STRUCTURE = 100_000
"""The most `[`, `{`, `,` and `:` in a text that is parsed as a whole. Text with this many becomes at most 12 MB of
objects (measured: up to 112 bytes for each). A page of 1000 samples has 75,000.
"""

Text = bytes | bytearray

_DEPTH = 12  # up to this depth one pattern skips a value; a deeper value is followed bracket by bracket
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{}]', re.DOTALL)


@functools.cache
def _nested(depth: int = _DEPTH) -> re.Pattern[bytes]:
    """Return the pattern of a nested value. Compile it on first use: that is slow, and most commands never need it."""
    inner = rb'[^"\[\]{}]++|' + _STRING
    pattern = rb"[\[{](?:" + inner + rb")*+[\]}]"
    for _ in range(depth - 1):
        pattern = rb"[\[{](?:" + inner + rb"|" + pattern + rb")*+[\]}]"
    return re.compile(pattern, re.DOTALL)


_PLAIN = re.compile(_STRING + rb'|[^\s"\[\]{},:]++', re.DOTALL)
_SPACE = re.compile(rb"[\s,]*+")
_KEY = re.compile(rb"(" + _STRING + rb")\s*+:\s*+", re.DOTALL)


def structure(text: Text) -> int:
    """Return an upper bound of the number of values that `text` becomes when it is parsed."""
    return len(text) - len(text.translate(None, b"[{,:"))


def members(text: Text, at: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield each member of the object that begins at `at`: its key as written, and where its value begins and ends.

    Stop where the text does not continue as an object: at the object's end, or where the text is cut or broken.
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


def member_starts(text: Text, at: int, *wanted: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the key of each member of the object at `at`, as written, and where its value begins.

    Stop after the `wanted` ones. The end of a value is only searched for when a next member is needed, so that a value
    which the end of the text cuts is found, too.
    """
    if text[at : at + 1] != b"{":
        return
    left = set(wanted)
    end: int | None = at + 1
    while left and end is not None and (key := _KEY.match(text, _after_space(text, end))) is not None:
        name = key[1][1:-1]
        yield name, key.end()
        left.discard(name)
        end = value_end(text, key.end()) if left else None


def elements(text: Text, at: int) -> Iterator[tuple[int, int]]:
    """Yield where each element of the array that begins at `at` begins and ends. Stop as `members` does."""
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
    """Return where the value that begins at `at` ends; None when there is no value, or it is cut."""
    plain = _PLAIN.match(text, at)
    if plain is not None:
        is_cut = plain.end() == len(text) and text[at : at + 1] != b'"'  # a number may continue
        return None if is_cut else plain.end()
    nested = _nested().match(text, at)
    if nested is not None:
        return nested.end()
    return _end_of_deep(text, at) if text[at : at + 1] in (b"[", b"{") else None


def _end_of_deep(text: Text, at: int) -> int | None:
    depth = 0
    for found in _BRACKETS.finditer(text, at):
        bracket = found[0]
        if bracket == b'"':
            return None  # the text ends within a string, whose brackets do not count
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
_ANOTHER_BEGINS = re.compile(rb"[\]}][\[{]")  # within one document a comma separates them
_PAIRS = (b"[]", b"{}")
_OPENING = {ord("]"): ord("["), ord("}"): ord("{")}


class Brackets:
    """Track which brackets of a document are open, chunk by chunk."""

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
        """Take the next chunk. Return a verdict when no more chunks are needed.

        Ignore everything from the first NUL byte on, and set `nul_at` to its position.
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
                return other_format("a JSON object or list", begins[:HEAD_BYTES])
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
        # No bracket is open after this chunk, so the document ended in it, normally with its last bracket.
        last = max(chunk.rfind(b"]"), chunk.rfind(b"}"))
        self.ended_at = offset + last
        return _behind(chunk[last + 1 :])

    def _structure_of(self, chunk: bytes) -> bytes:
        """Return the brackets and commas in the chunk that are outside of texts."""
        if self._is_escaped:
            chunk = chunk[1:]
        self._is_escaped = False
        if b"\\" in chunk:
            chunk = _ESCAPED.sub(b"", chunk)
            # A backslash that is left is the last byte of the chunk. It escapes the first byte of the next one.
            self._is_escaped = chunk.endswith(b"\\")
        pieces = chunk.translate(None, _NOT_STRUCTURE).split(b'"')
        outside = pieces[1 if self.is_in_text else 0 :: 2]
        self.is_in_text ^= len(pieces) % 2 == 0
        return b"".join(outside)


def _behind(chunk: bytes) -> Completeness | None:
    """Decide by the bytes after the last bracket; None when they are blanks."""
    return (
        Undecidable("more data follows its last bracket, perhaps not all of it yet") if chunk.strip(_BLANKS) else None
    )


def _closed(brackets: bytes) -> bytes | None:
    """Return `brackets` without the pairs in it; None when a bracket is closed that was not opened."""
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


@value
class _State:
    depth: int = 0
    is_in_text: bool = False
    is_escaped: bool = False
    values: int = 0


class Extent:
    """Find the end of one value, which begins with the first character of the first chunk."""

    def __init__(self, first: str) -> None:
        """`first` is the value's first character."""
        self._first = first
        self._state = _State()

    @property
    def values(self) -> int:
        """The number of values inside this one so far. It may be too high, but never too low."""
        return self._state.values

    @property
    def is_scalar(self) -> bool:
        """Whether the value is a number or a word. The end of the text ends these, too."""
        return self._first not in '[{"'

    def end_in(self, chunk: str) -> int | None:
        """Take the next chunk. Return where the value ends in it (after its last character), or None."""
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
            # The end is in this chunk. Halve the chunk until the end is found.
            middle = len(chunk) // 2
            before, is_in_first = self._after(chunk[:middle])
            if is_in_first:
                chunk = chunk[:middle]
            else:
                self._state, begins, chunk = before, begins + middle, chunk[middle:]

    def _after(self, chunk: str) -> tuple[_State, bool]:
        """Return the state after the chunk, and whether the value ends in the chunk."""
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


def json_object(body: bytes | bytearray, *, limit: int | None = MAX_STRUCTURE) -> dict[str, Any] | None:
    """Return the body as a JSON object; None when it is no object, or could become more than `limit` values.

    No limit is for answers whose size the caller chose.
    """
    if limit is not None and structure(body) > limit:
        return None  # it could need a hundred times its size in memory
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None
