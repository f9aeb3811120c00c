"""Files that arrive over time: moved into the folder of a running daemon, so many a second.

The lag of a file is the time from its rename into the folder until the service stored it (the `added` of its sample, by
the clock that both share). CPU is that of the daemon, from the first rename until the last file is stored.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from data_api import ROOT, Service
from sample_files import SampleFile
from senders import configured, environ

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Arrival:
    """What was measured. `took_s` is from the first rename until the last file was stored; lags are in seconds."""

    took_s: float
    cpu_s: float
    peak_mb: float
    lag_p50_s: float
    lag_p99_s: float


def arriving(at: Service, place: str, samples: Sequence[SampleFile], *, files_per_s: float) -> Arrival:
    """Take the files out of their folder, and move them back in while a daemon watches it."""
    outside = place + "-outside"
    os.rename(place, outside)
    os.makedirs(place)
    with tempfile.TemporaryDirectory() as state, open(os.path.join(state, "log"), "wb") as log:
        command = ["-m", "eisync", "run", "--config", configured(state, place), "--state-dir", state]
        daemon = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environ(at), stdout=log, stderr=log)
        try:
            await_start(daemon, os.path.join(state, "log"))
            began_cpu_s, moved_at = cpu_s(daemon.pid), move(samples, place, outside, files_per_s)
            stored_at = await_stored(at, len(samples), daemon)
            used_s, peak = cpu_s(daemon.pid) - began_cpu_s, peak_mb(daemon.pid)
        finally:
            daemon.terminate()
            daemon.wait(30)
            shutil.rmtree(outside)
    lags = sorted(stored_at[os.path.basename(path)] - moved for path, moved in moved_at.items())
    took_s = max(stored_at.values()) - min(moved_at.values())
    return Arrival(took_s, used_s, peak, statistics.median(lags), lags[len(lags) * 99 // 100])


def move(samples: Sequence[SampleFile], place: str, outside: str, files_per_s: float) -> dict[str, float]:
    """Move each file in at its time. What describes them is there before. Return when each was moved (Unix s)."""
    wanted = {one.path for one in samples}
    for folder, _, names in os.walk(outside):
        here = place + folder.removeprefix(outside)
        os.makedirs(here, exist_ok=True)
        for name in names:
            if os.path.join(here, name) not in wanted:
                os.rename(os.path.join(folder, name), os.path.join(here, name))
    time.sleep(1.0)  # the folders are watched
    moved_at: dict[str, float] = {}
    began = time.perf_counter()
    for number, sample in enumerate(samples):
        wait_s = began + number / files_per_s - time.perf_counter()
        if wait_s > 0:
            time.sleep(wait_s)
        os.rename(outside + sample.path.removeprefix(place), sample.path)
        moved_at[sample.path] = time.time()
    return moved_at


def await_start(daemon: subprocess.Popen[bytes], log: str) -> None:
    """Wait until the daemon watches the empty folder and is idle."""
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at and daemon.poll() is None:
        with open(log, "rb") as file:
            if b"eisync watches " in file.read():
                time.sleep(1.0)
                return
        time.sleep(0.05)
    with open(log) as text:
        sys.exit(f"the daemon did not begin:\n{text.read()[-2000:]}")


def await_stored(at: Service, files: int, daemon: subprocess.Popen[bytes]) -> dict[str, float]:
    """Wait until the service holds all files. Return when it stored each (Unix s), by the file's name."""
    give_up_at = time.monotonic() + PATIENCE_S
    while at.call("GET", "/emulator/ledger")["stored"] < files:
        if time.monotonic() > give_up_at or daemon.poll() is not None:
            sys.exit("the files did not arrive")
        time.sleep(0.2)
    [project] = at.call("GET", "/v1/api/projects")["projects"]
    stored_at: dict[str, float] = {}
    before = ""
    while len(stored_at) < files:
        page = at.call("GET", f"/v1/api/{project['id']}/raw-data?category=all&limit=1000{before}")["samples"]
        for sample in page:
            name = sample["coldstorageFilename"].rpartition("/")[2]
            stored_at[name.rsplit(".", 3)[0]] = datetime.fromisoformat(sample["added"]).timestamp()
        before = f"&maxId={page[-1]['id']}"
    return stored_at


def cpu_s(process: int) -> float:
    with open(f"/proc/{process}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def peak_mb(process: int) -> float:
    with open(f"/proc/{process}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
