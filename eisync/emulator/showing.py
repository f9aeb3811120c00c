"""A sample as Studio shows it: its record, its payload, its sound. Source: the wire contract, section 3."""

import array
import io
import struct
import sys
import wave
from datetime import UTC, datetime
from typing import Any

from eisync.emulator.acquisition import read_acquisition, sensor_json
from eisync.emulator.media import WavHeader, read_wav_header
from eisync.emulator.model import Refused, Sample
from eisync.emulator.names import extension_of, sent_name
from eisync.emulator.settings import EmulatorSettings
from eisync.emulator.store import Store
from eisync.emulator.tabular import read_table

_ARRAY_CODES = {(16, False): "h", (32, False): "i", (64, False): "q", (32, True): "f", (64, True): "d"}
_FULL_SCALE = 32767


def iso(instant_ms: int) -> str:
    """As JavaScript writes an instant."""
    instant = datetime.fromtimestamp(instant_ms / 1000, UTC)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant_ms % 1000:03d}Z"


def show_sample(sample: Sample, *, exclude_sensors: bool = False) -> dict[str, object]:
    facts = sample.facts
    frequency_hz = 1000 / facts.interval_ms if facts.interval_ms else 0
    shown: dict[str, object] = {
        "id": sample.id,
        "filename": sample.filename,
        "signatureValidate": facts.signature_valid,
        "signatureMethod": facts.signature_method,
        "created": iso(sample.added_ms if facts.created_ms is None else facts.created_ms),
        "lastModified": iso(sample.modified_ms),
        "category": sample.category,
        "coldstorageFilename": f"raw-data/{sample.project_id}/{sample.stored_name}",
        "label": sample.label,
        "intervalMs": facts.interval_ms,
        "frequency": frequency_hz,
        "originalIntervalMs": facts.interval_ms,
        "originalFrequency": frequency_hz,
        "deviceType": facts.device_type,
        "sensors": [] if exclude_sensors else sensor_json(facts.sensors),
        "valuesCount": facts.values_count,
        "totalLengthMs": facts.interval_ms * facts.values_count,
        "added": iso(sample.added_ms),
        "boundingBoxes": list(sample.boxes),
        "boundingBoxesType": "object_detection",
        "chartType": facts.chart_type,
        "isDisabled": sample.is_disabled,
        "isProcessing": False,
        "processingError": False,
        "isCropped": False,
        "projectId": sample.project_id,
        "sha256Hash": sample.sha256,
        "datastreams": [],
    }
    optional = {
        "deviceName": facts.device_name,
        "metadata": sample.metadata,
        "structuredLabels": sample.structured_labels,
        "labelMap": sample.label_map,
        "imageDimensions": facts.image_size and {"width": facts.image_size[0], "height": facts.image_size[1]},
    }
    return shown | {name: value for name, value in optional.items() if value is not None}


def show_payload(sample: Sample, store: Store, settings: EmulatorSettings) -> dict[str, Any]:
    """The values of a time series or of sound; none for images, video, tables, and files too large to be read."""
    facts = sample.facts
    payload: dict[str, Any] = {
        "device_type": facts.device_type,
        "interval_ms": facts.interval_ms,
        "sensors": sensor_json(facts.sensors),
        "values": [],
    }
    if facts.device_name is not None:
        payload["device_name"] = facts.device_name
    if sample.size_bytes > settings.max_parse_bytes:
        return payload
    extension = extension_of(sent_name(sample.stored_name))
    with store.open_content(sample.sha256) as file:
        if extension in (".csv", ".txt"):
            table = read_table(file, constant_interval=False, keep_rows=True)
            return payload if isinstance(table, Refused) else payload | {"values": table.rows}
        if extension in (".cbor", ".json"):
            read = read_acquisition(file.read(), is_cbor=extension == ".cbor", hmac_key="", unsigned_is_valid=False)
            return payload if isinstance(read, Refused) else read.payload
        if extension == ".wav":
            header = read_wav_header(file)
            if not isinstance(header, Refused):
                file.seek(header.data_at)
                frames = file.read(header.frames * header.channels * header.bits // 8)
                return payload | {"values": _rows(_decode_frames(header, frames), header.channels)}
    return payload


def show_wav(payload: dict[str, Any], axis: int) -> bytes | None:
    """One axis of a time series as 16-bit sound; None when there is no such axis, or no interval."""
    interval_ms, rows = payload["interval_ms"], payload["values"]
    if not rows or interval_ms <= 0 or not 0 <= axis < len(payload["sensors"]):
        return None
    values = [row[axis] if isinstance(row, list) else row for row in rows]
    samples = array.array("h", (round(max(-32768, min(_FULL_SCALE, value))) for value in values))
    if sys.byteorder == "big":
        samples.byteswap()
    sound = io.BytesIO()
    with wave.open(sound, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(max(1, min(2**31 - 1, round(1000 / interval_ms))))
        writer.writeframes(samples.tobytes())
    return sound.getvalue()


def _decode_frames(header: WavHeader, raw: bytes) -> list[float]:
    if header.bits == 8:
        return [byte - 128 for byte in raw]
    if header.bits == 24:
        padded = b"".join(b"\0" + raw[at : at + 3] for at in range(0, len(raw) - 2, 3))
        return [value >> 8 for value in struct.unpack(f"<{len(padded) // 4}i", padded)]
    code = _ARRAY_CODES.get((header.bits, header.is_float))
    if code is None:
        return []
    values = array.array(code, raw)
    if sys.byteorder == "big":
        values.byteswap()
    # What is no number has no place in JSON.
    return [value if value - value == 0 else 0.0 for value in values]


def _rows(values: list[float], width: int) -> list[list[float]]:
    return [values[at : at + width] for at in range(0, len(values), width)]
