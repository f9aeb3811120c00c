"""An empty key is a missing one, in every public function: it must never reach the project of another key."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import eisync
from eisync import data
from eisync.data import Sample
from eisync.emulator.server import RunningEmulator
from eisync.exceptions import MissingApiKeyException
from tests.data.samples import csv

FRAME = {"t": [0.0, 0.01], "g": ["a", "a"], "x": [1.5, 2.5]}


def frame() -> Any:
    import pandas as pd

    return pd.DataFrame(FRAME)


# How each function is called, but for the key; those that are missing take none.
CALLS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "delete_all_samples": lambda _: {},
    "delete_sample_by_id": lambda _: {"sample_id": 1},
    "delete_samples_by_filename": lambda _: {"filename": "kept"},
    "download_samples_by_ids": lambda _: {"sample_ids": []},
    "get_filename_by_id": lambda _: {"sample_id": 1},
    "get_sample_ids": lambda _: {},
    "stream_samples_by_ids": lambda _: {"sample_ids": []},
    "upload_directory": lambda folder: {"directory": str(folder)},
    "upload_exported_dataset": lambda folder: {"directory": str(folder)},
    "upload_numpy": lambda _: {
        "data": [[[1.0]]],
        "labels": ["a"],
        "sensors": [data.Sensor("x", "g")],
        "sample_rate_ms": 10,
    },
    "upload_pandas_dataframe": lambda _: {"df": frame(), "feature_cols": ["x"]},
    "upload_pandas_dataframe_wide": lambda _: {"df": frame()[["t", "x"]], "sample_rate_ms": 10},
    "upload_pandas_dataframe_with_group": lambda _: {
        "df": frame(),
        "timestamp_col": "t",
        "group_by": "g",
        "feature_cols": ["x"],
    },
    "upload_pandas_sample": lambda _: {"df": frame()[["x"]], "sample_rate_ms": 10},
    "upload_plain_directory": lambda folder: {"directory": str(folder)},
    "upload_samples": lambda _: {"samples": Sample(csv(5), "new.csv")},
}
TAKES_A_KEY = {
    name
    for name in data.__all__
    if inspect.isfunction(getattr(data, name)) and "api_key" in inspect.signature(getattr(data, name)).parameters
}


def call(name: str, folder: Path, **key: str) -> Any:
    (folder / "wave.01.csv").write_text(csv(7))
    (folder / "info.labels").write_text('{"version": 1, "files": [{"path": "wave.01.csv"}]}')
    answer = getattr(data, name)(**CALLS[name](folder), **key)
    return list(answer) if inspect.isgenerator(answer) else answer


def held(service: RunningEmulator) -> int:
    return len(data.get_sample_ids(api_key=service.key))


def test_every_function_that_takes_a_key_is_called_here() -> None:
    assert TAKES_A_KEY == CALLS.keys()


@pytest.mark.parametrize("key", ["", " ", "\t\r\n", "\ufeff"], ids=repr)
@pytest.mark.parametrize("name", sorted(TAKES_A_KEY))
def test_an_empty_key_is_missed_though_there_is_another(
    service: RunningEmulator, tmp_path: Path, name: str, key: str
) -> None:
    """A script that passes on an empty variable means no project, least of all the default one."""
    data.upload_samples(Sample(csv(1), "kept.csv"))
    with pytest.raises(MissingApiKeyException):
        call(name, tmp_path, api_key=key)
    assert 1 == held(service)


@pytest.mark.parametrize("key", [None, "", "  "], ids=repr)
@pytest.mark.parametrize("name", sorted(TAKES_A_KEY))
def test_an_empty_global_is_missed_too(service: RunningEmulator, tmp_path: Path, name: str, key: str | None) -> None:
    data.upload_samples(Sample(csv(1), "kept.csv"))
    eisync.API_KEY = key
    with pytest.raises(MissingApiKeyException):
        call(name, tmp_path)
    assert 1 == held(service)


@pytest.mark.parametrize("name", sorted(TAKES_A_KEY))
def test_a_key_is_enough(service: RunningEmulator, tmp_path: Path, name: str) -> None:
    """What the others prove is no other failure."""
    eisync.API_KEY = None
    call(name, tmp_path, api_key=service.key)
