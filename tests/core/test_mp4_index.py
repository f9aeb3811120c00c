"""The index of an MP4 tells how far its media reach, where the boxes that hold them do not."""

import struct
from collections.abc import Generator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.formats import mp4 as module
from eisync.core.formats.mp4 import TO_THE_END, Box, box_of, media_reach
from eisync.core.formats.probe import CHUNK_BYTES, OpenEnded, Read, Truncated, Undecidable
from tests.core.formats import box, examine

quick = settings(max_examples=80, deadline=None, database=None)

FTYP = box(b"ftyp", b"isom\0\0\2\0isomiso2")
MEDIA = bytes((i * 7) % 250 + 1 for i in range(300))


def sizes_of(samples: Sequence[int]) -> bytes:
    return box(b"stsz", struct.pack(f">III{len(samples)}I", 0, 0, len(samples), *samples))


def places_of(chunks: Sequence[int], *, is_long: bool = False) -> bytes:
    entries = struct.pack(f">II{len(chunks)}{'Q' if is_long else 'I'}", 0, len(chunks), *chunks)
    return box(b"co64" if is_long else b"stco", entries)


def track(*tables: bytes) -> bytes:
    table = box(b"stbl", box(b"stsd", bytes(40)) + b"".join(tables))
    return box(b"trak", box(b"tkhd", bytes(84)) + box(b"mdia", box(b"mdhd", bytes(24)) + box(b"minf", table)))


def moov(*tracks: bytes) -> bytes:
    return box(b"moov", box(b"mvhd", bytes(100)) + b"".join(tracks) + box(b"udta", b"maker"))


def read_all(walk: Generator[Read, bytes, int], content: bytes) -> int:
    """What the walk finds; every read must be a bounded one inside of `content`."""
    read = next(walk)
    while True:
        assert 0 < read.length <= CHUNK_BYTES
        assert 0 <= read.offset <= len(content) - read.length
        try:
            read = walk.send(content[read.offset : read.offset + read.length])
        except StopIteration as end:
            found: int = end.value
            return found


def reach_of(index: bytes) -> int:
    return read_all(media_reach(8, len(index)), index)


@pytest.mark.parametrize(
    ("tracks", "reach"),
    [
        ([track(places_of([1_000]), sizes_of([10, 20, 30]))], 1_060),
        ([track(sizes_of([10, 20, 30]), places_of([1_000], is_long=True))], 1_060),
        ([track(places_of([1_000, 1_030]), sizes_of([30, 30])), track(places_of([1_060]), sizes_of([7]))], 1_067),
        ([track(places_of([1_000]), box(b"stsz", struct.pack(">III", 0, 4, 100)))], 1_400),
        ([track(places_of([1_000, 9_000]), sizes_of([10]))], 9_001),
        ([track(places_of([1_000]), sizes_of([2] * 40_000))], 81_000),
        ([track(places_of([]), sizes_of([]))], 0),
        ([track()], 0),
        ([], 0),
    ],
)
def test_the_media_reach_as_far_as_places_and_sizes_say(tracks: list[bytes], reach: int) -> None:
    assert reach == reach_of(moov(*tracks))


@pytest.mark.parametrize(
    "table",
    [
        box(b"stco", b"\0\0\0\0\0\0\0\2\0\0\0\1"),
        box(b"stco", b"\0\0"),
        box(b"stco"),
        box(b"stsz", b"\0\0"),
        box(b"stsz", struct.pack(">III", 0, 0, 9)),
    ],
)
def test_a_table_that_names_more_than_it_holds_tells_nothing(table: bytes) -> None:
    assert 0 == reach_of(moov(track(table)))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\0\0\0\x10mdat", Box(b"mdat", 16, 8)),
        (b"\0\0\0\1mdat\0\0\0\0\0\0\1\0", Box(b"mdat", 256, 16)),
        (b"\0\0\0\0mdat", Box(b"mdat", TO_THE_END, 8)),
        (b"\0\0\0\1mdat\0\0", None),
        (b"\0\0\0\1mdat\0\0\0\0\0\0\0\7", None),
        (b"\0\0\0\7mdat", None),
        (b"\0\0\0\x10\0\0\0\0", None),
        (b"\0\0\0\x10\xa9xyz", None),
        (b"\0\0\0\x10mda", None),
        (b"", None),
    ],
)
def test_a_box_is_read_or_it_is_none(head: bytes, expected: Box | None) -> None:
    assert expected == box_of(head)


def index_first(length: int) -> bytes:
    """An MP4 with its index first, whose media name `length`."""
    begins_at = len(FTYP) + len(moov(track(places_of([0]), sizes_of([100, 200])))) + 8
    return FTYP + moov(track(places_of([begins_at]), sizes_of([100, 200]))) + box(b"mdat", MEDIA, length=length)


@pytest.mark.parametrize(("length", "verdict"), [(0, Undecidable), (0x7FFF_FFFF, OpenEnded), (316, OpenEnded)])
def test_media_of_no_sure_length_are_cut_where_the_index_says_so(length: int, verdict: type) -> None:
    whole = index_first(length)
    assert isinstance(examine("a.mp4", whole), verdict)
    assert isinstance(examine("a.mp4", whole[:-10]), verdict | Truncated)
    cut = Truncated(f"MP4 index promises {len(whole):,} bytes, the file has {len(whole) - 100:,}")
    assert 316 == length or cut == examine("a.mp4", whole[:-100])


def test_a_second_piece_of_media_that_is_missing_is_missed() -> None:
    tracks = track(places_of([10_000]), sizes_of([10])), track(places_of([50]), sizes_of([10]))
    verdict = examine("a.mp4", FTYP + moov(*tracks) + box(b"mdat", MEDIA) + box(b"mdat", MEDIA))
    assert Truncated("MP4 index promises 10,001 bytes, the file has 1,265") == verdict


@quick
@given(st.binary(max_size=400), st.sampled_from([b"trak", b"stbl", b"stco", b"co64", b"stsz", b"free"]))
def test_no_garbage_leads_out_of_the_index(garbage: bytes, name: bytes) -> None:
    assert 0 <= reach_of(box(b"moov", box(name, garbage) + garbage + bytes(8)))


@pytest.mark.parametrize(("most", "reach"), [(3, 1_060), (4, 9_001), (2_000, 9_001)])
def test_of_an_index_of_very_many_boxes_only_the_first_are_asked(
    most: int, reach: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_BOXES", most)
    content = b"".join((places_of([1_000]), sizes_of([60]), box(b"free"), places_of([9_000]), box(b"free")))
    assert reach == read_all(media_reach(0, len(content)), content)


@pytest.mark.parametrize("broken", [b"\0\0\0\0free", b"\0\0\0\x07free", b"\0\1\0\0free", b"\0\0\0\x08\xff\xff\xff\xff"])
def test_an_index_is_asked_up_to_the_first_box_that_is_none(broken: bytes) -> None:
    content = places_of([1_000]) + sizes_of([60]) + broken + places_of([9_000])
    assert 1_060 == read_all(media_reach(0, len(content)), content)
