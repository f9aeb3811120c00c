import struct
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.emulator.acquisition import Acquisition, read_acquisition
from eisync.emulator.model import Refused
from eisync.emulator.references import split_header
from eisync.emulator.settings import EmulatorSettings

from .wire import acquisition

MIC = [{"name": "audio", "units": "wav"}]


def header(reference: str, sensors: object = MIC, **changes: Any) -> bytes:
    """As firmware writes it: the values are a list without a length, closed by a break, and the last of the item."""
    document = acquisition(sensors=sensors, values=[], **changes)
    raw: bytes = cbor2.dumps(document)
    assert raw.endswith(b"\x66values\x80")
    return raw[:-1] + b"\x9f" + cbor2.dumps(reference) + b"\xff"


def read(raw: bytes, *, is_cbor: bool = True) -> Acquisition | Refused:
    return read_acquisition(raw, is_cbor=is_cbor, hmac_key="key", settings=EmulatorSettings())


@pytest.mark.parametrize("spelling", ["Ref-Binary-", "Ref-BINARY-"])
@pytest.mark.parametrize("blanks", ["", "   "])
@pytest.mark.parametrize(
    ("sample_type", "code", "samples"),
    [
        ("u8", "B", [0, 255]),
        ("u16", "H", [0, 65_535]),
        ("u32", "I", [0, 2**32 - 1]),
        ("i8", "b", [-128, 127]),
        ("i16", "h", [-32_768, 32_767]),
        ("i32", "i", [-(2**31), 2**31 - 1]),
        ("f32", "f", [-0.5, 1.25]),
    ],
)
def test_samples_of_every_documented_type_stand_behind_the_header(
    spelling: str, blanks: str, sample_type: str, code: str, samples: list[float]
) -> None:
    found = read(header(f"{spelling}{sample_type}{blanks}") + struct.pack(f"<2{code}", *samples))
    assert isinstance(found, Acquisition)
    assert ([[one] for one in samples], 2) == (found.rows, found.facts.values_count)


def test_what_is_no_number_among_fractions_is_nought() -> None:
    found = read(header("Ref-Binary-f32") + struct.pack("<3f", float("nan"), float("inf"), 2.0))
    assert isinstance(found, Acquisition)
    assert [[0.0], [0.0], [2.0]] == found.rows


def test_half_a_sample_at_the_end_is_none() -> None:
    found = read(header("Ref-Binary-i16") + b"\1\0\2")
    assert isinstance(found, Acquisition)
    assert [[1]] == found.rows


def test_the_samples_may_look_like_any_cbor() -> None:
    """They are far more arrays than a file may hold, if they are taken for some."""
    found = read(header("Ref-Binary-u8") + b"\x81" * 1_000_000)
    assert isinstance(found, Acquisition)
    assert found.facts.values_count == 1_000_000


def test_the_values_need_not_be_the_last_of_the_item() -> None:
    document = acquisition(sensors=MIC, values=["Ref-Binary-u8"])
    found = read(cbor2.dumps({name: document[name] for name in ("payload", "signature", "protected")}) + b"\5\6")
    assert isinstance(found, Acquisition)
    assert [[5], [6]] == found.rows


@pytest.mark.parametrize(
    "raw",
    [
        header("Ref-Binary-i16"),
        header("Ref-Binary-i16") + b"\1",
        header("Ref-Binary-i24") + b"\1\2\3\4",
        header("Ref-Binary-f8") + b"\1\2\3\4",
        header("Ref-binary-i16") + b"\1\2\3\4",
        header("Ref-Binary-i16!") + b"\1\2\3\4",
        header("Ref-Binary-i16", sensors=[*MIC, *MIC]) + b"\1\2\3\4",
        header("Ref-Binary-i16")[:-1] + b"\1\2\3\4",
        header("Ref-Binary-i16")[:-20],
    ],
)
def test_a_reference_to_nothing_is_refused(raw: bytes) -> None:
    assert isinstance(read(raw), Refused)


def test_json_has_nothing_behind_it() -> None:
    raw = b'{"protected":{"ver":"v1","alg":"none"},"signature":0,"payload":{"device_type":"T","interval_ms":1,'
    raw += b'"sensors":[{"name":"audio","units":"wav"}],"values":["Ref-Binary-u8"]}}'
    assert isinstance(read(raw, is_cbor=False), Refused)


@pytest.mark.parametrize(
    "item",
    [
        1,
        -1,
        2**40,
        1.5,
        None,
        True,
        "text",
        b"bytes",
        "x" * 300,
        [],
        {},
        [[], {}, [[1, [2]]]],
        {"a": {"b": [1, 2, 3]}, "c": "d"},
        cbor2.CBORTag(1, 1_564_128_599),
        list(range(300)),
    ],
)
def test_an_item_ends_where_a_decoder_says(item: object) -> None:
    raw = cbor2.dumps(["Ref-Binary-i16", item])
    assert (raw, b"behind") == split_header(raw + b"behind", max_items=1000)
    endless = b"\x9f" + cbor2.dumps("Ref-Binary-i16") + cbor2.dumps(item) + b"\xff"
    assert (endless, b"") == split_header(endless, max_items=1000)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x82" + cbor2.dumps("Ref-Binary-i16"),
        b"\x81\xff" + cbor2.dumps("Ref-Binary-i16"),
        b"\x81" * 2000 + cbor2.dumps("Ref-Binary-i16"),
        cbor2.dumps("Ref-Binary-i16")[:-1],
    ],
)
def test_an_item_without_an_end_is_not_cut(raw: bytes) -> None:
    assert (raw, b"") == split_header(raw, max_items=1000)


@given(st.binary(max_size=60))
def test_no_bytes_at_all_make_splitting_raise(raw: bytes) -> None:
    before, behind = split_header(raw + b"Ref-Binary-i16", max_items=10)
    assert before + behind == raw + b"Ref-Binary-i16"
