"""Serve the page of the daemon in the browser, if its extra is installed. Without it, say how to get it and go on."""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eisync.adapters import clock
from eisync.adapters.files.viewing import OpenFile
from eisync.app import report
from eisync.app.extras import how_to_add
from eisync.control.operations import Operations
from eisync.errors import EisyncError
from eisync.loops.ports import Log
from eisync.loops.supervisor import SupervisedLoop, Supervisor
from eisync.settings import Settings, Web

if TYPE_CHECKING:  # imported where the page is served, and nowhere else: 10 MB
    from eisync.web.start import Page

TICK_LIMIT_S = 60.0
STOP_WITHIN_S = 3.0
MISSING = "the page in the browser needs {name}: {how}; or say web.enabled = false"


class PageServer:
    """The page and its thread. Nothing here raises: an upload never waits for the page, nor fails because of it.

    It has a supervisor of its own, so that a page that hangs does not make the daemon look dead.
    """

    def __init__(
        self, options: Web, operations: Operations, *, folder: str, log: Log, more: Mapping[str, Any] | None = None
    ) -> None:
        """Start serving, if `options` say so. `more` is what the pages need of files and settings."""
        self._page: Page | None = None
        self._supervisor: Supervisor | None = None
        self.why_off: str | None = "the page is off: web.enabled is false"
        if not options.enabled:
            return
        try:
            self._page = _open(options, operations, folder=folder, log=log, more=more or {})
            loop = SupervisedLoop(self._page.server, threading.Event(), TICK_LIMIT_S)
            self._supervisor = Supervisor([loop], now=clock.now, monotonic=clock.monotonic, log=log)
            self._supervisor.start()
        except ModuleNotFoundError as error:
            self.why_off = MISSING.format(name=error.name, how=how_to_add("web"))
            log.info("web.unavailable", reason=self.why_off)
        except (EisyncError, OSError, RuntimeError) as error:  # RuntimeError: no thread can be started
            self._give_up()
            self.why_off = f"the page cannot be served: {error}"
            log.warning("web.unavailable", reason=str(error))
        else:
            self.why_off = None
            log.info("web.listening", address=self._page.url)

    @property
    def url(self) -> str | None:
        """The address of the page; None when it is not served."""
        return None if self._page is None else self._page.url

    def record(self, valid_s: float | None = None) -> dict[str, Any]:
        """Return the address, a link that logs a browser in for `valid_s` seconds from now, or why there is none."""
        if self._page is None:
            return {"url": None, "link": None, "metrics_token": None, "why_off": self.why_off, "waits": False}
        from eisync.web.credentials import LINK_S

        return {
            "url": self._page.url,
            "link": self._page.link(valid_s or LINK_S),
            "metrics_token": self._page.metrics_token,
            "why_off": None,
            "waits": False,
        }

    def health(self) -> list[dict[str, Any]]:
        """Return what `live` says of a loop, for the thread of the page."""
        return report.loops([] if self._supervisor is None else self._supervisor.health())

    def close(self) -> None:
        """Stop serving. Safe to repeat."""
        if self._supervisor is not None and self._page is not None:
            self._page.server.hang_up()
            self._supervisor.stop(within_s=STOP_WITHIN_S, give_up=threading.Event())
            self._supervisor = None
        self._give_up()

    def _give_up(self) -> None:
        if self._page is not None:
            self._page.server.close()
            self._page = None


def page_services(settings: Settings) -> Mapping[str, Any]:
    """Return what the pages need of files and settings."""
    return {"open_file": OpenFile, "studio_pages": {one.name: studio_page(one.studio_url) for one in settings.targets}}


def studio_page(api: str) -> str:
    """Return where the pages of Studio are, by the address of its API.

    >>> studio_page("https://studio.edgeimpulse.com/v1")
    'https://studio.edgeimpulse.com'
    """
    return api.rstrip("/").removesuffix("/v1")


def explain(operations: Operations, root: str, path: str) -> dict[str, Any] | None:
    """Return why the file at a path of a watched folder is where it is; None if the folder is not watched."""
    from eisync.app.explanation import explained_in  # only a page of a file needs it

    (watched,) = operations.answer({"do": "watched"})
    return explained_in(watched["roots"], root, path, operations.answer)


def _open(options: Web, operations: Operations, *, folder: str, log: Log, more: Mapping[str, Any]) -> "Page":
    from eisync.web.access import AccessRules, TrustedProxy
    from eisync.web.start import Clocks, open_page

    proxy = options.trusted_proxy
    rules = AccessRules(
        address=options.address,
        hosts=options.hosts,
        password_hash=options.password_hash,
        proxy=None if proxy is None else TrustedProxy(address=proxy, header=options.user_header),
    )
    clocks = Clocks(now=clock.now, monotonic=clock.monotonic, spent_s=clock.spent_s)
    return open_page(rules, operations, port=options.port, folder=folder, clocks=clocks, log=log, more=more)
