"""Send one HTTP request to any address and return the answer, within a time limit for the whole answer.

The transport decides nothing and knows no target. The daemon and `eisync.data` both use it. Redirects are never
followed, because requests would send the key to the new host. Each thread has its own session; all sessions share the
connections. Proxies and certificates of the environment are read once for each host.

requests and urllib3 only limit each wait for a byte, so a server that sends single bytes could block a worker for ever.
Here the whole answer has a time limit. It grows with the bytes received, so that a large answer over a slow line has
enough time. The `Date` of each answer is recorded: it is the time by the service's clock.
"""

import contextlib
import io
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from eisync.adapters import clock
from eisync.adapters.client.errors import MAX_ANSWER_BYTES, clean_foreign_logs, read_whole, translated
from eisync.adapters.client.tls import TlsContexts, take_tickets
from eisync.core.clock_step import ClockReading, ServiceTime
from eisync.core.redaction import KEYS
from eisync.core.retry import Fault
from eisync.core.wire import Reply, Silence
from eisync.errors import AnswerTooLargeError, UnansweredError, UnreachableError

WAITS = 10.0
"""An answer may take as long as this many waits for a byte, plus the time for its bytes at `SLOWEST_BYTES_S`."""
SLOWEST_BYTES_S = 4096.0
"""The slowest rate at which an answer may arrive."""


class PatientAdapter(HTTPAdapter):
    """Speak HTTP as requests does, with a time limit for the whole of each answer, and one TLS context for all."""

    def __init__(self, **options: Any) -> None:
        self._contexts = TlsContexts()
        super().__init__(**options)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https" and verify:
            pool = {"cert_reqs": "CERT_REQUIRED", "ssl_context": self._contexts.context_of(verify)}
        return host, pool

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Add nothing to the context: with a file of certificates beside it, each connection would read that again."""

    def connect(self, url: str, *, verify: str | bool, timeout_s: float) -> None:
        """Open a connection to the host of `url`, unless one is free, and keep it for a later request.

        Do nothing when that fails: the request will say why.
        """
        with contextlib.suppress(OSError, HTTPError, requests.RequestException):
            request = requests.Request("GET", url).prepare()
            pool: Any = self.get_connection_with_tls_context(request, verify)
            connection: Any = pool._get_conn()
            try:
                if connection.is_closed:
                    connection.timeout = timeout_s
                    began_at = clock.monotonic()
                    connection.connect()
                    take_tickets(connection.sock, within_s=clock.monotonic() - began_at)
            except BaseException:
                connection.close()
                raise
            finally:
                pool._put_conn(connection)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager


class _Timed(io.RawIOBase):
    """Read the bytes of one answer within its time limit."""

    def __init__(self, inner: io.RawIOBase, line: socket.socket) -> None:
        self._inner = inner
        self._line = line
        self._wait_s = line.gettimeout()
        self._ends_at = clock.monotonic() + WAITS * (self._wait_s or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._wait_s is None:
            return self._inner.readinto(buffer)
        left_s = self._ends_at - clock.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer took too long")
        self._line.settimeout(min(self._wait_s, left_s))
        try:
            received = self._inner.readinto(buffer)
        finally:
            with contextlib.suppress(OSError):  # the connection is closed already
                self._line.settimeout(self._wait_s)
        self._ends_at += (received or 0) / SLOWEST_BYTES_S
        return received

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock))


_thread = threading.local()
"""`has_connected`: whether the thread has opened a connection since its last request began."""


class _Connection(HTTPConnection):
    response_class = _TimedResponse

    def connect(self) -> None:
        _thread.has_connected = True
        super().connect()


class _SecureConnection(HTTPSConnection):
    response_class = _TimedResponse

    def connect(self) -> None:
        _thread.has_connected = True
        super().connect()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


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
        self._user_agent = user_agent
        self._adapter = PatientAdapter(pool_connections=pool_connections, pool_maxsize=pool_maxsize, max_retries=0)
        self._verify = verify
        self._on_date = on_date
        self._local = threading.local()
        self._environment: dict[str, Mapping[str, Any]] = {}

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
        _thread.has_connected = False
        KEYS.learn(headers.get("x-api-key", ""))  # before the request is sent, because an answer may repeat the key
        with (
            translated(url),
            self._session().request(
                method,
                url,
                headers=dict(headers),
                data=body,
                stream=True,
                allow_redirects=False,
                timeout=timeout_s,
                **self._environment_of(url),
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
        return bool(getattr(_thread, "has_connected", False))

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

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            session.headers["User-Agent"] = self._user_agent
            for scheme in ("http://", "https://"):
                session.mount(scheme, self._adapter)
            self._local.session = session
        return session

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
