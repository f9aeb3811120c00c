"""Files written as fast as the machine can, while they are watched: all are found, each enters once.

With EISYNC_LARGE=1 (`make burst`) there are 100,000 files and 1,000,000 renames instead of some thousands.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters import clock
from eisync.adapters.events.source import EventSource
from eisync.core.completeness import CompletenessPolicy
from eisync.core.lifecycle import State
from eisync.loops.supervisor import SupervisedLoop, Supervisor
from tests.loops.yard import Yard

LARGE = os.environ.get("EISYNC_LARGE") == "1"
FILES = 100_000 if LARGE else 4_000
STALLED_FILES = 100_000 if LARGE else 9_000  # two events each; the kernel's queue holds 16,384
RENAMES = 1_000_000 if LARGE else 20_000
WITHIN_S = 600.0 if LARGE else 90.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 if LARGE else 200)]

WRITE = """
import os, sys
root, files, folders = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for number in range(files):
    folder = os.path.join(root, str(number % folders)) if folders else root
    if folders and number < folders:
        os.mkdir(folder)
    with open(os.path.join(folder, f"{number}.csv"), "wb") as file:
        file.write(b"%d" % number)
"""

RENAME = """
import os, sys
os.chdir(sys.argv[1])
for number in range(int(sys.argv[2]) // 2):
    os.rename("a.csv", "b.csv")
    os.rename("b.csv", "a.csv")
"""


class Running:
    """The watcher's loop in a thread, as the daemon runs it, over a real folder."""

    def __init__(self, place: Path) -> None:
        self.yard = Yard(place)
        self.bell = threading.Event()
        self.events = EventSource(self.bell.set)
        self.events.start()
        self.yard.fake_events = self.events  # type: ignore[assignment]
        # Only events, or a scan after lost events, can find a file: no scan is due by itself.
        self.loop = self.yard.watcher(policy=CompletenessPolicy(settle_s=0.2), scan_interval_s=80_000.0)
        supervised = SupervisedLoop(self.loop, self.bell, 60.0)
        self.supervisor = Supervisor([supervised], now=clock.now, monotonic=clock.monotonic, log=self.yard.log)
        self.supervisor.start()
        self.until(lambda: self.loop.has_scanned)

    def until(self, is_true: Callable[[], object]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not is_true():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)

    def entered(self) -> int:
        return sum(self.yard.index.records.counts().by_state.values())

    def entries(self) -> int:
        """Return how often a file entered, counting every version."""
        with self.yard.database.reading() as connection:
            row = connection.execute("select count(*) from history where event = 'complete'").fetchone()
        return int(row[0])

    def run(self, script: str, *arguments: object) -> None:
        subprocess.run([sys.executable, "-c", script, self.yard.root.path, *map(str, arguments)], check=True)

    def close(self) -> None:
        self.supervisor.stop(within_s=30.0, give_up=threading.Event())
        self.events.stop()
        self.yard.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.close()


@contextmanager
def stalled(running: Running) -> Iterator[None]:
    """Do not read the kernel's queue."""
    observer: Any = running.events._observer
    with observer.reader._lock:
        yield


@pytest.mark.parametrize("folders", [0, 1_000 if LARGE else 100], ids=["flat", "in folders"])
@pytest.mark.parametrize("is_stalled", [False, True], ids=["read", "stalled"])
def test_every_file_of_a_burst_enters_once(running: Running, folders: int, is_stalled: bool) -> None:
    files = STALLED_FILES if is_stalled else FILES
    began_at = time.monotonic()
    with stalled(running) if is_stalled else nullcontext():
        running.run(WRITE, files, folders)
    written_s = time.monotonic() - began_at
    running.until(lambda: running.entered() >= files and not running.loop.unsettled(0.0))
    took_s = time.monotonic() - began_at
    tell(f"{files:,} files written in {written_s:.1f} s, all in the outbox after {took_s:.1f} s")
    assert (files, files) == (running.entered(), running.entries())


def tell(figure: str) -> None:
    if LARGE:
        sys.stdout.write(f"\n{figure}\n")


def rss_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024**2


def test_endless_renames_use_no_memory(running: Running) -> None:
    (Path(running.yard.root.path) / "a.csv").write_bytes(b"x")
    running.until(lambda: running.entered() == 1)
    running.run(RENAME, RENAMES // 10)
    before_mb = rss_mb()
    began_at = time.monotonic()
    running.run(RENAME, RENAMES)
    grown_mb = rss_mb() - before_mb
    took_s = time.monotonic() - began_at
    tell(f"{RENAMES:,} renames in {took_s:.1f} s: {grown_mb:+.1f} MB on {before_mb:.0f} MB")
    assert grown_mb < 20.0
    running.until(lambda: running.yard.states() == {"a.csv": State.READY} and not running.loop.unsettled(0.0))
    assert 1 <= running.entries() < RENAMES / 10
