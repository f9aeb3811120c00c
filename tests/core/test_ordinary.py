"""A file that the quick check accepts as an ordinary sample is also one by the full check."""

import json
from pathlib import PurePath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eisync.core.labels.annotations import HEAD_BYTES, annotation_of, is_ordinary, may_be_annotation
from eisync.core.model import extension_of

TABLES = [
    b"timestamp,x\n0,1\n",
    b"timestamp,x\r\n0,-1.5e-3\r\n",
    b"\xef\xbb\xbftimestamp;accX\xc2\xb2;Temp \xc2\xb0C\n0;.5;1.\n",
    b"t\tT\xc3\xa4glich\n0\t+1E5\n",
    b'"timestamp","a b"\n0,1\n',
    b"timestamp, x, y\n0,1,2\n1,2,3",
]


@pytest.mark.parametrize("extension", [".csv", ".txt"])
@pytest.mark.parametrize("head", TABLES)
def test_a_table_with_names_above_numbers_is_ordinary(extension: str, head: bytes) -> None:
    assert is_ordinary(extension, head)
    assert not may_be_annotation(f"day/a{extension}", head)


@pytest.mark.parametrize(
    "head",
    [
        b'{"protected":{"ver":"v1"',
        b'\xef\xbb\xbf{\r\n  "protected" : {',
        b' { "signature": "00", "protected": {}',
        b'{"payload": {',
    ],
)
def test_an_acquisition_is_ordinary(head: bytes) -> None:
    assert is_ordinary(".json", head)


@pytest.mark.parametrize(
    ("extension", "head"),
    [
        (".csv", b""),
        (".csv", b"timestamp,x\n0,1"),  # the last line may continue
        (".csv", b"id,breed\nabc,boston_bull\n"),
        (".csv", b"filename,x\nim0.jpg,1\n"),
        (".csv", b"timestamp,x\n0,1,2\n"),
        (".csv", b"timestamp,x\n2026-01-01,1\n"),
        (".csv", b"a\xc2\x85b,c\n1,2\n"),
        (".csv", b"a\xe2\x80\xa8b,c\n1,2\n"),
        (".csv", "timestamp,x\n0,1\n".encode("utf-16")),
        (".txt", b"0 0.5 0.5 0.1 0.1\n1 0.2 0.2 0.1 0.1\n"),
        (".txt", b"1,2\n3,4\n"),
        (".txt", b"nan,inf\n1,2\n"),
        (".txt", b"a;b\tc\n1;2\n"),
        (".txt", b"wav/a b.wav,1\nim1.jpg,2\n"),
        (".json", b""),
        (".json", b"["),
        (".json", b'{"images": [], "protected": {}'),
        (".json", b'{"protected'),
        (".json", b'[{"payload": {}}'),
    ],
)
def test_a_file_that_may_be_something_else_is_not_ordinary(extension: str, head: bytes) -> None:
    assert not is_ordinary(extension, head)


CELLS = st.one_of(
    st.sampled_from(["timestamp", "x", "nan", "inf", "a b", '"q"', "im0.jpg", "é°", "_", "", " 1", "1 ", "1.5.2"]),
    st.integers().map(str),
    st.floats().map(str),
    st.text(max_size=4),
)
LINES = st.tuples(st.lists(CELLS, min_size=1, max_size=4), st.sampled_from(",;\t| ")).map(
    lambda line: line[1].join(line[0])
)
TEXTS = st.tuples(st.lists(LINES, max_size=5), st.sampled_from(["\n", "\r\n", "\r"])).map(
    lambda text: text[1].join(text[0])
)
KEYS = st.sampled_from(["protected", "payload", "signature", "images", "annotations", "imagePath", "a"])
VALUES = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=3), st.just("im0.jpg")),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=5,
)
DOCUMENTS = st.one_of(st.dictionaries(KEYS, VALUES), VALUES).map(json.dumps)


@given(
    path=st.sampled_from(["a.csv", "labels.csv", "labels/a.txt", "a.txt", "classes.txt", "a.json", "a.wav"]),
    text=st.one_of(TEXTS, DOCUMENTS),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    known=st.integers(0, 600),
)
@example("labels.csv", "a,b\n1,2\n", "utf-8", 8)
def test_an_ordinary_file_is_no_annotation_by_the_full_check(path: str, text: str, encoding: str, known: int) -> None:
    raw = text.encode(encoding, "replace")
    if is_ordinary(extension_of(path), raw[:known]):
        assert annotation_of(path, raw[:HEAD_BYTES], size=len(raw)) is None


@pytest.mark.parametrize("name", ["a.wav", "A.JPG", "a.cbor", "a"])
def test_files_with_other_extensions_are_ordinary(name: str) -> None:
    assert is_ordinary(PurePath(name).suffix.lower(), b"")
