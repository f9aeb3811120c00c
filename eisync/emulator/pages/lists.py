"""The first page, and the list of a project's samples.

The list is read by ids, not by offsets: a page deep in it takes no longer than the first, and new samples do not shift
it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from aiohttp import web

from eisync.emulator.device_store import Device
from eisync.emulator.faults import Rule
from eisync.emulator.model import STORED_CATEGORIES, Page, Project, Sample, Selection, Window
from eisync.emulator.pages.filters import STATES, Place, read_filters, read_place
from eisync.emulator.pages.rendering import render
from eisync.emulator.pages.series import has_thumbnail
from eisync.emulator.service import SERVICE, Service

PAGE_SIZE = 50
_NEWEST = 8
_LABELS_SHOWN = 25
_LABELS_OFFERED = 200
_DEVICES_SHOWN = 50
_VERSIONS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the list. `position` is the place of its first sample among all that fit, from 1."""

    samples: Sequence[Sample]
    total: int
    position: int

    @property
    def last(self) -> int:
        return self.position + len(self.samples) - 1


@dataclass(frozen=True, slots=True)
class Bar:
    """A label with its number of samples in each category. `pieces` are (category, start, width) in percent."""

    label: str
    total: int
    counts: Mapping[str, int]
    pieces: Sequence[tuple[str, float, float]]


async def show_overview(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    store = service.store
    projects = [
        {
            "project": project,
            "count": store.count_samples(Selection(project_id=project.id)),
            "keys": store.list_keys(project.id),
            "newest": store.list_samples(Selection(project_id=project.id), Page(limit=_NEWEST)),
        }
        for project in store.list_projects()
    ]
    return render(
        "overview.html",
        service=service,
        has_thumbnail=has_thumbnail,
        projects=projects,
        ledger=_counts(service),
        faults=[_show_rule(one) for one in service.faults.as_json()],
        live="/live",
    )


async def show_list(request: web.Request) -> web.Response:
    service, project = request.app[SERVICE], find_project(request)
    try:
        filters, place = read_filters(request.query), read_place(request.query)
    except ValueError as error:
        raise web.HTTPBadRequest(reason=str(error)) from error
    labels = service.store.count_by_label(project.id, largest=_LABELS_OFFERED)
    devices = service.store.devices.list_devices(project.id)
    bars = _bars(labels)
    versions, version_count = _versions(service, project)
    deleted = request.query.get("deleted", "")
    return render(
        "list.html",
        service=service,
        has_thumbnail=has_thumbnail,
        project=project,
        filters=filters,
        part=_read_part(service, filters.selection(project.id), place),
        everything=service.store.count_samples(Selection(project_id=project.id)),
        categories=STORED_CATEGORIES,
        states=tuple(STATES),
        labels=[bar.label for bar in bars if bar.label],
        bars=bars[:_LABELS_SHOWN],
        has_more_labels=len(bars) > _LABELS_SHOWN,
        devices=[_show_device(service, one) for one in devices[:_DEVICES_SHOWN]],
        devices_left_out=max(0, len(devices) - _DEVICES_SHOWN),
        versions=versions,
        version_count=version_count,
        deleted=deleted if deleted.isascii() and deleted.isdigit() and len(deleted) < 16 else "",
        live=f"/live?project={project.id}",
    )


async def get_state(request: web.Request) -> web.Response:
    """Return a text that changes with what the pages show, at little cost: the script asks for it often."""
    service = request.app[SERVICE]
    parts = [f"{one.id}:{one.modified_ms}" for one in service.store.list_projects()]
    wanted = request.query.get("project")
    if wanted is not None:
        parts = [part for part in parts if part.startswith(f"{wanted}:")]
    else:
        parts.append(str(_counts(service)))
        parts.append(str(len(service.faults.as_json())))
    return web.Response(
        text=" ".join(parts), headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    )


async def end_faults(request: web.Request, _: Mapping[str, str]) -> str:
    """Remove all rules of faults; return the address to show next."""
    service = request.app[SERVICE]
    service.faults.replace((), service.settings.seed)
    return "/"


def find_project(request: web.Request) -> Project:
    """Return the project in the path. Raises HTTPNotFound."""
    project_id = int(request.match_info["project"])
    project = request.app[SERVICE].store.find_project(project_id)
    if project is None:
        raise web.HTTPNotFound(reason=f"There is no project {project_id}")
    return project


def _read_part(service: Service, selection: Selection, place: Place) -> Part:
    store = service.store
    if place.after is not None:
        above = replace(selection, min_id=place.after + 1)
        samples = store.list_samples(above, Page(limit=PAGE_SIZE, oldest_first=True))[::-1]
    else:
        samples = store.list_samples(replace(selection, max_id=place.before), Page(limit=PAGE_SIZE))
    total = store.count_samples(selection)
    if not samples:
        return Part((), total, 0)
    newer = 0 if place == Place() else store.count_samples(replace(selection, min_id=samples[0].id + 1))
    return Part(samples, total, newer + 1)


def _bars(labels: Sequence[tuple[str, str, int]]) -> list[Bar]:
    """Return the labels, the largest first. The longest bar is as wide as the drawing."""
    counts: dict[str, dict[str, int]] = {}
    for label, category, number in labels:
        counts.setdefault(label, {})[category] = number
    ordered = sorted(counts.items(), key=lambda one: (-sum(one[1].values()), one[0]))
    widest = sum(ordered[0][1].values()) if ordered else 1
    bars: list[Bar] = []
    for label, of_label in ordered:
        pieces: list[tuple[str, float, float]] = []
        start = 0.0
        for category in STORED_CATEGORIES:
            width = 100 * of_label.get(category, 0) / widest
            if width:
                pieces.append((category, round(start, 2), round(width, 2)))
                start += width
        bars.append(Bar(label, sum(of_label.values()), of_label, pieces))
    return bars


def _versions(service: Service, project: Project) -> tuple[Sequence[Window], int]:
    if service.store.history is None:
        return (), 0
    now_ms = service.now_ms()
    with service.store.reading_history(project.id, now_ms) as history:
        return history.list_versions(project.id, now_ms, Page(limit=_VERSIONS_SHOWN))


def _show_device(service: Service, device: Device) -> dict[str, Any]:
    return {
        "id": device.device_id,
        "name": device.name,
        "type": device.device_type,
        "is_connected": service.connections.find(device.project_id, device.device_id) is not None,
        "sensors": ", ".join(str(sensor["name"]) for sensor in device.sensors),
    }


def _show_rule(rule: Mapping[str, object]) -> dict[str, Any]:
    """Return a rule of faults, with those of its options that were given."""
    defaults = {one.name: one.default for one in fields(Rule)}
    plain = {name: value for name, value in rule.items() if name not in ("kind", "where", "applied")}
    options = {name: value for name, value in plain.items() if value != defaults.get(name)}
    return {"kind": rule["kind"], "where": rule["where"], "applied": rule["applied"], "options": options}


def _counts(service: Service) -> Mapping[str, int]:
    ledger = service.ledger
    return {
        "Requests to ingestion": ledger.requests,
        "Files": ledger.files,
        "Files refused": ledger.files_refused,
        "Uploads cut off": ledger.truncated,
        "Uploads answered with an error": ledger.errors,
        "Calls to Studio": ledger.studio_requests,
        "Calls to Studio answered with an error": ledger.studio_errors,
        "Faults applied": sum(ledger.faults.values()),
    }
