import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.formats import probe
from eisync.core.formats.magic import HEAD_BYTES, is_json, is_still_image, is_text, placeholder, recognised
from eisync.core.formats.probe import Truncated, Undecidable
from tests.core import formats
from tests.core.formats import box, examine
from tests.examples import examples


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    return struct.pack(">I4s4sI", 16 + 4 * len(compatible), b"ftyp", major, 0) + b"".join(compatible)


def riff(kind: bytes) -> bytes:
    return b"RIFF\x24\0\0\0" + kind


def local_file(name: bytes, content: bytes = b"") -> bytes:
    return (
        b"PK\x03\x04"
        + struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0, 0, len(content), len(content), len(name), 0)
        + (name + content)
    )


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"

CASES = [
    (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG image"),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image"),
    (b"GIF89a\x01\0", "a GIF image"),
    (b"BM" + struct.pack("<IHHIIii", 1078, 0, 0, 54, 40, 10, 10), "a BMP image"),
    (b"II*\0\x08\0\0\0", "a TIFF image"),
    (b"MM\0*\0\0\0\x08", "a TIFF image"),
    (riff(b"WEBP") + b"VP8 ", "a WebP image"),
    (ftyp(b"heic", b"mif1", b"heic"), "a HEIC image"),
    (ftyp(b"mif1", b"mif1", b"heic", b"hevc"), "a HEIC image"),
    (ftyp(b"mif1", b"avif", b"miaf"), "an AVIF image"),
    (ftyp(b"mif1", b"miaf"), "a HEIF image"),
    (ftyp(b"hevc", b"msf1"), "a HEIC image"),
    (ftyp(b"avif", b"mif1"), "an AVIF image"),
    (ftyp(b"isom", b"iso2", b"avc1", b"mp41"), "an MP4 file"),
    (ftyp(b"mp42", b"isom"), "an MP4 file"),
    (ftyp(b"qt  "), "a QuickTime file"),
    (ftyp(b"M4A ", b"isom"), "an MPEG-4 audio file"),
    (ftyp(b"3gp4"), "a 3GP file"),
    (struct.pack(">I4s", 8, b"wide") + struct.pack(">I4s", 9, b"mdat"), "a QuickTime file"),
    (riff(b"WAVE") + b"fmt ", "a WAV file"),
    (b"RF64\xff\xff\xff\xffWAVEds64", "a WAV file"),
    (riff(b"AVI ") + b"LIST", "an AVI file"),
    (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0", "a Wave64 file"),
    (b"FORM\0\0\x10\0AIFFCOMM", "an AIFF file"),
    (b"fLaC\0\0\0\x22", "a FLAC file"),
    (b"OggS\0\x02", "an Ogg file"),
    (b"ID3\x04\0\0", "an MP3 file"),
    (b"\xff\xfb\x90\x64", "an MP3 file"),
    (b"\xff\xf1\x50\x80", "an AAC file"),
    (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82\x88matroska", "a Matroska file"),
    (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", "a WebM file"),
    (b"%PDF-1.7\n", "a PDF document"),
    (local_file(b"a.wav"), "a ZIP archive"),
    (local_file(b"[Content_Types].xml") + local_file(b"xl/workbook.xml"), "an Excel workbook"),
    (local_file(b"[Content_Types].xml"), "a Microsoft Office document"),
    (local_file(b"mimetype", b"application/vnd.oasis.opendocument.spreadsheet"), "an OpenDocument spreadsheet"),
    (b"\x1f\x8b\x08\0", "a gzip archive"),
    (b"BZh91AY&SY", "a bzip2 archive"),
    (b"recording.csv".ljust(257, b"\0") + b"ustar\0", "a tar archive"),
    (b"<!DOCTYPE html>\n<html>", "an HTML page"),
    (b"\xef\xbb\xbf\r\n  <html lang='en'>", "an HTML page"),
    ("\ufeff<HTML><body>".encode("utf-16-le"), "an HTML page"),
    (b"<?xml version='1.0'?><!DOCTYPE html PUBLIC ''><html>", "an HTML page"),
    (b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code></Error>", "an XML document"),
    (b"<Error><Code>NoSuchKey</Code></Error>", "an XML document"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'>", "an SVG image"),
    (b"PAR1\x15\x04", "a Parquet file"),
    (b"PARE\x15\x04", "an encrypted Parquet file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY\x01\0", "a NumPy array"),
    (b"bplist00\xd4", "an Apple property list"),
    (LFS, "a Git LFS pointer"),
    (b"version https://hawser.github.com/spec/v1\n", "a Git LFS pointer"),
    (b"/annex/objects/SHA256E-s31390--f50d7ac4c6b9.wav\n", "a git-annex pointer"),
    (b"", None),
    (b"\0" * 600, None),
    (b"timestamp,accX\n0,1.5\n", None),
    (b"version,https://example.org\n", None),
    (b'{"payload": {}}', None),
    (b"<3 this sensor, 1, 2\n", None),
    (b"\xa3iprotected", None),
    (b"RIFF\x24\0\0\0ABCD", None),
    (b"BM,accX\n1,2\n", None),
    ("\ufeff1,2\r\n".encode("utf-16-le"), None),
    (b"\xff\xff\xff\xff", None),
]


@pytest.mark.parametrize(("head", "name"), CASES)
def test_content_is_named_by_its_first_bytes(head: bytes, name: str | None) -> None:
    assert name == recognised(head)


@pytest.mark.parametrize(("head", "name"), CASES)
def test_bytes_after_the_head_change_nothing(head: bytes, name: str | None) -> None:
    if name is not None:
        assert name == recognised(head.ljust(HEAD_BYTES, b" "))


def test_only_pointers_are_placeholders() -> None:
    assert ["a Git LFS pointer", "a Git LFS pointer", "a git-annex pointer"] == [
        name for head, name in CASES if placeholder(head) is not None
    ]


@pytest.mark.parametrize(
    ("head", "expected"),
    [(b"a,b\r\n\t1", True), (b"", False), (b"a\0", False), (b"\xa3protected", False), ("ü".encode(), False)],
)
def test_plain_text_is_distinguished_from_bytes(head: bytes, expected: bool) -> None:
    assert expected == is_text(head)


@settings(max_examples=examples(200), database=None)
@given(
    st.binary(max_size=64)
    | st.sampled_from([head for head, _ in CASES]).flatmap(
        lambda head: st.integers(0, len(head)).map(lambda length: head[:length])
    )
)
def test_every_head_gets_a_name_or_none(head: bytes) -> None:
    name = recognised(head)
    assert name is None or name.startswith(("a ", "an "))


FTYP = b"\0\0\0\x18ftyp"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ((b"G" + bytes(187)) * 2, "an MPEG transport stream"),
        (FTYP + b"MiHB\0\0\0\0mif1heic", "a HEIC image"),
    ],
)
def test_vendor_brands_and_packets_are_named(head: bytes, name: str) -> None:
    assert name == recognised(head)


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
def test_ambiguous_beginnings_are_not_named(head: bytes) -> None:
    assert recognised(head) is None


@pytest.mark.parametrize(
    ("brand", "is_image"), [(b"heic", True), (b"avif", True), (b"mif1", True), (b"isom", False), (b"qt  ", False)]
)
def test_an_image_in_mp4_boxes_is_distinguished_from_an_mp4(brand: bytes, is_image: bool) -> None:
    assert is_image is is_still_image(FTYP + brand)


@pytest.mark.parametrize(
    ("head", "expected"),
    [(b'{"message": "Not found"}', True), (b"\xef\xbb\xbf[[1, 2]]", True), (b"{braces}", False), (b"1,2", False)],
)
def test_a_json_document_is_recognised_where_no_text_is_expected(head: bytes, expected: bool) -> None:
    assert expected is is_json(head)
    named = probe.other_format("a WAV file", head)
    assert expected is (named == Undecidable("it is a JSON document, not a WAV file; the service will judge it"))


@pytest.mark.parametrize("extension", [".wav", ".avi", ".mp4", ".jpg", ".png", ".csv", ".json", ".cbor", ".parquet"])
def test_a_pointer_in_place_of_the_content_is_not_complete(extension: str) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    assert isinstance(examine(f"a{extension}", pointer), Truncated)


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
def test_a_format_with_the_wrong_extension_is_named_and_undecidable(extension: str, content: bytes) -> None:
    kind = recognised(content)
    assert kind is not None
    is_its_own = {".wav": "WAV", ".avi": "AVI", ".mp4": "MP4 f", ".jpg": "EG image", ".png": "NG image"}[extension]
    verdict = examine(f"a{extension}", content)
    if is_its_own in kind or (extension in (".jpg", ".png") and kind in ("a JPEG image", "a PNG image")):
        assert "not" not in getattr(verdict, "why", "")
    else:
        assert isinstance(verdict, Undecidable)
        assert verdict.why.startswith(f"it is {kind}, not a")
