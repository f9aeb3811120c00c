"""Start and stop an emulator: in the foreground, in a thread of this process, or with `python -m eisync.emulator`.

Ingestion, Studio and remote management share one event loop; each has its own port.
"""

import asyncio
import contextlib
import json
import logging
import signal
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from eisync.emulator import control, ingestion, remote, studio
from eisync.emulator.control import random_hmac_key, random_key
from eisync.emulator.faults import Faults
from eisync.emulator.history import HistoryOptions
from eisync.emulator.ledger import Ledger
from eisync.emulator.model import Project, Role
from eisync.emulator.pages import routes
from eisync.emulator.replies import guard
from eisync.emulator.service import SERVICE, Service
from eisync.emulator.settings import EmulatorSettings, is_loopback
from eisync.emulator.store import StoreError, open_store

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 30.0
_LINGER_S = 2.0  # after an early answer, the rest of the body is read this long, so that its sender gets the answer
_LAST_ANSWERS_S = 0.2  # how long running requests may take to end when the emulator stops
_MAX_HEADERS = 1000


class EmulatorError(Exception):
    """The emulator cannot start. The text is one sentence with the reason."""


class Emulator:
    """The servers and what they share. Call `start` and `stop` in one event loop; `start` sets the addresses."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self.settings = settings
        self.studio_url = ""
        self.ingestion_url = ""
        self.remote_url = ""  # empty: remote management is off
        self.key = ""
        self.hmac_key = ""
        self.project_id = 0
        self._service: Service | None = None
        self._runners: list[web.AppRunner] = []

    async def start(self) -> None:
        """Start all servers. Raises EmulatorError, after closing what was open."""
        settings = self.settings
        try:
            store = open_store(settings.data, _history_options(settings), signs=settings.last_updated_by)
        except StoreError as error:
            raise EmulatorError(str(error)) from error
        self._service = service = Service(settings, store, Ledger(), Faults(settings.seed))
        try:
            project = self._first_project(service)
            ingestion_port = await self._listen("ingestion", settings.ingestion_port, (ingestion.add_routes,))
            studio_port = await self._listen(
                "studio", settings.studio_port, (studio.add_routes, control.add_routes, routes.add_routes)
            )
            remote_port = None
            if settings.remote_management:
                remote_port = await self._listen("remote", settings.wanted_remote_port, (remote.add_routes,))
        except BaseException:
            await self.stop()
            raise
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.ingestion_url = service.ingestion_url = f"http://{host}:{ingestion_port}"
        self.studio_url = service.studio_url = f"http://{host}:{studio_port}/v1"
        if remote_port is not None:
            self.remote_url = service.remote_url = f"ws://{host}:{remote_port}"
        service.ports = (ingestion_port, studio_port)
        self.project_id, self.hmac_key = project.id, project.hmac_key

    async def stop(self) -> None:
        """Stop all servers. Safe to repeat."""
        while self._runners:
            await self._runners.pop().cleanup()
        if self._service is not None:
            self._service.store.close()
            self._service = None

    def _first_project(self, service: Service) -> Project:
        """Return the oldest project of the data folder, or a new one, and make sure that the wanted key opens it."""
        settings, store = self.settings, service.store
        projects = store.list_projects()
        project = projects[0] if projects else None
        if project is None:
            hmac_key = settings.hmac_key or random_hmac_key()
            project = store.add_project(settings.project_name, hmac_key=hmac_key, now_ms=service.now_ms())
        keys = [key.key for key in store.list_keys(project.id) if key.role is Role.ADMIN]
        self.key = settings.key or (keys[0] if keys else random_key())
        if self.key not in keys:
            try:
                store.add_key(project.id, self.key, Role.ADMIN)
            except ValueError as error:
                raise EmulatorError(
                    "The key belongs to another project or role of this data folder: choose another key."
                ) from error
        return project

    async def _listen(self, where: str, port: int, add_routes: Sequence[Callable[[web.Application], None]]) -> int:
        assert self._service is not None
        app = web.Application(middlewares=[guard(where)])
        app[SERVICE] = self._service
        for add in add_routes:
            add(app)
        header_bytes = self.settings.max_header_bytes
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=_quiet_logger(),
            auto_decompress=False,
            max_line_size=header_bytes,
            max_field_size=header_bytes,
            max_headers=_MAX_HEADERS,
            lingering_time=_LINGER_S,
            shutdown_timeout=_LAST_ANSWERS_S,
        )
        await runner.setup()
        self._runners.append(runner)
        try:
            await web.TCPSite(runner, self.settings.host, port).start()
        except OSError as error:
            raise EmulatorError(
                f"Port {port} on {self.settings.host} cannot be used ({error.strerror or error}): "
                "stop the program that uses it, or choose another port."
            ) from error
        return int(runner.addresses[0][1])


def _history_options(settings: EmulatorSettings) -> HistoryOptions | None:
    if not settings.dataset_versions:
        return None
    return HistoryOptions(
        window_ms=settings.dataset_window_ms,
        commit_ms=settings.dataset_commit_ms,
        max_versions=settings.max_dataset_versions,
    )


class RunningEmulator:
    """An emulator in a thread of this process. Its methods may be called from any other thread."""

    def __init__(self, emulator: Emulator) -> None:
        self.studio_url = emulator.studio_url
        self.ingestion_url = emulator.ingestion_url
        self.remote_url = emulator.remote_url
        self.key = emulator.key
        self.hmac_key = emulator.hmac_key
        self.project_id = emulator.project_id

    def ledger(self, project_id: int | None = None) -> dict[str, Any]:
        """Return the counts; see the module `ledger`. `project_id` limits the lasting figures to one project."""
        return self._call("GET", "/emulator/ledger" + ("" if project_id is None else f"?project={project_id}"))

    def set_faults(self, *rules: dict[str, Any], seed: int = 0) -> None:
        """Replace all rules; call it without rules to end all faults. See the module `faults`."""
        self._call("POST", "/emulator/faults", {"seed": seed, "rules": list(rules)})

    def add_project(self, **wanted: Any) -> dict[str, Any]:
        """Make a project with `name`, `hmacKey` and `keys`. The result has `id`, `name`, `hmacKey` and `keys`."""
        project: dict[str, Any] = self._call("POST", "/emulator/projects", wanted)["project"]
        return project

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        url = self.studio_url.removesuffix("/v1") + path
        raw = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=raw, method=method)  # noqa: S310 (the address is our own)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_START_TIMEOUT_S) as response:
            content: dict[str, Any] = json.load(response)
        return content


def _quiet_logger() -> logging.Logger:
    """Return a logger without tracebacks for malformed HTTP: it is the sender's error, and was answered with 400."""
    logger = logging.getLogger("eisync.emulator.http")
    logger.addFilter(_is_our_mistake)
    return logger


def _is_our_mistake(record: logging.LogRecord) -> bool:
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


@contextmanager
def running_emulator(settings: EmulatorSettings | None = None) -> Iterator[RunningEmulator]:
    """Run an emulator in a thread, by default on free ports and in memory. Raises EmulatorError."""
    emulator = Emulator(EmulatorSettings(studio_port=0, ingestion_port=0) if settings is None else settings)
    ready = threading.Event()
    failure: list[BaseException] = []
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        stopping = asyncio.Event()
        try:
            await emulator.start()
        except BaseException as error:  # noqa: BLE001 (the caller's thread raises it)
            failure.append(error)
            return
        finally:
            loops.append((asyncio.get_running_loop(), stopping))
            ready.set()
        try:
            await stopping.wait()
        finally:
            await emulator.stop()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="emulator", daemon=True)
    thread.start()
    try:
        if not ready.wait(_START_TIMEOUT_S):
            raise EmulatorError("The emulator did not start in time.")
        if failure:
            raise failure[0]
        yield RunningEmulator(emulator)
    finally:
        if loops and not failure:
            loop, stopping = loops[0]
            with contextlib.suppress(RuntimeError):  # the loop ended by itself
                loop.call_soon_threadsafe(stopping.set)
        thread.join(_STOP_TIMEOUT_S)


def serve(settings: EmulatorSettings, *, announce: Callable[[str], None] = print) -> None:
    """Run until SIGINT or SIGTERM. When all ports answer, `announce` is called with each line for a person.

    If the emulator cannot start, end the program with one sentence and exit code 1.
    """

    def announce_addresses(emulator: Emulator) -> None:
        if not is_loopback(settings.host):
            announce("Warning: other machines can reach this emulator and change everything in it.")
        announce(f"Studio:    {emulator.studio_url}   (web page: {emulator.studio_url.removesuffix('/v1')}/)")
        announce(f"Ingestion: {emulator.ingestion_url}")
        announce(f"Devices:   {emulator.remote_url or 'remote management is off'}")
        announce(f"API key:   {emulator.key}")
        announce(f"Data:      {settings.data or 'in memory, lost when the emulator stops'}")

    run_until_signal(settings, announce_addresses)


def run_until_signal(settings: EmulatorSettings, when_ready: Callable[[Emulator], None]) -> None:
    """Run like `serve`, but call `when_ready` when all ports answer."""
    try:
        asyncio.run(_serve(settings, when_ready))
    except EmulatorError as error:
        raise SystemExit(str(error)) from None


async def _serve(settings: EmulatorSettings, when_ready: Callable[[Emulator], None]) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    emulator = Emulator(settings)
    await emulator.start()
    try:
        when_ready(emulator)
        await stopping.wait()
    finally:
        await emulator.stop()
