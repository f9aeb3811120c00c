"""What starting costs: `import eisync.data`, `eisync once` and `run`, and `eisync status` with and without a daemon.

`once` works on an empty folder, against an emulator: it asks for the project, scans, and lists it. `run` is timed until
it reports to the service manager that it is ready. Both are measured in a new state folder and in one that is there,
with pandas installed beside if it is.

Every figure is of a fresh interpreter, beside a bare one in the same run; these machines are noisy, so the median of
many runs is printed with the quickest. Peak memory is the resident set of an importing process, as it reads it from the
kernel itself (VmHWM): what a parent is told of its child counts the parent's own pages before the exec.

    python benchmarks/startup.py
"""

import importlib.util
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from eisync.core.lifecycle import Event
from eisync.core.model import Candidate, Category, FileFacts
from eisync.core.outcome import Outcome
from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.store.database import open_database
from eisync.store.index import Index
from eisync.store.outbox import Outbox

RUNS = 21
FILES = 10_000


@dataclass(frozen=True)
class Cost:
    """Of one command, over many runs."""

    median_s: float
    best_s: float


def main() -> None:
    bare = cost([sys.executable, "-c", "pass"])
    show("a bare interpreter", bare, bare, peak_mb=peak_of("pass"))
    imported = "import eisync.data"
    seen = cost([sys.executable, "-c", imported])
    show(imported, seen, bare, limit_s=0.3, peak_mb=peak_of(imported), limit_mb=40)
    imported = "import eisync.data, requests"
    show(imported, cost([sys.executable, "-c", imported]), bare, peak_mb=peak_of(imported))
    with tempfile.TemporaryDirectory() as folder:
        starts(folder, bare)
        state = os.path.join(folder, "state")
        fill(state)
        status = [sys.executable, "-m", "eisync", "status", "--state-dir", state]
        show(f"eisync status, {FILES:,} files, no daemon", cost(status), bare, limit_s=0.2)
        with running_daemon(folder, state):
            show(f"eisync status, {FILES:,} files, of the daemon", cost(status), bare, limit_s=0.2)


def starts(folder: str, bare: Cost) -> None:
    """Measure `once` on an empty folder and `run` until it is ready, in a new state folder and in one that is there."""
    beside = "with" if importlib.util.find_spec("pandas") else "WITHOUT"
    empty, state = os.path.join(folder, "empty"), os.path.join(folder, "new state")
    os.makedirs(empty)
    with running_emulator() as running:
        environ = environ_of(running)
        once = [sys.executable, "-m", "eisync", "once", empty, "--state-dir", state]
        run = [sys.executable, "-m", "eisync", "run", empty, "--state-dir", state]

        def forget() -> None:
            shutil.rmtree(state, ignore_errors=True)

        new = cost(once, environ=environ, prepare=forget)
        show(f"eisync once, new state, {beside} pandas", new, bare, limit_s=0.25)
        show("eisync once, existing state", cost(once, environ=environ), bare, limit_s=0.25)
        new = cost(run, environ=environ, prepare=forget, until_ready=os.path.join(folder, "notify"))
        show(f"eisync run until ready, new state, {beside} pandas", new, bare, limit_s=0.25)
        known = cost(run, environ=environ, until_ready=os.path.join(folder, "notify"))
        show("eisync run until ready, existing state", known, bare, limit_s=0.25)


def cost(
    command: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    prepare: Callable[[], None] = lambda: None,
    until_ready: str | None = None,
) -> Cost:
    """Run `command` many times, each in a process of its own, after `prepare`.

    `until_ready`: measure until it reports to this socket that it is ready, then end it.
    """
    seconds = []
    for _ in range(RUNS):
        prepare()
        began_at = time.perf_counter()
        if until_ready is None:
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ, check=True)
            seconds.append(time.perf_counter() - began_at)
        else:
            seconds.append(until_it_is_ready(command, environ or {}, until_ready) - began_at)
    return Cost(statistics.median(seconds), min(seconds))


def until_it_is_ready(command: Sequence[str], environ: Mapping[str, str], address: str) -> float:
    """Return when the daemon reported that it is ready, and end it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(address)
        notified.settimeout(30)
        try:
            with subprocess.Popen(
                command,
                env={**environ, "NOTIFY_SOCKET": address},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as daemon:
                try:
                    while b"READY=1" not in notified.recv(4096):
                        pass
                    return time.perf_counter()
                finally:
                    daemon.terminate()
        finally:
            os.unlink(address)


def peak_of(statement: str) -> float:
    """The peak resident set, in MB, of a process that ran `statement`."""
    script = f"{statement}\nprint(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[1]) / 1024


def show(
    what: str,
    seen: Cost,
    bare: Cost,
    *,
    limit_s: float | None = None,
    peak_mb: float | None = None,
    limit_mb: float | None = None,
) -> None:
    """One line: the figures, the ratio to a bare interpreter, and whether the limits hold."""
    line = f"{what:<44} median {seen.median_s * 1000:4.0f} ms  best {seen.best_s * 1000:4.0f} ms"
    line += f"  {seen.median_s / bare.median_s:4.1f} x bare"
    if limit_s is not None:
        line += f"  (limit {limit_s * 1000:.0f} ms: {'kept' if seen.median_s < limit_s else 'MISSED'})"
    if peak_mb is not None:
        line += f"  peak {peak_mb:.1f} MB"
    if peak_mb is not None and limit_mb is not None:
        line += f"  (limit {limit_mb:.0f} MB: {'kept' if peak_mb < limit_mb else 'MISSED'})"
    print(line, flush=True)


def fill(state: str) -> None:
    """A state folder with synced files."""
    now = time.time()
    database, _ = open_database(state, exclusive=True)
    outbox, index = Outbox(database), Index(database)
    index.register(["main"])
    (root,) = outbox.register([(os.path.join(state, "recordings"), "main")])
    outbox.enqueue(
        (
            Candidate(
                root_id=root.id,
                path=f"training/wave.{number}.cbor",
                target="main",
                facts=FileFacts(4096, number, number),
                label="wave",
                category=Category.TRAINING,
            )
            for number in range(FILES)
        ),
        now=now,
    )
    items = outbox.claim("main", [root.id], limit=FILES, claim=1, now=now)
    outbox.settle(
        (Outcome(item_id=item.id, events=(Event.STORED,), sample_ids=(item.id,)) for item in items),
        claim=1,
        now=now,
    )
    database.close()


def environ_of(running: RunningEmulator) -> dict[str, str]:
    """Return the environment of a command that sends to the emulator."""
    return {
        **os.environ,
        "EI_API_KEY": running.key,
        "EI_API_ENDPOINT": running.studio_url,
        "EI_INGESTION_ENDPOINT": running.ingestion_url,
    }


class running_daemon:
    """A daemon on the state folder and an emulator for it."""

    def __init__(self, folder: str, state: str) -> None:
        self._folder, self._state = folder, state

    def __enter__(self) -> None:
        self._emulator = running_emulator()
        running = self._emulator.__enter__()
        recordings = os.path.join(self._folder, "recordings")
        os.makedirs(recordings)
        command = [sys.executable, "-m", "eisync", "run", recordings, "--state-dir", self._state]
        self._daemon = subprocess.Popen(
            command, env=environ_of(running), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        healthcheck = [sys.executable, "-m", "eisync", "healthcheck", "--state-dir", self._state]
        while subprocess.run(healthcheck, capture_output=True, check=False).returncode:
            if self._daemon.poll() is not None:
                sys.exit("the daemon did not start")

    def __exit__(self, *_: object) -> None:
        self._daemon.terminate()
        self._daemon.wait(timeout=30)
        self._emulator.__exit__(None, None, None)


if __name__ == "__main__":
    main()
