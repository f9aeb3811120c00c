"""The page of a sample, its small picture, and its content."""

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO
from urllib.parse import quote

from aiohttp import web

from eisync.emulator.drawing import COLUMNS as THUMBNAIL_COLUMNS
from eisync.emulator.drawing import draw_lines
from eisync.emulator.media import image_type
from eisync.emulator.model import STORED_CATEGORIES, Page, Sample, SampleChange, Selection
from eisync.emulator.names import extension_of, sent_name
from eisync.emulator.pages import chart
from eisync.emulator.pages.lists import find_project
from eisync.emulator.pages.rendering import content_headers, render
from eisync.emulator.pages.series import MEDIA_TYPES, Series, has_series, has_thumbnail, kind_of, read_series
from eisync.emulator.service import SERVICE, Service

_CHUNK_BYTES = 256 * 1024
_MAX_PICTURES_KEPT = 2000
_CHANGES_SHOWN = 50
_ROWS_SHOWN = 200  # of boxes and of ranges
_KEPT_BY_BROWSER = "private, max-age=86400, immutable"  # the address has a part of the content's hash


async def show_sample(request: web.Request) -> web.Response:
    service, project = request.app[SERVICE], find_project(request)
    sample = find_sample(request)
    series = await _series_of(service, sample, chart.COLUMNS) if has_series(sample) else None
    ranges: Sequence[Mapping[str, Any]] = sample.structured_labels or ()
    drawing = None if series is None else chart.draw_chart(series, ranges, sensors=len(sample.facts.sensors))
    return render(
        "sample.html",
        service=service,
        project=project,
        sample=sample,
        sent_name=sent_name(sample.stored_name),
        kind=kind_of(sample),
        series=series,
        chart=drawing,
        chart_size=chart,
        ranges=ranges[:_ROWS_SHOWN],
        ranges_left_out=max(0, len(ranges) - _ROWS_SHOWN),
        boxes=sample.boxes[:_ROWS_SHOWN],
        boxes_left_out=max(0, len(sample.boxes) - _ROWS_SHOWN),
        changes=_changes(service, sample),
        categories=STORED_CATEGORIES,
        newer=_neighbour(service, sample, is_newer=True),
        older=_neighbour(service, sample, is_newer=False),
        updated_by=_updater(service, sample),
    )


async def confirm_deletion(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    return render("delete.html", service=service, project=find_project(request), sample=find_sample(request))


async def get_thumbnail(request: web.Request) -> web.StreamResponse:
    """Return a small drawing of the readings, or the image."""
    service, sample = request.app[SERVICE], find_sample(request)
    if not has_thumbnail(sample):
        raise web.HTTPNotFound
    if kind_of(sample) == "image":
        return await _send(request, sample, is_kept=True)
    if sample.sha256 not in service.pictures:
        series = await _series_of(service, sample, THUMBNAIL_COLUMNS)
        service.pictures[sample.sha256] = "" if series is None else draw_lines(series.lines)
        while len(service.pictures) > _MAX_PICTURES_KEPT:
            del service.pictures[next(iter(service.pictures))]
    picture = service.pictures[sample.sha256]
    if not picture:
        raise web.HTTPNotFound
    return web.Response(text=picture, content_type="image/svg+xml", headers=content_headers(cache=_KEPT_BY_BROWSER))


async def get_media(request: web.Request) -> web.StreamResponse:
    """Return an image, a sound or a video for the page, in parts if the browser asks for parts."""
    sample = find_sample(request)
    if not kind_of(sample):
        raise web.HTTPNotFound
    return await _send(request, sample)


async def download(request: web.Request) -> web.StreamResponse:
    """Return the file as it was uploaded, to be saved and not shown."""
    sample = find_sample(request)
    return await _send(request, sample, save_as=sent_name(sample.stored_name))


def find_sample(request: web.Request) -> Sample:
    """Return the sample in the path. Raises HTTPNotFound."""
    project_id, sample_id = int(request.match_info["project"]), int(request.match_info["sample"])
    wanted = Selection(project_id=project_id, ids=(sample_id,))
    found = request.app[SERVICE].store.list_samples(wanted, Page(limit=1))
    if not found:
        raise web.HTTPNotFound(reason=f"There is no sample {sample_id} in project {project_id}: it may be deleted")
    return found[0]


async def _series_of(service: Service, sample: Sample, columns: int) -> Series | None:
    """Read and reduce the readings in a thread, one sample at a time, so that uploads go on meanwhile."""
    async with service.drawing:
        try:
            file = service.store.open_content(sample.sha256)
        except FileNotFoundError:  # deleted while we waited
            return None
        with file:
            return await asyncio.to_thread(read_series, file, sample, service.settings, columns)


async def _send(
    request: web.Request, sample: Sample, *, save_as: str | None = None, is_kept: bool = False
) -> web.StreamResponse:
    """Send the content, or the part of it that is asked for, in pieces. Raises HTTPNotFound if it was deleted."""
    try:
        file = request.app[SERVICE].store.open_content(sample.sha256)
    except FileNotFoundError as error:
        raise web.HTTPNotFound from error
    with file:
        size_bytes = file.seek(0, os.SEEK_END)
        wanted = _range_of(request, size_bytes)
        if wanted is None:
            return web.Response(status=416, headers={**content_headers(), "Content-Range": f"bytes */{size_bytes}"})
        is_part = wanted != range(size_bytes)
        file.seek(0)
        response = web.StreamResponse(
            status=206 if is_part else 200, headers=content_headers(cache=_KEPT_BY_BROWSER if is_kept else "no-store")
        )
        response.content_type = "application/octet-stream" if save_as is not None else _type_of(sample, file.read(8))
        response.headers["Accept-Ranges"] = "bytes"
        if is_part:
            response.headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size_bytes}"
        if save_as is not None:
            response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(save_as, safe='')}"
        response.content_length = len(wanted)
        # A player that jumps to another place disconnects, and asks again.
        with contextlib.suppress(ConnectionError):
            await _stream(request, response, file, wanted)
        return response


async def _stream(request: web.Request, response: web.StreamResponse, file: BinaryIO, wanted: range) -> None:
    await response.prepare(request)
    if request.method == "HEAD":
        return
    file.seek(wanted.start)
    left = len(wanted)
    while left and (piece := file.read(min(left, _CHUNK_BYTES))):
        await response.write(piece)
        left -= len(piece)


def _range_of(request: web.Request, size_bytes: int) -> range | None:
    """Return the bytes to send; None if there are none such. Several ranges, or nonsense, are answered as a whole."""
    try:
        asked = request.http_range
    except ValueError:
        return range(size_bytes)
    start, stop, _ = slice(asked.start, asked.stop).indices(size_bytes)
    if (asked.start, asked.stop) != (None, None) and start >= stop:
        return None
    return range(start, stop)


def _type_of(sample: Sample, head: bytes) -> str:
    return image_type(head) if kind_of(sample) == "image" else MEDIA_TYPES[extension_of(sent_name(sample.stored_name))]


def _changes(service: Service, sample: Sample) -> Sequence[SampleChange]:
    if service.store.history is None:
        return ()
    with service.store.reading_history(sample.project_id, service.now_ms()) as history:
        return history.list_of_sample(sample.project_id, sample.id, _CHANGES_SHOWN)


def _neighbour(service: Service, sample: Sample, *, is_newer: bool) -> Sample | None:
    project = Selection(project_id=sample.project_id)
    beyond = replace(project, min_id=sample.id + 1) if is_newer else replace(project, max_id=sample.id)
    found = service.store.list_samples(beyond, Page(limit=1, oldest_first=is_newer))
    return found[0] if found else None


def _updater(service: Service, sample: Sample) -> str:
    """Return who changed the sample last, as far as it is known."""
    by = sample.updated_by
    if by is None:
        return "unknown"
    if by.get("type") == "projectApiKey":
        return f"the API key with the id {by.get('id')}"
    names = {one.id: one.username for one in service.store.list_people()}
    return f"the user {names.get(int(str(by.get('id', 0))), by.get('id'))}" if by.get("type") == "user" else "a restore"
