"""What both ports share: JSON answers, API keys, reading bodies with limits, and carrying out faults."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Middleware

from eisync.emulator.faults import Plan, Rule
from eisync.emulator.model import Actor, Key
from eisync.emulator.service import SERVICE, Service
from eisync.emulator.visitors import reason_to_refuse

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_STATUS_OF = {"redirect": 307, "rate_limit": 429}  # default status of these faults; of all others: 503
INVALID_KEY = "Invalid API key"
NO_VALIDATION_SET = "This project has no validation set"  # how the service words it is not known
FORBIDDEN = "This API key does not allow this"

_IDLE = Plan()
_actor: ContextVar[Actor | None] = ContextVar("actor", default=None)  # of the request that this task handles
_plan: ContextVar[Plan] = ContextVar("plan", default=_IDLE)  # of the request that this task handles


class BodyCut(Exception):
    """The sender disconnected or paused too long before the body was complete."""

    def __str__(self) -> str:
        return "the request did not end"


class BodyTooLarge(Exception):
    """The body has more bytes than allowed."""


class Answer(web.Response):
    """A JSON answer that knows whether the ledger counts it as an error."""

    def __init__(self, content: Mapping[str, object], *, status: int = 200) -> None:
        raw = json.dumps(content, separators=(",", ":")).encode()
        super().__init__(body=raw, status=status, content_type="application/json", charset="utf-8")
        self.is_error = status != 200 or content.get("success") is False


def answer(content: Mapping[str, object], *, status: int = 200) -> web.Response:
    return Answer(content, status=status)


def refuse(error: str, *, status: int = 200) -> web.Response:
    """Refuse as the service does: usually with status 200 and success:false."""
    return answer({"success": False, "error": error}, status=status)


def find_key(request: web.Request) -> Key | None:
    text = request.headers.get("x-api-key", "")
    key = request.app[SERVICE].store.find_key(text.encode("utf-8", "replace").decode()) if text else None
    _actor.set(None if key is None else Actor("projectApiKey", key.id))
    return key


def actor_now() -> Actor | None:
    """Return the owner of the key in the request that this task handles."""
    return _actor.get()


def fault_now() -> Rule | None:
    """Return the fault that the route itself must carry out."""
    return _plan.get().rule


async def read_chunks(request: web.Request) -> AsyncIterator[bytes]:
    """Yield the body in pieces. Raises BodyCut and BodyTooLarge."""
    service = request.app[SERVICE]
    limit_bytes = service.settings.max_request_bytes
    if limit_bytes is not None and (request.content_length or 0) > limit_bytes:
        raise BodyTooLarge
    pause_s = _plan.get().read_pause_s
    received_bytes = 0
    while True:
        if pause_s:
            await asyncio.sleep(pause_s)
        try:
            chunk = await asyncio.wait_for(request.content.readany(), service.settings.idle_timeout_s)
        except (TimeoutError, OSError, ClientError, HttpProcessingError, web.RequestPayloadError) as error:
            raise BodyCut from error
        if not chunk:
            if not request.content.is_eof():
                raise BodyCut
            return
        received_bytes += len(chunk)
        if limit_bytes is not None and received_bytes > limit_bytes:
            raise BodyTooLarge
        yield chunk


async def read_small(request: web.Request, limit_bytes: int) -> bytes:
    """Return a body that fits in memory. Raises BodyCut and BodyTooLarge."""
    gathered = bytearray()
    async for chunk in read_chunks(request):
        gathered += chunk
        if len(gathered) > limit_bytes:
            raise BodyTooLarge
    return bytes(gathered)


@dataclass(frozen=True, slots=True)
class _Outcome:
    response: web.StreamResponse  # ignored if the connection is closed
    is_error: bool  # for the ledger


def guard(where: str) -> Middleware:
    """Return the middleware of one port: it refuses web pages, limits headers, counts, and carries out faults.

    Requests without a route are answered in JSON, too.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        service = request.app[SERVICE]
        reason = reason_to_refuse(
            request.method,
            request.headers,
            allowed_hosts=(service.settings.host, *service.settings.allowed_hosts),
            is_remote=service.settings.allow_remote,
            own_ports=service.ports,
        )
        if reason is not None:
            return refuse(reason, status=403)
        if sum(len(name) + len(value) + 4 for name, value in request.raw_headers) > service.settings.max_header_bytes:
            return refuse("Request Header Fields Too Large", status=431)
        is_counted = request.path.startswith(("/api/", "/v1/api/"))
        if not is_counted:
            return await _handle(request, handler)
        outcome = await _handle_with_faults(where, service, request, handler)
        if where == "ingestion":
            service.ledger.requests += 1
            service.ledger.errors += outcome.is_error
        else:
            service.ledger.studio_requests += 1
            service.ledger.studio_errors += outcome.is_error
        return outcome.response

    return middleware


async def _handle(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return refuse(error.reason, status=error.status)
    except BodyTooLarge:
        return refuse("Request Entity Too Large", status=413)
    except BodyCut:
        return refuse("The request did not end", status=400)


async def _handle_with_faults(where: str, service: Service, request: web.Request, handler: Handler) -> _Outcome:
    plan = service.faults.draw(where, request.method, request.path, now=asyncio.get_running_loop().time())
    service.ledger.faults.update(plan.kinds)
    _plan.set(plan)
    if plan.delay_s:
        await asyncio.sleep(plan.delay_s)
    rule = plan.rule
    if rule is None:
        response = await _handle(request, handler)
        return _Outcome(response, response.is_error if isinstance(response, Answer) else response.status != 200)
    if rule.kind in ("reset_before", "reset_during", "reset_after") or (rule.kind == "outage" and rule.status is None):
        await _read_before_reset(request, rule)
        _reset(request)
        return _Outcome(web.Response(), is_error=True)
    if rule.kind in ("status", "rate_limit", "redirect", "outage"):
        await _drain(request)
        return _Outcome(_answer_of(rule), is_error=True)
    response = await _handle(request, handler)
    if rule.kind == "withhold":
        _close(request)
    elif rule.kind == "truncate":
        response = await _truncate(request, response)
    elif rule.kind == "malformed":
        response = web.Response(body=b'{"success": tru', content_type="application/json")
    return _Outcome(response, is_error=True)


def _answer_of(rule: Rule) -> web.Response:
    response = refuse(rule.error, status=rule.status or _STATUS_OF.get(rule.kind, 503))
    if rule.kind == "redirect":
        response.headers["Location"] = rule.location
    if rule.retry_after is not None:
        response.headers["Retry-After"] = str(rule.retry_after)
    return response


async def _read_before_reset(request: web.Request, rule: Rule) -> None:
    if rule.kind == "reset_after":
        await _drain(request)
    elif rule.kind == "reset_during":
        wanted_bytes = (request.content_length or 2) // 2 if rule.bytes is None else rule.bytes
        await _drain(request, wanted_bytes)


async def _drain(request: web.Request, wanted_bytes: int | None = None) -> None:
    """Read the body, or at least `wanted_bytes` of it, and discard it."""
    read_bytes = 0
    try:
        async for chunk in read_chunks(request):
            read_bytes += len(chunk)
            if wanted_bytes is not None and read_bytes >= wanted_bytes:
                return
    except (BodyCut, BodyTooLarge):
        return


def _reset(request: web.Request) -> None:
    """Reset the TCP connection: the peer sees an error, not the end of the stream."""
    if request.transport is None:
        return
    peer: socket.socket | None = request.transport.get_extra_info("socket")
    if peer is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()


def _close(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()


async def _truncate(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Announce the length of the whole answer, send half of it, and close the connection."""
    body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b"{}"
    cut = web.StreamResponse(status=response.status, headers={"Content-Type": response.content_type})
    cut.content_length = len(body)
    try:
        await cut.prepare(request)
        await cut.write(body[: len(body) // 2])
    except OSError:
        return cut
    _close(request)
    return cut
