"""An export holds every file as it was uploaded, and tells of each what the project knows."""

import io
import json
import zipfile
from typing import Any

import pytest
import requests

from eisync.emulator.server import RunningEmulator

from .wire import TIMEOUT_S, Client, csv, png

BOX = {"label": "dog", "x": 0, "y": 0, "width": 1, "height": 2}


def export(client: Client, *, friendly: bool = False) -> dict[str, bytes]:
    """The files of a new export, fetched without a key."""
    body = {"uploaderFriendlyFilenames": friendly, "retainCrops": True}
    job_id = client.studio("POST", "/jobs/export/original", body)["id"]
    job = client.studio("GET", f"/jobs/{job_id}/status")["job"]
    assert (job["id"], job["finishedSuccessful"]) == (job_id, True)
    found = client.studio("GET", "/export/get-url")
    assert (found["hasExport"], found["created"][-1]) == (True, "Z")
    response = requests.get(found["url"], timeout=TIMEOUT_S)
    assert response.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def entries(files: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    document = json.loads(files["info.labels"])
    assert document["version"] == 1
    return {one["path"]: one for one in document["files"]}


def test_every_file_is_there_with_all_that_is_known_of_it(client: Client) -> None:
    (wave,) = client.store(("wave.1.csv", csv(1)), x_label="idle", x_metadata='{"site": "lab"}')
    (image,) = client.store(("b.png", png()), category="testing", x_label="x", x_bounding_boxes=json.dumps([BOX]))
    (bare,) = client.store(("c.csv", csv(3)), x_no_label="1")
    (spans,) = client.store(("d.csv", csv(4)))
    (pairs,) = client.store(("e.csv", csv(5)))
    ranges = [{"startIndex": 0, "endIndex": 1, "label": "up"}]
    client.studio("POST", f"/raw-data/{spans}/structured-labels", {"structuredLabels": ranges})
    label_map = {"type": "key-values", "labels": {"colour": "red"}}
    client.studio("POST", f"/raw-data/{pairs}/label-map-labels", {"labelMap": label_map})
    files = export(client)
    told = entries(files)
    assert files.keys() == told.keys() | {"info.labels"}
    path = f"training/wave.1.{wave}.csv"
    assert files[path] == csv(1)
    assert told[path] == {
        "path": path,
        "name": "wave.1",
        "category": "training",
        "label": {"type": "label", "label": "idle"},
        "metadata": {"site": "lab"},
    }
    path = f"testing/b.{image}.png"
    assert (files[path], told[path]["boundingBoxes"]) == (png(), [BOX])
    assert told[f"training/c.{bare}.csv"]["label"] == {"type": "unlabeled"}
    assert told[f"training/d.{spans}.csv"]["label"] == {"type": "multi-label", "labels": ranges}
    assert told[f"training/e.{pairs}.csv"]["label"] == {"type": "keyvalue-labels", "labels": {"colour": "red"}}


def test_names_may_begin_with_the_label_and_are_never_the_same(client: Client) -> None:
    first, second = client.store(("a.csv", csv(1)), ("a.csv", csv(2)))
    (odd,) = client.store(("..\\x:y.csv", csv(3)), x_label="up/down")
    assert entries(export(client, friendly=True)).keys() == {
        f"training/a.a.{first}.csv",
        f"training/a.a.{second}.csv",
        f"training/up_down..._x_y.{odd}.csv",
    }


def test_a_new_export_takes_the_place_of_the_old_one(client: Client) -> None:
    assert client.studio("GET", "/export/get-url") == {"success": True, "hasExport": False}
    assert client.studio("GET", "/export/download")["success"] is False
    client.store(("a.csv", csv(1)))
    assert len(export(client)) == 2
    old = client.studio("GET", "/export/get-url")["url"]
    client.store(("b.csv", csv(2)))
    assert len(export(client)) == 3
    assert requests.get(old, timeout=TIMEOUT_S).status_code == 404
    sent = client.send("GET", "/export/download")
    assert (sent.status_code, sent.headers["Location"]) == (302, client.studio("GET", "/export/get-url")["url"])


@pytest.mark.parametrize("body", [{}, {"uploaderFriendlyFilenames": True}, {"retainCrops": 1}])
def test_an_export_needs_its_options(client: Client, body: object) -> None:
    assert client.studio("POST", "/jobs/export/original", body)["success"] is False


def test_an_export_of_one_project_is_not_that_of_another(emulator: RunningEmulator, client: Client) -> None:
    client.store(("a.csv", csv(1)))
    export(client)
    other = emulator.add_project()
    url = f"{emulator.studio_url}/api/{other['id']}/export/get-url"
    answer = requests.get(url, headers={"x-api-key": other["keys"][0]["key"]}, timeout=TIMEOUT_S).json()
    assert answer == {"success": True, "hasExport": False}
