"""The API key is in nothing that a cluster shows, logs, stores or passes on.

Dask logs at its most talkative level, spills all results, and has failures with tracebacks. Its pages, the state of
scheduler and workers, every task and every file are searched while files are sent. `tests/canary.py` searches the files
once more at the end.
"""

import contextlib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import pytest

from tests.canary import CANARY, holders
from tests.cluster.processes import REASON, Cluster, cluster_at
from tests.cluster.test_draining import SMALL, assert_all_stored_once, draining, fill, said, slow_answers
from tests.cluster.work import large, tasks_of
from tests.conftest import Bench, until

pytestmark = [pytest.mark.dask, pytest.mark.skipif(REASON is not None, reason=REASON or "")]

TALKATIVE = {
    "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "debug",
    "DASK_DISTRIBUTED__WORKER__MEMORY__TARGET": "0.0000001",  # everything is spilled
    "DASK_DISTRIBUTED__WORKER__MEMORY__SPILL": "false",
}
PAGES = [
    "info/main/workers.html",
    "info/main/exceptions.html",
    "info/main/logs.html",
    "json/counts.json",
    "json/identity.json",
    "individual-plots.json",
    "metrics",
    "health",
    "status",
    "tasks",
    "graph",
    "workers",
]
OF_A_WORKER = ["info/worker/{}.html", "info/call-stacks/{}.html", "info/logs/{}.html"]
OF_A_TASK = ["info/task/{}.html", "info/call-stack/{}.html"]


def page(cluster: Cluster, path: str) -> str:
    with contextlib.suppress(urllib.error.HTTPError):  # a task that has ended
        url = f"http://127.0.0.1:{cluster.page_port}/{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read().decode())
    return ""


def pages(cluster: Cluster, workers: list[str], tasks: list[str]) -> Iterator[tuple[str, str]]:
    of_tasks = [one.format(task) for one in OF_A_TASK for task in tasks]  # first: a task soon ends
    of_workers = [one.format(worker) for one in OF_A_WORKER for worker in workers]
    for path in [*of_tasks, *PAGES, *of_workers]:
        yield path, page(cluster, path)


def test_the_key_is_nowhere_in_a_cluster(bench: Bench) -> None:
    bench.configure(upload=SMALL)
    contents = fill(bench, 60)
    slow_answers(bench, 1.0)
    place = bench.place / "cluster"
    found: set[str] = set()
    searched: set[str] = set()
    with cluster_at(place, {**bench.environ, **TALKATIVE}) as cluster:
        cluster.start_worker(EI_API_KEY=CANARY + "0")  # refused, with an error
        with distributed.Client(cluster.address, set_as_default=False) as client:
            spilled = client.submit(large, pure=False)
            spilled.result()
            process = draining(bench, cluster.address)
            workers = list(client.nthreads())
            until(lambda: look(client, cluster, workers, found, searched) or process.poll() is not None, within_s=60)
            until(lambda: any("spill" in name and "storage" in name for name in files_below(place)))
            client.dump_cluster_state(str(place / "state"), format="yaml")
            until(lambda: process.poll() is not None, within_s=60)
        assert 0 == process.wait(), said(bench)
        found |= set(holders(str(bench.place)))
        assert CANARY not in cluster.logs
    assert set() == found
    assert {*PAGES[:6], "an upload's task", "an upload's page", "what a task carries"} <= searched
    assert "the worker tcp://127.0.0.1" in said(bench)
    assert_all_stored_once(bench, contents)


def look(client: Any, cluster: Cluster, workers: list[str], found: set[str], searched: set[str]) -> bool:
    """Search everything that is there now. Return whether uploads were under way meanwhile, three times."""
    tasks = client.run_on_scheduler(tasks_of)
    uploads = [key for key in tasks if key.startswith("eisync_upload")]
    for key, content in tasks.items():
        if CANARY.encode() in content:
            found.add(key)
        if str(cluster.place.parent / "recordings").encode() in content:
            searched.add("what a task carries")
    for path, text in pages(cluster, workers, uploads[:2]):
        if text:
            searched.add("an upload's page" if "eisync_upload" in path else path)
        if CANARY in text:
            found.add(path)
    found.update(holders(str(cluster.place)))
    if uploads:
        searched.add("an upload's task")
        searched.add(f"look {len([one for one in searched if one.startswith('look')])}")
    return "look 2" in searched


def files_below(place: Path) -> list[str]:
    return [str(path) for path in place.rglob("*") if path.is_file()]
