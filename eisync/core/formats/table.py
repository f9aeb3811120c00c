"""Decide whether a table is complete: Parquet by its footer; CSV and TXT have no end, but may end in reserved space.

A Parquet file begins and ends with its mark, and before the last mark has a footer of a stated length. Readers search
for the footer from the end of the file, so nothing may follow it; they do not find it before NUL bytes either.

A CSV or TXT may be UTF-16, may lack the last line end, and may end in a few NUL bytes (the end of a C string). A whole
block of NUL bytes at its end is space that a logger reserved and never wrote, as after a loss of power.

Sources: the Parquet format's README, "File format", and Encryption.md, "5.1 Encrypted footer mode" (PARE), in
apache/parquet-format; RFC 4180 (CSV).
"""

import struct

from eisync.core.formats.magic import HEAD_BYTES, recognised
from eisync.core.formats.probe import (
    Complete,
    Completeness,
    Probe,
    Read,
    Truncated,
    Undecidable,
    nul_tail,
    other_format,
    reserved_from,
)

_MARKS = (b"PAR1", b"PARE")
_BLOCK = 16  # this many NUL bytes at the end of a text are reserved space, not part of the text
_SMALL_BYTES = 4096
_VERSION = b"\x15"  # the first byte of every footer: the header of its first field, the format's version


def table(size: int) -> Probe:
    """Probe a CSV or TXT. Nothing marks its end, but reserved space at its end proves that it is not complete."""
    head = yield Read(0, min(size, _SMALL_BYTES))  # most tables are small: one read is enough
    if recognised(head) is not None:
        return other_format("a table", head)
    length = min(size, _BLOCK)
    tail = head[-length:] if size <= len(head) else (yield Read(size - length, length))
    if not tail.strip(b"\0"):
        return reserved_from((yield from nul_tail(size)))
    return Undecidable("its format has no end mark")


def parquet(size: int) -> Probe:
    """Probe a Parquet file: its mark at both ends, and before the last one a footer of a stated length."""
    mark = yield Read(0, min(size, 4))
    if mark not in _MARKS and not (size < 4 and any(each.startswith(mark) for each in _MARKS)):
        begins = yield from nul_tail(size)
        return (
            reserved_from(0) if not begins else other_format("a Parquet file", (yield Read(0, min(size, HEAD_BYTES))))
        )
    if size < 12:
        return Truncated(f"Parquet has no footer; the file has {size:,} bytes")
    tail = yield Read(size - 8, 8)
    if tail[4:] != mark:
        return (yield from _without_footer(mark, tail, size))
    length = struct.unpack("<I", tail[:4])[0]
    if not 0 < length <= size - 12:
        return _no_footer(size)
    first = yield Read(size - 8 - length, 1)
    if mark == b"PAR1" and first != _VERSION:
        return Undecidable("its Parquet footer does not begin as one; the service will judge it")
    return Complete("its Parquet footer is there")


def _without_footer(mark: bytes, tail: bytes, size: int) -> Probe:
    """Decide by whether the file ends in NUL bytes, and by the bytes before them."""
    begins = size if tail[-1:] != b"\0" else (yield from nul_tail(size))
    if begins == size:
        return _no_footer(size)
    before = yield Read(max(0, begins - 4), min(4, begins))
    if begins >= 12 and before == mark:
        return Undecidable(f"its Parquet footer is there, but only NUL bytes follow from byte {begins:,} on")
    return reserved_from(begins)


def _no_footer(size: int) -> Completeness:
    return Truncated(f"Parquet has no footer yet, which is written last; the file has {size:,} bytes")
