"""Whether images are whole: each has an end marker, which must stand where the walk from the beginning leads.

What stands behind it (some cameras and phones add to it) is not part of the image and counts as nothing.
Sources: ITU-T T.81, annex B (JPEG); ISO/IEC 15948, section 5 (PNG).
"""

import re
import struct
from collections.abc import Generator

from eisync.core.evidence import CHUNK_BYTES, CannotTell, Cut, Read, Verdict, Walk, Whole, cut_short, unlike

MOST_PARTS = 100_000
_PNG = b"\x89PNG\r\n\x1a\n"
_END_OF_IMAGE, _START_OF_SCAN = 0xD9, 0xDA
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a segment
# In the compressed data, FF is followed by 00, or by a restart marker, or by fill bytes.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def image(size: int) -> Walk:
    """PNG or JPEG, whatever it is called: Edge Impulse's own exports hold PNG images that are called .jpg."""
    first = yield Read(0, 1)
    return (yield from (png if first == _PNG[:1] else jpeg)(size))


def png(size: int) -> Walk:
    """PNG: a signature, then chunks up to the one called IEND."""
    head = yield Read(0, min(size, 8))
    if not _PNG.startswith(head):
        return unlike("a PNG image", head)
    offset = 8
    for _ in range(MOST_PARTS):
        if offset + 8 > size:
            return Cut(f"PNG has no end chunk (IEND); the file has {size:,} bytes")
        chunk = yield Read(offset, 8)
        length, name = struct.unpack(">I4s", chunk)
        if not name.isalpha():
            return unlike("a PNG image", chunk, offset=offset)
        offset += 12 + length
        if offset > size:
            return cut_short(f"PNG chunk {name.decode()}", promised=offset, size=size)
        if name == b"IEND":
            return Whole("its PNG chunks end in IEND")
    return CannotTell("it has more parts than can be looked at")


def jpeg(size: int) -> Walk:
    """JPEG: segments, and compressed data behind some of them, up to the end marker."""
    head = yield Read(0, min(size, 2))
    if not b"\xff\xd8".startswith(head):
        return unlike("a JPEG image", head)
    offset = 2
    for _ in range(MOST_PARTS):
        if offset + 2 > size:
            return _endless(size)
        marker = yield Read(offset, min(4, size - offset))
        if marker[0] != 0xFF:
            return unlike("a JPEG image", marker, offset=offset)
        code = marker[1]
        if code == _END_OF_IMAGE:
            return Whole("its JPEG end marker is there")
        if code == 0xFF:
            offset += 1  # a fill byte
            continue
        if code in _ALONE:
            offset += 2
            continue
        if len(marker) < 4:
            return _endless(size)
        length = struct.unpack(">H", marker[2:4])[0]
        if code == 0 or length < 2:
            return unlike("a JPEG image", marker, offset=offset)
        offset += 2 + length
        if offset > size:
            return cut_short(f"JPEG segment {code:02X}", promised=offset, size=size)
        if code == _START_OF_SCAN:
            offset = yield from _behind_data(offset, size)
    return CannotTell("it has more parts than can be looked at")


def _behind_data(offset: int, size: int) -> Generator[Read, bytes, int]:
    """Where the next marker stands; the end of the file when there is none."""
    while offset + 2 <= size:
        length = min(CHUNK_BYTES, size - offset)
        found = _marker_in((yield Read(offset, length)))
        if found is not None:
            return offset + found
        offset += length - 1  # its last byte may be the first of a marker
    return size


def _marker_in(chunk: bytes) -> int | None:
    found = _MARKER.search(chunk)
    return None if found is None else found.start()


def _endless(size: int) -> Verdict:
    return Cut(f"JPEG has no end marker; the file has {size:,} bytes")
