"""The OpenAPI description of the calls in `devices`. Pure."""

from collections.abc import Iterator, Mapping

from eisync.emulator.model import STORED_CATEGORIES
from eisync.emulator.openapi_parts import Route, operation
from eisync.emulator.shapes import (
    BOOLEAN,
    COUNT,
    ID,
    INSTANT,
    NUMBER,
    TEXT,
    Schema,
    answer,
    list_of,
    one_of,
    record,
    ref,
)

_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 200}

DEVICE_SCHEMAS: Mapping[str, Schema] = {
    "Device": record(
        {
            "id": ID,
            "deviceId": TEXT,
            "created": INSTANT,
            "lastSeen": INSTANT,
            "name": TEXT,
            "deviceType": TEXT,
            "sensors": list_of(record({"name": TEXT, "maxSampleLengthS": COUNT, "frequencies": list_of(NUMBER)})),
            "remote_mgmt_connected": BOOLEAN,
            "supportsSnapshotStreaming": BOOLEAN,
            "remoteMgmtMode": one_of(["disconnected", "ingestion", "inference"]),
        },
        {"remote_mgmt_host": TEXT},
    ),
    "Sampling": record(
        {
            "label": _NAME,
            "lengthMs": {**COUNT, "maximum": 86_400_000},
            "category": one_of(STORED_CATEGORIES),
            "intervalMs": {"type": "number", "minimum": 0, "maximum": 86_400_000},
        },
        {"sensor": _NAME, "labelColor": TEXT, "collectedSampleCount": NUMBER, "targetSampleCount": NUMBER},
    ),
}


def device_routes(project: str) -> Iterator[Route]:
    """Yield the calls. The messages of a device on its WebSocket are not part of the description."""
    one = project + "/device/{device}"
    done = answer()
    yield "get", f"{project}/devices", operation("Devices of the project.", answer(devices=list_of(ref("Device"))))
    new = record({"deviceId": _NAME, "deviceType": _NAME, "ifNotExists": BOOLEAN})
    yield "post", f"{project}/devices/create", operation("Make a device, or change its type.", done, body=new)
    name = record({"name": _NAME})
    yield "post", project + "/devices/{device}/rename", operation("Name a device.", done, body=name)
    yield "get", one, operation("One device.", answer(device=ref("Device")))
    yield "delete", one, operation("Delete a device until it connects again.", done)
    started = operation("Request a sample from a device; returns a job.", answer(id=ID), body=ref("Sampling"))
    yield "post", f"{one}/start-sampling", started
