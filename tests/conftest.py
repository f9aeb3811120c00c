"""What many tests need: an emulator, and eisync as a user runs it, in a process of its own."""

import contextlib
import gc
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import settings

from eisync.core.listing import KeepListed
from eisync.core.model import RemoteSample
from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from eisync.store.database import Database
from eisync.store.mirror import Mirrored
from tests.canary import (  # noqa: F401 - pytest finds its hooks and fixtures by their names
    CANARY,
    no_test_leaks_the_key,
    pytest_runtest_makereport,
    pytest_runtest_teardown,
)
from tests.examples import examples
from tests.forks import FORKS

# No test depends on how fast this machine is just now.
settings.register_profile("no deadline", parent=settings(), deadline=None, max_examples=examples(100))
settings.load_profile("no deadline")

SHARED_DATA = Path(__file__).parent.parent.parent / "shared" / "data"


LONG = ("tests/processes/", "tests/faults/", "tests/test_docs_layouts.py", "tests/test_docs_commands.py")
"""Tests of whole processes, which take seconds each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests. Otherwise one of them is the last, and every other process waits for it.

    Each process begins with a part of the list of its own (pytest-xdist, `--dist worksteal`): so each gets some.
    """
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    first = [item for item in items if item.nodeid.startswith(LONG)]
    rest = [item for item in items if not item.nodeid.startswith(LONG)]
    size = len(items) / count
    items[:] = []
    for worker in range(count):
        own = first[worker::count]
        number = max(0, round(size * (worker + 1)) - len(items) - len(own))
        items += [*own, *rest[:number]]
        rest = rest[number:]
    items += rest


def pytest_collection_finish() -> None:
    """Keep the thousands of collected tests out of every search for garbage: they stay to the end."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables that tests leave behind (`record_property("table", …)`), whichever process ran them."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "table":
                terminalreporter.write_line(f"\n{value}")


@pytest.fixture
def emulator() -> Iterator[RunningEmulator]:
    """A fresh service with one project."""
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, key=CANARY)) as running:
        yield running


# Where nothing is to be written, every process of ours would compile every module anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@dataclass
class Bench:
    """A lab bench: a folder for recordings, a state folder, and eisync to be run as a person would."""

    place: Path
    emulator: RunningEmulator
    environ: dict[str, str] = field(default_factory=dict)
    daemons: int = 0

    @property
    def recordings(self) -> Path:
        return self.place / "recordings"

    @property
    def state(self) -> Path:
        return self.place / "state"

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "eisync", *arguments]

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run `eisync ARGUMENTS --state-dir …` to its end."""
        asked = [*arguments, "--state-dir", str(self.state)]
        environ = {**self.environ, **more}
        done = FORKS.run(asked, environ=environ, cwd=self.place, limit_s=60)
        return done or subprocess.run(
            self.command(*asked),
            env=environ,
            cwd=self.place,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=60,
            check=False,
        )

    def once(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return self.run("once", str(self.recordings), *arguments, **more)

    def daemon(self, *arguments: str, log: Any = None, is_real: bool = False) -> "subprocess.Popen[bytes]":
        """Start `eisync run` on the recordings; what it says goes to `log`, or to a file in its place."""
        self.daemons += 1
        with (self.place / f"daemon-{self.daemons}.log").open("wb") as file:
            return self.start("run", str(self.recordings), *arguments, out=log or file, is_real=is_real)

    def start(self, *arguments: str, out: IO[bytes], is_real: bool = False) -> "subprocess.Popen[bytes]":
        """Start `eisync ARGUMENTS --state-dir …`, and leave it running.

        `is_real`: with an interpreter of its own, where its memory or its start matters.
        """
        asked = [*arguments, "--state-dir", str(self.state)]
        process = None if is_real else FORKS.start(asked, environ=self.environ, cwd=self.place, out=out)
        return process or subprocess.Popen(
            self.command(*asked), env=self.environ, cwd=self.place, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )

    def files(self, *arguments: str) -> dict[str, dict[str, Any]]:
        """What `eisync ls --json` says, by path."""
        done = self.run("ls", "--json", *arguments)
        assert done.returncode == 0, done.stderr
        return {record["path"]: record for record in map(json.loads, done.stdout.splitlines())}

    def status(self) -> dict[str, Any]:
        done = self.run("status", "--json")
        assert done.returncode in (0, 3, 4), done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == answer["exit_code"]
        return answer

    def configure(self, **tables: Mapping[str, Any]) -> None:
        """Options by table, through the environment."""
        for table, options in tables.items():
            for name, value in options.items():
                self.environ[f"EISYNC_{table.upper()}__{name.upper()}"] = str(value)

    @contextlib.contextmanager
    def healthy_daemon(self) -> Iterator["subprocess.Popen[bytes]"]:
        """A daemon on the recordings that is healthy. It is killed at the end."""
        process = self.daemon()
        try:
            until(lambda: self.run("healthcheck").returncode == 0)
            yield process
        finally:
            process.kill()
            process.wait(timeout=10)

    def write(self, name: str, content: bytes) -> Path:
        """A file as a recorder leaves it."""
        path = self.recordings / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


@pytest.fixture
def bench(tmp_path: Path, emulator: RunningEmulator) -> Bench:
    return bench_at(tmp_path, emulator)


def bench_at(tmp_path: Path, emulator: RunningEmulator) -> Bench:
    """A bench with a folder for recordings that is watched, and the key in its environment."""
    (tmp_path / "recordings").mkdir()
    (tmp_path / "eisync.toml").write_text('[[watch]]\npath = "recordings"\nsettle_s = 0.1\n')
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("EI_", "EISYNC_"))}
    environ |= {
        "EI_API_KEY": emulator.key,
        "EI_API_ENDPOINT": emulator.studio_url,
        "EI_INGESTION_ENDPOINT": emulator.ingestion_url,
        "HOME": str(tmp_path),
        "PYTHONWARNINGS": "error",
        "EISYNC_WEB__ENABLED": "false",  # tests/web serves it
    }
    return Bench(tmp_path, emulator, environ)


def until(is_true: Callable[[], object], *, within_s: float = 20.0) -> None:
    """Wait for a condition of another process."""
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.03)


def row(number: int) -> bytes:
    """A small CSV that the service takes, different for every number."""
    return f"timestamp,accX\n0,{number}\n10,{number + 1}\n".encode()


def list_sample(database: Database, sample_id: int, target: str = "main") -> None:
    """The service lists a sample that the index knows by its id only."""
    listed = RemoteSample(id=sample_id, filename="wave", category="training", label=None)
    Mirrored(database).apply(target, [KeepListed(listed)], generation=None, now=0.0)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def stored_once(ledger: Mapping[str, Any], contents: Sequence[bytes]) -> bool:
    """Whether the service stored each of `contents` exactly once, and nothing else."""
    return dict(ledger["stored_by_hash"]) == {sha256(content): 1 for content in contents}
