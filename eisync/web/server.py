"""Serve the page: a listening socket, waitress with a few threads, and a loop that the supervisor runs.

The page is the least important part of the process: when it cannot be served, the daemon goes on without it.
"""

import errno
import logging
import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

from waitress import wasyncore
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ThreadedTaskDispatcher

from eisync.errors import EisyncError

PORTS = 10
"""How many ports are tried, from the configured one on."""

THREADS = 4
CONNECTIONS = 64
POLL_S = 1.0
IDLE_CONNECTION_S = 30
LARGEST_HEADER_BYTES = 16 * 1024
LARGEST_BODY_BYTES = 64 * 1024
STOP_WITHIN_S = 2

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def listen(address: str, port: int) -> socket.socket:
    """Return a socket that is bound to the port, or to one of the nine after it that is free.

    Raises EisyncError with a sentence and the remedy.
    """
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    last = min(port + PORTS - 1, 65_535) if port else 0
    for number in range(port, last + 1):
        server = socket.socket(family, socket.SOCK_STREAM)
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            server.bind((address, number))
            server.listen(CONNECTIONS)  # two sockets may be bound to one port, but only one can listen
        except OSError as error:
            server.close()
            if error.errno != errno.EADDRINUSE:
                raise EisyncError(_why_not(error, address, number)) from error
        else:
            return server
    raise EisyncError(f"the ports {port} to {last} of {address} are taken; name a free one with web.port")


def url_of(server: socket.socket) -> str:
    """Return the address of the page for a browser on this machine."""
    host, port = server.getsockname()[:2]
    ip = ip_address(host)
    if ip.is_unspecified:
        host = "127.0.0.1" if ip.version == 4 else "::1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class WebServer:
    """The server as a loop: one tick waits a moment for what clients send, and hands requests to the threads."""

    name = "web"

    def __init__(self, server: socket.socket, application: Application) -> None:
        logger = logging.getLogger("waitress")  # it would print to stderr, where our log is
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
        self._map: dict[int, Any] = {}
        self._poll_s = POLL_S
        self._threads = ThreadedTaskDispatcher()
        self._threads.set_thread_count(THREADS)
        created = create_server(
            application,
            map=self._map,
            _dispatcher=self._threads,
            sockets=[server],
            ident="",
            connection_limit=CONNECTIONS,
            channel_timeout=IDLE_CONNECTION_S,
            cleanup_interval=IDLE_CONNECTION_S,
            max_request_header_size=LARGEST_HEADER_BYTES,
            max_request_body_size=LARGEST_BODY_BYTES,
            clear_untrusted_proxy_headers=False,  # they are read only from the proxy that the configuration names
            expose_tracebacks=False,
        )
        assert isinstance(created, BaseWSGIServer)  # it listens on one socket
        self._server = created

    def tick(self, now: float) -> float:
        """Wait up to a second for clients, and serve them."""
        wasyncore.loop(timeout=self._poll_s, use_poll=True, map=self._map, count=1)
        return 0.0

    def stop(self, now: float) -> None:
        """Do nothing: answers under way end in the threads, and `close` waits for them."""

    @property
    def is_done(self) -> bool:
        """Return True always: a page that is cut off is loaded again."""
        return True

    def hang_up(self) -> None:
        """End a tick that waits for clients. Safe from any thread, and to repeat."""
        self._poll_s = 0.01  # for later ticks
        self._server.pull_trigger()

    def close(self) -> None:
        """Close every connection, and wait a moment for the threads. Call it when no tick runs any more."""
        self._threads.shutdown(timeout=STOP_WITHIN_S)
        wasyncore.close_all(self._map, ignore_all=True)


def _why_not(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return f"this machine has no address {address}; correct web.address"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"eisync may not use port {port} of {address}; name one above 1023 with web.port"
    return f"port {port} of {address} cannot be used: {error.strerror or error}; see web.address and web.port"
