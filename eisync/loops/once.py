"""One pass over everything, without threads of its own: scan, upload all that is due, reconcile once, make room."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from eisync.loops.reconciler.loop import ReconcilerLoop
from eisync.loops.retention.loop import RetentionLoop
from eisync.loops.uploader.loop import UploaderLoop
from eisync.loops.watcher.loop import WatcherLoop

LONGEST_WAIT_S = 0.5
CHECK_AGAIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Loops:
    """The steps of a pass."""

    watcher: WatcherLoop
    uploader: UploaderLoop
    reconciler: ReconcilerLoop | None
    retention: RetentionLoop | None


class Once:
    """The loops, ticked in turn. `progress` is called after every turn."""

    def __init__(
        self,
        loops: Loops,
        *,
        pending: Callable[[], int],
        now: Callable[[], float],
        bell: threading.Event,
        progress: Callable[[], None],
    ) -> None:
        """`pending` counts the files in the outbox; `bell` rings when something has happened."""
        self._watcher = loops.watcher
        self._uploader = loops.uploader
        self._reconciler = loops.reconciler
        self._retention = loops.retention
        self._pending = pending
        self._now = now
        self._bell = bell
        self._progress = progress
        self._checked_at = 0.0

    def run(self, *, give_up_at: float, is_stopped: Callable[[], bool]) -> None:
        """Work until nothing is pending, or `give_up_at` (Unix s) has come, or `is_stopped` says so."""
        while not is_stopped():
            now = self._now()
            wait_s = min(self._watcher.tick(now), self._uploader.tick(now))
            self._progress()
            if self._is_drained() or now >= give_up_at:
                break
            self._check_again(now)
            self._bell.wait(min(wait_s, LONGEST_WAIT_S))
            self._bell.clear()
        self._land(is_stopped)
        self._reconcile(is_stopped)
        self._make_room(is_stopped)
        self._watcher.stop(self._now())  # it notes what is not complete, for later questions

    def _check_again(self, now: float) -> None:
        """Where nothing else is to be done, check whether what it waits for is complete now."""
        is_waiting = self._watcher.has_scanned and self._uploader.is_idle
        if is_waiting and not 0 <= now - self._checked_at < CHECK_AGAIN_S:
            self._watcher.check_observed()
            self._checked_at = now

    def _is_drained(self) -> bool:
        if not self._watcher.has_scanned or not self._uploader.is_idle:
            return False
        # Only a person can help where a sidecar is of no use, and where a target is refused; the others go first.
        stuck = self._watcher.stuck()
        if stuck is not None and self._pending() <= stuck:
            return True
        return bool(self._uploader.refusals()) and not self._uploader.is_checking_project

    def _land(self, is_stopped: Callable[[], bool]) -> None:
        """Wait for what is under way: its answers are worth having. Every request has a time-out of its own."""
        self._uploader.stop(self._now())
        self._uploader.tick(self._now())
        while not self._uploader.is_done and not is_stopped():
            self._bell.wait(LONGEST_WAIT_S)
            self._bell.clear()
            self._uploader.tick(self._now())
            self._progress()

    def _reconcile(self, is_stopped: Callable[[], bool]) -> None:
        if self._reconciler is None or self._uploader.refusals():
            return
        self._reconciler.pass_now()
        while not is_stopped():
            self._reconciler.tick(self._now())
            self._progress()
            if self._reconciler.is_idle:
                break

    def _make_room(self, is_stopped: Callable[[], bool]) -> None:
        if self._retention is None:
            return
        self._retention.pass_now()
        while not is_stopped() and not self._retention.is_idle:
            self._retention.tick(self._now())
            self._progress()
