"""Decide what a page shows of a file, and draw it: a recording, a sound, a picture, a video, a table, or its bytes.

The first bytes decide before the name, so that a picture that is called `.json` is a picture. A reading asks for bytes
as the probes of `core.formats` do; `Enough` may be thrown into it.
"""

from collections.abc import Generator
from enum import Enum

from eisync.core.drawing.cbor_recording import cbor_recording
from eisync.core.drawing.envelope import WHOLE, Window
from eisync.core.drawing.json_recording import json_recording
from eisync.core.drawing.raw_samples import RawLayout, layout_of, raw_waveform
from eisync.core.drawing.reading import Enough, read_head
from eisync.core.drawing.table_head import TableHead, table_head
from eisync.core.drawing.waveform import Waveform
from eisync.core.formats.image_size import Size, image_size
from eisync.core.formats.magic import HEAD_BYTES, recognised
from eisync.core.formats.orientation import orientation
from eisync.core.formats.probe import Read, Undecidable
from eisync.core.formats.sampling import wav_layout
from eisync.core.model import extension_of, value

LARGEST_IMAGE = 100_000_000
"""An image of more pixels is not shown: a browser would need gigabytes for it."""
DUMPED_BYTES = 256
_SIDEWAYS = "It is turned when other programs show it (EXIF orientation). Here it is as it is stored, as its boxes are."


class Kind(Enum):
    """What a file is."""

    RECORDING = "recording"
    SOUND = "sound"
    IMAGE = "image"
    VIDEO = "video"
    TABLE = "table"
    OTHER = "other"


_KINDS = {
    "a WAV file": Kind.SOUND,
    "a JPEG image": Kind.IMAGE,
    "a PNG image": Kind.IMAGE,
    "an MP4 file": Kind.VIDEO,
    "a QuickTime file": Kind.VIDEO,
    "an AVI file": Kind.VIDEO,
}
_BY_EXTENSION = {
    ".json": Kind.RECORDING,
    ".cbor": Kind.RECORDING,
    ".csv": Kind.TABLE,
    ".txt": Kind.TABLE,
}
MEDIA_TYPES = {
    "a WAV file": "audio/wav",
    "a JPEG image": "image/jpeg",
    "a PNG image": "image/png",
    "an MP4 file": "video/mp4",
    "a QuickTime file": "video/mp4",
}
"""The media types that a browser may get, by what the first bytes say. None of them is active content."""


@value(kw_only=True)
class FileView:
    """What a page shows of a file. `format` is its format for a person, where it is recognised.

    `media_type` is that of content which a browser may show by itself; None: none is sent. `dump` has its first bytes
    where nothing better can be shown. `notes` are sentences for a person.
    """

    kind: Kind
    format: str | None = None
    media_type: str | None = None
    waveform: Waveform | None = None
    table: TableHead | None = None
    image: Size | None = None
    sound: RawLayout | None = None
    dump: bytes = b""
    notes: tuple[str, ...] = ()


_Viewing = Generator[Read, bytes, FileView]


def view(path: str, size: int, window: Window = WHOLE) -> _Viewing:
    """Return what is shown of the file, which has `size` bytes. `path` gives its extension.

    Of its readings, those in the window are drawn, in as many columns as the whole.
    """
    if not size:
        return FileView(kind=Kind.OTHER, notes=("It is empty.",))
    head = yield from read_head(size, HEAD_BYTES)
    name = recognised(head)
    kind = _KINDS.get(name or "") or (_BY_EXTENSION.get(extension_of(path)) if name is None else None)
    try:
        if kind is Kind.SOUND:
            return (yield from _sound(head, size, window))
        if kind is Kind.IMAGE and name is not None:
            return (yield from _image(name, head, size))
        if kind is Kind.VIDEO and name is not None:
            return _video(name, head)
        if kind is Kind.TABLE:
            return (yield from _table(head, size, window))
        if kind is Kind.RECORDING:
            is_cbor = extension_of(path) == ".cbor"
            found = yield from (cbor_recording(size, window) if is_cbor else json_recording(size, window))
            return _recording(found, head)
    except Enough:
        return _dumped(Kind.OTHER, head, "Reading it took too long, so it is not drawn.", format=name)
    notes = ("The columns of a Parquet file are not read here.",) if name == "a Parquet file" else ()
    return _dumped(Kind.OTHER, head, *notes, format=name)


def media_type(head: bytes) -> str | None:
    """Return the media type of content that begins with `head`, if a browser may get it."""
    return MEDIA_TYPES.get(recognised(head) or "")


def hex_lines(content: bytes) -> list[str]:
    """Return the bytes as lines of 16: their position, in hexadecimal, and as letters.

    >>> hex_lines(b"Aa")
    ['00000000  41 61                                            Aa']
    """
    lines = []
    for at in range(0, len(content), 16):
        line = content[at : at + 16]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)
        lines.append(f"{at:08x}  {line.hex(' '):<47}  {letters}")
    return lines


def _sound(head: bytes, size: int, window: Window) -> _Viewing:
    wav = yield from wav_layout(size)
    layout = layout_of(wav) if not isinstance(wav, Undecidable) else f"It is not drawn: {wav.why}."
    media = media_type(head) if head[:4] == b"RIFF" else None
    if isinstance(layout, str) or isinstance(wav, Undecidable):
        return FileView(kind=Kind.SOUND, format="a WAV file", media_type=media, notes=(str(layout),))
    if not layout.frames:
        return FileView(kind=Kind.SOUND, format="a WAV file", notes=("It has no sound yet.",))
    names = ["sound"] if layout.channels == 1 else [f"channel {number}" for number in range(1, layout.channels + 1)]
    drawn = yield from raw_waveform(layout, names, [""] * layout.channels, 1000 / wav.rate, window)
    return FileView(kind=Kind.SOUND, format="a WAV file", media_type=media, waveform=drawn, sound=layout)


def _image(name: str, head: bytes, size: int) -> _Viewing:
    found = yield from image_size(size)
    if found is None:
        return _dumped(Kind.IMAGE, head, "Its header does not say its size, so it is not shown.", format=name)
    if found[0] * found[1] > LARGEST_IMAGE:
        return FileView(kind=Kind.IMAGE, format=name, image=found, notes=("It is too large to be shown here.",))
    is_turned = name == "a JPEG image" and (yield from orientation(size)) != 1
    return FileView(
        kind=Kind.IMAGE,
        format=name,
        media_type=MEDIA_TYPES[name],
        image=found,
        notes=(_SIDEWAYS,) if is_turned else (),
    )


def _video(name: str, head: bytes) -> FileView:
    media = MEDIA_TYPES.get(name)
    if media is None:
        return _dumped(Kind.VIDEO, head, "Browsers do not play this format.", format=name)
    return FileView(kind=Kind.VIDEO, format=name, media_type=media)


def _table(head: bytes, size: int, window: Window) -> _Viewing:
    found = yield from table_head(size, window)
    if isinstance(found, Undecidable):
        return _dumped(Kind.TABLE, head, found.why)
    return FileView(kind=Kind.TABLE, table=found.head, waveform=found.waveform, notes=found.notes)


def _recording(found: Waveform | Undecidable, head: bytes) -> FileView:
    if isinstance(found, Undecidable):
        return _dumped(Kind.RECORDING, head, found.why)
    return FileView(kind=Kind.RECORDING, waveform=found)


def _dumped(kind: Kind, head: bytes, *notes: str, format: str | None = None) -> FileView:
    return FileView(kind=kind, format=format, dump=head[:DUMPED_BYTES], notes=notes)
