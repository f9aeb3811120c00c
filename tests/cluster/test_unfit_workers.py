"""Workers that cannot send: each is named with what to do, another one sends, and no file counts as deleted."""

import os
import signal
import subprocess

import pytest

from tests.cluster.processes import REASON, cluster_at
from tests.cluster.test_draining import (
    SMALL,
    assert_all_stored_once,
    draining,
    ended,
    fill,
    requests,
    said,
    slow_answers,
)
from tests.conftest import Bench, until

pytestmark = [pytest.mark.dask, pytest.mark.skipif(REASON is not None, reason=REASON or "")]


def test_a_file_that_one_worker_does_not_see_is_not_deleted(bench: Bench) -> None:
    mounted = f"mount -t tmpfs none {bench.recordings} && exec"
    within = ("unshare", "--mount", "sh", "-c", f'{mounted} "$@"', "sh")
    if subprocess.run([*within, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount of its own may be made here")
    bench.configure(upload=SMALL)
    contents = fill(bench, 40)
    with cluster_at(bench.place / "cluster", bench.environ, workers=0) as cluster:
        cluster.start_worker(within=within)  # it sees an empty folder
        process = draining(bench, cluster.address)
        until(lambda: "does not have" in said(bench))
        assert {"ready", "sending"} >= {record["state"] for record in bench.files().values()}
        cluster.start_worker()
        assert 0 == ended(process), said(bench)
    assert f"share {bench.recordings} with it at the same path" in said(bench)
    assert "file.gone" not in said(bench)
    assert_all_stored_once(bench, contents)


@pytest.mark.parametrize(
    ("key", "why"),
    [("", "there is no API key for the target"), ("another", "its key opens project"), ("wrong", "refuses the key")],
    ids=["no key", "the key of another project", "a wrong key"],
)
def test_a_worker_without_the_right_key_is_named_and_another_one_sends(bench: Bench, key: str, why: str) -> None:
    bench.configure(upload=SMALL)
    contents = fill(bench, 40)
    wrong = {"another": bench.emulator.add_project(name="other")["keys"][0]["key"], "wrong": bench.emulator.key + "0"}
    with cluster_at(bench.place / "cluster", bench.environ, workers=0) as cluster:
        cluster.start_worker(EI_API_KEY=wrong.get(key, key))
        process = draining(bench, cluster.address)
        until(lambda: why in said(bench))
        assert 0 == requests(bench)
        cluster.start_worker()
        assert 0 == ended(process), said(bench)
    assert_all_stored_once(bench, contents)


def test_a_worker_that_hangs_keeps_nothing_for_ever(bench: Bench) -> None:
    """As with storage that hangs: it holds its requests until a limit, and then others send them."""
    bench.configure(upload={**SMALL, "timeout_s": 1, "connect_timeout_s": 1})
    contents = fill(bench, 60)
    slow_answers(bench)
    with cluster_at(bench.place / "cluster", bench.environ) as cluster:
        process = draining(bench, cluster.address)
        until(lambda: requests(bench) > 2)
        cluster.workers[0].send_signal(signal.SIGSTOP)
        assert 0 == ended(process), said(bench)
        cluster.workers[0].send_signal(signal.SIGCONT)  # what it still has is too late
        cluster.workers[0].send_signal(signal.SIGTERM)
        cluster.workers[0].wait(timeout=90)  # Dask takes its time
    assert "the worker did not answer within" in said(bench)
    assert_all_stored_once(bench, contents)


def test_without_a_scheduler_it_says_what_to_do(bench: Bench) -> None:
    fill(bench, 1)
    done = bench.once("--scheduler", "tcp://127.0.0.1:9")
    assert (69, 1) == (done.returncode, done.stderr.count("\n")), done.stderr
    assert "the Dask scheduler tcp://127.0.0.1:9 does not answer" in done.stderr
    assert "start it with 'dask scheduler', or correct --scheduler or scheduler in [upload]" in done.stderr


def test_a_daemon_says_in_its_status_that_the_scheduler_is_away(bench: Bench) -> None:
    with cluster_at(bench.place / "cluster", bench.environ, workers=1) as cluster:
        bench.configure(upload={"scheduler": cluster.address})
        daemon = bench.daemon()
        try:
            until(lambda: bench.run("healthcheck").returncode == 0)
            cluster.kill_scheduler()
            cluster.stop_workers()
            contents = fill(bench, 5)
            until(lambda: "does not answer; eisync tries again until it does" in bench.run("status").stdout)
            cluster.start_scheduler()
            cluster.start_worker()
            until(lambda: len(bench.files("--state", "synced")) == 5, within_s=60)
        finally:
            daemon.send_signal(signal.SIGTERM)
            assert 0 == daemon.wait(timeout=30)
    (bench.place / "once.log").touch()
    assert_all_stored_once(bench, contents)
    assert os.path.exists(bench.state)
