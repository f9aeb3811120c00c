"""`eisync.data` with the executor of a real Dask cluster."""

from pathlib import Path

import distributed
import pytest

import eisync
from eisync.data import Sample, download_samples_by_ids, upload_directory, upload_samples
from eisync.emulator.server import RunningEmulator
from tests.canary import CANARY
from tests.cluster.processes import REASON, cluster_at
from tests.cluster.work import tasks_of
from tests.conftest import Bench, row, stored_once

pytestmark = [pytest.mark.dask, pytest.mark.skipif(REASON is not None, reason=REASON or "")]


def test_samples_and_folders_travel_both_ways(
    bench: Bench, emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(eisync, "API_KEY", emulator.key)
    monkeypatch.setattr(eisync, "API_ENDPOINT", emulator.studio_url)
    monkeypatch.setattr(eisync, "INGESTION_ENDPOINT", emulator.ingestion_url)
    contents = [row(number * 10) for number in range(30)]
    samples = [Sample(content, filename=f"walk.{number}.csv") for number, content in enumerate(contents[:10])]
    for number, content in enumerate(contents[10:]):
        bench.write(f"run.{number}.csv", content)
    with (
        cluster_at(bench.place / "cluster", bench.environ) as cluster,
        distributed.Client(cluster.address, set_as_default=False) as dask,
    ):
        executor = dask.get_executor(pure=False, retries=0)
        assert upload_samples(samples, executor=executor).success
        assert upload_directory(str(bench.recordings), executor=executor).success
        ids = [sample.sample_id for sample in samples]
        assert ids == [found.sample_id for found in download_samples_by_ids(ids, executor=executor)]  # type: ignore[arg-type]
        assert not any(CANARY.encode() in task for task in dask.run_on_scheduler(tasks_of).values())

        cluster.stop_workers()
        cluster.start_worker(EI_API_KEY="")
        [fail] = upload_samples(Sample(row(7), filename="last.csv"), executor=executor).fails
        assert "API key was `None` or empty" in str(fail.error)
    assert stored_once(emulator.ledger(), contents)
