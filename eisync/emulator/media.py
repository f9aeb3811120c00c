"""Read the headers of WAV, PNG and JPEG files. Lengths in a header are checked against the size of the file.

Sources: RIFF/WAVE (Microsoft, 1991, 2007); PNG (W3C, §11.2.2); JPEG (ITU-T T.81, annex B).
"""

import os
import re
import struct
from dataclasses import dataclass
from typing import BinaryIO

from eisync.emulator.model import Facts, Refused, Sensor

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_CHUNKS = 1000
_WAV_PCM, _WAV_FLOAT, _WAV_EXTENSIBLE = 1, 3, 0xFFFE
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_MARKER = re.compile(rb"\xff[\x01\xc0-\xfe]")
_BLOCK_BYTES = 4096
_AUDIO = Sensor("audio", "wav")


@dataclass(frozen=True, slots=True)
class WavHeader:
    channels: int
    rate_hz: int
    bits: int
    frames: int
    is_float: bool
    data_at: int  # the offset of the first frame


def read_wav(file: BinaryIO) -> Facts | Refused:
    header = read_wav_header(file)
    if isinstance(header, Refused):
        return header
    return Facts(
        chart_type="chart",
        sensors=(_AUDIO,) * header.channels if header.channels == 1 else _channels(header.channels),
        interval_ms=1000 / header.rate_hz,
        values_count=header.frames,
    )


def _channels(count: int) -> tuple[Sensor, ...]:
    return tuple(Sensor(f"audio{index}", "wav") for index in range(count))


def read_wav_header(file: BinaryIO) -> WavHeader | Refused:
    """Read the header. A data length beyond the end of the file is reduced: streaming recorders never fill it in."""
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    riff = file.read(12)
    if len(riff) < 12 or riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
        return Refused("Invalid WAV file: there is no RIFF header")
    form: tuple[int, ...] | None = None
    for _ in range(_MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            break
        length = struct.unpack("<I", head[4:])[0]
        if head[:4] == b"fmt ":
            raw = file.read(min(length, 40))
            if len(raw) < 16:
                break
            form = struct.unpack("<HHIIHH", raw[:16])
            if form[0] == _WAV_EXTENSIBLE and len(raw) >= 26:
                form = (struct.unpack("<H", raw[24:26])[0], *form[1:])
            length -= len(raw)
        elif head[:4] == b"data":
            return _wav_header(form, length, file.tell(), size_bytes)
        if file.tell() + length > size_bytes:
            break
        file.seek(length, os.SEEK_CUR)
        if length & 1:
            _skip_pad(file)
    return Refused("Invalid WAV file: it holds no audio")


def _skip_pad(file: BinaryIO) -> None:
    """Skip the padding byte after a chunk of odd length. Some writers leave it out: then a chunk's name follows."""
    begins = file.read(5)
    is_missing = begins[:4].isalpha() and begins[:1] != b"\0" and begins[1:] not in (b"data", b"LIST")
    file.seek((0 if is_missing else 1) - len(begins), os.SEEK_CUR)


def _wav_header(form: tuple[int, ...] | None, length: int, data_at: int, size_bytes: int) -> WavHeader | Refused:
    if form is None:
        return Refused("Invalid WAV file: it has no format chunk")
    kind, channels, rate_hz, _, block_bytes, bits = form
    if kind not in (_WAV_PCM, _WAV_FLOAT) or bits not in (8, 16, 24, 32, 64):
        return Refused("Invalid WAV file: only PCM and float audio is supported")
    if not 1 <= channels <= 64 or rate_hz < 1 or block_bytes != channels * bits // 8:
        return Refused("Invalid WAV file: its header contradicts itself")
    frames = min(length, size_bytes - data_at) // block_bytes
    if frames < 1:
        return Refused("Invalid WAV file: it holds no audio")
    return WavHeader(channels, rate_hz, bits, frames, kind == _WAV_FLOAT, data_at)


def read_image(file: BinaryIO) -> Facts | Refused:
    """Read a PNG or a JPEG, recognised by its first bytes: in exports of the service, PNG images are named `.jpg`."""
    head = file.read(26)
    if head.startswith(_PNG_SIGNATURE):
        size = struct.unpack(">II", head[16:24]) if head[12:16] == b"IHDR" and len(head) >= 24 else None
    elif head.startswith(b"\xff\xd8\xff"):
        size = _jpeg_size(file)
    else:
        size = None
    if size is None or not all(0 < side <= 65_535 for side in size):
        return Refused("Invalid image: it is neither a PNG nor a JPEG, or its size cannot be read")
    return Facts(chart_type="image", sensors=(Sensor("image", "rgba"),), values_count=1, image_size=(size[0], size[1]))


def image_type(head: bytes) -> str:
    return "image/png" if head.startswith(_PNG_SIGNATURE) else "image/jpeg"


def _jpeg_size(file: BinaryIO) -> tuple[int, int] | None:
    file.seek(2)
    for _ in range(_MAX_CHUNKS):
        _skip_to_marker(file)
        head = file.read(4)
        if len(head) < 4:
            return None
        length = struct.unpack(">H", head[2:])[0]
        if head[1] in _JPEG_FRAMES:
            frame = file.read(5)
            if len(frame) < 5:
                return None
            height, width = struct.unpack(">HH", frame[1:])
            return width, height
        if length < 2:
            return None
        file.seek(length - 2, os.SEEK_CUR)
    return None


def _skip_to_marker(file: BinaryIO) -> None:
    """Skip all bytes before the next marker, as decoders do: cameras leave fill bytes and more between segments."""
    for _ in range(_MAX_CHUNKS):
        block = file.read(_BLOCK_BYTES)
        found = _JPEG_MARKER.search(block)
        if found:
            file.seek(found.start() - len(block), os.SEEK_CUR)
            return
        if len(block) < _BLOCK_BYTES:
            return
        file.seek(-1, os.SEEK_CUR)
