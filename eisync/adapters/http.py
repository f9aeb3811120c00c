"""Speak with one target's service: send a request, return what came back. It decides nothing.

Foreign exceptions become ours in `weather`. Redirects are never followed: requests would take the key along
to the new host. Every thread has its own session; what the environment says about proxies is looked up once.
"""

import hashlib
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from pydantic import BaseModel, ValidationError

from eisync.adapters import clock
from eisync.adapters.body import CHUNK_BYTES, Body
from eisync.adapters.patience import PatientAdapter
from eisync.adapters.replies import (
    LISTING,
    Count,
    FullListing,
    KeyInfo,
    LastModification,
    Projects,
    last_id,
    newest_added_at,
    sample_of,
)
from eisync.adapters.weather import read_whole, translated
from eisync.core.dataset import WholeSample
from eisync.core.items import RemoteSample
from eisync.core.retry import Fault
from eisync.core.wire import Envelope, Reply, Silence, asked_s
from eisync.errors import (
    ConfigurationError,
    KeyRefusedError,
    StudioError,
    UnansweredError,
    UnreachableError,
)

_NOT_FOUND = "no sample found"
_STUDIOS = re.compile(rb'\s*\{\s*"success"\s*:')
_EVERYTHING: Mapping[str, object] = {"category": "all", "includeDisabled": "both"}

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where a target's service is, without trailing slashes.

    `ca_file` replaces the trusted certificates; without it, `trusts_system` has this system's replace the bundled ones.
    """

    studio_url: str
    ingestion_url: str
    ca_file: str | None = None
    trusts_system: bool = False
    connect_timeout_s: float = 10.0
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What came back for an upload, the content hashes of what was sent, by item id, and how long it took.

    What it waited for its turn on the line, because a rate was asked for, is not counted.
    """

    reply: Reply | Silence
    sha256: Mapping[int, str]
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the listing, newest first, and how many samples the whole has.

    `newest_added_at`: when the sample with the highest id of them was added (Unix s); None: the service did not say.
    """

    samples: tuple[RemoteSample, ...]
    total: int
    newest_added_at: float | None


@dataclass(frozen=True, slots=True)
class FullPage:
    """A page of the listing with all that belongs to its samples, newest first, and how many there are from it on."""

    samples: tuple[WholeSample, ...]
    total: int


class Service:
    """One target's ingestion service and Studio. Safe to use from any thread."""

    def __init__(
        self,
        endpoints: Endpoints,
        read_key: Callable[[], str],
        *,
        user_agent: str,
        spend: Callable[[int], float] = lambda _: 0.0,
        hear_date: Callable[[str, str | None], None] = lambda _host, _date: None,
    ) -> None:
        """`read_key` is asked before every request, so that a new key is used at once; `spend` before each piece of a
        body, and waits while others have the line. `hear_date` is told the host and the `Date` of every answer.
        """
        self._hear_date = hear_date
        self._hosts = {url: urlsplit(url).netloc for url in (endpoints.studio_url, endpoints.ingestion_url)}
        self._spend = spend
        self._endpoints = endpoints
        self._read_key = read_key
        self._user_agent = user_agent
        self._proxies = requests.utils.get_environ_proxies(endpoints.ingestion_url)
        self._studio_proxies = requests.utils.get_environ_proxies(endpoints.studio_url)
        self._trusted = endpoints.ca_file or (_system_store() if endpoints.trusts_system else None)
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()
        self._reader: ThreadPoolExecutor | None = None  # the thread that reads ahead
        self._project: tuple[str, int] | None = None  # the key that was asked with, and its project

    def upload(self, envelope: Envelope) -> Uploaded:
        """Send the envelope and the bytes of its files.

        Raises FileError for a file that is not what settled (then nothing of the request is stored), and
        ConfigurationError when the key cannot be read.
        """
        body = Body(envelope, self._spend)
        headers = {**envelope.headers, "x-api-key": self._read_key()}
        began_at = clock.monotonic()
        reply = self._upload(envelope, body, headers)
        return Uploaded(reply, body.sha256, clock.monotonic() - began_at - body.waited_s)

    def _upload(self, envelope: Envelope, body: Body, headers: Mapping[str, str]) -> Reply | Silence:
        url = self._endpoints.ingestion_url + envelope.path
        try:
            with translated(url), self._request("POST", url, headers=headers, data=body) as response:
                return Reply(response.status_code, dict(response.headers), bytes(read_whole(response)))
        except UnreachableError as error:
            return Silence(Fault.UNREACHABLE, str(error))
        except UnansweredError as error:
            return Silence(Fault.UNANSWERED, str(error))

    def project_id(self) -> int:
        """The project that the key opens. Raises KeyRefusedError, StudioError or TransitError."""
        key, known = self._read_key(), self._project
        if known is not None and known[0] == key:
            return known[1]
        project_id = self._ask_project_id()
        self._project = (key, project_id)
        return project_id

    def forget_project(self) -> None:
        """Ask anew, even with the same key."""
        self._project = None

    def page(
        self, *, limit: int, before_id: int | None = None, from_id: int | None = None, filename: str | None = None
    ) -> Page:
        """Samples of every category, disabled ones included, newest first, with an id below `before_id`.

        And not below `from_id`. `filename` is the service's filter: a substring. Raises KeyRefusedError, StudioError or
        TransitError.
        """
        return self._fetch_page(limit, before_id, from_id, filename).page()

    def ahead(self, *, limit: int, before_id: int | None = None, from_id: int | None = None) -> "ComingPage":
        """Ask for a page now, in a thread that `close` joins: `page` in two steps.

        One that nobody calls for is forgotten.
        """
        with self._lock:
            if self._reader is None:
                self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="eisync-listing")
            reader = self._reader

        def fetch(below: Callable[[], int | None]) -> tuple[_Told, int | None]:
            told = self._fetch_page(limit, below(), from_id, None)
            return told, last_id(told.body)

        def ask(below: Callable[[], int | None]) -> Future[tuple[_Told, int | None]]:
            return reader.submit(fetch, below)

        return ComingPage(ask, lambda: before_id)

    def _fetch_page(self, limit: int, before_id: int | None, from_id: int | None, filename: str | None) -> "_Told":
        query = {**_EVERYTHING, "limit": limit, "excludeSensors": "true"}
        if before_id is not None:
            query["maxId"] = before_id
        if from_id is not None:
            query["minId"] = from_id
        if filename is not None:
            query["filename"] = filename
        return self._fetch(f"/api/{self.project_id()}/raw-data", query)

    def count(self) -> int:
        """How many samples there are, disabled ones included. Raises KeyRefusedError, StudioError or TransitError."""
        return int(self._ask(f"/api/{self.project_id()}/raw-data/count", Count, _EVERYTHING).count)

    def modified_at(self) -> float | None:
        """When the project was last changed, by the service's clock (Unix s); None when it does not tell.

        Raises KeyRefusedError or TransitError.
        """
        try:
            told = self._ask(f"/api/{self.project_id()}/last-modification", LastModification).at
        except StudioError:
            return None  # a service that is older than this question
        return None if told is None else float(told.timestamp())

    def is_there(self, sample_id: int) -> bool:
        """Whether the service knows the sample. Raises KeyRefusedError, StudioError or TransitError."""
        try:
            self._ask(f"/api/{self.project_id()}/raw-data/{sample_id}", None)
        except StudioError as error:
            if _NOT_FOUND in str(error).lower():
                return False
            raise
        return True

    def delete(self, sample_id: int) -> bool:
        """Delete the sample; False when there was none. Raises KeyRefusedError, StudioError or TransitError."""
        try:
            self._change("DELETE", f"/{sample_id}")
        except StudioError as error:
            if _NOT_FOUND in str(error).lower():
                return False
            raise
        return True

    def rename(self, sample_id: int, name: str) -> None:
        """Name the sample (without extension). Raises KeyRefusedError, StudioError or TransitError, as those below."""
        self._change("POST", f"/{sample_id}/rename", {"name": name})

    def relabel(self, sample_id: int, label: str) -> None:
        """Label the sample; an empty text takes its label away."""
        self._change("POST", f"/{sample_id}/edit-label", {"label": label})

    def move(self, sample_id: int, category: str) -> None:
        """Put the sample into this category."""
        self._change("POST", f"/{sample_id}/move", {"newCategory": category})

    def full_page(
        self, *, limit: int, before_id: int | None = None, category: str = "all", labels: Sequence[str] = ()
    ) -> FullPage:
        """As `page`, with all that belongs to the samples; only of this category and these labels (empty: any)."""
        query: dict[str, object] = {"category": category, "limit": limit, "excludeSensors": "true"}
        query["includeDisabled"] = "both"
        if before_id is not None:
            query["maxId"] = before_id
        if labels:
            query["labels"] = json.dumps(list(labels))
        listing = self._ask(f"/api/{self.project_id()}/raw-data", FullListing, query)
        return FullPage(tuple(sample.as_whole() for sample in listing.samples), listing.total)

    def raw(self, sample_id: int) -> Iterator[bytes]:
        """The bytes that were uploaded as the sample, piece by piece, the first one not empty if there are any.

        Raises KeyRefusedError, StudioError or TransitError, at any piece.
        """
        url = f"{self._endpoints.studio_url}/api/{self.project_id()}/raw-data/{sample_id}/raw"
        with translated(url), self._get(url) as response:
            is_page = response.headers.get("content-type", "").startswith("text/html")  # of somebody between us and it
            if response.status_code != 200 or is_page:
                _raise_for(response.status_code, read_whole(response), url, response.headers)
            for number, chunk in enumerate(response.iter_content(CHUNK_BYTES)):
                if number == 0 and _is_studios(chunk):  # with HTTP 200, where the bytes should be
                    _raise_for(response.status_code, chunk, url, response.headers)
                    raise UnansweredError(f"the answer of {url} holds no file")
                yield chunk

    def sha256_of(self, sample_id: int) -> str:
        """The content hash of the bytes that were uploaded as the sample."""
        digest = hashlib.sha256()
        for chunk in self.raw(sample_id):
            digest.update(chunk)
        return digest.hexdigest()

    def close(self) -> None:
        """Let go of every connection. Safe to repeat."""
        with self._lock:
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.shutdown(cancel_futures=True)  # waits for one answer, which has a limit
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()
            self._local = threading.local()

    def _ask_project_id(self) -> int:
        try:
            return int(self._ask("/api/projects/api-key-info", KeyInfo).project_id)
        except StudioError:
            projects = self._ask("/api/projects", Projects).projects
        if len(projects) != 1:
            raise StudioError(f"the key opens {len(projects)} projects, not one", status=200)
        return int(projects[0].id)

    def _ask(self, path: str, model: type[_Model] | None, query: Mapping[str, object] | None = None) -> Any:
        told = self._fetch(path, query)
        answer = told.content()
        if model is None:
            return answer
        try:
            return model.model_validate(answer)
        except ValidationError as error:
            raise told.not_understood(error) from None

    def _fetch(self, path: str, query: Mapping[str, object] | None = None) -> "_Told":
        url = self._endpoints.studio_url + path
        with translated(url), self._get(url, query) as response:
            return _Told(url, response.status_code, response.headers, read_whole(response))

    def _change(self, method: str, path: str, body: Mapping[str, object] | None = None) -> None:
        url = f"{self._endpoints.studio_url}/api/{self.project_id()}/raw-data{path}"
        headers = {"x-api-key": self._read_key()}
        with translated(url), self._request(method, url, headers=headers, json=body) as response:
            answer = read_whole(response)
        _raise_for(response.status_code, answer, url, response.headers)

    def _get(self, url: str, query: Mapping[str, object] | None = None) -> requests.Response:
        return self._request("GET", url, headers={"x-api-key": self._read_key()}, params=query)

    def _request(self, method: str, url: str, **arguments: Any) -> requests.Response:
        is_studio = url.startswith(self._endpoints.studio_url)
        proxies = self._studio_proxies if is_studio else self._proxies
        response = self._session().request(
            method,
            url,
            stream=True,
            allow_redirects=False,
            proxies=proxies,
            timeout=(self._endpoints.connect_timeout_s, self._endpoints.timeout_s),
            **arguments,
        )
        if "age" not in response.headers:  # what lay somewhere on the way says what time it was
            endpoint = self._endpoints.studio_url if is_studio else self._endpoints.ingestion_url
            self._hear_date(self._hosts[endpoint], response.headers.get("date"))
        return response

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            session.headers["User-Agent"] = self._user_agent
            if self._trusted is not None:
                session.verify = self._trusted
            for scheme in ("http://", "https://"):
                session.mount(scheme, PatientAdapter(pool_connections=2, pool_maxsize=1, max_retries=0))
            self._local.session = session
            with self._lock:
                self._sessions.append(session)
        return session


class ComingPage:
    """A page that was asked for, in a thread that asks for one after the other. Only its bytes are held, until it is
    called for: once.
    """

    def __init__(self, ask: "_Ask", before_id: Callable[[], int | None]) -> None:
        self._ask = ask
        self._fetched = ask(before_id)

    def follow(self) -> "ComingPage":
        """Ask for the page below it as soon as its bytes are there, before they are read; see `glimpse`."""
        # By the thread that brings them, whose next turn this is: whoever waits for them keeps Python to itself while
        # it reads them, and nothing would be asked for meanwhile.
        return ComingPage(self._ask, self._end)

    def _end(self) -> int:
        seen_id = self.glimpse()
        if seen_id is None:
            raise UnansweredError("the end of the page before cannot be seen")
        return seen_id

    def glimpse(self) -> int | None:
        """Wait for its bytes, and see from which id the next page goes on, without reading them; that may be wrong.

        None: it cannot be seen.
        """
        return self._fetched.result()[1] if self._fetched.exception() is None else None

    def page(self) -> Page:
        """Raises whatever `Service.page` would."""
        told, _ = self._fetched.result()
        return told.page()


@dataclass(frozen=True, slots=True)
class _Told:
    """An answer of Studio as it came, not looked at yet."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytearray  # of a page, until it was read

    def content(self) -> dict[str, Any]:
        """Raises KeyRefusedError, StudioError or UnansweredError, for what it means."""
        return _raise_for(self.status, self.body, self.url, self.headers)

    def page(self) -> Page:
        """Raises the same."""
        listing = None
        if self.status == 200:
            with suppress(ValidationError):  # what this does not take is looked at closely below
                listing = LISTING.validate_json(self.body)
        if listing is None:
            try:
                listing = LISTING.validate_python(self.content())
            except ValidationError as error:
                raise self.not_understood(error) from None
        self.body.clear()  # a page is held once, and two more are on their way
        entries = listing["samples"]
        return Page(tuple(map(sample_of, entries)), listing["totalCount"], newest_added_at(entries))

    def not_understood(self, error: ValidationError) -> UnansweredError:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        return UnansweredError(f"the answer of {self.url} cannot be understood ({where})")


_Ask = Callable[[Callable[[], int | None]], "Future[tuple[_Told, int | None]]"]


def _system_store() -> str:
    """The file or the folder of this system's trusted certificates. Raises ConfigurationError when it has none."""
    paths = ssl.get_default_verify_paths()
    found = paths.cafile or paths.capath
    if found is None:
        raise ConfigurationError(
            "this system has no certificates of its own where OpenSSL looks for them; "
            'install them (ca-certificates), or leave out trust = "system"'
        )
    return found


def _is_studios(body: bytes) -> bool:
    """Whether this is an answer of Studio, whole or cut short, and no file: none that the service takes begins so."""
    if _STUDIOS.match(body):
        return True
    try:
        answer = json.loads(body) if body.lstrip().startswith(b"{") and b'"success"' in body else None
    except (ValueError, RecursionError):
        return False
    return isinstance(answer, dict) and answer.get("success") is False


def _raise_for(status: int, body: bytes | bytearray, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """The answer of Studio as an object. Raises what a failure means to the caller."""
    pause_s = asked_s(headers, clock.now())
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise UnansweredError(f"the answer of {url} is not Studio's (HTTP {status})", asked_s=pause_s)
    if answer.get("success") is True and status == 200:
        return answer
    error = str(answer.get("error") or "no reason given")[:300]
    if status == 401:
        raise KeyRefusedError(f"Studio refuses the key ({error}); give another one")
    if status >= 500 or status in (408, 429):
        raise UnansweredError(f"Studio answers HTTP {status}: {error}", asked_s=pause_s)
    raise StudioError(error, status=status)
