"""Send requests to Studio, and decide which key, which address and which time limits they use.

An argument takes precedence over the globals of the module `eisync`. The globals are read at each call, so that an
assignment takes effect at once. The package `requests` is imported by the first request. What Studio refuses is raised
as one of `eisync.exceptions`; no text of these contains the key.
"""

import hashlib
import os
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
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
"""The time limit of each wait for the service, unless the caller gives one."""

CONNECT_TIMEOUT_S = 10.0
ATTEMPTS = 4
PATIENCE = RetryPolicy(base_s=0.5, cap_s=8.0)
LARGEST_ANSWER_BYTES = 4 * 1024**3

_transports: dict[tuple[int, int, int], "Transport"] = {}
_projects: dict[tuple[str, bytes], int] = {}
_lock = threading.Lock()


def api_key(given: "str | KeyElsewhere | None" = None) -> str:
    """Return the key to use, without quotes and byte order marks around it.

    An empty `given` counts as a missing key: falling back to the global key could act on another project. Raises
    MissingApiKeyException, and InvalidApiKeyException for a text that cannot be a key.
    """
    if isinstance(given, KeyElsewhere):
        return given.read()
    is_default = given is None
    try:
        key = clean((eisync.API_KEY if is_default else given) or "")
    except ValueError as error:
        place = "`eisync.API_KEY` (`EI_API_KEY` in the environment)" if is_default else "`api_key`"
        raise InvalidApiKeyException(f"The API key in {place} {error}.") from None
    if not key:
        raise MissingApiKeyException
    return key


_stand_ins: dict[str, "KeyElsewhere"] = {}
"""What stands for each key of this process: the executor may work in this process after all."""


@dataclass(frozen=True, slots=True)
class KeyElsewhere:
    """Stands for the caller's key in another process, which must have the same one. Contains no key.

    `digest` is the SHA-256 of `salt` and the key.
    """

    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, key: str) -> "KeyElsewhere":
        """Return what stands for this key."""
        if (found := _stand_ins.get(key)) is not None:
            return found
        salt = os.urandom(16)
        return _stand_ins.setdefault(key, cls(salt, hashlib.sha256(salt + key.encode()).digest()))

    def read(self) -> str:
        """Return the key of this process. Raises MissingApiKeyException or InvalidApiKeyException."""
        known = next((key for key, one in list(_stand_ins.items()) if one == self), None)
        if known is not None:
            return known
        key = api_key()
        if hashlib.sha256(self.salt + key.encode()).digest() != self.digest:
            raise InvalidApiKeyException(
                "The process that the executor uses has another API key than the caller: set `EI_API_KEY` there to the "
                "same one."
            )
        return key


def key_for(executor: Executor | None, key: str) -> "str | KeyElsewhere":
    """Return what the work for this executor has as its key.

    The processes of the standard library get it through a pipe. Other executors may show their work on a page, log it
    or write it to a disk: their processes must have the key already.
    """
    processes = sys.modules.get("concurrent.futures.process")  # if it is not loaded, there is no such executor
    is_local = executor is None or isinstance(executor, ThreadPoolExecutor)
    if is_local or (processes is not None and isinstance(executor, processes.ProcessPoolExecutor)):
        return key
    return KeyElsewhere.of(key)


def ingestion_url() -> str:
    """Return the ingestion service's URL, without a trailing slash. Raises MissingApiIngestionEndpointException."""
    if not eisync.INGESTION_ENDPOINT:
        raise MissingApiIngestionEndpointException
    return eisync.INGESTION_ENDPOINT.rstrip("/")


def studio_url(given: str | None = None) -> str:
    """Return the URL of Studio's API, without a trailing slash."""
    return (given or eisync.API_ENDPOINT or "https://studio.edgeimpulse.com/v1").rstrip("/")


def limits_s(timeout_sec: float | None) -> tuple[float, float]:
    """Return two time limits in seconds: to connect, and for each wait after that. Raises ValueError for 0 or less."""
    if timeout_sec is None:
        return CONNECT_TIMEOUT_S, TIMEOUT_S
    if not timeout_sec > 0:
        raise ValueError(f"timeout_sec must be more than 0 seconds, not {timeout_sec}")
    return min(CONNECT_TIMEOUT_S, float(timeout_sec)), float(timeout_sec)


def transport(*, pool_connections: int | None = 20, pool_maxsize: int | None = 20) -> "Transport":
    """Return the connections of this process. They stay open after the call, so that the next call can reuse them."""
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
    """How a call reaches Studio: key, time limit, connections to keep, and address. None: the default."""

    api_key: str | KeyElsewhere | None = None
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

        A failed request is repeated: GET, HEAD and DELETE always, other methods only if the request certainly did not
        arrive. `is_repeatable` overrides that. Raises UnauthorizedException, ForbiddenException, NotFoundException,
        ServiceException, UnsuccessfulRequestException (with Studio's own text, such as `No sample found with ID 7`),
        TimeoutException, UnreachableException, and its subclass TooLargeException for an answer of more than
        `max_answer_bytes`.
        """
        repeatable = method in ("GET", "DELETE", "HEAD") if is_repeatable is None else is_repeatable
        where = path + (f"?{encode_query(query)}" if query else "")
        reply = self._send_with_retries(method, where, is_repeatable=repeatable, max_answer_bytes=max_answer_bytes)
        return _checked(reply, _answer_in(reply))

    def portable(self, executor: Executor) -> "Access":
        """Return the same access for work that runs in this executor. Raises as `api_key`."""
        return replace(self, api_key=key_for(executor, api_key(self.api_key)), host=studio_url(self.host))

    def file(self, path: str) -> bytes:
        """Return the bytes of the file at `path`. Raises the same exceptions as `request`."""
        reply = self._send_with_retries("GET", path, is_repeatable=True, is_file=True)
        answer = _answer_in(reply)
        if reply.status != 200 or _is_refusal(answer):
            reply = replace(reply, body=bytes(KEYS.body(reply.body)))  # an error text: keys in it are hidden
            _checked(reply, _answer_in(reply))  # raises the matching exception
        return reply.body

    def project_id(self) -> int:
        """Return the id of the key's project. It never changes, so Studio is asked once for each key and address."""
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

    def _send_with_retries(
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
    """The answer is larger than the caller's limit: ask for less."""


def forget_everything() -> None:
    """Close every connection and forget the projects of the keys."""
    with _lock:
        for one in _transports.values():
            one.close()
        _transports.clear()
        _projects.clear()


def may_repeat(reply: Reply | Silence, *, is_repeatable: bool) -> bool:
    """Return whether another attempt may succeed and can do no harm."""
    from eisync.core.retry import Fault

    if isinstance(reply, Silence):
        if reply.is_too_large:
            return False
        return reply.fault is Fault.UNREACHABLE or is_repeatable
    return reply.status in (429, 503) or (is_repeatable and (reply.status == 408 or reply.status >= 500))


def pause(reply: Reply | Silence, attempt: int) -> None:
    """Wait before the next attempt: as long as Retry-After asks for, else with exponential backoff and jitter."""
    asked = asked_s(reply.headers, clock.now()) if isinstance(reply, Reply) else 0.0
    threading.Event().wait(PATIENCE.pause_s(attempt=attempt, jitter=clock.jitter(), asked_s=asked))


def failure_of(silence: Silence) -> EdgeImpulseException:
    """Return the exception for a request that got no answer."""
    if silence.is_too_large:
        return TooLargeException(silence.reason)
    kind = TimeoutException if silence.is_timeout else UnreachableException
    return kind(silence.reason)


def _checked(reply: Reply, answer: dict[str, Any] | None) -> dict[str, Any]:
    if reply.status != 200:
        raise _api_exception(reply, answer)
    if answer is None:
        raise ServiceException(reply.status, "the answer is not Studio's", _excerpt(reply.body))
    if answer.get("success") is not True:
        error = answer.get("error")
        raise UnsuccessfulRequestException(printable_lines(str(error)) if error else None)
    return answer


def _answer_in(reply: Reply) -> dict[str, Any] | None:
    # Do not parse a large file only to find out that it is not an error text: error texts are short.
    if len(reply.body) > 1024 and "json" not in str(_content_type(reply)):
        return None
    return json_object(reply.body, limit=None)  # no limit here: the size was limited when the answer was received


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
