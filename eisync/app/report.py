"""Write what a running process knows of its loops and folders as plain values, for `eisync status` and the page."""

import os
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from eisync._version import __version__
from eisync.adapters import clock, process
from eisync.core.model import Root
from eisync.loops.supervisor import LoopHealth
from eisync.loops.watcher.context import RootStatus
from eisync.loops.watcher.loop import WatcherLoop
from eisync.settings import Upload
from eisync.store.index import Index
from eisync.store.observations import record_of

if TYPE_CHECKING:
    from eisync.app.machine import App


def watching(statuses: Iterable[RootStatus]) -> list[dict[str, Any]]:
    """Return how each folder is watched."""
    return [
        {
            "root": one.root,
            "mode": one.mode.value,
            "uses_events": one.uses_events,
            "reason": one.reason,
            "missed": one.missed,
            "comparing": one.comparing,
            "scan_every_s": round(one.scan_every_s, 1),
            "trouble": one.trouble,
            "writers": one.writers,
        }
        for one in statuses
    ]


def of_process(app: "App", health: Iterable[LoopHealth]) -> dict[str, Any]:
    """Return what only the running process knows."""
    return {
        "pid": os.getpid(),
        "process": process.identity(os.getpid()),
        "verb": app.verb,
        "version": __version__,
        "held": app.uploader.holds(clock.now()),
        "upload": upload(app.settings.upload, app.roots, app.watcher.unlabelled()),
        "lost": app.why_lost(),
        "clock": app.times.why_doubt(),
        "is_clock_wrong": app.times.is_wrong,
        "keys": {one.name: app.settings.key_source(one.name).describe() for one in app.settings.targets},
        "watching": watching(app.watcher.status()),
        "lineage": app.lineage.sentences(),
        "retention": app.retention.report(),
        "loops": loops(health),
    }


def upload(options: Upload, roots: Iterable[Root], unlabelled: Collection[int]) -> dict[str, Any]:
    """Return in which order and how fast files are sent, and which folders have files that are described again first
    (`unlabelled`: their ids)."""
    again = [root.path for root in roots if root.id in unlabelled]
    return {"order": options.order.value, "max_rate": options.max_rate, "described_again": again}


def loops(health: Iterable[LoopHealth]) -> list[dict[str, Any]]:
    """Return how each loop is."""
    return [
        {"name": one.name, "age_s": round(one.age_s, 1), "is_fresh": one.is_fresh, "trouble": one.trouble}
        for one in health
    ]


class Observed:
    """What is not complete or cannot be read now, as records of `eisync ls`.

    For folders that are not scanned yet or not watched, it is what was stored last.
    """

    def __init__(self, watcher: WatcherLoop, index: Index) -> None:
        self._watcher = watcher
        self._index = index

    def all(self) -> list[dict[str, Any]]:
        """Return all of it."""
        now = {(one.root, one.path): record_of(one) for one in self._watcher.observed(clock.now())}
        return self._merged(now, self._index.observations.records())

    def at(self, root: str, paths: Sequence[str]) -> list[dict[str, Any]]:
        """Return the same for `paths` of one root only."""
        now = {(one.root, one.path): record_of(one) for one in self._watcher.observed_at(root, paths, clock.now())}
        if root in self._watcher.scanned():
            return list(now.values())
        return self._merged(now, self._index.observations.records_at(root, paths))

    def _merged(self, now: dict[tuple[str, str], dict[str, Any]], noted: list[dict[str, Any]]) -> list[dict[str, Any]]:
        scanned = self._watcher.scanned()
        before = {(one["root"], one["path"]): one for one in noted if one["root"] not in scanned}
        return list({**before, **now}.values())
