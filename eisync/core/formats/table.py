"""Whether tables are whole: Parquet by its footer; CSV and TXT have no end, but reserved space tells that they go on.

Parquet must begin and end with its mark and have, before the last one, a footer of a stated length. Readers look for
it from the end, so that nothing may follow: what reads it finds no footer behind NUL bytes, either.

A CSV or TXT may be UTF-16, end without a line end, or in a few NUL bytes (the end of a C string). Ending in a block of
them it holds what a logger reserved and never wrote, as after a loss of power.

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
    foreign,
    nul_tail,
    reserved,
)

_MARKS = (b"PAR1", b"PARE")
_BLOCK = 16  # so many NUL bytes at the end of a text are none of its own
_SMALL_BYTES = 4096
_VERSION = b"\x15"  # how the first field of every footer, the format's version, begins


def table(size: int) -> Probe:
    """CSV and TXT: nothing tells that they end, but space that was reserved and not filled tells that they do not."""
    head = yield Read(0, min(size, _SMALL_BYTES))  # most tables are small: one read tells all
    if recognised(head) is not None:
        return foreign("a table", head)
    length = min(size, _BLOCK)
    tail = head[-length:] if size <= len(head) else (yield Read(size - length, length))
    if not tail.strip(b"\0"):
        return reserved((yield from nul_tail(size)))
    return Undecidable("its format has no end mark")


def parquet(size: int) -> Probe:
    """Parquet: its mark at both ends, and before the last one a footer of a stated length."""
    mark = yield Read(0, min(size, 4))
    if mark not in _MARKS and not (size < 4 and any(each.startswith(mark) for each in _MARKS)):
        begins = yield from nul_tail(size)
        return reserved(0) if not begins else foreign("a Parquet file", (yield Read(0, min(size, HEAD_BYTES))))
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
    """Decide by whether the file ends in NUL bytes, and what stands before them."""
    begins = size if tail[-1:] != b"\0" else (yield from nul_tail(size))
    if begins == size:
        return _no_footer(size)
    before = yield Read(max(0, begins - 4), min(4, begins))
    if begins >= 12 and before == mark:
        return Undecidable(f"its Parquet footer is there, but only NUL bytes follow from byte {begins:,} on")
    return reserved(begins)


def _no_footer(size: int) -> Completeness:
    return Truncated(f"Parquet has no footer yet, which is written last; the file has {size:,} bytes")
