"""Any executor of `concurrent.futures` runs the requests: threads, processes, other machines."""

import io
import multiprocessing
import os
import pickle
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

import eisync
from eisync.data import (
    Sample,
    client,
    download_samples_by_ids,
    sending,
    stream_samples_by_ids,
    upload_directory,
    upload_samples,
)
from eisync.data.client import KeyElsewhere, key_for
from eisync.data.sample_type import DataAcquisition, Payload, Protected, Sensor
from eisync.emulator.server import RunningEmulator
from eisync.exceptions import (
    ApiException,
    InvalidApiKeyException,
    MissingApiKeyException,
    UnauthorizedException,
    UnsuccessfulRequestException,
)
from tests.canary import CANARY

from .samples import csv, waves


class Cluster(Executor):
    """An executor that pickles its work, as those of Dask, loky and MPI do, and keeps what it was given."""

    def __init__(self) -> None:
        self.tasks: list[bytes] = []
        self.trouble: Exception | None = None

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        self.tasks.append(pickle.dumps((fn, args, kwargs)))
        future: Future[Any] = Future()
        if self.trouble is not None:
            future.set_exception(self.trouble)
            return future
        fn, args, kwargs = pickle.loads(self.tasks[-1])
        try:
            future.set_result(pickle.loads(pickle.dumps(fn(*args, **kwargs))))
        except Exception as error:  # noqa: BLE001 - as a real executor does
            future.set_exception(pickle.loads(pickle.dumps(error)))
        return future


@pytest.fixture(params=["threads", "processes", "cluster"])
def executor(request: pytest.FixtureRequest, service: RunningEmulator) -> Iterator[Executor]:
    if request.param == "cluster":
        yield Cluster()
        return
    made: Executor = ThreadPoolExecutor(2)
    if request.param == "processes":
        made = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork"))
    with made:
        yield made


def every_kind(folder: Path) -> list[Sample]:
    """A sample of each kind of data that a caller may pass."""
    (folder / "file.csv").write_text(csv(1))
    values = Payload("T", [Sensor("x")], numpy.arange(4.0).reshape(4, 1), 10)  # type: ignore[arg-type]
    return [
        Sample(csv(2), filename="text.csv", label="a"),
        Sample(csv(3).encode(), filename="bytes.csv", label="a"),
        Sample(bytearray(csv(4).encode()), filename="array.csv", label="a"),  # type: ignore[arg-type]
        Sample(memoryview(csv(5).encode()), filename="view.csv", label="a"),  # type: ignore[arg-type]
        Sample(io.BytesIO(csv(6).encode()), filename="memory.csv", label="a"),
        Sample(io.StringIO(csv(7)), filename="stringio.csv", label="a"),
        Sample((folder / "file.csv").open("rb"), filename="file.csv", label="a"),
        Sample((folder / "file.csv").open(), filename="again.csv", label="a"),  # type: ignore[arg-type]
        Sample(DataAcquisition(Protected(), values), filename="values.json", label="a"),
    ]


def test_samples_of_every_kind_are_uploaded(service: RunningEmulator, executor: Executor, tmp_path: Path) -> None:
    samples = every_kind(tmp_path)
    response = upload_samples(samples, allow_duplicates=True, executor=executor)
    assert [] == [fail.error for fail in response.fails]
    assert len(samples) == service.ledger()["stored"]
    assert all(sample.sample_id for sample in samples)
    for sample in samples:
        if hasattr(sample.data, "close"):
            sample.data.close()


def test_a_folder_is_uploaded(
    service: RunningEmulator, executor: Executor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        (tmp_path / f"walk.{number}.csv").write_text(csv(number))
    monkeypatch.chdir(tmp_path)
    response = upload_directory(".", executor=executor)
    assert (True, 20) == (response.success, len(response.successes))


def test_samples_are_downloaded(service: RunningEmulator, executor: Executor) -> None:
    samples = waves(5)
    assert upload_samples(samples).success
    ids = [sample.sample_id for sample in samples]
    found = download_samples_by_ids([*ids, 999_999], executor=executor)  # type: ignore[list-item]
    assert ids == [sample.sample_id for sample in found]
    assert download_samples_by_ids(ids) == found  # type: ignore[arg-type]
    assert next(stream_samples_by_ids(ids[:2], executor=executor)) == found[0]  # type: ignore[arg-type]


def test_the_executor_is_left_running(service: RunningEmulator, executor: Executor) -> None:
    assert upload_samples(waves(3), executor=executor).success
    assert 3 == executor.submit(len, "abc").result(10)


def test_a_key_of_the_caller_is_used(
    service: RunningEmulator, executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eisync, "API_KEY", None)
    samples = waves(3)
    assert upload_samples(samples, api_key=service.key, executor=executor).success
    [found] = download_samples_by_ids(samples[0].sample_id, api_key=service.key, executor=executor)  # type: ignore[arg-type]
    assert samples[0].sample_id == found.sample_id


def test_a_wrong_key_is_told_as_ever(service: RunningEmulator, executor: Executor) -> None:
    wrong = CANARY + "0" * 8
    with pytest.raises(UnauthorizedException) as caught:
        download_samples_by_ids(1, api_key=wrong, executor=executor)
    assert 401 == caught.value.status
    response = upload_samples(waves(3), api_key=wrong, executor=executor)
    assert 3 == len(response.fails)
    assert CANARY not in str([fail.error for fail in response.fails])


def test_the_key_is_not_in_the_work_of_another_machine(service: RunningEmulator, tmp_path: Path) -> None:
    cluster = Cluster()
    samples = waves(3)
    upload_samples(samples, executor=cluster)
    download_samples_by_ids([sample.sample_id for sample in samples], executor=cluster)  # type: ignore[misc]
    assert 4 <= len(cluster.tasks)
    assert not any(CANARY.encode() in task for task in cluster.tasks)
    assert CANARY not in repr([pickle.loads(task) for task in cluster.tasks])


def elsewhere(key: KeyElsewhere, monkeypatch: pytest.MonkeyPatch, own: str | None) -> KeyElsewhere:
    """What stands for the key in a process that has `own` as its key."""
    monkeypatch.setattr(client, "_stand_ins", {})
    monkeypatch.setattr(eisync, "API_KEY", own)
    there: KeyElsewhere = pickle.loads(pickle.dumps(key))
    return there


def test_another_process_uses_its_own_key_if_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    key = key_for(Cluster(), CANARY)
    assert isinstance(key, KeyElsewhere)
    assert CANARY == elsewhere(key, monkeypatch, CANARY).read()
    with pytest.raises(InvalidApiKeyException, match="has another API key than the caller: set `EI_API_KEY` there"):
        elsewhere(key, monkeypatch, CANARY + "0").read()
    with pytest.raises(MissingApiKeyException):
        elsewhere(key, monkeypatch, None).read()


def test_samples_that_a_process_without_the_key_was_given_are_failures(
    service: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.KeyElsewhere, "read", lambda _: client.api_key(""))
    response = upload_samples(waves(3), executor=Cluster())
    assert ["API key was `None` or empty"] * 3 == [str(fail.error)[:27] for fail in response.fails]
    assert 0 == service.ledger()["requests"]


def test_samples_that_the_executor_lost_are_failures_that_may_be_stored(service: RunningEmulator) -> None:
    cluster = Cluster()
    cluster.trouble = RuntimeError("the worker died")
    response = upload_samples(waves(3), executor=cluster)
    lost = "the executor lost the request, and the sample may be stored (RuntimeError: the worker died)"
    assert [lost] * 3 == [fail.error for fail in response.fails]


def test_a_process_that_dies_loses_its_samples_and_ends_no_call(service: RunningEmulator) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as executor:
        with pytest.raises(BrokenProcessPool):
            executor.submit(os._exit, 1).result(10)
        response = upload_samples(waves(3), executor=executor)
    assert ["the executor lost the request"] * 3 == [str(fail.error).partition(",")[0] for fail in response.fails]


@pytest.mark.parametrize(
    "error",
    [ApiException(418, "no", "tea"), UnsuccessfulRequestException("no"), UnauthorizedException(401, "no", None)],
)
def test_exceptions_come_back_from_another_process(error: Exception) -> None:
    there = pickle.loads(pickle.dumps(error))
    assert (type(error), str(error), vars(error)) == (type(there), str(there), vars(there))


def test_what_another_process_learns_of_the_service_is_kept(service: RunningEmulator) -> None:
    cluster = Cluster()
    response = upload_samples(waves(3), api_key=CANARY + "1" * 8, max_workers=1, executor=cluster)
    assert 3 == len(response.fails)
    many = [replace(sample, label=f"label {number}") for number, sample in enumerate(waves(5))]
    upload_samples(many, api_key=CANARY + "1" * 8, max_workers=1, executor=cluster)
    assert 2 == service.ledger()["requests"]  # after the key was refused, nothing more is sent with it


def test_only_processes_and_other_machines_count_as_elsewhere() -> None:
    assert not sending.is_elsewhere(None)
    with ThreadPoolExecutor(1) as threads:
        assert not sending.is_elsewhere(threads)
        assert "k" == key_for(threads, "k")
    assert sending.is_elsewhere(Cluster())
    assert "k" == key_for(None, "k")
    assert "concurrent.futures.process" in sys.modules
