"""Send single requests to one project, and return the answers without any interpretation.

The daemon's client hides what a check needs to see: the status, the exact text, an answer with an unexpected form. So
the checks use the transport below that client. A run can be stopped only between two requests: a running request is
finished, so that it is known what it stored.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from urllib3.filepost import encode_multipart_formdata

from eisync.adapters import clock
from eisync.adapters.client.transport import Timeout, Transport
from eisync.core.formats.json_syntax import json_object
from eisync.core.retry import Fault
from eisync.core.studio import encode_query
from eisync.core.text import one_line
from eisync.core.wire import PART_NAME, Reply, Silence
from eisync.selftest.model import SilenceError, StoppedError

JSON = "application/json"
Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form. Without `file_name` it is a text field."""

    content: bytes
    file_name: str | None = None
    content_type: str = "application/octet-stream"
    field: str = PART_NAME

    def encoded(self) -> tuple[str, bytes | tuple[str, bytes, str]]:
        """Return the form that urllib3 expects."""
        if self.file_name is None:
            return self.field, self.content
        return self.field, (self.file_name, self.content, self.content_type)


@dataclass(frozen=True, slots=True)
class ServiceReply:
    """An answer. `content` is its JSON object; None if the body is anything else."""

    status: int
    body: bytes
    content: Mapping[str, Any] | None

    @property
    def is_success(self) -> bool:
        """Return whether the answer reports success: status 200 alone does not (wire contract, sections 1 and 3)."""
        return self.status == 200 and self.content is not None and self.content.get("success") is True

    @property
    def error(self) -> str:
        """Return the error text in one line; empty if there is none."""
        found = self.content.get("error") if self.content is not None else self.body.decode("utf-8", "replace")
        return one_line(str(found or ""))

    @property
    def refusal(self) -> str:
        """Return status and error text in one line."""
        return f"HTTP {self.status}: {self.error or 'no error text'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The URLs of the service, without a slash at the end, and the id of the key's project."""

    studio_url: str
    ingestion_url: str
    project_id: int
    timeout_s: Timeout = (10.0, 60.0)


class Client:
    """Requests with the project's key. Safe to use from any thread."""

    def __init__(
        self,
        transport: Transport,
        address: Address,
        read_key: Callable[[], str],
        *,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Both functions are called before each request. `is_stopped` returns whether no more requests may be sent."""
        self.address = address
        self.requests = 0
        self._transport = transport
        self._read_key = read_key
        self.is_stopped = is_stopped

    def studio(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
        is_file: bool = False,
    ) -> ServiceReply:
        """Send a request to Studio; `path` is below its base URL. Raises SilenceError and StoppedError."""
        url = self.address.studio_url + path + (f"?{encode_query(query)}" if query else "")
        headers = {} if body is None else {"content-type": JSON}
        raw = None if body is None else json.dumps(body).encode()
        return self._send(method, url, headers, raw, key, is_file=is_file)

    def raw_data(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> ServiceReply:
        """Send a request to Studio below the project's `raw-data`. Raises the same errors as `studio`."""
        return self.studio(method, f"/api/{self.address.project_id}/raw-data{path}", query, body)

    def post_form(self, path: str, parts: Sequence[Part], headers: Headers, *, key: str | None = None) -> ServiceReply:
        """Send a form to the ingestion service. Raises the same errors as `studio`."""
        boundary = clock.boundary()
        body, content_type = encode_multipart_formdata([part.encoded() for part in parts], boundary=boundary)
        return self.post(path, body, {**headers, "content-type": content_type}, key=key)

    def post(self, path: str, body: bytes, headers: Headers, *, key: str | None = None) -> ServiceReply:
        """Send bytes to the ingestion service. Raises the same errors as `studio`."""
        return self._send("POST", self.address.ingestion_url + path, headers, body, key)

    def _send(
        self, method: str, url: str, headers: Headers, body: bytes | None, key: str | None, *, is_file: bool = False
    ) -> ServiceReply:
        if self.is_stopped():
            raise StoppedError
        self.requests += 1
        reply = self._transport.send(
            method,
            url,
            headers={**headers, "x-api-key": self._read_key() if key is None else key},
            timeout_s=self.address.timeout_s,
            body=body,
            is_file=is_file,
        )
        if isinstance(reply, Silence):
            is_known = reply.fault is Fault.UNREACHABLE
            arrived = "the request did not arrive" if is_known else "it is not known whether the request arrived"
            raise SilenceError(f"{reply.reason}; {arrived}")
        return _read(reply)


def _read(reply: Reply) -> ServiceReply:
    return ServiceReply(reply.status, reply.body, json_object(reply.body))
