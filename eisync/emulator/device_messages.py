"""Decode and encode the messages between a device and remote management, in JSON or CBOR. Pure.

Sources: the official page "Remote management, WebSocket" (protocol version 3) for the messages and their required
fields; the message types of the official command line tools (edge-impulse-linux 1.25.2) for versions 1, 2 and 4 and
for `serverTimestamp`; the official firmware SDK for the order of fields and the types of numbers that boards can read.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import cbor2

from eisync.emulator.acquisition import decode_cbor
from eisync.emulator.companions import read_json
from eisync.emulator.model import Refused

Message = Mapping[str, Any]

KNOWN_VERSIONS = (1, 2, 3, 4)
_MAX_NUMBER = 2**53
_REQUIRED_SINCE = {"deviceType": 1, "connection": 1, "sensors": 2, "supportsSnapshotStreaming": 3, "mode": 4}
_CONNECTIONS = ("ip", "daemon")
_MODES = ("ingestion", "inference")


class Encoding(Enum):
    """The encoding of a session. The device chooses it with its hello."""

    JSON = "json"
    CBOR = "cbor"


@dataclass(frozen=True, slots=True)
class DeviceSensor:
    """One sensor of a device. `frequencies_hz` may be empty, for example for a camera."""

    name: str
    max_sample_length_s: int
    frequencies_hz: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The first message of a device."""

    version: int
    api_key: str
    device_id: str
    device_type: str = ""
    connection: str = "ip"
    sensors: tuple[DeviceSensor, ...] = ()
    supports_snapshots: bool = False
    mode: str = "ingestion"


@dataclass(frozen=True, slots=True)
class HelloRules:
    """How strictly a hello is read, from the switches and limits of the emulator.

    `max_sensors` is also the largest number of frequencies of one sensor.
    """

    needs_all_fields: bool = True
    refuses_unknown_versions: bool = True
    max_name_chars: int = 200
    max_sensors: int = 1000


def decode(frame: str | bytes, *, max_cbor_items: int) -> tuple[Message | None, Encoding]:
    """Return the message in a WebSocket frame and its encoding. The message is None unless it is an object or map."""
    if isinstance(frame, str) or frame[:1] in (b"{", b"["):  # neither byte begins a valid CBOR message
        found, encoding = read_json(frame), Encoding.JSON
    else:
        found, encoding = decode_cbor(frame, max_cbor_items), Encoding.CBOR
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        return None, encoding
    return found, encoding


def encode(message: Message, encoding: Encoding) -> str | bytes:
    """Return one frame. Fields keep their order, because boards expect `hello` or `sample` first and `err` later."""
    if encoding is Encoding.JSON:
        return json.dumps(message, separators=(",", ":"))
    return cbor2.dumps(message)


def hello_accepted(*, now_ms: int) -> Message:
    return {"hello": True, "serverTimestamp": now_ms}


def hello_refused(error: str, *, now_ms: int) -> Message:
    return {"hello": False, "err": error, "serverTimestamp": now_ms}


def read_hello(message: Message, rules: HelloRules) -> Hello | Refused:
    """Read the first message of a device, or say what is wrong with it."""
    found = message.get("hello")
    if not isinstance(found, dict):
        return Refused("The first message should be a hello")
    try:
        version = _whole(found, "version")
        if version not in KNOWN_VERSIONS and rules.refuses_unknown_versions:
            return Refused(f"Unknown version {version}: expected one of {', '.join(map(str, KNOWN_VERSIONS))}")
        if rules.needs_all_fields:
            for name, since in _REQUIRED_SINCE.items():
                if version >= since and name not in found:
                    return Refused(f"hello.{name} is missing, which version {version} requires")
        sensors = [] if found.get("sensors") is None else found["sensors"]
        return Hello(
            version=version,
            api_key=_text(found, "apiKey", rules),
            device_id=_text(found, "deviceId", rules),
            device_type=_text(found, "deviceType", rules, otherwise=""),
            connection=_one_of(found, "connection", _CONNECTIONS),
            sensors=_read_sensors(sensors, rules),
            supports_snapshots=_truth(found, "supportsSnapshotStreaming"),
            mode=_one_of(found, "mode", _MODES),
        )
    except ValueError as error:
        return Refused(str(error))


def show_sensors(sensors: Iterable[DeviceSensor]) -> list[dict[str, object]]:
    """Return sensors as Studio shows them. A hello of version 2 or later has the same form."""
    return [
        {"name": one.name, "maxSampleLengthS": one.max_sample_length_s, "frequencies": list(one.frequencies_hz)}
        for one in sensors
    ]


def _read_sensors(found: object, rules: HelloRules) -> tuple[DeviceSensor, ...]:
    if not isinstance(found, list) or len(found) > rules.max_sensors:
        raise ValueError(f"hello.sensors should be a list of at most {rules.max_sensors} sensors")
    return tuple(_read_sensor(one, rules) for one in found)


def _read_sensor(found: object, rules: HelloRules) -> DeviceSensor:
    if isinstance(found, str):  # version 1: the name alone
        return DeviceSensor(_text({"name": found}, "name", rules), 0, ())
    if not isinstance(found, dict):
        raise ValueError("Each of hello.sensors should be an object with name, maxSampleLengthS and frequencies")
    for name in ("maxSampleLengthS", "frequencies"):
        if rules.needs_all_fields and name not in found:
            raise ValueError(f"{name} of a sensor is missing")
    frequencies = found.get("frequencies", [])
    if (
        not isinstance(frequencies, list)
        or len(frequencies) > rules.max_sensors
        or not all(map(_is_number, frequencies))
    ):
        raise ValueError(f"frequencies of a sensor should be a list of at most {rules.max_sensors} numbers, in Hz")
    return DeviceSensor(
        _text(found, "name", rules), _whole({"maxSampleLengthS": 0} | found, "maxSampleLengthS"), tuple(frequencies)
    )


def _text(found: Message, name: str, rules: HelloRules, *, otherwise: str | None = None) -> str:
    text = found.get(name, otherwise)
    if not isinstance(text, str) or (not text and otherwise is None) or len(text) > rules.max_name_chars:
        raise ValueError(f"{name} should be a text of 1 to {rules.max_name_chars} characters")
    if not text.isprintable():
        raise ValueError(f"{name} should be printable text")
    return text


def _whole(found: Message, name: str) -> int:
    number = found.get(name)
    if isinstance(number, float) and number.is_integer():  # some CBOR encoders write every number as float
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < _MAX_NUMBER:
        raise ValueError(f"{name} should be a whole number")
    return number


def _truth(found: Message, name: str) -> bool:
    value = found.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"{name} should be true or false")
    return value


def _one_of(found: Message, name: str, values: tuple[str, ...]) -> str:
    value = found.get(name, values[0])
    if value not in values:
        raise ValueError(f"{name} should be one of {', '.join(values)}")
    return str(value)


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and abs(value) < _MAX_NUMBER
    )
