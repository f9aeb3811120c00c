"""Work on a Dask cluster: done at most once, whatever the cluster does with the task.

The cluster is in this process. `tests/cluster` has real ones, and kills them.
"""

import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import cloudpickle
import dask
import distributed
import pytest

from eisync.adapters.cluster.executor import ClusterRules, DaskExecutor
from eisync.adapters.cluster.permit import Answer, packed, refuse_late, unpacker
from eisync.errors import (
    ClusterUnreachableError,
    FileGoneError,
    StudioError,
    TransitError,
    UnansweredError,
    UnreachableError,
)

DONE: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def dask_as_before() -> Iterator[None]:
    """Each worker makes its own client the default one of this process, and Dask does not undo that for two of them."""
    before = dict(dask.config.config)
    yield
    dask.config.config.clear()
    dask.config.config.update(before)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, processes=False, dashboard_address=":0"
    ) as cluster:
        yield cluster


@pytest.fixture
def executor(cluster: Any) -> Iterator[DaskExecutor]:
    executor = DaskExecutor(cluster.scheduler_address)
    yield executor
    executor.shutdown()


def do(name: str) -> str:
    DONE.append(name)
    return name.upper()


def do_slowly(name: str) -> str:
    time.sleep(0.2)
    refuse_late()
    return do(name)


def find(name: str) -> None:
    raise FileGoneError(f"{name} is gone", item_id=7)


def stumble() -> None:
    raise ValueError("ei_secret")


GATES: dict[str, threading.Event] = {}
WAITING: list[str] = []


def wait_for(name: str) -> bool:
    WAITING.append(name)
    return GATES[name].wait(10.0)


def where_am_i(_number: int) -> str:
    return str(distributed.get_worker().address)


class _Work:
    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self) -> str:
        return do(self.name)


def until(is_true: Callable[[], object]) -> None:
    end = time.monotonic() + 10.0
    while not is_true():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def test_results_come_back_and_the_scheduler_forgets_the_tasks(cluster: Any, executor: DaskExecutor) -> None:
    futures = [executor.submit(do, str(number)) for number in range(20)]
    assert [str(number) for number in range(20)] == [future.result(10.0) for future in futures]
    until(lambda: not cluster.scheduler.tasks)
    until(lambda: not cluster.scheduler.extensions["queues"].queues)
    assert 2 == executor.workers


def test_an_error_comes_back_with_its_fields_and_without_a_cause(executor: DaskExecutor) -> None:
    error = executor.submit(find, "a.csv").exception(10.0)
    assert isinstance(error, FileGoneError)
    assert ("a.csv is gone", 7, None) == (str(error), error.item_id, error.__cause__)


def test_what_crashed_is_doubtful_and_does_not_say_what_it_handled(executor: DaskExecutor) -> None:
    error = executor.submit(stumble).exception(10.0)
    assert isinstance(error, UnansweredError)
    assert "ValueError" in str(error)
    assert "ei_secret" not in str(error)


@pytest.mark.parametrize("error", [StudioError("no", status=418), TransitError("late", asked_s=3.0, is_timeout=True)])
def test_errors_travel_with_their_fields(error: Exception) -> None:
    there = pickle.loads(pickle.dumps(error))
    assert (type(error), error.args, vars(error)) == (type(there), there.args, vars(there))


def test_a_task_that_runs_twice_does_its_work_once(cluster: Any) -> None:
    DONE.clear()
    with distributed.Client(cluster, set_as_default=False) as client:
        queue = distributed.Queue("eisync_upload-twice", client=client)
        queue.put(True)
        content = packed("eisync_upload-twice", 10.0, _Work("twice"))
        answers = [client.submit(unpacker(), content, pure=False).result() for _ in range(3)]
        queue.close()
    assert ["twice"] == DONE
    assert [False, True, True] == [answer.is_spent for answer in answers]


def test_work_without_a_permit_is_never_done(cluster: Any) -> None:
    DONE.clear()
    with distributed.Client(cluster, set_as_default=False) as client:
        answer: Answer = client.submit(unpacker(), packed("eisync_upload-none", 10.0, _Work("none"))).result()
    assert answer.is_spent
    assert [] == DONE


def test_work_of_which_the_permit_ended_gives_up(cluster: Any) -> None:
    DONE.clear()
    executor = DaskExecutor(cluster.scheduler_address, ClusterRules(limit_s=lambda _: 0.1))
    error = executor.submit(do_slowly, "late").exception(10.0)
    executor.shutdown()
    assert isinstance(error, UnreachableError)
    assert [] == DONE


def test_only_work_with_a_permit_can_be_late() -> None:
    refuse_late()


def test_an_answer_that_does_not_come_is_doubtful(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eisync.adapters.cluster.attempt.POLL_S", 0.05)
    monkeypatch.setattr("eisync.adapters.cluster.attempt.MARGIN_S", 0.1)
    gate = threading.Event()
    executor = DaskExecutor(cluster.scheduler_address, ClusterRules(limit_s=lambda _: 0.1))
    monkeypatch.setitem(GATES, "hangs", gate)
    try:
        error = executor.submit(wait_for, "hangs").exception(10.0)
    finally:
        gate.set()
        executor.shutdown()
    assert isinstance(error, UnansweredError)
    assert "did not answer within" in str(error)


def test_what_no_worker_begins_is_taken_back(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All workers are busy: the permit is taken back, and the work is never done."""
    monkeypatch.setattr("eisync.adapters.cluster.attempt.POLL_S", 0.05)
    monkeypatch.setattr("eisync.adapters.cluster.attempt.BEGIN_WITHIN_S", 0.2)
    DONE.clear()
    gate = threading.Event()
    monkeypatch.setitem(GATES, "busy", gate)
    executor = DaskExecutor(cluster.scheduler_address)
    try:
        busy = [executor.submit(wait_for, "busy") for _ in range(4)]
        until(lambda: 4 == WAITING.count("busy"))
        error = executor.submit(do, "never").exception(10.0)
    finally:
        gate.set()
        assert all(future.result(10.0) for future in busy)
        executor.shutdown()
    assert isinstance(error, UnreachableError)
    assert "no worker began it" in str(error)
    assert [] == DONE


def test_a_worker_that_cannot_do_the_work_is_avoided_while_there_are_others(cluster: Any) -> None:
    unfit = sorted(cluster.scheduler.workers)[0]

    def confirm(_work: object, worker: str, error: Exception) -> Any:
        return UnreachableError(f"{worker}: {error}"), worker == unfit

    executor = DaskExecutor(cluster.scheduler_address, ClusterRules(confirm=confirm))
    try:
        until(lambda: executor.submit(find, "a").exception(10.0) and executor._health._failures)
        assert {unfit} == executor._health._failures.keys()
        answers = {executor.submit(where_am_i, number).result(10.0) for number in range(12)}
    finally:
        executor.shutdown()
    assert unfit not in answers


def test_without_a_worker_nothing_is_taken_and_the_reason_is_told() -> None:
    with distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster:
        executor = DaskExecutor(cluster.scheduler_address)
        assert executor.why_unavailable is None
        cluster.scale(0)
        until(lambda: executor.why_unavailable)
        with pytest.raises(RuntimeError, match="has no worker: start one with 'dask worker'"):
            executor.submit(do, "nothing")
        cluster.scale(1)
        until(lambda: executor.why_unavailable is None)
        assert "AGAIN" == executor.submit(do, "again").result(10.0)
        executor.shutdown()
        with pytest.raises(RuntimeError, match="after shutdown"):
            executor.submit(do, "nothing")
    assert "nothing" not in DONE


def test_no_scheduler_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eisync.adapters.cluster.executor.CONNECT_WITHIN_S", 0.2)
    before = threading.active_count()
    with pytest.raises(
        ClusterUnreachableError, match=r"does not answer .*; start it with 'dask scheduler', or correct"
    ):
        DaskExecutor("tcp://127.0.0.1:9")
    assert threading.active_count() <= before


def test_a_second_shutdown_does_nothing(cluster: Any) -> None:
    executor = DaskExecutor(cluster.scheduler_address)
    gate = threading.Event()
    GATES["shut"] = gate
    future = executor.submit(wait_for, "shut")
    until(lambda: "shut" in WAITING)
    executor.shutdown(wait=False)
    gate.set()
    executor.shutdown()
    assert future.cancelled()


def test_a_scheduler_needs_no_eisync_to_pass_the_work_on() -> None:
    """It reads the function of a task, which is pickled by its code."""
    content = cloudpickle.dumps(unpacker())
    reader = "import pickle, sys; sys.modules['eisync'] = None; pickle.load(sys.stdin.buffer)"
    done = subprocess.run([sys.executable, "-c", reader], input=content, capture_output=True, timeout=30, check=False)
    assert (0, b"") == (done.returncode, done.stderr)
