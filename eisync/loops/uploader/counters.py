"""Count what becomes of the files that are sent, for the metrics: by target and result, since the start of the process.

The uploader's thread counts, and other threads read. Nothing here is stored: a scraper notices a restart by itself.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from eisync.core.lifecycle import Event
from eisync.core.metrics import LATENCY_BUCKETS_S
from eisync.core.model import Item
from eisync.core.outcome import FailureKind, Outcome


class UploadResult(Enum):
    """What became of a file that was claimed for sending."""

    STORED = "stored"  # it is in the project now
    DUPLICATE = "duplicate"  # it was in the project already
    REFUSED = "refused"  # it is quarantined
    DEFERRED = "deferred"  # it is sent again later
    CHANGED = "changed"  # it changed before it was sent whole
    GONE = "gone"  # it was removed before it was sent


_RESULTS: Mapping[Event, UploadResult] = {
    Event.STORED: UploadResult.STORED,
    Event.DUPLICATE: UploadResult.DUPLICATE,
    Event.FOUND: UploadResult.DUPLICATE,
    Event.DELETED_CONTENT: UploadResult.DUPLICATE,
    Event.REFUSE: UploadResult.REFUSED,
    Event.CHANGED: UploadResult.CHANGED,
    Event.GONE: UploadResult.GONE,
}


class UploadCounters:
    """Counters that only grow. `add` belongs to one thread; `report` is safe from any."""

    def __init__(self, targets: Iterable[str] = ()) -> None:
        self._targets = tuple(targets)
        self._files: Counter[tuple[str, UploadResult]] = Counter()
        self._bytes: Counter[tuple[str, UploadResult]] = Counter()
        self._failures: Counter[tuple[str, FailureKind]] = Counter()
        self._latencies = {target: [0] * (len(LATENCY_BUCKETS_S) + 1) for target in self._targets}
        self._latency_sums_s = dict.fromkeys(self._targets, 0.0)

    def add(self, results: Iterable[tuple[Item, Outcome]], now: float) -> None:
        """Count these outcomes, which were just stored."""
        for item, outcome in results:
            if outcome.failure is not None:
                self._failures[item.target, outcome.failure] += 1
            result = _RESULTS.get(outcome.events[0])
            if result is None:
                if outcome.failure is None:
                    continue  # it was given back without an attempt
                result = UploadResult.DEFERRED
            self._files[item.target, result] += 1
            self._bytes[item.target, result] += item.facts.size
            if result is UploadResult.STORED:
                self._time(item, now)

    def _time(self, item: Item, now: float) -> None:
        """Count the time from the last change of the file, or its arrival in the folder, until it was stored."""
        closed_at = (item.facts.ctime_ns or item.facts.mtime_ns) / 1e9
        latency_s = now - closed_at
        if latency_s >= 0.0 and item.target in self._latencies:  # below 0 a clock was set back: not a latency
            self._latencies[item.target][bisect_left(LATENCY_BUCKETS_S, latency_s)] += 1
            self._latency_sums_s[item.target] += latency_s

    def report(self) -> dict[str, Any]:
        """Return all counters as plain values. Every pair of a target and a result or kind is there, also with 0."""
        return {
            "uploads": [
                {
                    "target": target,
                    "result": result.value,
                    "files": self._files[target, result],
                    "bytes": self._bytes[target, result],
                }
                for target in self._targets
                for result in UploadResult
            ],
            "failures": [
                {"target": target, "kind": kind.value, "files": self._failures[target, kind]}
                for target in self._targets
                for kind in FailureKind
            ],
            "latency": [
                {"target": target, "files": list(self._latencies[target]), "sum_s": self._latency_sums_s[target]}
                for target in self._targets
            ],
        }
