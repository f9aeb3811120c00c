"""Send one request to any address and bring back what came: nothing is decided, nothing is raised for bad weather.

Unlike `http.Service` it knows no target: address and key come with each call. Every thread has its own session; the
connections are shared among them. What the environment says about proxies and certificates is looked up once a host.
"""

import threading
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from eisync.adapters.client.deadline import PatientAdapter
from eisync.adapters.client.errors import MAX_ANSWER_BYTES, clean_foreign_logs, read_whole, translated
from eisync.core.redaction import KEYS
from eisync.core.retry import Fault
from eisync.core.wire import Reply, Silence
from eisync.errors import AnswerTooLargeError, UnansweredError, UnreachableError


class Transport:
    """Safe to use from any thread. `pool_maxsize` connections are kept for each of `pool_connections` hosts."""

    def __init__(self, *, user_agent: str, pool_connections: int, pool_maxsize: int) -> None:
        clean_foreign_logs()
        self._user_agent = user_agent
        self._adapter = PatientAdapter(pool_connections=pool_connections, pool_maxsize=pool_maxsize, max_retries=0)
        self._local = threading.local()
        self._environment: dict[str, Mapping[str, Any]] = {}

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout_s: tuple[float, float],
        body: Iterable[bytes] | bytes | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        is_file: bool = False,
    ) -> Reply | Silence:
        """`timeout_s` is for the connection and for each wait on it. Redirects come back as they are.

        No key that the answer repeats comes back; of one that `is_file` none is looked for in its body.

        Raises FileError, and only from `body`.
        """
        KEYS.learn(headers.get("x-api-key", ""))
        is_timeout = False
        try:
            with translated(url):
                try:
                    with self._session().request(
                        method,
                        url,
                        headers=dict(headers),
                        data=body,
                        stream=True,
                        allow_redirects=False,
                        timeout=timeout_s,
                        **self._environment_of(url),
                    ) as response:
                        whole = read_whole(response, limit_bytes=max_answer_bytes, is_file=is_file)
                        return Reply(response.status_code, KEYS.headers(response.headers), bytes(whole))
                except requests.exceptions.Timeout:
                    is_timeout = True
                    raise
        except UnreachableError as error:
            return Silence(Fault.UNREACHABLE, str(error), is_timeout)
        except AnswerTooLargeError as error:
            return Silence(Fault.UNANSWERED, str(error), is_too_large=True)
        except UnansweredError as error:
            return Silence(Fault.UNANSWERED, str(error), is_timeout)

    def close(self) -> None:
        """Let go of every connection. Safe to repeat."""
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
            found = {"proxies": settings["proxies"], "verify": settings["verify"]}
            self._environment[origin] = found
        return found
