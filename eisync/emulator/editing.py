"""Studio's calls that change samples: delete, rename, label, move and others, for one sample or a selection.

Source: the wire contract, section 3.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aiohttp import web

from eisync.emulator.calls import Call, success
from eisync.emulator.companions import is_string_map, read_boxes
from eisync.emulator.jobs import add_finished_job
from eisync.emulator.model import STORED_CATEGORIES, Page, Project, Refused, Sample, Selection
from eisync.emulator.parts import part_of, validation_of
from eisync.emulator.ranges import read_structured_labels
from eisync.emulator.replies import NO_VALIDATION_SET
from eisync.emulator.selecting import Refusal, read_category, refuse_unknown
from eisync.emulator.settings import EmulatorSettings
from eisync.emulator.spool import hash_md5


async def delete_sample(call: Call) -> web.StreamResponse:
    sample = call.sample
    call.service.store.delete(call.one(), now_ms=call.service.now_ms(), actor=call.actor)
    return success(id=sample.id)


async def delete_all(call: Call) -> web.StreamResponse:
    category = call.request.match_info.get("category")
    refuse_unknown(call.parameters, frozenset())  # the caller could believe that a parameter is a filter
    selection = Selection(project_id=call.project.id, category=None if category is None else read_category(category))
    call.service.store.delete(selection, now_ms=call.service.now_ms(), actor=call.actor)
    return success()


async def edit_sample(call: Call) -> web.StreamResponse:
    sample = call.sample
    action = call.request.match_info["action"]
    if action not in _EDITS:
        raise web.HTTPNotFound
    _EDITS[action](call, call.one(), await call.body(), sample)
    return success()


async def edit_batch(call: Call) -> web.StreamResponse:
    action = call.request.match_info["action"]
    if action != "delete" and action not in _BATCH_EDITS:
        raise web.HTTPNotFound
    selection = call.selected()
    body = await call.body()
    above = call.service.settings.batch_job_above
    is_job = above is not None and call.service.store.count_samples(selection) > above
    if action == "delete":
        call.service.store.delete(selection, now_ms=call.service.now_ms(), actor=call.actor)
    else:
        _BATCH_EDITS[action](call, selection, body, None)
    if not is_job:
        return success()
    return success(id=add_finished_job(call, category="Batch", key=f"batch-{action}"))


def refuse_category(category: str, project: Project, settings: EmulatorSettings) -> None:
    """Raise Refusal if samples of the project cannot be moved to this category."""
    if category not in STORED_CATEGORIES:
        raise Refusal(f"Unknown category {category}")
    if category == "validation" and validation_of(project, settings) != "stored":
        raise Refusal(NO_VALIDATION_SET)


Edit = Callable[[Call, Selection, dict[str, Any], Sample | None], None]


def _rename(call: Call, selection: Selection, body: dict[str, Any], _: Sample | None) -> None:
    _set(call, selection, "filename", _text_of(body, "name"))


def _relabel(call: Call, selection: Selection, body: dict[str, Any], _: Sample | None) -> None:
    _set(call, selection, "label", _text_of(body, "label"))


def _move(call: Call, selection: Selection, body: dict[str, Any], _: Sample | None) -> None:
    category = _text_of(body, "newCategory")
    if category != "split":
        refuse_category(category, call.project, call.service.settings)
        _set(call, selection, "category", category)
        return
    chosen: dict[str, list[int]] = {}
    for sample in call.service.store.list_samples(selection, Page(limit=sys.maxsize)):
        with call.service.store.open_content(sample.sha256) as file:
            part = part_of(call.project, call.service.settings, hash_md5(file), sample.metadata)
        chosen.setdefault(part, []).append(sample.id)
    for decided, ids in chosen.items():
        _set(call, replace(selection, ids=tuple(ids)), "category", decided)


def _set_metadata(call: Call, selection: Selection, body: dict[str, Any], _: Sample | None) -> None:
    metadata = body.get("metadata")
    if metadata is not None and not is_string_map(metadata):
        raise Refusal("Invalid metadata: expected an object of strings")
    _set(call, selection, "metadata", metadata)


def _set_label_map(call: Call, selection: Selection, body: dict[str, Any], _: Sample | None) -> None:
    found = body.get("labelMap")
    labels = found.get("labels") if isinstance(found, dict) and found.get("type") == "key-values" else None
    if not is_string_map(labels):
        raise Refusal("Invalid labelMap: expected an object with the type key-values and labels, an object of strings")
    _set(call, selection, "label_map", labels)


def _add_metadata(call: Call, selection: Selection, body: dict[str, Any], _: Sample | None) -> None:
    _patch_metadata(call, selection, {_text_of(body, "metadataKey"): _text_of(body, "metadataValue")})


def _clear_metadata_by_key(call: Call, selection: Selection, body: dict[str, Any], _: Sample | None) -> None:
    _patch_metadata(call, selection, {_text_of(body, "metadataKey"): None})


def _patch_metadata(call: Call, selection: Selection, patch: dict[str, str | None]) -> None:
    """Change single keys; a value of None removes its key. Metadata without keys becomes null."""
    patched = "nullif(json_patch(coalesce(metadata, '{}'), :value) || '', '{}')"  # || '' turns JSON into plain text
    _set(call, selection, "metadata", patch, expression=patched)


def _clear_metadata(call: Call, selection: Selection, _: dict[str, Any], __: Sample | None) -> None:
    _set(call, selection, "metadata", None)


def _relabel_boxes(call: Call, selection: Selection, body: dict[str, Any], _: Sample | None) -> None:
    """Rename the labels of boxes. An empty new label removes the boxes."""
    wanted, label = body.get("oldLabels"), _text_of(body, "newLabel")
    if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
        raise Refusal("Invalid oldLabels: expected an array of strings")
    for sample in call.service.store.list_samples(selection, Page(limit=sys.maxsize)):
        kept = [
            {**one, "label": label} if one["label"] in wanted else one
            for one in sample.boxes
            if label or one["label"] not in wanted
        ]
        if kept != list(sample.boxes):
            _set(call, replace(selection, ids=(sample.id,)), "boxes", kept)


def _back_to_labeling(call: Call, selection: Selection, body: dict[str, Any], _: Sample | None) -> None:
    """Remove the boxes: images without boxes form the labeling queue of object detection."""
    if body.get("labelAction") != "clear-labels":
        raise Refusal("Invalid labelAction: expected clear-labels")
    _set(call, selection, "boxes", [])


def _set_boxes(call: Call, selection: Selection, body: dict[str, Any], _: Sample | None) -> None:
    boxes = read_boxes(body.get("boundingBoxes"))
    if isinstance(boxes, Refused):
        raise Refusal(boxes.error)
    _set(call, selection, "boxes", boxes)


def _set_structured_labels(call: Call, selection: Selection, body: dict[str, Any], sample: Sample | None) -> None:
    assert sample is not None
    labels = read_structured_labels(body.get("structuredLabels"), values_count=sample.facts.values_count)
    if isinstance(labels, Refused):
        raise Refusal(labels.error)
    _set(call, selection, "structured_labels", labels)


def _enable(call: Call, selection: Selection, _: dict[str, Any], __: Sample | None) -> None:
    _set(call, selection, "is_disabled", False)


def _disable(call: Call, selection: Selection, _: dict[str, Any], __: Sample | None) -> None:
    _set(call, selection, "is_disabled", True)


_EDITS: dict[str, Edit] = {
    "rename": _rename,
    "edit-label": _relabel,
    "move": _move,
    "metadata": _set_metadata,
    "bounding-boxes": _set_boxes,
    "structured-labels": _set_structured_labels,
    "label-map-labels": _set_label_map,
    "enable": _enable,
    "disable": _disable,
}
_BATCH_EDITS: dict[str, Edit] = {
    "moveSamples": _move,
    "edit-labels": _relabel,
    "enable-samples": _enable,
    "disable-samples": _disable,
    "add-metadata": _add_metadata,
    "clear-metadata": _clear_metadata,
    "clear-metadata-by-key": _clear_metadata_by_key,
    "edit-bounding-boxes": _relabel_boxes,
    "back-to-labeling": _back_to_labeling,
}


def _set(call: Call, selection: Selection, column: str, value: object, *, expression: str = ":value") -> None:
    now_ms = call.service.now_ms()
    call.service.store.edit(selection, column, value, now_ms=now_ms, actor=call.actor, expression=expression)


def _text_of(body: dict[str, Any], name: str) -> str:
    text = body.get(name)
    if not isinstance(text, str):
        raise Refusal(f"Missing {name}")
    return text
