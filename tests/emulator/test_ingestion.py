import json
from collections.abc import Iterator
from typing import Any

import cbor2
import pytest
import requests

from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings

from .wire import TIMEOUT_S, Client, acquisition, connect, csv, form, png, raw_upload, read_all, sha256, wav


def small(**changes: Any) -> EmulatorSettings:
    return EmulatorSettings(studio_port=0, ingestion_port=0, **changes)


@pytest.fixture
def tight() -> Iterator[Client]:
    """Its limits are low enough to be crossed in a test."""
    limits = small(max_files_per_request=3, max_file_bytes=1000, max_request_bytes=5000, spool_bytes=100)
    with running_emulator(limits) as emulator:
        client = Client(emulator)
        with client.session:
            yield client


def test_an_upload_is_answered_by_position_and_stored_as_sent(client: Client) -> None:
    files = [("idle.01.csv", csv(1)), ("bad.csv", b"1,2\n3,4\n"), ("idle.02.csv", csv(2))]
    first, bad, second = client.upload(files, "testing")
    assert bad["success"] is False
    assert bad["error"].startswith("Could not parse this CSV file")
    assert (first["success"], first["projectId"]) == (True, client.emulator.project_id)
    name, id8, pod, extension = first["fileName"].rsplit(".", 3)
    assert (name, extension, len(id8)) == ("idle.01.csv", "json", 8)
    assert pod.startswith("ingestion-")
    sample = client.sample(second["sampleId"])["sample"]
    assert (sample["filename"], sample["label"], sample["category"]) == ("idle.02", "idle", "testing")
    assert sample["coldstorageFilename"].endswith(second["fileName"])
    assert sample["sha256Hash"] == sha256(csv(2))
    assert client.send("GET", f"/raw-data/{second['sampleId']}/raw").content == csv(2)


def test_a_table_above_its_size_is_stored_without_being_read() -> None:
    odd = b"1,2\n3,4\n"
    with running_emulator(small(max_table_bytes=len(odd) - 1)) as emulator:
        client = Client(emulator)
        with client.session:
            above, below = client.upload([("a.csv", odd), ("b.csv", odd[:-1])])
            assert [True, False] == [above["success"], below["success"]]
            assert odd == client.send("GET", f"/raw-data/{above['sampleId']}/raw").content


@pytest.mark.parametrize("key", ["", "ei_wrong", "ei_\udcff"])
def test_a_wrong_key_is_401_in_the_words_of_the_service(emulator: RunningEmulator, key: str) -> None:
    headers = {"x-api-key": key.encode("utf-8", "surrogateescape")} if key else {}
    for path in ("files", "data"):
        url = f"{emulator.ingestion_url}/api/training/{path}"
        response = requests.post(url, data=b"x", headers=headers, timeout=TIMEOUT_S)
        assert response.status_code == 401
        assert response.json() == {"success": False, "error": "Invalid API key"}


@pytest.mark.parametrize("category", ["training", "testing", "validation", "post-processing"])
def test_every_category_can_be_uploaded_to_and_listed(client: Client, category: str) -> None:
    (sample_id,) = client.store(("a.csv", csv(1)), category=category)
    assert [one["id"] for one in client.listed(category=category)] == [sample_id]


@pytest.mark.parametrize(("switch", "category"), [({}, "training"), ({"anomaly_stored_as": "anomaly"}, "anomaly")])
def test_the_legacy_category_is_stored_as_the_switch_says(switch: dict[str, str], category: str) -> None:
    with running_emulator(small(**switch)) as emulator:
        client = Client(emulator)
        with client.session:
            client.store(("a.csv", csv(1)), category="anomaly")
            assert [one["category"] for one in client.listed()] == [category]


def test_a_project_without_a_validation_set_refuses_what_is_for_it() -> None:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, validation="refused")) as emulator:
        client = Client(emulator)
        with client.session:
            response = client.post_form([("a.csv", csv(1))], "validation")
            assert (400, "This project has no validation set") == (response.status_code, response.json()["error"])
            client.store(("a.csv", csv(1)), category="training")


def test_a_project_without_a_validation_set_may_take_it_for_training() -> None:
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, validation="training")) as emulator:
        client = Client(emulator)
        with client.session:
            client.store(("a.csv", csv(1)), category="validation")
            assert ["training"] == [one["category"] for one in client.listed()]


def test_an_unknown_category_is_refused(client: Client) -> None:
    assert client.post_form([("a.csv", csv(1))], "everything").status_code == 400


def test_the_split_of_a_file_is_always_the_same(client: Client) -> None:
    files = [(f"{number}.csv", csv(number)) for number in range(30)]
    client.upload(files, "split")
    client.upload(files, "split")
    found = {(one["sha256Hash"], one["category"]) for one in client.listed()}
    assert sorted(content for content, _ in found) == sorted(sha256(body) for _, body in files)
    assert {category for _, category in found} == {"training", "testing"}


@pytest.mark.parametrize(
    ("headers", "label"),
    [
        ({}, "idle"),
        ({"x-label": "up"}, "up"),
        ({"x-label": "0"}, "0"),
        ({"x-label": ""}, "idle"),
        ({"x-label": "%E2%98%83%20snow"}, "☃ snow"),
        ({"x-label": "100%"}, "100%"),
        ({"x-label": "schön".encode()}, "schön"),
        ({"x-label": "schön".encode("latin-1")}, "schön"),
        ({"x-no-label": "1", "x-label": ""}, ""),
        ({"x-no-label": "1", "x-label": "up"}, ""),
        ({"x-no-label": "0"}, "idle"),
    ],
)
def test_the_label_is_what_the_headers_or_the_file_name_say(
    client: Client, headers: dict[str, str | bytes], label: str
) -> None:
    client.upload([("idle.01.csv", csv(1))], headers=headers)
    assert [one["label"] for one in client.listed()] == [label]


def test_a_duplicate_is_refused_only_when_asked_and_names_who_holds_it(client: Client) -> None:
    ids = client.store(("a.csv", csv(1))) + client.store(("b.csv", csv(1)))
    refusing = {"x-disallow-duplicates": "1", "x-label": "other"}
    (entry,) = client.upload([("c.csv", csv(1))], "testing", refusing)
    joined = ", ".join(map(str, ids))
    assert entry == {"success": False, "error": f"An item with this hash already exists (ids: {joined})"}
    assert {one["label"] for one in client.listed()} == {"a", "b"}
    client.studio("POST", "/raw-data/delete-all")
    new, repeated = client.upload([("c.csv", csv(1)), ("d.csv", csv(1))], "testing", refusing)
    assert new["success"] is True
    assert repeated["error"] == f"An item with this hash already exists (ids: {new['sampleId']})"


def test_metadata_and_a_date_id_are_given_to_every_file(client: Client) -> None:
    metadata = {"site": "lab ☃", "n": "1"}
    headers: dict[str, str | bytes] = {
        "x-metadata": json.dumps(metadata, ensure_ascii=False).encode(),
        "x-add-date-id": "1",
    }
    entries = client.upload([("a.csv", csv(1)), ("b.csv", csv(2))], headers=headers)
    second, first = client.listed()
    assert first["metadata"] == second["metadata"] == metadata
    for sample, entry in ((first, entries[0]), (second, entries[1])):
        name, id8 = sample["filename"].split(".")
        assert entry["fileName"].startswith(f"{name}.csv.{id8}.")
    assert first["filename"].split(".")[1] != second["filename"].split(".")[1]


@pytest.mark.parametrize("metadata", ["{", "[]", '{"a": 1}', '"a"'])
def test_metadata_that_is_no_object_of_strings_refuses_the_request(client: Client, metadata: str) -> None:
    response = client.post_form([("a.csv", csv(1))], headers={"x-metadata": metadata})
    assert (response.status_code, response.json()["success"]) == (400, False)
    assert client.listed() == []


def test_boxes_come_by_header_or_companion(client: Client) -> None:
    box = {"label": "dog", "x": 1, "y": 2, "width": 3, "height": 4}
    client.upload([("a.png", png())], headers={"x-bounding-boxes": json.dumps([box])})
    labels = {"version": 1, "type": "bounding-box-labels", "boundingBoxes": {"b.png": [box, box], "c.png": [{}]}}
    files = [
        ("b.png", png(note=b"b")),
        ("bounding_boxes.labels", json.dumps(labels).encode()),
        ("c.png", png(note=b"c")),
        ("d.png", png(note=b"d")),
    ]
    b, c, d = client.upload(files)
    assert [b["success"], c["success"], d["success"]] == [True, False, True]
    assert c["error"].startswith("Invalid bounding boxes")
    assert [(one["filename"], one["boundingBoxes"]) for one in client.listed()] == [
        ("d", []),
        ("b", [box, box]),
        ("a", [box]),
    ]


def test_structured_labels_label_maps_and_attachments_find_their_file(client: Client) -> None:
    spans = [{"startIndex": 0, "endIndex": 0, "label": "up"}, {"startIndex": 1, "endIndex": 1, "label": "down"}]
    structured = {"a.csv": spans, "b.csv": spans[:1]}
    companions = {
        "structured_labels.labels": {"type": "structured-labels", "structuredLabels": structured},
        "label_map.labels": {"type": "label-map-labels", "labels": {"a.csv": {"mood": "calm"}}},
        "attachments.labels": {"type": "attachments", "attachments": {"a.csv": [{"filename": "a.mov"}]}},
    }
    files = [("a.csv", csv(1)), ("a.mov", b"a film"), ("b.csv", csv(2))]
    files += [(name, json.dumps({"version": 1} | content).encode()) for name, content in companions.items()]
    a, b = client.upload(files)
    assert (a["success"], b["success"]) == (True, False)
    assert b["error"].startswith("Invalid structured labels")
    (sample,) = client.listed()
    assert sample["structuredLabels"] == spans
    assert sample["labelMap"] == {"type": "key-values", "labels": {"mood": "calm"}}


def test_a_label_map_of_a_range_may_come_bare_or_as_studio_shows_it(client: Client) -> None:
    shown = {"type": "key-values", "labels": {"mood": "calm"}}
    spans = [
        {"startIndex": 0, "endIndex": 0, "label": "up", "labelMap": {"mood": "calm"}},
        {"startIndex": 1, "endIndex": 1, "label": "down", "labelMap": shown},
    ]
    companion = {"version": 1, "type": "structured-labels", "structuredLabels": {"a.csv": spans}}
    client.upload([("a.csv", csv(1)), ("structured_labels.labels", json.dumps(companion).encode())])
    assert [one["labelMap"] for one in client.listed()[0]["structuredLabels"]] == [shown, shown]


@pytest.mark.parametrize(
    ("labels", "error"),
    [({"version": 1, "type": "x"}, "Invalid type"), ({"version": 9, "type": "bounding-box-labels"}, "Invalid version")],
)
def test_a_wrong_companion_refuses_the_whole_request(client: Client, labels: object, error: str) -> None:
    response = client.post_form([("a.csv", csv(1)), ("bounding_boxes.labels", json.dumps(labels).encode())])
    assert (response.status_code, response.json()) == (400, {"success": False, "error": error})
    assert client.listed() == []


@pytest.mark.parametrize(
    ("name", "body", "error"),
    [
        ("info.labels", b"{}", "Invalid mimetype"),
        ("a.exe", b"MZ", "Invalid mimetype"),
        ("noextension", b"x", "Invalid mimetype"),
        ("", b"x", "Invalid mimetype"),
        (".csv", b"x", "Invalid mimetype"),
        ("a.csv", b"", "This file is empty"),
        ("a.wav", b"RIFF", "Invalid WAV file"),
        ("a.png", b"GIF89a", "Invalid image"),
        ("a.jpg", b"", "This file is empty"),
        ("a.json", b"{}", "Invalid acquisition file"),
        ("a.json", b"{", "Invalid JSON"),
        ("a.cbor", b"\x81" * 9999, "Invalid CBOR"),
    ],
)
def test_one_bad_file_does_not_touch_the_others(client: Client, name: str, body: bytes, error: str) -> None:
    bad, good = client.upload([(name, body), ("good.csv", csv(1))])
    assert bad["success"] is False
    assert bad["error"].startswith(error)
    assert good["success"] is True


@pytest.mark.parametrize(
    ("name", "body", "chart_type", "stored_as"),
    [
        ("a.cbor", cbor2.dumps(acquisition()), "chart", "cbor"),
        ("a.json", json.dumps(acquisition()).encode(), "chart", "json"),
        ("a.csv", csv(1), "chart", "json"),
        ("a.txt", b"a,b\n1,2\n", "chart", "json"),
        ("a.wav", wav(), "chart", "wav"),
        ("a.png", png(), "image", "jpg"),
        ("a.PNG", png(), "image", "jpg"),
        ("exported.jpg", png(), "image", "jpg"),
        ("a.mp4", b"anything", "video", "mp4"),
        ("a.avi", b"anything", "video", "avi"),
        ("a.parquet", b"anything", "table", "parquet"),
    ],
)
def test_every_type_is_stored_and_comes_back_byte_for_byte(
    client: Client, name: str, body: bytes, chart_type: str, stored_as: str
) -> None:
    (entry,) = client.upload([(name, body)])
    assert entry["success"] is True, entry
    assert entry["fileName"].endswith(f".{stored_as}")
    assert client.sample(entry["sampleId"])["sample"]["chartType"] == chart_type
    assert client.send("GET", f"/raw-data/{entry['sampleId']}/raw").content == body


def test_more_files_than_the_limit_refuse_the_request(tight: Client) -> None:
    files = [(f"{number}.csv", csv(number)) for number in range(4)]
    response = tight.post_form(files)
    assert (response.status_code, response.json()["success"]) == (400, False)
    assert tight.post_form([(f"{number}.csv", b"") for number in range(20)]).status_code == 400
    assert tight.listed() == []
    assert len(tight.store(*files[:3])) == 3


def test_a_file_that_is_too_large_is_refused_and_the_others_are_not(tight: Client) -> None:
    large, fits, good = tight.upload([("l.parquet", b"x" * 1000), ("f.parquet", b"x" * 999), ("g.csv", csv(1))])
    assert [large["success"], fits["success"], good["success"]] == [False, True, True]
    assert "too large" in large["error"]
    assert tight.send("GET", f"/raw-data/{fits['sampleId']}/raw").content == b"x" * 999


def test_a_request_above_the_total_is_413_whether_it_says_so_or_not(tight: Client) -> None:
    files = [("a.parquet", b"x" * 900)] * 6
    assert tight.post_form(files).status_code == 413
    url = f"{tight.emulator.ingestion_url}/api/training/files"
    headers = tight.headers({"Content-Type": "multipart/form-data; boundary=frontier"})
    chunked = tight.session.post(url, data=iter([form(files)]), headers=headers, timeout=TIMEOUT_S)
    assert chunked.status_code == 413
    assert tight.listed() == []


def test_large_parts_take_the_way_over_the_disk_and_arrive_whole(client: Client) -> None:
    bodies = [bytes([number]) * 700_000 for number in range(3)]
    ids = client.store(*[(f"{number}.parquet", body) for number, body in enumerate(bodies)])
    assert [client.send("GET", f"/raw-data/{one}/raw").content for one in ids] == bodies


def test_a_body_without_the_last_newline_is_whole(client: Client) -> None:
    with connect(client.emulator.ingestion_url) as connection:
        connection.sendall(raw_upload(client.key, form([("a.csv", csv(1))], trailing=b"")))
        assert b'"success":true,"files":[{"success":true' in read_all(connection)


@pytest.mark.parametrize("cut", [1, 30, 60])
def test_a_body_cut_short_stores_nothing(client: Client, cut: int) -> None:
    body = form([("a.csv", csv(1)), ("b.csv", csv(2))], trailing=b"")
    with connect(client.emulator.ingestion_url) as connection:  # a complete request, an incomplete form
        connection.sendall(raw_upload(client.key, body[:-cut]))
        assert b"400 Bad Request" in read_all(connection)
    with connect(client.emulator.ingestion_url) as connection:  # an incomplete request
        connection.sendall(raw_upload(client.key, body[:-cut], content_length=len(body)))
    assert client.listed() == []
    assert client.emulator.ledger()["stored_by_hash"] == {}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"x"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=frontier", b""),
        ("multipart/form-data; boundary=frontier", b"--frontier--"),
        ("multipart/form-data; boundary=frontier", b"garbage"),
        ("multipart/form-data; boundary=" + "x" * 5000, b"garbage"),
        (
            "multipart/form-data; boundary=frontier",
            form([("a.csv", csv(1))]).replace(b'name="data"', b'name="file"'),
        ),
        (
            "multipart/form-data; boundary=frontier",
            form([("a.csv", csv(1))]).replace(b'; filename="a.csv"', b""),
        ),
    ],
)
def test_what_is_no_upload_is_refused_whole(client: Client, content_type: str, body: bytes) -> None:
    url = f"{client.emulator.ingestion_url}/api/training/files"
    response = client.session.post(
        url, data=body, headers=client.headers({"Content-Type": content_type}), timeout=TIMEOUT_S
    )
    assert (response.status_code, response.json()["success"]) == (400, False)


def test_names_with_quotes_newlines_and_every_script_are_kept(client: Client) -> None:
    names = ['say "hi"; ok.csv', "a\r\nb.csv", "雪 ☃.csv", "100%.csv", "a b+c&d=e.csv", "folder/inside.csv"]
    client.store(*[(name, csv(index)) for index, name in enumerate(names)])
    expected = [name.rpartition("/")[2].removesuffix(".csv") for name in names]
    assert [one["filename"] for one in reversed(client.listed())] == expected


def post_data(client: Client, body: bytes, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"{client.emulator.ingestion_url}/api/training/data"
    return client.session.post(url, data=body, headers=client.headers(named), timeout=TIMEOUT_S)


def test_the_legacy_route_answers_in_text(client: Client) -> None:
    stored = post_data(client, csv(1), x_file_name="idle.01.csv")
    assert (stored.status_code, stored.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert stored.text.startswith("idle.01.csv.")
    document = json.dumps(acquisition()).encode()
    by_type = post_data(client, document, x_file_name="idle01", Content_Type="application/json", x_label="%41")
    assert (by_type.status_code, [one["label"] for one in client.listed()]) == (200, ["A", "idle"])
    again = post_data(client, csv(1), x_file_name="b.csv", x_disallow_duplicates="1")
    assert (again.status_code, again.text) == (400, "An item with this hash already exists (ids: 1)")
    assert post_data(client, csv(1)).status_code == 421
    assert post_data(client, b"x", x_file_name="a.exe").text == "Invalid mimetype"
    assert post_data(client, b"x" * 600_000, x_file_name="a.parquet").status_code == 200


@pytest.mark.parametrize(
    ("switch", "expected"),
    [
        ({"duplicate_names_ids": False}, "An item with this hash already exists"),
        ({"duplicate_names_ids": True}, "An item with this hash already exists (ids: 1)"),
    ],
)
def test_a_switch_decides_whether_a_duplicate_names_ids(switch: dict[str, object], expected: str) -> None:
    with running_emulator(small(**switch)) as emulator:
        client = Client(emulator)
        with client.session:
            headers = {"x-disallow-duplicates": "1"}
            client.upload([("a.csv", csv(1))], headers=headers)
            assert client.upload([("a.csv", csv(1))], headers=headers)[0]["error"] == expected
