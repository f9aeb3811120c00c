"""A long bad day: files appear, change and disappear while the network fails; memory and descriptors stay flat.

`make soak` runs it for an hour (SOAK_S=3600); otherwise it takes a few seconds and checks only what was stored.
"""

import os
import random
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bench, row, sha256, until

SECONDS = float(os.environ.get("SOAK_S", "6"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
IS_LONG = SECONDS >= 300
STEP_S = 0.25
FAULT_S = 3.0
FILES_A_STEP = 4
MOST_FILES = 400
SLACK_BYTES = 6 * 1024 * 1024

UPLOADS: list[dict[str, Any]] = [
    {"kind": "latency", "seconds": 0.02, "jitter_s": 0.2, "distribution": "exponential"},
    {"kind": "latency", "seconds": 3.0, "probability": 0.03},  # more than the time-out
    {"kind": "slow_read", "seconds": 0.02, "probability": 0.2},
    {"kind": "reset_before", "probability": 0.2},
    {"kind": "reset_during", "probability": 0.2},
    {"kind": "reset_after", "probability": 0.2},
    {"kind": "withhold", "probability": 0.2},
    {"kind": "truncate", "probability": 0.2},
    {"kind": "malformed", "probability": 0.2},
    {"kind": "count_mismatch", "extra": 1, "probability": 0.1},
    {"kind": "count_mismatch", "extra": -1, "probability": 0.1},
    {"kind": "redirect", "probability": 0.1},
    {"kind": "rate_limit", "requests": 5, "seconds": 1},
    {"kind": "outage", "seconds": 1.0, "probability": 0.1, "times": 1},
    *({"kind": "status", "status": status, "probability": 0.15} for status in (404, 408, 500, 502, 504)),
    {"kind": "status", "status": 503, "retry_after": 1, "probability": 0.1},
]
STUDIO: list[dict[str, Any]] = [
    {"kind": "status", "status": 500, "probability": 0.3},
    {"kind": "reset_before", "probability": 0.3},
    {"kind": "truncate", "probability": 0.3},
    {"kind": "latency", "seconds": 0.3},
]


@dataclass
class Vitals:
    """The memory and descriptors of a process, over time."""

    place: Path
    memory_bytes: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def take(self) -> None:
        status = dict(line.split(":", 1) for line in (self.place / "status").read_text().splitlines())
        self.memory_bytes.append(int(status["RssAnon"].split()[0]) * 1024)
        self.threads.append(int(status["Threads"]))
        self.descriptors.append(len(os.listdir(self.place / "fd")))

    def tenths(self, figures: list[int]) -> list[float]:
        """Return the medians of the ten parts of the time."""
        length = len(figures) // 10
        return [statistics.median(figures[part * length : (part + 1) * length]) for part in range(10)]


@dataclass
class Recorder:
    """Writes, rewrites and deletes recordings. `written` has every content so far, `now` the current ones."""

    bench: Bench
    dice: random.Random
    written: set[str] = field(default_factory=set)
    now: dict[str, bytes] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    number: int = 0

    def step(self) -> None:
        for _ in range(FILES_A_STEP):
            what = self.dice.random()
            if what < 0.1 and self.now:
                self.delete(self.dice.choice(list(self.now)))
            else:
                # New, restored, or a new version. A scan knows every name so far, so their number must be limited.
                self.write(f"shake.{self.dice.randrange(MOST_FILES):03}.csv")

    def write(self, name: str) -> None:
        self.number += 1
        is_bad = self.dice.random() < 0.02
        content = f"no table at all {self.number}\n".encode() if is_bad else row(self.number)
        if self.dice.random() < 0.02 and not is_bad:
            content += b"".join(b"%d,1\n" % (20 + 10 * line) for line in range(50_000))
        self.bench.write(name, content)
        self.now[name] = content
        self.written.add(sha256(content))
        (self.bad.add if is_bad else self.bad.discard)(name)

    def delete(self, name: str) -> None:
        (self.bench.recordings / name).unlink()
        del self.now[name]
        self.bad.discard(name)


def change_faults(bench: Bench, dice: random.Random) -> None:
    rules = [{"where": "ingestion", **rule} for rule in dice.sample(UPLOADS, dice.randint(1, 5))]
    rules += [{"where": "studio", **rule} for rule in dice.sample(STUDIO, dice.randint(0, 2))]
    bench.emulator.set_faults(*rules, seed=dice.randrange(2**31))


@pytest.mark.slow
def test_a_long_bad_day_loses_duplicates_and_leaks_nothing(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    dice = random.Random(SEED)
    (bench.place / "eisync.toml").write_text('[[watch]]\npath = "recordings"\nsettle_s = 0.1\nscan_interval_s = 2\n')
    bench.configure(
        upload={"batch_files": 8, "retry_base_s": 0.05, "retry_cap_s": 1, "timeout_s": 2},
        reconcile={"interval_s": 5, "page_size": 100},
    )
    recorder = Recorder(bench, dice)
    daemon = bench.daemon(is_real=True)
    try:
        until(lambda: bench.run("healthcheck").returncode == 0)
        vitals = Vitals(Path(f"/proc/{daemon.pid}"))
        end = time.monotonic() + SECONDS
        faults_until = 0.0
        while time.monotonic() < end:
            if time.monotonic() >= faults_until:
                change_faults(bench, dice)
                faults_until = time.monotonic() + FAULT_S
            recorder.step()
            vitals.take()
            time.sleep(STEP_S)
        assert daemon.poll() is None, "the daemon ended by itself"
        account = bench.emulator.ledger()
        bench.emulator.set_faults()
        expected = {name: "quarantined" if name in recorder.bad else "synced" for name in recorder.now}
        until(lambda: expected.items() <= states(bench).items(), within_s=120)
        until(lambda: bench.run("healthcheck").returncode == 0)
        vitals.take()
    finally:
        daemon.kill()
        daemon.wait(timeout=10)

    stored = bench.emulator.ledger()["stored_by_hash"]
    assert {1} == set(stored.values()), "a file was stored twice"
    assert set(stored) <= recorder.written, "something was stored that no file ever was"
    assert {sha256(content) for name, content in recorder.now.items() if name not in recorder.bad} <= set(stored)
    memory, descriptors = vitals.tenths(vitals.memory_bytes), vitals.tenths(vitals.descriptors)
    with capsys.disabled():
        sys.stdout.write(
            f"\nseed {SEED}: {SECONDS:.0f} s, {recorder.number} files written, {len(stored)} contents stored once; "
            f"{account['requests']} requests, {account['errors']} of them met a fault {account['faults']}; memory "
            f"by tenths of the time {', '.join(f'{figure / 1e6:.1f}' for figure in memory)} MB, descriptors "
            f"{', '.join(f'{figure:.0f}' for figure in descriptors)} (most {max(vitals.descriptors)}), "
            f"threads at most {max(vitals.threads)}\n"
        )
    assert vitals.descriptors[-1] <= vitals.descriptors[0] + 8
    if IS_LONG:  # a young process still grows into its caches
        assert memory[-1] - memory[2] < SLACK_BYTES
        assert abs(descriptors[-1] - descriptors[2]) <= 4


def states(bench: Bench) -> dict[str, str]:
    return {path: record["state"] for path, record in bench.files().items()}
