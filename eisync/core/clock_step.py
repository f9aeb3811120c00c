"""Decide what to do about a clock that is set, or was wrong. Pure. The policy for every loop is here:

* `ClockStepDetector` finds that the clock was set, by the steady one. Set back, it would keep everything waiting that
  was due: such waits begin anew (`UploaderLoop`). Set forward by more than `JUMP_S`, no time before counts
  (`RetentionLoop`), and events may be missing (`WatcherLoop`).
* `ClockSetting` says how much time has passed for certain since something was written down. An instant from before the
  clock was set is of another clock, so that only the time since then counts. Too little is counted rather than too
  much: what waits before it destroys anything waits longer.
* `judge` decides whether the clock can be trusted at all, from what services say in their answers (`Date`). A machine
  without a good clock starts in 1970, or a year ahead. That cannot be told from having been switched off for so long,
  so that a service must agree first. The steady clock carries what it said from there on: a clock that is set
  afterwards is found at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

TOLERANCE_S = 1.0
"""Two clocks are never read in one instant, and a slewed clock runs slow."""

JUMP_S = 120.0
"""A larger step forward is no delay of a loop: the clock was set, or the machine slept."""


class ClockStepDetector:
    """Finds that the clock was set, by the two clocks as they were at the last call."""

    def __init__(self) -> None:
        self._ahead_s: float | None = None

    def step_s(self, now: float, steady: float = 0.0) -> float:
        """Return by how many seconds the clock was set since the last call: above 0 forward, below 0 back.

        What is within the tolerance is 0. A loop that ticks every few seconds may leave out the steady clock: then the
        time between two ticks counts as a step, which only `JUMP_S` tells from a delay.
        """
        before, self._ahead_s = self._ahead_s, now - steady
        step_s = 0.0 if before is None else self._ahead_s - before
        return 0.0 if abs(step_s) <= TOLERANCE_S else step_s


DAY_S = 24 * 3600.0

SMALL_S = 600.0
"""So far may two clocks be apart that were both taken for right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSetting:
    """The clock was set at `counts_from`, as it says since (Unix s). The default: it never was.

    `recent_from`: what was written down before this instant was older than a day then.
    """

    counts_from: float = 0.0
    recent_from: float = 0.0

    def age_s(self, at: float, now: float) -> float:
        """How long ago `at` was, at least; below 0 when nobody can tell."""
        if at > now + SMALL_S and self.counts_from:  # of a clock that was ahead, and has been set since
            return now - self.counts_from
        return now - max(at, self.counts_from)

    def since(self, span_s: float, now: float) -> float:
        """What may be younger than `span_s`, a day at most, was written down after this instant."""
        start = now - span_s
        return start if self.counts_from <= start else min(start, self.recent_from)


TRUST_TOLERANCE_S = 300.0
"""So far may this clock and a service's be apart: `Date` has whole seconds, and answers take their time."""

STEP_S = 5.0
"""A clock that goes so far in no time was set; one that is steered takes hours for that."""

STALE_S = DAY_S
"""What a service said is believed for so long: the steady clock is not proof against everything either."""

MARGIN_S = 10.0
"""What is written down in the moment in which a clock is set may still be of the time before."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Both clocks of this machine, in one instant: Unix seconds, and seconds of the one that never jumps."""

    now: float
    steady: float


@dataclass(frozen=True, slots=True)
class Telling:
    """A service said in an answer that it is `date_at` (Unix s), when the clocks of this machine said `reading`."""

    host: str
    date_at: float
    reading: ClockReading

    def ahead_s(self, reading: ClockReading) -> float:
        """How far the clock of `reading` is ahead of what the service says by then."""
        return reading.now - (self.date_at + (reading.steady - self.reading.steady))


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTime:
    """What outlives the process.

    `seen_at`: the last time seen. `counts_from`: what was written down before counts from there, because the clock was
    set. `wrong_until`: the same, for spans of days; a small step is no matter there. `recent_from`: what was written
    down before was older than a day when it was set. `was_wrong`: a service disagreed, and none has agreed since.
    """

    seen_at: float
    counts_from: float = 0.0
    wrong_until: float = 0.0
    recent_from: float = 0.0
    was_wrong: bool = False

    @property
    def setting(self) -> ClockSetting:
        """For spans of minutes and hours."""
        return ClockSetting(counts_from=self.counts_from, recent_from=self.recent_from)

    @property
    def setting_of_days(self) -> ClockSetting:
        """For spans of days."""
        return ClockSetting(counts_from=self.wrong_until, recent_from=self.recent_from)


@dataclass(frozen=True, slots=True)
class Judgement:
    """`doubt`: why nothing that waits by time may happen, and what to do, for a person; None: the clock is right."""

    doubt: str | None
    remembered: KnownTime


def judge(
    remembered: KnownTime | None, before: ClockReading | None, reading: ClockReading, tellings: Iterable[Telling]
) -> Judgement:
    """`remembered`: None for a new state. `before`: the last reading of this process. `tellings`: the last of each
    service, and those since `before` at which the clock was the farthest behind, and ahead.
    """
    known = remembered or KnownTime(seen_at=reading.now)
    told = list(tellings)
    fresh = [telling for telling in told if 0.0 <= reading.steady - telling.reading.steady <= STALE_S]
    news = [telling for telling in told if before is None or telling.reading.steady >= before.steady]
    readings = [reading, *(telling.reading for telling in news), *([] if before is None else [before])]
    went_back = reading.now < known.seen_at - TRUST_TOLERANCE_S
    was_wrong = any(abs(telling.ahead_s(telling.reading)) > TRUST_TOLERANCE_S for telling in news)
    if not fresh:
        return Judgement(_unwitnessed(known, reading, went_back), _wrong(known, readings, was_wrong or went_back))
    worst = max(fresh, key=lambda telling: abs(telling.ahead_s(reading)))
    ahead_s = worst.ahead_s(reading)
    if abs(ahead_s) > TRUST_TOLERANCE_S:
        return Judgement(_disagreeing(worst.host, ahead_s), _wrong(known, readings, was_wrong or went_back))
    if known.was_wrong or was_wrong or went_back:
        return Judgement(None, _set(known, readings, days=True))
    if any(abs((reading.now - other.now) - (reading.steady - other.steady)) > STEP_S for other in readings):
        return Judgement(None, _set(known, readings, days=False))
    return Judgement(None, _right(known, reading.now))


def _wrong(known: KnownTime, readings: Sequence[ClockReading], was_wrong: bool) -> KnownTime:
    """In doubt; `was_wrong`: for certain."""
    after = replace(known, seen_at=readings[0].now, was_wrong=was_wrong or known.was_wrong)
    return replace(after, recent_from=_earliest(known, readings)) if after.was_wrong else after


def _set(known: KnownTime, readings: Sequence[ClockReading], *, days: bool) -> KnownTime:
    """The clock is right in the first of these readings, and was not before, or was set."""
    since = readings[0].now + MARGIN_S
    return KnownTime(
        seen_at=readings[0].now,
        counts_from=since,
        wrong_until=since if days else known.wrong_until,
        recent_from=_earliest(known, readings),
    )


def _earliest(known: KnownTime, readings: Sequence[ClockReading]) -> float:
    """What is written down by a wrong clock may be recent, whatever it says; and what was so before may still be so."""
    earliest = min(reading.now for reading in readings) - DAY_S
    was_set = known.was_wrong or known.counts_from > 0.0
    return min(earliest, known.recent_from) if was_set else earliest


def _right(known: KnownTime, now: float) -> KnownTime:
    """The clock goes on; a day after it was set, nothing of the time before is recent any more."""
    is_over = known.counts_from > 0.0 and now - known.counts_from >= DAY_S
    return replace(known, seen_at=now, recent_from=now if is_over else known.recent_from)


def _unwitnessed(known: KnownTime, reading: ClockReading, went_back: bool) -> str:
    back = (
        f"the clock of this machine says {span(known.seen_at - reading.now)} less than when eisync ran last, and "
        if went_back
        else ""
    )
    return (
        f"{back}no service has reported the time since the start, or for a day, so eisync cannot tell whether this "
        "machine's clock is right; the next answer will show it"
    )


def _disagreeing(host: str, ahead_s: float) -> str:
    direction = "ahead of" if ahead_s > 0 else "behind"
    return (
        f"the clock of this machine is {span(abs(ahead_s))} {direction} that of {host}; set it "
        "('timedatectl set-ntp true' keeps it right)"
    )


def span(seconds: float) -> str:
    """A span of time in a person's words."""
    for length, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:,.0f} seconds"
