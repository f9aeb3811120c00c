"""Draw the values of a CBOR acquisition from its beginning: those in its list, or the samples that follow its header.

Source: the wire contract, section 2 (data acquisition format); RFC 8949, section 3.
"""

from collections.abc import Generator
from typing import Any

from eisync.core.drawing.envelope import MAX_TRACES, WHOLE, Window
from eisync.core.drawing.json_recording import OTHER, Readings, sensors_of
from eisync.core.drawing.raw_samples import TYPES, RawLayout, raw_waveform
from eisync.core.drawing.reading import MOST_BYTES, Enough, bytes_in_words
from eisync.core.drawing.waveform import Waveform, usable_interval
from eisync.core.formats.acquisition_cbor import UnusableCbor, member_places
from eisync.core.formats.cbor import REFERENCE, item_end
from eisync.core.formats.cbor_values import CborEndsError, decode, decode_alike
from eisync.core.formats.probe import CHUNK_BYTES, Read, Undecidable

_ARRAY = 4
_ANY_LENGTH = 31
_BREAK = b"\xff"
_VALUE_BYTES = 64 * 1024
_MAX_CHANNELS = 512
_MAX_STEPS = 500_000  # values that are decoded one by one: that takes half a second

_Reading = Generator[Read, bytes, Waveform | Undecidable]


def cbor_recording(size: int, window: Window = WHOLE) -> _Reading:
    """Return the drawing of a CBOR acquisition of `size` bytes, or a sentence that says why there is none."""
    try:
        payload = yield from member_places(0, size, (b"payload",))
        if b"payload" not in payload:
            return Undecidable(OTHER)
        places = yield from member_places(payload[b"payload"], size, (b"interval_ms", b"sensors", b"values"))
        if b"values" not in places:
            return Undecidable(OTHER)
        sensors = yield from _value(places.get(b"sensors"), size)
        interval_ms = yield from _value(places.get(b"interval_ms"), size)
        return (yield from _drawn(places[b"values"], size, sensors, usable_interval(interval_ms), window))
    except UnusableCbor:
        return Undecidable(OTHER)
    except ValueError as error:
        return Undecidable(f"Its values cannot be drawn: {error}.")
    except Enough:
        return Undecidable("Reading its header took too long, so it is not drawn.")


def _drawn(at: int, size: int, sensors: Any, interval_ms: float | None, window: Window) -> _Reading:
    head = yield Read(at, min(_VALUE_BYTES, size - at))
    kind, info = head[0] >> 5, head[0] & 31
    if kind != _ARRAY:
        return Undecidable(OTHER)
    begins = 1 + ((1 << (info - 24)) if 23 < info < 28 else 0)
    count = None if info == _ANY_LENGTH else info if info < 24 else int.from_bytes(head[1:begins], "big")
    first = _first(head, begins)
    if isinstance(first, str):
        return (yield from _samples_behind(first, size, sensors, interval_ms, window))
    values = _Values(at + begins, size, count, window)
    yield from values.read()
    return values.readings.waveform(sensors, interval_ms, [values.note] if values.note else [])


class _Values:
    """Read the elements of the list of values, chunk by chunk."""

    def __init__(self, at: int, size: int, count: int | None, window: Window) -> None:
        self._at = at
        self._size = size
        self._left = count
        self._steps = 0
        self.readings = Readings(window)
        self.note: str | None = None

    def read(self) -> Generator[Read, bytes, None]:
        """Read as much as is drawn. `note` says what is left out. Raises ValueError for what are no values."""
        rest, spent = b"", 0
        while self._left != 0 and self._at < self._size:
            if spent >= MOST_BYTES:
                self.note = f"Only the first {bytes_in_words(spent)} of its values are drawn."
                break
            try:
                chunk = yield Read(self._at, min(CHUNK_BYTES, self._size - self._at))
            except Enough:
                self.note = "Only its beginning is drawn, because reading took too long."
                break
            self._at += len(chunk)
            spent += len(chunk)
            batch, rest = self._taken(rest + chunk)
            if batch:
                self.readings.add(batch)
            if len(rest) > CHUNK_BYTES:
                raise ValueError(f"a reading has more than {CHUNK_BYTES:,} bytes")

    def _taken(self, data: bytes) -> tuple[list[Any], bytes]:
        """Return the whole elements at the beginning of `data`, and the rest of it."""
        batch: list[Any] = []
        at = 0
        while self._left != 0:
            if self._left is None and data[at : at + 1] == _BREAK:
                self._left = 0
                break
            many, end = decode_alike(data, at, len(data) if self._left is None else self._left)
            if not many:
                try:
                    one, end = decode(data, at)
                except CborEndsError:
                    break
                many = [one]
                self._steps += 1 + (len(one) if isinstance(one, list) else 0)
            batch += many
            at = end
            self._left = None if self._left is None else self._left - len(many)
            if self._steps > _MAX_STEPS:
                self.note = "Only its beginning is drawn, because it has very many numbers."
                self._left = 0
        return batch, data[at:]


def _first(head: bytes, at: int) -> Any:
    """Return the first of the values; None where there is none in these bytes."""
    try:
        return decode(head, at)[0]
    except ValueError:
        return None


def _value(at: int | None, size: int) -> Generator[Read, bytes, Any]:
    if at is None or at >= size:
        return None
    try:
        return decode((yield Read(at, min(_VALUE_BYTES, size - at))), 0)[0]
    except ValueError:
        return None


def _samples_behind(text: str, size: int, sensors: Any, interval_ms: float | None, window: Window) -> _Reading:
    """Draw the samples that follow the item, of the type that `text` names."""
    found = REFERENCE.fullmatch(text)
    if found is None:
        return Undecidable("Its values refer to data that is not in the file.")
    begins = yield from item_end(0, size)
    channels = len(sensors) if isinstance(sensors, list) else 1
    if not isinstance(begins, int) or not 0 < channels <= _MAX_CHANNELS or found[1] not in TYPES:
        return Undecidable("The samples behind its header cannot be drawn.")
    frames = (size - begins) // (TYPES[found[1]][1] * channels)
    layout = RawLayout(begins_at=begins, frames=frames, channels=channels, type=found[1])
    if not layout.frames:
        return Undecidable("It has no values yet.")
    return (yield from raw_waveform(layout, *sensors_of(sensors, MAX_TRACES), interval_ms, window))
