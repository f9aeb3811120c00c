"""How many requests are under way at once: additive increase, multiplicative decrease.

Pure. Requests that were sent before the last decrease tell nothing about the size since then, so that a line which
breaks under ten requests halves the window once, not ten times. After an outage it begins with one, doubles with every
round up to half of what it was, and then grows by one a round.

Source: RFC 5681 §3.1 (slow start and congestion avoidance), with requests for segments.

How one target is sent to: how much at once, how many requests at once, and whether at all.

Pure: the uploader says what became of each request, and asks before the next one. Portion, window and breaker are three
answers to the same news; here they meet.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from eisync.core.batching import AdaptiveBatchSize, Limits, Request
from eisync.core.circuit_breaker import CircuitBreaker
from eisync.core.retry import Fault, RetryPolicy, believed_s
from eisync.core.wire import Barred, Failed, Outcome, Smaller

SLOW_FACTOR = 4.0
SLOW_S = 2.0
_FORGETS = 1.02


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyWindow:
    """At most `most`, at least one. `round` counts the decreases; a request remembers in which it was sent."""

    most: int
    size: float
    threshold: float
    round: int = 0

    @classmethod
    def full(cls, most: int) -> "ConcurrencyWindow":
        """Before anything is known: no file is kept waiting out of caution."""
        return cls(most=most, size=float(most), threshold=float(most))

    @property
    def requests(self) -> int:
        """How many may be under way."""
        return int(self.size)

    def widened(self) -> "ConcurrencyWindow":
        """A request was answered in good time."""
        if self.size >= self.most:
            return self
        step = 1.0 if self.size < self.threshold else 1.0 / self.size
        return dataclasses.replace(self, size=min(float(self.most), self.size + step))

    def halved(self, sent_in: int) -> "ConcurrencyWindow":
        """A request of the round `sent_in` failed, was throttled, or took far too long."""
        return self if sent_in < self.round else self._cut(self.size / 2)

    def restarted(self) -> "ConcurrencyWindow":
        """Nothing came through for a while: one request first."""
        return self._cut(1.0)

    def _cut(self, size: float) -> "ConcurrencyWindow":
        threshold = max(1.0, self.size / 2)
        return dataclasses.replace(self, size=max(1.0, size), threshold=threshold, round=self.round + 1)


@dataclass(slots=True)
class LatencyBaseline:
    """How long requests of one size took at best: what takes far longer waits in a queue of the service's."""

    _best_s: dict[int, float] = field(default_factory=dict)  # by the power of two that the size lies below

    def is_slow(self, *, took_s: float, size: int) -> bool:
        """Whether a request of `size` bytes took far too long; it is remembered."""
        scale = size.bit_length()
        # The best is forgotten little by little: a line may become slower for good.
        best_s = self._best_s[scale] = min(took_s, self._best_s.get(scale, took_s) * _FORGETS)
        return took_s > SLOW_S and took_s > SLOW_FACTOR * best_s


HOLD_CAP_S = 30.0
"""A target that cannot be reached is tried again after this long at most; one that asks for patience gets it."""
NOTORIOUS = 3
"""A file that got no answer so often, alone, says nothing about the service any more."""


@dataclass(frozen=True, slots=True)
class RequestResult:
    """What came of one request. `took_s` is from its first byte to the answer, `sent_in` the window's round."""

    request: Request
    outcomes: Sequence[Outcome]
    took_s: float = 0.0
    sent_in: int = 0


class FlowControl:
    """What was learnt about one target in this run."""

    def __init__(self, limits: Limits, policy: RetryPolicy, *, workers: int) -> None:
        self._policy = policy
        self._batch_size = AdaptiveBatchSize.full(limits)
        self._window = ConcurrencyWindow.full(workers)
        self._circuit_breaker = CircuitBreaker()
        self._latency = LatencyBaseline()

    @property
    def round(self) -> int:
        """What a request that is sent now must remember until it lands."""
        return self._window.round

    def hold_s(self, now: float) -> float:
        """For how many seconds nothing is sent."""
        return self._circuit_breaker.wait_s(now)

    @property
    def is_held(self) -> bool:
        """Whether nothing came through lately."""
        return self._circuit_breaker.is_open

    @property
    def window(self) -> int:
        """How many requests may be under way."""
        return 1 if self._circuit_breaker.is_open else self._window.requests

    @property
    def limits(self) -> Limits:
        """How large the next request may be: a probe is one file."""
        now = self._batch_size.now
        return Limits(files=1, bytes=now.bytes) if self._circuit_breaker.is_open else now

    def may_send(self, now: float, *, under_way: int) -> bool:
        """Whether one more request may be sent."""
        return under_way < self.window and self._circuit_breaker.may_send(now, under_way=under_way)

    def distrust(self) -> None:
        """The target refused us; if it is tried again, then with one request of one file."""
        self._circuit_breaker = self._circuit_breaker.distrusted()

    def learn(self, result: RequestResult, *, now: float, jitter: float) -> bool:
        """Take in what came of a request. Returns whether that holds the target which was not held before."""
        if isinstance(result.outcomes[0], Barred):
            return False  # its pause says it
        faults = [outcome for outcome in result.outcomes if isinstance(outcome, Failed)]
        if len(faults) == len(result.outcomes):
            return self._fail(result, faults, now, jitter)
        self._succeed(result)
        return False

    def cap_of(self, result: RequestResult) -> int | None:
        """The largest request that files of this one may share from now on, if one of them may be to blame."""
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
            if len(files) > 1 or files[0].attempts < NOTORIOUS or self._circuit_breaker.is_open:
                self._circuit_breaker = self._circuit_breaker.counted()
            if not self._circuit_breaker.is_too_silent and not asked_s:
                return False
        held_s, was_open = self._circuit_breaker.wait_s(now), self._circuit_breaker.is_open
        if held_s and asked_s <= held_s:
            return False  # it was sent before the others failed
        due_at = self._policy.due_at(attempt=self._circuit_breaker.trips + 1, now=now, jitter=jitter, asked_s=asked_s)
        self._circuit_breaker = self._circuit_breaker.tripped(now, until=min(due_at, now + max(HOLD_CAP_S, asked_s)))
        return not was_open
