"""Tell a person of problems, of their end, and of the day, on the channels of the configuration.

A delivery that fails is logged and tried again later. It is no problem of its own, and costs no upload.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from eisync.core import notifications
from eisync.core.model import value
from eisync.core.notifications import Ledger, Patience
from eisync.core.problems import problems
from eisync.errors import EisyncError
from eisync.loops.ports import Log
from eisync.store.ledgers import Ledgers

SHORTEST_TICK_S, LONGEST_TICK_S = 1.0, 15.0
CPU_SHARE = 0.001
"""The loop uses at most this share of a core: with a million files, a look at the status takes 50 ms."""

Deliver = Callable[[Mapping[str, Any]], None]
"""Delivers a message, given as plain values, within a time limit. Raises NotificationError."""


@value(kw_only=True)
class Situation:
    """Where the loop looks: at the record of the operation `status`, and at whether uploads pause on purpose (Unix s).

    `second_of_day` is the local time of day. `spent_s` returns the processor time that the thread has used so far.
    """

    status: Callable[[], Mapping[str, Any]]
    is_paused: Callable[[float], bool]
    second_of_day: Callable[[], float]
    spent_s: Callable[[], float] = lambda: 0.0


@value(kw_only=True)
class NotifierOptions:
    """The channels by name, without any when nobody is told, and when something is told. `close` releases them."""

    channels: Mapping[str, Deliver]
    patience: Patience
    stalled_s: float
    close: Callable[[], object] = lambda: None


class NotifierLoop:
    """Looks at the status, and tells what is due. One tick delivers at most one notification on each channel."""

    name = "notifier"

    def __init__(
        self,
        options: NotifierOptions,
        situation: Situation,
        ledgers: Ledgers,
        *,
        log: Log,
    ) -> None:
        self._options = options
        self._adjustments: deque[NotifierOptions] = deque()
        self._situation = situation
        self._ledgers = ledgers
        self._log = log
        self._known: dict[str, Ledger] = {}
        self._began_at: float | None = None
        self._is_stopping = False

    def adjust(self, options: NotifierOptions) -> None:
        """Use these options from the next tick on. What was told on a channel before is not told again.

        Safe from any thread.
        """
        self._adjustments.append(options)

    def tick(self, now: float) -> float:
        """Look once, and tell what is due."""
        while self._adjustments:
            self._options.close()
            self._options = self._adjustments.popleft()
        if self._began_at is None:
            self._began_at = now
        if self._is_stopping or not self._options.channels:
            self._known = {}
            return LONGEST_TICK_S
        self._remember(now)
        self._began_at = min(self._began_at, now)
        spent_s = self._situation.spent_s()
        status = self._situation.status()
        found = problems(
            status,
            stalled_s=self._options.stalled_s,
            up_s=now - self._began_at,
            is_paused=self._situation.is_paused(now),
        )
        before = self._packed()
        for name, deliver in self._options.channels.items():
            ledger = notifications.observe(self._known[name], found, now=now)
            self._known[name] = self._tell(name, deliver, ledger, status, now)
        if self._packed() != before:
            self._write()
        tick_s = min(LONGEST_TICK_S, max(SHORTEST_TICK_S, self._options.patience.after_s / 4.0))
        return max(tick_s, (self._situation.spent_s() - spent_s) / CPU_SHARE)

    def stop(self, now: float) -> None:
        """Tell nothing more."""
        self._is_stopping = True

    @property
    def is_done(self) -> bool:
        """Return True always: a notification that did not leave is due again after the next start."""
        return True

    def close(self) -> None:
        """Release the channels, once the loop has ended. Safe to repeat."""
        for options in (self._options, *self._adjustments):
            options.close()

    def _remember(self, now: float) -> None:
        """Keep the ledgers of the channels that there are, and read those of the others."""
        if self._known.keys() == self._options.channels.keys():
            return
        stored = self._ledgers.read()
        self._known = {
            name: self._known.get(name) or notifications.begun(notifications.unpacked(stored.get(name)), now=now)
            for name in self._options.channels
        }

    def _tell(self, name: str, deliver: Deliver, ledger: Ledger, status: Mapping[str, Any], now: float) -> Ledger:
        second = self._situation.second_of_day()
        notification = notifications.due(ledger, self._options.patience, now=now, second_of_day=second)
        if notification is None:
            return ledger
        kind = notification.kind.value
        try:
            deliver(notifications.message(notification, status))
        except EisyncError as error:
            self._log.warning("notification.failed", channel=name, kind=kind, reason=str(error))
            return notifications.failed(ledger, now=now)
        told = _kinds(notification.new)
        self._log.info(
            "notification.sent", channel=name, kind=kind, problems=told, recovered=_kinds(notification.ended)
        )
        return notifications.told(ledger, notification, now=now)

    def _packed(self) -> dict[str, Any]:
        return {name: notifications.packed(ledger) for name, ledger in self._known.items()}

    def _write(self) -> None:
        try:
            self._ledgers.write(self._packed())
        except EisyncError as error:  # a full disk is a problem that should still be told
            self._log.warning("notification.not_noted", reason=str(error))


def _kinds(found: Iterable[Any]) -> list[str]:
    return [problem.kind.value for problem in found]
