"""Calls at which the official module fails and ours must not: each is in `differences`, with the reason."""

import io
import json
import os
from typing import Any

from cases import BOX, RANGES, Case, Stage, acquisition, csv, png, told, told_sorted

CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    """Enter the function into the table under its name."""
    CASES[function.__name__] = function
    return function


@case
def the_label_zero(stage: Stage) -> Any:
    return told(stage.data.upload_samples(stage.data.Sample(csv(1), filename="wave.csv", label=0)))


@case
def a_label_that_is_not_latin(stage: Stage) -> Any:
    Sample = stage.data.Sample
    return told(
        stage.data.upload_samples(
            [Sample(csv(1), filename="a.csv", label="日本"), Sample(csv(2), filename="b.csv", label="wave")]
        )
    )


@case
def a_label_with_a_percent_sign(stage: Stage) -> Any:
    return told(stage.data.upload_samples(stage.data.Sample(csv(1), filename="a.csv", label="100%25")))


@case
def a_sample_without_a_name(stage: Stage) -> Any:
    response = stage.data.upload_samples([stage.data.Sample(csv(1), label="a"), stage.data.Sample(png(1), label="b")])
    return [response.success, len(response.successes)]


@case
def a_stream_that_was_read_before(stage: Stage) -> Any:
    stream = io.BytesIO(csv(1).encode())
    stream.read()
    return [told(stage.data.upload_samples(stage.data.Sample(stream, filename="a.csv"))), stream.tell()]


@case
def one_stream_twice(stage: Stage) -> Any:
    sample = stage.data.Sample(io.BytesIO(csv(1).encode()), filename="a.csv")
    return [told(stage.data.upload_samples(sample, allow_duplicates=True)) for _ in range(2)]


@case
def one_file_that_cannot_be_read(stage: Stage) -> Any:
    Sample = stage.data.Sample
    with open(stage.write("closed.csv", csv(1).encode()), "rb") as file:
        pass
    return told(stage.data.upload_samples([Sample(csv(2), filename="a.csv"), Sample(file, filename="closed.csv")]))


@case
def a_service_that_is_not_there(stage: Stage) -> Any:
    stage.sdk.INGESTION_ENDPOINT = "http://127.0.0.1:9"
    return told(stage.data.upload_samples(stage.data.Sample(csv(1), filename="a.csv")))


@case
def the_callers_sample_is_left_alone(stage: Stage) -> Any:
    boxes = [dict(BOX)]
    sample = stage.data.Sample(png(1), filename="a.png", category=None, bounding_boxes=boxes)
    stage.data.upload_samples(sample)
    return [sample.category, sample.bounding_boxes is boxes]


@case
def metadata_that_is_not_text(stage: Stage) -> Any:
    class Number:
        """As numpy's scalars: it has `tolist`, and json does not know it."""

        def tolist(self) -> int:
            return 7

        def __str__(self) -> str:
            return "7"

    sample = stage.data.Sample(csv(1), filename="a.csv", metadata={"run": Number(), "level": 0.5})
    return told(stage.data.upload_samples(sample))


@case
def an_empty_directory(stage: Stage) -> Any:
    return told(stage.data.upload_directory(stage.place))


@case
def every_extension_that_the_service_takes(stage: Stage) -> Any:
    stage.write("a.CSV", csv(1).encode())
    stage.write("b.txt", b"accX,accY\n1,2\n")
    stage.write("c.PNG", png(3))
    stage.write("d.Json", acquisition(4).encode())
    return told_sorted(stage.data.upload_directory(stage.place))


@case
def a_dataset_inside_a_plain_directory(stage: Stage) -> Any:
    stage.write("wave.csv", csv(1).encode())
    stage.write("inner/wave.csv", csv(2).encode())
    stage.write("inner/info.labels", json.dumps({"version": 1, "files": []}).encode())
    return told_sorted(stage.data.upload_directory(stage.place))


@case
def boxes_beside_the_images(stage: Stage) -> Any:
    stage.write("image.png", png(1))
    document = {"version": 1, "type": "bounding-box-labels", "boundingBoxes": {"image.png": [BOX]}}
    stage.write("bounding_boxes.labels", json.dumps(document).encode())
    return told_sorted(stage.data.upload_directory(stage.place))


def _exported(stage: Stage, *entries: dict[str, Any]) -> Any:
    for number, entry in enumerate(entries):
        if not os.path.exists(os.path.join(stage.place, entry["path"])):
            stage.write(entry["path"], acquisition(10 * number).encode())
    stage.write("info.labels", json.dumps({"files": list(entries)}).encode())
    return told(stage.data.upload_exported_dataset(stage.place))


@case
def an_account_without_the_optional_keys(stage: Stage) -> Any:
    return _exported(
        stage, {"path": "training/a.1.json"}, {"path": "b.1.json", "label": {"type": "label", "label": "b"}}
    )


@case
def an_unlabeled_file(stage: Stage) -> Any:
    return _exported(
        stage,
        {"path": "training/a.1.json", "category": "training", "label": {"type": "unlabeled"}, "boundingBoxes": []},
    )


@case
def a_map_of_labels(stage: Stage) -> Any:
    label = {"type": "keyvalue-labels", "labels": {"site": "desk"}}
    return _exported(stage, {"path": "training/a.1.json", "category": "training", "label": label, "boundingBoxes": []})


@case
def an_account_in_lines(stage: Stage) -> Any:
    stage.write("training/a.1.json", acquisition(1).encode())
    entry = {
        "path": "training/a.1.json",
        "category": "training",
        "label": {"type": "multi-label", "labels": RANGES},
        "boundingBoxes": [],
    }
    stage.write("info.labels", b'{"__ndjson":true,"version":1}\n' + json.dumps(entry).encode() + b"\n")
    return told(stage.data.upload_exported_dataset(stage.place))


@case
def a_name_in_the_account(stage: Stage) -> Any:
    label = {"type": "label", "label": "a"}
    return _exported(
        stage,
        {
            "path": "training/a.1.json.4ooensbh.pod.json",
            "name": "a.1",
            "category": "training",
            "label": label,
            "boundingBoxes": [],
        },
    )


@case
def a_name_in_another_unicode_form(stage: Stage) -> Any:
    stage.write("training/t\u00fcr.1.json", acquisition(1).encode())
    label = {"type": "label", "label": "a"}
    entry = {"path": "training/tu\u0308r.1.json", "category": "training", "label": label, "boundingBoxes": []}
    stage.write("info.labels", json.dumps({"files": [entry]}).encode())
    return told(stage.data.upload_exported_dataset(stage.place))


@case
def a_file_that_is_named_and_missing(stage: Stage) -> Any:
    stage.write("there.json", acquisition(1).encode())
    entries: list[Any] = [{"path": path, "label": {}, "boundingBoxes": []} for path in ("missing.json", "there.json")]
    stage.write("info.labels", json.dumps({"files": entries}).encode())
    return told(stage.data.upload_exported_dataset(stage.place))


@case
def a_file_outside_the_dataset(stage: Stage) -> Any:
    stage.write("outside.json", acquisition(1).encode())
    entries = [{"path": "../outside.json", "label": {}, "boundingBoxes": []}]
    stage.write("set/info.labels", json.dumps({"files": entries}).encode())
    return told(stage.data.upload_exported_dataset(os.path.join(stage.place, "set")))
