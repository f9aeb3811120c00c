import hashlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.emulator.multipart import FormReader, MultipartError, Part, TooManyParts, parse_parameters
from eisync.emulator.spool import Limits
from tests.examples import examples

from .wire import form

LIMITS = Limits(max_parts=100, max_part_bytes=2**20, spool_bytes=64, spool_total_bytes=256)
CONTENT_TYPE = "multipart/form-data; boundary=frontier"
# Names a file may have and a browser can send; NUL cannot be in a name.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0%\\"), max_size=40)
BODIES = st.one_of(
    st.binary(max_size=400),
    st.sampled_from(
        [b"\r\n--frontier", b"--frontier--", b"\r\n--frontie", b"\r\n\r\n--frontierX\r\n", b"\r", b"\r\n--"]
    ),
)


def read(raw: bytes, folder: str, *, sizes: tuple[int, ...] = (), content_type: str = CONTENT_TYPE) -> list[Part]:
    """Feed in chunks of these sizes, over and over; nothing of the spool may stay behind."""
    reader = FormReader(content_type, folder, LIMITS)
    try:
        at, turn = 0, 0
        while at < len(raw):
            size = sizes[turn % len(sizes)] if sizes else len(raw)
            reader.feed(raw[at : at + size])
            at, turn = at + size, turn + 1
        parts = reader.finish()
        for part in parts:
            content = part.body.read()
            assert (part.size_bytes, part.sha256) == (len(content), hashlib.sha256(content).hexdigest())
            assert part.md5 == hashlib.md5(content, usedforsecurity=False).hexdigest()
        return parts
    finally:
        reader.discard()
        assert os.listdir(folder) == []


def boundary_safe(files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """A sender chooses a boundary that no body contains."""
    return [(name, body.replace(b"--frontier", b"--border")) for name, body in files]


@given(
    files=st.lists(st.tuples(NAMES, BODIES), min_size=1, max_size=6).map(boundary_safe),
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=4).map(tuple),
    trailing=st.sampled_from([b"", b"\r\n", b"\r\nan epilogue"]),
)
@settings(max_examples=examples(150))
def test_any_chunking_of_any_names_and_bodies_gives_the_parts_sent(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, bytes]], sizes: tuple[int, ...], trailing: bytes
) -> None:
    folder = str(tmp_path_factory.mktemp("spool"))
    raw = form(files, trailing=trailing)
    whole = read(raw, folder)
    assert [part.file_name for part in whole] == [name for name, _ in files]
    assert [part.sha256 for part in whole] == [hashlib.sha256(body).hexdigest() for _, body in files]
    summary = [(part.file_name, part.sha256, part.size_bytes) for part in whole]
    assert [(part.file_name, part.sha256, part.size_bytes) for part in read(raw, folder, sizes=sizes)] == summary


@given(raw=st.binary(max_size=300), sizes=st.lists(st.integers(1, 50), min_size=1, max_size=3).map(tuple))
def test_whatever_is_no_form_is_refused_and_nothing_else_happens(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, sizes: tuple[int, ...]
) -> None:
    with pytest.raises(MultipartError):
        read(raw, str(tmp_path_factory.mktemp("spool")), sizes=sizes)


def test_a_form_cut_anywhere_does_not_count(tmp_path: os.PathLike[str]) -> None:
    raw = form([("a.csv", b"x" * 300), ("b.csv", b"y")], trailing=b"")
    for length in range(len(raw)):
        with pytest.raises(MultipartError):
            read(raw[:length], str(tmp_path))
    assert len(read(raw, str(tmp_path))) == 2


@pytest.mark.parametrize(
    ("header", "parameters"),
    [
        (b'form-data; name="data"; filename="a;b.csv"', {b"name": b"data", b"filename": b"a;b.csv"}),
        (b"form-data; name=data;filename=a.csv", {b"name": b"data", b"filename": b"a.csv"}),
        (rb'form-data; filename="say \"hi\".csv"; name="data"', {b"filename": b'say "hi".csv', b"name": b"data"}),
        (rb'form-data; filename="C:\dir\a.csv"', {b"filename": rb"C:\dir\a.csv"}),
        (rb'form-data; filename="ends in \"', {b"filename": b"ends in \\"}),
        (b'form-data; filename="never closed', {b"filename": b"never closed"}),
        (b'form-data; NAME = "data" ; filename=""', {b"name": b"data", b"filename": b""}),
        (b"form-data; flag; name=data", {b"name": b"data"}),
        (b"form-data", {}),
        (b"", {}),
    ],
)
def test_parameters_are_read_as_browsers_and_libraries_write_them(
    header: bytes, parameters: dict[bytes, bytes]
) -> None:
    assert parse_parameters(header)[1] == parameters


@given(st.binary(max_size=200))
def test_reading_parameters_never_raises(header: bytes) -> None:
    parse_parameters(header)


@pytest.mark.parametrize(
    ("disposition", "file_name"),
    [
        (b'form-data; name="data"; filename="schn\xc3\xb6.csv"', "schnö.csv"),
        (b'form-data; name="data"; filename="schn\xf6.csv"', "schnö.csv"),
        (b"form-data; name=\"data\"; filename*=utf-8''schn%C3%B6.csv", "schnö.csv"),
        (b'form-data; name="data"; filename="plain.csv"; filename*=utf-8\'\'other.csv', "plain.csv"),
        (b'form-data; name="data"; filename="say %22hi%22.csv"', 'say "hi".csv'),
        (b'form-data; name="data"', None),
    ],
)
def test_a_file_name_is_read_in_every_usual_spelling(
    tmp_path: os.PathLike[str], disposition: bytes, file_name: str | None
) -> None:
    raw = b"--frontier\r\nContent-Disposition: " + disposition + b"\r\n\r\nx\r\n--frontier--"
    assert [part.file_name for part in read(raw, str(tmp_path))] == [file_name]


@pytest.mark.parametrize("content_type", ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary="])
def test_a_body_without_a_boundary_is_no_form(tmp_path: os.PathLike[str], content_type: str) -> None:
    with pytest.raises(MultipartError):
        FormReader(content_type, str(tmp_path), LIMITS)


def test_a_part_that_is_too_large_is_counted_and_not_kept(tmp_path: os.PathLike[str]) -> None:
    limits = Limits(max_parts=9, max_part_bytes=100, spool_bytes=10, spool_total_bytes=50)
    reader = FormReader(CONTENT_TYPE, str(tmp_path), limits)
    reader.feed(form([("large.csv", b"x" * 100), ("small.csv", b"x" * 99)]))
    large, small = reader.finish()
    assert (large.is_too_large, large.size_bytes, large.body.size_bytes) == (True, 100, 0)
    assert (small.is_too_large, small.size_bytes) == (False, 99)
    reader.discard()
    assert os.listdir(tmp_path) == []


def test_memory_of_a_whole_request_is_bounded(tmp_path: os.PathLike[str]) -> None:
    reader = FormReader(CONTENT_TYPE, str(tmp_path), LIMITS)
    reader.feed(form([(f"{index}.csv", b"x" * 60) for index in range(20)]))
    in_memory = sum(len(part.body.content or b"") for part in reader.finish())
    assert in_memory <= LIMITS.spool_total_bytes
    assert len(os.listdir(tmp_path)) == 20 - in_memory // 60
    reader.discard()


def test_too_many_parts_stop_the_reading(tmp_path: os.PathLike[str]) -> None:
    with pytest.raises(TooManyParts):
        read(form([("a.csv", b"")] * 101), str(tmp_path))


@pytest.mark.parametrize("header", [b"X-Long: " + b"x" * 20_000, b"\r\n".join(b"X-%d: y" % n for n in range(50))])
def test_headers_of_a_part_are_bounded(tmp_path: os.PathLike[str], header: bytes) -> None:
    with pytest.raises(MultipartError):
        read(b"--frontier\r\n" + header + b"\r\n\r\nx\r\n--frontier--", str(tmp_path), sizes=(100,))
