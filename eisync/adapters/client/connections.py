"""The connections to a service: a time limit for the whole of each answer, and one TLS context for all.

requests and urllib3 only limit each wait for a byte, so a server that sends single bytes could block a worker for ever.
Here the whole answer has a time limit. It grows with the bytes received, so that a large answer over a slow line has
enough time.
"""

import contextlib
import io
import socket
import threading
from http.client import HTTPResponse
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from eisync.adapters import clock
from eisync.adapters.client.tls import TlsContexts, take_tickets

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
        is_short = left_s < self._wait_s  # nearly never, and each change of the time-out is a system call
        if is_short:
            self._line.settimeout(left_s)
        try:
            received = self._inner.readinto(buffer)
        finally:
            if is_short:
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


THREAD = threading.local()
"""`has_connected`: whether the thread has opened a connection since its last request began."""


class _Connection(HTTPConnection):
    response_class = _TimedResponse
    _held: bytes | None = None
    """The headers of a request, until the first bytes of its body: one system call, and one packet, for both."""

    def connect(self) -> None:
        THREAD.has_connected = True
        super().connect()

    def endheaders(self, message_body: Any = None, *, encode_chunked: bool = False) -> None:
        if self.sock is None:
            self.connect()  # before the body is asked for
        self._held = b""
        super().endheaders(message_body, encode_chunked=encode_chunked)

    def send(self, data: Any) -> None:
        if self._held is None or not isinstance(data, bytes):
            self._release()
            super().send(data)
        elif self._held:
            joined, self._held = self._held + data, None
            super().send(joined)
        else:
            self._held = data

    def getresponse(self) -> Any:
        self._release()
        return super().getresponse()

    def close(self) -> None:
        self._held = None
        super().close()

    def _release(self) -> None:
        held, self._held = self._held, None
        if held:
            super().send(held)


class _SecureConnection(_Connection, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}
