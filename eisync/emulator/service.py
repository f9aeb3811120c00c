"""What the routes of one emulator share: settings, store, ledger, faults, jobs, connections."""

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from eisync.emulator.connections import Connections
from eisync.emulator.faults import Faults
from eisync.emulator.ledger import Ledger
from eisync.emulator.settings import EmulatorSettings
from eisync.emulator.store import Store

_MAX_JOBS = 1000


@dataclass(frozen=True, slots=True)
class Export:
    """A ZIP of a project. The token gives access to it."""

    token: str
    path: str
    created_ms: int


@dataclass(slots=True)
class Service:
    settings: EmulatorSettings
    store: Store
    ledger: Ledger
    faults: Faults
    jobs: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)  # (project, job) -> as Studio shows it
    exports: dict[int, Export] = field(default_factory=dict)  # project -> its newest export
    pictures: dict[str, str] = field(default_factory=dict)  # sha256 -> the small drawing for lists; empty: none
    drawing: asyncio.Lock = field(default_factory=asyncio.Lock)  # one drawing at a time, so that uploads go on
    form_token: str = field(default_factory=secrets.token_urlsafe)  # every form of the pages has it
    connections: Connections = field(default_factory=Connections)  # of devices to remote management
    studio_url: str = ""
    ingestion_url: str = ""
    remote_url: str = ""  # of remote management; empty: it is off
    ports: tuple[int, ...] = ()  # of ingestion and Studio
    _last_name_ms: int = 0
    _last_job: int = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def reserve_names(self, count: int) -> int:
        """Reserve `count` milliseconds in a row that no stored name of this process has, and return the first."""
        first = max(self.now_ms(), self._last_name_ms + 1)
        self._last_name_ms = first + count - 1
        return first

    def add_job(self, project_id: int, job: dict[str, Any]) -> int:
        """Add a job and return its id. Above a limit, the oldest job is deleted."""
        self._last_job += 1
        self.jobs[(project_id, self._last_job)] = {"id": self._last_job, **job}
        while len(self.jobs) > _MAX_JOBS:
            del self.jobs[next(iter(self.jobs))]
        return self._last_job


SERVICE = web.AppKey("service", Service)
