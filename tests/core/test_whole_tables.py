"""JSON, CBOR, Parquet and text tables: which parts are required, which may disagree, and what may follow."""

import codecs
import json
import struct
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from eisync.core.formats.json_document import _is_object
from eisync.core.formats.probe import CHUNK_BYTES, Complete, Truncated, Undecidable
from tests.core import formats
from tests.core.formats import examine, examined
from tests.examples import examples

quick = settings(max_examples=examples(100), database=None)

RECORDING: dict[str, Any] = {
    "protected": {"ver": "v1", "alg": "none"},
    "signature": "0" * 64,
    "payload": {
        "device_type": "BOARD",
        "interval_ms": 10,
        "sensors": [{"name": "accX", "units": "m/s2"}],
        "values": [[index / 3] for index in range(40)],
    },
}
SOUND = bytes(range(1, 101)) * 3
JUDGED = "the service will judge it"
NOT_OBJECT = "not a JSON object or list; " + JUDGED


def text(value: str) -> bytes:
    return bytes(cbor2.dumps(value))


def referring(samples: bytes, reference: str = "Ref-Binary-i16", *, is_firmware: bool = True) -> bytes:
    """Return a CBOR header with its samples after it: with open lists as firmware writes it, or as cbor2 writes it."""
    if not is_firmware:
        return bytes(cbor2.dumps({**RECORDING, "payload": {**RECORDING["payload"], "values": [reference]}})) + samples
    return (
        b"\xa3" + text("protected") + bytes(cbor2.dumps(RECORDING["protected"])) + text("signature") + text("0" * 64)
        + text("payload") + b"\xa4" + text("device_type") + text("BOARD") + text("interval_ms") + b"\xfb\x3f\xb0"
        + bytes(6) + text("sensors") + b"\x81\xa2" + text("name") + text("audio") + text("units") + text("wav")
        + text("values") + b"\x9f" + text(reference) + b"\xff" + samples
    )  # fmt: skip


def large_json() -> bytes:
    return formats.document({"values": [[index, index / 7] for index in range(9_000)]})


def pare() -> bytes:
    footer = b"\x1c\x1c" + b"secret"
    return b"PARE" + SOUND + footer + struct.pack("<I", len(footer)) + b"PARE"


WHOLE = [
    ("recording.json", formats.document(RECORDING)),
    ("large.json", large_json()),
    ("mark.json", codecs.BOM_UTF8 + formats.document(RECORDING)),
    ("utf-16.json", json.dumps(RECORDING).encode("utf-16")),
    ("utf-16, no mark.json", json.dumps(RECORDING).encode("utf-16-le")),
    ("utf-16, the other way.json", json.dumps(RECORDING).encode("utf-16-be")),
    ("utf-32.json", json.dumps(RECORDING).encode("utf-32")),
    ("not a number.json", b'{"values": [NaN, Infinity, -Infinity]}'),
    ("keys twice.json", b'{"a": 1, "a": {"a": 2, "a": 3}}'),
    ("half a character.json", b'{"name": "\\ud800", "more": "\\\\ud800 \\udc00"}'),
    ("a whole character of two halves.json", b'{"name": "\\ud83d\\ude00"}'),
    ("latin-1 in a text.json", '{"gerät": "Müller"}'.encode("latin-1")),
    ("tabs and line ends in a text.json", b'{"note": "a\tb\r\nc", "values": [1]}'),
    ("deep.json", b"[" * 400 + b"]" * 400),
    ("large and deep.json", b"[" * 400 + b"1," * 40_000 + b"1" + b"]" * 400),
    ("a number that is too large.json", b'{"value": 1e999, "id": 123456789012345678901234567890}'),
    ("blanks behind.json", formats.document(RECORDING) + b"\r\n" * 100),
    ("many blanks behind.json", formats.document(RECORDING) + b" " * 2 * CHUNK_BYTES),
    ("an image in the same request.json", b'{"payload": {"values": ["Ref-BINARY-image/jpeg (9 bytes) abc"]}}'),
    ("recording.cbor", formats.cbor(RECORDING)),
    ("marked.cbor", b"\xd9\xd9\xf7" + formats.cbor(RECORDING)),
    ("zeros last.cbor", formats.cbor({"values": [[0, 0, 0]] * 50})),
    ("one row.cbor", formats.cbor([1, 2.5, -3, 70_000, 1 << 40, None, True])),
    ("an image.cbor", formats.cbor({"payload": {"values": ["Ref-BINARY-image/jpeg (9 bytes) abc"]}})),
    ("a.parquet", formats.parquet(SOUND)),
    ("encrypted.parquet", pare()),
]
IDS = [path for path, _ in WHOLE]


@pytest.mark.parametrize(("path", "content"), WHOLE, ids=IDS)
def test_files_that_decoders_accept_are_complete(path: str, content: bytes) -> None:
    assert isinstance(examine(path, content), Complete)


@pytest.mark.parametrize(("path", "content"), WHOLE, ids=IDS)
def test_no_beginning_of_a_complete_file_is_complete(path: str, content: bytes) -> None:
    kept = len(content.rstrip(b" \r\n"))
    lengths = range(1, kept) if len(content) < 5_000 else [*range(1, kept, 1_009), kept - 1]
    # Before its first bracket JSON cannot be recognised, and a number of a recording has no end.
    undetected = [length for length in lengths if not isinstance(examine(path, content[:length]), Truncated)]
    mark = {"mark.json": 2, "utf-16.json": 1, "utf-32.json": 1}.get(path, 0)
    assert list(range(1, 1 + mark)) == undetected


@pytest.mark.parametrize(("path", "content"), WHOLE, ids=IDS)
def test_only_nul_bytes_is_reported_only_where_it_is_true(path: str, content: bytes) -> None:
    """Overwrite any part of the file with NUL bytes."""
    step = max(1, len(content) // 40)
    for begins in range(0, len(content), step):
        for ends in (begins + 16, begins + 70, len(content) - 1, len(content)):
            blanked = content[:begins] + bytes(max(0, ends - begins)) + content[max(begins, ends) :]
            verdict = examine(path, blanked)
            if isinstance(verdict, Truncated) and "only NUL" in verdict.finding:
                said = int(verdict.finding.split("from byte ")[1].split(" ")[0].replace(",", ""))
                assert not blanked[said:].strip(b"\0"), (begins, ends, verdict)


@pytest.mark.parametrize("nul_bytes", [1, 4, 512, 5 * CHUNK_BYTES])
@pytest.mark.parametrize(
    ("path", "content"),
    [(path, content) for path, content in WHOLE if path != "zeros last.cbor"],
    ids=[path for path in IDS if path != "zeros last.cbor"],
)
def test_nul_bytes_after_a_complete_file_make_it_undecidable(path: str, content: bytes, nul_bytes: int) -> None:
    # UTF-16 is parsed and not followed by its brackets, so a longer document is not distinguished from other bytes.
    tail = bytes(min(512, 4 * nul_bytes) if path.startswith("utf-") else nul_bytes)
    verdict = examine(path, content + tail)
    assert isinstance(verdict, Undecidable)
    assert "only NUL bytes follow" in verdict.why


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("half.json", formats.document(RECORDING)[:300]),
        ("half.json", large_json()[:100_000]),
        ("half.cbor", formats.cbor(RECORDING)[:300].rstrip(b"\0")),
        ("half.parquet", formats.parquet(SOUND)[:200]),
        ("a.csv", b"timestamp,accX\n0,1\n10,2"),
        ("a.txt", b"timestamp,accX\n" * 10_000),
    ],
)
@pytest.mark.parametrize("nul_bytes", [16, 4_000, 2 * CHUNK_BYTES + 1])
def test_reserved_space_after_a_part_is_reported_with_its_beginning(path: str, content: bytes, nul_bytes: int) -> None:
    expected = f"there are only NUL bytes from byte {len(content):,} on: reserved space that is not written yet"
    assert Truncated(expected) == examine(path, content + bytes(nul_bytes))


@pytest.mark.parametrize("path", ["a.json", "a.cbor", "a.csv", "a.txt", "a.parquet"])
@pytest.mark.parametrize("size", [2, 5, 16, 5_000, 2 * CHUNK_BYTES])
def test_a_file_of_only_nul_bytes_is_reported(path: str, size: int) -> None:
    expected = "there are only NUL bytes from byte 0 on: reserved space that is not written yet"
    assert Truncated(expected) == examine(path, bytes(size))


REFERENCES = ["Ref-Binary-i16", "Ref-BINARY-i16", "Ref-BINARY-i16   ", "Ref-Binary-u8", "Ref-Binary-f32"]


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("is_firmware", [True, False])
def test_the_header_alone_is_not_a_recording(reference: str, is_firmware: bool) -> None:
    header = referring(b"", reference, is_firmware=is_firmware)
    kind = reference.rstrip().rpartition("-")[2]
    finding = f"its CBOR header says that samples ({kind}) follow it, but there are none yet"
    assert Truncated(f"{finding}; the file has {len(header):,} bytes") == examine("a.cbor", header)
    assert [] == [
        length for length in range(1, len(header)) if not isinstance(examine("a.cbor", header[:length]), Truncated)
    ]


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("is_firmware", [True, False])
@pytest.mark.parametrize(
    "samples",
    [SOUND, bytes(64) + SOUND, SOUND + bytes(64), bytes(64), SOUND[:-1], b"x", b"\0", SOUND * 1_000, bytes(200_000)],
    ids=[
        "sound",
        "silence first",
        "silence last",
        "silence",
        "half a sample",
        "a byte",
        "a NUL",
        "long",
        "long silence",
    ],
)
def test_any_samples_after_the_header_are_undecidable(reference: str, is_firmware: bool, samples: bytes) -> None:
    content = referring(samples, reference, is_firmware=is_firmware)
    kind = reference.rstrip().rpartition("-")[2]
    expected = f"{len(samples):,} bytes of samples ({kind}) follow its CBOR header, which does not say how many"
    assert Undecidable(expected) == examine("a.cbor", content)


def test_a_json_header_can_have_no_samples_after_it() -> None:
    content = formats.document({**RECORDING, "payload": {**RECORDING["payload"], "values": ["Ref-BINARY-i16"]}})
    finding = "its JSON says that samples (i16) follow it, but there are none yet"
    assert Truncated(f"{finding}; the file has {len(content):,} bytes") == examine("a.json", content)


@pytest.mark.parametrize(
    ("path", "content", "why"),
    [
        (
            "lines.json",
            b'{"a": 1}\n{"a": 2}\n',
            "it holds more than one JSON document, and more may follow",
        ),
        ("the end mark of DOS.json", b"[1]\x1a", "more data follows its last bracket, perhaps not all of it yet"),
        ("words behind.json", b"[1] and more", "more data follows its last bracket, perhaps not all of it yet"),
        (
            "a hole.json",
            b'{"a": ' + bytes(20) + b"1}",
            "there is a NUL byte at byte 6, so it is not JSON; " + JUDGED,
        ),
        (
            "a hole in a large one.json",
            large_json()[:70_000] + bytes(20) + large_json()[70_020:],
            "there is a NUL byte at byte 70,000, so it is not JSON; " + JUDGED,
        ),
        *(
            (name, content, f"it does not look like CBOR at byte {at}; {JUDGED}")
            for name, content, at in (
                ("a list that no file can hold.cbor", b"\x9a\x06\x40\0\0" + SOUND, 0),
                ("a map that no file can hold.cbor", b"\xbb" + b"\xff" * 8 + bytes(40), 0),
                ("a text that no file can hold.cbor", b"\x82\x01\x7a\xff\xff\xff\xff" + SOUND, 2),
            )
        ),
        ("python.json", b"{'a': \"it's\"}", "it is not JSON (key must be a string at line 1 column 2); " + JUDGED),
        ("apostrophe.json", b"{'a': 'x\"y'}", "it is not JSON (key must be a string at line 1 column 2); " + JUDGED),
        ("nan.json", b"[1, nan]", "it is not JSON (expected ident at line 1 column 6); " + JUDGED),
        ("a number.json", b"12", "it does not look like a JSON object or list at byte 0; " + JUDGED),
        ("a page.json", b"\n<!DOCTYPE html><html>", "it is an HTML page, not a JSON object or list; " + JUDGED),
        (
            "a large page.json",
            b"<!DOCTYPE html><html>" + b"x" * CHUNK_BYTES,
            "it is an HTML page, not a JSON object or list; " + JUDGED,
        ),
        (
            "utf-16 that is large.json",
            json.dumps({"values": list(range(20_000))}).encode("utf-16"),
            "it is UTF-16 or UTF-32 text, too long to parse; " + JUDGED,
        ),
        (
            "zipped.json",
            b"\x1f\x8b\x08" + bytes(7) + SOUND,
            "it is a gzip archive, not a JSON object or list; " + JUDGED,
        ),
        (
            "sequence.cbor",
            formats.cbor([1]) + formats.cbor([2]),
            "its CBOR item ends at byte 2 and more data follows, perhaps not all of it yet",
        ),
        ("json.cbor", formats.document(RECORDING), "it is text, not CBOR; " + JUDGED),
        ("hex.cbor", formats.cbor(RECORDING).hex().encode(), "it is text, not CBOR; " + JUDGED),
        ("an image.cbor", formats.png(SOUND), "it is a PNG image, not CBOR; " + JUDGED),
        ("sound.cbor", formats.wav(SOUND), "it is a WAV file, not CBOR; " + JUDGED),
        (
            "sheet.csv",
            b"PK\x03\x04" + bytes(26) + b"xl/workbook.xml",
            "it is an Excel workbook, not a table; " + JUDGED,
        ),
        ("page.txt", b"<html><body>404</body></html>", "it is an HTML page, not a table; " + JUDGED),
        ("table.parquet", b"timestamp,accX\n0,1\n", "it does not look like a Parquet file at byte 0; " + JUDGED),
        ("sheet.parquet", b"PK\x03\x04" + bytes(26) + b"a.txt", "it is a ZIP archive, not a Parquet file; " + JUDGED),
        (
            "without its beginning.parquet",
            formats.parquet(SOUND)[4:],
            "it does not look like a Parquet file at byte 0; " + JUDGED,
        ),
        ("utf-16.csv", "timestamp,accX\r\n0,1\r\n".encode("utf-16"), "its format has no end mark"),
        ("utf-32.csv", "timestamp,accX\r\n0,1\r\n".encode("utf-32"), "its format has no end mark"),
        ("a C string.csv", b"timestamp,accX\n0,1\n\0", "its format has no end mark"),
    ],
)
def test_an_undecidable_file_has_a_reason(path: str, content: bytes, why: str) -> None:
    assert Undecidable(why) == examine(path, content)


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a" * 16 + b"\nsize 12345\n"


@pytest.mark.parametrize("path", ["a.json", "a.cbor", "a.csv", "a.txt", "a.parquet"])
def test_a_pointer_is_not_the_content(path: str) -> None:
    expected = "it is a Git LFS pointer, which stands for the content; fetch the content itself"
    assert Truncated(expected) == examine(path, LFS)


@pytest.mark.parametrize(
    ("path", "content", "finding"),
    [
        (
            "a.json",
            b'{"name": "\\ud800", "values": [[1, 2',
            "JSON has 3 brackets that it does not close; the file has 35 bytes",
        ),
        (
            "a.json",
            '{"name": "Müller", "values": [[1'.encode("latin-1"),
            "JSON has 3 brackets that it does not close; the file has 32 bytes",
        ),
        (
            "a.json",
            b'{"note": "a\tb", "values": [[1',
            "JSON has 3 brackets that it does not close; the file has 29 bytes",
        ),
        ("a.json", b"[1, nan, 2", "JSON has 1 bracket that it does not close; the file has 10 bytes"),
        ("a.json", b"[" * 300, "JSON has 300 brackets that it does not close; the file has 300 bytes"),
        ("a.json", b" " * 70_000, "it holds only white space; the file has 70,000 bytes"),
        (
            "a.json",
            '["\U00010400"]'.encode("utf-16-le")[:6],
            "it is UTF-16-LE text that ends in the middle of a character; the file has 6 bytes",
        ),
        (
            "a.json",
            '["\U00010400"]'.encode("utf-16-le")[:6] + bytes(400),
            "there are only NUL bytes from byte 6 on: reserved space that is not written yet",
        ),
        (
            "a.json",
            "{}".encode("utf-16-le")[:-1],
            "it is UTF-16-LE text that ends in the middle of a character; the file has 3 bytes",
        ),
        (
            "a.parquet",
            b"PAR1" + SOUND + struct.pack("<I", 5_000) + b"PAR1",
            "Parquet has no footer yet, which is written last; the file has 312 bytes",
        ),
        (
            "a.parquet",
            pare()[:-4] + b"PAR1",
            ("Parquet has no footer yet, which is written last; the file has 320 bytes"),
        ),
    ],
)
def test_the_finding_says_exactly_what_is_missing(path: str, content: bytes, finding: str) -> None:
    assert Truncated(finding) == examine(path, content)


NUMBERS = st.integers(-(2**64), 2**64 - 1) | st.floats(allow_nan=False) | st.sampled_from([0, 0.0, None, True])
VALUES = st.recursive(
    NUMBERS | st.text(max_size=30) | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(max_size=5), inner, max_size=9),
    max_leaves=60,
)
ROWS = st.lists(st.lists(NUMBERS, min_size=1, max_size=18), max_size=300)


@quick
@given(VALUES | ROWS, st.booleans(), st.data())
def test_cbor_ends_where_its_decoder_ends(value: Any, is_open: bool, data: st.DataObject) -> None:
    whole = bytes(cbor2.dumps([value, 1]))
    if is_open:
        whole = b"\x9f" + whole[1:] + b"\xff"
    assert isinstance(examine("a.cbor", whole), Complete)
    length = data.draw(st.integers(1, len(whole) - 1))
    assert isinstance(examine("a.cbor", whole[:length]), Truncated)
    assert isinstance(examine("a.cbor", whole + data.draw(st.binary(min_size=1, max_size=20))), Undecidable)


@quick
@given(st.integers(1, 2**40), st.integers(CHUNK_BYTES // 6, CHUNK_BYTES // 3), st.integers(1, 10**9))
def test_cbor_is_read_across_the_borders_of_chunks(factor: int, count: int, cut: int) -> None:
    numbers = [index * factor % 2**33 for index in range(count)]
    whole = bytes(cbor2.dumps({"values": numbers, "rows": [[number, 1.5] for number in numbers[: len(numbers) // 4]]}))
    assert isinstance(examine("a.cbor", whole), Complete)
    assert isinstance(examine("a.cbor", whole[: 1 + cut % (len(whole) - 1)]), Truncated)


def readings(number: int, width: int, odd: int | None = None) -> bytes:
    """Return CBOR of a recording: readings of `width` numbers, or numbers if it is 0. The one at `odd` has another
    form."""
    values = [0 if at == odd else 0.1 * at for at in range(number)]
    rows: list[Any] = [[value] * width for value in values] if width else values
    return bytes(cbor2.dumps({"payload": {"interval_ms": 10, "values": rows}, "behind": "the values"}))


@pytest.mark.parametrize("width", [0, 1, 3, 16, 17])
@pytest.mark.parametrize(
    ("number", "odd"),
    [(7, None), (8, None), (9, 8), (20, 0), (40, 7), (513, 511), (600, 520), (2_000, None), (9_000, 8_000)],
)
def test_cbor_readings_of_one_form_are_skipped_together(width: int, number: int, odd: int | None) -> None:
    whole = readings(number, width, odd)
    assert Complete("its CBOR item is complete") == examine("a.cbor", whole)
    assert isinstance(examine("a.cbor", whole + b"\0"), Undecidable)
    for cut in (1, 11, 12, len(whole) // 2, len(whole) - 60):
        assert isinstance(examine("a.cbor", whole[:-cut]), Truncated)


def test_cbor_lists_in_the_readings_are_followed() -> None:
    whole = bytes(cbor2.dumps([[1.5, [number]] for number in range(100)]))
    assert isinstance(examine("a.cbor", whole), Complete)
    assert isinstance(examine("a.cbor", whole[:-1]), Truncated)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=30,
)
DOCUMENTS = st.lists(JSON_VALUES, max_size=5) | st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=5)
SPELLINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])


@settings(quick, max_examples=examples(300))
@given(DOCUMENTS, SPELLINGS, st.booleans(), st.sampled_from([None, 2]), st.data())
def test_json_in_every_spelling_is_complete_and_its_beginnings_are_not(
    value: Any, encoding: str, is_ascii: bool, indent: int | None, data: st.DataObject
) -> None:
    written = json.dumps(value, ensure_ascii=is_ascii, indent=indent)
    blanks = data.draw(st.sampled_from(["", "\n", "  ", "\r\n\r\n"]))
    whole, padded = (text.encode(encoding, "ignore") for text in (written, written + blanks))
    assert isinstance(examine("a.json", padded), Complete)
    # Before its first bracket JSON cannot be recognised.
    begins = min(len(whole) - 1, len("[".encode(encoding)))
    assert isinstance(examine("a.json", whole[: data.draw(st.integers(begins, len(whole) - 1))]), Truncated)


@quick
@given(DOCUMENTS, st.integers(0, 10**9), st.binary(min_size=1, max_size=4))
def test_json_with_an_overwritten_byte_is_never_wrongly_reported_as_reserved_space(
    value: Any, place: int, bytes_: bytes
) -> None:
    whole = json.dumps(value).encode()
    at = place % len(whole)
    changed = whole[:at] + bytes_ + whole[at + len(bytes_) :]
    verdict, reads = examined("a.json", changed)
    assert isinstance(verdict, Complete | Truncated | Undecidable)
    assert 1 == len(reads)


def is_object(text: bytes) -> bool:
    try:
        return isinstance(from_json(text), dict)
    except ValueError:
        return False


@pytest.mark.parametrize(
    "text",
    [
        b"{}",
        b' {"a": 1} \n',
        b'{"a": 1} x',
        b'{"a": 1}{}',
        b'{"a": 1',
        b'{"a": NaN, "b": -Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": 1e999, "b": 123456789012345678901234567890}',
        b'{"a": 01}',
        b'{"a": .5}',
        b'{"a": "\x01"}',
        b'{"a": "\xff"}',
        b'{"\xff": 1}',
        b'{"a": "\\ud800"}',
        b'{"a": "\\u00zz"}',
        b'{"a": 1,}',
        b'{"a" 1}',
        b"{1: 2}",
        b"{'a': 1}",
        b'\0{"a": 1}',
        b'{"a": 1}\0',
        b"[1]",
        b"1",
        b'"a"',
        b"null",
        b"",
        *(b'{"a": %s%s}' % (b"[" * depth, b"]" * depth) for depth in (10, 150, 190, 199, 200, 201, 300, 5_000)),
    ],
)
def test_an_object_that_is_only_checked_also_parses(text: bytes) -> None:
    assert is_object(text) == _is_object(text)


@settings(quick, max_examples=examples(300))
@given(st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=5), st.integers(0, 10**9), st.binary(max_size=4))
def test_an_object_with_an_overwritten_byte_is_checked_as_it_is_parsed(value: Any, place: int, bytes_: bytes) -> None:
    whole = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    at = place % len(whole)
    changed = whole[:at] + bytes_ + whole[at + len(bytes_) :]
    assert is_object(changed) == _is_object(changed)


@pytest.mark.parametrize("text", ["Ref-Binary-i16", "\\u0052ef-Binary-i16", "Ref\\u002dBINARY-f32 "])
def test_a_reference_to_samples_is_found_however_it_is_written(text: str) -> None:
    content = b'{"payload": {"values": ["%s"]}}' % text.encode()
    assert isinstance(examine("a.json", content), Truncated)


@quick
@given(
    st.lists(st.lists(st.integers(), min_size=1, max_size=4), max_size=30),
    st.sampled_from(["utf-8", "utf-16", "utf-32"]),
)
def test_no_text_encoding_makes_a_table_truncated(rows: list[list[int]], encoding: str) -> None:
    written = "timestamp,accX\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    assert Undecidable("its format has no end mark") == examine("a.csv", written.encode(encoding))


@pytest.mark.parametrize("path", ["a.json", "a.cbor"])
def test_a_small_file_is_read_once(path: str) -> None:
    content = formats.document(RECORDING) if path == "a.json" else formats.cbor(RECORDING)
    _, reads = examined(path, content)
    assert [(0, len(content))] == [(read.offset, read.length) for read in reads]
