"""Send one request to any address and return what came back. It decides nothing and knows no target.

The daemon and `eisync.data` both speak through it. Redirects are never followed: requests would take the key along to
the new host. Each thread has its own session; all of them share the connections. What the environment says about
proxies and certificates is read once for each host.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from eisync.adapters.client.deadline import PatientAdapter
from eisync.adapters.client.errors import MAX_ANSWER_BYTES, clean_foreign_logs, read_whole, translated
from eisync.core.redaction import KEYS
from eisync.core.retry import Fault
from eisync.core.wire import Reply, Silence
from eisync.errors import AnswerTooLargeError, UnansweredError, UnreachableError

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
