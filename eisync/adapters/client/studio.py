"""Call one target's Studio: send a request with the key, parse the answer, and raise an error for a refusal."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import requests
from pydantic import BaseModel, ValidationError

from eisync.adapters import clock
from eisync.adapters.client.errors import MAX_SMALL_BYTES, read_whole
from eisync.adapters.client.transport import Headers, Timeout, Transport
from eisync.core.formats.json_syntax import json_object
from eisync.core.model import value
from eisync.core.retry import asked_s
from eisync.core.studio import encode_query, is_id, projects_of_key
from eisync.core.text import one_line
from eisync.errors import AnswerTooLargeError, KeyRefusedError, StudioError, UnansweredError

_Model = TypeVar("_Model", bound=BaseModel)


@value
class StudioAnswer:
    """An answer of Studio that is not parsed yet."""

    url: str
    status: int
    headers: Headers
    body: bytearray

    def content(self) -> dict[str, Any]:
        """Return the answer as an object. Raise KeyRefusedError, StudioError or UnansweredError for a failure."""
        pause_s = asked_s(self.headers, clock.now())
        answer = json_object(self.body)
        if answer is None:
            raise UnansweredError(f"the answer of {self.url} is not Studio's (HTTP {self.status})", asked_s=pause_s)
        if answer.get("success") is True and self.status == 200:
            return answer
        error = one_line(str(answer.get("error") or "no reason given"))
        if self.status == 401:
            raise KeyRefusedError(f"Studio refuses the key ({error}); give eisync another key")
        if self.status >= 500 or self.status in (408, 429):
            raise UnansweredError(f"Studio answers HTTP {self.status}: {error}", asked_s=pause_s)
        raise StudioError(error, status=self.status)

    def not_understood(self, where: object) -> UnansweredError:
        """Return the error for an answer of an unknown form; `where` names the place."""
        return UnansweredError(f"the answer of {self.url} cannot be understood ({where})")


class Studio:
    """Call one target's Studio, for the project that the key opens. Safe to use from any thread."""

    def __init__(self, transport: Transport, url: str, timeout_s: Timeout, read_key: Callable[[], str]) -> None:
        """`read_key` is called before each request, so that a new key is used at once."""
        self.url = url
        self._transport = transport
        self.timeout_s = timeout_s  # read for each request
        self._read_key = read_key
        self._project: tuple[str, int] | None = None  # the last key used, and its project
        self.key_id: int | None = None  # the service's id of that key, if the service names it

    def project_id(self) -> int:
        """Return the id of the project that the key opens. Raise KeyRefusedError, StudioError or TransitError."""
        key, known = self._read_key(), self._project
        if known is not None and known[0] == key:
            return known[1]
        project_id = self._ask_project_id()
        self._project = (key, project_id)
        return project_id

    @property
    def known_project_id(self) -> int | None:
        """Return the id of the project that the last key opened, without a request; None if it is not known."""
        known = self._project
        return None if known is None else known[1]

    def forget_project(self) -> None:
        """Ask for the project again at the next call, even with the same key."""
        self._project = None

    def ask(self, path: str, model: type[_Model], query: Mapping[str, object] | None = None) -> _Model:
        """Send a GET and return the answer as a `model`. Raise KeyRefusedError, StudioError or TransitError."""
        answer = self.fetch(path, query)
        content = answer.content()
        try:
            return model.model_validate(content)
        except ValidationError as error:
            raise answer.not_understood(".".join(str(part) for part in error.errors()[0]["loc"])) from None

    def fetch(
        self, path: str, query: Mapping[str, object] | None = None, limit_bytes: int = MAX_SMALL_BYTES
    ) -> StudioAnswer:
        """Send a GET and return the answer, also that of a failure.

        Raise AnswerTooLargeError for a successful answer that is larger than the limit, never for a failure.
        """
        with self.opened(path, query) as response:
            try:
                body = read_whole(response, limit_bytes=limit_bytes)
            except AnswerTooLargeError as error:
                if response.status_code != 200:
                    raise UnansweredError(str(error)) from None
                raise
            return StudioAnswer(self.url + path, response.status_code, response.headers, body)

    def change(self, method: str, path: str, body: Mapping[str, object] | None = None) -> None:
        """Change samples of the project. `path` is below its `raw-data`. Raise the same errors as `ask`."""
        url = f"{self.url}/api/{self.project_id()}/raw-data{path}"
        headers = {"x-api-key": self._read_key()}
        raw = None
        if body is not None:
            headers["content-type"] = "application/json"
            raw = json.dumps(body).encode()
        with self._transport.open(method, url, headers=headers, timeout_s=self.timeout_s, body=raw) as response:
            answer = read_whole(response, limit_bytes=MAX_SMALL_BYTES)
        StudioAnswer(url, response.status_code, response.headers, answer).content()

    @contextmanager
    def opened(self, path: str, query: Mapping[str, object] | None = None) -> Iterator[requests.Response]:
        """Send a GET and lend the answer, whose body is not read yet. Raise TransitError."""
        url = self.url + path + (f"?{encode_query(query)}" if query else "")
        headers = {"x-api-key": self._read_key()}
        with self._transport.open("GET", url, headers=headers, timeout_s=self.timeout_s) as response:
            yield response

    def _ask_project_id(self) -> int:
        self.key_id = None

        def ask(path: str) -> Mapping[str, Any]:
            answer = self.fetch(path).content()
            key_id = answer.get("apiKeyId")
            self.key_id = key_id if is_id(key_id) else None
            return answer

        found = projects_of_key(ask, StudioError)
        if found is None:
            raise UnansweredError(f"what {self.url} says of the key's project cannot be understood")
        if len(found) != 1:
            raise StudioError(f"the key opens {len(found)} projects, not one", status=200)
        return found[0]
