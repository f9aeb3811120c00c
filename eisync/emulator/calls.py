"""A call to Studio: whose key it bears, what that key must allow, what it carries, and how it is refused."""

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
    """What a key must allow."""

    NOTHING = "any key"
    READ = "read"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Call:
    """One request whose key was found good."""

    request: web.Request
    service: Service
    caller: Caller
    project: Project

    @property
    def actor(self) -> Actor:
        return self.caller.actor

    @property
    def query(self) -> dict[str, str]:
        """Text that SQLite can hold: what was no UTF-8 becomes a question mark."""
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
        """Their names in the query, those that are repeated repeated."""
        return [name for name, _ in self.request.query.items()]  # its keys are each there once

    def listed(self, *more: str) -> dict[str, str]:
        """The query of a listing, which knows the filters, paging and `more`."""
        known = FILTERS | PAGING | set(more)
        if self.service.settings.refuse_unknown_filters:
            refuse_unknown(self.parameters, known)
        return {name: value for name, value in self.query.items() if name in known}

    def selected(self) -> Selection:
        """What a batch call is about. It never ignores anything."""
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
    """The one that is asked for; else that of the key, or a person's first. None: it is not the caller's."""
    if caller.project_id is None:
        project_id = service.store.list_projects()[0].id if asked is None else int(asked)
        return service.store.find_project(project_id)
    is_own = asked is None or int(asked) == caller.project_id
    return service.store.project(caller.project_id) if is_own else None


def _allows(role: Role, need: Need) -> bool:
    return need is Need.NOTHING or (role.may_read if need is Need.READ else role.may_change)


def success(**content: object) -> web.Response:
    return answer({"success": True, **content})
