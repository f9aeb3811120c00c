"""Find how many values a CBOR acquisition has, and their interval, from the heads of its items.

A list of values mostly states its length. Firmware that does not know it yet writes a list of indefinite length, whose
items are counted. Nothing is decoded but names and the interval.

Source: the wire contract, section 2 (data acquisition format); RFC 8949, section 3.
"""

import struct
from collections.abc import Generator

from eisync.core.formats.cbor import count_items, item_end
from eisync.core.formats.probe import Read, Undecidable
from eisync.core.model import value

_UNSIGNED, _NEGATIVE, _TEXT, _ARRAY, _MAP, _OTHER_KIND = 0, 1, 3, 4, 5, 7
_INDEFINITE = 31
_BREAK = b"\xff"
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_MAX_MEMBERS = 1_000
_LONGEST_NAME = 64
_OTHER = "it is not a CBOR acquisition with payload.interval_ms and payload.values"
_CUT = "its CBOR ends in the middle, or is no acquisition"


class UnusableCbor(ValueError):
    """The file gives no number of values, for the reason in the message."""


@value
class _Head:
    """An item: its kind, its length or number (None: indefinite), and where what follows the head begins."""

    kind: int
    info: int
    number: int | None
    ends_at: int
    raw: bytes


def count_cbor(size: int) -> Generator[Read, bytes, tuple[int, float] | Undecidable]:
    """Return the number of values and their interval (ms), or why the file does not give them."""
    try:
        payload = yield from member_places(0, size, (b"payload",))
        if b"payload" not in payload:
            return Undecidable(_OTHER)
        found = yield from member_places(payload[b"payload"], size, (b"interval_ms", b"values"))
        if len(found) < 2:
            return Undecidable(_OTHER)
        interval_ms = yield from _number(found[b"interval_ms"], size)
        count = yield from _count(found[b"values"], size)
    except UnusableCbor as error:
        return Undecidable(str(error))
    return count, interval_ms


def member_places(at: int, size: int, wanted: tuple[bytes, ...]) -> Generator[Read, bytes, dict[bytes, int]]:
    """Return where the values of these members of the map begin. Stop once all are found."""
    head = yield from _head(at, size)
    if head.kind != _MAP:
        raise UnusableCbor(_OTHER)
    found: dict[bytes, int] = {}
    at = head.ends_at
    for _ in range(_MAX_MEMBERS if head.number is None else min(head.number, _MAX_MEMBERS)):
        if head.number is None and (yield from _read(at, 1, size)) == _BREAK:
            break
        name = yield from _name(at, size)
        at = yield from _end(at, size)
        if name in wanted:
            found[name] = at
        if len(found) == len(wanted):
            break
        at = yield from _end(at, size)
    return found


def _name(at: int, size: int) -> Generator[Read, bytes, bytes]:
    """Return a name; empty for what is too long to be one of those that count."""
    head = yield from _head(at, size)
    if head.kind != _TEXT or head.number is None or head.number > _LONGEST_NAME:
        return b""
    return (yield from _read(head.ends_at, head.number, size)) if head.number else b""


def _number(at: int, size: int) -> Generator[Read, bytes, float]:
    head = yield from _head(at, size)
    if head.number is not None and head.kind in (_UNSIGNED, _NEGATIVE):
        return float(head.number if head.kind == _UNSIGNED else -1 - head.number)
    if head.kind == _OTHER_KIND and head.info in _FLOATS:
        return float(struct.unpack(_FLOATS[head.info], head.raw)[0])
    raise UnusableCbor("its interval_ms is not a number")


def _count(at: int, size: int) -> Generator[Read, bytes, int]:
    head = yield from _head(at, size)
    if head.kind != _ARRAY:
        raise UnusableCbor("its values are not a list")
    first = (yield from _head(head.ends_at, size)) if head.number != 0 else head
    if first.kind == _TEXT:
        raise UnusableCbor("its samples follow its CBOR header, which does not say how many there are")
    if head.number is not None:
        if head.number > size:
            raise UnusableCbor(_CUT)
        return head.number
    found = yield from count_items(head.ends_at, size)
    if not isinstance(found, tuple):
        raise UnusableCbor(_CUT)
    return found[0]


def _end(at: int, size: int) -> Generator[Read, bytes, int]:
    end = yield from item_end(at, size)
    if not isinstance(end, int):
        raise UnusableCbor(_CUT)
    return end


def _head(at: int, size: int) -> Generator[Read, bytes, _Head]:
    first = (yield from _read(at, 1, size))[0]
    kind, info = first >> 5, first & 31
    if info < 24:
        return _Head(kind, info, info, at + 1, b"")
    if info == _INDEFINITE:
        return _Head(kind, info, None, at + 1, b"")
    if info > 27:
        raise UnusableCbor(_CUT)
    length = 1 << (info - 24)
    raw = yield from _read(at + 1, length, size)
    return _Head(kind, info, int.from_bytes(raw, "big"), at + 1 + length, raw)


def _read(at: int, length: int, size: int) -> Generator[Read, bytes, bytes]:
    if at + length > size:
        raise UnusableCbor(_CUT)
    return (yield Read(at, length))
