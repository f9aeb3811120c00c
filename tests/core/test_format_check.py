import json
import struct
from collections.abc import Callable
from types import GeneratorType
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.core.formats.check import FormatCheck, has_end
from eisync.core.formats.probe import CHUNK_BYTES, Complete, OpenEnded, Truncated, Undecidable
from eisync.core.ignore import ACCEPTED_EXTENSIONS
from tests.core import formats
from tests.core.formats import box, examine, examined, long_box, segment
from tests.examples import examples

quick = settings(max_examples=examples(60), database=None)

SOUND = bytes(range(1, 101))
MOOV, MDAT, FTYP = box(b"moov", b"index"), box(b"mdat", b"media"), box(b"ftyp", b"isom")
ITEM = {"values": [[0.5, -1, 2] for _ in range(300)], "name": 'a"[\\', "more": [None, True, b"x" * 300]}
LARGE = {"values": [[index, index / 2] for index in range(8_000)], "note": '}"]{\\"' * 20}

WHOLE = [
    ("a.wav", formats.wav(SOUND)),
    ("odd.wav", formats.wav(SOUND[:-1])),
    ("odd, without its padding.wav", formats.wav(SOUND[:-1], riff=36 + 99)[:-1]),
    ("a part before the sound.wav", formats.wav(SOUND, before=struct.pack("<4sI", b"LIST", 3) + b"abc\0")),
    ("only the sound's size is right.wav", formats.wav(SOUND, riff=0)),
    ("long.wav", formats.rf64(SOUND)),
    ("A.WAV", formats.wav(SOUND)),
    ("a.avi", formats.avi(SOUND)),
    ("index last.mp4", FTYP + MDAT + MOOV),
    ("index first.mp4", FTYP + MOOV + MDAT),
    ("long box.mp4", FTYP + long_box(b"mdat", SOUND) + MOOV + box(b"free")),
    ("several pieces.mp4", FTYP + MDAT + MDAT + MOOV),
    ("fragments.mp4", FTYP + MOOV + box(b"moof") + MDAT + box(b"mfra")),
    ("a.png", formats.png(SOUND)),
    ("a.jpg", formats.jpeg(SOUND + b"\xff\xff")),
    ("progressive.jpeg", formats.jpeg(SOUND, scans=3)),
    ("png inside.jpg", formats.png(SOUND)),
    ("jpeg inside.png", formats.jpeg(SOUND)),
    ("a.json", formats.document({"a": ['"]}', 1, {"b": []}]})),
    ("blanks around.json", b" \n[1, 2]\r\n\t "),
    ("marked.json", b"\xef\xbb\xbf{}"),
    ("large.json", formats.document(LARGE)),
    ("a.cbor", formats.cbor(ITEM)),
    ("a number.cbor", formats.cbor(7)),
    ("endless.cbor", b"\xbf\x61a\x9f\x01\x02\xff\x61b\x7f\x61x\x61y\xff\xff"),
    ("tagged.cbor", b"\xc1\x1a\x00\x00\x00\x01"),
    ("a.parquet", formats.parquet(SOUND)),
]


@pytest.mark.parametrize(("path", "content"), WHOLE, ids=[path for path, _ in WHOLE])
def test_a_complete_file_is_recognised_by_its_format(path: str, content: bytes) -> None:
    assert isinstance(examine(path, content), Complete)


# Content of which no beginning may count as complete, unless only padding or blanks are missing.
TRIMMED = {"odd.wav": 1, "blanks around.json": 5, "long box.mp4": 8, "a part before the sound.wav": 0}


@pytest.mark.parametrize(("path", "content"), WHOLE, ids=[path for path, _ in WHOLE])
def test_no_beginning_of_a_complete_file_is_complete(path: str, content: bytes) -> None:
    kept = len(content) - TRIMMED.get(path, 0)
    lengths = range(kept) if len(content) < 2_000 else [*range(0, kept, 997), kept - 1]
    # The tests of each format check how much sound, frames or media may be missing from an open-ended file.
    is_media = path.lower().endswith((".wav", ".avi", ".mp4", ".png", "inside.jpg"))
    others = (Truncated, Undecidable, OpenEnded) if is_media or path == "marked.json" else Truncated
    assert [] == [length for length in lengths if not isinstance(examine(path, content[:length]), others)]


@pytest.mark.parametrize(
    ("path", "content", "finding"),
    [
        ("a.wav", formats.wav(b"x" * 1_920_000)[:512_000], "WAV header promises 1,920,044 bytes, the file has 512,000"),
        ("long.wav", formats.rf64(SOUND)[:-89], "WAV header promises 180 bytes, the file has 91"),
        (
            "at work.wav",
            formats.wav(b"", riff=36, data=0),
            "WAV header gives no sound yet, and there is no sound; the file has 44 bytes",
        ),
        (
            "at work.wav",
            formats.wav(b"", riff=0xFFFFFFFF, data=0xFFFFFFFF),
            "WAV header gives no sound yet, and there is no sound; the file has 44 bytes",
        ),
        ("no sound.wav", formats.wav(b"", riff=28)[:36], "it is a WAV header without sound; the file has 36 bytes"),
        ("short.wav", b"RIFF", "the file has 4 bytes, which is less than a WAV header"),
        ("a.avi", formats.avi(SOUND)[:-60], "AVI header promises 356 bytes, the file has 296"),
        (
            "at work.avi",
            b"RIFF\0\0\0\0AVI LIST",
            "AVI header leaves the length open, as recorders do until they finish; the file has 16 bytes",
        ),
        (
            "no index.mp4",
            FTYP + MDAT,
            "MP4 has no index (moov), which recorders write when they finish; the file has 25 bytes",
        ),
        (
            "open end.mp4",
            FTYP + box(b"mdat", b"media", length=0),
            "MP4 has no index (moov), which recorders write when they finish; the file has 25 bytes",
        ),
        ("index only.mp4", FTYP + MOOV, "MP4 has an index and no media (mdat) yet; the file has 25 bytes"),
        ("half.mp4", FTYP + MOOV + box(b"mdat", SOUND)[:50], "MP4 box mdat promises 133 bytes, the file has 75"),
        ("a.png", formats.png(SOUND)[:-12], "PNG has no end chunk (IEND); the file has 145 bytes"),
        ("a.png", formats.png(SOUND)[:60], "PNG chunk IDAT promises 145 bytes, the file has 60"),
        ("a.jpg", formats.jpeg(SOUND)[:-2], "JPEG has no end marker; the file has 146 bytes"),
        ("a.jpg", b"\xff\xd8" + segment(0xE0, SOUND)[:50], "JPEG segment E0 promises 106 bytes, the file has 52"),
        ("a.json", b'[{"a": 1', "JSON has 2 brackets that it does not close; the file has 8 bytes"),
        ("a.json", b'{"a": "x]', "JSON has a text that it does not close; the file has 9 bytes"),
        ("a.json", b" \n", "it holds only white space; the file has 2 bytes"),
        ("a.cbor", b"\x9f\x01", "CBOR has 1 list without an end; the file has 2 bytes"),
        ("a.cbor", b"\x82\x01", "CBOR promises 2 items at byte 1; the file has 2 bytes"),
        ("a.cbor", b"\x9a\x06\x3f\xff\xff", "CBOR promises 104,857,599 items at byte 5; the file has 5 bytes"),
        ("a.cbor", b"\x78\x20abc", "CBOR text promises 34 bytes, the file has 5"),
        ("a.cbor", b"\x81\x1a\0", "CBOR ends within an item, at byte 1; the file has 3 bytes"),
        ("a.parquet", b"PAR1" + SOUND, "Parquet has no footer yet, which is written last; the file has 104 bytes"),
        ("empty.csv", b"", "it is empty; it is sent once something is written into it"),
    ],
)
def test_the_finding_says_exactly_what_is_missing(path: str, content: bytes, finding: str) -> None:
    assert Truncated(finding) == examine(path, content)


@pytest.mark.parametrize(
    "content",
    [
        formats.wav(SOUND, riff=36, data=0),
        formats.wav(SOUND, riff=0, data=0),
        formats.wav(SOUND, riff=0xFFFFFFFF, data=0xFFFFFFFF),
        formats.wav(SOUND, riff=0x7FFFF024, data=0x7FFFF000),
        formats.wav(SOUND, riff=0x80000024, data=0x80000000),
        formats.wav(SOUND[:1], riff=0, data=0),
        formats.rf64(SOUND, riff=0, data=0),
        formats.rf64(SOUND, riff=(1 << 64) - 1, data=(1 << 64) - 1),
    ],
    ids=["wave module", "nothing", "ffmpeg", "SoX", "arecord", "one byte", "RF64", "RF64, everything"],
)
def test_a_length_that_is_left_open_is_open_ended(content: bytes) -> None:
    expected = OpenEnded("its WAV header leaves the length open, as recorders do until they finish")
    assert expected == examine("a.wav", content)


@pytest.mark.parametrize("extension", sorted(ACCEPTED_EXTENSIONS - {".cbor"}))
def test_reserved_space_is_not_content(extension: str) -> None:
    verdict = examine(f"a{extension}", bytes(5_000))
    assert isinstance(verdict, Truncated)
    assert extension == ".parquet" or "NUL bytes" in verdict.finding


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a.csv", b"timestamp,accX\n0,1\n"),
        ("a.txt", b"words"),
        ("utf16.csv", "\ufeff1,2\n".encode("utf-16-le")),
        ("renamed.wav", b"ID3 this is an mp3"),
        ("renamed.mp4", b"<html>not found</html>"),
        ("longer than it says.wav", formats.wav(SOUND) + b"ID3 and more"),
        ("may grow.mp4", FTYP + MOOV + box(b"moof") + MDAT),
        ("to the end.mp4", FTYP + MOOV + box(b"mdat", b"media", length=0)),
        ("more pieces may come.mp4", FTYP + MOOV + MDAT + MDAT),
        ("renamed.png", b"GIF89a"),
        ("nonsense.jpg", b"\xff\xd8nonsense"),
        ("a number.json", b"12"),
        ("not json.json", b"[1, 2}"),
        ("not json.json", b"{a: 1}"),
        ("lines.json", b'{"a": 1}\n{"a": 2}\n'),
        ("many lines.json", b'{"a": 1}\n' * 20_000),
        ("more.json", b"[1] and more" + b" " * CHUNK_BYTES),
        ("deep.json", b"[" * 600),
        ("sequence.cbor", formats.cbor(1) + formats.cbor(2)),
        ("deep.cbor", b"\x81" * 600 + b"\0"),
        ("nonsense.cbor", b"\xfc"),
        ("broken off.cbor", b"\xff"),
        ("a.parquet", b"PK\x03\x04"),
        ("a.unknown", b"content"),
    ],
)
def test_a_format_without_an_end_is_undecidable(path: str, content: bytes) -> None:
    assert isinstance(examine(path, content), Undecidable)


@pytest.mark.parametrize("path", ["a.jpg", "a.png"])
def test_data_that_a_camera_appends_to_an_image_is_ignored(path: str) -> None:
    image = formats.jpeg(SOUND) if path == "a.jpg" else formats.png(SOUND)
    assert isinstance(examine(path, image + b"the phone's depth map"), Complete)


def test_a_marker_at_the_border_of_two_reads_is_found() -> None:
    for more in range(4):
        content = formats.jpeg(b"x" * (CHUNK_BYTES - 6 - more))
        assert isinstance(examine("a.jpg", content), Complete)
        assert isinstance(examine("a.jpg", content[:-1]), Truncated)


@pytest.mark.parametrize("border", range(-4, 4))
def test_a_text_at_the_border_of_two_reads_is_read_as_one(border: int) -> None:
    content = formats.document(["x" * (CHUNK_BYTES - 4 - border) + '\\"]\\', [1]])
    assert isinstance(examine("a.json", content), Complete)
    assert isinstance(examine("a.json", content[:-2]), Truncated)


@pytest.mark.parametrize(
    ("path", "content", "bytes_read"),
    [
        ("a.wav", formats.wav(bytes(10_000_000)), 200),
        ("a.mp4", FTYP + box(b"mdat", bytes(10_000_000)) + MOOV, 200),
        ("a.png", formats.png(bytes(10_000_000)), 200),
        ("a.csv", b"1,2\n" * 100_000, 16 + 4096),
        ("a.parquet", formats.parquet(bytes(1_000_000)), 16),
        ("a.cbor", formats.cbor(b"x" * 10_000_000), CHUNK_BYTES),
    ],
)
def test_only_headers_and_marks_are_read_and_not_the_content(path: str, content: bytes, bytes_read: int) -> None:
    _, reads = examined(path, content)
    assert sum(read.length for read in reads) <= bytes_read


WHAT_EACH_NEEDS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("a.wav", formats.wav),
    ("a.wav", formats.rf64),
    ("a.png", formats.png),
    ("a.jpg", formats.jpeg),
    ("a.mp4", lambda content: FTYP + box(b"mdat", content) + MOOV),
    ("a.mp4", lambda content: FTYP + MOOV + long_box(b"mdat", content)),
    ("a.cbor", lambda content: formats.cbor({"values": list(content), "raw": content})),
    ("a.json", lambda content: formats.document({"values": list(content), "raw": content.decode("latin-1")})),
]


@pytest.mark.parametrize(("path", "make"), WHAT_EACH_NEEDS)
@quick
@given(content=st.binary(min_size=1, max_size=300), data=st.data())
def test_a_file_with_any_content_is_complete_and_its_beginnings_are_not(
    path: str, make: Callable[[bytes], bytes], content: bytes, data: st.DataObject
) -> None:
    whole = make(content)
    is_padded = make is formats.wav and len(content) % 2 == 1
    assert isinstance(examine(path, whole), Complete)
    length = data.draw(st.integers(0, len(whole) - 1 - is_padded))
    verdict = examine(path, whole[:length])
    # The tests of each format check how little may be missing before a file is truncated and no longer open-ended.
    assert not isinstance(verdict, Complete)
    assert path in ("a.wav", "a.mp4", "a.png") or isinstance(verdict, Truncated)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=30,
)


@quick
@given(VALUES, st.data())
def test_every_cbor_item_is_complete_and_its_beginnings_are_not(value: Any, data: st.DataObject) -> None:
    whole = formats.cbor(value)
    assert isinstance(examine("a.cbor", whole), Complete)
    assert not isinstance(examine("a.cbor", whole[: data.draw(st.integers(0, len(whole) - 1))]), Complete)


@quick
@given(
    st.lists(VALUES, max_size=5) | st.dictionaries(st.text(), VALUES, max_size=5), st.sampled_from([None, 1]), st.data()
)
def test_every_json_document_is_complete_and_its_beginnings_are_not(
    value: Any, indent: int | None, data: st.DataObject
) -> None:
    whole = json.dumps(value, indent=indent, ensure_ascii=data.draw(st.booleans())).encode()
    assert isinstance(examine("a.json", whole), Complete)
    assert not isinstance(examine("a.json", whole[: data.draw(st.integers(0, len(whole) - 1))]), Complete)


MAGIC = st.sampled_from(
    [
        b"",
        b"RIFF\xff\0\0\0WAVE",
        b"RF64",
        b"RIFF\x20\0\0\0AVI ",
        FTYP,
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xda\0\x02",
        b"{",
        b"[",
        b"\x9f",
        b"PAR1",
    ]
)


@pytest.mark.parametrize("extension", sorted(ACCEPTED_EXTENSIONS))
@quick
@given(head=MAGIC, rest=st.binary(max_size=400), repeat=st.integers(1, 400))
def test_garbage_gets_a_verdict_and_no_read_outside_the_file(
    extension: str, head: bytes, rest: bytes, repeat: int
) -> None:
    content = head + rest * repeat
    verdict, reads = examined(f"a{extension}", content)
    assert isinstance(verdict, Complete | Truncated | Undecidable | OpenEnded)
    # No byte is read much more than once: the parts of a container are tiny, and a small document is also parsed.
    assert sum(read.length for read in reads) <= 3 * len(content) + 2 * CHUNK_BYTES + 64


@pytest.mark.parametrize("path", ["a.cbor", "a.json"])
def test_a_paused_check_keeps_no_content(path: str) -> None:
    """A small gateway may have hundreds of paused checks."""
    numbers = list(range(100_000))
    content = formats.cbor(numbers) if path == "a.cbor" else formats.document(numbers)
    examination = FormatCheck(path, len(content))
    for _ in range(3):
        read = examination.wants
        assert read is not None
        examination.take(content[read.offset : read.offset + read.length])
    assert isinstance(examination._probe, GeneratorType)
    frame = examination._probe.gi_frame
    assert frame is not None
    assert [] == [name for name, value in frame.f_locals.items() if isinstance(value, bytes) and len(value) > 100]


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a.wav", True), ("day/A.JPEG", True), ("a.json", True), ("a.csv", False), ("a.txt", False), ("a.xyz", False)],
)
def test_only_some_formats_can_prove_that_a_file_is_complete(path: str, expected: bool) -> None:
    assert expected is has_end(path)


def test_a_check_of_a_file_that_cannot_be_read_ends_with_a_verdict() -> None:
    examination = FormatCheck("a.wav", 100)
    assert examination.wants is not None
    examination.give_up("it cannot be read (Input/output error)")
    assert [None, Undecidable("it cannot be read (Input/output error)")] == [examination.wants, examination.verdict]


@pytest.mark.parametrize("ahead", range(1, 6))
def test_a_cbor_head_across_two_reads_is_read_as_one(ahead: int) -> None:
    """The second text begins `ahead` bytes before the end of the first read."""
    first = b"x" * (CHUNK_BYTES - ahead - 1 - 3)  # after the head of the list and its own head
    content = formats.cbor([first, b"y" * 100_000])
    assert b"\x5a" == content[CHUNK_BYTES - ahead :][:1]
    assert isinstance(examine("a.cbor", content), Complete)
    assert isinstance(examine("a.cbor", content[:-1]), Truncated)
    assert isinstance(examine("a.cbor", content[: CHUNK_BYTES + 1]), Truncated)


@pytest.mark.parametrize("number", [0, 32, 255])
def test_a_simple_value_of_cbor_includes_the_next_byte(number: int) -> None:
    content = formats.cbor([cbor2.CBORSimpleValue(number), "behind"])
    assert isinstance(examine("a.cbor", content), Complete)
    assert isinstance(examine("a.cbor", content[:2]), Truncated)
