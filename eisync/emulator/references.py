"""Read values to which an acquisition file only refers: numbers after its CBOR item, or a file in another part. Pure.

The list of values then has one text. `Ref-Binary-i16` refers to numbers of that type, little endian, from the end of
the CBOR item to the end of the file. (Firmware writes `Ref-BINARY-i16`, followed by blanks that align the numbers.)
`Ref-BINARY-image/jpeg (N bytes) <hash>` refers to an image in another part of the request. Its length and hash are not
checked, because the official phone client writes `xyz` as the hash.

Sources: the wire contract, section 2 and "Second measurement"; RFC 8949, section 3.
"""

import array
import re
import sys
from collections.abc import Sequence
from typing import Any

_SAMPLES = re.compile(r"Ref-(?:Binary|BINARY)-([uif](?:8|16|32)) *")
_FILE = re.compile(r"Ref-(?:Binary|BINARY)-[a-z]+/")
_MARK = re.compile(rb"Ref-(?:Binary|BINARY)-[uif]\d")
_ARRAY_CODES = {"u8": "B", "u16": "H", "u32": "I", "i8": "b", "i16": "h", "i32": "i", "f32": "f"}
_BREAK = 0xFF
_ENDLESS = -1


def sample_type_of(values: object) -> str | None:
    """Return the type of numbers that follow the CBOR item, such as `i16`; None if there are none."""
    found = _SAMPLES.fullmatch(_only_text_of(values))
    return found[1] if found and found[1] in _ARRAY_CODES else None


def refers_to_file(values: object) -> bool:
    return _FILE.match(_only_text_of(values)) is not None


def read_samples(raw: bytes, sample_type: str) -> Sequence[float]:
    """Return the numbers in `raw`, without an incomplete last one. NaN and infinity become 0: JSON has neither."""
    samples: array.array[Any] = array.array(_ARRAY_CODES[sample_type])
    samples.frombytes(raw[: len(raw) // samples.itemsize * samples.itemsize])
    if sys.byteorder == "big":
        samples.byteswap()
    if sample_type == "f32":
        samples = array.array("f", (value if value - value == 0 else 0.0 for value in samples))
    return samples


def split_header(raw: bytes, max_items: int) -> tuple[bytes, bytes]:
    """Return the CBOR item and the bytes after it. Without a reference to numbers, everything is the item."""
    if not _MARK.search(raw):
        return raw, b""
    end = _end_of_item(raw, max_items)
    return (raw, b"") if end is None else (raw[:end], raw[end:])


def _end_of_item(raw: bytes, max_items: int) -> int | None:
    """Return the offset after the first CBOR item; None if it is incomplete or nested too deeply."""
    to_come = [1]  # for each open item, how many of its items are still missing
    at = 0
    while to_come:
        if at >= len(raw) or len(to_come) > max_items:
            return None
        first = raw[at]
        at += 1
        if first == _BREAK:
            if to_come.pop() != _ENDLESS:
                return None
        else:
            major, argument = first >> 5, first & 31
            is_endless = argument == 31
            if 24 <= argument <= 27:
                width = 1 << (argument - 24)
                argument = int.from_bytes(raw[at : at + width], "big")
                at += width
            if to_come[-1] != _ENDLESS:
                to_come[-1] -= 1
            if is_endless and 2 <= major <= 5:
                to_come.append(_ENDLESS)
            elif major in (2, 3):
                at += argument
            elif 4 <= major <= 6:
                to_come.append(1 if major == 6 else argument * (major - 3))
        while to_come and to_come[-1] == 0:
            to_come.pop()
    return at if at <= len(raw) else None


def _only_text_of(values: object) -> str:
    """Return the text if the values are exactly one text, else an empty text."""
    return values[0] if isinstance(values, list) and len(values) == 1 and isinstance(values[0], str) else ""
