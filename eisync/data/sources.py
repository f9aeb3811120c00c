"""Read the bytes of a sample from any data that a caller may pass, without changing that data.

A source is loaded when its request is built, and released with the request. So memory depends on the requests that are
running, not on the number of samples. A stream is read from its current position, or from its beginning if it is at its
end; afterwards its position is the same as before. A file is open only while it is sent: `upload_directory` passes
thousands of samples to a `transform`. Each must behave like an open file, but the system allows only some open files.
"""

import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from eisync.data.sample_type import DataAcquisition


class LazyFile(io.BufferedIOBase):
    """Behaves like `open(path, "rb")`. `release` closes the file; the next read opens it again at its position."""

    mode = "rb"

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = path
        self._file: io.BufferedReader | None = None
        self._position = 0

    def release(self) -> None:
        """Close the file, if it is open. Safe to repeat."""
        if self._file is not None:
            self._position = self._file.tell()
            self._file.close()
            self._file = None

    def close(self) -> None:
        self.release()
        super().close()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._opened().fileno()

    def read(self, size: int | None = -1, /) -> bytes:
        return self._opened().read(size)

    def read1(self, size: int = -1, /) -> bytes:
        return self._opened().read1(size)

    def readinto(self, buffer: Any, /) -> int:
        return self._opened().readinto(buffer)

    def peek(self, size: int = 0, /) -> bytes:
        return self._opened().peek(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._opened().seek(offset, whence)

    def tell(self) -> int:
        return self._position if self._file is None else self._file.tell()

    def __repr__(self) -> str:
        return f"<LazyFile name={self.path!r}>"

    def _opened(self) -> io.BufferedReader:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        if self._file is None:
            self._file = open(self.path, "rb")  # noqa: SIM115 (release closes it)
            self._file.seek(self._position)
        return self._file


CHUNK_BYTES = 256 * 1024
SMALL_BYTES = 16 * 1024
"""A file up to this size is read at once, so that all its bytes are of the same version."""

_stream_lock = threading.Lock()


class SourceError(Exception):
    """The data of a sample cannot be read; the text says why. Other samples are not affected."""


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that are ready to be sent, exactly `size` of them. `chunks` may be called several times."""

    size: int
    chunks: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Source:
    """`estimate` is the approximate size in bytes. `load` raises SourceError.

    `is_stream`: it reads an open stream of this process. Any other source can be pickled.
    """

    estimate: int
    load: Callable[[], Content]
    is_stream: bool = False


def source_of(data: Any) -> Source:
    """Return the source of a caller's data. Raises SourceError for data of an unknown type."""
    if getattr(data, "closed", False):
        raise SourceError("The stream is closed")
    match data:
        case bytes():
            return Source(len(data), partial(_in_memory, data))
        case str():
            return Source(len(data), partial(_as_content, data))
        case bytearray() | memoryview():
            return Source(len(data), partial(_copied, data))
        case LazyFile():
            return file_source(data.path, data.tell())
        case io.BytesIO() | io.StringIO():
            whole, at = data.getvalue(), data.tell()
            rest = whole[at:] or whole
            return Source(len(rest), partial(_as_content, rest))
    if _is_acquisition(data):
        return Source(16 * len(data.payload.values), partial(_acquisition_content, data))
    if callable(getattr(data, "read", None)):
        return _stream_source(data)
    raise SourceError(f"Data of type {type(data).__name__} cannot be uploaded: pass bytes, text or a stream")


def file_source(path: str, at: int = 0) -> Source:
    """Return the source of a file, from the offset `at` on, without opening it. Raises SourceError if it is missing."""
    try:
        size = os.stat(path).st_size
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror})") from error
    start = at if at < size else 0
    return Source(size - start, partial(_load_file, path, start))


def portable(source: Source) -> Source:
    """Return the source in a form that another process can load: a file by its whole path, a stream as its bytes.

    Raises SourceError when the stream cannot be read.
    """
    if source.is_stream or _is_view(source):
        data = b"".join(source.load().chunks())
        return Source(len(data), partial(_in_memory, data))
    load = source.load
    if isinstance(load, partial) and load.func is _load_file:
        path, start = load.args
        return Source(source.estimate, partial(_load_file, os.path.abspath(path), start))
    return source


def acquisition_json(data: DataAcquisition) -> bytes:
    """Return the same acquisition file, byte for byte, as the official SDK. `data` may contain numbers of numpy."""
    payload = data.payload
    document = {
        "protected": {"ver": data.protected.ver, "alg": data.protected.alg, "iat": data.protected.iat},
        "payload": {
            "device_type": payload.device_type,
            "sensors": [{"name": sensor.name, "units": sensor.units} for sensor in payload.sensors],
            "values": payload.values,
            "interval_ms": payload.interval_ms,
            "device_name": payload.device_name,
        },
        "signature": data.signature,
    }
    try:
        return json.dumps(document, default=json_default).encode()
    except (TypeError, ValueError) as error:
        raise SourceError(f"The values cannot be written as JSON ({error})") from error


def json_default(value: Any) -> Any:
    """Convert numpy's scalars and arrays to Python values, as `default` of `json.dumps`. Raises TypeError otherwise."""
    tolist = getattr(value, "tolist", None)
    if callable(tolist):
        return tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")


def _in_memory(data: bytes) -> Content:
    return Content(len(data), lambda: iter((data,)))


def _is_view(source: Source) -> bool:
    """Return whether the source reads a memoryview, which cannot be pickled."""
    return isinstance(source.load, partial) and source.load.func is _copied


def _copied(data: bytearray | memoryview) -> Content:
    return _in_memory(bytes(data))


def _as_content(data: str | bytes) -> Content:
    return _in_memory(_as_bytes(data))


def _acquisition_content(data: DataAcquisition) -> Content:
    return _in_memory(acquisition_json(data))


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise SourceError("The text cannot be written as UTF-8: it has a lone surrogate") from error


def _is_acquisition(data: Any) -> bool:
    # Checked by attributes, so that the official SDK's class is accepted, too.
    return isinstance(data, DataAcquisition) or (hasattr(data, "protected") and hasattr(data, "payload"))


def _load_file(path: str, start: int) -> Content:
    try:
        with open(path, "rb", buffering=0) as file:
            size = max(0, os.fstat(file.fileno()).st_size - start)
            if size <= SMALL_BYTES:
                file.seek(start)
                return _in_memory(file.read())
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror})") from error
    return Content(size, lambda: _file_chunks(path, start, size))


def _file_chunks(path: str, start: int, size: int) -> Iterator[bytes]:
    try:
        with open(path, "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            file.seek(start)
            yield from _exactly(file.read, size, path)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise SourceError(f"{path} cannot be read to its end ({error.strerror})") from error
    if (after.st_size, after.st_mtime_ns) != (start + size, before.st_mtime_ns):
        raise SourceError(f"{path} was changed while eisync sent it; nothing of it is stored")


def _stream_source(stream: Any) -> Source:
    try:
        if not stream.seekable():
            return _once_source(stream)
        at, end = _place_and_end(stream)
        start = at if at < end else 0
        if isinstance(stream, io.TextIOBase):  # its positions do not count bytes
            return Source(end, lambda: _in_memory(_rest(stream, at) or _rest(stream, 0)), is_stream=True)
        return Source(end - start, lambda: _load_stream(stream, start), is_stream=True)
    except Exception:  # noqa: BLE001 (foreign code; if it cannot be read at all, reading it fails later with a reason)
        return _once_source(stream)


def _once_source(stream: Any) -> Source:
    """Return the source of a pipe, a socket or an HTTP response. It can be read only once, so its bytes are kept."""
    kept: list[bytes] = []

    def load() -> Content:
        if not kept:
            with _reading():
                kept.append(_as_bytes(stream.read()))
        return _in_memory(kept[0])

    return Source(CHUNK_BYTES, load, is_stream=True)


def _place_and_end(stream: Any) -> tuple[int, int]:
    with _stream_lock:
        position = stream.tell()
        try:
            return position, int(stream.seek(0, os.SEEK_END) or stream.tell())
        finally:
            stream.seek(position)


def _load_stream(stream: Any, start: int) -> Content:
    with _reading():
        first = _read_at(stream, start, SMALL_BYTES + 1)
        if isinstance(first, str) or len(first) <= SMALL_BYTES:
            return _in_memory(_rest(stream, start))
        _, end = _place_and_end(stream)
    return Content(end - start, lambda: _stream_chunks(stream, start, end - start))


def _stream_chunks(stream: Any, start: int, size: int) -> Iterator[bytes]:
    position = start

    def read(limit: int) -> bytes:
        nonlocal position
        with _reading():
            chunk: bytes = _read_at(stream, position, limit)
        position += len(chunk)
        return chunk

    yield from _exactly(read, size, "The stream")


def _read_at(stream: Any, position: int, limit: int) -> Any:
    # Several samples may share one stream: no thread may move its position while another reads.
    with _stream_lock:
        before = stream.tell()
        try:
            stream.seek(position)
            return stream.read(limit)
        finally:
            stream.seek(before)


def _rest(stream: Any, start: int) -> bytes:
    with _reading():
        return _as_bytes(_read_at(stream, start, -1))


@contextmanager
def _reading() -> Iterator[None]:
    """Raise SourceError for any exception of the stream, which is foreign code, so that only its sample fails."""
    try:
        yield
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(f"The stream cannot be read ({type(error).__name__}: {error})") from error


def _as_bytes(found: Any) -> bytes:
    return _encoded(found) if isinstance(found, str) else bytes(found or b"")


def _exactly(read: Callable[[int], bytes], size: int, what: str) -> Iterator[bytes]:
    left = size
    while left:
        chunk = read(min(CHUNK_BYTES, left))
        if not chunk:
            raise SourceError(f"{what} ended {left} bytes early")
        left -= len(chunk)
        yield chunk
