"""Write what a running process knows of its loops and folders as plain values, for `eisync status` and the page."""

from collections.abc import Iterable
from typing import Any

from eisync.loops.supervisor import LoopHealth
from eisync.loops.watcher.context import RootStatus


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
