"""Gather what only this process counts, for the metrics: uploads, lost events, disks, and what it runs with."""

import hashlib
import json
import os
import platform
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from eisync._version import __version__
from eisync.adapters import clock
from eisync.adapters.files.removal import disk_of
from eisync.adapters.process import apart
from eisync.core.retention import Disk
from eisync.loops.uploader.counters import UploadCounters
from eisync.settings import Settings, without_secrets
from eisync.store.state_folder import DATABASE_NAME, size_of

DISKS_WITHIN_S = 1.0
"""How long one scrape waits for all disks together. One that hangs has no value, and is asked again when it answers."""


class ProcessNumbers:
    """The numbers of one process. Safe from any thread."""

    def __init__(self, settings: Settings, counters: UploadCounters, *, overflows: Callable[[], int]) -> None:
        """`overflows` returns how often events were lost."""
        self._folder = str(settings.state.dir)
        self._counters = counters
        self._overflows = overflows
        self._disks = _Disks()
        self._process = {
            "version": __version__,
            "python": platform.python_version(),
            "started_at": clock.now(),
        }
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Note which options are in use from now on."""
        text = json.dumps(without_secrets(settings), sort_keys=True, default=str)
        self._configured = {
            "configuration": hashlib.sha256(text.encode()).hexdigest()[:16],
            "configured_at": clock.now(),
        }

    def hour(self, now: float) -> dict[str, Any]:
        """Return files and bytes of the last 60 minutes, the oldest first, and since when they are counted (Unix s)."""
        files, sizes = zip(*self._counters.minutes(now), strict=True)
        return {"files": files, "bytes": sizes, "since_at": self._process["started_at"]}

    def counted(self, folders: Mapping[str, str]) -> dict[str, Any]:
        """Return the numbers, with the disks of the state folder and of these folders, given by their names."""
        database = os.path.join(self._folder, DATABASE_NAME)
        return {
            "process": {**self._process, **self._configured, "overflows": self._overflows()},
            "database": {"bytes": size_of(database), "wal_bytes": size_of(f"{database}-wal")},
            "disks": self._disks.report({"state": self._folder, **folders}),
            "uploads": self._counters.report(),
        }


class _Disks:
    """Asks disks for their free space. A file server that is away can hang, so each is asked in a thread apart."""

    def __init__(self) -> None:
        self._asked: dict[str, Future[Disk | None]] = {}
        self._lock = threading.Lock()

    def report(self, places: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the disk of each place that answers in time."""
        deadline = clock.monotonic() + DISKS_WITHIN_S
        with self._lock:
            for place, folder in places.items():
                if place not in self._asked:
                    self._asked[place] = apart(lambda folder=folder: disk_of(folder))  # type: ignore[misc]
            asked = {place: self._asked[place] for place in places}
        found = []
        for place, future in asked.items():
            try:
                disk = future.result(timeout=max(0.0, deadline - clock.monotonic()))
            except TimeoutError:
                continue
            with self._lock:
                if self._asked.get(place) is future:
                    del self._asked[place]
            if disk is not None:
                found.append({"place": place, "free_bytes": disk.free, "size_bytes": disk.total})
        return found
