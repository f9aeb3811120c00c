"""The OpenAPI description of what both ports serve, at /emulator/openapi.json. Pure: two addresses in, a document out.

It tells the emulator's own truth, oddities included: a call that fails is normally a 200 whose `success` is false. The
tests hold it against the routers, and schemathesis tries all of it.

Source: OpenAPI 3.0.3.
"""

from collections.abc import Iterator, Mapping

from eisync.emulator.model import STORED_CATEGORIES, UPLOAD_CATEGORIES, Role
from eisync.emulator.shapes import (
    BOOLEAN,
    BYTES,
    COUNT,
    ID,
    INSTANT,
    INTEGER,
    NAME,
    SCHEMAS,
    TEXT,
    TEXTS,
    TRUE,
    Schema,
    answer,
    list_of,
    one_of,
    record,
    ref,
)

Operation = dict[str, object]
Route = tuple[str, str, Operation]  # method, path, what it does

_PROJECT = "/api/{project}"
_RAW = _PROJECT + "/raw-data"
_SAMPLE = _RAW + "/{sample}"
_DONE = answer()
_EDITS: Mapping[str, Schema] = {
    "rename": record({"name": TEXT}),
    "edit-label": record({"label": TEXT}),
    "move": record({"newCategory": one_of((*STORED_CATEGORIES, "split"))}),
    "metadata": record({}, {"metadata": TEXTS}),
    "bounding-boxes": record({"boundingBoxes": list_of(ref("Box"))}),
    "structured-labels": record({"structuredLabels": list_of(ref("StructuredLabel"), at_least=1)}),
    "enable": record({}),
    "disable": record({}),
}
_BATCHES: Mapping[str, Schema] = {
    "delete": record({}),
    "moveSamples": _EDITS["move"],
    "edit-labels": _EDITS["edit-label"],
    "enable-samples": record({}),
    "disable-samples": record({}),
}
_FILES = {
    "raw": ("application/octet-stream",),
    "image": ("image/png", "image/jpeg"),
    "video": ("video/mp4", "video/x-msvideo"),
    "wav": ("audio/wav",),
}
_UPLOAD_HEADERS = {
    "x-label": "of every file of the request, percent-encoded; without it, inferred from the file name",
    "x-no-label": "1: neither take nor infer a label",
    "x-disallow-duplicates": "1: refuse a file whose content the project holds already",
    "x-metadata": "a JSON object of strings, for every file of the request",
    "x-bounding-boxes": "a JSON array of boxes, for one image",
    "x-add-date-id": "1: add a unique date id to the name",
}


def describe(studio_url: str, ingestion_url: str) -> dict[str, object]:
    """`studio_url` ends in /v1."""
    root_url = studio_url.removesuffix("/v1")
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Edge Impulse emulator",
            "version": "1",
            "description": "A local stand-in for the ingestion service and Studio of Edge Impulse; not their document.",
        },
        "servers": [{"url": studio_url}, {"url": root_url}],
        "security": [{"key": []}],
        "paths": {
            **_paths(_ingestion_routes(), ingestion_url),
            **_paths(_studio_routes(), studio_url),
            **_paths(_device_routes(), studio_url),
            **_paths(_control_routes(), root_url),
        },
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
            "schemas": SCHEMAS,
        },
    }


def _paths(routes: Iterator[Route], server_url: str) -> dict[str, dict[str, object]]:
    paths: dict[str, dict[str, object]] = {}
    for method, path, operation in routes:
        item = paths.setdefault(path, {"servers": [{"url": server_url}], "parameters": _parameters_of(path)})
        item[method] = {"operationId": f"{method} {path}", **operation}
    return paths


def _parameters_of(path: str) -> list[dict[str, object]]:
    categories = (*STORED_CATEGORIES, "all") if "delete-all" in path else UPLOAD_CATEGORIES
    schemas = {"{project}": ID, "{sample}": ID, "{job}": ID, "{device}": TEXT, "{category}": one_of(categories)}
    return [
        {"name": name.strip("{}"), "in": "path", "required": True, "schema": schema}
        for name, schema in schemas.items()
        if name in path
    ]


def _ingestion_routes() -> Iterator[Route]:
    headers = [_in("header", name, TEXT, text) for name, text in _UPLOAD_HEADERS.items()]
    name = _in("header", "x-file-name", TEXT, "of the file that is the body") | {"required": True}
    form = record({"data": list_of(BYTES, at_least=1)})
    refused = {
        "description": "A text; a Failure when the key or the whole request is refused.",
        "content": {"text/plain": {"schema": TEXT}, "application/json": {"schema": ref("Failure")}},
    }
    stored = {"description": "The stored name.", "content": {"text/plain": {"schema": TEXT}}}
    yield (
        "post",
        "/api/{category}/files",
        _operation(
            "Upload files. A 200 is not success: every file has its own entry, in the order sent.",
            answer(files=list_of(ref("Entry"))),
            headers,
            body=form,
            body_type="multipart/form-data",
        ),
    )
    legacy = _operation("Upload one file as the body.", TEXT, [name, *headers], BYTES, "application/octet-stream")
    yield (
        "post",
        "/api/{category}/data",
        legacy | {"deprecated": True, "responses": {"200": stored, "default": refused}},
    )


def _studio_routes() -> Iterator[Route]:
    role = one_of([role.value for role in Role])
    yield "get", "/api/projects", _operation("The project of the key.", answer(projects=list_of(ref("Project"))))
    key_info = answer(apiKeyId=ID, projectId=ID, role=role)
    yield "get", "/api/projects/api-key-info", _operation("What the key allows.", key_info)
    yield "get", _PROJECT, _operation("One project.", answer(project=ref("Project")))
    yield "get", f"{_PROJECT}/devkeys/hmac", _operation("What devices sign with.", answer(hmacKey=TEXT))
    changed = {"anyOf": [record({"success": TRUE}, {"lastModificationDate": INSTANT}), ref("Failure")]}
    yield "get", f"{_PROJECT}/last-modification", _operation("When data last changed.", changed)
    yield "get", _PROJECT + "/jobs/{job}/status", _operation("One job.", answer(job=ref("Job")))
    page = answer(samples=list_of(ref("Sample")), totalCount=COUNT)
    yield "get", _RAW, _operation("Samples, newest first.", page, [*_selection(), *_paging()])
    yield "get", f"{_RAW}/count", _operation("How many a listing holds.", answer(count=COUNT), _selection())
    one = answer(sample=ref("Sample"), payload=ref("Payload"), totalPayloadLength=COUNT, datastreamPayloads=list_of({}))
    yield "get", _SAMPLE, _operation("One sample with its values.", one)
    yield "delete", _SAMPLE, _operation("Delete a sample.", _DONE)
    for kind, content_types in _FILES.items():
        axis = [_in("query", "axisIx", COUNT)] if kind == "wav" else []
        content: dict[str, object] = {one: {"schema": BYTES} for one in content_types}
        content["application/json"] = {"schema": ref("Failure")}
        given = {"200": {"description": "The bytes; a Failure when there are none.", "content": content}}
        operation = _operation(f"The sample as {kind}.", _DONE, axis)
        yield "get", f"{_SAMPLE}/{kind}", operation | {"responses": given | {"default": _FAILED}}
    yield "post", f"{_RAW}/delete-all", _operation("Delete every sample.", _DONE)
    yield "post", _RAW + "/delete-all/{category}", _operation("Delete every sample of a category.", _DONE)
    for action, body in _EDITS.items():
        yield "post", f"{_SAMPLE}/{action}", _operation(f"{action} one sample.", _DONE, body=body)
    ids = _in("query", "ids", TEXT, "a JSON array of sample ids")
    for action, body in _BATCHES.items():
        done = {"anyOf": [record({"success": TRUE}, {"id": ID}), ref("Failure")]}
        batch = _operation(f"{action} a selection; with an id: that of a job.", done, [*_selection(), ids], body)
        yield "post", f"{_RAW}/batch/{action}", batch


def _device_routes() -> Iterator[Route]:
    """What a device that was asked for a sample does then is a matter of its WebSocket, not of this document."""
    one = _PROJECT + "/device/{device}"
    yield "get", f"{_PROJECT}/devices", _operation("Devices of the project.", answer(devices=list_of(ref("Device"))))
    new = record({"deviceId": NAME, "deviceType": NAME, "ifNotExists": BOOLEAN})
    yield "post", f"{_PROJECT}/devices/create", _operation("Make a device, or change its type.", _DONE, body=new)
    yield (
        "post",
        _PROJECT + "/devices/{device}/rename",
        _operation("Name a device.", _DONE, body=record({"name": NAME})),
    )
    yield "get", one, _operation("One device.", answer(device=ref("Device")))
    yield "delete", one, _operation("Forget a device until it comes again.", _DONE)
    started = _operation("Ask a connected device for a sample; the id is a job's.", answer(id=ID), body=ref("Sampling"))
    yield "post", f"{one}/start-sampling", started


def _control_routes() -> Iterator[Route]:
    own: dict[str, object] = {"security": []}
    project = _in("query", "project", ID, "narrows the lasting figures to one project")
    ledger = answer(requests=COUNT, files=COUNT, bytes=COUNT, stored=COUNT, stored_by_hash={"type": "object"})
    yield "get", "/emulator/ledger", own | _operation("The exact account.", ledger, [project])
    rules = answer(rules=list_of(ref("Rule")))
    wanted = record({"rules": list_of(ref("NewRule"))}, {"seed": INTEGER})
    yield "get", "/emulator/faults", own | _operation("The rules of misbehaviour.", rules)
    yield "post", "/emulator/faults", own | _operation("Replace the rules.", rules, body=wanted)
    yield "delete", "/emulator/faults", own | _operation("Behave.", rules)
    projects = answer(projects=list_of(ref("OwnProject")))
    yield "get", "/emulator/projects", own | _operation("Every project with its keys.", projects)
    made = answer(project=ref("OwnProject"), studio_url=TEXT, ingestion_url=TEXT)
    yield "post", "/emulator/projects", own | _operation("Make a project.", made, body=ref("NewProject"))
    spoken = answer(connected=list_of({"type": "object"}), refused=list_of({"type": "object"}))
    yield "get", "/emulator/devices", own | _operation("What was said with the devices that are connected.", spoken)
    yield "get", "/emulator/openapi.json", own | _operation("This document.", {"type": "object"})


def _selection() -> list[dict[str, object]]:
    return [
        _in("query", "category", one_of((*STORED_CATEGORIES, "all"))) | {"required": True},
        _in("query", "labels", TEXT, "a JSON array of labels, or null for all"),
        _in("query", "filename", TEXT, "a part of the name"),
        _in("query", "search", TEXT, "a part of the name or the label"),
        _in("query", "minId", ID, "this one and above"),
        _in("query", "maxId", ID, "below this one"),
        _in("query", "minDate", INSTANT),
        _in("query", "maxDate", INSTANT),
        _in("query", "metadata", TEXT, "a JSON object of strings, all of which must be there"),
        _in("query", "includeDisabled", one_of(("both", "enabled", "disabled"))),
    ]


def _paging() -> list[dict[str, object]]:
    return [
        _in("query", "limit", COUNT),
        _in("query", "offset", COUNT),
        _in("query", "sortBy", one_of(("id-desc", "random"))),
        _in("query", "excludeSensors", BOOLEAN),
    ]


_FAILED = {
    "description": "Refused: a wrong key, a forbidden call, a request that cannot be read.",
    "content": {"application/json": {"schema": ref("Failure")}},
}


def _operation(
    summary: str,
    given: Schema,
    parameters: list[dict[str, object]] | None = None,
    body: Schema | None = None,
    body_type: str = "application/json",
) -> Operation:
    operation: Operation = {
        "summary": summary,
        "responses": {
            "200": {"description": "Done, or a Failure.", "content": {"application/json": {"schema": given}}},
            "default": _FAILED,
        },
    }
    if parameters:
        operation["parameters"] = parameters
    if body is not None:
        operation["requestBody"] = {"required": "required" in body, "content": {body_type: {"schema": body}}}
    return operation


def _in(place: str, name: str, schema: Schema, text: str = "") -> dict[str, object]:
    described = {"description": text} if text else {}
    return {"name": name, "in": place, "schema": schema, **described}
