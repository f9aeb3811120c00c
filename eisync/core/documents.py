"""Whether documents are whole: JSON by its brackets, CBOR by its items, Parquet by its footer. A table has no end.

A JSON document of 100 MB is never held in memory: what decides is whether every bracket outside of texts is closed and
nothing but blanks follows; a small one is parsed as well. That finds every document that was cut, and not every
document that is wrong: the service judges those.

Sources: RFC 8259 (JSON); RFC 8949, section 3 (CBOR); the Parquet format's README, "File format".
"""

import json
import re
import struct

from eisync.core.evidence import CHUNK_BYTES, CannotTell, Cut, Read, Verdict, Walk, Whole, unlike

PARSED_BYTES = CHUNK_BYTES
"""Documents up to this size are parsed."""
DEEPEST = 512

_BLANKS = b" \t\r\n"
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'"[]{},'))
_ANOTHER_BEGINS = re.compile(rb"[\]}][\[{]")  # within one document a comma stands between them
_BEHIND_THE_END = re.compile(rb"[^ \t\r\n]")
_PAIRS = (b"[]", b"{}")
_OPENING = {ord("]"): ord("["), ord("}"): ord("{")}


def table(size: int) -> Walk:
    """CSV and TXT: nothing tells that they end, but space that was reserved and not filled tells that they do not."""
    length = min(size, 16)
    tail = yield Read(size - length, length)
    if not tail.strip(b"\0"):
        return Cut(f"it ends in NUL bytes: space that nothing was written into yet; the file has {size:,} bytes")
    return CannotTell("its format has no end mark")


def parquet(size: int) -> Walk:
    """Parquet: its name at both ends, and before the last one a footer of a stated length."""
    head = yield Read(0, min(size, 4))
    if not b"PAR1".startswith(head):
        return unlike("a Parquet file", head)
    if size < 12:
        return Cut(f"Parquet has no footer; the file has {size:,} bytes")
    tail = yield Read(size - 8, 8)
    length = struct.unpack("<I", tail[:4])[0]
    if tail[4:] != b"PAR1" or not 0 < length <= size - 12:
        return Cut(f"Parquet has no footer, which is written last; the file has {size:,} bytes")
    first = yield Read(size - 8 - length, 1)
    if first != b"\x15":  # the format's version, the first field of every footer
        return Cut(f"Parquet has no footer, which is written last; the file has {size:,} bytes")
    return Whole("its Parquet footer is there")


def document(size: int) -> Walk:
    """JSON, if it is an object or a list."""
    head = yield Read(0, min(size, CHUNK_BYTES))
    trouble = _not_a_document(head, size)
    if trouble is not None:
        return trouble
    del head
    brackets = _Brackets()
    for offset in range(0, size, CHUNK_BYTES):
        found = brackets.after((yield Read(offset, min(CHUNK_BYTES, size - offset))), offset)
        if found is not None:
            return found
    if brackets.ended_at is None:
        return Cut(f"JSON has {brackets.open} that it does not close; the file has {size:,} bytes")
    if size > PARSED_BYTES:
        return Whole("every bracket of its JSON is closed, and nothing follows")
    return _parsed((yield Read(0, size)))


def _not_a_document(head: bytes, size: int) -> Verdict | None:
    begins = head.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANKS)
    if not begins:
        return Cut(f"there are only blanks in it; the file has {size:,} bytes")
    if begins[:1] in (b"{", b"["):
        return None
    return unlike("a JSON object or list", begins[:8])


def _parsed(raw: bytes) -> Verdict:
    try:
        json.loads(raw.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        where = f" ({error.msg} at byte {error.pos:,})" if isinstance(error, json.JSONDecodeError) else ""
        return CannotTell(f"its brackets are closed, but it is not JSON{where}; the service will judge it")
    return Whole("it parses as JSON")


class _Brackets:
    """The brackets of a document that are open so far, chunk after chunk."""

    def __init__(self) -> None:
        self.ended_at: int | None = None
        self._stack = b""
        self._last = b""
        self._is_in_text = False
        self._is_escaped = False

    @property
    def open(self) -> str:
        """What is not closed, for a person."""
        if self._is_in_text:
            return "a text"
        return f"{len(self._stack):,} bracket{'' if len(self._stack) == 1 else 's'}"

    def after(self, chunk: bytes, offset: int) -> Verdict | None:
        """Take the next chunk. A verdict when there is no need to go on."""
        if self.ended_at is not None:
            return _behind(chunk, offset)
        if b"\0" in chunk:
            return unlike("JSON", b"\0", offset=offset + chunk.index(b"\0"))
        structure = self._structure_of(chunk)
        if _ANOTHER_BEGINS.search(self._last + structure):
            return CannotTell("there is more than one JSON document in it, and still more may follow")
        self._last = structure[-1:] or self._last
        stack = _closed(self._stack + structure.translate(None, b","))
        if stack is None:
            return CannotTell("its brackets do not match, so it is not JSON; the service will judge it")
        if len(stack) > DEEPEST:
            return CannotTell(f"it is nested deeper than {DEEPEST} brackets")
        self._stack = stack
        if stack or self._is_in_text:
            return None
        return self._end(chunk, offset)

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
        outside = pieces[1 if self._is_in_text else 0 :: 2]
        self._is_in_text ^= len(pieces) % 2 == 0
        return b"".join(outside)

    def _end(self, chunk: bytes, offset: int) -> Verdict | None:
        """Nothing is open after this chunk: the document ended in it, with its last bracket if all is well."""
        last = max(chunk.rfind(b"]"), chunk.rfind(b"}"))
        self.ended_at = offset + last
        return _behind(chunk[last + 1 :], self.ended_at + 1)


def _behind(chunk: bytes, offset: int) -> Verdict | None:
    """What to say of the bytes behind the last bracket; None when they are blanks."""
    found = _BEHIND_THE_END.search(chunk)
    if found is None:
        return None
    rest = chunk[found.start() : found.start() + 8]
    if not rest.strip(b"\0"):
        return unlike("JSON", rest, offset=offset + found.start())
    return CannotTell("more follows behind its last bracket, and still more may")


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
