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
from eisync.core.throughput import LastHour


class UploadResult(Enum):
    """What became of a file that was claimed for sending."""

    STORED = "stored"  # it is in the project now
    DUPLICATE = "duplicate"  # it was in the project already
    REFUSED = "refused"  # it is quarantined
    DEFERRED = "deferred"  # it is sent again later
    CHANGED = "changed"  # it changed before it was sent whole
    GONE = "gone"  # it was removed before it was sent


_RESULTS: Mapping[Event, UploadResult] = {
    Event.DUPLICATE: UploadResult.DUPLICATE,
    Event.FOUND: UploadResult.DUPLICATE,
    Event.DELETED_CONTENT: UploadResult.DUPLICATE,
    Event.REFUSE: UploadResult.REFUSED,
    Event.CHANGED: UploadResult.CHANGED,
    Event.GONE: UploadResult.GONE,
}


_STORED = UploadResult.STORED.value
_FINISHED = [one.value for one in UploadResult if one not in {UploadResult.DEFERRED, UploadResult.CHANGED}]


class UploadCounters:
    """Counters that only grow, and those of the last hour. `add` belongs to one thread; reading is safe from any."""

    def __init__(self, targets: Iterable[str] = ()) -> None:
        self._targets = tuple(targets)
        # By target and the value of the enum: texts are cheaper keys than members, and this is done for each file.
        self._files: Counter[tuple[str, str]] = Counter()
        self._bytes: Counter[tuple[str, str]] = Counter()
        self._failures: Counter[tuple[str, str]] = Counter()
        self._latencies = {target: [0] * (len(LATENCY_BUCKETS_S) + 1) for target in self._targets}
        self._latency_sums_s = dict.fromkeys(self._targets, 0.0)
        self._last_hour = LastHour()

    def add(self, results: Iterable[tuple[Item, Outcome]], now: float) -> None:
        """Count these outcomes, which were just stored."""
        files = size = 0
        for item, outcome in results:
            if outcome.events[0] is Event.STORED:  # the usual case
                self._count(item, _STORED)
                self._time(item, now)
                files, size = files + 1, size + item.facts.size
                continue
            result = _RESULTS.get(outcome.events[0])
            if outcome.failure is not None:
                self._failures[item.target, outcome.failure.value] += 1
                result = result or UploadResult.DEFERRED
            if result is not None:  # else it was given back without an attempt
                self._count(item, result.value)
        if files:
            self._last_hour.add(files, size, now)

    def _count(self, item: Item, result: str) -> None:
        key = (item.target, result)
        self._files[key] += 1
        self._bytes[key] += item.facts.size

    def _time(self, item: Item, now: float) -> None:
        """Count the time from the last change of the file, or its arrival in the folder, until it was stored."""
        latency_s = now - (item.facts.ctime_ns or item.facts.mtime_ns) / 1e9
        buckets = self._latencies.get(item.target)
        if latency_s >= 0.0 and buckets is not None:  # below 0 a clock was set back: not a latency
            buckets[bisect_left(LATENCY_BUCKETS_S, latency_s)] += 1
            self._latency_sums_s[item.target] += latency_s

    @property
    def stored_bytes(self) -> int:
        """Return how many bytes of files were stored, in all targets together."""
        return sum(self._bytes[target, _STORED] for target in self._targets)

    @property
    def finished(self) -> int:
        """Return how many files were sent, or will not be sent, in all targets together."""
        return sum(self._files[target, result] for target in self._targets for result in _FINISHED)

    @property
    def failed(self) -> int:
        """Return how many attempts failed, in all targets together."""
        return self._failures.total()

    def minutes(self, now: float) -> list[tuple[int, int]]:
        """Return files and bytes that were stored in each of the last 60 minutes before `now` (Unix s)."""
        return self._last_hour.minutes(now)

    def report(self) -> dict[str, Any]:
        """Return all counters as plain values. Every pair of a target and a result or kind is there, also with 0."""
        return {
            "uploads": [
                {
                    "target": target,
                    "result": result.value,
                    "files": self._files[target, result.value],
                    "bytes": self._bytes[target, result.value],
                }
                for target in self._targets
                for result in UploadResult
            ],
            "failures": [
                {"target": target, "kind": kind.value, "files": self._failures[target, kind.value]}
                for target in self._targets
                for kind in FailureKind
            ],
            "latency": [
                {"target": target, "files": list(self._latencies[target]), "sum_s": self._latency_sums_s[target]}
                for target in self._targets
            ],
        }
