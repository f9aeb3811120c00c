"""Whether a CBOR file is whole: one item, with all that it promises, and nothing behind it.

Walked head by head; texts are stepped over and nothing is decoded, so that memory does not grow with the file.
Source: RFC 8949, section 3.
"""

import re
import struct

from eisync.core.evidence import CHUNK_BYTES, CannotTell, Cut, Read, Verdict, Walk, Whole, cut_short, unlike

DEEPEST = 512
_ENDLESS = -1  # how many items of an indefinite length are to come
_BREAK = 0xFF
_UNSIGNED, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = 0, 2, 3, 4, 5, 6, 7
_LENGTHS = {24: ">B", 25: ">H", 26: ">I", 27: ">Q"}

# Numbers, most of what a recording is made of, are stepped over by the hundred.
_RUN = 128
_NUMBERS = re.compile(
    rb"(?s:[\x00-\x17\x20-\x37\xf4-\xf7]|[\x18\x38].|[\x19\x39\xf9]..|[\x1a\x3a\xfa].{4}|[\x1b\x3b\xfb].{8}){%d}" % _RUN
)
# And so are the small lists of them, one for each instant.
_NUMBER = rb"(?:[\x00-\x17\x20-\x37\xf4-\xf7]|[\x18\x38].|[\x19\x39\xf9]..|[\x1a\x3a\xfa].{4}|[\x1b\x3b\xfb].{8})"
_LISTS = re.compile(
    rb"(?s:(?:%s){%d})"
    % (b"|".join(rb"%s%s{%d}" % (re.escape(bytes([0x80 + n])), _NUMBER, n) for n in range(1, 17)), _RUN)
)


def cbor(size: int) -> Walk:
    """CBOR, if the file is one item."""
    left = [1]  # of each list that is open, how many items are to come
    offset = 0
    while left:
        if offset >= size:
            what = "an item" if len(left) == 1 else f"{len(left) - 1:,} list{'' if len(left) == 2 else 's'}"
            if offset > size:
                return cut_short("CBOR text", promised=offset, size=size)
            return Cut(f"CBOR has {what} that it does not end; the file has {size:,} bytes")
        length = min(CHUNK_BYTES, size - offset)
        step = _step((yield Read(offset, length)), left, offset, size)
        if not isinstance(step, int):
            return step
        offset += step
    if offset > size:
        return cut_short("CBOR text", promised=offset, size=size)
    if offset < size:
        rest = yield Read(offset, min(64, size - offset))
        cut = unlike("CBOR", rest, offset=offset)
        return cut if isinstance(cut, Cut) else CannotTell("more follows behind its CBOR item, and still more may")
    return Whole("its CBOR item has all that it promises")


def _step(chunk: bytes, left: list[int], offset: int, size: int) -> int | Verdict:
    """Walk the items in `chunk`, which stands at `offset`. How many bytes were walked, which may lead behind it."""
    at, end, is_last = 0, len(chunk), offset + len(chunk) == size
    while left and at < end:
        if left[-1] == 0:
            left.pop()
            continue
        run = _LISTS.match(chunk, at) or _NUMBERS.match(chunk, at) if left[-1] >= _RUN or left[-1] == _ENDLESS else None
        if run is not None:
            if left[-1] != _ENDLESS:
                left[-1] -= _RUN
            at = run.end()
            continue
        first = chunk[at]
        kind, info = first >> 5, first & 31
        if first == _BREAK and left[-1] == _ENDLESS:
            left.pop()
            at += 1
            continue
        if info < 24:
            number, head = info, 1
        elif info < 28:
            head = 1 + (1 << (info - 24))
            if at + head > end:
                return _torn(at, offset, size, is_last=is_last)
            number = struct.unpack_from(_LENGTHS[info], chunk, at + 1)[0]
        elif info == 31 and kind in (_BYTES, _TEXT, _ARRAY, _MAP):
            number, head = _ENDLESS, 1
        else:
            return unlike("CBOR", chunk[at : at + 8], offset=offset + at)
        at += head
        if left[-1] != _ENDLESS:
            left[-1] -= 1
        if kind in (_BYTES, _TEXT) and number != _ENDLESS:
            at += number
        elif kind in (_BYTES, _TEXT, _ARRAY, _MAP, _TAG):
            items = 1 if kind == _TAG else number * 2 if kind == _MAP and number != _ENDLESS else number
            if items > size - offset - at:
                return Cut(f"CBOR promises {items:,} items at byte {offset + at:,}; the file has {size:,} bytes")
            left.append(items)
            if len(left) > DEEPEST:
                return CannotTell(f"it is nested deeper than {DEEPEST} lists")
    while left and left[-1] == 0:
        left.pop()
    return at


def _torn(at: int, offset: int, size: int, *, is_last: bool) -> int | Verdict:
    """An item's head goes on behind the chunk: the next one begins with it, if there is one."""
    if is_last:
        return Cut(f"CBOR ends within an item, at byte {offset + at:,}; the file has {size:,} bytes")
    return at
