"""Decide what to do when the clock is set or was wrong. The policy for all loops is here:

* `ClockStepDetector` detects that the clock was set, by comparison with the steady (monotonic) clock. After a step
  back, everything that was due would wait too long, so such waits begin again (`UploaderLoop`). After a step forward of
  more than `JUMP_S`, no time before it counts (`RetentionLoop`), and events may be missing (`WatcherLoop`).
* `ClockSetting` computes how much time has certainly passed since something was recorded. A time from before the clock
  was set belongs to another clock, so only the time since then counts. It counts too little rather than too much:
  actions that destroy something then wait longer.
* `judge` decides whether the clock can be trusted at all, from the `Date` of the services' answers. A machine without a
  good clock starts in 1970, or a year ahead. That looks the same as a machine that was switched off for so long, so a
  service must agree first. From then on the steady clock keeps that time, and a later setting of the clock is detected
  at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from eisync.core.model import value

TOLERANCE_S = 1.0
"""Smaller differences are ignored: two clocks are never read at the same instant, and a slewed clock runs slow."""

JUMP_S = 120.0
"""A larger step forward is no delay of a loop: the clock was set, or the machine was asleep."""


class ClockStepDetector:
    """Detect that the clock was set, by comparing both clocks with their readings at the last call."""

    def __init__(self) -> None:
        self._ahead_s: float | None = None

    def step_s(self, now: float, steady: float = 0.0) -> float:
        """Return by how many seconds the clock was set since the last call: above 0 forward, below 0 back.

        A step within the tolerance counts as 0. A loop that ticks every few seconds may leave out the steady clock.
        Then the time between two ticks counts as a step, and only one above `JUMP_S` is certainly no delay.
        """
        before, self._ahead_s = self._ahead_s, now - steady
        step_s = 0.0 if before is None else self._ahead_s - before
        return 0.0 if abs(step_s) <= TOLERANCE_S else step_s


DAY_S = 24 * 3600.0

SMALL_S = 600.0
"""The largest difference between two clocks that were both considered right."""


@value(kw_only=True)
class ClockSetting:
    """When the clock was set: `counts_from`, by the clock as it is since then (Unix s). By default it never was.

    `recent_from`: records from before this time were older than a day when the clock was set.
    """

    counts_from: float = 0.0
    recent_from: float = 0.0

    def age_s(self, at: float, now: float) -> float:
        """Return how long ago `at` was, at least. The result is below 0 when that is unknown."""
        if at > now + SMALL_S and self.counts_from:  # recorded by a clock that was ahead and has been set since
            return now - self.counts_from
        return now - max(at, self.counts_from)

    def since(self, span_s: float, now: float) -> float:
        """Return the time after which records may be younger than `span_s`, which is a day at most."""
        start = now - span_s
        return start if self.counts_from <= start else min(start, self.recent_from)


TRUST_TOLERANCE_S = 300.0
"""The allowed difference between this clock and a service's: `Date` has whole seconds, and answers take time."""

STEP_S = 5.0
"""A clock that moves this far at once was set. A clock that is slewed takes hours for it."""

STALE_S = DAY_S
"""How long a service's time is trusted: the steady clock is not perfect either."""

MARGIN_S = 10.0
"""Records from the moment in which a clock is set may still carry the time from before."""


@value
class ClockReading:
    """Both clocks of this machine at the same instant: Unix seconds, and seconds of the clock that never jumps."""

    now: float
    steady: float


@value
class ServiceTime:
    """The time that a service gave in an answer (`date_at`, Unix s), and this machine's clocks at that moment."""

    host: str
    date_at: float
    reading: ClockReading

    def ahead_s(self, reading: ClockReading) -> float:
        """Return how far the clock of `reading` is ahead of the service's time at that moment."""
        return reading.now - (self.date_at + (reading.steady - self.reading.steady))


@value(kw_only=True)
class KnownTime:
    """What is stored about the clock, so that it outlives the process.

    `seen_at` is the last time that was read. The age of records from before `counts_from` counts from there, because
    the clock was set. `wrong_until` is the same for spans of days, for which a small step does not matter. Records from
    before `recent_from` were older than a day when the clock was set. `was_wrong` says that a service disagreed and
    none has agreed since.
    """

    seen_at: float
    counts_from: float = 0.0
    wrong_until: float = 0.0
    recent_from: float = 0.0
    was_wrong: bool = False

    @property
    def setting(self) -> ClockSetting:
        """The setting to use for spans of minutes and hours."""
        return ClockSetting(counts_from=self.counts_from, recent_from=self.recent_from)

    @property
    def setting_of_days(self) -> ClockSetting:
        """The setting to use for spans of days."""
        return ClockSetting(counts_from=self.wrong_until, recent_from=self.recent_from)


@value
class Judgement:
    """Whether the clock can be trusted, and what to store.

    `doubt` says why nothing that waits for a time may happen, and what to do, for a person. None: the clock is right.
    """

    doubt: str | None
    remembered: KnownTime


def judge(
    remembered: KnownTime | None,
    before: ClockReading | None,
    reading: ClockReading,
    service_times: Iterable[ServiceTime],
) -> Judgement:
    """Decide whether the clock can be trusted at `reading`.

    `remembered` is None for a new state folder. `before` is the last reading of this process. `service_times` are the
    latest time of each service, and those since `before` at which the clock was farthest behind and farthest ahead.
    """
    known = remembered or KnownTime(seen_at=reading.now)
    times = list(service_times)
    recent = [time for time in times if 0.0 <= reading.steady - time.reading.steady <= STALE_S]
    news = [time for time in times if before is None or time.reading.steady >= before.steady]
    readings = [reading, *(time.reading for time in news), *([] if before is None else [before])]
    went_back = reading.now < known.seen_at - TRUST_TOLERANCE_S
    was_wrong = any(abs(time.ahead_s(time.reading)) > TRUST_TOLERANCE_S for time in news)
    if not recent:
        return Judgement(_unwitnessed(known, reading, went_back), _wrong(known, readings, was_wrong or went_back))
    worst = max(recent, key=lambda time: abs(time.ahead_s(reading)))
    ahead_s = worst.ahead_s(reading)
    if abs(ahead_s) > TRUST_TOLERANCE_S:
        return Judgement(_disagreeing(worst.host, ahead_s), _wrong(known, readings, was_wrong or went_back))
    if known.was_wrong or was_wrong or went_back:
        return Judgement(None, _set(known, readings, days=True))
    if any(abs((reading.now - other.now) - (reading.steady - other.steady)) > STEP_S for other in readings):
        return Judgement(None, _set(known, readings, days=False))
    return Judgement(None, _right(known, reading.now))


def _wrong(known: KnownTime, readings: Sequence[ClockReading], was_wrong: bool) -> KnownTime:
    """Return what to store while the clock is in doubt. `was_wrong` says that it is certainly wrong."""
    after = replace(known, seen_at=readings[0].now, was_wrong=was_wrong or known.was_wrong)
    return replace(after, recent_from=_earliest(known, readings)) if after.was_wrong else after


def _set(known: KnownTime, readings: Sequence[ClockReading], *, days: bool) -> KnownTime:
    """Return what to store when the clock is right at the first of these readings, and was wrong before or was set."""
    since = readings[0].now + MARGIN_S
    return KnownTime(
        seen_at=readings[0].now,
        counts_from=since,
        wrong_until=since if days else known.wrong_until,
        recent_from=_earliest(known, readings),
    )


def _earliest(known: KnownTime, readings: Sequence[ClockReading]) -> float:
    """Return the new `recent_from`.

    Records by a wrong clock may be recent whatever time they carry, and records that may have been recent before may
    still be.
    """
    earliest = min(reading.now for reading in readings) - DAY_S
    was_set = known.was_wrong or known.counts_from > 0.0
    return min(earliest, known.recent_from) if was_set else earliest


def _right(known: KnownTime, now: float) -> KnownTime:
    """Return what to store when the clock is right. A day after it was set, no record from before is still recent."""
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
    """Return a span of time in words."""
    for length, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:,.0f} seconds"
