"""`eisync once --scheduler` with real schedulers and workers, and kills of each: nothing is lost or stored twice."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.cluster.processes import REASON, Cluster, Process, cluster_at, kill
from tests.conftest import Bench, row, stored_once, until

pytestmark = [pytest.mark.dask, pytest.mark.skipif(REASON is not None, reason=REASON or "")]

SMALL: dict[str, Any] = {"batch_files": 4, "retry_base_s": 0.2, "retry_cap_s": 1}


def fill(bench: Bench, files: int) -> list[bytes]:
    contents = [row(number * 10) for number in range(files)]
    for number, content in enumerate(contents):
        bench.write(f"walk.{number}.csv", content)
    return contents


@pytest.fixture
def cluster(bench: Bench) -> Iterator[Cluster]:
    bench.configure(upload=SMALL)
    with cluster_at(bench.place / "cluster", bench.environ) as cluster:
        yield cluster


def draining(bench: Bench, address: str, *more: str) -> Process:
    """`eisync once`, under way; what it says is in `once.log`."""
    with (bench.place / "once.log").open("ab") as log:
        return bench.start("once", str(bench.recordings), "--scheduler", address, *more, out=log)


def ended(process: Process, *, within_s: float = 90.0) -> int:
    try:
        return process.wait(timeout=within_s)
    finally:
        if process.poll() is None:
            kill(process)


def slow_answers(bench: Bench, seconds: float = 0.3) -> None:
    bench.emulator.set_faults({"where": "ingestion", "kind": "latency", "seconds": seconds})


def requests(bench: Bench) -> int:
    return int(bench.emulator.ledger()["requests"])


def said(bench: Bench) -> str:
    return (bench.place / "once.log").read_text(errors="replace")


def assert_all_stored_once(bench: Bench, contents: Sequence[bytes]) -> None:
    assert stored_once(bench.emulator.ledger(), contents), said(bench)
    assert {"synced"} == {record["state"] for record in bench.files().values()}
    assert len(contents) == len(bench.files())


def test_workers_send_every_file_once(bench: Bench, cluster: Cluster) -> None:
    contents = fill(bench, 120)
    done = bench.once("--scheduler", cluster.address)
    assert 0 == done.returncode, done.stderr
    ledger = bench.emulator.ledger()
    assert stored_once(ledger, contents)
    assert (0, 0) == (ledger["duplicates_refused"], ledger["errors"])


def test_workers_that_are_killed_lose_nothing_and_store_nothing_twice(bench: Bench, cluster: Cluster) -> None:
    contents = fill(bench, 120)
    slow_answers(bench)
    process = draining(bench, cluster.address)
    for number in range(4):
        until(lambda: requests(bench) > 3 * number)  # noqa: B023
        kill(cluster.workers.pop(0))
        cluster.start_worker()
    assert 0 == ended(process), said(bench)
    assert "worker.lost" in said(bench)
    assert_all_stored_once(bench, contents)


def test_with_duplicates_allowed_what_a_killed_worker_had_is_looked_up_and_not_sent_again(
    bench: Bench, cluster: Cluster
) -> None:
    """The service would store it again. It answers after it has stored, and the worker is killed before that."""
    bench.configure(upload={"allow_duplicates": "true", "timeout_s": 1, "connect_timeout_s": 1})
    contents = fill(bench, 40)
    bench.emulator.set_faults({"where": "ingestion", "kind": "withhold", "after": 2, "times": 2})
    process = draining(bench, cluster.address, "--timeout", "90")
    until(lambda: requests(bench) > 4)
    kill(cluster.workers.pop(0))
    assert 0 == ended(process, within_s=200), said(bench)
    assert_all_stored_once(bench, contents)


def test_a_scheduler_that_is_restarted_loses_nothing(bench: Bench, cluster: Cluster) -> None:
    contents = fill(bench, 120)
    slow_answers(bench)
    process = draining(bench, cluster.address)
    until(lambda: requests(bench) > 3)
    cluster.kill_scheduler()
    until(lambda: "does not answer; eisync tries again" in said(bench))
    cluster.stop_workers()  # they end with their scheduler
    cluster.start_scheduler()
    for _ in range(2):
        cluster.start_worker()
    assert 0 == ended(process), said(bench)
    assert_all_stored_once(bench, contents)


def test_a_coordinator_that_is_killed_goes_on_where_it_was(bench: Bench, cluster: Cluster) -> None:
    contents = fill(bench, 120)
    slow_answers(bench)
    for number in range(3):
        process = draining(bench, cluster.address)
        until(lambda: requests(bench) > 4 * (number + 1))  # noqa: B023
        kill(process)
    assert 0 == ended(draining(bench, cluster.address)), said(bench)
    assert_all_stored_once(bench, contents)


def test_a_pass_waits_for_a_worker_that_takes_longer_than_its_patience(bench: Bench, cluster: Cluster) -> None:
    """One file goes after the other, and each takes longer than the pass waits while nothing arrives."""
    bench.configure(upload={"workers": 1, "batch_files": 1})
    contents = fill(bench, 2)
    slow_answers(bench, 8.0)
    done = bench.once("--scheduler", cluster.address, "--timeout", "4")
    assert 0 == done.returncode, done.stderr
    assert stored_once(bench.emulator.ledger(), contents)
