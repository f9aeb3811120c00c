"""Draw samples that lie one after the other in a file: the sound of a WAV, and the values behind a CBOR header.

What is small is read as a whole. Of what is large, a part of each column is read, so that a recording of 10 GB costs no
more than one of 4 MB.
"""

import sys
from array import array
from collections.abc import Generator, Sequence
from dataclasses import replace

from eisync.core.drawing.envelope import MAX_COLUMNS, MAX_TRACES, WHOLE, Envelope, Numbers, Window, extent_of
from eisync.core.drawing.reading import MOST_BYTES, Enough
from eisync.core.drawing.waveform import Waveform, usable_interval
from eisync.core.formats.probe import CHUNK_BYTES, Read
from eisync.core.formats.sampling import WavLayout, wav_layout
from eisync.core.model import value

_LARGEST_FRAME = 4096
"""The bytes that are read of each column of a large file. A frame must fit into them."""
_COLUMNS = MAX_COLUMNS // 2
_INTEGER, _FLOAT, _A_LAW, _MU_LAW = 1, 3, 6, 7
TYPES = {  # by name: how `array` reads it, and its bytes
    "u8": ("B", 1),
    "i8": ("b", 1),
    "u16": ("H", 2),
    "i16": ("h", 2),
    "i24": ("h", 3),
    "u32": ("I", 4),
    "i32": ("i", 4),
    "u64": ("Q", 8),
    "i64": ("q", 8),
    "f32": ("f", 4),
    "f64": ("d", 8),
}
_OF_WAV = {
    (_INTEGER, 1): ("u8", 1 / 128, -128.0),
    (_INTEGER, 2): ("i16", 1 / 32_768, 0.0),
    (_INTEGER, 3): ("i24", 1 / 32_768, 0.0),  # of 24 bits, the upper 16 are drawn
    (_INTEGER, 4): ("i32", 1 / 2**31, 0.0),
    (_FLOAT, 4): ("f32", 1.0, 0.0),
    (_FLOAT, 8): ("f64", 1.0, 0.0),
}


@value(kw_only=True)
class RawLayout:
    """Where `frames` frames of one sample for each channel are, of a type such as `i16`, in the order of `struct`.

    The drawn value of a sample is its number plus `offset`, times `scale`.
    """

    begins_at: int
    frames: int
    channels: int
    type: str
    order: str = "<"
    scale: float = 1.0
    offset: float = 0.0

    @property
    def frame_bytes(self) -> int:
        """The bytes of one frame."""
        return TYPES[self.type][1] * self.channels


def layout_of(wav: WavLayout) -> RawLayout | str:
    """Return the layout of the samples, whose values are drawn from -1 to 1, or why they are not, as a sentence."""
    if wav.kind in (_A_LAW, _MU_LAW):
        return "Its sound is stored as A-law or mu-law, which is not drawn."
    width, rest = divmod(wav.frame_bytes, wav.channels or 1)
    known = _OF_WAV.get((wav.kind, width))
    if not wav.channels or rest or known is None or wav.frame_bytes > _LARGEST_FRAME:
        return "Its header describes samples that cannot be drawn."
    return RawLayout(
        begins_at=wav.begins_at,
        frames=wav.frames,
        channels=wav.channels,
        type=known[0],
        order=wav.order,
        scale=known[1],
        offset=known[2],
    )


def sound_layout(size: int) -> Generator[Read, bytes, RawLayout | None]:
    """Return the layout of the samples in a WAV of `size` bytes; None where it cannot be drawn."""
    found = (yield from wav_layout(size)) if size else None
    layout = layout_of(found) if isinstance(found, WavLayout) else None
    return layout if isinstance(layout, RawLayout) else None


def raw_waveform(
    layout: RawLayout,
    names: Sequence[str],
    units: Sequence[str],
    interval_ms: float | None,
    window: Window = WHOLE,
) -> Generator[Read, bytes, Waveform]:
    """Return the drawing of the samples in the window. The channels beyond `MAX_TRACES` are left out."""
    window = window.of(layout.frames)
    begins_at = layout.begins_at + window.begins * layout.frame_bytes
    layout = replace(layout, begins_at=begins_at, frames=window.ends - window.begins)
    axes = min(layout.channels, MAX_TRACES)
    envelope = Envelope(axes)
    notes = []
    if layout.channels > axes:
        notes.append(f"Only the first {axes} of {layout.channels} channels are drawn.")
    is_large = layout.frames * layout.frame_bytes > MOST_BYTES
    readings = layout.frames
    try:
        if is_large:
            part = yield from _read_columns(layout, envelope)
            notes.append(f"Of each column, {part:.2g} % of its samples are read and drawn, because the file is large.")
        else:
            yield from _read_all(layout, envelope)
    except Enough:
        notes.append("Only its beginning is drawn, because reading took too long.")
        readings = layout.frames * envelope.readings // (2 * _COLUMNS) if is_large else envelope.readings
    if is_large:
        envelope.pair()
    return Waveform(
        traces=envelope.traces(names[:axes], units[:axes], scale=layout.scale, offset=layout.offset),
        readings=readings,
        interval_ms=usable_interval(interval_ms),
        notes=tuple(notes),
        begins=window.begins,
        per_column=layout.frames / _COLUMNS if is_large else envelope.per_column,
    )


def _read_all(layout: RawLayout, envelope: Envelope) -> Generator[Read, bytes, None]:
    frame = layout.frame_bytes
    at_once = CHUNK_BYTES // frame
    for first in range(0, layout.frames, at_once):
        number = min(at_once, layout.frames - first)
        envelope.add(channels_of((yield Read(layout.begins_at + first * frame, number * frame)), layout))


def _read_columns(layout: RawLayout, envelope: Envelope) -> Generator[Read, bytes, float]:
    """Read the beginning of each column, and add its lowest and highest values. Return how many percent were read."""
    frame = layout.frame_bytes
    number = min(_LARGEST_FRAME // frame, layout.frames // _COLUMNS)
    for column in range(_COLUMNS):
        first = layout.frames * column // _COLUMNS
        values = channels_of((yield Read(layout.begins_at + first * frame, number * frame)), layout)
        extents = [extent_of(channel) for channel in values]
        envelope.add([list(extent) for extent in extents])
    return 100 * number * _COLUMNS / layout.frames


def channels_of(content: bytes, layout: RawLayout, most: int = MAX_TRACES) -> list[Numbers]:
    """Return the values of each channel in these frames, before they are scaled."""
    code, width = TYPES[layout.type]
    if width == 3:
        content = _upper_bytes(content, layout.order)
    samples = array(code)
    samples.frombytes(content)
    if (layout.order == "<") != (sys.byteorder == "little"):
        samples.byteswap()
    return [samples[channel :: layout.channels] for channel in range(min(layout.channels, most))]


def _upper_bytes(content: bytes, order: str) -> bytes:
    """Return the upper two of each three bytes."""
    upper = bytearray(len(content) // 3 * 2)
    first = 1 if order == "<" else 0
    upper[0::2], upper[1::2] = content[first::3], content[first + 1 :: 3]
    return bytes(upper)
