"""Daemons that do not know each other share a service with a rate limit, and none starves."""

import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from eisync.emulator.server import RunningEmulator
from tests.conftest import Bench, bench_at, row, sha256, stored_once

MACHINES = 5
FILES = 16
WINDOW_S = 8.0
"""Each machine has files stored in any such time. 2 to 4 s were seen; an equal share is a request a second."""


def machine(place: Path, number: int, emulator: RunningEmulator) -> tuple[Bench, list[bytes]]:
    """A machine with files of its own, and their contents."""
    place.mkdir()
    bench = bench_at(place, emulator)
    bench.configure(upload={"batch_files": 4}, reconcile={"enabled": "false"})
    contents = [row(1_000 * number + one) for one in range(FILES)]
    for one, content in enumerate(contents):
        bench.write(f"shake.{one:03}.csv", content)
    return bench, contents


def progress(emulator: RunningEmulator, owners: dict[str, int], *, within_s: float) -> list[list[float]]:
    """Return when each machine had files stored, in seconds, once all are."""
    begin, seen, instants = time.monotonic(), set[str](), [list[float]() for _ in range(MACHINES)]
    while len(seen) < len(owners):
        now_s = time.monotonic() - begin
        assert now_s < within_s, [len(one) for one in instants]
        stored = set(emulator.ledger()["stored_by_hash"])
        for content in stored - seen:
            instants[owners[content]].append(now_s)
        seen = stored
        time.sleep(0.05)
    return instants


def longest_pause_s(instants: Iterable[float]) -> float:
    return max(later - earlier for earlier, later in pairwise([0.0, *sorted(instants)]))


@pytest.mark.slow
def test_five_daemons_on_a_service_with_a_rate_limit_all_make_progress(
    tmp_path: Path, emulator: RunningEmulator
) -> None:
    emulator.set_faults({"where": "ingestion", "kind": "rate_limit", "requests": 5, "seconds": 1})
    benches, contents = zip(*(machine(tmp_path / str(n), n, emulator) for n in range(MACHINES)), strict=True)
    owners = {sha256(content): n for n, of_one in enumerate(contents) for content in of_one}
    daemons = [bench.daemon() for bench in benches]
    try:
        instants = progress(emulator, owners, within_s=30.0)
    finally:
        for daemon in daemons:
            daemon.kill()
            daemon.wait(timeout=10)
    assert stored_once(emulator.ledger(), [content for of_one in contents for content in of_one])
    assert emulator.ledger()["faults"]["rate_limit"] > 0  # they wanted more than the service allowed
    assert max(map(longest_pause_s, instants)) < WINDOW_S
