"""Read the data acquisition format, JSON or CBOR: what it says, and whether its signature holds.

Hostile bytes are expected: depth, counts and numbers are bounded before anything is built from them.

Source: the wire contract, section 2.
"""

import hashlib
import hmac
import json
import math
from dataclasses import dataclass
from typing import Any

import cbor2

from eisync.emulator.model import Facts, Refused, Sensor

_NO_SIGNATURE = "0" * 64
_MAX_CBOR_CONTAINERS = 500_000  # a CBOR array of nothing is one byte there and seventy here
_MAX_SENSORS = 1000
_MAX_NAME_CHARS = 200  # what is shown in every listing
_MAX_SIGNATURE_PLACES = 8
# What cbor2 lets through from the makers of its tagged values (dates, fractions, addresses) when they are nonsense.
_CBOR_ERRORS = (
    cbor2.CBORDecodeError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    LookupError,
    RecursionError,
    MemoryError,
)


@dataclass(frozen=True, slots=True)
class Acquisition:
    facts: Facts
    rows: list[list[float]]


def read_acquisition(raw: bytes, *, is_cbor: bool, hmac_key: str, unsigned_is_valid: bool) -> Acquisition | Refused:
    """A wrong signature is marked, not refused."""
    document = decode_cbor(raw) if is_cbor else _decode_json(raw)
    if isinstance(document, Refused):
        return document
    if not isinstance(document, dict):
        return Refused("Invalid acquisition file: expected an object")
    protected, signature, payload = (document.get(name) for name in ("protected", "signature", "payload"))
    if not isinstance(protected, dict) or protected.get("ver") != "v1":
        return Refused("Invalid acquisition file: protected.ver should be v1")
    method = protected.get("alg")
    if method not in ("HS256", "none"):
        return Refused("Invalid acquisition file: protected.alg should be HS256 or none")
    if _is_zero(signature):
        signature = None
    if signature is not None and not isinstance(signature, str):
        return Refused("Invalid acquisition file: signature should be a string")
    if not isinstance(payload, dict):
        return Refused("Invalid acquisition file: payload is missing")
    read = _read_payload(payload)
    if isinstance(read, Refused):
        return read
    sensors, values = read
    is_unsigned = method == "none" or not signature or signature == _NO_SIGNATURE
    facts = Facts(
        chart_type=_chart_type(sensors),
        sensors=sensors,
        device_type=payload["device_type"],
        device_name=payload.get("device_name"),
        interval_ms=float(payload["interval_ms"]),
        values_count=len(values),
        signature_valid=unsigned_is_valid if is_unsigned else is_signed(raw, signature or "", hmac_key),
        signature_method=str(method),
        created_ms=_instant_ms(protected.get("iat")),
    )
    return Acquisition(facts, [row if isinstance(row, list) else [row] for row in values])


def is_signed(raw: bytes, signature: str, hmac_key: str) -> bool:
    """Whether `raw`, with zeros in the signature's place, has this HMAC-SHA256 under the project's key.

    The bytes as they came are checked, never an encoding of ours; the signature may stand in more than one place.
    """
    needle = signature.encode("utf-8", "surrogatepass")
    if len(needle) != len(_NO_SIGNATURE):
        return False
    at = raw.find(needle)
    for _ in range(_MAX_SIGNATURE_PLACES):
        if at < 0:
            return False
        zeroed = raw[:at] + _NO_SIGNATURE.encode() + raw[at + len(needle) :]
        digest = hmac.new(hmac_key.encode(), zeroed, hashlib.sha256).hexdigest()
        if hmac.compare_digest(digest.encode(), needle):
            return True
        at = raw.find(needle, at + 1)
    return False


def _decode_json(raw: bytes) -> object:
    try:
        document = json.loads(raw)
        json.dumps(document, ensure_ascii=False).encode()  # a lone surrogate is no text
    except (ValueError, RecursionError):
        return Refused("Invalid JSON")
    return document


def decode_cbor(raw: bytes) -> object:
    if not _is_modest_cbor(raw):
        return Refused("Invalid CBOR: too many arrays")
    try:
        return cbor2.loads(raw)
    except _CBOR_ERRORS:
        return Refused("Invalid CBOR")


def _is_modest_cbor(raw: bytes) -> bool:
    """Count the arrays, maps and tags without building one. RFC 8949 §3."""
    if len(raw) <= _MAX_CBOR_CONTAINERS:
        return True
    at, containers, end = 0, 0, len(raw)
    while at < end:
        major, info = raw[at] >> 5, raw[at] & 31
        at += 1
        argument = info
        if 24 <= info <= 27:
            width = 1 << (info - 24)
            argument = int.from_bytes(raw[at : at + width], "big")
            at += width
        if major in (2, 3) and info != 31:
            at += argument
        elif major in (4, 5, 6):
            containers += 1
            if containers > _MAX_CBOR_CONTAINERS:
                return False
    return True


def _read_payload(payload: dict[str, Any]) -> tuple[tuple[Sensor, ...], list[Any]] | Refused:
    if not _is_name(payload.get("device_type")):
        return Refused("Invalid acquisition file: payload.device_type should be a string")
    if payload.get("device_name") is not None and not _is_name(payload["device_name"]):
        return Refused("Invalid acquisition file: payload.device_name should be a string")
    if not _is_number(payload.get("interval_ms")) or payload["interval_ms"] < 0:
        return Refused("Invalid acquisition file: payload.interval_ms should be a number of 0 or more")
    sensors = _read_sensors(payload.get("sensors"))
    if sensors is None:
        return Refused("Invalid acquisition file: payload.sensors should be a list of name and units")
    values = payload.get("values")
    if not isinstance(values, list) or not values:
        return Refused("Invalid acquisition file: payload.values should be a list with at least one reading")
    width = len(sensors)
    for row in values:
        if isinstance(row, list):
            if len(row) != width or not all(map(_is_number, row)):
                return Refused(f"Invalid acquisition file: every reading should have {width} numbers")
        elif width != 1 or not _is_number(row):
            return Refused(f"Invalid acquisition file: every reading should have {width} numbers")
    return sensors, values


def _read_sensors(found: object) -> tuple[Sensor, ...] | None:
    if not isinstance(found, list) or not 0 < len(found) <= _MAX_SENSORS:
        return None
    sensors = []
    for one in found:
        if not isinstance(one, dict) or not _is_name(one.get("name")) or not _is_name(one.get("units")):
            return None
        sensors.append(Sensor(one["name"], one["units"]))
    return tuple(sensors)


def _is_zero(value: object) -> bool:
    """The number 0, which the official tutorial on uploads sends in place of a signature: stored, and not valid."""
    return _is_number(value) and value == 0


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_NAME_CHARS


def _is_number(value: object) -> bool:
    """A number that JSON can carry; True is none, and nothing wider than 64 bits is."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return value.bit_length() <= 64
    return isinstance(value, float) and math.isfinite(value)


def _instant_ms(iat: Any) -> int | None:
    """None for what is no second between 1970 and the year 3000."""
    return int(iat * 1000) if _is_number(iat) and 0 < iat < 32_503_680_000 else None


def _chart_type(sensors: tuple[Sensor, ...]) -> str:
    known = {Sensor("image", "rgba"): "image", Sensor("video", "rgba"): "video"}
    return known.get(sensors[0], "chart") if len(sensors) == 1 else "chart"
