"""Write small, valid media files. The demo and the self-test upload them.

Pure: bytes out of numbers.
"""

import struct
import zlib
from collections.abc import Callable, Sequence

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PCM, _MONO, _BYTES_A_FRAME = 1, 1, 2


def wav(frames: Sequence[int], *, rate_hz: int) -> bytes:
    """Return a mono WAV of 16-bit `frames` (-32,768 to 32,767).

    >>> len(wav([0, 1, -1], rate_hz=16_000))
    50
    """
    data = struct.pack(f"<{len(frames)}h", *frames)
    form = struct.pack("<HHIIHH", _PCM, _MONO, rate_hz, rate_hz * _BYTES_A_FRAME, _BYTES_A_FRAME, 8 * _BYTES_A_FRAME)
    chunks = b"WAVE" + _riff(b"fmt ", form) + _riff(b"data", data)
    return _riff(b"RIFF", chunks)


def png(side: int, pixel: Callable[[int, int], tuple[int, int, int]]) -> bytes:
    """Return a square PNG of `side` pixels. `pixel` gives red, green and blue (0 to 255) of column and row.

    >>> png(1, lambda x, y: (0, 0, 0))[:4]
    b'\\x89PNG'
    """
    rows = b"".join(b"\0" + b"".join(bytes(pixel(x, y)) for x in range(side)) for y in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def _riff(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
