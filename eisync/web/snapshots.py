"""Keep the answers that every look at the page needs, so that looking costs at most a hundredth of a core.

With a million files, an answer may take a twentieth of a second of processor time. It is then kept for a hundred times
as long, so that a page which asks every two seconds does not cost more. What a person does on the page ends all answers
at once. On a machine that is busy with other work, an answer takes longer and is not kept longer.
"""

import threading
from collections.abc import Callable
from typing import Any

LEAST_S = 1.0
COST_FACTOR = 100.0
LONGEST_S = 20.0


class Snapshots:
    """Answers by name. Safe from any thread; two threads never make an answer at the same time."""

    def __init__(self, monotonic: Callable[[], float], spent_s: Callable[[], float]) -> None:
        """`spent_s` returns the processor time of the calling thread."""
        self._monotonic = monotonic
        self._spent_s = spent_s
        self._lock = threading.Lock()
        self._answers: dict[str, tuple[float, Any]] = {}

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """Return the answer: a kept one that still holds, or a new one."""
        with self._lock:
            now = self._monotonic()
            until, answer = self._answers.get(name, (now, None))
            if now < until:
                return answer
            before_s = self._spent_s()
            answer = make()
            kept_s = min(LONGEST_S, max(LEAST_S, COST_FACTOR * (self._spent_s() - before_s)))
            self._answers[name] = (now + kept_s, answer)
            return answer

    def forget(self) -> None:
        """End all answers: something was changed."""
        with self._lock:
            self._answers.clear()
