"""Run the loops: each in a thread of its own, or one after another for a single pass.

A loop that fails is logged, waits and is tried again. Its heartbeat ages meanwhile, so that a loop that only fails is
noticed from outside. This is one of the two places that catch everything; the other is the command line's border.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eisync.errors import EisyncError
from eisync.loops.ports import Log, Loop
from eisync.loops.reconciler.loop import ReconcilerLoop
from eisync.loops.retention.loop import RetentionLoop
from eisync.loops.uploader.loop import UploaderLoop
from eisync.loops.watcher.loop import WatcherLoop

LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a loop fares. It is fresh when its last good tick ended less than `limit_s` ago."""

    name: str
    age_s: float
    limit_s: float
    trouble: str | None

    @property
    def is_fresh(self) -> bool:
        return self.age_s < self.limit_s


@dataclass(frozen=True, slots=True)
class Charge:
    """A loop to be run. `bell` asks for a tick at once; `limit_s` is how old its heartbeat may become."""

    loop: Loop
    bell: threading.Event
    limit_s: float


class Supervisor:
    """The parent of the loops' threads."""

    def __init__(
        self, charges: Sequence[Charge], *, now: Callable[[], float], monotonic: Callable[[], float], log: Log
    ) -> None:
        self._monotonic = monotonic
        self._runners = [_Runner(charge, now, monotonic, log) for charge in charges]

    def start(self) -> None:
        """Start every loop. Raises EisyncError, and none goes on, where a thread cannot be started for one."""
        try:
            for runner in self._runners:
                runner.thread.start()
        except RuntimeError as error:
            for runner in self._runners:
                runner.ask_to_stop()
            raise EisyncError(
                f"the daemon needs {len(self._runners)} threads and cannot start them ({error}); "
                "raise the limit of processes (TasksMax, pids.max, ulimit -u)"
            ) from error

    def pulses(self) -> list[Pulse]:
        """How every loop fares, now."""
        return [runner.pulse() for runner in self._runners]

    def stop(self, *, within_s: float, give_up: threading.Event) -> bool:
        """Let every loop end what is under way. Returns whether all did, before the limit and before `give_up`."""
        for runner in self._runners:
            runner.ask_to_stop()
        deadline = self._monotonic() + within_s
        for runner in self._runners:
            while runner.thread.is_alive() and self._monotonic() < deadline and not give_up.is_set():
                runner.thread.join(timeout=0.05)
        return not any(runner.thread.is_alive() for runner in self._runners)


class _Runner:
    """One loop and its thread."""

    def __init__(self, charge: Charge, now: Callable[[], float], monotonic: Callable[[], float], log: Log) -> None:
        self._charge = charge
        self._now = now
        self._monotonic = monotonic
        self._log = log
        self._is_stopping = threading.Event()
        self._beat_at = monotonic()
        self._failures = 0
        self._trouble: str | None = None
        self.thread = threading.Thread(target=self._run, name=f"eisync-{charge.loop.name}", daemon=True)

    def ask_to_stop(self) -> None:
        self._is_stopping.set()
        self._charge.bell.set()

    def pulse(self) -> Pulse:
        age_s = self._monotonic() - self._beat_at
        return Pulse(self._charge.loop.name, age_s, self._charge.limit_s, self._trouble)

    def _run(self) -> None:
        while True:
            is_stopping = self._is_stopping.is_set()
            wait_s = self._tick(is_stopping=is_stopping)
            # While it stops, a loop is ticked on until nothing of it is under way.
            if is_stopping and self._charge.loop.is_done:
                return
            if self._failures and not is_stopping:
                self._is_stopping.wait(wait_s)  # the bell of a busy day must not cut the pause short
                continue
            # Never longer than half the limit, so that an idle loop has a fresh heartbeat.
            self._charge.bell.wait(min(wait_s, self._charge.limit_s / 2))
            self._charge.bell.clear()

    def _tick(self, *, is_stopping: bool) -> float:
        try:
            now = self._now()
            if is_stopping:
                self._charge.loop.stop(now)
            wait_s = self._charge.loop.tick(now)
        except Exception as error:  # noqa: BLE001 - see the module's docstring
            return self._fail(error)
        if self._failures:
            self._log.info("loop.recovered", loop=self._charge.loop.name)
        self._failures, self._trouble = 0, None
        self._beat_at = self._monotonic()
        return wait_s

    def _fail(self, error: Exception) -> float:
        self._failures += 1
        self._trouble = str(error) if isinstance(error, EisyncError) else f"unexpected: {type(error).__name__}"
        pause_s = min(LONGEST_PAUSE_S, 2.0 ** min(self._failures - 1, 16))
        fields = {"loop": self._charge.loop.name, "reason": self._trouble, "again_in_s": pause_s}
        if isinstance(error, EisyncError):
            self._log.error("loop.failed", **fields)
        else:
            self._log.exception("loop.failed", **fields)
        return pause_s


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
