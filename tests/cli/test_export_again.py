"""What the emulator exports of one project, eisync uploads into another, with everything that is said of it."""

import io
import json
import urllib.request
import zipfile
from typing import Any

import pytest

from eisync.emulator.server import RunningEmulator
from tests.conftest import Bench, row
from tests.core.formats import png

SAID = ("filename", "label", "category", "metadata", "boundingBoxes", "sha256Hash")


def ask(emulator: RunningEmulator, key: str, project: int, path: str, body: object = None) -> dict[str, Any]:
    url = f"{emulator.studio_url}/api/{project}{path}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"x-api-key": key})
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def upload(emulator: RunningEmulator, key: str, name: str, content: bytes, category: str, **headers: str) -> int:
    url = f"{emulator.ingestion_url}/api/{category}/files"
    part = f'--b\r\nContent-Disposition: form-data; name="data"; filename="{name}"\r\n\r\n'.encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    wanted = {"x-api-key": key, "Content-Type": "multipart/form-data; boundary=b", **named}
    request = urllib.request.Request(url, data=part + content + b"\r\n--b--\r\n", headers=wanted)
    with urllib.request.urlopen(request, timeout=10) as response:
        sample_id: int = json.load(response)["files"][0]["sampleId"]
    return sample_id


def samples(emulator: RunningEmulator, key: str, project: int) -> list[dict[str, Any]]:
    listed = ask(emulator, key, project, "/raw-data?category=all")["samples"]
    return sorted(({name: one.get(name) for name in SAID} for one in listed), key=lambda one: one["sha256Hash"])


@pytest.mark.parametrize("friendly", [True, False])
def test_an_export_can_be_uploaded_again(bench: Bench, friendly: bool) -> None:
    emulator = bench.emulator
    other = emulator.add_project()
    key, project = other["keys"][0]["key"], other["id"]
    box = {"label": "dog", "x": 0, "y": 0, "width": 1, "height": 1}
    upload(emulator, key, "wave.1.csv", row(1), "training", x_label="idle", x_metadata='{"site": "lab"}')
    upload(emulator, key, "wave.1.csv", row(2), "testing", x_label="up")
    upload(emulator, key, "dog.png", png(b"one"), "testing", x_label="d", x_bounding_boxes=json.dumps([box]))
    upload(emulator, key, "none.csv", row(3), "training", x_no_label="1")
    options = {"uploaderFriendlyFilenames": friendly, "retainCrops": False}
    assert ask(emulator, key, project, "/jobs/export/original", options)["success"] is True
    with urllib.request.urlopen(ask(emulator, key, project, "/export/get-url")["url"], timeout=10) as response:
        zipfile.ZipFile(io.BytesIO(response.read())).extractall(bench.recordings)
    done = bench.once()
    assert done.returncode == 0, done.stdout + done.stderr
    assert samples(emulator, emulator.key, emulator.project_id) == samples(emulator, key, project)
