"""Decide which workers of a cluster are avoided for a while, because they could not do what they were given.

A worker that fails at once, as one without the files does, is soon free again, and so would get most of the work. One
that hangs never answers. Each failure in a row doubles the time for which a worker is avoided. The only worker that is
left is never avoided.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from eisync.core.model import value

_T = TypeVar("_T")

AVOID_S = 30.0
"""How long a worker is avoided after its first failure."""
LONGEST_DOUBLINGS = 5
SILENT_S = 60.0
"""A worker that has begun nothing of what it was given for so long, and has answered nothing, hangs."""


@value
class _Failures:
    """Failures in a row, and until when the worker is avoided."""

    number: int
    until: float


@dataclass(slots=True)
class WorkerHealth:
    """What is known of the workers, by their addresses. Instants are of one clock that only moves on (s)."""

    _failures: dict[str, _Failures] = field(default_factory=dict)
    _answered_at: dict[str, float] = field(default_factory=dict)

    def note_answer(self, worker: str, now: float) -> None:
        """Record that the worker did what it was given."""
        self._failures.pop(worker, None)
        self._answered_at[worker] = now

    def note_failure(self, worker: str, now: float) -> None:
        """Record that the worker could not do what it was given, or did not answer in time."""
        number = self._failures[worker].number + 1 if worker in self._failures else 0
        self._failures[worker] = _Failures(number, now + AVOID_S * 2.0 ** min(number, LONGEST_DOUBLINGS))

    def forget_others(self, workers: Collection[str]) -> None:
        """Forget every worker but these: the others have left, and their addresses do not come back."""
        self._failures = _only(self._failures, workers)
        self._answered_at = _only(self._answered_at, workers)

    def is_avoided(self, worker: str, now: float) -> bool:
        """Return whether the worker is avoided now."""
        return worker in self._failures and now < self._failures[worker].until

    def preferred(self, workers: Collection[str], now: float) -> list[str] | None:
        """Return the workers to prefer among these; None when none is avoided, or all are."""
        others = sorted(worker for worker in workers if not self.is_avoided(worker, now))
        return others if 0 < len(others) < len(workers) else None

    def is_stuck(self, worker: str, *, given_at: float, now: float) -> bool:
        """Return whether what the worker was given, and has not begun, must be taken back from it."""
        answered_at = self._answered_at.get(worker, given_at)
        return self.is_avoided(worker, now) or now - max(given_at, answered_at) > SILENT_S


def _only(found: Mapping[str, _T], workers: Collection[str]) -> dict[str, _T]:
    return {worker: one for worker, one in found.items() if worker in workers}
