"""Decide how many requests a second are sent to a service that refuses some because they are too many.

Machines that share a service do not know each other. Each finds its share from refusals alone: its rate grows with time
by a fixed amount and by a fixed part of itself, and a refusal cuts it. A machine with a higher rate is refused more
often, and so it is cut more often. One with a lower rate grows faster for its size. So the rates become equal, wherever
they began. Growth depends on time and not on the number of answers, or a machine near the service would take what the
others leave.

A service that never refuses for this reason is never limited. After the first refusal, and after a long time without
one, nothing shows which rate is right. Then the rate doubles every few seconds until the next refusal.

Source: D.-M. Chiu and R. Jain, "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance in Computer
Networks", 1989 (additive increase and multiplicative decrease become fair). The figures below were found with the
simulation in tests/core/sharing.py.
"""

import dataclasses
import math

from eisync.core.model import value

KEPT = 0.5
"""The part of the rate that a refusal leaves."""
KEPT_AT_LEAST = 0.25
"""The part that it leaves when much less was accepted than the rate allowed."""
GROWTH = 0.01
"""The rate grows by this part of itself in each second ..."""
ADDED = 0.0025
"""... and by so many requests a second. This decides how fast a machine with a small share gets an equal one."""
DOUBLES_S = 5.0
"""While nothing shows which rate is right, it doubles in so many seconds."""
FIRST = 1.0
"""The lowest rate after the first refusal, in requests a second."""
LEAST = 1 / 30
"""The lowest rate at all, in requests a second."""
CALM_S = 120.0
"""After so many seconds without a refusal, nothing shows which rate is right."""
FORGOTTEN_S = 900.0
"""After so many seconds without a refusal, the rate is not limited any more."""
MEASURED_S = 10.0
"""Requests that were accepted in a shorter time do not show a rate."""
GROWS_S = 30.0
"""The rate grows for at most so many seconds between two accepted requests: it was not used for longer."""


@value(kw_only=True)
class RequestRate:
    """The rate of one target. Instants are Unix seconds (UTC)."""

    per_s: float | None = None  # requests a second; None: no limit
    is_known: bool = False  # whether a refusal showed that more than this rate was too much
    sent_at: float = -math.inf
    accepted_at: float = -math.inf
    refused_at: float = -math.inf
    counted: int = 0  # requests that were accepted since the last refusal
    counted_from: float = math.inf

    @property
    def interval_s(self) -> float:
        """The time between two requests; 0 without a limit."""
        return 0.0 if self.per_s is None else 1.0 / self.per_s

    def wait_s(self, now: float) -> float:
        """Return for how many seconds no request is sent."""
        # A clock that is set back must not prolong the wait.
        return max(0.0, self.sent_at + self.interval_s - now) if self.sent_at <= now else 0.0

    def sent(self, now: float) -> "RequestRate":
        """Return the state after a request was sent."""
        return dataclasses.replace(self, sent_at=now)

    def accepted(self, now: float) -> "RequestRate":
        """Return the state after a request was accepted."""
        per_s, calm_s = self.per_s, now - self.refused_at
        if per_s is not None:
            per_s = None if calm_s > FORGOTTEN_S else self._grown(per_s, min(GROWS_S, now - self.accepted_at), calm_s)
        return dataclasses.replace(
            self,
            per_s=per_s,
            is_known=self.is_known and per_s is not None,
            accepted_at=now,
            counted=self.counted + 1,
            counted_from=min(self.counted_from, now),
        )

    def refused(self, now: float, *, asked_s: float) -> "RequestRate":
        """Return the state after a request was refused because there were too many. `asked_s` is Retry-After, or 0."""
        per_s = self._first(now, asked_s) if self.per_s is None else self._cut(self.per_s, now, asked_s)
        return dataclasses.replace(
            self,
            per_s=max(LEAST, per_s),
            is_known=self.per_s is not None,
            refused_at=now,
            counted=0,
            counted_from=math.inf,
        )

    def refused_again(self, now: float) -> "RequestRate":
        """Return the state after a refusal that says no more about the rate: the service is still busy."""
        return dataclasses.replace(self, refused_at=now)

    def _grown(self, per_s: float, for_s: float, calm_s: float) -> float:
        for_s = max(0.0, for_s)  # the clock may be set back
        if not self.is_known or calm_s > CALM_S:
            return per_s * math.pow(2.0, min(1.0, for_s / DOUBLES_S))
        return per_s * math.exp(GROWTH * for_s) + ADDED * for_s

    def _first(self, now: float, asked_s: float) -> float:
        return max(FIRST, self.counted / max(MEASURED_S, self._cycle_s(now, asked_s)))

    def _cut(self, per_s: float, now: float, asked_s: float) -> float:
        cycle_s = self._cycle_s(now, asked_s)
        if cycle_s < MEASURED_S:
            return KEPT * per_s
        # A limit of so many a minute lets a high rate pass at first, and then nothing: what counts is the whole minute.
        return min(KEPT * per_s, max(KEPT_AT_LEAST * per_s, self.counted / cycle_s))

    def _cycle_s(self, now: float, asked_s: float) -> float:
        """Return the time in which the accepted requests were sent, with the pause that follows."""
        return max(0.0, now - self.counted_from) + asked_s
