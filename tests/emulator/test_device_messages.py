from typing import Any

import cbor2
import pytest

from eisync.emulator.device_messages import (
    DeviceSensor,
    Encoding,
    Hello,
    HelloRules,
    decode,
    encode,
    hello_accepted,
    hello_refused,
    read_hello,
    show_sensors,
)
from eisync.emulator.model import Refused

from .device import hello

STRICT = HelloRules()
LENIENT = HelloRules(needs_all_fields=False, refuses_unknown_versions=False)
NARROW = HelloRules(max_name_chars=8, max_sensors=1)


def read(rules: HelloRules = STRICT, **changed: object) -> Hello | Refused:
    return read_hello({"hello": hello("ei_a", **changed)}, rules)


def test_a_hello_of_version_3_is_understood() -> None:
    assert read() == Hello(
        version=3,
        api_key="ei_a",
        device_id="0a:00:00:00:00:01",
        device_type="TEST",
        sensors=(DeviceSensor("Accelerometer", 60, (62.5, 100)),),
    )


@pytest.mark.parametrize(
    ("changed", "name", "expected"),
    [
        ({"version": 1, "sensors": ["Nose"], "supportsSnapshotStreaming": None}, "version", 1),
        ({"version": 1, "sensors": None, "supportsSnapshotStreaming": None}, "sensors", ()),
        ({"version": 1, "sensors": ["Nose"]}, "sensors", (DeviceSensor("Nose", 0, ()),)),
        ({"version": 2, "supportsSnapshotStreaming": None}, "version", 2),
        ({"version": 3.0}, "version", 3),
        ({"version": 4, "mode": "ingestion"}, "mode", "ingestion"),
        ({"version": 4, "mode": "inference", "inferenceInfo": {}}, "mode", "inference"),
        ({"connection": "daemon"}, "connection", "daemon"),
        ({"supportsSnapshotStreaming": True}, "supports_snapshots", True),
        ({"sensors": []}, "sensors", ()),
        ({"unknown": [1, {}]}, "version", 3),
    ],
)
def test_every_version_of_a_hello_is_understood(changed: dict[str, Any], name: str, expected: object) -> None:
    assert getattr(read(**changed), name) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"version": 5}, "Unknown version 5: expected one of 1, 2, 3, 4"),
        ({"version": 0}, "Unknown version 0: expected one of 1, 2, 3, 4"),
        ({"version": 4}, "hello.mode is missing, which version 4 requires"),
        ({"version": 2, "sensors": None}, "hello.sensors is missing, which version 2 requires"),
        ({"supportsSnapshotStreaming": None}, "hello.supportsSnapshotStreaming is missing, which version 3 requires"),
        ({"deviceType": None}, "hello.deviceType is missing, which version 3 requires"),
        ({"connection": None}, "hello.connection is missing, which version 3 requires"),
        ({"sensors": [{"name": "Nose", "frequencies": []}]}, "maxSampleLengthS of a sensor is missing"),
        ({"sensors": [{"name": "Nose", "maxSampleLengthS": 1}]}, "frequencies of a sensor is missing"),
    ],
)
def test_what_the_protocol_requires_is_required_unless_a_switch_says_otherwise(
    changed: dict[str, Any], expected: str
) -> None:
    assert read(**changed) == Refused(expected)
    assert isinstance(read(LENIENT, **changed), Hello)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"version": None}, "version should be a whole number"),
        ({"version": "3"}, "version should be a whole number"),
        ({"version": True}, "version should be a whole number"),
        ({"version": 2.5}, "version should be a whole number"),
        ({"apiKey": None}, "apiKey should be a text of 1 to 200 characters"),
        ({"apiKey": 7}, "apiKey should be a text of 1 to 200 characters"),
        ({"deviceId": ""}, "deviceId should be a text of 1 to 200 characters"),
        ({"deviceId": "x" * 201}, "deviceId should be a text of 1 to 200 characters"),
        ({"deviceId": "a\0b"}, "deviceId should be printable text"),
        ({"connection": "carrier pigeon"}, "connection should be one of ip, daemon"),
        ({"version": 4, "mode": "sleep"}, "mode should be one of ingestion, inference"),
        ({"supportsSnapshotStreaming": 1}, "supportsSnapshotStreaming should be true or false"),
        ({"sensors": "Nose"}, "hello.sensors should be a list of at most 1000 sensors"),
        ({"sensors": ["n"] * 1001}, "hello.sensors should be a list of at most 1000 sensors"),
        ({"sensors": [7]}, "Each of hello.sensors should be an object with name, maxSampleLengthS and frequencies"),
        (
            {"sensors": [{"name": "n", "maxSampleLengthS": 1, "frequencies": ["fast"]}]},
            "frequencies of a sensor should be a list of at most 1000 numbers, in Hz",
        ),
        (
            {"sensors": [{"name": "n", "maxSampleLengthS": -1, "frequencies": []}]},
            "maxSampleLengthS should be a whole number",
        ),
    ],
)
def test_a_hello_of_wrong_types_is_refused_with_the_field_at_fault(changed: dict[str, Any], expected: str) -> None:
    assert (read(**changed), read(LENIENT, **changed)) == (Refused(expected), Refused(expected))


@pytest.mark.parametrize("message", [{}, {"sample": True}, {"hello": True}, {"hello": [1]}])
def test_the_first_message_must_be_a_hello(message: dict[str, object]) -> None:
    assert read_hello(message, LENIENT) == Refused("The first message should be a hello")


@pytest.mark.parametrize("message", [{"hello": {"version": 3}}, {"sample": True}, {"sampleReading": True, "n": 33}])
@pytest.mark.parametrize("encoding", Encoding)
def test_a_message_survives_its_encoding(message: dict[str, Any], encoding: Encoding) -> None:
    assert decode(encode(message, encoding), max_cbor_items=9) == (message, encoding)


def test_json_in_a_binary_frame_is_json() -> None:
    assert decode(b'{"sample":true}', max_cbor_items=9) == ({"sample": True}, Encoding.JSON)


@pytest.mark.parametrize(
    "frame",
    ["", "hello", "[1]", '"a"', b"", b"\xff", b"{", cbor2.dumps([1]), cbor2.dumps({1: 2}), b"\xbf\x61a", "[" * 9999],
)
def test_what_is_no_message_is_none(frame: str | bytes) -> None:
    assert decode(frame, max_cbor_items=9)[0] is None


def test_an_answer_begins_as_boards_of_the_official_firmware_read_it() -> None:
    """They read the first field, after `hello: false` the next one; a number is an integer or a double."""
    assert list(hello_accepted(now_ms=7)) == ["hello", "serverTimestamp"]
    assert list(hello_refused("no", now_ms=7))[:2] == ["hello", "err"]
    frame = encode({"sample": {"length": 10_000, "interval": 16.5}}, Encoding.CBOR)
    assert isinstance(frame, bytes)
    assert frame.hex() == "a16673616d706c65a2666c656e67746819271068696e74657276616cfb4030800000000000"


def test_sensors_are_shown_as_a_hello_lists_them() -> None:
    listed = hello("ei_a")["sensors"]
    read_back = read()
    assert isinstance(read_back, Hello)
    assert show_sensors(read_back.sensors) == listed


SENSOR = {"name": "Nose", "maxSampleLengthS": 1, "frequencies": [1]}


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"deviceId": "board-01"}, None),
        ({"deviceId": "board-001"}, "deviceId should be a text of 1 to 8 characters"),
        ({"apiKey": "ei_longer"}, "apiKey should be a text of 1 to 8 characters"),
        ({"sensors": [SENSOR]}, None),
        ({"sensors": [SENSOR, SENSOR]}, "hello.sensors should be a list of at most 1 sensors"),
        (
            {"sensors": [{**SENSOR, "frequencies": [1, 2]}]},
            "frequencies of a sensor should be a list of at most 1 numbers, in Hz",
        ),
    ],
)
def test_what_a_hello_may_hold_is_bounded_by_settings(changed: dict[str, Any], error: str | None) -> None:
    found = read(NARROW, **{"deviceId": "board", "sensors": [], **changed})
    assert error == (found.error if isinstance(found, Refused) else None)
