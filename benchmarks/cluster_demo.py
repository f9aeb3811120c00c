"""Drain many files through a Dask cluster on this machine, kill its workers meanwhile, and count what arrived.

Starts the emulator, a scheduler and workers, each a process of its own, then `eisync once --scheduler`. At each of
several points of the drain one worker is killed (SIGKILL) and another one is started. At the end the ledger of the
emulator says how often each content was stored.

    python benchmarks/cluster_demo.py
    python benchmarks/cluster_demo.py --files 2000 --kills 3
"""

import argparse
import contextlib
import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

IN_A_FOLDER = 1000
SHOW_S = 5.0
START_WITHIN_S = 60.0
NAMES = ("studio", "ingestion", "scheduler", "page")

Process = subprocess.Popen[bytes]


def main() -> int:
    asked = arguments()
    with tempfile.TemporaryDirectory(prefix="eisync-cluster-", dir=asked.place) as place, Demo(place) as demo:
        say(f"writing {asked.files:,} files")
        hashes = demo.fill(asked.files)
        demo.start_services()
        for _ in range(asked.workers):
            demo.start_worker()
        say(f"scheduler {demo.scheduler}, {asked.workers} workers; pages: http://127.0.0.1:{demo.ports['page']}/status")
        began_at = time.monotonic()
        code = demo.drain(asked.files, asked.kills)
        took_s = time.monotonic() - began_at
        return demo.report(hashes, code, took_s)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--workers", type=int, default=2, help="worker processes, with 4 threads each")
    parser.add_argument("--kills", type=int, default=8, help="how many workers are killed")
    parser.add_argument("--place", help="the folder for files and state (default: the system's for temporary files)")
    return parser.parse_args()


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


@dataclass
class Demo:
    """All processes of the demonstration. They end with it."""

    place: str
    key: str = field(default_factory=lambda: "ei_" + secrets.token_hex(32))
    ports: dict[str, int] = field(default_factory=lambda: dict(zip(NAMES, free_ports(len(NAMES)), strict=True)))
    workers: list[Process] = field(default_factory=list)
    others: list[Process] = field(default_factory=list)
    killed: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.workers, *reversed(self.others)]:
            process.kill()
            process.wait()

    @property
    def scheduler(self) -> str:
        return f"tcp://127.0.0.1:{self.ports['scheduler']}"

    @property
    def recordings(self) -> str:
        return os.path.join(self.place, "recordings")

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment of workers and coordinator: each has the key as a secret of its own."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("EI_", "EISYNC_"))}
        return own | {
            "EI_API_KEY": self.key,
            "EI_API_ENDPOINT": f"http://127.0.0.1:{self.ports['studio']}/v1",
            "EI_INGESTION_ENDPOINT": f"http://127.0.0.1:{self.ports['ingestion']}",
        }

    def fill(self, files: int) -> set[str]:
        """Write the files. Return the SHA-256 of each."""
        hashes = set()
        for number in range(files):
            folder = os.path.join(self.recordings, f"session-{number // IN_A_FOLDER:04d}")
            if number % IN_A_FOLDER == 0:
                os.makedirs(folder)
            content = f"timestamp,accX\n0,{number}\n10,{number + 1}\n".encode()
            with open(os.path.join(folder, f"walk.{number:07d}.csv"), "wb", buffering=0) as file:
                file.write(content)
            hashes.add(hashlib.sha256(content).hexdigest())
        return hashes

    def start_services(self) -> None:
        """Start the emulator and the scheduler. Neither needs the key in its environment."""
        ports, environ = self.ports, {name: value for name, value in self.environ.items() if name != "EI_API_KEY"}
        data = os.path.join(self.place, "emulator")
        studio, ingestion = ("--studio-port", str(ports["studio"])), ("--ingestion-port", str(ports["ingestion"]))
        service = ("eisync", "emulator", "--no-remote", "--data", data, "--key", self.key, *studio, *ingestion)
        self.others.append(self._start("emulator", *service, environ=environ))
        page = ("--dashboard-address", f"127.0.0.1:{ports['page']}")
        place = ("--host", "127.0.0.1", "--port", str(ports["scheduler"]))
        self.others.append(self._start("scheduler", "distributed.cli.dask_scheduler", *place, *page, environ=environ))
        for name in ("studio", "ingestion", "scheduler"):
            wait_for(ports[name])

    def start_worker(self) -> None:
        options = ("--no-nanny", "--nthreads", "4", "--host", "127.0.0.1", "--no-dashboard")
        own = ("--local-directory", os.path.join(self.place, "spill"))
        command = ("distributed.cli.dask_worker", self.scheduler, *options, *own)
        self.workers.append(self._start("worker", *command, environ=self.environ))

    def drain(self, files: int, kills: int, *, is_shown: bool = True) -> int:
        """Upload everything, and kill a worker at `kills` points of the way. Return the exit code of `eisync once`."""
        until(self._has_worker)
        state = ("--state-dir", os.path.join(self.place, "state"))
        once = ("eisync", "once", self.recordings, "--scheduler", self.scheduler, "--timeout", "120", *state)
        process = self._start("once", *once, environ=self.environ)
        self.others.append(process)
        shown_at = time.monotonic()
        while process.poll() is None:
            done = self.stored() if is_shown or kills else 0
            if self.killed < kills and done > files * (self.killed + 1) // (kills + 1):
                self._kill_one(done)
            if is_shown and time.monotonic() - shown_at > SHOW_S:
                say(f"{done:>9,} of {files:,} stored, {self.killed} workers killed")
                shown_at = time.monotonic()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.1)
        return process.returncode

    def stored(self) -> int:
        """Return how many samples the project has."""
        request = urllib.request.Request(f"{self.environ['EI_API_ENDPOINT']}/api/1/raw-data/count")
        request.add_header("x-api-key", self.key)
        total = 0
        for category in ("training", "testing"):
            request.full_url = f"{self.environ['EI_API_ENDPOINT']}/api/1/raw-data/count?category={category}"
            total += int(fetched(request)["count"])
        return total

    def report(self, hashes: set[str], code: int, took_s: float) -> int:
        """Print what the ledger says. Return the exit code."""
        ledger = fetched(urllib.request.Request(f"http://127.0.0.1:{self.ports['studio']}/emulator/ledger"))
        stored = ledger["stored_by_hash"]
        once = sum(1 for found in hashes if stored.get(found) == 1)
        twice, foreign = sum(number > 1 for number in stored.values()), len(stored.keys() - hashes)
        say(f"eisync once ended with {code} after {took_s:.0f} s; {self.killed} workers were killed")
        say(f"of {len(hashes):,} files, by the ledger of the emulator:")
        say(f"{once:>9,} stored once, {len(hashes - stored.keys()):,} missing, {twice:,} twice, {foreign:,} foreign")
        say(
            f"{ledger['requests']:>9,} requests, {ledger['truncated']:,} of them cut off with the worker that sent them"
        )
        say(f"{ledger['duplicates_refused']:>9,} files sent again after their answer was lost: they were there already")
        is_whole = once == len(hashes) == len(stored) and code == 0
        say("every file is stored exactly once" if is_whole else f"WRONG: see {self._log('once')}")
        if not is_whole:
            with open(self._log("once"), encoding="utf-8", errors="replace") as log:
                print("".join(log.readlines()[-20:]))
        return 0 if is_whole else 1

    def _kill_one(self, done: int) -> None:
        victim = self.workers.pop(0)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        self.start_worker()
        self.killed += 1
        say(f"{done:>9,} stored: killed worker {victim.pid}, and started another one")

    def _has_worker(self) -> bool:
        with open(self._log("scheduler"), encoding="utf-8", errors="replace") as log:
            return log.read().count("Register worker") >= len(self.workers)

    def _log(self, role: str) -> str:
        return os.path.join(self.place, f"{role}.log")

    def _start(self, role: str, module: str, *options: str, environ: Mapping[str, str]) -> Process:
        with open(self._log(role), "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, *options], env=dict(environ), cwd=self.place, stdout=log, stderr=log
            )


def free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in found]


def wait_for(port: int) -> None:
    def answers() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return True
        return False

    until(answers)


def until(is_true: Callable[[], bool]) -> None:
    end = time.monotonic() + START_WITHIN_S
    while not is_true():
        if time.monotonic() > end:
            raise SystemExit("a process of the demonstration did not start in time")
        time.sleep(0.1)


def fetched(request: urllib.request.Request) -> dict[str, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


if __name__ == "__main__":
    sys.exit(main())
