"""The number of values of a recording and their interval are found with little reading and memory."""

import json
import struct
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.acquisition import Encoding, Recording, SensorAxis, encode
from eisync.core.formats import sampling as module
from eisync.core.formats.probe import CHUNK_BYTES, Read, Undecidable
from eisync.core.formats.sampling import LARGEST_BYTES, Sampling, sampling
from tests.core.formats import rf64, wav

JSON_OTHER = "it is not a JSON acquisition with payload.interval_ms and payload.values"
CBOR_OTHER = "it is not a CBOR acquisition with payload.interval_ms and payload.values"
CBOR_CUT = "its CBOR ends in the middle, or is no acquisition"
NO_VALUES = "it has no values at a constant interval"
HALF = Sampling(3, 62.5)


def sampled(path: str, content: bytes) -> tuple[Sampling | str, list[Read]]:
    """Return the sampling or why there is none, and the reads. Check that every read is bounded and in the file."""
    probe = sampling(path, len(content))
    reads: list[Read] = []
    try:
        read = next(probe)
        while True:
            assert 0 <= read.offset
            assert 0 < read.length <= CHUNK_BYTES
            assert read.offset + read.length <= len(content)
            reads.append(read)
            read = probe.send(content[read.offset : read.offset + read.length])
    except StopIteration as end:
        found = end.value
        return (found.why if isinstance(found, Undecidable) else found), reads


def sample(path: str, content: bytes | str) -> Sampling | str:
    return sampled(path, content.encode() if isinstance(content, str) else content)[0]


@pytest.mark.parametrize(
    ("path", "content", "why"),
    [
        ("a.png", b"x", "eisync does not read the sampling rate of this format"),
        ("a.csv", b"", "it is empty"),
    ],
)
def test_other_files_have_no_sampling(path: str, content: bytes, why: str) -> None:
    assert why == sample(path, content)


@pytest.mark.parametrize("path", ["a.json", "a.csv", "a.TXT"])
def test_large_texts_are_not_read(path: str) -> None:
    with pytest.raises(StopIteration) as end:
        next(sampling(path, LARGEST_BYTES + 1))
    assert Undecidable("it has more than 64 MiB, and eisync does not count its values") == end.value.value


# --- WAV

SOUND = bytes(range(200)) * 4  # 400 frames at 16 kHz


def fmt(kind: int, *, rate: int = 8000, align: int = 4, sub: int | None = None) -> bytes:
    form = struct.pack("<HHIIHH", kind, 2, rate, rate * align, align, 16)
    if sub is not None:
        form += struct.pack("<HHIH", 22, 16, 3, sub) + bytes(14)
    return struct.pack("<4sI", b"fmt ", len(form)) + form


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


DATA = b"data" + struct.pack("<I", len(SOUND)) + SOUND


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (wav(SOUND), Sampling(400, 0.0625)),
        (wav(SOUND, order=">"), Sampling(400, 0.0625)),
        (wav(SOUND, before=b"LIST\3\0\0\0abc\0", after=b"LIST\4\0\0\0abcd"), Sampling(400, 0.0625)),
        (wav(SOUND, before=b"LIST\3\0\0\0abc"), Sampling(400, 0.0625)),  # without its pad byte
        (wav(SOUND, data=0), Sampling(400, 0.0625)),
        (wav(SOUND, data=0xFFFF_FFFF), Sampling(400, 0.0625)),
        (wav(SOUND, data=0x7FFF_F000), Sampling(400, 0.0625)),
        (wav(SOUND, data_add=44), Sampling(400, 0.0625)),
        (wav(SOUND, data_add=-10), Sampling(395, 0.0625)),
        (rf64(SOUND), Sampling(400, 0.0625)),
        (rf64(SOUND) + b"LIST\4\0\0\0abcd", Sampling(400, 0.0625)),
        (riff(fmt(3), DATA), Sampling(200, 0.125)),
        (riff(fmt(0xFFFE, sub=1), DATA), Sampling(200, 0.125)),
    ],
)
def test_frames_of_a_wav_are_counted(content: bytes, expected: Sampling) -> None:
    found, reads = sampled("a.wav", content)
    assert expected == found
    assert sum(read.length for read in reads) < 400


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"RIFF", "it is not a WAV file"),
        (b"RIFX\0\0\0\4AVI ", "it is not a WAV file"),
        (b"no WAV file", "it is not a WAV file"),
        (riff(fmt(1)), "its WAV header has no sound"),
        (riff(fmt(1), b"\0" * 20, DATA), "its WAV header has no sound"),
        (riff(fmt(1), b"LIST\3\0\0\0abc", b"\0data\0\0\0"), "its WAV header has no sound"),
        (riff(b"JUNK\0\0\0\0" * 200), "its WAV header has no sound"),
        (riff(fmt(1), b"data\0\0\0\0"), NO_VALUES),
        (riff(DATA), module._WITHOUT_FRAMES),
        (riff(b"fmt \2\0\0\0\1\0"), "its WAV header has no sound"),
        (riff(fmt(2), DATA), module._WITHOUT_FRAMES),
        (riff(fmt(0xFFFE, sub=2), DATA), module._WITHOUT_FRAMES),
        (riff(fmt(0xFFFE), DATA), module._WITHOUT_FRAMES),
        (riff(fmt(1, rate=0), DATA), module._WITHOUT_FRAMES),
        (riff(fmt(1, align=0), DATA), module._WITHOUT_FRAMES),
    ],
)
def test_a_wav_without_frames_says_why(content: bytes, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PARTS", 100)
    assert why == sample("a.wav", content)


# --- acquisitions


def acquisition(count: int, *, width: int = 3, interval_ms: float = 62.5) -> Recording:
    sensors = tuple(SensorAxis(f'acc"X{at}]', "m/s2") for at in range(width))
    values = [[at + 0.5] * width for at in range(count)]
    return Recording(device_type="Ünit [1", interval_ms=interval_ms, sensors=sensors, values=values)


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("count", [1, 3, 23, 24, 300, 9_000])
def test_values_of_an_acquisition_are_counted(encoding: Encoding, count: int) -> None:
    content = encode(acquisition(count), encoding)
    assert Sampling(count, 62.5) == sample(f"a.{encoding.value}", content)


@pytest.mark.parametrize("encoding", list(Encoding))
def test_an_acquisition_without_values_has_no_sampling(encoding: Encoding) -> None:
    assert NO_VALUES == sample(f"a.{encoding.value}", encode(acquisition(0), encoding))
    assert NO_VALUES == sample(f"a.{encoding.value}", encode(acquisition(3, interval_ms=0), encoding))


def payload(values: str, more: str = "") -> str:
    return f'{{"protected": {{}}, "payload": {{{more}"values": {values}, "interval_ms": 62.5}}}}'


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (payload("[1, -2.5e3, 3]"), HALF),
        (payload("[[1], [2], [null]]"), HALF),
        (payload("[ [1,2 ] ,\n[3,4],[5,6] ]"), HALF),
        ("\ufeff" + payload("[1,2,3]"), HALF),
        (payload("[1,2,3]", '"a\\"b": "]}\\\\", "c": [{"values": [1]}], "d": 7, '), HALF),
        ('{"payload": {"interval_ms": 62.5, "values": [1,2,3]', HALF),  # what follows is not needed
        ('{"payload": {"interval_ms": 62.5, "values": [[1],[2],[3]]', HALF),
        (payload("[]"), NO_VALUES),
        (payload("[[[1]], [2]]"), "its values are lists in lists"),
        (payload('["Ref-BINARY-i16"]'), "its values are not numbers in the file itself"),
        (payload('[["a]"]]'), "its values are not numbers in the file itself"),
        (payload("[1, [2]]"), "its values are not numbers in the file itself"),
        (payload("[[1], {}]"), "its values are not numbers in the file itself"),
        (payload("7"), JSON_OTHER),
        ('{"payload": {"values": [[1], [2', "it ends in the middle"),
        ('{"payload": {"values": [1, 2', "it ends in the middle"),
        ('{"payload": {"values": [1], "interval_ms": "x"}}', "its interval_ms is not a number"),
        ('{"payload": {"values": [1], "interval_ms": ', "it ends in the middle"),
        ('{"payload": {"values": [1], "interval_ms": 1e999}}', NO_VALUES),
        ('{"payload": {"values": [1]}}', JSON_OTHER),
        ('{"payload": {}}', JSON_OTHER),
        ('{"a": 7}', JSON_OTHER),
        ("{}", JSON_OTHER),
        ("[1]", JSON_OTHER),
        (" ", "it ends in the middle"),
        ('{"a" 7}', JSON_OTHER),
        ("{7: 7}", JSON_OTHER),
        ('{"a": 7', "it ends in the middle"),
        ('{"a": [7', "it ends in the middle"),
        ('{"a', "it ends in the middle"),
        ('{"' + "x" * 3 * CHUNK_BYTES, JSON_OTHER),
        ("{" + '"a": 7,' * 2_000, JSON_OTHER),
        (payload("[1,2,3]").encode("utf-16").decode("latin-1"), JSON_OTHER),
    ],
)
def test_json_is_counted_by_its_brackets(content: str, expected: Sampling | str) -> None:
    assert expected == sample("a.json", content)


@pytest.mark.parametrize("before", range(CHUNK_BYTES - 60, CHUNK_BYTES + 10))
@pytest.mark.parametrize("values", ["[[10,20],[30,40],[50,60]]", "[10,20,30]"])
def test_json_may_be_cut_anywhere_by_a_read(values: str, before: int) -> None:
    assert HALF == sample("a.json", payload(values, f'"a": "{"x" * (before - 40)}", '))


def document(values: Any, **more: Any) -> dict[str, Any]:
    return {"protected": {"ver": "v1"}, "payload": {"interval_ms": 62.5, "values": values, **more}}


def open_ended(count: int, element: bytes = b"\x83\x01\x02\x03") -> bytes:
    """Return an acquisition as firmware writes it: maps and lists without a length."""
    head = b"\xbf\x69protected\xa0\x67payload\xbf\x6binterval_ms\xf9\x53\xd0\x66values\x9f"
    return head + element * count + b"\xff\xff\xff"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (cbor2.dumps(document([1, 2, 3])), HALF),
        (cbor2.dumps({**document([[1], [2], [3]]), "payload": {"values": [1, 2, 3], "interval_ms": 62.5}}), HALF),
        (cbor2.dumps(document([1, 2, 3], **{"n" * 70: 1, "": 2})), HALF),
        (cbor2.dumps({"n" * 70: 1, "": 2, **document([1, 2, 3])}), HALF),
        (b"\xa3\x07\x03" + cbor2.dumps(document([1, 2, 3]))[1:], HALF),
        (cbor2.dumps({"payload": {"interval_ms": 10, "values": [1.5]}}), Sampling(1, 10.0)),
        (cbor2.dumps({"payload": {"interval_ms": -10, "values": [1.5]}}), NO_VALUES),
        (cbor2.dumps({"payload": {"interval_ms": 0.1, "values": [1.5]}}), Sampling(1, 0.1)),
        (open_ended(3), Sampling(3, 62.5)),
        (open_ended(3, b"\x18\x2a"), Sampling(3, 62.5)),
        (open_ended(50_000), Sampling(50_000, 62.5)),
        (open_ended(0), NO_VALUES),
        (open_ended(3)[:-3], CBOR_CUT),
        (open_ended(3, b"\x1c"), CBOR_CUT),
        (open_ended(2, b"\x83\x01\x1c\x01"), CBOR_CUT),
        (cbor2.dumps(document([])), NO_VALUES),
        (
            cbor2.dumps(document(["Ref-BINARY-i16"])) + bytes(20),
            "its samples follow its CBOR header, which does not say",
        ),
        (cbor2.dumps(document("x")), "its values are not a list"),
        (cbor2.dumps({"payload": {"interval_ms": "x", "values": [1]}}), "its interval_ms is not a number"),
        (cbor2.dumps({"payload": {"values": [1]}}), CBOR_OTHER),
        (cbor2.dumps({"a": 7}), CBOR_OTHER),
        (cbor2.dumps([7]), CBOR_OTHER),
        (b"\xbf\xff", CBOR_OTHER),
        (b"\xbf\x61a", CBOR_CUT),
        (b"\xbf\x61a\x83\x01", CBOR_CUT),
        (b"\xa1\x7f\x61a\xff\x01", CBOR_OTHER),
        (b"\xa1\x1c", CBOR_CUT),
        (b"\xba\0", CBOR_CUT),
        (cbor2.dumps(document([]))[:-1] + b"\x9a\xff\xff\xff\xff\x01", CBOR_CUT),
    ],
)
def test_cbor_is_counted_by_its_heads(content: bytes, expected: Sampling | str) -> None:
    found = sample("a.cbor", content)
    assert found == expected or (isinstance(found, str) and isinstance(expected, str) and found.startswith(expected))


# --- tables


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("timestamp,x\n0,1\n62.5,2\n125,3\n", HALF),
        ("\ufefftimestamp,x\r\n0,1\r\n62.5,2\r\n125,3", HALF),
        ("Timestamp;x\r0;1\r62,5;2\r125;3\r", HALF),
        ('\n"timestamp"\tx\n0\t1\n\n62,5\t2\n\t\n125\t3\n', HALF),
        ("timestamp\n0\n62.5\n125", HALF),
        ("timestamp,x\n100,1\n110,2\n", Sampling(2, 10.0)),
        ("timestamp,x\n0,1\n9,2\n20,3\n", Sampling(3, 10.0)),
        ("timestamp,x\n0,1\n", "it has fewer than two rows below its header"),
        ("timestamp,x\n", "it has fewer than two rows below its header"),
        ("\n\n", "it has fewer than two rows below its header"),
        ("timestamp,x\n0,1\na,2\n", "a timestamp in it is not a number"),
        ("timestamp,x\n0,1\nnan,2\n", NO_VALUES),
        ("timestamp,x\n10,1\n0,2\n", NO_VALUES),
        ("x,timestamp\n0,1\n", "its first column is not called timestamp"),
        ("1,2\n3,4\n", "its first column is not called timestamp"),
        ("timestamp,x\n" + "1" * 10**6, "a line of it has more than 524,288 bytes"),
    ],
)
def test_rows_of_a_table_are_counted(content: str, expected: Sampling | str) -> None:
    assert expected == sample("a.csv", content)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_are_counted_across_reads(end: str) -> None:
    rows = (f"{at * 10},{at}" for at in range(30_000))
    found, reads = sampled("a.txt", end.join(["timestamp,x", *rows, ""]).encode())
    assert Sampling(30_000, 10.0) == found
    assert len(reads) > 3


# --- all


@given(
    st.integers(1, 40),
    st.integers(1, 4),
    st.sampled_from([0.0625, 10.0, 16.0, 1000.0]),
    st.sampled_from(list(Encoding)),
)
def test_what_is_encoded_is_counted(count: int, width: int, interval_ms: float, encoding: Encoding) -> None:
    content = encode(acquisition(count, width=width, interval_ms=interval_ms), encoding)
    assert Sampling(count, interval_ms) == sample(f"a.{encoding.value}", content)


BEGINNINGS = [b"", wav(SOUND)[:50], b'{"payload": {"values": [', open_ended(1)[:40], b"timestamp,x\n0,1\n"]


@given(st.sampled_from(BEGINNINGS), st.binary(max_size=60) | st.text('[]{},":0.1 e', max_size=40).map(str.encode))
def test_noise_never_raises(begins: bytes, noise: bytes) -> None:
    for path in ("a.wav", "a.json", "a.cbor", "a.csv"):
        found = sample(path, begins + noise)
        assert isinstance(found, str) or (found.values > 0 and found.interval_ms > 0)


def test_json_keys_are_of_json() -> None:
    assert HALF == sample("a.json", json.dumps(document([1, 2, 3])))
