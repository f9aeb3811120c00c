import io
import json
import wave
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings
from tests.examples import examples

from .wire import TIMEOUT_S, Client, acquisition, csv, png, wav

LABEL_MAP = {"type": "key-values", "labels": {"colour": "red"}}
SAMPLE_FIELDS = {
    "id", "filename", "signatureValidate", "created", "lastModified", "category", "coldstorageFilename", "label",
    "intervalMs", "frequency", "originalIntervalMs", "originalFrequency", "deviceType", "sensors", "valuesCount",
    "added", "boundingBoxes", "boundingBoxesType", "chartType", "isDisabled", "isProcessing", "processingError",
    "isCropped", "projectId", "sha256Hash", "datastreams",
}  # fmt: skip


@pytest.fixture(scope="module")
def shared() -> Iterator[Client]:
    """For tests that bring a project of their own."""
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0)) as emulator:
        client = Client(emulator)
        with client.session:
            yield client


def get(emulator: RunningEmulator, path: str, key: str = "", **query: str) -> requests.Response:
    url = emulator.studio_url + path
    return requests.get(url, params=query, headers={"x-api-key": key or emulator.key}, timeout=TIMEOUT_S)


def test_a_key_sees_its_one_project(emulator: RunningEmulator) -> None:
    other = emulator.add_project(name="Other")
    (project,) = get(emulator, "/api/projects").json()["projects"]
    assert (project["id"], project["name"], project["whitelabelId"]) == (1, "Emulated project", None)
    (project,) = get(emulator, "/api/projects", other["keys"][0]["key"]).json()["projects"]
    assert (project["id"], project["name"]) == (other["id"], "Other")
    info = get(emulator, "/api/projects/api-key-info").json()
    assert info == {"success": True, "apiKeyId": info["apiKeyId"], "projectId": 1, "role": "admin"}
    assert get(emulator, "/api/1").json()["project"]["id"] == 1
    assert get(emulator, "/api/1/devkeys/hmac").json() == {"success": True, "hmacKey": emulator.hmac_key}


def test_everything_answers_without_the_version_too(emulator: RunningEmulator) -> None:
    url = emulator.studio_url.removesuffix("/v1") + "/api/projects"
    response = requests.get(url, headers={"x-api-key": emulator.key}, timeout=TIMEOUT_S)
    assert response.json() == get(emulator, "/api/projects").json()


@pytest.mark.parametrize("path", ["/api/projects", "/api/1", "/api/1/raw-data", "/api/1/raw-data/1/raw"])
def test_a_wrong_key_is_401(emulator: RunningEmulator, path: str) -> None:
    response = get(emulator, path, "ei_wrong")
    assert (response.status_code, response.json()) == (401, {"success": False, "error": "Invalid API key"})


def test_a_key_does_not_open_another_project(emulator: RunningEmulator) -> None:
    other = emulator.add_project()
    assert get(emulator, f"/api/{other['id']}/raw-data", category="all").status_code == 403
    assert get(emulator, "/api/999/raw-data", category="all").status_code == 403


@pytest.mark.parametrize(
    ("role", "uploads", "lists", "deletes"),
    [
        ("admin", True, True, True),
        ("readonly", False, True, False),
        ("ingestiononly", True, False, False),
        ("ingestion_deployment", True, False, False),
    ],
)
def test_a_role_allows_what_it_says(
    emulator: RunningEmulator, role: str, uploads: bool, lists: bool, deletes: bool
) -> None:
    project = emulator.add_project(keys=[{"role": role}])
    client = Client(emulator, project["keys"][0]["key"])
    with client.session:
        assert client.post_form([("a.csv", csv(1))]).ok is uploads
    base = f"{emulator.studio_url}/api/{project['id']}"
    headers = {"x-api-key": client.key}
    listed = requests.get(f"{base}/raw-data?category=all", headers=headers, timeout=TIMEOUT_S)
    deleted = requests.post(f"{base}/raw-data/delete-all", headers=headers, timeout=TIMEOUT_S)
    assert (listed.ok, deleted.ok) == (lists, deletes)
    assert get(emulator, "/api/projects/api-key-info", client.key).json()["role"] == role


def test_a_sample_has_every_field_and_its_payload(client: Client) -> None:
    (sample_id,) = client.store(("wave.01.csv", csv(7)))
    (sample,) = client.listed()
    assert SAMPLE_FIELDS <= sample.keys()
    assert sample["sensors"] == [{"index": 0, "name": "accX", "units": "N/A"}]
    assert (sample["intervalMs"], sample["frequency"], sample["valuesCount"]) == (10, 100, 2)
    assert sample["deviceType"] == "EDGE_IMPULSE_UPLOADER"
    assert client.listed(excludeSensors=True)[0]["sensors"] == []
    assert client.sample(sample_id) == {
        "success": True,
        "sample": sample,
        "payload": {
            "device_name": None,
            "device_type": "EDGE_IMPULSE_UPLOADER",
            "interval_ms": 10.0,
            "intervalMs": 10.0,
            "frequencyHz": 100.0,
            "sensors": sample["sensors"],
            "values": [[7.0], [7.5]],
        },
        "totalPayloadLength": 2,
        "datastreamPayloads": [],
    }


@pytest.mark.parametrize(
    ("name", "body", "values"),
    [
        ("a.json", json.dumps(acquisition(3.0)).encode(), [[3.0], [4.0]]),
        ("a.wav", wav((1, -2, 3)), [[1], [-2], [3]]),
        ("a.png", png(), []),
        ("a.mp4", b"x", []),
    ],
)
def test_a_payload_holds_the_values_that_can_be_read(client: Client, name: str, body: bytes, values: object) -> None:
    (sample_id,) = client.store((name, body))
    assert client.sample(sample_id)["payload"]["values"] == values


def test_a_payload_may_be_limited(client: Client) -> None:
    (sample_id,) = client.store(("a.wav", wav((1, -2, 3))))
    for limit, values in ((1, [[1]]), (2, [[1], [-2]]), (9, [[1], [-2], [3]])):
        answer = client.studio("GET", f"/raw-data/{sample_id}", limitPayloadValues=limit)
        assert (answer["payload"]["values"], answer["totalPayloadLength"]) == (values, 3)
    for wrong in ("0", "-1", "all"):
        assert client.studio("GET", f"/raw-data/{sample_id}", limitPayloadValues=wrong)["success"] is False


def test_what_is_not_there_is_a_200_that_says_so(client: Client) -> None:
    missing = {"success": False, "error": "No sample found with ID 999"}
    assert client.studio("GET", "/raw-data/999") == missing
    assert client.studio("GET", "/raw-data/999/raw") == missing
    assert client.studio("DELETE", "/raw-data/999") == missing
    assert client.studio("POST", "/raw-data/999/rename", {"name": "x"}) == missing
    assert client.studio("GET", "/raw-data") == {"success": False, "error": "Unknown category undefined"}
    assert client.studio("GET", "/raw-data/count") == {"success": False, "error": "Unknown category undefined"}
    assert client.studio("GET", "/jobs/5/status") == {"success": False, "error": "No job with this ID found"}
    for path in ("/nothing", "/raw-data/x", "/raw-data/99999999999999999999"):
        assert (client.send("GET", path).status_code, client.send("GET", path).json()["success"]) == (404, False)


def test_a_sample_of_another_project_is_not_there(emulator: RunningEmulator, client: Client) -> None:
    other = Client(emulator, emulator.add_project()["keys"][0]["key"])
    with other.session:
        (sample_id,) = other.store(("a.csv", csv(1)))
    assert client.studio("GET", f"/raw-data/{sample_id}")["success"] is False
    assert client.studio("DELETE", f"/raw-data/{sample_id}")["success"] is False
    assert client.studio("POST", "/raw-data/delete-all") == {"success": True}
    assert emulator.ledger()["stored"] == 1


def test_media_come_as_what_they_are(client: Client) -> None:
    still = json.dumps(acquisition(interval_ms=0)).encode()
    image, sound, video, series, row = client.store(
        ("a.png", png()), ("a.wav", wav()), ("a.mp4", b"film"), ("a.csv", csv(100)), ("b.json", still)
    )
    for sample_id, path, content_type, body in [
        (image, "image", "image/png", png()),
        (sound, "wav", "audio/wav", wav()),
        (video, "video", "video/mp4", b"film"),
    ]:
        response = client.send("GET", f"/raw-data/{sample_id}/{path}")
        assert (response.headers["Content-Type"], response.content) == (content_type, body)
    made = client.send("GET", f"/raw-data/{series}/wav", params={"axisIx": "0"})
    with wave.open(io.BytesIO(made.content)) as reader:
        assert (reader.getframerate(), reader.getnframes(), reader.readframes(1)) == (100, 2, b"\x64\x00")
    for path in (f"{series}/image", f"{series}/video", f"{image}/wav", f"{row}/wav", f"{series}/wav?axisIx=1"):
        assert client.studio("GET", f"/raw-data/{path}")["success"] is False


def test_every_edit_changes_its_property(client: Client) -> None:
    (sample_id,) = client.store(("a.csv", csv(1)))
    box = {"label": "x", "x": 0, "y": 0, "width": 1, "height": 1}
    spans = [{"startIndex": 0, "endIndex": 1, "label": "up"}]
    for action, body, field, expected in [
        ("rename", {"name": "new.name"}, "filename", "new.name"),
        ("edit-label", {"label": "0"}, "label", "0"),
        ("move", {"newCategory": "testing"}, "category", "testing"),
        ("metadata", {"metadata": {"a": "b"}}, "metadata", {"a": "b"}),
        ("metadata", {"metadata": None}, "metadata", None),
        ("bounding-boxes", {"boundingBoxes": [box]}, "boundingBoxes", [box]),
        ("structured-labels", {"structuredLabels": spans}, "structuredLabels", spans),
        ("label-map-labels", {"labelMap": LABEL_MAP}, "labelMap", LABEL_MAP),
        ("disable", None, "isDisabled", True),
        ("enable", None, "isDisabled", False),
    ]:
        assert client.studio("POST", f"/raw-data/{sample_id}/{action}", body) == {"success": True}
        assert client.sample(sample_id)["sample"].get(field) == expected
    client.studio("POST", f"/raw-data/{sample_id}/move", {"newCategory": "split"})
    client.upload([("b.csv", csv(1))], "split")
    assert len({one["category"] for one in client.listed()}) == 1


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("rename", {}),
        ("rename", {"name": 5}),
        ("edit-label", {"label": None}),
        ("move", {"newCategory": "all"}),
        ("metadata", {"metadata": {"a": 1}}),
        ("bounding-boxes", {}),
        ("bounding-boxes", {"boundingBoxes": [{}]}),
        ("structured-labels", {"structuredLabels": [{"startIndex": 0, "endIndex": 5, "label": "x"}]}),
        ("rename", []),
        ("label-map-labels", {}),
        ("label-map-labels", {"labelMap": {"colour": "red"}}),
        ("label-map-labels", {"labelMap": {"type": "key-values", "labels": {"colour": 1}}}),
        ("label-map-labels", {"labelMap": {"type": "list", "labels": {"colour": "red"}}}),
    ],
)
def test_an_edit_that_makes_no_sense_changes_nothing(client: Client, action: str, body: object) -> None:
    (sample_id,) = client.store(("a.csv", csv(1)))
    before = client.listed()
    assert client.studio("POST", f"/raw-data/{sample_id}/{action}", body)["success"] is False
    assert client.listed() == before


def test_a_deleted_sample_is_gone_and_its_bytes_may_come_again(client: Client) -> None:
    first, second = client.store(("a.csv", csv(1)), ("b.csv", csv(2)))
    assert client.studio("DELETE", f"/raw-data/{first}")["success"] is True
    assert client.studio("GET", f"/raw-data/{first}")["success"] is False
    assert [one["id"] for one in client.listed()] == [second]
    assert client.store(("a.csv", csv(1)), x_disallow_duplicates="1")[0] > second
    client.store(("c.csv", csv(3)), category="testing")
    assert client.studio("POST", "/raw-data/delete-all/testing") == {"success": True}
    assert {one["category"] for one in client.listed()} == {"training"}
    assert client.studio("POST", "/raw-data/delete-all/nothing")["success"] is False
    assert client.studio("POST", "/raw-data/delete-all") == {"success": True}
    assert client.studio("GET", "/raw-data/count", category="all") == {"success": True, "count": 0}


def test_the_last_modification_moves_with_every_change(client: Client) -> None:
    assert client.studio("GET", "/last-modification") == {"success": True}
    client.store(("a.csv", csv(1)))
    assert client.studio("GET", "/last-modification")["lastModificationDate"].endswith("Z")
    assert client.studio("GET", "/last-modification") == client.studio("GET", "/last-modification")


def test_the_filename_filter_is_a_substring(client: Client) -> None:
    client.store(("wave.01.csv", csv(1)), ("wave.010.csv", csv(2)), ("other.csv", csv(3)))
    assert [one["filename"] for one in client.listed(filename="wave.01")] == ["wave.010", "wave.01"]
    assert client.studio("GET", "/raw-data/count", category="all", filename="wave.01")["count"] == 2


@pytest.mark.parametrize(
    ("action", "query", "body", "changed"),
    [
        ("delete", {"labels": ["a"]}, None, {}),
        ("moveSamples", {"labels": ["a"]}, {"newCategory": "testing"}, {"category": "testing"}),
        ("edit-labels", {"labels": ["a"]}, {"label": "z"}, {"label": "z"}),
        ("disable-samples", {"labels": ["a"]}, None, {"isDisabled": True}),
        ("enable-samples", {"labels": ["a"]}, None, {"isDisabled": False}),
    ],
)
def test_a_batch_meets_exactly_its_selection(
    client: Client, action: str, query: dict[str, Any], body: object, changed: dict[str, Any]
) -> None:
    client.store(*[(f"{label}.csv", csv(index)) for index, label in enumerate("aba")])
    assert client.studio("POST", f"/raw-data/batch/{action}", body, category="all", **query) == {"success": True}
    fields = [{name: one[name] for name in changed} for one in client.listed() if one["filename"] == "a"]
    assert fields == ([] if action == "delete" else [changed] * 2)
    assert [one["label"] for one in client.listed() if one["filename"] == "b"] == ["b"]


@pytest.mark.parametrize(
    ("action", "body", "expected"),
    [
        ("add-metadata", {"metadataKey": "site", "metadataValue": "lab"}, [{"site": "lab"}] * 3),
        (
            "add-metadata",
            {"metadataKey": 'a "key"', "metadataValue": ""},
            [{"site": "field", "who": "me", 'a "key"': ""}, {"site": "field", 'a "key"': ""}, {'a "key"': ""}],
        ),
        ("clear-metadata-by-key", {"metadataKey": "site"}, [{"who": "me"}, None, None]),
        ("clear-metadata-by-key", {"metadataKey": "who"}, [{"site": "field"}, {"site": "field"}, None]),
        ("clear-metadata", None, [None, None, None]),
    ],
)
def test_a_batch_changes_metadata_key_by_key(client: Client, action: str, body: object, expected: list[object]) -> None:
    client.store(("a.csv", csv(1)), x_metadata='{"site": "field", "who": "me"}')
    client.store(("b.csv", csv(2)), x_metadata='{"site": "field"}')
    client.store(("c.csv", csv(3)))
    client.store(("kept.csv", csv(4)), x_metadata='{"site": "field"}', category="testing")
    assert client.studio("POST", f"/raw-data/batch/{action}", body, category="training") == {"success": True}
    found = {one["filename"]: one.get("metadata") for one in client.listed()}
    if action == "add-metadata" and isinstance(body, dict) and body["metadataKey"] == "site":
        expected = [{"site": "lab", "who": "me"}, *expected[1:]]
    assert found == {**dict(zip("abc", expected, strict=True)), "kept": {"site": "field"}}


def test_a_batch_relabels_boxes_and_removes_them(client: Client) -> None:
    boxes = [{"label": label, "x": 0, "y": 0, "width": 1, "height": 1} for label in ("cat", "dog", "")]
    for number in range(2):
        client.store((f"{number}.png", png(note=bytes([number]))), x_bounding_boxes=json.dumps(boxes))
    path = "/raw-data/batch/edit-bounding-boxes"
    for old, new, expected in [
        (["cat"], "lion", ["lion", "dog", ""]),
        (["dog", "bird"], "", ["lion", ""]),
    ]:
        body = {"oldLabels": old, "newLabel": new}
        assert client.studio("POST", path, body, category="all") == {"success": True}
        assert [[box["label"] for box in one["boundingBoxes"]] for one in client.listed()] == [expected] * 2
    for wrong in ({}, {"oldLabels": "cat", "newLabel": "x"}, {"oldLabels": ["cat"]}):
        assert client.studio("POST", path, wrong, category="all")["success"] is False


def test_a_batch_puts_samples_back_into_the_labeling_queue(client: Client) -> None:
    box = [{"label": "cat", "x": 0, "y": 0, "width": 1, "height": 1}]
    ids = [
        client.store((f"{number}.png", png(note=bytes([number]))), x_label="pet", x_bounding_boxes=json.dumps(box))[0]
        for number in range(3)
    ]
    path = "/raw-data/batch/back-to-labeling"
    for wrong in ({}, {"labelAction": "keep-labels"}, {"labelAction": None}):
        assert client.studio("POST", path, wrong, category="all")["success"] is False
    assert [len(one["boundingBoxes"]) for one in client.listed()] == [1, 1, 1]
    body = {"labelAction": "clear-labels"}
    assert client.studio("POST", path, body, category="all", ids=ids[:2]) == {"success": True}
    found = {one["id"]: (one["boundingBoxes"], one["label"]) for one in client.listed()}
    assert [len(found[one][0]) for one in ids] == [0, 0, 1]
    assert {label for _, label in found.values()} == {"pet"}


def test_a_batch_takes_ids_and_refuses_what_it_does_not_know(client: Client) -> None:
    first, second = client.store(("a.csv", csv(1)), ("b.csv", csv(2)))
    assert client.studio("POST", "/raw-data/batch/delete", ids=[first])["error"] == "Unknown category undefined"
    assert client.studio("POST", "/raw-data/batch/delete", category="all", ids="x")["success"] is False
    assert client.studio("POST", "/raw-data/batch/edit-labels", category="all")["success"] is False
    assert client.send("POST", "/raw-data/batch/paint?category=all").status_code == 404
    assert client.studio("POST", "/raw-data/batch/delete", category="all", ids=[]) == {"success": True}
    assert len(client.listed()) == 2
    assert client.studio("POST", "/raw-data/batch/delete", category="all", ids=[first, 999]) == {"success": True}
    assert [one["id"] for one in client.listed()] == [second]


def test_a_large_batch_is_a_job_when_the_switch_says_so() -> None:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, batch_job_above=1)) as emulator:
        client = Client(emulator)
        with client.session:
            client.store(("a.csv", csv(1)), ("b.csv", csv(2)), ("c.csv", csv(3)))
            assert "id" not in client.studio("POST", "/raw-data/batch/delete", category="all", labels=["a"])
            job_id = client.studio("POST", "/raw-data/batch/delete", category="all")["id"]
            job = client.studio("GET", f"/jobs/{job_id}/status")["job"]
            assert (job["id"], job["finishedSuccessful"]) == (job_id, True)
            assert client.listed() == []


@given(
    labels=st.lists(st.sampled_from(["a", "b&c", "ü"]), min_size=1, max_size=12),
    limit=st.integers(1, 5),
    wanted=st.sets(st.sampled_from(["a", "b&c", "ü"])),
)
@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_sweep_by_keyset_finds_what_was_uploaded(
    shared: Client, labels: list[str], limit: int, wanted: set[str]
) -> None:
    project = shared.emulator.add_project()
    headers = {"x-api-key": project["keys"][0]["key"]}
    model: dict[int, str] = {}
    for number, label in enumerate(labels):
        (entry,) = shared.upload([("x.csv", csv(number))], headers=headers | {"x-label": label.encode()})
        model[entry["sampleId"]] = label
    url = f"{shared.emulator.studio_url}/api/{project['id']}/raw-data"
    query: dict[str, str] = {"category": "all", "limit": str(limit), "labels": json.dumps(sorted(wanted) or None)}
    swept: list[int] = []
    while True:
        answer = shared.session.get(url, params=query, headers=headers, timeout=TIMEOUT_S).json()
        if not answer["samples"]:
            break
        assert len(answer["samples"]) <= limit
        swept += [one["id"] for one in answer["samples"]]
        query["maxId"] = str(swept[-1])
    assert swept == [one for one in sorted(model, reverse=True) if not wanted or model[one] in wanted]
