"""Monitor the system clock. Whatever waits for a time to pass asks here first whether the clock is right."""

import contextlib
import threading
from collections.abc import Callable, Iterable

from eisync.core.clock_step import ClockReading, ClockSetting, Judgement, KnownTime, ServiceTime, judge
from eisync.errors import StateError
from eisync.loops.ports import Log
from eisync.store.continuity import ClockNotes

STORE_EVERY_S = 60.0
"""Time between two writes of the last known time, if nothing else about the clock changed."""


class ClockMonitor:
    """Compares the clock of this machine with the dates in the answers of services. Safe to use from any thread."""

    def __init__(
        self,
        notes: ClockNotes,
        service_times: Callable[[], Iterable[ServiceTime]],
        *,
        clock: Callable[[], float],
        steady: Callable[[], float],
        log: Log,
    ) -> None:
        """`service_times`: the latest of each service since the start. `steady` counts during sleep, if possible."""
        self._notes = notes
        self._tellings = service_times
        self._clock = clock
        self._steady = steady
        self._log = log
        self._lock = threading.Lock()
        self._remembered = notes.remembered()
        self._stored = self._remembered
        self._before: ClockReading | None = None
        self._is_doubted = False
        self._is_logged = False

    def why_doubt(self) -> str | None:
        """Return why nothing that waits for a time may happen now, and what to do; None if the clock is right."""
        return self._check()[0]

    @property
    def is_wrong(self) -> bool:
        """Return whether a service gave a different time, and none agrees with this clock."""
        return self._check()[1].was_wrong

    def setting(self) -> ClockSetting:
        """Return since when time counts, for spans of minutes and hours."""
        return self._check()[1].setting

    def setting_of_days(self) -> ClockSetting:
        """Return since when time counts, for spans of days."""
        return self._check()[1].setting_of_days

    def _check(self) -> tuple[str | None, KnownTime]:
        with self._lock:
            reading = ClockReading(self._clock(), self._steady())
            judgement = judge(self._remembered, self._before, reading, self._tellings())
            self._before, self._remembered = reading, judgement.remembered
            self._store(judgement.remembered)
            self._log_change(judgement)
            return judgement.doubt, judgement.remembered

    def _store(self, remembered: KnownTime) -> None:
        stored = self._stored
        is_due = stored is None or abs(remembered.seen_at - stored.seen_at) >= STORE_EVERY_S
        if is_due or stored is None or _without_time(remembered) != _without_time(stored):
            # Answer even if the store fails: then no action can be stored either, so nothing can be destroyed.
            with contextlib.suppress(StateError):
                self._notes.remember(remembered)
                self._stored = remembered

    def _log_change(self, judgement: Judgement) -> None:
        """Log a doubt once. Do not log that no service has answered yet."""
        is_wrong = judgement.doubt is not None and judgement.remembered.was_wrong
        if is_wrong and not self._is_logged:
            self._log.warning("clock.doubted", reason=judgement.doubt)
        elif judgement.doubt is None and self._is_doubted:
            self._log.info("clock.trusted")
        self._is_doubted, self._is_logged = judgement.doubt is not None, is_wrong


def _without_time(remembered: KnownTime) -> tuple[float | bool, ...]:
    return (remembered.counts_from, remembered.wrong_until, remembered.was_wrong)
