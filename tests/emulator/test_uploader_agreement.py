"""What the official uploader stores of an exported dataset, eisync stores, too: the same account, both ways.

The uploader sends one request a file, and puts into it what `info.labels` says of the file (wire contract, sections 1,
4 and 5). eisync reads the account itself and sends as many files a request as it likes.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import requests

from tests.conftest import Bench
from tests.core import formats

from .uploader import Part, encode_uri_component, exchange, post
from .wire import TIMEOUT_S, Client, acquisition, csv

BOXES = [
    {"label": "car", "x": 0.5, "y": -1.25, "width": 10.75, "height": 3},
    {"label": "bus", "x": -4, "y": 2, "width": 1, "height": 0.001},
]
RANGES = [
    {"startIndex": 1, "endIndex": 1, "label": "up"},
    {"startIndex": 0, "endIndex": 1, "label": "down"},
    {"startIndex": 1, "endIndex": 1, "label": "up"},
]
MAPPED = [
    {"startIndex": 0, "endIndex": 0, "label": "a", "labelMap": {"mood": "calm"}},
    {"startIndex": 1, "endIndex": 1, "label": "a", "labelMap": {"mood": "wild"}},
]
CASES: Mapping[str, tuple[bytes, Mapping[str, Any]]] = {
    "training/idle.01.csv": (csv(1), {}),
    "training/single reading.csv": (b"accX,accY\n1,2\n", {"label": {"type": "label", "label": "lone"}}),
    "training/one.txt": (b"timestamp;accX\n5;1,5\n", {}),
    "testing/spoken.wav": (formats.wav(b"\1\2" * 50), {"label": {"type": "label", "label": "héllo wörld/100%"}}),
    "testing/percent.csv": (csv(2), {"label": {"type": "label", "label": "100%25"}}),
    "training/none.csv": (csv(3), {"label": {"type": "unlabeled"}}),
    "training/ranges.csv": (csv(4), {"label": {"type": "multi-label", "labels": RANGES}}),
    "training/mapped.csv": (csv(5), {"label": {"type": "multi-label", "labels": MAPPED}}),
    "training/keys.csv": (csv(6), {"label": {"type": "keyvalue-labels", "labels": {"mood": "calm", "site": "雪"}}}),
    "training/positions.csv": (csv(7), {"label": {"type": "keyvalue-labels", "labels": ["calm", "up"]}}),
    "training/boxes.png": (formats.png(b"pixels"), {"boundingBoxes": BOXES}),
    "testing/photo.jpg": (formats.jpeg(b"pixels"), {"label": {"type": "label", "label": "cup"}, "boundingBoxes": []}),
    "training/told.json": (
        json.dumps(acquisition(device_name="ac:87") | {"signature": 0}).encode(),
        {
            "metadata": {"site": "lab ☃", "n": "1"},
            "name": "renamed.7",
            "label": {"type": "label", "label": "told"},
        },
    ),
    "training/packed.cbor": (formats.cbor(acquisition(9)), {"metadata": {"a": "b"}}),
    "training/sound.cbor": (
        formats.cbor(acquisition(values=["Ref-Binary-i16"])) + b"\1\0\2\0",
        {"label": {"type": "label", "label": "0"}},
    ),
    "validation/held out.csv": (csv(10), {}),
    "post-processing/late.csv": (csv(11), {}),
    "anywhere/split.csv": (csv(12), {"category": "split"}),
    "anywhere/split.2.csv": (csv(13), {"category": "split"}),
    "training/table.parquet": (formats.parquet(b"columns"), {}),
}
TYPES = {
    "csv": "text/csv",
    "txt": "text/plain",
    "wav": "audio/wav",
    "png": "image/png",
    "jpg": "image/jpeg",
    "json": "application/json",
    "cbor": "application/cbor",
    "parquet": "application/vnd.apache.parquet",
}
# What the service knows of a sample, less what another moment makes of it.
COMPARED = (
    "filename", "label", "category", "sha256Hash", "metadata", "boundingBoxes", "structuredLabels", "labelMap",
    "valuesCount", "intervalMs", "frequency", "chartType", "sensors", "deviceName", "deviceType", "signatureValidate",
    "signatureMethod", "isDisabled",
)  # fmt: skip


def category_of(path: str, entry: Mapping[str, Any]) -> str:
    return str(entry.get("category", path.partition("/")[0]))


def uploads(path: str, content: bytes, entry: Mapping[str, Any], url: str, key: str) -> None:
    """As the uploader sends one file of an account."""
    extension = path.rpartition(".")[2]
    name = f"{entry['name']}.{extension}" if "name" in entry else path.rpartition("/")[2]
    headers: dict[str, Any] = {"x_disallow_duplicates": "1", "x_device_type": "EDGE_IMPULSE_CLI"}
    companions: list[tuple[str, str, str, Any]] = []
    label = entry.get("label", {})
    match label.get("type"):
        case "label":
            headers["x_label"] = encode_uri_component(label["label"])
        case "unlabeled":
            headers |= {"x_label": "", "x_no_label": "1"}
        case "multi-label":
            companions.append(("structured_labels.labels", "structured-labels", "structuredLabels", label["labels"]))
        case "keyvalue-labels":
            companions.append(("label_map.labels", "label-map-labels", "labels", label["labels"]))
    if "metadata" in entry:
        headers["x_metadata"] = json.dumps(entry["metadata"])
    if entry.get("boundingBoxes"):
        companions.append(("bounding_boxes.labels", "bounding-box-labels", "boundingBoxes", entry["boundingBoxes"]))
    parts = [Part(name, content, TYPES[extension])]
    for part_name, kind, member, said in companions:
        document = {"type": kind, "version": 1, member: {name: said}}
        parts.append(Part(part_name, json.dumps(document).encode(), "application/json"))
    status, answer = exchange(url, post(url, key, category_of(path, entry), parts, **headers))
    assert (status, [True]) == (200, [one["success"] for one in answer["files"]]), (path, answer)


def stored(bench: Bench, project_id: int, key: str) -> dict[str, dict[str, Any]]:
    """By content: what is compared of each sample of a project."""
    answered = requests.get(
        f"{bench.emulator.studio_url}/api/{project_id}/raw-data",
        params={"category": "all"},
        headers={"x-api-key": key},
        timeout=TIMEOUT_S,
    )
    samples = answered.json()["samples"]
    assert len(samples) == len(CASES)
    return {one["sha256Hash"]: {name: one.get(name) for name in COMPARED} for one in samples}


def test_the_uploader_and_eisync_store_the_same_of_every_entry(bench: Bench) -> None:
    account = []
    for path, (content, entry) in CASES.items():
        bench.write(path, content)
        account.append({"path": path, "category": category_of(path, entry), **entry})
    bench.write("info.labels", json.dumps({"version": 1, "files": account}).encode())
    done = bench.once("--timeout", "30")
    assert done.returncode == 0, done.stdout + done.stderr
    project = bench.emulator.add_project(keys=[{"key": "ei_uploader"}])
    for path, (content, entry) in CASES.items():
        uploads(path, content, entry, bench.emulator.ingestion_url, "ei_uploader")
    theirs = stored(bench, project["id"], "ei_uploader")
    ours = stored(bench, bench.emulator.project_id, bench.emulator.key)
    assert theirs == ours


@pytest.mark.parametrize(("allow", "stored_twice"), [(True, True), (False, False)])
def test_allow_duplicates_is_a_header_that_is_not_sent(client: Client, allow: bool, stored_twice: bool) -> None:
    headers: dict[str, Any] = {} if allow else {"x_disallow_duplicates": "1"}
    url = client.emulator.ingestion_url
    for name in ("a.csv", "b.csv"):
        exchange(url, post(url, client.key, "training", [Part(name, csv(1), "text/csv")], **headers))
    assert (2 if stored_twice else 1) == len(client.listed())


def test_add_date_id_makes_names_unique(client: Client) -> None:
    url = client.emulator.ingestion_url
    for number in range(3):
        part = Part("idle.csv", csv(number), "text/csv")
        exchange(url, post(url, client.key, "training", [part], x_add_date_id="1", x_label="idle"))
    names = [one["filename"] for one in client.listed()]
    assert 3 == len(set(names))
    assert all(name.startswith("idle.") for name in names)


def test_attachments_come_with_their_parts_and_have_no_entry(client: Client) -> None:
    url = client.emulator.ingestion_url
    document = {"type": "attachments", "version": 1, "attachments": {"a.csv": [{"filename": "a.mp4"}]}}
    parts = [
        Part("a.csv", csv(1), "text/csv"),
        Part("a.mp4", b"film", "video/mp4"),
        Part("attachments.labels", json.dumps(document).encode(), "application/json"),
    ]
    _, answer = exchange(url, post(url, client.key, "training", parts, x_label="a"))
    (entry,) = answer["files"]
    (sample,) = client.listed()
    assert (entry["success"], sample["id"], sample["filename"]) == (True, entry["sampleId"], "a")
