"""Decide whether a JPEG or PNG image is complete: following its parts from the beginning must lead to its end marker.

Data after the end marker is not part of the image and is ignored; some cameras and phones append it. Bytes between two
JPEG segments that belong to neither are skipped up to the next marker, as decoders do (libjpeg's jdmarker.c, Pillow,
stb_image).

`docs/whole-files.md` has each case with its source. Sources: ITU-T T.81, annex B (JPEG); W3C PNG, third edition,
section 5 (PNG and APNG).
"""

import re
import struct
from collections.abc import Generator

from eisync.core.formats.probe import (
    CHUNK_BYTES,
    Complete,
    Completeness,
    Probe,
    Read,
    Truncated,
    Undecidable,
    byte_count,
    cut_short,
    mismatch_to_the_end,
)
from eisync.core.model import MAX_FILE_BYTES

MAX_PARTS = 100_000
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_OF_ANIMATION = frozenset({b"fcTL", b"fdAT"})
_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN = 0xD8, 0xD9, 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a segment
# In compressed data FF is followed by 00 or by a restart marker. Before any marker there may be more FF, as fill bytes.
_MARKER = re.compile(rb"\xff[\x01\xc0-\xcf\xd8-\xfe]")
_READ_AHEAD_BYTES = 4096  # one read gives most segments of a small file; the next marker of a photo is far away


def image(size: int) -> Probe:
    """Probe a PNG or JPEG, whatever its extension: exports of Edge Impulse hold PNG images that are called .jpg."""
    head = yield Read(0, min(size, len(_PNG)))
    if _PNG.startswith(head):
        return (yield from _png(size))
    if _JPEG.startswith(head[:2]):
        return (yield from _jpeg(size))
    return (yield from mismatch_to_the_end("a JPEG or PNG image", head, size=size))


def _png(size: int) -> Probe:
    """Probe a PNG: a signature, then chunks up to the one called IEND."""
    offset = 8
    has_data = has_all_data = False
    for _ in range(MAX_PARTS):
        if offset + 8 > size:
            return Truncated(f"PNG has no end chunk (IEND); the file has {size:,} bytes")
        chunk = yield Read(offset, 8)
        length, name = struct.unpack(">I4s", chunk)
        if not name.isalpha() or length >= MAX_FILE_BYTES:
            if has_all_data:
                return Undecidable(f"its image is complete, and {byte_count(size - offset)} follow its last PNG chunk")
            return (yield from mismatch_to_the_end("a PNG image", chunk, size=size, offset=offset))
        if name == b"IDAT":
            has_data = True
        elif has_data and name not in _OF_ANIMATION:
            has_all_data = True  # the IDAT chunks follow one another without others between them
        offset += 12 + length
        if offset > size:
            if has_all_data:
                return Undecidable(f"its image is complete, but its last PNG chunk ({name.decode()}) is truncated")
            return cut_short(f"PNG chunk {name.decode()}", promised=offset, size=size)
        if name == b"IEND":
            return Complete("its PNG chunks end in IEND")
    return Undecidable("it has too many parts to examine")


def _jpeg(size: int) -> Probe:
    """Probe a JPEG: segments, some followed by compressed data, up to the end marker."""
    offset = 2
    has_frame = False
    read_at, read = 0, b""
    for _ in range(MAX_PARTS):
        if offset + 2 > size:
            return _no_end_marker(size)
        if offset + 4 > read_at + len(read):
            read_at, read = offset, (yield Read(offset, min(_READ_AHEAD_BYTES, size - offset)))
        marker = read[offset - read_at : offset - read_at + 4]
        if not _MARKER.match(marker):
            found = yield from _next_marker(offset, size, read, read_at)
            if found == size:
                is_jpeg = has_frame or marker[0] == 0xFF
                return _no_end_marker(size) if is_jpeg else (yield from _not_jpeg(marker, offset, size))
            offset = found
            continue
        code = marker[1]
        if code == _END_OF_IMAGE:
            return Complete("its JPEG end marker is there")
        if code in _ALONE:
            offset += 2
            continue
        if len(marker) < 4:
            return _no_end_marker(size)
        length = struct.unpack(">H", marker[2:4])[0]
        if length < 2:
            return (yield from _not_jpeg(marker, offset, size))
        has_frame |= code in _FRAMES
        offset += 2 + length
        if offset > size:
            return cut_short(f"JPEG segment {code:02X}", promised=offset, size=size)
        if code == _START_OF_SCAN:
            offset = yield from _next_marker(offset, size, read, read_at)
    return Undecidable("it has too many parts to examine")


def _not_jpeg(marker: bytes, offset: int, size: int) -> Generator[Read, bytes, Completeness]:
    return (yield from mismatch_to_the_end("a JPEG image", marker, size=size, offset=offset))


def _next_marker(offset: int, size: int, read: bytes, read_at: int) -> Generator[Read, bytes, int]:
    """Return the position of the next marker; the size of the file when there is none.

    `read` are bytes that were read already, from `read_at` on.
    """
    found = _MARKER.search(read, offset - read_at)
    if found is not None:
        return read_at + found.start()
    offset = max(offset, read_at + len(read) - 1)  # the last byte may be the first byte of a marker
    length = _READ_AHEAD_BYTES
    while offset + 2 <= size:
        length = min(length, size - offset)
        found = _MARKER.search((yield Read(offset, length)))
        if found is not None:
            return offset + found.start()
        offset += length - 1
        length = min(2 * length, CHUNK_BYTES)
    return size


def _no_end_marker(size: int) -> Completeness:
    return Truncated(f"JPEG has no end marker; the file has {size:,} bytes")
