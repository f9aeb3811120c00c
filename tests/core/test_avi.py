"""An AVI with all of its frames is never truncated, with or without an index, whatever its outermost size states."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.formats import avi as module
from eisync.core.formats.probe import Complete, OpenEnded, Truncated, Undecidable
from tests.core.formats import avi, avix, chunk, examine, examined
from tests.examples import examples

quick = settings(max_examples=examples(80), database=None)

PICTURE = bytes((i * 7) % 250 + 1 for i in range(301))
PLAIN = avi(PICTURE)
MOVI_AT = PLAIN.index(b"movi") - 8
PICTURES_END = MOVI_AT + 8 + 4 + 2 * (8 + 302)
BY_HEADER = Complete("as long as its AVI header says")
BY_PARTS = Complete("its AVI lists and its index end with the file")
LEFT_OPEN = OpenEnded("its AVI header leaves the length open, as recorders do until they finish")
WITHOUT_INDEX = OpenEnded("its frames are complete; its AVI index (idx1) is missing, but players do not need one")


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (PLAIN, BY_HEADER),
        (avi(PICTURE, index=False), BY_HEADER),
        (PLAIN + avix(PICTURE) + avix(PICTURE), BY_HEADER),
        (avi(PICTURE, movi_add=8), BY_HEADER),
        (avi(PICTURE, between=bytes(4)), BY_HEADER),
        (avi(PICTURE, riff_add=8), BY_PARTS),
        (avi(PICTURE, riff_add=4), BY_PARTS),
        (avi(PICTURE, riff_add=-70), BY_PARTS),
        (avi(PICTURE, riff=0), BY_PARTS),
        (avi(PICTURE, riff=0xFFFF_FFFF), BY_PARTS),
        (avi(PICTURE, riff_add=8, movi_add=8), BY_PARTS),
        (avi(PICTURE, riff_add=-4, movi_add=-4), BY_PARTS),
        (avi(PICTURE, riff_add=8, between=bytes(4)), BY_PARTS),
        (avi(PICTURE, riff_add=8, between=chunk(b"JUNK", b"odd", pad=b"")), BY_PARTS),
        (avi(PICTURE, riff_add=8) + avix(PICTURE), BY_PARTS),
        (avi(b"idx1", riff_add=8), BY_PARTS),
        (avi(PICTURE + b"idx1 in a picture", riff_add=8), BY_PARTS),
        (PLAIN + bytes(4) + avix(PICTURE), BY_PARTS),
    ],
)
def test_sizes_that_are_wrong_by_a_header_are_complete(content: bytes, verdict: Complete) -> None:
    assert verdict == examine("a.avi", content)


@pytest.mark.parametrize("tail", [bytes(3), bytes(4), bytes(512), bytes(70_000), b"GARMIN and where it was", b"\1" * 9])
@pytest.mark.parametrize("riff_add", [0, 8])
def test_data_after_the_last_list_does_not_make_a_file_truncated(tail: bytes, riff_add: int) -> None:
    verdict = examine("a.avi", avi(PICTURE, riff_add=riff_add) + tail)
    assert Undecidable(f"its frames are complete, and {len(tail):,} bytes follow its last AVI list") == verdict


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (PLAIN[:PICTURES_END], WITHOUT_INDEX),
        (PLAIN[:-20], WITHOUT_INDEX),
        (PLAIN[: PICTURES_END - 10], OpenEnded("its AVI list of frames claims 10 bytes more than the file has")),
        (avi(PICTURE, riff=0, movi=0, index=False), LEFT_OPEN),
        (avi(PICTURE, riff=0, movi=0, index=False)[:-100], LEFT_OPEN),
        (avi(PICTURE, riff=0xFFFF_FFFF, movi=0xFFFF_FFFF, index=False), LEFT_OPEN),
        (avi(PICTURE, riff=0, movi=200_000_000), LEFT_OPEN),
    ],
)
def test_a_file_that_its_recorder_left_unfinished_is_open_ended(content: bytes, verdict: OpenEnded) -> None:
    assert verdict == examine("a.avi", content)


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (PLAIN[: PICTURES_END - 17], f"AVI header promises {len(PLAIN):,} bytes, the file has {PICTURES_END - 17:,}"),
        (avi(PICTURE, riff=0)[: PICTURES_END - 17], f"AVI header promises {PICTURES_END:,} bytes, the file has"),
        (PLAIN[:MOVI_AT], f"AVI header promises {len(PLAIN):,} bytes, the file has {MOVI_AT:,}"),
        (avi(b"", riff=0, movi=0, index=False)[: MOVI_AT + 12], "AVI header leaves the length open"),
        (PLAIN[:MOVI_AT] + bytes(9_000), f"there are only NUL bytes from byte {MOVI_AT} on"),
        (bytes(9_000), "there are only NUL bytes from byte 0 on"),
        ((PLAIN + avix(PICTURE))[:-20], "AVI header promises"),
        ((avi(PICTURE, riff_add=8) + avix(PICTURE))[:-20], "AVI header promises"),
        (PLAIN + avix(PICTURE)[:9], f"an AVI list begins at byte {len(PLAIN):,} and has no header yet"),
        (PLAIN + avix(PICTURE)[:12], "AVI header promises"),
    ],
)
def test_missing_frames_are_truncated(content: bytes, finding: str) -> None:
    verdict = examine("a.avi", content)
    assert isinstance(verdict, Truncated)
    assert finding in verdict.finding


@quick
@given(st.binary(min_size=1, max_size=400), st.integers(0, 0xFFFF_FFFF))
def test_no_outermost_size_makes_a_file_with_all_its_frames_truncated(picture: bytes, riff: int) -> None:
    assert isinstance(examine("a.avi", avi(picture, riff=riff)), Complete | Undecidable)


@quick
@given(st.binary(min_size=20, max_size=1_000), st.integers(-9, 9), st.sampled_from([b"", bytes(4)]), st.data())
def test_a_beginning_is_complete_only_with_all_frames(
    picture: bytes, riff_add: int, between: bytes, data: st.DataObject
) -> None:
    whole = avi(picture, riff_add=riff_add, between=between)
    pictures_end = whole.index(b"idx1")
    length = data.draw(st.integers(0, len(whole) - 1))
    verdict = examine("a.avi", whole[:length])
    if length < pictures_end - 16:
        assert isinstance(verdict, Truncated)
    elif length < pictures_end:
        assert isinstance(verdict, OpenEnded)
    else:
        # A file size that is too small by the missing bytes agrees with the file; only part of the index is missing.
        assert isinstance(verdict, OpenEnded | Undecidable) or len(whole) - length <= 9


@quick
@given(st.binary(max_size=300), st.integers(-9, 9), st.integers(0, 9_000).map(bytes) | st.binary(max_size=60))
def test_no_tail_makes_a_complete_file_truncated(picture: bytes, riff_add: int, tail: bytes) -> None:
    assert isinstance(examine("a.avi", avi(picture, riff_add=riff_add) + tail), Complete | Undecidable)


def test_most_files_need_one_read() -> None:
    _, reads = examined("a.avi", avi(bytes(1_000_000)))
    assert [(0, 12)] == [(read.offset, read.length) for read in reads]


def test_following_the_parts_reads_little() -> None:
    _, reads = examined("a.avi", avi(bytes(1_000_000), riff_add=8))
    assert sum(read.length for read in reads) < 200


@pytest.mark.parametrize("has_pictures", [True, False])
def test_an_avi_with_too_many_parts_is_undecidable(has_pictures: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PARTS", 10)
    many = chunk(b"JUNK", b"") * 20
    # The length in its header is wrong, so that its parts are followed one by one.
    content = avi(b"picture.", riff=3, index=False) + many if has_pictures else avi(b"picture.", riff=3, between=many)
    verdict, reads = examined("a.avi", content)
    assert isinstance(verdict, Undecidable | OpenEnded)
    assert len(reads) < 20
