"""The data acquisition format: encode, sign, verify (wire contract, section 2).

A file is signed by encoding it with a signature of 64 zeros, taking the HMAC-SHA256 of those bytes with the project's
HMAC key, and putting the lower-case hex in place of the zeros. Values are a list of readings, one number a sensor each;
`interval_ms` is the time between two readings.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import cbor2

UNSIGNED = "0" * 64


class Encoding(Enum):
    """How the bytes are laid out."""

    CBOR = "cbor"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class SensorAxis:
    """One axis. `units` are SenML's, or `N/A`."""

    name: str
    units: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A time series. Raises ValueError for a reading that has not one number a sensor."""

    device_type: str
    interval_ms: float
    sensors: tuple[SensorAxis, ...]
    values: Sequence[Sequence[float]]
    device_name: str | None = None

    def __post_init__(self) -> None:
        width = len(self.sensors)
        for index, reading in enumerate(self.values):
            if len(reading) != width:
                raise ValueError(f"reading {index} has {len(reading)} values for {width} sensors")


def encode(recording: Recording, encoding: Encoding, *, hmac_key: str | None = None, iat: int | None = None) -> bytes:
    """The bytes of `recording`, signed with `hmac_key` when one is given. `iat` is the time of issue (Unix s).

    Raises ValueError for a value that JSON does not know (NaN, infinity).
    """
    document = {
        "protected": {
            "ver": "v1",
            "alg": "none" if hmac_key is None else "HS256",
            **({"iat": iat} if iat is not None else {}),
        },
        "signature": UNSIGNED,
        "payload": _payload(recording),
    }
    blank = _dump(document, encoding)
    if hmac_key is None:
        return blank
    return blank.replace(UNSIGNED.encode(), _signature(blank, hmac_key), 1)


def is_signed_with(data: bytes, encoding: Encoding, hmac_key: str) -> bool:
    """Whether `data`, as `encode` laid it out, carries the right signature. Raises ValueError if it is no such file."""
    document = _load(data, encoding)
    signature = document.get("signature")
    if not isinstance(signature, str) or len(signature) != len(UNSIGNED):
        return False
    blank = data.replace(signature.encode(), UNSIGNED.encode(), 1)
    return hmac.compare_digest(_signature(blank, hmac_key), signature.encode())


def _payload(recording: Recording) -> dict[str, Any]:
    named = {"device_name": recording.device_name} if recording.device_name is not None else {}
    return {
        **named,
        "device_type": recording.device_type,
        "interval_ms": recording.interval_ms,
        "sensors": [{"name": sensor.name, "units": sensor.units} for sensor in recording.sensors],
        "values": [list(reading) for reading in recording.values],
    }


def _signature(blank: bytes, hmac_key: str) -> bytes:
    return hmac.new(hmac_key.encode(), blank, hashlib.sha256).hexdigest().encode()


def _dump(document: dict[str, Any], encoding: Encoding) -> bytes:
    return cbor2.dumps(document) if encoding is Encoding.CBOR else json.dumps(document, allow_nan=False).encode()


def _load(data: bytes, encoding: Encoding) -> dict[str, Any]:
    try:
        document = cbor2.loads(data) if encoding is Encoding.CBOR else json.loads(data)
    except (cbor2.CBORError, ValueError, RecursionError) as error:
        raise ValueError(f"this is not {encoding.value.upper()}: {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"this {encoding.value.upper()} is not an acquisition file: it is no map")
    return document
