"""A WAV with all of its sound is complete, whatever sizes its header states. A WAV without all of it is truncated."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.formats import wav as module
from eisync.core.formats.probe import Complete, OpenEnded, Truncated, Undecidable
from eisync.core.model import MAX_FILE_BYTES
from tests.core.formats import chunk, examine, examined, rf64, wav
from tests.examples import examples

quick = settings(max_examples=examples(80), database=None)

SOUND = bytes((i * 7) % 250 + 1 for i in range(400))
HEADER = 44
INFO = b"INFOISFT\5\0\0\0Lavf\0"  # 17 bytes, as ffmpeg writes them
LEFT_OPEN = OpenEnded("its WAV header leaves the length open, as recorders do until they finish")
BY_HEADER = Complete("as long as its WAV header says")
BY_SOUND = Complete("its sound is as long as its WAV header says")


@pytest.mark.parametrize(
    "content",
    [
        wav(SOUND),
        wav(SOUND[:-1]),
        wav(SOUND, order=">"),
        wav(SOUND, riff=0),
        wav(SOUND, riff_add=-16),
        wav(SOUND, riff=0xFFFF_FFFF),
        wav(SOUND, before=chunk(b"JUNK", bytes(28)) + chunk(b"bext", bytes(603))),
        wav(SOUND, after=chunk(b"LIST", INFO) + chunk(b"iXML", b"<BWFXML/>")),
        wav(SOUND, after=bytes(512)),
        wav(SOUND, data=200),
        wav(SOUND, before=bytes(16)),
        wav(SOUND, before=bytes(70_000)),
        wav(bytes(400)),
        rf64(SOUND),
        b"BW64" + rf64(SOUND)[4:],
    ],
)
def test_a_file_that_ends_as_its_header_says_is_complete(content: bytes) -> None:
    assert BY_HEADER == examine("a.wav", content)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("sound", "off"), [(SOUND, 8), (SOUND, 9), (SOUND[:-1], 8), (SOUND, 4), (SOUND, 1)])
def test_a_file_size_that_counts_its_own_header_is_complete(order: str, sound: bytes, off: int) -> None:
    assert BY_SOUND == examine("a.wav", wav(sound, riff_add=off, order=order))


def test_sound_of_odd_length_may_lack_its_pad_byte() -> None:
    assert BY_SOUND == examine("a.wav", wav(SOUND[:-1])[:-1])


@pytest.mark.parametrize("pad", [b"\0", b"", b"x"], ids=["as it should be", "missing", "of another value"])
@pytest.mark.parametrize(
    "chunks",
    [[(b"LIST", INFO)], [(b"note", b"abc"), (b"LIST", INFO)], [(b"bext", b"a" * 603), (b"fact", b"abcd")]],
    ids=["one", "two", "among others"],
)
@pytest.mark.parametrize("sound", [SOUND, SOUND[:-1]], ids=["even", "odd"])
def test_a_chunk_of_odd_length_has_a_pad_byte_or_none(
    pad: bytes, chunks: list[tuple[bytes, bytes]], sound: bytes
) -> None:
    before = b"".join(chunk(name, content, pad=pad) for name, content in chunks)
    assert BY_HEADER == examine("a.wav", wav(sound, before=before))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (wav(SOUND, data_add=44, riff_add=44), "44 bytes of sound more than the file has; some recorders count their"),
        (wav(SOUND, data_add=36, riff_add=36), "36 bytes of sound more than the file has; some recorders count their"),
        (wav(SOUND, data_add=52, riff_add=52), "52 bytes of sound more than the file has; some recorders count their"),
        (wav(SOUND, data_add=16, riff_add=16), "16 bytes of sound more than the file has; some recorders count their"),
        (wav(SOUND * 250)[:-900], "900 bytes of sound more than the file has, which is less than 1 % of it"),
        (
            rf64(SOUND, data=480, riff=552),
            "80 bytes of sound more than the file has; some recorders count their header",
        ),
        (
            wav(SOUND, after=chunk(b"LIST", bytes(600)))[:444],
            "its sound is complete, and its WAV header claims 608 bytes",
        ),
    ],
)
def test_a_file_that_lacks_a_little_is_open_ended(content: bytes, why: str) -> None:
    verdict = examine("a.wav", content)
    assert isinstance(verdict, OpenEnded)
    assert why in verdict.why


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            wav(SOUND, data_add=16),
            ("its WAV header claims 16 bytes of sound more than the file has, but gives the right end"),
        ),
        (
            wav(SOUND, data=9_000),
            "its WAV header claims 8,600 bytes of sound more than the file has, but gives the right end",
        ),
        (wav(SOUND, riff_add=44), "its sound is complete, and its WAV header claims 44 bytes more after it"),
        (
            wav(SOUND, after=chunk(b"LIST", INFO))[:-1],
            "its sound is complete, and its WAV header claims 1 byte more after",
        ),
        (wav(SOUND, riff=436, after=bytes(512)), "512 bytes follow the end that its header gives"),
        (wav(SOUND, riff=436, after=b"ID3 and more"), "12 bytes follow the end that its header gives"),
        (wav(SOUND, riff=236, data=200), "200 bytes follow the end that its header gives"),
        (wav(SOUND, before=b"\1\2\3\4" * 8), "it does not look like a WAV file at byte 36"),
        (wav(SOUND, before=b"LIST\xff\xff\xff\xff"), "it does not look like a WAV file at byte 36"),
        (bytes(200_000) + b"x", "it does not look like a WAV file at byte 0, where it has 200,000 bytes of NUL"),
    ],
)
def test_sizes_that_disagree_are_undecidable(content: bytes, why: str) -> None:
    verdict = examine("a.wav", content)
    assert isinstance(verdict, Undecidable)
    assert why in verdict.why


@pytest.mark.parametrize(
    "length", [0, MAX_FILE_BYTES, 2_000_000_000, 0x7FFF_F000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF - 36, 0xFFFF_FFFF]
)
@pytest.mark.parametrize("riff", [0, 36, 436, 2_000_000_036, 0xFFFF_FFFF])
def test_a_length_above_the_limit_of_the_service_is_open_ended(length: int, riff: int) -> None:
    assert LEFT_OPEN == examine("a.wav", wav(SOUND, riff=riff, data=length))
    assert isinstance(examine("a.wav", wav(b"", riff=riff, data=length)), Truncated)


@pytest.mark.parametrize("length", [0, MAX_FILE_BYTES, (1 << 64) - 1])
def test_a_64_bit_length_above_the_limit_of_the_service_is_open_ended(length: int) -> None:
    assert LEFT_OPEN == examine("a.wav", rf64(SOUND, riff=length, data=length))


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (wav(SOUND)[:244], "WAV header promises 444 bytes, the file has 244"),
        (wav(SOUND * 250)[:-2_000], "WAV header promises 100,044 bytes, the file has 98,044"),
        (wav(SOUND, riff=836, data=800), "WAV header promises 844 bytes, the file has 444"),
        (wav(SOUND, data=MAX_FILE_BYTES - 1, riff=0), "WAV header promises 104,857,643 bytes, the file has 444"),
        (wav(SOUND)[:36] + bytes(9_000), "there are only NUL bytes from byte 36 on"),
        (bytes(200_000), "there are only NUL bytes from byte 0 on"),
        (wav(b"", before=chunk(b"LIST", INFO), riff=0)[:50], "WAV chunk LIST promises 61 bytes, the file has 50"),
        (wav(b"", riff=0)[:40], "it is a WAV header without sound; the file has 40 bytes"),
    ],
)
def test_missing_sound_is_truncated(content: bytes, finding: str) -> None:
    verdict = examine("a.wav", content)
    assert isinstance(verdict, Truncated)
    assert finding in verdict.finding


@quick
@given(st.binary(min_size=1, max_size=400), st.integers(0, 0xFFFF_FFFF))
def test_no_file_size_makes_a_file_with_all_its_sound_truncated(sound: bytes, riff: int) -> None:
    assert not isinstance(examine("a.wav", wav(sound, riff=riff)), Truncated)


CHUNKS = st.builds(
    chunk,
    st.sampled_from([b"LIST", b"JUNK", b"bext", b"cue "]),
    st.binary(max_size=99),
    pad=st.sampled_from([b"", b"\0"]),
)


@quick
@given(st.binary(min_size=1, max_size=3_000), st.lists(CHUNKS, max_size=3), st.lists(CHUNKS, max_size=3), st.data())
def test_a_beginning_is_complete_only_with_all_of_the_sound(
    sound: bytes, before: list[bytes], after: list[bytes], data: st.DataObject
) -> None:
    whole = wav(sound, before=b"".join(before), after=b"".join(after))
    assert BY_HEADER == examine("a.wav", whole)
    begins_at = HEADER + sum(map(len, before))
    length = data.draw(st.integers(0, len(whole) - 1))
    verdict = examine("a.wav", whole[:length])
    missing = begins_at + len(sound) - length
    if missing > max(begins_at + 8, len(sound) / 100) or length <= begins_at:
        assert isinstance(verdict, Truncated)
    elif missing > 0:
        assert isinstance(verdict, OpenEnded)
    else:
        assert not isinstance(verdict, Truncated)
        assert not isinstance(verdict, Complete) or len(whole) - length <= 9


TAILS = st.one_of(st.integers(1, 600).map(bytes), st.binary(min_size=1, max_size=200))


@quick
@given(st.binary(min_size=1, max_size=300), TAILS)
def test_data_after_a_complete_file_does_not_make_it_truncated(sound: bytes, tail: bytes) -> None:
    assert isinstance(examine("a.wav", wav(sound) + tail), Complete | Undecidable)


def test_most_files_need_one_read() -> None:
    for content in (wav(SOUND), wav(SOUND, riff_add=8), wav(SOUND, data_add=44), wav(SOUND, data=0)):
        _, reads = examined("a.wav", content)
        assert [(0, HEADER)] == [(read.offset, read.length) for read in reads]


def test_no_read_goes_past_a_pad_byte_at_the_end() -> None:
    content = struct.pack("<4sI4s", b"RIFF", 12, b"WAVE") + chunk(b"note", b"abc", pad=b"")
    assert isinstance(examine("a.wav", content), Truncated)
    assert isinstance(examine("a.wav", content + b"\0"), Truncated)


def test_a_file_with_too_many_chunks_is_undecidable(monkeypatch: pytest.MonkeyPatch) -> None:
    content = wav(b"sound!", before=chunk(b"JUNK", b"") * 20)
    assert isinstance(examine("a.wav", content), Complete)
    monkeypatch.setattr(module, "MAX_PARTS", 10)
    assert Undecidable("it has too many parts to examine") == examine("a.wav", content)
