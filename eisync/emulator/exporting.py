"""Export the uploaded files of a project as a ZIP with `info.labels`. A job makes it; its URL needs no key.

The calls are those of the official client (npm, edge-impulse-api 1.95.13). Source of `info.labels`: the wire contract,
section 5. The names of the files are the emulator's own: `<category>/<name>.<sample id>.<extension>`, and with
`uploaderFriendlyFilenames` the label before the name.
"""

import asyncio
import json
import os
import re
import secrets
import sys
import zipfile
from collections.abc import Iterator

from aiohttp import web

from eisync.emulator.calls import Call, Handler, Need, success
from eisync.emulator.jobs import add_finished_job
from eisync.emulator.model import Page, Sample, Selection
from eisync.emulator.names import extension_of, sent_name
from eisync.emulator.selecting import Refusal
from eisync.emulator.service import SERVICE, Export
from eisync.emulator.showing import iso
from eisync.emulator.store import Store

_CHUNK_BYTES = 256 * 1024
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')  # not allowed in file names on some system
_MAX_NAME_CHARS = 120


def routes(project: str) -> Iterator[tuple[str, str, Need, Handler]]:
    """Yield the calls. `project` is the path of a project."""
    yield "POST", f"{project}/jobs/export/original", Need.CHANGE, _start
    yield "GET", f"{project}/export/get-url", Need.READ, _get_url
    yield "GET", f"{project}/export/download", Need.READ, _redirect


def add_routes(app: web.Application) -> None:
    """Add the route of the ZIP. It needs no key: like a signed URL, its address is secret."""
    app.router.add_get("/emulator/exports/{token:[0-9a-f]{32}}.zip", _download)


async def _start(call: Call) -> web.StreamResponse:
    body = await call.body()
    friendly, retains = body.get("uploaderFriendlyFilenames"), body.get("retainCrops")
    if not isinstance(friendly, bool) or not isinstance(retains, bool):
        raise Refusal("Missing uploaderFriendlyFilenames or retainCrops")
    token = secrets.token_hex(16)
    path = os.path.join(call.service.store.spool_folder, f"export-{token}.zip")
    await _write(path, call.service.store, call.project.id, friendly=friendly)
    older = call.service.exports.pop(call.project.id, None)
    if older is not None:
        os.unlink(older.path)
    call.service.exports[call.project.id] = Export(token, path, call.service.now_ms())
    return success(id=add_finished_job(call, category="Exporting data", key="export-original"))


async def _get_url(call: Call) -> web.StreamResponse:
    export = call.service.exports.get(call.project.id)
    if export is None:
        return success(hasExport=False)
    return success(hasExport=True, created=iso(export.created_ms), url=_url(call, export))


async def _redirect(call: Call) -> web.StreamResponse:
    export = call.service.exports.get(call.project.id)
    if export is None:
        raise Refusal("No export was made of this project")
    return web.Response(status=302, headers={"Location": _url(call, export)})


def _url(call: Call, export: Export) -> str:
    return f"{call.service.studio_url.removesuffix('/v1')}/emulator/exports/{export.token}.zip"


async def _download(request: web.Request) -> web.StreamResponse:
    token = request.match_info["token"]
    for export in request.app[SERVICE].exports.values():
        if export.token == token:
            return web.FileResponse(export.path, headers={"Content-Type": "application/zip"})
    raise web.HTTPNotFound


async def _write(path: str, store: Store, project_id: int, *, friendly: bool) -> None:
    """Write the ZIP. Other requests are served between samples; a sample that is deleted meanwhile is left out."""
    entries: list[dict[str, object]] = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for sample in store.list_samples(Selection(project_id=project_id), Page(limit=sys.maxsize)):
            name = _path_of(sample, friendly=friendly)
            try:
                content = store.open_content(sample.sha256)
            except FileNotFoundError:
                continue
            with content as source, archive.open(name, "w", force_zip64=True) as target:
                while chunk := source.read(_CHUNK_BYTES):
                    target.write(chunk)
            entries.append({"path": name, **describe(sample)})
            await asyncio.sleep(0)
        archive.writestr("info.labels", json.dumps({"version": 1, "files": entries}))


def _path_of(sample: Sample, *, friendly: bool) -> str:
    stem = f"{sample.label or 'unlabeled'}.{sample.filename}" if friendly else sample.filename
    safe = _UNSAFE.sub("_", stem)[:_MAX_NAME_CHARS].lstrip(".")
    return f"{sample.category}/{safe or '_'}.{sample.id}{extension_of(sent_name(sample.stored_name))}"


def describe(sample: Sample) -> dict[str, object]:
    """Return the entry of a sample in `info.labels`, without the path."""
    label: dict[str, object] = {"type": "label", "label": sample.label} if sample.label else {"type": "unlabeled"}
    if sample.label_map is not None:
        label = {"type": "keyvalue-labels", "labels": sample.label_map}
    elif sample.structured_labels is not None:
        label = {"type": "multi-label", "labels": list(sample.structured_labels)}
    described: dict[str, object] = {"name": sample.filename, "category": sample.category, "label": label}
    if sample.metadata:
        described["metadata"] = sample.metadata
    if sample.boxes:
        described["boundingBoxes"] = list(sample.boxes)
    return described
