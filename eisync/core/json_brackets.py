"""Follow the brackets of a JSON document, chunk after chunk, without making anything of it.

What stands outside of texts is found by means that cost some nanoseconds a byte. That finds every document that was
cut, and not every document that is wrong: the service judges those.

Source: RFC 8259, section 2.
"""

import re

from eisync.core.magic import HEAD_BYTES
from eisync.core.probe import Completeness, Truncated, Undecidable, foreign

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
        brackets = f"{len(self._stack):,} bracket{'' if len(self._stack) == 1 else 's'}"
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
