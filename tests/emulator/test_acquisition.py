import hashlib
import hmac
import json
import os
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.emulator.acquisition import Acquisition, read_acquisition
from eisync.emulator.model import Facts, Refused, Sensor
from eisync.emulator.settings import EmulatorSettings

from .wire import SAMPLES, acquisition

KEY = "fed53116f20684c067774ebf9e7bcbdc"


def read(raw: bytes, *, is_cbor: bool = False, **switches: Any) -> Acquisition | Refused:
    return read_acquisition(raw, is_cbor=is_cbor, hmac_key=KEY, settings=EmulatorSettings(**switches))


def sign(document: dict[str, Any], encode: Any, key: str = KEY) -> bytes:
    raw: bytes = encode(document | {"signature": "0" * 64})
    signature = hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()
    return raw.replace(b"0" * 64, signature.encode())


def to_json(document: object) -> bytes:
    return json.dumps(document, indent=2).encode()


@pytest.mark.parametrize(("encode", "is_cbor"), [(to_json, False), (cbor2.dumps, True)])
@pytest.mark.parametrize(("key", "is_valid"), [(KEY, True), ("another", False)])
def test_a_signature_is_checked_over_the_bytes_that_came(encode: Any, is_cbor: bool, key: str, is_valid: bool) -> None:
    found = read(sign(acquisition(alg="HS256"), encode, key), is_cbor=is_cbor)
    assert isinstance(found, Acquisition)
    assert found.facts == Facts(
        chart_type="chart",
        sensors=(Sensor("accX", "m/s2"),),
        device_type="TEST",
        interval_ms=10.0,
        values_count=2,
        signature_valid=is_valid,
        signature_method="HS256",
    )


@pytest.mark.parametrize("signature", ["0" * 64, "", None, 0, 0.0])
@pytest.mark.parametrize("unsigned_is_valid", [True, False])
def test_an_unsigned_file_is_taken_and_marked_as_the_switch_says(signature: object, unsigned_is_valid: bool) -> None:
    found = read(to_json(acquisition(signature=signature)), unsigned_is_valid=unsigned_is_valid)
    assert isinstance(found, Acquisition)
    assert found.facts.signature_valid is unsigned_is_valid


@pytest.mark.parametrize("signature", ["00", "7" * 64, 7, True, [1]])
def test_a_signature_of_any_kind_that_does_not_hold_is_stored_and_marked(signature: object) -> None:
    found = read(to_json(acquisition(alg="HS256", signature=signature)), unsigned_is_valid=True)
    assert isinstance(found, Acquisition)
    assert found.facts.signature_valid is False


@pytest.mark.parametrize("odd", [None, float("nan"), float("inf"), float("-inf")])
def test_what_is_no_finite_number_is_refused_only_while_the_switch_says_so(odd: float | None) -> None:
    raw = to_json(acquisition(values=[[1.0], [odd]]))
    assert isinstance(read(raw), Refused)
    found = read(raw, refuse_values_not_finite=False)
    assert isinstance(found, Acquisition)
    assert found.rows == [[1.0], [0]]


@pytest.mark.parametrize("limit", [{"max_sensors": 1}, {"max_name_chars": 4}, {"max_cbor_items": 5}])
def test_what_a_file_may_hold_is_bounded_by_settings(limit: dict[str, int]) -> None:
    sensors = [{"name": name, "units": "m/s2"} for name in ("accX", "yaccel")]
    raw = cbor2.dumps(acquisition(sensors=sensors, values=[[1, 2]], device_type="T"))
    assert isinstance(read(raw, is_cbor=True), Acquisition)
    assert isinstance(read(raw, is_cbor=True, **limit), Refused)


@pytest.mark.parametrize("values", [[[1.0], [2.0]], [1.0, [2.0]], [1.0, 2.0]])
def test_a_reading_of_one_sensor_may_come_without_its_brackets(values: list[object]) -> None:
    found = read(to_json(acquisition(device_name="ac:87", secret="dropped", values=values)))
    assert isinstance(found, Acquisition)
    assert (found.facts.device_name, found.rows) == ("ac:87", [[1.0], [2.0]])


def changed(**payload: Any) -> dict[str, Any]:
    return acquisition(**payload)


@pytest.mark.parametrize(
    "document",
    [
        [],
        1,
        {},
        acquisition() | {"protected": {"ver": "v2", "alg": "none"}},
        acquisition() | {"protected": {"ver": "v1", "alg": "RS256"}},
        acquisition() | {"payload": []},
        changed(device_type=None),
        changed(device_name=3),
        changed(interval_ms="10"),
        changed(interval_ms=-1),
        changed(interval_ms=True),
        changed(interval_ms=1.7e308),
        changed(interval_ms=5e-324),
        changed(sensors=[]),
        changed(sensors=[{"name": "accX"}]),
        changed(sensors=[{"name": "a", "units": "b"}] * 2000),
        changed(sensors=[{"name": "a" * 10_000, "units": "b"}]),
        changed(values=[]),
        changed(values={}),
        changed(values=[[1, 2]]),
        changed(values=[[1], []]),
        changed(values=[["1"]]),
        changed(values=[[True]]),
        changed(values=[[None]]),
        changed(values=[[10**400]]),
        changed(values=[[float("nan")]]),
        changed(values=[[float("inf")]]),
    ],
)
def test_what_breaks_the_schema_is_refused_in_both_encodings(document: object) -> None:
    assert isinstance(read(to_json(document)), Refused)
    assert isinstance(read(cbor2.dumps(document), is_cbor=True), Refused)


@pytest.mark.parametrize(
    ("sensors", "chart_type"),
    [
        ([{"name": "audio", "units": "wav"}], "chart"),
        ([{"name": "image", "units": "rgba"}], "image"),
        ([{"name": "video", "units": "rgba"}], "video"),
    ],
)
def test_canonical_sensors_tell_what_is_shown(sensors: object, chart_type: str) -> None:
    found = read(to_json(changed(sensors=sensors, values=[1, 2, 3])))
    assert isinstance(found, Acquisition)
    assert (found.facts.chart_type, found.facts.values_count) == (chart_type, 3)


@pytest.mark.parametrize(
    ("raw", "is_cbor"),
    [
        (b"", True),
        (b"\x81" * 1_000_000, True),
        (b"\x9f" * 100_000, True),
        (b"\x9b\x00\x00\x01\x00\x00\x00\x00\x00", True),
        (b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", True),
        (b"\x9a\x00\x20\x00\x00" + b"\x80" * 0x200000, True),
        (b"\xc2\x5a\x00\x10\x00\x00" + b"\xff" * 0x100000, True),
        (b"\xd8\x1c\x81\xd8\x1d\x00", True),
        (cbor2.dumps(acquisition())[:-5], True),
        (b"", False),
        (b"[" * 1_000_000, False),
        (b'{"a":' * 100_000, False),
        (b"9" * 100_000, False),
        (b'{"protected":"\\ud800"}', False),
        (b"\xff\xfe", False),
    ],
)
def test_a_bomb_is_refused_and_does_not_explode(raw: bytes, is_cbor: bool) -> None:
    assert isinstance(read(raw, is_cbor=is_cbor), Refused)


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_at_all_make_reading_raise(raw: bytes, is_cbor: bool) -> None:
    read(raw, is_cbor=is_cbor)


@given(at=st.integers(0, 140), byte=st.integers(0, 255))
def test_a_byte_that_flipped_never_makes_reading_raise(at: int, byte: int) -> None:
    raw = bytearray(cbor2.dumps(acquisition()))
    raw[at % len(raw)] = byte
    read(bytes(raw), is_cbor=True)


@pytest.mark.skipif(not os.path.isdir(SAMPLES), reason="the shared samples are not on this machine")
@pytest.mark.parametrize("name", ["wave.01.cbor", "wave.01.json", "gestures/training/idle.1.cbor"])
def test_real_samples_are_read(name: str) -> None:
    with open(os.path.join(SAMPLES, name), "rb") as file:
        found = read(file.read(), is_cbor=name.endswith("cbor"))
    assert isinstance(found, Acquisition)
    assert [sensor.name for sensor in found.facts.sensors] == ["accX", "accY", "accZ"]
