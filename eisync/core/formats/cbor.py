"""Decide whether a CBOR file is complete: one item with everything it promises, and its samples if they follow it.

The item is followed from head to head. Texts are skipped and nothing is decoded, so that memory does not grow with the
file.

Raw samples may follow the item. Then its list of values holds one text, `Ref-Binary-i16` (or u8 … f32; firmware writes
`Ref-BINARY-i16`, and appends blanks that align the samples). Such a header alone is not a recording, and it does not
state the number of samples. Decoders (cbor2) read the first item and ignore what follows.

An item that promises 100 MiB or more is a sign of another format, because the service takes no file of that size.

Sources: RFC 8949, section 3; the data acquisition format's "Binary payloads" in Edge Impulse's documentation;
`insert_ref` in its firmware (edgeimpulse/firmware-*).
"""

import functools
import re
from collections.abc import Callable, Generator

from eisync.core.formats.magic import HEAD_BYTES, is_text, recognised
from eisync.core.formats.probe import (
    CHUNK_BYTES,
    Complete,
    Completeness,
    Probe,
    Read,
    Truncated,
    Undecidable,
    cut_short,
    nul_tail,
    other_format,
    reserved_from,
)
from eisync.core.model import MAX_FILE_BYTES
from eisync.core.text import amount

DEEPEST = 512
REFERENCE = re.compile(r"Ref-(?:Binary|BINARY)-([uif](?:8|16|32|64)) *")
"""The text among the values of a recording that says that samples follow the item, and which type they have."""

_MAX_ITEMS = 1 << 61  # no file has this many items
_INDEFINITE = 1 << 62  # stands for the number of items that remain in a list of indefinite length
_BREAK = 0xFF
_SURE_OF_TEXT = 16  # CBOR of a recording never has this many letters at its beginning
_BYTES, _TEXT, _ARRAY, _MAP, _TAG = 2, 3, 4, 5, 6

# By first byte: the length of the item where that byte alone gives it (numbers, simple values, short texts), else 0.
_LENGTHS = bytes(
    1 + (info if kind in (_BYTES, _TEXT) else 0)
    if info < 24 and kind not in (_ARRAY, _MAP, _TAG)
    else 1 + (1 << (info - 24))
    if info < 28 and (kind < _BYTES or (kind == 7 and info > 24))
    else 0
    for kind in range(8)
    for info in range(32)
)

# By first byte: how many items a short list or map has.
_ITEMS = bytes(
    (info if kind == _ARRAY else 2 * info) if info < 24 and kind in (_ARRAY, _MAP) else 0
    for kind in range(8)
    for info in range(32)
)

# Most of a recording are numbers, or small lists of numbers, one for each reading. Skip them a hundred at a time. Dots
# are faster than `.{8}`.
_RUNS = (128, 32, 8, 2)
_NUMBER = rb"(?:[\x19\x39\xf9]..|[\x1b\x3b\xfb]........|[\x1a\x3a\xfa]....|[\x00-\x17\x20-\x37\xf4-\xf7]|[\x18\x38].)"
_LIST = b"(?:%s)" % b"|".join(rb"%s%s{%d}" % (re.escape(bytes([0x80 + n])), _NUMBER, n) for n in range(1, 17))
_HEADS_OF_NUMBERS = frozenset({*range(0x1C), *range(0x20, 0x3C), *range(0xF4, 0xF8), *range(0xF9, 0xFC)})
_HEADS_OF_LISTS = frozenset(range(0x81, 0x91))
_HEADS = _HEADS_OF_NUMBERS | _HEADS_OF_LISTS

# Nearly all recordings write every reading in the same form: then the bytes at one place of each are alike.
_ALIKE = 512  # compare at most this many readings at once
_FEWEST_ALIKE = 8  # for fewer, the patterns are as fast

_NUMBERS_OF = ((8, (b"\x1b", b"\x3b", b"\xfb")), (4, (b"\x1a", b"\x3a", b"\xfa")), (2, (b"\x19", b"\x39", b"\xf9")))
_BLOCK = 16  # this many NUL bytes at the end of an incomplete file are reserved space

_REFERRED = re.compile(
    rb"\x66values(?:[\x81\x9f]|\x98\x01|\x99\0\x01|\x9a\0\0\0\x01)(?s:[\x6d-\x77]|\x78.)"
    rb"Ref-(?:Binary|BINARY)-([uif](?:8|16|32|64)) *\xff?"
)


def cbor(size: int) -> Probe:
    """Probe a CBOR file: one item, and what may follow it."""
    samples: list[str | None] = []
    offset = yield from item_end(0, size, lambda chunk: samples.append(_samples_in(chunk)))
    if not isinstance(offset, int):
        return (yield from _or_other_format(offset, size))
    if samples[0] is not None:
        return _by_samples(samples[0], size - offset, size)
    if offset == size:
        return Complete("its CBOR item is complete")
    return (yield from _behind(offset, size))


def item_end(
    offset: int, size: int, with_first: Callable[[bytes], None] | None = None
) -> Generator[Read, bytes, int | Completeness]:
    """Return where the item at `offset` ends, or why it has no end in a file of `size` bytes.

    `with_first` gets the first bytes that are read.
    """
    left = [1]  # how many items remain in each open list
    while left:
        if offset >= size:
            return _unended(left, offset, size)
        chunk = yield Read(offset, min(CHUNK_BYTES, size - offset))
        if with_first is not None:
            with_first(chunk)
            with_first = None
        step = _step(chunk, left, offset, size)
        del chunk
        if not isinstance(step, int):
            return step
        offset += step
    return offset if offset <= size else _unended(left, offset, size)


def count_items(offset: int, size: int) -> Generator[Read, bytes, tuple[int, int] | Completeness]:
    """Count the items of a list of indefinite length, the first of which is at `offset`. Return also where it ends.

    Return the verdict instead where the list has no end in a file of `size` bytes.
    """
    left = [_INDEFINITE]
    while offset < size:
        chunk = yield Read(offset, min(CHUNK_BYTES, size - offset))
        before = list(left)
        step = _step(chunk, left, offset, size)
        if not isinstance(step, int):
            return step
        if not left:
            # The step ended with the break, and does not tell what was left then. Take it again without the break.
            _step(chunk[: step - 1], before, offset, size)
            return _INDEFINITE - before[0], offset + step
        del chunk
        offset += step
    return _unended(left, offset, size)


def _step(chunk: bytes, left: list[int], offset: int, size: int) -> int | Completeness:
    """Follow the items in `chunk`, which begins at `offset` in the file. Return how many bytes to advance.

    That may be more than the chunk has, when a text ends after it.
    """
    at, end = 0, len(chunk)
    to_come = left.pop()
    while at < end:
        first = chunk[at]
        length = _LENGTHS[first]
        if to_come > 1 and first in _HEADS and (run := _run(chunk, at, first, to_come)):
            to_come -= run[0]
            at = run[1]
        elif length and at + length <= end:
            to_come -= 1
            at += length
        elif first == _BREAK and to_come > _MAX_ITEMS:
            to_come = 0
            at += 1
        else:
            items = _ITEMS[first]
            step = (at + 1, items) if items and at + items < end else _head(chunk, at, first, offset, size)
            if not isinstance(step, tuple):
                return step
            if step[0] == at:
                break  # the head continues after the chunk, so the next chunk begins with this head
            left.append(to_come - 1)
            at, to_come = step
            if len(left) > DEEPEST:
                return Undecidable(f"it is nested deeper than {DEEPEST} lists")
        while not to_come:
            if not left:
                return at
            to_come = left.pop()
    left.append(to_come)
    return at


def _run(chunk: bytes, at: int, first: int, to_come: int) -> tuple[int, int] | None:
    """Return a number of numbers (or lists of numbers) that follow one another from `at`, and where they end."""
    if to_come >= _FEWEST_ALIKE and (alike := _alike(chunk, at, first, to_come)) is not None:
        return alike
    for run, pattern in _patterns(is_of_lists=first in _HEADS_OF_LISTS):
        if run <= to_come:
            found = pattern.match(chunk, at)
            if found is not None:
                return run, found.end()
    return None


@functools.cache  # compiled when the first file needs them: that takes 10 ms
def _patterns(*, is_of_lists: bool) -> list[tuple[int, re.Pattern[bytes]]]:
    one = _LIST if is_of_lists else _NUMBER
    return [(run, re.compile(rb"(?s:%s{%d})" % (one, run))) for run in _RUNS]


def _alike(chunk: bytes, at: int, first: int, to_come: int) -> tuple[int, int] | None:
    """Return the same for numbers, or lists of numbers, that all have the same heads at the same places.

    None: these are too few.
    """
    heads = [at]
    end = at + (_LENGTHS[first] or 1)
    for _ in range(_ITEMS[first]):
        if end >= len(chunk):
            return None
        heads.append(end)
        length = _LENGTHS[chunk[end]]
        if not length:
            return None  # a list in the list
        end += length
    length = end - at
    number = min(to_come, (len(chunk) - at) // length, _ALIKE)
    for head in heads:
        if number < _FEWEST_ALIKE:
            return None
        column = chunk[head : at + number * length : length]
        number -= len(column.lstrip(column[:1]))
    return (number, at + number * length) if number >= _FEWEST_ALIKE else None


def _head(chunk: bytes, at: int, first: int, offset: int, size: int) -> tuple[int, int] | Completeness:
    """Return where to continue after the head of the item at `at`, and how many items that head promises.

    For bytes and text, continue where they end. When the chunk ends within the head, return `at` itself.
    """
    kind, info = first >> 5, first & 31
    number, length = info, 1
    if 24 <= info < 28:
        length = 1 + (1 << (info - 24))
        if at + length > len(chunk):
            if offset + len(chunk) == size:
                return Truncated(f"CBOR ends within an item, at byte {offset + at:,}; the file has {size:,} bytes")
            return at, 0
        number = int.from_bytes(chunk[at + 1 : at + length], "big")
    elif info == 31 and kind in (_BYTES, _TEXT, _ARRAY, _MAP):
        return at + 1, _INDEFINITE
    elif info > 23:
        return Undecidable(f"it does not look like CBOR at byte {offset + at:,}; the service will judge it")
    at += length
    if kind not in (_BYTES, _TEXT, _ARRAY, _MAP, _TAG):
        return at, 0
    if kind != _TAG and number >= MAX_FILE_BYTES:
        # No file that the service takes is that long, so these bytes are of another format.
        return Undecidable(f"it does not look like CBOR at byte {offset + at - length:,}; the service will judge it")
    if kind in (_BYTES, _TEXT):
        return at + number, 0
    items = 1 if kind == _TAG else number * 2 if kind == _MAP else number
    if items > size - offset - at:
        return Truncated(f"CBOR promises {items:,} items at byte {offset + at:,}; the file has {size:,} bytes")
    return at, items


def _unended(left: list[int], offset: int, size: int) -> Truncated:
    if offset > size:
        return cut_short("CBOR text", promised=offset, size=size)
    what = "an item" if len(left) == 1 else amount(len(left) - 1, "list")
    return Truncated(f"CBOR has {what} without an end; the file has {size:,} bytes")


def _samples_in(chunk: bytes) -> str | None:
    """Return the type of the samples that follow the header in `chunk`, if the header says that samples follow."""
    if b"\x66values" not in chunk:
        return None
    found = _REFERRED.search(chunk)
    return None if found is None else found[1].decode()


def _by_samples(samples: str, length: int, size: int) -> Completeness:
    """Decide by how many bytes follow the header. NUL bytes count as samples, because silence is NUL."""
    if not length:
        finding = f"its CBOR header says that samples ({samples}) follow it, but there are none yet"
        return Truncated(f"{finding}; the file has {size:,} bytes")
    return Undecidable(f"{length:,} bytes of samples ({samples}) follow its CBOR header, which does not say how many")


def _behind(offset: int, size: int) -> Probe:
    """Decide by the bytes after the item, which ended at `offset`."""
    begins = yield from nul_tail(size)
    if begins < offset and not _ends_in_number((yield Read(max(0, offset - 9), min(9, offset))), offset - begins):
        # NUL bytes are numbers in CBOR, so reserved space was counted as the items that were still missing.
        return reserved_from(begins)
    what = "only NUL bytes follow" if begins <= offset else "more data follows, perhaps not all of it yet"
    return (yield from _or_other_format(Undecidable(f"its CBOR item ends at byte {offset:,} and {what}"), size))


def _ends_in_number(end: bytes, nul_bytes: int) -> bool:
    """Return whether the NUL bytes at the end of the item are part of one number, as in the encoding of 13.0."""
    return any(nul_bytes <= length and end[-1 - length : -length] in heads for length, heads in _NUMBERS_OF)


def _or_other_format(verdict: Completeness, size: int) -> Probe:
    """Return the verdict, or name the real format when the file is not CBOR.

    Read as CBOR, the first letter of a text can promise anything.
    """
    head = yield Read(0, min(size, HEAD_BYTES))
    if recognised(head) is not None:
        return other_format("CBOR", head)
    if len(head) >= _SURE_OF_TEXT and is_text(head):
        return Undecidable("it is text, not CBOR; the service will judge it")
    if isinstance(verdict, Truncated):
        begins = yield from nul_tail(size)
        return reserved_from(begins) if size - begins >= _BLOCK else verdict
    return verdict
