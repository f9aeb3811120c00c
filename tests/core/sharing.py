"""Simulate many daemons that share one service with a limit, and measure how they share it.

Each daemon uses the real rules of eisync: flow control, retries, outcomes and the reading of answers. Only the files,
the line and the service are a model. The clock is virtual and every random number comes from the seed, so the same
scenario always gives the same numbers. Names ending in `_s` are seconds; the simulation begins at `BEGIN`.
"""

import heapq
import json
import math
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, pairwise

from eisync.core.batching import Limits, Request
from eisync.core.flow_control import FlowControl, RequestResult
from eisync.core.model import Category, FileFacts, Item
from eisync.core.outcome import Outcome, outcome_of
from eisync.core.retry import RetryPolicy
from eisync.core.wire import Reply, Stored, read_reply

BEGIN = 1_000_000.0
FILE_BYTES = 4_000
POLICY = RetryPolicy()


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What the service lets pass: `requests` in any `period_s`, or only `at_once` requests at the same time.

    `has_fixed_periods`: the period begins at full multiples of `period_s`, for all callers at the same instant, as many
    gateways count. `says_when`: a refusal has a Retry-After, in full seconds.
    """

    requests: int = 0
    period_s: float = 1.0
    has_fixed_periods: bool = False
    at_once: int = 0
    says_when: bool = True
    service_s: float = 0.05
    is_down: bool = False  # every request is answered with 503

    @property
    def rate(self) -> float:
        """The most requests a second that it accepts."""
        return self.at_once / self.service_s if self.at_once else self.requests / self.period_s


RULES: Mapping[str, Rule] = {
    "10 in any second": Rule(requests=10),
    "10 in any second, without Retry-After": Rule(requests=10, says_when=False),
    "100 in each 10 s": Rule(requests=100, period_s=10.0, has_fixed_periods=True),
    "300 in each minute": Rule(requests=300, period_s=60.0, has_fixed_periods=True),
    "300 in any minute": Rule(requests=300, period_s=60.0),
    "4 at once (503)": Rule(at_once=4, service_s=0.4),
    "4 at once, without Retry-After": Rule(at_once=4, service_s=0.4, says_when=False),
}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine that joins after `joins_s`. `latency_s` is the way to the service and back."""

    joins_s: float = 0.0
    files: int = 1_000_000
    latency_s: float = 0.1


def machines(number: int, *, within_s: float = 60.0, files: int = 1_000_000) -> list[Machine]:
    """Return machines that join within `within_s`, near and far from the service."""
    random_ = random.Random(number)
    ways_s = [0.02, 0.1, 0.3, 0.8]
    joins_s = [0.0, *(random_.uniform(0.0, within_s) for _ in range(number - 1))]
    return [Machine(joins_s=at, files=files, latency_s=random_.choice(ways_s)) for at in joins_s]


class Service:
    """The model of the service."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.under_way = 0
        self._passed_at: deque[float] = deque()

    def answer(self, files: int, now: float) -> Reply:
        """Return the answer to a request that arrives now."""
        rule = self.rule
        if rule.is_down:
            return _refused(503, None)
        if rule.at_once:
            return _refused(503, 1.0 if rule.says_when else None) if self.under_way >= rule.at_once else _stored(files)
        begin = now - now % rule.period_s if rule.has_fixed_periods else now - rule.period_s
        while self._passed_at and self._passed_at[0] < begin:
            self._passed_at.popleft()
        if len(self._passed_at) < rule.requests:
            self._passed_at.append(now)
            return _stored(files)
        ends_s = (begin if rule.has_fixed_periods else self._passed_at[0]) + rule.period_s - now
        return _refused(429, ends_s if rule.says_when else None)


def _stored(files: int) -> Reply:
    entries = [{"success": True, "sampleId": number + 1, "projectId": 1} for number in range(files)]
    return Reply(200, {}, json.dumps({"success": True, "files": entries}).encode())


def _refused(status: int, after_s: float | None) -> Reply:
    headers = {} if after_s is None else {"Retry-After": str(max(1, math.ceil(after_s)))}
    return Reply(status, headers, b'{"success": false, "error": "slow down"}')


@dataclass(slots=True)
class Daemon:
    """A daemon: a queue of files, and the flow control of eisync.

    `stored_at` and `refused_at` have an instant for each request.
    """

    machine: Machine
    flow: FlowControl
    fresh: int  # files that were not tried yet
    under_way: int = 0
    deferred: list[tuple[float, int, Item]] = field(default_factory=list)  # by the time at which they are due
    stored_at: list[float] = field(default_factory=list)
    refused_at: list[float] = field(default_factory=list)
    ended_at: float = math.inf
    wakes_at: float = math.inf

    @property
    def waiting(self) -> int:
        return self.fresh + len(self.deferred)

    def next_due_at(self, now: float) -> float:
        """Return when a file is due; infinity when none waits."""
        return now if self.fresh else self.deferred[0][0] if self.deferred else math.inf

    def take(self, now: float) -> Request | None:
        """Return the next request, oldest files first; None when no file is due."""
        most, items = self.flow.limits.files, list[Item]()
        while len(items) < most and self.deferred and self.deferred[0][0] <= now:
            items.append(heapq.heappop(self.deferred)[2])
        while len(items) < most and self.fresh:
            items.append(replace(_ITEM, id=self.fresh))
            self.fresh -= 1
        return (
            Request(target="t", category=Category.SPLIT, label=None, metadata=(), items=tuple(items)) if items else None
        )

    def record(self, item: Item, outcome: Outcome, now: float) -> None:
        """Do with the file what the outbox does."""
        if outcome.due_at is not None:
            again = replace(item, attempts=item.attempts + outcome.is_attempt, batch_cap=outcome.batch_cap)
            heapq.heappush(self.deferred, (max(now, outcome.due_at), item.id, again))


_ITEM = Item(
    id=0,
    root="/r",
    path="a.csv",
    target="t",
    facts=FileFacts(FILE_BYTES, 1, 1),
    label=None,
    category=Category.SPLIT,
)


class Simulation:
    """Machines, a service, and a heap of what happens next."""

    def __init__(self, machines: Sequence[Machine], rule: Rule, *, seed: int = 0, files: int = 2, workers: int = 4):
        self.service = Service(rule)
        self._random = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self.now = BEGIN
        self.daemons = [
            Daemon(one, FlowControl(Limits(files=files), POLICY, workers=workers), one.files) for one in machines
        ]
        for daemon in self.daemons:
            self._wake(daemon, BEGIN + daemon.machine.joins_s)

    def run(self, for_s: float) -> "Simulation":
        """Let `for_s` seconds pass."""
        end = self.now + for_s
        while self._events and self._events[0][0] <= end:
            self.now, _, happens = heapq.heappop(self._events)
            happens()
        self.now = end
        return self

    def _at(self, instant: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (instant, next(self._numbers), happens))

    def _wake(self, daemon: Daemon, instant: float) -> None:
        daemon.wakes_at = instant
        self._at(instant, lambda: self._send(daemon) if daemon.wakes_at == instant else None)

    def _send(self, daemon: Daemon) -> None:
        """Send what may be sent now, as the uploader's loop does."""
        daemon.wakes_at = math.inf
        while daemon.waiting and daemon.flow.may_send(self.now, under_way=daemon.under_way):
            request = daemon.take(self.now)
            if request is None:
                break
            daemon.under_way += 1
            daemon.flow.note_sent(self.now)
            self._depart(daemon, request)
        due_s = max(daemon.next_due_at(self.now) - self.now, daemon.flow.hold_s(self.now))
        if 0.0 < due_s < math.inf:
            self._wake(daemon, self.now + due_s)

    def _depart(self, daemon: Daemon, request: Request) -> None:
        sent_at, sent_in, under_way = self.now, daemon.flow.round, daemon.under_way
        way_s = daemon.machine.latency_s / 2 * self._random.uniform(0.8, 1.2)

        def arrive() -> None:
            reply = self.service.answer(len(request.items), self.now)
            is_taken = reply.status == 200
            self.service.under_way += is_taken
            self._at(self.now + (self.service.rule.service_s if is_taken else 0.0), lambda: leave(reply))

        def leave(reply: Reply) -> None:
            self.service.under_way -= reply.status == 200
            self._at(self.now + way_s, lambda: self._end(daemon, request, reply, (sent_at, sent_in, under_way)))

        self._at(self.now + way_s, arrive)

    def _end(self, daemon: Daemon, request: Request, reply: Reply, sent: tuple[float, int, int]) -> None:
        sent_at, sent_in, under_way = sent
        daemon.under_way -= 1
        outcomes = read_reply(reply, sent=len(request.items), now=self.now)
        is_pressed = daemon.next_due_at(self.now) <= self.now
        result = RequestResult(request, outcomes, self.now - sent_at, sent_in, under_way, is_pressed=is_pressed)
        daemon.flow.learn(result, now=self.now, jitter=self._random.random())
        cap = daemon.flow.cap_of(result)
        if isinstance(outcomes[0], Stored):
            daemon.stored_at.append(self.now)
        else:
            daemon.refused_at.append(self.now)
        for item, outcome in zip(request.items, outcomes, strict=True):
            decided = outcome_of(
                item,
                outcome,
                policy=POLICY,
                allow_duplicates=False,
                now=self.now,
                jitter=self._random.random(),
                batch_cap=cap,
            )
            daemon.record(item, decided, self.now)
        if not daemon.waiting and not daemon.under_way:
            daemon.ended_at = self.now
        self._send(daemon)


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """How a limit was shared between two instants. `fairness` is Jain's index: 1 if all got the same.

    Shares are relative to an equal share. `used` is the part of the allowed requests that were used, `refused` the part
    of all requests that was refused. `longest_wait_s` is the longest time that a daemon with files had no success.
    """

    used: float
    refused: float
    fairness: float
    least: float
    most: float
    longest_wait_s: float


def sharing(simulation: Simulation, from_s: float, to_s: float) -> Sharing:
    """Measure the daemons that had files all the time from `from_s` to `to_s`."""
    begin, end = BEGIN + from_s, BEGIN + to_s
    daemons = [one for one in simulation.daemons if one.machine.joins_s <= from_s and one.ended_at > end]
    counts = [sum(begin < at <= end for at in one.stored_at) for one in daemons]
    everyone = sum(sum(begin < at <= end for at in one.stored_at) for one in simulation.daemons)
    refused = sum(begin < at <= end for one in simulation.daemons for at in one.refused_at)
    mean = max(sum(counts) / len(counts), 1e-9)
    return Sharing(
        used=everyone / (simulation.service.rule.rate * (to_s - from_s)),
        refused=refused / max(1, refused + everyone),
        fairness=jain(counts),
        least=min(counts) / mean,
        most=max(counts) / mean,
        longest_wait_s=max(longest_wait_s(one, begin, end) for one in daemons),
    )


def jain(counts: Sequence[float]) -> float:
    """Return Jain's fairness index: (sum x)^2 / (n * sum x^2)."""
    squares = sum(one * one for one in counts)
    return sum(counts) ** 2 / (len(counts) * squares) if squares else 0.0


def longest_wait_s(daemon: Daemon, begin: float, end: float) -> float:
    """Return the longest time between two successes of a daemon, from when it joined or `begin`, until `end`."""
    instants = [max(begin, BEGIN + daemon.machine.joins_s)]
    instants += [at for at in daemon.stored_at if instants[0] < at <= end] + [min(end, daemon.ended_at)]
    return max(later - earlier for earlier, later in pairwise(instants))


def converged_s(simulation: Simulation, from_s: float, to_s: float, *, window_s: float, fairness: float) -> float:
    """Return how many seconds after `from_s` every window has at least this fairness; infinity if the last has not."""
    found_s = math.inf
    for number in reversed(range(int((to_s - from_s) // window_s))):
        begin_s = from_s + number * window_s
        if sharing(simulation, begin_s, begin_s + window_s).fairness < fairness:
            break
        found_s = begin_s - from_s
    return found_s
