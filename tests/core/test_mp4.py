"""An MP4 with its index and media is never truncated, whatever follows them. Without its index it is never complete."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.formats import mp4 as module
from eisync.core.formats.probe import Complete, OpenEnded, Truncated, Undecidable
from tests.core.formats import box, examine, examined, long_box
from tests.examples import examples

quick = settings(max_examples=examples(80), database=None)

MEDIA = bytes((i * 7) % 250 + 1 for i in range(300))
FTYP = box(b"ftyp", b"isom\0\0\2\0isomiso2")
MOOV = box(b"moov", box(b"mvhd", bytes(100)))
MDAT = box(b"mdat", MEDIA)
MOOF = box(b"moof", bytes(60))
INDEX_LAST, INDEX_FIRST = FTYP + MDAT + MOOV, FTYP + MOOV + MDAT
FRAGMENTS = FTYP + MOOV + MOOF + MDAT + MOOF + MDAT
FILLED = Complete("its MP4 boxes fill the file and include index and media")


@pytest.mark.parametrize(
    "content",
    [
        INDEX_LAST,
        INDEX_FIRST,
        MDAT + MOOV,
        box(b"wide") + MDAT + MOOV,
        FTYP + box(b"free", bytes(9)) + MDAT + MDAT + MOOV,
        FTYP + long_box(b"mdat", MEDIA) + MOOV,
        FTYP + MOOV + long_box(b"mdat", MEDIA),
        FTYP + box(b"uuid", bytes(16)) + MOOV + MDAT + box(b"udta", b"maker"),
        INDEX_LAST + box(b"free", bytes(900)) + box(b"skip"),
        box(b"ftyp", b"qt  \0\0\2\0qt  ") + MDAT + MOOV,
        box(b"ftyp", b"M4A \0\0\2\0M4A ") + MDAT + MOOV,
    ],
)
def test_a_file_with_index_and_media_is_complete(content: bytes) -> None:
    assert FILLED == examine("a.mp4", content)


@pytest.mark.parametrize("content", [INDEX_LAST, INDEX_FIRST, FTYP + long_box(b"mdat", MEDIA) + MOOV])
@pytest.mark.parametrize("tail", [bytes(4), bytes(8), bytes(200), bytes(70_000), b"SEFT" + b"\5" * 96, b"\0\0\0\4free"])
def test_data_after_the_last_box_does_not_make_a_file_truncated(content: bytes, tail: bytes) -> None:
    verdict = examine("a.mp4", content + tail)
    assert isinstance(verdict, Undecidable)
    assert "its index and media are complete" in verdict.why


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            INDEX_LAST + box(b"free", bytes(9), length=9_000),
            "its last MP4 box (free) claims 8,983 bytes more than the file has",
        ),
        (
            INDEX_LAST + box(b"uuid", bytes(9), length=18),
            ("its last MP4 box (uuid) claims 1 byte more than the file has"),
        ),
        (
            FTYP + MOOV + box(b"mdat", MEDIA, length=0),
            ("its last MP4 box (mdat) extends to the end of the file, wherever that is"),
        ),
        (FTYP + MOOV + MDAT + MDAT, "its index comes before several pieces of media, and more may follow"),
        (FRAGMENTS, "more fragments may follow"),
        (FRAGMENTS + bytes(40), "its index and media are complete, and 40 bytes follow its last MP4 box"),
        (box(b"styp", b"msdh") + MOOF + MDAT, "it is a piece of an MP4 stream whose index (moov) is elsewhere"),
        (FTYP + box(b"mdat", MEDIA, length=len(MDAT) + 8) + MOOV, "its index (moov) is not where its boxes lead"),
        (FTYP + MOOV + bytes(300) + MDAT, "at byte 140, where it has 302 bytes of NUL"),
        (box(b"ftyp", b"heic\0\0\0\0mif1heic") + bytes(99), "it is a HEIC image, not an MP4 file"),
        (box(b"ftyp", b"mif1\0\0\0\0mif1avif") + bytes(99), "it is an AVIF image, not an MP4 file"),
        (b"\x1aE\xdf\xa3" + bytes(99), "it is a Matroska file, not an MP4 file"),
        (FTYP + box(b"what", b"", length=200_000_000), "it does not look like an MP4 file at byte 24"),
    ],
)
def test_boxes_that_do_not_prove_the_end_are_undecidable(content: bytes, why: str) -> None:
    verdict = examine("a.mp4", content)
    assert isinstance(verdict, Undecidable)
    assert why in verdict.why


@pytest.mark.parametrize("length", [200_000_000, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_media_above_the_limit_of_the_service_are_open_ended_after_their_index(length: int) -> None:
    expected = OpenEnded("its MP4 header leaves the length of its media open, as recorders do until they finish")
    assert expected == examine("a.mp4", FTYP + MOOV + box(b"mdat", MEDIA, length=length))
    assert isinstance(examine("a.mp4", FTYP + box(b"mdat", MEDIA, length=length)), Truncated)


@pytest.mark.parametrize("off", [1, 8, 16])
def test_media_that_count_their_header_are_open_ended(off: int) -> None:
    verdict = examine("a.mp4", FTYP + MOOV + box(b"mdat", MEDIA, length=len(MDAT) + off))
    assert isinstance(verdict, OpenEnded)


WITHOUT_INDEX = "MP4 has no index (moov), which recorders write when they finish"


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (FTYP + MDAT, WITHOUT_INDEX),
        (FTYP + box(b"mdat", MEDIA, length=0), WITHOUT_INDEX),
        (FTYP + b"\0\0\0\1mdat" + bytes(8) + MEDIA, WITHOUT_INDEX),
        (FTYP + MOOV, "MP4 has an index and no media (mdat) yet"),
        (FTYP + MOOV + MDAT[:-17], "MP4 box mdat promises 448 bytes, the file has 431"),
        (INDEX_LAST[:-1], "MP4 box moov promises 448 bytes, the file has 447"),
        (FRAGMENTS[:-1], "MP4 box mdat promises 892 bytes, the file has 891"),
        (FTYP + MOOV + MOOF + box(b"mdat", MEDIA, length=200_000_000), "MP4 box mdat promises 200,000,208 bytes"),
        (FTYP + MOOV + MOOF + MDAT + MOOF, "the last fragment of the MP4 has no media (mdat) yet"),
        (FTYP + MDAT + bytes(500), "there are only NUL bytes from byte 332 on"),
        (bytes(70_000), "there are only NUL bytes from byte 0 on"),
        (FTYP + MDAT + b"\0\0", "there are only NUL bytes from byte 332 on"),
        (FTYP + MDAT + b"\0\0\0\x74mo", "an MP4 box begins at byte 332 and has no header yet"),
    ],
)
def test_missing_parts_are_truncated(content: bytes, finding: str) -> None:
    verdict = examine("a.mp4", content)
    assert isinstance(verdict, Truncated)
    assert finding in verdict.finding


OTHERS = st.lists(
    st.builds(box, st.sampled_from([b"free", b"skip", b"uuid", b"wide"]), st.binary(max_size=50)), max_size=2
)


@quick
@given(st.binary(min_size=20, max_size=300), OTHERS, OTHERS, st.booleans(), st.data())
def test_a_beginning_is_complete_only_with_index_and_media(
    media: bytes, before: list[bytes], after: list[bytes], is_index_first: bool, data: st.DataObject
) -> None:
    mdat = box(b"mdat", media)
    payload = FTYP + b"".join(before) + (MOOV + mdat if is_index_first else mdat + MOOV)
    whole = payload + b"".join(after)
    assert FILLED == examine("a.mp4", whole)
    length = data.draw(st.integers(0, len(whole) - 1))
    verdict = examine("a.mp4", whole[:length])
    if length < len(payload) - (16 if is_index_first else 0):
        assert isinstance(verdict, Truncated)
    elif length < len(payload):
        assert isinstance(verdict, OpenEnded)
    else:
        assert isinstance(verdict, Complete | Undecidable)


@quick
@given(st.sampled_from([INDEX_LAST, INDEX_FIRST, FRAGMENTS + box(b"mfra")]), st.integers(1, 9_000).map(bytes))
def test_no_reserved_space_at_the_end_makes_a_complete_file_truncated(content: bytes, tail: bytes) -> None:
    assert isinstance(examine("a.mp4", content + tail), Undecidable)


@quick
@given(st.sampled_from([INDEX_LAST, INDEX_FIRST]), st.binary(min_size=1, max_size=99))
def test_no_vendor_trailer_makes_a_complete_file_truncated(content: bytes, tail: bytes) -> None:
    is_more_of_it = tail[4:8] in (b"moov", b"mdat", b"moof", b"imda")
    assert is_more_of_it or isinstance(examine("a.mp4", content + tail), Complete | Undecidable)


def test_fragments_are_complete_with_their_index() -> None:
    assert Complete("its fragments end in an index") == examine("a.mp4", FRAGMENTS + box(b"mfra"))
    assert Complete("its fragments end in an index") == examine("a.mp4", FRAGMENTS + box(b"mfra") + box(b"free"))


def test_only_headers_are_read_and_not_the_media() -> None:
    _, reads = examined("a.mp4", FTYP + box(b"mdat", bytes(1_000_000)) + MOOV + bytes(100_000))
    assert sum(read.length for read in reads) < 200


def test_a_file_with_too_many_boxes_is_undecidable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PARTS", 10)
    verdict, reads = examined("a.mp4", box(b"ftyp", b"isom") + box(b"free") * 20)
    assert Undecidable("it has too many parts to examine") == verdict
    assert len(reads) < 20
