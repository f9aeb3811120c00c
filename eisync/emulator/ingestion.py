"""The routes of the ingestion service, and its files endpoint. An upload is stored only if its body is complete."""

from aiohttp import web

from eisync.emulator import data_endpoint
from eisync.emulator.committing import Settled, limits_of, settle
from eisync.emulator.intake import Upload, sort_parts
from eisync.emulator.model import Project, Refused
from eisync.emulator.multipart import FormReader, MultipartError, TooManyParts
from eisync.emulator.replies import BodyCut, BodyTooLarge, answer, fault_now, read_chunks, refuse
from eisync.emulator.service import SERVICE
from eisync.emulator.upload_headers import enter

_COMPANIONS = 4


def add_routes(app: web.Application) -> None:
    app.router.add_post("/api/{category}/files", _post_files)
    app.router.add_post("/api/{category}/data", data_endpoint.post_data)


async def _post_files(request: web.Request) -> web.StreamResponse:
    service = request.app[SERVICE]
    entry = enter(request)
    if isinstance(entry, web.Response):
        return entry
    project, category, headers = entry
    try:
        reader = FormReader(
            request.headers.get("Content-Type", ""),
            service.store.spool_folder,
            # Attachments and companions are parts, too. Which parts are data files is known only after the last one.
            limits_of(service, max_parts=service.settings.max_files_per_request * 2 + _COMPANIONS),
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
        settled = await settle(service, project, Upload(category, headers, parts, companions))
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
    entries = [_entry(project, one) for one in settled]
    rule = fault_now()
    if rule is not None and rule.kind == "count_mismatch":
        entries = entries + entries[-1:] * rule.extra if rule.extra > 0 else entries[: rule.extra or None]
    return answer({"success": True, "files": entries})


def _entry(project: Project, settled: Settled) -> dict[str, object]:
    if settled.error:
        return {"success": False, "error": settled.error}
    return {
        "success": True,
        "projectId": project.id,
        "sampleId": settled.sample_id,
        "fileName": settled.stored_name,
    }
