"""Draw the values of a JSON acquisition from its beginning, piece by piece.

The positions of its members are found first (`core.formats.json_syntax`). Only a piece of the values becomes objects at
a time: bounded text can become unbounded objects.

Source: the wire contract, section 2 (data acquisition format).
"""

import json
import re
from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from typing import Any

from eisync.core.drawing.envelope import MAX_TRACES, WHOLE, Envelope, Window, numbers_of
from eisync.core.drawing.reading import is_cut, read_head
from eisync.core.drawing.waveform import Waveform, usable_interval
from eisync.core.formats.json_syntax import member_starts, value_end
from eisync.core.formats.probe import CHUNK_BYTES, Read, Undecidable
from eisync.core.text import one_line

OTHER = "It is no acquisition with payload.values, so there is nothing to draw."
_MARK = b"\xef\xbb\xbf"
_SENSORS_BYTES = 64 * 1024
_MAX_MEMBERS = 1_000
_LONGEST_NAME = 60
_GAP = re.compile(rb"[\s,]*")
_LAST = re.compile(rb"\]\s*\]")


def json_recording(size: int, window: Window = WHOLE) -> Generator[Read, bytes, Waveform | Undecidable]:
    """Return the drawing of a JSON acquisition of `size` bytes, or a sentence that says why there is none."""
    text = (yield from read_head(size)).removeprefix(_MARK)
    notes = [note] if (note := is_cut(text, size)) is not None else []
    payload = _places(text, len(text) - len(text.lstrip()), b"payload").get(b"payload")
    if payload is None:
        return Undecidable(OTHER)
    # Where the text is cut, the end of the values is not in it, and a search for what follows them would be in vain.
    wanted = (b"values",) if notes else (b"values", b"interval_ms", b"sensors")
    places = _places(text, payload, *wanted)
    if text[(at := places.get(b"values", len(text))) : at + 1] != b"[":
        return Undecidable(OTHER)
    readings = Readings(window)
    try:
        for batch in _batches(text, at + 1):
            readings.add(batch)
    except (ValueError, RecursionError) as error:
        return Undecidable(f"Its values cannot be drawn: {_why(error)}.")
    return readings.waveform(_value(text, places.get(b"sensors")), _value(text, places.get(b"interval_ms")), notes)


def sensors_of(found: Any, number: int) -> tuple[list[str], list[str]]:
    """Return a name and units for each of `number` axes, from what a file says of its sensors."""
    names, units = [], []
    for index in range(number):
        sensor = found[index] if isinstance(found, list) and index < len(found) else None
        about = sensor if isinstance(sensor, dict) else {}
        name, unit = about.get("name"), about.get("units")
        names.append(_short(name) if isinstance(name, str) and name.strip() else f"axis {index + 1}")
        units.append(_short(unit) if isinstance(unit, str) and unit not in ("N/A", "n/a") else "")
    return names, units


class Readings:
    """Draw readings as they come. A reading is a number, or a list of one number for each axis."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self.envelope: Envelope | None = None
        self._width = 0

    def add(self, batch: Sequence[Any]) -> None:
        """Add the next readings. Raises ValueError for other values."""
        rows = batch if isinstance(batch[0], list) else [[one] for one in batch]
        if self.envelope is None:
            self._width = len(rows[0])
            if not self._width:
                raise ValueError("the first reading is empty")
            self.envelope = Envelope(min(self._width, MAX_TRACES), self._window)
        for number, row in enumerate(rows, self.envelope.readings + 1):
            if not isinstance(row, list) or len(row) != self._width:
                raise ValueError(f"reading {number:,} is not of the same size as the first one")
        axes = list(zip(*rows, strict=True))[:MAX_TRACES]
        self.envelope.add([numbers_of(axis) for axis in axes])

    def waveform(self, sensors: Any, interval_ms: object, notes: Sequence[str]) -> Waveform | Undecidable:
        """Return the drawing, with what the file says of its sensors."""
        if self.envelope is None:
            return Undecidable("It has no values yet.")
        if self._width > MAX_TRACES:
            notes = [*notes, f"Only the first {MAX_TRACES} of {self._width:,} axes are drawn."]
        drawn = self.envelope.drawn
        return Waveform(
            traces=self.envelope.traces(*sensors_of(sensors, MAX_TRACES)),
            readings=drawn.ends - drawn.begins,
            interval_ms=usable_interval(interval_ms),
            notes=tuple(notes),
            begins=drawn.begins,
            per_column=self.envelope.per_column,
        )


def _batches(text: bytes, at: int) -> Iterator[list[Any]]:
    """Yield the elements of the list whose first element is at or after `at`, some thousands at a time."""
    while True:
        at = _after_gap(text, at)
        if text[at : at + 1] in (b"", b"]"):
            return
        end = _end_of_batch(text, at)
        if end == at:
            if at + CHUNK_BYTES < len(text):
                raise ValueError(f"a reading has more than {CHUNK_BYTES:,} bytes")
            return  # the text ends within a reading
        yield json.loads(b"[" + text[at:end] + b"]")
        at = end


def _end_of_batch(text: bytes, at: int) -> int:
    """Return where the last whole element ends of those that begin between `at` and `CHUNK_BYTES` later."""
    most = at + CHUNK_BYTES
    if text[at : at + 1] == b"[":
        last = _LAST.search(text, at, most)
        return last.start() + 1 if last is not None else max(at, text.rfind(b"]", at, most) + 1)
    closing = text.find(b"]", at, most)
    return closing if closing >= 0 else max(at, text.rfind(b",", at, most))


def _after_gap(text: bytes, at: int) -> int:
    found = _GAP.match(text, at)
    return at if found is None else found.end()


def _places(text: bytes, at: int, *wanted: bytes) -> dict[bytes, int]:
    return dict(islice(member_starts(text, at, *wanted), _MAX_MEMBERS))


def _value(text: bytes, at: int | None) -> Any:
    """Return the value at this position; None for one that is missing, cut, too long or no JSON."""
    piece = b"" if at is None else text[at : at + _SENSORS_BYTES]
    end = value_end(piece, 0)
    if end is None:
        return None
    try:
        return json.loads(piece[:end])
    except (ValueError, RecursionError):
        return None


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _LONGEST_NAME else line[: _LONGEST_NAME - 1] + "…"


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError | RecursionError | UnicodeDecodeError):
        return "they are no lists of numbers in JSON"
    return str(error)
