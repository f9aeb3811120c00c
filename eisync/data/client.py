"""Ask the service: whose key, which address, how long to wait, how often to try.

An argument goes before the module global of `eisync`, and the globals are read at the call: assigning one takes effect
at once. The first request loads requests. A refusal of Studio is raised as one of `eisync.exceptions`; the key is in
none of their texts.
"""

import hashlib
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import eisync
from eisync._version import __version__
from eisync.adapters import clock
from eisync.core.api_key import clean
from eisync.core.formats.json_syntax import json_object
from eisync.core.redaction import KEYS
from eisync.core.retry import RetryPolicy, asked_s
from eisync.core.studio import encode_query, projects_of_key
from eisync.core.text import printable, printable_lines
from eisync.core.wire import Reply, Silence
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
    also_official,
)

if TYPE_CHECKING:
    from eisync.adapters.client.transport import Transport

TIMEOUT_S = 60.0
"""How long one wait for the service may last when the caller does not say."""

CONNECT_TIMEOUT_S = 10.0
ATTEMPTS = 4
PATIENCE = RetryPolicy(base_s=0.5, cap_s=8.0)
LARGEST_ANSWER_BYTES = 4 * 1024**3

_transports: dict[tuple[int, int, int], "Transport"] = {}
_projects: dict[tuple[str, bytes], int] = {}
_lock = threading.Lock()


def api_key(given: str | None = None) -> str:
    """The key to use, without the quotes and marks that it may have been written with.

    An empty key is a missing one: it must not stand for the key of another project. Raises MissingApiKeyException, and
    InvalidApiKeyException for what cannot be one.
    """
    is_default = given is None
    try:
        key = clean((eisync.API_KEY if is_default else given) or "")
    except ValueError as error:
        place = "`eisync.API_KEY` (`EI_API_KEY` in the environment)" if is_default else "`api_key`"
        raise InvalidApiKeyException(f"The API key in {place} {error}.") from None
    if not key:
        raise MissingApiKeyException
    return key


def ingestion_url() -> str:
    """Where samples go, without a trailing slash. Raises MissingApiIngestionEndpointException."""
    if not eisync.INGESTION_ENDPOINT:
        raise MissingApiIngestionEndpointException
    return eisync.INGESTION_ENDPOINT.rstrip("/")


def studio_url(given: str | None = None) -> str:
    """Where Studio is, without a trailing slash."""
    return (given or eisync.API_ENDPOINT or "https://studio.edgeimpulse.com/v1").rstrip("/")


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


@dataclass(frozen=True, slots=True)
class Access:
    """Whose key to use, how long to wait, how many connections to keep, and which Studio. None: the default."""

    api_key: str | None = None
    timeout_sec: float | None = None
    pool_connections: int | None = 20
    pool_maxsize: int | None = 20
    host: str | None = None

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        is_repeatable: bool | None = None,
        max_answer_bytes: int = LARGEST_ANSWER_BYTES,
    ) -> dict[str, Any]:
        """Return Studio's answer to `method` on `path` (below `/v1`, beginning with `/api/`).

        A failed request is repeated: GET and DELETE always, others only where the request certainly did not arrive,
        unless `is_repeatable` says otherwise. Raises UnauthorizedException, ForbiddenException, NotFoundException,
        ServiceException, UnsuccessfulRequestException (its text is Studio's own, such as `No sample found with ID 7`),
        TimeoutException, UnreachableException, and of the last kind TooLargeException for an answer of more than
        `max_answer_bytes`.
        """
        repeatable = method in ("GET", "DELETE", "HEAD") if is_repeatable is None else is_repeatable
        where = path + (f"?{encode_query(query)}" if query else "")
        reply = self._patiently(method, where, is_repeatable=repeatable, max_answer_bytes=max_answer_bytes)
        return _understood(reply, _answer_in(reply))

    def file(self, path: str) -> bytes:
        """Return the file that is at `path`. Raises as `request`."""
        reply = self._patiently("GET", path, is_repeatable=True, is_file=True)
        answer = _answer_in(reply)
        if reply.status != 200 or _is_refusal(answer):
            reply = replace(reply, body=bytes(KEYS.body(reply.body)))  # not the file: then no key either
            _understood(reply, _answer_in(reply))  # raises what it means
        return reply.body

    def project_id(self) -> int:
        """The project that the key opens, asked once for each key and address: a key never changes its project."""
        key = api_key(self.api_key)
        known = (studio_url(self.host), hashlib.sha256(key.encode()).digest())
        found = _projects.get(known)
        if found is None:
            found = _projects[known] = self._ask_project()
        return found

    def _ask_project(self) -> int:
        def ask(path: str) -> dict[str, Any]:
            return self.request("GET", path)

        found = projects_of_key(ask, UnsuccessfulRequestException, NotFoundException)
        if not found:
            raise UnsuccessfulRequestException("the key opens no project")
        return found[0]

    def _patiently(
        self,
        method: str,
        path: str,
        *,
        is_repeatable: bool,
        is_file: bool = False,
        max_answer_bytes: int = LARGEST_ANSWER_BYTES,
    ) -> Reply:
        headers = {"x-api-key": api_key(self.api_key), "accept": "*/*" if is_file else "application/json"}
        url = studio_url(self.host) + path
        sender = transport(pool_connections=self.pool_connections, pool_maxsize=self.pool_maxsize)
        timeout_s = limits_s(self.timeout_sec)
        attempt = 1
        while True:
            reply = sender.send(
                method, url, headers=headers, timeout_s=timeout_s, max_answer_bytes=max_answer_bytes, is_file=is_file
            )
            if attempt >= ATTEMPTS or not may_repeat(reply, is_repeatable=is_repeatable):
                break
            pause(reply, attempt)
            attempt += 1
        if isinstance(reply, Silence):
            raise failure_of(reply)
        return reply


class TooLargeException(UnreachableException):
    """The answer is larger than was wanted: ask for less."""


def forget_everything() -> None:
    """Close every connection and forget the projects of the keys."""
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
    threading.Event().wait(PATIENCE.pause_s(attempt=attempt, jitter=clock.jitter(), asked_s=asked))


def failure_of(silence: Silence) -> EdgeImpulseException:
    """What to raise when nothing came."""
    if silence.is_too_large:
        return TooLargeException(silence.reason)
    kind = TimeoutException if silence.is_timeout else UnreachableException
    return kind(silence.reason)


def _understood(reply: Reply, answer: dict[str, Any] | None) -> dict[str, Any]:
    if reply.status != 200:
        raise _api_exception(reply, answer)
    if answer is None:
        raise ServiceException(reply.status, "the answer is not Studio's", _excerpt(reply.body))
    if answer.get("success") is not True:
        error = answer.get("error")
        raise UnsuccessfulRequestException(printable_lines(str(error)) if error else None)
    return answer


def _answer_in(reply: Reply) -> dict[str, Any] | None:
    # A file is not parsed to find out that it is one: refusals are short.
    if len(reply.body) > 1024 and "json" not in str(_content_type(reply)):
        return None
    return json_object(reply.body, limit=None)  # a listing, or a sample with all its values: as large as was asked for


def _content_type(reply: Reply) -> str:
    return next((value for name, value in reply.headers.items() if name.lower() == "content-type"), "")


def _is_refusal(answer: dict[str, Any] | None) -> bool:
    return answer is not None and answer.get("success") is False and "error" in answer


def _api_exception(reply: Reply, answer: dict[str, Any] | None) -> ApiException:
    body = _excerpt(reply.body)
    reason = printable_lines(str((answer or {}).get("error") or body or "no reason given"))
    match reply.status:
        case 401:
            kind: type[ApiException] = UnauthorizedException
        case 403:
            kind = ForbiddenException
        case 404:
            kind = NotFoundException
        case status if status >= 500:
            kind = ServiceException
        case status if 300 <= status < 400:
            kind, reason = ApiException, "redirected; not followed, because that would hand over the key"
        case _:
            kind = ApiException
    return also_official(kind)(reply.status, reason, body)


def _excerpt(raw: bytes) -> str:
    return printable(" ".join(raw[:1200].decode("utf-8", "replace").split()))[:300]
