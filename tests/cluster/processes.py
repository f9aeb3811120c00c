"""A Dask cluster of real processes, which tests start, stop and kill."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import until

Process = subprocess.Popen[bytes]

REASON = None if os.environ.get("EISYNC_DASK") == "1" else "`make test-dask` runs it"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@dataclass
class Cluster:
    """One scheduler and its workers. What they log is in `place`."""

    place: Path
    environ: Mapping[str, str]
    port: int = field(default_factory=free_port)
    page_port: int = field(default_factory=free_port)
    scheduler: Process | None = None
    workers: list[Process] = field(default_factory=list)
    started: int = 0

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    @property
    def logs(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted(self.place.glob("*.log")))

    def start_scheduler(self) -> None:
        page = f"127.0.0.1:{self.page_port}"
        options = ("--host", "127.0.0.1", "--port", str(self.port), "--dashboard-address", page)
        # Without the key: the scheduler may be someone else's, and never needs it.
        environ = {name: value for name, value in self.environ.items() if name != "EI_API_KEY"}
        self.scheduler = self._start("scheduler", *options, environ=environ)
        until(self._answers)

    def start_worker(self, *, threads: int = 2, within: Sequence[str] = (), **more: str) -> Process:
        """Start a worker, by the command `within` if there is one. An empty text in `more` removes a variable."""
        environ = {name: value for name, value in {**self.environ, **more}.items() if value}
        count = self.log_count("Register worker")
        spill = self.place / f"spill-{self.started}"
        options = (self.address, "--no-nanny", "--nthreads", str(threads), "--local-directory", str(spill))
        process = self._start("worker", *options, "--host", "127.0.0.1", environ=environ, within=within)
        self.workers.append(process)
        until(lambda: self.log_count("Register worker") > count)
        return process

    def log_count(self, text: str) -> int:
        return self.logs.count(text)

    def kill_scheduler(self) -> None:
        assert self.scheduler is not None
        kill(self.scheduler)

    def stop_workers(self) -> None:
        while self.workers:
            kill(self.workers.pop())

    def close(self) -> None:
        self.stop_workers()
        if self.scheduler is not None:
            kill(self.scheduler)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
            return True
        return False

    def _start(self, role: str, *options: str, environ: Mapping[str, str], within: Sequence[str] = ()) -> Process:
        self.started += 1
        command = [*within, sys.executable, "-m", f"distributed.cli.dask_{role}", *options]
        with (self.place / f"{role}-{self.started}.log").open("wb") as log:
            return subprocess.Popen(command, env=dict(environ), cwd=self.place, stdout=log, stderr=log)


def kill(process: Process) -> None:
    """Kill the process, whether it runs or is stopped."""
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)


@contextlib.contextmanager
def cluster_at(place: Path, environ: Mapping[str, str], *, workers: int = 2) -> Iterator[Cluster]:
    place.mkdir(exist_ok=True)
    settings = {
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",
        "PYTHONWARNINGS": "default",
        "PYTHONPATH": str(Path(__file__).parent.parent.parent),  # for `tests.cluster.work`
    }
    cluster = Cluster(place, {**environ, **settings})
    try:
        cluster.start_scheduler()
        for _ in range(workers):
            cluster.start_worker()
        yield cluster
    finally:
        cluster.close()
