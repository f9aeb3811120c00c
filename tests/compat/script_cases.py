"""What whole scripts do, one call after the other: the official module's own tests and its notebook, in our words.

Each plays the sequence with data of its own and returns what a script would look at. Source: the wire contract, section
6, and the sequences that the official SDK's tests and its upload/download notebook go through.
"""

import contextlib
import io
import json
import os
import re
from collections.abc import Callable
from typing import Any

from cases import BOX, RANGES, Case, Stage, acquisition, csv, fill_exported, fill_plain, png, told, told_sorted, wav
from table_cases import comes_back, frame, looks, named, numpy, store

CASES: dict[str, Case] = {}
SITE = {"site": "desk"}


def case(function: Case) -> Case:
    """Enter the function into the table under its name."""
    CASES[function.__name__] = function
    return function


def images(stage: Stage) -> list[Any]:
    """Two pictures, opened anew each time, as a script has them after a folder was read."""
    paths = [stage.write(f"part.{number:02}.png", png(number)) for number in range(2)]
    return [
        stage.data.Sample(
            filename=os.path.basename(path), data=open(path, "rb"), category="training", label="part", metadata=SITE
        )
        for path in paths
    ]


def root(sample: Any) -> str:
    return str(sample.filename).rpartition(".")[0]


def found(stage: Stage, samples: list[Any], **more: Any) -> list[int]:
    """How many samples of each name the project has."""
    return [len(stage.data.get_sample_ids(filename=root(sample), timeout_sec=60, **more)) for sample in samples]


# Uploading


@case
def a_wrong_global_key_fails_every_sample(stage: Stage) -> Any:
    stage.sdk.API_KEY = "some_invalid_key"
    return told(stage.data.upload_samples(images(stage), allow_duplicates=False, timeout_sec=60))


@case
def the_right_key_beside_a_wrong_global(stage: Stage) -> Any:
    stage.sdk.API_KEY = "some_invalid_key"
    samples = images(stage)
    response = told(stage.data.upload_samples(samples, api_key=stage.key, timeout_sec=60))
    stage.sdk.API_KEY = stage.key
    gone = [stage.data.delete_samples_by_filename(root(one), one.category, timeout_sec=60) for one in samples]
    return [response, [[answer.success for answer in answers] for answers in gone]]


@case
def what_is_no_csv(stage: Stage) -> Any:
    Sample = stage.data.Sample
    texts = ["1234567890", "timestamp,accX\n0,1\n10\n", "timestamp,accX,accY\n0,1\n10,2\n", "a,b\n1,x\n"]
    samples = [Sample(text, f"bad.{number}.csv", "training", "bad") for number, text in enumerate(texts)]
    fails = stage.data.upload_samples(samples, False, timeout_sec=60).fails
    return [[fail.error.split(":")[0] for fail in fails], found(stage, samples)]


def every_kind(stage: Stage) -> dict[str, Any]:
    Sample = stage.data.Sample
    return {
        "csv": [Sample(csv(10), "wave.01.csv", "training", "wave", None, SITE)],
        "json": [Sample(named(20), "wave.02.json", "training", "wave", None, SITE)],
        "sound": [Sample(wav(3), "wave.03.wav", "testing", "wave", metadata=SITE)],
        "images": images(stage),
        "boxes": [Sample(png(9), "scene.01.png", "training", "scene", [BOX], SITE)],
    }


@case
def every_kind_is_uploaded_and_found(stage: Stage) -> Any:
    seen = []
    for samples in every_kind(stage).values():
        before = found(stage, samples, category=samples[0].category)
        response = stage.data.upload_samples(samples, allow_duplicates=False, show_progress=True, timeout_sec=60)
        seen.append([before, told(response), found(stage, samples, category=samples[0].category)])
        seen.append(stage.data.delete_all_samples(timeout_sec=60).success)
    return seen


@case
def the_same_files_again_and_again(stage: Stage) -> Any:
    allowed = [told(stage.data.upload_samples(images(stage), allow_duplicates=True)) for _ in range(2)]
    samples = images(stage)
    refused = told(stage.data.upload_samples(samples, allow_duplicates=False))
    counts = found(stage, samples)
    for sample in samples:
        stage.data.delete_samples_by_filename(filename=root(sample), category=sample.category)
    return [allowed, counts, refused, found(stage, samples)]


@case
def names_are_looked_up_by_id(stage: Stage) -> Any:
    samples = images(stage)
    stage.data.upload_samples(samples)
    names = [
        stage.data.get_filename_by_id(info.sample_id)
        for sample in samples
        for info in stage.data.get_sample_ids(filename=root(sample))
    ]
    gone = [stage.data.delete_all_samples(category=one).success for one in stage.sdk.util.DATA_CATEGORIES]
    return [names, stage.data.get_filename_by_id(1_000_000), gone, stage.sdk.util.DATA_CATEGORIES]


# Downloading


@case
def a_wrong_global_key_downloads_nothing(stage: Stage) -> Any:
    ids = store(stage, ("a.json", named(1)))
    stage.sdk.API_KEY = "some_invalid_key"
    return stage.data.download_samples_by_ids(sample_ids=ids, timeout_sec=60)


@case
def the_right_key_downloads_beside_a_wrong_global(stage: Stage) -> Any:
    ids = store(stage, ("a.json", named(1)), metadata=SITE)
    stage.sdk.API_KEY = "some_invalid_key"
    return [comes_back(one) for one in stage.data.download_samples_by_ids(ids, api_key=stage.key, timeout_sec=60)]


@case
def what_came_back_is_uploaded_again(stage: Stage) -> Any:
    seen = []
    for kind, samples in every_kind(stage).items():
        if kind == "csv":
            continue  # the emulator's CSV has no device, and the official module wants one
        stage.data.upload_samples(samples)
        back = stage.data.download_samples_by_ids([sample.sample_id for sample in samples], timeout_sec=60)
        shown = [[one.filename, one.label, one.category, one.metadata, one.structured_labels] for one in back]
        again = stage.data.upload_samples(back, allow_duplicates=True)
        seen.append([shown, told(again), found(stage, samples)])
        stage.data.delete_all_samples()
    return seen


@case
def ids_of_nothing_are_left_out(stage: Stage) -> Any:
    stage.data.upload_samples(images(stage))
    return stage.data.download_samples_by_ids(sample_ids=[900_001, 900_002], timeout_sec=60, show_progress=True)


@case
def a_stream_of_samples(stage: Stage) -> Any:
    (one,) = store(stage, ("a.json", named(1)))
    stream = stage.sdk.experimental.data.stream_samples_by_ids
    return [
        [comes_back(sample) for sample in stream(one)],
        list(stream([999_999])),
        list(stream([])),
        sum(sample is None for sample in stream([999_999, one, 999_998])),
    ]


# Directories


@case
def directories_in_every_way(stage: Stage) -> Any:
    fill_plain(stage)
    upload = stage.data.upload_directory
    calls: list[dict[str, Any]] = [
        {"category": "testing", "metadata": {"device": "phone"}},
        {"transform": lambda sample, file: setattr(sample, "label", "human")},
        {"batch_size": 3},
        {"transform": stage.sdk.experimental.data.infer_category_and_label_from_filename, "batch_size": 2},
    ]
    return [told_sorted(upload(directory=stage.place, allow_duplicates=True, **call)) for call in calls]


@case
def the_category_of_a_sample_of_a_directory(stage: Stage) -> Any:
    fill_plain(stage)
    responses = [stage.data.upload_directory(stage.place, one, allow_duplicates=True) for one in (None, "testing")]
    return [sorted(one.sample.category for one in response.successes) for response in responses]


@case
def a_dataset_in_batches(stage: Stage) -> Any:
    fill_exported(stage)
    response = stage.data.upload_directory(directory=stage.place, batch_size=3, show_progress=True)
    shown = [[one.sample.label, one.sample.category, one.sample.metadata] for one in response.successes]
    return [told(response), shown, [one.sample.structured_labels for one in response.successes]]


@case
def a_transform_that_looks_at_the_whole_file(stage: Stage) -> Any:
    """It rewinds, as it must with the official module."""
    stage.write("a.json", acquisition(1).encode())

    def transform(sample: Any, file: str) -> None:
        sample.metadata = {"rows": str(len(json.load(sample.data)["payload"]["values"]))}
        sample.data.seek(0)

    return told(stage.data.upload_directory(stage.place, transform=transform))


@case
def a_stream_that_was_read_in_part(stage: Stage) -> Any:
    content = b"a note\n" + csv(1).encode()
    path = stage.write("noted.csv", content)
    seen = []
    with open(path, "rb") as raw, open(path) as text:
        for stream in (io.BytesIO(content), io.StringIO(content.decode()), raw, text):
            stream.readline()
            sample = stage.data.Sample(stream, filename="a.csv")
            seen.append(told(stage.data.upload_samples(sample, allow_duplicates=True)))
    return seen


@case
def a_transform_that_skips_a_line(stage: Stage) -> Any:
    stage.write("a.csv", b"a note\n" + csv(1).encode())
    return told(stage.data.upload_directory(stage.place, transform=lambda sample, file: sample.data.readline()))


# Arrays and frames


@case
def frames_in_every_way(stage: Stage) -> Any:
    import pandas

    data = stage.data
    line = [40, 2, 3, 2]
    hours = pandas.timedelta_range(0, periods=4, freq="60s")
    table = frame([[1, 1, 2], [1, 3, 5], [1, 6, 1]], columns=["X", "Y", "Z"])
    responses = [
        data.upload_pandas_sample(df=frame(line), filename="ODP100"),
        data.upload_pandas_sample(df=frame([30, 2, 3, 20]), filename="up", sample_rate_ms=100, label="UP"),
        data.upload_pandas_sample(df=table, filename="ODP200", axis_columns=["X", "Y"], sample_rate_ms=100),
        data.upload_pandas_sample(df=frame(line, index=hours), filename="ODP300"),
        data.upload_pandas_sample(df=frame([[1, 4, 2]], columns=["A", "B", "C"]), filename="ODP400"),
        data.upload_pandas_sample(df=pandas.Series([1.5, 2.5], name="accX"), filename="line", sample_rate_ms=10),
    ]
    return [told(response) for response in responses]


@case
def stations_with_a_column_called_timestamp(stage: Stage) -> Any:
    hours = ["2019-06-21 00:00:00+00:00", "2019-06-20 23:00:00+00:00", "2019-06-20 22:00:00+00:00"]
    air = frame({"timestamp": hours * 2, "location": ["north"] * 3 + ["south"] * 3, "value": [20.0, 21.8, 26.5] * 2})
    air["value"] += air["location"].eq("south")
    air["time"] = air["timestamp"].astype("datetime64[ns, UTC]")
    upload = stage.data.upload_pandas_dataframe_with_group
    return told(upload(df=air, group_by="location", timestamp_col="time", feature_cols=["value"]))


@case
def columns_that_are_there_twice(stage: Stage) -> Any:
    data, twice = stage.data, frame([[1, 2, 3], [4, 5, 6]], columns=["a", "b", "a"])
    grouped = frame([["p", 0, 1, 2], ["p", 0.1, 4, 5]], columns=["g", "t", "v", "v"])
    return [
        looks(data.pandas_dataframe_to_sample(twice, 10)),
        looks(data.pandas_dataframe_to_sample(twice, 10, axis_columns=["a"])),
        contents(data.upload_pandas_dataframe(twice, ["b", "a"])),
        contents(data.upload_pandas_dataframe_with_group(grouped, "t", "g", ["v"])),
    ]


@case
def a_label_column_that_is_there_twice(stage: Stage) -> Any:
    return contents(stage.data.upload_pandas_dataframe(frame([[1, "x", "y"]], columns=["a", "l", "l"]), ["a"], "l"))


@case
def one_name_of_a_feature(stage: Stage) -> Any:
    rows = frame({"a": [1, 4], "accX": [1.5, 2.5], "g": ["p", "p"], "t": [0, 1]})
    return [
        contents(stage.data.upload_pandas_dataframe(rows, "accX")),
        contents(stage.data.upload_pandas_dataframe(rows, "a", metadata_cols="t")),
        contents(stage.data.upload_pandas_dataframe_with_group(rows, "t", "g", "a")),
    ]


def contents(response: Any) -> list[Any]:
    return [response.success, [one.sample.data.getvalue() for one in response.successes]]


@case
def no_frame_in_any_call(stage: Stage) -> Any:
    data = stage.data
    calls: list[Callable[[], Any]] = [
        lambda: data.upload_pandas_dataframe(df=3, feature_cols=["a", "b"], label_col="label"),
        lambda: data.upload_pandas_dataframe_wide(df=3, data_col_start=2, data_col_length=8, sample_rate_ms=100),
        lambda: data.upload_pandas_sample(df=3, sample_rate_ms=100),
        lambda: data.upload_pandas_dataframe_with_group(
            df={"timestamp": 3}, group_by="loc", timestamp_col="timestamp", feature_cols=["a"]
        ),
    ]
    texts = []
    for call in calls:
        try:
            call()
        except AttributeError as error:
            texts.append(str(error))
    return texts


# Ids, deletions, helpers


@case
def ids_out_of_a_table(stage: Stage) -> Any:
    first, second, third = store(stage, ("a.csv", csv(1)), ("b.csv", csv(20)), ("c.csv", csv(40)))
    name, delete = stage.data.get_filename_by_id, stage.data.delete_sample_by_id
    return [
        name(str(first)),
        name(float(second)),
        delete(str(first)).success,
        delete(f" {third} ").success,
        name(first),
    ]


@case
def what_a_deletion_answers(stage: Stage) -> Any:
    (one,) = store(stage, ("a.csv", csv(1)))
    answers = [stage.data.delete_sample_by_id(one), stage.data.delete_all_samples()]
    return [
        {
            "fields": [type(answer).__name__, answer.success, answer.error],
            "as a dict": [answer.to_dict(), answer.dict()],
            "as text": [answer.json(), answer.to_json(), answer.to_json(indent=1), answer.to_str()],
        }
        for answer in answers
    ]


@case
def helpers(stage: Stage) -> Any:
    util = stage.sdk.util
    path = stage.write("a.npy", b"abc")
    return [
        [util.numpy_installed(), util.pandas_installed(), util.tensorflow_installed(), util.onnx_installed()],
        [util.is_numpy_array(one) for one in (numpy().zeros(3), [0], numpy().float64(1))],
        [util.is_path_to_numpy_file(one) for one in (path, "a.csv", 7)],
        [util.is_path_to_onnx_model(one) for one in ("a.onnx", "a.npy", None)],
        [util.is_type_accepted_by_open(one) for one in (path, 7, b"a")],
        util.encode_file_as_base64(path),
        re.sub("^[a-z-]+/[^ ]+", "NAME", util.get_user_agent(add_platform_info=True)).startswith("NAME (python 3."),
        util.check_response_errors(stage.data.delete_all_samples()),
    ]


@case
def an_answer_that_is_a_refusal(stage: Stage) -> Any:
    class Answer:
        success, error = False, "no permission"

    try:
        stage.sdk.util.check_response_errors(Answer())
    except stage.sdk.exceptions.UnsuccessfulRequestException as error:
        return error.error


@case
def no_key_for_a_client(stage: Stage) -> Any:
    return stage.sdk.util.configure_generic_client(None)


@case
def a_kind_of_key_that_there_is_not(stage: Stage) -> Any:
    return stage.sdk.util.configure_generic_client("ei_key", "password")


# The older name, as the notebook has it


@case
def the_notebook(stage: Stage) -> Any:
    """A folder of pictures, their ids, a listing, a download, deletions, then CSV, JSON, arrays and frames."""
    data = stage.sdk.experimental.data
    for number in range(2):
        stage.write(f"part.{number}.png", png(number))
    response = data.upload_directory(directory=stage.place, category="training", label=None, metadata=SITE)
    ids = sorted(result.sample_id for result in response.successes)
    seen: list[Any] = [told_sorted(response), sorted(data.get_filename_by_id(one) for one in ids)]
    listed = data.get_sample_ids(category="training")
    seen.append(sorted(info.filename for info in listed))
    for sample in data.download_samples_by_ids(sorted(info.sample_id for info in listed)):
        with open(os.path.join(stage.place, f"back.{sample.filename}"), "wb") as file:
            file.write(sample.data.read())
        seen.append([sample.category, sample.label, sample.bounding_boxes, sample.metadata])
    seen.append(sorted(os.listdir(stage.place)))
    seen.append([data.delete_sample_by_id(one).success for one in ids])

    samples = [data.Sample(csv(10 * one), f"csv.{one}.csv", "training", "csv", metadata=SITE) for one in range(2)]
    samples += [data.Sample(named(100 * one + 100), f"json.{one}.json", "testing", "json") for one in range(2)]
    seen.append(told(data.upload_samples(samples)))
    axes = [{"name": "accX", "units": "m/s2"}, {"name": "accY", "units": "m/s2"}]
    rows = numpy().array([[[8.81, 0.03], [9.83, 1.04]], [[8.82, 0.03], [9.12, 0.03]]])
    seen.append(len(data.upload_numpy(sample_rate_ms=100, data=rows, labels=["up", "down"], sensors=axes).successes))
    table = frame({"place": ["desk", "field"], "label": ["one", "two"], "accX": [-9.81, -9.56], "accY": [0.03, 5.34]})
    seen.append(len(data.upload_pandas_dataframe(table, ["accX", "accY"], "label", None, ["place"]).successes))
    seen.append(data.delete_all_samples().to_dict())
    return [seen, len(data.get_sample_ids())]


@case
def both_names_are_one(stage: Stage) -> Any:
    older, newer = stage.sdk.experimental.data, stage.data
    return [
        older.upload_samples is newer.upload_samples,
        older.infer_category_and_label_from_filename is newer.infer_from_filename,
    ]


@case
def samples_become_frames(stage: Stage) -> Any:
    (one,) = store(stage, ("a.json", named(10)), structured_labels=RANGES, label="a")
    util = stage.sdk.experimental.util
    (sample,) = list(util.fetch_samples(filename="a", category=None, labels="a", max_workers=2))
    seen = [sample.sample_id == one]
    for more in ({}, {"label_col_name": "what"}, {"ts_col_name": "t"}):
        found = util.convert_sample_to_dataframe(sample, **more)
        seen.append([list(map(str, found.columns)), [float(key) for key in found.index], found.to_csv()])
    sample.structured_labels = None
    seen.append(util.convert_sample_to_dataframe(sample).to_csv())
    return seen


@case
def frames_become_ranges(stage: Stage) -> Any:
    util = stage.sdk.experimental.util
    table = frame({"x": range(5), "label": list("aabba"), "other": list("ababa")})
    labelled = util.add_labels_to_dataframe(frame({"x": range(5)}), util.generate_labels_from_dataframe(table))
    return [
        util.generate_labels_from_dataframe(table),
        util.generate_labels_from_dataframe(table, label_col="other"),
        util.generate_labels_from_dataframe(table, "label", "a.csv"),
        labelled.to_csv(),
        util.add_labels_to_dataframe(frame({"x": range(3)}), RANGES[:1], "what").to_csv(),
        util.add_labels_to_dataframe(frame({"x": range(2)}), RANGES).to_csv(),
    ]


@case
def labels_that_are_no_list(stage: Stage) -> Any:
    return stage.sdk.experimental.util.add_labels_to_dataframe(frame({"x": [1]}), "a")


@case
def a_document_that_is_none(stage: Stage) -> Any:
    return stage.sdk.experimental.util.convert_json_cbor_to_dataframe("[]")


@case
def ranges_of_a_column_that_is_not_there(stage: Stage) -> Any:
    with contextlib.suppress(KeyError):
        return stage.sdk.experimental.util.generate_labels_from_dataframe(frame({"x": [1, 2]}))
    return "KeyError"
