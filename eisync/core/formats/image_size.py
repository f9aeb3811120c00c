"""Read the size of an image from its header (stand-in until the reading side is merged)."""

import struct
from collections.abc import Generator

from eisync.core.formats.probe import Read


def image_size(size: int) -> Generator[Read, bytes, tuple[int, int] | None]:
    """Return the width and height of the image with `size` bytes; None when they are not known."""
    head = yield Read(0, min(size, 24))
    if head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) == 24:
        width, height = struct.unpack(">II", head[16:24])
        return width, height
    if head[:2] != b"\xff\xd8":
        return None
    offset = 2
    while offset + 9 <= size:
        segment = yield Read(offset, 9)
        if segment[0] != 0xFF:
            return None
        if segment[1] in range(0xC0, 0xD0) and segment[1] not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", segment[5:9])
            return width, height
        offset += 2 + struct.unpack(">H", segment[2:4])[0]
    return None
