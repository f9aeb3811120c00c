"""What watching costs: latency, CPU a file, warm scans, memory and rest, beside a plain walk and beside watchfiles.

The daemon is a process of its own with a uploader that is quiet all day, so that nothing but watching is measured; its
outbox is asked through its door. Latency is measured in this process, where the very commit can be seen: from the close
of a small whole WAV file to its row, with the settling time that is the default.

    pip install watchfiles                                   # optional: one more column
    python benchmarks/watching.py [--files 100000 1000000] [--folder /dev/shm] [--idle-s 60]
"""

import argparse
import importlib.util
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from eisync.adapters import clock
from eisync.adapters.events.source import EventSource, NullEvents
from eisync.adapters.files import content, file_facts, sidecars, writer_probe
from eisync.control.local_socket import ask
from eisync.core.completeness import CompletenessPolicy
from eisync.core.ignore import IgnoreRules
from eisync.core.labels.path_rules import PathRules
from eisync.core.model import Root
from eisync.errors import DaemonUnreachableError
from eisync.log import configure
from eisync.loops.supervisor import SupervisedLoop, Supervisor
from eisync.loops.watcher.context import Outside, Runtime, Stores, WatchedRoot
from eisync.loops.watcher.loop import WatcherLoop
from eisync.store.database import Database, open_database
from eisync.store.descriptions import Descriptions
from eisync.store.disks import Disks
from eisync.store.index import Index
from eisync.store.outbox import Outbox
from eisync.store.path_index import PathIndex
from eisync.store.sidecars import Sidecars

FILES_A_FOLDER = 1_000
LATENCIES = 500
BURST = 5_000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SCAN_LIMITS_S = {100_000: 0.6, 1_000_000: 7.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--folder", default=None, help="where the trees are made; a million small files need room")
    parser.add_argument("--idle-s", type=float, default=60.0)
    wanted = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory(dir=wanted.folder) as place:
        show_latency(Path(place))
    for number in wanted.files:
        with tempfile.TemporaryDirectory(dir=wanted.folder) as place:
            show_tree(Path(place), number, wanted.idle_s)


# --- latency and CPU a file


def show_latency(place: Path) -> None:
    """From the close of a file to its row, and what a file of a burst costs."""
    (place / "root").mkdir()
    content = whole_wav()
    with watching(place) as machine:
        waits_ms = []
        for number in range(LATENCIES):
            path = place / "root" / f"wave.{number}.wav"
            machine.arrived.clear()
            with path.open("wb") as file:
                time.sleep(0.01)  # it is seen empty, and waited for
                file.write(content)
                file.flush()
                # Not after it: the row may be there before this thread is on its way again.
                closed_at = time.perf_counter()
            if not machine.arrived.wait(5.0):
                sys.exit("a file did not arrive within 5 s")
            waits_ms.append((machine.arrived_at - closed_at) * 1000)
        p50, p99 = statistics.median(waits_ms), statistics.quantiles(waits_ms, n=100)[98]
        print(
            f"latency from close to outbox       p50 {p50:6.2f} ms{kept(p50, 10.0, 'ms')}"
            f"  p99 {p99:6.2f} ms{kept(p99, 50.0, 'ms')}"
        )
        began_s = time.process_time()
        write = (
            "import sys\nfolder, number = sys.argv[1], int(sys.argv[2])\ncontent = open(sys.argv[3], 'rb').read()\n"
            "for n in range(number): open(f'{folder}/b.{n}.wav', 'wb').write(content)"
        )
        (place / "whole").write_bytes(content)
        before = machine.rows()
        subprocess.run([sys.executable, "-c", write, place / "root", str(BURST), place / "whole"], check=True)
        while machine.rows() < before + BURST:
            time.sleep(0.02)
        cost_us = (time.process_time() - began_s) / BURST * 1e6
    print(f"CPU a file of a burst, close to outbox  {cost_us:5.0f} us")
    watchfiles_ms = watchfiles_latency_ms(place / "root", content)
    if watchfiles_ms is not None:
        print(
            f"watchfiles, from close to its event  p50 {watchfiles_ms:5.2f} ms  (ours is {p50 / watchfiles_ms:.1f} x)"
        )


class Machine:
    """The watcher with its loop in a thread, and the instant of its last commit."""

    def __init__(self, place: Path) -> None:
        self._database, _ = open_database(str(place / "state"), exclusive=True)
        outbox, self.index = Outbox(self._database), Index(self._database)
        self.index.register(["main"])
        (root,) = outbox.register([(str(place / "root"), "main")])
        self.arrived, self.arrived_at = threading.Event(), 0.0
        outbox.on_work(self._note)
        self._bell = threading.Event()
        self._events = EventSource(self._bell.set)
        self._events.start()
        log = configure(level="none")
        loop = loop_over(root, outbox, self.index, self._database, self._events, CompletenessPolicy())
        supervised = SupervisedLoop(loop, self._bell, 60.0)
        self._supervisor = Supervisor([supervised], now=clock.now, monotonic=clock.monotonic, log=log)
        self._supervisor.start()
        while not loop.has_scanned:
            time.sleep(0.01)

    def rows(self) -> int:
        return sum(self.index.records.counts().by_state.values())

    def close(self) -> None:
        self._supervisor.stop(within_s=10.0, give_up=threading.Event())
        self._events.stop()
        self._database.close()

    def _note(self) -> None:
        self.arrived_at = time.perf_counter()
        self.arrived.set()


@contextmanager
def watching(place: Path) -> Iterator[Machine]:
    writer_probe.ignore_lease_breaks()
    machine = Machine(place)
    yield machine
    machine.close()


AT_ONCE = CompletenessPolicy(settle_s=0.0)


def loop_over(
    root: Root,
    outbox: Outbox,
    index: Index,
    database: Database,
    events: EventSource | NullEvents,
    policy: CompletenessPolicy = AT_ONCE,
) -> WatcherLoop:
    return WatcherLoop(
        [WatchedRoot(root=root, eligibility=IgnoreRules(), labelling=PathRules(), policy=policy)],
        Stores(
            outbox=outbox,
            index=index,
            paths=PathIndex(database),
            disks=Disks(database),
            sidecars=Sidecars(database),
            descriptions=Descriptions(database),
        ),
        Outside(
            files=file_facts,
            mounts=file_facts,
            contents=content,
            ask_writers=writer_probe.WriterProbe().asking,
            read_sidecar=sidecars.Reading,
            annotation_of=sidecars.annotation_at,
        ),
        events=events,
        runtime=Runtime(spent_s=clock.spent_s),
        log=configure(level="none"),
    )


def whole_wav() -> bytes:
    """A quarter of a second of silence."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(bytes(8_000))
    return buffer.getvalue()


def watchfiles_latency_ms(root: Path, content: bytes) -> float | None:
    """The same for watchfiles, where it is installed."""
    if importlib.util.find_spec("watchfiles") is None:
        print("(watchfiles is not installed: no comparison)")
        return None
    from watchfiles import watch

    stop, seen = threading.Event(), threading.Event()
    seen_at = [0.0]

    def listen() -> None:
        for _ in watch(root, debounce=1, step=1, stop_event=stop, rust_timeout=200):
            seen_at[0] = time.perf_counter()
            seen.set()

    thread = threading.Thread(target=listen)
    thread.start()
    time.sleep(1.0)
    waits_ms = []
    for number in range(100):
        seen.clear()
        (root / f"w.{number}.wav").write_bytes(content)
        closed_at = time.perf_counter()
        if seen.wait(2.0):
            waits_ms.append((seen_at[0] - closed_at) * 1000)
        time.sleep(0.02)
    stop.set()
    thread.join()
    return statistics.median(waits_ms)


# --- a tree


def show_tree(place: Path, number: int, idle_s: float) -> None:
    """Scans, memory and rest over a tree of `number` files."""
    root = place / "root"
    make_tree(root, number)
    print(f"{number:,} files in {max(1, number // FILES_A_FOLDER):,} folders")
    walk_s = best(lambda: plain_walk(str(root)))
    stat_s = best(lambda: plain_walk(str(root), with_stat=True))
    cold_s, warm_s, core_s = scans(place)
    limit_s = SCAN_LIMITS_S.get(number)
    print(f"  plain os.scandir walk, names only     {walk_s:7.2f} s")
    print(f"  plain os.scandir walk, with facts     {stat_s:7.2f} s")
    print(f"  first scan, every file into the outbox{cold_s:7.2f} s  {cold_s / number * 1e6:5.1f} us a file")
    print(
        f"  warm scan                             {warm_s:7.2f} s  {warm_s / stat_s:5.1f} x the walk with facts"
        + (kept(warm_s, limit_s, "s") if limit_s else "")
    )
    print(f"  what it takes of a core               {core_s:7.2f} s  (on a machine that does other work, this tells)")
    show_daemon(place, idle_s)
    show_watchfiles_memory(root)


def make_tree(root: Path, number: int) -> None:
    for folder in range(max(1, number // FILES_A_FOLDER)):
        place = os.path.join(root, f"{folder:04}")
        os.makedirs(place)
        for file in range(min(number, FILES_A_FOLDER)):
            descriptor = os.open(os.path.join(place, f"wave.{file:04}.csv"), os.O_CREAT | os.O_WRONLY)
            os.write(descriptor, b"timestamp,x\n0,%d\n" % file)
            os.close(descriptor)


def plain_walk(root: str, *, with_stat: bool = False) -> None:
    waiting = [root]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif with_stat:
                    entry.stat(follow_symlinks=False)


def best(work: Callable[[], None], clock: Callable[[], float] = time.perf_counter) -> float:
    seconds = []
    for _ in range(3):
        began_at = clock()
        work()
        seconds.append(clock() - began_at)
    return min(seconds)


def scans(place: Path) -> tuple[float, float, float]:
    """The first scan, and the best of three when every file is known, by the clock and by what it takes of a core."""
    database, _ = open_database(str(place / "state"), exclusive=True)
    outbox, index = Outbox(database), Index(database)
    index.register(["main"])
    (root,) = outbox.register([(str(place / "root"), "main")])
    now = time.time() + 60.0

    def scan() -> None:
        loop = loop_over(root, outbox, index, database, NullEvents())
        while loop.tick(now) == 0.0 or not loop.has_scanned:
            pass

    began_at = time.perf_counter()
    scan()
    cold_s = time.perf_counter() - began_at
    warm_s = best(scan)
    core_s = best(scan, time.process_time)
    database.close()
    return cold_s, warm_s, core_s


def show_daemon(place: Path, idle_s: float) -> None:
    """A daemon over the tree: its memory after its first scan, and what it takes while nothing happens."""
    state = str(place / "state")
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("EI_", "EISYNC_"))},
        "EI_API_KEY": "ei_benchmark",
        "EI_API_ENDPOINT": "http://127.0.0.1:9/v1",
        "EI_INGESTION_ENDPOINT": "http://127.0.0.1:9",
        "EISYNC_RECONCILE__ENABLED": "false",
        "EISYNC_UPLOAD__QUIET_HOURS": "00:00-12:00, 12:00-00:00",  # nothing is sent: only watching is measured
        "EISYNC_LOG__LEVEL": "error",
    }
    command = [sys.executable, "-m", "eisync", "run", str(place / "root"), "--state-dir", state]
    began_at = time.time()
    with subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL) as daemon:
        try:
            while True:
                time.sleep(0.2)
                answer = None if daemon.poll() is not None else status_of(state)
                scanned_s = answer["roots"][0]["scanned_s"] if answer else None
                if scanned_s is not None and time.time() - scanned_s > began_at:
                    break
                if daemon.poll() is not None:
                    sys.exit("the daemon ended")
            time.sleep(5.0)
            memory = memory_mb(daemon.pid)
            print(
                f"  the daemon's memory                   {memory['VmRSS']:7.1f} MB (peak {memory['VmHWM']:.1f} MB)",
                end="",
            )
            print(kept(memory["VmRSS"], 60.0, "MB"))
            before_s = cpu_s(daemon.pid)
            time.sleep(idle_s)
            share = (cpu_s(daemon.pid) - before_s) / idle_s * 100
            print(f"  the daemon at rest for {idle_s:.0f} s            {share:7.2f} % of a core{kept(share, 0.1, '%')}")
        finally:
            daemon.terminate()


def status_of(state: str) -> dict[str, Any] | None:
    """What the daemon says of itself; None while it does not answer, as on a machine that does much else."""
    with suppress(DaemonUnreachableError):
        return next(iter(ask(state, {"do": "status"}) or ()), None)
    return None


def show_watchfiles_memory(root: Path) -> None:
    if importlib.util.find_spec("watchfiles") is None:
        return
    script = (
        "import json, resource, sys, threading, time\n"
        "from watchfiles import watch\n"
        "stop = threading.Event(); threading.Timer(3.0, stop.set).start(); began = time.perf_counter()\n"
        "for _ in watch(sys.argv[1], stop_event=stop, rust_timeout=500): pass\n"
        "print(json.dumps([next(l for l in open('/proc/self/status') if l.startswith('VmRSS')).split()[1]]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(root)], capture_output=True, text=True, check=True)
    print(
        f"  watchfiles' memory on the same tree   {int(json.loads(done.stdout)[0]) / 1024:7.1f} MB (it keeps no index)"
    )


def memory_mb(pid: int) -> dict[str, float]:
    with open(f"/proc/{pid}/status") as file:
        rows = (line.split() for line in file if line.startswith(("VmRSS", "VmHWM")))
        return {row[0].rstrip(":"): int(row[1]) / 1024 for row in rows}


def cpu_s(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def kept(figure: float, limit: float, unit: str) -> str:
    return f"  (limit {limit:g} {unit}: {'kept' if figure < limit else 'MISSED'})"


if __name__ == "__main__":
    main()
