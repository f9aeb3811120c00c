"""The settings of a project: its name, whether it has a validation set, and how its dataset is split.

The calls are those of the official client (npm, edge-impulse-api 1.95.13). Two answers are the emulator's own: later
uploads to `split` use the options of the last split, and other settings are refused.
"""

import json
import sys
from collections.abc import Iterator, Mapping

from aiohttp import web

from eisync.emulator.calls import Call, Handler, Need, success
from eisync.emulator.model import Page, Selection
from eisync.emulator.parts import validation_of
from eisync.emulator.replies import NO_VALIDATION_SET
from eisync.emulator.selecting import Refusal
from eisync.emulator.splitting import PARTS, SplitOptions, read_options, split

_SETTINGS = ("name", "explicitValidationEnabled")


def routes(project: str) -> Iterator[tuple[str, str, Need, Handler]]:
    """Yield the calls. `project` is the path of a project."""
    yield "POST", project, Need.CHANGE, _update
    yield "POST", f"{project}/split", Need.CHANGE, _split


async def _update(call: Call) -> web.StreamResponse:
    body = await call.body()
    for setting in body:
        if setting not in _SETTINGS:
            raise Refusal(f"The emulator has no setting {setting}")
    name, has_validation = body.get("name"), body.get("explicitValidationEnabled")
    if not isinstance(name, str | None) or name == "":
        raise Refusal("Invalid name: expected a text")
    if not isinstance(has_validation, bool | None):
        raise Refusal("Invalid explicitValidationEnabled: expected true or false")
    call.service.store.update_project(call.project.id, name=name, has_validation=has_validation)
    if has_validation is False:
        validation = Selection(project_id=call.project.id, category="validation")
        _move(call, validation, "training")
    return success()


async def _split(call: Call) -> web.StreamResponse:
    try:
        options = read_options(await call.body())
    except ValueError as error:
        raise Refusal(str(error)) from error
    if options.ratios[PARTS.index("validation")] and validation_of(call.project, call.service.settings) != "stored":
        raise Refusal(NO_VALIDATION_SET)
    call.service.store.update_project(call.project.id, split=json.dumps(options.as_json()))
    for part, ids in _divide(call, options).items():
        _move(call, Selection(project_id=call.project.id, ids=ids), part)
    return success()


def _divide(call: Call, options: SplitOptions) -> Mapping[str, tuple[int, ...]]:
    """Return the samples to move, by their new part. Samples for post-processing are not moved."""
    everything = Selection(project_id=call.project.id, is_disabled=False if options.excludes_disabled else None)
    listed = call.service.store.list_samples(everything, Page(limit=sys.maxsize))
    samples = [one for one in listed if one.category in PARTS]
    parts = split(options, samples)
    return {part: tuple(one.id for one in samples if parts[one.id] == part != one.category) for part in PARTS}


def _move(call: Call, selection: Selection, category: str) -> None:
    now_ms = call.service.now_ms()
    call.service.store.edit(selection, "category", category, now_ms=now_ms, actor=call.actor)
