"""What is done to eisync: kills at random moments, withheld answers, a full disk.

Every moment comes from a seed; what the machine makes of it depends on its mood, which is why the service's account is
the judge and not the order of events.
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
}

_POLL_S = 0.03
_WITHIN_S = 60.0
_ONCE_TIMEOUT_S = 60
_EARLY_S, _LATE_S = 1.0, 0.2
_DISK = "size=16m"
_NO_ROOM = "disk is full"
"""What SQLite says."""
_GOES_ON = 4
"""What `eisync once` ends with when files still wait."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What every scenario is given. `wait` pauses so many seconds, and returns whether the trial shall end."""

    emulator: Emulator
    seed: int
    wait: Callable[[float], bool]

    def pause(self, seconds: float) -> None:
        """Raise StoppedError when the trial shall end."""
        if self.wait(seconds):
            raise StoppedError

    def until(self, is_true: Callable[[], bool]) -> bool:
        """Wait for it, a minute at most. Returns whether it came true. Raises StoppedError."""
        ends_at = clock.monotonic() + _WITHIN_S
        while not is_true():
            if clock.monotonic() > ends_at:
                return False
            self.pause(_POLL_S)
        return True

    def draw(self, *names: object) -> float:
        """Return a number from 0 to 1 that depends on the seed and `names` alone, on every Python."""
        words = ":".join(map(str, (self.seed, *names)))
        return int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big") / 2**32


def recording(number: int) -> bytes:
    """Return a small CSV that is another for every number."""
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
    """SIGKILL the daemon at random moments of a drain; then let `eisync once` bring it to its end.

    There are fewer than `kills` when every file is stored before: a kill after the drain proves nothing.
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
    """Lose every second answer after the service has stored what it answers."""
    began = clock.monotonic()
    installation.prepare()
    written = _write(installation, files)
    trial.emulator.set_faults(OFTEN_WITHHELD, seed=trial.seed)
    _once(trial, installation)
    counted = trial.emulator.ledger()
    figures = Figures(scenario="withheld answers", files=files, faults=counted["faults"])
    return _judge(trial, installation, written, figures, began)


def fill_the_disk(trial: Trial, installation: Installation, *, files: int) -> Figures:
    """Fill the disk of the state folder while the daemon uploads; make room again; nothing is lost or doubled."""
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
    """Write recordings; their hashes."""
    hashes = set()
    for number in range(start, start + count):
        content = recording(number)
        installation.record(f"training/shake.{number:05}.csv", content)
        hashes.add(hashlib.sha256(content).hexdigest())
    return frozenset(hashes)


def _lose_a_daemon(trial: Trial, installation: Installation, number: int) -> tuple[str, ...]:
    """Start one and kill it at some moment. Returns what is wrong: that it had ended by itself."""
    before = trial.emulator.ledger()["requests"]
    daemon = installation.start()
    try:
        if number % 3 == 0:
            # From before it has opened its database on.
            trial.pause(_EARLY_S * trial.draw("early", number))
        else:
            # In the middle of the drain, however slow the machine is today.
            trial.until(lambda: trial.emulator.ledger()["requests"] > before or daemon.poll() is not None)
            trial.pause(_LATE_S * trial.draw("late", number))
        code = daemon.poll()
    finally:
        daemon.kill()
        daemon.wait()
    return () if code is None else (f"the daemon ended by itself with {code}",)


def _has_files_to_go(trial: Trial, written: frozenset[str]) -> bool:
    return not written <= trial.emulator.ledger()["stored_by_hash"].keys()


def _judge(
    trial: Trial, installation: Installation, written: frozenset[str], figures: Figures, began: float
) -> Figures:
    """Let everything come to its end without faults, and compare."""
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
    """Return how many files eisync says are in each state."""
    listed = installation.run("ls", "--json", within_s=_WITHIN_S, pause=trial.pause).said
    return Counter(str(json.loads(line)["state"]) for line in listed.splitlines())


def _once(trial: Trial, installation: Installation) -> int:
    """Run `eisync once` until it is done, three times at most. Returns its last exit code."""
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
    """Return a disk of a few megabytes, or None and the reason why there is none."""
    os.makedirs(place)
    reason = _mount(place)
    if reason:
        yield None, f"no small disk can be mounted here ({reason}); it takes root"
        return
    try:
        yield place, ""
    finally:
        _run("umount", "-l", place)


def _mount(place: str) -> str:
    """Return why it does not work; empty when it does."""
    return _run("mount", "-t", "tmpfs", "-o", _DISK, "eisync-selftest", place)


def _run(program: str, *arguments: str) -> str:
    """Run a program of the system. Returns what it says is wrong; empty when nothing is."""
    found = shutil.which(program)
    if found is None:
        return f"there is no {program}"
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    return done.stderr.strip() or f"{program} ended with {done.returncode}" if done.returncode else ""


def _fill(path: str) -> None:
    """Write until there is no room."""
    with suppress(OSError), open(path, "wb", buffering=0) as file:
        while file.write(b"\0" * 4096):
            pass
