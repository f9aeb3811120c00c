"""Speak with one target's service: send a request, return what came back. It decides nothing.

Foreign exceptions become ours in `network_errors`. Redirects are never followed: requests would take the key along
to the new host. Every thread has its own session; what the environment says about proxies is looked up once.
"""

import hashlib
import json
import re
import ssl
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from pydantic import BaseModel, ValidationError

from eisync.adapters import clock
from eisync.adapters.client.body import CHUNK_BYTES, Body
from eisync.adapters.client.deadline import PatientAdapter
from eisync.adapters.client.errors import MAX_PAGE_BYTES, MAX_SMALL_BYTES, clean_foreign_logs, read_whole, translated
from eisync.adapters.client.listing_page import Entries, NoListingError, first_id, read_full_page, read_page
from eisync.adapters.client.replies import (
    Count,
    Entry,
    FullSample,
    KeyInfo,
    LastModification,
    Projects,
    last_id,
    newest_added_at,
    sample_of,
)
from eisync.adapters.thread_pool import ThreadPool, hand_over
from eisync.core.batching import PageSize
from eisync.core.dataset import WholeSample
from eisync.core.formats.json_syntax import MOST_STRUCTURE, json_object
from eisync.core.model import Page, RemoteSample, Unread
from eisync.core.redaction import KEYS
from eisync.core.retry import Fault
from eisync.core.text import one_line
from eisync.core.wire import Envelope, Reply, Silence, UploadReply, asked_s
from eisync.core.writers import Ask
from eisync.errors import (
    AnswerTooLargeError,
    ConfigurationError,
    KeyRefusedError,
    StudioError,
    UnansweredError,
    UnreachableError,
)

_NOT_FOUND = "no sample found"
_STUDIOS = re.compile(rb'\s*\{\s*"success"\s*:')
_MOST_LISTED = 1000  # by one question (wire contract, section 3)
_HAS_SUCCEEDED = re.compile(rb'\s*\{\s*"success"\s*:\s*true\b')
_ANSWER_BYTES, _ENTRY_BYTES = 64 * 1024, 4 * 1024
"""An answer to an upload is no larger than that, and that for each file: an entry has 200 bytes, an error some more."""
_EVERYTHING: Mapping[str, object] = {"category": "all", "includeDisabled": "both"}

_Model = TypeVar("_Model", bound=BaseModel)
_Sample = TypeVar("_Sample", Entry, FullSample)


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
class FullPage:
    """A page of the listing with all that belongs to its samples, newest first, and how many there are from it on."""

    samples: tuple[WholeSample, ...]
    total: int
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True, slots=True)
class _Query:
    """Which page of a listing, and how many entries of it at most."""

    path: str
    parameters: Mapping[str, object]
    wanted: int
    limit: int


class ServiceClient:
    """One target's ingestion service and Studio. Safe to use from any thread."""

    def __init__(
        self,
        endpoints: Endpoints,
        read_key: Callable[[], str],
        *,
        user_agent: str,
        spend: Callable[[int], float] = lambda _: 0.0,
        hear_date: Callable[[str, str | None], None] = lambda _host, _date: None,
        probing: Callable[[], Ask | None] = lambda: None,
    ) -> None:
        """`read_key` is asked before every request, so that a new key is used at once; `spend` before each piece of a
        body, and waits while others have the line. `hear_date` is told the host and the `Date` of every answer.
        `probing` gives what tells who has a file open for writing, for each upload anew.
        """
        self._probing = probing
        clean_foreign_logs()
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
        self._reader: ThreadPool | None = None  # the thread that reads ahead
        self._project: tuple[str, int] | None = None  # the key that was asked with, and its project
        self._size, self._full_size = PageSize(), PageSize()

    def upload(self, envelope: Envelope) -> UploadReply:
        """Send the envelope and the bytes of its files.

        Raises FileError for a file that is not what settled, or that another program writes (then nothing of the
        request is stored), and ConfigurationError when the key cannot be read.
        """
        body = Body(envelope, self._spend, self._probing())
        headers = {**envelope.headers, "x-api-key": self._key()}
        began_at = clock.monotonic()
        reply = self._upload(envelope, body, headers)
        return UploadReply(reply, body.sha256, clock.monotonic() - began_at - body.waited_s)

    def _upload(self, envelope: Envelope, body: Body, headers: Mapping[str, str]) -> Reply | Silence:
        url = self._endpoints.ingestion_url + envelope.path
        try:
            with translated(url), self._request("POST", url, headers=headers, data=body) as response:
                limit_bytes = _ANSWER_BYTES + _ENTRY_BYTES * len(envelope.parts)
                answer = bytes(read_whole(response, limit_bytes=limit_bytes))
                return Reply(response.status_code, KEYS.headers(response.headers), answer)
        except UnreachableError as error:
            return Silence(Fault.UNREACHABLE, str(error))
        except UnansweredError as error:
            return Silence(Fault.UNANSWERED, str(error))

    def project_id(self) -> int:
        """The project that the key opens. Raises KeyRefusedError, StudioError or TransitError."""
        key, known = self._key(), self._project
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

        And not below `from_id`. `filename` is the service's filter: a substring. They may be fewer than `limit` where
        they are large. Raises KeyRefusedError, StudioError or TransitError.
        """
        return self._read_page(self._fetch_page(limit, before_id, from_id, filename))

    def ahead(self, *, limit: int, before_id: int | None = None, from_id: int | None = None) -> "ComingPage":
        """Ask for a page now, in a thread that `close` joins: `page` in two steps.

        One that nobody calls for is forgotten. Where no thread can be started, it is asked for here.
        """
        with self._lock:
            if self._reader is None:
                self._reader = ThreadPool(max_workers=1, thread_name_prefix="eisync-listing")
            reader = self._reader

        def fetch(below: Callable[[], int | None]) -> tuple[_Told, int | None]:
            told = self._fetch_page(limit, below(), from_id, None)
            return told, first_id(told.body) if told.is_cut else last_id(told.body)

        def ask(below: Callable[[], int | None]) -> Future[tuple[_Told, int | None]]:
            return hand_over(reader, fetch, below)

        return ComingPage(ask, self._read_page, lambda: before_id)

    def _fetch_page(self, limit: int, before_id: int | None, from_id: int | None, filename: str | None) -> "_Told":
        query = {**_EVERYTHING, "limit": limit, "excludeSensors": "true"}
        if before_id is not None:
            query["maxId"] = before_id
        if from_id is not None:
            query["minId"] = from_id
        if filename is not None:
            query["filename"] = filename
        path = f"/api/{self.project_id()}/raw-data"
        return self._fetch_listing(_Query(path, query, limit, self._size.of(limit)), self._size)

    def _fetch_listing(self, query: _Query, size: PageSize) -> "_Told":
        """As many entries of it as are bearable; one that is not by itself comes cut."""
        while True:
            parameters = {**query.parameters, "limit": query.limit}
            try:
                return replace(self._fetch(query.path, parameters, MAX_PAGE_BYTES), query=query)
            except AnswerTooLargeError as error:
                if query.limit == 1:
                    url = self._endpoints.studio_url + query.path
                    return _Told(url, 200, {}, bytearray(error.begun), query, is_cut=True)
            query = replace(query, limit=size.was_too_large(query.limit))

    def _read_page(self, told: "_Told") -> Page:
        while True:
            if told.is_cut:
                return Page((), self._total_of(told), None, (_cut_entry(told),))
            try:
                page, fullness = told.page()
            except AnswerTooLargeError:
                if told.query is None or told.query.limit == 1:
                    raise
            else:
                if told.query is not None:
                    self._size.was_read(told.query.limit, told.query.wanted, fullness)
                return page
            smaller = replace(told.query, limit=self._size.was_too_large(told.query.limit))
            told = self._fetch_listing(smaller, self._size)

    def _total_of(self, told: "_Told") -> int:
        """How many samples a listing has, whose page ended before it said so."""
        if told.query is None:
            raise UnansweredError(f"the answer of {told.url} is cut short")
        kept = {name: value for name, value in told.query.parameters.items() if name not in ("limit", "excludeSensors")}
        return int(self._ask(told.query.path + "/count", Count, kept).count)

    def count(self) -> int:
        """How many samples there are, disabled ones included. Raises KeyRefusedError, StudioError or TransitError."""
        return int(self._ask(f"/api/{self.project_id()}/raw-data/count", Count, _EVERYTHING).count)

    def modified_at(self) -> float | None:
        """When the project was last changed, by the service's clock (Unix s); None when it does not tell.

        Raises KeyRefusedError or TransitError.
        """
        try:
            answer: LastModification = self._ask(f"/api/{self.project_id()}/last-modification", LastModification)
        except StudioError:
            return None  # a service that is older than this question
        return answer.instant

    def is_there(self, sample_id: int) -> bool:
        """Whether the service knows the sample. Raises KeyRefusedError, StudioError or TransitError."""
        try:
            self._ask(f"/api/{self.project_id()}/raw-data/{sample_id}", None)
        except AnswerTooLargeError as error:
            if _HAS_SUCCEEDED.match(error.begun):
                return True  # all its values come with it
            raise
        except StudioError as error:
            if _NOT_FOUND in str(error).lower():
                return False
            raise
        return True

    def listed(self, ids: Collection[int]) -> dict[int, RemoteSample]:
        """Those of these samples that are there now, by id: a page of the listing for as many as lie within one.

        Raises KeyRefusedError, StudioError or TransitError.
        """
        wanted = sorted(set(ids))
        found: dict[int, RemoteSample] = {}
        while wanted:
            low, high = wanted[0], wanted[-1] + 1
            page = self.page(limit=_MOST_LISTED, before_id=high, from_id=low)
            if any(not low <= one.id < high for one in page.samples):
                raise UnansweredError("the listing holds samples that were not asked for")
            found.update((one.id, one) for one in page.samples)
            # What is not on the page, and would be above its end, is not there.
            end = min((one.id for one in page.samples), default=low)
            wanted = [sample_id for sample_id in wanted if sample_id < end]
        return {sample_id: found[sample_id] for sample_id in ids if sample_id in found}

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
        path = f"/api/{self.project_id()}/raw-data"
        return self._read_full_page(_Query(path, query, limit, self._full_size.of(limit)))

    def _read_full_page(self, query: _Query) -> FullPage:
        while True:
            told = self._fetch_listing(query, self._full_size)
            query = told.query or query
            if told.is_cut:
                return FullPage((), self._total_of(told), (_cut_entry(told),))
            try:
                page, fullness = told.full_page()
            except AnswerTooLargeError:
                if query.limit == 1:
                    raise
                query = replace(query, limit=self._full_size.was_too_large(query.limit))
            else:
                self._full_size.was_read(query.limit, query.wanted, fullness)
                return page

    def raw(self, sample_id: int) -> Iterator[bytes]:
        """The bytes that were uploaded as the sample, piece by piece, the first one not empty if there are any.

        Raises KeyRefusedError, StudioError or TransitError, at any piece.
        """
        url = f"{self._endpoints.studio_url}/api/{self.project_id()}/raw-data/{sample_id}/raw"
        with translated(url), self._get(url) as response:
            is_page = response.headers.get("content-type", "").startswith("text/html")  # of somebody between us and it
            if response.status_code != 200 or is_page:
                answer = read_whole(response, limit_bytes=MAX_SMALL_BYTES)
                _raise_for(response.status_code, answer, url, response.headers)
            for number, chunk in enumerate(response.iter_content(CHUNK_BYTES)):
                if number == 0 and _is_studios(chunk):  # with HTTP 200, where the bytes should be
                    _raise_for(response.status_code, KEYS.body(chunk), url, response.headers)
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

    def _fetch(
        self, path: str, query: Mapping[str, object] | None = None, limit_bytes: int = MAX_SMALL_BYTES
    ) -> "_Told":
        """Raises AnswerTooLargeError for a good answer that is larger, and for no other."""
        url = self._endpoints.studio_url + path
        with translated(url), self._get(url, query) as response:
            try:
                answer = read_whole(response, limit_bytes=limit_bytes)
            except AnswerTooLargeError as error:
                if response.status_code != 200:
                    raise UnansweredError(str(error)) from None
                raise
            return _Told(url, response.status_code, response.headers, answer)

    def _change(self, method: str, path: str, body: Mapping[str, object] | None = None) -> None:
        url = f"{self._endpoints.studio_url}/api/{self.project_id()}/raw-data{path}"
        headers = {"x-api-key": self._key()}
        with translated(url), self._request(method, url, headers=headers, json=body) as response:
            answer = read_whole(response, limit_bytes=MAX_SMALL_BYTES)
        _raise_for(response.status_code, answer, url, response.headers)

    def _key(self) -> str:
        key = self._read_key()
        KEYS.learn(key)  # before it leaves: an answer may repeat it
        return key

    def _get(self, url: str, query: Mapping[str, object] | None = None) -> requests.Response:
        return self._request("GET", url, headers={"x-api-key": self._key()}, params=query)

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

    def __init__(self, ask: "_Ask", read: Callable[["_Told"], Page], before_id: Callable[[], int | None]) -> None:
        self._ask = ask
        self._read = read
        self._fetched = ask(before_id)

    def follow(self) -> "ComingPage":
        """Ask for the page below it as soon as its bytes are there, before they are read; see `glimpse`."""
        # By the thread that brings them, whose next turn this is: whoever waits for them keeps Python to itself while
        # it reads them, and nothing would be asked for meanwhile.
        return ComingPage(self._ask, self._read, self._end)

    def _end(self) -> int:
        seen_id = self.glimpse()
        if seen_id is None:
            raise UnansweredError("the end of the previous page is missing")
        return seen_id

    def glimpse(self) -> int | None:
        """Wait for its bytes, and see from which id the next page goes on, without reading them; that may be wrong.

        None: it cannot be seen.
        """
        return self._fetched.result()[1] if self._fetched.exception() is None else None

    def page(self) -> Page:
        """Raises whatever `ServiceClient.page` would."""
        told, _ = self._fetched.result()
        return self._read(told)


@dataclass(frozen=True, slots=True)
class _Told:
    """An answer of Studio as it came, not looked at yet."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytearray  # of a page, until it was read
    query: _Query | None = None  # of a page
    is_cut: bool = False  # it is one entry, and too large

    def content(self) -> dict[str, Any]:
        """Raises KeyRefusedError, StudioError or UnansweredError, for what it means."""
        return _raise_for(self.status, self.body, self.url, self.headers)

    def page(self) -> tuple[Page, float]:
        """With how much of what is bearable it is. Raises the same, and AnswerTooLargeError."""
        fullness = len(self.body) / MAX_PAGE_BYTES
        entries = self._entries(read_page)
        self.body.clear()  # a page is held once, and two more are on their way
        samples = tuple(map(sample_of, entries.read))
        page = Page(samples, entries.total, newest_added_at(entries.read), tuple(entries.unread))
        return page, max(fullness, entries.fullness)

    def full_page(self) -> tuple[FullPage, float]:
        """The same, with all that belongs to the samples."""
        fullness = len(self.body) / MAX_PAGE_BYTES
        entries = self._entries(read_full_page)
        page = FullPage(tuple(one.as_whole() for one in entries.read), entries.total, tuple(entries.unread))
        return page, max(fullness, entries.fullness)

    def _entries(self, read: Callable[[bytearray, int], Entries[_Sample]]) -> Entries[_Sample]:
        if self.status != 200:
            self.content()  # raises what it means
        try:
            return read(self.body, self.query.limit if self.query is not None else MOST_STRUCTURE)
        except NoListingError as error:
            self.content()
            raise UnansweredError(f"the answer of {self.url} cannot be understood ({error})") from None

    def not_understood(self, error: ValidationError) -> UnansweredError:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        return UnansweredError(f"the answer of {self.url} cannot be understood ({where})")


_Ask = Callable[[Callable[[], int | None]], "Future[tuple[_Told, int | None]]"]


def _cut_entry(told: _Told) -> Unread:
    """Raises UnansweredError where not even its id can be seen."""
    sample_id = first_id(told.body)
    if sample_id is None:
        raise UnansweredError(f"the answer of {told.url} is too large for one sample and does not begin with its id")
    return Unread(sample_id, f"its entry is larger than {len(told.body) // 1024**2} MiB")


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
    answer = json_object(body) if body.lstrip().startswith(b"{") and b'"success"' in body else None
    return answer is not None and answer.get("success") is False


def _raise_for(status: int, body: bytes | bytearray, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """The answer of Studio as an object. Raises what a failure means to the caller."""
    pause_s = asked_s(headers, clock.now())
    answer = json_object(body)
    if answer is None:
        raise UnansweredError(f"the answer of {url} is not Studio's (HTTP {status})", asked_s=pause_s)
    if answer.get("success") is True and status == 200:
        return answer
    error = one_line(str(answer.get("error") or "no reason given"))
    if status == 401:
        raise KeyRefusedError(f"Studio refuses the key ({error}); give eisync another key")
    if status >= 500 or status in (408, 429):
        raise UnansweredError(f"Studio answers HTTP {status}: {error}", asked_s=pause_s)
    raise StudioError(error, status=status)
