"""The size of an image is found in its header, whatever follows, and never guessed."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from eisync.core.formats.image_size import Size, image_size
from eisync.core.formats.probe import CHUNK_BYTES


def found(content: bytes) -> Size | None:
    """Return the size. Check that every read is bounded and inside the file."""
    search = image_size(len(content))
    try:
        read = next(search)
        while True:
            assert 0 < read.length <= CHUNK_BYTES
            assert 0 <= read.offset <= len(content) - read.length
            read = search.send(content[read.offset : read.offset + read.length])
    except StopIteration as end:
        size: Size | None = end.value
        return size


def made(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (37, 1025)).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("png", {}),
        ("jpeg", {}),
        ("jpeg", {"progressive": True, "comment": b"x" * 60_000}),
        ("jpeg", {"exif": b"Exif\0\0" + b"\xff\xd8\xff\xc0" * 99}),
        ("bmp", {}),
        ("gif", {}),
        ("webp", {"lossless": True}),
        ("webp", {}),
        ("webp", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}),
        ("tiff", {}),
        ("tiff", {"compression": "tiff_deflate"}),
    ],
)
def test_pillow_reads_the_same_size(kind: str, options: dict[str, object]) -> None:
    content = made(kind, **options)
    assert (37, 1025) == Image.open(io.BytesIO(content)).size == found(content)


FRAME = b"\xff\xc0\0\x11\x08\x04\x01\0\x25\x03"
BIG_ENDIAN = b"MM\0*\0\0\0\x08\0\3" + b"".join(
    struct.pack(">HHIHH", tag, kind, 1, number, 0) for tag, kind, number in ((254, 4, 0), (256, 3, 37), (257, 3, 1025))
)


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (b"\xff\xd8\xff\xff\xff\x01" + FRAME, (37, 1025)),
        (b"\xff\xd8\xff\xfe\0\x04xx" + FRAME, (37, 1025)),
        (b"\xff\xd8\xff\xfe\0\x04xx?" + FRAME, None),
        (b"\xff\xd8" + b"\xff" * 2000, None),
        (b"\xff\xd8" + FRAME.replace(b"\x04\x01", b"\0\0"), None),
        (b"\xff\xd8" + FRAME[:6], None),
        (BIG_ENDIAN, (37, 1025)),
        (BIG_ENDIAN[:-1], None),
        (BIG_ENDIAN[:9], None),
        (BIG_ENDIAN[:5], None),
        (BIG_ENDIAN.replace(b"\0\3\0\xfe", b"\0\0\0\xfe"), None),
        (BIG_ENDIAN.replace(b"\1\0\0\3", b"\1\0\0\x0c"), None),
        (b"BM" + bytes(12) + struct.pack("<IHH", 12, 37, 1025), (37, 1025)),
        (b"BM" + bytes(12) + struct.pack("<Iii", 40, 37, -1025), (37, 1025)),
        (b"BM" + bytes(12) + struct.pack("<Iii", 40, -37, 1025), None),
        (b"BM", None),
        (b"RIFF\0\0\0\0WAVEfmt " + bytes(20), None),
        (b"RIFF\0\0\0\0WEBPALPH" + bytes(20), None),
        (b"RIFF\0\0\0\0WEBPVP8X" + bytes(9), None),
        (made("png")[:20], None),
        (made("png")[:8], None),
        (b"GIF89a\0", None),
        (b"", None),
        (b"hello", None),
    ],
)
def test_a_header_says_the_size_or_nothing(content: bytes, size: Size | None) -> None:
    assert size == found(content)


BEGINNINGS = [
    b"",
    b"\xff\xd8",
    b"\xff\xd8\xff\xe1",
    b"II*\0",
    b"MM\0*",
    b"BM",
    b"GIF89a",
    b"RIFF....WEBPVP8 ",
    b"\x89PNG\r\n\x1a\n",
]


@given(begins=st.sampled_from(BEGINNINGS), rest=st.binary(max_size=80))
def test_noise_gives_a_size_or_nothing(begins: bytes, rest: bytes) -> None:
    size = found(begins + rest)
    assert size is None or min(size) > 0


@given(kind=st.sampled_from(["png", "jpeg", "gif", "bmp", "webp", "tiff"]), length=st.integers(0, 400))
def test_a_cut_file_never_has_another_size(kind: str, length: int) -> None:
    assert found(made(kind)[:length]) in (None, (37, 1025))
