"""Answer requests that make eisync act now: send again, scan, check a target, compare."""

from collections.abc import Mapping
from typing import Any

from eisync.control.running import Running
from eisync.core.file_status import shape
from eisync.core.lifecycle import Event as LifecycleEvent
from eisync.core.lifecycle import State, sources
from eisync.core.model import shown
from eisync.core.throughput import throughput
from eisync.errors import ConfigurationError, EisyncError
from eisync.store.index import Index
from eisync.store.outbox import Outbox

Record = dict[str, Any]

LONGEST_LINK_S = 86_400
"""How long a link may open the page (s)."""

NOT_RUNNING = "no daemon runs; start one with 'eisync run'"


def answer(index: Index, outbox: Outbox, running: Running, question: Mapping[str, Any], now: float) -> Record:
    """Return the answer to `retry`, `scan`, `recheck`, `page` or `queue`. Raises EisyncError."""
    match question["do"]:
        case "retry":
            return retry(index, outbox, question, now)
        case "scan":
            return scan(running, question)
        case "recheck":
            return recheck(running)
        case "page":
            return running.page(_link_s(question.get("valid_s")))
        case _:
            return queue(index, running, now)


def retry(index: Index, outbox: Outbox, question: Mapping[str, Any], now: float) -> Record:
    """Put quarantined files and tombstones back into the queue, and return how many and which paths are not known.

    Those at `paths` (absolute); or those in the state `state` whose reason differs from `reason` in numbers and names
    only, as a group of `eisync status`; or all if the question names none. Raises ConfigurationError.
    """
    paths, reason = question.get("paths"), question.get("reason")
    unknown: list[str] = []
    if isinstance(reason, str):
        state = _retriable(question.get("state"))
        alike = [one for one in index.records.reasons_in(state) if shape(one) == shape(reason)]
        ids = index.records.ids_for(state, alike)
    elif paths is None:
        ids = index.records.ids_in(sources(LifecycleEvent.RETRY))
    elif not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise ConfigurationError("the files to retry are not a list of paths")
    else:
        ids = []
        for path in paths:
            found = index.records.ids_of(path)
            ids += found
            unknown += [] if found else [path]
    return {"retried": outbox.retry(ids, now=now), "unknown": unknown}


def scan(running: Running, question: Mapping[str, Any]) -> Record:
    """Scan the watched folders in `roots`, or all if it is None, as soon as possible. Return which.

    Raises EisyncError for a folder that is not watched, or when no daemon runs.
    """
    if running.scan is None:
        raise EisyncError(f"nothing is scanned: {NOT_RUNNING}")
    roots = question.get("roots")
    if roots is not None and not (isinstance(roots, list) and all(isinstance(root, str) for root in roots)):
        raise ConfigurationError("the folders are not a list of paths")
    scanned = running.scan(roots)
    missing = sorted(set(roots or ()) - set(scanned))
    if missing:
        raise EisyncError(f"{shown(missing[0])} is not a watched folder; 'eisync status' lists them")
    return {"roots": scanned}


def recheck(running: Running) -> Record:
    """Try the targets again that refused their key, as soon as possible. Return which. Raises EisyncError."""
    if running.recheck is None:
        raise EisyncError(f"no target is tried: {NOT_RUNNING}")
    return {"targets": running.recheck()}


def queue(index: Index, running: Running, now: float) -> Record:
    """Return what waits, since when, how fast files go, how long the rest takes, and what went in the last hour."""
    waiting, recent = index.rates.queue(), index.rates.recent(now)
    rate = throughput(waiting, recent, now=now)
    return {
        "files": waiting.files,
        "bytes": waiting.bytes,
        "oldest_s": None if waiting.oldest_at is None else round(max(0.0, now - waiting.oldest_at), 1),
        "files_per_s": round(rate.files_s, 2),
        "bytes_per_s": round(rate.bytes_s, 1),
        "left_s": None if rate.left_s is None else round(rate.left_s, 1),
        "hour": running.hour(now),
    }


def _link_s(valid_s: object) -> float | None:
    if valid_s is None:
        return None
    if isinstance(valid_s, bool) or not isinstance(valid_s, int | float) or not 0 < valid_s <= LONGEST_LINK_S:
        raise ConfigurationError(f"a link to the page holds for 1 to {LONGEST_LINK_S:,} seconds")
    return float(valid_s)


def _retriable(name: object) -> State:
    if name not in {state.value for state in sources(LifecycleEvent.RETRY)}:
        raise ConfigurationError("only quarantined files and files with deleted samples can be sent again")
    return State(name)
