"""The index of an MP4 says how far its media reach when the boxes around the media do not."""

import struct
from collections.abc import Generator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.formats import mp4 as module
from eisync.core.formats.mp4 import TO_THE_END, Box, box_of, media_reach
from eisync.core.formats.probe import CHUNK_BYTES, OpenEnded, Read, Truncated, Undecidable
from tests.core.formats import box, examine
from tests.examples import examples

quick = settings(max_examples=examples(80), database=None)

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
    """Return what the probe finds. Check that every read is bounded and inside of `content`."""
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
def test_the_media_reach_as_far_as_offsets_and_sizes_state(tracks: list[bytes], reach: int) -> None:
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
def test_a_table_that_states_more_entries_than_it_has_is_ignored(table: bytes) -> None:
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
def test_a_box_header_is_read_or_there_is_none(head: bytes, expected: Box | None) -> None:
    assert expected == box_of(head)


def index_first(length: int) -> bytes:
    """Return an MP4 with its index first, whose media box states `length`."""
    begins_at = len(FTYP) + len(moov(track(places_of([0]), sizes_of([100, 200])))) + 8
    return FTYP + moov(track(places_of([begins_at]), sizes_of([100, 200]))) + box(b"mdat", MEDIA, length=length)


@pytest.mark.parametrize(("length", "verdict"), [(0, Undecidable), (0x7FFF_FFFF, OpenEnded), (316, OpenEnded)])
def test_media_of_unknown_length_are_truncated_where_the_index_says_so(length: int, verdict: type) -> None:
    whole = index_first(length)
    assert isinstance(examine("a.mp4", whole), verdict)
    assert isinstance(examine("a.mp4", whole[:-10]), verdict | Truncated)
    cut = Truncated(f"MP4 index promises {len(whole):,} bytes, the file has {len(whole) - 100:,}")
    assert 316 == length or cut == examine("a.mp4", whole[:-100])


def test_a_missing_second_piece_of_media_is_truncated() -> None:
    tracks = track(places_of([10_000]), sizes_of([10])), track(places_of([50]), sizes_of([10]))
    verdict = examine("a.mp4", FTYP + moov(*tracks) + box(b"mdat", MEDIA) + box(b"mdat", MEDIA))
    assert Truncated("MP4 index promises 10,001 bytes, the file has 1,265") == verdict


@quick
@given(st.binary(max_size=400), st.sampled_from([b"trak", b"stbl", b"stco", b"co64", b"stsz", b"free"]))
def test_garbage_in_an_index_causes_no_read_outside_it(garbage: bytes, name: bytes) -> None:
    assert 0 <= reach_of(box(b"moov", box(name, garbage) + garbage + bytes(8)))


@pytest.mark.parametrize(("most", "reach"), [(3, 1_060), (4, 9_001), (2_000, 9_001)])
def test_only_the_first_boxes_of_a_very_long_index_are_read(
    most: int, reach: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_BOXES", most)
    content = b"".join((places_of([1_000]), sizes_of([60]), box(b"free"), places_of([9_000]), box(b"free")))
    assert reach == read_all(media_reach(0, len(content)), content)


@pytest.mark.parametrize("broken", [b"\0\0\0\0free", b"\0\0\0\x07free", b"\0\1\0\0free", b"\0\0\0\x08\xff\xff\xff\xff"])
def test_an_index_is_read_up_to_its_first_broken_box(broken: bytes) -> None:
    content = places_of([1_000]) + sizes_of([60]) + broken + places_of([9_000])
    assert 1_060 == read_all(media_reach(0, len(content)), content)
