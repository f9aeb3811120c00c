"""The OpenAPI description of both ports, at /emulator/openapi.json. Pure: two addresses in, a document out.

It describes what the emulator really does: for example, a call that fails usually gets status 200 with `success` false.
The tests compare it with the routes, and try every call with schemathesis.

Source: OpenAPI 3.0.3.
"""

from collections.abc import Iterator, Mapping

from eisync.emulator.model import STORED_CATEGORIES, UPLOAD_CATEGORIES, Role
from eisync.emulator.openapi_accounts import account_routes
from eisync.emulator.openapi_devices import DEVICE_SCHEMAS, device_routes
from eisync.emulator.openapi_parts import FAILED, Route, operation, paging, parameter, selection
from eisync.emulator.openapi_projects import PROJECT_SCHEMAS, export_routes, project_routes
from eisync.emulator.openapi_versions import VERSION_SCHEMAS, version_routes
from eisync.emulator.shapes import (
    BOOLEAN,
    BYTES,
    COUNT,
    ID,
    INSTANT,
    INTEGER,
    LABEL_MAP,
    SCHEMAS,
    TEXT,
    TEXTS,
    TOKEN,
    TRUE,
    Schema,
    answer,
    list_of,
    one_of,
    record,
    ref,
)

_PROJECT = "/api/{project}"
_RAW = _PROJECT + "/raw-data"
_SAMPLE = _RAW + "/{sample}"
_LIMIT = {"type": "integer", "minimum": 1, "maximum": 10**9}
_DONE = answer()
_EDITS: Mapping[str, Schema] = {
    "rename": record({"name": TEXT}),
    "edit-label": record({"label": TEXT}),
    "move": record({"newCategory": one_of((*STORED_CATEGORIES, "split"))}),
    "metadata": record({}, {"metadata": TEXTS}),
    "bounding-boxes": record({"boundingBoxes": list_of(ref("Box"))}),
    "structured-labels": record({"structuredLabels": list_of(ref("StructuredLabel"), at_least=1)}),
    "label-map-labels": record({"labelMap": LABEL_MAP}),
    "enable": record({}),
    "disable": record({}),
}
_BATCHES: Mapping[str, Schema] = {
    "delete": record({}),
    "moveSamples": _EDITS["move"],
    "edit-labels": _EDITS["edit-label"],
    "enable-samples": record({}),
    "disable-samples": record({}),
    "add-metadata": record({"metadataKey": TEXT, "metadataValue": TEXT}),
    "clear-metadata": record({}),
    "clear-metadata-by-key": record({"metadataKey": TEXT}),
    "edit-bounding-boxes": record({"oldLabels": list_of(TEXT), "newLabel": TEXT}),
    "back-to-labeling": record({"labelAction": {"enum": ["clear-labels"]}}),
}
_FILES = {
    "raw": ("application/octet-stream",),
    "image": ("image/png", "image/jpeg"),
    "video": ("video/mp4", "video/x-msvideo"),
    "wav": ("audio/wav",),
}
_UPLOAD_HEADERS = {
    "x-label": "the label of every file, percent-encoded; without it, labels are inferred from the file names",
    "x-no-label": "1: store without a label, and do not infer one",
    "x-disallow-duplicates": "if set: refuse a file whose content is already in the project",
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
            "description": "A local stand-in for Edge Impulse's ingestion service and Studio. Not their description.",
        },
        "servers": [{"url": studio_url}, {"url": root_url}],
        "security": [{"key": []}],
        "paths": {
            **_paths(_ingestion_routes(), ingestion_url),
            **_paths(_studio_routes(), studio_url),
            **_paths(_control_routes(), root_url),
        },
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
            "schemas": {**SCHEMAS, **VERSION_SCHEMAS, **PROJECT_SCHEMAS, **DEVICE_SCHEMAS},
        },
    }


def _paths(routes: Iterator[Route], server_url: str) -> dict[str, dict[str, object]]:
    paths: dict[str, dict[str, object]] = {}
    for method, path, one in routes:
        item = paths.setdefault(path, {"servers": [{"url": server_url}], "parameters": _parameters_of(path)})
        item[method] = {"operationId": f"{method} {path}", **one}
    return paths


def _parameters_of(path: str) -> list[dict[str, object]]:
    categories = (*STORED_CATEGORIES, "all") if "delete-all" in path else UPLOAD_CATEGORIES
    schemas = {
        "{project}": ID,
        "{sample}": ID,
        "{job}": ID,
        "{version}": ID,
        "{token}": TOKEN,
        "{device}": TEXT,
        "{user}": {**TEXT, "minLength": 1, "maxLength": 200},
        "{category}": one_of(categories),
    }
    return [
        {"name": name.strip("{}"), "in": "path", "required": True, "schema": schema}
        for name, schema in schemas.items()
        if name in path
    ]


def _ingestion_routes() -> Iterator[Route]:
    headers = [parameter("header", name, TEXT, text) for name, text in _UPLOAD_HEADERS.items()]
    name = parameter("header", "x-file-name", TEXT, "the name of the file in the body") | {"required": True}
    form = record({"data": list_of(BYTES, at_least=1)})
    refused = {
        "description": "A text, or a Failure if the key or the whole request is refused.",
        "content": {"text/plain": {"schema": TEXT}, "application/json": {"schema": ref("Failure")}},
    }
    stored = {"description": "The stored name.", "content": {"text/plain": {"schema": TEXT}}}
    yield (
        "post",
        "/api/{category}/files",
        operation(
            "Upload files. Status 200 is not success: each file has an entry of its own, in the order sent.",
            answer(files=list_of(ref("Entry"))),
            headers,
            body=form,
            body_type="multipart/form-data",
        ),
    )
    forms = {
        "application/octet-stream": BYTES,
        "application/cbor": BYTES,
        "application/json": {"type": "object"},
        "multipart/form-data": record({"message": BYTES}, {"image": BYTES}),
    }
    body = {"required": True, "content": {kind: {"schema": schema} for kind, schema in forms.items()}}
    one = operation("Upload one item: the body, or a message and its files.", TEXT, [name, *headers])
    yield (
        "post",
        "/api/{category}/data",
        one | {"deprecated": True, "requestBody": body, "responses": {"200": stored, "default": refused}},
    )


def _studio_routes() -> Iterator[Route]:
    role = one_of([role.value for role in Role])
    yield "get", "/api/projects", operation("The project of the key.", answer(projects=list_of(ref("Project"))))
    key_info = answer(apiKeyId=ID, projectId=ID, role=role)
    yield "get", "/api/projects/api-key-info", operation("The role of the key.", key_info)
    project = answer(project=ref("Project"), explicitValidationEnabled=BOOLEAN, datasetSplitOptions=ref("SplitOptions"))
    yield "get", _PROJECT, operation("One project.", project)
    yield "get", f"{_PROJECT}/devkeys/hmac", operation("The key for signatures.", answer(hmacKey=TEXT))
    changed = {"anyOf": [record({"success": TRUE}, {"lastModificationDate": INSTANT}), ref("Failure")]}
    yield "get", f"{_PROJECT}/last-modification", operation("When data last changed.", changed)
    yield "get", _PROJECT + "/jobs/{job}/status", operation("One job.", answer(job=ref("Job")))
    version = parameter("query", "datasetVersionId", ID, "the dataset version; default: the current dataset")
    page = answer(samples=list_of(ref("Sample")), totalCount=COUNT)
    yield "get", _RAW, operation("Samples, newest first.", page, [*selection(), *paging(), version])
    yield "get", f"{_RAW}/count", operation("The number of samples.", answer(count=COUNT), [*selection(), version])
    one = answer(sample=ref("Sample"), payload=ref("Payload"), totalPayloadLength=COUNT, datastreamPayloads=list_of({}))
    yield (
        "get",
        _SAMPLE,
        operation("One sample with its values.", one, [parameter("query", "limitPayloadValues", _LIMIT)]),
    )
    yield "delete", _SAMPLE, operation("Delete a sample.", _DONE)
    for kind, content_types in _FILES.items():
        axis = [parameter("query", "axisIx", COUNT)] if kind == "wav" else []
        content: dict[str, object] = {one: {"schema": BYTES} for one in content_types}
        content["application/json"] = {"schema": ref("Failure")}
        given = {"200": {"description": "The bytes, or a Failure.", "content": content}}
        shown = operation(f"The sample as {kind}.", _DONE, axis)
        yield "get", f"{_SAMPLE}/{kind}", shown | {"responses": given | {"default": FAILED}}
    yield "post", f"{_RAW}/delete-all", operation("Delete every sample.", _DONE)
    yield "post", _RAW + "/delete-all/{category}", operation("Delete every sample of a category.", _DONE)
    yield from version_routes(_PROJECT)
    yield from project_routes(_PROJECT)
    yield from device_routes(_PROJECT)
    login = record({"username": TEXT, "password": TEXT})
    yield from account_routes(_PROJECT)
    yield "post", "/api-login", {"security": []} | operation("A token for a person.", answer(token=TEXT), body=login)
    for action, body in _EDITS.items():
        yield "post", f"{_SAMPLE}/{action}", operation(f"{action} one sample.", _DONE, body=body)
    ids = [parameter("query", name, TEXT, "a JSON array of sample ids") for name in ("ids", "excludeIds")]
    for action, body in _BATCHES.items():
        done = {"anyOf": [record({"success": TRUE}, {"id": ID}), ref("Failure")]}
        batch = operation(f"{action} a selection. An id is that of a job.", done, [*selection(), *ids], body)
        yield "post", f"{_RAW}/batch/{action}", batch


def _control_routes() -> Iterator[Route]:
    own: dict[str, object] = {"security": []}
    project = parameter("query", "project", ID, "limits the lasting figures to one project")
    ledger = answer(requests=COUNT, files=COUNT, bytes=COUNT, stored=COUNT, stored_by_hash={"type": "object"})
    yield "get", "/emulator/ledger", own | operation("Exact counts.", ledger, [project])
    rules = answer(rules=list_of(ref("Rule")))
    wanted = record({"rules": list_of(ref("NewRule"))}, {"seed": INTEGER})
    yield "get", "/emulator/faults", own | operation("The rules of faults.", rules)
    yield "post", "/emulator/faults", own | operation("Replace the rules.", rules, body=wanted)
    yield "delete", "/emulator/faults", own | operation("Remove the rules.", rules)
    projects = answer(projects=list_of(ref("OwnProject")))
    yield "get", "/emulator/projects", own | operation("Every project with its keys.", projects)
    made = answer(project=ref("OwnProject"), studio_url=TEXT, ingestion_url=TEXT)
    yield "post", "/emulator/projects", own | operation("Make a project.", made, body=ref("NewProject"))
    yield from export_routes()
    spoken = answer(connected=list_of({"type": "object"}), refused=list_of({"type": "object"}))
    yield "get", "/emulator/devices", own | operation("The messages of connected devices.", spoken)
    yield "get", "/emulator/openapi.json", own | operation("This document.", {"type": "object"})
