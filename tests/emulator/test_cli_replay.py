"""The whole session of the official uploader, and what is stored of it."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from eisync.emulator.server import RunningEmulator

from .uploader import Part, encode_uri_component, exchange, get, post
from .wire import Client, csv, png, sha256

AT_ONCE = 20


def test_the_whole_session_of_the_uploader(emulator: RunningEmulator, client: Client) -> None:
    studio, key = emulator.studio_url, emulator.key
    for _ in range(2):
        status, listed = exchange(studio, get(studio, "/api/projects", key))
        (project,) = listed["projects"]
        assert (status, project["id"], bool(project["name"]), bool(project["owner"])) == (
            200,
            emulator.project_id,
            True,
            True,
        )
    assert exchange(studio, get(studio, f"/api/{project['id']}/devkeys/hmac", key)) == (
        200,
        {"success": True, "hmacKey": emulator.hmac_key},
    )
    status, info = exchange(studio, get(studio, f"/api/{project['id']}", key))
    assert (status, info["project"]["id"], info["project"]["whitelabelId"]) == (200, project["id"], None)
    assert "csvImportConfig" not in info
    files = {f"wave {number}.csv": csv(number) for number in range(2 * AT_ONCE)}
    together = threading.Barrier(AT_ONCE, timeout=20)

    def upload(name: str) -> tuple[int, dict[str, Any]]:
        together.wait()
        assert exchange(studio, get(studio, f"/api/{project['id']}", key))[0] == 200  # once more for each CSV
        part = Part(name, files[name], "text/csv")
        label = encode_uri_component("héllo wörld/100%")
        raw = post(emulator.ingestion_url, key, "split", [part], x_label=label, x_disallow_duplicates="1")
        return exchange(emulator.ingestion_url, raw)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(upload, files))
    for name, (status, answer) in zip(files, answers, strict=True):
        (entry,) = answer["files"]
        assert (status, answer["success"], entry["success"], entry["projectId"]) == (200, True, True, project["id"])
        assert entry["fileName"].startswith(f"{name}.")
    assert {one["label"] for one in client.listed()} == {"héllo wörld/100%"}
    assert emulator.ledger()["stored_by_hash"] == {sha256(body): 1 for body in files.values()}


@pytest.mark.parametrize("chunked", [False, True])
def test_boxes_travel_as_a_companion_part(emulator: RunningEmulator, client: Client, chunked: bool) -> None:
    box = {"label": "car", "x": 1, "y": 2, "width": 3, "height": 4}
    companion = {"version": 1, "type": "bounding-box-labels", "boundingBoxes": {"a.png": [box]}}
    parts = [
        Part("a.png", png(), "image/png"),
        Part("bounding_boxes.labels", json.dumps(companion).encode(), "application/json"),
    ]
    raw = post(emulator.ingestion_url, emulator.key, "training", parts, chunked=chunked, x_label="car")
    _, answer = exchange(emulator.ingestion_url, raw)
    assert len(answer["files"]) == 1
    assert client.listed()[0]["boundingBoxes"] == [box]


def test_no_label_is_an_empty_header_beside_the_wish(emulator: RunningEmulator, client: Client) -> None:
    parts = [Part("wave.1.csv", csv(1), "text/csv")]
    raw = post(emulator.ingestion_url, emulator.key, "training", parts, x_label="", x_no_label="1")
    assert exchange(emulator.ingestion_url, raw)[1]["success"] is True
    assert [one["label"] for one in client.listed()] == [""]


def test_a_refusal_is_an_entry_in_a_200(emulator: RunningEmulator) -> None:
    raw = post(emulator.ingestion_url, emulator.key, "training", [Part("a.csv", csv(1), "text/csv")])
    assert exchange(emulator.ingestion_url, raw)[1]["success"] is True
    raw = post(
        emulator.ingestion_url,
        emulator.key,
        "testing",
        [Part("b.csv", csv(1), "text/csv")],
        x_disallow_duplicates="1",
    )
    status, answer = exchange(emulator.ingestion_url, raw)
    refused = {"success": False, "error": "An item with this hash already exists (ids: 1)"}
    assert (status, answer) == (200, {"success": True, "files": [refused]})


def test_a_wrong_key_is_a_401(emulator: RunningEmulator) -> None:
    refused = (401, {"success": False, "error": "Invalid API key"})
    assert exchange(emulator.studio_url, get(emulator.studio_url, "/api/projects", "ei_wrong")) == refused
    raw = post(emulator.ingestion_url, "ei_wrong", "training", [Part("a.csv", csv(1), "text/csv")])
    assert exchange(emulator.ingestion_url, raw) == refused
