"""Send one HTTP request to any address and return the answer, within a time limit for the whole answer.

The transport decides nothing and knows no target. The daemon and `eisync.data` both use it. Redirects are never
followed, because requests would send the key to the new host. No cookie is kept. All threads share the connections.
Proxies and certificates of the environment are read once for each host.

The whole answer has a time limit (`eisync.adapters.client.connections`). The `Date` of each answer is recorded: it is
the time by the service's clock.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.utils import select_proxy

from eisync.adapters import clock
from eisync.adapters.client.connections import THREAD, PatientAdapter
from eisync.adapters.client.errors import MAX_ANSWER_BYTES, clean_foreign_logs, read_whole, translated
from eisync.core.clock_step import ClockReading, ServiceTime
from eisync.core.redaction import KEYS
from eisync.core.retry import Fault
from eisync.core.wire import Reply, Silence
from eisync.errors import AnswerTooLargeError, UnansweredError, UnreachableError

_Noted = tuple[str, str, ClockReading]


class ServiceTimes:
    """Store the last `Date` of each host. Safe to use from any thread.

    `note` only reads two clocks; the date is parsed later.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, _Noted] = {}
        self._lowest: _Noted | None = None
        self._highest: _Noted | None = None

    def note(self, host: str, date: str | None) -> None:
        """Store the `Date` of an answer of `host` that arrived just now and did not come from a cache (`Age`)."""
        if date is None:
            return
        noted = (host, date, ClockReading(clock.now(), clock.steady()))
        with self._lock:
            self._last[host] = noted
            if self._lowest is None or _offset(noted) < _offset(self._lowest):
                self._lowest = noted
            if self._highest is None or _offset(noted) > _offset(self._highest):
                self._highest = noted

    def service_times(self) -> list[ServiceTime]:
        """Return the last time of each host, and, of those since the last call, the two by which the local clock is
        farthest behind and farthest ahead.

        Dates that cannot be parsed are left out.
        """
        with self._lock:
            noted = [*self._last.values(), self._lowest, self._highest]
            self._lowest = self._highest = None
        found = {id(one): _service_time(one) for one in noted if one is not None}
        return [telling for telling in found.values() if telling is not None]


def _offset(noted: _Noted) -> float:
    return noted[2].now - noted[2].steady


def _service_time(noted: _Noted) -> ServiceTime | None:
    host, date, reading = noted
    at = _read(date)
    return None if at is None else ServiceTime(host, at, reading)


@lru_cache(maxsize=16)  # the same few dates are parsed again and again
def _read(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


@lru_cache(maxsize=256)  # uploads have a few addresses only
def _checked(url: str) -> tuple[str, str | None]:
    """Return the URL as it is sent, and the header for the user and password in it. Raise a RequestException."""
    request = requests.Request("GET", url).prepare()
    assert request.url is not None
    return request.url, request.headers.get("Authorization")


Headers = Mapping[str, str]
Timeout = tuple[float, float]
"""Time limits in seconds: to connect, and for each wait on the connection."""


class Transport:
    """Send HTTP requests from any thread. Keep `pool_maxsize` idle connections for each of `pool_connections` hosts."""

    def __init__(
        self,
        *,
        user_agent: str,
        pool_connections: int,
        pool_maxsize: int,
        verify: str | bool | None = None,
        on_date: Callable[[str, str | None], None] = lambda _host, _date: None,
    ) -> None:
        """Configure the transport.

        `verify` names the trusted certificates: a file or a folder, True for the bundled ones, None for those of the
        environment. `on_date` gets the host and the `Date` of each answer that did not come from a cache.
        """
        clean_foreign_logs()
        self._headers = {**requests.utils.default_headers(), "User-Agent": user_agent}
        self._adapter = PatientAdapter(pool_connections=pool_connections, pool_maxsize=pool_maxsize, max_retries=0)
        self._verify = verify
        self._on_date = on_date
        self._environment: dict[str, Mapping[str, Any]] = {}

    def trust(self, verify: str | bool) -> None:
        """Trust these certificates (a file or a folder; True: the bundled ones) from the next request on.

        A request under way ends on the connection that it has; no later one uses that. Safe from any thread.
        """
        if verify != self._verify:
            self._verify = verify
            self._environment = {}

    @contextlib.contextmanager
    def open(
        self,
        method: str,
        url: str,
        *,
        headers: Headers,
        timeout_s: Timeout,
        body: Iterable[bytes] | bytes | None = None,
    ) -> Iterator[requests.Response]:
        """Send a request and lend the answer, whose body is not read yet.

        Raise UnreachableError or UnansweredError, and FileError from `body`.
        """
        THREAD.has_connected = False
        KEYS.learn(headers.get("x-api-key", ""))  # before the request is sent, because an answer may repeat the key
        with (
            translated(url),
            self._adapter.send(
                self._prepared(method, url, headers, body), stream=True, timeout=timeout_s, **self._environment_of(url)
            ) as response,
        ):
            if "age" not in response.headers:  # an answer from a cache has the time when it was cached
                self._on_date(urlsplit(url).netloc, response.headers.get("date"))
            yield response

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Headers,
        timeout_s: Timeout,
        body: Iterable[bytes] | bytes | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        is_file: bool = False,
    ) -> Reply | Silence:
        """Send a request. Return the whole answer, or the reason why there is none. Redirects are returned as they are.

        Keys are removed from the answer, except from the body of one that `is_file`. Raise FileError only, from `body`.
        """
        try:
            with self.open(method, url, headers=headers, timeout_s=timeout_s, body=body) as response:
                whole = read_whole(response, limit_bytes=max_answer_bytes, is_file=is_file)
                return Reply(response.status_code, KEYS.headers(response.headers), bytes(whole))
        except UnreachableError as error:
            return Silence(Fault.UNREACHABLE, str(error), error.is_timeout)
        except AnswerTooLargeError as error:
            return Silence(Fault.UNANSWERED, str(error), is_too_large=True)
        except UnansweredError as error:
            return Silence(Fault.UNANSWERED, str(error), error.is_timeout)

    @property
    def has_connected(self) -> bool:
        """Return whether the last request of this thread opened a connection: none was free."""
        return bool(getattr(THREAD, "has_connected", False))

    def connect(self, url: str, timeout_s: float) -> None:
        """Open a connection that a later request to the host of `url` finds ready. Never fails, and sends nothing.

        Do nothing where a proxy is on the way.
        """
        environment = self._environment_of(url)
        if select_proxy(url, environment["proxies"]) is None:
            self._adapter.connect(url, verify=environment["verify"], timeout_s=timeout_s)

    def close(self) -> None:
        """Close every connection. Safe to repeat; the next request opens new ones."""
        self._adapter.close()

    def _prepared(
        self, method: str, url: str, headers: Headers, body: Iterable[bytes] | bytes | None
    ) -> requests.PreparedRequest:
        # Session.request takes a third of the time of a small upload: for redirects, cookies and hooks, all unwanted.
        request = requests.PreparedRequest()
        request.method = method
        request.url, authorization = _checked(url)
        request.prepare_headers({**self._headers, **headers})
        if authorization is not None:
            request.headers.setdefault("Authorization", authorization)
        request.prepare_body(body, None)
        return request

    def _environment_of(self, url: str) -> Mapping[str, Any]:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        found = self._environment.get(origin)
        if found is None:
            with requests.Session() as session:
                settings = session.merge_environment_settings(origin, {}, None, None, None)
            verify = settings["verify"] if self._verify is None else self._verify
            found = {"proxies": settings["proxies"], "verify": verify}
            self._environment[origin] = found
        return found
