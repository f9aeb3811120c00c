"""Watch the system clock: what waits by time asks here first."""

import contextlib
import threading
from collections.abc import Callable, Iterable

from eisync.core.clock_step import ClockReading, ClockSetting, Judgement, KnownTime, Telling, judge
from eisync.errors import StateError
from eisync.loops.ports import Log
from eisync.store.continuity import ClockNotes

KEEP_EVERY_S = 60.0
"""The last known time is written down so often, where nothing else is news."""


class ClockMonitor:
    """The clock of this machine, held against what services say. Safe to use from any thread."""

    def __init__(
        self,
        notes: ClockNotes,
        tellings: Callable[[], Iterable[Telling]],
        *,
        clock: Callable[[], float],
        steady: Callable[[], float],
        log: Log,
    ) -> None:
        """`tellings`: the last of each service, since the start. `steady` counts while the machine sleeps, if any."""
        self._notes = notes
        self._tellings = tellings
        self._clock = clock
        self._steady = steady
        self._log = log
        self._lock = threading.Lock()
        self._remembered = notes.remembered()
        self._kept = self._remembered
        self._before: ClockReading | None = None
        self._is_doubted = False
        self._is_told = False

    def why_doubt(self) -> str | None:
        """Return why nothing that waits by time may happen now, and what to do; None: the clock is right."""
        return self._check()[0]

    @property
    def is_wrong(self) -> bool:
        """Whether a service has said that it is another time, and none agrees."""
        return self._check()[1].was_wrong

    def setting(self) -> ClockSetting:
        """Since when time counts, for spans of minutes and hours."""
        return self._check()[1].setting

    def setting_of_days(self) -> ClockSetting:
        """Since when time counts, for spans of days."""
        return self._check()[1].setting_of_days

    def _check(self) -> tuple[str | None, KnownTime]:
        with self._lock:
            reading = ClockReading(self._clock(), self._steady())
            judgement = judge(self._remembered, self._before, reading, self._tellings())
            self._before, self._remembered = reading, judgement.remembered
            self._keep(judgement.remembered)
            self._tell(judgement)
            return judgement.doubt, judgement.remembered

    def _keep(self, remembered: KnownTime) -> None:
        kept = self._kept
        is_news = kept is None or abs(remembered.seen_at - kept.seen_at) >= KEEP_EVERY_S
        if is_news or kept is None or _apart_from_time(remembered) != _apart_from_time(kept):
            # Where nothing can be written down, nothing can be destroyed either; the answer is given all the same.
            with contextlib.suppress(StateError):
                self._notes.remember(remembered)
                self._kept = remembered

    def _tell(self, judgement: Judgement) -> None:
        """Log a doubt once; that no answer has come yet is no news."""
        is_wrong = judgement.doubt is not None and judgement.remembered.was_wrong
        if is_wrong and not self._is_told:
            self._log.warning("clock.doubted", reason=judgement.doubt)
        elif judgement.doubt is None and self._is_doubted:
            self._log.info("clock.trusted")
        self._is_doubted, self._is_told = judgement.doubt is not None, is_wrong


def _apart_from_time(remembered: KnownTime) -> tuple[float | bool, ...]:
    return (remembered.counts_from, remembered.wrong_until, remembered.was_wrong)
