"""What the documentation of the official Python SDK promises, run by its own code. No module of the test suite.

`test_sdk.py` runs this file with the interpreter of `.venv-sdk`: one JSON line in for each check (its name, the
project's key and addresses, an empty folder), one JSON line out (the traceback, or nothing). The SDK is used as it
comes.
"""

import io
import json
import os
import struct
import sys
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import edgeimpulse as ei
import edgeimpulse_api as api
import numpy as np
import pandas as pd
from edgeimpulse import data
from edgeimpulse.data import Sample
from edgeimpulse.data.sample_type import DataAcquisition, Payload, Protected, SampleInfo, Sensor
from edgeimpulse.util import configure_generic_client, default_project_id_for
from edgeimpulse_api.exceptions import UnauthorizedException


def csv(number: float, rows: int = 3) -> bytes:
    return b"timestamp,accX\n" + b"".join(b"%d,%f\n" % (row * 10, number + row) for row in range(rows))


def png(number: int = 0) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">IIB", 32, 24, 8) + b"\2\0\0\0" + struct.pack(">I", number)


def wav(*frames: int) -> bytes:
    content = struct.pack(f"<{len(frames)}h", *frames)
    form = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, 1, 16000, 32000, 2, 16, b"data", len(content))
    return b"RIFF" + struct.pack("<I", 4 + len(form) + len(content)) + b"WAVE" + form + content


def stored(*samples: Sample) -> list[int]:
    """The ids of samples that must be accepted, in ascending order: one worker overtakes nobody."""
    response = data.upload_samples(list(samples), max_workers=1)
    assert response.fails == [], response.fails
    return [one.sample_id for one in response.successes]


def sample(name: str, body: bytes, **wishes: Any) -> Sample:
    return Sample(filename=name, data=io.BytesIO(body), **{"category": "training", **wishes})


def raw_data() -> tuple[api.RawDataApi, int]:
    client = configure_generic_client(key=ei.API_KEY, host=ei.API_ENDPOINT)
    return api.RawDataApi(client), default_project_id_for(client)


def shown(sample_id: int) -> Any:
    raw, project_id = raw_data()
    return raw.get_sample(project_id, sample_id).sample


def write(place: str, name: str, body: bytes) -> str:
    path = os.path.join(place, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(body)
    return path


def names_of(response: Any) -> list[str]:
    return sorted(one.sample.filename for one in response.successes)


def problem_of(call: Callable[[], object], kind: type[Exception]) -> str:
    """The text of what a call must raise."""
    try:
        call()
    except kind as error:
        return str(error)
    raise AssertionError(f"no {kind.__name__} was raised")


# Uploading


def check_upload_samples_as_in_its_example(place: str) -> None:
    path = write(place, "wave.01.csv", csv(1))
    with open(path, "rb") as file:
        samples = (Sample(filename="wave.01.csv", data=file, category="split", label="wave"),)
        response = data.upload_samples(samples)
    assert (response.success, len(response.successes), response.fails) == (True, 1, [])
    (one,) = response.successes
    assert one.sample is samples[0]
    assert one.sample_id == samples[0].sample_id == data.get_sample_ids()[0].sample_id
    assert one.filename.startswith("wave.01.csv.")
    assert one.project_id == raw_data()[1]
    assert shown(one.sample_id).label == "wave"


def check_upload_samples_takes_one_sample_text_and_streams(place: str) -> None:
    assert data.upload_samples(sample("one.csv", csv(1))).success
    text = csv(2).decode()
    assert data.upload_samples([Sample(filename="a.csv", data=text), Sample(filename="b.csv", data=io.StringIO(text))])
    acquired = DataAcquisition(
        protected=Protected(),
        payload=Payload(
            device_type="BOARD", sensors=[Sensor("x", "m/s2")], values=[[1], [2]], interval_ms=5, device_name="ac:87"
        ),
    )
    (sample_id,) = stored(Sample(filename="c.json", data=acquired, category="testing"))
    found = shown(sample_id)
    assert (found.device_type, found.device_name, found.interval_ms, found.frequency) == ("BOARD", "ac:87", 5, 200)


def check_upload_samples_refuses_what_is_there_already(place: str) -> None:
    (first,) = stored(sample("a.csv", csv(1)))
    response = data.upload_samples([sample("b.csv", csv(1)), sample("c.csv", csv(2))])
    assert (response.success, len(response.successes), len(response.fails)) == (False, 1, 1)
    assert response.fails[0].error == f"An item with this hash already exists (ids: {first})"
    assert response.fails[0].sample.filename == "b.csv"
    assert response.fails[0].sample_id is None
    assert data.upload_samples(sample("d.csv", csv(1)), allow_duplicates=True).success


def check_upload_samples_keeps_metadata_boxes_and_structured_labels(place: str) -> None:
    boxes = [{"label": "car", "x": 1, "y": 2, "width": 3, "height": 4}]
    spans = [{"startIndex": 0, "endIndex": 1, "label": "up"}, {"startIndex": 2, "endIndex": 2, "label": "down"}]
    image, series = stored(
        sample("a.png", png(), label="car", bounding_boxes=boxes, metadata={"source": "desk"}),
        sample("b.csv", csv(1), structured_labels=spans),
    )
    assert [one.to_dict() for one in shown(image).bounding_boxes] == boxes
    assert shown(image).metadata == {"source": "desk"}
    assert [one.to_dict() for one in shown(series).structured_labels] == spans


def check_upload_samples_many_at_once_in_their_order(place: str) -> None:
    samples = [sample(f"{number}.csv", csv(number), label=f"l{number % 3}") for number in range(60)]
    response = data.upload_samples(samples, max_workers=8, show_progress=True)
    assert [one.sample.filename for one in response.successes] == [f"{number}.csv" for number in range(60)]
    assert len({one.sample_id for one in response.successes}) == 60


def check_upload_samples_reports_each_file_that_is_refused(place: str) -> None:
    response = data.upload_samples([sample("a.csv", b"nonsense"), sample("b.exe", b"x"), sample("c.csv", csv(1))])
    assert [one.error.split(":")[0] for one in response.fails] == ["Could not parse this CSV file", "Invalid mimetype"]
    assert names_of(response) == ["c.csv"]


def check_upload_samples_with_a_wrong_key_is_a_failure_for_each_file(place: str) -> None:
    response = data.upload_samples([sample("a.csv", csv(1)), sample("b.csv", csv(2))], api_key="ei_wrong")
    assert [one.error for one in response.fails] == ["Invalid API key"] * 2


def check_upload_directory_as_in_its_example(place: str) -> None:
    for number in range(4):
        write(place, f"wave.{number}.csv", csv(number))
        write(place, f"deep/er/idle.{number}.wav", wav(number, 2, 3))
    write(place, "notes.md", b"left alone")
    response = data.upload_directory(directory=place)
    assert (len(response.successes), len(response.fails)) == (8, 0)
    labels = {one.label for one in raw_data()[0].list_samples(raw_data()[1], category="all").samples}
    assert labels == {"wave", "idle"}


def check_upload_plain_directory_with_a_label_and_a_transform(place: str) -> None:
    write(place, "training/noise.1.csv", csv(1))
    write(place, "testing/noise.2.csv", csv(2))
    write(place, "anomaly/noise.3.csv", csv(3))
    response = data.upload_plain_directory(
        directory=place, metadata={"site": "lab"}, transform=data.infer_from_filename, batch_size=2
    )
    assert (len(response.successes), len(response.fails)) == (3, 0)
    for one in response.successes:
        found = shown(one.sample_id)
        assert (found.label, found.metadata) == ("noise", {"site": "lab"})
        assert str(found.category) == ("testing" if "2" in one.sample.filename else "training")


def check_upload_exported_dataset_keeps_what_info_labels_says(place: str) -> None:
    write(place, "training/wave.1.csv", csv(1))
    write(place, "testing/car.jpg", png(7))
    boxes = [{"label": "car", "x": 1, "y": 2, "width": 3, "height": 4}]
    files = [
        {
            "path": "training/wave.1.csv",
            "category": "training",
            "label": {"type": "label", "label": "wave"},
            "boundingBoxes": [],
            "metadata": {"a": "b"},
        },
        {
            "path": "testing/car.jpg",
            "category": "testing",
            "label": {"type": "label", "label": "car"},
            "boundingBoxes": boxes,
        },
    ]
    write(place, "info.labels", json.dumps({"version": 1, "files": files}).encode())
    for upload in (data.upload_exported_dataset, data.upload_directory):
        response = upload(directory=place, allow_duplicates=True)
        series, image = (shown(one.sample_id) for one in response.successes)
        assert (series.label, str(series.category), series.metadata) == ("wave", "training", {"a": "b"})
        assert (image.label, str(image.category)) == ("car", "testing")
        assert [one.to_dict() for one in image.bounding_boxes] == boxes


def check_infer_from_filename(place: str) -> None:
    one = Sample(data="", category=None)
    data.infer_from_filename(one, "my-dataset/training/wave.1.cbor")
    assert (one.label, one.category) == ("wave", "training")


def check_upload_numpy_as_in_its_example(place: str) -> None:
    values = np.array(
        [
            [[8.81, 0.03, 1.21], [9.83, 1.04, 1.27], [9.12, 0.03, 1.23], [9.14, 2.01, 1.25]],
            [[8.81, 0.03, 1.21], [9.12, 0.03, 1.23], [9.14, 2.01, 1.25], [9.14, 2.01, 1.25]],
        ]
    )
    sensors = [{"name": f"accel{axis}", "units": "ms/s"} for axis in "XYZ"]
    labels = ["up", "down"]
    response = data.upload_numpy(
        sample_rate_ms=100, data=values, labels=labels, category="training", sensors=sensors, metadata={"a": "b"}
    )
    assert (len(response.successes), len(response.fails)) == (2, 0)
    found = [shown(one.sample_id) for one in response.successes]
    assert [(one.label, one.values_count, one.frequency, len(one.sensors)) for one in found] == [
        ("up", 4, 10.0, 3),
        ("down", 4, 10.0, 3),
    ]


def check_numpy_timeseries_to_sample(place: str) -> None:
    one = data.numpy_timeseries_to_sample(sample_rate_ms=10, values=[[1.0], [2.0]], sensors=[Sensor("x", "m/s2")])
    (sample_id,) = stored(one)
    raw, project_id = raw_data()
    assert raw.get_sample(project_id, sample_id).payload.values == [[1.0], [2.0]]


def check_upload_pandas_sample_as_in_its_example(place: str) -> None:
    frame = pd.DataFrame([[-9.81, 0.03, 0.21]], columns=["accX", "accY", "accZ"])
    metadata = {"source": "accelerometer", "collection site": "desk"}
    response = data.upload_pandas_sample(frame, label="One", filename="001", metadata=metadata, category="training")
    found = shown(response.successes[0].sample_id)
    assert (found.label, found.filename, found.metadata, found.values_count) == ("One", "001", metadata, 1)
    assert [one.name for one in found.sensors] == ["accX", "accY", "accZ"]


def check_pandas_dataframe_to_sample_with_several_labels(place: str) -> None:
    frame = pd.DataFrame({"accX": [1.0, 2.0, 3.0, 4.0], "mood": ["calm", "calm", "wild", "wild"]})
    one = data.pandas_dataframe_to_sample(frame, sample_rate_ms=20, filename="x", label_col="mood", category="testing")
    (sample_id,) = stored(one)
    found = shown(sample_id)
    assert (found.interval_ms, str(found.category)) == (20, "testing")
    assert [(span.start_index, span.end_index, span.label) for span in found.structured_labels] == [
        (0, 1, "calm"),
        (2, 3, "wild"),
    ]


def check_upload_pandas_dataframe_as_in_its_example(place: str) -> None:
    rows = [["desk", "training", "One", -9.81, 0.03, 0.21], ["field", "training", "Two", -9.56, 5.34, 1.21]]
    frame = pd.DataFrame(rows, columns=["location", "category", "label", "accX", "accY", "accZ"])
    response = data.upload_pandas_dataframe(
        frame,
        feature_cols=["accX", "accY", "accZ"],
        label_col="label",
        category_col="category",
        metadata_cols=["location"],
    )
    assert len(response.fails) == 0, "Could not upload some files"
    found = [shown(one.sample_id) for one in response.successes]
    assert [(one.label, one.metadata["location"]) for one in found] == [("One", "desk"), ("Two", "field")]


def check_upload_pandas_dataframe_wide_as_in_its_example(place: str) -> None:
    values = [
        [1, "idle", 0.8, 0.7, 0.8, 0.9, 0.8, 0.8, 0.7, 0.8],
        [2, "motion", 0.3, 0.9, 0.4, 0.6, 0.8, 0.9, 0.5, 0.4],
    ]
    frame = pd.DataFrame(values, columns=["id", "label", "0", "1", "2", "3", "4", "5", "6", "7"])
    response = data.upload_pandas_dataframe_wide(
        frame, label_col="label", metadata_cols=["id"], data_col_start=2, sample_rate_ms=100
    )
    assert len(response.successes) == 2
    assert len(response.fails) == 0
    found = shown(response.successes[0].sample_id)
    assert (found.label, found.values_count, found.interval_ms, found.metadata) == ("idle", 8, 100, {"id": "1"})


def check_upload_pandas_dataframe_wide_with_axes(place: str) -> None:
    frame = pd.DataFrame([["up", 1, 2, 3, 4]], columns=["label", "x0", "y0", "x1", "y1"])
    response = data.upload_pandas_dataframe_wide(
        frame, label_col="label", data_axis_cols=["x", "y"], data_col_length=2, sample_rate_ms=50
    )
    raw, project_id = raw_data()
    assert raw.get_sample(project_id, response.successes[0].sample_id).payload.values == [[1, 2], [3, 4]]


def check_upload_pandas_dataframe_with_group_as_in_its_example(place: str) -> None:
    rows = [
        ["desk", "sample 1", "training", "idle", 0, -9.81, 0.03, 0.21],
        ["desk", "sample 1", "training", "idle", 0.01, -9.83, 0.04, 0.27],
        ["desk", "sample 1", "training", "idle", 0.02, -9.12, 0.03, 0.23],
        ["desk", "sample 1", "training", "idle", 0.03, -9.14, 0.01, 0.25],
        ["field", "sample 2", "training", "wave", 0, -9.56, 5.34, 1.21],
        ["field", "sample 2", "training", "wave", 0.01, -9.43, 1.37, 1.27],
        ["field", "sample 2", "training", "wave", 0.02, -9.22, -4.03, 1.23],
        ["field", "sample 2", "training", "wave", 0.03, -9.50, -0.98, 1.25],
    ]
    columns = ["location", "sample_name", "category", "label", "timestamp", "accX", "accY", "accZ"]
    response = data.upload_pandas_dataframe_with_group(
        pd.DataFrame(rows, columns=columns),
        group_by="sample_name",
        timestamp_col="timestamp",
        feature_cols=["accX", "accY", "accZ"],
        label_col="label",
        category_col="category",
        metadata_cols=["location"],
    )
    assert len(response.fails) == 0, "Could not upload some files"
    found = [shown(one.sample_id) for one in response.successes]
    assert [(one.filename, one.label, one.frequency) for one in found] == [
        ("sample 1", "idle", 100),
        ("sample 2", "wave", 100),
    ]


# Finding


def check_get_sample_ids_by_name_category_and_label(place: str) -> None:
    ids = stored(
        sample("wave.01.csv", csv(1), label="wave"),
        sample("wave.02.csv", csv(2), label="wave", category="testing"),
        sample("idle.01.csv", csv(3), label="idle", category="validation"),
        sample("idle.02.csv", csv(4), label="idle", category="post-processing"),
    )

    def by_id(infos: list[Any]) -> list[int]:
        return sorted(one.sample_id for one in infos)

    assert by_id(data.get_sample_ids()) == ids
    assert by_id(data.get_sample_ids(category="testing")) == ids[1:2]
    assert by_id(data.get_sample_ids(labels="idle")) == ids[2:]
    assert by_id(data.get_sample_ids(labels="idle", category="validation")) == ids[2:3]
    assert data.get_sample_ids(filename="wave.01") == [
        SampleInfo(sample_id=ids[0], filename="wave.01", category="training", label="wave")
    ]
    problem = problem_of(lambda: data.get_sample_ids(category="anomaly"), ValueError)
    assert problem.startswith("Invalid category. Allowable categories: ")


def check_get_sample_ids_of_more_than_a_page(place: str) -> None:
    ids = stored(*(sample(f"{number}.csv", csv(number, 2)) for number in range(101)))
    assert sorted(one.sample_id for one in data.get_sample_ids(category="training", num_workers=3)) == ids


def check_get_filename_by_id(place: str) -> None:
    (sample_id,) = stored(sample("my-image.01.png", png()))
    assert data.get_filename_by_id(sample_id) == "my-image.01"
    assert data.get_filename_by_id(999_999_999) is None


# Downloading


def check_download_samples_by_ids_of_every_type(place: str) -> None:
    bodies = {"a.png": png(), "b.wav": wav(1, -2, 3), "c.mp4": b"a film", "d.csv": csv(1)}
    ids = stored(*(sample(name, body, label="x", metadata={"n": name}) for name, body in bodies.items()))
    image, sound, film, series = data.download_samples_by_ids(ids, max_workers=2)
    assert [image.data.read(), sound.data.read(), film.data.read()] == list(bodies.values())[:3]
    assert [one.filename for one in (image, sound, film, series)] == ["a.png", "b.wav", "c.mp4", "d.json"]
    document = json.loads(series.data)
    assert document["payload"]["values"] == [[1.0], [2.0], [3.0]]
    assert (document["payload"]["interval_ms"], document["payload"]["sensors"][0]["name"]) == (10, "accX")
    assert [(one.label, one.category, one.sample_id) for one in (image, sound, film, series)] == [
        ("x", "training", sample_id) for sample_id in ids
    ]
    assert image.metadata == {"n": "a.png"}


def check_download_samples_by_ids_as_in_its_example(place: str) -> None:
    (sample_id,) = stored(sample("a.csv", csv(1)))
    (one,) = ei.data.download_samples_by_ids(sample_id)
    assert "a.json" in str(one)
    assert ei.data.download_samples_by_ids([sample_id, 999_999_999], show_progress=True)[0].sample_id == sample_id
    assert ei.data.download_samples_by_ids(999_999_999) == []


def check_what_was_downloaded_can_be_uploaded_again(place: str) -> None:
    (sample_id,) = stored(sample("a.csv", csv(1), label="x"))
    (one,) = data.download_samples_by_ids(sample_id)
    assert data.upload_samples(one).success


# Deleting


def check_delete_sample_by_id_as_in_its_example(place: str) -> None:
    stored(sample("my-image.01.png", png()))
    infos = data.get_sample_ids("my-image.01")
    assert [data.delete_sample_by_id(info.sample_id).success for info in infos] == [True]
    assert data.delete_sample_by_id(infos[0].sample_id) is None
    assert data.get_sample_ids() == []
    stored(sample("my-image.01.png", png()))


def check_delete_samples_by_filename(place: str) -> None:
    stored(sample("wave.01.csv", csv(1)), sample("wave.02.csv", csv(2), category="testing"), sample("i.csv", csv(3)))
    assert [one.success for one in data.delete_samples_by_filename("wave.01")] == [True]
    assert data.delete_samples_by_filename("wave.02", category="training") == ()
    assert sorted(one.filename for one in data.get_sample_ids()) == ["i", "wave.02"]


def check_delete_all_samples(place: str) -> None:
    stored(sample("a.csv", csv(1)), sample("b.csv", csv(2), category="testing"))
    assert data.delete_all_samples(category="testing").success
    assert [one.filename for one in data.get_sample_ids()] == ["a"]
    assert data.delete_all_samples().success
    assert data.get_sample_ids() == []


def check_a_wrong_key_is_unauthorized(place: str) -> None:
    for call in (
        lambda: data.get_filename_by_id(1, api_key="ei_wrong"),
        lambda: data.delete_all_samples(api_key="ei_wrong"),
        lambda: data.download_samples_by_ids(1, api_key="ei_wrong"),
        lambda: data.get_sample_ids(category="training", api_key="ei_wrong"),
    ):
        assert "Invalid API key" in problem_of(call, UnauthorizedException)


# The generated client: every answer, read strictly. By itself it builds its models without looking.


def ask(method: Any, *arguments: Any, **options: Any) -> Any:
    """The answer of a generated method, with its bytes; `_preload_content` leaves the reading to us."""
    response = method(*arguments, _preload_content=False, **options)
    assert response.status == 200, response.data
    document = json.loads(response.data)
    assert document["success"] is True, document
    return document


def check_generated_client_on_projects(place: str) -> None:
    client = configure_generic_client(key=ei.API_KEY, host=ei.API_ENDPOINT)
    projects, (_, project_id) = api.ProjectsApi(client), raw_data()
    one = api.ListProjectsResponse.parse_obj(ask(projects.list_projects)).projects[0]
    assert one.id == project_id
    info = api.ProjectInfoResponse.parse_obj(ask(projects.get_project_info, project_id))
    assert (info.project.id, info.data_summary.data_count) == (project_id, 0)
    stored(sample("a.csv", csv(1), label="x"), sample("b.csv", csv(2), label="y", category="testing"))
    info = api.ProjectInfoResponse.parse_obj(ask(projects.get_project_info, project_id))
    assert (info.data_summary.data_count, info.data_summary.labels) == (2, ["x", "y"])
    assert info.data_summary_per_category.training.data_count == 1
    key = api.GetCurrentApiKeyInfoResponse.parse_obj(ask(projects.get_current_api_key_info))
    assert (key.project_id, str(key.role)) == (project_id, "admin")
    modified = api.LastModificationDateResponse.parse_obj(ask(projects.get_project_last_modification_date, project_id))
    assert abs(datetime.now(timezone.utc) - modified.last_modification_date) < timedelta(hours=1)  # noqa: UP017
    assert ask(projects.get_hmac_devkey, project_id)["hmacKey"]
    assert projects.get_project_info(project_id).project.id == project_id


def check_generated_client_on_samples_of_every_type(place: str) -> None:
    raw, project_id = raw_data()
    acquired = {
        "protected": {"ver": "v1", "alg": "none"},
        "signature": None,
        "payload": {"device_type": "T", "interval_ms": 0, "sensors": [{"name": "a", "units": "N/A"}], "values": [3]},
    }
    span = {"startIndex": 0, "endIndex": 2, "label": "x", "labelMap": {"mood": "calm"}}
    ids = stored(
        sample("a.png", png(), bounding_boxes=[{"label": "c", "x": 0, "y": 0, "width": 1, "height": 1}]),
        sample("b.wav", wav(1, 2)),
        sample("c.mp4", b"film"),
        sample("d.csv", csv(1), structured_labels=[span], metadata={"a": "b"}),
        sample("e.json", json.dumps(acquired).encode()),
        sample("f.parquet", b"PAR1"),
        sample("g.txt", b"a;b\n1,5;2\n"),
        sample("h.avi", b"another film", category="anomaly"),
    )
    for sample_id in ids:
        api.GetSampleResponse.parse_obj(ask(raw.get_sample, project_id, sample_id))
        assert raw.get_sample(project_id, sample_id).sample.id == sample_id
    listed = api.ListSamplesResponse.parse_obj(ask(raw.list_samples, project_id, category="all"))
    assert [one.id for one in listed.samples] == sorted(ids, reverse=True)
    assert listed.total_count == len(ids)
    assert raw.get_sample_as_raw(project_id, ids[0], _preload_content=False).data == png()
    assert raw.get_sample_as_image(project_id, ids[0], _preload_content=False).data == png()
    assert raw.get_sample_as_audio(project_id, ids[1], axis_ix=0, _preload_content=False).data == wav(1, 2)
    assert raw.get_sample_as_video(project_id, ids[2], _preload_content=False).data == b"film"


def check_generated_client_on_every_filter(place: str) -> None:
    raw, project_id = raw_data()
    began = datetime.now(timezone.utc) - timedelta(minutes=1)  # noqa: UP017
    ids = stored(
        *(
            sample(f"s{number}.csv", csv(number), label=f"l{number % 2}", metadata={"n": str(number)})
            for number in range(6)
        )
    )
    raw.disable_sample(project_id, ids[0])
    table: list[tuple[dict[str, Any], list[int]]] = [
        ({"limit": 2}, ids[:3:-1]),
        ({"limit": 2, "offset": 2}, ids[3:1:-1]),
        ({"labels": '["l1"]'}, ids[5::-2]),
        ({"labels": "null"}, ids[::-1]),
        ({"filename": "s3"}, ids[3:4]),
        ({"search": "s3"}, ids[3:4]),
        ({"min_id": ids[4]}, ids[:3:-1]),
        ({"max_id": ids[2]}, ids[1::-1]),
        ({"metadata": '[{"key": "n", "op": "eq", "values": ["5"]}]'}, ids[5:]),
        ({"metadata": '[{"filters_combinator": "or"}, {"key": "n", "op": "neq", "values": ["5"]}]'}, ids[4::-1]),
        ({"max_length": 100_000, "min_length": 1}, ids[::-1]),
        ({"max_length": 1}, []),
        ({"min_frequency": 0.5, "max_frequency": 1e6}, ids[::-1]),
        ({"signature_validity": "valid"}, ids[::-1]),
        ({"signature_validity": "invalid"}, []),
        ({"min_label": 0.5}, []),
        ({"data_type": "image"}, []),
        ({"truncate_structured_labels": True}, ids[::-1]),
        ({"include_disabled": "disabled"}, ids[:1]),
        ({"include_disabled": "enabled"}, ids[:0:-1]),
        ({"include_disabled": "both"}, ids[::-1]),
        ({"exclude_sensors": True}, ids[::-1]),
        ({"min_date": began}, ids[::-1]),
        ({"max_date": began}, []),
        ({"sort_by": "id-desc"}, ids[::-1]),
    ]
    for query, expected in table:
        listed = api.ListSamplesResponse.parse_obj(ask(raw.list_samples, project_id, category="training", **query))
        assert [one.id for one in listed.samples] == expected, query
        if not query.keys() & {"limit", "offset", "exclude_sensors", "sort_by", "truncate_structured_labels"}:
            counted = api.CountSamplesResponse.parse_obj(
                ask(raw.count_samples, project_id, category="training", **query)
            )
            assert counted.count == len(expected), query


def check_generated_client_on_every_edit(place: str) -> None:
    raw, project_id = raw_data()
    series, image = stored(sample("a.csv", csv(1)), sample("b.png", png()))
    boxes = [api.BoundingBox(label="c", x=0, y=0, width=1, height=1)]
    span = api.StructuredLabel(startIndex=0, endIndex=2, label="x")
    for answer in (
        raw.rename_sample(project_id, series, api.RenameSampleRequest(name="new")),
        raw.edit_label(project_id, series, api.EditSampleLabelRequest(label="other")),
        raw.move_sample(project_id, series, api.MoveRawDataRequest(newCategory="testing")),
        raw.set_sample_metadata(project_id, series, api.SetSampleMetadataRequest(metadata={"k": "v"})),
        raw.set_sample_structured_labels(
            project_id, series, api.SetSampleStructuredLabelsRequest(structuredLabels=[span])
        ),
        raw.set_sample_bounding_boxes(project_id, image, api.SampleBoundingBoxesRequest(boundingBoxes=boxes)),
        raw.disable_sample(project_id, image),
    ):
        assert answer.success is True
    found = shown(series)
    assert (found.filename, found.label, str(found.category), found.metadata) == ("new", "other", "testing", {"k": "v"})
    assert found.structured_labels == [span]
    assert (shown(image).bounding_boxes, shown(image).is_disabled) == (boxes, True)
    raw.enable_sample(project_id, image)
    assert shown(image).is_disabled is False


def check_generated_client_on_every_batch(place: str) -> None:
    raw, project_id = raw_data()
    ids = stored(*(sample(f"{number}.csv", csv(number)) for number in range(4)))
    some = json.dumps(ids[:2])
    for answer in (
        raw.batch_edit_labels(project_id, "all", api.EditSampleLabelRequest(label="new"), ids=some),
        raw.batch_move(project_id, "training", api.MoveRawDataRequest(newCategory="testing"), ids=some),
        raw.batch_disable(project_id, "all", ids=some),
        raw.batch_enable(project_id, "all", ids=some),
    ):
        assert answer.actual_instance.success is True
    assert {(shown(one).label, str(shown(one).category)) for one in ids[:2]} == {("new", "testing")}
    raw.batch_delete(project_id, "training")
    assert sorted(one.sample_id for one in data.get_sample_ids()) == ids[:2]


def check_generated_client_on_metadata_in_batches(place: str) -> None:
    raw, project_id = raw_data()
    (first, second) = stored(*(sample(f"{number}.csv", csv(number), metadata={"k": "v"}) for number in range(2)))
    some = json.dumps([first])
    added = api.BatchAddMetadataRequest(metadataKey="site", metadataValue="lab")
    assert raw.batch_add_metadata(project_id, "all", added, ids=some).actual_instance.success is True
    assert shown(first).metadata == {"k": "v", "site": "lab"}
    cleared = api.BatchClearMetadataByKeyRequest(metadataKey="k")
    raw.batch_clear_metadata_by_key(project_id, "all", cleared, exclude_ids=json.dumps([second]))
    assert (shown(first).metadata, shown(second).metadata) == ({"site": "lab"}, {"k": "v"})
    raw.batch_clear_metadata(project_id, "all", metadata='[{"key": "site", "op": "eq"}]')
    assert (shown(first).metadata, shown(second).metadata) == (None, {"k": "v"})


def check_generated_client_on_who_updated_a_sample(place: str) -> None:
    raw, project_id = raw_data()
    (sample_id,) = stored(sample("a.csv", csv(1)))
    raw.edit_label(project_id, sample_id, api.EditSampleLabelRequest(label="other"))
    by = shown(sample_id).last_updated_by.actual_instance
    assert isinstance(by, api.LastUpdatedByProjectApiKey)
    assert by.id > 0


def check_generated_client_on_summary_split_and_export(place: str) -> None:
    raw, project_id = raw_data()
    client = configure_generic_client(key=ei.API_KEY, host=ei.API_ENDPOINT)
    stored(*(sample(f"{number}.csv", csv(number), label=f"l{number % 2}") for number in range(4)))
    summary = api.ProjectsApi(client).get_project_training_data_summary(project_id).data_summary
    assert (summary.labels, summary.data_count) == (["l0", "l1"], 4)
    halves = api.DatasetSplitOptions(
        trainingSplitRatio=0.5, testingSplitRatio=0.5, stratifyBy=api.DatasetSplitOptionsStratifyBy(label=True)
    )
    assert raw.split_dataset(project_id, halves).actual_instance.success is True
    tested = [shown(one.sample_id) for one in data.get_sample_ids(category="testing")]
    assert sorted(one.label for one in tested) == ["l0", "l1"]
    wanted = api.ExportOriginalDataRequest(uploaderFriendlyFilenames=True, retainCrops=True)
    job_id = api.JobsApi(client).start_original_export_job(project_id, wanted).id
    assert api.JobsApi(client).get_job_status(project_id, job_id).job.finished_successful is True
    assert api.ExportApi(client).get_export_url(project_id).url.endswith(".zip")


def check_generated_client_on_a_job(place: str) -> None:
    """Above the threshold that this emulator was started with, a batch is a job."""
    raw, project_id = raw_data()
    stored(*(sample(f"{number}.csv", csv(number)) for number in range(11)))
    job_id = ask(raw.batch_delete, project_id, "all")["id"]
    jobs = api.JobsApi(configure_generic_client(key=ei.API_KEY, host=ei.API_ENDPOINT))
    job = api.GetJobResponse.parse_obj(ask(jobs.get_job_status, project_id, job_id)).job
    assert (job.id, job.finished_successful) == (job_id, True)
    assert jobs.get_job_status(project_id, job_id).job.id == job_id


def check_generated_client_on_devices(place: str) -> None:
    client = configure_generic_client(key=ei.API_KEY, host=ei.API_ENDPOINT)
    devices, project_id = api.DevicesApi(client), default_project_id_for(client)
    new = {"deviceId": "38:f9:d3:d7:62:03", "deviceType": "BOARD", "ifNotExists": True}
    assert devices.create_device(project_id, api.CreateDeviceRequest.parse_obj(new)).success
    assert devices.rename_device(project_id, new["deviceId"], api.RenameDeviceRequest(name="bench")).success
    (device,) = devices.list_devices(project_id).devices
    assert (device.name, device.device_type, device.remote_mgmt_mode) == ("bench", "BOARD", "disconnected")
    assert devices.get_device(project_id, new["deviceId"]).device == device
    sampling = api.StartSamplingRequest.parse_obj(
        {"label": "wave", "lengthMs": 100, "category": "training", "intervalMs": 10}
    )
    problem = problem_of(lambda: devices.start_sampling(project_id, new["deviceId"], sampling), Exception)
    assert "is not connected to remote management" in problem
    assert devices.delete_device(project_id, new["deviceId"]).success
    assert devices.list_devices(project_id).devices == []


def check_generated_client_says_what_is_not_there(place: str) -> None:
    raw, project_id = raw_data()
    problem = problem_of(lambda: raw.get_sample(project_id, 999_999_999), Exception)
    assert problem == "No sample found with ID 999999999"


def main() -> None:
    out = sys.stdout
    sys.stdout = sys.stderr  # the SDK prints
    for line in sys.stdin:
        wanted = json.loads(line)
        ei.API_KEY, ei.API_ENDPOINT = wanted["key"], wanted["studio_url"]
        ei.INGESTION_ENDPOINT = wanted["ingestion_url"]
        try:
            globals()[wanted["check"]](wanted["folder"])
            problem = ""
        except Exception:  # noqa: BLE001 (the test that asked shows it)
            problem = traceback.format_exc()
        out.write(json.dumps(problem) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
