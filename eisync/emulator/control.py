"""The emulator's own calls, for tests and people, under /emulator on the Studio port. No key, no injected faults.

============================ ==================================================================================
GET /emulator/ledger         exact counts; see `ledger`. `?project=ID` limits them to one project
POST /emulator/faults        replace the rules of faults; see `faults`. GET shows the rules, DELETE removes them
GET /emulator/projects       every project, with its keys
POST /emulator/projects      `{"name", "hmacKey"?, "keys"?: [{"key"?, "role"?}]}` makes one; without keys: an admin key
GET /emulator/devices        the connected devices, the messages of each, and the devices that were refused
GET /emulator/openapi.json   the OpenAPI description; see `openapi`
============================ ==================================================================================
"""

import secrets
from typing import Any

from aiohttp import web

from eisync.emulator import devices
from eisync.emulator.companions import read_json
from eisync.emulator.faults import read_rules
from eisync.emulator.model import Project, Role
from eisync.emulator.openapi import describe
from eisync.emulator.replies import BodyCut, BodyTooLarge, answer, read_small, refuse
from eisync.emulator.service import SERVICE, Service


def add_routes(app: web.Application) -> None:
    app.router.add_get("/emulator/ledger", _get_ledger)
    app.router.add_get("/emulator/faults", _get_faults)
    app.router.add_post("/emulator/faults", _set_faults)
    app.router.add_delete("/emulator/faults", _clear_faults)
    app.router.add_get("/emulator/projects", _get_projects)
    app.router.add_post("/emulator/projects", _add_project)
    app.router.add_get("/emulator/devices", devices.get_connections)
    app.router.add_get("/emulator/openapi.json", _get_openapi)


def random_key() -> str:
    """Return a key as long as the service's. The emulator's keys are not secret: it shows them without a key."""
    return f"ei_{secrets.token_hex(32)}"


def random_hmac_key() -> str:
    return secrets.token_hex(16)


async def _get_ledger(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    asked = request.query.get("project", "")
    if asked and not (asked.isascii() and asked.isdigit() and len(asked) < 16):
        return refuse("project should be a number", status=400)
    account = service.store.account(int(asked) if asked else None)
    return answer({"success": True, **service.ledger.as_json(account)})


async def _get_faults(request: web.Request) -> web.Response:
    return answer({"success": True, "rules": request.app[SERVICE].faults.as_json()})


async def _set_faults(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    try:
        rules, seed = read_rules(await _body(request))
    except (ValueError, OverflowError) as error:
        return refuse(str(error), status=400)
    service.faults.replace(rules, service.settings.seed if seed is None else seed)
    return await _get_faults(request)


async def _clear_faults(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    service.faults.replace((), service.settings.seed)
    return await _get_faults(request)


async def _get_projects(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    return answer({"success": True, "projects": [_show(service, one) for one in service.store.list_projects()]})


async def _add_project(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    document = await _body(request)
    try:
        name, hmac_key, keys = _read_project(document)
        for key, _ in keys:
            if service.store.find_key(key) is not None:
                raise ValueError("one of the keys exists already; a key belongs to one project")
    except ValueError as error:
        return refuse(str(error), status=400)
    project = service.store.add_project(name, hmac_key=hmac_key, now_ms=service.now_ms())
    for key, role in keys:
        service.store.add_key(project.id, key, role)
    urls = {"studio_url": service.studio_url, "ingestion_url": service.ingestion_url}
    return answer({"success": True, "project": _show(service, project), **urls})


async def _get_openapi(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    return web.json_response(describe(service.studio_url, service.ingestion_url))


def _read_project(document: object) -> tuple[str, str, list[tuple[str, Role]]]:
    """Return name, HMAC key and API keys. The text of a ValueError is the answer to the sender."""
    if not isinstance(document, dict):
        raise ValueError("expected a JSON object")
    name, hmac_key = document.get("name", "Project"), document.get("hmacKey", random_hmac_key())
    if not isinstance(name, str) or not isinstance(hmac_key, str) or not hmac_key:
        raise ValueError("name and hmacKey should be text")
    wanted: Any = document.get("keys", [{}])
    if not isinstance(wanted, list) or not wanted or not all(isinstance(one, dict) for one in wanted):
        raise ValueError("keys should be a list of objects with key and role")
    keys: list[tuple[str, Role]] = []
    for one in wanted:
        key = one.get("key", random_key())
        if not isinstance(key, str) or not key or not key.isascii() or not key.isprintable():
            raise ValueError("a key should be ASCII text")
        if one.get("role", "admin") not in {role.value for role in Role}:
            raise ValueError(f"role should be one of {', '.join(role.value for role in Role)}")
        if key in dict(keys):
            raise ValueError("a key is given twice")
        keys.append((key, Role(one.get("role", "admin"))))
    return name, hmac_key, keys


def _show(service: Service, project: Project) -> dict[str, object]:
    keys = [{"key": key.key, "role": key.role.value} for key in service.store.list_keys(project.id)]
    return {"id": project.id, "name": project.name, "hmacKey": project.hmac_key, "keys": keys}


async def _body(request: web.Request) -> object:
    try:
        return read_json(await read_small(request, request.app[SERVICE].settings.max_json_bytes))
    except (BodyCut, BodyTooLarge):
        return None
