"""Complete files of every format that has an end, made by hand, and a check of bytes in memory."""

import json
import struct
import zlib
from typing import Any

import cbor2

from eisync.core.formats.check import FormatCheck
from eisync.core.formats.probe import CHUNK_BYTES, Completeness, Read


def examine(path: str, content: bytes) -> Completeness:
    """Return the verdict. Check that every read is bounded and inside the file."""
    verdict, _ = examined(path, content)
    return verdict


def examined(path: str, content: bytes) -> tuple[Completeness, list[Read]]:
    """Return the verdict, and the reads that led to it."""
    examination = FormatCheck(path, len(content))
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


def wav(
    sound: bytes,
    *,
    riff: int | None = None,
    riff_add: int = 0,
    data: int | None = None,
    data_add: int = 0,
    before: bytes = b"",
    after: bytes = b"",
    order: str = "<",
) -> bytes:
    """Return a mono PCM file. `riff` and `data` replace the right lengths, `…_add` is added to them; `before` and
    `after` are the chunks around the sound."""
    form = struct.pack(f"{order}4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    length = len(sound) + data_add if data is None else data
    body = (
        b"WAVE" + form + before + struct.pack(f"{order}4sI", b"data", length) + sound + b"\0" * (len(sound) % 2) + after
    )
    name = b"RIFF" if order == "<" else b"RIFX"
    return struct.pack(f"{order}4sI", name, len(body) + riff_add if riff is None else riff) + body


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


def chunk(name: bytes, content: bytes, *, length: int | None = None, pad: bytes = b"\0") -> bytes:
    """Return a RIFF chunk. `length` replaces the right one; `pad` follows content of odd length."""
    padding = pad if len(content) % 2 else b""
    return name + struct.pack("<I", len(content) if length is None else length) + content + padding


def avi(
    picture: bytes,
    *,
    riff: int | None = None,
    riff_add: int = 0,
    movi: int | None = None,
    movi_add: int = 0,
    between: bytes = b"",
    index: bool = True,
) -> bytes:
    """Return an AVI with the picture twice. `riff` and `movi` replace the right lengths, `…_add` is added to them;
    `between` comes before the list of frames."""
    header = chunk(b"LIST", b"hdrl" + chunk(b"avih", b"\1" * 56))
    pictures = b"movi" + chunk(b"00dc", picture) * 2
    movie = chunk(b"LIST", pictures, length=len(pictures) + movi_add if movi is None else movi)
    entries = struct.pack("<4sIII", b"00dc", 16, 4, len(picture)) * 2
    body = b"AVI " + header + between + movie + (chunk(b"idx1", entries) if index else b"")
    return struct.pack("<4sI", b"RIFF", len(body) + riff_add if riff is None else riff) + body


def avix(picture: bytes) -> bytes:
    """Return the list that follows in an AVI of more than 1 GB, or of a recorder that begins a new list each minute."""
    return chunk(b"RIFF", b"AVIX" + chunk(b"LIST", b"movi" + chunk(b"00dc", picture)))


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


def jpeg(data: bytes, *, scans: int = 1, between: bytes = b"\xff") -> bytes:
    """Return a JPEG. `data` is compressed data; every FF in it gets the 00 that an encoder writes after it. `between`
    comes between two segments."""
    thumbnail = b"\xff\xd8\xff\xd9"  # an end marker that is not the image's
    scan = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + data.replace(b"\xff", b"\xff\x00") + b"\xff\xd0more"
    return (
        b"\xff\xd8"
        + segment(0xE1, b"Exif\0\0" + thumbnail)
        + between
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
