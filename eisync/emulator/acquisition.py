"""Read the data acquisition format, in JSON or CBOR, and check its signature.

The bytes may be hostile: depth, counts and numbers are limited before any value is built.

Source: the wire contract, section 2.
"""

import hashlib
import hmac
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cbor2

from eisync.emulator.model import Facts, Refused, Sensor, can_be_shown
from eisync.emulator.references import read_samples, refers_to_file, sample_type_of, split_header
from eisync.emulator.settings import EmulatorSettings

_NO_SIGNATURE = "0" * 64
_MAX_SIGNATURE_PLACES = 8
# cbor2 also raises the errors of the types that it builds from tagged values, such as dates, fractions and addresses.
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
    values: Sequence[Any]  # a list for each reading; with one sensor also a plain number
    structured_labels: object = None  # not checked yet
    refers_to_file: bool = False  # the values are in another part of the request

    @property
    def rows(self) -> list[list[float]]:
        return [row if isinstance(row, list) else [row] for row in self.values]


def read_acquisition(raw: bytes, *, is_cbor: bool, hmac_key: str, settings: EmulatorSettings) -> Acquisition | Refused:
    """Read an acquisition file. A wrong signature is marked, not refused."""
    header, behind = split_header(raw, settings.max_cbor_items) if is_cbor else (raw, b"")
    document = decode_cbor(header, settings.max_cbor_items) if is_cbor else _decode_json(raw)
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
    if not isinstance(payload, dict):
        return Refused("Invalid acquisition file: payload is missing")
    read = _read_payload(payload, behind, settings)
    if isinstance(read, Refused):
        return read
    sensors, values = read
    if not can_be_shown(float(payload["interval_ms"]), len(values)):
        return Refused("Invalid acquisition file: payload.interval_ms is too small or too large")
    facts = Facts(
        chart_type=_chart_type(sensors),
        sensors=sensors,
        device_type=payload["device_type"],
        device_name=payload.get("device_name"),
        interval_ms=float(payload["interval_ms"]),
        values_count=len(values),
        signature_valid=_is_valid(raw, method, signature, hmac_key, settings),
        signature_method=str(method),
        created_ms=_instant_ms(protected.get("iat")),
    )
    labels = payload.get("structured_labels")
    return Acquisition(facts, values, labels, refers_to_file=refers_to_file(payload["values"]))


def _is_valid(raw: bytes, method: object, signature: object, hmac_key: str, settings: EmulatorSettings) -> bool:
    """Return whether the signature is valid. It covers the whole file, also the bytes after a CBOR item.

    64 zeros, null (sent by the official SDK) and the number 0 (sent by the official tutorial) count as no signature.
    """
    if method == "none" or not signature or signature == _NO_SIGNATURE:
        return settings.unsigned_is_valid
    return isinstance(signature, str) and is_signed(raw, signature, hmac_key)


def is_signed(raw: bytes, signature: str, hmac_key: str) -> bool:
    """Return whether `raw`, with zeros in place of the signature, has this HMAC-SHA256 with the project's key.

    The bytes are checked as they were sent, not encoded again. The text of the signature may occur in several places;
    each is tried.
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
        json.dumps(document, ensure_ascii=False).encode()  # raises for a lone surrogate
    except (ValueError, RecursionError):
        return Refused("Invalid JSON")
    return document


def decode_cbor(raw: bytes, max_items: int) -> object:
    if not _is_modest_cbor(raw, max_items):
        return Refused("Invalid CBOR: too many arrays")
    try:
        return cbor2.loads(raw)
    except _CBOR_ERRORS:
        return Refused("Invalid CBOR")


def _is_modest_cbor(raw: bytes, max_items: int) -> bool:
    """Return whether there are at most `max_items` arrays, maps and tags, without building any. RFC 8949 §3."""
    if len(raw) <= max_items:
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
            if containers > max_items:
                return False
    return True


def _read_payload(
    payload: dict[str, Any], behind: bytes, settings: EmulatorSettings
) -> tuple[tuple[Sensor, ...], Sequence[Any]] | Refused:
    """Return the sensors and the values. `behind` has the bytes after the CBOR item."""
    if not _is_name(payload.get("device_type"), settings):
        return Refused("Invalid acquisition file: payload.device_type should be a string")
    if payload.get("device_name") is not None and not _is_name(payload["device_name"], settings):
        return Refused("Invalid acquisition file: payload.device_name should be a string")
    if not _is_number(payload.get("interval_ms")) or payload["interval_ms"] < 0:
        return Refused("Invalid acquisition file: payload.interval_ms should be a number of 0 or more")
    sensors = _read_sensors(payload.get("sensors"), settings)
    if sensors is None:
        return Refused("Invalid acquisition file: payload.sensors should be a list of name and units")
    values = payload.get("values")
    sample_type = sample_type_of(values)
    if sample_type is not None or refers_to_file(values):
        if len(sensors) != 1:
            return Refused("Invalid acquisition file: a binary payload should have a single sensor")
        if sample_type is None:
            return sensors, [0]  # one image, in another part of the request
        values = read_samples(behind, sample_type)
        return (sensors, values) if values else Refused("Invalid acquisition file: the binary payload is missing")
    if not isinstance(values, list) or not values:
        return Refused("Invalid acquisition file: payload.values should be a list with at least one reading")
    if not settings.refuse_values_not_finite:
        values = [_finite(row) for row in values]
    width = len(sensors)
    for row in values:
        if isinstance(row, list):
            if len(row) != width or not all(map(_is_number, row)):
                return Refused(f"Invalid acquisition file: every reading should have {width} numbers")
        elif width != 1 or not _is_number(row):
            return Refused(f"Invalid acquisition file: every reading should have {width} numbers")
    return sensors, values


def _finite(row: Any) -> Any:
    """Return a reading in which null, NaN and infinity are replaced by 0."""
    if isinstance(row, list):
        return [_finite(value) for value in row]
    return 0 if row is None or (isinstance(row, float) and not math.isfinite(row)) else row


def _read_sensors(found: object, settings: EmulatorSettings) -> tuple[Sensor, ...] | None:
    if not isinstance(found, list) or not 0 < len(found) <= settings.max_sensors:
        return None
    sensors = []
    for one in found:
        if not isinstance(one, dict) or not all(_is_name(one.get(key), settings) for key in ("name", "units")):
            return None
        sensors.append(Sensor(one["name"], one["units"]))
    return tuple(sensors)


def _is_name(value: object, settings: EmulatorSettings) -> bool:
    return isinstance(value, str) and len(value) <= settings.max_name_chars


def _is_number(value: object) -> bool:
    """Return whether a value is a number that fits into a double. True and False are not numbers."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return value.bit_length() < 1024
    return isinstance(value, float) and math.isfinite(value)


def _instant_ms(iat: Any) -> int | None:
    """Return the time in milliseconds; None unless it is between the years 1970 and 3000."""
    return int(iat * 1000) if _is_number(iat) and 0 < iat < 32_503_680_000 else None


def _chart_type(sensors: tuple[Sensor, ...]) -> str:
    known = {Sensor("image", "rgba"): "image", Sensor("video", "rgba"): "video"}
    return known.get(sensors[0], "chart") if len(sensors) == 1 else "chart"
