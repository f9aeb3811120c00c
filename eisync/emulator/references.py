"""Values that an acquisition file only refers to: samples behind its CBOR item, or a file sent beside it. Pure.

The list of values then holds one text. `Ref-Binary-i16` (firmware writes `Ref-BINARY-i16`, with blanks behind it that
align what follows): numbers of that type, little endian, from the end of the CBOR item to the end of the file.
`Ref-BINARY-image/jpeg (N bytes) <hash>`: an image in another part of the request. What that text says of length and
hash is not checked: the official phone client writes `xyz` where the hash should be.

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
    """`i16` where the values stand behind the CBOR item."""
    found = _SAMPLES.fullmatch(_only_text_of(values))
    return found[1] if found and found[1] in _ARRAY_CODES else None


def refers_to_file(values: object) -> bool:
    return _FILE.match(_only_text_of(values)) is not None


def read_samples(raw: bytes, sample_type: str) -> Sequence[float]:
    """As many as there are whole ones. What is no number has no place in JSON, and is 0."""
    samples: array.array[Any] = array.array(_ARRAY_CODES[sample_type])
    samples.frombytes(raw[: len(raw) // samples.itemsize * samples.itemsize])
    if sys.byteorder == "big":
        samples.byteswap()
    if sample_type == "f32":
        samples = array.array("f", (value if value - value == 0 else 0.0 for value in samples))
    return samples


def split_header(raw: bytes, max_items: int) -> tuple[bytes, bytes]:
    """The CBOR item, and the samples behind it; nothing is behind an item that refers to none."""
    if not _MARK.search(raw):
        return raw, b""
    end = _end_of_item(raw, max_items)
    return (raw, b"") if end is None else (raw[:end], raw[end:])


def _end_of_item(raw: bytes, max_items: int) -> int | None:
    """Where the first CBOR item ends; None where it does not, or is too deep to be a header."""
    to_come = [1]  # of each item that is open, how many items it has still
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
    """Empty where the values are not one text."""
    return values[0] if isinstance(values, list) and len(values) == 1 and isinstance(values[0], str) else ""
