"""Write a picture of a few colours as PNG.

Source: W3C PNG, third edition, sections 5 and 11.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence

Colour = tuple[int, int, int]


def png(width: int, rows: Iterable[bytes], palette: Sequence[Colour]) -> bytes:
    """Return the PNG of rows of `width` bytes, each of which is the index of a colour in `palette` (at most 256)."""
    lines = list(rows)
    pixels = b"".join(b"\0" + line for line in lines)  # each line begins with its filter: none
    header = struct.pack(">IIBBBBB", width, len(lines), 8, 3, 0, 0, 0)
    colours = b"".join(map(bytes, palette))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, content)
        for name, content in (
            (b"IHDR", header),
            (b"PLTE", colours),
            (b"IDAT", zlib.compress(pixels, 6)),
            (b"IEND", b""),
        )
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
