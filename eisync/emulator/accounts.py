"""The calls that the official command line tools make when they have no API key: look up the person, and make a key.

The tools log in (`callers`), look up the person, choose a project, and make a key for the device. Sources: Studio's
published OpenAPI description, and edge-impulse-linux 1.25.2: an answer has only the fields that these tools read.
"""

from collections.abc import Iterator

from aiohttp import web

from eisync.emulator.callers import find_caller
from eisync.emulator.calls import Call, Handler, Need, success
from eisync.emulator.control import random_key
from eisync.emulator.model import Role
from eisync.emulator.replies import INVALID_KEY, answer, refuse
from eisync.emulator.selecting import Refusal
from eisync.emulator.service import SERVICE


def add_routes(app: web.Application) -> None:
    for prefix in ("", "/v1"):
        app.router.add_get(prefix + "/api-user-need-to-set-password/{user}", _has_password)
        app.router.add_get(prefix + "/api/user", _get_user)
        app.router.add_get(prefix + "/api/organizations", _list_organizations)


def routes(project: str) -> Iterator[tuple[str, str, Need, Handler]]:
    """Yield rows of Studio's table: method, path, the needed permission, handler."""
    yield "POST", f"{project}/apikeys", Need.CHANGE, _add_key


async def _has_password(request: web.Request) -> web.Response:
    """Every name has a password: any password is accepted."""
    name = request.match_info["user"].encode("utf-8", "replace").decode()
    if len(name) > request.app[SERVICE].settings.max_name_chars:
        return refuse("This name is too long")
    return answer({"success": True, "needPassword": False, "email": name})


async def _get_user(request: web.Request) -> web.Response:
    caller = find_caller(request)
    if caller is None or caller.project_id is not None:  # a project's key does not belong to a person
        return refuse(INVALID_KEY, status=401)
    person = next(one for one in request.app[SERVICE].store.list_people() if one.id == caller.actor.id)
    # Without a developer profile, the tools would try to make one.
    profile = {"id": person.id, "name": person.username, "isDeveloperProfile": True}
    named = {"username": person.username, "name": person.username, "email": person.username}
    return answer({"success": True, "id": person.id, **named, "organizations": [profile]})


async def _list_organizations(request: web.Request) -> web.Response:
    """List no organizations. The tools call this when a key is refused, and print the error of this answer."""
    caller = find_caller(request)
    if caller is None or caller.project_id is not None:
        return refuse(INVALID_KEY, status=401)
    return answer({"success": True, "organizations": []})


async def _add_key(call: Call) -> web.StreamResponse:
    """Make a key with the role in the body. `apiKey` may give the key itself."""
    body = await call.body()
    key = body.get("apiKey", random_key())
    if body.get("role") not in {role.value for role in Role}:
        raise Refusal(f"role should be one of {', '.join(role.value for role in Role)}")
    if not isinstance(key, str) or not key.startswith("ei_") or not key.isascii() or not key.isprintable():
        raise Refusal("apiKey should be ASCII text that starts with ei_")
    try:
        made = call.service.store.add_key(call.project.id, key, Role(body["role"]))
    except ValueError as error:
        raise Refusal(str(error)) from error
    return success(id=made.id, apiKey=made.key)
