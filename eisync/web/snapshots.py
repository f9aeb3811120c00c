"""Keep the answers that every look at the page needs, so that looking costs at most a hundredth of a core.

With a million files, an answer may take a tenth of a second. It is then kept for a hundred times as long as it took, so
that a page which asks every two seconds does not cost more. What a person does on the page ends all answers at once.
"""

import threading
from collections.abc import Callable
from typing import Any

LEAST_S = 1.0
COST_FACTOR = 100.0
LONGEST_S = 30.0


class Snapshots:
    """Answers by name. Safe from any thread; two threads never make the same answer at the same time."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._answers: dict[str, tuple[float, Any]] = {}

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """Return the answer: a kept one that still holds, or a new one."""
        with self._lock:
            began_at = self._monotonic()
            until, answer = self._answers.get(name, (began_at, None))
            if began_at < until:
                return answer
            answer = make()
            ended_at = self._monotonic()
            kept_s = min(LONGEST_S, max(LEAST_S, COST_FACTOR * (ended_at - began_at)))
            self._answers[name] = (ended_at + kept_s, answer)
            return answer

    def forget(self) -> None:
        """End all answers: something was changed."""
        with self._lock:
            self._answers.clear()
