"""Further calls at which the two differ on purpose: keys, waiting, order, names. Each is in `differences`.

The calls that show nothing but a defect of the official module are in `defect_cases`.
"""

import contextlib
import io
import os
from typing import Any
from unittest import mock

import requests.adapters
from cases import BOX, Case, Stage, ask_emulator, csv, png, told
from table_cases import frame, listed, named, numpy, outcome, store

CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    """Enter the function into the table under its name."""
    CASES[function.__name__] = function
    return function


def upload(stage: Stage, content: Any, name: str | None = "a.csv", **more: Any) -> Any:
    return told(stage.data.upload_samples(stage.data.Sample(content, filename=name, **more)))


# Keys, exceptions, what there is


@case
def an_empty_key_deletes(stage: Stage) -> Any:
    store(stage, ("a.csv", csv(1)))
    return stage.data.delete_all_samples(api_key="").success


@case
def a_key_in_quotes(stage: Stage) -> Any:
    return told(stage.data.upload_samples(stage.data.Sample(csv(1), filename="a.csv"), api_key=f'"{stage.key}"'))


@case
def a_key_that_cannot_be_one(stage: Stage) -> Any:
    return told(stage.data.upload_samples(stage.data.Sample(csv(1), filename="a.csv"), api_key="<your key>"))


@case
def the_text_of_an_exception(stage: Stage) -> Any:
    return str(stage.sdk.exceptions.TimeoutException("no answer"))


@case
def the_rest_of_the_official_package(stage: Stage) -> Any:
    return {
        "top": [hasattr(stage.sdk, name) for name in ("model", "datasets", "default_project_id_for")],
        "util": [hasattr(stage.sdk.util, name) for name in ("poll", "save_model", "get_project_websocket")],
        "experimental": [hasattr(stage.sdk.experimental, name) for name in ("EdgeImpulseApi", "tuner", "impulse")],
    }


# How uploads travel


@case
def a_service_that_is_busy_for_a_moment(stage: Stage) -> Any:
    ask_emulator(stage, "/emulator/faults", [{"where": "ingestion", "kind": "status", "status": 503, "times": 1}])
    return upload(stage, csv(1))


@case
def how_long_an_answer_is_waited_for(stage: Stage) -> Any:
    """Whether each request has a limit, when the caller gives none."""
    limits: list[bool] = []
    send = requests.adapters.HTTPAdapter.send

    def noted(adapter: Any, request: Any, *args: Any, **more: Any) -> Any:
        limits.append(more.get("timeout") is not None)
        return send(adapter, request, *args, **more)

    with mock.patch.object(requests.adapters.HTTPAdapter, "send", noted):
        upload(stage, csv(1))
    return bool(limits) and all(limits)


@case
def a_file_of_a_hundred_megabytes(stage: Stage) -> Any:
    """How many requests it costs that the service refuses such a file."""
    os.truncate(stage.write("wave.1.json", b""), 100 * 1024 * 1024)
    stage.data.upload_directory(stage.place)
    return ask_emulator(stage, "/emulator/ledger")["requests"]


@case
def a_redirect(stage: Stage) -> Any:
    ask_emulator(stage, "/emulator/faults", [{"where": "ingestion", "kind": "redirect", "times": 1}])
    return upload(stage, csv(1))


@case
def many_samples_of_one_kind(stage: Stage) -> Any:
    samples = [stage.data.Sample(csv(10 * number), filename=f"wave.{number}.csv") for number in range(32)]
    stage.data.upload_samples(samples)
    return ask_emulator(stage, "/emulator/ledger")["requests"]


@case
def how_many_files_are_open(stage: Stage) -> Any:
    for number in range(40):
        stage.write(f"wave.{number}.csv", csv(10 * number).encode())
    before = len(os.listdir("/proc/self/fd"))
    counts: list[int] = []

    def transform(sample: Any, file: str) -> None:
        counts.append(len(os.listdir("/proc/self/fd")) - before)

    stage.data.upload_directory(stage.place, transform=transform)
    return max(counts) > 20


@case
def the_stream_of_an_uploaded_file(stage: Stage) -> Any:
    stage.write("a.csv", csv(1).encode())
    (one,) = stage.data.upload_directory(stage.place).successes
    return one.sample.data.closed


@case
def where_progress_is_drawn(stage: Stage) -> Any:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        stage.data.upload_samples(stage.data.Sample(csv(1), filename="a.csv"), show_progress=True)
    return shown.getvalue().strip() != ""


@case
def a_batch_of_no_size(stage: Stage) -> Any:
    stage.write("a.csv", csv(1).encode())
    return told(stage.data.upload_directory(stage.place, batch_size=None))


# What is uploaded


@case
def something_that_is_no_sample(stage: Stage) -> Any:
    return told(stage.data.upload_samples([stage.data.Sample(csv(1), filename="a.csv"), 7]))


@case
def a_sample_without_data(stage: Stage) -> Any:
    return upload(stage, None)


@case
def an_empty_file_name(stage: Stage) -> Any:
    return upload(stage, csv(1), "")


@case
def a_file_name_of_two_lines(stage: Stage) -> Any:
    return upload(stage, csv(1), "a\nb.csv")


@case
def a_label_of_two_lines(stage: Stage) -> Any:
    return upload(stage, csv(1), label="a\nb")


@case
def a_label_with_blanks_around_it(stage: Stage) -> Any:
    return upload(stage, csv(1), label=" a ")


@case
def metadata_that_is_nested(stage: Stage) -> Any:
    return upload(stage, csv(1), metadata={"range": {"from": 1, "to": [2, 3]}})


@case
def boxes_as_studio_shows_them(stage: Stage) -> Any:
    return upload(stage, png(1), "a.png", bounding_boxes={"version": 1, "boundingBoxes": [BOX]})


@case
def more_boxes_than_a_header_holds(stage: Stage) -> Any:
    return upload(stage, png(1), "a.png", bounding_boxes=[BOX] * 400)


@case
def ranges_of_numpy(stage: Stage) -> Any:
    ends = numpy().array([0, 2])
    return upload(stage, csv(1), structured_labels=[{"startIndex": ends[0], "endIndex": ends[1], "label": "a"}])


@case
def an_acquisition_of_numpy(stage: Stage) -> Any:
    types = stage.types
    payload = types.Payload("TEST", [types.Sensor("accX", "m/s2")], numpy().array([[1.5], [2.5]]), 10)
    return upload(stage, types.DataAcquisition(types.Protected(), payload), "a.json")


# Listing, downloading


@case
def the_order_of_the_listing(stage: Stage) -> Any:
    for number, category in enumerate(("testing", "training", "testing", "training")):
        store(stage, (f"{number}.csv", csv(10 * number)), category=category)
    return [info.filename for info in stage.data.get_sample_ids(num_workers=1)]


@case
def a_listing_without_workers(stage: Stage) -> Any:
    return stage.data.get_sample_ids(category="training", num_workers=0)


@case
def a_label_that_is_a_number_is_looked_for(stage: Stage) -> Any:
    store(stage, ("a.csv", csv(1)), label="5")
    return listed(stage, labels=5)


@case
def a_truth_as_an_id(stage: Stage) -> Any:
    store(stage, ("a.csv", csv(1)))
    return stage.data.get_filename_by_id(True)


@case
def the_order_of_a_stream(stage: Stage) -> Any:
    """The first one takes longer than the others."""
    ids = store(stage, *((f"{number}.json", named(10 * number)) for number in range(3)))
    slow = {"where": "studio", "kind": "latency", "seconds": 1.5, "times": 1, "path": f"/raw-data/{ids[0]}"}
    ask_emulator(stage, "/emulator/faults", [slow])
    return [ids.index(sample.sample_id) for sample in stage.sdk.experimental.data.stream_samples_by_ids(ids)]


# Frames


@case
def columns_of_several_levels(stage: Stage) -> Any:
    import pandas

    levels = pandas.MultiIndex.from_tuples([("acc", "x"), ("acc", "y")])
    return outcome(stage.data.upload_pandas_sample(frame([[1, 2], [3, 4]], columns=levels), "a", 10))


class OfPolars:
    """What is asked of a frame of polars, which need not be installed."""

    columns = ("accX", "accY")
    _values = ((1.5, 2.5), (3.5, 4.5))

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, name: str) -> Any:
        return numpy().array([row[self.columns.index(name)] for row in self._values])

    def iter_rows(self) -> Any:
        return iter(self._values)


@case
def a_frame_of_polars(stage: Stage) -> Any:
    return outcome(stage.data.upload_pandas_dataframe(OfPolars(), ["accX", "accY"]))


@case
def one_name_of_metadata(stage: Stage) -> Any:
    rows = frame({"site": ["desk", "field"], "x": [1.5, 2.5], "l": "l"})
    return outcome(stage.data.upload_pandas_dataframe(rows, ["x"], "l", metadata_cols="site"))


@case
def one_name_of_a_feature_of_groups(stage: Stage) -> Any:
    rows = frame({"g": ["a", "a"], "t": [0, 0.01], "accX": [1.5, 2.5]})
    return outcome(stage.data.upload_pandas_dataframe_with_group(rows, "t", "g", "accX"))


@case
def an_axis_that_is_there_twice(stage: Stage) -> Any:
    wide = frame([[0.1, 0.2, 0.3]], columns=["x0", "x0", "x1"])
    return outcome(stage.data.upload_pandas_dataframe_wide(wide, 10, data_axis_cols=["x"], data_col_length=2))


@case
def ranges_of_labels_that_are_numbers(stage: Stage) -> Any:
    return stage.sdk.experimental.util.generate_labels_from_dataframe(frame({"label": [0, 0, 1]}))


@case
def ranges_with_a_row_without_a_label(stage: Stage) -> Any:
    return stage.sdk.experimental.util.generate_labels_from_dataframe(frame({"label": ["a", None]}))


@case
def ranges_of_no_rows(stage: Stage) -> Any:
    return stage.sdk.experimental.util.generate_labels_from_dataframe(frame({"label": []}))
