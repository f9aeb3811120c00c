"""Run the loops: each in a thread of its own, or in turn for a single pass.

The failure of a loop is logged, and the loop is tried again after a pause. Its heartbeat gets older meanwhile, so that
a watchdog detects a loop that only fails. This is one of the three places that catch every exception; the others are
the main function of the command line, and the answer to a browser (`eisync.web.site`).
"""

import threading
from collections.abc import Callable, Sequence

from eisync.core.model import value
from eisync.errors import EisyncError
from eisync.loops.ports import Log, Loop
from eisync.loops.reconciler.loop import ReconcilerLoop
from eisync.loops.retention.loop import RetentionLoop
from eisync.loops.uploader.loop import UploaderLoop
from eisync.loops.watcher.loop import WatcherLoop

LONGEST_PAUSE_S = 60.0


@value
class LoopHealth:
    """The health of a loop. It is fresh if its last successful tick ended less than `limit_s` ago."""

    name: str
    age_s: float
    limit_s: float
    trouble: str | None

    @property
    def is_fresh(self) -> bool:
        return self.age_s < self.limit_s


@value
class SupervisedLoop:
    """A loop to run. `bell` asks for a tick at once; `limit_s` is how old its heartbeat may become.

    `awaits_s` returns how much longer that is because a tick waits for answers. It may return more later.
    """

    loop: Loop
    bell: threading.Event
    limit_s: float
    awaits_s: Callable[[], float] = lambda: 0.0


class Supervisor:
    """Starts the threads of the loops, checks their heartbeats, and joins them."""

    def __init__(
        self,
        supervised: Sequence[SupervisedLoop],
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        log: Log,
    ) -> None:
        self._monotonic = monotonic
        self._runners = [_Runner(supervised, now, monotonic, log) for supervised in supervised]

    def start(self) -> None:
        """Start every loop. If a thread cannot be started, stop all and raise EisyncError."""
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

    def health(self) -> list[LoopHealth]:
        """Return the health of every loop."""
        return [runner.health() for runner in self._runners]

    def stop(self, *, within_s: float, give_up: threading.Event) -> bool:
        """Let every loop finish its work. Return whether all did within the limit, and before `give_up` was set."""
        for runner in self._runners:
            runner.ask_to_stop()
        deadline = self._monotonic() + within_s
        for runner in self._runners:
            while runner.thread.is_alive() and self._monotonic() < deadline and not give_up.is_set():
                runner.thread.join(timeout=0.05)
        return not any(runner.thread.is_alive() for runner in self._runners)


class _Runner:
    """One loop and its thread."""

    def __init__(
        self, supervised: SupervisedLoop, now: Callable[[], float], monotonic: Callable[[], float], log: Log
    ) -> None:
        self._supervised = supervised
        self._now = now
        self._monotonic = monotonic
        self._log = log
        self._is_stopping = threading.Event()
        self._beat_at = monotonic()
        self._failures = 0
        self._trouble: str | None = None
        self.thread = threading.Thread(target=self._run, name=f"eisync-{supervised.loop.name}", daemon=True)

    def ask_to_stop(self) -> None:
        self._is_stopping.set()
        self._supervised.bell.set()

    def health(self) -> LoopHealth:
        age_s = self._monotonic() - self._beat_at
        supervised = self._supervised
        return LoopHealth(supervised.loop.name, age_s, supervised.limit_s + supervised.awaits_s(), self._trouble)

    def _run(self) -> None:
        while True:
            is_stopping = self._is_stopping.is_set()
            wait_s = self._tick(is_stopping=is_stopping)
            # A stopping loop still gets its ticks, until none of its work is under way.
            if is_stopping and self._supervised.loop.is_done:
                return
            if self._failures and not is_stopping:
                self._is_stopping.wait(wait_s)  # not the bell: on a busy day it would cut the pause short
                continue
            # Wait at most half the limit, so that the heartbeat of an idle loop stays fresh.
            self._supervised.bell.wait(min(wait_s, self._supervised.limit_s / 2))
            self._supervised.bell.clear()

    def _tick(self, *, is_stopping: bool) -> float:
        try:
            now = self._now()
            if is_stopping:
                self._supervised.loop.stop(now)
            wait_s = self._supervised.loop.tick(now)
        except Exception as error:  # noqa: BLE001 - see the module's docstring
            return self._fail(error)
        if self._failures:
            self._log.info("loop.recovered", loop=self._supervised.loop.name)
        self._failures, self._trouble = 0, None
        self._beat_at = self._monotonic()
        return wait_s

    def _fail(self, error: Exception) -> float:
        self._failures += 1
        self._trouble = str(error) if isinstance(error, EisyncError) else f"unexpected: {type(error).__name__}"
        pause_s = min(LONGEST_PAUSE_S, 2.0 ** min(self._failures - 1, 16))
        fields = {"loop": self._supervised.loop.name, "reason": self._trouble, "again_in_s": pause_s}
        if isinstance(error, EisyncError):
            self._log.error("loop.failed", **fields)
        else:
            self._log.exception("loop.failed", **fields)
        return pause_s


LONGEST_WAIT_S = 0.5
RECHECK_S = 2.0


@value
class Loops:
    """The loops that a single pass runs."""

    watcher: WatcherLoop
    uploader: UploaderLoop
    reconciler: ReconcilerLoop | None
    retention: RetentionLoop | None


@value
class _Done:
    """How far a pass is: files that arrived and whether it was listed, failures until then, bytes that went out."""

    arrived: tuple[int, bool]
    failed: int
    sent_bytes: int


class Once:
    """Runs the loops in turn in one thread, for `eisync once`. Calls `progress` after every turn."""

    def __init__(
        self,
        loops: Loops,
        *,
        pending: Callable[[], int],
        now: Callable[[], float],
        bell: threading.Event,
        progress: Callable[[], None],
        connect: Callable[[], None] = lambda: None,
        sent_bytes: Callable[[], int] = lambda: 0,
    ) -> None:
        """`pending` returns how many files are in the outbox. `bell` is set when an event or an answer has arrived.

        `sent_bytes` returns how much was sent, of requests under way too: a large file on a slow line is progress.
        `connect` is called when the first file waits: it opens connections, without waiting for them.
        """
        self._watcher = loops.watcher
        self._uploader = loops.uploader
        self._reconciler = loops.reconciler
        self._retention = loops.retention
        self._pending = pending
        self._now = now
        self._bell = bell
        self._progress = progress
        self._connect: Callable[[], None] | None = connect
        self._sent_bytes = sent_bytes
        self._done = _Done((0, False), 0, 0)
        self._checked_at = 0.0
        self._has_listed = False

    def run(self, *, patience_s: float, is_stopped: Callable[[], bool]) -> None:
        """Work until nothing is pending, until there is no progress for `patience_s`, or `is_stopped` returns True."""
        self._uploader.check_projects(self._now())  # the answers come while the watcher scans
        progress_at = self._now()
        while not is_stopped():
            now = self._now()
            watcher_s = self._watcher.tick(now)
            self._connect_ahead()
            self._list_first(is_stopped)
            wait_s = min(watcher_s, self._uploader.tick(self._now()))
            self._progress()
            if self._has_advanced():
                progress_at = self._now()
            if self._is_drained() or now - progress_at >= patience_s:
                break
            self._check_again(now)
            self._bell.wait(min(wait_s, LONGEST_WAIT_S))
            self._bell.clear()
        self._finish_uploads(is_stopped)
        self._reconcile(is_stopped)
        self._uploader.tick(self._now())  # it stores whether the service inferred the right labels, once it is known
        self._run_retention(is_stopped)
        self._watcher.stop(self._now())  # it stores which files are incomplete, for later commands

    def _has_advanced(self) -> bool:
        """Return whether there was progress since the last call.

        What goes out is none after a failure, until a file arrives: a service that fails takes the same bytes again and
        again.
        """
        counters, before = self._uploader.counters, self._done
        arrived, failed = (counters.finished, self._has_listed), counters.failed
        self._done = _Done(arrived, failed if arrived != before.arrived else before.failed, self._sent_bytes())
        is_sending = self._done.sent_bytes != before.sent_bytes and failed == self._done.failed
        return self._watcher.is_walking or arrived != before.arrived or is_sending

    def _connect_ahead(self) -> None:
        if self._connect is not None and self._pending():
            self._connect()
            self._connect = None

    def _list_first(self, is_stopped: Callable[[], bool]) -> None:
        """Compare with the projects before anything is sent, once, if files wait for that."""
        if self._watcher.wants_listing and not self._has_listed:
            self._has_listed = True
            self._reconcile(is_stopped)

    def _check_again(self, now: float) -> None:
        """If there is nothing else to do, check again whether the files under observation are complete."""
        is_waiting = self._watcher.has_scanned and self._uploader.is_idle
        if is_waiting and not 0 <= now - self._checked_at < RECHECK_S:
            self._watcher.check_observed()
            self._checked_at = now

    def _is_drained(self) -> bool:
        if not self._watcher.has_scanned or not self._uploader.is_idle:
            return False
        # Do not wait for what needs a person: an unusable sidecar, or a target that refuses the key. All other files
        # are sent first.
        stuck = self._watcher.stuck()
        if stuck is not None and self._pending() <= stuck:
            return True
        return bool(self._uploader.refusals()) and not self._uploader.is_checking_project

    def _finish_uploads(self, is_stopped: Callable[[], bool]) -> None:
        """Wait for the answers of the requests under way. Every request has its own time-out."""
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

    def _run_retention(self, is_stopped: Callable[[], bool]) -> None:
        if self._retention is None:
            return
        self._retention.pass_now()
        while not is_stopped() and not self._retention.is_idle:
            self._retention.tick(self._now())
            self._progress()
