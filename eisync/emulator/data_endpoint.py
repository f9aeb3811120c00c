"""The data endpoint: each request has one item, named by a header, and is answered with a text.

The item is the whole body, or it is in a form. A form may also have the files to which the values of a message refer.
These forms are known: the phone client's camera (`message` and `image`), the Rust client (one text part), the command
line before 2022 (`body` and `attachments`), and the documented `attachments[]` of curl, whose first part is the
message.

Source: the wire contract, section 1 and "Second measurement".
"""

from collections.abc import Sequence
from dataclasses import replace

from aiohttp import web

from eisync.emulator.committing import limits_of, settle
from eisync.emulator.companions import Companions
from eisync.emulator.intake import Upload
from eisync.emulator.model import Project, Refused
from eisync.emulator.multipart import FormReader, MultipartError, Part, TooManyParts
from eisync.emulator.names import extension_of
from eisync.emulator.recognise import is_known, name_by_type, read_message
from eisync.emulator.replies import BodyCut, BodyTooLarge, read_chunks
from eisync.emulator.service import SERVICE, Service
from eisync.emulator.spool import Spool
from eisync.emulator.upload_headers import UploadHeaders, enter, header_text

_MESSAGES = ("message", "body", "data")  # names of the message's field; without one, the first part is the message


async def post_data(request: web.Request) -> web.StreamResponse:
    service = request.app[SERVICE]
    entry = enter(request)
    if isinstance(entry, web.Response):
        return entry
    project, category, headers = entry
    name = header_text(request, b"x-file-name")
    if not name:
        return _text("Missing x-file-name header", status=service.settings.missing_file_name_status)
    parts: list[Part] = []
    try:
        is_form = request.content_type == "multipart/form-data"
        parts = await (_read_form(request) if is_form else _read_item(request))
        upload = _upload_of(parts, name, service, project, category, headers)
        if isinstance(upload, Refused):
            return _text(upload.error, status=400)
        (settled,) = await settle(service, project, upload)
    except TooManyParts:
        return _text(f"Too many parts in one form: at most {service.settings.max_form_parts}", status=400)
    except MultipartError as error:
        service.ledger.truncated += 1
        return _text(f"Invalid multipart body: {error}", status=400)
    except BodyCut:
        service.ledger.truncated += 1
        return _text("The request did not end", status=400)
    except BodyTooLarge:
        return _text("Request Entity Too Large", status=413)
    finally:
        for part in parts:
            part.body.discard()
    return _text(settled.error, status=400) if settled.error else _text(settled.stored_name)


async def _read_item(request: web.Request) -> list[Part]:
    """Read a body that is the item itself."""
    service = request.app[SERVICE]
    limits = limits_of(service, max_parts=1)
    spool = Spool(service.store.spool_folder, limits, limits.spool_total_bytes)
    try:
        async for chunk in read_chunks(request):
            spool.write(chunk)
    except (BodyCut, BodyTooLarge):
        spool.discard()
        raise
    body, sha256, md5 = spool.finish()
    content_type = request.headers.get("Content-Type", "")
    return [Part("", "", content_type, body, spool.size_bytes, sha256, md5, spool.is_too_large)]


async def _read_form(request: web.Request) -> list[Part]:
    service = request.app[SERVICE]
    reader = FormReader(
        request.headers.get("Content-Type", ""),
        service.store.spool_folder,
        limits_of(service, max_parts=service.settings.max_form_parts),
        decode_quote_escapes=service.settings.decode_quote_escapes,
    )
    try:
        async for chunk in read_chunks(request):
            reader.feed(chunk)
        parts = reader.finish()
    except (MultipartError, BodyCut, BodyTooLarge):
        reader.discard()
        raise
    if not parts:
        raise MultipartError("it has no parts")
    return parts


def _upload_of(
    parts: Sequence[Part], name: str, service: Service, project: Project, category: str, headers: UploadHeaders
) -> Upload | Refused:
    """Return an upload with the item as its only data file, with the name from the header."""
    item = next((part for part in parts if part.field in _MESSAGES), parts[0])
    item_name = _name_of(item, name)
    attached = [part for part in parts if part is not item]
    upload = Upload(category, headers, [replace(item, file_name=item_name)], Companions())
    if not attached:
        return upload
    if item.size_bytes > service.settings.max_parse_bytes:
        return Refused("Invalid acquisition file: the message is too large")
    read = read_message(item_name, item.body, hmac_key=project.hmac_key, settings=service.settings)
    if isinstance(read, Refused):
        return read
    if read.refers_to_file:
        file, *attached = attached  # documented: further files are stored but not shown
        item_name = _name_of(file, name)
        upload = replace(upload, parts=[replace(file, file_name=item_name)], message=read.facts)
    names = tuple(part.file_name or part.field for part in attached)
    return replace(upload, companions=Companions(attachments={item_name: names}))


def _name_of(part: Part, name: str) -> str:
    """Return the name from the header, with an extension for the format of the part."""
    if part.file_name is None:  # a text field, not a file: by default it is JSON
        return name_by_type(name, part.content_type.removeprefix("text/plain"), otherwise=".json")
    return name_by_type(
        name, part.content_type, otherwise=extension_of(part.file_name) if is_known(part.file_name) else ""
    )


def _text(text: str, *, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status)
