"""Read project, category and options of an upload from its path and headers. Source: the wire contract, section 1."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from aiohttp import web

from eisync.emulator.companions import is_string_map, read_boxes, read_json
from eisync.emulator.model import UPLOAD_CATEGORIES, Box, Project, Refused
from eisync.emulator.names import decode_header_text, decode_text
from eisync.emulator.parts import validation_of
from eisync.emulator.replies import FORBIDDEN, INVALID_KEY, NO_VALIDATION_SET, find_key, refuse
from eisync.emulator.service import SERVICE
from eisync.emulator.settings import EmulatorSettings

_NO = ("0", "false")


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadHeaders:
    """The options in the headers; they apply to every file of the request."""

    label: str | None = None  # None: infer it
    refuse_duplicates: bool = False
    metadata: Mapping[str, str] | None = None
    boxes: tuple[Box, ...] = ()
    add_date_id: bool = False


def enter(request: web.Request) -> tuple[Project, str, UploadHeaders] | web.Response:
    """Return project, category and options, or the answer that refuses the request."""
    service = request.app[SERVICE]
    settings = service.settings
    key = find_key(request)
    if key is None:
        return refuse(INVALID_KEY, status=401)
    if settings.refuse_by_role and not key.role.may_upload:
        return refuse(FORBIDDEN, status=settings.forbidden_status)
    category = request.match_info["category"]
    if category not in UPLOAD_CATEGORIES:
        return refuse(f"Unknown category {category}", status=400)
    project = service.store.project(key.project_id)
    if category == "validation" and validation_of(project, settings) == "refused":
        return refuse(NO_VALIDATION_SET, status=400)
    headers = _read_headers(request, settings)
    if isinstance(headers, Refused):
        return refuse(headers.error, status=400)
    return project, category, headers


def header_text(request: web.Request, name: bytes) -> str:
    return decode_header_text(_raw_header(request, name))


def _read_headers(request: web.Request, settings: EmulatorSettings) -> UploadHeaders | Refused:
    raw_label = _raw_header(request, b"x-label")
    label = decode_header_text(raw_label) if settings.decode_labels else decode_text(raw_label)
    headers = UploadHeaders(
        label="" if request.headers.get("x-no-label") == "1" else label or None,
        refuse_duplicates=_disallows_duplicates(request, settings),
        add_date_id=request.headers.get("x-add-date-id") == "1",
    )
    raw_metadata = _raw_header(request, b"x-metadata")
    if raw_metadata:
        metadata = _read_metadata(raw_metadata, settings)
        if isinstance(metadata, Refused):
            return metadata
        headers = replace(headers, metadata=metadata)
    raw_boxes = _raw_header(request, b"x-bounding-boxes")
    if raw_boxes:
        boxes = read_boxes(read_json(decode_text(raw_boxes)))
        if isinstance(boxes, Refused):
            return boxes
        headers = replace(headers, boxes=boxes)
    return headers


def _disallows_duplicates(request: web.Request, settings: EmulatorSettings) -> bool:
    """Return whether the header is set: official clients send `1`, tutorials `true`."""
    value = request.headers.get("x-disallow-duplicates", "").strip().lower()
    return value != "" and (settings.zero_disallows_duplicates or value not in _NO)


def _read_metadata(raw: bytes, settings: EmulatorSettings) -> Mapping[str, str] | Refused:
    metadata = read_json(decode_text(raw))
    if isinstance(metadata, dict) and not settings.refuse_metadata_not_text:
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in metadata.items()}
    if not isinstance(metadata, dict) or not is_string_map(metadata):
        return Refused("Invalid x-metadata header: expected a JSON object of strings")
    return metadata


def _raw_header(request: web.Request, name: bytes) -> bytes:
    """Return the bytes of a header: its text in aiohttp would hide bytes that are not UTF-8."""
    return next((value for found, value in request.raw_headers if found.lower() == name), b"")
