"""Send one request to any address and return what came back, within a time for the whole answer.

The transport decides nothing and knows no target; the daemon and `eisync.data` both speak through it. Redirects are
never followed: requests would take the key along to the new host. Each thread has its own session; all of them share
the connections. Proxies and certificates of the environment are read once for each host.

requests and urllib3 limit each wait for a byte, so a server that sends a byte now and then could hold a worker for
ever. Here every wait ends with the answer's own time, which grows with what came: a large answer over a slow line has
all it needs. The `Date` of each answer is noted: it is what services say that the time is.
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
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from eisync.adapters import clock
from eisync.adapters.client.errors import MAX_ANSWER_BYTES, clean_foreign_logs, read_whole, translated
from eisync.core.clock_step import ClockReading, ServiceTime
from eisync.core.redaction import KEYS
from eisync.core.retry import Fault
from eisync.core.wire import Reply, Silence
from eisync.errors import AnswerTooLargeError, UnansweredError, UnreachableError

WAITS = 10.0
"""An answer may take as long as so many waits for a byte, and the time for its bytes."""
SLOWEST_BYTES_S = 4096.0
"""Who is slower than this is not waited for."""


class PatientAdapter(HTTPAdapter):
    """Speaks HTTP as requests does, and is done with every answer in a bounded time."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager


class _Timed(io.RawIOBase):
    """The bytes of one answer."""

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
            with contextlib.suppress(OSError):  # it broke meanwhile
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


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _SecureConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


_Noted = tuple[str, str, ClockReading]


class ServiceTimes:
    """The last `Date` of each host. Safe to use from any thread; noting one reads no date, but two clocks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, _Noted] = {}
        self._lowest: _Noted | None = None
        self._highest: _Noted | None = None

    def note(self, host: str, date: str | None) -> None:
        """Note the `Date` of an answer of `host` that came just now, and that no cache stored (`Age`)."""
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
        """What each said last, and those since the last call at which the clock was the farthest behind, and ahead.

        Of those that can be read.
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


@lru_cache(maxsize=16)  # the same few are asked for again and again
def _read(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


Headers = Mapping[str, str]
Timeout = tuple[float, float]
"""Seconds for the connection, and for each wait on it."""


class Transport:
    """HTTP for any thread. `pool_maxsize` idle connections are kept for each of `pool_connections` hosts."""

    def __init__(
        self,
        *,
        user_agent: str,
        pool_connections: int,
        pool_maxsize: int,
        verify: str | bool | None = None,
        on_date: Callable[[str, str | None], None] = lambda _host, _date: None,
    ) -> None:
        """`verify` names the trusted certificates: a file or a folder, True for the bundled ones, None for what the
        environment says. `on_date` gets the host and the `Date` of each answer that no cache stored.
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
        """The answer, its body not read yet. Raises UnreachableError or UnansweredError, and FileError from `body`."""
        KEYS.learn(headers.get("x-api-key", ""))  # before it leaves: an answer may repeat it
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
            if "age" not in response.headers:  # a stored answer has the time of its storing
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
        """Return the whole answer, or why none came. Redirects come back as they are.

        Keys that the answer repeats are taken out, except from the body of an answer that `is_file`. Raises FileError,
        and only from `body`.
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
