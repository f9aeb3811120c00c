"""Studio's calls about devices: list, look up, create, rename, delete, and request a sample from a connected one.

Source: the published OpenAPI description of Studio, "Devices". It does not describe the progress of a requested sample.
Here the answer has the id of a job, and the job's `additionalInfo` has the stage or the reason of the failure.
"""

from collections.abc import Iterator, Mapping

from aiohttp import web

from eisync.emulator.calls import Call, Handler, Need, success
from eisync.emulator.device_store import Device
from eisync.emulator.model import STORED_CATEGORIES
from eisync.emulator.replies import answer
from eisync.emulator.selecting import Refusal
from eisync.emulator.service import SERVICE, Service
from eisync.emulator.showing import iso

_MAX_LENGTH_MS = 24 * 3600 * 1000  # of a sample, and of the interval between two readings
# Fields of the official message types that are not documented. Boards with the official firmware refuse unknown fields,
# so each is sent only if the request has it.
_HINTS: Mapping[str, type | tuple[type, ...]] = {
    "labelColor": str,
    "collectedSampleCount": (int, float),
    "targetSampleCount": (int, float),
}


def routes(project: str) -> Iterator[tuple[str, str, Need, Handler]]:
    """Yield rows of Studio's table: method, path, the needed permission, handler."""
    one = project + "/device/{device}"
    yield "GET", f"{project}/devices", Need.READ, _list
    yield "POST", f"{project}/devices/create", Need.CHANGE, _create
    yield "POST", project + "/devices/{device}/rename", Need.CHANGE, _rename
    yield "GET", one, Need.READ, _get
    yield "DELETE", one, Need.CHANGE, _delete
    yield "POST", f"{one}/start-sampling", Need.CHANGE, _start_sampling


async def get_connections(request: web.Request) -> web.Response:
    """Return the messages of every connected device, and the refused devices. The call is the emulator's own."""
    return answer({"success": True, **request.app[SERVICE].connections.as_json()})


def show_device(device: Device, service: Service) -> dict[str, object]:
    connection = service.connections.find(device.project_id, device.device_id)
    shown: dict[str, object] = {
        "id": device.id,
        "deviceId": device.device_id,
        "created": iso(device.created_ms),
        "lastSeen": iso(max(device.last_seen_ms, 0 if connection is None else connection.last_seen_ms)),
        "name": device.name,
        "deviceType": device.device_type,
        "sensors": device.sensors,
        "remote_mgmt_connected": connection is not None,
        "supportsSnapshotStreaming": device.supports_snapshots,
        "remoteMgmtMode": "disconnected" if connection is None else connection.hello.mode,
    }
    return shown if connection is None else shown | {"remote_mgmt_host": service.remote_url.removeprefix("ws://")}


async def _list(call: Call) -> web.StreamResponse:
    devices = call.service.store.devices.list_devices(call.project.id)
    return success(devices=[show_device(device, call.service) for device in devices])


async def _get(call: Call) -> web.StreamResponse:
    return success(device=show_device(_device_of(call), call.service))


async def _create(call: Call) -> web.StreamResponse:
    """Make a device. An existing one gets the new type, or stays as it is with `ifNotExists`."""
    body = await call.body()
    device_id, device_type = _text_of(body, "deviceId", call), _text_of(body, "deviceType", call)
    if not isinstance(body.get("ifNotExists"), bool):
        raise Refusal("ifNotExists should be true or false")
    devices = call.service.store.devices
    if not body["ifNotExists"] or devices.find(call.project.id, device_id) is None:
        devices.create(call.project.id, device_id, device_type, now_ms=call.service.now_ms())
    return success()


async def _rename(call: Call) -> web.StreamResponse:
    device = _device_of(call)
    call.service.store.devices.rename(device.project_id, device.device_id, _text_of(await call.body(), "name", call))
    return success()


async def _delete(call: Call) -> web.StreamResponse:
    """Delete a device. Its next hello or sample makes it known again."""
    device = _device_of(call)
    call.service.store.devices.remove(device.project_id, device.device_id)
    connection = call.service.connections.find(device.project_id, device.device_id)
    if connection is not None:
        await connection.close("the device was deleted")
    return success()


async def _start_sampling(call: Call) -> web.StreamResponse:
    """Request a sample, and answer at once with the id of a job, which reports the progress."""
    service, device = call.service, _device_of(call)
    body = await call.body()
    request, length_ms = _read_request(body, call.project.hmac_key, call)
    connection = service.connections.find(device.project_id, device.device_id)
    if connection is None:
        raise Refusal(f"Device {device.device_id} is not connected to remote management")
    if connection.is_sampling and service.settings.refuse_busy_device:
        raise Refusal(f"Device {device.device_id} is busy with another sample")
    if "sensor" not in request and connection.hello.sensors:
        request["sensor"] = connection.hello.sensors[0].name
    now = iso(service.now_ms())
    job_id = service.add_job(
        device.project_id,
        {
            "category": "Sampling",
            "categoryKey": "sampling",
            "key": f"sampling-{device.device_id}",
            "created": now,
            "started": now,
            "jobNotificationUids": [],
        },
    )
    if not await connection.request_sample(request, service.jobs[(device.project_id, job_id)], length_ms=length_ms):
        raise Refusal(f"Device {device.device_id} is not connected to remote management")
    return success(id=job_id)


def _read_request(body: dict[str, object], hmac_key: str, call: Call) -> tuple[dict[str, object], float]:
    """Return the `sample` message for the body of a call, and the length in ms. Raises Refusal."""
    category = body.get("category")
    if category not in STORED_CATEGORIES:
        raise Refusal(f"Unknown category {category}")
    length_ms, interval_ms = body.get("lengthMs"), body.get("intervalMs")
    if isinstance(length_ms, bool) or not isinstance(length_ms, int) or not 0 <= length_ms <= _MAX_LENGTH_MS:
        raise Refusal(f"lengthMs should be a whole number of 0 to {_MAX_LENGTH_MS}")
    if (
        isinstance(interval_ms, bool)
        or not isinstance(interval_ms, int | float)
        or not 0 <= interval_ms <= _MAX_LENGTH_MS
    ):
        raise Refusal(f"intervalMs should be a number of 0 to {_MAX_LENGTH_MS}")
    request: dict[str, object] = {
        "label": _text_of(body, "label", call),
        "length": length_ms,
        "path": f"/api/{category}/data",
        "hmacKey": hmac_key,
        "interval": interval_ms,
    }
    if body.get("sensor") is not None:
        request["sensor"] = _text_of(body, "sensor", call)
    for name, kind in _HINTS.items():
        if isinstance(body.get(name), kind):
            request[name] = body[name]
    return request, float(length_ms)


def _device_of(call: Call) -> Device:
    device_id = call.request.match_info["device"].encode("utf-8", "replace").decode()
    device = call.service.store.devices.find(call.project.id, device_id)
    if device is None:
        raise Refusal(f"No device found with ID {device_id}")
    return device


def _text_of(body: dict[str, object], name: str, call: Call) -> str:
    text, longest = body.get(name), call.service.settings.max_name_chars
    if not isinstance(text, str) or not 0 < len(text) <= longest:
        raise Refusal(f"{name} should be a text of 1 to {longest} characters")
    return text
