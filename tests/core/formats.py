"""Whole files of every format that can tell, made by hand, and an examination of bytes in memory."""

import json
import struct
import zlib
from typing import Any

import cbor2

from eisync.core.evidence import CHUNK_BYTES, Read, Verdict
from eisync.core.examination import Examination


def examine(path: str, content: bytes) -> Verdict:
    """The verdict; every read must be a bounded one inside the file."""
    verdict, _ = examined(path, content)
    return verdict


def examined(path: str, content: bytes) -> tuple[Verdict, list[Read]]:
    """The verdict, and what was read for it."""
    examination = Examination(path, len(content))
    reads: list[Read] = []
    while examination.verdict is None:
        read = examination.wants
        assert read is not None
        assert 0 <= read.offset
        assert 0 < read.length <= CHUNK_BYTES
        assert read.offset + read.length <= len(content)
        reads.append(read)
        examination.take(content[read.offset : read.offset + read.length])
    assert examination.wants is None
    return examination.verdict, reads


def wav(sound: bytes, *, riff: int | None = None, data: int | None = None, before: bytes = b"") -> bytes:
    """PCM, mono. `riff` and `data` are the sizes to write instead of the right ones."""
    padded = sound + b"\0" * (len(sound) % 2)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    body = b"WAVE" + form + before + struct.pack("<4sI", b"data", len(sound) if data is None else data) + padded
    return struct.pack("<4sI", b"RIFF", len(body) if riff is None else riff) + body


def rf64(sound: bytes, *, riff: int | None = None, data: int | None = None) -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    riff_bytes = 4 + 36 + len(form) + 8 + len(sound) if riff is None else riff
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, riff_bytes, len(sound) if data is None else data, 0, 0)
    return (
        struct.pack("<4sI4s", b"RF64", 0xFFFFFFFF, b"WAVE")
        + sizes
        + form
        + struct.pack("<4sI", b"data", 0xFFFFFFFF)
        + sound
    )


def avi(content: bytes) -> bytes:
    body = b"AVI " + struct.pack("<4sI", b"LIST", len(content)) + content + b"\0" * (len(content) % 2)
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def box(name: bytes, content: bytes = b"", *, length: int | None = None) -> bytes:
    return struct.pack(">I4s", 8 + len(content) if length is None else length, name) + content


def long_box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, name, 16 + len(content)) + content


def png(data: bytes) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def segment(code: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, 2 + len(content)) + content


def jpeg(data: bytes, *, scans: int = 1) -> bytes:
    """`data` is compressed data; every FF in it gets the 00 that an encoder writes behind it."""
    thumbnail = b"\xff\xd8\xff\xd9"  # an end marker that is not the image's
    scan = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + data.replace(b"\xff", b"\xff\x00") + b"\xff\xd0more"
    return (
        b"\xff\xd8"
        + segment(0xE1, b"Exif\0\0" + thumbnail)
        + b"\xff"
        + segment(0xC0, b"x" * 9)
        + scan * scans
        + b"\xff\xd9"
    )


def parquet(columns: bytes) -> bytes:
    footer = b"\x15\x04\x19\x0c"
    return b"PAR1" + columns + footer + struct.pack("<I", len(footer)) + b"PAR1"


def document(value: Any) -> bytes:
    return json.dumps(value).encode()


def cbor(value: Any) -> bytes:
    return bytes(cbor2.dumps(value))
