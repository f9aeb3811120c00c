"""A group stays together across two machines, kills, restarts, later files and late groups."""

import signal
from collections.abc import Iterable
from pathlib import Path
from subprocess import Popen

import pytest

from eisync.emulator.server import RunningEmulator
from tests.cli.test_descriptions import samples
from tests.conftest import Bench, bench_at, row, until

SPLIT = """
[[watch]]
path = "recordings"
settle_s = 0.1
[[watch.rule]]
pattern = '(?P<session>s\\d+)_'
[watch.split]
by = "session"
testing = 20
"""


def machine(place: Path, emulator: RunningEmulator) -> Bench:
    place.mkdir()
    bench = bench_at(place, emulator)
    (bench.place / "eisync.toml").write_text(SPLIT)
    bench.configure(reconcile={"interval_s": 1})
    return bench


def fill(bench: Bench, sessions: Iterable[int], *, take: int) -> None:
    for session in sessions:
        for number, label in enumerate(("walk", "run")):
            bench.write(f"{label}.s{session:02d}_{take}.csv", row(10_000 * take + 10 * session + number))


def sessions_of(bench: Bench) -> dict[str, list[str]]:
    """Return the categories of the samples of each session, by the listing of the service."""
    found: dict[str, list[str]] = {}
    for one in samples(bench):
        found.setdefault(one["metadata"]["session"], []).append(one["category"])
    return found


def kill(daemon: "Popen[bytes]") -> None:
    daemon.send_signal(signal.SIGKILL)
    daemon.wait(timeout=10)


@pytest.mark.slow
def test_no_group_straddles_whichever_machine_sends_it_and_when(tmp_path: Path, emulator: RunningEmulator) -> None:
    first, second = machine(tmp_path / "first", emulator), machine(tmp_path / "second", emulator)
    fill(first, range(10), take=0)
    daemons = [first.daemon()]
    try:
        until(lambda: len(samples(first)) == 20)
        before = {session: set(found) for session, found in sessions_of(first).items()}

        # Another machine has more files of the same sessions, and sessions of its own.
        fill(second, range(5, 15), take=1)
        daemons.append(second.daemon())
        until(lambda: len(samples(first)) == 40)

        # The first one is killed. Meanwhile there are files of its sessions and of those of the other machine.
        kill(daemons.pop(0))
        fill(first, [*range(3), *range(12, 17)], take=2)
        daemons.append(first.daemon())
        until(lambda: len(samples(first)) == 56)

        # Later files, and a late group, while both run.
        fill(first, [1, 15], take=3)
        fill(second, [6, 30], take=3)
        until(lambda: len(samples(first)) == 64)
    finally:
        for daemon in daemons:
            kill(daemon)
    found = sessions_of(first)
    assert 18 == len(found)
    assert {1} == {len(set(one)) for one in found.values()}, "a group straddles"
    assert before.items() <= {session: set(one) for session, one in found.items()}.items(), "a group moved"
    every = [category for one in found.values() for category in one]
    assert {"training", "testing"} == set(every)
    largest = max(map(len, found.values()))
    assert abs(every.count("testing") - 0.2 * len(every)) <= largest
    assert {"synced"} == {one["state"] for bench in (first, second) for one in bench.files().values()}
    assert [] == first.status()["targets"][0]["straddling"]
