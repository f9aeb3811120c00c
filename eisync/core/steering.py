"""How one target is sent to: how much at once, how many requests at once, and whether at all.

Pure: the drainer says what became of each request, and asks before the next one. Portion, window and breaker are three
answers to the same news; here they meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eisync.core.batching import Limits, Request
from eisync.core.breaker import Breaker
from eisync.core.portion import Portion
from eisync.core.retry import Fault, RetryPolicy, believed_s
from eisync.core.window import Tempo, Window
from eisync.core.wire import Barred, Failed, Outcome, Smaller

HOLD_CAP_S = 30.0
"""A target that cannot be reached is tried again after this long at most; one that asks for patience gets it."""
NOTORIOUS = 3
"""A file that got no answer so often, alone, says nothing about the service any more."""


@dataclass(frozen=True, slots=True)
class Landed:
    """What came of one request. `took_s` is from its first byte to the answer, `sent_in` the window's round."""

    request: Request
    outcomes: Sequence[Outcome]
    took_s: float = 0.0
    sent_in: int = 0


class Steering:
    """What was learnt about one target in this run."""

    def __init__(self, limits: Limits, policy: RetryPolicy, *, workers: int) -> None:
        self._policy = policy
        self._portion = Portion.full(limits)
        self._window = Window.full(workers)
        self._breaker = Breaker()
        self._tempo = Tempo()

    @property
    def round(self) -> int:
        """What a request that is sent now must remember until it lands."""
        return self._window.round

    def hold_s(self, now: float) -> float:
        """For how many seconds nothing is sent."""
        return self._breaker.wait_s(now)

    @property
    def is_held(self) -> bool:
        """Whether nothing came through lately."""
        return self._breaker.is_open

    @property
    def window(self) -> int:
        """How many requests may be under way."""
        return 1 if self._breaker.is_open else self._window.requests

    @property
    def limits(self) -> Limits:
        """How large the next request may be: a probe is one file."""
        now = self._portion.now
        return Limits(files=1, bytes=now.bytes) if self._breaker.is_open else now

    def may_send(self, now: float, *, under_way: int) -> bool:
        """Whether one more request may be sent."""
        return under_way < self.window and self._breaker.may_send(now, under_way=under_way)

    def distrust(self) -> None:
        """The target refused us; if it is tried again, then with one request of one file."""
        self._breaker = self._breaker.distrusted()

    def learn(self, landed: Landed, *, now: float, luck: float) -> bool:
        """Take in what came of a request. Returns whether that holds the target which was not held before."""
        if isinstance(landed.outcomes[0], Barred):
            return False  # its pause says it
        faults = [outcome for outcome in landed.outcomes if isinstance(outcome, Failed)]
        if len(faults) == len(landed.outcomes):
            return self._fail(landed, faults, now, luck)
        self._succeed(landed)
        return False

    def cap_of(self, landed: Landed) -> int | None:
        """The largest request that files of this one may share from now on, if one of them may be to blame."""
        files = len(landed.outcomes)
        is_silent = all(isinstance(one, Failed) and one.fault is Fault.UNANSWERED for one in landed.outcomes)
        if files == 1 or not is_silent or self._breaker.is_too_silent:
            return None
        # A power of two, so that files of several such requests can share the next ones.
        return 1 << (files // 2).bit_length() - 1

    def _succeed(self, landed: Landed) -> None:
        if self._breaker.is_open:
            self._window = self._window.restarted()
        self._breaker = self._breaker.closed()
        first = landed.outcomes[0]
        if isinstance(first, Smaller):
            if first.is_size:
                self._portion = self._portion.refused(files=len(landed.outcomes), size=landed.request.size)
            return
        self._portion = self._portion.taken()
        if self._tempo.is_slow(took_s=landed.took_s, size=landed.request.size):
            self._window = self._window.halved(landed.sent_in)
        else:
            self._window = self._window.widened()

    def _fail(self, landed: Landed, faults: Sequence[Failed], now: float, luck: float) -> bool:
        self._window = self._window.halved(landed.sent_in)
        asked_s = max(believed_s(fault.asked_s) for fault in faults)
        if all(fault.fault is Fault.UNANSWERED for fault in faults):
            files = landed.request.items
            if len(files) > 1:
                self._portion = self._portion.unanswered(files=len(files), size=landed.request.size)
            if len(files) > 1 or files[0].attempts < NOTORIOUS or self._breaker.is_open:
                self._breaker = self._breaker.counted()
            if not self._breaker.is_too_silent and not asked_s:
                return False
        held_s, was_open = self._breaker.wait_s(now), self._breaker.is_open
        if held_s and asked_s <= held_s:
            return False  # it was sent before the others failed
        due_at = self._policy.due_at(attempt=self._breaker.trips + 1, now=now, luck=luck, asked_s=asked_s)
        self._breaker = self._breaker.tripped(now, until=min(due_at, now + max(HOLD_CAP_S, asked_s)))
        return not was_open
