"""Encode, sign and verify files in the data acquisition format (wire contract, section 2).

To sign a file, encode it with a signature of 64 zeros, compute the HMAC-SHA256 of those bytes with the project's HMAC
key, and replace the zeros by the lower-case hex digest. Values are a list of readings, each with one number for every
sensor. `interval_ms` is the time between two readings.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from enum import Enum
from typing import Any

import cbor2

from eisync.core.model import value

UNSIGNED = "0" * 64


class Encoding(Enum):
    """The encoding of the file."""

    CBOR = "cbor"
    JSON = "json"


@value
class SensorAxis:
    """One axis of a sensor. `units` are those of SenML, or `N/A`."""

    name: str
    units: str


@value(kw_only=True)
class Recording:
    """A time series. Raises ValueError for a reading whose number of values is not the number of sensors."""

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
    """Return the bytes of `recording`, signed with `hmac_key` when one is given. `iat` is the time of issue (Unix s).

    Raises ValueError for a value that JSON cannot represent (NaN, infinity).
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
    """Return whether `data`, as `encode` returns it, has the right signature.

    Raises ValueError if it is no acquisition file.
    """
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
