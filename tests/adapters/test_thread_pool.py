import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, ThreadPoolExecutor
from typing import Any

import pytest

from eisync.adapters.process import ThreadPool, hand_over


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on no thread can be started."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    return lambda: monkeypatch.setattr(threading.Thread, "start", start)


def test_work_that_no_thread_could_be_started_for_is_never_done(limit: Callable[[], None]) -> None:
    done: list[str] = []
    gate = threading.Event()
    with ThreadPool(2) as pool:
        busy = pool.submit(gate.wait, 10.0)
        limit()
        with pytest.raises(RuntimeError, match="can't start new thread"):
            pool.submit(done.append, "refused")
        gate.set()
        assert busy.result(10.0)
        # The one thread there is has the refused work in its queue, before this.
        pool.submit(done.append, "taken").result(10.0)
    assert ["taken"] == done


@pytest.mark.parametrize("kind", [ThreadPool, ThreadPoolExecutor])
def test_work_is_done_here_where_no_thread_can_be_started(
    kind: Callable[[int], Executor], limit: Callable[[], None]
) -> None:
    where: list[str] = []
    limit()
    with kind(2) as pool:
        future = hand_over(pool, lambda: where.append(threading.current_thread().name))
        assert future.done()
    assert [threading.current_thread().name] == where


def test_work_that_is_handed_over_is_done_once(limit: Callable[[], None]) -> None:
    done: list[int] = []
    gate = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        pool.submit(gate.wait, 10.0)
        limit()
        futures = [hand_over(pool, done.append, number) for number in range(50)]
        gate.set()
    assert all(future.done() for future in futures)
    assert list(range(50)) == sorted(done)


@pytest.mark.parametrize("submit", [ThreadPool.submit, hand_over])
def test_what_the_work_raises_comes_with_its_result(submit: Callable[..., Any]) -> None:
    with ThreadPool(1) as pool:
        future = submit(pool, int, "no number")
        with pytest.raises(ValueError, match="no number"):
            future.result(10.0)


@pytest.mark.parametrize("submit", [ThreadPool.submit, hand_over])
def test_dropped_work_cancels_its_future(submit: Callable[..., Any]) -> None:
    gate = threading.Event()
    with ThreadPool(1) as pool:
        pool.submit(gate.wait, 10.0)
        future = submit(pool, int)
        pool.shutdown(wait=False, cancel_futures=True)
        gate.set()
        with pytest.raises(CancelledError):
            future.result(10.0)
