"""Ask the service: whose key, which address, how long to wait, how often to try.

An argument goes before the module global of `eisync`, and the globals are read at the call: assigning one takes effect
at once. requests is loaded by the first request. Whatever Studio says no to is raised as one of `eisync.exceptions`;
the key is in none of their texts.
"""

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, overload

import eisync
from eisync._version import __version__
from eisync.adapters import clock
from eisync.core.api_key import clean
from eisync.core.redaction import KEYS
from eisync.core.retry import RetryPolicy
from eisync.core.studio import encode_query
from eisync.core.text import printable, printable_lines
from eisync.core.wire import Reply, Silence, asked_s
from eisync.exceptions import (
    ApiException,
    EdgeImpulseException,
    ForbiddenException,
    InvalidApiKeyException,
    MissingApiIngestionEndpointException,
    MissingApiKeyException,
    NotFoundException,
    ServiceException,
    TimeoutException,
    UnauthorizedException,
    UnreachableException,
    UnsuccessfulRequestException,
)

if TYPE_CHECKING:
    from eisync.adapters.client.transport import Transport

TIMEOUT_S = 60.0
"""How long one wait for the service may last when the caller does not say."""

CONNECT_TIMEOUT_S = 10.0
ATTEMPTS = 4
PATIENCE = RetryPolicy(base_s=0.5, cap_s=8.0)
LONGEST_PAUSE_S = 60.0
"""A Retry-After is honoured up to here: a call that a person waits for does not sleep for hours."""

LARGEST_ANSWER_BYTES = 4 * 1024**3

_transports: dict[tuple[int, int, int], "Transport"] = {}
_projects: dict[tuple[str, bytes], int] = {}
_lock = threading.Lock()


def api_key(given: str | None = None) -> str:
    """The key to use, without the quotes and marks that it may have been written with.

    Raises MissingApiKeyException, and InvalidApiKeyException for what cannot be one.
    """
    try:
        key = clean(given or eisync.API_KEY or "")
    except ValueError as error:
        place = "`api_key`" if given else "`eisync.API_KEY` (`EI_API_KEY` in the environment)"
        raise InvalidApiKeyException(f"The API key in {place} {error}.") from None
    if not key:
        raise MissingApiKeyException
    return key


def ingestion_url() -> str:
    """Where samples go, without a trailing slash. Raises MissingApiIngestionEndpointException."""
    if not eisync.INGESTION_ENDPOINT:
        raise MissingApiIngestionEndpointException
    return eisync.INGESTION_ENDPOINT.rstrip("/")


def studio_url() -> str:
    """Where Studio is, without a trailing slash."""
    return (eisync.API_ENDPOINT or "https://studio.edgeimpulse.com/v1").rstrip("/")


def limits_s(timeout_sec: float | None) -> tuple[float, float]:
    """Seconds for the connection and for each wait on it. Raises ValueError for none at all."""
    if timeout_sec is None:
        return CONNECT_TIMEOUT_S, TIMEOUT_S
    if not timeout_sec > 0:
        raise ValueError(f"timeout_sec must be more than 0 seconds, not {timeout_sec}")
    return min(CONNECT_TIMEOUT_S, float(timeout_sec)), float(timeout_sec)


def transport(*, pool_connections: int | None = 20, pool_maxsize: int | None = 20) -> "Transport":
    """The connections of this process; they outlive the call, so that the next one finds them open."""
    from eisync.adapters.client.transport import Transport

    wanted = (os.getpid(), pool_connections or 20, pool_maxsize or 20)  # a fork must not share its parent's sockets
    with _lock:
        found = _transports.get(wanted)
        if found is None:
            found = Transport(user_agent=f"eisync/{__version__}", pool_connections=wanted[1], pool_maxsize=wanted[2])
            _transports[wanted] = found
    return found


@overload
def studio_request(
    method: str,
    path: str,
    *,
    query: Mapping[str, object] | None = ...,
    body: object = ...,
    api_key: str | None = ...,
    timeout_sec: float | None = ...,
    expect: Literal["json"] = ...,
    is_repeatable: bool | None = ...,
    max_answer_bytes: int = ...,
    pool_connections: int | None = ...,
    pool_maxsize: int | None = ...,
) -> dict[str, Any]: ...


@overload
def studio_request(
    method: str,
    path: str,
    *,
    query: Mapping[str, object] | None = ...,
    body: object = ...,
    api_key: str | None = ...,
    timeout_sec: float | None = ...,
    expect: Literal["bytes"],
    is_repeatable: bool | None = ...,
    max_answer_bytes: int = ...,
    pool_connections: int | None = ...,
    pool_maxsize: int | None = ...,
) -> bytes: ...


def studio_request(
    method: str,
    path: str,
    *,
    query: Mapping[str, object] | None = None,
    body: object = None,
    api_key: str | None = None,
    timeout_sec: float | None = None,
    expect: Literal["json", "bytes"] = "json",
    is_repeatable: bool | None = None,
    max_answer_bytes: int = LARGEST_ANSWER_BYTES,
    pool_connections: int | None = 20,
    pool_maxsize: int | None = 20,
) -> dict[str, Any] | bytes:
    """Studio's answer to `method` on `path` (below `/v1`, beginning with `/api/`).

    `query`: None leaves a name out, true and false are written so, lists and objects as JSON, all percent-encoded.
    `body` is sent as JSON. With `expect="bytes"` the answer is the file. Tried again after bad weather: GET and DELETE
    always, others only where the request certainly did not arrive, unless `is_repeatable` says otherwise. Raises
    UnauthorizedException, ForbiddenException, NotFoundException, ServiceException, UnsuccessfulRequestException (its
    text is Studio's own, such as `No sample found with ID 7`), TimeoutException, UnreachableException, and of the last
    kind TooLargeException for an answer of more than `max_answer_bytes`.
    """
    headers = {"x-api-key": _key(api_key), "accept": "application/json" if expect == "json" else "*/*"}
    raw = None
    if body is not None:
        raw = json.dumps(body).encode()
        headers["content-type"] = "application/json"
    url = studio_url() + path + (f"?{encode_query(query)}" if query else "")
    sender = transport(pool_connections=pool_connections, pool_maxsize=pool_maxsize)
    repeatable = method in ("GET", "DELETE", "HEAD") if is_repeatable is None else is_repeatable
    attempt = 1
    while True:
        reply = sender.send(
            method,
            url,
            headers=headers,
            timeout_s=limits_s(timeout_sec),
            body=raw,
            max_answer_bytes=max_answer_bytes,
            is_file=expect == "bytes",
        )
        if attempt >= ATTEMPTS or not may_repeat(reply, is_repeatable=repeatable):
            break
        pause(reply, attempt)
        attempt += 1
    return _understood(reply, expect)


def project_id(api_key: str | None = None, timeout_sec: float | None = None) -> int:
    """The project that the key opens. It is asked once for each key and address: a key never changes its project."""
    key = _key(api_key)
    known = (studio_url(), hashlib.sha256(key.encode()).digest())
    found = _projects.get(known)
    if found is None:
        found = _projects[known] = _ask_project(key, timeout_sec)
    return found


class TooLargeException(UnreachableException):
    """The answer is larger than was wanted; whoever can ask for less does."""


def forget_everything() -> None:
    """Let go of every connection and of what was learnt; the next call begins anew."""
    with _lock:
        for one in _transports.values():
            one.close()
        _transports.clear()
        _projects.clear()


def may_repeat(reply: Reply | Silence, *, is_repeatable: bool) -> bool:
    """Whether another attempt may help and can do no harm."""
    from eisync.core.retry import Fault

    if isinstance(reply, Silence):
        if reply.is_too_large:
            return False
        return reply.fault is Fault.UNREACHABLE or is_repeatable
    return reply.status in (429, 503) or (is_repeatable and (reply.status == 408 or reply.status >= 500))


def pause(reply: Reply | Silence, attempt: int) -> None:
    """Wait before the next attempt: as long as the service asked for, or a growing, scattered while."""
    asked = asked_s(reply.headers, clock.now()) if isinstance(reply, Reply) else 0.0
    due_s = PATIENCE.due_at(attempt=attempt, now=0.0, jitter=clock.jitter(), asked_s=min(asked, LONGEST_PAUSE_S))
    threading.Event().wait(due_s)


def failure_of(silence: Silence) -> EdgeImpulseException:
    """What to raise when nothing came."""
    if silence.is_too_large:
        return TooLargeException(silence.reason)
    kind = TimeoutException if silence.is_timeout else UnreachableException
    return kind(silence.reason)


_key = api_key  # its name is a parameter's name above


def _ask_project(key: str, timeout_sec: float | None) -> int:
    try:
        found = studio_request("GET", "/api/projects/api-key-info", api_key=key, timeout_sec=timeout_sec)
        if isinstance(found.get("projectId"), int):
            return int(found["projectId"])
    except (UnsuccessfulRequestException, NotFoundException):
        pass  # the call is newer than some installations
    projects = studio_request("GET", "/api/projects", api_key=key, timeout_sec=timeout_sec).get("projects")
    if not isinstance(projects, list) or not projects or not isinstance(projects[0].get("id"), int):
        raise UnsuccessfulRequestException("the key opens no project")
    return int(projects[0]["id"])


def _understood(reply: Reply | Silence, expect: str) -> dict[str, Any] | bytes:
    if isinstance(reply, Silence):
        raise failure_of(reply)
    answer = _json_object(reply)
    if expect == "bytes" and reply.status == 200 and not _is_refusal(answer):
        return reply.body
    if expect == "bytes":  # not the file: then no key either
        reply = replace(reply, body=bytes(KEYS.body(reply.body)))
        answer = _json_object(reply)
    if reply.status != 200:
        raise _api_exception(reply, answer)
    if answer is None:
        raise ServiceException(reply.status, "the answer is not Studio's", _excerpt(reply.body))
    if answer.get("success") is not True:
        error = answer.get("error")
        raise UnsuccessfulRequestException(printable_lines(str(error)) if error else None)
    return answer


def _json_object(reply: Reply) -> dict[str, Any] | None:
    # A file is not parsed to find out that it is one: refusals are short.
    if len(reply.body) > 1024 and "json" not in str(_content_type(reply)):
        return None
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _content_type(reply: Reply) -> str:
    return next((value for name, value in reply.headers.items() if name.lower() == "content-type"), "")


def _is_refusal(answer: dict[str, Any] | None) -> bool:
    return answer is not None and answer.get("success") is False and "error" in answer


def _api_exception(reply: Reply, answer: dict[str, Any] | None) -> ApiException:
    body = _excerpt(reply.body)
    reason = printable_lines(str((answer or {}).get("error") or body or "no reason given"))
    match reply.status:
        case 401:
            return UnauthorizedException(401, reason, body)
        case 403:
            return ForbiddenException(403, reason, body)
        case 404:
            return NotFoundException(404, reason, body)
        case status if status >= 500:
            return ServiceException(status, reason, body)
        case status if 300 <= status < 400:
            return ApiException(status, "redirected; not followed, because that would hand over the key", body)
        case status:
            return ApiException(status, reason, body)


def _excerpt(raw: bytes) -> str:
    return printable(" ".join(raw[:1200].decode("utf-8", "replace").split()))[:300]
