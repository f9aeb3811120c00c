"""The web page at the root of the Studio port: what is stored. It loads nothing from other servers.

Time series and sounds are drawn into the page. Images are loaded from /thumbnails. Neither needs a key, like all calls
that the emulator adds to the service's.
"""

import asyncio
from collections.abc import Mapping, Sequence
from html import escape

from aiohttp import web

from eisync.emulator.drawing import draw_rows
from eisync.emulator.media import image_type
from eisync.emulator.model import Page, Project, Sample, Selection
from eisync.emulator.names import extension_of, sent_name
from eisync.emulator.service import SERVICE, Service
from eisync.emulator.showing import iso, read_rows

_SAMPLES_SHOWN = 100
_VERSIONS_SHOWN = 10
# Larger samples are listed without a picture, because reading them would slow down the page.
_MAX_IMAGE_BYTES = 4 * 1024 * 1024
_MAX_DRAWN_BYTES = 512 * 1024
_MAX_PICTURES_KEPT = 2000
_IMAGES = (".png", ".jpg", ".jpeg")
_READINGS = (".csv", ".txt", ".json", ".cbor", ".wav")
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #222; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: .6rem 0; } th, td { padding: .2rem .8rem .2rem 0; text-align: left; }
th { border-bottom: 1px solid #999; font-weight: 600; } td { border-bottom: 1px solid #ddd; }
td.number { text-align: right; } .off { color: #999; } code { font-size: .9em; overflow-wrap: anywhere; }
td img { max-height: 48px; max-width: 160px; vertical-align: middle; } svg { vertical-align: middle; }
"""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_IMAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff"}


def add_routes(app: web.Application) -> None:
    app.router.add_get("/", _get_page)
    app.router.add_get("/thumbnails/{project:[0-9]{1,15}}/{sample:[0-9]{1,15}}", _get_thumbnail)


async def _get_page(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    projects = "".join([await _show_project(service, project) for project in service.store.list_projects()])
    html = (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Edge Impulse emulator</title>"
        f"<style>{_STYLE}</style><h1>Edge Impulse emulator</h1>"
        f"<p>Studio <code>{_safe(service.studio_url)}</code>, ingestion <code>{_safe(service.ingestion_url)}</code>, "
        f"devices <code>{_safe(service.remote_url or 'off')}</code></p>"
        f"{projects}</html>"
    )
    return web.Response(text=html, content_type="text/html", headers=_HEADERS)


async def _get_thumbnail(request: web.Request) -> web.Response:
    """Return the whole image; the browser scales it down."""
    store = request.app[SERVICE].store
    project_id, sample_id = int(request.match_info["project"]), int(request.match_info["sample"])
    samples = store.list_samples(Selection(project_id=project_id, ids=(sample_id,)), Page(limit=1))
    if not samples or not _has_image(samples[0]):
        raise web.HTTPNotFound
    with store.open_content(samples[0].sha256) as file:
        content = file.read()
    return web.Response(body=content, content_type=image_type(content[:8]), headers=_IMAGE_HEADERS)


async def _show_project(service: Service, project: Project) -> str:
    selection = Selection(project_id=project.id)
    count = service.store.count_samples(selection)
    keys = ", ".join(f"<code>{_safe(key.key)}</code> ({key.role.value})" for key in service.store.list_keys(project.id))
    title = f"<h2>{_safe(project.name)}</h2><p>Project {project.id}, {count} samples. Keys: {keys}</p>"
    title += _show_devices(service, project)
    if not count:
        return title + "<p>No samples have been uploaded yet.</p>"
    groups = _table(
        ("Label", "Category", "Samples"),
        [
            f"<td>{_label(label)}<td>{_safe(category)}<td class=number>{number}"
            for label, category, number in service.store.count_by_label(project.id)
        ],
    )
    groups += _show_versions(service, project)
    samples = service.store.list_samples(selection, Page(limit=_SAMPLES_SHOWN))
    newest = f"<p>The newest {len(samples)}:</p>" if count > len(samples) else ""
    pictures = await _draw(service, samples)
    rows = [_show_sample(sample, pictures) for sample in samples]
    return title + groups + newest + _table(("ID", "", "Name", "Label", "Category", "Type", "Added"), rows)


def _show_versions(service: Service, project: Project) -> str:
    """Return a table of the newest dataset versions with the numbers of their changes."""
    if service.store.history is None:
        return ""
    now_ms = service.now_ms()
    with service.store.reading_history(project.id, now_ms) as history:
        versions, total = history.list_versions(project.id, now_ms, Page(limit=_VERSIONS_SHOWN))
    rows = [
        f"<td class=number>{one.version_id}<td>{one.kind}<td>{iso(one.closed_ms or one.opened_ms)}"
        f"<td class=number>{one.inserts}<td class=number>{one.updates}<td class=number>{one.deletes}"
        f"<td>{_safe(one.description or '')}"
        for one in versions
    ]
    heads = ("Version", "Type", "Closed", "Added", "Updated", "Deleted", "Description")
    return f"<p>The newest of {total} versions of the dataset:</p>{_table(heads, rows)}" if rows else ""


def _show_devices(service: Service, project: Project) -> str:
    rows = [
        f"<td>{_safe(device.name)}<td>{_safe(device.device_type)}"
        f"<td>{'connected' if service.connections.find(project.id, device.device_id) else 'not connected'}"
        f"<td>{_safe(', '.join(sensor['name'] for sensor in device.sensors))}"
        for device in service.store.devices.list_devices(project.id)
    ]
    return _table(("Device", "Type", "Remote management", "Sensors"), rows) if rows else ""


async def _draw(service: Service, samples: Sequence[Sample]) -> Mapping[str, str]:
    """Return a picture for each content. New ones are drawn one by one, and kept."""
    kept = service.pictures
    for sample in samples:
        if sample.sha256 not in kept and _has_readings(sample):
            try:
                kept[sample.sha256] = draw_rows(read_rows(sample, service.store, service.settings))
            except FileNotFoundError:  # deleted while other requests were served
                continue
            await asyncio.sleep(0)  # serve uploads between two pictures
    while len(kept) > _MAX_PICTURES_KEPT:
        del kept[next(iter(kept))]
    return kept


def _has_readings(sample: Sample) -> bool:
    return extension_of(sent_name(sample.stored_name)) in _READINGS and sample.size_bytes <= _MAX_DRAWN_BYTES


def _has_image(sample: Sample) -> bool:
    return extension_of(sent_name(sample.stored_name)) in _IMAGES and sample.size_bytes <= _MAX_IMAGE_BYTES


def _show_picture(sample: Sample, pictures: Mapping[str, str]) -> str:
    if _has_image(sample):
        return f'<img src="/thumbnails/{sample.project_id}/{sample.id}" alt="" loading=lazy>'
    return pictures.get(sample.sha256, "")


def _show_sample(sample: Sample, pictures: Mapping[str, str]) -> str:
    off = " <span class=off>disabled</span>" if sample.is_disabled else ""
    return (
        f"<td class=number>{sample.id}<td>{_show_picture(sample, pictures)}"
        f"<td>{_safe(sample.filename)}{off}<td>{_label(sample.label)}"
        f"<td>{_safe(sample.category)}<td>{_safe(sample.facts.chart_type)}<td>{iso(sample.added_ms)}"
    )


def _label(label: str) -> str:
    return _safe(label) if label else "<span class=off>no label</span>"


def _table(heads: tuple[str, ...], rows: list[str]) -> str:
    head = "".join(f"<th>{name}" for name in heads)
    return f"<table><thead><tr>{head}<tbody>{''.join(f'<tr>{row}' for row in rows)}</table>"


def _safe(text: str) -> str:
    return escape(text, quote=True)
