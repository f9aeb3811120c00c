"""An image is complete when its parts lead from the beginning to its end mark, whatever is between and after them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.formats import image as module
from eisync.core.formats.probe import CHUNK_BYTES, Complete, Truncated, Undecidable
from tests.core.formats import examine, examined, jpeg, png, segment
from tests.examples import examples

quick = settings(max_examples=examples(80), database=None)

DATA = bytes((i * 7) % 250 + 1 for i in range(200))
HAS_END = Complete("its JPEG end marker is there")
ENDS = Complete("its PNG chunks end in IEND")
PHOTO, PICTURE = jpeg(DATA), png(DATA)
HEADER_BYTES = 33  # of a PNG: its signature and IHDR


def with_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG with these chunks between its data and its end."""
    made = b"".join(len(content).to_bytes(4, "big") + name + content + b"CRC " for name, content in chunks)
    return PICTURE[:-12] + made + PICTURE[-12:]


@pytest.mark.parametrize(
    "between",
    [
        b"",
        b"\xff" * 9,
        b"\xff" * 90_000,
        bytes(7),
        bytes(90_000),
        b"hello",
        b"\0\xe1\0\x10" + b"x" * 14,
        b"\xff\xd0\xff\x00",
        segment(0xE1, b"Exif\0\0" + PHOTO),
        segment(0xFE, b"a comment"),
        b"\xff\x01",
        b"\xff\xd8",
    ],
)
def test_bytes_between_two_segments_are_skipped(between: bytes) -> None:
    assert HAS_END == examine("a.jpg", jpeg(DATA, between=between))


@pytest.mark.parametrize("scans", [1, 3])
@pytest.mark.parametrize(
    "tail", [b"", bytes(512), b"SEFH" + b"\5" * 96, PHOTO, b"\0\0\0\x18ftypmp42" + bytes(99), b"\xff\xd8\xff"]
)
def test_data_after_a_jpeg_is_ignored(scans: int, tail: bytes) -> None:
    assert HAS_END == examine("a.jpg", jpeg(DATA, scans=scans) + tail)


def test_bytes_before_the_end_marker_are_skipped() -> None:
    assert HAS_END == examine("a.jpg", PHOTO[:-2] + bytes(40) + b"\xff\xff\xff" + PHOTO[-2:])


@pytest.mark.parametrize("tail", [b"", bytes(9), b"abc" * 9, PICTURE])
def test_data_after_a_png_is_ignored(tail: bytes) -> None:
    assert ENDS == examine("a.png", PICTURE + tail)


@pytest.mark.parametrize(
    "content",
    [
        with_chunks((b"tEXt", b"a note")),
        with_chunks((b"IDAT", b"more"), (b"IDAT", b"")),
        with_chunks((b"fcTL", bytes(26)), (b"fdAT", DATA), (b"tIME", bytes(7))),
        PICTURE[:8] + b"\0\0\0\4CgBI\x50\0\x20\2CRC " + PICTURE[8:],
    ],
    ids=["text", "data in pieces", "animation", "of a phone's program"],
)
def test_chunks_of_many_kinds_are_skipped(content: bytes) -> None:
    assert ENDS == examine("a.png", content)


@pytest.mark.parametrize(
    ("path", "content", "why"),
    [
        ("a.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "it is a HEIC image, not a JPEG or PNG image"),
        ("a.png", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + bytes(99), "it is an AVIF image, not a JPEG or PNG image"),
        ("a.jpg", b"RIFF\0\1\0\0WEBP" + bytes(99), "it is a WebP image, not a JPEG or PNG image"),
        ("a.png", b"GIF89a" + bytes(99), "it is a GIF image, not a JPEG or PNG image"),
        ("a.jpg", b"<!DOCTYPE html><title>Log in</title>", "it is an HTML page, not a JPEG or PNG image"),
        ("a.jpg", b"\xff\xd8nonsense", "it does not look like a JPEG image at byte 2"),
        ("a.jpg", b"\xff\xd8" + bytes(70_000) + b"x", "at byte 2, where it has 70,000 bytes of NUL"),
        ("a.png", PICTURE[:-1], "its image is complete, but its last PNG chunk (IEND) is truncated"),
        (
            "a.png",
            with_chunks((b"tEXt", DATA))[:-40],
            ("its image is complete, but its last PNG chunk (tEXt) is truncated"),
        ),
        (
            "a.png",
            with_chunks((b"tEXt", b""))[:-12] + bytes(20),
            "its image is complete, and 20 bytes follow its last",
        ),
        (
            "a.png",
            PICTURE[:HEADER_BYTES] + b"\xff\xff\xff\xffIDAT" + DATA,
            "it does not look like a PNG image at byte 33",
        ),
    ],
)
def test_parts_that_do_not_prove_the_end_are_undecidable(path: str, content: bytes, why: str) -> None:
    verdict = examine(path, content)
    assert isinstance(verdict, Undecidable)
    assert why in verdict.why


@pytest.mark.parametrize(
    ("path", "content", "finding"),
    [
        ("a.jpg", PHOTO[:-1], "JPEG has no end marker"),
        ("a.jpg", PHOTO[:-2] + bytes(500), "JPEG has no end marker"),
        ("a.jpg", PHOTO[:2] + b"\xff" * 70, "JPEG has no end marker"),
        ("a.jpg", jpeg(DATA, scans=3)[:-100], "JPEG has no end marker"),
        ("a.jpg", b"\xff\xd8" + segment(0xE0, DATA) + bytes(70_000), "there are only NUL bytes from byte 206 on"),
        ("a.jpg", bytes(70_000), "there are only NUL bytes from byte 0 on"),
        ("a.png", PICTURE[:-12], "PNG has no end chunk (IEND)"),
        ("a.png", PICTURE[:HEADER_BYTES] + bytes(70_000), "there are only NUL bytes from byte 33 on"),
        ("a.png", with_chunks((b"fcTL", bytes(26)), (b"fdAT", DATA))[:-40], "PNG chunk fdAT promises"),
    ],
)
def test_an_image_that_is_cut_is_truncated(path: str, content: bytes, finding: str) -> None:
    verdict = examine(path, content)
    assert isinstance(verdict, Truncated)
    assert finding in verdict.finding


GARBAGE = st.binary(max_size=60).map(lambda made: made.replace(b"\xff", b"\xfe"))
SEGMENTS = st.lists(st.builds(segment, st.sampled_from([0xE0, 0xE1, 0xFE, 0xDB]), st.binary(max_size=50)), max_size=3)


@quick
@given(st.binary(min_size=1, max_size=300), SEGMENTS, GARBAGE, st.binary(max_size=60), st.integers(1, 3), st.data())
def test_a_beginning_is_complete_only_with_the_end_marker(
    compressed: bytes, segments: list[bytes], garbage: bytes, tail: bytes, scans: int, data: st.DataObject
) -> None:
    image = jpeg(compressed, scans=scans, between=b"".join(one + garbage for one in segments))
    assert HAS_END == examine("a.jpg", image + tail)
    length = data.draw(st.integers(0, len(image) - 1))
    assert not isinstance(examine("a.jpg", image[:length]), Complete)


@quick
@given(st.binary(min_size=1, max_size=300), st.binary(max_size=60), st.data())
def test_a_beginning_is_complete_only_with_the_end_chunk(compressed: bytes, tail: bytes, data: st.DataObject) -> None:
    image = png(compressed)
    assert ENDS == examine("a.png", image + tail)
    length = data.draw(st.integers(0, len(image) - 1))
    assert isinstance(examine("a.png", image[:length]), Undecidable if length >= len(image) - 4 else Truncated)


@pytest.mark.parametrize("at", range(-3, 3))
def test_a_marker_at_the_border_of_two_reads_is_found(at: int) -> None:
    for border in (64, 64 + 127, CHUNK_BYTES, 131_000):
        between = bytes(border + at)
        assert HAS_END == examine("a.jpg", jpeg(DATA, between=between))


def test_many_small_gaps_cost_about_one_read_each() -> None:
    content = jpeg(DATA, between=(segment(0xFE, bytes(40)) + b"x") * 1_000)
    verdict, reads = examined("a.jpg", content)
    assert HAS_END == verdict
    assert sum(read.length for read in reads) < 3 * len(content)


TOO_MANY = Undecidable("it has too many parts to examine")


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a.png", png(b"data")[:8] + png(b"data")[8:33] * 20),
        ("a.jpg", b"\xff\xd8" + segment(0xE1, b"Exif") * 20),
        ("a.jpg", b"\xff\xd8" + b"\xff\x01" * 20),
    ],
)
def test_an_image_with_too_many_parts_is_undecidable(
    path: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PARTS", 10)
    verdict, reads = examined(path, content + b"\xff\xff")
    assert TOO_MANY == verdict
    assert len(reads) < 20


@pytest.mark.parametrize("length", [0, 1])
def test_a_segment_shorter_than_its_length_field_is_no_jpeg(length: int) -> None:
    content = b"\xff\xd8" + segment(0xE1, b"Exif") + b"\xff\xe0" + bytes([0, length]) + b"x" * 40
    verdict = examine("a.jpg", content)
    assert isinstance(verdict, Undecidable)
    assert "JPEG" in verdict.why
