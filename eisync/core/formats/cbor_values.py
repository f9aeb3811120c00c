"""Decode the few kinds of CBOR values that a recording is made of: numbers, texts, lists and maps.

Everything else (tags, byte strings, lists of indefinite length) is refused, and so is what is nested deeply. Nothing is
created from a length that the bytes do not have.

Source: RFC 8949, section 3.
"""

import struct
from typing import Any

DEEPEST = 4
_UNSIGNED, _NEGATIVE, _TEXT, _ARRAY, _MAP, _SIMPLE = 0, 1, 3, 4, 5, 7
_FLOATS = {25: struct.Struct(">e"), 26: struct.Struct(">f"), 27: struct.Struct(">d")}
_CONSTANTS = {20: False, 21: True, 22: None, 23: None}


class CborEndsError(ValueError):
    """The bytes end within the value."""


def decode(data: bytes, at: int, depth: int = 0) -> tuple[Any, int]:
    """Return the value at `at`, and where it ends. Raises CborEndsError, and ValueError for other kinds of values."""
    if at >= len(data):
        raise CborEndsError("it ends in the middle")
    kind, info = data[at] >> 5, data[at] & 31
    at += 1
    number = info
    if info > 23:
        length = 1 << (info - 24)
        if info > 27:
            raise ValueError("they have a list of indefinite length, or are no CBOR")
        if at + length > len(data):
            raise CborEndsError("it ends in the middle")
        if kind == _SIMPLE:
            if info not in _FLOATS:
                raise ValueError("they are not numbers")
            return _FLOATS[info].unpack_from(data, at)[0], at + length
        number = int.from_bytes(data[at : at + length], "big")
        at += length
    if kind == _UNSIGNED:
        return number, at
    if kind == _NEGATIVE:
        return -1 - number, at
    if kind == _SIMPLE and number in _CONSTANTS:
        return _CONSTANTS[number], at
    if kind == _TEXT:
        if at + number > len(data):
            raise CborEndsError("it ends in the middle")
        return data[at : at + number].decode("utf-8", "replace"), at + number
    if kind in (_ARRAY, _MAP) and depth < DEEPEST:
        return _many(data, at, number if kind == _ARRAY else 2 * number, depth, is_map=kind == _MAP)
    raise ValueError("they are not numbers")


def _many(data: bytes, at: int, number: int, depth: int, *, is_map: bool) -> tuple[Any, int]:
    if number > len(data) - at:
        raise CborEndsError("it ends in the middle")
    found = []
    for _ in range(number):
        one, at = decode(data, at, depth + 1)
        found.append(one)
    if not is_map:
        return found, at
    names = (name if isinstance(name, str) else "" for name in found[::2])
    return dict(zip(names, found[1::2], strict=True)), at


_NUMBER_FORMATS = {0xF9: "xe", 0xFA: "xf", 0xFB: "xd"}
_SHORT_ARRAY = 0x80
_MOST_IN_A_ROW = 23


def decode_alike(data: bytes, at: int, most: int) -> tuple[list[Any], int]:
    """Return the lists of floating-point numbers at `at` that all have the form of the first, and where they end.

    Most recordings consist of these. They are decoded 20 times as fast as one by one. `most` is how many at most.
    """
    width = data[at] - _SHORT_ARRAY if at < len(data) else 0
    if not 0 < width <= _MOST_IN_A_ROW:
        return [], at
    heads, end, form = [at], at + 1, ">x"
    for _ in range(width):
        one = _NUMBER_FORMATS.get(data[end]) if end < len(data) else None
        if one is None:
            return [], at
        heads.append(end)
        form += one
        end = at + struct.calcsize(form)
    length = end - at
    number = min(most, (len(data) - at) // length)
    for head in heads:
        column = data[head : at + number * length : length]
        number -= len(column.lstrip(column[:1]))
    end = at + number * length
    return [list(row) for row in struct.iter_unpack(form, data[at:end])], end
