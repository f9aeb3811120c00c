"""What a file is becomes a drawing: bounded in what is read and in what it has, whatever the file holds."""

import json
import math
import struct
import zlib
from typing import Any
from xml.etree import ElementTree

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.acquisition import Encoding, Recording, SensorAxis, encode
from eisync.core.drawing import raw_samples
from eisync.core.drawing.bars import bars_svg
from eisync.core.drawing.boxes import MAX_BOXES, Box, boxes_of, boxes_svg
from eisync.core.drawing.envelope import MAX_COLUMNS, MAX_TRACES, WHOLE, Envelope, Trace, Window, extent_of
from eisync.core.drawing.file_view import FileView, Kind, hex_lines, media_type, view
from eisync.core.drawing.reading import MOST_BYTES, Enough, bytes_in_words
from eisync.core.drawing.scale import Scale, figure, time_unit
from eisync.core.drawing.spectrogram import palette, spectrogram, transform
from eisync.core.drawing.spectrogram_frame import spectrogram_svg
from eisync.core.drawing.waveform import Band, Waveform, trace_class, usable_interval, waveform_svg
from eisync.core.formats.probe import CHUNK_BYTES
from eisync.core.formats.sampling import WavLayout
from tests.core.formats import avi, wav

NAN = math.nan


def shown(path: str, content: bytes, *, reads: int = 10_000, window: Window = WHOLE) -> FileView:
    """Return the view. Check that every read is bounded and in the file. After so many reads, no more bytes come."""
    viewing = view(path, len(content), window)
    try:
        read = next(viewing)
        while True:
            assert 0 <= read.offset
            assert 0 < read.length <= CHUNK_BYTES
            assert read.offset + read.length <= len(content)
            reads -= 1
            if reads < 0:
                read = viewing.throw(Enough())
            else:
                read = viewing.send(content[read.offset : read.offset + read.length])
    except StopIteration as end:
        found: FileView = end.value
        return found


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def texts(svg: str, css: str) -> list[str | None]:
    return [one.text for one in parsed(svg).iter("text") if one.get("class") == css]


def waveform(*traces: Trace, readings: int = 4, interval_ms: float | None = 500) -> Waveform:
    return Waveform(traces=traces, readings=readings, interval_ms=interval_ms)


def line(name: str, *values: float, units: str = "") -> Trace:
    return Trace(name, units, values, values)


def acquisition(values: Any, *, sensors: Any = None, interval_ms: Any = 10, **more: Any) -> dict[str, Any]:
    named = [{"name": "accX", "units": "m/s2"}] if sensors is None else sensors
    payload = {"device_type": "X", "interval_ms": interval_ms, "sensors": named, "values": values, **more}
    return {"protected": {"ver": "v1", "alg": "none"}, "signature": "0" * 64, "payload": payload}


def as_json(values: Any, **more: Any) -> bytes:
    return json.dumps(acquisition(values, **more)).encode()


def as_cbor(values: Any, **more: Any) -> bytes:
    return cbor2.dumps(acquisition(values, **more))


def notes(found: FileView) -> tuple[str, ...]:
    return found.notes + (found.waveform.notes if found.waveform else ())


# --- numbers and scales


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0"), (-0.0, "0"), (0.1 + 0.2, "0.3"), (1234.5, "1,234"), (1e9, "1e+09"), (-2.5, "-2.5"), (1e-7, "1e-07")],
)
def test_numbers_are_short(number: float, expected: str) -> None:
    assert expected == figure(number)


@pytest.mark.parametrize(
    ("length_s", "unit"), [(0.2, "ms"), (2, "s"), (600, "s"), (601, "min"), (14_400, "min"), (14_401, "h")]
)
def test_a_time_has_the_unit_in_which_it_is_read_best(length_s: float, unit: str) -> None:
    assert unit == time_unit(length_s)[1]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
        (0.3, 0.9, [0.4, 0.6, 0.8]),
        (5, 5, [4.6, 4.8, 5, 5.2, 5.4]),
        (0, 0, [-1, -0.5, 0, 0.5, 1]),
        (-1e300, 1e300, [-1e300, -5e299, 0, 5e299, 1e300]),
        (1e-320, 2e-320, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert expected == pytest.approx(list(Scale.of(low, high, begins=0, ends=1).ticks(5)))


def test_a_scale_maps_its_ends_to_its_places() -> None:
    scale = Scale.of(-2, 2, begins=100, ends=0)
    assert (100, 50, 0) == (scale.at(-2), scale.at(0), scale.at(2))


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, "1 byte"), (2, "2 bytes"), (1536, "1.5 KiB"), (10 * 1024**3, "10 GiB"), (1 << 60, "1048576 TiB")],
)
def test_amounts_of_bytes_are_read_easily(count: int, expected: str) -> None:
    assert expected == bytes_in_words(count)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(10, 10), (0.1, 0.1), (0, None), (-1, None), (NAN, None), (1e300, None), ("10", None), (None, None)],
)
def test_only_a_time_is_an_interval(given: object, expected: float | None) -> None:
    assert expected == usable_interval(given)


# --- the envelope


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 3, 2], (1, 3)),
        ([NAN, 2, 1], (1, 2)),
        ([math.inf, 1], (1, 1)),
        ([1e308, 5, 1e308], (5, 5)),
    ],
)
def test_what_is_no_number_does_not_count(values: list[float], expected: tuple[float, float]) -> None:
    assert expected == extent_of(values)


def test_an_extent_of_no_numbers_is_none() -> None:
    assert all(one != one for one in extent_of([NAN, math.inf]))
    assert None is line("a", NAN).extent


@pytest.mark.parametrize(
    ("number", "columns"), [(1, 1), (999, 999), (1000, 500), (1001, 501), (2001, 501), (70_001, 547)]
)
def test_any_number_of_values_has_a_bounded_number_of_columns(number: int, columns: int) -> None:
    envelope = Envelope(2)
    values = [float(one) for one in range(number)]
    for at in range(0, number, 777):
        envelope.add([values[at : at + 777], [-one for one in values[at : at + 777]]])
    up, down = envelope.traces(["up", "down"], ["", "V"], scale=2, offset=1)
    assert (number, columns, columns) == (envelope.readings, len(up.lows), len(down.highs))
    assert ((2, 2 * number), (4 - 2 * number, 2)) == (up.extent, down.extent)
    assert sorted(up.lows) == list(up.lows)


# --- a part of a recording


def as_raw_cbor(number: int) -> bytes:
    """A CBOR acquisition whose samples follow its header: 0, 1, 2 …"""
    return as_cbor(["Ref-BINARY-i16"]) + struct.pack(f"<{number}h", *range(number))


PARTS = {
    "a.json": as_json([[one] for one in range(3_000)]),
    "a.cbor": as_cbor([[one] for one in range(3_000)]),
    "b.cbor": as_raw_cbor(3_000),
    "a.csv": b"timestamp,x\n" + b"".join(b"%d,%d\n" % (10 * one, one) for one in range(3_000)),
    "a.wav": wav(struct.pack("<3000h", *range(3_000))),
}


@pytest.mark.parametrize("path", PARTS)
@pytest.mark.parametrize(
    ("window", "begins", "readings", "per_column", "extent"),
    [
        (WHOLE, 0, 3_000, 4, (0, 2_999)),
        (Window(1_000, 1_900), 1_000, 900, 1, (1_000, 1_899)),
        (Window(500, 2_500), 500, 2_000, 4, (500, 2_499)),
        (Window(2_999, 10**15), 2_999, 1, 1, (2_999, 2_999)),
        (Window(5_000, 6_000), 3_000, 0, 1, None),
    ],
)
def test_a_part_is_drawn_with_its_own_detail(
    path: str, window: Window, begins: int, readings: int, per_column: float, extent: tuple[float, float] | None
) -> None:
    drawn = shown(path, PARTS[path], window=window).waveform
    assert drawn is not None
    assert (begins, readings, per_column) == (drawn.begins, drawn.readings, drawn.per_column)
    scale = 32_768 if path == "a.wav" else 1
    (trace,) = drawn.traces
    assert extent == (trace.extent and tuple(scale * one for one in trace.extent))
    assert (10 if path != "a.wav" else 1000 / 16_000) == pytest.approx(drawn.interval_ms)


def test_a_part_of_a_large_sound_is_read_whole() -> None:
    content = wav(struct.pack("<h", 7) * (MOST_BYTES // 2) + struct.pack("<h", 9) * 4_096)
    whole = shown("a.wav", content).waveform
    part = shown("a.wav", content, window=Window(MOST_BYTES // 2 - 100, MOST_BYTES // 2 + 100)).waveform
    assert whole is not None
    assert part is not None
    assert whole.readings / 500 == whole.per_column
    assert (1, (), 200) == (part.per_column, part.notes, len(part.traces[0].lows))
    assert ("Of each column" in whole.notes[0], (7 / 32_768, 9 / 32_768)) == (True, part.traces[0].extent)


# --- bars


def test_bars_say_what_they_are() -> None:
    svg = bars_svg([0, 50, 100, 1], ["none", "a <b>", "most", "few"], summary="Files & more", key="files")
    root = parsed(svg)
    assert ("img", "files-title", "Files & more") == (root.get("role"), root.get("aria-labelledby"), root[0].text)
    assert ["a <b>", "most", "few"] == [group[0].text for group in root.iter("g")]
    bars = [one for one in root.iter("rect") if one.get("class") == "bar"]
    assert [("150.0", "30.0"), ("300.0", "60.0"), ("450.0", "2.0")] == [
        (bar.get("x"), bar.get("height")) for bar in bars
    ]
    assert "style" not in svg
    assert "<rect" not in bars_svg([], [], summary="", key="a")


# --- the SVG of a recording


def test_a_recording_is_drawn_with_axes_units_and_a_text() -> None:
    svg = waveform_svg(waveform(line("x", 0, 1, 2, 3, units="m/s2"), line("y", 3, 2, 1, 0, units="m/s2")))
    root = parsed(svg)
    assert "Waveform of 2 axes over 2 s: x from 0 to 3 m/s2; y from 0 to 3 m/s2." == root.findtext("desc")
    assert "img" == root.get("role")
    assert ["trace line trace-0", "trace line trace-1"] == [one.get("class") for one in root.iter("path")]
    assert {"m/s2", "time (s)"} == set(texts(svg, "unit"))
    assert ["0", "0.5", "1", "1.5", "2"] == texts(svg, "tick")[:5]
    assert "style" not in svg


def test_axes_with_other_units_have_a_panel_of_their_own() -> None:
    traces = [line(f"a{number}", 0, number + 1, units=f"u{number}") for number in range(6)]
    svg = waveform_svg(waveform(*traces, readings=2, interval_ms=None))
    assert ["reading", "u0", "u1", "u2", "u3, u4, …"] == texts(svg, "unit")


@pytest.mark.parametrize(
    ("lows", "highs", "pieces"),
    [
        ((0, 1, 2), (0, 1, 2), ["M"]),
        ((0, 1, 2), (1, 2, 3), ["M", "Z"]),
        ((0, NAN, 2), (0, NAN, 3), ["M", "h", "V", "M", "h", "V"]),
        ((NAN, NAN), (NAN, NAN), []),
        ((), (), []),
    ],
)
def test_a_gap_is_not_drawn(lows: tuple[float, ...], highs: tuple[float, ...], pieces: list[str]) -> None:
    svg = waveform_svg(waveform(Trace("a", "", lows, highs), readings=len(lows)))
    (path,) = parsed(svg).iter("path")
    assert pieces == [one for one in path.get("d", "") if one in "MhVZ"]
    assert "nan" not in svg


def test_labels_are_bands() -> None:
    bands = [Band(0, 1, "walk"), Band(2, 99, "a <b>&"), Band(3, 3, "much too long for its place " * 9), Band(9, 2, "x")]
    svg = waveform_svg(waveform(line("a", 1, 2, 3, 4)), bands)
    found = list(parsed(svg).iter("rect"))
    assert ["band band-0", "band band-1", "band band-2", "band band-3"] == [one.get("class") for one in found]
    assert [("70.0", "459.0"), ("529.0", "459.0")] == [(one.get("x"), one.get("width")) for one in found[:2]]
    assert "0.0" == found[3].get("width")
    assert ["walk", "a <b>&"] == texts(svg, "band-label")
    many = waveform_svg(waveform(line("a", 1, 2)), [Band(0, 0, "x")] * 1_000)
    assert 200 == len(list(parsed(many).iter("rect")))


def test_names_with_markup_and_half_characters_are_text() -> None:
    svg = waveform_svg(waveform(line("<script>\ud800", 1, 2, units='"&')))
    assert "&lt;script&gt;? from 1 to 2 &quot;&amp;" in svg
    assert "trace-1" == trace_class(9)


# --- recordings


@pytest.mark.parametrize("encoding", list(Encoding))
def test_a_recording_is_read_from_both_encodings(encoding: Encoding) -> None:
    sensors = (SensorAxis("accX", "m/s2"), SensorAxis("n", "N/A"))
    recording = Recording(
        device_type="X", interval_ms=10, sensors=sensors, values=[[0.5 * one, one] for one in range(200)]
    )
    found = shown(f"a.{encoding.value}", encode(recording, encoding))
    assert Kind.RECORDING is found.kind
    assert found.waveform is not None
    assert "Waveform of 2 axes over 2 s: accX from 0 to 99.5 m/s2; n from 0 to 199." == found.waveform.summary
    assert () == notes(found)


@pytest.mark.parametrize(
    ("content", "readings", "summary"),
    [
        (as_json([1, 2, 3]), 3, "Waveform of 1 axis over 30 ms: accX from 1 to 3 m/s2."),
        (as_json([[1], [None], [3]]), 3, "Waveform of 1 axis over 30 ms: accX from 1 to 3 m/s2."),
        (as_json([[NAN], [math.inf]]), 2, "Waveform of 1 axis over 20 ms: accX without values."),
        (as_json([[10**400], [-(10**400)], [1]]), 3, "Waveform of 1 axis over 30 ms: accX from 1 to 1 m/s2."),
        (
            as_json([[1, 2]], sensors="none", interval_ms="x"),
            1,
            "Waveform of 2 axes over 1 reading: axis 1 from 1 to 1;",
        ),
        (as_json([[1]], sensors=[{"name": " "}]), 1, "Waveform of 1 axis over 10 ms: axis 1 from 1 to 1."),
        (as_json([[1]], sensors=[{"name": "n" * 99}]), 1, f"Waveform of 1 axis over 10 ms: {'n' * 59}… from 1 to 1."),
        (b"\xef\xbb\xbf " + as_json([[1], [2]])[:-6], 1, "Waveform of 1 axis over 10 ms: accX from 1 to 1 m/s2."),
        (b'{"payload":{"values":[1,2,3', 2, "Waveform of 1 axis over 2 readings: axis 1 from 1 to 2."),
        (b'{"payload":{"sensors":[tru],"values":[1]}}', 1, "Waveform of 1 axis over 1 reading: axis 1 from 1 to 1."),
        (b'{"payload":{"sensors":{1:2},"values":[1 ]}}', 1, "Waveform of 1 axis over 1 reading: axis 1 from 1 to 1."),
    ],
)
def test_json_is_drawn_as_far_as_it_goes(content: bytes, readings: int, summary: str) -> None:
    drawn = shown("a.json", content).waveform
    assert drawn is not None
    assert readings == drawn.readings
    assert drawn.summary.startswith(summary)


OTHER = "It is no acquisition with payload.values, so there is nothing to draw."


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (b"[1,2]", OTHER),
        (b'{"payload":1}', OTHER),
        (b'{"payload":{"values":1}}', OTHER),
        (b'{"payload":{"interval_ms":1}}', OTHER),
        (b'{"a":"' + b"x" * 99, OTHER),
        (b'{"payload":{"values":[]}}', "It has no values yet."),
        (b'{"payload":{"values":[[]]}}', "Its values cannot be drawn: the first reading is empty."),
        (as_json([[1, 2], [3]]), "Its values cannot be drawn: reading 2 is not of the same size as the first one."),
        (as_json([[1], 2]), "Its values cannot be drawn: they are no lists of numbers in JSON."),
        (as_json(["Ref-BINARY-image/jpeg (9 bytes) 0"]), "Its values cannot be drawn: its values are not numbers."),
        (b'{"payload":{"values":[1 2]}}', "Its values cannot be drawn: they are no lists of numbers in JSON."),
        (b'{"payload":{"values":["\xff"]}}', "Its values cannot be drawn: they are no lists of numbers in JSON."),
        (
            b'{"payload":{"values":' + b"[" * 60_000 + b"]" * 60_000,
            "Its values cannot be drawn: they are no lists of numbers in JSON.",
        ),
        (
            b'{"payload":{"values":[[' + b"1," * 70_000,
            "Its values cannot be drawn: a reading has more than 65,536 bytes.",
        ),
    ],
)
def test_what_is_no_recording_says_so(content: bytes, note: str) -> None:
    found = shown("a.json", content)
    assert ((note,), None, content[:256]) == (found.notes, found.waveform, found.dump)


def test_of_a_long_json_the_beginning_is_drawn() -> None:
    found = shown("a.json", as_json([[one, 1.5] for one in range(600_000)], sensors=[]))
    assert found.waveform is not None
    assert ("Only the first 4 MiB of 8.5 MiB are drawn.",) == notes(found)
    assert 250_000 < found.waveform.readings < 300_000
    few = shown("a.json", as_json([[one, 1.5] for one in range(60_000)]), reads=9)
    assert ("Only the first 512 KiB of 809.7 KiB are drawn.",) == notes(few)


def test_only_some_of_many_axes_are_drawn() -> None:
    for name, content in (("a.json", as_json([[1.0] * 40])), ("a.cbor", as_cbor([[1.0] * 40]))):
        found = shown(name, content)
        assert found.waveform is not None
        assert MAX_TRACES == len(found.waveform.traces)
        assert ("Only the first 8 of 40 axes are drawn.",) == notes(found)


@pytest.mark.parametrize(
    ("content", "summary"),
    [
        (as_cbor([[1, -2], [300, 2.5], [70_000, True]]), "axis 1 from 1 to 70,000; axis 2 from -2 to 2.5."),
        (as_cbor([1.5, None, 2**40]), "axis 1 from 1.5 to 1.1e+12."),
        (as_cbor([[float(one)] for one in range(100)] + [[1]]), "axis 1 from 0 to 99."),
        (as_cbor([0]).replace(b"\x66values\x81\x00", b"\x66values\x9f\x00\x01\xff"), "axis 1 from 0 to 1."),
        (as_cbor([0]).replace(b"\x66values\x81\x00", b"\x66values\x9f\x81\xfa\x3f\x80\0\0\xff"), "axis 1 from 1 to 1."),
        (as_cbor([1.5, 2.5])[:-9], "axis 1 from 1.5 to 1.5."),
        (as_cbor([[1.5, 2.5], [3.5, 4.5]])[:-3], "axis 1 from 1.5 to 1.5; axis 2 from 2.5 to 2.5."),
        (as_cbor([1, 2, 3], interval_ms=cbor2.CBORTag(1, 2)), "axis 1 from 1 to 3."),
    ],
)
def test_cbor_is_drawn_as_far_as_it_goes(content: bytes, summary: str) -> None:
    content = content.replace(b"accX", b"    ").replace(b"m/s2", b"N/A ").replace(b"units", b"unit_")
    drawn = shown("a.cbor", content).waveform
    assert drawn is not None
    assert drawn.summary.endswith(summary)


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (cbor2.dumps({"a": 1}), OTHER),
        (cbor2.dumps({"payload": {"interval_ms": 1}}), OTHER),
        (cbor2.dumps({"payload": {"values": 1}}), OTHER),
        (as_cbor([1])[:20], OTHER),
        (as_cbor([]), "It has no values yet."),
        (as_cbor([1])[:-1], "It has no values yet."),
        (as_cbor([[]]), "Its values cannot be drawn: the first reading is empty."),
        (as_cbor([{"a": 1}]), "Its values cannot be drawn: its values are not numbers."),
        (as_cbor([b"x"]), "Its values cannot be drawn: they are not numbers."),
        (as_cbor([[[[[[1]]]]]]), "Its values cannot be drawn: they are not numbers."),
        (as_cbor([cbor2.undefined, cbor2.CBORSimpleValue(99)]), "Its values cannot be drawn: they are not numbers."),
        (as_cbor(["abc"])[:-1], "It has no values yet."),
        (as_cbor(["elsewhere"]), "Its values refer to data that is not in the file."),
        (as_cbor(["Ref-Binary-i16"]), "It has no values yet."),
        (as_cbor(["Ref-Binary-i16"], sensors=[]), "The samples behind its header cannot be drawn."),
        (as_cbor([0]).replace(b"\x66values\x81\x00", b"\x66values\x81\x9f\x00\xff"), None),
        (as_cbor([[1] * 200_000]), "Its values cannot be drawn: a reading has more than 65,536 bytes."),
    ],
)
def test_what_is_no_cbor_recording_says_so(content: bytes, note: str | None) -> None:
    why = note or "Its values cannot be drawn: they have a list of indefinite length, or are no CBOR."
    found = shown("a.cbor", content)
    assert ((why,), None) == (found.notes, found.waveform)


def test_samples_behind_a_header_are_drawn() -> None:
    sensors = [{"name": "a", "units": "V"}, {"name": "b", "units": "V"}]
    content = as_cbor(["Ref-BINARY-i16  "], sensors=sensors) + struct.pack("<6h", 1, -1, 2, -2, 3, -3)
    drawn = shown("a.cbor", content).waveform
    assert drawn is not None
    assert "Waveform of 2 axes over 30 ms: a from 1 to 3 V; b from -3 to -1 V." == drawn.summary


def test_of_a_long_cbor_the_beginning_is_drawn() -> None:
    content = as_cbor([[0.5, 1.5, 2.5]] * 300_000)
    found = shown("a.cbor", content)
    assert ("Only the first 4 MiB of its values are drawn.",) == notes(found)
    few = shown("a.cbor", content, reads=50)
    assert ("Only its beginning is drawn, because reading took too long.",) == notes(few)
    none = shown("a.cbor", content, reads=2)
    assert ("Reading its header took too long, so it is not drawn.",) == notes(none)


def test_of_very_many_integers_the_beginning_is_drawn() -> None:
    found = shown(
        "a.cbor", cbor2.dumps(acquisition([[]])).replace(b"\x66values\x81\x80", b"\x66values\x9f") + b"\1" * 600_000
    )
    assert ("Only its beginning is drawn, because it has very many numbers.",) == notes(found)


# --- sound


def sound(frames: bytes, *, kind: int = 1, channels: int = 1, width: int = 2, order: str = "<") -> bytes:
    form = struct.pack(f"{order}HHIIHH", kind, channels, 1000, 1000 * width, width * channels, 8 * width)
    chunks = b"fmt " + struct.pack(f"{order}I", 16) + form + b"data" + struct.pack(f"{order}I", len(frames)) + frames
    return (b"RIFF" if order == "<" else b"RIFX") + struct.pack(f"{order}I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.mark.parametrize(
    ("content", "low", "high"),
    [
        (sound(bytes([0, 128, 255]), width=1), -1, 127 / 128),
        (sound(struct.pack("<2h", -16_384, 16_384)), -0.5, 0.5),
        (sound(struct.pack(">2h", -16_384, 16_384), order=">"), -0.5, 0.5),
        (sound(b"\xff\0\x40\x01\0\xc0", width=3), -0.5, 0.5),
        (sound(b"\x40\0\xff\xc0\0\x01", width=3, order=">"), -0.5, 0.5),
        (sound(struct.pack("<2i", -(2**30), 2**30), width=4), -0.5, 0.5),
        (sound(struct.pack("<3f", -0.5, NAN, 0.5), kind=3, width=4), -0.5, 0.5),
        (sound(struct.pack("<3d", -0.5, math.inf, 0.5), kind=3, width=8), -0.5, 0.5),
    ],
)
def test_every_kind_of_sample_is_drawn(content: bytes, low: float, high: float) -> None:
    found = shown("a.wav", content)
    assert found.waveform is not None
    assert (low, high) == found.waveform.traces[0].extent
    assert "sound" == found.waveform.traces[0].name
    assert ("audio/wav" if content[:4] == b"RIFF" else None) == found.media_type


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (sound(b"\0\0", kind=7, width=1), "Its sound is stored as A-law or mu-law, which is not drawn."),
        (sound(b"\0\0", width=5), "Its header describes samples that cannot be drawn."),
        (sound(b"\0" * 8, channels=0, width=2)[:34] + b"\2" + sound(b"\0" * 8, channels=0)[35:], None),
        (sound(b"", kind=1), "It has no sound yet."),
        (
            sound(b"\0\0", kind=2),
            "It is not drawn: its sound is compressed, so its header does not say how many values",
        ),
        (sound(b"\0\0")[:36], "It is not drawn: its WAV header has no sound."),
    ],
)
def test_what_is_no_sound_says_so(content: bytes, note: str | None) -> None:
    found = shown("a.wav", content)
    assert None is found.waveform
    assert len(found.notes) == 1
    assert note is None or found.notes[0].startswith(note)


def test_each_channel_is_an_axis() -> None:
    found = shown("a.wav", sound(struct.pack("<20h", *range(20)), channels=10))
    assert found.waveform is not None
    assert [f"channel {number}" for number in range(1, 9)] == [one.name for one in found.waveform.traces]
    assert ("Only the first 8 of 10 channels are drawn.",) == notes(found)


def test_of_a_large_sound_a_part_of_each_column_is_read() -> None:
    content = wav(struct.pack("<h", 8192) * (MOST_BYTES // 2) + struct.pack("<h", -8192) * MOST_BYTES)
    found = shown("a.wav", content)
    assert found.waveform is not None
    assert ("Of each column, 16 % of its samples are read and drawn, because the file is large.",) == notes(found)
    (trace,) = found.waveform.traces
    assert (MAX_COLUMNS // 2, (-0.25, 0.25)) == (len(trace.lows), trace.extent)
    assert MOST_BYTES // 2 * 3 == found.waveform.readings


@pytest.mark.parametrize(("times", "readings"), [(1, 327_670), (3, 616_561)])
def test_what_takes_too_long_is_drawn_as_far_as_it_was_read(times: int, readings: int) -> None:
    content = wav(b"\1\0" * (MOST_BYTES // 2 * times - 9))
    found = shown("a.wav", content, reads=14 if times == 1 else 53)
    assert found.waveform is not None
    assert "Only its beginning is drawn, because reading took too long." in notes(found)
    assert readings == pytest.approx(found.waveform.readings, rel=0.02)


def test_a_frame_too_large_for_a_column_is_not_drawn() -> None:
    layout = WavLayout(begins_at=0, frames=1, rate=1, frame_bytes=8000, channels=4000, kind=1, order="<")
    assert isinstance(raw_samples.layout_of(layout), str)


# --- spectrogram


def picture(content: bytes, *, reads: int = 10_000) -> bytes | None:
    layout = shown("a.wav", content).sound
    assert layout is not None
    drawing = spectrogram(layout)
    try:
        read = next(drawing)
        while True:
            reads -= 1
            assert read.offset + read.length <= len(content)
            chunk = content[read.offset : read.offset + read.length]
            read = drawing.send(chunk) if reads >= 0 else drawing.throw(Enough())
    except StopIteration as end:
        found: bytes | None = end.value
        return found


def pixels(png: bytes) -> tuple[int, int, list[bytes]]:
    width, height = struct.unpack(">II", png[16:24])
    at = png.index(b"IDAT")
    raw = zlib.decompress(png[at + 4 : at + 4 + int.from_bytes(png[at - 4 : at], "big")])
    return width, height, [raw[row * (width + 1) + 1 : (row + 1) * (width + 1)] for row in range(height)]


def test_a_tone_is_a_line_at_its_frequency() -> None:
    tone = struct.pack("<4000h", *(round(9000 * math.sin(2 * math.pi * 0.125 * at)) for at in range(4000)))
    found = picture(wav(tone))
    assert found is not None
    width, height, rows = pixels(found)
    assert (28, 256) == (width, height)
    loudest = max(range(height), key=lambda row: rows[row][10])
    assert 64 == height - 1 - loudest  # an eighth of the rate is a quarter of the height
    assert (255, 0) == (rows[loudest][10], rows[0][10])


@pytest.mark.parametrize(("content", "type"), [(wav(b"\0\1"), "i16"), (b"", None), (b"{}", None)])
def test_the_layout_of_a_sound_is_found(content: bytes, type: str | None) -> None:
    finding = raw_samples.sound_layout(len(content))
    found = None
    try:
        read = next(finding)
        while True:
            read = finding.send(content[read.offset : read.offset + read.length])
    except StopIteration as end:
        found = end.value
    assert type == (found and found.type)


@pytest.mark.parametrize(("rate", "unit", "highest"), [(16_000, "kHz", "8"), (100, "Hz", "50")])
def test_a_spectrogram_has_axes(rate: float, unit: str, highest: str) -> None:
    svg = spectrogram_svg("/picture?a=1&b=2", length_s=2.0, rate=rate)
    root = parsed(svg)
    assert f"Spectrogram over 2 s, from 0 to {highest} {unit}. Light is loud." == root.findtext("desc")
    (image,) = root.iter("image")
    assert "/picture?a=1&b=2" == image.get("href")
    assert [unit, "time (s)"] == texts(svg, "unit")
    assert highest in texts(svg, "tick")


def test_silence_has_a_spectrogram_and_a_click_has_none() -> None:
    found = picture(wav(b"\0" * 2000))
    assert found is not None
    assert {0} == set(b"".join(pixels(found)[2]))
    assert None is picture(wav(b"\0" * 1000))
    assert None is picture(wav(b"\0" * 3000), reads=0)
    assert picture(sound(struct.pack("<f", NAN) * 600, kind=3, width=4)) is not None


def test_a_spectrogram_ends_where_reading_ends() -> None:
    found = picture(wav(b"\0\1" * 9000), reads=5)
    assert found is not None
    assert 5 == pixels(found)[0]


def test_the_transform_is_the_definition() -> None:
    values = [complex(at % 5, at % 3) for at in range(16)]
    expected = [
        sum(
            one * complex(math.cos(2 * math.pi * k * at / 16), -math.sin(2 * math.pi * k * at / 16))
            for at, one in enumerate(values)
        )
        for k in range(16)
    ]
    assert expected == pytest.approx(transform(values))
    assert 256 == len(set(palette()))


# --- tables


def test_a_table_shows_its_first_rows_and_its_numbers() -> None:
    content = "timestamp,x,what\r\n" + "".join(f"{10 * one},{one / 2},w{one}\n" for one in range(30))
    found = shown("a.csv", content.encode())
    assert found.table is not None
    assert found.waveform is not None
    assert ("timestamp", "x", "what") == found.table.columns
    assert (20, ("190", "9.5", "w19"), True) == (len(found.table.rows), found.table.rows[-1], found.table.has_more_rows)
    assert "Waveform of 1 axis over 300 ms: x from 0 to 14.5." == found.waveform.summary


@pytest.mark.parametrize(
    ("content", "summary"),
    [
        ("1,2\n3,4\n", "Waveform of 2 axes over 2 readings: column 1 from 1 to 3; column 2 from 2 to 4."),
        ("timestamp;x\n0;1,5\n1;2,5\n", "Waveform of 1 axis over 2 ms: x from 1.5 to 2.5."),
        ("timestamp,x\n0,1\n\n0,2\n5", "Waveform of 1 axis over 7.5 ms: x from 1 to 2."),
        ("timestamp,x\nnow,1\nthen,\n", "Waveform of 1 axis over 2 readings: x from 1 to 1."),
        ("x\n1\nnan\ninf\n", "Waveform of 1 axis over 3 readings: x from 1 to 1."),
        ("a,b\nc,d\ne,f\n", None),
        ("a,b\n1,2\n", None),
        ("timestamp\n1\n2\n", None),
    ],
)
def test_columns_of_numbers_are_drawn(content: str, summary: str | None) -> None:
    found = shown("a.TXT", content.encode())
    assert found.table is not None
    assert summary == (found.waveform and found.waveform.summary)


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (b"a,b\0\n", "It has NUL bytes, so it is not shown as a table."),
        (b"\n\r\n", "It has no rows."),
        (b'a,b\n"' + b"x" * 200_000, "It cannot be shown as a table: field larger than field limit (131072)."),
    ],
)
def test_what_is_no_table_says_so(content: bytes, note: str) -> None:
    found = shown("a.csv", content)
    assert ((note,), None) == (found.notes, found.table)


def test_a_wide_and_long_table_is_cut() -> None:
    row = ",".join(["1" * 60] * 30) + "\n"
    found = shown("a.csv", (row * 3_000).encode())
    assert found.table is not None
    assert (12, 18, "1" * 39 + "…") == (len(found.table.columns), found.table.more_columns, found.table.rows[0][0])
    assert ("Only the first 4 MiB of 5.2 MiB are drawn.", "Only the first 8 of 30 columns are drawn.") == notes(found)


# --- pictures, videos, and the rest


def png_header(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)


def jpeg(exif: bytes, *, mark: bytes = b"Exif\0\0") -> bytes:
    frame = b"\xff\xc0\0\x0b\x08" + struct.pack(">HH", 20, 30) + b"\1\1\x11\0"
    app1 = b"\xff\xe1" + struct.pack(">H", 2 + len(mark) + len(exif)) + mark + exif if exif else b""
    return b"\xff\xd8" + b"\xff\xe0\0\4JF" + app1 + frame + b"\xff\xda\0\2" + b"\0" * 9


def exif(found: int, *, order: str = "<", tag: int = 274, count: int = 2) -> bytes:
    other = struct.pack(f"{order}HHIHH", 256, 3, 1, 5, 0)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}IH", 8, count) + other + struct.pack(f"{order}HHIHH", tag, 3, 1, found, 0)


SIDEWAYS = "It is turned when other programs show it (EXIF orientation). Here it is as it is stored, as its boxes are."


@pytest.mark.parametrize(
    ("content", "is_turned"),
    [
        (jpeg(b""), False),
        (jpeg(exif(6)), True),
        (jpeg(exif(8, order=">")), True),
        (jpeg(exif(1)), False),
        (jpeg(exif(9)), False),
        (jpeg(exif(6, tag=275)), False),
        (jpeg(exif(6, tag=275, count=60_000)), False),
        (jpeg(exif(6)[:5]), False),
        (jpeg(b"XX*\0" + exif(6)[4:]), False),
        (jpeg(exif(6), mark=b"http:/"), False),
        (jpeg(b"")[:2] + b"\xff\xc0\0\x0b\x08" + struct.pack(">HH", 20, 30) + b"\1\1\x11\0", False),
        (b"\xff\xd8" + b"\xff\xe0\0\2" * 200 + jpeg(b"")[8:], False),
    ],
)
def test_a_turned_photo_is_shown_as_it_is_stored(content: bytes, is_turned: bool) -> None:
    found = shown("a.jpg", content)
    assert (Kind.IMAGE, (30, 20), "image/jpeg") == (found.kind, found.image, found.media_type)
    assert ((SIDEWAYS,) if is_turned else ()) == found.notes


@pytest.mark.parametrize(
    ("path", "content", "kind", "media", "note"),
    [
        ("a.png", png_header(3, 4), Kind.IMAGE, "image/png", None),
        ("a.json", png_header(3, 4), Kind.IMAGE, "image/png", None),
        ("a.png", png_header(60_000, 60_000), Kind.IMAGE, None, "It is too large to be shown here."),
        ("a.png", png_header(0, 4), Kind.IMAGE, None, "Its header does not say its size, so it is not shown."),
        ("a.mp4", b"\0\0\0\x18ftypisom\0\0\0\0", Kind.VIDEO, "video/mp4", None),
        ("a.avi", avi(b"x"), Kind.VIDEO, None, "Browsers do not play this format."),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'>", Kind.OTHER, None, None),
        ("a.csv", b"<!doctype html><html>", Kind.OTHER, None, None),
        ("a.parquet", b"PAR1", Kind.OTHER, None, "The columns of a Parquet file are not read here."),
        ("a.json", b"", Kind.OTHER, None, "It is empty."),
        ("a.bin", b"\0\1", Kind.OTHER, None, None),
    ],
)
def test_the_content_decides_what_is_shown(
    path: str, content: bytes, kind: Kind, media: str | None, note: str | None
) -> None:
    found = shown(path, content)
    assert (kind, media, () if note is None else (note,)) == (found.kind, found.media_type, found.notes)


def test_bytes_are_shown_as_hexadecimal() -> None:
    found = shown("a.bin", bytes(range(20)))
    first, second = hex_lines(found.dump)
    assert "00000000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ................" == first
    assert second.startswith("00000010  10 11 12 13 ")
    assert None is media_type(found.dump)


def test_what_cannot_be_read_in_time_says_so() -> None:
    found = shown("a.jpg", jpeg(exif(6)), reads=1)
    assert ("Reading it took too long, so it is not drawn.",) == found.notes


# --- boxes


def test_boxes_are_drawn_in_pixels_of_the_image() -> None:
    entries = [
        {"label": "a<b>", "x": 1, "y": 2.5, "width": 10, "height": 20},
        {"label": "a<b>", "x": 50, "y": 60, "width": 5, "height": 5},
        {"x": 0, "y": 0, "width": 1, "height": 1},
    ]
    svg = boxes_svg(100, 80, boxes_of(entries))
    root = parsed(svg)
    found = [one.get("class") for one in root.iter("rect")]
    assert ("0 0 100 80", ["box box-0", "box box-0", "box box-1"]) == (root.get("viewBox"), found)
    assert ["a<b>", "a<b>", None] == texts(svg, "box-label")
    assert "Image of 100 by 80 pixels with 3 boxes." == root.findtext("desc")
    assert "with 1 box." in boxes_svg(1, 1, [Box("", 0, 0, 1, 1)])


def test_what_is_no_box_is_left_out() -> None:
    fine = {"x": 1, "y": 1, "width": 1, "height": 1}
    assert [] == boxes_of(None)
    assert [] == boxes_of([1, {}, {**fine, "x": "1"}, {**fine, "y": NAN}, {**fine, "width": 10**400}])
    many = parsed(boxes_svg(9, 9, [Box("x", 0, 0, 1, 1)] * 999))
    assert (MAX_BOXES, 0) == (len(list(many.iter("rect"))), len(list(many.iter("text"))))


# --- anything


@given(st.sampled_from([".json", ".cbor", ".csv", ".wav", ".jpg"]), st.binary(max_size=300), st.integers(0, 9))
def test_no_content_raises(extension: str, content: bytes, reads: int) -> None:
    beginnings = {".wav": sound(b"")[:44], ".jpg": b"\xff\xd8\xff\xe1", ".json": b'{"payload":{"values":['}
    for begun in (content, beginnings.get(extension, as_cbor([])[:-1]) + content):
        found = shown(f"a{extension}", begun, reads=reads)
        if found.waveform is not None:
            parsed(waveform_svg(found.waveform))
