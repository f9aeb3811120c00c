"""Find how many values a recording has, and the time between two of them.

Labels of a part of a recording are given by the indexes of its values, while people mark it in seconds. A probe here
asks for bytes as those of `core.formats.probe` do, and holds only the part that was read last. It does not prove that
the file is complete.

The values of a WAV are its frames, as the service counts them: one for each instant, whatever the number of channels. A
table has a column `timestamp` in milliseconds, and its interval is the mean, which the service uses, too.

Sources: the wire contract, section 2; Multimedia Programming Interface and Data Specifications 1.0 (RIFF); Microsoft's
WAVEFORMATEXTENSIBLE; EBU Tech 3306 (RF64).
"""

import math
import re
import struct
from collections.abc import Callable, Generator

from eisync.core.formats.acquisition_cbor import count_cbor
from eisync.core.formats.acquisition_json import count_json
from eisync.core.formats.probe import CHUNK_BYTES, Read, Undecidable
from eisync.core.formats.wav import HEAD_BYTES, MAX_PARTS, is_name, read_chunk
from eisync.core.model import MAX_FILE_BYTES, extension_of, value

LARGEST_BYTES = 64 * 1024 * 1024
"""The largest JSON or table that is read as a whole to count its values."""

_LONGEST_LINE = 512 * 1024
_Found = tuple[int, float] | Undecidable
_Sampler = Callable[[int], Generator[Read, bytes, _Found]]

_FORMS = {b"RIFF": "<", b"RIFX": ">", b"RF64": "<", b"BW64": "<"}
_FORM_BYTES = 12
_CHUNK_HEAD_BYTES = 48  # enough for a fmt with the type of its samples, and for the sizes in a ds64
_EXTENSIBLE = 0xFFFE
_WITHOUT_FRAMES = "its sound is compressed, so its header does not say how many values it has"
_PLAIN = frozenset({1, 3, 6, 7})  # PCM, float, A-law, mu-law: each frame has the same size
_ALL = 0xFFFF_FFFF

_MARKS = ("\t", ";", "|", ",")
_LINE_ENDS = re.compile(rb"[\r\n]+")
_EMPTY_CELLS = b' \t;|,"'


@value(kw_only=True)
class WavLayout:
    """Where the frames of a WAV are, and how they are stored. `order` is that of `struct`: "<" or ">".

    `kind` is 1 for integers, 3 for floating point, 6 for A-law, 7 for mu-law. `frames` are those that are in the file.
    """

    begins_at: int
    frames: int
    rate: int
    frame_bytes: int
    channels: int
    kind: int
    order: str


@value
class Sampling:
    """The number of values of a recording, and the time between two (ms)."""

    values: int
    interval_ms: float


def sampling(path: str, size: int) -> Generator[Read, bytes, Sampling | Undecidable]:
    """Return the sampling of the file, or why it has none. `path` gives its extension, `size` is in bytes."""
    sampler = _SAMPLERS.get(extension_of(path))
    if sampler is None:
        return Undecidable("eisync does not read the sampling rate of this format")
    if not size:
        return Undecidable("it is empty")
    if sampler in (count_json, _table) and size > LARGEST_BYTES:
        return Undecidable(f"it has more than {LARGEST_BYTES // 1024**2} MiB, and eisync does not count its values")
    found = yield from sampler(size)
    if isinstance(found, Undecidable):
        return found
    if found[0] < 1 or not 0 < found[1] < math.inf:
        return Undecidable("it has no values at a constant interval")
    return Sampling(*found)


# --- WAV


def _wav(size: int) -> Generator[Read, bytes, _Found]:
    layout = yield from wav_layout(size)
    return layout if isinstance(layout, Undecidable) else (layout.frames, 1000 / layout.rate)


def wav_layout(size: int) -> Generator[Read, bytes, WavLayout | Undecidable]:
    """Return where the sound of a WAV of `size` bytes is, or why its frames cannot be told apart."""
    start = yield Read(0, min(size, _FORM_BYTES))
    if start[:4] not in _FORMS or start[8:] != b"WAVE":
        return Undecidable("it is not a WAV file")
    order = _FORMS[start[:4]]
    form: _Form | None = None
    long_data = 0
    offset, is_odd = _FORM_BYTES, False
    for _ in range(MAX_PARTS):
        if offset + HEAD_BYTES > size:
            break
        offset, chunk = yield from read_chunk(offset, size, _CHUNK_HEAD_BYTES, is_odd=is_odd)
        name = chunk[:4]
        if len(chunk) < HEAD_BYTES or not is_name(name):
            break
        length = struct.unpack(order + "I", chunk[4:8])[0]
        if name == b"fmt " and len(chunk) >= 24:
            form = _form(chunk, order)
        elif name == b"ds64" and len(chunk) >= 24:
            long_data = struct.unpack("<Q", chunk[16:24])[0]
        elif name == b"data":
            if form is None:
                return Undecidable(_WITHOUT_FRAMES)
            begins_at = offset + HEAD_BYTES
            return _layout(form, begins_at, long_data if length == _ALL else length, size - begins_at, order)
        offset, is_odd = offset + HEAD_BYTES + length, length % 2 == 1
    return Undecidable("its WAV header has no sound")


_Form = tuple[int, int, int, int]


def _form(chunk: bytes, order: str) -> _Form | None:
    """Return the kind, the channels, the rate (Hz) and the bytes of a frame; None where frames have no fixed size."""
    kind, channels, rate, _, align = struct.unpack(order + "HHIIH", chunk[8:22])
    if kind == _EXTENSIBLE and len(chunk) >= 34:
        kind = struct.unpack(order + "H", chunk[32:34])[0]
    return (kind, channels, rate, align) if kind in _PLAIN and rate and align else None


def _layout(form: _Form, begins_at: int, length: int, there: int, order: str) -> WavLayout:
    """Return the layout of the sound. Its length is open, 0 or too long, where a recorder did not set it."""
    kind, channels, rate, align = form
    is_open = not length or length >= MAX_FILE_BYTES
    return WavLayout(
        begins_at=begins_at,
        frames=(there if is_open else min(length, there)) // align,
        rate=rate,
        frame_bytes=align,
        channels=channels,
        kind=kind,
        order=order,
    )


# --- tables


def _table(size: int) -> Generator[Read, bytes, _Found]:
    header: bytes | None = None
    first = last = b""
    count = 0
    rest = b""
    for offset in range(0, size, CHUNK_BYTES):
        chunk = yield Read(offset, min(CHUNK_BYTES, size - offset))
        *lines, rest = _LINE_ENDS.split(rest + (chunk if offset else chunk.removeprefix(b"\xef\xbb\xbf")))
        if offset + len(chunk) == size:
            lines.append(rest)
        elif len(rest) > _LONGEST_LINE:
            return Undecidable(f"a line of it has more than {_LONGEST_LINE:,} bytes")
        rows = [line for line in lines if line.strip(_EMPTY_CELLS)]
        if header is None and rows:
            header, *rows = rows
            if not _is_timed(header):
                return Undecidable("its first column is not called timestamp")
        if rows:
            first, last = first or rows[0], rows[-1]
            count += len(rows)
    return _interval(header or b"", first, last, count)


def _is_timed(header: bytes) -> bool:
    return header.split(separator_of(header).encode())[0].strip(b' "').lower() == b"timestamp"


def separator_of(header: bytes) -> str:
    """Return the character that separates the columns of a table with this first line."""
    return next((mark for mark in _MARKS if mark.encode() in header), ",")


def _interval(header: bytes, first: bytes, last: bytes, count: int) -> _Found:
    if count < 2:
        return Undecidable("it has fewer than two rows below its header")
    mark = separator_of(header)
    times = [_time(row.decode("latin-1").split(mark)[0].strip(' "'), mark) for row in (first, last)]
    if times[0] is None or times[1] is None:
        return Undecidable("a timestamp in it is not a number")
    return count, (times[1] - times[0]) / (count - 1)


def _time(cell: str, mark: str) -> float | None:
    """Return the time (ms). A decimal comma is read where the comma does not separate columns."""
    try:
        return float(cell if mark == "," else cell.replace(",", "."))
    except ValueError:
        return None


_SAMPLERS: dict[str, _Sampler] = {
    ".wav": _wav,
    ".json": count_json,
    ".cbor": count_cbor,
    ".csv": _table,
    ".txt": _table,
}
