"""Decide for one target how large requests are, how many are under way at once, and whether any is sent.

`FlowControl` combines the adaptive batch size, the concurrency window and the circuit breaker. The uploader reports the
result of each request, and asks before it sends the next.

The concurrency window uses additive increase and multiplicative decrease. Requests that were sent before the last
decrease say nothing about the size since then, so a line that fails under ten requests halves the window once and not
ten times. After an outage the window begins with one request, doubles with every round up to half of its former size,
and then grows by one a round.

Source: RFC 5681 §3.1 (slow start and congestion avoidance), with requests in place of segments.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from eisync.core.batching import AdaptiveBatchSize, Limits, Request
from eisync.core.circuit_breaker import CircuitBreaker
from eisync.core.model import value
from eisync.core.retry import Fault, RetryPolicy, believed_s
from eisync.core.wire import Barred, Failed, Outcome, Smaller

SLOW_FACTOR = 4.0
SLOW_S = 2.0
_FORGETS = 1.02


@value(kw_only=True)
class ConcurrencyWindow:
    """The size is between 1 and `most`. `round` counts the decreases; each request keeps the round it was sent in."""

    most: int
    size: float
    threshold: float
    round: int = 0

    @classmethod
    def full(cls, most: int) -> "ConcurrencyWindow":
        """Return the window before anything is known: the full size, so that no file waits needlessly."""
        return cls(most=most, size=float(most), threshold=float(most))

    @property
    def requests(self) -> int:
        """The number of requests that may be under way."""
        return int(self.size)

    def widened(self) -> "ConcurrencyWindow":
        """Return the window after a request was answered in time."""
        if self.size >= self.most:
            return self
        step = 1.0 if self.size < self.threshold else 1.0 / self.size
        return dataclasses.replace(self, size=min(float(self.most), self.size + step))

    def halved(self, sent_in: int) -> "ConcurrencyWindow":
        """Return the window after a request of the round `sent_in` failed, was throttled, or took far too long."""
        return self if sent_in < self.round else self._cut(self.size / 2)

    def restarted(self) -> "ConcurrencyWindow":
        """Return the window after an outage: one request first."""
        return self._cut(1.0)

    def _cut(self, size: float) -> "ConcurrencyWindow":
        threshold = max(1.0, self.size / 2)
        return dataclasses.replace(self, size=max(1.0, size), threshold=threshold, round=self.round + 1)


@dataclass(slots=True)
class LatencyBaseline:
    """The shortest times of requests by size. A request that takes far longer waits in a queue of the service."""

    _best_s: dict[int, float] = field(default_factory=dict)  # by the power of two that the size lies below

    def is_slow(self, *, took_s: float, size: int) -> bool:
        """Record a request of `size` bytes, and return whether it took far too long."""
        scale = size.bit_length()
        # The shortest time is slowly forgotten, because a line may become slower permanently.
        best_s = self._best_s[scale] = min(took_s, self._best_s.get(scale, took_s) * _FORGETS)
        return took_s > SLOW_S and took_s > SLOW_FACTOR * best_s


HOLD_CAP_S = 30.0
"""The longest time before a target that cannot be reached is tried again. A Retry-After may ask for more."""
MAX_LONE_UNANSWERED = 3
"""After this many requests of its own without an answer, a file says nothing about the service any more."""


@value
class RequestResult:
    """The result of one request. `took_s` is from its first byte to the answer, `sent_in` is the window's round."""

    request: Request
    outcomes: Sequence[Outcome]
    took_s: float = 0.0
    sent_in: int = 0


class FlowControl:
    """The flow control of one target. Its state lasts for one run."""

    def __init__(self, limits: Limits, policy: RetryPolicy, *, workers: int) -> None:
        self._policy = policy
        self._batch_size = AdaptiveBatchSize.full(limits)
        self._window = ConcurrencyWindow.full(workers)
        self._circuit_breaker = CircuitBreaker()
        self._latency = LatencyBaseline()

    @property
    def round(self) -> int:
        """The current round, which a request that is sent now must report as `sent_in`."""
        return self._window.round

    def hold_s(self, now: float) -> float:
        """Return for how many seconds nothing is sent."""
        return self._circuit_breaker.wait_s(now)

    @property
    def is_held(self) -> bool:
        """Whether no request succeeded lately."""
        return self._circuit_breaker.is_open

    @property
    def window(self) -> int:
        """The number of requests that may be under way."""
        return 1 if self._circuit_breaker.is_open else self._window.requests

    @property
    def limits(self) -> Limits:
        """The limits of the next request. A probe has one file."""
        now = self._batch_size.now
        return Limits(files=1, bytes=now.bytes) if self._circuit_breaker.is_open else now

    def may_send(self, now: float, *, under_way: int) -> bool:
        """Return whether one more request may be sent."""
        return under_way < self.window and self._circuit_breaker.may_send(now, under_way=under_way)

    def distrust(self) -> None:
        """Note that the target refused us. The next try is one request with one file."""
        self._circuit_breaker = self._circuit_breaker.distrusted()

    def learn(self, result: RequestResult, *, now: float, jitter: float) -> bool:
        """Adapt to the result of a request. Return whether the target is held now and was not held before."""
        if isinstance(result.outcomes[0], Barred):
            return False  # the target is paused in another way
        faults = [outcome for outcome in result.outcomes if isinstance(outcome, Failed)]
        if len(faults) == len(result.outcomes):
            return self._fail(result, faults, now, jitter)
        self._succeed(result)
        return False

    def cap_of(self, result: RequestResult) -> int | None:
        """Return the most files that may share a request with those of this one; None when no file may be the cause."""
        files = len(result.outcomes)
        is_silent = all(isinstance(one, Failed) and one.fault is Fault.UNANSWERED for one in result.outcomes)
        if files == 1 or not is_silent or self._circuit_breaker.is_too_silent:
            return None
        # A power of two, so that files of several such requests can share the next ones.
        return 1 << (files // 2).bit_length() - 1

    def _succeed(self, result: RequestResult) -> None:
        if self._circuit_breaker.is_open:
            self._window = self._window.restarted()
        self._circuit_breaker = self._circuit_breaker.closed()
        first = result.outcomes[0]
        if isinstance(first, Smaller):
            if first.is_size:
                self._batch_size = self._batch_size.refused(files=len(result.outcomes), size=result.request.size)
            return
        self._batch_size = self._batch_size.taken()
        if self._latency.is_slow(took_s=result.took_s, size=result.request.size):
            self._window = self._window.halved(result.sent_in)
        else:
            self._window = self._window.widened()

    def _fail(self, result: RequestResult, faults: Sequence[Failed], now: float, jitter: float) -> bool:
        self._window = self._window.halved(result.sent_in)
        asked_s = max(believed_s(fault.asked_s) for fault in faults)
        if all(fault.fault is Fault.UNANSWERED for fault in faults):
            files = result.request.items
            if len(files) > 1:
                self._batch_size = self._batch_size.unanswered(files=len(files), size=result.request.size)
            if len(files) > 1 or files[0].attempts < MAX_LONE_UNANSWERED or self._circuit_breaker.is_open:
                self._circuit_breaker = self._circuit_breaker.counted()
            if not self._circuit_breaker.is_too_silent and not asked_s:
                return False
        held_s, was_open = self._circuit_breaker.wait_s(now), self._circuit_breaker.is_open
        if held_s and asked_s <= held_s:
            return False  # it was sent before the others failed
        due_at = self._policy.due_at(attempt=self._circuit_breaker.trips + 1, now=now, jitter=jitter, asked_s=asked_s)
        self._circuit_breaker = self._circuit_breaker.tripped(now, until=min(due_at, now + max(HOLD_CAP_S, asked_s)))
        return not was_open
