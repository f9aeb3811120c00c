"""Run the loops, each in a thread of its own, and know whether they are alive.

A loop that fails is logged, waits and is tried again. Its heartbeat ages meanwhile, so that a loop which only fails is
noticed from outside. This is one of the two places that catch everything; the other is the command line's border.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eisync.errors import EisyncError
from eisync.loops.ports import Log, Loop

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
