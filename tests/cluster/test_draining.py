"""`eisync once --scheduler` with real schedulers and workers, and kills of each: nothing is lost or stored twice."""

import pytest

from tests.cluster.processes import REASON, cluster_at
from tests.conftest import Bench, row, stored_once

pytestmark = [pytest.mark.dask, pytest.mark.skipif(REASON is not None, reason=REASON or "")]


def fill(bench: Bench, files: int) -> list[bytes]:
    contents = [row(number * 10) for number in range(files)]
    for number, content in enumerate(contents):
        bench.write(f"walk.{number}.csv", content)
    return contents


def test_workers_send_every_file_once(bench: Bench) -> None:
    contents = fill(bench, 120)
    with cluster_at(bench.place / "cluster", bench.environ) as cluster:
        done = bench.once("--scheduler", cluster.address)
    assert 0 == done.returncode, done.stderr
    assert stored_once(bench.emulator.ledger(), contents)
    assert 0 == bench.emulator.ledger()["duplicates_refused"]
