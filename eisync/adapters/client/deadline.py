"""Limit how long an answer may take as a whole: who sends a byte now and then must not hold a worker for ever.

requests and urllib3 limit each wait for a byte, and nothing else. Here every wait ends with the answer's own time,
which grows with what came: a large answer over a slow line has all it needs.
"""

import contextlib
import io
import socket
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from eisync.adapters import clock

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
