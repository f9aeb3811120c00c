"""The whole machine in this process, as `app` builds it, with a clock that the test sets.

Real files, database, transport and worker threads against the emulator. Only the time is simulated: a round is
everything that is due at one instant, and between two rounds passes more time than any wait of eisync.
"""

import itertools
import json
import time
import urllib.request
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from eisync.app.machine import App, build
from eisync.core.lifecycle import State
from eisync.emulator.server import RunningEmulator
from eisync.settings import load
from tests.conftest import row, sha256, until
from tests.fakes import Notebook

ROUND_S = 400.0
"""More than the longest wait after a failure, the hold of a target, or the pause of a refused one."""

_projects = itertools.count(1)


@dataclass
class Rig:
    """One folder of recordings, with its own project."""

    place: Path
    emulator: RunningEmulator
    options: dict[str, Any] = field(default_factory=dict)  # of [upload]
    ingestion_url: str | None = None
    ca_file: Path | None = None
    reconcile: bool = True
    role: str = "admin"
    watch: dict[str, str] = field(default_factory=dict)  # options of the folder, as TOML

    def __post_init__(self) -> None:
        project = self.emulator.add_project(
            name=f"rig {next(_projects)}", keys=[{"role": "admin"}, {"role": self.role}]
        )
        self.project_id = int(project["id"])
        self._judges_key, self.key = (str(entry["key"]) for entry in project["keys"])
        self.log = Notebook()
        self.recordings = self.place / "recordings"
        self.recordings.mkdir(parents=True)
        # Later than the mtimes of all files, so that all of them have settled.
        self.now = time.time() + 3600.0
        self.start()

    # --- the machine

    def start(self) -> None:
        """Build the machine, as a process does when it begins."""
        lines = [
            "[[target]]",
            'name = "main"',
            f'ingestion_url = "{self.ingestion_url or self.emulator.ingestion_url}"',
            *([f'ca_file = "{self.ca_file}"'] if self.ca_file else []),
            f'[[watch]]\npath = "{self.recordings}"\nsettle_s = 0.1\npatience_s = 0.1',
            *(f"{name} = {value}" for name, value in self.watch.items()),
            "[upload]",
            *(f"{name} = {json.dumps(value)}" for name, value in {"workers": 2, **self.options}.items()),
            f"[reconcile]\nenabled = {json.dumps(self.reconcile)}",
        ]
        (self.place / "eisync.toml").write_text("\n".join(lines) + "\n")
        environ = {
            "HOME": str(self.place),
            "EI_API_KEY": self.key,
            "EI_API_ENDPOINT": self.emulator.studio_url,
        }
        settings = load(environ=environ, cwd=str(self.place), state_dir=str(self.state))
        with mock.patch("eisync.adapters.clock.now", new=self._tell_time):
            self.app: App = build(settings, log=self.log, listen=False)
        # As the watcher does before anything is sent; the tests decide about everything else.
        for root in self.app.watcher._roots:
            while not root.labels.is_through:
                root.labels.step(self.now)

    def _tell_time(self) -> float:
        return self.now

    @property
    def state(self) -> Path:
        return self.place / "state"

    def crash_under_way(self) -> None:
        """End the process while its requests are under way, and start the next one."""
        uploader, bell = self.app.uploader, self.app.bells["uploader"]
        deadline = time.monotonic() + 60.0
        while State.SENDING not in self.states().values():
            assert time.monotonic() < deadline, "nothing was sent"
            uploader.tick(self.now)
            bell.wait(0.01)
            bell.clear()
        self.app.close()  # it waits for the workers, and their results are not stored
        self.start()

    def close(self) -> None:
        self.app.close()

    # --- files and time

    def write(self, name: str, content: bytes | None = None) -> bytes:
        """Write a file as a recorder leaves it; by default with unique content."""
        content = row(zlib.crc32(name.encode())) if content is None else content
        path = self.recordings / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return content

    def scan(self) -> None:
        """Scan; complete files enter the outbox."""
        self.now += 120.0  # beyond the interval of the scans
        for _ in range(100):
            if self.app.watcher.tick(self.now) > 0 and not self.app.watcher.unsettled(self.now):
                return
            self.now += 1.0
        raise AssertionError("the files do not settle")

    def round(self) -> None:
        """Do everything that is due now, and what follows from it at once."""
        uploader, bell = self.app.uploader, self.app.bells["uploader"]
        deadline = time.monotonic() + 60.0
        while time.monotonic() < deadline:
            wait_s = uploader.tick(self.now)
            if uploader.is_idle and not uploader.is_checking_project:
                if wait_s > 0:
                    return
                continue
            bell.wait(1.0)
            bell.clear()
        raise AssertionError("the round does not come to an end")

    def pass_time(self) -> None:
        self.now += ROUND_S

    def drain(self, rounds: int = 30) -> None:
        """Run rounds until nothing waits any more."""
        for _ in range(rounds):
            self.round()
            if not self.pending():
                return
            self.pass_time()
        raise AssertionError(f"still waiting: {self.files()}")

    def compare(self) -> None:
        """Run one pass of the reconciler."""
        reconciler = self.app.reconciler
        assert reconciler is not None
        reconciler.pass_now()
        for _ in range(1000):
            reconciler.tick(self.now)
            if reconciler.is_idle:
                return
        raise AssertionError("the pass does not end")

    # --- what commands show

    def files(self) -> dict[str, dict[str, Any]]:
        return {str(record["path"]): record for record in self.app.index.records.files()}

    def states(self) -> dict[str, State]:
        return {path: State(record["state"]) for path, record in self.files().items()}

    def pending(self) -> int:
        return sum(state in (State.READY, State.SENDING, State.DOUBTFUL) for state in self.states().values())

    # --- what the service has

    def faults(self, *rules: dict[str, Any], seed: int = 0) -> None:
        self.emulator.set_faults(*({"where": "ingestion", **rule} for rule in rules), seed=seed)

    def ledger(self) -> dict[str, Any]:
        return self.emulator.ledger(self.project_id)

    def stored(self) -> dict[str, int]:
        """Return how often each content was ever stored."""
        return dict(self.ledger()["stored_by_hash"])

    def until_stored(self, number: int) -> None:
        """Wait until the service has committed so many, whatever eisync knows of it."""
        until(lambda: sum(self.stored().values()) >= number)

    def sample(self, path: str) -> dict[str, Any]:
        """Return the one sample of the file, read from the service without the client."""
        [sample_id] = self.files()[path]["sample_ids"]
        found: dict[str, Any] = json.loads(self._asked(str(sample_id)))["sample"]
        return found

    def bytes_of(self, sample_id: int) -> bytes:
        """Return the uploaded bytes of the sample, read without the client."""
        return self._asked(f"{sample_id}/raw")

    def _asked(self, what: str) -> bytes:
        url = f"{self.emulator.studio_url}/api/{self.project_id}/raw-data/{what}"
        request = urllib.request.Request(url, headers={"x-api-key": self._judges_key})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return bytes(answer.read())

    def check_for_the_key(self) -> None:
        """Return every line of the log and every page of the database."""
        assert self.key not in "".join(f"{line.event} {dict(line.fields)}\n" for line in self.log.lines)
        for path in self.state.iterdir():
            assert not path.is_file() or self.key.encode() not in path.read_bytes(), path

    def judge(self, contents: dict[str, bytes], *, parked: Iterable[str] = ()) -> None:
        """Each of these files is synced, was stored exactly once and is known by the ids of what holds it.

        Those that are `parked` are quarantined, and were never stored.
        """
        expected = dict.fromkeys(contents, State.SYNCED) | dict.fromkeys(parked, State.QUARANTINED)
        assert expected == self.states(), self.files()
        assert {sha256(content): 1 for content in contents.values()} == self.stored()
        files = self.files()
        for path, content in contents.items():
            assert sha256(content) == files[path]["sha256"]
            assert [content] == [self.bytes_of(sample_id) for sample_id in files[path]["sample_ids"]]


@contextmanager
def rig(place: Path, emulator: RunningEmulator, **options: Any) -> Iterator[Rig]:
    """Yield a machine. Close it at the end, and leave no faults behind."""
    machine = Rig(place, emulator, **options)
    try:
        yield machine
    finally:
        machine.close()
        emulator.set_faults()
    machine.check_for_the_key()
