"""One frame becomes one sample, or one for each group: of pandas, Dask, polars, and what looks like them."""

import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest

from eisync.data.frames import (
    pandas_dataframe_to_sample,
    upload_pandas_dataframe_with_group,
    upload_pandas_sample,
)
from eisync.data.sample_type import Sample
from eisync.data.tables import NO_FRAME
from eisync.emulator.server import RunningEmulator
from tests.data.frames_of import MAKERS, Columns
from tests.emulator.wire import Client

MAKES = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
Make = Callable[[Columns], Any]
SERIES: dict[str, list[Any]] = {"accX": [0.5, -1e-05, 1e16], "accY": [1, 2, 3]}


def text(sample: Sample) -> str:
    assert isinstance(sample.data, io.StringIO)
    assert 0 == sample.data.tell()
    return sample.data.getvalue()


def csv_of(df: Any, *arguments: Any, **more: Any) -> str:
    return text(pandas_dataframe_to_sample(df, *arguments, **more))


def times_of(df: Any, **more: Any) -> list[str]:
    return [line.split(",")[0] for line in csv_of(df, **more).splitlines()[1:]]


# One frame, one sample


@MAKES
def test_a_frame_with_a_rate_is_a_time_series(make: Make) -> None:
    sample = pandas_dataframe_to_sample(
        make(SERIES), 10, "wave", "wave.01", metadata={"site": "desk"}, category="training"
    )
    assert "timestamp,accX,accY\n0,0.5,1\n10,-1e-05,2\n20,1e+16,3\n" == text(sample)
    assert ("wave.01.csv", "wave", "training", {"site": "desk"}, None) == (
        sample.filename,
        sample.label,
        sample.category,
        sample.metadata,
        sample.structured_labels,
    )


@MAKES
def test_one_row_is_one_reading_without_a_time(make: Make) -> None:
    assert "accX,accY\n0.5,1\n" == csv_of(make({"accX": [0.5], "accY": [1]}), 10)


@MAKES
def test_columns_are_chosen_and_ordered(make: Make) -> None:
    assert "timestamp,accY\n0,1\n10,2\n20,3\n" == csv_of(make(SERIES), 10, axis_columns=["accY"])
    assert csv_of(make(SERIES), 10, axis_columns=["accY", "accX"]).startswith("timestamp,accY,accX\n")


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(SERIES),
        pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [None, "x,y", 'q"'], "c": [True, False, True]}),
        pd.DataFrame({"a": np.array([0.1, 1e-7, 16777216.0, np.nan, np.inf, 3.4e38], dtype="float32")}),
        pd.DataFrame({"a": np.array([0.1, 1e-7, 65504.0], dtype="float16"), "b": np.array([1, 2, 3], dtype="uint8")}),
        pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64")}),
        pd.DataFrame([[1, 2], [3, 4]]),
        pd.DataFrame({"a": [0.1 + 0.2, 1 / 3, 2**53 + 1]}),
    ],
    ids=["plain", "missing and texts", "float32", "float16", "nullable", "numbered columns", "long numbers"],
)
def test_the_bytes_are_those_of_pandas(frame: pd.DataFrame) -> None:
    """The official module writes with pandas; the same bytes are found to be duplicates."""
    written = io.StringIO()
    frame.set_axis(pd.RangeIndex(len(frame)) * 10).to_csv(written, index_label="timestamp")
    assert written.getvalue() == csv_of(frame, 10)


def test_a_float_of_32_bits_is_what_a_person_wrote() -> None:
    assert "timestamp,a\n0,0.1\n10,0.2\n" == csv_of(pl.DataFrame({"a": [0.1, 0.2]}, schema={"a": pl.Float32}), 10)


def test_a_series_is_a_frame_of_one_column() -> None:
    assert "timestamp,0\n0,1.5\n10,2.5\n" == csv_of(pd.Series([1.5, 2.5]), 10)
    assert "timestamp,a\n0,1.5\n10,2.5\n" == csv_of(pl.Series("a", [1.5, 2.5]), 10)


def test_the_frame_of_the_caller_is_not_changed() -> None:
    """The official module resets its index, and converts its timestamps."""
    frame = pd.DataFrame(SERIES, index=[5, 6, 7])
    before = frame.copy()
    pandas_dataframe_to_sample(frame, 10)
    pandas_dataframe_to_sample(frame, label_col="accY", axis_columns=["accX"])
    pd.testing.assert_frame_equal(before, frame)


def test_a_sample_without_a_name_gets_a_new_one() -> None:
    names = {pandas_dataframe_to_sample(pd.DataFrame(SERIES), 10).filename for _ in range(3)}
    assert 3 == len(names)


def test_metadata_is_text_and_a_copy() -> None:
    metadata = {"run": np.int64(7), "gain": 0.5, "note": float("nan"), "site": "desk"}
    assert {"run": "7", "gain": "0.5", "site": "desk"} == pandas_dataframe_to_sample(
        pd.DataFrame(SERIES), 10, metadata=metadata
    ).metadata
    assert 4 == len(metadata)


# The time between two rows


@pytest.mark.parametrize(
    ("rate_ms", "times"),
    [
        (10, ["0", "10", "20"]),
        (0.5, ["0", "0.5", "1"]),
        (62.5, ["0", "62.5", "125"]),
        (np.int64(10), ["0", "10", "20"]),
    ],
)
def test_a_rate_may_be_a_fraction(rate_ms: Any, times: list[str]) -> None:
    """The official module cuts it off: 0.5 ms puts every row at 0."""
    assert times == times_of(pd.DataFrame(SERIES), sample_rate_ms=rate_ms)


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("index", "times"),
    [
        (pd.RangeIndex(3), ["0", "1", "2"]),
        ([0, 20, 40], ["0", "20", "40"]),
        ([0.0, 0.5, 1.0], ["0.0", "0.5", "1.0"]),
        (pd.to_timedelta([0, 1, 2], unit="s"), ["0", "1000", "2000"]),
        (pd.to_timedelta([0, 10, 20], unit="ms"), ["0", "10", "20"]),
        (pd.to_timedelta([0, 500, 1000], unit="us"), ["0", "0.5", "1"]),
        (pd.to_timedelta([0, 250, 500], unit="ns"), ["0", "0.00025", "0.0005"]),
        (pd.to_timedelta([0, 1, 2], unit="D"), ["0", "86400000", "172800000"]),
        (pd.date_range("2024-01-01", periods=3, freq="10ms"), ["0", "10", "20"]),
        (pd.date_range("2024-10-27 00:59:59.999", periods=3, freq="1ms", tz="UTC").tz_convert(BERLIN), ["0", "1", "2"]),
        (pd.period_range("2024-01", periods=3, freq="D"), ["0", "86400000", "172800000"]),
        ([date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 3)], ["0", "86400000", "172800000"]),
        ([datetime.fromisoformat(f"2024-01-01T00:00:0{second}") for second in range(3)], ["0", "1000", "2000"]),
        ([timedelta(milliseconds=5 * number) for number in range(3)], ["0", "5", "10"]),
    ],
    ids=str,
)
def test_the_rate_is_read_from_an_index_that_increases(index: Any, times: list[str]) -> None:
    """The official module keeps the whole seconds of a time span, without its days, and writes dates as texts."""
    assert times == times_of(pd.DataFrame(SERIES, index=index))


@pytest.mark.parametrize(
    "index", [[3, 1, 2], ["a", "b", "c"], [True, False, True], [0, np.nan, 2], pd.to_timedelta([2, 1, 0]), [(1, 2)] * 3]
)
def test_an_index_that_tells_no_rate_is_refused_in_the_official_words(index: Any) -> None:
    with pytest.raises(ValueError, match="Index should be monotonically increasing in order to detect sample rate"):
        pandas_dataframe_to_sample(pd.DataFrame(SERIES).set_axis(index))


@pytest.mark.parametrize("make", [MAKERS["polars"], MAKERS["polars, lazy"]])
def test_a_frame_without_an_index_needs_a_rate(make: Make) -> None:
    with pytest.raises(ValueError, match="Or specify sample_rate_ms argument"):
        pandas_dataframe_to_sample(make(SERIES))


# Labels row by row


@MAKES
def test_runs_of_equal_labels_are_structured_labels(make: Make) -> None:
    frame = make({"x": [1, 2, 3, 4, 5], "l": ["a", "a", "b", "b", "a"]})
    sample = pandas_dataframe_to_sample(frame, 10, label_col="l")
    assert "timestamp,x\n0,1\n10,2\n20,3\n30,4\n40,5\n" == text(sample)
    assert [
        {"startIndex": 0, "endIndex": 1, "label": "a"},
        {"startIndex": 2, "endIndex": 3, "label": "b"},
        {"startIndex": 4, "endIndex": 4, "label": "a"},
    ] == sample.structured_labels


def test_labels_row_by_row_go_with_chosen_columns_and_numbers() -> None:
    """The official module looks for the labels among the chosen columns, and leaves numpy's numbers in them."""
    frame = pd.DataFrame({"x": [1, 2], "y": [3, 4], "l": [0, 7]})
    sample = pandas_dataframe_to_sample(frame, 10, axis_columns=["x"], label_col="l")
    assert "timestamp,x\n0,1\n10,2\n" == text(sample)
    assert ["0", "7"] == [run["label"] for run in sample.structured_labels or ()]


def test_the_label_of_a_single_row_is_its_label() -> None:
    frame = pd.DataFrame({"x": [1], "l": ["a"]})
    sample = pandas_dataframe_to_sample(frame, label_col="l")
    assert ("x\n1\n", "a", None) == (text(sample), sample.label, sample.structured_labels)
    assert "given" == pandas_dataframe_to_sample(frame, label="given", label_col="l").label


# Mistakes


@pytest.mark.parametrize("thing", [None, 7, "frame", [1, 2], {"a": [1]}, np.zeros((2, 2)), object()])
def test_what_is_no_frame_is_refused_in_the_official_words(thing: Any) -> None:
    with pytest.raises(AttributeError) as caught:
        pandas_dataframe_to_sample(thing, 10)
    assert str(caught.value) == NO_FRAME
    assert NO_FRAME.startswith("DataFrame methods on input object not found. DataFrame support requires pandas")
    with pytest.raises(AttributeError):
        upload_pandas_sample(thing)
    with pytest.raises(AttributeError):
        upload_pandas_dataframe_with_group(thing, "t", "g", ["x"])


@MAKES
@pytest.mark.parametrize("wrong", [{"axis_columns": ["accX", "accZ"]}, {"label_col": "accZ"}])
def test_a_column_that_is_not_there_is_named(make: Make, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Can't find the following columns: \['accZ'\]"):
        pandas_dataframe_to_sample(make(SERIES), 10, **wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"axis_columns": "accX"}, "The 'axis_columns' argument must be a list of strings."),
        ({"axis_columns": [1]}, "The 'axis_columns' argument must be a list of strings."),
        ({"metadata": "site"}, "The 'metadata' argument must be a dictionary or None."),
        ({"sample_rate_ms": -10}, "sample_rate_ms must be a positive number of milliseconds, not -10"),
        ({"sample_rate_ms": float("nan")}, "sample_rate_ms must be a positive number of milliseconds, not nan"),
        ({"label_col": "hole"}, "row 1 has no label"),
    ],
)
def test_an_argument_of_the_wrong_kind_is_named(wrong: dict[str, Any], words: str) -> None:
    frame = pd.DataFrame({**SERIES, "hole": ["a", None, "b"]})
    with pytest.raises(ValueError, match=words):
        pandas_dataframe_to_sample(frame, **({"sample_rate_ms": 10} | wrong))


TWICE = pd.DataFrame([[1, 2, 3], [4, 5, 6]], columns=["a", "b", "a"])


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "timestamp,a,b,a\n0,1,2,3\n10,4,5,6\n"),
        ({"axis_columns": ["a"]}, "timestamp,a,a\n0,1,3\n10,4,6\n"),
        ({"axis_columns": ["b", "a"]}, "timestamp,b,a,a\n0,2,1,3\n10,5,4,6\n"),
        ({"label_col": "b"}, "timestamp,a,a\n0,1,3\n10,4,6\n"),
    ],
)
def test_a_column_that_is_there_twice_is_sent_twice(more: dict[str, Any], expected: str) -> None:
    assert expected == text(pandas_dataframe_to_sample(TWICE, 10, **more))


def test_labels_are_in_one_column() -> None:
    with pytest.raises(ValueError, match="several columns named 'a'"):
        pandas_dataframe_to_sample(TWICE, 10, label_col="a")


# Uploading


@MAKES
def test_a_frame_is_uploaded(service: RunningEmulator, make: Make) -> None:
    frame = make({"x": [0.5, 1.5], "l": ["a", "b"]})
    response = upload_pandas_sample(frame, "wave", 10, "wave.01", ["x"], {"site": "desk"}, "l", "testing")
    assert response.success
    (stored,) = Client(service).listed()
    assert ("wave.01", "wave", "testing", {"site": "desk"}, 10) == (
        stored["filename"],
        stored["label"],
        stored["category"],
        stored["metadata"],
        stored["intervalMs"],
    )
    assert ["a", "b"] == [run["label"] for run in stored["structuredLabels"]]


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
def test_fast_time_series_have_their_rate_in_the_service(service: RunningEmulator, unit: Any) -> None:
    frame = pd.DataFrame({"x": range(100)}, index=pd.to_timedelta(range(0, 500, 5), unit=unit))
    assert upload_pandas_sample(frame).success
    expected_ms = {"ns": 5e-6, "us": 5e-3, "ms": 5.0}[unit]
    assert expected_ms == pytest.approx(Client(service).listed()[0]["intervalMs"])


# Groups

GROUPS: dict[str, list[Any]] = {
    "place": ["desk", "field", "desk", "field"],
    "name": ["sample 1", "sample 2", "sample 1", "sample 2"],
    "category": ["training", "testing", "training", "testing"],
    "label": ["idle", "wave", "idle", "wave"],
    "t": [0.01, 0.57, 0.0, 0.07],
    "accX": [-9.83, 1.0, -9.81, 2.0],
    "accY": [4, 2, 3, 3],
}
WHERE: dict[str, Any] = {"timestamp_col": "t", "group_by": "name", "feature_cols": ["accX", "accY"]}
TOLD: dict[str, Any] = {"label_col": "label", "category_col": "category", "metadata_cols": ["place"]}


def stored_by_name(service: RunningEmulator) -> dict[str, dict[str, Any]]:
    stranger = Client(service)
    samples = {sample["filename"]: sample for sample in stranger.listed()}
    for sample in samples.values():
        sample["csv"] = stranger.send("GET", f"/raw-data/{sample['id']}/raw").text
    return samples


def test_a_feature_of_a_group_may_be_one_name_and_may_be_there_twice(service: RunningEmulator) -> None:
    frame = pd.DataFrame(
        [["one", 0, 1, 3], ["one", 0.01, 4, 6], ["two", 0, 7, 9], ["two", 0.01, 8, 9]], columns=["g", "t", "acc", "acc"]
    )
    names: dict[str, Any] = {"feature_cols": "acc"}
    assert upload_pandas_dataframe_with_group(frame, "t", "g", **names).success
    stored = stored_by_name(service)
    assert "timestamp,acc,acc\n0,1,3\n10,4,6\n" == stored["one"]["csv"]
    with pytest.raises(ValueError, match="several columns named 'acc'"):
        upload_pandas_dataframe_with_group(frame, "t", "g", ["t"], metadata_cols=["acc"])


@MAKES
def test_every_group_is_a_time_series_in_order_of_time(service: RunningEmulator, make: Make) -> None:
    """The official module cuts timestamps off: 0.57 s is 569 ms there."""
    response = upload_pandas_dataframe_with_group(make(GROUPS), **WHERE, **TOLD)
    assert ["sample 1.csv", "sample 2.csv"] == [one.sample.filename for one in response.successes]
    stored = stored_by_name(service)
    assert "timestamp,accX,accY\n0,-9.81,3\n10,-9.83,4\n" == stored["sample 1"]["csv"]
    assert "timestamp,accX,accY\n70,2.0,3\n570,1.0,2\n" == stored["sample 2"]["csv"]
    assert [("idle", "training", {"place": "desk"}), ("wave", "testing", {"place": "field"})] == [
        (stored[name]["label"], stored[name]["category"], stored[name]["metadata"]) for name in ("sample 1", "sample 2")
    ]


@MAKES
def test_a_group_without_a_label_is_labelled_by_its_name(service: RunningEmulator, make: Make) -> None:
    upload_pandas_dataframe_with_group(make(GROUPS), **WHERE)
    assert {"sample 1", "sample 2"} == {sample["label"] for sample in Client(service).listed()}


@pytest.mark.parametrize(
    ("timestamps", "expected"),
    [
        ([0.29, 0.0, 0.57, 0.1], ["0", "290", "100", "570"]),
        ([0.0005, 0, 0.001, 0.0015], ["0", "0.5", "1", "1.5"]),
        ([10, 0, 30, 20], ["0", "10000", "20000", "30000"]),
        (pd.to_datetime([1010, 1000, 1030, 1020], unit="ms"), ["1000", "1010", "1020", "1030"]),
        ([datetime(1970, 1, 1, 0, 0, 1, 500 * n, tzinfo=UTC) for n in range(4)], ["1000", "1000.5", "1001", "1001.5"]),
        (np.array([3, 1, 2, 0], dtype="float32"), ["0", "1000", "2000", "3000"]),
    ],
)
def test_timestamps_are_seconds_or_dates_and_keep_their_fractions(
    service: RunningEmulator, timestamps: Any, expected: list[str]
) -> None:
    frame = pd.DataFrame({"g": ["a"] * 4, "time": timestamps, "x": [1.0, 2.0, 3.0, 4.0]})
    assert upload_pandas_dataframe_with_group(frame, "time", "g", ["x"]).success
    lines = stored_by_name(service)["a"]["csv"].splitlines()
    assert sorted(expected, key=float) == [line.split(",")[0] for line in lines[1:]]


def test_grouping_does_not_change_the_frame(service: RunningEmulator) -> None:
    """The official module leaves milliseconds and other names behind: the same call again stores other samples."""
    frame = pd.DataFrame(GROUPS)
    before = frame.copy()
    upload_pandas_dataframe_with_group(frame, **WHERE, **TOLD)
    pd.testing.assert_frame_equal(before, frame)
    again = upload_pandas_dataframe_with_group(frame, **WHERE, **TOLD)
    assert [True, True] == ["already exists" in str(one.error) for one in again.fails]


def test_a_feature_may_be_called_timestamp(service: RunningEmulator) -> None:
    frame = pd.DataFrame(GROUPS).rename(columns={"accX": "timestamp"})
    upload_pandas_dataframe_with_group(frame, "t", "name", ["timestamp", "accY"])
    assert stored_by_name(service)["sample 1"]["csv"].startswith("timestamp,timestamp_1,accY\n0,-9.81,3\n")


def test_numbers_are_labels_groups_and_metadata(service: RunningEmulator) -> None:
    """The official module drops the label 0, and cannot write numpy's numbers as JSON."""
    frame = pd.DataFrame(GROUPS).assign(name=[7, 8, 7, 8], label=[0, 1, 0, 1], place=[1, 2, 1, 2])
    assert upload_pandas_dataframe_with_group(frame, **WHERE, label_col="label", metadata_cols=["place"]).success
    stored = stored_by_name(service)
    assert [("0", {"place": "1"}), ("1", {"place": "2"})] == [
        (stored[name]["label"], stored[name]["metadata"]) for name in ("7", "8")
    ]


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("label", ["a", "b", "c", "b"], 'More than one label found for group "sample 1"'),
        (
            "category",
            ["training", "testing", "training", "training"],
            'More than one category found for group "sample 2"',
        ),
        ("place", ["a", "b", "c", "b"], 'More than one metadata value for "place" for group "sample 1"'),
        ("label", ["a", None, None, None], 'More than one label found for group "sample 1"'),
        ("name", ["a", None, "a", "b"], "row 1 belongs to no group"),
        ("t", ["0", "now", "1", "2"], "Unsupported timestamp format - 'now'"),
        ("t", [0, 1, None, 2], "Unsupported timestamp format"),
        ("t", [0, 1, float("inf"), 2], "Unsupported timestamp format - inf"),
    ],
)
def test_a_group_that_is_not_of_one_kind_is_named_before_anything_is_sent(
    service: RunningEmulator, column: str, values: list[Any], words: str
) -> None:
    frame = pd.DataFrame({**GROUPS, column: values})
    with pytest.raises(ValueError, match=words):
        upload_pandas_dataframe_with_group(frame, **WHERE, **TOLD)
    assert 0 == service.ledger()["requests"]


@MAKES
@pytest.mark.parametrize("argument", ["timestamp_col", "group_by", "label_col", "category_col"])
def test_a_column_that_groups_need_is_named(make: Make, argument: str) -> None:
    with pytest.raises(ValueError, match=r"Can't find the following columns: \['nope'\]"):
        upload_pandas_dataframe_with_group(make(GROUPS), **(WHERE | TOLD | {argument: "nope"}))
