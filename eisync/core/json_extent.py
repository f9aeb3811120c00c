"""Find where a JSON value ends, and of how many values it is made, without making any of them.

Text comes chunk by chunk. What stands outside of texts is found by means that cost some nanoseconds a character:
whoever writes 14 MB of brackets must not keep us busy, nor make us hold what they become.
"""

import re
from dataclasses import dataclass, replace
from itertools import accumulate, islice

_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'"[]{},'))
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
        while chunk:
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
        return None

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
