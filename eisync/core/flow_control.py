"""Decide for one target how large requests are, how many are under way at once, and whether any is sent.

`FlowControl` combines the adaptive batch size, the concurrency window, the circuit breaker and the rate of requests.
The uploader reports each request and its result, and asks before it sends the next.

The concurrency window uses additive increase and multiplicative decrease. Requests that were sent before the last
decrease say nothing about the size since then, so a line that fails under ten requests halves the window once and not
ten times. After an outage the window begins with one request, doubles with every round up to half of its former size,
and then grows by one a round.

The window begins with a few requests. It grows beyond them only while files wait, and while requests take no longer
than they took when only a few were under way: then more requests at once are more files a second. A long line is
filled in this way. When requests take longer, they wait for each other: on the line, in the service, or for this
processor. Then the window shrinks, down to the first few.

Sources: RFC 5681 §3.1 (slow start and congestion avoidance), with requests in place of segments; Brakmo and Peterson,
"TCP Vegas: End to End Congestion Avoidance on a Global Internet", 1995 (the size follows the delay); RFC 7661 (no
growth while the window is not used, and decay).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from eisync.core.batching import AdaptiveBatchSize, Limits, Request
from eisync.core.circuit_breaker import CircuitBreaker
from eisync.core.model import value
from eisync.core.request_rate import RequestRate
from eisync.core.retry import Fault, RetryPolicy, accepted_s
from eisync.core.wire import Barred, Failed, Outcome, Smaller

SLOW_FACTOR = 4.0
SLOW_S = 2.0
_FORGETS = 1.02
FIRST_REQUESTS = 4
"""How many requests may be under way before anything is known of the line."""
IN_TIME = 1.25
LATE = 1.5
"""A request is in time, or late, when it took at most, or more than, so many times as long as with a few under way."""
_WEIGHT = 0.25
"""The weight of the newest request in the usual time."""


@value(kw_only=True)
class ConcurrencyWindow:
    """The size is between 1 and `most`. `round` counts the decreases; each request keeps the round it was sent in."""

    most: int
    size: float
    threshold: float
    round: int = 0

    @classmethod
    def begun(cls, most: int) -> "ConcurrencyWindow":
        """Return the window before anything is known."""
        return cls(most=most, size=float(min(most, FIRST_REQUESTS)), threshold=float(most))

    def limited(self, most: int) -> "ConcurrencyWindow":
        """Return the window when at most `most` requests may be under way from now on."""
        size = min(self.size, float(most))
        if most > self.most and self.size == self.first:  # nothing made it smaller than it begins
            size = float(min(most, FIRST_REQUESTS))
        threshold = float(most) if self.threshold >= self.most else min(self.threshold, float(most))
        return dataclasses.replace(self, most=most, size=size, threshold=threshold)

    @property
    def first(self) -> int:
        """The size that the window begins with. Only failures make it smaller."""
        return min(self.most, FIRST_REQUESTS)

    @property
    def requests(self) -> int:
        """The number of requests that may be under way."""
        return int(self.size)

    def widened(self, *, is_long: bool = False) -> "ConcurrencyWindow":
        """Return the window after a request was answered in time; `is_long`: a larger one than the first may pay."""
        limit = float(self.most if is_long else self.first)
        return self if self.size >= limit else dataclasses.replace(self, size=min(limit, self.size + self._step))

    def narrowed(self) -> "ConcurrencyWindow":
        """Return the window after a request was late: one of those that were added brought nothing."""
        least = float(self.first)
        return self if self.size <= least else dataclasses.replace(self, size=max(least, self.size - self._step))

    def halved(self, sent_in: int) -> "ConcurrencyWindow":
        """Return the window after a request of the round `sent_in` failed, was throttled, or took far too long."""
        return self if sent_in < self.round else self._cut(self.size / 2)

    def restarted(self) -> "ConcurrencyWindow":
        """Return the window after an outage: one request first."""
        return self._cut(1.0)

    @property
    def _step(self) -> float:
        return 1.0 if self.size < self.threshold else 1.0 / self.size

    def _cut(self, size: float) -> "ConcurrencyWindow":
        threshold = max(1.0, self.size / 2)
        return dataclasses.replace(self, size=max(1.0, size), threshold=threshold, round=self.round + 1)


@dataclass(slots=True)
class LatencyBaseline:
    """The times of requests by size: the shortest, and the usual ones while only a few requests are under way."""

    _best_s: dict[int, float] = field(default_factory=dict)  # by the power of two that the size lies below
    _usual_s: dict[int, float] = field(default_factory=dict)

    def is_slow(self, *, took_s: float, size: int) -> bool:
        """Record a request of `size` bytes, and return whether it took far too long: it waits in a queue."""
        scale = size.bit_length()
        # The shortest time is slowly forgotten, because a line may become slower permanently.
        best_s = self._best_s[scale] = min(took_s, self._best_s.get(scale, took_s) * _FORGETS)
        return took_s > SLOW_S and took_s > SLOW_FACTOR * best_s

    def delay(self, *, took_s: float, size: int, is_alone: bool) -> float:
        """Return how many times as long as usual a request of `size` bytes took; 1.0 while nothing is known.

        `is_alone`: few others were under way, so that its time becomes part of what is usual.
        """
        scale = size.bit_length()
        usual_s = self._usual_s.setdefault(scale, took_s)
        if is_alone:
            self._usual_s[scale] = usual_s + _WEIGHT * (took_s - usual_s)
        return took_s / usual_s if usual_s > 0.0 else 1.0


HOLD_CAP_S = 30.0
"""The longest time before a target that cannot be reached is tried again. A Retry-After may ask for more."""
MAX_LONE_UNANSWERED = 3
"""After this many requests of its own without an answer, a file says nothing about the service any more."""


@value
class RequestResult:
    """The result of one request. `took_s` is from its first byte to the answer, `sent_in` is the window's round.

    `under_way`: how many requests were under way after it was sent. `has_connected`: it was the first one of its
    connection, and such a request takes longer. `is_pressed`: more files waited than the window let through, and the
    requests that wait do not become fuller.
    """

    request: Request
    outcomes: Sequence[Outcome]
    took_s: float = 0.0
    sent_in: int = 0
    under_way: int = 1
    has_connected: bool = False
    is_pressed: bool = False


class FlowControl:
    """The flow control of one target. Its state lasts for one run."""

    def __init__(self, limits: Limits, policy: RetryPolicy, *, workers: int) -> None:
        self._policy = policy
        self._batch_size = AdaptiveBatchSize.full(limits)
        self._window = ConcurrencyWindow.begun(workers)
        self._circuit_breaker = CircuitBreaker()
        self._latency = LatencyBaseline()
        self._rate = RequestRate()

    def adjust(self, limits: Limits, policy: RetryPolicy, *, workers: int) -> None:
        """Obey other limits from now on. What was learnt of the line and the service is kept."""
        self._policy = policy
        self._batch_size = self._batch_size.limited(limits)
        self._window = self._window.limited(workers)

    @property
    def round(self) -> int:
        """The current round, which a request that is sent now must report as `sent_in`."""
        return self._window.round

    def hold_s(self, now: float) -> float:
        """Return for how many seconds nothing is sent."""
        return max(self._circuit_breaker.wait_s(now), self._rate.wait_s(now))

    def held_for_s(self, now: float) -> float:
        """Return since how many seconds the target is held."""
        return max(0.0, now - self._circuit_breaker.open_since)

    @property
    def is_held(self) -> bool:
        """Whether no request succeeded lately."""
        return self._circuit_breaker.is_open

    @property
    def window(self) -> int:
        """The number of requests that may be under way."""
        return 1 if self._circuit_breaker.is_open else self._window.requests

    @property
    def room(self) -> int:
        """The number of workers among which one is kept free of large requests."""
        return max(self._window.first, self._window.requests)

    @property
    def limits(self) -> Limits:
        """The limits of the next request. A probe has one file."""
        now = self._batch_size.now
        return Limits(files=1, bytes=now.bytes) if self._circuit_breaker.is_open else now

    def may_send(self, now: float, *, under_way: int) -> bool:
        """Return whether one more request may be sent."""
        is_possible = under_way < self.window and self._circuit_breaker.may_send(now, under_way=under_way)
        return is_possible and not self._rate.wait_s(now)

    def note_sent(self, now: float) -> None:
        """Note that a request is sent now."""
        self._rate = self._rate.sent(now)

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
        self._rate = self._rate.accepted(now)
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
        took_s, size = result.took_s, result.request.size
        if self._latency.is_slow(took_s=took_s, size=size):
            self._window = self._window.halved(result.sent_in)
            return
        is_alone = result.under_way <= self._window.first and not result.has_connected
        delay = self._latency.delay(took_s=took_s, size=size, is_alone=is_alone)
        is_late = delay > LATE and not result.has_connected
        # A wide window that is not needed cuts what arrives into many small requests.
        is_unneeded = (
            not result.is_pressed and self._is_small(result.request) and self._window.size > self._window.first
        )
        if is_late or is_unneeded:
            self._window = self._window.narrowed()
        else:
            self._window = self._window.widened(is_long=result.is_pressed and delay <= IN_TIME)

    def _is_small(self, request: Request) -> bool:
        now = self._batch_size.now
        return 2 * len(request.items) < now.files and 2 * request.size < now.bytes

    def _fail(self, result: RequestResult, faults: Sequence[Failed], now: float, jitter: float) -> bool:
        asked_s = max(accepted_s(fault.asked_s) for fault in faults)
        if any(fault.fault is Fault.THROTTLED for fault in faults):
            # Probes that are refused, too, wait longer and longer, and say no more about the right rate.
            is_first = result.sent_in >= self._window.round and not self._circuit_breaker.is_open
            rate = self._rate
            self._rate = rate.refused(now, asked_s=asked_s) if is_first else rate.refused_again(now)
        self._window = self._window.halved(result.sent_in)
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
        # The service may ask many machines to come back at one instant. They come back one after the other.
        spread_until = now + asked_s + jitter * self._rate.interval_s
        until = max(spread_until, min(due_at, now + max(HOLD_CAP_S, asked_s)))
        self._circuit_breaker = self._circuit_breaker.tripped(now, until=until)
        return not was_open
