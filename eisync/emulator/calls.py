"""A call to Studio: check its key and the key's role, read its query and body, and refuse it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from aiohttp import web

from eisync.emulator.callers import find_caller
from eisync.emulator.companions import read_json
from eisync.emulator.model import Actor, Caller, Page, Project, Role, Sample, Selection
from eisync.emulator.replies import FORBIDDEN, INVALID_KEY, BodyCut, BodyTooLarge, answer, read_small, refuse
from eisync.emulator.selecting import (
    BATCH_FILTERS,
    FILTERS,
    PAGING,
    Refusal,
    read_selection,
    refuse_empty,
    refuse_unknown,
)
from eisync.emulator.service import SERVICE, Service


class Need(Enum):
    """The permission that a call needs."""

    NOTHING = "any key"
    READ = "read"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Call:
    """One request with a valid key."""

    request: web.Request
    service: Service
    caller: Caller
    project: Project

    @property
    def actor(self) -> Actor:
        return self.caller.actor

    @property
    def query(self) -> dict[str, str]:
        """Return the query. Bytes that are not UTF-8 become question marks, because SQLite stores only valid text."""
        return {name: value.encode("utf-8", "replace").decode() for name, value in self.request.query.items()}

    @property
    def sample(self) -> Sample:
        sample_id = int(self.request.match_info["sample"])
        found = self.service.store.list_samples(self.one(), Page(limit=1))
        if not found:
            raise Refusal(f"No sample found with ID {sample_id}")
        return found[0]

    @property
    def parameters(self) -> list[str]:
        """Return the names in the query; a name that is given twice occurs twice."""
        return [name for name, _ in self.request.query.items()]  # keys() would have each name once

    def listed(self, *more: str) -> dict[str, str]:
        """Return the query of a listing, limited to filters, paging and the names `more`."""
        known = FILTERS | PAGING | set(more)
        if self.service.settings.refuse_unknown_filters:
            refuse_unknown(self.parameters, known)
        return {name: value for name, value in self.query.items() if name in known}

    def selected(self) -> Selection:
        """Return the selection of a batch call. Unknown and empty filters are always refused."""
        refuse_unknown(self.parameters, BATCH_FILTERS)
        refuse_empty(self.query)
        return read_selection(self.query, self.project.id, self.service.settings)

    def one(self) -> Selection:
        return Selection(project_id=self.project.id, ids=(int(self.request.match_info["sample"]),))

    async def body(self) -> dict[str, Any]:
        try:
            document = read_json(await read_small(self.request, self.service.settings.max_json_bytes) or b"{}")
        except (BodyCut, BodyTooLarge) as error:
            raise Refusal("Invalid request body") from error
        if not isinstance(document, dict):
            raise Refusal("Invalid request body: expected a JSON object")
        return document


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


def guarded(need: Need, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answered(request: web.Request) -> web.StreamResponse:
        service = request.app[SERVICE]
        caller = find_caller(request)
        if caller is None:
            return refuse(INVALID_KEY, status=401)
        project = _project_of(service, caller, request.match_info.get("project"))
        is_allowed = not service.settings.refuse_by_role or _allows(caller.role, need)
        if project is None or not is_allowed:
            return refuse(FORBIDDEN, status=service.settings.forbidden_status)
        try:
            return await handler(Call(request, service, caller, project))
        except Refusal as refusal:
            return refuse(str(refusal))

    return answered


def _project_of(service: Service, caller: Caller, asked: str | None) -> Project | None:
    """Return the project in the path, else that of the key, or the first one for a person. None: not allowed."""
    if caller.project_id is None:
        project_id = service.store.list_projects()[0].id if asked is None else int(asked)
        return service.store.find_project(project_id)
    is_own = asked is None or int(asked) == caller.project_id
    return service.store.project(caller.project_id) if is_own else None


def _allows(role: Role, need: Need) -> bool:
    return need is Need.NOTHING or (role.may_read if need is Need.READ else role.may_change)


def success(**content: object) -> web.Response:
    return answer({"success": True, **content})
