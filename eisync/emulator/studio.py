"""Studio's routes, with and without the prefix /v1. A call that fails is answered with HTTP 200 and success:false.

Each route is a row of one table: method, path, the needed permission, and the handler. Handlers that change samples are
in `editing`. Source: the wire contract, section 3.
"""

import sys
from collections.abc import Iterator

from aiohttp import web

from eisync.emulator import (
    accounts,
    callers,
    devices,
    editing,
    exporting,
    jobs,
    project_settings,
    summaries,
    versions,
)
from eisync.emulator.calls import Call, Handler, Need, guarded, success
from eisync.emulator.media import image_type
from eisync.emulator.model import Page, Sample
from eisync.emulator.names import extension_of, sent_name
from eisync.emulator.parts import options_of, validation_of
from eisync.emulator.project import show_project, show_project_info
from eisync.emulator.replies import fault_now
from eisync.emulator.selecting import Refusal, read_boolean, read_count, read_page, read_selection
from eisync.emulator.showing import iso, read_rows, show_payload, show_sample, show_wav, write_samples

_CHUNK_BYTES = 256 * 1024
_VIDEO_TYPES = {".mp4": "video/mp4", ".avi": "video/x-msvideo"}


def add_routes(app: web.Application) -> None:
    for method, path, need, handler in _routes():
        for prefix in ("", "/v1"):
            app.router.add_route(method, prefix + path, guarded(need, handler))
    callers.add_routes(app)
    exporting.add_routes(app)
    accounts.add_routes(app)


def _routes() -> Iterator[tuple[str, str, Need, Handler]]:
    project = "/api/{project:[0-9]{1,15}}"
    raw = f"{project}/raw-data"
    one = raw + "/{sample:[0-9]{1,15}}"
    yield "GET", "/api/projects", Need.NOTHING, _get_projects
    yield "GET", "/api/projects/api-key-info", Need.NOTHING, _get_key_info
    yield "GET", project, Need.READ, _get_project
    yield "GET", f"{project}/devkeys/hmac", Need.READ, _get_hmac_key
    yield "GET", f"{project}/last-modification", Need.READ, _get_last_modification
    yield "GET", raw, Need.READ, _list
    yield "GET", f"{raw}/count", Need.READ, _count
    yield "GET", one, Need.READ, _get_sample
    yield "GET", f"{one}/raw", Need.READ, _get_raw
    yield "GET", f"{one}/image", Need.READ, _get_image
    yield "GET", f"{one}/video", Need.READ, _get_video
    yield "GET", f"{one}/wav", Need.READ, _get_wav
    yield "DELETE", one, Need.CHANGE, editing.delete_sample
    for room in (versions, jobs, exporting, summaries, project_settings):
        yield from room.routes(project)
    yield "POST", f"{raw}/delete-all", Need.CHANGE, editing.delete_all
    yield "POST", raw + "/delete-all/{category}", Need.CHANGE, editing.delete_all
    yield "POST", one + "/{action}", Need.CHANGE, editing.edit_sample
    yield "POST", raw + "/batch/{action}", Need.CHANGE, editing.edit_batch
    yield from accounts.routes(project)
    yield from devices.routes(project)


# Projects


async def _get_projects(call: Call) -> web.StreamResponse:
    is_person = call.caller.project_id is None
    projects = call.service.store.list_projects() if is_person else [call.project]
    return success(projects=[show_project(one) for one in projects])


async def _get_key_info(call: Call) -> web.StreamResponse:
    caller = call.caller
    if caller.project_id is None:
        raise Refusal("This call needs a project's API key")
    return success(apiKeyId=caller.actor.id, projectId=caller.project_id, role=caller.role.value)


async def _get_project(call: Call) -> web.StreamResponse:
    store, project = call.service.store, call.project
    hmac_key = project.hmac_key if call.caller.role.may_change else ""
    info = show_project_info(project, store.count_by_label(project.id), hmac_key=hmac_key, now_ms=call.service.now_ms())
    return success(
        **info,
        explicitValidationEnabled=validation_of(project, call.service.settings) == "stored",
        datasetSplitOptions=options_of(project).as_json(),
    )


async def _get_hmac_key(call: Call) -> web.StreamResponse:
    return success(hmacKey=call.project.hmac_key)


async def _get_last_modification(call: Call) -> web.StreamResponse:
    modified_ms = call.project.modified_ms
    return success() if modified_ms is None else success(lastModificationDate=iso(modified_ms))


# Reading samples


async def _list(call: Call) -> web.StreamResponse:
    query = call.listed("datasetVersionId")
    selection = read_selection(query, call.project.id, call.service.settings)
    page = read_page(query, call.service.settings)
    if query.get("datasetVersionId"):
        samples, total = versions.list_version(call, query["datasetVersionId"], selection, page)
    else:
        samples = call.service.store.list_samples(selection, page)
        total = call.service.store.count_samples(selection)
    written = write_samples(samples, exclude_sensors=read_boolean(query, "excludeSensors"))
    raw = f'{{"success":true,"samples":[{written}],"totalCount":{total}}}'
    return web.Response(text=raw, content_type="application/json")


async def _count(call: Call) -> web.StreamResponse:
    query = call.listed("datasetVersionId")
    selection = read_selection(query, call.project.id, call.service.settings)
    if query.get("datasetVersionId"):
        _, total = versions.list_version(call, query["datasetVersionId"], selection, Page(limit=0))
        return success(count=total)
    return success(count=call.service.store.count_samples(selection))


async def _get_sample(call: Call) -> web.StreamResponse:
    sample, store, settings = call.sample, call.service.store, call.service.settings
    limit = read_count(call.query, "limitPayloadValues", default=sys.maxsize, at_most=sys.maxsize)
    return success(
        sample=show_sample(sample),
        payload=show_payload(sample, store, settings, limit=limit),
        totalPayloadLength=sample.facts.values_count,
        datastreamPayloads=[],
    )


async def _get_raw(call: Call) -> web.StreamResponse:
    return await _send(call, call.sample, "application/octet-stream")


async def _get_image(call: Call) -> web.StreamResponse:
    sample = call.sample
    if sample.facts.chart_type != "image" or extension_of(sent_name(sample.stored_name)) in (".cbor", ".json"):
        raise Refusal("This sample is not an image")
    with call.service.store.open_content(sample.sha256) as file:
        content_type = image_type(file.read(8))
    return await _send(call, sample, content_type)


async def _get_video(call: Call) -> web.StreamResponse:
    sample = call.sample
    content_type = _VIDEO_TYPES.get(extension_of(sent_name(sample.stored_name)))
    if content_type is None:
        raise Refusal("This sample is not a video")
    return await _send(call, sample, content_type)


async def _get_wav(call: Call) -> web.StreamResponse:
    sample = call.sample
    if extension_of(sent_name(sample.stored_name)) == ".wav":
        return await _send(call, sample, "audio/wav")
    axis = call.query.get("axisIx", "0")
    rows = read_rows(sample, call.service.store, call.service.settings)
    sound = show_wav(sample.facts, rows, int(axis)) if axis.isascii() and axis.isdigit() and len(axis) < 9 else None
    if sound is None:
        raise Refusal(f"This sample has no sound in axis {axis}")
    return web.Response(body=sound, content_type="audio/wav")


async def _send(call: Call, sample: Sample, content_type: str) -> web.StreamResponse:
    """Send a content as it was uploaded; a large one in pieces."""
    with call.service.store.open_content(sample.sha256) as file:
        # A fault that changes the answer needs the whole answer.
        if sample.size_bytes <= _CHUNK_BYTES or fault_now() is not None:
            return web.Response(body=file.read(), content_type=content_type)
        response = web.StreamResponse(headers={"Content-Type": content_type})
        response.content_length = sample.size_bytes
        await response.prepare(call.request)
        while chunk := file.read(_CHUNK_BYTES):
            await response.write(chunk)
        return response
