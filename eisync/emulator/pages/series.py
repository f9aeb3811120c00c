"""What of a sample can be shown, and its readings, reduced to the columns of a drawing, with a bound on what is read.

A sound is read in small parts all over the file, whatever its length; other formats must be read as a whole, and only
small ones are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from eisync.emulator.drawing import Line, reduce_rows
from eisync.emulator.media import WavHeader, read_wav_header
from eisync.emulator.model import Refused, Sample, Sensor
from eisync.emulator.names import extension_of, sent_name
from eisync.emulator.settings import EmulatorSettings
from eisync.emulator.showing import decode_frames, read_rows_of

MAX_SENSORS = 12
MAX_READ_BYTES = 2_000_000
_MAX_PART_BYTES = 8192  # of a sound, for each column
_HEAD = 10
_MAX_THUMBNAIL_BYTES = 4_000_000  # of an image: the browser scales it down
_MAX_SMALL_SERIES_BYTES = 512 * 1024
_IMAGES = (".png", ".jpg", ".jpeg")
MEDIA_TYPES = {".wav": "audio/wav", ".mp4": "video/mp4"}
"""What browsers play. They do not play AVI."""
_EXTENSIONS = (".csv", ".txt", ".json", ".cbor", ".wav")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """`lines` has one line for each sensor that is drawn; all lines have the same number of columns."""

    sensors: tuple[Sensor, ...]  # those of the lines
    lines: Sequence[Line]
    length: int  # readings in the sample
    interval_ms: float
    head: Sequence[Sequence[float]]  # the first readings, of shape (readings, sensors)
    is_partial: bool  # peaks may be missing, because not every reading was read


def kind_of(sample: Sample) -> str:
    """Return how a browser shows the content: image, audio, video; or empty."""
    extension = extension_of(sent_name(sample.stored_name))
    return "image" if extension in _IMAGES else MEDIA_TYPES.get(extension, "").partition("/")[0]


def has_thumbnail(sample: Sample) -> bool:
    if kind_of(sample) == "image":
        return sample.size_bytes <= _MAX_THUMBNAIL_BYTES
    return has_series(sample, max_bytes=_MAX_SMALL_SERIES_BYTES)


def has_series(sample: Sample, *, max_bytes: int = MAX_READ_BYTES) -> bool:
    """Return whether the readings of a sample can be drawn. A sound can, whatever its size."""
    extension = extension_of(sent_name(sample.stored_name))
    return extension == ".wav" or (extension in _EXTENSIONS and sample.size_bytes <= max_bytes)


def read_series(file: BinaryIO, sample: Sample, settings: EmulatorSettings, columns: int) -> Series | None:
    """Read the open content of a sample; None if it has no readings. May be called in any thread."""
    if extension_of(sent_name(sample.stored_name)) == ".wav":
        return _read_sound(file, sample, columns)
    rows = read_rows_of(file, sample, settings)
    lines = reduce_rows(rows, columns, sensors=MAX_SENSORS)
    return _series(sample, lines, len(rows), rows[:_HEAD], is_partial=False) if lines else None


def _read_sound(file: BinaryIO, sample: Sample, columns: int) -> Series | None:
    header = read_wav_header(file)
    if isinstance(header, Refused):
        return None
    count = min(columns, header.frames)
    most = max(1, _MAX_PART_BYTES // (header.channels * header.bits // 8))
    lines: list[Line] = [[] for _ in range(min(header.channels, MAX_SENSORS))]
    is_partial = False
    for column in range(count):
        first, end = column * header.frames // count, (column + 1) * header.frames // count
        values = _read_frames(file, header, first, min(end - first, most))
        is_partial |= end - first > most
        for channel, line in enumerate(lines):
            part = values[channel :: header.channels]
            if not part:  # a file that is shorter than it was
                return None
            line.append((min(part), max(part)))
    values = _read_frames(file, header, 0, min(header.frames, _HEAD))
    head = [values[at : at + header.channels] for at in range(0, len(values), header.channels)]
    return _series(sample, lines, header.frames, head, is_partial=is_partial)


def _read_frames(file: BinaryIO, header: WavHeader, first: int, count: int) -> Sequence[float]:
    frame_bytes = header.channels * header.bits // 8
    file.seek(header.data_at + first * frame_bytes)
    return decode_frames(header, file.read(count * frame_bytes))


def _series(
    sample: Sample, lines: Sequence[Line], length: int, head: Sequence[Sequence[float]], *, is_partial: bool
) -> Series:
    known = sample.facts.sensors[: len(lines)]
    unnamed = (Sensor(f"value {index + 1}", "") for index in range(len(known), len(lines)))
    return Series(
        sensors=(*known, *unnamed),
        lines=lines,
        length=length,
        interval_ms=sample.facts.interval_ms,
        head=head,
        is_partial=is_partial,
    )
