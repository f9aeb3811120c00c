"""Edits and deletions from the pages. They count as done by a person in Studio.

A form has a token that another site cannot read, so that it cannot make a browser send one. `visitors` has refused such
a request before, by its Origin; the token also holds for a browser that sends none.
"""

import secrets
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from aiohttp import web

from eisync.emulator.editing import refuse_category
from eisync.emulator.model import Actor, Sample, Selection
from eisync.emulator.replies import read_small
from eisync.emulator.selecting import Refusal
from eisync.emulator.service import SERVICE, Service

PERSON = "emulator page"  # the user who did what was done here
_MAX_FORM_BYTES = 64 * 1024
_MAX_LABEL_CHARS = 1000


async def read_form(request: web.Request) -> Mapping[str, str]:
    """Return the fields of a form that one of our pages has sent.

    Raises HTTPForbidden without the token, HTTPUnsupportedMediaType for what no form sends, BodyCut and BodyTooLarge.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType
    raw = await read_small(request, _MAX_FORM_BYTES)
    try:
        # Without "replace", SQLite would refuse bytes that are not UTF-8.
        fields = dict(parse_qsl(raw.decode("ascii", "replace"), keep_blank_values=True, errors="replace"))
    except ValueError as error:  # too many fields
        raise web.HTTPBadRequest(reason="This form cannot be read") from error
    expected = request.app[SERVICE].form_token
    if not secrets.compare_digest(fields.get("token", "").encode(), expected.encode()):
        raise web.HTTPForbidden(reason="This form is from another page, or from before a restart: open the page again")
    return fields


def actor_of(service: Service) -> Actor:
    """Return the user of the pages, who is made with the first edit."""
    return Actor("user", service.store.log_in(PERSON, secrets.token_hex(32)).id)


def delete(service: Service, sample: Sample, _: Mapping[str, str]) -> None:
    service.store.delete(_one(sample), now_ms=service.now_ms(), actor=actor_of(service))


def relabel(service: Service, sample: Sample, fields: Mapping[str, str]) -> None:
    label = _field(fields, "label")
    if len(label) > _MAX_LABEL_CHARS:
        raise web.HTTPBadRequest(reason=f"A label has at most {_MAX_LABEL_CHARS} characters")
    _set(service, sample, "label", label)


def move(service: Service, sample: Sample, fields: Mapping[str, str]) -> None:
    category = _field(fields, "category")
    try:
        refuse_category(category, service.store.project(sample.project_id), service.settings)
    except Refusal as refusal:
        raise web.HTTPBadRequest(reason=str(refusal)) from refusal
    _set(service, sample, "category", category)


def enable(service: Service, sample: Sample, _: Mapping[str, str]) -> None:
    _set(service, sample, "is_disabled", False)


def disable(service: Service, sample: Sample, _: Mapping[str, str]) -> None:
    _set(service, sample, "is_disabled", True)


EDITS: Mapping[str, Callable[[Service, Sample, Mapping[str, str]], None]] = {
    "label": relabel,
    "category": move,
    "enable": enable,
    "disable": disable,
    "delete": delete,
}


def _set(service: Service, sample: Sample, column: str, value: object) -> None:
    if getattr(sample, column) != value:  # an edit that changes nothing would be in the history
        service.store.edit(_one(sample), column, value, now_ms=service.now_ms(), actor=actor_of(service))


def _one(sample: Sample) -> Selection:
    return Selection(project_id=sample.project_id, ids=(sample.id,))


def _field(fields: Mapping[str, str], name: str) -> str:
    if name not in fields:
        raise web.HTTPBadRequest(reason=f"The form has no field {name}")
    return fields[name]
