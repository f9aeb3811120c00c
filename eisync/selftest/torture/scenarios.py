"""The scenarios: kills at random moments, withheld answers, a full disk.

A seed gives the moments. What happens at them depends on the speed of the machine. So a scenario is judged by the
service's counts, not by the order of events.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from eisync.adapters import clock
from eisync.selftest.model import StoppedError
from eisync.selftest.torture.account import Figures, broken_promises, compare
from eisync.selftest.torture.installation import Emulator, Installation

Rule = Mapping[str, Any]
"""A fault of the emulator."""

SLOW: Rule = {"where": "ingestion", "kind": "latency", "seconds": 0.05, "jitter_s": 0.1}
WITHHELD: Rule = {"where": "ingestion", "kind": "withhold", "probability": 0.15}
KILLS_FAULTS: Sequence[Rule] = (
    WITHHELD,
    {"where": "ingestion", "kind": "reset_during", "probability": 0.1},
    {"where": "ingestion", "kind": "status", "status": 503, "probability": 0.1},
)
OFTEN_WITHHELD: Rule = {"where": "ingestion", "kind": "withhold", "probability": 0.5}

WATCH = {"settle_s": 0.1}
TABLES: Mapping[str, Mapping[str, object]] = {
    "upload": {"batch_files": 3, "workers": 2, "retry_base_s": 0.05, "retry_cap_s": 0.2},
    "reconcile": {"interval_s": 1},
    "web": {"enabled": False},
}

_POLL_S = 0.03
_WITHIN_S = 60.0
_ONCE_TIMEOUT_S = 60
_EARLY_S, _LATE_S = 1.0, 0.2
_DISK = "size=16m"
_NO_ROOM = "disk is full"
"""A part of SQLite's error text."""
_GOES_ON = 4
"""The exit code of `eisync once` when files are still waiting."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What every scenario uses. `wait` pauses for some seconds, and returns whether to stop."""

    emulator: Emulator
    seed: int
    wait: Callable[[float], bool]

    def pause(self, seconds: float) -> None:
        """Pause. Raises StoppedError if the trial is stopped."""
        if self.wait(seconds):
            raise StoppedError

    def until(self, is_true: Callable[[], bool]) -> bool:
        """Wait until `is_true`, at most a minute. Return whether it became true. Raises StoppedError."""
        ends_at = clock.monotonic() + _WITHIN_S
        while not is_true():
            if clock.monotonic() > ends_at:
                return False
            self.pause(_POLL_S)
        return True

    def draw(self, *names: object) -> float:
        """Return a number from 0 to 1. It depends only on the seed and `names`, not on the Python version."""
        words = ":".join(map(str, (self.seed, *names)))
        return int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big") / 2**32


def recording(number: int) -> bytes:
    """Return a small CSV that is different for every number."""
    return f"timestamp,accX\n0,{number}\n10,{number + 1}\n".encode()


def kill_again_and_again(
    trial: Trial,
    installation: Installation,
    *,
    files: int,
    kills: int,
    faults: Sequence[Rule] = KILLS_FAULTS,
    name: str = "kills",
) -> Figures:
    """Kill the daemon (SIGKILL) at random moments while it uploads; then let `eisync once` upload the rest.

    There are fewer than `kills` kills if all files are stored earlier: a kill after that proves nothing.
    """
    began = clock.monotonic()
    installation.prepare()
    written = _write(installation, files)
    trial.emulator.set_faults(SLOW, *faults, seed=trial.seed)
    done = under_way = 0
    ended: tuple[str, ...] = ()
    while done < kills and not ended and _has_files_to_go(trial, written):
        ended = _lose_a_daemon(trial, installation, done)
        done += 1
        under_way += _has_files_to_go(trial, written)
    figures = Figures(
        scenario=name,
        files=files,
        kills=done,
        kills_under_way=under_way,
        faults=trial.emulator.ledger()["faults"],
        broken=ended,
    )
    return _judge(trial, installation, written, figures, began)


def withhold_answers(trial: Trial, installation: Installation, *, files: int) -> Figures:
    """Withhold about every second answer, after the service has stored the files."""
    began = clock.monotonic()
    installation.prepare()
    written = _write(installation, files)
    trial.emulator.set_faults(OFTEN_WITHHELD, seed=trial.seed)
    _once(trial, installation)
    counted = trial.emulator.ledger()
    figures = Figures(scenario="withheld answers", files=files, faults=counted["faults"])
    return _judge(trial, installation, written, figures, began)


def fill_the_disk(trial: Trial, installation: Installation, *, files: int) -> Figures:
    """Fill the disk of the state folder while the daemon uploads, then free it. No file may be lost or stored twice."""
    began = clock.monotonic()
    name = "full disk"
    with _small_disk(os.path.join(installation.place, "disk")) as (disk, reason):
        if disk is None:
            return Figures(scenario=name, skipped=reason)
        installation.state = os.path.join(disk, "state")
        installation.prepare()
        written = _write(installation, files // 2)
        trial.emulator.set_faults(SLOW, seed=trial.seed)
        daemon = installation.start()
        try:
            before = trial.emulator.ledger()["requests"]
            trial.until(lambda: trial.emulator.ledger()["requests"] > before)
            ballast = os.path.join(disk, "ballast")
            _fill(ballast)
            written |= _write(installation, files - files // 2, start=files // 2)
            trial.until(lambda: _NO_ROOM in installation.log())
            os.unlink(ballast)
        finally:
            daemon.kill()
            daemon.wait()
        noticed = {"failed writes": installation.log().count(_NO_ROOM)}
        return _judge(trial, installation, written, Figures(scenario=name, files=files, faults=noticed), began)


def _write(installation: Installation, count: int, start: int = 0) -> frozenset[str]:
    """Write recordings, and return their hashes."""
    hashes = set()
    for number in range(start, start + count):
        content = recording(number)
        installation.record(f"training/shake.{number:05}.csv", content)
        hashes.add(hashlib.sha256(content).hexdigest())
    return frozenset(hashes)


def _lose_a_daemon(trial: Trial, installation: Installation, number: int) -> tuple[str, ...]:
    """Start a daemon and kill it at a random moment. Return an error if it had ended before."""
    before = trial.emulator.ledger()["requests"]
    daemon = installation.start()
    try:
        if number % 3 == 0:
            # At any moment of its start, also before it has opened its database.
            trial.pause(_EARLY_S * trial.draw("early", number))
        else:
            # While it uploads, also on a slow machine.
            trial.until(lambda: trial.emulator.ledger()["requests"] > before or daemon.poll() is not None)
            trial.pause(_LATE_S * trial.draw("late", number))
        code = daemon.poll()
    finally:
        daemon.kill()
        daemon.wait()
    return () if code is None else (f"the daemon ended by itself with exit code {code}",)


def _has_files_to_go(trial: Trial, written: frozenset[str]) -> bool:
    return not written <= trial.emulator.ledger()["stored_by_hash"].keys()


def _judge(
    trial: Trial, installation: Installation, written: frozenset[str], figures: Figures, began: float
) -> Figures:
    """Upload the rest without faults, and compare what was stored with what was written."""
    trial.emulator.set_faults(seed=trial.seed)
    code = _once(trial, installation)
    account = trial.emulator.ledger()
    stored = compare(written, account["stored_by_hash"])
    states = _states(trial, installation)
    return Figures(
        scenario=figures.scenario,
        files=figures.files,
        kills=figures.kills,
        kills_under_way=figures.kills_under_way,
        stored=stored,
        requests=account["requests"],
        faults=figures.faults,
        seconds=clock.monotonic() - began,
        broken=(*figures.broken, *broken_promises(stored, states, code)),
    )


def _states(trial: Trial, installation: Installation) -> Counter[str]:
    """Return the number of files in each state, according to eisync."""
    listed = installation.run("ls", "--json", within_s=_WITHIN_S, pause=trial.pause).said
    return Counter(str(json.loads(line)["state"]) for line in listed.splitlines())


def _once(trial: Trial, installation: Installation) -> int:
    """Run `eisync once` until no file is waiting, at most three times. Return the last exit code."""
    code = 0
    for _ in range(3):
        limit_s = 10 * _ONCE_TIMEOUT_S
        done = installation.run(
            "once", "--quiet", "--timeout", str(_ONCE_TIMEOUT_S), within_s=limit_s, pause=trial.pause
        )
        code = done.code
        if code != _GOES_ON:
            break
    return code


@contextmanager
def _small_disk(place: str) -> Iterator[tuple[str | None, str]]:
    """Yield the path of a small disk; or None and the reason why there is none."""
    os.makedirs(place)
    reason = _mount(place)
    if reason:
        yield None, f"no small disk can be mounted here ({reason}); mounting needs root"
        return
    try:
        yield place, ""
    finally:
        _run("umount", "-l", place)


def _mount(place: str) -> str:
    """Mount a small disk. Return why that failed; empty if it worked."""
    return _run("mount", "-t", "tmpfs", "-o", _DISK, "eisync-selftest", place)


def _run(program: str, *arguments: str) -> str:
    """Run a program of the system. Return its error; empty if there is none."""
    found = shutil.which(program)
    if found is None:
        return f"{program} is not installed"
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    return done.stderr.strip() or f"{program} ended with {done.returncode}" if done.returncode else ""


def _fill(path: str) -> None:
    """Write a file until the disk is full."""
    with suppress(OSError), open(path, "wb", buffering=0) as file:
        while file.write(b"\0" * 4096):
            pass
