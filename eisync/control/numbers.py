"""Answer what a monitoring program reads: numbers, switches and instants, and no text that a person or a service wrote.

`eisync.core.metrics` turns the answer into metrics.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from eisync.control.overview import Record, overview
from eisync.control.pausing import pauses
from eisync.core.identity import is_other_project
from eisync.core.retention import Why
from eisync.errors import EisyncError, StateError
from eisync.store.actions import ActionStore
from eisync.store.drift import DriftCounter
from eisync.store.index import Index, RootFacts, TargetFacts

Counted = Callable[[Mapping[str, str]], Record]
"""Returns what only the process counts, and the free space on the disks of some folders, given by their names."""


def numbers_record(
    index: Index, actions: ActionStore, live: Record | None, counted: Counted | None, *, now: float
) -> Record:
    """Return the numbers of the running process, whose report is `live`. Raises EisyncError when none runs."""
    if live is None or counted is None:
        raise EisyncError("only a running daemon counts; start 'eisync run'")
    targets, roots = index.targets(), index.roots()
    own = counted({str(root.id): root.path for root in roots})
    taken = overview(index, actions, [target.name for target in targets])
    oldest_at = taken.oldest_pending_at
    is_writable = False
    with suppress(StateError):
        is_writable = index.is_writable()
    return {
        "counts": taken.census.counts(),
        "unreadable_folders": taken.census.folders,
        "oldest_pending_s": None if oldest_at is None else max(0.0, now - oldest_at),
        "last_synced_at": taken.last_synced_at,
        "plans": taken.plans,
        "is_paused": pauses(index, now)["all_s"] is not None,
        "is_healthy": is_writable and not faults(live),
        "targets": [_target(target, taken.foreign, live, index.drift, now) for target in targets],
        "folders": list(_folders(roots, live)),
        "loops": [
            {"name": loop["name"], "age_s": loop["age_s"], "is_failing": loop["trouble"] is not None}
            for loop in live["loops"]
        ],
        "process": {**own["process"], "is_clock_doubted": live["clock"] is not None},
        "database": {**own["database"], "is_writable": is_writable},
        "disks": own["disks"],
        "uploads": own["uploads"],
    }


def faults(live: Record | None) -> list[str]:
    """Return why a running process does not work as it should, as sentences: a loop hangs, a folder fails, the state
    folder is not the one that was opened."""
    if live is None:
        return []
    found = hanging(live)
    if live.get("lost"):
        found.append(str(live["lost"]))
    return found + [one["trouble"] for one in live.get("watching", ()) if one.get("trouble")]


def hanging(live: Record | None) -> list[str]:
    """Return which loops of a running process hang, as sentences."""
    return [
        f"the {loop['name']} has not responded for {loop['age_s']:.0f} s"
        for loop in (live["loops"] if live else ())
        if not loop["is_fresh"]
    ]


def _target(target: TargetFacts, foreign: Iterable[str], live: Record, drift: DriftCounter, now: float) -> Record:
    refused = None
    if target.name in foreign or (target.paused_reason and is_other_project(target.paused_reason)):
        refused = "project"
    elif target.paused_reason:
        refused = "key"
    found = drift.count(target.name, target.listed_at, now)
    return {
        "name": target.name,
        "refused": refused,
        "is_held": target.name in live["held"],
        "listed_at": target.listed_at,
        "is_listing_failing": target.listing_trouble is not None,
        "drift": found and {"missing": found.missing, "extra": found.extra, "differing": found.differing},
    }


def _folders(roots: Iterable[RootFacts], live: Record) -> Iterable[Record]:
    watching = {one["root"]: one for one in live["watching"]}
    retention = {one["root"]: one for one in live["retention"]}
    for root in roots:
        watched = watching.get(root.path)
        yield {
            "id": root.id,
            "is_offline": bool(root.offline_reason or root.away),
            "scanned_at": root.scanned_at,
            "mode": watched and _mode(watched),
            "is_failing": bool(watched and watched["trouble"]),
            "missed": watched and watched["missed"],
            "retention": _retention(retention.get(root.path)),
        }


def _mode(watched: Mapping[str, Any]) -> str:
    if watched["uses_events"]:
        return "events"
    return "scan" if watched["mode"] == "scan" else "polling"


def _retention(found: Mapping[str, Any] | None) -> Record | None:
    if found is None:
        return None
    return {
        "files": found["files"],
        "bytes": found["bytes"],
        "is_failing": found["waits_for"] is not None,
        "stays": {Why(why).name.lower(): files for why, files in found["stays"].items()},
    }
