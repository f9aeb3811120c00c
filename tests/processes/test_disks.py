"""A disk inside the watched folder is unmounted, under eisync as a person runs it; the service's ledger decides."""

import sqlite3
from collections.abc import Iterator

import pytest

from tests.conftest import Bench, row, until
from tests.mounting import Mounts, mounting

HERE, ON_THE_DISK = 100, 10


@pytest.fixture
def mounts() -> Iterator[Mounts]:
    with mounting() as made:
        yield made


def configure(bench: Bench) -> None:
    (bench.place / "eisync.toml").write_text(
        '[[watch]]\npath = "recordings"\nsettle_s = 0.1\nscan_interval_s = 0.5\non_local_delete = "delete"\n'
        "[reconcile]\ninterval_s = 1\nsweep_interval_s = 2\n"
    )


def absences_lasted(bench: Bench) -> None:
    """Make missing files missing for long enough to count as deleted."""
    database = sqlite3.connect(bench.state / "eisync.db")
    with database:
        database.execute("update file set absent_at = absent_at - 120")
    database.close()


@pytest.mark.slow
def test_a_disk_unmounted_under_the_daemon_deletes_no_sample(bench: Bench, mounts: Mounts) -> None:
    configure(bench)
    disk = mounts.tmpfs(bench.recordings / "station/disk")
    for number in range(HERE):
        bench.write(f"day/{number}.csv", row(number))
    for number in range(ON_THE_DISK):
        bench.write(f"station/disk/{number}.csv", row(1000 + number))
    daemon = bench.daemon()
    try:
        until(
            lambda: {record["state"] for record in bench.files().values()} == {"synced"} and len(bench.files()) == 110
        )
        mounts.unmount(disk)
        until(lambda: "is missing, or it is a different one" in bench.run("status").stdout)
        assert 0 == bench.run("reconcile", "--sweep").returncode
        daemon.terminate()
        daemon.wait(timeout=10)
        absences_lasted(bench)
        daemon = bench.daemon()
        until(lambda: bench.run("healthcheck").returncode == 0)
        until(lambda: "is missing, or it is a different one" in bench.run("status").stdout)
        for _ in range(3):
            assert 0 == bench.run("reconcile", "--sweep").returncode
        samples = [one for record in bench.files().values() for one in record["samples"] if not one["is_deleted"]]
        assert HERE + ON_THE_DISK == len(samples)
        assert {"synced"} == {record["state"] for record in bench.files().values()}
    finally:
        daemon.terminate()
        daemon.wait(timeout=10)


@pytest.mark.slow
def test_once_reports_a_missing_disk_and_does_not_end_with_0(bench: Bench, mounts: Mounts) -> None:
    configure(bench)
    disk = mounts.tmpfs(bench.recordings / "disk")
    bench.write("wave.1.csv", row(1))
    bench.write("disk/wave.2.csv", row(2))
    assert 0 == bench.once().returncode
    mounts.unmount(disk)
    done = bench.once()
    assert 0 != done.returncode
    assert f"the disk at {disk} is missing" in done.stderr
    assert {"synced"} == {record["state"] for record in bench.files().values()}
