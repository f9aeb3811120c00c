"""The ingestion service's routes: one upload becomes one commit, and only when its body arrived whole."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from aiohttp import web

from eisync.emulator.companions import Companions, is_string_map, read_boxes, read_json
from eisync.emulator.intake import Accepted, Upload, UploadHeaders, examine, sort_parts
from eisync.emulator.model import UPLOAD_CATEGORIES, Duplicate, Project, Refused, Stored
from eisync.emulator.multipart import FormReader, MultipartError, Part, TooManyParts
from eisync.emulator.names import decode_header_text, decode_text, extension_of
from eisync.emulator.recognise import extension_by_content_type
from eisync.emulator.replies import (
    FORBIDDEN,
    INVALID_KEY,
    NO_VALIDATION_SET,
    BodyCut,
    BodyTooLarge,
    actor_now,
    answer,
    fault_now,
    find_key,
    read_chunks,
    refuse,
)
from eisync.emulator.service import SERVICE, Service
from eisync.emulator.spool import Limits, Spool

# Above this many bytes a request is examined beside the event loop, which goes on serving others.
_EXAMINE_INLINE_BYTES = 1024 * 1024
_COMPANIONS = 4
Settled = tuple[Accepted | Refused, Stored | Duplicate | Refused]


def add_routes(app: web.Application) -> None:
    app.router.add_post("/api/{category}/files", _post_files)
    app.router.add_post("/api/{category}/data", _post_data)


async def _post_files(request: web.Request) -> web.StreamResponse:
    service = request.app[SERVICE]
    entry = _enter(request)
    if isinstance(entry, web.Response):
        return entry
    project, category, headers = entry
    try:
        reader = FormReader(
            request.headers.get("Content-Type", ""),
            service.store.spool_folder,
            _limits(service),
            decode_quote_escapes=service.settings.decode_quote_escapes,
        )
    except MultipartError as error:
        return refuse(f"Invalid multipart body: {error}", status=400)
    try:
        async for chunk in read_chunks(request):
            reader.feed(chunk)
        sorted_parts = sort_parts(reader.finish(), service.settings)
        if isinstance(sorted_parts, Refused):
            return refuse(sorted_parts.error, status=400)
        parts, companions = sorted_parts
        settled = await _settle(service, project, Upload(category, headers, parts, companions))
    except TooManyParts:
        limit = service.settings.max_files_per_request
        return refuse(f"Too many files in one request: at most {limit}", status=400)
    except (MultipartError, BodyCut) as error:
        service.ledger.truncated += 1
        return refuse(f"Invalid multipart body: {error}", status=400)
    except BodyTooLarge:
        return refuse("Request Entity Too Large", status=413)
    finally:
        reader.discard()
    entries = [_entry(service, project, one) for one in settled]
    rule = fault_now()
    if rule is not None and rule.kind == "count_mismatch":
        entries = entries + entries[-1:] * rule.extra if rule.extra > 0 else entries[: rule.extra or None]
    return answer({"success": True, "files": entries})


async def _post_data(request: web.Request) -> web.StreamResponse:
    """Legacy: one file is the whole body, the answer is text."""
    service = request.app[SERVICE]
    entry = _enter(request)
    if isinstance(entry, web.Response):
        return entry
    project, category, headers = entry
    name = _header_text(request, b"x-file-name")
    if not name:
        return _text("Missing x-file-name header", status=service.settings.missing_file_name_status)
    if not extension_of(name):
        name += extension_by_content_type(request.headers.get("Content-Type", ""))
    limits = _limits(service)
    spool = Spool(service.store.spool_folder, limits, limits.spool_total_bytes)
    part = None
    try:
        async for chunk in read_chunks(request):
            spool.write(chunk)
        body, sha256, md5 = spool.finish()
        part = Part("data", name, "", body, spool.size_bytes, sha256, md5, spool.is_too_large)
        ((examined, stored),) = await _settle(service, project, Upload(category, headers, [part], Companions()))
    except BodyCut:
        service.ledger.truncated += 1
        return _text("The request did not end", status=400)
    except BodyTooLarge:
        return _text("Request Entity Too Large", status=413)
    finally:
        if part is None:
            spool.discard()
        else:
            part.body.discard()
    if isinstance(stored, Stored):
        assert not isinstance(examined, Refused)
        return _text(examined[0].stored_name)
    return _text(_why(service, stored), status=400)


def _enter(request: web.Request) -> tuple[Project, str, UploadHeaders] | web.Response:
    """Who comes, where to, and with what wishes."""
    service = request.app[SERVICE]
    key = find_key(request)
    if key is None:
        return refuse(INVALID_KEY, status=401)
    if not key.role.may_upload:
        return refuse(FORBIDDEN, status=service.settings.forbidden_status)
    category = request.match_info["category"]
    if category not in UPLOAD_CATEGORIES:
        return refuse(f"Unknown category {category}", status=400)
    if category == "validation" and service.settings.validation == "refused":
        return refuse(NO_VALIDATION_SET, status=400)
    headers = _read_headers(request)
    if isinstance(headers, Refused):
        return refuse(headers.error, status=400)
    return service.store.project(key.project_id), category, headers


def _read_headers(request: web.Request) -> UploadHeaders | Refused:
    headers = UploadHeaders(
        label="" if request.headers.get("x-no-label") == "1" else _header_text(request, b"x-label") or None,
        refuse_duplicates=request.headers.get("x-disallow-duplicates") == "1",
        add_date_id=request.headers.get("x-add-date-id") == "1",
    )
    raw_metadata = _raw_header(request, b"x-metadata")
    if raw_metadata:
        metadata = read_json(decode_text(raw_metadata))
        if not isinstance(metadata, dict) or not is_string_map(metadata):
            return Refused("Invalid x-metadata header: expected a JSON object of strings")
        headers = replace(headers, metadata=metadata)
    raw_boxes = _raw_header(request, b"x-bounding-boxes")
    if raw_boxes:
        boxes = read_boxes(read_json(decode_text(raw_boxes)))
        if isinstance(boxes, Refused):
            return boxes
        headers = replace(headers, boxes=boxes)
    return headers


def _raw_header(request: web.Request, name: bytes) -> bytes:
    """As it came: aiohttp's text of it would hide bytes that are not UTF-8."""
    return next((value for found, value in request.raw_headers if found.lower() == name), b"")


def _header_text(request: web.Request, name: bytes) -> str:
    return decode_header_text(_raw_header(request, name))


async def _settle(service: Service, project: Project, upload: Upload) -> list[Settled]:
    """Examine and commit. Whoever waits in between cannot be overtaken: the commit itself looks for duplicates."""
    size_bytes = sum(part.size_bytes for part in upload.parts)
    first_name_ms = service.reserve_names(len(upload.parts))
    if size_bytes > _EXAMINE_INLINE_BYTES:
        examined = await asyncio.to_thread(examine, upload, project, service.settings, first_name_ms=first_name_ms)
    else:
        examined = examine(upload, project, service.settings, first_name_ms=first_name_ms)
    rule = fault_now()
    if rule is not None and rule.kind == "partial":
        chosen = service.faults.choose_positions(rule, len(examined))
        examined = [Refused(rule.error) if index in chosen else one for index, one in enumerate(examined)]
    accepted = [one for one in examined if not isinstance(one, Refused)]
    answers = iter(
        service.store.commit(
            project.id,
            accepted,
            refuse_duplicates=upload.headers.refuse_duplicates,
            now_ms=service.now_ms(),
            actor=actor_now(),
        )
    )
    settled: list[Settled] = [(one, one if isinstance(one, Refused) else next(answers)) for one in examined]
    service.ledger.files += len(settled)
    service.ledger.bytes += size_bytes
    service.ledger.files_refused += sum(not isinstance(stored, Stored) for _, stored in settled)
    return settled


def _entry(service: Service, project: Project, settled: Settled) -> dict[str, object]:
    examined, stored = settled
    if isinstance(stored, Stored):
        assert not isinstance(examined, Refused)
        return {
            "success": True,
            "projectId": project.id,
            "sampleId": stored.sample_id,
            "fileName": examined[0].stored_name,
        }
    return {"success": False, "error": _why(service, stored)}


def _why(service: Service, stored: Duplicate | Refused) -> str:
    if isinstance(stored, Refused):
        return stored.error
    ids = f" (ids: {_join(stored.sample_ids)})" if service.settings.duplicate_names_ids else ""
    return f"An item with this hash already exists{ids}"


def _join(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids))


def _limits(service: Service) -> Limits:
    settings = service.settings
    return Limits(
        # Attachments are parts too, and companions come on top: what is no data file is told only in the end.
        max_parts=settings.max_files_per_request * 2 + _COMPANIONS,
        max_part_bytes=settings.max_file_bytes,
        spool_bytes=settings.spool_bytes,
        spool_total_bytes=settings.spool_total_bytes,
    )


def _text(text: str, *, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status)
