"""The versions of a dataset and the changes in each: /dataset-versions.

Paths and fields are those of the official client of the Studio API (npm, edge-impulse-api 1.95.13). What it leaves open
is the emulator's own: versions are listed newest first; a sample that was deleted in a version is listed only if
`changeActions` is given; old and new values have the names of a sample's fields; a restored sample has its old id.
"""

import json
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from aiohttp import web

from eisync.emulator.calls import Call, Handler, Need, success
from eisync.emulator.companions import read_json
from eisync.emulator.history import History
from eisync.emulator.model import CHANGE_ACTIONS, VERSION_TYPES, Change, Page, Sample, Selection, Window
from eisync.emulator.selecting import Refusal, read_boolean, read_page, read_selection
from eisync.emulator.showing import iso, show_label_map, show_sample, show_structured

_ID = re.compile(r"[0-9]{1,15}")
_FIELDS: Mapping[str, tuple[str, Callable[[Any], object]]] = {
    "category": ("category", str),
    "label": ("label", str),
    "filename": ("filename", str),
    "is_disabled": ("isDisabled", bool),
    "metadata": ("metadata", json.loads),
    "boxes": ("boundingBoxes", json.loads),
    "structured_labels": ("structuredLabels", lambda raw: [show_structured(one) for one in json.loads(raw)]),
    "label_map": ("labelMap", lambda raw: show_label_map(json.loads(raw))),
}
"""For each column that can be edited: the field of a sample that shows it, and the function that reads it."""


def routes(project: str) -> Iterator[tuple[str, str, Need, Handler]]:
    """Yield the calls. `project` is the path of a project."""
    versions = f"{project}/dataset-versions"
    one = versions + "/{version:[0-9]{1,15}}"
    yield "GET", versions, Need.READ, _present(_list)
    yield "POST", f"{versions}/create", Need.CHANGE, _present(_create)
    yield "GET", one, Need.READ, _present(_get)
    yield "POST", one, Need.CHANGE, _present(_describe)
    yield "POST", f"{one}/restore", Need.CHANGE, _present(_restore)
    yield "GET", f"{one}/raw-data-changes", Need.READ, _present(_list_changes)


def _present(handler: Callable[[Call], Awaitable[web.StreamResponse]]) -> Handler:
    """Answer 404, like a service without this call, if the emulator records no versions."""

    async def handled(call: Call) -> web.StreamResponse:
        if call.service.store.history is None:
            raise web.HTTPNotFound
        return await handler(call)

    return handled


async def _list(call: Call) -> web.StreamResponse:
    kinds = _read_names(call.query.get("type"), "type", VERSION_TYPES)
    page = read_page(call.query, call.service.settings)
    search, now_ms = call.query.get("search", ""), call.service.now_ms()
    with call.service.store.reading_history(call.project.id, now_ms) as history:
        found, total = history.list_versions(call.project.id, now_ms, page, search=search, kinds=kinds)
        return success(
            pendingWindows=[_show_pending(one) for one in history.list_pending(call.project.id, now_ms)],
            datasetVersions=[_show_version(call, history, one) for one in found],
            totalCount=total,
        )


async def _get(call: Call) -> web.StreamResponse:
    with call.service.store.reading_history(call.project.id, call.service.now_ms()) as history:
        return success(datasetVersion=_show_version(call, history, _find(call, history)))


async def _create(call: Call) -> web.StreamResponse:
    now_ms = call.service.now_ms()
    with call.service.store.reading_history(call.project.id, now_ms) as history:
        window = history.save(call.project.id, json.dumps(call.actor.as_json()), now_ms)
    if window is None:
        return success(window=None)
    shown = {"windowId": window.id, "opened": iso(window.opened_ms), "closed": iso(now_ms)}
    return success(window=shown)


async def _describe(call: Call) -> web.StreamResponse:
    description = (await call.body()).get("description")
    if not isinstance(description, str):
        raise Refusal("Missing description")
    with call.service.store.reading_history(call.project.id, call.service.now_ms()) as history:
        history.describe(_find(call, history), description)
    return success()


async def _restore(call: Call) -> web.StreamResponse:
    now_ms = call.service.now_ms()
    with call.service.store.reading_history(call.project.id, now_ms) as history:
        version = _find(call, history)
    call.service.store.restore(version, call.actor, group_key=secrets.token_hex(8), now_ms=now_ms)
    return success()


async def _list_changes(call: Call) -> web.StreamResponse:
    query, settings = call.listed("changeActions"), call.service.settings
    actions = _read_names(query.get("changeActions"), "changeActions", CHANGE_ACTIONS)
    selection, page = read_selection(query, call.project.id, settings), read_page(query, settings)
    exclude_sensors = read_boolean(query, "excludeSensors")
    with call.service.store.reading_history(call.project.id, call.service.now_ms()) as history:
        found, total = history.list_changes(_find(call, history), selection, page, actions)
    details = [_show_detail(sample, change, exclude_sensors=exclude_sensors) for sample, change in found]
    return success(totalCount=total, changeDetails=details)


def list_version(call: Call, version_id: str, selection: Selection, page: Page) -> tuple[list[Sample], int]:
    """Return a page of a version's samples, newest first, and their total number."""
    if call.service.store.history is None or not _ID.fullmatch(version_id):
        raise _unknown(version_id)
    with call.service.store.reading_history(call.project.id, call.service.now_ms()) as history:
        found, total = history.list_changes(_find(call, history, version_id), selection, page, None)
    return [sample for sample, _ in found], total


def _find(call: Call, history: History, version_id: str | None = None) -> Window:
    """Return the version with this id; None: with the id in the path."""
    version_id = version_id or call.request.match_info["version"]
    found = history.find_version(call.project.id, int(version_id), call.service.now_ms())
    if found is None:
        raise _unknown(version_id)
    return found


def _unknown(version_id: str) -> Refusal:
    return Refusal(f"No dataset version found with ID {version_id}")


def _read_names(text: str | None, parameter: str, allowed: tuple[str, ...]) -> list[str] | None:
    if not text:
        return None
    names = read_json(text)
    if not isinstance(names, list) or not all(one in allowed for one in names):
        raise Refusal(f"Invalid {parameter}: expected a JSON array of {', '.join(allowed)}")
    return names


def _show_version(call: Call, history: History, window: Window) -> dict[str, object]:
    assert window.closed_ms is not None
    counts = {"insert": window.inserts, "update": window.updates, "delete": window.deletes}
    shown: dict[str, object] = {
        "id": window.version_id,
        "created": iso(window.closed_ms),
        "versionIndex": window.version_index,
        "description": window.description,
        "parentVersionId": window.parent_id,
        "type": window.kind,
        "summary": {
            "rawEventCountInWindow": window.events,
            "sampleChangesCount": window.changed,
            "actionCounts": {action: count for action, count in counts.items() if count},
        },
        "windowStart": iso(window.opened_ms),
        "windowEnd": iso(window.closed_ms),
        "actors": [_show_actor(call, one) for one in history.list_actors(window)],
    }
    if window.restored_from is not None:
        shown["restoredFromDatasetVersionId"] = window.restored_from
    return shown


def _show_pending(window: Window) -> dict[str, object]:
    end = None if window.closed_ms is None else iso(window.closed_ms)
    return {"windowId": window.id, "windowStart": iso(window.opened_ms), "windowEnd": end}


def _show_actor(call: Call, actor: Mapping[str, Any]) -> dict[str, object]:
    """Show who changed something. A key has no name, so its id is shown."""
    if actor["type"] == "user":
        name = next(one.username for one in call.service.store.list_people() if one.id == actor["id"])
        return {"type": "user", "id": actor["id"], "name": name, "username": name}
    return {"type": "projectApiKey", "name": f"API key {actor['id']}", "created": iso(call.project.created_ms)}


def _show_detail(sample: Sample, change: Change | None, *, exclude_sensors: bool) -> dict[str, object]:
    shown: dict[str, object] = {"sample": show_sample(sample, exclude_sensors=exclude_sensors)}
    if change is not None:
        is_update = "update" in change.actions
        values = {"oldValues": _show_values(change.old), "newValues": _show_values(change.new)} if is_update else {}
        shown["change"] = {"actions": list(change.actions), "sampleId": change.sample_id, **values}
    return shown


def _show_values(columns: Mapping[str, Any]) -> dict[str, object]:
    shown: dict[str, object] = {}
    for column, value in columns.items():
        name, read = _FIELDS[column]
        shown[name] = None if value is None else read(value)
    return shown
