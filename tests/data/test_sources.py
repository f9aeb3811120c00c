import io
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from eisync.data import DataAcquisition, Payload, Protected, Sensor
from eisync.data.sources import CHUNK_BYTES, SMALL_BYTES, LazyFile, SourceError, acquisition_json, source_of

LONG = bytes(range(256)) * 3000


def read(data: Any) -> bytes:
    """What is sent of `data`, twice the same, and as long as it promised to be."""
    content = source_of(data).load()
    first = b"".join(content.chunks())
    assert first == b"".join(content.chunks())
    assert len(first) == content.size
    return first


@pytest.mark.parametrize("content", [b"", b"x", LONG[:SMALL_BYTES], LONG[: SMALL_BYTES + 1], LONG])
def test_bytes_are_sent_whole_whatever_they_came_in(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    spooled = tempfile.SpooledTemporaryFile(max_size=100)  # noqa: SIM115
    spooled.write(content)
    with open(path, "rb") as file, open(path, "rb", buffering=0) as raw, open(path, "r+b") as both, spooled:
        for data in (
            content,
            bytearray(content),
            memoryview(content),
            io.BytesIO(content),
            LazyFile(str(path)),
            file,
            raw,
            both,
            spooled,
        ):
            assert content == read(data), type(data)


@pytest.mark.parametrize("text", ["", "a,b\n", "Größe 日本\r\n", "x" * 70_000 + "é"])
def test_text_is_sent_as_utf_8(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text, encoding="utf-8", newline="")
    with open(path, encoding="utf-8", newline="") as file:
        for data in (text, io.StringIO(text, newline=""), file):
            assert text.encode() == read(data)


@pytest.mark.parametrize("size", [200, SMALL_BYTES + 100, len(LONG)])
@pytest.mark.parametrize(("at", "start"), [(0, 0), (100, 100), (None, 0)], ids=["beginning", "middle", "end"])
def test_a_stream_is_read_from_where_it_stands_and_stands_there_afterwards(
    size: int, at: int | None, start: int, tmp_path: Path
) -> None:
    """One that stands at its end, as after a look at all of it, is read from its beginning."""
    path, text = tmp_path / "a.bin", tmp_path / "a.txt"
    path.write_bytes(LONG[:size])
    text.write_text("é" * size, encoding="utf-8")
    with open(path, "rb") as file, open(text, encoding="utf-8") as words, LazyFile(str(path)) as lazy:
        streams: list[tuple[Any, bytes]] = [
            (io.BytesIO(LONG[:size]), LONG[start:size]),
            (io.StringIO("x" * size), b"x" * (size - start)),
            (file, LONG[start:size]),
            (lazy, LONG[start:size]),
            (words, "é".encode() * (size - start)),
        ]
        for stream, rest in streams:
            stream.read(at)
            place = stream.tell()
            assert rest == read(stream), stream
            assert place == stream.tell()


def test_a_stream_that_stands_behind_its_end_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(LONG)
    with open(path, "rb") as file, LazyFile(str(path)) as lazy:
        for stream in (io.BytesIO(LONG), file, lazy):
            stream.seek(len(LONG) + 5)
            assert LONG == read(stream)


def test_a_file_is_open_only_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(LONG)
    before = len(os.listdir("/proc/self/fd"))
    chunks = source_of(LazyFile(str(path))).load().chunks()
    assert before == len(os.listdir("/proc/self/fd"))
    assert CHUNK_BYTES == len(next(chunks))
    assert before + 1 == len(os.listdir("/proc/self/fd"))
    assert LONG[CHUNK_BYTES:] == b"".join(chunks)
    assert before == len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("change", ["shorter", "longer", "other", "gone"])
def test_a_file_that_changes_while_it_is_sent_is_told(change: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(LONG)
    os.utime(path, ns=(1, 1))
    chunks = source_of(LazyFile(str(path))).load().chunks()
    if change == "gone":
        path.unlink()
        with pytest.raises(SourceError, match="cannot be read to its end"):
            next(chunks)
        return
    next(chunks)
    path.write_bytes({"shorter": LONG[:-1], "longer": LONG + b"x", "other": LONG[::-1]}[change])
    with pytest.raises(SourceError, match=r"ended|was changed while"):
        list(chunks)


def test_what_cannot_be_data_is_told() -> None:
    closed = io.BytesIO(b"x")
    closed.close()
    for data, text in (
        (None, "NoneType"),
        (5, "int"),
        ([1, 2], "list"),
        (closed, "closed"),
        (LazyFile("/nowhere/a.csv"), "No such file"),
    ):
        with pytest.raises(SourceError, match=text):
            source_of(data)


def test_an_acquisition_keeps_its_fields_in_order() -> None:
    document = DataAcquisition(Protected(), Payload("T", [Sensor("x")], [[1.5], [2]], 10))
    assert (
        b'{"protected": {"ver": "v1", "alg": "none", "iat": null}, "payload": {"device_type": "T", '
        b'"sensors": [{"name": "x", "units": "m/s"}], "values": [[1.5], [2]], "interval_ms": 10, '
        b'"device_name": null}, "signature": null}'
    ) == acquisition_json(document)


def test_numpys_numbers_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    values = numpy.arange(4, dtype="float32").reshape(2, 2)
    document = DataAcquisition(Protected(), Payload("T", [Sensor("x"), Sensor("y")], values, numpy.int64(10)))
    assert b'"values": [[0.0, 1.0], [2.0, 3.0]], "interval_ms": 10' in acquisition_json(document)


def test_values_that_are_no_json_are_told() -> None:
    document = DataAcquisition(Protected(), Payload("T", [Sensor("x")], [[object()]]))  # type: ignore[list-item]
    with pytest.raises(SourceError, match="cannot be written as JSON"):
        source_of(document).load()


def test_a_lazy_file_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"line one\nline two\n")
    with LazyFile(str(path)) as file:
        assert isinstance(file, io.BufferedIOBase)
        assert b"line" == file.read(4)
        file.release()
        assert 4 == file.tell()
        assert b" one\n" == file.readline()
        assert 0 == file.seek(0)
        assert [b"line one\n", b"line two\n"] == list(file)
        assert (str(path), "rb", True, True) == (file.name, file.mode, file.readable(), file.seekable())
    with pytest.raises(ValueError, match="closed"):
        file.read()
