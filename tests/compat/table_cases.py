"""Cases of the listing, deletion, download, arrays and frames, with the environment's numpy and pandas. See `cases`.

The second half are calls at which the official module fails or errs: each is in `differences`, with the reason.
"""

import json
from collections.abc import Callable
from typing import Any

from cases import BOX, RANGES, Case, Stage, acquisition, ask_emulator, csv, png, told, wav

CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    """Enter the function into the table under its name."""
    CASES[function.__name__] = function
    return function


def numpy() -> Any:
    import numpy

    return numpy


def frame(*arguments: Any, **more: Any) -> Any:
    import pandas

    return pandas.DataFrame(*arguments, **more)


def store(stage: Stage, *files: tuple[str, Any], **more: Any) -> list[int]:
    """Ids, in order: one upload after the other."""
    samples = [stage.data.Sample(content, filename=name, **more) for name, content in files]
    for sample in samples:
        stage.data.upload_samples(sample)
    return [sample.sample_id for sample in samples]


def outcome(response: Any) -> list[Any]:
    """What became of samples with made-up names: how many, and why the others failed."""
    return [response.success, len(response.successes), [one["error"] for one in told(response)["fails"]]]


def looks(sample: Any) -> list[Any]:
    """A sample that was made, not stored."""
    data = sample.data if isinstance(sample.data, str) else sample.data.read()
    ending = sample.filename.rpartition(".")[2]
    return [data, ending, sample.label, sample.category, sample.metadata, sample.structured_labels]


def comes_back(sample: Any) -> list[Any]:
    """A sample that was downloaded."""
    data = sample.data if isinstance(sample.data, str) else sample.data.read().hex()
    return [data, *(getattr(sample, name) for name in ("filename", "label", "category", "bounding_boxes", "metadata"))]


def listed(stage: Stage, **asked: Any) -> list[list[Any]]:
    """Sorted: the official module's order is that of its threads."""
    return sorted([info.filename, info.category, info.label] for info in stage.data.get_sample_ids(**asked))


def another_key(stage: Stage) -> str:
    """The key of a second project in the same service."""
    return str(ask_emulator(stage, "/emulator/projects", {})["project"]["keys"][0]["key"])


# Listing, names, deletion


@case
def a_filename_by_id(stage: Stage) -> Any:
    sample = stage.data.Sample(csv(1), filename="wave.01.csv")
    stage.data.upload_samples(sample)
    return stage.data.get_filename_by_id(sample.sample_id)


@case
def a_filename_of_nobody(stage: Stage) -> Any:
    return stage.data.get_filename_by_id(999_999)


def fill(stage: Stage) -> None:
    for number in range(6):
        stage.data.upload_samples(
            stage.data.Sample(
                csv(10 * number),
                filename=f"{'wave' if number % 2 else 'idle'}.{number % 3}.csv",
                category=("training", "testing", "validation")[number % 3],
                label="odd" if number % 2 else "even",
            )
        )


@case
def the_whole_listing(stage: Stage) -> Any:
    fill(stage)
    return [listed(stage), listed(stage, category="all"), listed(stage, num_workers=1, timeout_sec=30)]


@case
def a_part_of_the_listing(stage: Stage) -> Any:
    fill(stage)
    return [
        listed(stage, category="testing"),
        listed(stage, labels="odd"),
        listed(stage, labels=["odd", "even"], category="training"),
        listed(stage, filename="wave.1"),
        listed(stage, filename="idle.0", category="training", labels="even", api_key=stage.key),
        listed(stage, filename="nobody"),
    ]


@case
def an_empty_project(stage: Stage) -> Any:
    return [listed(stage), list(stage.data.delete_samples_by_filename("a")), stage.data.delete_all_samples().success]


@case
def an_unknown_category_of_the_listing(stage: Stage) -> Any:
    return stage.data.get_sample_ids(category="anomaly")


@case
def a_wrong_key_for_studio(stage: Stage) -> Any:
    return stage.data.get_sample_ids(category="training", api_key="ei_wrong")


@case
def no_key_for_studio(stage: Stage) -> Any:
    stage.sdk.API_KEY = None
    return stage.data.get_filename_by_id(1)


@case
def one_sample_is_deleted(stage: Stage) -> Any:
    first, _ = store(stage, ("a.csv", csv(1)), ("b.csv", csv(20)))
    return [stage.data.delete_sample_by_id(first).success, stage.data.delete_sample_by_id(first)]


@case
def samples_are_deleted_by_name(stage: Stage) -> Any:
    fill(stage)
    return [
        [one.success for one in stage.data.delete_samples_by_filename("wave.1")],
        [one.success for one in stage.data.delete_samples_by_filename("idle.0", category="testing")],
        isinstance(stage.data.delete_samples_by_filename("nobody"), tuple),
    ]


@case
def a_category_is_deleted(stage: Stage) -> Any:
    fill(stage)
    return stage.data.delete_all_samples(category="testing").success


@case
def everything_is_deleted(stage: Stage) -> Any:
    fill(stage)
    return stage.data.delete_all_samples(api_key=stage.key, timeout_sec=30).success


# Downloads


def named(number: int) -> str:
    """An acquisition that tells its device: the official module cannot read others back."""
    document = json.loads(acquisition(number))
    document["payload"]["device_name"] = "ac:87:a3:0a:2d:1b"
    return json.dumps(document)


@case
def samples_of_every_kind_come_back(stage: Stage) -> Any:
    ids = store(
        stage,
        ("series.02.json", named(20)),
        ("image.png", png(3)),
        ("sound.01.wav", wav(4)),
        label="x",
        metadata={"site": "desk"},
    )
    return [comes_back(sample) for sample in stage.data.download_samples_by_ids([*ids[::-1], 999_999, ids[0]])]


@case
def boxes_and_ranges_come_back(stage: Stage) -> Any:
    (image,) = store(stage, ("image.png", png(3)), bounding_boxes=[BOX])
    (series,) = store(stage, ("series.json", named(20)), structured_labels=RANGES)
    samples = stage.data.download_samples_by_ids((image, series), max_workers=1)
    return [[sample.bounding_boxes, sample.structured_labels] for sample in samples]


@case
def one_id_and_no_ids(stage: Stage) -> Any:
    (one,) = store(stage, ("a.json", named(1)))
    download = stage.data.download_samples_by_ids
    return [[comes_back(sample) for sample in download(one)], download([]), download(999_999)]


@case
def ids_that_are_texts(stage: Stage) -> Any:
    return stage.data.download_samples_by_ids([1, "2"])


# Arrays

AXES = [{"name": "accX", "units": "m/s2"}, {"name": "accY", "units": "g"}]
SERIES = [[[1.5, 2], [3, 4.25]], [[0.1, 6], [7, 8]]]


@case
def lists_of_numbers(stage: Stage) -> Any:
    return outcome(stage.data.upload_numpy(SERIES, ["a", "b"], AXES, 100, {"site": "desk"}, "training"))


@case
def arrays_of_numbers(stage: Stage) -> Any:
    np = numpy()
    sensors = [stage.types.Sensor("accX", "m/s2"), stage.types.Sensor("accY", "g")]
    return [
        outcome(stage.data.upload_numpy(np.array(SERIES), np.array(["a", "b"]), sensors, 62.5)),
        outcome(
            stage.data.upload_numpy(np.array(SERIES, dtype="float32"), ["a", "b"], sensors, 10, category="testing")
        ),
        outcome(stage.data.upload_numpy(np.arange(8).reshape(2, 2, 2), [1, 2], AXES, 10)),
    ]


@case
def a_series_as_a_sample(stage: Stage) -> Any:
    return [
        looks(stage.data.numpy_timeseries_to_sample(SERIES[0], AXES, 10)),
        looks(stage.data.numpy_timeseries_to_sample([1, 2, 3], AXES[:1], 0.5)),
    ]


@case
def fewer_labels_than_series(stage: Stage) -> Any:
    return stage.data.upload_numpy(SERIES, ["a"], AXES, 100)


@case
def fewer_sensors_than_axes(stage: Stage) -> Any:
    return stage.data.upload_numpy(SERIES, ["a", "b"], AXES[:1], 100)


# Frames


def motion(rows: int = 4) -> Any:
    return frame({"accX": [-0.5 * n + 1e-6 for n in range(rows)], "accY": range(rows), "on": [True] * rows})


@case
def frames_as_samples(stage: Stage) -> Any:
    make = stage.data.pandas_dataframe_to_sample
    np = numpy()
    return [
        looks(sample)
        for sample in (
            make(motion(), 10, "wave", "wave.01", metadata={"site": "desk"}, category="training"),
            make(motion(), sample_rate_ms=10, axis_columns=["accY", "accX"]),
            make(motion(1), label="wave"),
            make(motion()),
            make(motion().set_axis([0, 20, 40, 60])),
            make(motion().set_axis([0.0, 0.5, 1.0, 1.5])),
            make(motion().assign(l=["a", "a", "b", "a"]), sample_rate_ms=10, label_col="l"),
            make(frame({"a": [1.0, np.nan, 1e16], "b": [None, "x,y", 'q"']}), sample_rate_ms=10),
            make(frame({"a": np.array([0.1, 1e-7, 16777216], dtype="float32")}), sample_rate_ms=10),
            make(frame({"a": np.array([0.1, 65504.0], dtype="float16")}), sample_rate_ms=10),
            make(frame([[1, 2], [3, 4]]), sample_rate_ms=10),
            make(frame({"a": [1, None]}, dtype="Int64"), sample_rate_ms=10),
            make(frame({"a": [1.5, 2.5]})["a"], sample_rate_ms=10),
        )
    ]


@case
def a_frame_is_uploaded(stage: Stage) -> Any:
    labelled = motion().drop(columns="on").assign(l=["a", "a", "b", "a"])
    upload = stage.data.upload_pandas_sample
    return [
        outcome(upload(motion(1), "one", filename="001", metadata={"site": "desk"}, category="training")),
        outcome(upload(motion().drop(columns="on"), "wave", 10, "wave.01")),
        outcome(upload(labelled, "many", 20, "many.01", label_col="l")),
        outcome(upload(motion(), "refused", 30, "texts.01")),
    ]


def table() -> Any:
    columns = ["place", "category", "label", "accX", "accY"]
    return frame([["desk", "training", "one", -9.81, 3], ["field", "testing", "two", -9.56, 5]], columns=columns)


@case
def rows_are_uploaded(stage: Stage) -> Any:
    upload = stage.data.upload_pandas_dataframe
    numbers = frame({"label": [1, 2], "a": [3, 4], "b": [0.5, 1e-7]})
    return [
        outcome(upload(table(), ["accX", "accY"], "label", "category", ["place"])),
        outcome(upload(table(), feature_cols=["accY"])),
        outcome(upload(numbers, ["a", "b"], "label", metadata_cols=["a", "b"])),
        outcome(upload(numbers.astype("float32"), ["a", "b"])),
        outcome(upload(numbers.astype("float32").assign(s="s"), ["b"])),
        outcome(upload(numbers[["a"]], ["a"])),
        outcome(upload(numbers.assign(a=[float("nan"), 1]), ["a", "b"])),
        outcome(upload(frame({"a": []}), ["a"])),
    ]


@case
def wide_rows_are_uploaded(stage: Stage) -> Any:
    upload = stage.data.upload_pandas_dataframe_wide
    wide = frame([[1, "idle", 0.8, 0.7, 1], [2, "wave", 0.3, 0.9, 2]], columns=["id", "label", "0", "1", "2"])
    axes = frame([["a", 1.5, 2, 3, 4], ["b", 5, 6, 7.5, 8]], columns=["label", "x0", "y0", "x1", "y1"])
    return [
        outcome(upload(wide, 100, 2, "label", metadata_cols=["id"])),
        outcome(upload(wide.drop(columns="label"), 50, data_col_start=1)),
        outcome(upload(axes, 100, label_col="label", data_col_length=2, data_axis_cols=["x", "y"])),
        outcome(upload(axes.drop(columns="label"), 10, data_col_length=2, data_axis_cols=["y", "x"])),
    ]


@case
def axes_that_are_not_there(stage: Stage) -> Any:
    return stage.data.upload_pandas_dataframe_wide(table(), 100, data_axis_cols=["z"], data_col_length=1)


@case
def axes_without_a_length(stage: Stage) -> Any:
    return stage.data.upload_pandas_dataframe_wide(table(), 100, data_axis_cols=["accX"])


def groups() -> Any:
    columns = ["place", "name", "category", "label", "t", "accX", "accY"]
    rows = [
        ["desk", "s1", "training", "idle", 0.01, -9.83, 4],
        ["field", "s2", "testing", "wave", 0.25, 1.0, 2],
        ["desk", "s1", "training", "idle", 0, -9.81, 3],
        ["field", "s2", "testing", "wave", 0.125, 2.0, 3],
    ]
    return frame(rows, columns=columns)


WHERE: dict[str, Any] = {"timestamp_col": "t", "group_by": "name", "feature_cols": ["accX", "accY"]}
TOLD: dict[str, Any] = {"label_col": "label", "category_col": "category", "metadata_cols": ["place"]}


@case
def groups_are_uploaded(stage: Stage) -> Any:
    import pandas

    upload = stage.data.upload_pandas_dataframe_with_group
    dates = pandas.date_range("2024-01-01", periods=4, freq="10ms")
    return [
        told(upload(groups(), **WHERE, **TOLD)),
        told(upload(groups().assign(name=[7, 8, 7, 8], accY=9), **WHERE)),
        told(upload(groups().assign(t=dates), **WHERE)),
        told(
            upload(
                groups().rename(columns={"t": "timestamp"}).assign(accX=0.5), **(WHERE | {"timestamp_col": "timestamp"})
            )
        ),
        told(upload(groups().astype({"accX": "float32"}).assign(t=[1, 2, 0, 1]), **WHERE)),
    ]


@case
def a_group_of_two_labels(stage: Stage) -> Any:
    return stage.data.upload_pandas_dataframe_with_group(groups().assign(label=list("abcd")), **WHERE, **TOLD)


@case
def no_frame_at_all(stage: Stage) -> Any:
    found = []
    calls: list[Callable[[], Any]] = [
        lambda: stage.data.pandas_dataframe_to_sample([1, 2]),
        lambda: stage.data.upload_pandas_sample({"a": [1]}),
        lambda: stage.data.upload_pandas_dataframe([1, 2], ["a"]),
        lambda: stage.data.upload_pandas_dataframe_wide([1, 2], 10),
        lambda: stage.data.pandas_dataframe_to_sample(motion(), axis_columns="accX"),
        lambda: stage.data.pandas_dataframe_to_sample(motion(), metadata="site"),
    ]
    for call in calls:
        try:
            found.append(call())
        except (AttributeError, ValueError) as error:
            found.append([type(error).__name__, str(error)])
    return found


# Where the official module fails or errs


@case
def a_name_that_is_a_part_of_others(stage: Stage) -> Any:
    store(stage, ("wave.01.csv", csv(1)), ("wave.010.csv", csv(20)), ("my-wave.01.csv", csv(40)))
    found = listed(stage, filename="wave.01")
    return [found, len(stage.data.delete_samples_by_filename("wave.01"))]


@case
def a_name_with_an_ampersand(stage: Stage) -> Any:
    store(stage, ("a.csv", csv(1)), ("a&b.csv", csv(20)), label="x&y")
    return [listed(stage, filename="a&b"), listed(stage, labels="x&y", category="training")]


@case
def an_empty_name_is_deleted(stage: Stage) -> Any:
    store(stage, ("a.csv", csv(1)))
    return len(stage.data.delete_samples_by_filename(""))


@case
def a_key_for_every_category(stage: Stage) -> Any:
    other = another_key(stage)
    store(stage, ("mine.csv", csv(1)))
    stage.data.upload_samples(stage.data.Sample(csv(20), filename="theirs.csv"), api_key=other)
    return listed(stage, api_key=other)


@case
def a_name_is_deleted_with_another_key(stage: Stage) -> Any:
    other = another_key(stage)
    store(stage, ("same.csv", csv(1)))
    stage.data.upload_samples(stage.data.Sample(csv(20), filename="same.csv"), api_key=other)
    stage.data.delete_samples_by_filename("same", api_key=other)
    return listed(stage, category="training", api_key=other), listed(stage, category="testing", api_key=other)


@case
def a_sample_of_the_legacy_category(stage: Stage) -> Any:
    store(stage, ("odd.csv", csv(1)), category="anomaly")
    return listed(stage)


@case
def an_unknown_category_is_deleted(stage: Stage) -> Any:
    return stage.data.delete_all_samples("tests")


@case
def a_single_reading_comes_back(stage: Stage) -> Any:
    ids = store(stage, ("one.csv", "a,b\n1,2\n"), ("timed.csv", "timestamp,a\n5,1\n"), ("one.txt", "a\n3\n"))
    return [comes_back(sample) for sample in stage.data.download_samples_by_ids(ids)]


@case
def a_sample_without_an_interval_comes_back(stage: Stage) -> Any:
    ids = store(stage, ("one.json", named(1).replace('"interval_ms": 10', '"interval_ms": 0')), ("b.json", named(2)))
    return [comes_back(sample) for sample in stage.data.download_samples_by_ids(ids)]


@case
def a_series_without_a_device_comes_back(stage: Stage) -> Any:
    ids = store(stage, ("series.csv", csv(1)))
    return [comes_back(sample) for sample in stage.data.download_samples_by_ids(ids)]


@case
def ids_of_numpy(stage: Stage) -> Any:
    (one,) = store(stage, ("a.json", named(1)))
    return len(stage.data.download_samples_by_ids(numpy().array([one])))


@case
def an_array_as_a_sample(stage: Stage) -> Any:
    return looks(stage.data.numpy_timeseries_to_sample(numpy().array(SERIES[0]), AXES, 10))


@case
def the_label_zero_of_an_array(stage: Stage) -> Any:
    return outcome(stage.data.upload_numpy(SERIES, numpy().array([0, 1]), AXES, 10))


@case
def a_hole_in_an_array(stage: Stage) -> Any:
    return outcome(stage.data.upload_numpy([[[1, float("nan")]], [[1, 2]]], ["a", "b"], AXES, 10))


@case
def metadata_of_numpy(stage: Stage) -> Any:
    return outcome(stage.data.upload_numpy(SERIES, ["a", "b"], AXES, 10, {"run": numpy().int64(7)}))


def _times(stage: Stage, index: Any, **more: Any) -> Any:
    return looks(stage.data.pandas_dataframe_to_sample(motion().set_axis(index), **more))[0]


@case
def a_time_span_finer_than_a_second(stage: Stage) -> Any:
    import pandas

    return _times(stage, pandas.to_timedelta(range(4), unit="ms"))


@case
def a_time_span_of_days(stage: Stage) -> Any:
    import pandas

    return _times(stage, pandas.to_timedelta(range(4), unit="D"))


@case
def an_index_of_dates(stage: Stage) -> Any:
    import pandas

    return _times(stage, pandas.date_range("2024-01-01", periods=4, freq="10ms"))


@case
def an_index_that_does_not_increase(stage: Stage) -> Any:
    return _times(stage, [3, 1, 2, 4])


@case
def a_rate_below_a_millisecond(stage: Stage) -> Any:
    return _times(stage, range(4), sample_rate_ms=0.5)


@case
def a_frame_is_used_twice(stage: Stage) -> Any:
    found = motion().set_axis([5, 6, 7, 8])
    stage.data.pandas_dataframe_to_sample(found, sample_rate_ms=10)
    return [int(key) for key in found.index]


@case
def labels_by_row_of_chosen_columns(stage: Stage) -> Any:
    labelled = motion().assign(l=["a", "a", "b", "a"])
    return looks(stage.data.pandas_dataframe_to_sample(labelled, 10, axis_columns=["accX"], label_col="l"))


@case
def labels_by_row_that_are_numbers(stage: Stage) -> Any:
    labelled = motion().drop(columns="on").assign(l=[0, 0, 1, 1])
    return outcome(stage.data.upload_pandas_sample(labelled, "x", 10, "a", label_col="l"))


@case
def the_label_column_of_one_row(stage: Stage) -> Any:
    labelled = motion(1).assign(l=["a"])
    return looks(stage.data.pandas_dataframe_to_sample(labelled, label_col="l"))


@case
def a_feature_that_is_not_there(stage: Stage) -> Any:
    return outcome(stage.data.upload_pandas_dataframe(table(), ["accZ"]))


@case
def a_label_column_that_is_misspelt(stage: Stage) -> Any:
    return outcome(stage.data.upload_pandas_dataframe(table(), ["accX"], label_col="lable"))


@case
def the_label_zero_of_a_row(stage: Stage) -> Any:
    return outcome(stage.data.upload_pandas_dataframe(frame({"l": [0], "s": ["s"], "x": [1.5]}), ["x"], "l"))


@case
def metadata_that_is_missing_in_a_row(stage: Stage) -> Any:
    rows = frame({"note": ["a", None], "x": [1.5, 2.5], "l": "l"})
    return outcome(stage.data.upload_pandas_dataframe(rows, ["x"], "l", metadata_cols=["note"]))


@case
def a_category_that_is_missing_in_a_row(stage: Stage) -> Any:
    rows = frame({"c": ["training", float("nan")], "x": [1.5, 2.5], "l": "l"})
    return outcome(stage.data.upload_pandas_dataframe(rows, ["x"], "l", "c"))


@case
def wide_rows_with_named_columns_between(stage: Stage) -> Any:
    wide = frame([["idle", 0.8, 0.7], ["wave", 0.3, 0.9]], columns=["label", "0", "1"])
    return outcome(stage.data.upload_pandas_dataframe_wide(wide, 100, label_col="label"))


@case
def wide_rows_with_a_length(stage: Stage) -> Any:
    wide = frame([[0.8, 0.7, 0.1], [0.3, 0.9, 0.2]], columns=["0", "1", "note"])
    return outcome(stage.data.upload_pandas_dataframe_wide(wide, 100, data_col_start=0, data_col_length=2))


@case
def wide_rows_of_one_column(stage: Stage) -> Any:
    wide = frame([["a", 0.8], ["b", 0.3]], columns=["label", "x"])
    return outcome(stage.data.upload_pandas_dataframe_wide(wide, 100, 1, "label"))


@case
def timestamps_between_milliseconds(stage: Stage) -> Any:
    return told(stage.data.upload_pandas_dataframe_with_group(groups().assign(t=[0.57, 0.29, 0.5705, 0.58]), **WHERE))


@case
def a_grouped_frame_is_used_twice(stage: Stage) -> Any:
    found = groups()
    return [told(stage.data.upload_pandas_dataframe_with_group(found, **WHERE)) for _ in range(2)]


@case
def group_metadata_of_numpy(stage: Stage) -> Any:
    numbered = groups().assign(place=numpy().array([1, 2, 1, 2]))
    return told(stage.data.upload_pandas_dataframe_with_group(numbered, **WHERE, metadata_cols=["place"]))


@case
def a_feature_called_timestamp(stage: Stage) -> Any:
    renamed = groups().rename(columns={"accX": "timestamp"})
    return told(stage.data.upload_pandas_dataframe_with_group(renamed, "t", "name", ["timestamp", "accY"]))


@case
def rows_of_no_group(stage: Stage) -> Any:
    return told(stage.data.upload_pandas_dataframe_with_group(groups().assign(name=["a", None, "a", "b"]), **WHERE))
