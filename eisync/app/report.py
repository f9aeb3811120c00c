"""Write what a running process knows of its loops and folders as plain values, for `eisync status` and the page."""

from collections.abc import Iterable, Sequence
from typing import Any

from eisync.adapters import clock
from eisync.loops.supervisor import LoopHealth
from eisync.loops.watcher.context import RootStatus
from eisync.loops.watcher.loop import WatcherLoop
from eisync.store.index import Index
from eisync.store.observations import record_of


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
