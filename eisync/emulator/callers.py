"""Find out who calls Studio: a project's key, or a person who logged in. A person may do everything in every project.

Logging in works as documented: `POST /api-login` returns a token, which is sent as the header `x-jwt-token` or as the
cookie `jwt`. The emulator accepts any name and any password: it has no protection.
"""

import secrets

from aiohttp import web

from eisync.emulator.companions import read_json
from eisync.emulator.model import Actor, Caller, Role
from eisync.emulator.replies import BodyCut, BodyTooLarge, answer, find_key, read_small, refuse
from eisync.emulator.service import SERVICE


def add_routes(app: web.Application) -> None:
    for prefix in ("", "/v1"):
        app.router.add_post(prefix + "/api-login", _log_in)


def find_caller(request: web.Request) -> Caller | None:
    """Return the caller; None without a valid key or token."""
    key = find_key(request)
    if key is not None:
        return Caller(Actor("projectApiKey", key.id), key.role, key.project_id)
    token = request.headers.get("x-jwt-token") or request.cookies.get("jwt") or ""
    person = request.app[SERVICE].store.find_person(token.encode("utf-8", "replace").decode())
    return None if person is None else Caller(Actor("user", person.id), Role.ADMIN, None)


async def _log_in(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    try:
        document = read_json(await read_small(request, service.settings.max_json_bytes))
    except (BodyCut, BodyTooLarge):
        document = None
    wanted = document if isinstance(document, dict) else {}
    username, password = wanted.get("username"), wanted.get("password")
    if not isinstance(username, str) or not isinstance(password, str) or not username or not password:
        return refuse("Missing username or password")
    person = service.store.log_in(username, secrets.token_hex(32))
    return answer({"success": True, "token": person.token})
