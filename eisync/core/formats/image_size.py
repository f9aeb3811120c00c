"""Find the width and height of an image in its header: PNG, JPEG, BMP, GIF, WebP or TIFF, whatever its extension.

The size is that of the stored pixels. An EXIF orientation, which turns the image when it is shown, is not applied.

Sources: W3C PNG, third edition, section 11.2.1 (IHDR); ITU-T T.81, section B.2.2 (frame header); CompuServe GIF89a,
section 18; Microsoft BITMAPCOREHEADER and BITMAPINFOHEADER; developers.google.com/speed/webp, "WebP Container
Specification", RFC 6386, section 9.1 (VP8) and RFC 9649, section 3.4 (VP8L); Adobe TIFF 6.0, section 2.
"""

import struct
from collections.abc import Generator

from eisync.core.formats.probe import Read

Size = tuple[int, int]
"""Width and height in pixels."""

Search = Generator[Read, bytes, Size | None]

_HEAD_BYTES = 32
_MOST_SEGMENTS = 1_000
_MOST_FIELDS = 1_000
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a segment
_IMAGE_WIDTH, _IMAGE_LENGTH = 256, 257
_VALUE_FORMATS = {3: "H", 4: "I"}  # SHORT and LONG


def image_size(size: int) -> Search:
    """Search for the size of the image in a file of `size` bytes. None where it is of another format, or cut."""
    if not size:
        return None
    head = yield Read(0, min(size, _HEAD_BYTES))
    if head[:2] == b"\xff\xd8":
        found = yield from _jpeg(size)
    elif head[:4] in (b"II*\0", b"MM\0*"):
        found = yield from _tiff(head, size)
    else:
        found = _in_head(head)
    return found if found is not None and min(found) > 0 else None


def _in_head(head: bytes) -> Size | None:
    """Return the size of the formats that have it at a fixed place in their first bytes."""
    try:
        if head[:8] == b"\x89PNG\r\n\x1a\n" and head[12:16] == b"IHDR":
            return struct.unpack_from(">II", head, 16)
        if head[:6] in (b"GIF87a", b"GIF89a"):
            return struct.unpack_from("<HH", head, 6)
        if head[:2] == b"BM":
            return _bmp(head)
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return _webp(head)
    except struct.error:
        pass  # the header is cut
    return None


def _bmp(head: bytes) -> Size:
    (length,) = struct.unpack_from("<I", head, 14)
    if length == 12:
        return struct.unpack_from("<HH", head, 18)
    width, height = struct.unpack_from("<ii", head, 18)
    return width, abs(height)  # negative: the rows are stored from the top


def _webp(head: bytes) -> Size | None:
    kind = head[12:16]
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and head[20:21] == b"\x2f":
        (bits,) = struct.unpack_from("<I", head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X" and len(head) >= 30:
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    return None


def _jpeg(size: int) -> Search:
    """Follow the segments to the header of the frame."""
    offset = 2
    for _ in range(_MOST_SEGMENTS):
        if offset + 9 > size:
            return None
        segment = yield Read(offset, 9)
        if segment[0] != 0xFF:
            return None
        code = segment[1]
        if code == 0xFF:
            offset += 1  # a fill byte
        elif code in _ALONE:
            offset += 2
        elif code in _FRAMES:
            height, width = struct.unpack_from(">HH", segment, 5)
            return width, height
        else:
            offset += 2 + int.from_bytes(segment[2:4], "big")
    return None


def _tiff(head: bytes, size: int) -> Search:
    """Read the fields of the first image of the file."""
    order = "<" if head[:2] == b"II" else ">"
    if len(head) < 8:
        return None
    (offset,) = struct.unpack_from(f"{order}I", head, 4)
    if offset + 2 > size:
        return None
    (count,) = struct.unpack(f"{order}H", (yield Read(offset, 2)))
    length = 12 * min(count, _MOST_FIELDS)
    if not length or offset + 2 + length > size:
        return None
    found: dict[int, int] = {}
    fields = yield Read(offset + 2, length)
    for at in range(0, length, 12):
        tag, kind = struct.unpack_from(f"{order}HH", fields, at)
        if tag in (_IMAGE_WIDTH, _IMAGE_LENGTH) and kind in _VALUE_FORMATS:
            (found[tag],) = struct.unpack_from(f"{order}{_VALUE_FORMATS[kind]}", fields, at + 8)
    if len(found) < 2:
        return None
    return found[_IMAGE_WIDTH], found[_IMAGE_LENGTH]
