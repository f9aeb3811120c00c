"""Find how many values a JSON acquisition has, and their interval, without holding it in memory.

Only the part that was read last is kept. The values are counted by their brackets or commas. Reading ends as soon as
both numbers are known, so that the file need not be complete.

Source: the wire contract, section 2 (data acquisition format).
"""

import re
from collections.abc import Callable, Generator
from itertools import islice

from eisync.core.formats.json_syntax import Extent
from eisync.core.formats.probe import CHUNK_BYTES, Read, Undecidable

_Take = Callable[[bytes], Generator[Read, bytes, bool]]

_MARK = b"\xef\xbb\xbf"
_LONGEST_NAME = 2 * CHUNK_BYTES
_MAX_MEMBERS = 1_000
_BLANKS = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_LONGEST_NUMBER = 64
_OF_NUMBERS = b"-+0123456789.eE"
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]"))
_BRACKET = re.compile(rb"[\[\]]")
_PAIRS = re.compile(rb"(?:\[\])*+")


class _Unusable(ValueError):
    """The text gives no number of values, for the reason in the message."""


_OTHER = "it is not a JSON acquisition with payload.interval_ms and payload.values"


def count_json(size: int) -> Generator[Read, bytes, tuple[int, float] | Undecidable]:
    """Return the number of values and their interval (ms), or why the file does not give them."""
    found: dict[bytes, float] = {}
    text = _Text(size)

    def take_payload(name: bytes) -> Generator[Read, bytes, bool]:
        if name == b'"interval_ms"':
            found[name] = yield from _number(text)
        elif name == b'"values"':
            found[name] = yield from _count(text)
        else:
            yield from text.skip()
        return len(found) > 1

    def take(name: bytes) -> Generator[Read, bytes, bool]:
        if name != b'"payload"':
            yield from text.skip()
            return False
        yield from _object(text, take_payload)
        return True

    try:
        yield from _object(text, take)
    except _Unusable as error:
        return Undecidable(str(error))
    if len(found) < 2:
        return Undecidable(_OTHER)
    return int(found[b'"values"']), found[b'"interval_ms"']


class _Text:
    """The text from the next byte that is not taken yet, up to the last one that was read."""

    def __init__(self, size: int) -> None:
        self.rest = b""
        self._offset = 0
        self._size = size

    def more(self) -> Generator[Read, bytes, bool]:
        """Read more. Return whether there was more."""
        if self._offset >= self._size:
            return False
        chunk = yield Read(self._offset, min(CHUNK_BYTES, self._size - self._offset))
        self.rest += chunk if self._offset else chunk.removeprefix(_MARK)
        self._offset += len(chunk)
        return True

    def must_read(self) -> Generator[Read, bytes, None]:
        if not (yield from self.more()):
            raise _Unusable("it ends in the middle")

    def next(self) -> Generator[Read, bytes, bytes]:
        """Return the next byte that is no blank, without taking it. Take the blanks before it."""
        while True:
            found = _BLANKS.match(self.rest)
            self.rest = self.rest[found.end() if found else 0 :]
            if self.rest:
                return self.rest[:1]
            yield from self.must_read()

    def take(self, *wanted: bytes) -> Generator[Read, bytes, bytes]:
        found = yield from self.next()
        if found not in wanted:
            raise _Unusable(_OTHER)
        self.rest = self.rest[1:]
        return found

    def string(self) -> Generator[Read, bytes, bytes]:
        """Take a text, and return it with its quotes and escapes."""
        yield from self.next()
        while True:
            found = _STRING.match(self.rest)
            if found is not None:
                self.rest = self.rest[found.end() :]
                return found[0]
            if self.rest[:1] != b'"' or len(self.rest) > _LONGEST_NAME:
                raise _Unusable(_OTHER)
            yield from self.must_read()

    def skip(self) -> Generator[Read, bytes, None]:
        """Take the next value, of any size."""
        extent = Extent((yield from self.next()).decode("latin-1"))
        while True:
            end = extent.end_in(self.rest.decode("latin-1"))
            self.rest = b"" if end is None else self.rest[end:]
            if end is not None:
                return
            yield from self.must_read()


def _object(text: _Text, take: _Take) -> Generator[Read, bytes, None]:
    """Take an object. `take` gets the name of each member and takes its value. Once it returns True, leave the rest."""
    yield from text.take(b"{")
    if (yield from text.next()) == b"}":
        yield from text.take(b"}")
        return
    for _ in range(_MAX_MEMBERS):
        name = yield from text.string()
        yield from text.take(b":")
        if (yield from take(name)) or (yield from text.take(b",", b"}")) == b"}":
            return
    raise _Unusable(_OTHER)


def _number(text: _Text) -> Generator[Read, bytes, float]:
    yield from text.next()
    written = text.rest[:_LONGEST_NUMBER]
    if len(written) < _LONGEST_NUMBER:
        yield from text.more()  # the number may continue there
        written = text.rest[:_LONGEST_NUMBER]
    written = written[: len(written) - len(written.lstrip(_OF_NUMBERS))]
    text.rest = text.rest[len(written) :]
    try:
        return float(written)
    except ValueError:
        raise _Unusable("its interval_ms is not a number") from None


def _count(text: _Text) -> Generator[Read, bytes, int]:
    """Take a list of numbers, or of lists of numbers, and return how many elements it has."""
    yield from text.take(b"[")
    first = yield from text.next()
    if first == b"]":
        yield from text.take(b"]")
        return 0
    return (yield from _count_rows(text) if first == b"[" else _count_numbers(text))


def _count_numbers(text: _Text) -> Generator[Read, bytes, int]:
    count = 1
    while True:
        end = text.rest.find(b"]")
        part = text.rest if end < 0 else text.rest[:end]
        _check_numbers(part, b'"{[')
        count += part.count(b",")
        text.rest = text.rest[len(part) :]
        if end >= 0:
            yield from text.take(b"]")
            return count
        yield from text.must_read()


def _count_rows(text: _Text) -> Generator[Read, bytes, int]:
    count = 0
    is_inside = False
    while True:
        brackets = (b"[" if is_inside else b"") + text.rest.translate(None, _NOT_BRACKETS)
        pairs = _PAIRS.match(brackets)
        at = pairs.end() if pairs else 0
        count += at // 2
        if brackets[at:] not in (b"", b"["):
            if brackets[at] != ord("]"):
                raise _Unusable("its values are lists in lists")
            last = next(islice(_BRACKET.finditer(text.rest), at - is_inside, None))
            _check_numbers(text.rest[: last.start()], b'"{')
            text.rest = text.rest[last.end() :]
            return count
        is_inside = brackets[at:] == b"["
        _check_numbers(text.rest, b'"{')
        text.rest = b""
        yield from text.must_read()


def _check_numbers(part: bytes, barred: bytes) -> None:
    if any(one in part for one in barred):
        raise _Unusable("its values are not numbers in the file itself")
