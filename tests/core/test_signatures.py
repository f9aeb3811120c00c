"""A file that is something else than its name says is called by what it is, and by nothing that it may not be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.evidence import CannotTell
from eisync.core.signatures import is_still_image, kind_of
from tests.core import formats
from tests.core.formats import box, examine

FTYP = b"\0\0\0\x18ftyp"
KINDS = [
    (FTYP + b"heic\0\0\0\0mif1heic", "a HEIC image"),
    (FTYP + b"mif1\0\0\0\0mif1heic", "a HEIC image"),
    (FTYP + b"avif\0\0\0\0mif1avif", "an AVIF image"),
    (FTYP + b"mif1\0\0\0\0mif1avif", "an AVIF image"),
    (FTYP + b"mp42\0\0\0\0mp42isom", "an MP4 file"),
    (FTYP + b"isom\0\0\0\0isomavc1", "an MP4 file"),
    (FTYP + b"M4A \0\0\0\0M4A mp42", "an MPEG-4 recording (M4A)"),
    (FTYP + b"3gp5\0\0\0\0", "a 3GPP video"),
    (FTYP + b"qt  \0\0\0\0", "a QuickTime video"),
    (b"\0\0\0\x08wide\0\0\1\0mdat", "a QuickTime video"),
    (b"RIFF\x10\1\0\0WEBPVP8 ", "a WebP image"),
    (b"RIFF\x10\1\0\0WAVEfmt ", "a WAV recording"),
    (b"RF64\xff\xff\xff\xffWAVEds64", "a WAV recording"),
    (b"RIFF\x10\1\0\0AVI LIST", "an AVI video"),
    (b"\xff\xd8\xff\xe0", "a JPEG image"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"GIF89a", "a GIF image"),
    (b"BM\x36\x10\0\0\0\0\0\0", "a BMP image"),
    (b"II*\0", "a TIFF image"),
    (b"fLaC\0\0\0\x22", "a FLAC recording"),
    (b"OggS\0\2", "an Ogg recording"),
    (b"ID3\4\0", "an MP3 recording"),
    (b"\xff\xfb\x90\x64", "an MP3 recording"),
    (b"\xff\xf1\x50\x80", "an AAC recording"),
    (b"FORM\0\0\1\0AIFFCOMM", "an AIFF recording"),
    (b"riff\x2e\x91\xcf\x11\xa5\xd6", "a Wave64 recording"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    ((b"G" + bytes(187)) * 2, "an MPEG transport stream"),
    (FTYP + b"MiHB\0\0\0\0mif1heic", "a HEIC image"),
    (b"PK\x03\x04", "a ZIP archive, as office documents are"),
    (b"<!DOCTYPE HTML>", "an HTML page"),
    (b"\xef\xbb\xbf\n<html lang=en>", "an HTML page"),
    (b'{"message": "Not found"}', "a JSON text"),
    (b'<?xml version="1.0"?>', "an XML text"),
    (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS, which stands for a file that is elsewhere"),
]


@pytest.mark.parametrize(("head", "kind"), KINDS)
def test_a_file_is_named_by_its_first_bytes(head: bytes, kind: str) -> None:
    assert kind == kind_of(head)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\0" * 44,
        b"BM and more words",
        b"words",
        b"Good day",
        b"{braces}",
        b"\xff\xff\xff\xff",
        b"\xff\xfb\xff\xff",
    ],
)
def test_what_could_be_anything_is_not_named(head: bytes) -> None:
    assert kind_of(head) is None


@given(st.binary(max_size=44))
def test_any_bytes_are_named_or_not(head: bytes) -> None:
    kind = kind_of(head)
    assert kind is None or kind.startswith(("a ", "an "))


@pytest.mark.parametrize(
    ("brand", "is_image"), [(b"heic", True), (b"avif", True), (b"mif1", True), (b"isom", False), (b"qt  ", False)]
)
def test_an_image_that_is_built_like_an_mp4_is_told_from_one(brand: bytes, is_image: bool) -> None:
    assert is_image is is_still_image(FTYP + brand)


OTHERS = [
    (b"G" + bytes(187)) * 3,
    formats.wav(b"sound"),
    formats.avi(b"picture"),
    box(b"ftyp", b"isom") + box(b"moov") + box(b"mdat", b"media"),
    formats.png(b"data"),
    formats.jpeg(b"data"),
    b"fLaC" + bytes(99),
    box(b"ftyp", b"heic") + bytes(99),
]


@pytest.mark.parametrize("extension", [".wav", ".avi", ".mp4", ".jpg", ".png"])
@pytest.mark.parametrize("content", OTHERS)
def test_one_format_under_the_name_of_another_is_named_and_left_to_the_service(extension: str, content: bytes) -> None:
    kind = kind_of(content)
    assert kind is not None
    is_its_own = {".wav": "WAV", ".avi": "AVI", ".mp4": "MP4 f", ".jpg": "EG image", ".png": "NG image"}[extension]
    verdict = examine(f"a{extension}", content)
    if is_its_own in kind or (extension in (".jpg", ".png") and kind in ("a JPEG image", "a PNG image")):
        assert "not" not in getattr(verdict, "why", "")
    else:
        assert isinstance(verdict, CannotTell)
        assert verdict.why.startswith(f"it is {kind}, not a")
