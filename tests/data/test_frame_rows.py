"""Every row becomes a sample: one reading, or a time series that lies in its columns."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from eisync.data.frame_rows import upload_pandas_dataframe, upload_pandas_dataframe_wide
from eisync.emulator.server import RunningEmulator
from tests.data.frames_of import MAKERS, Columns
from tests.emulator.wire import Client

MAKES = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
Make = Callable[[Columns], Any]
ROWS: dict[str, list[Any]] = {
    "place": ["desk", "field"],
    "category": ["training", "testing"],
    "label": ["one", "two"],
    "accX": [-9.81, -9.56],
    "accY": [3, 5],
}
WIDE: dict[str, list[Any]] = {
    "id": [1, 2],
    "label": ["idle", "motion"],
    "0": [0.8, 0.3],
    "1": [0.7, 0.9],
    "2": [0.5, 0.1],
}
AXES: dict[str, list[Any]] = {"label": ["a", "b"], "x0": [1.5, 5.5], "y0": [2, 6], "x1": [3.5, 7.5], "y1": [4, 8]}


def stored(service: RunningEmulator, response: Any) -> list[tuple[str, str, str, Any]]:
    """Of every sample of the response: the bytes, label, category and metadata that the service holds."""
    assert response.success, response.fails
    stranger = Client(service)
    found = []
    for entry in response.successes:
        sample = stranger.sample(entry.sample_id)["sample"]
        csv = stranger.send("GET", f"/raw-data/{entry.sample_id}/raw").content.decode()
        found.append((csv, sample["label"], sample["category"], sample.get("metadata")))
    return found


@MAKES
def test_every_row_is_a_sample_of_one_reading(service: RunningEmulator, make: Make) -> None:
    response = upload_pandas_dataframe(make(ROWS), ["accX", "accY"], "label", "category", ["place"])
    assert [
        ("accX,accY\n-9.81,3\n", "one", "training", {"place": "desk"}),
        ("accX,accY\n-9.56,5\n", "two", "testing", {"place": "field"}),
    ] == stored(service, response)


def test_rows_of_numbers_are_written_as_pandas_hands_them_out(service: RunningEmulator) -> None:
    """To the byte what the official module sends: in a row of numbers alone, 3 is 3.0."""
    frame = pd.DataFrame({"a": [3, 5], "b": [0.5, 0.25]})
    assert ["a,b\n3.0,0.5\n", "a,b\n5.0,0.25\n"] == [
        one[0] for one in stored(service, upload_pandas_dataframe(frame, ["a", "b"]))
    ]


def test_rows_of_32_bits_keep_their_digits(service: RunningEmulator) -> None:
    frame = pd.DataFrame({"a": [0.1, 0.2]}, dtype="float32")
    assert ["a\n0.1\n", "a\n0.2\n"] == [one[0] for one in stored(service, upload_pandas_dataframe(frame, ["a"]))]


def test_the_label_0_is_a_label_and_a_missing_one_is_none(service: RunningEmulator) -> None:
    """The official module drops the label 0, and the service infers one of the random name."""
    frame = pd.DataFrame(
        {"x": [1.5, 2.5, 3.5], "l": [0, "", None], "c": ["training", None, float("nan")]}, dtype=object
    )
    response = upload_pandas_dataframe(frame, ["x"], label_col="l", category_col="c")
    assert ["0", None, None] == [one.sample.label for one in response.successes]
    assert ["training", "split", "split"] == [one.sample.category for one in response.successes]
    assert "0" == stored(service, response)[0][1]


def test_metadata_of_numpy_is_text_and_missing_metadata_is_none(service: RunningEmulator) -> None:
    frame = pd.DataFrame({"x": [1, 2], "run": np.array([7, 8]), "note": ["a", None], "s": "s"})
    response = upload_pandas_dataframe(frame, ["x"], metadata_cols=["run", "note"])
    assert [{"run": "7", "note": "a"}, {"run": "8"}] == [one[3] for one in stored(service, response)]


def test_one_bad_row_costs_no_other(service: RunningEmulator) -> None:
    response = upload_pandas_dataframe(pd.DataFrame({"x": [1.0, float("nan"), 3.0], "y": [1, 2, 3]}), ["x", "y"])
    assert (2, 1) == (len(response.successes), len(response.fails))
    assert "Could not parse this CSV file" in str(response.fails[0].error)


def test_a_frame_without_rows_is_no_request(service: RunningEmulator) -> None:
    assert upload_pandas_dataframe(pd.DataFrame({"x": []}), ["x"]).success
    assert 0 == service.ledger()["requests"]


@MAKES
def test_a_series_lies_in_the_columns_of_a_row(service: RunningEmulator, make: Make) -> None:
    response = upload_pandas_dataframe_wide(make(WIDE), 100, 2, "label", metadata_cols=["id"])
    assert [
        ("timestamp,0\n0,0.8\n100,0.7\n200,0.5\n", "idle", {"id": "1"}),
        ("timestamp,1\n0,0.3\n100,0.9\n200,0.1\n", "motion", {"id": "2"}),
    ] == [(csv, label, metadata) for csv, label, _, metadata in stored(service, response)]


def test_named_columns_are_no_data_and_the_length_is_kept(service: RunningEmulator) -> None:
    """The official module sends label and metadata as values, and takes no notice of the length."""
    response = upload_pandas_dataframe_wide(
        pd.DataFrame(WIDE), 100, label_col="label", metadata_cols=["id"], data_col_length=2
    )
    assert "timestamp,0\n0,0.8\n100,0.7\n" == stored(service, response)[0][0]


def test_one_column_of_data_is_one_reading(service: RunningEmulator) -> None:
    """The official module puts the number of the row for a heading, and the service refuses that."""
    response = upload_pandas_dataframe_wide(pd.DataFrame({"label": ["a", "b"], "x": [1.5, 2.5]}), 100, 1)
    assert ["x\n1.5\n", "x\n2.5\n"] == [one[0] for one in stored(service, response)]


@MAKES
def test_several_axes_lie_side_by_side(service: RunningEmulator, make: Make) -> None:
    response = upload_pandas_dataframe_wide(
        make(AXES), 100, label_col="label", data_axis_cols=["x", "y"], data_col_length=2
    )
    assert [
        ("timestamp,x,y\r\n0,1.5,2\r\n100,3.5,4\r\n", "a"),
        ("timestamp,x,y\r\n0,5.5,6\r\n100,7.5,8\r\n", "b"),
    ] == [one[:2] for one in stored(service, response)]


@pytest.mark.parametrize("upload", [upload_pandas_dataframe, upload_pandas_dataframe_wide])
@pytest.mark.parametrize("thing", [None, [1], {"a": [1]}, np.zeros((2, 2))])
def test_what_is_no_frame_is_refused_in_the_official_words(upload: Callable[..., Any], thing: Any) -> None:
    with pytest.raises(AttributeError, match="DataFrame methods on input object not found"):
        upload(thing, ["x"])


@MAKES
@pytest.mark.parametrize("wrong", [{"label_col": "no"}, {"category_col": "no"}, {"metadata_cols": ["no"]}])
def test_a_column_that_is_not_there_is_named(service: RunningEmulator, make: Make, wrong: dict[str, Any]) -> None:
    """The official module takes no notice of a label or category that is misspelt."""
    with pytest.raises(ValueError, match=r"Can't find the following columns: \['no'\]"):
        upload_pandas_dataframe(make(ROWS), ["accX"], **wrong)
    with pytest.raises(ValueError, match=r"Can't find the following columns: \['no'\]"):
        upload_pandas_dataframe_wide(make(WIDE), 100, 2, **wrong)
    assert 0 == service.ledger()["requests"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"data_axis_cols": ["x", "z"], "data_col_length": 2}, r"Can't find the following columns: \['z0', 'z1'\]"),
        ({"data_axis_cols": ["x"]}, "The data_col_length must be set to an integer"),
        ({"data_col_start": 9}, "Can't find any data column from position 9 of 5 columns"),
        ({"sample_rate_ms": 0}, "sample_rate_ms must be a positive number of milliseconds, not 0"),
    ],
)
def test_what_is_wrong_with_the_arguments_is_named(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        upload_pandas_dataframe_wide(pd.DataFrame(AXES), **({"sample_rate_ms": 100} | wrong))


def test_one_name_stands_for_a_list_of_one(service: RunningEmulator) -> None:
    names: dict[str, Any] = {"feature_cols": "accX", "metadata_cols": "place"}
    response = upload_pandas_dataframe(pd.DataFrame(ROWS), **names)
    assert [("accX\n-9.81\n", {"place": "desk"}), ("accX\n-9.56\n", {"place": "field"})] == [
        (csv, metadata) for csv, *_, metadata in stored(service, response)
    ]


def test_a_column_that_is_there_twice_is_sent_twice(service: RunningEmulator) -> None:
    frame = pd.DataFrame([[1, 2, 3], [4, 5, 6]], columns=["a", "b", "a"])
    response = upload_pandas_dataframe(frame, ["b", "a"])
    assert ["b,a,a\n2,1,3\n", "b,a,a\n5,4,6\n"] == [csv for csv, *_ in stored(service, response)]


@pytest.mark.parametrize("said", ["label_col", "category_col", "metadata_cols"])
def test_what_is_said_of_a_row_is_in_one_column(said: str) -> None:
    frame = pd.DataFrame([[1, "x", "y"]], columns=["a", "l", "l"])
    column: dict[str, Any] = {said: "l"}
    with pytest.raises(ValueError, match="several columns named 'l'"):
        upload_pandas_dataframe(frame, ["a"], **column)
    with pytest.raises(ValueError, match="several columns named 'l'"):
        upload_pandas_dataframe_wide(frame, 10, **column)


def test_an_axis_is_in_one_column() -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=["x0", "x0", "x1"])
    with pytest.raises(ValueError, match="several columns named 'x0'"):
        upload_pandas_dataframe_wide(frame, 10, data_axis_cols=["x"], data_col_length=2)


def test_frames_are_not_changed(service: RunningEmulator) -> None:
    for upload, columns, more in (
        (upload_pandas_dataframe, ROWS, {"feature_cols": ["accX"]}),
        (upload_pandas_dataframe_wide, WIDE, {"sample_rate_ms": 10, "data_col_start": 2}),
    ):
        frame = pd.DataFrame(columns)
        before = frame.copy()
        upload(frame, **more)
        pd.testing.assert_frame_equal(before, frame)
