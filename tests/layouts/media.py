"""Make small media that decoders read, each with another content."""

import io
import itertools
import json
import math
import struct
import wave
import zlib

_COUNTER = itertools.count()


def png(width: int = 64, height: int = 32, note: str = "") -> bytes:
    """Return a grey image. `note` makes its content another one; without a note, each image is different."""
    text = b"Comment\0" + _note(note)
    pixels = zlib.compress(b"".join(b"\0" + bytes(width) for _ in range(height)))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"tEXt", text), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in parts)


def jpeg(width: int = 64, height: int = 32, note: str = "") -> bytes:
    """Return a grey image. Its Huffman tables have one code each, a single 0 bit, so every block is two 0 bits."""
    bits = 2 * math.ceil(width / 8) * math.ceil(height / 8)
    last = 0xFF >> (bits % 8) if bits % 8 else 0
    data = bytes(bits // 8) + (bytes([last]) if bits % 8 else b"")
    one_code = bytes([1, *[0] * 15, 0])
    return b"".join(
        [
            b"\xff\xd8",
            _segment(0xFE, _note(note)),
            _segment(0xDB, b"\0" + b"\1" * 64),
            _segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"),
            _segment(0xC4, b"\0" + one_code),
            _segment(0xC4, b"\x10" + one_code),
            _segment(0xDA, b"\1\1\0\0\x3f\0"),
            data,
            b"\xff\xd9",
        ]
    )


def wav(seconds: float = 1.0, rate: int = 1000, note: str = "") -> bytes:
    """Return a quiet mono recording of 16 bits, with the note in its first frames."""
    raw, frames = io.BytesIO(), bytearray(2 * round(seconds * rate))
    mark = _note(note)[: len(frames)]
    frames[: len(mark)] = mark
    with wave.open(raw, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(bytes(frames))
    return raw.getvalue()


def table(rows: int = 5, interval_ms: int = 10) -> bytes:
    """Return a CSV of an accelerometer, different each time."""
    first = next(_COUNTER)
    lines = [f"{number * interval_ms},{first}.5,{number},0.25" for number in range(rows)]
    return ("timestamp,accX,accY,accZ\n" + "\n".join(lines) + "\n").encode()


def acquisition(values: int = 5, interval_ms: int = 10) -> bytes:
    """Return a sample in the acquisition format, different each time."""
    first = next(_COUNTER)
    payload = {
        "device_type": "BENCH",
        "interval_ms": interval_ms,
        "sensors": [{"name": "accX", "units": "m/s2"}],
        "values": [[first + number] for number in range(values)],
    }
    return json.dumps({"protected": {"ver": "v1", "alg": "none"}, "signature": "0" * 64, "payload": payload}).encode()


def _note(note: str) -> bytes:
    return (note or f"number {next(_COUNTER)}").encode()


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", zlib.crc32(name + content))


def _segment(code: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, 2 + len(content)) + content
