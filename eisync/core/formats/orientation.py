"""Find the EXIF orientation of a JPEG: how it is turned when it is shown. 1 is upright; 6 is turned to the right.

Source: CIPA DC-008 (Exif 2.32), sections 4.5.4 and 4.6.4; Adobe TIFF 6.0, section 2.
"""

import struct
from collections.abc import Generator

from eisync.core.formats.probe import Read

_MOST_SEGMENTS = 100
_APP1, _SCAN = 0xE1, 0xDA
_ORIENTATION, _SHORT = 274, 3
_MARK = b"Exif\0\0"
_UPRIGHT = 1


def orientation(size: int) -> Generator[Read, bytes, int]:
    """Return the orientation of a JPEG of `size` bytes, from 1 to 8; 1 where it says none."""
    offset = 2
    for _ in range(_MOST_SEGMENTS):
        if offset + 4 > size:
            break
        head = yield Read(offset, 4)
        code, length = head[1], int.from_bytes(head[2:4], "big")
        if head[0] != 0xFF or code == _SCAN or length < 2 or offset + 2 + length > size:
            break
        if code == _APP1 and length > len(_MARK) + 2:
            segment = yield Read(offset + 4, length - 2)
            if segment.startswith(_MARK):
                return _of_exif(segment[len(_MARK) :])
        offset += 2 + length
    return _UPRIGHT


def _of_exif(exif: bytes) -> int:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return _UPRIGHT
    try:
        (at,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, at)
        for field in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, _, found = struct.unpack_from(f"{order}HHIH", exif, field)
            if tag == _ORIENTATION and kind == _SHORT and 1 <= found <= 8:
                return int(found)
    except struct.error:
        pass  # it is cut
    return _UPRIGHT
