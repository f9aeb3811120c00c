"""Put the page together: what `eisync.app` calls, and nothing else."""

import functools
import socket
from collections.abc import Callable, Mapping
from typing import Any

from eisync.control.operations import Operations
from eisync.core.model import value
from eisync.loops.ports import Log
from eisync.web.access import AccessRules, Gate
from eisync.web.context import Services
from eisync.web.credentials import Credentials, read_token
from eisync.web.file_link import page_at
from eisync.web.notices import Notices
from eisync.web.rendering import Templates
from eisync.web.routes import ROUTES
from eisync.web.server import WebServer, listen, url_of
from eisync.web.site import Site
from eisync.web.snapshots import Snapshots


@value(kw_only=True)
class Clocks:
    """The wall clock (Unix s), one that is never set (s), and the processor time of the calling thread (s)."""

    now: Callable[[], float]
    monotonic: Callable[[], float]
    spent_s: Callable[[], float]


class Page:
    """The page of one daemon: its server, its address, and links that open it."""

    def __init__(self, server: WebServer, url: str, credentials: Credentials) -> None:
        self.server = server
        self.url = url
        self._credentials = credentials

    @property
    def metrics_token(self) -> str:
        """The bearer token of programs."""
        return self._credentials.program_token()

    def link(self, valid_s: float) -> str:
        """Return an address that opens the page and logs the browser in, for so many seconds."""
        return f"{self.url}login?code={self._credentials.link_code(valid_s)}"


def open_page(
    rules: AccessRules,
    operations: Operations,
    *,
    port: int,
    folder: str,
    clocks: Clocks,
    log: Log,
    more: Mapping[str, Any],
) -> Page:
    """Listen, and return the page. `folder` is the state folder; `more` is what pages need from outside this room.

    Raises EisyncError when no port is free, or the token cannot be stored.
    """
    credentials = Credentials(read_token(folder), now=clocks.now)
    listening = listen(rules.address, port)
    try:
        site = site_of(rules, operations, credentials, port=_port_of(listening), clocks=clocks, log=log, more=more)
        return Page(WebServer(listening, site), url_of(listening), credentials)
    except BaseException:
        listening.close()
        raise


def site_of(
    rules: AccessRules,
    operations: Operations,
    credentials: Credentials,
    *,
    port: int,
    clocks: Clocks,
    log: Log,
    more: Mapping[str, Any],
) -> Site:
    """Return the page as a WSGI application, without a server."""
    services = Services(
        operations=operations,
        now=clocks.now,
        templates=_templates(),
        notices=Notices(),
        snapshots=Snapshots(clocks.monotonic, clocks.spent_s),
        more=more,
    )
    return Site(services, Gate(rules, credentials, port=port, now=clocks.now), routes=ROUTES, log=log)


@functools.cache
def _templates() -> Templates:
    """Return the templates, which hold nothing of a daemon. To compile them takes a tenth of a second."""
    return Templates(file_page=page_at)


def _port_of(listening: socket.socket) -> int:
    return int(listening.getsockname()[1])
