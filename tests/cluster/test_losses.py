"""Work is done at most once when workers are killed, stopped or cut off, and when the scheduler is killed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import distributed
import pytest

from eisync.adapters.cluster import attempt as module
from eisync.adapters.cluster.executor import ClusterRules, DaskExecutor
from eisync.errors import UnansweredError, UnreachableError
from tests.cluster.processes import REASON, Cluster, cluster_at, kill
from tests.cluster.work import LateNote, Note
from tests.conftest import until

pytestmark = [pytest.mark.dask, pytest.mark.skipif(REASON is not None, reason=REASON or "")]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with cluster_at(tmp_path / "cluster", dict(os.environ), workers=0) as cluster:
        cluster.start_worker(threads=1)
        yield cluster


@pytest.fixture
def executor(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[DaskExecutor]:
    monkeypatch.setattr(module, "POLL_S", 0.1)
    monkeypatch.setattr(module, "MARGIN_S", 0.5)
    executor = DaskExecutor(cluster.address, ClusterRules(limit_s=lambda _: 3.0))
    yield executor
    executor.shutdown(wait=False)


def lines(place: Path) -> list[int]:
    return [int(line) for line in place.read_text().split()] if place.exists() else []


def test_dask_runs_a_task_again_when_its_worker_died(cluster: Cluster, tmp_path: Path) -> None:
    """Why permits are needed: `retries=0` does not prevent it."""
    place = tmp_path / "done"
    with distributed.Client(cluster.address, set_as_default=False) as client:
        future = client.submit(Note(str(place), then_s=2.0), pure=False, retries=0)
        until(lambda: lines(place))
        cluster.start_worker(threads=1)
        kill(cluster.workers.pop(0))
        assert future.result(30) == cluster.workers[0].pid
    assert 2 == len(lines(place))


def test_what_a_killed_worker_had_begun_is_doubtful_and_not_done_again(
    cluster: Cluster, executor: DaskExecutor, tmp_path: Path
) -> None:
    place = tmp_path / "done"
    future = executor.submit(Note(str(place), then_s=60.0))
    until(lambda: lines(place))
    cluster.start_worker(threads=1)
    killed = cluster.workers.pop(0)
    kill(killed)
    error = future.exception(30)
    assert isinstance(error, UnansweredError)
    assert "the worker that had it was lost" in str(error)  # the other one was given the task, and found no permit
    assert [killed.pid] == lines(place)


def test_what_a_killed_worker_had_not_begun_is_done_by_another(
    cluster: Cluster, executor: DaskExecutor, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    busy = executor.submit(Note(str(first), then_s=60.0))
    until(lambda: lines(first))
    waiting = executor.submit(Note(str(second)))
    cluster.start_worker(threads=1)
    kill(cluster.workers.pop(0))
    assert cluster.workers[0].pid == waiting.result(30)
    assert isinstance(busy.exception(30), UnansweredError)
    assert [cluster.workers[0].pid] == lines(second)


def test_a_worker_that_is_stopped_and_goes_on_too_late_gives_up(
    cluster: Cluster, executor: DaskExecutor, tmp_path: Path
) -> None:
    begun, place = tmp_path / "begun", tmp_path / "done"
    future = executor.submit(LateNote(str(begun), str(place), first_s=0.5))
    until(lambda: lines(begun))
    worker = cluster.workers[0]
    worker.send_signal(signal.SIGSTOP)
    error = future.exception(30)
    worker.send_signal(signal.SIGCONT)
    assert isinstance(error, UnansweredError)
    assert "the worker did not answer within" in str(error)
    assert worker.pid == executor.submit(Note(str(tmp_path / "other"))).result(30)  # it works again
    assert [] == lines(place)


def test_a_scheduler_that_is_restarted_leaves_no_permit_behind(
    cluster: Cluster, executor: DaskExecutor, tmp_path: Path
) -> None:
    place = tmp_path / "done"
    future = executor.submit(Note(str(place), then_s=60.0))
    until(lambda: lines(place))
    cluster.kill_scheduler()
    error = future.exception(30)
    assert isinstance(error, UnansweredError)
    until(lambda: executor.why_unavailable)
    assert f"the Dask scheduler {cluster.address} does not answer" in str(executor.why_unavailable)
    cluster.stop_workers()
    cluster.start_scheduler()
    cluster.start_worker(threads=1)
    until(lambda: executor.why_unavailable is None, within_s=60)
    assert cluster.workers[0].pid == executor.submit(Note(str(tmp_path / "other"))).result(30)
    assert 1 == len(lines(place))


def test_a_scheduler_that_is_away_for_long_is_found_again(
    cluster: Cluster, executor: DaskExecutor, tmp_path: Path
) -> None:
    """The client of Dask gives up after a while. A new one takes its place."""
    cluster.kill_scheduler()
    cluster.stop_workers()
    until(lambda: executor._client.status == "closed", within_s=60)
    cluster.start_scheduler()
    cluster.start_worker(threads=1)
    until(lambda: executor.why_unavailable is None, within_s=60)
    assert cluster.workers[0].pid == executor.submit(Note(str(tmp_path / "done"))).result(30)


def test_a_worker_without_eisync_is_named(cluster: Cluster, executor: DaskExecutor, tmp_path: Path) -> None:
    cluster.stop_workers()
    empty = tmp_path / "sitecustomize.py"
    empty.write_text("import sys; sys.modules['eisync'] = None\n")
    cluster.start_worker(PYTHONPATH=str(tmp_path))
    until(lambda: executor.why_unavailable is None and executor.workers == 1)
    error = executor.submit(Note(str(tmp_path / "done"))).exception(30)
    assert isinstance(error, UnreachableError)
    assert "ModuleNotFoundError" in str(error)
